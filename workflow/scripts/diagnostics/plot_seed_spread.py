"""How much each metric differs from seed to seed, and how averaging over seeds tames it.

Inputs
    per_seed : metrics/per_seed.csv

Outputs
    pdf, png : the figure
    table : its lines as CSV: metric, dataset, strategy, n_seeds, half_width
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from transferz.core.logs import run
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import read_per_seed, seed_values, summarise
from transferz.report.figures import (
    DATASET_COLOURS,
    DATASETS,
    NEUTRAL,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    strategy_handles,
    strategy_styles,
    subplots,
)
from transferz.report.tables import significant, survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Key of the random generator that draws seeds to average over; draws per number of seeds.
DRAW_SEED = 68
DRAWS = 4000
MOST_STEPS = 12


def numbers_of_seeds(n: int) -> list[int]:
    """Return about `MOST_STEPS` numbers of seeds from 1 to n, evenly spaced in the logarithm."""
    return sorted(set(np.round(np.geomspace(1, n, MOST_STEPS)).astype(int).tolist()))


def half_widths(values: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """Return half the width of the central 95% of means over so many seeds.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_seeds,)
        A metric of each seed; means are over draws with replacement.
    numbers : sequence of int

    Returns
    -------
    numpy.ndarray, shape (len(numbers),)
    """
    generator = np.random.default_rng([DRAW_SEED, len(values)])
    widths = []
    for number in numbers:
        drawn = generator.integers(0, len(values), size=(DRAWS, number))
        low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
        widths.append(0.5 * (high - low))
    return np.array(widths)


def draw_violins(axes: Axes, values: pd.DataFrame) -> None:
    """Draw half a violin of each strategy on the target, above, and on the source, below.

    Lines in them are seeds, dots are means over seeds.
    """
    places = {
        **{"data": values, "x": "value", "y": "strategy", "hue": "dataset", "hue_order": DATASETS},
        **{"palette": DATASET_COLOURS, "legend": False, "ax": axes},
    }
    shape = {"split": True, "density_norm": "width", "linewidth": 0.5, "saturation": 1}
    seaborn.violinplot(**places, **shape, inner="stick", inner_kws={"linewidth": 0.3})
    # Each violin is a filled shape, then its lines, which are to have its colour.
    for part in axes.collections:
        if isinstance(part, FillBetweenPolyCollection):
            colour = part.get_facecolor()
            part.set_facecolor((*colour[0, :3], 0.35))
        part.set_edgecolor(colour)
    seaborn.pointplot(**places, errorbar=None, dodge=0.1, ls="", ms=3.2, mec="white", mew=0.5)


def draw(
    values: Mapping[tuple[str, str, str], np.ndarray],
    widths: pd.DataFrame,
    metrics: Sequence[str],
    strategies: Sequence[str],
    labels: Mapping[str, str],
) -> Figure:
    """Return the figure: distributions above, widths of means below."""
    styles = strategy_styles(strategies)
    height = 0.9 + 0.42 * len(strategies)
    figure, panels = subplots(
        2,
        len(metrics),
        height=height + 2.5,
        height_ratios=[height, 2.1],
        squeeze=False,
    )
    names = [label(name, labels) for name in strategies]
    for column, metric in enumerate(metrics):
        upper, lower = panels[:, column]
        samples = pd.concat(
            pd.DataFrame({"value": sample, "dataset": dataset, "strategy": strategy})
            for (name, dataset, strategy), sample in values.items()
            if name == metric
        )
        draw_violins(upper, samples)
        upper.set_yticks(range(len(names)), names if column == 0 else [""] * len(names))
        upper.tick_params(axis="y", which="both", length=0)
        upper.set(xlabel=METRICS[metric].label, ylabel="", ylim=(len(names) - 0.45, -0.55))
        upper.locator_params(axis="x", nbins=4)
        panel_letter(upper, "abcdefgh"[column])
        shown = widths[widths["metric"] == metric]
        for dataset, dashes in (("target", "-"), ("source", (0, (3, 1.5)))):
            for strategy, rows in shown[shown["dataset"] == dataset].groupby("strategy"):
                style = styles[strategy] | {"ls": dashes, "ms": 2.6, "mew": 0, "lw": 0.9}
                lower.plot(rows["n_seeds"], rows["half_width"], **style)
        n = widths["n_seeds"].unique()
        top = widths.loc[(widths["metric"] == metric) & (widths["n_seeds"] == 1), "half_width"]
        lower.plot(n, 1.5 * top.max() / np.sqrt(n), color=NEUTRAL, lw=0.8, ls=":")
        lower.set(xscale="log", yscale="log", xlabel="Seeds averaged")
        ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500) if tick <= n.max()]
        lower.set_xticks(ticks, [str(tick) for tick in ticks])
        lower.xaxis.set_minor_locator(plt.NullLocator())
        panel_letter(lower, "abcdefgh"[len(metrics) + column])
    panels[1, 0].set_ylabel("Half width of 95% interval")
    handles = [
        Patch(facecolor=DATASET_COLOURS[name], alpha=0.5, label=label(name, labels))
        for name in DATASETS
    ]
    handles += strategy_handles(styles, labels, 3.2)
    handles.append(Line2D([], [], color=NEUTRAL, lw=0.8, ls=":", label=r"$\propto 1/\sqrt{N}$"))
    legend_above(figure, handles, 6)
    return figure


def main(
    per_seed: str | Path,
    files: FigureFiles,
    *,
    metrics: Sequence[str],
    strategies: Sequence[str],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the spread over seeds.

    Parameters
    ----------
    metrics, strategies : sequence of str
        Columns and rows.
    """
    networks = read_per_seed(per_seed)
    values = {
        (metric, dataset, name): seed_values(networks, metric, name, dataset, z_range).to_numpy(
            np.float64
        )
        for metric in metrics
        for dataset in DATASETS
        for name in strategies
    }
    n = len(next(iter(values.values())))
    numbers = numbers_of_seeds(n)
    widths = pd.concat(
        pd.DataFrame(
            {
                "metric": metric,
                "dataset": dataset,
                "strategy": name,
                "n_seeds": numbers,
                "half_width": half_widths(sample, numbers),
            }
        )
        for (metric, dataset, name), sample in values.items()
    )
    relative = [
        f"{METRICS[metric].label} of {label(name, labels)} on {label(dataset, labels)}: "
        f"{significant(100 * summary.spread / abs(summary.mean), 2)}%"
        for (metric, dataset, name), sample in values.items()
        if (summary := summarise(sample)).spread > 0 and summary.mean != 0
    ]
    files.save(
        draw(values, widths, metrics, strategies, labels),
        widths,
        "Spread over seeds.",
        f"Top: distribution of each metric over {n} seeds for {z_range[0]:g} < z <= "
        f"{z_range[1]:g}, on {label('target', labels)} (upwards, blue) and "
        f"{label('source', labels)} (downwards, orange); lines: seeds; dots: means. Bottom: "
        "half the width of the 95% interval of a mean over N seeds, on "
        f"{label('target', labels)} (solid) and {label('source', labels)} (dashed); "
        f"dotted: 1/sqrt(N). {survey_note(survey)}",
        f"Standard deviation over seeds in per cent of the mean. {'; '.join(relative)}.",
    )
    logger.info("%d seeds", n)


if __name__ == "__main__":
    run(main, snakemake)
