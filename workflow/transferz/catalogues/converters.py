"""From what a file stores to what the workflow computes with, one converter per kind of column.

Here alone text becomes numbers, and masks and sentinels become nulls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from transferz.catalogues.columns import Column
from transferz.core.errors import InputError

TRUE_WORDS, FALSE_WORDS = ("true", "t", "1", "1.0", "yes"), ("false", "f", "0", "0.0", "no")
NULL_WORDS = ("", "nan", "null", "none", "na", "n/a", "<na>", "--", r"\n", "indef", "masked")
# An identifier that went through a float of text: 1.2e+17, or more digits than a float has.
THROUGH_FLOAT = r"[+-]?\d(\.\d+)?[eE][+-]\d+|[+-]?\d\.\d+[eE]\d+|[+-]?\d{16,}\.0*"
# Digits that a float would change: leading zeros, more than 15 of them.
CODE = r"[+-]?(0\d+|\d{16,})"
INT64 = np.iinfo(np.int64)


def integers(text: pd.Series) -> np.ndarray | None:
    """Return text as int64; None unless all of it is what int64 writes: 007 comes back as 7."""
    if len(text) and not re.fullmatch(r"-?\d+", text.iloc[0]):
        return None
    written = pa.array(text, pa.string())
    try:
        numbers = written.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    return numbers.to_numpy() if numbers.cast(pa.string()).equals(written) else None


def are_floats(text: pd.Series) -> bool:
    """Whether all of a text are numbers, and no codes."""
    numbers = pd.to_numeric(text, errors="coerce")
    return bool(numbers.notna().all() and not text.str.fullmatch(CODE).any())


# What text may be, the narrowest first; what is none of these stays text.
TEXT_TYPES: Mapping[str, Callable[[pd.Series], bool]] = {
    "integer": lambda text: integers(text) is not None,
    "boolean": lambda text: bool(text.str.lower().isin(["true", "false"]).all()),
    "float": are_floats,
}

Array = np.ndarray | pd.Series


@dataclass(frozen=True)
class Stored:
    """Values of one column as a file has them.

    Attributes
    ----------
    path : pathlib.Path
    column : Column
    values : numpy.ndarray or pandas.Series, shape (n,)
    null : numpy.ndarray of bool, shape (n,), or None
        Which of them the file marks as no value.
    first : int
        Row of the file that the first of them is in, for messages.
    """

    path: Path
    column: Column
    values: Array
    null: np.ndarray | None = None
    first: int = 0

    def missing(self) -> np.ndarray:
        """Return which rows have no value, by the file's mask or as NaN or None."""
        missing = np.asarray(pd.isna(self.values))
        return missing if self.null is None else missing | self.null

    def numbers(self) -> np.ndarray:
        """Return the values as an array of numbers; text that is no number is an error."""
        array = np.asarray(self.values)
        if array.dtype.kind in "iuf":
            return array
        if array.dtype.kind == "b":
            return array.astype(np.int64)
        text = pd.Series(array, dtype=object)
        words = text.astype(str).str.strip()
        named = [value for value in self.column.nulls if isinstance(value, str)]
        blank = text.isna() | words.str.lower().isin(NULL_WORDS) | words.isin(named)
        broken = pd.to_numeric(words, errors="coerce").isna() & ~blank
        self.refuse(broken.to_numpy(), "numbers")
        # By Python: pandas rounds the last digit.
        return words.where(~blank, "nan").to_numpy(dtype=object).astype(np.float64)

    def sentinels(self, numbers: np.ndarray) -> np.ndarray:
        """Return which of `numbers` are values that mean "no value", in their own precision."""
        # -99.9 as float32 is not -99.9 as float64.
        exact = numbers.dtype.type if numbers.dtype.kind == "f" else float
        found = np.zeros(len(numbers), dtype=bool)
        for value in (value for value in self.column.nulls if not isinstance(value, str)):
            found |= np.isinf(numbers) if np.isinf(value) else numbers == exact(value)
        return found

    def refuse(self, broken: np.ndarray, expected: str) -> None:
        """Raise an `InputError` if any row is `broken`."""
        if not broken.any():
            return
        row = int(np.flatnonzero(broken)[0])
        raise InputError(
            "value of the wrong kind",
            file=self.path,
            key=self.column.name,
            found=f"{np.asarray(self.values)[row]!s:.60} in row {self.first + row} "
            f"({int(broken.sum())} such rows)",
            expected=expected,
            fix="write identifiers as integers or text: decimals lose digits"
            if self.column.kind == "id"
            else "correct these rows, or name the value as a null value",
        )


