"""Tell the uncertainty of an ensemble apart, on spectra in and out of range.

Inputs
    spectra : spectra/spectra.npz
    probabilities : spectra/probabilities/heads.npz

Outputs
    table : spectra/uncertainty.parquet, a row per spectrum: sample, z_true, z_pred (most probable
        class of the mean distribution), total, aleatoric and epistemic uncertainty in nats, and
        the spread of the members' expectations
    summary : spectra/uncertainty.csv, medians per sample, and how well each kind of uncertainty
        tells the sample from the test spectra (area under the ROC curve)
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.metrics import roc_auc_score

from transferz.core.logs import run
from transferz.core.products import write_csv, write_parquet
from transferz.spectra.grism import EqualClasses
from transferz.spectra.results import members_of
from transferz.spectra.studies import read_probabilities, read_spectra
from transferz.uncertainty.scores import decompose

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

SAMPLES = ("test", "below", "above", "quasar")
KINDS = ("total", "aleatoric", "epistemic", "member_spread")


def summarise_samples(table: pd.DataFrame) -> pd.DataFrame:
    """Return medians of every kind of uncertainty, and the area under the ROC curve."""
    rows = []
    test = table[table["sample"] == "test"]
    for sample, mine in table.groupby("sample", sort=False):
        row = {"sample": sample, "n": len(mine)}
        for kind in KINDS:
            row[f"{kind}_median"] = float(mine[kind].median())
            if sample != "test":
                both = pd.concat([test[kind], mine[kind]])
                truth = [0] * len(test) + [1] * len(mine)
                row[f"{kind}_auc"] = float(roc_auc_score(truth, both))
        rows.append(row)
    return pd.DataFrame(rows)


def main(
    spectra: str | Path,
    probabilities: str | Path,
    table: str | Path,
    summary: str | Path,
    *,
    default: Mapping[str, object],
    seeds: Sequence[int],
    z_range: Sequence[float],
) -> None:
    """Write the uncertainties of the ensemble of `seeds`; `default` gives its head and S/N."""
    data, parts = read_spectra(spectra), []
    members = members_of(default, default["head"], seeds)
    centres = EqualClasses(*z_range, int(default["head"])).centres
    for sample in SAMPLES:
        stack = read_probabilities(probabilities, members, sample)
        rows = data.rows(sample)
        part = pd.DataFrame(
            {
                "sample": sample,
                "spectrum": rows,
                "z_true": data.redshift[rows],
                "z_pred": centres[stack.mean(axis=0).argmax(axis=1)],
                **decompose(stack),
                "member_spread": (stack @ centres).std(axis=0),
            }
        )
        parts.append(part)
    together = pd.concat(parts, ignore_index=True)
    write_parquet(together, table)
    write_csv(summarise_samples(together), summary)
    logger.info("Uncertainty of %d members on %d spectra", len(members), len(together))


if __name__ == "__main__":
    run(main, snakemake)
