"""The released data set: one table in three formats, described by one table of columns.

Every file is a function of the catalogue and the configuration alone: no date, no user, no path,
so that a rebuild gives the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from transferz.core.errors import InputError
from transferz.core.products import atomic_path, sha256, write_text

DATA_FILES = ("release_columns.tsv", "release_sources.tsv")

PAPER = "Soriano et al. 2024, arXiv:2411.18054"
SIMULATED = (
    "**Simulated.** These rows were made from the embedded survey, not from the real "
    "COSMOS2020 and HSC catalogues; use them to test, not for science."
)
SPDX_URL = "https://spdx.org/licenses/{license}.html"

# Context of Croissant 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-spec.html).
CROISSANT_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
ENCODING_FORMATS = {
    ".fits": "application/fits",
    ".parquet": "application/x-parquet",
    ".gz": "application/gzip",
}


@dataclass(frozen=True)
class Description:
    """What a released column is.

    Attributes
    ----------
    name : str
    unit : str
        FITS unit string; empty for numbers without a unit and for text.
    ucd : str
        IVOA unified content descriptor, UCD1+.
    text : str
    """

    name: str
    unit: str
    ucd: str
    text: str


def describe(columns: Sequence[str], bands: Sequence[str]) -> list[Description]:
    """Return the description of each column.

    Raises
    ------
    InputError
        If a column is not in the table of released columns.
    """
    source = Path(__file__).with_name("release_columns.tsv")
    known = {}
    with source.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            for band in bands if "{band}" in row["column"] else bands[:1]:
                name = row["column"].replace("{band}", band)
                text = row["description"].replace("{band}", band)
                known[name] = Description(name, row["unit"], row["ucd"], text)
    missing = [name for name in columns if name not in known]
    if missing:
        raise InputError(
            "released columns without a description",
            file=source.name,
            key=", ".join(missing),
            expected="a row with unit, UCD and description of each",
        )
    return [known[name] for name in columns]


@dataclass(frozen=True)
class Edition:
    """What the documents of a release say of it as a publication.

    Attributes
    ----------
    survey : {"embedded", "archive"}
    version, license_name : str
        The licence by its SPDX name.
    date : str or None
        Day of publication, YYYY-MM-DD; None: not yet published.
    url : str
        Page of the data set.
    creators : sequence of str
    """

    survey: str
    version: str
    license_name: str
    date: str | None
    url: str
    creators: Sequence[str]


@dataclass(frozen=True)
class Source:
    """A publication that the data set rests on, and what its data ask of their users."""

    key: str
    name: str
    title: str
    family: str
    given: str
    year: str
    reference: str
    identifier: str
    url: str
    licence: str
    acknowledgement: str

    @property
    def cite(self) -> str:
        """Short reference and identifier, said once."""
        known = self.identifier in self.reference
        return self.reference if known else f"{self.reference}, {self.identifier}"


# What the data set has to do with its sources, in DataCite's words.
RELATIONS = {"paper": "isDescribedBy", "galaxiesml": "references"}


def sources_of(hsc_version: str) -> list[Source]:
    """Return the paper and the catalogues behind a release made with this version of HSC."""
    path = Path(__file__).with_name("release_sources.tsv")
    with path.open(encoding="utf-8", newline="") as handle:
        rows = [Source(**row) for row in csv.DictReader(handle, delimiter="\t")]
    wanted = ("paper", "cosmos2020", f"hsc_{hsc_version}", "galaxiesml")
    return [source for source in rows if source.key in wanted]


def title(survey: str) -> str:
    """Return the title of the data set."""
    text = "TransferZ: HSC photometry with COSMOS2020 photometric redshifts"
    return f"{text} (simulated)" if survey == "embedded" else text


def summary(table: pd.DataFrame, survey: str) -> str:
    """Return what the data set is, in a sentence or two of plain text."""
    text = (
        f"{len(table)} galaxies with HSC photometry labelled by COSMOS2020 photometric redshifts."
    )
    return f"{SIMULATED.replace('*', '')} {text}" if survey == "embedded" else text


# ------------------------------------------------------------------------------- data files


def write_fits(
    table: pd.DataFrame,
    descriptions: Sequence[Description],
    path: str | Path,
    *,
    cards: Mapping[str, object],
    history: Iterable[str],
) -> None:
    """Write the FITS file: table in HDU 1; units, UCDs and descriptions on its columns.

    UCDs and descriptions are in the keywords ``TUCDn`` and ``TCOMMn``, where VO tools look.

    Parameters
    ----------
    table : pandas.DataFrame
    descriptions : sequence of Description
        One per column of `table`.
    path : path-like
    cards : mapping
        Further header keywords.
    history : iterable of str
        Lines of provenance.
    """
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column(
                name=item.name,
                array=_fits_array(table[item.name]),
                format=_fits_format(table[item.name]),
                unit=item.unit or None,
            )
            for item in descriptions
        ],
        name="TRANSFERZ",
    )
    for number, item in enumerate(descriptions, start=1):
        hdu.header.set(f"TUCD{number}", item.ucd, after=f"TFORM{number}")
        hdu.header.set(f"TCOMM{number}", item.text, after=f"TUCD{number}")
    # Descriptions go on over several cards.
    hdu.header["LONGSTRN"] = ("OGIP 1.0", "long strings are continued")
    for keyword, value in cards.items():
        hdu.header[keyword] = value
    for line in history:
        hdu.header.add_history(_ascii(line))
    hdus = fits.HDUList([fits.PrimaryHDU(), hdu])
    for part in hdus:
        # The default comment of a checksum is the time at which it was made.
        part.add_checksum(when="checksum of the HDU")
    with atomic_path(path) as temporary:
        hdus.writeto(temporary, overwrite=True, output_verify="exception")


def _fits_format(values: pd.Series) -> str:
    if values.dtype.kind in "biuf":
        size = values.dtype.itemsize
        letters = {"b": {1: "L"}, "f": {4: "E", 8: "D"}}.get(
            values.dtype.kind, {1: "I", 2: "I", 4: "J", 8: "K"}
        )
        return letters[size]
    return f"{max(1, int(values.astype(str).map(len).max()))}A"


def _fits_array(values: pd.Series) -> np.ndarray:
    if values.dtype.kind in "biuf":
        return values.to_numpy()
    return np.array([_ascii(str(value)) for value in values], dtype="S")


def _ascii(text: str) -> str:
    """Return `text` in the characters that a FITS header may hold."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)


