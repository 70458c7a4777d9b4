"""What drives the gain: the same strategies with a target that is drawn representatively.

Inputs
    per_seed : metrics/per_seed.csv
    control : metrics/control.csv
    source, target, control_catalogue : catalogues of source, target and control

Outputs
    pdf, png : the figure
    table : gains as CSV: target, metric, strategy, n_seeds, ratio, low, high, reference, value
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
from matplotlib.ticker import FixedLocator

from transferz.catalogues.quantities import quantity_labels, read_quantities
from transferz.core.logs import run
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import gains, read_per_seed
from transferz.report.figures import (
    DATASET_COLOURS,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    plain_numbers,
    subplots,
)
from transferz.report.tables import survey_note, thousands, with_interval

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

CONTROL = "#AA3377"
TARGETS = {"target": DATASET_COLOURS["target"], "control": CONTROL}
MARKERS = {"target": "o", "control": "D"}
OFFSET = 0.13
N_BINS = 45
# More names than this below an axis stand in two rows.
MOST_LEVEL = 3
# Range of an axis (highest over lowest) up to which it has fine ticks, and gain from which on it
# has only powers of ten.
NARROW, WIDE = 4.5, 30.0


def draw_distribution(axes: Axes, samples: Mapping[str, np.ndarray], limits) -> None:
    """Draw normalised histograms: the source filled, both targets as lines."""
    edges = np.linspace(*limits, N_BINS + 1)
    for name, values in samples.items():
        counts, _ = np.histogram(values, edges)
        density = counts / max(1, len(values)) / np.diff(edges)
        colour = {**TARGETS, "source": DATASET_COLOURS["source"]}[name]
        if name == "source":
            axes.stairs(density, edges, fill=True, color=colour, alpha=0.3, lw=0)
        else:
            axes.stairs(density, edges, color=colour, lw=1.2)
    axes.set(xlim=limits, ylim=(0, None))
    axes.tick_params(labelleft=False)


def draw_gains(axes: Axes, table: pd.DataFrame, strategies: Sequence[str], metric: str) -> None:
    """Draw the gain of each strategy on both targets, a logarithmic axis about no gain."""
    axes.axhline(1.0, color="#333333", lw=0.7)
    rows = table[(table["metric"] == metric) & np.isfinite(table["ratio"]) & (table["ratio"] > 0)]
    for side, target in zip((-1, 1), TARGETS, strict=True):
        for row in rows[rows["target"] == target].itertuples():
            known = np.isfinite(row.low) and np.isfinite(row.high) and row.low > 0
            axes.errorbar(
                strategies.index(row.strategy) + side * OFFSET,
                row.ratio,
                yerr=[[row.ratio - row.low], [row.high - row.ratio]] if known else None,
                fmt=MARKERS[target],
                color=TARGETS[target],
                ms=4.2,
                elinewidth=1.0,
            )
    finite = rows[["ratio", "low", "high"]].to_numpy()
    finite = finite[np.isfinite(finite) & (finite > 0)]
    reach = 1.25 * max(1.3, *(max(value, 1 / value) for value in finite)) if len(finite) else 2
    bottom = min(0.75, finite.min() / 1.2) if len(finite) else 0.5
    axes.set(yscale="log", ylim=(bottom, reach))
    if reach / bottom < NARROW:
        axes.yaxis.set_major_locator(
            FixedLocator((0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.5))
        )
        axes.yaxis.set_minor_locator(plt.NullLocator())
        plain_numbers(axes.yaxis)
    else:
        plain_numbers(axes.yaxis, (1, 2, 5) if reach < WIDE else (1,))
    name = METRICS[metric].label
    axes.set_ylabel(f"Gain in {name if name.isupper() else name.lower()}")


def draw(
    table: pd.DataFrame,
    samples: Mapping[str, pd.DataFrame],
    metrics: Sequence[str],
    strategies: Sequence[str],
    axis_labels: Mapping[str, str],
    names: Mapping[str, str],
    labels: Mapping[str, str],
) -> Figure:
    """Return the figure: the three samples above, the gains below."""
    columns = max(len(axis_labels), len(metrics))
    figure, panels = subplots(2, columns, height=4.3, height_ratios=[0.75, 1.0], squeeze=False)
    for axes in panels.flat:
        axes.set_visible(False)
    for number, (quantity, text) in enumerate(axis_labels.items()):
        axes = panels[0, number]
        axes.set_visible(True)
        values = {name: sample[quantity].to_numpy() for name, sample in samples.items()}
        both = np.concatenate(list(values.values()))
        limits = (0.0, 3.0) if quantity == "redshift" else tuple(np.percentile(both, (0.3, 99.7)))
        draw_distribution(axes, values, limits)
        axes.set_xlabel(text)
        panel_letter(axes, "abcdefgh"[number])
    panels[0, 0].set_ylabel("Probability density")
    others = list(strategies[1:])
    for number, metric in enumerate(metrics):
        axes = panels[1, number]
        axes.set_visible(True)
        draw_gains(axes, table, others, metric)
        names_below = [label(name, labels) for name in others]
        # Many names stand in two rows: every other one is that of a minor tick.
        step = 2 if len(others) > MOST_LEVEL else 1
        axes.set_xticks(range(0, len(others), step), names_below[::step])
        if step > 1:
            axes.set_xticks(range(1, len(others), 2), names_below[1::2], minor=True)
            axes.tick_params(axis="x", which="minor", pad=15, labelsize=8)
        else:
            axes.set_xticks([], minor=True)
        axes.tick_params(axis="x", which="both", length=0)
        axes.set_xlim(-0.6, len(others) - 0.4)
        panel_letter(axes, "abcdefgh"[len(axis_labels) + number])
    handles = [
        Line2D([], [], color=TARGETS[name], marker=MARKERS[name], lw=1.2, label=names[name])
        for name in TARGETS
    ]
    handles.append(
        plt.Rectangle(
            (0, 0),
            1,
            1,
            color=DATASET_COLOURS["source"],
            alpha=0.4,
            lw=0,
            label=names["source"],
        )
    )
    legend_above(figure, handles)
    return figure


def in_words(table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Return the gains as sentences."""
    return " ".join(
        f"{METRICS[row.metric].label}, {label(row.strategy, labels)}, "
        f"{'control' if row.target == 'control' else label('target', labels)}: "
        f"{with_interval(row.ratio, row.low, row.high)}."
        for row in table.itertuples()
    )


