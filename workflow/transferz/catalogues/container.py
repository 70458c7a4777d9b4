"""What all file formats of catalogues have in common: an open file, read a piece at a time."""

from __future__ import annotations

import abc
import bz2
import contextlib
import gzip
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, ClassVar

import numpy as np
import pandas as pd

from transferz.core.errors import InputError


@dataclass
class RawTable:
    """Columns as a file has them: values, rows without a value, units where stated."""

    columns: dict[str, np.ndarray | pd.Series] = field(default_factory=dict)
    nulls: dict[str, np.ndarray] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadingOptions:
    """How to read a file, where that is not certain from the file itself.

    Attributes
    ----------
    format : str
        A key of `formats.FORMATS`; "auto": by the file's name.
    table : int, str or None
        Which table of the file, where a format has several.
    delimiter : str or None
        Between the fields of a text table; a blank stands for any white space.
    comment : str or None
        Begins lines of a text table that are not read; None: those above the names only.
    encoding : str or None
        Of a text table; None: UTF-8, or by its byte-order mark.
    """

    format: str = "auto"
    table: int | str | None = None
    delimiter: str | None = None
    comment: str | None = None
    encoding: str | None = None


class Container(abc.ABC):
    """An open file that holds a table.

    Parameters
    ----------
    path : pathlib.Path
    how : ReadingOptions
    stack : contextlib.ExitStack
        Closes what is opened.

    Attributes
    ----------
    names : list of str
        Of all its columns.
    ucds : mapping of str
        What columns mean, in the words of the Virtual Observatory, where the file says so.
    """

    # For messages.
    what: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    # What the libraries raise for a file that is cut short, damaged or of another format.
    errors: ClassVar[tuple[type[Exception], ...]] = (OSError, EOFError, zlib.error)
    # Whether all of its values are text: then their types are found by looking at all rows.
    is_text: ClassVar[bool] = False
    names: list[str]
    ucds: Mapping[str, str] = MappingProxyType({})

    def __init__(self, path: Path, how: ReadingOptions, stack: contextlib.ExitStack) -> None:
        self.path, self.how, self.table = path, how, how.table
        self.open(stack)

    @abc.abstractmethod
    def open(self, stack: contextlib.ExitStack) -> None:
        """Open the file and set `names`."""

    @abc.abstractmethod
    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`, at most `rows` rows at a time; None: all in one piece.

        Those in `as_text` are given as text where the file is one of text.
        """

    def check_scalar(self, name: str, shape: tuple[int, ...]) -> None:
        """Raise an `InputError` unless a column has one value per row."""
        if shape not in ((), (1,)):
            raise column_of_arrays(self.path, name, f"shape {shape} in each row")


def column_of_arrays(path: Path, name: str, found: str) -> InputError:
    """Return the error for a column that holds more than one value per row."""
    return InputError(
        "column of arrays",
        file=path,
        key=name,
        found=found,
        expected="one value per row",
        fix="name a column of single values, or write one column per element",
    )


def open_binary(path: Path) -> BinaryIO:
    """Open a file to read its bytes, unpacked if it is compressed, by its content."""
    with path.open("rb") as handle:
        start = handle.read(3)
    opener = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}.get(start[:2], open)
    return opener(path, "rb") if opener is not bz2.open or start == b"BZh" else path.open("rb")


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
        if start.lstrip().lower().startswith((b"<!doctype html", b"<html"))
        else "fetch it again: it may be cut short, or another kind of file"
        + (", or of another `encoding` (a key)" * isinstance(error, UnicodeDecodeError)),
    )
