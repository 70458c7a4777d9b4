"""Catalogues in pieces: reading and writing tables of any length in constant memory."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy import units as u

from transferz.catalogues import formats
from transferz.catalogues.formats import Column, Pick, RawTable, expand_bands
from transferz.core.errors import InputError
from transferz.core.products import atomic_path

# Rows of each row group of a written table: fixed, so that the bytes do not depend on the pieces.
ROW_GROUP = 65536
# A piece has a multiple of so many rows.
BLOCK = 4096
# Distributions written at a time.
PDF_ROWS = 16384
FLUX_UNITS = {"nJy": u.nJy, "uJy": u.uJy, "mJy": u.mJy, "Jy": u.Jy}
INTEGER = r"-?(0|[1-9]\d{0,17})"
# Digits that a float would change: leading zeros, more than 15 of them.
CODE = r"[+-]?(0\d+|\d{16,})"
# What text may be, the narrowest first; what is none of these stays text.
TEXT_TYPES = {
    "integer": lambda text: text.str.fullmatch(INTEGER),
    "boolean": lambda text: text.str.lower().isin(["true", "false"]),
    "float": lambda text: pd.to_numeric(text, errors="coerce").notna() & ~text.str.fullmatch(CODE),
}


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
        Errors are read for ``min_snr`` too.

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
        judged = quantity == "mag_err" and catalogue["min_snr"] is not None
        if not judged and not any(f"{quantity}_{band}" in inputs for band in bands):
            continue
        template = catalogue["columns"].get(quantity)
        if template is None or "{band}" not in template:
            reader = "predict.catalogue.min_snr needs" if judged else "the networks read"
            raise InputError(
                f"{reader} it, and the catalogue's description does not say where it is",
                key=f"predict.catalogue.columns.{quantity}",
                found=template,
                expected="a column name with {band} where the name of the band stands",
            )
        column = Column(f"{quantity}_{{band}}", template, unit=catalogue["unit"], nulls=nulls)
        columns += expand_bands(column, names)
    for quantity, name in carried_columns(catalogue).items():
        columns.append(Column(quantity, name, "any"))
    return columns


def carried_columns(catalogue: Mapping) -> dict[str, str]:
    """Return ``extra_columns``, name in the output: name in the file, without those set to null."""
    return {new: name for new, name in catalogue["extra_columns"].items() if name is not None}


def standardise(table: pd.DataFrame, catalogue: Mapping, bands: Sequence[str]) -> pd.DataFrame:
    """Turn a piece into what `api.PhotoZ.predict` takes: NaN missing, infinity not detected.

    Fluxes become AB magnitudes, mag = -2.5 log10(f / 3631 Jy) (Oke & Gunn 1983); a flux that is
    not positive is a non-detection. So is a magnitude that is one of ``non_detection_values``, and
    what is below the signal-to-noise ratio ``min_snr``: f / sigma_f, or 2.5 / (ln 10 sigma_mag).
    """
    converted = table.copy(deep=False)
    unit, min_snr = catalogue["unit"], catalogue["min_snr"]
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
            if min_snr is not None:
                unseen |= values < min_snr * errors
            with np.errstate(divide="ignore", invalid="ignore"):
                errors = None if errors is None else 2.5 / np.log(10) * errors / values
                values = np.where(unseen, np.inf, -2.5 * np.log10(values / zero_point))
        else:
            unseen = np.isin(values, np.asarray(catalogue["non_detection_values"], float))
            # In the column's own precision: 99.9 as float32 is not 99.9 as float64.
            for sentinel in catalogue["non_detection_values"]:
                unseen |= values == np.float64(np.float32(sentinel))
            if min_snr is not None:
                unseen |= errors > 2.5 / np.log(10) / min_snr
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

    Formats, conversions and errors are those of `formats.read_catalogue`, but for columns
    without any value, which are allowed. Identifiers are int64 if all of the file are integers,
    text otherwise; without an identifier among `columns` rows are numbered from 0. Columns of the
    kind ``any`` keep the type that they have in the file; in a text table that is the first of
    `TEXT_TYPES` that suits all values of the file.

    Parameters
    ----------
    path : path-like
    columns : sequence of Column
    file_format, table
        See `formats.read_catalogue`.
    chunk_rows : int
        Rounded up to whole blocks of the networks' predictions.

    Raises
    ------
    InputError
        If the file cannot be read, has no row, or a column is not as described.
    """
    path = formats.existing(path)
    kind = formats.format_of(path, file_format)
    rows = -(-chunk_rows // BLOCK) * BLOCK
    identifiers = [column for column in columns if column.kind == "id"]
    types: dict[str, str] = {}
    if kind in ("csv", "tsv"):
        carried = [column for column in columns if column.kind == "any"]
        found = _text_types(path, kind, [*identifiers, *carried], table)
        whole_numbers = all(found[column.name] == "integer" for column in identifiers)
        types = {column.name: found[column.name] for column in carried}
    else:
        whole_numbers = all(_are_integers(path, kind, column, table) for column in identifiers)
    first = 0
    for raw in _PIECES[kind](path, columns, table, rows):
        for name, kind_of_text in types.items():
            raw.columns[name], raw.nulls[name] = _typed(raw.columns[name], kind_of_text)
        piece = _convert(path, columns, raw)
        number = len(piece) or len(next(iter(raw.columns.values()), ()))
        if "object_id" not in piece:
            piece.insert(0, "object_id", np.arange(first, first + number, dtype=np.int64))
        elif not whole_numbers:
            piece["object_id"] = piece["object_id"].astype("str")
        first += number
        yield piece
    if not first:
        raise formats.empty_table(path)


def _convert(path: Path, columns: Sequence[Column], raw: RawTable) -> pd.DataFrame:
    quantities = {}
    for column in columns:
        formats.check_unit(path, column, raw.units.get(column.name))
        convert = formats.CONVERTERS[column.kind]
        values, null = raw.columns[column.name], raw.nulls.get(column.name)
        quantities[column.quantity] = convert(path, column, values.copy(), null)
    return pd.DataFrame(quantities)


def _are_integers(path: Path, file_format: str, column: Column, table: int | str | None) -> bool:
    """Whether a file stores identifiers as numbers."""
    raw = next(_PIECES[file_format](path, [column], table, BLOCK), None)
    values = np.asarray(raw.columns[column.name]) if raw else np.zeros(0)
    return values.dtype.kind in "iuf"


def _text_types(
    path: Path, file_format: str, columns: Sequence[Column], table: int | str | None
) -> dict[str, str]:
    """Return the type of each column of a text table, decided for the whole file, not per piece."""
    possible = {column.name: list(TEXT_TYPES) for column in columns}
    if not columns:
        return {}
    for raw in _PIECES[file_format](path, columns, table, 4 * ROW_GROUP):
        for name, types in possible.items():
            text = _stripped(raw.columns[name]).dropna()
            possible[name] = [kind for kind in types if TEXT_TYPES[kind](text).all()]
    return {name: types[0] if types else "text" for name, types in possible.items()}


def _stripped(values: pd.Series) -> pd.Series:
    """Return text without blanks around it; nothing but blanks is null."""
    text = values.astype("str").str.strip()
    return text.mask(values.isna() | (text == ""))


def _typed(values: pd.Series, kind: str) -> tuple[np.ndarray | pd.Series, np.ndarray]:
    """Return a column of a text table as what it is, and where it has no value."""
    text = _stripped(values)
    missing = text.isna().to_numpy()
    if kind == "boolean":
        return (text.str.lower() == "true").to_numpy(dtype=bool), missing
    if kind in ("integer", "float"):
        dtype = np.int64 if kind == "integer" else np.float64
        return text.fillna("0").to_numpy(dtype=object).astype(dtype), missing
    return text, missing


def _picker(path: Path, columns: Sequence[Column]) -> Pick:
    return lambda names: formats.pick_columns(path, names, columns)


def _pieces_fits(
    path: Path, columns: Sequence[Column], table: int | str | None, rows: int
) -> Iterator[RawTable]:
    layout = formats.fits_layout(path, _picker(path, columns), table)
    row_type = layout.row_type
    wanted = [*layout.names, *layout.masks.values()]
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as handle:
            handle.seek(layout.start)
            for first in range(0, layout.rows, rows):
                count = min(rows, layout.rows - first)
                content = handle.read(count * row_type.itemsize)
                if len(content) < count * row_type.itemsize:
                    raise EOFError(f"data end before row {first + count} of {layout.rows}")
                part = np.frombuffer(content, dtype=row_type)
                stored = {name: part[name].reshape(count) for name in wanted}
                yield layout.decode(
                    {n: v.astype(v.dtype.newbyteorder("=")) for n, v in stored.items()}
                )
    except (OSError, EOFError, zlib.error) as error:
        raise formats.unreadable(path, "FITS file", error) from error


def _pieces_delimited(
    path: Path, columns: Sequence[Column], rows: int, delimiter: str
) -> Iterator[RawTable]:
    try:
        header = formats.text_header(path, delimiter)
        names = formats.pick_columns(path, header, columns)
        formats.check_last_line(path, len(header), delimiter)
        # Columns go by their numbers: names that are not read may occur twice.
        place = {name: header.index(name) for name in names}
        text = {
            place[column.name]: str
            for column in columns
            if column.kind in ("id", "text", "flag", "any") and column.name in place
        }
        with pd.read_csv(
            path,
            sep=delimiter,
            encoding="utf-8-sig",
            skipinitialspace=True,
            names=range(len(header)),
            header=0,
            index_col=False,
            usecols=list(place.values()),
            dtype=text,
            float_precision="round_trip",
            low_memory=False,
            chunksize=rows,
        ) as pieces:
            for piece in pieces:
                yield RawTable({name: piece[number] for name, number in place.items()}, {}, {})
    except (
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        UnicodeDecodeError,
        csv.Error,
        OSError,
        EOFError,
        zlib.error,
    ) as error:
        raise formats.unreadable(path, "text table", error) from error


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
            schema = parquet.schema_arrow
            names = formats.pick_columns(path, schema.names, columns)
            units = formats.arrow_units(schema, names)
            for batch in parquet.iter_batches(batch_size=rows, columns=names):
                raw = RawTable({}, {}, units)
                for name in names:
                    column = batch.column(name)
                    null = column.is_null().to_numpy(zero_copy_only=False)
                    formats.add_arrow_column(path, raw, name, column, null)
                yield raw
    except (pa.ArrowException, OSError) as error:
        raise formats.unreadable(path, "Parquet file", error) from error


def _pieces_hdf5(
    path: Path, columns: Sequence[Column], table: int | str | None, rows: int
) -> Iterator[RawTable]:
    with formats.hdf5_columns(path, _picker(path, columns), table) as (stored, units):
        total = len(next(iter(stored.values()), ()))
        for first in range(0, total, rows):
            part = slice(first, first + rows)
            content = {name: values[part] for name, values in stored.items()}
            yield RawTable({n: formats.decoded(v) for n, v in content.items()}, {}, units)


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
