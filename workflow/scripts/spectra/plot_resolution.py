"""Figure: resolution against number of classes, for two sizes of the training set.

Inputs
    metrics : spectra/metrics.csv

Outputs
    pdf, png : the figure; mean and standard deviation over seeds
    table : its points as CSV
    caption : caption and alt text, Markdown
"""

import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from transferz.core.logs import run
from transferz.report.figures import NEUTRAL, FigureFiles, legend_above, panel_letter, subplots
from transferz.spectra.plotting import CLASS_STYLES, draw_curve, log_ticks
from transferz.spectra.results import (
    METRIC_LABELS,
    NAMES,
    NOTE,
    POINT_COLUMNS,
    points_of,
    read_metrics,
    select,
    sizes_note,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

FLOOR_METRIC = "median_error"
"""Truths are spread evenly within a class: a perfect one of width w leaves w / 4 in the median."""

PANELS = ("mse", "mae", "median_error", "failure_fraction")


def sizes_of(metrics: pd.DataFrame, default: Mapping[str, object]) -> list[int]:
    """Sizes of the training set for which at least three numbers of classes were tried."""
    rows = metrics[(metrics["head"] == "classification") & (metrics["snr"] == default["snr"])]
    rows = rows[(rows["labels"] == default["labels"]) & (rows["loss"] == default["loss"])]
    tried = rows.groupby("n_train")["classes"].nunique()
    most = [int(size) for size in tried.index[tried >= min(3, tried.max())]]
    # More than the smallest and the largest would crowd the panels.
    return [most[0], most[-1]] if len(most) > 1 else most


def collect(metrics: pd.DataFrame, default: Mapping[str, object]) -> pd.DataFrame:
    """Return every point of the figure."""
    numbers = sorted(metrics.loc[metrics["head"] == "classification", "classes"].unique())
    rows = []
    for key in itertools.product(sizes_of(metrics, default), ("mode", "mean"), numbers):
        size, estimator, number = key
        chosen = select(metrics, default, number, n_train=size, estimator=estimator)
        rows += points_of(key, chosen, PANELS)
    return pd.DataFrame(rows, columns=["n_train", "estimator", "classes", *POINT_COLUMNS])


def draw(points: pd.DataFrame, z_range: Sequence[float]) -> Figure:
    """Return the figure: one panel per metric."""
    figure, panels = subplots(1, len(PANELS), height=2.35, sharex=True, squeeze=False)
    numbers = sorted(points["classes"].unique())
    styles = dict(zip(sorted(points["n_train"].unique(), reverse=True), CLASS_STYLES, strict=False))
    lines = {"mode": "-", "mean": ":"}
    for letter, axes, metric in zip("abcd", panels.flat, PANELS, strict=True):
        for (size, style), (estimator, line) in itertools.product(styles.items(), lines.items()):
            rows = points[
                (points["metric"] == metric)
                & (points["n_train"] == size)
                & (points["estimator"] == estimator)
            ]
            draw_curve(axes, rows["classes"], rows, style, filled=line == "-", line=line)
        if metric == FLOOR_METRIC:
            width = (z_range[1] - z_range[0]) / np.array(numbers, dtype=float)
            axes.plot(numbers, width / 4.0, color=NEUTRAL, lw=0.8, ls=(0, (4, 2)))
        axes.set(xscale="log", xlabel="classes")
        log_ticks(axes)
        axes.set_ylabel(METRIC_LABELS[metric])
        ticks = [20, 80, 200, 800] if 200 in numbers else numbers
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.minorticks_off()
        panel_letter(axes, letter)
    handles = [
        Line2D([], [], **style, ms=3.8, lw=1.0, label=f"{size:,} training spectra")
        for size, style in styles.items()
    ]
    handles += [
        Line2D([], [], color="#1a1a1a", lw=1.0, ls=line, label=NAMES[estimator])
        for estimator, line in lines.items()
    ]
    handles.append(
        Line2D([], [], color=NEUTRAL, lw=0.8, ls=(0, (4, 2)), label="width of the class alone")
    )
    legend_above(figure, handles)
    return figure


def main(
    metrics: str | Path,
    files: FigureFiles,
    *,
    default: Mapping[str, object],
    z_range: Sequence[float],
) -> None:
    """Draw quality against the number of classes."""
    values = read_metrics(metrics)
    points = collect(values, default)
    files.save(
        draw(points, z_range),
        points,
        "Resolution against number of classes.",
        "Mean and standard deviation over seeds at S/N "
        f"{default['snr']:g} per pixel; {sizes_note(values, points)} Grey: what the width of the "
        "classes alone would leave, a quarter of it. The median error shows the resolution; mean "
        "squared and mean absolute error are dominated by failures (error above 0.01 in dz / (1 + "
        f"z)). With k classes each is learned from the k-th part of the training spectra. {NOTE}",
        "Four panels against the number of classes on logarithmic axes: mean squared error, mean "
        "absolute error, median error, failures; solid lines for the most probable class, dotted "
        "for the expectation.",
    )
    logger.info("Resolution: %d points", len(points))


if __name__ == "__main__":
    run(main, snakemake)
