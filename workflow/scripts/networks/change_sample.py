"""Change the spectroscopic rows that a strategy is trained on: `sample` of the strategy.

Inputs
    split : splits/{train_on}.parquet
    population : splits/source.parquet
    truth : truth.parquet of the simulation, for `surveys` only

Outputs
    changed : samples/{strategy}.parquet, the table with changed rows for training and validation
    summary : samples/{strategy}.csv: change, rows before and after, share lost or made wrong
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from transferz.catalogues.changes import changed as after_change
from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def split_rows(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the spectroscopic rows for training and validation, and all others."""
    ours = (table["split"] != "test") & (table["truth"] == "spec_z")
    return table[ours], table[~ours]


def main(
    split: str | Path,
    population: str | Path,
    truth: str | Path | None,
    changed: str | Path,
    summary: str | Path,
    *,
    sample: Mapping[str, Any],
    bands: Sequence[str],
    seed: int,
) -> None:
    """Write the changed sample.

    Parameters
    ----------
    sample : mapping
        ``change``, and what it needs: see `transferz.catalogues.changes.changed`.
    """
    rows, others = split_rows(read_parquet(split))
    if rows.empty:
        raise InputError("no spectroscopic rows to change", file=split, key="sample")
    galaxies = read_parquet(population)
    galaxies = galaxies[galaxies["split"] != "test"]
    survey_of = None
    if truth:
        objects = read_parquet(truth, ["object_id", "file", "sub_survey"])
        objects = objects[objects["file"] == "galaxiesml"].drop_duplicates("object_id")
        survey_of = objects.set_index("object_id")["sub_survey"].to_dict()
    found = after_change(
        rows, **sample, population=galaxies, bands=bands, survey_of=survey_of, seed=seed
    )
    lost = float(sample["share"]) if sample["change"] == "lines" else 1 - len(found) / len(rows)
    line = {"change": sample["change"], "n_before": len(rows), "n_after": len(found), "share": lost}
    write_csv(pd.DataFrame([line]), summary)
    write_parquet(pd.concat([others, found], ignore_index=True), changed)
    logger.info("%s: %d rows of %d", sample["change"], len(found), len(rows))


if __name__ == "__main__":
    run(main, snakemake)
