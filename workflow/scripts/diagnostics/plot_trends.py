"""Bias, scatter and outliers of every strategy against redshift, or against magnitude.

Inputs
    metrics : metrics/per_seed.csv or metrics/per_magnitude.csv

Outputs
    pdf, png : the figure
    table : its lines as CSV: metric, dataset, strategy, low, high, n, n_seeds, p16, median, p84
    caption : caption and alt text, Markdown
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_csv
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import MOST, mostly_outliers, percentiles_in_bins
from transferz.evaluation.summaries import allowed_range, definitions, given_limits, have_limit
from transferz.report.figures import (
    DATASETS,
    NEUTRAL,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    plain_numbers,
    requirement_handle,
    shade_requirement,
    strategy_handles,
    strategy_styles,
    subplots,
)
from transferz.report.tables import significant, survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

OUTLIERS = (
    f"Grey: bins in which more than {MOST:.0%} of the galaxies are outliers for every strategy. "
)
BEYOND = "Hatched: too few galaxies. Values beyond an axis are in the table. "


def draw_counts(axes: Axes, table: pd.DataFrame) -> None:
    """Draw how many test galaxies each bin has, on a logarithmic axis."""
    rows = table.drop_duplicates(["low", "high"])
    for row in rows.itertuples():
        axes.fill_between([row.low, row.high], 1, row.n, color="#C9CDD2", lw=0)
    axes.set(yscale="log", ylim=(10, 3 * rows["n"].max()))
    plain_numbers(axes.yaxis, (1,))
    axes.tick_params(labelbottom=False)


def draw_metric(axes: Axes, table: pd.DataFrame, styles: Mapping, metric: str, allowed) -> None:
    """Draw one metric of all strategies in one data set: medians and bands, and the requirement."""
    shade_requirement(axes, allowed, alpha=0.13)
    if METRICS[metric].signed:
        axes.axhline(0, color="#333333", lw=0.5, zorder=1)
    for name, style in styles.items():
        rows = table[table["strategy"] == name]
        middle = 0.5 * (rows["low"] + rows["high"])
        # A bin that is left out breaks the line.
        gaps = np.flatnonzero(~np.isclose(rows["low"].to_numpy()[1:], rows["high"].to_numpy()[:-1]))
        for piece in np.split(np.arange(len(rows)), gaps + 1):
            x, part = middle.iloc[piece], rows.iloc[piece]
            axes.fill_between(x, part["p16"], part["p84"], color=style["color"], alpha=0.22, lw=0)
            axes.plot(x, part["median"], **style, ms=2.6, lw=1.0, mew=0)


def set_scale(axes: Axes, table: pd.DataFrame, metric: str, limit: float | None) -> None:
    """Set the vertical axis, the same for both data sets; zero is always on it."""
    low, high, room = table["p16"].min(), table["p84"].max(), 1.5 * (limit or 0)
    if METRICS[metric].signed:
        axes.set_ylim(1.25 * min(low, -room), 1.25 * max(high, room))
    elif METRICS[metric].requirement == "outliers":
        axes.set_ylim(0, 1)
    else:
        axes.set_ylim(0, 1.08 * max(high, room))


def mark_empty(panels: Sequence[Axes], table: pd.DataFrame, edges: np.ndarray) -> None:
    """Hatch the bins without a row in the panels of a data set's metrics."""
    empty = [
        pair for pair in itertools.pairwise(edges) if not np.isclose(table["low"], pair[0]).any()
    ]
    for axes, (low, high) in itertools.product(panels, empty):
        axes.axvspan(low, high, fc="white", ec="#C9CDD2", hatch="////", lw=0, zorder=0)


def mark_outliers(panels: Sequence[Axes], bins: pd.DataFrame) -> None:
    """Grey the bins in a data set's panels, and say what they are in the one of the counts."""
    for row in bins.itertuples():
        for axes in panels:
            axes.axvspan(row.low, row.high, color=NEUTRAL, alpha=0.16, lw=0, zorder=0)
    if len(bins):
        middle = 0.5 * (bins["low"].min() + bins["high"].max())
        style = {"transform": panels[0].get_xaxis_transform(), "ha": "center", "va": "top"}
        panels[0].text(middle, 0.93, "most are outliers", **style, fontsize=7, color="#333333")


