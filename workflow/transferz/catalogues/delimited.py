"""Tables of text: their dialect, found where it is certain, and their rows, field by field.

A line with another number of fields than there are names is an error wherever it stands: what
would be read from it belongs to other columns.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from astropy.table import meta

from transferz.catalogues.container import Container, RawTable, open_binary, unreadable
from transferz.core.errors import InputError

logger = logging.getLogger(__name__)

# Bytes that are unpacked, decoded and searched for comments at a time.
CHUNK = 1024**2
DELIMITERS = (",", ";", "\t", "|", " ")
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Spellings of no value in columns of text; `converters.NULL_WORDS` are those of numbers.
NO_TEXT = ["", "#N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
IN_CONFIG = "in predict.catalogue or custom.*"


@dataclass(frozen=True)
class Header:
    """What stands above the rows of a text table.

    Attributes
    ----------
    names : list of str
    delimiter : str
    skipped : int
        Bytes above the first row, in UTF-8.
    units : mapping of str
        By name, where an ECSV header states them.
    """

    names: list[str]
    delimiter: str
    skipped: int
    units: Mapping[str, str]


class DelimitedText(Container):
    """A table of text: a line of names, then a line per row."""

    what = "text table"
    errors = (*Container.errors, UnicodeDecodeError, csv.Error, pa.ArrowException)
    is_text = True
    delimiter: ClassVar[str] = ","

    def open(self, stack: contextlib.ExitStack) -> None:
        """Find the dialect and the names."""
        with open_binary(self.path) as handle:
            start = handle.read(CHUNK)
        self.encoding = self.how.encoding or next(
            (name for mark, name in MARKS.items() if start.startswith(mark)), "utf-8"
        )
        # Line ends of old Macintoshes.
        self.only_returns = b"\r" in start and b"\n" not in start
        first = next(self._chunks(), b"")
        if not first.strip():
            raise InputError(
                "empty file",
                file=self.path,
                found=f"{self.path.stat().st_size} bytes without a first line",
                expected="a line of column names, then rows",
                fix="fetch or write it again",
            )
        self.header = self._header(first.decode("utf-8", "surrogateescape"))
        self.names = self.header.names
        # Names must be readable; a row may have other bytes in columns that are not read.
        "".join(self.names).encode("utf-8", "surrogateescape").decode("utf-8")
        if self.names[0].startswith("<"):
            raise unreadable(self.path, self.what, ValueError("markup in the first line"))

    def _chunks(self) -> Iterator[bytes]:
        """Yield the file as UTF-8 by whole lines."""
        plain = self.encoding in ("utf-8", "utf-8-sig")
        decoder = None if plain else codecs.getincrementaldecoder(self.encoding)()
        with open_binary(self.path) as handle:
            rest, first = b"", True
            while True:
                chunk = handle.read(CHUNK)
                text = decoder.decode(chunk, not chunk).encode() if decoder else chunk
                text = text.removeprefix(codecs.BOM_UTF8) if first else text
                text = rest + (text.replace(b"\r", b"\n") if self.only_returns else text)
                end = text.rfind(b"\n") + 1 if chunk else len(text)
                if end:
                    yield text[:end]
                rest, first = text[end:], False
                if not chunk:
                    return

    # ---------------------------------------------------------------------------- the dialect

    def _header(self, text: str) -> Header:
        """Find names and delimiter in the first lines of a file."""
        lines = text.split("\n")
        mark = "#" if self.how.comment is None else self.how.comment
        above = 0
        while above < len(lines) - 1 and (
            not lines[above].strip() or (mark and lines[above].startswith(mark))
        ):
            above += 1
        comments = [line[len(mark) :].strip() for line in lines[:above] if line.strip()]
        after = above + 1
        while after < len(lines) - 1 and not lines[after].strip():
            after += 1
        following = lines[after] if after < len(lines) else ""
        if comments and comments[0].startswith("%ECSV"):
            ecsv = meta.get_header_from_yaml(comments[1:])
            delimiter = self.how.delimiter or ecsv.get("delimiter", " ")
            stated = {column["name"]: column.get("unit") for column in ecsv["datatype"]}
            units = {name: str(unit) for name, unit in stated.items() if unit}
        else:
            delimiter, units = self._delimiter(lines[above], following), {}
        first = fields(lines[above], delimiter)
        if comments and any(is_number(field) for field in first):
            # The names are in the last comment.
            names = fields(comments[-1], delimiter)
            if len(names) != len(first):
                raise self._uneven(above + 1, len(first), len(names))
        else:
            names, above = first, above + 1
        if all(map(is_number, names)):
            raise InputError(
                "no line of names",
                file=self.path,
                found=f"numbers in line {above}: {', '.join(names):.60}",
                expected="the names of the columns",
                fix="write a line of names above the rows",
            )
        skipped = "\n".join([*lines[:above], ""]).encode("utf-8", "surrogateescape")
        return Header([name.strip() for name in names], delimiter, len(skipped), units)

    def _delimiter(self, line: str, following: str) -> str:
        """Return what separates the fields of the first line, if only one delimiter can."""
        if self.how.delimiter is not None:
            return self.how.delimiter
        if len(fields(line, self.delimiter)) > 1:
            return self.delimiter
        counts = {mark: len(fields(line, mark)) for mark in DELIMITERS}
        able = [
            mark
            for mark, count in counts.items()
            if count > 1 and (not following.strip() or count == len(fields(following, mark)))
        ]
        # Blanks may stand within the fields of every other delimiter.
        able = [mark for mark in able if mark != " "] or able
        if len(able) > 1:
            raise InputError(
                "delimiter not certain",
                file=self.path,
                key="delimiter",
                found=f"{line.strip():.60}",
                expected=" or ".join(map(repr, able)),
                fix=f"name it with the key `delimiter` {IN_CONFIG}",
            )
        return able[0] if able else self.delimiter

    # ------------------------------------------------------------------------------- the rows

    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`: numbers where numbers are wanted, or else text."""
        # Columns go by their numbers: names that are not read may occur twice.
        place = {name: str(self.names.index(name)) for name in names}
        units = {name: self.header.units[name] for name in names if name in self.header.units}
        parts: list[dict[str, np.ndarray | pd.Series]] = []
        for table in self._tables(list(place.values()), rows):
            content = {
                name: text_of(table[at]) if name in as_text else numbers_of(table[at])
                for name, at in place.items()
            }
            if rows is None:
                parts.append(content)
            else:
                yield RawTable(content, units=units)
        if parts:
            yield RawTable(
                {name: joined([part.pop(name) for part in parts]) for name in names}, units=units
            )

    def _tables(self, columns: list[str], rows: int | None) -> Iterator[pa.Table]:
        """Yield columns as text, `rows` rows at a time; None: as many as are read at once."""
        stream = io.BufferedReader(ByteStream(self._lines()), CHUNK)
        if not stream.peek(1):
            return
        try:
            with pacsv.open_csv(
                stream,
                pacsv.ReadOptions(
                    use_threads=False,
                    block_size=CHUNK,
                    column_names=[str(number) for number in range(len(self.names))],
                ),
                pacsv.ParseOptions(delimiter=self.header.delimiter, newlines_in_values=True),
                pacsv.ConvertOptions(
                    include_columns=columns,
                    column_types=dict.fromkeys(columns, pa.string()),
                    null_values=NO_TEXT,
                    strings_can_be_null=True,
                ),
            ) as reader:
                yield from rechunked(map(pa.Table.from_batches, ([b] for b in reader)), rows)
        except pa.ArrowInvalid as error:
            self._explain(error)
            raise
        if stream.raw.last not in b"\r\n":
            logger.warning("%s: no newline at its end; is it complete?", self.path)

    def _lines(self) -> Iterator[bytes]:
        """Yield the rows as UTF-8, without comments, white space as one blank."""
        mark = ("#" if self.how.comment is None else self.how.comment).encode()
        skip, before = self.header.skipped, 0
        for chunk in self._chunks():
            text = chunk[skip:]
            at = 0 if mark and text.startswith(mark) else text.find(b"\n" + mark) + 1
            if mark and (at or text.startswith(mark)):
                if self.how.comment is None:
                    line = before + chunk[: len(chunk) - len(text) + at].count(b"\n") + 1
                    raise InputError(
                        "a line that may be a comment",
                        file=self.path,
                        key="comment",
                        found=f"line {line} begins with #",
                        expected="rows",
                        fix=f"set the key `comment` {IN_CONFIG}: '#' leaves them out, '' does not",
                    )
                text = re.sub(rb"(?m)^" + re.escape(mark) + rb".*\n?", b"", text)
            before, skip = before + chunk.count(b"\n"), 0
            if self.header.delimiter == " ":
                text = re.sub(rb"(?m)^[ \t]+|[ \t\r]+$", b"", text)
                text = re.sub(rb'("(?:[^"]|"")*")|[ \t]+', lambda found: found[1] or b" ", text)
            if text:
                yield text

    def _explain(self, error: pa.ArrowInvalid) -> None:
        """Raise an `InputError` where it can be said what a line or its bytes have."""
        if "UTF8" in str(error):
            raise InputError(
                "not a readable text table",
                file=self.path,
                key="encoding",
                found="bytes that are no UTF-8 in a column that is read",
                expected="text in UTF-8",
                fix=f"name its encoding, such as latin-1, with the key `encoding` {IN_CONFIG}",
            ) from error
        mark, number = self.how.comment, 0
        lines = (
            line
            for chunk in self._chunks()
            for line in chunk.decode("utf-8", "replace").splitlines(keepends=True)
        )
        top = self.header.skipped
        above = next(self._chunks(), b"")[:top].count(b"\n")
        blanked = (
            "\n" if k < above or (mark and line.startswith(mark)) else line
            for k, line in enumerate(lines)
        )
        if self.header.delimiter == " ":
            counted = ((k, len(fields(line, " "))) for k, line in enumerate(blanked, start=1))
        else:
            rows = csv.reader(blanked, delimiter=self.header.delimiter)
            counted = ((rows.line_num, len(row)) for row in rows)
        for number, count in counted:
            if count not in (0, len(self.names)):
                raise self._uneven(number, count, len(self.names)) from error

    def _uneven(self, line: int, found: int, expected: int) -> InputError:
        return InputError(
            "a line with another number of fields than there are names",
            file=self.path,
            found=f"{found} fields in line {line}",
            expected=f"{expected}, as in the line of names",
            fix="put quotes around text that holds the delimiter, name the column of row names, or "
            "fetch the file again: it may be cut short",
        )


