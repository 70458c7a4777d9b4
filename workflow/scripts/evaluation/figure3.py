"""Figure 3: bias, outliers and RMS of every strategy on both test sets, over all seeds.

Inputs
    per_seed : metrics/per_seed.csv

Outputs
    pdf, png : the figure
    table : its points as CSV: metric, dataset, strategy, n_seeds, mean, spread, low, high
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from transferz.core.logs import run
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import read_per_seed, seed_values, summarise
from transferz.evaluation.summaries import (
    allowed_range,
    definitions,
    given_limits,
    have_limit,
    in_words,
)
from transferz.report.figures import (
    DATASET_COLOURS,
    DATASET_MARKERS,
    DATASETS,
    MOST_UPRIGHT,
    REQUIREMENT,
    FigureFiles,
    dataset_handles,
    entry_panels,
    label,
    legend_above,
    name_entries,
    panel_letter,
    shade_requirement,
    turned,
)
from transferz.report.tables import siunitx, survey_note, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

OFFSET = 0.17
NUMBER = {"textcoords": "offset points", "ha": "center", "va": "top", "fontsize": 7}
ERROR_BAR = {"ms": 3.6, "elinewidth": 1.0, "capsize": 3.2, "capthick": 1.0, "zorder": 4}


def collect(
    per_seed: pd.DataFrame,
    metrics: Sequence[str],
    strategies: Sequence[str],
    z_range: Sequence[float],
) -> tuple[pd.DataFrame, dict[tuple[str, str, str], np.ndarray]]:
    """Return the points of the figure, and the values of all seeds behind each."""
    rows, values = [], {}
    for metric in metrics:
        for dataset in DATASETS:
            for name in strategies:
                seeds = seed_values(per_seed, metric, name, dataset, z_range).to_numpy(float)
                rows.append((metric, dataset, name, *astuple(summarise(seeds))))
                values[metric, dataset, name] = seeds
    columns = ["metric", "dataset", "strategy", "n_seeds", "mean", "spread", "low", "high"]
    return pd.DataFrame(rows, columns=columns), values


def known_literature(
    literature: Mapping[str, Mapping[str, object]], metrics: Sequence[str]
) -> dict[str, Mapping[str, object]]:
    """Return the published results that give a number for one of the metrics."""
    return {
        name: entry
        for name, entry in literature.items()
        if any(entry.get(metric) is not None for metric in metrics)
    }


def draw_seeds(axes: Axes, x: float, values: np.ndarray, colour: str, upright: bool) -> None:
    """Draw one faint dot per seed, beside each other by rank so that none hides another."""
    golden = 0.5 * (5**0.5 - 1)
    spread = (np.arange(1, len(values) + 1) * golden) % 1.0 - 0.5
    size = 1.6 if len(values) > 30 else 2.6
    place = turned(x + 0.28 * spread, np.sort(values), upright)
    axes.plot(*place, ".", ms=size, mew=0, color=colour, alpha=0.5, zorder=2)


def draw_panel(
    axes: Axes,
    metric: str,
    points: pd.DataFrame,
    values: Mapping,
    names: Sequence[str],
    literature: Mapping[str, Mapping[str, object]],
    allowed: tuple[float, float] | None,
    upright: bool,
) -> None:
    """Draw one metric: points with error bars, dots of the seeds, requirement, numbers below."""
    line = axes.axhline if upright else axes.axvline
    shade_requirement(axes, allowed, upright=upright, edges=set(allowed or ()) - {0.0})
    if METRICS[metric].signed:
        line(0, color="#333333", lw=0.6, zorder=1)
    for side, dataset in zip((-1, 1), DATASETS, strict=True):
        colour = DATASET_COLOURS[dataset]
        rows = points[(points["metric"] == metric) & (points["dataset"] == dataset)]
        for row in rows.itertuples():
            x = names.index(row.strategy) + side * OFFSET
            draw_seeds(axes, x, values[metric, dataset, row.strategy], colour, upright)
            spread = None if np.isnan(row.spread) else row.spread
            axes.errorbar(
                *turned(x, row.mean, upright),
                **ERROR_BAR,
                **{"yerr" if upright else "xerr": spread},
                fmt=DATASET_MARKERS[dataset],
                color=colour,
            )
            if not upright:
                continue
            axes.annotate(
                siunitx(row.mean, row.spread).replace("-", "\N{MINUS SIGN}"),
                (names.index(row.strategy), 0),
                xycoords=axes.get_xaxis_transform(),
                xytext=(0, -14 if side < 0 else -22.5),
                **NUMBER,
                color=colour,
            )
        for name, entry in literature.items():
            if entry.get(metric) is not None and entry.get("dataset") == dataset:
                place = turned(names.index(name) + side * OFFSET, entry[metric], upright)
                axes.plot(*place, "D", ms=4.5, mfc="white", mec=colour, mew=1.1, zorder=4)


def axis_limits(
    metric: str, values: Sequence[float], allowed: tuple[float, float] | None
) -> tuple[float, float]:
    """Return the ends of a metric's axis: zero is always on it, and so is the requirement."""
    shown = [*values, 0.0, *(allowed or ())]
    low, high = min(shown), max(shown)
    pad = 0.08 * (high - low)
    return (low - pad if METRICS[metric].signed else 0.0, high + pad)


