"""File formats of catalogues: FITS, text, Parquet, Feather, HDF5, VOTable, each read by pieces.

A format is a `Container`: it opens a file, names its columns and reads some of them, a number of
rows at a time or all at once. It gives the values as they are in the file; `converters` turn them
into what the workflow computes with, and `reading` uses both.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO
from xml.parsers.expat import ExpatError

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits, votable
from astropy.table import Table
from pyarrow import feather

from transferz.catalogues.columns import Column, check_once, did_you_mean, pick_columns
from transferz.catalogues.container import (
    Container,
    RawTable,
    ReadingOptions,
    column_of_arrays,
    open_binary,
    unreadable,
)
from transferz.catalogues.converters import CONVERTERS, Stored
from transferz.catalogues.delimited import CsvTable, TsvTable, rechunked
from transferz.catalogues.hdf5 import Hdf5Table
from transferz.catalogues.partitions import FEATHER_SUFFIXES, PARQUET_SUFFIXES, parts_of
from transferz.core.errors import InputError

# Rows of a FITS table are read in blocks of this many bytes. Memory is needed for the columns
# asked for only (mapping the file instead would count all of it as the process's memory), and a
# block stays in the processor's cache while its columns are taken out: five times as fast as
# blocks of 32 MB. fitsio takes 1.3 times as long, and holds gzipped files in memory.
BLOCK_BYTES = 2 * 1024**2
# Columns that tell in which rows another has no value: the HSC archive's, where it cannot store a
# null, and those that astropy writes beside masked columns.
MASKS = ("{name}_isnull", "{name}.mask")


class TableInMemory:
    """A table that its library reads as a whole, by pieces."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def pieces(self, names: Sequence[str], rows: int | None) -> Iterator[RawTable]:
        """Yield the columns `names`, `rows` rows at a time."""
        step = rows or max(1, len(self.table))
        units = {n: str(self.table[n].unit) for n in names if self.table[n].unit is not None}
        for first in range(0, len(self.table), step):
            raw = RawTable(units=units)
            for name in names:
                column = self.table[name][first : first + step]
                values = np.ma.getdata(column).reshape(len(column))
                raw.columns[name] = values.astype(object) if values.dtype.kind == "U" else values
                null = np.ma.getmaskarray(np.ma.asarray(column)).reshape(len(column))
                if null.any():
                    raw.nulls[name] = null
            yield raw


