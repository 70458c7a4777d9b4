"""The whole workflow, run once per session on the tiny configuration in a copy of the project."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("Snakefile", "workflow", "config", "envs", "profiles", "CITATION.cff")
TEST_CONFIG = "config/test.yaml"
RESULTS = Path("results/test")
# Makes Snakemake name each job on the terminal.
EVERY_JOB = ("--quiet", "host")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with minutes that need no shared run: one worker is busy while another makes it."""
    items.sort(key=lambda item: item.path.name != "test_own_catalogue.py")


def digests(folder: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    """Return relative path -> SHA-256 of all files that match."""
    paths = sorted(p for pattern in patterns for p in folder.glob(pattern) if p.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def copy_project(destination: Path) -> Path:
    """Copy what a run needs, and nothing that a run made, into `destination`."""
    ignore = shutil.ignore_patterns("__pycache__", ".snakemake")
    destination.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, destination / name, ignore=ignore)
        else:
            shutil.copy2(source, destination / name)
    return destination


def run_snakemake(
    folder: Path,
    *arguments: str,
    configfile: str | None = TEST_CONFIG,
    overlay: dict | None = None,
    check: bool = True,
    fresh: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run snakemake in `folder`; return the finished process, output and errors in `stdout`.

    `overlay` is configuration on top of `configfile`; `fresh` starts another Python, as people do.
    """
    command = ["--nocolor", *arguments]
    if configfile is not None:
        command += ["--configfile", configfile]
    if overlay is not None:
        (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
        command += ["overlay.yaml"] if configfile is not None else ["--configfile", "overlay.yaml"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if fresh:
        finished = subprocess.run(
            [sys.executable, "-m", "snakemake", *command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            timeout=1500,
        )
    else:
        with tempfile.NamedTemporaryFile("r", errors="replace") as output:
            job = {"folder": str(folder), "output": output.name, "environment": environment}
            server = starts()
            server.stdin.write(json.dumps(job | {"arguments": command}) + "\n")
            status = int(server.stdout.readline())
            finished = subprocess.CompletedProcess(command, status, output.read())
    if check and finished.returncode:
        raise AssertionError(f"snakemake {' '.join(command)} failed:\n{finished.stdout[-6000:]}")
    return finished


@functools.cache
def starts() -> subprocess.Popen[str]:
    """The process of this one that starts Snakemake; it ends when its standard input does."""
    command = [sys.executable, str(ROOT / "tests/snakemake_starts.py")]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the tiny run has finished on two cores.

    What the run wrote to the terminal is in `terminal.txt` beside it.

    The workers of pytest-xdist share one: the first to come makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, finished = base / "run" / "project", base / "run-finished"
    with (base / "run-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)
            terminal = run_snakemake(copy_project(folder), "--cores", "2", fresh=True).stdout
            (folder.parent / "terminal.txt").write_text(terminal)
            finished.touch()
    return folder


def copy_run(project: Path, destination: Path) -> Path:
    """Copy a finished project, time stamps and metadata included, but for a lock in use."""
    ignore = shutil.ignore_patterns("locks")
    return shutil.copytree(project, destination, symlinks=True, ignore=ignore)


@pytest.fixture
def clone(project: Path, tmp_path: Path) -> Callable[[], Path]:
    """Make a private copy of the finished project."""
    return lambda: copy_run(project, tmp_path / "clone")
