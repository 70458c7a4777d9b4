"""Figure: recovered log A and beta of lenses against the truth, and the calibration.

Inputs
    lenses : lenses/lenses.parquet
    study : lenses/studies/published.npz

Outputs
    pdf, png : the figure, of the first seed
    table : its points as CSV
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.images.lens_labels import LABELLED, bin_edges, copies_of, label_distributions
from transferz.images.lens_results import LABELLED_NAMES, LENSES_NOTE
from transferz.report.figures import (
    NEUTRAL,
    SOURCE,
    TARGET,
    FigureFiles,
    density_map,
    panel_letter,
    subplots,
)
from transferz.uncertainty.scores import (
    CENTRAL_68,
    central_coverage,
    probability_integral_transform,
    quantile,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

TRUTH_BINS = 10
PIT_BINS = 40


def points_of(
    name: str, probability: np.ndarray, labels: np.ndarray, edges: np.ndarray, truth: np.ndarray
) -> pd.DataFrame:
    """Medians and widths in ten bins of the truth."""
    low, median, high = (
        quantile(probability, edges, q) for q in (CENTRAL_68[0], 0.5, CENTRAL_68[1])
    )
    label_low, label_high = (quantile(labels, edges, level) for level in CENTRAL_68)
    borders = np.linspace(edges[0], edges[-1], TRUTH_BINS + 1)
    place = np.clip(np.digitize(truth, borders) - 1, 0, TRUTH_BINS - 1)
    table = pd.DataFrame(
        {
            "truth": truth,
            "median": median,
            "width_68": high - low,
            "label_width_68": label_high - label_low,
        }
    )
    points = table.groupby(place).mean().assign(n=table.groupby(place).size())
    spread = table.groupby(place)["median"]
    points["median_p16"], points["median_p84"] = spread.quantile(0.16), spread.quantile(0.84)
    points.insert(0, "parameter", name)
    return points


def draw(
    found: Mapping[str, tuple[np.ndarray, ...]], points: pd.DataFrame, limits: Mapping[str, tuple]
) -> Figure:
    """Return the figure; `found` has truth, median and PIT of each parameter."""
    figure, panels = subplots(2, 3, height=4.3)
    for row, (name, (truth, median, pit)) in enumerate(found.items()):
        recovered, widths, calibration = panels[row]
        mine = points[points["parameter"] == name]
        recovered.hexbin(truth, median, gridsize=30, mincnt=1, cmap=density_map(), lw=0.1)
        recovered.plot(limits[name], limits[name], color=NEUTRAL, lw=0.8, ls="--")
        ends = [mine["median"] - mine["median_p16"], mine["median_p84"] - mine["median"]]
        recovered.errorbar(
            mine["truth"], mine["median"], yerr=np.abs(ends), fmt="o", ms=3, color=SOURCE, lw=0.9
        )
        recovered.set(
            xlabel=f"True {LABELLED_NAMES[name]}", ylabel=f"Predicted {LABELLED_NAMES[name]}"
        )
        recovered.set(xlim=limits[name], ylim=limits[name])
        widths.plot(mine["truth"], mine["label_width_68"], "s-", color=NEUTRAL, ms=3, label="label")
        widths.plot(mine["truth"], mine["width_68"], "o-", color=TARGET, ms=3, label="predicted")
        widths.set(xlabel=f"True {LABELLED_NAMES[name]}", ylabel="Width of the 68% interval")
        widths.set_ylim(bottom=0)
        widths.legend()
        nominal, held = central_coverage(np.histogram(pit, PIT_BINS, (0.0, 1.0))[0])
        calibration.plot((0, 1), (0, 1), color=NEUTRAL, lw=0.8, ls="--")
        calibration.plot(nominal, held, color=TARGET)
        calibration.set(
            xlabel="Central interval", ylabel=f"Share of true {LABELLED_NAMES[name]} inside"
        )
        for letter, axes in zip("abc" if row == 0 else "def", panels[row], strict=True):
            panel_letter(axes, letter)
    return figure


def main(
    lenses: str | Path,
    study: str | Path,
    files: FigureFiles,
    *,
    copies: Mapping[str, object],
    seed: int,
) -> None:
    """Draw the test copies of the first network; `copies` and `seed` as in training."""
    table = copies_of(
        read_parquet(lenses), len(copies["masks"]), copies["rotations"], copies["limits"], seed
    )
    with np.load(study, allow_pickle=False) as arrays:
        mine = table.iloc[arrays["rows"][~arrays["unseen"]]]
        distributions = arrays["probability"][0, ~arrays["unseen"]].astype(float)
    found, points = {}, []
    for place, (name, edges) in enumerate(bin_edges(copies["limits"]).items()):
        probability, truth = distributions[:, place], mine[name].to_numpy()
        pit = probability_integral_transform(probability, edges, truth)
        found[name] = (truth, quantile(probability, edges, 0.5), pit)
        labels = label_distributions(mine, name).astype(float)
        points.append(points_of(name, probability, labels, edges, truth))
    values = pd.concat(points, ignore_index=True)
    files.save(
        draw(found, values, copies["limits"]),
        values,
        "Lenses: recovered amplitude and slope of the random field.",
        f"{mine['lens'].nunique()} test lenses, {len(mine)} copies, one network. Upper row: log A "
        "(of the variance of the potential, arcsec^4); lower row: beta. (a), (d) Median of the "
        "predicted distribution against the truth; points are means in bins of the truth with the "
        "central 68% of the copies. (b), (e) Mean width of the central 68% interval of the "
        "predicted distributions and of the labels. (c), (f) Share of the truths in central "
        f"intervals; dashed is calibrated, above it intervals are too wide. {LENSES_NOTE}",
        "Six panels: predicted against true values, widths by truth, and calibration curves, for "
        f"{' and '.join(LABELLED_NAMES[name] for name in LABELLED)}.",
    )
    logger.info("%d test copies", len(mine))


if __name__ == "__main__":
    run(main, snakemake)