def main(
    per_seed: str | Path,
    control: str | Path,
    source: str | Path,
    target: str | Path,
    control_catalogue: str | Path,
    files: FigureFiles,
    *,
    metrics: Sequence[str],
    strategies: Sequence[str],
    seeds: Sequence[int],
    z_range: Sequence[float],
    bands: Sequence[str],
    band: str,
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the control.

    Parameters
    ----------
    metrics, strategies : sequence of str
        Gains are over the first strategy.
    seeds : sequence of int
        Those of the control.
    band : str
        Of the magnitude.
    """
    tables = {"target": read_per_seed(per_seed), "control": read_per_seed(control)}
    ratios = gains(tables, metrics, strategies, seeds, z_range)
    pair = (bands[0], bands[1])
    paths = {"source": source, "target": target, "control": control_catalogue}
    samples = {name: read_quantities(path, band, pair) for name, path in paths.items()}
    names = {
        "target": f"{label('target', labels)} (target)",
        "control": "representative control",
        "source": f"{label('source', labels)} (source)",
    }
    axis_labels = quantity_labels(band, pair)
    figure = draw(ratios, samples, metrics, strategies, axis_labels, names, labels)
    first = label(strategies[0], labels)
    files.save(
        figure,
        ratios,
        "Control.",
        f"What drives the gain. Top: {label('target', labels)}, the target as spectroscopic "
        "surveys select it (blue), a control with the same photometry and true redshifts but drawn "
        f"representatively to the flux limit of {label('source', labels)} "
        f"({thousands(len(samples['control']))} galaxies, purple), and "
        f"{label('source', labels)} (orange, filled). Bottom: error of {first} over that of each"
        " other strategy on the test set of the target and, trained anew with the control in the "
        f"target's place, on that of the control; above 1: better than {first}. "
        f"{ratios['n_seeds'].iloc[0]} seeds, 95% intervals over seeds, {z_range[0]:g} < z <= "
        f"{z_range[1]:g}. {survey_note(survey)}",
        f"Ratio of errors, {first} over the other strategy. {in_words(ratios, labels)}",
    )
    logger.info("%d ratios", len(ratios))


if __name__ == "__main__":
    run(main, snakemake)
