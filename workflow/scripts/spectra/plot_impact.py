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

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transferz.core.logs import job
from transferz.report.figures import (
    FigureFiles,
    legend_above,
    panel_letter,
    subplots,
)
from transferz.spectra.plotting import draw_curve, draw_points, head_style, log_ticks
from transferz.spectra.results import (
    CLASSICAL,
    METRIC_LABELS,
    NOTE,
    POINT_COLUMNS,
    best_estimator,
    head_name,
    points_of,
    read_metrics,
    select,
    sizes_note,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

METRICS = ("mse", "mae")


def values_of(metrics: pd.DataFrame, axis: str) -> list:
    """Values of an axis that some network has, in order."""
    networks = metrics[~metrics["head"].isin(CLASSICAL)]
    found = networks[axis].unique().tolist()
    return found if axis == "architecture" else sorted(found)


def collect(
    metrics: pd.DataFrame, heads: Sequence[str | int], default: Mapping[str, object]
) -> pd.DataFrame:
    """Return every point of the figure: axis, value, head, metric, statistics over seeds."""
    rows = []
    for axis in ("architecture", "n_train", "snr"):
        for head in heads:
            if head in CLASSICAL and axis != "snr":
                continue
            for value in values_of(metrics, axis):
                keys = {axis: value, "estimator": best_estimator(head)}
                chosen = select(metrics, default, head, **keys)
                rows += points_of((axis, value, str(head)), chosen, METRICS)
    return pd.DataFrame(rows, columns=["axis", "value", "head", *POINT_COLUMNS])


def draw_axis(
    axes: Axes,
    metrics: pd.DataFrame,
    axis: str,
    metric: str,
    heads: Sequence[str | int],
    default: Mapping[str, object],
    architectures: Sequence[str],
) -> None:
    """Draw one panel: a metric of every head along one axis of the study."""
    values = list(architectures) if axis == "architecture" else values_of(metrics, axis)
    for number, head in enumerate(heads):
        if head in CLASSICAL and axis != "snr":
            continue
        style = head_style(head, heads)
        groups = [
            select(metrics, default, head, estimator=best_estimator(head), **{axis: value})[metric]
            for value in values
        ]
        if axis == "architecture":
            shift = 0.22 * (number - 0.5 * (len(heads) - 2))
            for place, group in enumerate(groups):
                draw_points(axes, place + shift, group, style)
        else:
            # The noiseless case has no place on a logarithmic axis of S/N: its inverse has.
            x = [1.0 / value for value in values] if axis == "snr" else values
            draw_curve(axes, x, groups, style, label=head_name(head))
    log_ticks(axes)
    axes.set_ylabel(METRIC_LABELS[metric])
    if axis == "architecture":
        axes.set_xticks(range(len(values)), [name.replace(" ", "\n") for name in values])
        axes.tick_params(axis="x", which="both", length=0)
        axes.set_xlim(-0.6, len(values) - 0.4)
    elif axis == "n_train":
        axes.set_xscale("log")
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.xaxis.minorticks_off()
        axes.set_xlabel("training spectra")
    else:
        noise = sorted(1.0 / value for value in values)
        smallest = min((level for level in noise if level > 0), default=1.0)
        axes.set_xscale("symlog", linthresh=smallest, linscale=0.6)
        axes.set_xticks(noise, ["0" if level == 0 else f"{level:g}" for level in noise])
        axes.xaxis.minorticks_off()
        axes.set_xlim(-0.25 * smallest, 1.3 * noise[-1])
        axes.set_xlabel("noise per pixel / mean flux")


def draw(
    metrics: pd.DataFrame,
    heads: Sequence[str | int],
    default: Mapping[str, object],
    architectures: Sequence[str],
) -> Figure:
    """Return the figure: a row per metric, a column per axis."""
    figure, panels = subplots(len(METRICS), 3, height=4.3, sharex="col")
    for row, metric in enumerate(METRICS):
        for column, axis in enumerate(("architecture", "n_train", "snr")):
            axes = panels[row, column]
            draw_axis(axes, metrics, axis, metric, heads, default, architectures)
            panel_letter(axes, "abcdef"[3 * row + column])
            if row + 1 < len(METRICS):
                axes.set_xlabel("")
    legend_above(figure, panels[0, 2])
    return figure


def main(
    metrics: str | Path,
    files: FigureFiles,
    *,
    heads: Sequence[str | int],
    default: Mapping[str, object],
    architectures: Sequence[str],
) -> None:
    """Draw the impact of architecture, training-set size and noise.

    Parameters
    ----------
    metrics : path-like
    files : FigureFiles
        Outputs.
    heads : sequence
        `regression` and numbers of classes; the template fit is put beside them.
    default : mapping
        ``spectra.default``.
    architectures : sequence of str
        In the order of the axis.
    """
    values, shown = read_metrics(metrics), [*heads, "template_fit"]
    points = collect(values, shown, default)
    named = [name for name in architectures if (values["architecture"] == name).any()]
    level = "noiseless" if np.isinf(default["snr"]) else f"S/N {default['snr']:g}"
    files.save(
        draw(values, shown, default, named),
        points,
        "Impact of architecture, of training-set size and of noise.",
        "Mean and standard deviation over seeds, most probable class of the classifications. "
        f"{sizes_note(values, points)} "
        f"Where an axis does not vary it: architecture {default['architecture']}, "
        f"{default['n_train']:g} training spectra, {level} per pixel. {NOTE}",
        "Two rows of three panels, mean squared and mean absolute error on logarithmic axes "
        "against architecture, number of training spectra and noise, one colour per head.",
    )
    logger.info("Impact: %d points", len(points))


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            FigureFiles.of(snakemake.output),
            heads=snakemake.params.heads,
            default=snakemake.params.default,
            architectures=snakemake.params.architectures,
        )
