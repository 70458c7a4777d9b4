"""Reading of catalogues: the needed columns, checked, in native types; whole or by pieces.

Every format ends in the same kind of table: one column per *quantity* (the workflow's own name),
nulls as NaN. A whole catalogue is read as one piece. What is wrong with a file ends in an
`InputError`; nothing is dropped.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.catalogues.columns import Column
from transferz.catalogues.container import RawTable, ReadingOptions
from transferz.catalogues.converters import CONVERTERS, TEXT_TYPES, Stored, stripped, typed
from transferz.catalogues.formats import container_of, opened, raw_pieces
from transferz.catalogues.partitions import parts_of
from transferz.catalogues.units import check_unit
from transferz.core.errors import InputError

logger = logging.getLogger(__name__)

# A piece has a multiple of so many rows: whole blocks of the networks' predictions.
BLOCK = 4096
PIECE_ROWS = 65536
AS_IT_IS = ReadingOptions()
# Degrees, both ends included.
LIMITS = {
    **dict.fromkeys(("ra", "ra_cosmos"), (0.0, 360.0)),
    **dict.fromkeys(("dec", "dec_cosmos"), (-90.0, 90.0)),
}


def read_catalogue(
    path: str | Path,
    columns: Sequence[Column],
    *,
    how: ReadingOptions = AS_IT_IS,
    unique: str | None = None,
) -> pd.DataFrame:
    """Read `columns` of a catalogue into a table of quantities.

    Parameters
    ----------
    path : path-like
        A file of one of `formats.FORMATS`, or a folder or pattern of Parquet or Feather files.
    columns : sequence of Column
        What to read; optional ones that the file lacks are left out.
    how : ReadingOptions
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
    pieces = list(raw_pieces(path, columns, how, rows=None))
    if not pieces or not rows_of(pieces[0]):
        raise empty_table(path)
    (raw,) = pieces
    if container_of(path, how.format).is_text:
        carried = [column for column in columns if column.kind == "any"]
        _give_types(raw, _text_types(iter(pieces), carried))
    catalogue = _converted(path, columns, raw)
    present = [column for column in columns if column.quantity in catalogue]
    _check_values(path, catalogue, present)
    if unique is not None:
        names = {column.quantity: column.name for column in present}
        _check_unique(path, catalogue[unique], names[unique])
    logger.info("Read %d rows, %d columns from %s", len(catalogue), catalogue.shape[1], path)
    return catalogue


