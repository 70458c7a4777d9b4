"""Release TransferZ: FITS, Parquet and CSV with units, UCDs and descriptions; documents.

Inputs: transferz.parquet and its cut flow. Outputs: TransferZ.{fits,parquet,csv.gz}, README.md
with the columns, DATASHEET.md, data_dictionary.csv, croissant.json, CITATION.cff, zenodo.json,
ro-crate-metadata.json, SHA256SUMS. The same inputs and configuration give the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq

from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_text
from transferz.release.documents import PAPER, Edition, Release, checksums
from transferz.release.table import describe, write_csv_gz, write_fits, write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake


@dataclass(frozen=True)
class ReleaseFiles:
    """Paths of the released files, all in one folder."""

    fits: str
    parquet: str
    csv: str
    readme: str
    datasheet: str
    dictionary: str
    croissant: str
    citation: str
    zenodo: str
    crate: str
    checksums: str


def write_tables(data: Release, files: ReleaseFiles) -> None:
    """Write the table in its three formats, with its provenance where the format has room."""
    edition, provenance = data.edition, data.provenance
    cards = {
        "DATASET": ("TransferZ", "name of the data set"),
        "VERSION": (edition.version, "version of the data set"),
        "SURVEY": (edition.survey, "embedded: simulated; archive: real"),
        "REFERENC": (PAPER, "paper"),
        "LABEL": (f"COSMOS2020 {provenance['cosmos_version']} lp_zPDF", "origin of the labels"),
        "PHOTOM": (f"HSC {provenance['hsc_version']} cmodel", "origin of the photometry"),
        "RADIUS": (provenance["radius_arcsec"], "[arcsec] match radius"),
    }
    history = [
        f"input {name}: {entry['bytes']} bytes, sha256 {entry['sha256']}"
        for name, entry in sorted(provenance.get("inputs", {}).items())
    ]
    history += [
        f"{row.cut}: {row.description}: {row.n_in} -> {row.n_out}"
        for row in data.cutflow.itertuples()
    ]
    write_fits(data.table, data.descriptions, files.fits, cards=cards, history=history)
    metadata = {"dataset": f"TransferZ {edition.version}", "survey": edition.survey} | {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in provenance.items()
    }
    write_parquet(data.table, data.descriptions, files.parquet, metadata)
    write_csv_gz(data.table, files.csv)


def main(
    transferz: str,
    cutflow: str,
    files: ReleaseFiles,
    *,
    bands: Sequence[str],
    survey: str,
    release: Mapping,
    extinction: str,
) -> None:
    """Write the released files.

    Parameters
    ----------
    transferz, cutflow : path
    files : ReleaseFiles
    bands : sequence of str
    survey : {"embedded", "archive"}
        An embedded survey is called simulated in every document.
    release : mapping
        ``version``, ``license`` (SPDX name), ``date`` (YYYY-MM-DD), ``url``,
        ``creators``.
    extinction : str
        Correction applied to the magnitudes (config, ``photometry.extinction``).
    """
    table = read_parquet(transferz)
    data = Release(
        table=table,
        descriptions=describe(list(table), bands),
        cutflow=pd.read_csv(cutflow),
        edition=Edition(survey=survey, **release),
        provenance=json.loads(pq.read_schema(transferz).metadata[b"transferz"]),
        bands=bands,
        extinction=extinction,
    )
    write_tables(data, files)
    write_csv(data.dictionary, files.dictionary)
    tables = [files.fits, files.parquet, files.csv]
    texts = {
        files.readme: data.render("README.md"),
        files.datasheet: data.render("DATASHEET.md"),
        files.croissant: data.croissant(tables),
        files.citation: data.render("CITATION.cff"),
        files.zenodo: data.zenodo(),
    }
    for path, text in texts.items():
        write_text(text, path)
    described = {
        **dict.fromkeys(tables, "the galaxies, one per row"),
        files.dictionary: "columns: type, unit, UCD, range, meaning",
        files.readme: "the data set and its columns",
        files.datasheet: "motivation, composition, cuts with counts, biases, licences",
        files.croissant: "the data set for machine learning, as Croissant",
        files.citation: "how to cite",
        files.zenodo: "metadata for an upload to Zenodo",
    }
    write_text(data.ro_crate(described), files.crate)
    write_text(checksums([*described, files.crate]), files.checksums)


if __name__ == "__main__":
    run(main, snakemake)
