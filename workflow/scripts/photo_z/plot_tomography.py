"""Figure: n(z) in bins of photometric redshift, and how wrong their means are.

Inputs
    bins : tomography/bins.csv
    curves : tomography/curves.csv

Outputs
    pdf, png : the figure
    table : its numbers: the biases
    caption : caption and alt text
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_csv
from transferz.evaluation.judges import JUDGED
from transferz.evaluation.requirements import MEAN_REQUIREMENTS
from transferz.report.figures import (
    DATASETS,
    REQUIREMENT,
    STRATEGY_COLOURS,
    STRATEGY_MARKERS,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    shade_requirement,
    subplots,
)
from transferz.report.tables import survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

SHOWN = "shifted, reweighted"


def last_judge(bins: pd.DataFrame) -> dict[str, str]:
    """Return who judges each data set: the truth where it is known, else the label."""
    known = set(zip(bins["dataset"], bins["judged_by"], strict=True))
    return {dataset: judge for dataset, judge in JUDGED if (dataset, judge) in known}


def draw_curves(axes: plt.Axes, curves: pd.DataFrame, judge: str) -> None:
    """Draw the n(z) of a data set: known redshifts filled, the estimate with its errors."""
    for (number, method), part in curves.groupby(["bin", "method"], sort=False):
        colour = f"C{number - 1}"
        # Five classes together: thousands of galaxies do not fill steps of 0.02.
        wide = part.groupby(np.arange(len(part)) // 5)[["z", "n", "low", "high"]].agg(
            {"z": "first", "n": "mean", "low": "mean", "high": "mean"}
        )
        if method == judge:
            axes.fill_between(wide["z"], wide["n"], step="post", color=colour, alpha=0.25, lw=0)
        elif method == SHOWN:
            axes.step(wide["z"], wide["n"], where="post", color=colour, lw=1.0)


def draw(
    bins: pd.DataFrame, curves: pd.DataFrame, judges: Mapping[str, str], labels: Mapping[str, str]
) -> plt.Figure:
    """Return the figure: one column per data set, n(z) above the biases of the means."""
    figure, panels = subplots(2, 2, height=4.6, sharey="row")
    methods = list(dict.fromkeys(bins["method"]))
    for column, dataset in enumerate(DATASETS):
        top, bottom = panels[:, column]
        draw_curves(top, curves[curves["dataset"] == dataset], judges[dataset])
        top.set(xlim=(0, 3), xlabel="Redshift", title=label(dataset, labels))
        own = bins[(bins["dataset"] == dataset) & (bins["judged_by"] == judges[dataset])]
        for number, method in enumerate(methods):
            rows = own[own["method"] == method]
            bottom.errorbar(
                rows["bin"] + 0.12 * (number - (len(methods) - 1) / 2),
                rows["bias"],
                yerr=rows["bias_error"],
                ls="",
                ms=3.5,
                marker=STRATEGY_MARKERS[number],
                color=STRATEGY_COLOURS[number],
                label=method,
            )
        for limit in MEAN_REQUIREMENTS.values():
            shade_requirement(bottom, (-limit, limit))
        bottom.axhline(0, color=REQUIREMENT, lw=0.6)
        bottom.set_yscale("symlog", linthresh=0.01)
        bottom.set(xlabel="Bin", xticks=sorted(own["bin"].unique()))
        for axes, letter in zip((top, bottom), "ac" if column == 0 else "bd", strict=True):
            panel_letter(axes, letter)
    panels[0, 0].set(ylabel="$n(z)$", ylim=(0, None))
    panels[1, 0].set(ylabel=r"Bias of the mean / $(1 + z)$")
    legend_above(figure, panels[1, 0], 5)
    return figure


def main(
    bins: str | Path,
    curves: str | Path,
    files: FigureFiles,
    *,
    point: str,
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the figure."""
    table = read_csv(bins, ["dataset", "bias"], rule="tomographic_bins")
    judges = last_judge(table)
    judged = pd.concat(
        table[(table["dataset"] == dataset) & (table["judged_by"] == judge)]
        for dataset, judge in judges.items()
    )
    worst = (
        judged[judged["method"] == SHOWN].groupby("dataset")["bias"].agg(lambda b: b.abs().max())
    )
    files.save(
        draw(table, pd.read_csv(curves), judges, labels),
        judged,
        "How well are the redshift distributions of bins known?",
        f"Top: n(z) of the test sets in bins of {point}. Filled: known redshifts ("
        + "; ".join(f"{label(name, labels)}: {judge}" for name, judge in judges.items())
        + f"). Lines: stacked distributions, {SHOWN}, in steps of 0.1. Bottom: bias of the mean "
        "redshift of each bin over 1 + z, by method; bars are standard errors. Green: LSST "
        "requirements after one year (0.002) and ten (0.001). The axis is linear within 0.01. "
        f"{survey_note(survey)}",
        " ".join(
            f"The largest bias on {label(name, labels)} is {value:.3f}."
            for name, value in worst.items()
        ),
    )
    logger.info("Figure of n(z)")


if __name__ == "__main__":
    run(main, snakemake)