def write_described_parquet(
    table: pd.DataFrame,
    descriptions: Sequence[Description],
    path: str | Path,
    metadata: Mapping[str, str],
) -> None:
    """Write the Parquet file: unit, UCD and description in the metadata of each column."""
    arrow = pa.Table.from_pandas(table[[item.name for item in descriptions]], preserve_index=False)
    fields = [
        arrow.schema.field(item.name).with_metadata(
            {"unit": item.unit, "ucd": item.ucd, "description": item.text}
        )
        for item in descriptions
    ]
    encoded = {key.encode(): value.encode() for key, value in metadata.items()}
    schema = pa.schema(fields, metadata={**(arrow.schema.metadata or {}), **encoded})
    with atomic_path(path) as temporary:
        pq.write_table(arrow.cast(schema), temporary, compression="zstd", write_page_checksum=True)


def write_csv_gz(table: pd.DataFrame, path: str | Path) -> None:
    """Write the gzipped CSV file, without the time and name that gzip records."""
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as handle,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=handle, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
    ):
        table.to_csv(text, index=False, lineterminator="\n")


def checksums(paths: Sequence[str | Path]) -> str:
    """Return the text of a SHA256SUMS file (`sha256sum --check` reads it)."""
    named = sorted((Path(path).name, path) for path in paths)
    return "\n".join(f"{sha256(path)}  {name}" for name, path in named) + "\n"