def draw(
    points: pd.DataFrame,
    values: Mapping,
    metrics: Sequence[str],
    strategies: Sequence[str],
    literature: Mapping[str, Mapping[str, object]],
    requirements: Mapping[str, float],
    labels: Mapping[str, str],
) -> Figure:
    """Return the figure; the numbers of many strategies are left to Table 1."""
    names = [*strategies, *literature]
    figure, panels, upright = entry_panels(len(names), len(metrics))
    for number, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
        allowed = allowed_range(metric, requirements)
        draw_panel(axes, metric, points, values, names, literature, allowed, upright)
        seeds = np.concatenate([v for (name, *_), v in values.items() if name == metric])
        published = [e[metric] for e in literature.values() if e.get(metric) is not None]
        shown = axis_limits(metric, [*seeds, *published], allowed)
        displayed = [label(name, labels) for name in names]
        name_entries(axes, displayed, METRICS[metric].label, shown, upright)
        panel_letter(axes, "abcdefghij"[number])
    handles = dataset_handles(labels)
    if have_limit(metrics, requirements):
        colours = {"facecolor": (*to_rgb(REQUIREMENT), 0.16), "edgecolor": REQUIREMENT}
        handles.append(Patch(**colours, ls="--", label="LSST requirement"))
    legend_above(figure, handles)
    return figure


def literature_note(
    literature: Mapping[str, Mapping[str, object]], known: Mapping[str, object]
) -> str:
    """Return sentences on published results, shown or not."""
    cited = {n: f"{n} ({e.get('reference', 'no reference')})" for n, e in literature.items()}
    shown = [cited[name] for name in known]
    missing = [text for name, text in cited.items() if name not in known]
    note = f" Open diamonds: published, {', '.join(shown)}." if shown else ""
    if missing:
        note += f" Not shown, because no number of theirs is known to us: {', '.join(missing)}."
    return note


def main(
    per_seed: str | Path,
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    metrics: Sequence[str],
    z_range: Sequence[float],
    requirements: Mapping[str, float],
    literature: Mapping[str, Mapping[str, object]],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw Figure 3.

    Parameters
    ----------
    strategies, metrics : sequence of str
        In the order of an axis, and of the panels.
    literature : mapping
        Name to ``reference``, ``dataset`` and a number (or None) per metric.
    """
    metrics_table = read_per_seed(per_seed)
    points, values = collect(metrics_table, metrics, strategies, z_range)
    known = known_literature(literature, metrics)
    requirements = given_limits(requirements)
    counts = {
        name: seed_values(metrics_table, "n", strategies[0], name, z_range).iloc[0]
        for name in DATASETS
    }
    limits = ", ".join(f"{kind} {limit:g}" for kind, limit in requirements.items())
    n_seeds = points["n_seeds"].iloc[0]
    told = f"Symbols and numbers: mean over {n_seeds} seeds, with the standard deviation in units"
    told += " of the last digit;"
    if len(strategies) + len(known) > MOST_UPRIGHT:
        told = f"Symbols: mean over {n_seeds} seeds (numbers: Table 1);"
    files.save(
        draw(points, values, metrics, strategies, known, requirements, labels),
        points,
        "Figure 3.",
        f"{', '.join(METRICS[m].label for m in metrics)} of each strategy for {z_range[0]:g} < z "
        f"<= {z_range[1]:g}, on the test sets of {label('target', labels)} (target, blue "
        f"circles, {thousands(counts['target'])} galaxies) and {label('source', labels)} "
        f"(source, orange squares, {thousands(counts['source'])}). {told} "
        "error bars: standard deviation; dots: single seeds. Green: LSST requirements "
        f"({limits or 'none'}). {definitions(metrics)}.{literature_note(literature, known)} "
        f"{survey_note(survey)}",
        in_words(points, labels, labels),
    )
    logger.info("Figure 3: %d strategies, %d points", len(strategies), len(points))


if __name__ == "__main__":
    run(main, snakemake)
