"""File formats of catalogues: FITS, CSV, TSV, Parquet and HDF5, each read by pieces.

A format is a `Container`: it opens a file, names its columns and reads some of them, a number of
rows at a time or all at once. It gives the values as they are in the file; `converters` turn them
into what the workflow computes with, and `reading` uses both.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import logging
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, ClassVar

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from transferz.catalogues.columns import Column, check_once, did_you_mean, pick_columns
from transferz.catalogues.container import (
    Container,
    RawTable,
    column_of_arrays,
    is_gzipped,
    unreadable,
)
from transferz.core.errors import InputError

logger = logging.getLogger(__name__)

# Rows of a FITS table are read in blocks of this many bytes. Memory is needed for the columns
# asked for only (mapping the file instead would count all of it as the process's memory), and a
# block stays in the processor's cache while its columns are taken out: five times as fast as
# blocks of 32 MB. fitsio takes 1.3 times as long, and holds gzipped files in memory.
BLOCK_BYTES = 2 * 1024**2


class FitsTable(Container):
    """A binary table (FITS standard 4.0, section 7.3); `table` is its HDU, 1 by default."""

    what = "FITS file"
    suffixes = (".fits", ".fit", ".fits.gz", ".fit.gz")
    errors = (*Container.errors, ValueError, TypeError, fits.VerifyError)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Find the table and where its rows lie."""
        number = 1 if self.table is None else self.table
        try:
            with warnings.catch_warnings():
                # A truncated file is found by the length of its data.
                warnings.simplefilter("ignore")
                with fits.open(self.path, memmap=True, lazy_load_hdus=True) as hdus:
                    hdu = hdus[number]
                    if not isinstance(hdu, fits.BinTableHDU) or isinstance(hdu, fits.CompImageHDU):
                        raise InputError(
                            "not a binary table",
                            file=self.path,
                            key=f"HDU {number}",
                            found=type(hdu).__name__,
                            expected="the catalogue as a binary table",
                            fix="give the file as the archive serves it, or name its HDU",
                        )
                    self.definitions = hdu.columns
                    self.names = list(hdu.columns.names)
                    self.start, self.rows = hdu.fileinfo()["datLoc"], hdu.header["NAXIS2"]
        except (IndexError, KeyError) as error:
            raise InputError(
                "no such table in the file",
                file=self.path,
                key=f"HDU {number}",
                found=f"{self.path.stat().st_size} bytes without it",
                expected="the catalogue as a binary table",
                fix="the file may be cut short: compare its size with the archive's",
            ) from error

    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`, `rows` rows at a time."""
        # A record cannot hold two fields of one name, even where neither is read.
        check_once(self.path, self.names, self.names)
        row_type = self.definitions.dtype.newbyteorder(">")
        for name in names:
            self.check_scalar(name, row_type[name].shape)
        masks = {name: self._mask_of(name) for name in names}
        stored_names = list(dict.fromkeys([*names, *filter(None, masks.values())]))
        with (gzip.open if is_gzipped(self.path) else open)(self.path, "rb") as handle:
            handle.seek(self.start)
            step = rows or max(1, self.rows)
            for first in range(0, self.rows, step):
                count = min(step, self.rows - first)
                stored = self._read(handle, row_type, stored_names, first, count)
                yield self._decode(stored, masks)

    def _mask_of(self, name: str) -> str | None:
        """Return the column that tells in which rows another has no value.

        Where the HSC archive's FITS writer cannot store a null it writes 0 and adds a column
        ``<name>_isnull``.
        """
        mask = f"{name}_isnull"
        found = mask in self.names and self.definitions[mask].format.endswith("L")
        return mask if found else None

    def _read(
        self, handle: BinaryIO, row_type: np.dtype, names: Sequence[str], first: int, count: int
    ) -> dict[str, np.ndarray]:
        """Return the columns `names` of the next `count` rows as stored, in native byte order."""
        stored = {
            name: np.empty(count, dtype=row_type[name].base.newbyteorder("=")) for name in names
        }
        block = max(1, BLOCK_BYTES // row_type.itemsize)
        for begin in range(0, count, block):
            size = min(block, count - begin)
            content = handle.read(size * row_type.itemsize)
            if len(content) < size * row_type.itemsize:
                whole = first + begin + len(content) // row_type.itemsize
                raise EOFError(f"data end after {whole} of {self.rows} rows")
            part = np.frombuffer(content, dtype=row_type)
            for name in names:
                stored[name][begin : begin + size] = part[name].reshape(size)
        return stored

    def _decode(
        self, stored: Mapping[str, np.ndarray], masks: Mapping[str, str | None]
    ) -> RawTable:
        raw = RawTable()
        for name, mask in masks.items():
            definition = self.definitions[name]
            raw.columns[name], null = physical_values(stored[name], definition)
            if mask is not None:
                flagged = stored[mask] == ord("T")
                null = flagged if null is None else null | flagged
            if null is not None and null.any():
                raw.nulls[name] = null
        units = {name: self.definitions[name].unit for name in masks}
        raw.units = {name: str(unit) for name, unit in units.items() if unit}
        return raw


def physical_values(
    stored: np.ndarray, definition: fits.Column
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the values that a stored column means, and where it has none."""
    if definition.format.endswith("L"):
        return stored == ord("T"), ~np.isin(stored, (ord("T"), ord("F")))
    if stored.dtype.kind == "S":
        return np.char.strip(np.char.decode(stored, "utf-8", "replace")), None
    null = None if definition.null is None else stored == definition.null
    if stored.dtype.kind in "Vc" or definition.format.strip("0123456789")[:1] in ("P", "Q"):
        return stored, null
    scale = 1 if definition.bscale in (None, "") else definition.bscale
    zero = 0 if definition.bzero in (None, "") else definition.bzero
    if scale == 1 and zero == 0:
        return stored, null
    if scale == 1 and stored.dtype.kind in "iu" and float(zero).is_integer():
        # Unsigned integers are stored with an offset; int64 arithmetic wraps into place.
        if stored.dtype.itemsize == 8:
            return stored.view(np.uint64) + np.uint64(int(zero)), null
        return stored.astype(np.int64) + int(zero), null
    return stored * float(scale) + float(zero), null


class DelimitedText(Container):
    """A table of text: a line of names, then a line per row."""

    what = "text table"
    errors = (
        *Container.errors,
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        UnicodeDecodeError,
        csv.Error,
    )
    is_text = True
    delimiter: ClassVar[str]

    def open(self, stack: contextlib.ExitStack) -> None:
        """Read the names in the first line."""
        opener = gzip.open if is_gzipped(self.path) else open
        with opener(self.path, "rt", encoding="utf-8-sig", newline="") as handle:
            line = next(csv.reader(handle, delimiter=self.delimiter), [])
        self.names = [name.strip() for name in line]
        if not any(self.names):
            raise InputError(
                "empty file",
                file=self.path,
                found=f"{self.path.stat().st_size} bytes without a first line",
                expected="a line of column names, then rows",
                fix="fetch or write it again",
            )
        if self.names[0].startswith("<"):
            raise unreadable(self.path, self.what, ValueError("markup in the first line"))

    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`: numbers where numbers are wanted, or else text."""
        self._check_last_line()
        # Columns go by their numbers: names that are not read may occur twice.
        place = {name: self.names.index(name) for name in names}
        with pd.read_csv(
            self.path,
            sep=self.delimiter,
            encoding="utf-8-sig",
            skipinitialspace=True,
            names=range(len(self.names)),
            header=0,
            index_col=False,
            usecols=list(place.values()),
            dtype={place[name]: str for name in names if name in as_text},
            float_precision="round_trip",
            low_memory=False,
            chunksize=rows or sys.maxsize,
        ) as pieces:
            for piece in pieces:
                yield RawTable({name: piece[number] for name, number in place.items()})

    def _check_last_line(self) -> None:
        """Find a file cut short: pandas would fill the missing fields with nulls, silently.

        A cut gzip file is found by its checksum instead.
        """
        if is_gzipped(self.path):
            return
        with self.path.open("rb") as handle:
            handle.seek(max(0, self.path.stat().st_size - 1_000_000))
            text = handle.read().decode("utf-8", "replace")
        if not text.endswith(("\n", "\r")):
            logger.warning("%s: no newline at its end; is it complete?", self.path)
        lines = text.rstrip("\r\n").splitlines()
        fields = next(csv.reader(lines[-1:], delimiter=self.delimiter), [])
        if len(lines) > 1 and len(fields) != len(self.names) and '"' not in lines[-1]:
            raise InputError(
                "the last line is incomplete",
                file=self.path,
                found=f"{len(fields)} fields",
                expected=f"{len(self.names)}, as in the first line",
                fix="the file may be cut short: fetch it again",
            )


class CsvTable(DelimitedText):
    """A table of text with commas."""

    suffixes, delimiter = (".csv", ".csv.gz"), ","


class TsvTable(DelimitedText):
    """A table of text with tabulators."""

    suffixes, delimiter = (".tsv", ".tsv.gz"), "\t"


class ParquetTable(Container):
    """A Parquet file."""

    what = "Parquet file"
    suffixes = (".parquet", ".pq")
    errors = (pa.ArrowException, OSError)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Read the schema."""
        self.file = stack.enter_context(
            pq.ParquetFile(
                self.path, pre_buffer=False, memory_map=False, page_checksum_verification=True
            )
        )
        self.names = self.file.schema_arrow.names

    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`, at most `rows` rows at a time."""
        stated = {
            name: (self.file.schema_arrow.field(name).metadata or {}).get(b"unit") for name in names
        }
        units = {name: unit.decode("utf-8", "replace") for name, unit in stated.items() if unit}
        if rows is None:
            batches = iter([self.file.read(columns=list(names))])
        else:
            batches = self.file.iter_batches(batch_size=rows, columns=list(names))
        for batch in batches:
            raw = RawTable(units=units)
            for name in names:
                raw.columns[name], null = self._decode(name, batch.column(name))
                if null.any():
                    raw.nulls[name] = null
            yield raw

    def _decode(
        self, name: str, column: pa.Array | pa.ChunkedArray
    ) -> tuple[pd.Series, np.ndarray]:
        if pa.types.is_nested(column.type):
            raise column_of_arrays(self.path, name, f"type {column.type}")
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        null = np.asarray(column.is_null())
        if null.any() and (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
            # Not through floats: an identifier of 17 digits would change.
            column = column.fill_null(pa.scalar(0).cast(column.type))
        return column.to_pandas(), null


class Hdf5Table(Container):
    """Columns of an HDF5 file: a 1-D dataset each, or the fields of a compound dataset.

    `table` is the group or dataset, the root by default.
    """

    what = "HDF5 file"
    suffixes = (".hdf5", ".h5", ".hdf")
    errors = (OSError, RuntimeError, ValueError, KeyError)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Find the datasets."""
        handle = stack.enter_context(h5py.File(self.path, "r"))
        if self.table is not None and str(self.table) not in handle:
            raise InputError(
                "no such group or dataset",
                file=self.path,
                key=str(self.table),
                found=did_you_mean(str(self.table), list(handle)),
                expected="a group or dataset of the file",
                fix="name the right one",
            )
        node = handle if self.table is None else handle[str(self.table)]
        if isinstance(node, h5py.Group):
            datasets = {n: item for n, item in node.items() if isinstance(item, h5py.Dataset)}
            compound = [item for item in datasets.values() if item.dtype.names]
            node = compound[0] if len(compound) == 1 else datasets
        self.node = node
        self.names = list(node if isinstance(node, dict) else node.dtype.names or ())

    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`, at most `rows` rows at a time."""
        units = {}
        if isinstance(self.node, dict):
            stored = {name: self.node[name] for name in names}
            types = {name: dataset.dtype for name, dataset in stored.items()}
            shapes = {name: dataset.shape for name, dataset in stored.items()}
            for name, dataset in stored.items():
                unit = dataset.attrs.get("unit", dataset.attrs.get("units"))
                if unit is not None:
                    units[name] = unit.decode() if isinstance(unit, bytes) else str(unit)
        else:
            stored = {name: self.node.fields(name) for name in names}
            types = {name: self.node.dtype[name] for name in names}
            shapes = {name: (len(self.node), *types[name].shape) for name in names}
        self._check(types, shapes)
        total = next(iter(shapes.values()))[0] if shapes else 0
        step = rows or max(1, total)
        for first in range(0, total, step):
            part = slice(first, first + step)
            content = {name: decoded(values[part]) for name, values in stored.items()}
            yield RawTable(content, units=units)

    def _check(self, types: Mapping[str, np.dtype], shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise an `InputError` unless columns are of plain values, one per row, as many in all."""
        for name, shape in shapes.items():
            if not shape or types[name].base.kind == "V" or h5py.check_ref_dtype(types[name]):
                raise InputError(
                    "not a column of numbers or text",
                    file=self.path,
                    key=name,
                    found=f"type {types[name]}" if shape else "a single value",
                    expected="a number or a text per row",
                    fix="name the dataset that has them",
                )
            self.check_scalar(name, shape[1:])
        if len({shape[0] for shape in shapes.values()}) > 1:
            raise InputError(
                "columns of different lengths",
                file=self.path,
                found=", ".join(f"{name}: {shape[0]}" for name, shape in shapes.items()),
                expected="one value per row in each",
                fix="write the file again, or name the group of one table",
            )