class CsvTable(DelimitedText):
    """A table of text with commas, unless its first line has none."""

    suffixes = (".csv", ".ecsv", ".txt")


class TsvTable(DelimitedText):
    """A table of text with tabulators, unless its first line has none."""

    suffixes, delimiter = (".tsv", ".tab"), "\t"


class ByteStream(io.RawIOBase):
    """Bytes that a generator yields, as a file; remembers the last of them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest, self.last = pieces, memoryview(b""), b""

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer as far as the next piece goes."""
        if not self._rest:
            piece = next(self._pieces, b"")
            self._rest, self.last = memoryview(piece), piece[-1:] or self.last
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def fields(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line."""
    if delimiter == " ":
        return [text.strip('"') for text in re.findall(r'"(?:[^"]|"")*"|\S+', line)]
    row = next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter, skipinitialspace=True), [])
    return [text.strip() for text in row]


def is_number(text: str) -> bool:
    """Whether a field is a number, and so no name of a column."""
    try:
        return np.isfinite(float(text))
    except ValueError:
        return False


def text_of(column: pa.ChunkedArray) -> pd.Series:
    """Return a column of text."""
    return column.to_pandas()


def numbers_of(column: pa.ChunkedArray) -> np.ndarray | pd.Series:
    """Return a column as int64 or float64, exactly; as text where some of it is neither."""
    trimmed = pc.utf8_trim_whitespace(column)
    # A cast that fails costs ten times as much as one that does not: the first value tells.
    first = next((value for value in trimmed.slice(0, 100).to_pylist() if value), "0")
    for kind, number in ((pa.int64(), int), (pa.float64(), float)):
        try:
            number(first)
        except ValueError:
            continue
        try:
            return trimmed.cast(kind).to_numpy()
        except pa.ArrowInvalid:
            continue
    return text_of(column)


def joined(parts: Sequence[np.ndarray | pd.Series]) -> np.ndarray | pd.Series:
    """Return the parts of a column as one."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return pd.concat([pd.Series(part) for part in parts], ignore_index=True)


def rechunked(tables: Iterator[pa.Table], rows: int | None) -> Iterator[pa.Table]:
    """Yield tables of `rows` rows each, the last of what is left; None: as they come."""
    waiting: list[pa.Table] = []
    for table in tables:
        if rows is None:
            yield table
            continue
        waiting.append(table)
        while sum(map(len, waiting)) >= rows:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, rows)
            waiting = [whole.slice(rows)]
    if any(map(len, waiting)):
        yield pa.concat_tables(waiting)
