"""Figure: cut-outs of stars and galaxies from bright to faint, with the ConvNet's probabilities.

Inputs
    images, objects : of star_galaxy_draw or star_galaxy_read
    predictions : star_galaxy/predictions.parquet

Outputs
    pdf, png : the figure
    caption : caption and alt text, Markdown
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.images.star_galaxy_files import Cutouts
from transferz.report.figures import FigureFiles, subplots

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

COLUMNS = 7


def chosen_rows(table: pd.DataFrame, label: int) -> list[int]:
    """Return rows of test objects of a kind at even steps of rank in magnitude."""
    rows = table.index[(table["sample"] == "test") & (table["label"] == label)]
    ordered = table.loc[rows, "magnitude_i"].sort_values().index
    return list(ordered[np.linspace(0, len(ordered) - 1, min(COLUMNS, len(ordered))).astype(int)])


def draw(cutouts: Cutouts, table: pd.DataFrame, probability: pd.Series) -> Figure:
    """Return the figure: the middle band, a row for stars and one for galaxies."""
    figure, panels = subplots(2, COLUMNS, height=2.5, gridspec_kw={"wspace": 0.05})
    middle = cutouts.images.shape[-1] // 2
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
    for row, name in enumerate(("stars", "galaxies")):
        panels[row, 0].set_ylabel(name)
        for axes, number in zip(panels[row], chosen_rows(table, row), strict=False):
            image = cutouts.images[number, ..., middle].astype(float)
            axes.imshow(image, cmap="gray_r", origin="lower", vmin=-1.5, vmax=image.max())
            axes.set_title(
                f"{table['magnitude_i'][number]:.1f}, P = {probability[number]:.2f}", fontsize=6.5
            )
    return figure


def main(
    images: str | Path, objects: str | Path, predictions: str | Path, files: FigureFiles
) -> None:
    """Draw examples of the test sample."""
    table, predicted = read_parquet(objects), read_parquet(predictions)
    part = predicted[predicted["classifier"] == "convnet"]
    mean = part.groupby(part.groupby("seed").cumcount())["probability"].mean().to_numpy()
    # Predictions are of the objects that were not trained on, in their order.
    probability = pd.Series(mean, table.index[table["sample"] != "train"])
    files.save(
        draw(Cutouts.read(images), table, probability),
        None,
        "Cut-outs of stars and galaxies.",
        "Test objects from bright to faint, the middle band, inverse hyperbolic sine of the flux. "
        "Above each: magnitude, and the probability of a galaxy that the ConvNet gives, the mean "
        "over seeds.",
        "Two rows of small images, stars above and galaxies below; the faintest look alike.",
    )


if __name__ == "__main__":
    run(main, snakemake)
