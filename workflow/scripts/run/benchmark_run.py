"""Sum up where the time of a finished run went, rule by rule, and how much of it was training.

Inputs
    folder : the run's benchmark files, one for each job, written by Snakemake
    logs : the logs of the training jobs, whose last lines say how long the training loop took
    files : products of the run, whose jobs Snakemake has on record

Outputs
    csv : benchmarks/run.csv, one row per rule
    cores : benchmarks/cores.csv, what the run would take on other numbers of cores
    md : benchmarks/run.md, the same as a page

Timings differ from run to run: these files are no part of the reproducible products.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.core.progress import training_seconds
from transferz.report.tables import markdown_table
from transferz.run.benchmarking import machine
from transferz.run.makespan import JobGraph

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Rules whose jobs train networks; the first writes what `training_seconds` reads.
TRAINING = ("train", "control/train", "spectra_train")
CORES = (1, 2, 4, 8)
# Of the longest chain, jobs that take less are left out on the page.
SHORTEST = 1.0


def read_jobs(folder: str | Path) -> pd.DataFrame:
    """One row per job: rule, wall and processor seconds, peak memory in MiB.

    A rule's benchmark file is ``{rule}.tsv``, or lies in a folder of the rule's name; those of the
    control have a folder of their own around them.
    """
    files = sorted(Path(folder).rglob("*.tsv"))
    if not files:
        raise InputError(
            "no benchmark files", file=folder, fix="run the workflow; its jobs write them"
        )
    tables = []
    for file in files:
        parts = file.relative_to(folder).with_suffix("").parts
        rule = "/".join(parts[:2]) if parts[0] == "control" else parts[0]
        table = pd.read_csv(file, sep="\t", na_values="-")
        tables.append(table[["s", "cpu_time", "max_rss"]].assign(rule=rule))
    return pd.concat(tables, ignore_index=True).fillna(0.0)


def by_rule(jobs: pd.DataFrame, inside: float) -> pd.DataFrame:
    """Sum the jobs of each rule; the most expensive rule first.

    Parameters
    ----------
    jobs : pandas.DataFrame
        From `read_jobs`.
    inside : float
        Wall seconds that the jobs of rule ``train`` spent in their training loops.
    """
    table = jobs.groupby("rule").agg(
        jobs=("s", "size"),
        wall_s=("s", "sum"),
        cpu_s=("cpu_time", "sum"),
        peak_mib=("max_rss", "max"),
    )
    table["share_of_wall"] = table["wall_s"] / table["wall_s"].sum()
    table["inside_training_s"] = 0.0
    if "train" in table.index:
        table.loc["train", "inside_training_s"] = inside
    return table.sort_values("wall_s", ascending=False).reset_index()


def page(table: pd.DataFrame) -> str:
    """Return the table as Markdown, with the shares that matter above it."""
    total = table["wall_s"].sum()
    training = table[table["rule"].isin(TRAINING)]["wall_s"].sum()
    paper = table[~table["rule"].str.startswith("spectra")]["wall_s"].sum()
    inside = table["inside_training_s"].sum()
    about = "; ".join(f"{key}: {value}" for key, value in machine().items())
    shown = {
        "Rule": table["rule"],
        "Jobs": table["jobs"].map(str),
        "Wall [s]": table["wall_s"].map("{:.0f}".format),
        "Processor [s]": table["cpu_s"].map("{:.0f}".format),
        "Share of wall (%)": (100 * table["share_of_wall"]).map("{:.1f}".format),
        "Peak [MiB]": table["peak_mib"].map("{:.0f}".format),
    }
    return "\n\n".join(
        [
            "# Where the time of this run went",
            f"Seconds of all jobs together, by Snakemake's benchmark files, on: {about}. Jobs that "
            "run side by side count each; what Snakemake does between them does not count. It "
            "looks at processor time and memory every few seconds only, up to half a minute "
            "apart, and so misses the last of both.",
            f"Jobs that train networks: {100 * training / total:.0f}% of {total:.0f} s. Without "
            f"the study of spectra, the jobs took {paper:.0f} s, of which "
            f"{100 * inside / paper:.0f}% were spent inside the training loops of the strategies "
            "(compilation, validation and checkpoints included; starts of processes, imports, "
            "loading and writing not).",
            markdown_table(list(shown), list(zip(*shown.values(), strict=True)), "lrrrrr"),
        ]
    )


def on_cores(graph: JobGraph) -> pd.DataFrame:
    """Return seconds on each number of cores, and how many times as fast as on one."""
    seconds = [graph.makespan(number) for number in CORES]
    return pd.DataFrame(
        {"cores": CORES, "seconds": seconds, "speed": [seconds[0] / each for each in seconds]}
    )


def page_of_cores(graph: JobGraph, table: pd.DataFrame) -> str:
    """Return what other numbers of cores would give, as Markdown, and what is in their way."""
    chain = graph.critical_path()
    shown = {
        "Cores": table["cores"].map(str),
        "Seconds": table["seconds"].map("{:.0f}".format),
        "Times as fast as one": table["speed"].map("{:.1f}".format),
    }
    steps = ", ".join(f"{job.rule} {job.seconds:.0f} s" for job in chain if job.seconds > SHORTEST)
    return "\n\n".join(
        [
            "## On other numbers of cores",
            "Computed, not measured: the jobs of this run with the times that they took, put on "
            "cores as they become free. What Snakemake does between jobs is not in it, nor what "
            "jobs side by side take from each other beyond what they did here.",
            markdown_table(list(shown), list(zip(*shown.values(), strict=True)), "rrr"),
            f"No number of cores is faster than the longest chain of jobs, "
            f"{sum(job.seconds for job in chain):.0f} s: {steps}.",
        ]
    )


def main(
    folder: str | Path,
    logs: Sequence[str | Path],
    files: Sequence[str],
    csv: str | Path,
    cores: str | Path,
    md: str | Path,
    *,
    record: str | Path,
    threads_of: Mapping[str, int],
) -> None:
    """Write the tables and the page; see the head of this file.

    Parameters
    ----------
    record : path-like
        Snakemake's folder ``.snakemake/metadata``.
    threads_of : mapping of str to int
        Cores that each rule asks for.
    """
    inside = sum(training_seconds(log)[0] for log in logs)
    table = by_rule(read_jobs(folder), inside)
    graph = JobGraph.read(record, files, threads_of)
    others = on_cores(graph)
    write_csv(table, csv)
    write_csv(others, cores)
    write_text(page(table) + "\n\n" + page_of_cores(graph, others), md)


if __name__ == "__main__":
    run(main, snakemake)
