"""Runs that can be killed, digests of their products, and the table of what became of them."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("Snakefile", "workflow", "config", "envs", "profiles")
# The targets whose products are the same bytes each time: `neighbours`, `recipes`, `benchmarks`
# and `arithmetic` tell seconds as well. So does the table of recipes, which `comparisons` makes.
TARGETS = ("all", "predict", "distributions", "comparisons", "lenses", "star_galaxy")
SECONDS = ("tables/recipes.csv", "tables/recipes.md")
RESULTS = Path("results/test")
MARK = "TRANSFERZ_FAULTS_RUN"
# Makes Snakemake announce each job on the terminal: by its rule, or by the message of the rule.
EVERY_JOB = ("--quiet", "host")
JOB_STARTED = re.compile(r"^(?:(?:local)?rule \w+:|Job \d+: )")


def copy_project(destination: Path, source: Path = ROOT) -> Path:
    """Copy what a run needs, and nothing that a run made, into `destination`."""
    ignore = shutil.ignore_patterns("__pycache__", ".snakemake")
    destination.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        if (source / name).is_dir():
            shutil.copytree(source / name, destination / name, ignore=ignore)
        else:
            shutil.copy2(source / name, destination / name)
    return destination


def digests(folder: Path, results: Path = RESULTS) -> dict[str, str]:
    """Return relative path -> SHA-256 of every file of a run's results, "" where it has seconds."""
    base = folder / results
    files = {str(path.relative_to(base)): path for path in base.rglob("*") if path.is_file()}
    return {
        name: "" if name in SECONDS else hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in sorted(files.items())
    }


