"""Figure: impact of architecture, of training-set size and of noise on every head.

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
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.report.figures import FigureFiles, legend_above, panel_letter, subplots
from transferz.report.tables import listing, significant
from transferz.spectra.plotting import (
    draw_curve,
    draw_point,
    head_style,
    log_ticks,
    name_places,
)
from transferz.spectra.results import (
    CLASSICAL,
    METRIC_LABELS,
    NOTE,
    POINT_COLUMNS,
    best_estimator,
    head_name,
    noise_name,
    points_of,
    read_metrics,
    select,
    sizes_note,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

METRICS = ("mse", "mae")
AXES = {"architecture": "architecture", "n_train": "training-set size", "snr": "noise"}


def collect(
    metrics: pd.DataFrame, heads: Sequence[str | int], default: Mapping[str, object]
) -> pd.DataFrame:
    """Return every point of the figure: axis, value, head, metric, statistics over seeds."""
    rows, networks = [], metrics[~metrics["head"].isin(CLASSICAL)]
    for axis in AXES:
        values = networks[axis].unique().tolist()
        for head in heads:
            if head in CLASSICAL and axis != "snr":
                continue
            for value in values if axis == "architecture" else sorted(values):
                keys = {axis: value, "estimator": best_estimator(head)}
                chosen = select(metrics, default, head, **keys)
                rows += points_of((axis, value, str(head)), chosen, METRICS)
    return pd.DataFrame(rows, columns=["axis", "value", "head", *POINT_COLUMNS])


def varied(points: pd.DataFrame) -> list[str]:
    """Return the axes on which the studies have two values or more; noise if there is none."""
    values = points.groupby("axis")["value"].nunique()
    return [axis for axis in AXES if values.get(axis, 0) > 1] or ["snr"]


def draw_architectures(
    axes: Axes, points: pd.DataFrame, heads: Sequence[str | int], architectures: Sequence[str]
) -> None:
    """Draw the points of every architecture beside each other, one per head."""
    for number, head in enumerate(heads):
        shift = 0.22 * (number - 0.5 * (len(heads) - 2))
        for place, name in enumerate(architectures):
            chosen = points[(points["head"] == str(head)) & (points["value"] == name)]
            for point in chosen.itertuples():
                draw_point(axes, place + shift, point, head_style(head, heads))
    name_places(axes, [name.replace(" ", "\n") for name in architectures], 0.6)


def draw_curves(
    axes: Axes, points: pd.DataFrame, axis: str, heads: Sequence[str | int]
) -> list[float]:
    """Draw a curve for every head against size or noise; return where points are."""
    x = points["value"].astype(float)
    # The noiseless case has no place on a logarithmic axis of S/N: its inverse has.
    x = 1.0 / x if axis == "snr" else x
    for head in heads:
        mine = points["head"] == str(head)
        draw_curve(axes, x[mine], points[mine], head_style(head, heads), label=head_name(head))
    return sorted(x.unique())


def draw(points: pd.DataFrame, heads: Sequence[str | int], architectures: Sequence[str]) -> Figure:
    """Return the figure: a row per metric, a column per axis that the studies vary."""
    shown = varied(points)
    options = {"height": 4.3, "sharex": "col", "sharey": "row", "squeeze": False}
    figure, panels = subplots(len(METRICS), len(shown), **options)
    for row, metric in enumerate(METRICS):
        for column, axis in enumerate(shown):
            axes = panels[row, column]
            mine = points[(points["axis"] == axis) & (points["metric"] == metric)]
            if axis == "architecture":
                draw_architectures(axes, mine, heads, architectures)
            else:
                places = draw_curves(axes, mine, axis, heads)
                (scale_size if axis == "n_train" else scale_noise)(axes, places)
            axes.set_ylabel(METRIC_LABELS[metric] if column == 0 else "")
            panel_letter(axes, "abcdef"[len(shown) * row + column])
            if row + 1 < len(METRICS):
                axes.set_xlabel("")
        trained = points[(points["metric"] == metric) & ~points["head"].isin(CLASSICAL)]["mean"]
        panels[row, 0].set_ylim(trained.min() / 2, 2 * trained.max())
        log_ticks(panels[row, 0])
    legend_above(figure, panels[0, -1])
    return figure


def scale_size(axes: Axes, sizes: Sequence[float]) -> None:
    """Set the axis of the number of training spectra."""
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.xaxis.minorticks_off()
    axes.set_xlabel("training spectra")


def scale_noise(axes: Axes, noise: Sequence[float]) -> None:
    """Set the axis of the noise, linear below its smallest value."""
    smallest = min((level for level in noise if level > 0), default=1.0)
    axes.set_xscale("symlog", linthresh=smallest, linscale=0.6)
    axes.set_xticks(noise, [f"{level:g}" for level in noise])
    axes.xaxis.minorticks_off()
    axes.set_xlim(-0.25 * smallest, 1.3 * noise[-1])
    axes.set_xlabel("noise per pixel / mean flux")


def main(
    metrics: str | Path,
    files: FigureFiles,
    *,
    heads: Sequence[str | int],
    default: Mapping[str, object],
    architectures: Sequence[str],
) -> None:
    """Draw the `heads` and the template fit; `architectures` are in the order of the axis."""
    values, shown = read_metrics(metrics), [*heads, "template_fit"]
    points = collect(values, shown, default)
    impact = " and of ".join(AXES[axis] for axis in varied(points))
    fits = points[points["head"].isin(CLASSICAL)].groupby("metric")["mean"].min()
    lowest = listing(f"{METRIC_LABELS[name]} {significant(fits[name], 2)}" for name in fits.index)
    named = [name for name in architectures if (values["architecture"] == name).any()]
    files.save(
        draw(points, shown, named),
        points,
        f"Impact of {impact}.",
        "Mean and standard deviation over seeds, most probable class of the classifications. "
        f"{sizes_note(values, points)} "
        f"Where an axis does not vary it: architecture {default['architecture']}, "
        f"{default['n_train']:g} training spectra, {noise_name(default['snr'])} per pixel. "
        "The panels of a row share their axis, which the networks set. The template fit knows "
        f"these SEDs and goes down to {lowest}. {NOTE}",
        "Two rows of panels, mean squared and mean absolute error on logarithmic axes, "
        "and a column for each of these; one colour per head.",
    )
    logger.info("Impact: %d points", len(points))


if __name__ == "__main__":
    run(main, snakemake)
