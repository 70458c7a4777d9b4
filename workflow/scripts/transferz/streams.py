"""Catalogues in pieces: reading and writing tables of any length in constant memory."""

from __future__ import annotations

import csv
import gzip
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy import units as u
from astropy.io import fits

from transferz import catalogues
from transferz.catalogues import Column, RawTable, expand_bands
from transferz.errors import InputError
from transferz.io import atomic_path

# Rows of each row group of a written table: fixed, so that the bytes do not depend on the pieces.
ROW_GROUP = 65536
# Rows of whole blocks of the networks' predictions.
BLOCK = 4096
# Distributions written at a time.
PDF_ROWS = 16384
FLUX_UNITS = {"nJy": u.nJy, "uJy": u.uJy, "mJy": u.mJy, "Jy": u.Jy}
INTEGER = r"-?(0|[1-9]\d{0,17})"


def described_columns(catalogue: Mapping, bands: Sequence[str], inputs: Sequence[str]) -> list:
    """Return the columns to read of a user's catalogue.

    Parameters
    ----------
    catalogue : mapping
        ``columns`` (quantity: name, or template with ``{band}``), ``band_names``,
        ``extra_columns``, ``null_values``.
    bands : sequence of str
        All bands of the networks; those in ``missing_bands`` are not looked for.
    inputs : sequence of str
        Inputs of the networks: the columns ``mag_{band}`` and, if asked for, ``mag_err_{band}``.

    Raises
    ------
    InputError
        If a template is lacking or names no band.
    """
    here = [band for band in bands if band not in catalogue["missing_bands"]]
    names = {band: catalogue["band_names"].get(band, band) for band in here}
    nulls = tuple(float(value) for value in catalogue["null_values"])
    columns = []
    identifier = catalogue["columns"].get("object_id")
    if identifier is not None:
        columns.append(Column("object_id", identifier, "id"))
    for quantity in ("mag", "mag_err"):
        if not any(f"{quantity}_{band}" in inputs for band in bands):
            continue
        template = catalogue["columns"].get(quantity)
        if template is None or "{band}" not in template:
            raise InputError(
                "the networks read it, and the catalogue's description does not say where it is",
                key=f"predict.catalogue.columns.{quantity}",
                found=template,
                expected="a column name with {band} where the name of the band stands",
            )
        columns += expand_bands(Column(f"{quantity}_{{band}}", template, nulls=nulls), names)
    for quantity, name in catalogue["extra_columns"].items():
        columns.append(Column(quantity, name, nulls=nulls))
    return columns


def standardise(table: pd.DataFrame, catalogue: Mapping, bands: Sequence[str]) -> pd.DataFrame:
    """Turn a piece into what `api.PhotoZ.predict` takes: NaN missing, infinity not detected.

    Fluxes become AB magnitudes, mag = -2.5 log10(f / 3631 Jy) (Oke & Gunn 1983); a flux that is
    not positive is a non-detection. So is a magnitude that is one of ``non_detection_values``.
    """
    converted = table.copy(deep=False)
    unit = catalogue["unit"]
    for band in bands:
        mag, err = f"mag_{band}", f"mag_err_{band}"
        if mag not in table:
            converted[mag] = np.nan
            converted[err] = np.nan
            continue
        values = table[mag].to_numpy(np.float64)
        errors = table[err].to_numpy(np.float64) if err in table else None
        if unit != "mag":
            zero_point = (3631 * u.Jy).to_value(FLUX_UNITS[unit])
            unseen = values <= 0
            with np.errstate(divide="ignore", invalid="ignore"):
                errors = None if errors is None else 2.5 / np.log(10) * errors / values
                values = np.where(unseen, np.inf, -2.5 * np.log10(values / zero_point))
        else:
            unseen = np.isin(values, np.asarray(catalogue["non_detection_values"], float))
            # In the column's own precision: 99.9 as float32 is not 99.9 as float64.
            for sentinel in catalogue["non_detection_values"]:
                unseen |= values == np.float64(np.float32(sentinel))
            values = np.where(unseen, np.inf, values)
        converted[mag] = values
        if errors is not None:
            converted[err] = np.where(np.isposinf(values), np.inf, errors)
    return converted


# -------------------------------------------------------------------------------------- reading


