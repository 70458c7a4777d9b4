"""Readers of catalogues in their public formats: the needed columns, checked, in native types.

FITS (binary tables, also gzipped), CSV and TSV (also gzipped), Parquet and HDF5 end in the same
kind of table: one column per *quantity* (the workflow's own name), nulls as NaN. What is wrong
with a file ends in an `InputError`; nothing is dropped.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import gzip
import logging
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy import units as u
from astropy.io import fits

from transferz.core.errors import InputError

logger = logging.getLogger(__name__)

KINDS = ("id", "float", "int", "flag", "text")
RA_COLUMNS, DEC_COLUMNS = ("ra", "ra_cosmos"), ("dec", "dec_cosmos")

# Rows are read in blocks of this many bytes: a table of several GB needs memory only for the
# columns asked for (mapping the file instead would count all of it as the process's memory), and
# a block stays in the processor's cache while its columns are taken out: five times as fast as
# blocks of 32 MB.
BLOCK_BYTES = 2 * 1024**2

# Close names are looked for among this many columns at most: difflib takes 10 us for each.
MAX_NAMES_COMPARED = 20_000

# Spellings met in catalogues that astropy reads otherwise or not at all.
UNIT_SPELLINGS = {
    "ABmag": "mag",
    "AB mag": "mag",
    "mag(AB)": "mag",
    "mags": "mag",
    "magnitude": "mag",
    "degree": "deg",
    "degrees": "deg",
    "microJy": "uJy",
    "ujy": "uJy",
}

TRUE_WORDS, FALSE_WORDS = ("true", "t", "1", "1.0", "yes"), ("false", "f", "0", "0.0", "no")

# A reader gets the names of all columns of a file and answers with those to read.
Pick = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True)
class Column:
    """One column to read: what the workflow calls it and how the file has it.

    Attributes
    ----------
    quantity : str
        Name in the workflow's tables, such as ``mag_g``.
    name : str
        Name in the file, such as ``g_cmodel_mag``.
    kind : str
        One of `KINDS`; or ``any``: carried along in its own type.
    unit : str
        Accepted units, alternatives separated by ``|``; empty: not checked.
    required : bool
        Whether its absence, or a column of nulls only, is an error.
    nulls : tuple of float
        Values that mean "no value" besides NaN.
    """

    quantity: str
    name: str
    kind: str = "float"
    unit: str = ""
    required: bool = True
    nulls: tuple[float, ...] = ()


@dataclass
class RawTable:
    """Columns as a file has them: values, rows without a value, units where stated."""

    columns: dict[str, np.ndarray | pd.Series]
    nulls: dict[str, np.ndarray]
    units: dict[str, str]


# ------------------------------------------------------------------------- column templates


def load_columns(
    path: str | Path, catalogue: str, version: str, bands: Sequence[str]
) -> list[Column]:
    """Return the columns of one catalogue and version, ``{band}`` templates expanded.

    Parameters
    ----------
    path : path-like
        Table of column templates (config/columns.tsv).
    catalogue, version : str
        Which rows to take; rows of version ``*`` belong to every version.
    bands : sequence of str
        Names put in place of ``{band}``.

    Raises
    ------
    InputError
        If the table is malformed or has no such catalogue or version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("file not found", file=path, expected="the table of column templates")
    lines = [
        line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    header = ["catalogue", "version", "quantity", "column", "kind", "unit", "required", "null"]
    if not rows or list(rows[0]) != header or any(None in row.values() for row in rows):
        raise InputError("not a table of column templates", file=path, expected="\\t".join(header))
    known = sorted({row["version"] for row in rows if row["catalogue"] == catalogue} - {"*"})
    if not any(row["catalogue"] == catalogue for row in rows):
        raise InputError(
            "unknown catalogue",
            file=path,
            found=catalogue,
            expected=", ".join(sorted({row["catalogue"] for row in rows})),
        )
    if known and version not in known:
        raise InputError(
            f"unknown version of {catalogue}", file=path, found=version, expected=", ".join(known)
        )
    columns = []
    for row in rows:
        if row["catalogue"] != catalogue or row["version"] not in ("*", version):
            continue
        if row["kind"] not in KINDS:
            raise InputError(
                "unknown kind of column",
                file=path,
                key=row["quantity"],
                found=row["kind"],
                expected=", ".join(KINDS),
            )
        template = Column(
            quantity=row["quantity"],
            name=row["column"],
            kind=row["kind"],
            unit="" if row["unit"] == "-" else row["unit"],
            required=row["required"] == "yes",
            nulls=() if row["null"] == "-" else tuple(float(v) for v in row["null"].split(",")),
        )
        columns.extend(expand_bands(template, {band: band for band in bands}))
    return columns


def expand_bands(template: Column, bands: Mapping[str, str]) -> list[Column]:
    """Return one column per band, or the template itself where it names no band.

    `bands` maps the workflow's name of a band to the file's.
    """
    if "{band}" not in template.quantity:
        return [template]
    return [
        Column(
            template.quantity.replace("{band}", band),
            template.name.replace("{band}", in_file),
            template.kind,
            template.unit,
            template.required,
            template.nulls,
        )
        for band, in_file in bands.items()
    ]


# ---------------------------------------------------------------------------------- reading


def read_catalogue(
    path: str | Path,
    columns: Sequence[Column],
    *,
    file_format: str = "auto",
    table: int | str | None = None,
    unique: str | None = None,
) -> pd.DataFrame:
    """Read `columns` of a catalogue into a table of quantities.

    Parameters
    ----------
    path : path-like
        FITS, CSV, TSV, Parquet or HDF5 file.
    columns : sequence of Column
        What to read; optional ones that the file lacks are left out.
    file_format : {"auto", "fits", "csv", "tsv", "parquet", "hdf5"}
        "auto" goes by the file's name.
    table : int or str, optional
        HDU of a FITS file (1 by default), group or dataset of an HDF5 file (root by default).
    unique : str, optional
        Quantity in which no value may occur twice.

    Returns
    -------
    pandas.DataFrame
        Rows in the order of the file. Floats keep their precision, native byte order; integers
        are int64 and flags bool, or float64 with NaN where some rows have no value.

    Raises
    ------
    InputError
        If the file cannot be read, or its columns are not as described.
    """
    path = existing(path)
    reader = _READERS[format_of(path, file_format)]

    def pick(names: Sequence[str]) -> list[str]:
        return pick_columns(path, names, columns)

    raw = reader(path, columns, pick, table)
    present = [column for column in columns if column.name in raw.columns]
    if not len(next(iter(raw.columns.values()))):
        raise empty_table(path)
    quantities = {}
    uses = Counter(column.name for column in present)
    for column in present:
        check_unit(path, column, raw.units.get(column.name))
        uses[column.name] -= 1
        # Given up as soon as converted: a large catalogue is in memory once, not twice.
        again = uses[column.name] > 0
        values = raw.columns[column.name].copy() if again else raw.columns.pop(column.name)
        null = raw.nulls.get(column.name)
        quantities[column.quantity] = CONVERTERS[column.kind](path, column, values, null)
    catalogue = pd.DataFrame(quantities, copy=False)
    _check_values(path, catalogue, present)
    if unique is not None:
        names = {column.quantity: column.name for column in present}
        _check_unique(path, catalogue[unique], names[unique])
    logger.info("Read %d rows, %d columns from %s", len(catalogue), catalogue.shape[1], path)
    return catalogue


def existing(path: str | Path) -> Path:
    """Return `path`; raise an `InputError` unless it is a file."""
    path = Path(path)
    if not path.is_file():
        raise InputError(
            "file not found",
            file=path,
            found="a folder" if path.is_dir() else "nothing of this name",
            expected="a catalogue",
            fix="give its path in the configuration",
        )
    return path


def empty_table(path: Path) -> InputError:
    """Return the error for a catalogue of column names alone."""
    return InputError(
        "empty table",
        file=path,
        found="0 rows",
        expected="at least one row",
        fix="fetch or write it again: what made it may have selected nothing",
    )


def _check_unique(path: Path, values: pd.Series, name: str) -> None:
    repeated = values.duplicated(keep=False)
    if repeated.any():
        some = values[repeated].drop_duplicates()
        raise InputError(
            "the same identifier on several rows",
            file=path,
            key=name,
            found=f"{len(some)} repeated, the first {some.iloc[0]}",
            expected="one row per object",
            fix="remove the repeated rows",
        )


def format_of(path: Path, file_format: str) -> str:
    """Return the format of a file: `file_format`, or by its name where that is "auto"."""
    if file_format != "auto":
        if file_format not in _READERS:
            raise InputError(
                "unknown file format", file=path, found=file_format, expected=", ".join(_READERS)
            )
        return file_format
    endings = {
        "fits": (".fits", ".fit", ".fits.gz", ".fit.gz"),
        "csv": (".csv", ".csv.gz"),
        "tsv": (".tsv", ".tsv.gz"),
        "parquet": (".parquet", ".pq"),
        "hdf5": (".hdf5", ".h5", ".hdf"),
    }
    for name, suffixes in endings.items():
        if path.name.lower().endswith(suffixes):
            return name
    raise InputError(
        "file format not known from the name",
        file=path,
        expected=", ".join(suffix for suffixes in endings.values() for suffix in suffixes),
        fix="name the format in the configuration",
    )


def pick_columns(path: Path, names: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """Return the names to read; raise for a required one that is absent or there twice."""
    counts = Counter(names)
    wanted = list(dict.fromkeys(column.name for column in columns))
    _check_once(path, wanted, names)
    missing = [column for column in columns if column.required and column.name not in counts]
    if missing:
        raise InputError(
            "missing column" if len(missing) == 1 else f"{len(missing)} missing columns",
            file=path,
            key=", ".join(column.name for column in missing[:5]) + (", ..." * (len(missing) > 5)),
            found=did_you_mean(missing[0].name, names),
            expected=f"the column that holds {missing[0].quantity}",
            fix="check that this is the right file and version",
        )
    return [name for name in wanted if name in counts]


def _check_once(path: Path, wanted: Iterable[str], names: Sequence[str]) -> None:
    counts = Counter(names)
    twice = [name for name in wanted if counts[name] > 1]
    if twice:
        raise InputError(
            "column name occurs more than once",
            file=path,
            key=twice[0],
            found=f"{counts[twice[0]]} columns of this name",
            expected="one",
            fix="rename or remove the others",
        )


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """Return the names close to `name` as a question, or a list of what is there."""
    some = list(names[:MAX_NAMES_COMPARED])
    folded = {other.lower(): other for other in reversed(some)}
    close = [
        folded[match]
        for match in difflib.get_close_matches(name.lower(), list(folded), n=3, cutoff=0.6)
    ]
    if close:
        return (
            "no such name, did you mean " + " or ".join(f"'{other:.80}'" for other in close) + "?"
        )
    listed = ", ".join(f"{other:.40}" for other in some[:8])
    return f"{len(names)} columns: {listed}" + (", ..." * (len(names) > 8))


# ---------------------------------------------------------------------------- file formats


@dataclass(frozen=True)
class FitsLayout:
    """Where the columns of a binary table lie in its file."""

    names: list[str]
    fields: dict[str, fits.Column]
    row_type: np.dtype
    start: int
    rows: int

    @property
    def masks(self) -> dict[str, str]:
        """The columns that tell in which rows others have no value.

        Where the HSC archive's FITS writer cannot store a null it writes 0 and adds a column
        ``<name>_isnull``.
        """
        return {
            name: f"{name}_isnull"
            for name in self.names
            if f"{name}_isnull" in self.fields
            and self.fields[f"{name}_isnull"].format.endswith("L")
        }

    def decode(self, stored: Mapping[str, np.ndarray]) -> RawTable:
        """Return the values of rows as stored in the columns `names` and those of `masks`."""
        raw, masks = RawTable({}, {}, {}), self.masks
        for name in self.names:
            field = self.fields[name]
            raw.columns[name], null = _decode_fits(stored[name], field)
            if name in masks:
                flagged = stored[masks[name]] == ord("T")
                null = flagged if null is None else null | flagged
            if null is not None and null.any():
                raw.nulls[name] = null
            if field.unit:
                raw.units[name] = str(field.unit)
        return raw


def fits_layout(path: Path, pick: Pick, table: int | str | None) -> FitsLayout:
    """Return the layout of a binary table (FITS standard 4.0, section 7.3).

    Raises
    ------
    InputError
        If the file has no such table, or a column to read is missing, there twice or of arrays.
    """
    number = 1 if table is None else table
    try:
        with warnings.catch_warnings():
            # A truncated file is found by the length of its data.
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=True, lazy_load_hdus=True) as hdus:
                hdu = hdus[number]
                if not isinstance(hdu, fits.BinTableHDU) or isinstance(hdu, fits.CompImageHDU):
                    raise InputError(
                        "not a binary table",
                        file=path,
                        key=f"HDU {number}",
                        found=type(hdu).__name__,
                        expected="the catalogue as a binary table",
                        fix="give the file as the archive serves it, or name its HDU",
                    )
                definitions = hdu.columns
                names = pick(definitions.names)
                # A record cannot hold two fields of one name, even where neither is read.
                _check_once(path, definitions.names, definitions.names)
                layout = FitsLayout(
                    names,
                    {name: definitions[name] for name in definitions.names},
                    definitions.dtype.newbyteorder(">"),
                    hdu.fileinfo()["datLoc"],
                    hdu.header["NAXIS2"],
                )
    except InputError:
        raise
    except (IndexError, KeyError) as error:
        raise InputError(
            "no such table in the file",
            file=path,
            key=f"HDU {number}",
            found=f"{path.stat().st_size} bytes without it",
            expected="the catalogue as a binary table",
            fix="the file may be cut short: compare its size with the archive's",
        ) from error
    except (OSError, ValueError, TypeError, EOFError, zlib.error, fits.VerifyError) as error:
        raise unreadable(path, "FITS file", error) from error
    for name in names:
        _check_scalar(path, name, layout.row_type[name].shape)
    return layout


def _check_scalar(path: Path, name: str, shape: tuple[int, ...]) -> None:
    if shape not in ((), (1,)):
        raise InputError(
            "column of arrays",
            file=path,
            key=name,
            found=f"shape {shape} in each row",
            expected="one value per row",
            fix="name a column of single values, or write one column per element",
        )


def _read_fits(
    path: Path, columns: Sequence[Column], pick: Pick, table: int | str | None
) -> RawTable:
    """Read columns of a binary table in blocks of rows."""
    layout = fits_layout(path, pick, table)
    row_type, rows = layout.row_type, layout.rows
    wanted = [*layout.names, *layout.masks.values()]
    stored = {name: np.empty(rows, dtype=row_type[name].base.newbyteorder("=")) for name in wanted}
    block = max(1, BLOCK_BYTES // row_type.itemsize)
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as handle:
            handle.seek(layout.start)
            for first in range(0, rows, block):
                count = min(block, rows - first)
                content = handle.read(count * row_type.itemsize)
                if len(content) < count * row_type.itemsize:
                    raise EOFError(
                        f"data end after {first + len(content) // row_type.itemsize} of {rows} rows"
                    )
                part = np.frombuffer(content, dtype=row_type)
                for name in wanted:
                    stored[name][first : first + count] = part[name].reshape(count)
    except (EOFError, OSError, zlib.error) as error:
        raise unreadable(path, "FITS file", error) from error
    return layout.decode(stored)


def _decode_fits(stored: np.ndarray, field: fits.Column) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the physical values of a stored column and where it has none."""
    if field.format.endswith("L"):
        return stored == ord("T"), ~np.isin(stored, (ord("T"), ord("F")))
    if stored.dtype.kind == "S":
        return np.char.strip(np.char.decode(stored, "utf-8", "replace")), None
    null = None if field.null is None else stored == field.null
    if stored.dtype.kind == "V" or field.format.strip("0123456789")[:1] in ("P", "Q", "C", "M"):
        return stored, null
    scale = 1 if field.bscale in (None, "") else field.bscale
    zero = 0 if field.bzero in (None, "") else field.bzero
    if scale == 1 and zero == 0:
        return stored, null
    if scale == 1 and stored.dtype.kind in "iu" and float(zero).is_integer():
        # Unsigned integers are stored with an offset; int64 arithmetic wraps into place.
        if stored.dtype.itemsize == 8:
            return stored.view(np.uint64) + np.uint64(int(zero)), null
        return stored.astype(np.int64) + int(zero), null
    return stored * float(scale) + float(zero), null


def _read_csv(
    path: Path, columns: Sequence[Column], pick: Pick, table: int | str | None
) -> RawTable:
    return _read_delimited(path, columns, pick, ",")


def _read_tsv(
    path: Path, columns: Sequence[Column], pick: Pick, table: int | str | None
) -> RawTable:
    return _read_delimited(path, columns, pick, "\t")


def _read_delimited(path: Path, columns: Sequence[Column], pick: Pick, delimiter: str) -> RawTable:
    try:
        header = text_header(path, delimiter)
        names = pick(header)
        check_last_line(path, len(header), delimiter)
        as_text = {column.name: str for column in columns if column.kind in ("id", "flag", "text")}
        table = pd.read_csv(
            path,
            sep=delimiter,
            encoding="utf-8-sig",
            skipinitialspace=True,
            usecols=lambda name: name.strip() in names,
            dtype=as_text,
            float_precision="round_trip",
            low_memory=False,
        )
    except InputError:
        raise
    except (
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        UnicodeDecodeError,
        csv.Error,
        OSError,
        EOFError,
        zlib.error,
    ) as error:
        raise unreadable(path, "text table", error) from error
    table.columns = table.columns.str.strip()
    return RawTable({name: table[name] for name in names}, {}, {})


def text_header(path: Path, delimiter: str) -> list[str]:
    """Return the names in the first line of a text table.

    Raises
    ------
    InputError
        If there is no such line, or it is that of a web page.
    """
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as handle:
        line = next(csv.reader(handle, delimiter=delimiter), [])
    header = [name.strip() for name in line]
    if not any(header):
        raise InputError(
            "empty file",
            file=path,
            found=f"{path.stat().st_size} bytes without a first line",
            expected="a line of column names, then rows",
            fix="fetch or write it again",
        )
    if header[0].startswith("<"):
        raise unreadable(path, "text table", ValueError("markup in the first line"))
    return header


def check_last_line(path: Path, n_fields: int, delimiter: str) -> None:
    """Find a file cut short: pandas would fill the missing fields with nulls, silently.

    A cut gzip file is found by its checksum instead.
    """
    if path.name.lower().endswith(".gz"):
        return
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - 1_000_000))
        text = handle.read().decode("utf-8", "replace")
    if not text.endswith(("\n", "\r")):
        logger.warning("%s: no newline at its end; is it complete?", path)
    lines = text.rstrip("\r\n").splitlines()
    fields = next(csv.reader(lines[-1:], delimiter=delimiter), [])
    if len(lines) > 1 and len(fields) != n_fields and '"' not in lines[-1]:
        raise InputError(
            "the last line is incomplete",
            file=path,
            found=f"{len(fields)} fields",
            expected=f"{n_fields}, as in the first line",
            fix="the file may be cut short: fetch it again",
        )


def _read_parquet(
    path: Path, columns: Sequence[Column], pick: Pick, table: int | str | None
) -> RawTable:
    try:
        schema = pq.read_schema(path)
        names = pick(schema.names)
        content = pq.read_table(path, columns=names, page_checksum_verification=True)
    except InputError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, "Parquet file", error) from error
    raw = RawTable({}, {}, arrow_units(schema, names))
    for name in names:
        column = content[name]
        add_arrow_column(path, raw, name, column, column.is_null().to_numpy())
    return raw


def arrow_units(schema: pa.Schema, names: Sequence[str]) -> dict[str, str]:
    """Return the units that the fields of a Parquet file state in their metadata."""
    stated = {name: (schema.field(name).metadata or {}).get(b"unit") for name in names}
    return {name: unit.decode("utf-8", "replace") for name, unit in stated.items() if unit}


def add_arrow_column(
    path: Path, raw: RawTable, name: str, column: pa.Array | pa.ChunkedArray, null: np.ndarray
) -> None:
    """Put a column of a Parquet file into `raw`; `null` tells which rows have no value."""
    if pa.types.is_nested(column.type):
        raise InputError(
            "column of arrays",
            file=path,
            key=name,
            found=f"type {column.type}",
            expected="one value per row",
            fix="name a column of single values, or write one column per element",
        )
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if null.any():
        raw.nulls[name] = null
        if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
            # Not through floats: an identifier of 17 digits would change.
            column = column.fill_null(pa.scalar(0).cast(column.type))
    raw.columns[name] = column.to_pandas()


def _read_hdf5(
    path: Path, columns: Sequence[Column], pick: Pick, table: int | str | None
) -> RawTable:
    with hdf5_columns(path, pick, table) as (stored, units):
        content = {name: decoded(values[:]) for name, values in stored.items()}
    return RawTable(content, {}, units)


@contextlib.contextmanager
def hdf5_columns(
    path: Path, pick: Pick, table: int | str | None
) -> Iterator[tuple[dict[str, h5py.Dataset], dict[str, str]]]:
    """Yield columns stored as one 1-D dataset each, or as fields of a compound dataset, to slice.

    Raises
    ------
    InputError
        If the file cannot be read, or a column to read is missing or not one value per row.
    """
    try:
        with h5py.File(path, "r") as handle:
            if table is not None and str(table) not in handle:
                raise InputError(
                    "no such group or dataset",
                    file=path,
                    key=str(table),
                    found=did_you_mean(str(table), list(handle)),
                    expected="a group or dataset of the file",
                    fix="name the right one",
                )
            node = handle if table is None else handle[str(table)]
            if isinstance(node, h5py.Group):
                datasets = {
                    name: item for name, item in node.items() if isinstance(item, h5py.Dataset)
                }
                compound = [item for item in datasets.values() if item.dtype.names]
                node = compound[0] if len(compound) == 1 else node
            units = {}
            if isinstance(node, h5py.Dataset):
                stored = {name: node.fields(name) for name in pick(node.dtype.names or ())}
                shapes = {name: (len(node), *node.dtype[name].shape) for name in stored}
            else:
                stored = {name: datasets[name] for name in pick(list(datasets))}
                shapes = {name: dataset.shape for name, dataset in stored.items()}
                for name, dataset in stored.items():
                    unit = dataset.attrs.get("unit", dataset.attrs.get("units"))
                    if unit is not None:
                        units[name] = unit.decode() if isinstance(unit, bytes) else str(unit)
            for name, shape in shapes.items():
                dtype = node.dtype[name] if isinstance(node, h5py.Dataset) else stored[name].dtype
                if not shape or dtype.base.kind == "V" or h5py.check_ref_dtype(dtype):
                    raise InputError(
                        "not a column of numbers or text",
                        file=path,
                        key=name,
                        found=f"type {dtype}" if shape else "a single value",
                        expected="a number or a text per row",
                        fix="name the dataset that has them",
                    )
                _check_scalar(path, name, shape[1:])
            if len({shape[0] for shape in shapes.values()}) > 1:
                raise InputError(
                    "columns of different lengths",
                    file=path,
                    found=", ".join(f"{name}: {shape[0]}" for name, shape in shapes.items()),
                    expected="one value per row in each",
                    fix="write the file again, or name the group of one table",
                )
            yield stored, units
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise unreadable(path, "HDF5 file", error) from error


def decoded(values: np.ndarray) -> np.ndarray:
    """Return text in place of the bytes that HDF5 stores; other values as they are."""
    if values.dtype.kind not in "SO":
        return values
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    return np.array(texts, dtype=object)


def unreadable(path: Path, what: str, error: Exception) -> InputError:
    """Return the error for a file that a library gave up on, with its first bytes."""
    with path.open("rb") as handle:
        start = handle.read(24)
    # The first sentence: libraries go on with advice on themselves.
    reason = str(error).splitlines()[0].split(". ")[0] if str(error) else type(error).__name__
    return InputError(
        f"not a readable {what}",
        file=path,
        found=f"{reason} ({path.stat().st_size} bytes, beginning with {start!r})",
        expected=f"a complete {what}",
        fix="this is a web page saved under the file's name: fetch the file itself"
        if start.lstrip().startswith(b"<")
        else "fetch it again: it may be cut short, or another kind of file",
    )


_READERS = {
    "fits": _read_fits,
    "csv": _read_csv,
    "tsv": _read_tsv,
    "parquet": _read_parquet,
    "hdf5": _read_hdf5,
}


# ------------------------------------------------------------------------------ conversion


def check_unit(path: Path, column: Column, found: str | None) -> None:
    """Raise an `InputError` if a file states a unit for a column, and not the one described."""
    if not column.unit or not found or not found.strip():
        return
    accepted = [text.strip() for text in column.unit.split("|")]
    if found.strip() in accepted or _unit(found) in [_unit(text) for text in accepted]:
        return
    raise InputError(
        "wrong unit",
        file=path,
        key=column.name,
        found=found,
        expected=" or ".join(accepted),
        fix="convert the column, or state its unit where it is described: custom.*.units, "
        "predict.catalogue.unit, or its row of config/columns.tsv",
    )


def _unit(text: str) -> u.UnitBase | str:
    """Return a unit that compares by meaning, or the text where astropy does not know it."""
    text = text.strip()
    try:
        return u.Unit(UNIT_SPELLINGS.get(text, text))
    except (ValueError, TypeError):
        return text


def _as_id(
    path: Path, column: Column, values: np.ndarray | pd.Series, null: np.ndarray | None
) -> np.ndarray | pd.Series:
    missing = pd.isna(values) if null is None else pd.isna(values) | null
    if missing.any():
        raise InputError(
            "rows without an identifier",
            file=path,
            key=column.name,
            found=f"{int(missing.sum())} of {len(values)}, the first in row {_first(missing)}",
            expected="one in every row",
            fix="remove these rows, or give a column that names every object",
        )
    values = np.asarray(values)
    if values.dtype.kind in "iu":
        if values.dtype.kind == "u" and values.size and values.max() > np.iinfo(np.int64).max:
            raise _wrong_kind(path, column, values, values > np.iinfo(np.int64).max, "int64")
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        lossy = (values != np.floor(values)) | (np.abs(values) >= 2.0**53)
        if lossy.any():
            raise _wrong_kind(path, column, values, lossy, "integers or text, not decimals")
        return values.astype(np.int64)
    text = pd.Series(values, dtype=object).astype(str).str.strip()
    if text.str.fullmatch(r"-?(0|[1-9]\d{0,17})").all():
        return text.to_numpy(dtype=object).astype(np.int64)
    rounded = text.str.fullmatch(r"[+-]?\d*\.?\d+[eE][+-]?\d+|[+-]?\d+\.\d*").to_numpy(dtype=bool)
    if rounded.any():
        raise _wrong_kind(path, column, text, rounded, "integers or text, not decimals")
    return text.astype("str")


def _as_float(
    path: Path, column: Column, values: np.ndarray | pd.Series, null: np.ndarray | None
) -> np.ndarray:
    numbers = _numbers(path, column, values)
    if numbers.dtype.kind != "f":
        numbers = numbers.astype(np.float64)
    elif not numbers.flags.writeable or not numbers.dtype.isnative:
        numbers = numbers.astype(numbers.dtype.newbyteorder("="))
    for sentinel in column.nulls:
        # In the column's own precision: -99.9 as float32 is not -99.9 as float64.
        same = np.isinf(numbers) if np.isinf(sentinel) else numbers == numbers.dtype.type(sentinel)
        numbers[same] = np.nan
    if null is not None:
        numbers[null] = np.nan
    return numbers


def _as_int(
    path: Path, column: Column, values: np.ndarray | pd.Series, null: np.ndarray | None
) -> np.ndarray:
    numbers = _numbers(path, column, values)
    missing = np.isnan(numbers) if numbers.dtype.kind == "f" else np.zeros(len(numbers), bool)
    for sentinel in column.nulls:
        missing |= np.isinf(numbers) if np.isinf(sentinel) else numbers == sentinel
    if null is not None:
        missing |= null
    if numbers.dtype.kind == "f":
        broken = ~missing & ((numbers != np.floor(numbers)) | ~np.isfinite(numbers))
        if broken.any():
            raise _wrong_kind(path, column, numbers, broken, "whole numbers")
    if missing.any():
        return np.where(missing, np.nan, numbers.astype(np.float64))
    return numbers.astype(np.int64)


def _as_flag(
    path: Path, column: Column, values: np.ndarray | pd.Series, null: np.ndarray | None
) -> np.ndarray:
    missing = np.asarray(pd.isna(values)) if null is None else np.asarray(pd.isna(values)) | null
    values = np.asarray(values)
    if values.dtype.kind == "b":
        true, false = values, ~values
    elif values.dtype.kind in "iuf":
        true, false = values == 1, values == 0
    else:
        text = pd.Series(values, dtype=object).astype(str).str.strip().str.lower()
        true = text.isin(TRUE_WORDS).to_numpy()
        false = text.isin(FALSE_WORDS).to_numpy()
    broken = ~(true | false | missing)
    if broken.any():
        raise _wrong_kind(path, column, values, broken, "true or false")
    return np.where(missing, np.nan, true.astype(np.float64)) if missing.any() else true


def _as_text(
    path: Path, column: Column, values: np.ndarray | pd.Series, null: np.ndarray | None
) -> pd.Series:
    text = pd.Series(np.asarray(values, dtype=object)).astype("str").str.strip()
    missing = np.asarray(pd.isna(values)) | (text == "").to_numpy()
    return text.mask(missing if null is None else missing | null)


def _as_found(
    path: Path, column: Column, values: np.ndarray | pd.Series, null: np.ndarray | None
) -> np.ndarray | pd.Series:
    """Return integers, floats, booleans and text as they are, nulls as nulls of the same type."""
    array = np.asarray(values)
    missing = np.zeros(len(array), dtype=bool) if null is None else null
    if array.dtype.kind in "iub":
        masked = pd.arrays.BooleanArray if array.dtype.kind == "b" else pd.arrays.IntegerArray
        return pd.Series(masked(array, missing)) if missing.any() else array
    if array.dtype.kind == "f":
        # Parquet has no other widths.
        width = array.dtype if array.dtype.itemsize in (4, 8) else np.float64
        return np.where(missing, np.nan, array).astype(width)
    if array.dtype.kind in "cV":
        everything = np.ones(len(array), dtype=bool)
        raise _wrong_kind(path, column, array, everything, "numbers, booleans or text")
    if array.dtype.kind in "mM":
        array = array.astype(str)
    return _as_text(path, column, array, null)


CONVERTERS = {
    "any": _as_found,
    "id": _as_id,
    "float": _as_float,
    "int": _as_int,
    "flag": _as_flag,
    "text": _as_text,
}


def _numbers(path: Path, column: Column, values: np.ndarray | pd.Series) -> np.ndarray:
    """Return `values` as an array of numbers; text that is no number is an error."""
    array = np.asarray(values)
    if array.dtype.kind in "iuf":
        return array
    if array.dtype.kind == "b":
        return array.astype(np.int64)
    text = pd.Series(array, dtype=object)
    numbers = pd.to_numeric(text, errors="coerce").astype(np.float64)
    blank = text.isna() | text.astype(str).str.strip().str.lower().isin(
        ["", "nan", "null", "none", "na", "n/a", "--"]
    )
    broken = (numbers.isna() & ~blank).to_numpy()
    if broken.any():
        raise _wrong_kind(path, column, array, broken, "numbers")
    return numbers.to_numpy(copy=True)


def _wrong_kind(
    path: Path, column: Column, values: Iterable, broken: np.ndarray, expected: str
) -> InputError:
    row = _first(broken)
    return InputError(
        "value of the wrong kind",
        file=path,
        key=column.name,
        found=f"{np.asarray(values)[row]!s:.60} in row {row} ({int(broken.sum())} such rows)",
        expected=expected,
        fix="write identifiers as integers or text: decimals lose digits"
        if column.kind == "id"
        else "correct these rows, or name the value as a null value",
    )


def _first(mask: np.ndarray | pd.Series) -> int:
    return int(np.flatnonzero(np.asarray(mask))[0])


def _check_values(path: Path, catalogue: pd.DataFrame, columns: Sequence[Column]) -> None:
    """Raise for coordinates that are none and for needed columns without any value."""
    for column in columns:
        values = catalogue[column.quantity]
        if column.required and values.isna().all():
            raise InputError(
                "column without any value",
                file=path,
                key=column.name,
                found=f"{len(values)} nulls",
                expected=f"values of {column.quantity}",
                fix="leave the band out of `bands`, or give a catalogue that has it"
                if "mag" in column.quantity
                else "name the column that has them, or give a catalogue that does",
            )
    limits = {
        **dict.fromkeys(RA_COLUMNS, (0.0, 360.0)),
        **dict.fromkeys(DEC_COLUMNS, (-90.0, 90.0)),
    }
    names = {column.quantity: column.name for column in columns}
    for quantity, (low, high) in limits.items():
        if quantity in catalogue:
            values = catalogue[quantity].to_numpy()
            outside = ~((values >= low) & (values <= high))
            if outside.any():
                row = _first(outside)
                raise InputError(
                    "coordinate out of range",
                    file=path,
                    key=names[quantity],
                    found=f"{values[row]} in row {row} ({int(outside.sum())} such rows)",
                    expected=f"degrees from {low:g} to {high:g} in every row",
                    fix="remove or correct these rows, or convert the column to degrees",
                )


def column_names(path: str | Path, *, file_format: str = "auto") -> list[str]:
    """Return the names of all columns of a catalogue, without reading its rows."""
    path = existing(path)
    found: list[str] = []

    def pick(names: Sequence[str]) -> list[str]:
        found.extend(names)
        return list(names[:1])

    _READERS[format_of(path, file_format)](path, [], pick, None)
    return found
