"""The tiny run through a real Slurm, with everything going wrong that goes wrong there.

One node on loopback (slurm_node.py). While Snakemake runs, a job exceeds its memory, another its
time limit, a running job is cancelled, the node is drained and comes back, and slurmctld restarts.
The run must finish by itself, with the bytes of `--cores 2`. `make test-cluster` prints what
happened; where Slurm cannot run the test is skipped with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ..workflow.conftest import RESULTS, TEST_CONFIG, copy_project, digests, run_snakemake
from .slurm_node import SlurmNode, missing, one_node_cluster

# From catalogues to claims. What the rest of the run adds (diagnostics, spectra, report) are more
# jobs of the same kinds, and ten minutes.
TARGETS = ("release", "tables", "figures", "claims")
PRODUCTS = (
    *("transferz/*", "catalogues/*", "release/*", "splits/*", "models/**/*.npz"),
    *("predictions/**/*.parquet", "metrics/*", "tables/*", "figures/*", "claims.*"),
)
# Seconds for the run through Slurm; a busy machine may need more.
LIMIT = int(os.environ.get("TRANSFERZ_CLUSTER_SECONDS", "480"))
OPTIONS = (
    # Snakemake's own lines for each job.
    *("--quiet", "host"),
    *("--profile", "profiles/slurm", "--slurm-status-command", "squeue"),
    # Close looks, since jobs take seconds here; one minute for training, growing by attempt.
    *("--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "3"),
    *("--set-resources", f"train:runtime={max(1, LIMIT // 480)}*attempt"),
)
FAULTS = {"crossmatch": "memory", "train": "time"}


@dataclass
class ClusterRun:
    """What is known after the run through Slurm."""

    folder: Path
    log: str
    returncode: int
    jobs: list[dict[str, str]]
    events: list[str] = field(default_factory=list)

    def attempts(self, job: dict[str, str]) -> list[dict[str, str]]:
        """Return all Slurm jobs that ran the same Snakemake job."""
        return [other for other in self.jobs if other["Comment"] == job["Comment"]]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmNode]:
    """A running one-node cluster."""
    reason = missing()
    if reason:
        if os.environ.get("TRANSFERZ_CLUSTER") == "required":
            pytest.fail(reason)
        pytest.skip(f"no Slurm on this machine: {reason}")
    with one_node_cluster(tmp_path_factory.mktemp("slurm")) as node:
        yield node


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run on two cores, without a cluster."""
    folder = copy_project(tmp_path_factory.mktemp("local") / "project")
    run_snakemake(folder, "--cores", "2", *TARGETS)
    return folder


class Operator:
    """The person who does things to the cluster while the workflow runs on it."""

    def __init__(self, node: SlurmNode, process: subprocess.Popen, faults: Path) -> None:
        self.node, self.process, self.faults = node, process, faults
        self.start = time.monotonic()
        self.events: list[str] = []

    def note(self, text: str) -> None:
        """Record what was done, with seconds since the start, and print it."""
        self.events.append(f"{time.monotonic() - self.start:5.0f} s  {text}")
        print(self.events[-1], flush=True)

    def wait(self, what: str, ready: Callable[[], object], seconds: float = LIMIT) -> object:
        """Return the first true value of `ready`; fail when Snakemake ends or time is up."""
        end = min(time.monotonic() + seconds, self.start + LIMIT)
        while True:
            value = ready()
            if value:
                return value
            assert self.process.poll() is None, f"Snakemake ended while waiting for {what}"
            assert time.monotonic() < end, f"waited too long for {what}"
            time.sleep(0.5)

    def training(self, state: str, besides: tuple[str, ...] = ()) -> list[str]:
        """Return the numbers of the training jobs in a state, some left out."""
        return [
            number
            for number, job in sorted(self.node.jobs().items())
            if job["JobState"] == state
            and job.get("Comment", "").startswith("rule_train_")
            and number not in besides
        ]

    def work(self) -> None:
        """Cancel a job, drain and resume the node, restart slurmctld, all during training."""
        late = self.faults / "time"
        self.wait("the memory fault", (self.faults / "memory").exists)
        self.note(f"job {(self.faults / 'memory').read_text()} takes ever more memory")
        self.wait("the time fault", late.exists)
        self.note(f"job {late.read_text()} will not end before its time limit")
        sleeper = (late.read_text(),)

        victim = self.wait("a job to cancel", lambda: self.training("RUNNING", sleeper))[0]
        self.node.call("scancel", victim)
        self.note(f"scancel {victim}")

        self.node.call(
            "scontrol", "update", f"NodeName={self.node.host}", "State=DRAIN", "Reason=test"
        )
        self.wait("the drain", lambda: self.node.node_state().startswith("drain"), 30)
        self.note(f"the node is {self.node.node_state()}")
        running = set(self.training("RUNNING"))
        time.sleep(6)
        assert set(self.training("RUNNING")) <= running, "a job started on a drained node"
        self.node.call("scontrol", "update", f"NodeName={self.node.host}", "State=RESUME")
        self.note(f"the node is back: {self.node.node_state()}")

        self.wait("a job that runs", lambda: self.training("RUNNING", sleeper))
        before = self.node.jobs().keys()
        self.node.stop_controller()
        self.note("slurmctld is gone")
        time.sleep(2)
        self.node.start_controller()
        self.wait("slurmctld", self.node.node_state, 30)
        after = self.node.jobs().keys()
        assert before <= after, "slurmctld forgot jobs"
        self.note(f"slurmctld is back and knows {len(after)} jobs")