def decoded(values: np.ndarray) -> np.ndarray:
    """Return text in place of the bytes that HDF5 stores; other values as they are."""
    if values.dtype.kind not in "SO":
        return values
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    return np.array(texts, dtype=object)


FORMATS: Mapping[str, type[Container]] = {
    "fits": FitsTable,
    "csv": CsvTable,
    "tsv": TsvTable,
    "parquet": ParquetTable,
    "hdf5": Hdf5Table,
}


def container_of(path: Path, file_format: str) -> type[Container]:
    """Return the format of a file: `file_format`, or by its name where that is "auto"."""
    if file_format != "auto":
        if file_format not in FORMATS:
            raise InputError(
                "unknown file format", file=path, found=file_format, expected=", ".join(FORMATS)
            )
        return FORMATS[file_format]
    for container in FORMATS.values():
        if path.name.lower().endswith(container.suffixes):
            return container
    endings = [suffix for container in FORMATS.values() for suffix in container.suffixes]
    raise InputError(
        "file format not known from the name",
        file=path,
        expected=", ".join(endings),
        fix="name the format in the configuration",
    )


@contextlib.contextmanager
def opened(path: Path, file_format: str, table: int | str | None) -> Iterator[Container]:
    """Open a catalogue; whatever its library raises meanwhile becomes an `InputError`."""
    container = container_of(path, file_format)
    try:
        with contextlib.ExitStack() as stack:
            yield container(path, table, stack)
    except InputError:
        raise
    except container.errors as error:
        raise unreadable(path, container.what, error) from error


def raw_pieces(
    path: Path,
    columns: Sequence[Column],
    *,
    file_format: str,
    table: int | str | None,
    rows: int | None,
) -> Iterator[RawTable]:
    """Yield `columns` as the file has them, at most `rows` rows at a time; None: in one piece."""
    with opened(path, file_format, table) as file:
        names = pick_columns(path, file.names, columns)
        as_text = {column.name for column in columns if column.kind not in ("float", "int")}
        yield from file.pieces(names, as_text, rows)