def stream_catalogue(
    path: str | Path,
    columns: Sequence[Column],
    *,
    how: ReadingOptions = AS_IT_IS,
    chunk_rows: int = PIECE_ROWS,
    partition: str | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield a catalogue as tables of quantities, at most `chunk_rows` rows each.

    As `read_catalogue`, but columns without any value and positions out of range are allowed.
    Identifiers are int64 if all of the file are integers, text otherwise; without an identifier
    among `columns` rows are numbered from 0. Columns of the kind ``any`` keep the type that they
    have in the file; in a text table that is the first of `TEXT_TYPES` that suits all values of
    the file.

    Parameters
    ----------
    path, columns, how
        See `read_catalogue`.
    chunk_rows : int
        Rounded up to whole blocks of the networks' predictions.
    partition : str, optional
        Name of this file of a catalogue of many. Rows without an identifier are then numbered as
        ``partition:0``, ``partition:1``, ..., so that no two of the catalogue have the same.

    Raises
    ------
    InputError
        If the file cannot be read, has no row, or a column is not as described.
    """
    path = existing(path)
    identifiers = [column for column in columns if column.kind == "id"]
    types: dict[str, str] = {}
    if container_of(path, how.format).is_text:
        carried = [column for column in columns if column.kind == "any"]
        looked_at = [*identifiers, *carried]
        if looked_at:
            pieces = raw_pieces(path, looked_at, how, rows=PIECE_ROWS)
            found = _text_types(pieces, looked_at)
            types = {column.name: found[column.name] for column in carried}
            whole_numbers = all(found[column.name] == "integer" for column in identifiers)
    else:
        whole_numbers = all(_is_integer(path, column, how) for column in identifiers)
    first = 0
    for raw in raw_pieces(path, columns, how, rows=-(-chunk_rows // BLOCK) * BLOCK):
        number = rows_of(raw)
        _give_types(raw, types)
        piece = _converted(path, columns, raw, first)
        if "object_id" not in piece:
            numbers = pd.Series(np.arange(first, first + number, dtype=np.int64))
            named = numbers if partition is None else f"{partition}:" + numbers.astype("str")
            piece.insert(0, "object_id", named)
        elif not whole_numbers:
            piece["object_id"] = piece["object_id"].astype("str")
        first += number
        yield piece
    if not first:
        raise empty_table(path)


def column_names(path: str | Path, *, how: ReadingOptions = AS_IT_IS) -> list[str]:
    """Return the names of all columns of a catalogue, without reading its rows."""
    with opened(existing(path), how) as file:
        return list(file.names)


def rows_of(raw: RawTable) -> int:
    """Return the number of rows of a piece."""
    return len(next(iter(raw.columns.values()), ()))


def _is_integer(path: Path, column: Column, how: ReadingOptions) -> bool:
    """Whether all identifiers of a file that is not of text are int64, as numbers or as text."""
    for raw in raw_pieces(path, [column], how, rows=4 * PIECE_ROWS):
        values = np.asarray(raw.columns[column.name])
        if values.dtype.kind in "if":
            return True
        text = stripped(pd.Series(values.astype(object))).dropna()
        if not TEXT_TYPES["integer"](text):
            return False
    return True


def _text_types(pieces: Iterator[RawTable], columns: Sequence[Column]) -> dict[str, str]:
    """Return the type of each column of a text table, decided for the whole file, not per piece."""
    possible = {column.name: list(TEXT_TYPES) for column in columns}
    for raw in pieces:
        for name, types in possible.items():
            text = stripped(raw.columns[name]).dropna()
            possible[name] = [kind for kind in types if TEXT_TYPES[kind](text)]
    return {name: types[0] if types else "text" for name, types in possible.items()}


def _give_types(raw: RawTable, types: dict[str, str]) -> None:
    for name, kind in types.items():
        raw.columns[name], raw.nulls[name] = typed(raw.columns[name], kind)


def _converted(
    path: Path, columns: Sequence[Column], raw: RawTable, first: int = 0
) -> pd.DataFrame:
    """Return a piece as a table of quantities; `first` is its first row's number in the file."""
    present = [column for column in columns if column.name in raw.columns]
    uses = Counter(column.name for column in present)
    quantities = {}
    for column in present:
        check_unit(path, column, raw.units.get(column.name))
        uses[column.name] -= 1
        # Given up as soon as converted: a large catalogue is in memory once, not twice.
        again = uses[column.name] > 0
        values = raw.columns[column.name].copy() if again else raw.columns.pop(column.name)
        stored = Stored(path, column, values, raw.nulls.get(column.name), first)
        quantities[column.quantity] = CONVERTERS[column.kind](stored)
    return pd.DataFrame(quantities, copy=False)


def existing(path: str | Path) -> Path:
    """Return `path`; raise an `InputError` unless it is a file, or several are meant."""
    path = Path(path)
    if not parts_of(path):
        raise InputError(
            "file not found",
            file=path,
            found="a folder without Parquet or Feather files"
            if path.is_dir()
            else "nothing of this name",
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
    for column in columns:
        if column.quantity not in LIMITS:
            continue
        values = catalogue[column.quantity].to_numpy()
        check_position(path, column.name, values, *LIMITS[column.quantity])


def check_position(path: Path, name: str, degrees: np.ndarray, low: float, high: float) -> None:
    """Raise an `InputError` for coordinates that are none."""
    outside = ~((degrees >= low) & (degrees <= high))
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise InputError(
            "coordinate out of range",
            file=path,
            key=name,
            found=f"{degrees[row]} in row {row} ({int(outside.sum())} such rows)",
            expected=f"degrees from {low:g} to {high:g} in every row",
            fix="remove or correct these rows, or state the unit of the column",
        )