class FitsTable(Container):
    """A table (FITS standard 4.0, section 7); `table` is its HDU.

    By default HDU 1, or the only one that is a table of objects: the second of SExtractor's
    FITS_LDAC, whose first is an image's header.
    """

    what = "FITS file"
    suffixes = (".fits", ".fit")
    errors = (*Container.errors, ValueError, TypeError, fits.VerifyError)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Find the table and where its rows lie."""
        self.whole: TableInMemory | None = None
        try:
            with warnings.catch_warnings(), open_binary(self.path) as handle:
                # A truncated file is found by the length of its data.
                warnings.simplefilter("ignore")
                with fits.open(handle, lazy_load_hdus=True) as hdus:
                    hdu = self._find(hdus)
                    self.definitions = hdu.columns
                    self.names = list(hdu.columns.names)
                    ucds = (hdu.header.get(f"TUCD{n}", "") for n in range(1, len(self.names) + 1))
                    self.ucds = dict(zip(self.names, ucds, strict=True))
                    if isinstance(hdu, fits.TableHDU):
                        self.whole = TableInMemory(Table.read(hdu))
                    self.start, self.rows = hdu.fileinfo()["datLoc"], hdu.header["NAXIS2"]
        except (IndexError, KeyError) as error:
            raise InputError(
                "no such table in the file",
                file=self.path,
                key=f"HDU {1 if self.table is None else self.table}",
                found=f"{self.path.stat().st_size} bytes without it",
                expected="the catalogue as a table",
                fix="the file may be cut short: compare its size with the archive's",
            ) from error

    def _find(self, hdus: fits.HDUList) -> fits.BinTableHDU | fits.TableHDU:
        """Return the table that is meant."""
        number = 1 if self.table is None else self.table
        hdu = hdus[number]
        if self.table is None and not is_of_objects(hdu):
            tables = [other for other in hdus if is_of_objects(other)]
            hdu = tables[0] if len(tables) == 1 else hdu
        if not isinstance(hdu, fits.BinTableHDU | fits.TableHDU) or isinstance(
            hdu, fits.CompImageHDU
        ):
            raise InputError(
                "not a binary table",
                file=self.path,
                key=f"HDU {number}",
                found=type(hdu).__name__,
                expected="the catalogue as a table",
                fix="give the file as the archive serves it, or name its HDU",
            )
        return hdu

    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`, `rows` rows at a time."""
        # A record cannot hold two fields of one name, even where neither is read.
        check_once(self.path, self.names, self.names)
        if self.whole is not None:
            yield from self.whole.pieces(names, rows)
            return
        row_type = self.definitions.dtype.newbyteorder(">")
        for name in names:
            self.check_scalar(name, row_type[name].shape)
        with open_binary(self.path) as handle:
            handle.seek(self.start)
            step = rows or max(1, self.rows)
            for first in range(0, self.rows, step):
                count = min(step, self.rows - first)
                yield self._decode(self._read(handle, row_type, names, first, count))

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

    def _decode(self, stored: Mapping[str, np.ndarray]) -> RawTable:
        raw = RawTable()
        for name, values in stored.items():
            raw.columns[name], null = physical_values(values, self.definitions[name])
            if null is not None and null.any():
                raw.nulls[name] = null
        units = {name: self.definitions[name].unit for name in stored}
        raw.units = {name: str(unit) for name, unit in units.items() if unit}
        return raw


def is_of_objects(hdu: object) -> bool:
    """Whether an HDU is a table, and not the image's header of a FITS_LDAC file."""
    table = isinstance(hdu, fits.BinTableHDU | fits.TableHDU)
    return table and not isinstance(hdu, fits.CompImageHDU) and hdu.name != "LDAC_IMHEAD"


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


