"""Reading and writing of the workflow's own products: atomic, deterministic, with clear errors."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.core.errors import InputError
from transferz.core.logs import check_current

# Of every table of cuts, one row per cut.
CUTFLOW_COLUMNS = ["step", "cut", "description", "n_in", "n_out", "n_removed", "fraction"]


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it into place when the block succeeds.

    The temporary file has the suffixes of `path`, so that writers which look at them behave, and
    is flushed to disk before the move: after a kill or a full disk the final name either holds
    the whole product or does not exist. What killed jobs left half written is removed.

    Raises
    ------
    RuntimeError
        If this job has been started again meanwhile: a job that outlived its killed workflow must
        not put its product in the place of a later one's.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".*.partial.{glob.escape(path.name)}"):
        leftover.unlink(missing_ok=True)
    temporary = path.with_name(f".{os.getpid()}.partial.{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        check_current()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    """Return the SHA-256 sum of a file."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_text(text: str, path: str | Path) -> None:
    """Write `text` (UTF-8, newline at the end) to `path`."""
    with atomic_path(path) as temporary:
        temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


def write_csv(table: pd.DataFrame, path: str | Path, **options: object) -> None:
    """Write `table` as CSV without its index; floats keep their shortest exact form."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", **options)


def read_csv(
    path: str | Path,
    columns: Sequence[str] = (),
    *,
    what: str = "table",
    rule: str = "",
    may_be_empty: bool = False,
) -> pd.DataFrame:
    """Read a table in CSV that has rows and these columns at least.

    Parameters
    ----------
    path : path-like
    columns : sequence of str
    what, rule : str
        What it should be, and the rule that makes it, for error messages.
    may_be_empty : bool
        Whether a header will do.

    Raises
    ------
    InputError
        If the file is missing, empty, no CSV, or lacks a column.
    """
    fix = f"run the rule {rule or 'that makes it'}"
    if not Path(path).is_file():
        raise InputError("file not found", file=path, fix=fix)
    try:
        table = pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
        table = pd.DataFrame()
    missing = [name for name in columns if name not in table]
    if missing or (table.empty and not may_be_empty):
        raise InputError(
            f"not a {what}",
            file=path,
            key=", ".join(missing) or None,
            found=f"{len(table)} rows, columns {', '.join(table)}",
            expected=", ".join(columns) or None,
            fix=f"{fix} again",
        )
    return table


def write_parquet(
    table: pd.DataFrame, path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write `table` as Parquet without its index, with a checksum of each page.

    Parameters
    ----------
    table : pandas.DataFrame
    path : path-like
    metadata : dict of str, optional
        Extra key-value metadata of the file.
    """
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    if metadata:
        encoded = {key.encode(): value.encode() for key, value in metadata.items()}
        arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **encoded})
    with atomic_path(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd", write_page_checksum=True)


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table, or some of its columns.

    Raises
    ------
    InputError
        If the file is missing or damaged, or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("file not found", file=path, fix="run the rule that makes it")
    try:
        present = _checked_names(pq.read_schema(path))
        missing = [name for name in columns or () if name not in present]
        if not missing:
            return pd.read_parquet(
                path,
                columns=list(columns) if columns is not None else None,
                page_checksum_verification=True,
            )
    # Damaged metadata make pandas fail in its own ways.
    except (pa.ArrowException, OSError, TypeError, ValueError, KeyError) as error:
        raise InputError(
            "not a readable Parquet file",
            file=path,
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="delete the file and run again to re-make it",
        ) from error
    raise InputError(
        "missing column",
        file=path,
        key=", ".join(missing),
        found=", ".join(present),
        fix="re-make the file with the configuration in use",
    )


def _checked_names(schema: pa.Schema) -> list[str]:
    """Return the names of the columns; checksums do not cover them, but they stand there twice."""
    written = (schema.metadata or {}).get(b"pandas")
    if written is not None:
        try:
            columns = [
                (column["field_name"], column["name"]) for column in json.loads(written)["columns"]
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise OSError("damaged metadata") from error
        # An index without a name has a field alone.
        twice = [name for name, again in columns if again in (None, name)]
        if twice != schema.names:
            raise OSError(f"damaged metadata: columns {schema.names} are also called {columns}")
    return schema.names
