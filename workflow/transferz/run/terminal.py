"""A run on the terminal: a line when a stage begins, gets on and ends, with the minutes left."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

# Seconds of a job in the default run on two cores, where they are not `OTHER_SECONDS`; by the
# benchmark files of that run. Only their ratios count, and only until a job of the rule has ended.
USUAL_SECONDS = {
    "train_peer": 180,
    "train": 172,
    "spectra_train": 95,
    "train_control": 97,
    "resample": 44,
    "table_calibration": 30,
    "simulate_survey": 27,
    "calibrate": 25,
    "spectra_fit_templates": 22,
    "predict_tests": 17,
    "baseline": 14,
    "tomographic_bins": 14,
    "evaluate": 13,
}
OTHER_SECONDS = 7
# Lines of a run between those of stages that begin and end.
BETWEEN = 20

# Snakemake's events that a stage's line stands for, and a message that comes without an event.
_HIDDEN = ("run_info", "job_info", "job_started", "job_finished", "group_info", "progress")
_SELECTING = "Select jobs to execute..."


class Stages(logging.Filter):
    """Keeps Snakemake's lines about single jobs off the terminal and writes one per stage instead.

    A filter of the handler that writes to the terminal: Snakemake's log file has every line still,
    and errors, warnings and whatever else is no news of a job pass. The file must be imported
    without a science package, like all that a Snakefile uses.

    Parameters
    ----------
    handler : logging.Handler
        Writes to the terminal.
    stages : mapping of str to str
        Stage of each rule. A rule without one counts as a job of the run only.
    shares : mapping of str to mapping of str to float, optional
        Of a rule, how much longer than its usual job is that of each strategy; 1 in the mean.
    clock : callable
        Seconds, growing.
    """

    def __init__(
        self,
        handler: logging.Handler,
        stages: Mapping[str, str],
        shares: Mapping[str, Mapping[str, float]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.handler, self.stages, self.clock = handler, stages, clock
        self.shares = shares or {}
        self.begin, self.lock = clock(), threading.Lock()
        # Jobs by rule; what runs, as rule, usual seconds and begin by number of the job; usual and
        # true seconds of ended jobs by rule.
        self.planned: Counter[str] = Counter()
        self.running: dict[int, tuple[str, float, float]] = {}
        self.ended: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.begun: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is for the terminal as it stands."""
        event = getattr(record, "event", None)
        try:
            with self.lock:
                self._note(event, record)
        except Exception:
            # No display is worth a run: Snakemake's own lines come back.
            self.handler.removeFilter(self)
            return True
        return event not in _HIDDEN and record.msg != _SELECTING

    def _note(self, event: str | None, record: logging.LogRecord) -> None:
        if event == "run_info" and not self.planned:
            self._plan(record.stats)
        elif event == "job_info":
            strategy = (getattr(record, "wildcards", None) or {}).get("strategy")
            self._job_begins(record.jobid, record.rule_name, strategy)
        elif event == "job_finished":
            self._job_ends(record.job_id)

    def _plan(self, counts: Mapping[str, int]) -> None:
        self.begin = self.clock()
        self.planned.update({rule: n for rule, n in counts.items() if rule != "total"})
        of_stage = Counter[str]()
        for rule, stage in self.stages.items():
            of_stage[stage] += self.planned[rule]
        named = ", ".join(f"{stage} {n}" for stage, n in of_stage.items() if n)
        self._write(f"{self.planned.total()} jobs: {named}")

    def _job_begins(self, job: int, rule: str, strategy: str | None) -> None:
        usual = usual_seconds(rule) * self.shares.get(rule, {}).get(strategy, 1.0)
        self.running[job] = rule, usual, self.clock()
        stage = self.stages.get(rule)
        if stage and stage not in self.begun:
            self.begun.add(stage)
            self._write(f"{stage} begins{self._left()}")

    def _job_ends(self, job: int) -> None:
        if job not in self.running:
            return
        rule, usual, begin = self.running.pop(job)
        self.ended[rule].append((usual, self.clock() - begin))
        done, planned = sum(map(len, self.ended.values())), self.planned.total()
        stage = self.stages.get(rule)
        rules = [name for name, other in self.stages.items() if other == stage]
        stage_done = sum(len(self.ended.get(name, [])) for name in rules)
        stage_planned = sum(self.planned[name] for name in rules)
        if done == planned:
            minutes = (self.clock() - self.begin) / 60
            self._write(f"all {planned} jobs done in {minutes:.1f} minutes")
        elif stage and stage_done == stage_planned:
            self._write(f"{stage} done; {done} of {planned} jobs{self._left()}")
        elif stage and done * BETWEEN // planned > (done - 1) * BETWEEN // planned:
            part = f"{stage_done} of {stage_planned} jobs"
            self._write(f"{stage}: {part}; {done} of {planned} of all{self._left()}")

    def _left(self) -> str:
        """Return the time left: the work left, at the number of jobs side by side so far."""
        now = self.clock()
        work = {
            rule: [sum(part) for part in zip(*ends, strict=True)]
            for rule, ends in self.ended.items()
        }
        done, spent = (sum(parts) for parts in zip(*work.values(), strict=True)) if work else (0, 0)
        if not spent:
            return ""
        pace = {rule: spent / done for rule in self.planned}
        pace |= {rule: seconds / usual for rule, (usual, seconds) in work.items()}
        left = sum(
            pace[rule] * (n * usual_seconds(rule) - work.get(rule, [0])[0])
            for rule, n in self.planned.items()
        )
        for rule, usual, begin in self.running.values():
            spent += now - begin
            left -= min(now - begin, pace[rule] * usual)
        minutes = left * (now - self.begin) / spent / 60
        return f", about {math.ceil(max(minutes, 0.01))} min left"

    def _write(self, text: str) -> None:
        stamp = time.strftime("%H:%M")
        message = {"msg": f"{stamp}  {text}", "levelno": logging.INFO, "levelname": "INFO"}
        # `emit`, because `handle` would ask this filter.
        self.handler.emit(logging.makeLogRecord(message))


def usual_seconds(rule: str) -> float:
    """Return the seconds of a usual job of a rule on two cores."""
    return USUAL_SECONDS.get(rule, OTHER_SECONDS)


def show_stages(
    logger: logging.Logger,
    stages: Mapping[str, str],
    shares: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Put `Stages` before the handlers of `logger` that write to the terminal.

    Parameters
    ----------
    logger : logging.Logger
        Snakemake's.
    stages, shares : mapping
        See `Stages`.
    """
    for handler in logger.handlers:
        # Snakemake's own name for it; a logger plugin in its place keeps its lines.
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(Stages(handler, stages, shares))
