"""A run on the terminal: a line per stage for Snakemake's blocks per job, and the minutes left."""

from __future__ import annotations

import logging
import re

import pytest

from transferz.run.terminal import BETWEEN, OTHER_SECONDS, USUAL_SECONDS, Stages, show_stages

SHARES = {"train": {"NN-Combo": 1.5, "NN-TL": 0.5}}
RULES = {"simulate_survey": "survey", "train": "networks", "figure1": "evaluation"}


class Terminal(logging.Handler):
    """Keeps what would be written, under the name of Snakemake's handler."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "DefaultStreamHandler"
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class Run:
    """Logs what Snakemake logs of a run, by a clock of its own."""

    def __init__(self, counts: dict[str, int]) -> None:
        self.logger = logging.Logger("snakemake")
        self.terminal, self.file, self.now = Terminal(), Terminal(), 0.0
        self.file.name = "DefaultLogFileHandler"
        self.logger.addHandler(self.terminal)
        self.logger.addHandler(self.file)
        self.terminal.addFilter(Stages(self.terminal, RULES, SHARES, lambda: self.now))
        self.rule_of: dict[int, str] = {}
        stats = {**counts, "total": sum(counts.values())}
        self.log("Job stats:", event="run_info", stats=stats)

    def log(self, message: str, level: int = logging.INFO, **extra: object) -> None:
        self.logger.log(level, message, extra=extra)

    def start(self, job: int, rule: str, **wildcards: str) -> None:
        self.log("Select jobs to execute...")
        self.log("Execute 1 jobs...", event="job_started", jobs=[job])
        self.log(
            f"Job {job}", event="job_info", jobid=job, rule_name=rule, wildcards=wildcards or None
        )

    def end(self, job: int) -> None:
        self.log(f"Finished jobid: {job}", event="job_finished", job_id=job)
        self.log("1 of 9 steps (11%) done", event="progress", done=1, total=9)

    @property
    def lines(self) -> list[str]:
        """The lines so far, without the time of day."""
        return [re.sub(r"^\d\d:\d\d  ", "", line) for line in self.terminal.lines]


def test_a_run_is_a_line_where_a_stage_begins_and_ends() -> None:
    run = Run({"simulate_survey": 1, "train": 2, "all": 1})
    run.start(1, "simulate_survey")
    run.now += 60
    run.end(1)
    run.start(2, "train")
    run.start(3, "train")
    run.now += 120
    run.end(2)
    run.end(3)
    run.start(4, "all")
    run.end(4)
    begin, survey, begin_networks, part, networks, end = run.lines[1:]
    assert run.lines[0] == "4 jobs: survey 1, networks 2"
    assert begin == "survey begins"
    assert survey.startswith("survey done; 1 of 4 jobs, about ")
    assert begin_networks.startswith("networks begins, about ")
    assert part.startswith("networks: 1 of 2 jobs; 2 of 4 of all")
    assert networks.startswith("networks done; 3 of 4 jobs, about 1 min left")
    assert end == "all 4 jobs done in 3.0 minutes"
    # The log file has every line of Snakemake's.
    assert run.file.lines.count("1 of 9 steps (11%) done") == 4
    assert len(run.file.lines) == 1 + 3 * 4 + 2 * 4


def test_time_left_is_that_of_the_work_left() -> None:
    """Ten times slower than usual, then jobs of a rule by those of it that have ended."""
    run = Run({"figure1": 1, "train": 3})
    run.start(1, "figure1")
    run.now += 10 * OTHER_SECONDS
    run.end(1)
    expected = 3 * 10 * USUAL_SECONDS["train"] / 60
    assert run.lines[-1].endswith(f"about {-(-expected // 1):.0f} min left")
    run.start(2, "train")
    run.now += 600
    run.end(2)
    assert run.lines[-1].endswith("about 20 min left")
    # Two at a time: the run has been faster than one job after the other.
    run.start(3, "train")
    run.start(4, "train")
    run.now += 300
    run.end(3)
    minutes = int(re.search(r"about (\d+) min left", run.lines[-1])[1])
    assert 2 <= minutes <= 5


def test_a_long_job_says_what_a_short_one_of_its_rule_will_take() -> None:
    run = Run({"train": 2})
    run.start(1, "train", strategy="NN-Combo", chunk="000-024")
    run.now += 1800
    run.end(1)
    assert run.lines[-1].endswith("1 of 2 jobs; 1 of 2 of all, about 10 min left")


def test_a_run_of_many_jobs_has_few_lines() -> None:
    run = Run({"simulate_survey": 500, "train": 500})
    for job in range(1000):
        run.start(job, "train" if job % 2 else "simulate_survey")
        run.now += 1
        run.end(job)
    assert len(run.lines) <= BETWEEN + 6


def test_errors_warnings_and_jobs_done_again_stay() -> None:
    run = Run({"train": 1})
    run.start(1, "train")
    run.log("Error in rule train:", logging.ERROR, event="job_error")
    run.log("Trying to restart job 1.")
    run.log("Falling back", logging.WARNING)
    run.start(1, "train")
    run.now += 5
    run.end(1)
    assert run.lines[2:] == [
        "Error in rule train:",
        "Trying to restart job 1.",
        "Falling back",
        "all 1 jobs done in 0.1 minutes",
    ]


def test_a_display_that_fails_gives_way_to_the_lines_of_snakemake() -> None:
    """As with a Snakemake whose records have other attributes."""
    run = Run({"train": 1})
    run.log("Job 1", event="job_info", number=1)
    run.log("1 of 1 steps (100%) done", event="progress")
    assert run.lines[1:] == ["Job 1", "1 of 1 steps (100%) done"]


@pytest.mark.parametrize(("name", "filtered"), [("DefaultStreamHandler", 1), ("a plugin", 0)])
def test_only_the_terminal_of_snakemake_is_changed(name: str, filtered: int) -> None:
    logger, terminal = logging.Logger("snakemake"), Terminal()
    terminal.name = name
    logger.addHandler(terminal)
    show_stages(logger, RULES)
    assert len(terminal.filters) == filtered
