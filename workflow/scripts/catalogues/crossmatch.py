"""Match COSMOS2020 to HSC photometry on the sky, one to one.

Inputs
    cosmos, hsc : COSMOS2020 (CLASSIC or FARMER) and HSC (PDR2 or PDR3) as the archives serve them
    columns : table of column templates

Outputs
    matched : Parquet, one row per pair with the columns of both; the counts so far are in its
        metadata, for the cut-flow table
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from transferz.catalogues.crossmatch import match_surveys
from transferz.core.logs import run
from transferz.core.products import write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake


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
    """Write the matched table; settings as of `match_surveys`."""
    table, provenance = match_surveys(
        cosmos,
        hsc,
        columns,
        bands=bands,
        cosmos_version=cosmos_version,
        hsc_version=hsc_version,
        radius=radius,
        hsc_cuts=hsc_cuts,
    )
    write_parquet(table, matched, {"transferz": json.dumps(provenance)})


if __name__ == "__main__":
    run(main, snakemake)
