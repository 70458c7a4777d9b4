"""Measure how fast networks are trained: this workflow's trainer, plain JAX, and Keras on JAX.

Inputs
    none: synthetic galaxies, so that the numbers can be compared between machines

Outputs
    csv : benchmarks/trainers.csv: batch_size, trainer, rate (galaxies in a processor second) and
        ours_over (this workflow's rate over that one), each with median, lowest and highest turn
    md : benchmarks/trainers.md, the same as a page

Each has one process on one core, and they take turns: a turn of each, then the next turn.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.report.tables import markdown_table
from transferz.run import trainers
from transferz.run.benchmarking import Worker, machine, workers

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

N_INPUTS = 5
JAX = {"module": trainers.__name__}
# Name, what its process is, and what that calls this way. The first is ours.
TRAINERS: dict[str, tuple[dict[str, str], str]] = {
    "This workflow": ({}, "fused"),
    "Plain JAX": (JAX, "jax"),
    "Keras fit on JAX": (JAX, "keras_jax"),
}


def measure(
    started: Mapping[str, Worker],
    batch_size: int,
    training: Mapping[str, object],
    settings: Mapping[str, int],
) -> list[dict[str, object]]:
    """Return a row for each trainer at one batch size."""
    sizes = {name: settings[name] for name in ("rows", "validation_rows")}
    keys = {**training, "batch_size": batch_size}
    for name, worker in started.items():
        worker.ask("prepare", way=TRAINERS[name][1], training_keys=keys, **sizes)
    rates: dict[str, list[float]] = {name: [] for name in started}
    for turn in range(settings["repeats"]):
        for name, worker in started.items():
            spent = worker.ask("train", seeds=[turn], epochs=settings["epochs"])["cpu"]
            rates[name].append(settings["rows"] * settings["epochs"] / spent)
        logger.info("Batch %d: turn %d of %d", batch_size, turn + 1, settings["repeats"])
    ours = np.array(rates[next(iter(TRAINERS))])
    rows = []
    for name, values in rates.items():
        row: dict[str, object] = {"batch_size": batch_size, "trainer": name}
        for quantity, numbers in {"rate": np.array(values), "ours_over": ours / values}.items():
            row |= {quantity: np.median(numbers)}
            row |= {f"{quantity}_low": numbers.min(), f"{quantity}_high": numbers.max()}
        rows.append(row | {"repeats": settings["repeats"]})
    return rows


def page(table: pd.DataFrame, settings: Mapping[str, int]) -> str:
    """Return the table for readers."""
    lines = []
    for size, rows in table.groupby("batch_size", sort=False):
        for row in rows.itertuples():
            rate = f"{row.rate / 1e3:.1f} ({row.rate_low / 1e3:.1f} to {row.rate_high / 1e3:.1f})"
            ratio = f"{row.ours_over:.2f} ({row.ours_over_low:.2f} to {row.ours_over_high:.2f})"
            lines.append([str(size), row.trainer, rate, ratio])
    header = ["Batch", "Trainer", "Thousand galaxies in a processor second", "Ours over it"]
    parts = [
        "# Trainers",
        f"The same network, rows and batches, one process on one core each. Medians of "
        f"{settings['repeats']} turns of {settings['epochs']} epochs of {settings['rows']:,} "
        f"galaxies, validated on {settings['validation_rows']:,} after each; brackets: lowest and "
        "highest. The last column is the median of the ratios within a turn.",
        markdown_table(header, lines, "rlrr"),
        "; ".join(f"{key}: {value}" for key, value in machine().items()),
    ]
    return "\n\n".join(parts)


def main(
    csv: str | Path,
    md: str | Path,
    *,
    settings: Mapping[str, int],
    batch_sizes: Sequence[int],
    hidden: Sequence[int],
    training: Mapping[str, object],
    log: str | Path,
) -> None:
    """Measure, and write the table and the page.

    Parameters
    ----------
    settings : mapping
        ``rows, validation_rows, epochs, repeats`` of ``run.training_benchmark``.
    batch_sizes : sequence of int
    hidden : sequence of int
        Units of the hidden layers.
    training : mapping
        See `transferz.networks.training.Settings`.
    log : path-like
        The processes' own messages go beside it.
    """
    shape = {"hidden": hidden, "n_inputs": N_INPUTS, "threads": 1}
    rows = []
    with ExitStack() as stack:
        path = Path(log).with_suffix(".processes.log")
        messages = stack.enter_context(path.open("w", encoding="utf-8"))
        started = {}
        for name, (kind, _) in TRAINERS.items():
            found = stack.enter_context(workers(1, messages, **kind, **shape))
            started[name] = found[0]
            started[name].started()
        for size in batch_sizes:
            rows += measure(started, size, training, settings)
    table = pd.DataFrame(rows)
    write_csv(table, csv)
    write_text(page(table, settings), md)


if __name__ == "__main__":
    run(main, snakemake)
