"""Measure what stars do to TransferZ, and what a classifier would change in its cuts.

Inputs
    candidates : star_galaxy/candidates.parquet, what all cuts but those against stars let pass
    predictions : star_galaxy/predictions.parquet
    truth : truth.parquet of the simulation

Outputs
    csv, md : tables/star_galaxy_use, a row for each set of cuts against stars
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_text
from transferz.evaluation.judges import true_redshifts
from transferz.images.star_galaxy_metrics import CLASSIFIERS
from transferz.report.tables import fixed, markdown_table, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

OUTLIER = 0.15
LEARNED = ("trees", "convnet")


def thresholds(predictions: pd.DataFrame, kept: float) -> dict[str, float]:
    """Return the probability that a share `kept` of the validation galaxies reaches."""
    galaxies = predictions[(predictions["sample"] == "validation") & (predictions["label"] == 1)]
    ensemble = galaxies.groupby(["classifier", "object_id"])["probability"].mean()
    return ensemble.groupby("classifier").quantile(1.0 - kept).to_dict()


def with_decisions(
    candidates: pd.DataFrame, predictions: pd.DataFrame, limits: Mapping[str, float]
) -> pd.DataFrame:
    """Add whether each classifier takes a candidate for a galaxy; NaN if it was not drawn."""
    drawn = predictions[predictions["sample"] == "candidate"]
    mean = drawn.groupby(["classifier", "object_id"])["probability"].mean()
    for name in LEARNED:
        found = candidates["object_id"].map(mean[name])
        candidates[name] = (found >= limits[name]).astype(float).where(found.notna())
    return candidates


def count(table: pd.DataFrame, cuts: list[str]) -> dict[str, float]:
    """Return what passes cuts, by kind; galaxies that were not drawn count as those that were."""
    passed = np.logical_and.reduce([table[name] for name in cuts if name not in LEARNED] or [True])
    rest = table[np.broadcast_to(passed, len(table))]
    galaxies = ~rest["type"].isin(["star", "quasar"])
    by_learned = [name for name in cuts if name in LEARNED]
    kept = rest[by_learned].min(axis=1) if by_learned else pd.Series(1.0, rest.index)
    share, outlying = kept[galaxies].mean(), kept[galaxies & rest["outlier"]].sum()
    seen = kept[galaxies & rest["outlier"]].notna().mean()
    n_galaxies = galaxies.sum() * share
    wrong = outlying / seen if seen > 0 else float("nan")
    stars, quasars = (kept[rest["type"] == kind].sum() for kind in ("star", "quasar"))
    both = (kept * rest["outlier"])[~galaxies].sum()
    total = n_galaxies + stars + quasars
    return {
        "stars": stars,
        "quasars": quasars,
        "galaxies": n_galaxies,
        "contamination": (stars + quasars) / total,
        "outliers": (wrong + both) / total,
        "outliers_of_stars": both / total,
    }


def main(
    candidates: str | Path,
    predictions: str | Path,
    truth: str | Path,
    csv: str | Path,
    md: str | Path,
    *,
    settings: Mapping,
) -> None:
    """Write the table; `settings` is the section star_galaxy."""
    table, predicted = read_parquet(candidates), read_parquet(predictions)
    z_true = true_redshifts(truth, pd.Index(table["object_id"]))
    table["outlier"] = np.abs(table["redshift"] - z_true) > OUTLIER * (1.0 + z_true)
    limits = thresholds(predicted, settings["kept"])
    table = with_decisions(table, predicted, limits)
    present = list(settings["against_stars"])
    without = [name for name in present if name != "extended"]
    sets = {
        "none": [],
        "the present cuts": present,
        "the present cuts without extendedness": without,
        "extendedness alone": ["extended"],
        **{f"{CLASSIFIERS[name]} alone": [name] for name in LEARNED},
        **{
            f"the present cuts, {CLASSIFIERS[name]} for extendedness": [*without, name]
            for name in LEARNED
        },
    }
    rows = pd.DataFrame([{"cuts": name} | count(table, cuts) for name, cuts in sets.items()])
    write_csv(rows, csv)
    header = ["Cuts against stars", "Stars", "Quasars", "Galaxies", "Not galaxies",
              "Labels off by more than 0.15", "of which not galaxies"]  # fmt: skip
    cells = [
        [row["cuts"], *(thousands(round(row[name])) for name in ("stars", "quasars", "galaxies")),
         *(f"{fixed(100 * row[name], 3)}%" for name in rows.columns[-3:])]
        for _, row in rows.iterrows()
    ]  # fmt: skip
    drawn = int((~table["type"].isin(["star", "quasar"]) & table["convnet"].notna()).sum())
    text = (
        "# Stars in TransferZ, and what a classifier would change\n\n"
        f"{markdown_table(header, cells, 'l' + 'r' * 6)}\n\n"
        f"All other cuts of TransferZ are made before. {len(table):,} objects pass them. A label "
        f"is off where |z - z_true| > {OUTLIER} (1 + z_true); the true redshift of a star is 0. "
        "Cuts of the catalogue are counted on all objects. Those of trees and ConvNet are counted "
        f"on all stars and quasars and on {drawn:,} galaxies, and scaled. Each takes an object "
        f"that reaches the probability of {100 * settings['kept']:g}% of the validation galaxies "
        f"({', '.join(f'{CLASSIFIERS[name]} {fixed(limits[name], 3)}' for name in LEARNED)})."
    )
    write_text(text, md)


if __name__ == "__main__":
    run(main, snakemake)
