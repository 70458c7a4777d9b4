"""Figure: losses for uncertain labels, on labels spoilt by known recipes.

Inputs
    metrics : spectra/metrics.csv

Outputs
    pdf, png : the figure; mean and standard deviation over seeds
    table : its points as CSV
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from transferz.core.logs import job
from transferz.report.figures import (
    NEUTRAL,
    FigureFiles,
    legend_above,
    panel_letter,
    subplots,
)
from transferz.spectra.plotting import LOSS_STYLES, draw_points, log_ticks
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
    for recipe in labels:
        for loss in losses:
            for estimator in ("mode", "mean"):
                keys = {"labels": recipe, "loss": loss, "estimator": estimator}
                chosen = select(metrics, default, default["head"], **keys)
                rows += points_of((recipe, loss, estimator), chosen, TABLE_METRICS)
    return pd.DataFrame(rows, columns=["labels", "loss", "estimator", *POINT_COLUMNS])


def draw(
    metrics: pd.DataFrame,
    default: Mapping[str, object],
    labels: Sequence[str],
    losses: Sequence[str],
) -> Figure:
    """Return the figure: a panel per metric, a group of points per recipe."""
    figure, panels = subplots(2, 3, height=3.9, sharex=True)
    for place, (axes, (metric, estimator)) in enumerate(zip(panels.flat, PANELS, strict=True)):
        for number, loss in enumerate(losses):
            style = LOSS_STYLES[number % len(LOSS_STYLES)]
            shift = 0.18 * (number - 0.5 * (len(losses) - 1))
            for x, recipe in enumerate(labels):
                keys = {"labels": recipe, "loss": loss, "estimator": estimator}
                chosen = select(metrics, default, default["head"], **keys)
                draw_points(axes, x + shift, chosen[metric], style)
        for x in range(1, len(labels)):
            axes.axvline(x - 0.5, color="#D9D9D9", lw=0.6, zorder=0)
        if IDEAL.get(metric) is not None:
            axes.axhline(IDEAL[metric], color=NEUTRAL, lw=0.8, ls=(0, (4, 2)), zorder=1)
            axes.set_ylim(-0.03, 1.03)
        elif metric in ("pit_distance", "ece"):
            axes.set_ylim(bottom=0)
        else:
            log_ticks(axes)
        name = METRIC_LABELS[metric]
        axes.set_ylabel(f"{name}, {NAMES[estimator]}" if metric == "mae" else name)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.tick_params(axis="x", which="both", length=0, labelsize=7.5)
        panel_letter(axes, "abcdef"[place])
    handles = [
        Line2D(
            [], [], ls="", ms=4, label=NAMES.get(loss, loss), **LOSS_STYLES[k % len(LOSS_STYLES)]
        )
        for k, loss in enumerate(losses)
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
    """Draw the comparison of losses on uncertain labels.

    Parameters
    ----------
    metrics : path-like
    files : FigureFiles
        Outputs.
    default : mapping
        ``spectra.default``.
    recipes : mapping
        Section ``spectra.labels``, those of the study.
    losses : sequence of str
        Those of the study.
    """
    values, labels = read_metrics(metrics), list(recipes)
    points = collect(values, default, labels, losses)
    files.save(
        draw(values, default, labels, losses),
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
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            FigureFiles.of(snakemake.output),
            default=snakemake.params.default,
            recipes=snakemake.params.recipes,
            losses=snakemake.params.losses,
        )
