"""Plot how fast networks are trained: rates, fraction of the machine's peak, parts of a step.

Inputs
    table : benchmarks/training.csv

Outputs
    pdf, png : benchmarks/training.pdf, .png
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from transferz.core.logs import run
from transferz.report.figures import (
    NEUTRAL,
    SOURCE,
    STRATEGY_COLOURS,
    TARGET,
    panel_letter,
    save_figure,
    subplots,
)
from transferz.run.benchmark_page import OURS, PARTS, pick

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
        low, high = (chosen[end].to_numpy() * scale for end in ("low", "high"))
        ours = name.startswith(OURS)
        before = sum(other.startswith(OURS) == ours for other in names[:number])
        axes.bar(
            place, values, width * 0.92, yerr=[values - low, high - values], label=name,
            color=TARGET if ours else SOURCE, alpha=1.0 - 0.3 * before,
            error_kw={"elinewidth": 0.6, "ecolor": "#1a1a1a"},
        )  # fmt: skip
    name_sizes(axes, sizes)


def name_sizes(axes: Axes, sizes: list[int]) -> None:
    """Name the places 0, 1, ... of the horizontal axis by batch size."""
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
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
    name_sizes(axes, sizes)
    axes.set_ylabel("Share of a step")


def main(table: str | Path, pdf: str | Path, png: str | Path) -> None:
    """Draw the three panels."""
    measured = pd.read_csv(table)
    sizes = sorted(int(size) for size in pick(measured, "training rate")["batch_size"].unique())
    figure, axes = subplots(1, 3, height=2.9)
    draw_bars(axes[0], measured, "training rate", 1e-3, sizes)
    axes[0].set_ylabel("Thousand galaxies per second")
    draw_bars(axes[1], measured, "fraction of the peak", 1.0, sizes)
    axes[1].set_ylabel("Fraction of the matrix-product peak")
    axes[1].set_ylim(0.0, 1.0)
    draw_parts(axes[2], measured, sizes)
    for letter, panel in zip("abc", axes, strict=True):
        panel_letter(panel, letter)
    for panel, side, columns in ((axes[0], "left", 2), (axes[2], "right", 1)):
        handles, names = panel.get_legend_handles_labels()
        figure.legend(handles, names, loc=f"outside lower {side}", ncols=columns, frameon=False)
    save_figure(figure, pdf, png)
    logger.info("Training benchmark: %d batch sizes", len(sizes))


if __name__ == "__main__":
    run(main, snakemake)
