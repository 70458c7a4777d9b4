"""Measure how fast networks are trained: Keras `fit` and this workflow's trainer, side by side.

Inputs
    none: synthetic galaxies, so that the numbers can be compared between machines

Outputs
    csv : benchmarks/training.csv, one row per measured quantity: median, lowest, highest
    md : benchmarks/training.md, the same as a page

Timings differ from run to run: these two files are no part of the reproducible products.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.run.benchmark_page import page
from transferz.run.benchmarking import (
    Measurements,
    Variant,
    Worker,
    flops_per_galaxy,
    together,
    variants,
    workers,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

N_INPUTS = 5
PEAK_SIZES = (512, 1024)
PEAK_SECONDS = 0.25
GROWTH = (1, 2, 4)
GROWTH_REPEATS = 2


def start_workers(
    found: Measurements, stack: ExitStack, cores: int, hidden: Sequence[int], log: object
) -> dict[Variant, list[Worker]]:
    """Start the processes of all ways, one way after the other; they wait while others work."""
    groups = {}
    for way in variants(cores):
        groups[way] = stack.enter_context(
            workers(way.processes, log, hidden=hidden, n_inputs=N_INPUTS, threads=way.threads)
        )
        started = [worker.started() for worker in groups[way]]
        found.add("start of a process", started, "s", variant=way)
    return groups


def measure_batch(
    found: Measurements,
    groups: Mapping[Variant, Sequence[Worker]],
    batch_size: int,
    *,
    settings: Mapping[str, object],
    hidden: Sequence[int],
    training: Mapping[str, object],
) -> None:
    """Compare all ways at one batch size: a turn of each, then the next turn."""
    keys = {**training, "batch_size": batch_size}
    rows, epochs = settings["rows"], settings["epochs"]
    sizes = {"rows": rows, "validation_rows": settings["validation_rows"]}
    for way, group in groups.items():
        _, answers = together(group, "prepare", way=way.way, training_keys=keys, **sizes)
        compiled = [answer["compile"] for answer in answers]
        found.add("compilation", compiled, "s", variant=way, batch_size=batch_size)
    ways = list(groups)
    single = groups[ways[-1]]
    parallel = next(groups[way] for way in ways if way.way == "fused")
    rates: dict[Variant, list[float]] = {way: [] for way in ways}
    per_core: dict[Variant, list[float]] = {way: [] for way in ways}
    # In as many processes as a way has threads in all, this is what its matrix products could be.
    peaks: dict[int, list[float]] = {1: [], len(parallel): []}
    for turn in range(settings["repeats"]):
        for way, group in groups.items():
            wall, answers = together(group, "train", seeds=[turn], epochs=epochs)
            trained = way.processes * rows * epochs
            rates[way].append(trained / wall)
            per_core[way].append(trained / sum(answer["cpu"] for answer in answers))
        for n, group in {1: single, len(parallel): parallel}.items():
            peaks[n].append(measure_peak(group))
        logger.info("Batch %d: turn %d of %d", batch_size, turn + 1, settings["repeats"])
    train, validation = flops_per_galaxy(hidden, N_INPUTS)
    # A galaxy's share of the validation after each epoch counts too.
    per_galaxy = train + validation * settings["validation_rows"] / settings["rows"]
    for way in ways:
        peak = peaks[way.processes * way.threads]
        shown = {"variant": way, "batch_size": batch_size}
        found.add("training rate", rates[way], "galaxies/s", **shown)
        ratios = np.array(rates[way]) / np.array(rates[ways[0]])
        found.add("rate over Keras fit", ratios, "", **shown)
        found.add("rate per core", per_core[way], "galaxies/s", **shown)
        fractions = np.array(rates[way]) * per_galaxy / np.array(peak) / 1e9
        found.add("fraction of the peak", fractions, "", **shown)
    for n, peak in peaks.items():
        found.add("matrix-product peak", peak, "GFLOP/s", batch_size=batch_size, at=f"{n} core(s)")
    for part, seconds in single[0].ask("profile").items():
        found.add("part of a step", [seconds * 1e6], "us", batch_size=batch_size, at=part)


def measure_peak(group: Sequence[Worker]) -> float:
    """Highest rate of square matrix products, all processes of the group at work."""
    totals = []
    for size in PEAK_SIZES:
        _, answers = together(group, "peak", size=size, seconds=PEAK_SECONDS)
        totals.append(sum(answer["gflops"] for answer in answers))
    return max(totals)


def measure_growth(
    found: Measurements,
    *,
    settings: Mapping[str, object],
    hidden: Sequence[int],
    training: Mapping[str, object],
    log: object,
) -> None:
    """Measure one process: cost of seeds, epochs and rows, of what is no training, of memory."""
    rows, validation, epochs = (settings[k] for k in ("rows", "validation_rows", "epochs"))
    size = training["batch_size"]
    with workers(1, log, hidden=hidden, n_inputs=N_INPUTS, threads=1) as (worker,):
        worker.started()

        def seconds(seeds: int, epochs: int) -> list[float]:
            chosen = list(range(seeds))
            return [
                worker.ask("train", seeds=chosen, epochs=epochs)["wall"]
                for _ in range(min(GROWTH_REPEATS, settings["repeats"]))
            ]

        for factor in GROWTH:
            sizes = {"rows": factor * rows, "validation_rows": factor * validation}
            worker.ask("prepare", way="fused", training_keys=training, **sizes)
            found.add("time by rows", seconds(1, epochs), "s", batch_size=size, at=factor)
            if factor > 1:
                continue
            for more in GROWTH:
                found.add("time by seeds", seconds(more, epochs), "s", batch_size=size, at=more)
                found.add(
                    "time by epochs", seconds(1, more * epochs), "s", batch_size=size, at=more
                )
            for kept, spent in worker.ask("checkpoint").items():
                found.add("checkpoint", [spent], "s", at=kept)
            found.add("loading the data", [worker.ask("load")["load"]], "s")
            found.add("writing the networks", [worker.ask("write", seeds=25)["write"]], "s")
    train_rows, validation_rows = settings["paper_rows"]
    with workers(1, log, hidden=hidden, n_inputs=N_INPUTS, threads=1) as (worker,):
        worker.started()
        sizes = {"rows": train_rows, "validation_rows": validation_rows}
        worker.ask("prepare", way="fused", training_keys=training, **sizes)
        memory = worker.ask("memory")["mib"]
        found.add("peak memory at paper scale", [memory], "MiB", at=train_rows)


def main(
    csv: str | Path,
    md: str | Path,
    *,
    settings: Mapping[str, object],
    hidden: Sequence[int],
    training: Mapping[str, object],
    threads: int,
    log: str | Path,
) -> None:
    """Measure on `threads` cores, and write the table and the page.

    Parameters
    ----------
    settings : mapping
        ``batch_sizes, rows, validation_rows, epochs, repeats, paper_rows``.
    hidden : sequence of int
        Units of the hidden layers.
    training : mapping
        See `transferz.networks.training.Settings`; its batch size is measured first.
    log : path-like
        The processes' own messages go beside it.
    """
    found = Measurements()
    shared = {"settings": settings, "hidden": hidden, "training": training}
    sizes = list(dict.fromkeys([training["batch_size"], *settings["batch_sizes"]]))
    with Path(log).with_suffix(".processes.log").open("w", encoding="utf-8") as messages:
        with ExitStack() as stack:
            groups = start_workers(found, stack, threads, hidden, messages)
            for number, size in enumerate(sizes):
                measure_batch(found, groups, size, **shared)
                for way, group in groups.items() if number == 0 else ():
                    memory = [worker.ask("memory")["mib"] for worker in group]
                    found.add("peak memory of a process", memory, "MiB", variant=way)
        measure_growth(found, **shared, log=messages)
    table = found.table()
    write_csv(table, csv)
    write_text(page(table, settings, training), md)


if __name__ == "__main__":
    run(main, snakemake)
