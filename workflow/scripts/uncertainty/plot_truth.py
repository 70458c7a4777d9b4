"""Figure: how much of the error on the source data set is the label's own (embedded survey only).

Inputs
    csv : tables/truth.csv

Outputs
    pdf, png : the figure
    caption : caption and alt text
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from transferz.core.logs import run
from transferz.evaluation.metrics import METRICS
from transferz.report.figures import (
    NEUTRAL,
    SOURCE,
    TARGET,
    FigureFiles,
    entry_panels,
    label,
    legend_above,
    name_entries,
    panel_letter,
    turned,
)
from transferz.report.tables import survey_note, with_spread
from transferz.uncertainty.pages import fill

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

PANELS = ("bias_median", "scatter_mad", "outlier_fraction")
COLOURS = {"label": SOURCE, "truth": TARGET}
MARKERS = {"label": "s", "truth": "o"}
OFFSET = 0.17
# Values and spreads beyond so many times the median one of a panel do not stretch its axis.
FAR_OUT = 3.0


def by_name(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows for the range of redshift, by strategy, judge and metric."""
    rows = table[table["range"] == "range"]
    return rows.set_index(["strategy", "judged_by", "metric"])


def axis_limits(metric: str, rows: Sequence[pd.Series], own: float) -> tuple[float, float]:
    """Return the ends of a metric's axis: zero and the label's own value are always on it.

    Points that reach `FAR_OUT` times as far as the median one do not stretch it.
    """
    means, spreads = (
        np.nan_to_num([row[name] for row in rows]).astype(float) for name in ("mean", "spread")
    )
    reach = np.abs(means) + spreads
    near = reach <= FAR_OUT * np.median(reach)
    ends = [0.0, own, *(means - spreads)[near], *(means + spreads)[near]]
    pad = 0.08 * (max(ends) - min(ends))
    return (min(ends) - pad if METRICS[metric].signed else 0.0, max(ends) + pad)


def draw_beyond(axes: Axes, x: float, row: pd.Series, colour: str, upright: bool) -> None:
    """Draw an arrow at the end of the axis for a value beyond it, and its number."""
    low, high = axes.get_ylim() if upright else axes.get_xlim()
    above = row["mean"] > high
    marker = {(True, True): "^", (True, False): "v", (False, True): ">", (False, False): "<"}
    place = turned(x, high if above else low, upright)
    axes.plot(*place, marker[upright, above], color=colour, ms=4, clip_on=False, zorder=5)
    side = "right" if above else "left"
    axes.annotate(
        with_spread(row["mean"], row["spread"]),
        place,
        xytext=turned(0, -5 if above else 5, upright),
        textcoords="offset points",
        rotation=90 if upright else 0,
        ha="center" if upright else side,
        va=("top" if above else "bottom") if upright else "center_baseline",
        fontsize=6.5,
        color=colour,
    )


def draw(table: pd.DataFrame, strategies: Sequence[str], labels: Mapping[str, str]) -> plt.Figure:
    """Return the figure: one panel per metric, judged by the label and by the truth."""
    figure, panels, upright = entry_panels(len(strategies), len(PANELS))
    values, names = by_name(table), [label(name, labels) for name in strategies]
    for number, (axes, metric) in enumerate(zip(panels, PANELS, strict=True)):
        own = values.loc[("label", "truth", metric), "mean"]
        line = axes.axhline if upright else axes.axvline
        line(own, color=NEUTRAL, lw=1.0, ls=(0, (4, 2)), label="Label against truth")
        if METRICS[metric].signed:
            line(0.0, color="#333333", lw=0.6)
        judged = {by: [values.loc[(name, by, metric)] for name in strategies] for by in COLOURS}
        low, high = axis_limits(metric, [row for rows in judged.values() for row in rows], own)
        name_entries(axes, names, METRICS[metric].label, (low, high), upright)
        for side, (by, rows) in zip((-OFFSET, OFFSET), judged.items(), strict=True):
            places = np.arange(len(strategies)) + side
            means = np.array([row["mean"] for row in rows])
            shown = np.where((means >= low) & (means <= high), means, np.nan)
            axes.errorbar(
                *turned(places, shown, upright),
                **{"yerr" if upright else "xerr": [row["spread"] for row in rows]},
                fmt=MARKERS[by],
                color=COLOURS[by],
                ms=4,
                capsize=3,
                label=f"Network against {by}",
            )
            for place, row, within in zip(places, rows, ~np.isnan(shown), strict=True):
                if not within:
                    draw_beyond(axes, place, row, COLOURS[by], upright)
        panel_letter(axes, "abc"[number])
    legend_above(figure, panels[0])
    return figure


def main(
    csv: str | Path,
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the figure; `z_range` is the range of true redshift that the table was made for."""
    table = pd.read_csv(csv)
    values = by_name(table)
    scatters = {
        name: [values.loc[(name, by, "scatter_mad"), "mean"] for by in COLOURS]
        for name in strategies
    }
    n, source = int(values["n"].iloc[0]), label("source", labels)
    text = fill("truth.md", n=n, source=source, z_range=z_range)
    files.save(
        draw(table, strategies, labels),
        None,
        "How much of the error is the label's own?",
        f"{text} Dashed: the label itself against the truth. Values that reach more than "
        f"{FAR_OUT:g} times as far from zero as the median one do not stretch the axes: arrows and "
        "numbers stand for means beyond them, and error bars may be cut. "
        f"{survey_note(survey)}",
        " ".join(
            f"Scatter of {label(name, labels)}: {against[0]:.4f} against the label, "
            f"{against[1]:.4f} against the truth."
            for name, against in scatters.items()
        ),
    )
    logger.info("Figure of truth against label: %d strategies", len(strategies))


if __name__ == "__main__":
    run(main, snakemake)
