"""Release TransferZ: FITS, Parquet and CSV with units, UCDs and descriptions; documents.

Inputs: transferz.parquet and its cut flow. Outputs: TransferZ.{fits,parquet,csv.gz}, README.md
with the columns, DATASHEET.md, data_dictionary.csv, croissant.json, CITATION.cff, zenodo.json,
SHA256SUMS. The same inputs and configuration give the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq

from transferz.core.logs import job
from transferz.core.products import read_parquet, write_csv
from transferz.release import datasheet, documents

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    transferz: str,
    cutflow: str,
    fits: str,
    parquet: str,
    csv: str,
    readme: str,
    sheet: str,
    dictionary: str,
    croissant: str,
    citation: str,
    zenodo: str,
    checksums: str,
    *,
    bands: Sequence[str],
    survey: str,
    settings: Mapping,
    extinction: str,
) -> None:
    """Write the released files.

    Parameters
    ----------
    transferz, cutflow : path
        The selected catalogue and its cut flow.
    fits, parquet, csv, readme, sheet, dictionary, croissant, citation, zenodo, checksums : path
        Outputs, all in one folder.
    bands : sequence of str
    survey : {"embedded", "archive"}
        An embedded survey is called simulated in every document.
    settings : mapping
        ``version``, ``license`` (SPDX name), ``date`` (YYYY-MM-DD or None), ``url``,
        ``creators``.
    extinction : str
        Correction applied to the magnitudes (config, ``photometry.extinction``).
    """
    table = read_parquet(transferz)
    flow = pd.read_csv(cutflow)
    provenance = json.loads(pq.read_schema(transferz).metadata[b"transferz"])
    descriptions = documents.describe(list(table), bands)
    edition = documents.Edition(
        survey=survey,
        version=settings["version"],
        license_name=settings["license"],
        date=settings["date"],
        url=settings["url"],
        creators=settings["creators"],
    )
    sources = documents.sources_of(provenance["hsc_version"])
    cards = {
        "DATASET": ("TransferZ", "name of the data set"),
        "VERSION": (settings["version"], "version of the data set"),
        "SURVEY": (survey, "embedded: simulated; archive: real"),
        "REFERENC": (documents.PAPER, "paper"),
        "LABEL": (f"COSMOS2020 {provenance['cosmos_version']} lp_zPDF", "origin of the labels"),
        "PHOTOM": (f"HSC {provenance['hsc_version']} cmodel", "origin of the photometry"),
        "RADIUS": (provenance["radius_arcsec"], "[arcsec] match radius"),
    }
    history = [
        f"input {name}: {entry['bytes']} bytes, sha256 {entry['sha256']}"
        for name, entry in sorted(provenance.get("inputs", {}).items())
    ]
    history += [
        f"{row.cut}: {row.description}: {row.n_in} -> {row.n_out}" for row in flow.itertuples()
    ]
    documents.write_fits(table, descriptions, fits, cards=cards, history=history)
    documents.write_described_parquet(
        table,
        descriptions,
        parquet,
        {
            "dataset": f"TransferZ {settings['version']}",
            "survey": survey,
            **{
                key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
                for key, value in provenance.items()
            },
        },
    )
    documents.write_csv_gz(table, csv)
    write_csv(datasheet.dictionary(table, descriptions), dictionary)
    data_files = [fits, parquet, csv]
    texts = {
        readme: documents.readme(
            table, descriptions, flow, edition, provenance=provenance, extinction=extinction
        ),
        sheet: datasheet.datasheet(
            table, flow, sources, edition, bands=bands, provenance=provenance
        ),
        croissant: documents.croissant(table, descriptions, data_files, edition),
        citation: documents.citation(sources, edition),
        zenodo: documents.zenodo(table, sources, edition),
    }
    documents.write_documents(texts)
    everything = [*data_files, dictionary, *texts]
    documents.write_documents({checksums: documents.checksums(everything)})


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.transferz,
            snakemake.input.cutflow,
            snakemake.output.fits,
            snakemake.output.parquet,
            snakemake.output.csv,
            snakemake.output.readme,
            snakemake.output.datasheet,
            snakemake.output.dictionary,
            snakemake.output.croissant,
            snakemake.output.citation,
            snakemake.output.zenodo,
            snakemake.output.checksums,
            bands=snakemake.params.bands,
            survey=snakemake.params.survey,
            settings=snakemake.params.release,
            extinction=snakemake.params.extinction,
        )
