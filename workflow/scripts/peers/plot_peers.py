"""The field's estimators, the baselines and the strategies: point estimates and distributions.

Inputs
    csv : tables/peers.csv

Outputs
    pdf, png : the figure
    table : its points as CSV
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.core.products import read_csv
from transferz.evaluation.baselines import display_name
from transferz.evaluation.metrics import METRICS
from transferz.peers.estimators import estimate_label
from transferz.report.figures import (
    DATASET_COLOURS,
    DATASET_MARKERS,
    DATASETS,
    FigureFiles,
    dataset_handles,
    legend_above,
    panel_letter,
    plain_numbers,
    subplots,
)
from transferz.report.tables import survey_note
from transferz.uncertainty.scores import SCORES

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

PANELS = ("scatter_mad", "rms", "outlier_fraction", "crps", "cde_loss")
OFFSET = 0.18


def draw(table: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Return the figure: a row for each estimate, a panel for each score."""
    estimates = table.sort_values("kind", kind="stable")["estimate"].unique()[::-1]
    places = {name: place for place, name in enumerate(estimates)}
    figure, panels = subplots(
        1, len(PANELS), height=0.9 + 0.13 * len(places), sharey=True, squeeze=False
    )
    for number, (axes, score) in enumerate(zip(panels.flat, PANELS, strict=True)):
        for side, dataset in zip((1, -1), DATASETS, strict=True):
            rows = table[(table["score"] == score) & (table["dataset"] == dataset)]
            heights = rows["estimate"].map(places) + side * OFFSET
            ends = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
            colour, marker = DATASET_COLOURS[dataset], DATASET_MARKERS[dataset]
            axes.errorbar(
                rows["value"], heights, xerr=ends, fmt=marker, color=colour, ms=2.6, elinewidth=0.7
            )
        if (table.loc[table["score"] == score, "value"] > 0).all():
            # The worst are tens of times the best.
            axes.set_xscale("log")
            plain_numbers(axes.xaxis, (1, 3))
        axes.set_xlabel(METRICS[score].label if score in METRICS else SCORES[score].label)
        axes.grid(axis="y", color="#E3E6EA", lw=0.5)
        axes.set_axisbelow(True)
        panel_letter(axes, "abcde"[number])
    names = [estimate_label(name, labels) or display_name(name, labels) for name in estimates]
    panels[0, 0].set_yticks(range(len(names)), names, fontsize=5)
    panels[0, 0].set_ylim(-0.6, len(names) - 0.4)
    legend_above(figure, dataset_handles(labels, "tested on {name} ({role})"))
    return figure


def main(csv: str | Path, files: FigureFiles, *, labels: Mapping[str, str], survey: str) -> None:
    """Draw the comparison."""
    table = read_csv(csv, what="the table of peers", rule="table_peers")
    points = table[table["score"].isin(PANELS)]
    best = points[points["best"]]
    files.save(
        draw(points, labels),
        points,
        "The field on the same splits.",
        "Estimates by RAIL's estimators, plain regressors and this run's calibrated ensembles, on "
        f"the same test galaxies; 95% intervals over galaxies. {survey_note(survey)}",
        "Best or level with the best: "
        + "; ".join(
            f"{score} on the {dataset}: {', '.join(rows['estimate'])}"
            for (dataset, score), rows in best.groupby(["dataset", "score"], sort=False)
        ),
    )
    logger.info("%d points", len(points))


if __name__ == "__main__":
    run(main, snakemake)
