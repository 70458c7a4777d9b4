"""The released table in three formats, described by one table of columns.

Every file is a function of the catalogue and the configuration alone: no date, no user, no path,
so that a rebuild gives the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from transferz.core.errors import InputError
from transferz.core.products import atomic_path

DATA_FILES = ["release_columns.tsv"]


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
    source = Path(__file__).with_name(DATA_FILES[0])
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


def column_type(values: pd.Series) -> str:
    """Return the type of a column in words: integer, float32, float64, boolean or text."""
    kind = values.dtype.kind
    if kind == "f":
        return str(values.dtype)
    return {"i": "integer", "u": "integer", "b": "boolean"}.get(kind, "text")


def dictionary(table: pd.DataFrame, descriptions: Sequence[Description]) -> pd.DataFrame:
    """Return the data dictionary: a row per column, what it is and the range of its values."""
    rows = []
    for item in descriptions:
        values = table[item.name]
        numeric = values.dtype.kind in "iuf"
        rows.append(
            {
                "column": item.name,
                "type": column_type(values),
                "unit": item.unit,
                "ucd": item.ucd,
                "n_null": int(values.isna().sum()),
                "minimum": str(values.min()) if numeric else "",
                "maximum": str(values.max()) if numeric else "",
                "description": item.text,
            }
        )
    return pd.DataFrame(rows)


def label_uncertainty(table: pd.DataFrame, magnitude: str, step: float = 1.0) -> pd.DataFrame:
    """Return count, median redshift and median 68% half-width over 1 + z in bins of magnitude."""
    z = table["redshift"]
    half = 0.5 * (table["redshift_u68"] - table["redshift_l68"]) / (1 + z)
    low = np.floor(table[magnitude] / step) * step
    frame = pd.DataFrame({"low": low, "redshift": z, "half_width": half})
    groups = frame.groupby("low")
    bins = groups.median()
    bins.insert(0, "n", groups.size())
    bins.insert(0, "high", bins.index + step)
    return bins.reset_index()


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


def write_parquet(
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
