"""Figure: label super-resolution, trained on coarse uncertain bins, tested on exact redshifts.

Inputs
    spectra : spectra/spectra.npz
    predictions : spectra/predictions/{study}.parquet of the study of labels

Outputs
    pdf, png : the figure
    table : errors of labels and predictions as CSV
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.report.figures import FigureFiles, legend_above, panel_letter, subplots
from transferz.spectra.grism import EqualClasses
from transferz.spectra.plotting import loss_styles, name_places
from transferz.spectra.results import NAMES, NOTE, select
from transferz.spectra.spoilt_labels import LabelRecipe, spoil
from transferz.spectra.studies import read_spectra

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

ESTIMATORS = {"mode": "z_mode", "mean": "z_mean"}
SHORT = {"hard_cross_entropy": "hard\nCE", "soft_cross_entropy": "soft\nCE",
         "jensen_shannon": "JS\n", "jensen_shannon_entropy": "JS +\nentropy",
         "jensen_shannon_strong_entropy": "JS + strong\nentropy"}  # fmt: skip


def collect(
    predictions: pd.DataFrame,
    label_error: np.ndarray,
    default: Mapping[str, object],
    losses: Sequence[str],
    recipe: str,
) -> tuple[pd.DataFrame, dict[tuple[str, str], np.ndarray]]:
    """Return median |error| of labels and predictions with spread, and the errors themselves."""
    errors = {("label", ""): label_error}
    rows = [("label", "", 1, float(np.median(np.abs(label_error))), np.nan,
             float(np.mean(np.abs(label_error))), np.nan)]  # fmt: skip
    for loss in losses:
        mine = select(predictions, default, default["head"], labels=recipe, loss=loss)
        for estimator, column in ESTIMATORS.items():
            difference = mine[column].astype(float) - mine["z_true"]
            groups = difference.abs().groupby(mine["seed"])
            medians, means = groups.median(), groups.mean()
            rows.append((loss, estimator, len(medians), medians.mean(), medians.std(),
                         means.mean(), means.std()))  # fmt: skip
            errors[loss, estimator] = difference.to_numpy()
    columns = ["trained_with", "estimator", "n_seeds", "median_error_mean", "median_error_spread",
               "mae_mean", "mae_spread"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns), errors


def draw(
    table: pd.DataFrame,
    errors: Mapping[tuple[str, str], np.ndarray],
    styles: Mapping[str, dict[str, str]],
    width: float,
) -> Figure:
    """Return the figure: distributions of errors, and their medians."""
    figure, (left, right) = subplots(1, 2, height=2.6, gridspec_kw={"width_ratios": [1.35, 1.0]})
    bins = np.linspace(-1.5 * width, 1.5 * width, 91)
    left.hist(errors["label", ""], bins, density=True, color="#D5DCE4", label="labels trained on")
    left.axvspan(-0.5 * width, 0.5 * width, color="#000000", alpha=0.04, lw=0, zorder=0)
    for loss, style in styles.items():
        left.hist(
            errors[loss, "mean"], bins, density=True, histtype="step", color=style["color"], lw=1.1,
            label=NAMES.get(loss, loss),
        )  # fmt: skip
    left.set(xlabel=r"$z_\mathrm{pred} - z_\mathrm{true}$ (expectation)", ylabel="density")
    left.set_xlim(bins[0], bins[-1])
    panel_letter(left, "a")

    label = table[table["trained_with"] == "label"].iloc[0]
    right.axhline(label["median_error_mean"], color="#8A97A6", lw=1.0, ls=(0, (4, 2)))
    right.annotate(
        "labels", (0.02, label["median_error_mean"]), xycoords=right.get_yaxis_transform(),
        xytext=(0, 2), textcoords="offset points", fontsize=7, color="#5B6875",
    )  # fmt: skip
    for number, (loss, style) in enumerate(styles.items()):
        for shift, estimator in ((-0.13, "mode"), (0.13, "mean")):
            row = table[(table["trained_with"] == loss) & (table["estimator"] == estimator)]
            right.errorbar(
                number + shift, row["median_error_mean"], yerr=row["median_error_spread"].fillna(0),
                fmt=style["marker"], color=style["color"], ms=4.2,
                mfc=style["color"] if estimator == "mode" else "white",
            )  # fmt: skip
    right.set_ylim(0, 1.15 * max(label["median_error_mean"], table["median_error_mean"].max()))
    name_places(right, [SHORT.get(loss, loss) for loss in styles], 0.6)
    right.set_ylabel(r"median $|z_\mathrm{pred} - z_\mathrm{true}|$")
    panel_letter(right, "b")
    legend_above(figure, left, fontsize=7.5, handlelength=1.2, columnspacing=1.0)
    return figure


def main(
    spectra: str | Path,
    predictions: str | Path,
    files: FigureFiles,
    *,
    default: Mapping[str, object],
    recipe: str,
    recipes: Mapping[str, Mapping[str, float]],
    losses: Sequence[str],
    z_range: Sequence[float],
) -> None:
    """Draw errors of networks beside those of the labels of the coarse `recipe` of `recipes`."""
    data, entry = read_spectra(spectra), LabelRecipe(**recipes[recipe])
    classes = EqualClasses(*z_range, int(default["head"]))
    z_train = data.redshift[data.rows("train")[: int(default["n_train"])]]
    label_error = spoil(z_train, entry, classes, 2 * data.seed) - z_train
    summary, errors = collect(read_parquet(predictions), label_error, default, losses, recipe)
    width = entry.width or 2.0 * entry.sigma
    files.save(
        draw(summary, errors, loss_styles(losses), width),
        summary,
        "Label super-resolution.",
        f"Trained on labels that tell only a bin of width {entry.width:g}, after a blur of "
        f"{entry.sigma:g} in redshift; tested on exact redshifts with classes of width "
        f"{classes.width:g}. (a) Errors of the labels (grey; band: width of a bin) and of the "
        "expectation of p(z), all seeds; a hard target is the class just above the middle of the "
        "bin. (b) Median absolute error, mean and standard deviation over "
        f"{int(summary['n_seeds'].max())} seeds; filled: most probable class, open: expectation. "
        f"{NOTE}",
        "Left: a broad grey histogram of label errors with narrower curves of the errors per loss. "
        "Right: points of the median error per loss under a dashed line, that of the labels.",
    )
    logger.info("Super-resolution: labels %.4f", summary["median_error_mean"].iloc[0])


if __name__ == "__main__":
    run(main, snakemake)
