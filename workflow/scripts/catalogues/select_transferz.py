"""Select TransferZ from the matched table: cuts in their order, the photo-z as the label.

Inputs
    matched : output of the cross-match

Outputs
    transferz : Parquet, a catalogue table
    cutflow : CSV, the paper's Table 2
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq

from transferz.catalogues.columns import leading_columns
from transferz.catalogues.cuts import apply_cuts, check_counts, correct_photometry, join_cutflows
from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake

# The label and its 68% interval: the median of the LePhare likelihood.
LABEL = {"redshift": "lp_zPDF", "redshift_l68": "lp_zPDF_l68", "redshift_u68": "lp_zPDF_u68"}

# What else a user of the data set may want, where the catalogues have it.
EXTRA = [
    "cosmos_id",
    "ra_cosmos",
    "dec_cosmos",
    "separation",
    "tract",
    "patch",
    "extinction_{band}",
    "inputcount_{band}",
    "ebv",
    "lp_zBEST",
    "lp_zMinChi2",
    "lp_chi2_best",
    "lp_chis",
    "lp_NbFilt",
    "lp_mass_med",
    "lp_mass_best",
    "lp_SFR_best",
    "lp_model",
    "ez_z_phot",
]


def catalogue_table(matched: pd.DataFrame, bands: Sequence[str]) -> pd.DataFrame:
    """Return the columns of a catalogue table, the label and the extra columns."""
    extra = [
        name.replace("{band}", band)
        for name in EXTRA
        for band in (bands if "{band}" in name else bands[:1])
    ]
    table = matched[leading_columns(bands)].copy()
    for name, column in LABEL.items():
        table[name] = matched[column]
    table["truth"] = "photo_z"
    table["source"] = "COSMOS2020"
    present = [name for name in extra if name in matched]
    return pd.concat([table, matched[present]], axis="columns")


def matched_provenance(path: str) -> dict:
    """Return what the cross-match wrote into the metadata of its table."""
    metadata = pq.read_schema(path).metadata or {}
    if b"transferz" not in metadata:
        raise InputError(
            "the counts of the cross-match are missing", file=path, fix="re-make the file"
        )
    return json.loads(metadata[b"transferz"])


def main(
    matched: str,
    transferz: str,
    cutflow: str,
    *,
    bands: Sequence[str],
    cuts: Mapping[str, Mapping | None],
    photometry: Mapping,
) -> None:
    """Write TransferZ and its cut flow; `photometry` has the settings of `correct_photometry`."""
    table = read_parquet(matched)
    provenance = matched_provenance(matched)
    table = correct_photometry(table, bands, **photometry)
    table, flow = apply_cuts(table, cuts, bands, file=matched)
    flow = join_cutflows(pd.DataFrame(provenance.pop("cutflow")), flow)
    check_counts(flow, len(table))
    write_parquet(catalogue_table(table, bands), transferz, {"transferz": json.dumps(provenance)})
    write_csv(flow, cutflow)


if __name__ == "__main__":
    run(main, snakemake)
