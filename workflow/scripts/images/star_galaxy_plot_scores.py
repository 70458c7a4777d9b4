"""Figure: how well stars and galaxies are told apart, by magnitude, and what probabilities mean.

Inputs
    metrics : star_galaxy/metrics.csv
    predictions : star_galaxy/predictions.parquet

Outputs
    pdf, png : the figure
    table : its points as CSV
    caption : caption and alt text, Markdown
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.core.products import read_csv, read_parquet
from transferz.images.star_galaxy_metrics import CLASSIFIERS, METRIC_NAMES
from transferz.report.figures import (
    NEUTRAL,
    FigureFiles,
    legend_above,
    panel_letter,
    strategy_styles,
    subplots,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

PANELS = ("area_lost", "galaxy_purity", "star_completeness")
POINTS = ["panel", "classifier", "x", "value", "spread"]
SHARES = 6


def collect(metrics: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return every point: metrics by magnitude, mean and deviation over seeds; and calibration."""
    rows = []
    bins = metrics[np.isfinite(metrics["low"]) & (metrics["n_stars"] > 0)]
    for (name, low, high), part in bins.groupby(["classifier", "low", "high"], sort=False):
        for metric in PANELS:
            values = part[metric]
            rows.append((metric, name, 0.5 * (low + high), values.mean(), values.std()))
    test = predictions[predictions["sample"] == "test"]
    for name, part in test.groupby("classifier", sort=False):
        # Every seed has the same objects in the same order.
        objects = part.assign(row=part.groupby("seed").cumcount()).groupby("row")
        table = pd.DataFrame(
            {"p": objects["probability"].mean(), "label": objects["label"].first()}
        )
        groups = pd.cut(table["p"], np.linspace(0.0, 1.0, SHARES + 1), include_lowest=True)
        for _, group in table.groupby(groups, observed=True):
            share, n = group["label"].mean(), len(group)
            error = np.sqrt(share * (1.0 - share) / n)
            rows.append(("calibration", name, group["p"].mean(), share, error))
    return pd.DataFrame(rows, columns=POINTS)


def draw(points: pd.DataFrame) -> Figure:
    """Return the figure."""
    figure, panels = subplots(1, 4, height=2.3)
    styles = strategy_styles(list(CLASSIFIERS))
    for letter, axes, panel in zip("abcd", panels, (*PANELS, "calibration"), strict=True):
        for name, style in styles.items():
            rows = points[(points["panel"] == panel) & (points["classifier"] == name)]
            axes.errorbar(
                rows["x"], rows["value"], rows["spread"], **style, ms=3.5, lw=1.0,
                label=CLASSIFIERS[name],
            )  # fmt: skip
        if panel == "calibration":
            axes.plot([0, 1], [0, 1], color=NEUTRAL, lw=0.8, ls=(0, (4, 2)))
            axes.set(xlabel="probability of a galaxy", ylabel="share of galaxies")
        else:
            axes.set(xlabel="magnitude in i", ylabel=METRIC_NAMES[panel].replace(" at ", "\nat "))
        panel_letter(axes, letter)
    panels[0].set_yscale("symlog", linthresh=1e-3)
    panels[0].set_ylim(bottom=0.0)
    legend_above(figure, panels[0])
    return figure


def main(metrics: str | Path, predictions: str | Path, files: FigureFiles) -> None:
    """Draw the scores."""
    values = read_csv(metrics, ["classifier", "low", "high"], rule="star_galaxy_evaluate")
    points = collect(values, read_parquet(predictions))
    files.save(
        draw(points),
        points,
        "Stars and galaxies told apart.",
        "(a) to (c): scores on the test cut-outs by magnitude, mean and standard deviation over "
        "seeds. (d): share of galaxies among objects of like probability, the mean over seeds, "
        "with its binomial error. Dashed: probabilities that mean what they say. Extendedness is "
        "a yes or no, and gets the shares of galaxies of the training objects.",
        "Four panels with a line for each classifier: 1 - AUC, purity of galaxies and completeness "
        "of stars against magnitude, and share of galaxies against probability.",
    )


if __name__ == "__main__":
    run(main, snakemake)