def differing(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """Return the files that are missing, too many, or not the same."""
    names = sorted(found.keys() | expected.keys())
    return [name for name in names if found.get(name) != expected.get(name)]


def leftovers(folder: Path) -> list[str]:
    """Return half-written files and checkpoints that a run should have cleared away."""
    patterns = (".*.partial.*", ".*.checkpoint")
    return sorted(str(path) for pattern in patterns for path in folder.rglob(pattern))


@dataclass
class Run:
    """A snakemake process in a process group of its own, its output read as it comes.

    Its processes are known by a mark in their environment, never by a group or process number
    alone: those are given to others once their owner has ended.
    """

    folder: Path
    arguments: tuple[str, ...]
    output: list[str] = field(default_factory=list)
    n_started: int = 0

    def __post_init__(self) -> None:
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            # Of a campaign started in the background: its children would not hear of Ctrl-C.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *EVERY_JOB, "--nocolor", *self.arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", MARK: self.mark},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.output.append(line)
            self.n_started += JOB_STARTED.match(line) is not None

    @property
    def text(self) -> str:
        """Everything that the run has written to the terminal."""
        return "".join(self.output)

    def members(self) -> list[psutil.Process]:
        """Return the living processes of this run."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get(MARK) == self.mark
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return sorted(found, key=lambda process: process.pid)

    def jobs(self) -> list[psutil.Process]:
        """Return the running processes of jobs: the scripts, and the shells around them."""
        return [
            process
            for process in self.members()
            if any(".snakemake/scripts/tmp" in word for word in _words(process))
        ]

    def wait_for_job(self, count: int, delay: float) -> bool:
        """Wait until `count` jobs have started and `delay` seconds more; False if the run ended."""
        while self.n_started < count or not self.jobs():
            if self.process.poll() is not None:
                return False
            time.sleep(0.05)
        deadline = time.monotonic() + delay
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            time.sleep(0.02)
        return True

    def interrupt(self) -> None:
        """Do what Ctrl-C does: SIGINT to the whole group of the terminal."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)

    def kill(self, victim: str) -> bool:
        """SIGKILL the running jobs, snakemake alone, or everything; False: nothing to kill."""
        if victim == "snakemake":
            self.process.kill()
            return True
        victims = self.jobs() if victim == "job" else self.members()
        for process in victims:
            # A process that has ended meanwhile is told from one that has its number now.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return bool(victims)

    def wait(self, timeout: float = 3600) -> int:
        """Wait for snakemake itself; its orphans may live on and hold the pipe open."""
        return self.process.wait(timeout)

    def finish(self, timeout: float = 3600) -> int:
        """Wait for snakemake and for every process that it leaves behind."""
        status = self.process.wait(timeout)
        self.wait_for_orphans(timeout)
        self._reader.join(60)
        return status

    def wait_for_orphans(self, timeout: float = 3600) -> None:
        """Wait until no process of the run is left."""
        deadline = time.monotonic() + timeout
        while self.members():
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes of {self.folder} are still running")
            time.sleep(0.1)

    def stop(self) -> None:
        """End whatever is left of the run."""
        self.kill("everything")
        self.process.wait()


def unlock(folder: Path) -> None:
    """Remove the locks of a killed run, as `snakemake --unlock` does, without its seconds."""
    shutil.rmtree(folder / ".snakemake" / "locks", ignore_errors=True)


@dataclass
class Outcome:
    """One fault, and what became of it.

    Attributes
    ----------
    fault : str
        Kind of fault.
    where : str
        Job, file or moment.
    noticed : str
        What noticed it: the message, or how the run answered.
    outcome : str
        ``recovered`` (same bytes as an undisturbed run), ``refused`` (an error, nothing lost, same
        bytes once mended), ``lost`` or ``wrong``.
    """

    fault: str
    where: str
    noticed: str
    outcome: str


def message_of(text: str) -> str:
    """Return the error that a failed run shows, in one line."""
    patterns = (r"^failed: \S+: (.+)", r"Error: (Directory cannot be locked.*)", r"(\w*Error.*)")
    for pattern in patterns:
        match = re.search(pattern, text, re.MULTILINE)
        if match:
            return match[1].strip()[:300]
    return text.strip().splitlines()[-1][:300] if text.strip() else "no output"


def kill_until_done(
    folder: Path, arguments: Iterable[str], *, kills: int, seed: int, longest: float
) -> list[Outcome]:
    """Run to the end while killing `kills` times, at moments drawn from `seed`.

    Each run is killed some seconds after its first, second or third job has begun: the job itself,
    snakemake alone (its jobs live on beside those of the next run), or everything at once as by a
    power cut. Then it is started again.
    """
    rng = np.random.default_rng(seed)
    outcomes: list[Outcome] = []
    runs: list[Run] = []
    victims = ("job", "snakemake", "everything")
    try:
        while True:
            run = Run(folder, tuple(arguments))
            runs.append(run)
            count, delay = int(rng.integers(1, 4)), float(rng.uniform(0, longest))
            victim = victims[len(outcomes) % 3]
            alive = len(outcomes) < kills and run.wait_for_job(count, delay)
            if not alive:
                status = run.wait()
                if status == 0:
                    break
                if len(outcomes) >= kills:
                    raise AssertionError(f"the run does not recover:\n{run.text[-6000:]}")
                # An orphan's file vanished under it, or the like: the next run must mend it.
                outcomes.append(Outcome("by itself", "", message_of(run.text), "recovered"))
                unlock(folder)
                continue
            names = {Path(word).name for job in run.jobs() for word in _words(job)}
            scripts = sorted({name.split(".")[1] for name in names if name.startswith("tmp")})
            # The moment may fall between two jobs: then the next one to start is the victim.
            while not (hit := run.kill(victim)) and run.process.poll() is None:
                time.sleep(0.02)
            run.wait()
            if hit:
                place = ", ".join(scripts) or "between jobs"
                moment = f"{place}; {delay:.1f} s after job {count} of this start"
                outcomes.append(Outcome(f"SIGKILL {victim}", moment, "the next run", "recovered"))
            unlock(folder)
        for run in runs:
            run.wait_for_orphans()
    finally:
        for run in runs:
            run.stop()
    return outcomes


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def write_report(outcomes: list[Outcome], folder: Path, title: str) -> None:
    """Write the outcomes as campaign.csv and campaign.md."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "campaign.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(asdict(outcomes[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(outcome) for outcome in outcomes)
    counts = {
        name: sum(outcome.outcome == name for outcome in outcomes)
        for name in ("recovered", "refused", "lost", "wrong")
    }
    kills = sum(outcome.fault.startswith("SIGKILL") for outcome in outcomes)
    lines = [
        f"# {title}",
        "",
        f"{len(outcomes)} faults, {kills} of them kills: "
        + ", ".join(f"{count} {name}" for name, count in counts.items())
        + ".",
        "",
        "recovered: the products are byte-identical to those of an undisturbed run. refused: the "
        "run stopped with the message shown, and gave the same bytes once the cause was removed.",
        "",
        "| fault | where | what noticed it | outcome |",
        "|---|---|---|---|",
    ]
    for outcome in outcomes:
        cells = [str(value).replace("|", r"\|") for value in asdict(outcome).values()]
        lines.append(f"| {' | '.join(cells)} |")
    (folder / "campaign.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
