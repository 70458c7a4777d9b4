"""Match COSMOS2020 to HSC photometry on the sky, one to one.

Inputs: COSMOS2020 (CLASSIC or FARMER) and HSC (PDR2 or PDR3) tables in the archives' formats, the
table of column templates. Output: matched.parquet, one row per pair with the columns of both; the
counts so far are in its metadata, for the cut-flow table.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.catalogues.cuts import apply_cuts, cutflow_row, cutflow_table, join_cutflows
from transferz.catalogues.formats import load_columns, read_catalogue
from transferz.catalogues.matching import cross_match
from transferz.core.errors import InputError
from transferz.core.logs import job
from transferz.core.products import write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def match_catalogues(cosmos: pd.DataFrame, hsc: pd.DataFrame, radius: float) -> pd.DataFrame:
    """Return the pairs of both catalogues within `radius` arcsec, ordered by object_id."""
    pairs = cross_match(cosmos["ra_cosmos"], cosmos["dec_cosmos"], hsc["ra"], hsc["dec"], radius)
    matched = pd.concat(
        [
            hsc.iloc[pairs.right].reset_index(drop=True),
            cosmos.iloc[pairs.left].reset_index(drop=True),
        ],
        axis="columns",
    )
    matched["separation"] = pairs.separation
    return matched.sort_values("object_id", ignore_index=True)


def identity(path: str) -> dict[str, object]:
    """Return size and SHA-256 sum of an input: which file it was, wherever it lay."""
    with Path(path).open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return {"bytes": Path(path).stat().st_size, "sha256": digest}


def main(
    cosmos: str,
    hsc: str,
    columns: str,
    matched: str,
    *,
    bands: Sequence[str],
    cosmos_version: str,
    hsc_version: str,
    radius: float,
    hsc_cuts: Mapping[str, Mapping | None],
) -> None:
    """Write the matched table.

    Parameters
    ----------
    cosmos, hsc, columns : path
        Catalogues and column templates.
    matched : path
        Output, Parquet.
    bands : sequence of str
        HSC bands.
    cosmos_version : {"CLASSIC", "FARMER"}
    hsc_version : {"pdr2", "pdr3"}
    radius : float
        Largest separation, arcsec.
    hsc_cuts : mapping
        Cuts on the HSC table before matching, so that what is no object of its own (a copy in an
        overlapping patch) takes nobody's match.
    """
    cosmos_table = read_catalogue(
        cosmos, load_columns(columns, "cosmos2020", cosmos_version, bands), unique="cosmos_id"
    )
    hsc_table = read_catalogue(
        hsc, load_columns(columns, "hsc", hsc_version, bands), unique="object_id"
    )
    hsc_table, flow = apply_cuts(hsc_table, hsc_cuts, bands, stage="HSC", file=hsc)
    table = match_catalogues(cosmos_table, hsc_table, radius)
    if table.empty:
        raise InputError(
            "no COSMOS2020 source has an HSC object near",
            file=hsc,
            key="crossmatch.radius",
            found=f"ra {hsc_table['ra'].min():.3f} to {hsc_table['ra'].max():.3f}, "
            f"dec {hsc_table['dec'].min():.3f} to {hsc_table['dec'].max():.3f}",
            expected=f"objects within {radius:g} arcsec of {cosmos}",
            fix="check that both catalogues cover the same sky",
        )
    step = cutflow_row(
        "cross-match",
        f"COSMOS2020 {cosmos_version} sources with an HSC object within {radius:g} arcsec, "
        "each the other's nearest",
        len(cosmos_table),
        len(table),
    )
    flow = join_cutflows(flow, cutflow_table([step], "match"))
    provenance = {
        "n_cosmos": len(cosmos_table),
        "n_hsc": len(hsc_table),
        "radius_arcsec": radius,
        "cosmos_version": cosmos_version,
        "hsc_version": hsc_version,
        "inputs": {"cosmos2020": identity(cosmos), "hsc": identity(hsc)},
        "cutflow": flow.to_dict(orient="list"),
    }
    write_parquet(table, matched, {"transferz": json.dumps(provenance)})


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.cosmos,
            snakemake.input.hsc,
            snakemake.input.columns,
            snakemake.output.matched,
            bands=snakemake.params.bands,
            cosmos_version=snakemake.params.cosmos_version,
            hsc_version=snakemake.params.hsc_version,
            radius=snakemake.params.radius,
            hsc_cuts=snakemake.params.hsc_cuts,
        )