# ------------------------------------------------------------------------------- documents


def column_type(values: pd.Series) -> str:
    """Return the type of a column in words: integer, float32, float64, boolean or text."""
    kind = values.dtype.kind
    if kind == "f":
        return str(values.dtype)
    return {"i": "integer", "u": "integer", "b": "boolean"}.get(kind, "text")


def readme(
    table: pd.DataFrame,
    descriptions: Sequence[Description],
    cutflow: pd.DataFrame,
    edition: Edition,
    *,
    provenance: Mapping[str, object],
    extinction: str,
) -> str:
    """Return README.md: what the data set is, how it was made, its data dictionary."""
    redshift = table["redshift"]
    simulated = edition.survey == "embedded"
    lines = [f"# TransferZ {edition.version}{' (simulated)' if simulated else ''}", ""]
    if simulated:
        lines += [SIMULATED, ""]
    lines += [
        f"{len(table)} galaxies with HSC photometry and photometric redshifts of COSMOS2020, made "
        f"as described by {PAPER}: labels for training photometric redshift networks, less "
        "precise than spectroscopic ones but of a wider range of galaxies.",
        "",
        f"- Label: `redshift`, the median of the LePhare likelihood (`lp_zPDF`) of COSMOS2020 "
        f"{provenance['cosmos_version']} (Weaver et al. 2022, doi:10.3847/1538-4365/ac3078), with "
        "its 68% interval `redshift_l68`, `redshift_u68`.",
        f"- Photometry: HSC-SSP {str(provenance['hsc_version']).upper()} cmodel magnitudes, AB; "
        + (
            "not corrected for Galactic extinction."
            if extinction == "none"
            else f"corrected for Galactic extinction ({extinction})."
        ),
        f"- Match: each the other's nearest within {provenance['radius_arcsec']:g} arcsec.",
        f"- Redshifts {redshift.min():.3f} to {redshift.max():.3f}, "
        f"median {redshift.median():.3f}.",
        f"- Licence: {edition.license_name}. The catalogues that it is made of ask to be cited and "
        "acknowledged: the words are in `DATASHEET.md`.",
        "",
        "The same rows and columns are in `TransferZ.fits` (HDU 1), `TransferZ.parquet` and "
        "`TransferZ.csv.gz`; `SHA256SUMS` holds their checksums. `DATASHEET.md` says what the data "
        "are good for and what not, `data_dictionary.csv` and `croissant.json` describe the "
        "columns to machines, `CITATION.cff` says how to cite, `zenodo.json` is for an upload.",
        "",
        "## How the rows were selected",
        "",
        "| step | stage | cut | rows in | rows out | kept |",
        "|---:|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row.step} | {markdown_cell(row.stage)} "
        f"| {markdown_cell(row.cut)}: {markdown_cell(row.description)} "
        f"| {row.n_in} | {row.n_out} | {100 * row.fraction:.1f}% |"
        for row in cutflow.itertuples()
    ]
    lines += [
        "",
        "## Columns",
        "",
        "| column | type | unit | UCD | nulls | description |",
        "|---|---|---|---|---:|---|",
    ]
    lines += [
        f"| `{item.name}` | {column_type(table[item.name])} | {item.unit or '-'} | {item.ucd} "
        f"| {int(table[item.name].isna().sum())} | {markdown_cell(item.text)} |"
        for item in descriptions
    ]
    return "\n".join(lines) + "\n"


def markdown_cell(text: object) -> str:
    """Return `text` so that it stays inside a cell of a Markdown table."""
    escaped = str(text).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return " ".join(escaped.split())


