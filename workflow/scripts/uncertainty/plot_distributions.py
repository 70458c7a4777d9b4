"""Figure: PIT and coverage of the distributions that networks with classes of redshift give.

Inputs
    pit : metrics/distributions/{strategy}/pit.csv, all strategies that give distributions

Outputs
    pdf, png : the figure
    table : its numbers: panel, strategy, dataset, judged_by, x, y
    caption : caption and alt text
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.evaluation.judges import JUDGED
from transferz.report.figures import (
    DATASET_COLOURS,
    NEUTRAL,
    STRATEGY_COLOURS,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    strategy_styles,
    subplots,
)
from transferz.report.tables import fixed, survey_note
from transferz.uncertainty.scores import central_coverage, read_scores

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Classes of the PIT as drawn, and their multiple in the files.
BINS = 20
# Of strategies beyond the number of colours.
LINES = ("-", (0, (4, 1.5)), (0, (1, 1)))
# Densities above are cut: those of networks that collapsed would flatten all others.
HIGHEST_DENSITY = 4.0


def source_table(pits: pd.DataFrame) -> pd.DataFrame:
    """Return PIT histograms (density) and coverage of central intervals minus nominal."""
    rows = []
    for key, part in pits.groupby(["strategy", "dataset", "judged_by"], sort=False):
        counts = part.sort_values("low")["n"].to_numpy(np.float64)
        density = counts.reshape(BINS, -1).sum(axis=1) * BINS / counts.sum()
        centres = (np.arange(BINS) + 0.5) / BINS
        rows += [("pit", *key, x, y) for x, y in zip(centres, density, strict=True)]
        nominal, held = central_coverage(counts)
        rows += [("coverage", *key, x, y - x) for x, y in zip(nominal, held, strict=True)]
    return pd.DataFrame(rows, columns=["panel", "strategy", "dataset", "judged_by", "x", "y"])


def draw(table: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Return the figure: one column per test set and judge, PIT above, coverage below."""
    strategies = list(dict.fromkeys(table["strategy"]))
    styles = strategy_styles(strategies)
    for number, style in enumerate(styles.values()):
        style["ls"] = LINES[number // len(STRATEGY_COLOURS) % len(LINES)]
    there = set(zip(table["dataset"], table["judged_by"], strict=True))
    shown = [judged for judged in JUDGED if judged in there]
    figure, panels = subplots(2, len(shown), height=4.6, sharex="row", sharey="row", squeeze=False)
    for column, (dataset, judge) in enumerate(shown):
        upper, lower = panels[:, column]
        upper.axhline(1.0, color=NEUTRAL, lw=0.7)
        lower.axhline(0.0, color=NEUTRAL, lw=0.7)
        part = table[(table["dataset"] == dataset) & (table["judged_by"] == judge)]
        for strategy in strategies:
            rows = part[part["strategy"] == strategy]
            pit, held = (rows[rows["panel"] == name] for name in ("pit", "coverage"))
            style = styles[strategy]
            edges = np.arange(BINS + 1) / BINS
            line = {"color": style["color"], "ls": style["ls"]}
            upper.stairs(pit["y"].to_numpy(), edges, **line, lw=1.0)
            lower.plot(
                100 * held["x"],
                100 * held["y"],
                **style,
                markevery=(len(held) // 5 - 1, len(held) // 5),
                ms=3.5,
                mew=0,
                lw=1.0,
                label=label(strategy, labels),
            )
        upper.set_title(
            f"{label(dataset, labels)}, by {judge}",
            fontsize=8.5,
            color=DATASET_COLOURS[dataset],
            fontweight="bold",
        )
        upper.set(xlim=(0, 1), xlabel="Probability integral transform")
        lower.set(xlim=(0, 100), xlabel="Nominal coverage (%)")
        for row, axes in enumerate((upper, lower)):
            panel_letter(axes, "abcdef"[row * len(shown) + column])
    highest = min(HIGHEST_DENSITY, 1.08 * table.loc[table["panel"] == "pit", "y"].max())
    panels[0, 0].set(ylabel="Density", ylim=(0, highest))
    panels[1, 0].set(ylabel="Coverage − nominal (%)")
    legend_above(figure, panels[1, 0], 5)
    return figure


def main(
    pit: Sequence[str | Path] | None,
    files: FigureFiles,
    *,
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the figure."""
    source = source_table(read_scores(pit))
    coverage = source[source["panel"] == "coverage"]
    keys = ["strategy", "dataset", "judged_by"]
    farthest = coverage.loc[
        coverage.groupby(keys, sort=False)["y"].apply(lambda y: y.abs().idxmax())
    ]
    files.save(
        draw(source, labels),
        source,
        "Are the networks' own distributions as wide as they should be?",
        "Above: probability integral transform of the distributions that single networks give, all "
        f"seeds together, flat if they are calibrated; cut above {HIGHEST_DENSITY:g}. Below: share "
        "of redshifts in the central interval, minus the nominal share: below zero the "
        "distributions are too narrow. All test galaxies; nothing is calibrated. "
        f"{survey_note(survey)}",
        " ".join(
            f"{label(row.strategy, labels)} on {label(row.dataset, labels)} by {row.judged_by}: "
            f"farthest from nominal by {fixed(100 * row.y, 1)} points, at {100 * row.x:.0f}%."
            for row in farthest.itertuples()
        ),
    )
    logger.info("Figure of distributions: %d strategies", source["strategy"].nunique())


if __name__ == "__main__":
    run(main, snakemake)
