"""A run on other numbers of cores: schedules by hand, and the record of a real Snakemake run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scripts.run import benchmark_run
from transferz.core.errors import InputError
from transferz.run.makespan import Job, JobGraph

# 1 must come first, 4 last: 3 + 2 + 4 + 1 seconds.
DIAMOND = JobGraph(
    {
        "1": Job("begin", 3.0),
        "2": Job("short", 2.0, needs=frozenset("1")),
        "3": Job("long", 4.0, needs=frozenset("1")),
        "4": Job("end", 1.0, needs=frozenset("23")),
    }
)
SNAKEFILE = """
rule all:
    input: expand("{a_long_name}{n}.txt", a_long_name="x" * 150, n=[1, 2])
rule first:
    output: "first.txt"
    log: "first.log"
    shell: "sleep 0.5; touch {output}"
rule second:
    input: "first.txt"
    output: "{name}.txt", "{name}.csv"
    log: "second/{name}.log"
    wildcard_constraints: name="x+[0-9]"
    shell: "touch {output}"
"""


@pytest.mark.parametrize(("cores", "seconds"), [(1, 10.0), (2, 8.0), (8, 8.0)])
def test_schedules_by_hand(cores: int, seconds: float) -> None:
    assert DIAMOND.makespan(cores) == seconds


def test_the_longest_chain_is_the_bound() -> None:
    assert [job.rule for job in DIAMOND.critical_path()] == ["begin", "long", "end"]
    table = benchmark_run.on_cores(DIAMOND)
    assert table["speed"].tolist() == [1.0, 1.25, 1.25, 1.25]
    assert "8 s: begin 3 s, long 4 s." in benchmark_run.page_of_cores(DIAMOND, table)


def test_jobs_of_many_cores_wait_for_them_and_take_what_there_is() -> None:
    wide = JobGraph({"1": Job("a", 1.0), "2": Job("b", 1.0), "3": Job("c", 5.0, cores=2)})
    assert [wide.makespan(cores) for cores in (1, 2, 3, 4)] == [7.0, 6.0, 5.0, 5.0]


def test_the_record_of_snakemake_is_read(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    environment = {key: value for key, value in os.environ.items() if "SNAKEMAKE" not in key}
    subprocess.run(
        ["snakemake", "--cores", "1", "--quiet"], cwd=tmp_path, env=environment, check=True
    )
    targets = [f"{'x' * 150}{n}.txt" for n in (1, 2)]
    graph = JobGraph.read(tmp_path / ".snakemake/metadata", targets, {"first": 4})
    assert sorted(job.rule for job in graph.jobs.values()) == ["first", "second", "second"]
    assert [job.rule for job in graph.critical_path()] == ["first", "second"]
    assert graph.critical_path()[0].seconds >= 0.5
    assert graph.critical_path()[0].cores == 4
    with pytest.raises(InputError, match=r"y\.txt: no record of a file"):
        JobGraph.read(tmp_path / ".snakemake/metadata", ["y.txt"], {})
