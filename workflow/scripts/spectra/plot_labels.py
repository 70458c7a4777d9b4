"""Figure: losses for uncertain labels, on labels spoilt by known recipes.

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

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from transferz.core.logs import run
from transferz.report.figures import NEUTRAL, FigureFiles, legend_above, panel_letter, subplots
from transferz.spectra.plotting import draw_point, log_ticks, loss_styles, name_places
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

PANELS = (
    ("mae", "mode"), ("mae", "mean"), ("width_68", "mean"),
    ("coverage_68", "mean"), ("pit_distance", "mean"), ("ece", "mean"),
)  # fmt: skip
TABLE_METRICS = (
    "mse", "mae", "median_error", "failure_fraction", "crps", "negative_log_density",
    "pit_distance", "coverage_68", "coverage_95", "ece", "width_68", "entropy",
)  # fmt: skip
IDEAL = {"coverage_68": 0.6827}


def collect(
    metrics: pd.DataFrame,
    default: Mapping[str, object],
    labels: Sequence[str],
    losses: Sequence[str],
) -> pd.DataFrame:
    """Return a row per recipe, loss, estimator and metric, with statistics over seeds."""
    rows = []
    for key in itertools.product(labels, losses, ("mode", "mean")):
        axes = dict(zip(("labels", "loss", "estimator"), key, strict=True))
        rows += points_of(key, select(metrics, default, default["head"], **axes), TABLE_METRICS)
    return pd.DataFrame(rows, columns=["labels", "loss", "estimator", *POINT_COLUMNS])


def draw_panel(
    axes: Axes,
    points: pd.DataFrame,
    styles: Mapping[str, dict[str, str]],
    labels: Sequence[str],
    metric: str,
) -> None:
    """Draw one metric: a group of points per recipe, one per loss."""
    for number, (loss, style) in enumerate(styles.items()):
        shift = 0.18 * (number - 0.5 * (len(styles) - 1))
        for point in points[points["loss"] == loss].itertuples():
            draw_point(axes, labels.index(point.labels) + shift, point, style)
    for x in range(1, len(labels)):
        axes.axvline(x - 0.5, color="#D9D9D9", lw=0.6, zorder=0)
    if IDEAL.get(metric) is not None:
        axes.axhline(IDEAL[metric], color=NEUTRAL, lw=0.8, ls=(0, (4, 2)), zorder=1)
        axes.set_ylim(-0.03, 1.03)
    elif metric in ("pit_distance", "ece"):
        axes.set_ylim(bottom=0)
    else:
        log_ticks(axes)
    name_places(axes, labels, 0.5, labelsize=7.5)


def draw(points: pd.DataFrame, labels: Sequence[str], losses: Sequence[str]) -> Figure:
    """Return the figure: a panel per metric, a group of points per recipe."""
    figure, panels = subplots(2, 3, height=3.9, sharex=True)
    styles = loss_styles(losses)
    for letter, axes, (metric, estimator) in zip("abcdef", panels.flat, PANELS, strict=True):
        mine = points[(points["metric"] == metric) & (points["estimator"] == estimator)]
        draw_panel(axes, mine, styles, labels, metric)
        name = METRIC_LABELS[metric]
        axes.set_ylabel(f"{name}, {NAMES[estimator]}" if metric == "mae" else name)
        panel_letter(axes, letter)
    handles = [
        Line2D([], [], ls="", ms=4, label=NAMES.get(loss, loss), **style)
        for loss, style in styles.items()
    ]
    legend_above(figure, handles)
    return figure


def recipe_text(recipes: Mapping[str, Mapping[str, float]]) -> str:
    """Describe the recipes in a sentence."""
    parts = []
    for name, entry in recipes.items():
        facts = [
            text.format(entry[key])
            for key, text in (
                ("fraction", "{:.0%} drawn at random"),
                ("sigma", "Gaussian blur {:g}"),
                ("width", "told as bins of {:g}"),
            )
            if entry.get(key)
        ]
        parts.append(f"{name}: {', '.join(facts) or 'exact'}")
    return "; ".join(parts)


def main(
    metrics: str | Path,
    files: FigureFiles,
    *,
    default: Mapping[str, object],
    recipes: Mapping[str, Mapping[str, float]],
    losses: Sequence[str],
) -> None:
    """Draw the comparison of `losses` on labels spoilt by `recipes`, both those of the study."""
    values, labels = read_metrics(metrics), list(recipes)
    points = collect(values, default, labels, losses)
    files.save(
        draw(points, labels, losses),
        points,
        "Losses for uncertain labels.",
        f"Classifications with {default['head']} classes trained on spoilt labels, tested on exact "
        "ones; mean and standard deviation over seeds. Labels in redshift: "
        f"{recipe_text(recipes)}; a loss that sees no difference there (soft on exact labels is "
        f"hard) is left out. {sizes_note(values, points)} "
        "(a), (b) Mean absolute error of the most probable class and of the expectation. (c) "
        "Median width of the central 68% interval. (d) How often it covers the truth (dashed: "
        "calibrated). (e) Largest distance of the PIT's distribution from uniform. (f) Expected "
        "calibration error of the most probable class. A network that has learned what spoilt "
        "labels look like is wider than the truth needs. "
        f"{NOTE}",
        "Six panels with one group of points per kind of label and one marker per loss.",
    )
    logger.info("Uncertain labels: %d points", len(points))


if __name__ == "__main__":
    run(main, snakemake)
