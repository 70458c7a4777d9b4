"""Learning curves of all seeds of every strategy.

Inputs
    histories : models/{strategy}/seeds-{first}-{last}.history.csv, all strategies and chunks

Outputs
    pdf, png : the figure
    table : all curves as CSV: strategy, seed, epoch, loss, val_loss, best
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from transferz.core.logs import run
from transferz.networks.histories import falling_note, read_histories, shares_falling
from transferz.report.figures import (
    FigureFiles,
    grid_of,
    label,
    legend_above,
    plain_numbers,
    strategy_styles,
    subplots,
)
from transferz.report.tables import significant, survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

TRAINING = "#D55E00"


def draw_panel(axes: Axes, curves: pd.DataFrame, colour: str) -> None:
    """Draw one strategy: seeds thin, medians thick, a strip of the best epochs at the bottom."""
    for _, curve in curves.groupby("seed"):
        axes.plot(
            curve["epoch"], curve["val_loss"], color=colour, lw=0.4, alpha=0.28, rasterized=True
        )
    # Stopped seeds would bias a median: it ends where half of the seeds have stopped.
    grouped = curves.groupby("epoch")
    enough = grouped.size() >= max(1, curves["seed"].nunique() / 2)
    medians = grouped[["loss", "val_loss"]].median()[enough]
    axes.plot(medians.index, medians["val_loss"], color="white", lw=3.0)
    axes.plot(medians.index, medians["val_loss"], color=colour, lw=1.6)
    axes.plot(medians.index, medians["loss"], color=TRAINING, lw=1.2, ls=(0, (4, 1.5)))
    best = curves[curves["best"]]
    epochs, counts = np.unique(best["epoch"], return_counts=True)
    place = axes.get_xaxis_transform()
    heights = 0.14 * counts / counts.max()
    axes.bar(epochs, heights, width=0.8, color=colour, alpha=0.55, lw=0, transform=place)


def draw(
    curves: pd.DataFrame,
    strategies: Sequence[str],
    max_epochs: Mapping[str, int],
    labels: Mapping[str, str],
) -> Figure:
    """Return the figure."""
    styles, shares = strategy_styles(strategies), shares_falling(curves, max_epochs)
    rows, columns, width = grid_of(len(strategies))
    figure, panels = subplots(
        rows, columns, width=width, height=0.3 + 2.2 * rows, squeeze=False, sharey=True
    )
    for axes in panels.flat[len(strategies) :]:
        axes.set_visible(False)
    for axes, name in zip(panels.flat, strategies, strict=False):
        part = curves[curves["strategy"] == name]
        axes.set(yscale="log", title=label(name, labels), xlabel="Epoch")
        axes.set_xlim(0.5, part["epoch"].max() + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_minor_locator(plt.NullLocator())
        draw_panel(axes, part, styles[name]["color"])
        axes.text(
            0.97,
            0.95,
            f"{shares[name]:.0%} still falling",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=7.2,
        )
    values = curves[["loss", "val_loss"]].to_numpy()
    low, high = values.min(), np.percentile(values, 99.7)
    for axes in panels.flat:
        # Room at the bottom for the strip of best epochs.
        axes.set_ylim(low / (high / low) ** 0.28, high * 1.05)
        plain_numbers(axes.yaxis, (1, 2, 5))
    for axes in panels[:, 0]:
        axes.set_ylabel("Loss")
    handles = [
        Line2D([], [], color="#333333", lw=0.5, alpha=0.6, label="validation, each seed"),
        Line2D([], [], color="#333333", lw=1.6, label="validation, median"),
        Line2D([], [], color=TRAINING, lw=1.2, ls=(0, (4, 1.5)), label="training, median"),
        plt.Rectangle((0, 0), 1, 1, color="#333333", alpha=0.45, lw=0, label="best epochs"),
    ]
    legend_above(figure, handles, 4 if columns > 1 else 2)
    return figure


def main(
    histories: Sequence[str | Path],
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    max_epochs: Mapping[str, int],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the learning curves.

    Parameters
    ----------
    strategies : sequence of str
        Panels, in their order.
    max_epochs : mapping
        Strategy to its limit of epochs.
    """
    curves = read_histories(histories, strategies)
    best = curves[curves["best"]].groupby("strategy")
    notes = [
        f"{label(name, labels)}: best epoch {best['epoch'].min()[name]} to "
        f"{best['epoch'].max()[name]}, smallest validation loss "
        f"{significant(best['val_loss'].median()[name])} (median over seeds)."
        for name in strategies
    ]
    falling = falling_note(curves, max_epochs, labels)
    files.save(
        draw(curves, strategies, max_epochs, labels),
        curves,
        "Learning curves.",
        f"Loss against epoch of all {curves['seed'].nunique()} seeds of each strategy. Thin: "
        "validation loss of each seed; thick: its median; dashed: median training loss; medians "
        "end where half of the seeds have stopped. Bars at the bottom: number of seeds whose "
        f"weights are those of that epoch. {' '.join(notes)} {falling} {survey_note(survey)}",
        f"Falling curves of loss against epoch. {' '.join(notes)} {falling}",
    )
    logger.info("%d curves", curves.groupby(["strategy", "seed"]).ngroups)


if __name__ == "__main__":
    run(main, snakemake)
