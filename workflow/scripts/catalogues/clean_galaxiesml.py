"""Clean GalaxiesML: its published cuts and rules for duplicates, its published split kept.

Inputs
    training, validation, testing : CSV files of the release, read in this order: it decides which
        of several rows is "the first"
    columns : table of column templates

Outputs
    galaxiesml : Parquet, a catalogue table with a column `split`
    cutflow : CSV
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from transferz.catalogues.columns import leading_columns, load_columns
from transferz.catalogues.cuts import (
    apply_cuts,
    check_counts,
    cutflow_row,
    cutflow_table,
    join_cutflows,
)
from transferz.catalogues.reading import read_catalogue
from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import write_csv, write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake


def first_of_each_spectrum(table: pd.DataFrame) -> pd.Series:
    """Return which rows to keep when a spectrum was matched to several HSC objects: the first.

    Do et al. 2024, section on cross-matching. Rows without a name are spectra of their own.
    """
    return table["specz_name"].isna() | ~table["specz_name"].duplicated(keep="first")


def one_redshift_each(table: pd.DataFrame) -> pd.Series:
    """Return which rows to keep when an HSC object has several spectra: none of them.

    Do et al. 2024: it is not known which of the redshifts belongs to the object.
    """
    return ~table["object_id"].duplicated(keep=False)


DUPLICATE_RULES = {
    "one object per spectrum": (
        "first HSC object of each specz_name; the others are repeats",
        first_of_each_spectrum,
    ),
    "one spectrum per object": (
        "objects with several spectroscopic redshifts are left out",
        one_redshift_each,
    ),
}


def clean(
    table: pd.DataFrame, cuts: Mapping[str, Mapping | None], bands: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the cleaned table and its cut flow: the cuts, then the rules for duplicates."""
    table, flow = apply_cuts(table, cuts, bands)
    steps = []
    for name, (description, rule) in DUPLICATE_RULES.items():
        keep = rule(table)
        steps.append(cutflow_row(name, description, len(table), int(keep.sum())))
        table = table[keep]
    if table.empty:
        raise InputError(
            "no galaxy is left after the rules for duplicates",
            key="object_id",
            expected="most objects once",
            fix="check that the three files are different",
        )
    return table.reset_index(drop=True), join_cutflows(flow, cutflow_table(steps, "duplicates"))


def catalogue_table(table: pd.DataFrame, bands: Sequence[str]) -> pd.DataFrame:
    """Return the columns of a catalogue table and the published split."""
    columns = [*leading_columns(bands), "redshift", "redshift_err"]
    return table[columns].assign(truth="spec_z", source="GalaxiesML", split=table["split"])


def main(
    training: str,
    validation: str,
    testing: str,
    columns: str,
    galaxiesml: str,
    cutflow: str,
    *,
    bands: Sequence[str],
    version: str,
    cuts: Mapping[str, Mapping | None],
) -> None:
    """Write the cleaned catalogue and its cut flow; `version` is that in the column templates."""
    templates = load_columns(columns, "galaxiesml", version, bands)
    files = {"train": training, "validation": validation, "test": testing}
    parts = [read_catalogue(path, templates).assign(split=split) for split, path in files.items()]
    ids = {part["object_id"].dtype for part in parts}
    if len(ids) > 1:
        parts = [part.assign(object_id=part["object_id"].astype(str)) for part in parts]
    table = pd.concat(parts, ignore_index=True)
    table, flow = clean(table, cuts, bands)
    check_counts(flow, len(table))
    write_parquet(catalogue_table(table, bands), galaxiesml)
    write_csv(flow, cutflow)


if __name__ == "__main__":
    run(main, snakemake)
