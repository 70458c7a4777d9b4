"""What the networks are worth: bias, outliers and RMS beside n(z) alone and plain regressors.

Inputs
    table3 : tables/table3.csv

Outputs
    pdf, png : the figure
    table : its points as CSV: metric, dataset, strategy, kind, mean, spread
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
from matplotlib.ticker import LogLocator

from transferz.core.logs import run
from transferz.core.products import read_csv
from transferz.evaluation.baselines import display_name
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.summaries import given_limits, have_limit, in_words
from transferz.report.figures import (
    DATASET_COLOURS,
    DATASET_MARKERS,
    DATASETS,
    FigureFiles,
    dataset_handles,
    legend_above,
    panel_letter,
    plain_numbers,
    requirement_handle,
    shade_requirement,
    subplots,
)
from transferz.report.tables import survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

OFFSET = 0.16
# An axis that spans more than this factor has labels at powers of ten alone.
MOST_LABELLED = 60.0
GAP = 0.55


def points_of(table: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return the points of the figure, one row per metric, data set and estimate."""
    parts = [
        table[["dataset", "strategy", "kind"]].assign(
            metric=metric, mean=table[f"{metric}_mean"], spread=table[f"{metric}_spread"]
        )
        for metric in metrics
    ]
    columns = ["metric", "dataset", "strategy", "kind", "mean", "spread"]
    return pd.concat(parts, ignore_index=True)[columns]


def rows_of(points: pd.DataFrame) -> dict[str, float]:
    """Return the height of each estimate, from the top, with gaps between the kinds."""
    kinds = points.drop_duplicates("strategy").set_index("strategy")["kind"]
    places, y, before = {}, 0.0, None
    for name, kind in kinds.items():
        y -= 1.0 + (GAP if before not in (None, kind) else 0.0)
        places[name], before = y, kind
    return places


def draw_panel(axes: Axes, points: pd.DataFrame, places: Mapping[str, float], metric: str, limit):
    """Draw one metric: |value| of each estimate on a logarithmic axis."""
    allowed = None if limit is None else (1e-9, limit)
    shade_requirement(axes, allowed, upright=False, edges=[limit])
    for y in places.values():
        axes.axhline(y, color="#E3E6EA", lw=0.6, zorder=0)
    for side, dataset in zip((1, -1), DATASETS, strict=True):
        rows = points[(points["metric"] == metric) & (points["dataset"] == dataset)]
        for row in rows.itertuples():
            axes.errorbar(
                abs(row.mean),
                places[row.strategy] + side * OFFSET,
                xerr=None
                if np.isnan(row.spread)
                else [[min(row.spread, 0.9 * abs(row.mean))], [row.spread]],
                fmt=DATASET_MARKERS[dataset],
                color=DATASET_COLOURS[dataset],
                ms=3.4,
                mfc=DATASET_COLOURS[dataset] if row.kind == "network" else "white",
                elinewidth=0.9,
                capsize=0,
            )
    name = METRICS[metric].label
    axes.set_xscale("log")
    axes.set_xlabel(f"|{name}|" if METRICS[metric].signed else name)


def draw(
    points: pd.DataFrame,
    metrics: Sequence[str],
    requirements: Mapping[str, float],
    labels: Mapping[str, str],
) -> Figure:
    """Return the figure."""
    places = rows_of(points)
    lowest = min(places.values())
    figure, panels = subplots(
        1, len(metrics), height=0.85 + 0.24 * -lowest, sharey=True, squeeze=False
    )
    for number, (axes, metric) in enumerate(zip(panels.flat, metrics, strict=True)):
        limit = requirements.get(METRICS[metric].requirement)
        draw_panel(axes, points, places, metric, limit)
        values = points.loc[points["metric"] == metric, "mean"].abs()
        floor = values[values > 0].min()
        low, high = 0.6 * min(floor, limit or floor), 1.6 * values.max()
        axes.set_xlim(low, high)
        wide = high / low > MOST_LABELLED
        plain_numbers(axes.xaxis, (1,) if wide else (1, 2, 5))
        axes.xaxis.set_minor_locator(LogLocator(10, range(1, 10), numticks=50))
        panel_letter(axes, "abcdefgh"[number])
    panels[0, 0].set_yticks(list(places.values()), [display_name(n, labels) for n in places])
    for axes in panels.flat:
        axes.tick_params(axis="y", which="both", length=0)
        axes.set_ylim(lowest - 0.6, -0.4)
    handles = dataset_handles(labels, "tested on {name} ({role})")
    if have_limit(metrics, requirements):
        handles.append(requirement_handle())
    legend_above(figure, handles)
    return figure


def main(
    table3: str | Path,
    files: FigureFiles,
    *,
    metrics: Sequence[str],
    z_range: Sequence[float],
    requirements: Mapping[str, float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the comparison.

    Parameters
    ----------
    metrics : sequence of str
        Panels, from left to right.
    requirements : mapping
        Limits by kind of metric or None.
    """
    points = points_of(read_csv(table3, what="Table 3", rule="table3"), metrics)
    shown = points["strategy"].unique()
    requirements = given_limits(requirements)
    files.save(
        draw(points, metrics, requirements, labels),
        points,
        "Baselines.",
        f"{', '.join(METRICS[metric].label for metric in metrics)} for {z_range[0]:g} < z <= "
        f"{z_range[1]:g} of the networks (filled) beside estimates without photometry, each galaxy "
        "at the median redshift of the training sample, and plain regressors on the same rows "
        "and magnitudes (open); named is the training sample. Mean and standard deviation over "
        "seeds; logarithmic axes; of the bias the absolute value. Green: LSST requirement. "
        f"{survey_note(survey)}",
        in_words(points, {name: display_name(name, labels) for name in shown}, labels),
    )
    logger.info("%d points", len(points))


if __name__ == "__main__":
    run(main, snakemake)
