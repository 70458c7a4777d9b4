"""What all file formats of catalogues have in common: an open file, read a piece at a time."""

from __future__ import annotations

import abc
import contextlib
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from transferz.core.errors import InputError


@dataclass
class RawTable:
    """Columns as a file has them: values, rows without a value, units where stated."""

    columns: dict[str, np.ndarray | pd.Series] = field(default_factory=dict)
    nulls: dict[str, np.ndarray] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


class Container(abc.ABC):
    """An open file that holds a table.

    Parameters
    ----------
    path : pathlib.Path
    table : int or str, optional
        Which table of the file, where a format has several.
    stack : contextlib.ExitStack
        Closes what is opened.

    Attributes
    ----------
    names : list of str
        Of all its columns.
    """

    # For messages.
    what: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    # What the libraries raise for a file that is cut short, damaged or of another format.
    errors: ClassVar[tuple[type[Exception], ...]] = (OSError, EOFError, zlib.error)
    # Whether all of its values are text: then their types are found by looking at all rows.
    is_text: ClassVar[bool] = False
    names: list[str]

    def __init__(self, path: Path, table: int | str | None, stack: contextlib.ExitStack) -> None:
        self.path, self.table = path, table
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


def is_gzipped(path: Path) -> bool:
    """Whether a file is compressed, by its name."""
    return path.name.lower().endswith(".gz")


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