def _as_id(stored: Stored) -> Array:
    missing = stored.missing()
    if missing.any():
        raise InputError(
            "rows without an identifier",
            file=stored.path,
            key=stored.column.name,
            found=f"{int(missing.sum())} of {len(missing)}, the first in row "
            f"{stored.first + int(np.flatnonzero(missing)[0])}",
            expected="one in every row",
            fix="remove these rows, or give a column that names every object",
        )
    values = np.asarray(stored.values)
    if values.dtype.kind == "f":
        lossy = (values != np.floor(values)) | (np.abs(values) >= 2.0**53)
        stored.refuse(lossy, "integers or text, not decimals")
    if values.dtype.kind in "if" or (values.dtype.kind == "u" and (values <= INT64.max).all()):
        return values.astype(np.int64)
    text = pd.Series(values, dtype=object).astype(str).str.strip()
    if (numbers := integers(text)) is not None:
        return numbers
    lossy = text.str.fullmatch(THROUGH_FLOAT).to_numpy(dtype=bool)
    stored.refuse(lossy, "integers or text, not decimals")
    return text.astype("str")


def _as_float(stored: Stored) -> np.ndarray:
    numbers = stored.numbers()
    if numbers.dtype.kind != "f":
        numbers = numbers.astype(np.float64)
    elif not numbers.flags.writeable or not numbers.dtype.isnative:
        numbers = numbers.astype(numbers.dtype.newbyteorder("="))
    sentinels = stored.sentinels(numbers)
    if sentinels.any():
        numbers[sentinels] = np.nan
    if stored.null is not None:
        numbers[stored.null] = np.nan
    return numbers


def _as_int(stored: Stored) -> np.ndarray:
    numbers = stored.numbers()
    missing = np.isnan(numbers) if numbers.dtype.kind == "f" else np.zeros(len(numbers), bool)
    missing |= stored.sentinels(numbers)
    if stored.null is not None:
        missing |= stored.null
    if numbers.dtype.kind == "f":
        broken = (numbers != np.floor(numbers)) | ~np.isfinite(numbers)
        stored.refuse(~missing & broken, "whole numbers")
    if missing.any():
        return np.where(missing, np.nan, numbers.astype(np.float64))
    return numbers.astype(np.int64)


def _as_flag(stored: Stored) -> np.ndarray:
    missing, values = stored.missing(), np.asarray(stored.values)
    if values.dtype.kind == "b":
        true, false = values, ~values
    elif values.dtype.kind in "iuf":
        true, false = values == 1, values == 0
    else:
        text = pd.Series(values, dtype=object).astype(str).str.strip().str.lower()
        true = text.isin(TRUE_WORDS).to_numpy()
        false = text.isin(FALSE_WORDS).to_numpy()
    stored.refuse(~(true | false | missing), "true or false")
    return np.where(missing, np.nan, true.astype(np.float64)) if missing.any() else true


def _as_text(stored: Stored) -> pd.Series:
    text = pd.Series(np.asarray(stored.values, dtype=object)).astype("str").str.strip()
    return text.mask(stored.missing() | (text == "").to_numpy())


def _as_found(stored: Stored) -> Array:
    """Return integers, floats, booleans and text as they are, nulls as nulls of the same type."""
    array, null = np.asarray(stored.values), stored.null
    missing = np.zeros(len(array), dtype=bool) if null is None else null
    if array.dtype.kind in "iub":
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        masked = pd.arrays.BooleanArray if array.dtype.kind == "b" else pd.arrays.IntegerArray
        return pd.Series(masked(array, missing)) if missing.any() else array
    if array.dtype.kind == "f":
        # Parquet has no other widths.
        width = array.dtype.newbyteorder("=") if array.dtype.itemsize in (4, 8) else np.float64
        return np.where(missing, np.nan, array).astype(width)
    if array.dtype.kind in "cV":
        stored.refuse(np.ones(len(array), dtype=bool), "numbers, booleans or text")
    if array.dtype.kind in "mM":
        array = array.astype(str)
    return _as_text(Stored(stored.path, stored.column, array, null))


CONVERTERS: Mapping[str, Callable[[Stored], Array]] = {
    "any": _as_found,
    "id": _as_id,
    "float": _as_float,
    "int": _as_int,
    "flag": _as_flag,
    "text": _as_text,
}


def stripped(values: pd.Series) -> pd.Series:
    """Return text without blanks around it; nothing but blanks is null."""
    text = values.astype("str").str.strip()
    return text.mask(values.isna() | (text == ""))


def typed(values: pd.Series, kind: str) -> tuple[Array, np.ndarray]:
    """Return a column of a text table as one of `TEXT_TYPES`, and where it has no value."""
    text = stripped(values)
    missing = text.isna().to_numpy()
    if kind == "boolean":
        return (text.str.lower() == "true").to_numpy(dtype=bool), missing
    if kind in ("integer", "float"):
        dtype = np.int64 if kind == "integer" else np.float64
        return text.fillna("0").to_numpy(dtype=object).astype(dtype), missing
    return text, missing