def stream_catalogue(
    path: str | Path,
    columns: Sequence[Column],
    *,
    file_format: str = "auto",
    table: int | str | None = None,
    chunk_rows: int = ROW_GROUP,
) -> Iterator[pd.DataFrame]:
    """Yield a catalogue as tables of quantities, at most `chunk_rows` rows each.

    Formats, conversions and errors are those of `catalogues.read_catalogue`, but for columns
    without any value, which are allowed. Identifiers are int64 if all of the file are integers,
    text otherwise; without an identifier among `columns` rows are numbered from 0.

    Parameters
    ----------
    path : path-like
    columns : sequence of Column
    file_format, table
        See `catalogues.read_catalogue`.
    chunk_rows : int
        Rounded up to whole blocks of the networks' predictions.

    Raises
    ------
    InputError
        If the file cannot be read, has no row, or a column is not as described.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("file not found", file=path, fix="give its path in the configuration")
    kind = catalogues.format_of(path, file_format)
    rows = -(-chunk_rows // BLOCK) * BLOCK
    columns = [
        replace(column, kind=_identifier_kind(path, kind, column, table))
        if column.kind == "id"
        else column
        for column in columns
    ]
    first = 0
    for raw in _PIECES[kind](path, columns, table, rows):
        piece = _convert(path, columns, raw)
        number = len(piece) or len(next(iter(raw.columns.values()), ()))
        if "object_id" not in piece:
            piece.insert(0, "object_id", np.arange(first, first + number, dtype=np.int64))
        first += number
        yield piece
    if not first:
        raise InputError("empty table", file=path, found="0 rows", expected="at least one row")


def _convert(path: Path, columns: Sequence[Column], raw: RawTable) -> pd.DataFrame:
    quantities = {}
    for column in columns:
        catalogues.check_unit(path, column, raw.units.get(column.name))
        convert = catalogues.CONVERTERS[column.kind]
        values, null = raw.columns[column.name], raw.nulls.get(column.name)
        quantities[column.quantity] = convert(path, column, values.copy(), null)
    return pd.DataFrame(quantities)


def _identifier_kind(path: Path, file_format: str, column: Column, table: int | str | None) -> str:
    """Whether identifiers are integers or text: decided for the whole file, not per piece."""
    if file_format not in ("csv", "tsv"):
        raw = next(_PIECES[file_format](path, [column], table, BLOCK), None)
        values = np.asarray(raw.columns[column.name]) if raw else np.zeros(0)
        return "id" if values.dtype.kind in "iuf" else "text"
    for raw in _PIECES[file_format](path, [replace(column, kind="text")], table, 16 * ROW_GROUP):
        text = raw.columns[column.name].astype("str").str.strip()
        if not text.str.fullmatch(INTEGER).all():
            return "text"
    return "id"


def _pieces_fits(
    path: Path, columns: Sequence[Column], table: int | str | None, rows: int
) -> Iterator[RawTable]:
    """Read a binary table by rows (FITS standard 4.0, section 7.3)."""
    number = 1 if table is None else table
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=True, lazy_load_hdus=True) as hdus:
                hdu = hdus[number]
                if not isinstance(hdu, fits.BinTableHDU) or isinstance(hdu, fits.CompImageHDU):
                    raise InputError(
                        "not a binary table",
                        file=path,
                        key=f"HDU {number}",
                        expected="the catalogue as a binary table",
                    )
                definitions = hdu.columns
                total, start = hdu.header["NAXIS2"], hdu.fileinfo()["datLoc"]
                names = catalogues.pick_columns(path, definitions.names, columns)
                fields = {name: definitions[name] for name in names}
                row_type = definitions.dtype.newbyteorder(">")
        units = {name: str(field.unit) for name, field in fields.items() if field.unit}
        with opener(path, "rb") as handle:
            handle.seek(start)
            for first in range(0, total, rows):
                count = min(rows, total - first)
                content = handle.read(count * row_type.itemsize)
                if len(content) < count * row_type.itemsize:
                    raise EOFError(f"data end before row {first + count} of {total}")
                part = np.frombuffer(content, dtype=row_type)
                raw = RawTable({}, {}, units)
                for name in names:
                    stored = part[name].reshape(count)
                    stored = stored.astype(stored.dtype.newbyteorder("="))
                    raw.columns[name], null = catalogues.decode_fits(stored, fields[name])
                    if null is not None and null.any():
                        raw.nulls[name] = null
                yield raw
    except (IndexError, KeyError) as error:
        raise InputError("no such table in the file", file=path, key=f"HDU {number}") from error
    except (OSError, EOFError, zlib.error, fits.VerifyError) as error:
        raise catalogues.unreadable(path, "FITS file", error) from error


def _pieces_delimited(
    path: Path, columns: Sequence[Column], rows: int, delimiter: str
) -> Iterator[RawTable]:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as handle:
            header = [name.strip() for name in next(csv.reader(handle, delimiter=delimiter), [])]
        names = catalogues.pick_columns(path, header, columns)
        catalogues.check_last_line(path, len(header), delimiter)
        text = {column.name: str for column in columns if column.kind in ("id", "text", "flag")}
        with pd.read_csv(
            path,
            sep=delimiter,
            encoding="utf-8-sig",
            skipinitialspace=True,
            names=header,
            header=0,
            index_col=False,
            usecols=names,
            dtype=text,
            float_precision="round_trip",
            low_memory=False,
            chunksize=rows,
        ) as pieces:
            for piece in pieces:
                yield RawTable({name: piece[name] for name in names}, {}, {})
    except (
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        UnicodeDecodeError,
        csv.Error,
        OSError,
        EOFError,
        zlib.error,
    ) as error:
        raise catalogues.unreadable(path, "text table", error) from error


def _pieces_csv(
    path: Path, columns: Sequence[Column], table: int | str | None, rows: int
) -> Iterator[RawTable]:
    return _pieces_delimited(path, columns, rows, ",")


def _pieces_tsv(
    path: Path, columns: Sequence[Column], table: int | str | None, rows: int
) -> Iterator[RawTable]:
    return _pieces_delimited(path, columns, rows, "\t")


def _pieces_parquet(
    path: Path, columns: Sequence[Column], table: int | str | None, rows: int
) -> Iterator[RawTable]:
    try:
        with pq.ParquetFile(
            path, pre_buffer=False, memory_map=False, page_checksum_verification=True
        ) as parquet:
            names = catalogues.pick_columns(path, parquet.schema_arrow.names, columns)
            for batch in parquet.iter_batches(batch_size=rows, columns=names):
                raw = RawTable({}, {}, {})
                for name in names:
                    column = batch.column(name)
                    if pa.types.is_dictionary(column.type):
                        column = column.cast(column.type.value_type)
                    null = column.is_null().to_numpy(zero_copy_only=False)
                    if null.any():
                        raw.nulls[name] = null
                        if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
                            column = column.fill_null(pa.scalar(0).cast(column.type))
                    raw.columns[name] = column.to_pandas()
                yield raw
    except (pa.ArrowException, OSError) as error:
        raise catalogues.unreadable(path, "Parquet file", error) from error


def _pieces_hdf5(
    path: Path, columns: Sequence[Column], table: int | str | None, rows: int
) -> Iterator[RawTable]:
    try:
        with h5py.File(path, "r") as handle:
            node = handle if table is None else handle[str(table)]
            if isinstance(node, h5py.Group):
                compound = [item for item in node.values() if getattr(item.dtype, "names", None)]
                node = compound[0] if len(compound) == 1 else node
            if isinstance(node, h5py.Dataset):
                names = catalogues.pick_columns(path, node.dtype.names or (), columns)
                lengths = {"rows": len(node)}
            else:
                arrays = [name for name, item in node.items() if isinstance(item, h5py.Dataset)]
                names = catalogues.pick_columns(path, arrays, columns)
                lengths = {name: len(node[name]) for name in names}
            if len(set(lengths.values())) > 1:
                raise InputError("columns of different lengths", file=path, found=lengths)
            total = next(iter(lengths.values()), 0)
            for first in range(0, total, rows):
                part = slice(first, first + rows)
                content = (
                    {name: node[part][name] for name in names}
                    if isinstance(node, h5py.Dataset)
                    else {name: node[name][part] for name in names}
                )
                yield RawTable({name: _decoded(values) for name, values in content.items()}, {}, {})
    except KeyError as error:
        raise InputError("no such group or dataset", file=path, key=str(table)) from error
    except (OSError, RuntimeError) as error:
        raise catalogues.unreadable(path, "HDF5 file", error) from error


def _decoded(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "SO":
        return values
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    return np.array(texts, dtype=object)


_PIECES = {
    "fits": _pieces_fits,
    "csv": _pieces_csv,
    "tsv": _pieces_tsv,
    "parquet": _pieces_parquet,
    "hdf5": _pieces_hdf5,
}


# -------------------------------------------------------------------------------------- writing


class TableWriter:
    """Writes pieces as one Parquet file whose bytes do not depend on how it was cut.

    A context manager; the file appears under its name only when whole.

    Parameters
    ----------
    path : path-like
    metadata : dict of str, optional
        Key-value metadata of the file.
    """

    def __init__(self, path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
        self._file = atomic_path(path)
        self._metadata = dict(metadata or {})
        self._pending: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0

    def __enter__(self) -> TableWriter:
        """Open a temporary file beside the final one."""
        self._path = self._file.__enter__()
        return self

    def write(self, piece: pd.DataFrame) -> None:
        """Add rows; all pieces have the same columns and types."""
        table = pa.Table.from_pandas(piece, preserve_index=False).replace_schema_metadata(
            self._metadata
        )
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path, table.schema, compression="zstd", write_page_checksum=True
            )
        self.rows += len(piece)
        self._pending.append(table.cast(self._writer.schema))
        while sum(map(len, self._pending)) >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def _flush(self, rows: int) -> None:
        table = pa.concat_tables(self._pending).combine_chunks()
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=ROW_GROUP)
        self._pending = [table.slice(rows)]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Write what is left and move the file into place, unless there was an error."""
        if self._writer is not None:
            if kind is None and any(map(len, self._pending)):
                self._flush(ROW_GROUP)
            self._writer.close()
        return self._file.__exit__(kind, error, traceback)