def croissant(
    table: pd.DataFrame,
    descriptions: Sequence[Description],
    files: Sequence[str | Path],
    edition: Edition,
) -> str:
    """Return croissant.json: the data set as Croissant 1.0 JSON-LD.

    The records are read from the Parquet file, whose columns have their types.

    Parameters
    ----------
    table, descriptions
        The data set.
    files : sequence of path
        Data files, one of them Parquet.
    edition : Edition
    """
    parquet = next(Path(path).name for path in files if str(path).endswith(".parquet"))
    types = {"integer": "sc:Integer", "boolean": "sc:Boolean", "text": "sc:Text"}
    document = {
        "@context": CROISSANT_CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "TransferZ",
        "description": summary(table, edition.survey),
        "version": edition.version,
        "license": SPDX_URL.format(license=edition.license_name),
        "url": edition.url,
        "citeAs": PAPER,
        "creator": [{"@type": "sc:Organization", "name": name} for name in edition.creators],
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": Path(path).name,
                "name": Path(path).name,
                "contentUrl": Path(path).name,
                "contentSize": f"{Path(path).stat().st_size} B",
                "encodingFormat": ENCODING_FORMATS[Path(path).suffix],
                "sha256": sha256(path),
            }
            for path in files
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "galaxies",
                "name": "galaxies",
                "description": "One galaxy per record.",
                "key": {"@id": "galaxies/object_id"},
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"galaxies/{item.name}",
                        "name": item.name,
                        "description": item.text + (f" [{item.unit}]" if item.unit else ""),
                        "dataType": types.get(column_type(table[item.name]), "sc:Float"),
                        "source": {
                            "fileObject": {"@id": parquet},
                            "extract": {"column": item.name},
                        },
                    }
                    for item in descriptions
                ],
            }
        ],
    }
    if edition.date is not None:
        document["datePublished"] = edition.date
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def citation(
    sources: Sequence[Source],
    edition: Edition,
) -> str:
    """Return CITATION.cff of the data set."""
    lines = [
        "cff-version: 1.2.0",
        "message: If you use this data set, please cite it, the paper and the catalogues below.",
        f'title: "{title(edition.survey)}"',
        "type: dataset",
        f'version: "{edition.version}"',
        f"license: {edition.license_name}",
        f'url: "{edition.url}"',
    ]
    if edition.date is not None:
        lines.append(f"date-released: {edition.date}")
    lines += ["authors:", *(f'  - name: "{name}"' for name in edition.creators), "references:"]
    for source in sources:
        lines += [
            "  - type: article",
            f'    title: "{source.title}"',
            "    authors:",
            f'      - family-names: "{source.family}"',
            f'        given-names: "{source.given}"',
            "      - name: et al.",
            f"    year: {source.year}",
            f'    notes: "{source.identifier}"',
        ]
    return "\n".join(lines) + "\n"


def zenodo(
    table: pd.DataFrame,
    sources: Sequence[Source],
    edition: Edition,
) -> str:
    """Return zenodo.json: metadata for an upload to Zenodo, as its deposit interface takes them."""
    document = {
        "title": title(edition.survey),
        "upload_type": "dataset",
        "access_right": "open",
        "description": f"<p>{summary(table, edition.survey)} Columns, cuts with counts, biases, "
        "licences: README.md and DATASHEET.md.</p>",
        "creators": [{"name": name} for name in edition.creators],
        "license": edition.license_name.lower(),
        "version": edition.version,
        "language": "eng",
        "keywords": ["photometric redshifts", "galaxies", "HSC", "COSMOS", "transfer learning"],
        "related_identifiers": [
            {
                "identifier": source.identifier.removeprefix("doi:"),
                "relation": RELATIONS.get(source.key, "isDerivedFrom"),
            }
            for source in sources
        ]
        + [{"identifier": edition.url, "relation": "isDocumentedBy"}],
        "references": [source.cite for source in sources],
        "notes": "\n\n".join(
            source.acknowledgement for source in sources if source.acknowledgement != "-"
        ),
    }
    if edition.date is not None:
        document["publication_date"] = edition.date
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write_documents(documents: Mapping[str, str]) -> None:
    """Write each text under its path."""
    for path, text in documents.items():
        write_text(text, path)
