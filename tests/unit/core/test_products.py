"""Products appear whole or not at all; logs have everything; an old job publishes nothing."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import (
    atomic_path,
    read_csv,
    read_parquet,
    write_csv,
    write_parquet,
    write_text,
)

SCRIPTS = Path(__file__).resolve().parents[3] / "workflow"


def run_job(body: str, folder: Path, options: str = "") -> subprocess.CompletedProcess[str]:
    """Run `body` as the body of a job in a process of its own, its log in `folder`/job.log."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    code = (
        "import logging, os, signal, sys, warnings\n"
        "from transferz.core.errors import InputError\n"
        "from transferz.core.products import write_text\n"
        f"from transferz.core.logs import job\nwith job('job.log'{options}):\n{lines}\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
    )


# ---------------------------------------------------------------------------------- products


def test_a_product_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new/a.csv"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
        temporary.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert os.listdir(path.parent) == ["a.csv"]


def test_a_failure_leaves_the_old_product_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_the_rest_of_a_killed_job_is_cleared_away(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom transferz.core.products import atomic_path\n"
        "with atomic_path('a[1].csv') as t:\n"
        "    t.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    assert killed.returncode == -signal.SIGKILL
    (rest,) = os.listdir(tmp_path)
    assert rest.endswith(".partial.a[1].csv")
    write_text("whole", tmp_path / "a[1].csv")
    assert os.listdir(tmp_path) == ["a[1].csv"]


def test_a_limit_on_file_size_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_csv(pd.DataFrame({"x": range(5000)}), tmp_path / "a.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(tmp_path) == []


def test_parquet_round_trip_bytes_and_errors(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    for name in ("1.parquet", "2.parquet"):
        write_parquet(table, tmp_path / name, {"made by": "a test"})
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    assert read_parquet(tmp_path / "1.parquet")["a"].tolist() == [1, 2]
    assert list(read_parquet(tmp_path / "1.parquet", ["b"])) == ["b"]
    with pytest.raises(InputError, match=r"1\.parquet: c: missing column; found a, b"):
        read_parquet(tmp_path / "1.parquet", ["a", "c"])
    with pytest.raises(InputError, match="file not found"):
        read_parquet(tmp_path / "3.parquet")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "file not found; run the rule evaluate"),
        ("", "not a table of metrics; found 0 rows"),
        ("seed,rms\n", "not a table of metrics; found 0 rows, columns seed, rms"),
        (
            "seed\n1\n",
            "rms: not a table of metrics; found 1 rows, columns seed; expected seed, rms",
        ),
        ('seed,rms\n1,"2\n', "not a table of metrics; found 0 rows"),
    ],
)
def test_a_csv_that_is_not_what_it_should_be(
    content: str | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "a.csv").write_text(content)
    with pytest.raises(InputError, match=re.escape(message)):
        read_csv(tmp_path / "a.csv", ["seed", "rms"], what="table of metrics", rule="evaluate")


# -------------------------------------------------------------------------------------- logs


def test_a_mistake_of_the_user_is_one_line(tmp_path: Path) -> None:
    done = run_job("raise InputError('bad', file='f', key='k', fix='mend it')", tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == "ERROR f: k: bad; mend it"
    assert "Traceback" not in (tmp_path / "job.log").read_text()


def test_any_other_error_leaves_its_traceback_in_the_log(tmp_path: Path) -> None:
    done = run_job("{}['missing']", tmp_path)
    assert done.returncode == 1
    log = (tmp_path / "job.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert log.rstrip().endswith("KeyError: 'missing'")
    assert "ERROR KeyError: 'missing' (traceback in job.log)" in done.stderr


def test_the_terminal_has_the_warnings_of_the_project_alone(tmp_path: Path) -> None:
    done = run_job(
        "os.write(2, b'from C\\n')\nwarnings.warn('careful')\n"
        "logging.getLogger('fontTools.subset').info('GSUB pruned')\n"
        "logging.getLogger('library').warning('odd font')\n"
        "logging.getLogger('transferz.networks').info('progress 50%%')\n"
        "logging.getLogger('transferz.networks').warning('damaged checkpoint')\n"
        "logging.getLogger('__main__').warning('few galaxies')",
        tmp_path,
    )
    assert done.returncode == 0
    assert done.stderr.splitlines() == ["damaged checkpoint", "few galaxies"]
    log = (tmp_path / "job.log").read_text()
    for words in (
        *("from C", "careful", "GSUB pruned", "odd font", "damaged checkpoint", "few galaxies"),
        "INFO transferz.networks: progress 50%%",
    ):
        assert words in log


def test_a_job_that_speaks_aloud_keeps_libraries_quiet(tmp_path: Path) -> None:
    body = (
        "logging.getLogger('__main__').info('12 of 20')\n"
        "logging.getLogger('fontTools.subset').info('GSUB pruned')"
    )
    done = run_job(body, tmp_path, options=", aloud=True")
    assert done.stderr.splitlines() == ["12 of 20"]


def test_a_crash_below_python_leaves_where_it_was(tmp_path: Path) -> None:
    done = run_job("os.kill(os.getpid(), signal.SIGSEGV)", tmp_path)
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in (tmp_path / "job.log").read_text()


def test_a_job_that_was_started_again_publishes_nothing(tmp_path: Path) -> None:
    """The log is in the place of the old one's, as after a second start of the rule."""
    body = "os.unlink('job.log')\nopen('job.log', 'w').write('new')\nwrite_text('old', 'a.txt')"
    done = run_job(body, tmp_path)
    assert done.returncode == 1
    assert "this job was started again" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["job.log"]
    assert (tmp_path / "job.log").read_text() == "new"


class Named(dict):
    """What Snakemake gives a script: files or settings by name."""


def test_a_rule_hands_its_things_over_by_name(tmp_path: Path) -> None:
    given = SimpleNamespace(
        input=Named(table="a.csv", models=("1.npz", "2.npz"), start=()),
        output=Named(csv="b.csv"),
        params=Named(seeds=[], code="abc"),
        wildcards=Named(strategy="NN-X"),
        threads=3,
        log=[str(tmp_path / "job.log")],
    )
    calls = []

    def main(table, models, csv, *, start, seeds, strategy, threads, optional=7) -> None:
        calls.append((table, models, csv, start, seeds, strategy, threads, optional))

    run(main, given)
    assert calls == [("a.csv", ["1.npz", "2.npz"], "b.csv", None, [], "NN-X", 3, 7)]
    assert (tmp_path / "job.log").is_file()
    run(lambda log, **inputs: calls.append((log, inputs)), given, aloud=True)
    inputs = {"table": "a.csv", "models": ["1.npz", "2.npz"], "start": None}
    assert calls[1] == (str(tmp_path / "job.log"), inputs)
    given.params["table"] = 1
    with pytest.raises(TypeError, match="called table"):
        run(main, given)


@dataclass
class Files:
    """The outputs of a figure."""

    pdf: str
    table: str | None = None


@pytest.mark.parametrize("outputs", [{"pdf": "f.pdf"}, {"pdf": "f.pdf", "table": "f.csv"}])
def test_outputs_that_belong_together_are_handed_over_as_one(
    tmp_path: Path, outputs: dict[str, str]
) -> None:
    nothing = {"params": Named(), "wildcards": Named(), "threads": 1}
    given = SimpleNamespace(
        **nothing, input=Named(metrics="m"), output=Named(outputs), log=[str(tmp_path / "job.log")]
    )
    calls = []

    def main(metrics, files) -> None:
        calls.append((metrics, files))

    main.__annotations__["files"] = Files
    run(main, given)
    assert calls == [("m", Files(**outputs))]