def draw(
    table: pd.DataFrame,
    bad: pd.DataFrame,
    names: Sequence[str],
    strategies: Sequence[str],
    axis_label: str,
    requirements: Mapping[str, float],
    z_range: Sequence[float] | None,
    labels: Mapping[str, str],
) -> Figure:
    """Return the figure; `z_range` is marked where given, and the bins of `mostly_outliers`."""
    styles = strategy_styles(strategies)
    sizes = {"height": 0.75 + 1.45 * len(names), "height_ratios": [0.36] + [1.0] * len(names)}
    figure, panels = subplots(1 + len(names), 2, **sizes, sharex="all", sharey="row")
    low, high, width = table["low"].min(), table["high"].max(), (table["high"] - table["low"]).min()
    edges = np.linspace(low, high, 1 + round((high - low) / width))
    for column, dataset in enumerate(DATASETS):
        inside = table[table["dataset"] == dataset]
        panels[0, column].set_title(f"{label(dataset, labels)} ({dataset})")
        if inside.empty:
            continue
        draw_counts(panels[0, column], inside)
        for row, metric in enumerate(names, start=1):
            allowed = allowed_range(metric, requirements)
            mine = inside[inside["metric"] == metric]
            draw_metric(panels[row, column], mine, styles, metric, allowed)
            panel_letter(panels[row, column], "abcdefgh"[2 * (row - 1) + column])
        panels[-1, column].set_xlabel(axis_label)
        panels[-1, column].tick_params(axis="x", pad=5)
        mark_outliers(panels[:, column], bad[bad["dataset"] == dataset])
        mark_empty(panels[1:, column], inside, edges)
        for axes, edge in itertools.product(panels[:, column], z_range or ()):
            axes.axvline(edge, color=NEUTRAL, lw=0.6, ls=(0, (1, 2)), zorder=1)
    # Bins of outliers and beyond `z_range` do not set the scales, unless all are such.
    good = table.merge(bad, how="left", indicator=True)["_merge"].eq("left_only").to_numpy()
    central = (0.5 * (table["low"] + table["high"])).between(*(z_range or (low, high))).to_numpy()
    judged = table[good & central] if (good & central).any() else table
    for row, metric in enumerate(names, start=1):
        limit = requirements.get(METRICS[metric].requirement)
        set_scale(panels[row, 0], judged[judged["metric"] == metric], metric, limit)
        panels[row, 0].set_ylabel(METRICS[metric].label)
    panels[0, 0].set(ylabel="Galaxies", xlim=(low, high))
    figure.align_ylabels(panels[:, 0])
    handles = strategy_handles(styles, labels, 3.4)
    if have_limit(names, requirements):
        handles.append(requirement_handle())
    legend_above(figure, handles, 5)
    return figure


def read_bins(path: str | Path, quantity: str, bin_width: float) -> pd.DataFrame:
    """Return the rows of bins, their edges in columns ``low`` and ``high``.

    Raises
    ------
    InputError
        If the file is not such a table or has no bin.
    """
    edges = {"redshift": ("z_min", "z_max"), "magnitude": ("mag_min", "mag_max")}[quantity]
    columns = [*edges, "strategy", "dataset", "n"]
    table = read_csv(path, columns, what="table of metrics", may_be_empty=True)
    table = table.rename(columns=dict(zip(edges, ("low", "high"), strict=True)))
    bins = table[np.isclose(table["high"] - table["low"], bin_width)]
    if bins.empty:
        raise InputError(
            "no bin has enough galaxies",
            file=path,
            key="evaluation.bin_min_galaxies",
            fix="lower it, or give more galaxies",
        )
    return bins


def alt_text(table: pd.DataFrame, names: Sequence[str], labels: Mapping[str, str]) -> str:
    """Return the range of each line in words."""
    shown = table[table["metric"] == names[-1]]
    return " ".join(
        f"{METRICS[names[-1]].label} of {label(strategy, labels)} on {label(dataset, labels)}: "
        f"{significant(line.min(), 2)} to {significant(line.max(), 2)}."
        for (dataset, strategy), line in shown.groupby(["dataset", "strategy"], sort=False)[
            "median"
        ]
    )


def main(
    metrics: str | Path,
    files: FigureFiles,
    *,
    quantity: str,
    names: Sequence[str],
    strategies: Sequence[str],
    bin_width: float,
    band: str,
    z_range: Sequence[float],
    requirements: Mapping[str, float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the figure.

    Parameters
    ----------
    quantity : str
        redshift or magnitude.
    names, strategies : sequence of str
        Metrics (rows) and strategies (lines).
    bin_width : float
        Rows of other ranges are left out.
    z_range : pair of float
        Range of the headline numbers: marked on a redshift axis; magnitudes are within it.
    requirements : mapping
        Limits by kind of metric (bias, scatter, outliers) or None.
    """
    requirements = given_limits(requirements)
    bins = read_bins(metrics, quantity, bin_width)
    lines = percentiles_in_bins(bins, names, strategies)
    bad = mostly_outliers(percentiles_in_bins(bins, ["outlier_fraction"], strategies))
    by_redshift = quantity == "redshift"
    axis_label = "True redshift" if by_redshift else f"${band}$ magnitude (AB)"
    marked = z_range if by_redshift else None
    what = "true redshift" if by_redshift else f"{band} magnitude"
    where = f"{'Dotted:' if by_redshift else 'All for'} {z_range[0]:g} < z <= {z_range[1]:g}."
    shown = ", ".join(METRICS[name].label for name in names)
    outliers = OUTLIERS if len(bad) else ""
    files.save(
        draw(lines, bad, names, strategies, axis_label, requirements, marked, labels),
        lines,
        f"Trends with {quantity}.",
        f"{shown} against {what} in bins of {bin_width:g}, on the test sets of "
        f"{label('target', labels)} (left) and {label('source', labels)} (right). Lines: "
        f"median over {int(lines['n_seeds'].max())} seeds; bands: their central 68%; top: "
        f"galaxies per bin. Green: LSST requirement. {where} {outliers}{BEYOND}"
        f"{definitions(names)}. {survey_note(survey)}",
        alt_text(lines, names, labels),
    )


if __name__ == "__main__":
    run(main, snakemake)
