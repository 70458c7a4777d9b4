"""Figure: bias, scatter, RMS and outliers against the fraction of galaxies dropped.

Inputs
    requirements : calibration/requirements.csv

Outputs
    pdf, png : the figure
    table : its numbers
    caption : caption and alt text
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd

from transferz.core.logs import run
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.requirements import LIMITED
from transferz.evaluation.summaries import allowed_range, given_limits, have_limit
from transferz.report.figures import (
    DATASET_COLOURS,
    DATASETS,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    requirement_handle,
    shade_requirement,
    strategy_styles,
    subplots,
)
from transferz.report.tables import survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def draw(
    curves: pd.DataFrame,
    strategies: Sequence[str],
    requirements: Mapping[str, float],
    labels: Mapping[str, str],
) -> plt.Figure:
    """Return the figure: one row per data set, one column per metric."""
    styles = strategy_styles(strategies)
    figure, panels = subplots(2, len(LIMITED), height=4.2, sharex=True, sharey="col")
    for row, dataset in enumerate(DATASETS):
        for column, metric in enumerate(LIMITED):
            axes = panels[row, column]
            shade_requirement(axes, allowed_range(metric, requirements), zorder=1)
            for strategy in strategies:
                part = curves[(curves["strategy"] == strategy) & (curves["dataset"] == dataset)]
                axes.plot(
                    100 * part["dropped"],
                    part[metric],
                    color=styles[strategy]["color"],
                    marker=styles[strategy]["marker"],
                    markevery=10,
                    ms=3,
                    lw=1.1,
                    label=label(strategy, labels),
                )
            if row:
                axes.set_xlabel("Dropped (%)")
            axes.set(ylabel=METRICS[metric].label, xlim=(0, 100))
            panel_letter(axes, "abcdefgh"[row * len(LIMITED) + column])
        # Outliers are the first to go: their panel has room.
        panels[row, -1].text(
            0.96,
            0.78,
            label(dataset, labels),
            transform=panels[row, -1].transAxes,
            ha="right",
            color=DATASET_COLOURS[dataset],
            fontweight="bold",
        )
    for column, metric in enumerate(LIMITED):
        # Shared by both rows, so only when all curves are drawn.
        if not METRICS[metric].signed:
            panels[0, column].autoscale(axis="y")
            panels[0, column].set_ylim(bottom=0)
    handles = panels[0, 0].get_legend_handles_labels()[0]
    if have_limit(LIMITED, requirements):
        handles.append(requirement_handle())
    legend_above(figure, handles, 5)
    return figure


def main(
    requirements: str | Path,
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    limits: Mapping[str, float],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the figure; `limits` are the requirements by kind: bias, scatter, outliers."""
    curves = pd.read_csv(requirements)
    halves = curves[curves["dropped"] == 0.5]
    files.save(
        draw(curves, strategies, given_limits(limits), labels),
        curves,
        "Which galaxies must be dropped to meet the requirements?",
        "Bias, scatter, RMS and outlier fraction of the ensembles' calibrated medians for "
        f"{z_range[0]:g} < z <= {z_range[1]:g}, against the fraction of galaxies dropped, those "
        "with the widest 68% intervals over 1 + z first. Top: "
        f"{label('target', labels)}; bottom: {label('source', labels)}. Green: LSST "
        "requirements; the one on scatter is drawn for scatter and for RMS. Right ends of the "
        f"curves: few galaxies are left. {survey_note(survey)}",
        " ".join(
            f"With half dropped, {label(row.strategy, labels)} on {label(row.dataset, labels)} has "
            f"a scatter of {row.scatter_mad:.4f} and an RMS of {row.rms:.4f}."
            for row in halves.itertuples()
        ),
    )
    logger.info("Figure of requirements: %d ensembles", len(strategies))


if __name__ == "__main__":
    run(main, snakemake)
