"""Clean GalaxiesML: its published cuts and rules for duplicates, its published split kept.

Inputs: the three CSV files of the GalaxiesML release, the table of column templates. Outputs:
galaxiesml.parquet (a catalogue table with a column `split`) and its cut flow.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from transferz.catalogues.cuts import (
    apply_cuts,
    check_counts,
    cutflow_row,
    cutflow_table,
    join_cutflows,
)
from transferz.catalogues.formats import load_columns, read_catalogue
from transferz.core.errors import InputError
from transferz.core.logs import job
from transferz.core.products import write_csv, write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


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
    magnitudes = [*(f"mag_{band}" for band in bands), *(f"mag_err_{band}" for band in bands)]
    columns = ["object_id", "ra", "dec", *magnitudes, "redshift", "redshift_err"]
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
    """Write the cleaned catalogue and its cut flow.

    Parameters
    ----------
    training, validation, testing : path
        CSV files of the release, in the order in which "the first" is meant.
    columns : path
        Column templates.
    galaxiesml, cutflow : path
        Outputs, Parquet and CSV.
    bands : sequence of str
    version : str
        Version of GalaxiesML in the column templates.
    cuts : mapping
        Named cuts in their order; None switches one off.
    """
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
    with job(snakemake.log[0]):
        main(
            snakemake.input.training,
            snakemake.input.validation,
            snakemake.input.testing,
            snakemake.input.columns,
            snakemake.output.galaxiesml,
            snakemake.output.cutflow,
            bands=snakemake.params.bands,
            version=snakemake.params.version,
            cuts=snakemake.params.cuts,
        )