class ParquetTable(Container):
    """A Parquet file, or several that are one table."""

    what = "Parquet file"
    suffixes = PARQUET_SUFFIXES
    errors = (pa.ArrowException, OSError)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Read the schema."""
        options = {"pre_buffer": False, "memory_map": False, "page_checksum_verification": True}
        self.parts, self.files = parts_of(self.path), []
        for part in self.parts:
            with self._blamed(part):
                self.files.append(stack.enter_context(pq.ParquetFile(part, **options)))
        schemas = [with_index(file.schema_arrow.empty_table()).schema for file in self.files]
        self.schema = one_schema(self.parts, schemas)
        self.names = self.schema.names

    def _tables(self, names: list[str], rows: int | None) -> Iterator[pa.Table]:
        schema = pa.schema([self.schema.field(name) for name in names])

        def batches() -> Iterator[pa.Table]:
            for part, file in zip(self.parts, self.files, strict=True):
                known, first = file.schema_arrow.names, 0
                self._check_part(part, names, with_index(file.schema_arrow.empty_table()).schema)
                # A column of its own tells how many rows there are.
                stored = [name for name in names if name in known] or known[:1]
                step = rows or file.metadata.num_rows or 1
                with self._blamed(part):
                    for batch in file.iter_batches(step, columns=stored):
                        table = pa.Table.from_batches([batch], batch.schema)
                        table = table.replace_schema_metadata(file.schema_arrow.metadata)
                        yield with_index(table, first, batch.num_rows).select(names).cast(schema)
                        first += batch.num_rows

        if rows is None:
            return iter([pa.concat_tables(list(batches()) or [schema.empty_table()])])
        return rechunked(batches(), rows)

    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`, at most `rows` rows at a time."""
        stated = {name: (self.schema.field(name).metadata or {}).get(b"unit") for name in names}
        units = {name: unit.decode("utf-8", "replace") for name, unit in stated.items() if unit}
        for table in self._tables(list(names), rows):
            raw = RawTable(units=units)
            for name in names:
                raw.columns[name], null = self._decode(name, table.column(name))
                if null.any():
                    raw.nulls[name] = null
            yield raw

    @contextlib.contextmanager
    def _blamed(self, part: Path) -> Iterator[None]:
        """Name one of several files in the error that it raises."""
        try:
            yield
        except self.errors as error:
            raise unreadable(part, self.what, error) from error

    def _check_part(self, part: Path, names: Sequence[str], schema: pa.Schema) -> None:
        """Raise an `InputError` if one of several files lacks a column."""
        absent = sorted(set(names) - set(schema.names))
        if absent:
            raise InputError(
                "missing column",
                file=part,
                key=absent[0],
                found=did_you_mean(absent[0], schema.names),
                expected=f"the columns of {self.parts[0]}, with which it is one table",
            )

    def _decode(self, name: str, column: pa.ChunkedArray) -> tuple[pd.Series, np.ndarray]:
        if pa.types.is_nested(column.type):
            raise column_of_arrays(self.path, name, f"type {column.type}")
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        # Not through floats: an identifier of 17 digits would change.
        kind = column.type
        if pa.types.is_decimal(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            column = column.cast(pa.string())
        null = np.asarray(column.is_null())
        if null.any() and (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
            column = column.fill_null(pa.scalar(0).cast(column.type))
        return column.to_pandas(), null


def one_schema(parts: Sequence[Path], schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return the columns of several files, of types that hold what each file has.

    A column that has no value in one file has another type there, null or float.
    """
    whole = schemas[0]
    for part, schema in zip(parts[1:], schemas[1:], strict=True):
        try:
            whole = pa.unify_schemas([whole, schema], promote_options="permissive")
        except pa.ArrowTypeError as error:
            # Field Y has incompatible types: X vs Z.
            reason = str(error).splitlines()[0]
            name = next((name for name in schema.names if f"Field {name} " in reason), None)
            raise InputError(
                "a column of another kind than in the files before",
                file=part,
                key=name,
                found=reason,
                expected=f"numbers, or text, in every file that is one table with {parts[0]}",
                fix="write the files with one type of this column",
            ) from error
    return whole


def with_index(table: pa.Table, first: int = 0, rows: int = 0) -> pa.Table:
    """Return a table with the named index of consecutive numbers that pandas wrote as metadata."""
    content = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    for index in content.get("index_columns", ()):
        if (
            isinstance(index, dict)
            and index.get("name")
            and index["name"] not in table.column_names
        ):
            numbers = index["start"] + index["step"] * np.arange(first, first + rows)
            table = table.append_column(index["name"], pa.array(numbers, pa.int64()))
    return table


class FeatherTable(ParquetTable):
    """A Feather file, which is an Arrow file, or several that are one table."""

    what = "Feather file"
    suffixes = FEATHER_SUFFIXES

    def open(self, stack: contextlib.ExitStack) -> None:
        """Read the schema."""
        self.parts = parts_of(self.path)
        schemas = []
        for part in self.parts:
            with self._blamed(part), pa.OSFile(str(part)) as file:
                schemas.append(pa.ipc.open_file(file).schema)
        self.schema = one_schema(self.parts, schemas)
        self.names = self.schema.names

    def _tables(self, names: list[str], rows: int | None) -> Iterator[pa.Table]:
        schema = pa.schema([self.schema.field(name) for name in names])
        tables = (self._read(part, schema) for part in self.parts)
        return iter([pa.concat_tables(tables)]) if rows is None else rechunked(tables, rows)

    def _read(self, part: Path, schema: pa.Schema) -> pa.Table:
        with self._blamed(part):
            with pa.OSFile(str(part)) as file:
                self._check_part(part, schema.names, pa.ipc.open_file(file).schema)
            return feather.read_table(part, columns=schema.names).select(schema.names).cast(schema)


class VoTable(Container):
    """A table of a VOTable (IVOA), the only one or that of the ID or number `table`."""

    what = "VOTable"
    suffixes = (".vot", ".votable", ".xml")
    errors = (*Container.errors, ValueError, IndexError, KeyError, TypeError, ExpatError)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Read it."""
        with warnings.catch_warnings(), open_binary(self.path) as handle:
            warnings.simplefilter("ignore")
            content = votable.parse(handle)
        tables = list(content.iter_tables())
        if self.table is None and len(tables) > 1:
            names = (table.ID or table.name for table in tables)
            raise InputError(
                "several tables in the file",
                file=self.path,
                key="table",
                found=", ".join(name or str(number) for number, name in enumerate(names)),
                expected="the ID or the number of the catalogue, from 0",
                fix="name it with the key `table` of the catalogue's description",
            )
        self.whole = TableInMemory(Table.read(content, format="votable", table_id=self.table))
        self.names = self.whole.table.colnames
        self.ucds = {name: self.whole.table[name].meta.get("ucd", "") for name in self.names}

    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`, at most `rows` rows at a time."""
        for name in names:
            self.check_scalar(name, self.whole.table[name].shape[1:])
        yield from self.whole.pieces(names, rows)


FORMATS: Mapping[str, type[Container]] = {
    "fits": FitsTable,
    "csv": CsvTable,
    "tsv": TsvTable,
    "parquet": ParquetTable,
    "hdf5": Hdf5Table,
    "feather": FeatherTable,
    "votable": VoTable,
}


def container_of(path: Path, file_format: str) -> type[Container]:
    """Return the format of a file: `file_format`, or by its name where that is "auto"."""
    if file_format != "auto":
        if file_format not in FORMATS:
            raise InputError(
                "unknown file format", file=path, found=file_format, expected=", ".join(FORMATS)
            )
        return FORMATS[file_format]
    name = parts_of(path)[0].name.lower().removesuffix(".gz").removesuffix(".bz2")
    for container in FORMATS.values():
        if name.endswith(container.suffixes):
            return container
    endings = [suffix for container in FORMATS.values() for suffix in container.suffixes]
    raise InputError(
        "file format not known from the name",
        file=path,
        expected=", ".join(endings),
        fix="name it with the key `format` of the catalogue's description",
    )


@contextlib.contextmanager
def opened(path: Path, how: ReadingOptions) -> Iterator[Container]:
    """Open a catalogue; whatever its library raises meanwhile becomes an `InputError`."""
    container = container_of(path, how.format)
    if not path.is_file() and not issubclass(container, ParquetTable):
        raise InputError(
            "several files",
            file=path,
            found=f"{len(parts_of(path))} of the format {container.what}",
            expected="one file, or several Parquet or Feather files",
            fix="write them as one table, or as Parquet",
        )
    try:
        with contextlib.ExitStack() as stack:
            yield container(path, how, stack)
    except InputError:
        raise
    except container.errors as error:
        raise unreadable(path, container.what, error) from error


def raw_pieces(
    path: Path, columns: Sequence[Column], how: ReadingOptions, *, rows: int | None
) -> Iterator[RawTable]:
    """Yield `columns` as the file has them, at most `rows` rows at a time; None: in one piece."""
    with opened(path, how) as file:
        names = pick_columns(path, file.names, columns)
        masks = {
            mask: name
            for name in names
            for mask in (form.format(name=name) for form in MASKS)
            if mask in file.names
        }
        check_once(path, masks, file.names)
        as_text = {column.name for column in columns if column.kind not in ("float", "int")}
        for raw in file.pieces(list(dict.fromkeys([*names, *masks])), as_text | {*masks}, rows):
            for mask, name in masks.items():
                values = raw.columns[mask] if mask in names else raw.columns.pop(mask)
                stored = Stored(path, Column(mask, mask, "flag"), values, raw.nulls.get(mask))
                null = np.asarray(CONVERTERS["flag"](stored)) == 1
                raw.nulls[name] = null | raw.nulls.get(name, False)
            yield raw