@pytest.fixture(scope="module")
def run(
    slurm: SlurmNode, reference: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterRun]:
    """The run through Slurm with all faults, finished."""
    folder = copy_project(tmp_path_factory.mktemp("cluster") / "project")
    faults = tmp_path_factory.mktemp("faults")
    environment = {
        **slurm.environment,
        "PYTHONPATH": str(Path(__file__).parent / "faults"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TRANSFERZ_FAULTS": json.dumps(FAULTS),
        "TRANSFERZ_FAULTS_FOLDER": str(faults),
    }
    log = folder / "snakemake.log"
    command = [sys.executable, "-m", "snakemake", "--nocolor", "--configfile", TEST_CONFIG]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *OPTIONS, "--", *TARGETS],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    operator = Operator(slurm, process, faults)
    try:
        operator.work()
        process.wait(timeout=max(1, operator.start + LIMIT - time.monotonic()))
    except (AssertionError, subprocess.TimeoutExpired) as error:
        tail = log.read_text()[-6000:]
        pytest.fail(f"{error}\n{chr(10).join(operator.events)}\n{tail}", pytrace=False)
    finally:
        process.kill()
        process.wait()
    operator.note(f"snakemake ended with status {process.returncode}")
    jobs = [job for _, job in sorted(slurm.jobs().items(), key=lambda item: int(item[0]))]
    print(f"\n{'job':>4} {'node':8} {'state':14} {'memory':>7} {'limit':9} {'time':9} rule")
    for job in jobs:
        memory = dict(item.split("=") for item in job["TRES"].split(",")).get("mem", "")
        print(
            f"{job['JobId']:>4} {job['NodeList']:8} {job['JobState']:14} {memory:>7} "
            f"{job['TimeLimit']:9} {job['RunTime']:9} {job['Comment']}"
        )
    yield ClusterRun(folder, log.read_text(), process.returncode, jobs, operator.events)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_run_finishes_by_itself(run: ClusterRun) -> None:
    assert run.returncode == 0, run.log[-6000:]
    assert "(100%) done" in run.log


def test_jobs_ran_on_the_slurm_node(run: ClusterRun, slurm: SlurmNode) -> None:
    ended = [job for job in run.jobs if job["JobState"] == "COMPLETED"]
    assert {job["NodeList"] for job in ended} == {slurm.host}
    comments = " ".join(job["Comment"] for job in ended)
    for rule in ("rule_simulate_survey", "rule_catalogues", "rule_train", "rule_predict_tests"):
        assert rule in comments
    chunks = list((run.folder / RESULTS / "models").glob("*/*.npz"))
    assert sum("rule_train_" in job["Comment"] for job in ended) == len(chunks)


@pytest.mark.parametrize(("state", "fault"), [("CANCELLED", "scancel"), ("TIMEOUT", "time limit")])
def test_a_killed_job_was_done_again(run: ClusterRun, state: str, fault: str) -> None:
    killed = [
        job for job in run.jobs if job["JobState"] == state and "rule_train" in job["Comment"]
    ]
    assert killed, f"no job ended by {fault}"
    assert all(run.attempts(job)[-1]["JobState"] == "COMPLETED" for job in killed)


def test_a_job_above_its_memory_gets_more(run: ClusterRun, slurm: SlurmNode) -> None:
    assert "exceeded memory limit" in run.log or "exceeded memory limit" in slurm_logs(run)
    attempts = [job for job in run.jobs if "catalogues" in job["Comment"]]
    assert [job["JobState"] == "COMPLETED" for job in attempts] == [False, True]
    first, second = (int(job["MinMemoryNode"].rstrip("M")) for job in attempts)
    assert second > first


def test_a_job_above_its_time_gets_more(run: ClusterRun) -> None:
    late = next(job for job in run.jobs if job["JobState"] == "TIMEOUT")
    assert run.attempts(late)[-1]["TimeLimit"] > late["TimeLimit"]


def test_products_are_those_of_two_cores(run: ClusterRun, reference: Path) -> None:
    here, there = (digests(folder / RESULTS, PRODUCTS) for folder in (run.folder, reference))
    assert len(here) > 30
    assert here == there


def slurm_logs(run: ClusterRun) -> str:
    """Return the text of the logs that failed Slurm jobs leave in Snakemake's folder."""
    logs = sorted((run.folder / ".snakemake" / "slurm_logs").rglob("*.log"))
    return "\n".join(path.read_text(errors="replace") for path in logs)
