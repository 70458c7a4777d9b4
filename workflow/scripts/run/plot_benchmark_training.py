"""Plot how fast networks are trained: rates, fraction of the machine's peak, parts of a step.

Inputs
    table : benchmarks/training.csv

Outputs
    pdf, png : benchmarks/training.pdf, .png
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from transferz.core.logs import job
from transferz.report.figures import (
    DOUBLE_COLUMN,
    NEUTRAL,
    SOURCE,
    STRATEGY_COLOURS,
    TARGET,
    panel_letter,
    save_figure,
    use_style,
)
from transferz.run.benchmark_page import PARTS, pick

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def draw_bars(
    axes: Axes, table: pd.DataFrame, measurement: str, scale: float, sizes: list[int]
) -> None:
    """Draw a group of bars for each batch size, one bar per way, lines from lowest to highest."""
    rows = pick(table, measurement)
    names = list(dict.fromkeys(rows["variant"]))
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        chosen = rows[rows["variant"] == name].set_index("batch_size").loc[sizes]
        place = np.arange(len(sizes)) + (number - (len(names) - 1) / 2) * width
        values = chosen["median"].to_numpy() * scale
        reach = [
            values - chosen["low"].to_numpy() * scale,
            chosen["high"].to_numpy() * scale - values,
        ]
        ours = name.startswith("This workflow")
        axes.bar(
            place,
            values,
            width * 0.92,
            yerr=reach,
            label=name,
            color=TARGET if ours else SOURCE,
            alpha=1.0 - 0.3 * (sum(n.startswith("This") == ours for n in names[:number])),
            error_kw={"elinewidth": 0.6, "ecolor": "#1a1a1a"},
        )
    axes.set_xticks(np.arange(len(sizes)), [str(size) for size in sizes])
    axes.tick_params(axis="x", which="both", length=0)
    axes.set_xlabel("Batch size")


def draw_parts(axes: Axes, table: pd.DataFrame, sizes: list[int]) -> None:
    """Stack the parts of a step of this workflow's trainer."""
    parts = pick(table, "part of a step")
    times = parts.pivot_table(index="at", columns="batch_size", values="median")[sizes]
    whole = times.loc["step"].to_numpy()
    places, bottom = np.arange(len(sizes)), np.zeros(len(sizes))
    shares = {name: times.loc[name].to_numpy() / whole for name in PARTS}
    shares["the rest"] = np.maximum(1.0 - sum(shares.values()), 0.0)
    colours = (TARGET, STRATEGY_COLOURS[2], STRATEGY_COLOURS[1], NEUTRAL)
    for (name, share), colour in zip(shares.items(), colours, strict=True):
        axes.bar(places, share, 0.6, bottom=bottom, label=name, color=colour)
        bottom = bottom + share
    axes.set_xticks(places, [str(size) for size in sizes])
    axes.tick_params(axis="x", which="both", length=0)
    axes.set_xlabel("Batch size")
    axes.set_ylabel("Share of a step")


def main(table: str | Path, pdf: str | Path, png: str | Path) -> None:
    """Draw the three panels."""
    use_style()
    measured = pd.read_csv(table)
    sizes = sorted(int(size) for size in pick(measured, "training rate")["batch_size"].unique())
    figure, axes = plt.subplots(1, 3, figsize=(DOUBLE_COLUMN, 2.9))
    draw_bars(axes[0], measured, "training rate", 1e-3, sizes)
    axes[0].set_ylabel("Thousand galaxies per second")
    draw_bars(axes[1], measured, "fraction of the peak", 1.0, sizes)
    axes[1].set_ylabel("Fraction of the matrix-product peak")
    axes[1].set_ylim(0.0, 1.0)
    draw_parts(axes[2], measured, sizes)
    for letter, panel in zip("abc", axes, strict=True):
        panel_letter(panel, letter)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=2, frameon=False)
    handles, names = axes[2].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower right", ncols=1, frameon=False)
    save_figure(figure, pdf, png)
    logger.info("Training benchmark: %d batch sizes", len(sizes))


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(snakemake.input.table, snakemake.output.pdf, snakemake.output.png)
