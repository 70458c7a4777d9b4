"""How long a finished run would take on other numbers of cores, from its recorded job times.

Snakemake keeps a record of each output file: the rule, the input files, begin and end. They are the
graph of the jobs; a schedule on p cores gives the makespan, the time from first begin to last end.
"""

from __future__ import annotations

import base64
import heapq
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from transferz.core.errors import InputError


@dataclass(frozen=True)
class Job:
    """A job of a finished run.

    Attributes
    ----------
    rule : str
    seconds : float
        Wall time.
    cores : int
        That it asks for.
    needs : frozenset of str
        Names of the jobs whose files it reads.
    """

    rule: str
    seconds: float
    cores: int = 1
    needs: frozenset[str] = frozenset()


class JobGraph:
    """The jobs of a run by name, each after those that it needs.

    Parameters
    ----------
    jobs : mapping of str to Job
    """

    def __init__(self, jobs: Mapping[str, Job]) -> None:
        self.jobs = dict(jobs)

    @classmethod
    def read(cls, record: str | Path, targets: Iterable[str], cores: Mapping[str, int]) -> JobGraph:
        """Read what Snakemake recorded of the jobs behind some files.

        Parameters
        ----------
        record : path-like
            Folder ``.snakemake/metadata``.
        targets : iterable of str
            Files of the run.
        cores : mapping of str to int
            That each rule asks for; one where a rule is not named.

        Raises
        ------
        InputError
            If a file has no record.
        """
        entries = {}
        for path in Path(record).rglob("*"):
            if path.is_file():
                # Long names are cut into folders whose names begin with @.
                parts = path.relative_to(record).parts
                name = base64.b64decode("".join(part.lstrip("@") for part in parts), b"-_")
                entries[name.decode()] = json.loads(path.read_text(encoding="utf-8"))
        jobs: dict[str, Job] = {}
        waiting = list(targets)
        if absent := [name for name in waiting if name not in entries]:
            raise InputError("no record of a file", file=absent[0], fix="run the workflow")
        while waiting:
            entry = entries[waiting.pop()]
            name = _name(entry)
            if name in jobs:
                continue
            made = [path for path in entry["input"] if path in entries]
            needs = frozenset(_name(entries[path]) for path in made) - {name}
            seconds = entry["endtime"] - entry["starttime"]
            jobs[name] = Job(entry["rule"], seconds, cores.get(entry["rule"], 1), needs)
            waiting += made
        return cls(jobs)

    @cached_property
    def _order(self) -> list[str]:
        """Names of the jobs, each after those that it needs."""
        order: dict[str, None] = {}
        waiting = sorted(self.jobs, reverse=True)
        while waiting:
            open_ = sorted(self.jobs[waiting[-1]].needs - order.keys())
            if open_:
                waiting += open_
            else:
                order.setdefault(waiting.pop())
        return list(order)

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        users: dict[str, list[str]] = {name: [] for name in self.jobs}
        for name, job in self.jobs.items():
            for needed in job.needs:
                users[needed].append(name)
        return users

    @cached_property
    def _to_end(self) -> dict[str, float]:
        """Seconds from the begin of each job to the end of the longest chain behind it."""
        left: dict[str, float] = {}
        for name in reversed(self._order):
            after = max((left[user] for user in self._users[name]), default=0.0)
            left[name] = self.jobs[name].seconds + after
        return left

    def critical_path(self) -> list[Job]:
        """Return the longest chain of jobs: no number of cores is faster."""
        chain, choice = [], [name for name, job in self.jobs.items() if not job.needs]
        while choice:
            name = max(choice, key=self._to_end.__getitem__)
            chain.append(self.jobs[name])
            choice = self._users[name]
        return chain

    def makespan(self, cores: int) -> float:
        """Return seconds on so many cores: of the jobs that can begin, the longest chain first.

        Graham (1966, Bell System Technical Journal 45, 1563): at most twice the best schedule. A
        job that asks for more cores than there are takes all, and is not slower for it.
        """
        missing = {name: len(job.needs) for name, job in self.jobs.items()}
        ready = [name for name, number in missing.items() if not number]
        running: list[tuple[float, str]] = []
        now, free = 0.0, cores
        while ready or running:
            for name in sorted(ready, key=lambda name: (-self._to_end[name], name)):
                needed = min(self.jobs[name].cores, cores)
                if needed <= free:
                    free -= needed
                    ready.remove(name)
                    heapq.heappush(running, (now + self.jobs[name].seconds, name))
            now, done = heapq.heappop(running)
            free += min(self.jobs[done].cores, cores)
            for user in self._users[done]:
                missing[user] -= 1
                if not missing[user]:
                    ready.append(user)
        return now


def _name(entry: Mapping[str, object]) -> str:
    """Return the name of a job: its rule and its log, which no other job of the rule has."""
    return " ".join([entry["rule"], *entry["log"]])
