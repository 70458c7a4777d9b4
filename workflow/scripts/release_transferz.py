"""Release TransferZ: FITS, Parquet and CSV with units, UCDs and descriptions; documents.

Inputs: transferz.parquet and its cut flow. Outputs: TransferZ.{fits,parquet,csv.gz}, README.md
with the data dictionary, croissant.json, CITATION.cff, SHA256SUMS. The same inputs and
configuration give the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq

from transferz import release
from transferz.io import read_parquet
from transferz.logs import job

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    transferz: str,
    cutflow: str,
    fits: str,
    parquet: str,
    csv: str,
    readme: str,
    croissant: str,
    citation: str,
    checksums: str,
    *,
    bands: Sequence[str],
    survey: str,
    settings: Mapping[str, str | None],
    extinction: str,
) -> None:
    """Write the released files.

    Parameters
    ----------
    transferz, cutflow : path
        The selected catalogue and its cut flow.
    fits, parquet, csv, readme, croissant, citation, checksums : path
        Outputs, all in one folder.
    bands : sequence of str
    survey : {"embedded", "archive"}
        An embedded survey is called simulated in every document.
    settings : mapping
        ``version``, ``license`` (SPDX name), ``date`` (YYYY-MM-DD or None), ``url``.
    extinction : str
        Correction applied to the magnitudes (config, ``photometry.extinction``).
    """
    table = read_parquet(transferz)
    flow = pd.read_csv(cutflow)
    provenance = json.loads(pq.read_schema(transferz).metadata[b"transferz"])
    descriptions = release.describe(list(table), bands)
    about = {
        "survey": survey,
        "version": settings["version"],
        "license_name": settings["license"],
    }
    published = {"date": settings["date"], "url": settings["url"]}
    cards = {
        "DATASET": ("TransferZ", "name of the data set"),
        "VERSION": (settings["version"], "version of the data set"),
        "SURVEY": (survey, "embedded: simulated; archive: real"),
        "REFERENC": (release.PAPER, "paper"),
        "LABEL": (f"COSMOS2020 {provenance['cosmos_version']} lp_zPDF", "origin of the labels"),
        "PHOTOM": (f"HSC {provenance['hsc_version']} cmodel", "origin of the photometry"),
        "RADIUS": (provenance["radius_arcsec"], "[arcsec] match radius"),
    }
    history = [
        f"{row.cut}: {row.description}: {row.n_in} -> {row.n_out}" for row in flow.itertuples()
    ]
    release.write_fits(table, descriptions, fits, cards=cards, history=history)
    release.write_described_parquet(
        table,
        descriptions,
        parquet,
        {
            "dataset": f"TransferZ {settings['version']}",
            "survey": survey,
            **{key: str(value) for key, value in provenance.items()},
        },
    )
    release.write_csv_gz(table, csv)
    data_files = [fits, parquet, csv]
    release.write_documents(
        {
            readme: release.readme(
                table, descriptions, flow, provenance=provenance, extinction=extinction, **about
            ),
            croissant: release.croissant(table, descriptions, data_files, **about, **published),
            citation: release.citation(**about, **published),
        }
    )
    release.write_documents(
        {checksums: release.checksums([*data_files, readme, croissant, citation])}
    )


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.transferz,
            snakemake.input.cutflow,
            snakemake.output.fits,
            snakemake.output.parquet,
            snakemake.output.csv,
            snakemake.output.readme,
            snakemake.output.croissant,
            snakemake.output.citation,
            snakemake.output.checksums,
            bands=snakemake.params.bands,
            survey=snakemake.params.survey,
            settings=snakemake.params.release,
            extinction=snakemake.params.extinction,
        )
