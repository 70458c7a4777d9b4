"""How much each metric differs from seed to seed.

Inputs
    per_seed : metrics/per_seed.csv

Outputs
    pdf, png : the figure
    table : as CSV: metric, dataset, strategy, n_seeds, mean, spread, low, high (central 95%)
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from transferz.core.logs import run
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import read_per_seed, seed_values, summarise
from transferz.report.figures import (
    DATASET_COLOURS,
    DATASETS,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    subplots,
)
from transferz.report.tables import significant, survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


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
    metrics: Sequence[str],
    strategies: Sequence[str],
    labels: Mapping[str, str],
) -> Figure:
    """Return the figure, a panel per metric."""
    height = 0.9 + 0.42 * len(strategies)
    figure, panels = subplots(1, len(metrics), height=height, squeeze=False)
    names = [label(name, labels) for name in strategies]
    for column, (axes, metric) in enumerate(zip(panels[0], metrics, strict=True)):
        samples = pd.concat(
            pd.DataFrame({"value": sample, "dataset": dataset, "strategy": strategy})
            for (name, dataset, strategy), sample in values.items()
            if name == metric
        )
        draw_violins(axes, samples)
        axes.set_yticks(range(len(names)), names if column == 0 else [""] * len(names))
        axes.tick_params(axis="y", which="both", length=0)
        axes.set(xlabel=METRICS[metric].label, ylabel="", ylim=(len(names) - 0.45, -0.55))
        axes.locator_params(axis="x", nbins=4)
        panel_letter(axes, "abcdefgh"[column])
    handles = [
        Patch(facecolor=DATASET_COLOURS[name], alpha=0.5, label=label(name, labels))
        for name in DATASETS
    ]
    legend_above(figure, handles, 2)
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
    table = pd.DataFrame(
        [(*key, *astuple(summarise(sample))) for key, sample in values.items()],
        columns=["metric", "dataset", "strategy", "n_seeds", "mean", "spread", "low", "high"],
    )
    relative = [
        f"{METRICS[row.metric].label} of {label(row.strategy, labels)} on "
        f"{label(row.dataset, labels)}: {significant(100 * row.spread / abs(row.mean), 2)}%"
        for row in table.itertuples()
        if row.spread > 0 and row.mean != 0
    ]
    files.save(
        draw(values, metrics, strategies, labels),
        table,
        "Spread over seeds.",
        f"Distribution of each metric over {n} seeds for {z_range[0]:g} < z <= "
        f"{z_range[1]:g}, on {label('target', labels)} (upwards, blue) and "
        f"{label('source', labels)} (downwards, orange); lines: seeds; dots: means. "
        f"{survey_note(survey)}",
        f"Standard deviation over seeds in per cent of the mean. {'; '.join(relative)}.",
    )
    logger.info("%d seeds", n)


if __name__ == "__main__":
    run(main, snakemake)