class DistributionWriter:
    """Writes distributions as qp's HDF5 file of an ensemble of type ``hist``.

    ``qp.read`` opens it (qp-prob 1.1): group ``meta`` (type, version, edges of the classes),
    ``data`` (density in each class, one row per galaxy), ``ancil`` (identifiers).

    Parameters
    ----------
    path : path-like
    edges : numpy.ndarray, shape (k + 1,)
        Of the classes of redshift.
    """

    def __init__(self, path: str | Path, edges: np.ndarray) -> None:
        self._file = atomic_path(path)
        self._edges = np.asarray(edges, dtype=np.float64)
        self._rows = 0
        self._pending: list[tuple[np.ndarray, np.ndarray]] = []

    def __enter__(self) -> DistributionWriter:
        """Open a temporary file beside the final one."""
        self._handle = h5py.File(self._file.__enter__(), "w")
        meta = self._handle.create_group("meta")
        meta["pdf_name"] = np.array([b"hist"])
        meta["pdf_version"] = np.array([0])
        meta["bins"] = self._edges[None, :]
        classes = len(self._edges) - 1
        self._densities = self._handle.create_dataset(
            "data/pdfs",
            (0, classes),
            maxshape=(None, classes),
            chunks=(256, classes),
            dtype="f4",
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        self._ids: h5py.Dataset | None = None
        return self

    def write(self, object_id: np.ndarray, probability: np.ndarray) -> None:
        """Add galaxies: identifiers, shape (n,), and probabilities of the classes, (n, k)."""
        identifiers = np.asarray(object_id)
        if identifiers.dtype.kind != "i":
            identifiers = identifiers.astype(object)
        densities = np.asarray(probability) / np.diff(self._edges)
        self._pending.append((identifiers, densities.astype(np.float32)))
        while sum(len(ids) for ids, _ in self._pending) >= PDF_ROWS:
            self._flush()

    def _flush(self) -> None:
        """Write at most `PDF_ROWS` rows, so that the bytes do not depend on the pieces."""
        ids = np.concatenate([ids for ids, _ in self._pending])
        densities = np.concatenate([values for _, values in self._pending])
        self._pending = [(ids[PDF_ROWS:], densities[PDF_ROWS:])]
        ids, densities = ids[:PDF_ROWS], densities[:PDF_ROWS]
        if self._ids is None:
            kind = ids.dtype if ids.dtype.kind == "i" else h5py.string_dtype()
            self._ids = self._handle.create_dataset(
                "ancil/object_id", (0,), maxshape=(None,), chunks=(BLOCK,), dtype=kind
            )
        total = self._rows + len(ids)
        for dataset, values in ((self._densities, densities), (self._ids, ids)):
            dataset.resize(total, axis=0)
            dataset[self._rows : total] = values
        self._rows = total

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Write what is left and move the file into place, unless there was an error."""
        if kind is None and any(len(ids) for ids, _ in self._pending):
            self._flush()
        self._handle.close()
        return self._file.__exit__(kind, error, traceback)
