"""Figure: labels of lenses, what the network predicts, and the label at a finer resolution.

Inputs
    lenses : lenses/lenses.parquet
    study : lenses/studies/published.npz
    images : lenses/images.npz

Outputs
    pdf, png : the figure: a lens of each kind of source
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.images.lens_labels import (
    SOURCE_KINDS,
    bin_edges,
    copies_of,
    label_distributions,
    mask_of,
)
from transferz.images.lens_results import LABELLED_NAMES, LENSES_NOTE, within_labels
from transferz.report.figures import (
    SOURCE,
    TARGET,
    FigureFiles,
    legend_above,
    panel_letter,
    subplots,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def kind_order(kinds: pd.Series) -> pd.Series:
    """Return the place of each kind of source."""
    return kinds.map(SOURCE_KINDS.index)


def draw_distributions(
    axes: Axes, copy: pd.DataFrame, name: str, probability: np.ndarray, edges: np.ndarray
) -> None:
    """Draw label, prediction and both together of one copy, as densities, and the truth."""
    label, width = label_distributions(copy, name), np.diff(edges)[0]
    both = within_labels(probability[None], label)[0]
    axes.stairs(label[0] / width, edges, fill=True, color="#DDDDDD", label="label")
    axes.stairs(probability / width, edges, color=TARGET, lw=1.1, label="predicted")
    axes.stairs(both / width, edges, color=SOURCE, lw=1.1, label="within the label")
    axes.axvline(copy[name].iloc[0], color="k", lw=0.9, ls="--", label="truth")
    axes.set(xlabel=LABELLED_NAMES[name], ylabel="Density", xlim=(edges[0], edges[-1]))


def draw(
    chosen: pd.DataFrame,
    images: Mapping[str, np.ndarray],
    probability: np.ndarray,
    thresholds: list[float],
    limits: Mapping[str, tuple],
) -> Figure:
    """Return the figure, a row for each chosen copy."""
    figure, panels = subplots(
        len(chosen), 4, height=1.65 * len(chosen), width_ratios=(1, 1, 1.6, 1.6)
    )
    for row, (at, copy) in enumerate(chosen.iterrows()):
        image, smooth = (images[name][copy["lens"]] for name in ("image", "smooth"))
        mask = mask_of(image, thresholds[copy["mask"]])
        seen, rest, *others = panels[row]
        seen.imshow(image, origin="lower", cmap="magma")
        seen.contour(mask, levels=[0.5], colors="w", linewidths=0.6)
        seen.set_ylabel(copy["kind"])
        rest.imshow((image - smooth) * mask, origin="lower", cmap="RdBu", vmin=-0.6, vmax=0.6)
        for axes in (seen, rest):
            axes.set(xticks=[], yticks=[])
        for place, (name, edges) in enumerate(bin_edges(limits).items()):
            single = chosen.loc[[at]]
            draw_distributions(others[place], single, name, probability[row, place], edges)
    for letter, axes in zip("abcd", panels[0], strict=True):
        panel_letter(axes, letter)
    legend_above(figure, panels[0, 2])
    return figure


def main(
    lenses: str | Path,
    study: str | Path,
    images: str | Path,
    files: FigureFiles,
    *,
    copies: Mapping[str, object],
    seed: int,
) -> None:
    """Draw the first test lens of each kind; `copies` and `seed` as in training."""
    table = copies_of(
        read_parquet(lenses), len(copies["masks"]), copies["rotations"], copies["limits"], seed
    )
    with (
        np.load(study, allow_pickle=False) as arrays,
        np.load(images, allow_pickle=False) as pictures,
    ):
        test = table.iloc[arrays["rows"]].reset_index(drop=True)
        upright = test[(test["rotation"] == 0) & (test["mask"] == 0)]
        chosen = upright.drop_duplicates("kind").sort_values("kind", key=kind_order)
        probability = arrays["probability"][0, chosen.index].astype(float)
        figure = draw(chosen, pictures, probability, copies["masks"], copies["limits"])
    files.save(
        figure,
        None,
        "Lenses: labels and predictions.",
        "The first test lens of each kind of source. (a) Image and its first mask. (b) What is "
        "left inside of it when the same lens without random field is taken away; no network of "
        "these sees that. (c), (d) Label, predicted distribution, the prediction within the "
        f"label, and the truth, of log A and beta. {LENSES_NOTE}",
        "A row of four panels for each kind of source: image, difference, two distributions.",
    )
    logger.info("Lenses %s", ", ".join(map(str, chosen["lens"])))


if __name__ == "__main__":
    run(main, snakemake)
