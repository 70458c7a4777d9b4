"""Figure: coverage of the 68% intervals in fifths of predicted redshift, magnitude and colour.

Inputs
    coverage : metrics/conditional_coverage.csv

Outputs
    pdf, png : the figure
    table : its numbers, rows of the input
    caption : caption and alt text
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.report.figures import (
    DATASET_COLOURS,
    DATASETS,
    NEUTRAL,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    strategy_styles,
    subplots,
)
from transferz.report.tables import survey_note
from transferz.uncertainty.intervals import PREDICTED

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

NAMES = {"z_ensemble": "predicted redshift", "magnitude": "magnitude", "colour": "colour"}
# Points of coverage that a survey allows.
ALLOWED = 3.0


def draw(table: pd.DataFrame, strategies: Sequence[str], labels: Mapping[str, str]) -> plt.Figure:
    """Return the figure: one row per data set, one column per quantity."""
    styles = strategy_styles(strategies)
    figure, panels = subplots(2, len(PREDICTED), height=4.2, sharex=True, sharey=True)
    for row, dataset in enumerate(DATASETS):
        for column, quantity in enumerate(PREDICTED):
            axes = panels[row, column]
            axes.axhspan(-ALLOWED, ALLOWED, color=NEUTRAL, alpha=0.18, lw=0)
            axes.axhline(0.0, color=NEUTRAL, lw=0.7)
            for place, strategy in enumerate(strategies):
                found = table[
                    (table["dataset"] == dataset)
                    & (table["quantity"] == quantity)
                    & (table["strategy"] == strategy)
                ]
                # Beside each other, so that the bars can be told apart.
                shift = 0.12 * (place - 0.5 * (len(strategies) - 1))
                axes.errorbar(
                    np.arange(1, len(found) + 1) + shift,
                    100 * (found["coverage_68"] - 0.68),
                    100 * found["standard_error_68"],
                    fmt=styles[strategy]["marker"],
                    color=styles[strategy]["color"],
                    ms=3,
                    lw=0.8,
                    label=label(strategy, labels),
                )
            panel_letter(axes, "abcdef"[row * len(PREDICTED) + column])
            axes.set_xticks(range(1, 6))
        panels[row, 0].set_ylabel("68% coverage − nominal")
        panels[row, 0].text(
            0.03,
            0.93,
            label(dataset, labels),
            transform=panels[row, 0].transAxes,
            va="top",
            color=DATASET_COLOURS[dataset],
            fontweight="bold",
        )
    for column, quantity in enumerate(PREDICTED):
        panels[1, column].set_xlabel(f"Fifth of {NAMES[quantity]}")
    legend_above(figure, panels[0, 1], 5)
    return figure


def main(
    coverage: str | Path,
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the figure."""
    table = pd.read_csv(coverage)
    table = table[(table["judged_by"] == "label") & table["quantity"].isin(PREDICTED)]
    away = (table["coverage_68"] - 0.68).abs()
    worst = away.groupby([table["strategy"], table["dataset"]], sort=False).max()
    files.save(
        draw(table, strategies, labels),
        table,
        "Do the intervals hold for every kind of galaxy?",
        "Share of the data set's own redshifts in the 68% interval, minus 68 points, in fifths of "
        "the ensemble's redshift, of magnitude and of the colour of the first two bands, from low "
        "to high. Error bars: one standard error of calibrated intervals, from the sizes of the "
        f"test and the calibration sample. Grey: 3 points. {survey_note(survey)}",
        " ".join(
            f"{label(strategy, labels)} on {label(dataset, labels)}: at most {100 * value:.1f} "
            "points away."
            for (strategy, dataset), value in worst.items()
        ),
    )
    logger.info("Figure of conditional coverage: %d ensembles", len(strategies))


if __name__ == "__main__":
    run(main, snakemake)
