"""Tables of photometric redshifts: other formats than Parquet, progress, truths beside them."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from astropy.table import Table
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from transferz.api import REDSHIFTS
from transferz.catalogues.columns import Column
from transferz.catalogues.reading import read_catalogue
from transferz.core.errors import InputError
from transferz.core.products import atomic_path, write_csv, write_text

SUFFIXES = (".parquet", ".fits", ".csv")
# Keywords of a FITS header have at most eight letters.
KEYWORDS = {"calibrated_on": "CALIB_ON", "trained_on": "TRAIN_ON", "transferz": "TRZ_VERS"}


@contextlib.contextmanager
def counter(show: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function that adds galaxies to a line on the terminal, if there is one."""
    columns = (
        *(SpinnerColumn(), TextColumn("{task.completed:,.0f} galaxies")),
        *(TextColumn("{task.speed:,.0f} per second"), TimeElapsedColumn()),
    )
    console = Console(file=sys.stderr)
    with Bar(*columns, console=console, disable=not (show and console.is_terminal)) as bar:
        task = bar.add_task("predict", total=None)
        yield lambda number: bar.advance(task, number)


@contextlib.contextmanager
def written_as(path: Path) -> Iterator[Path]:
    """Yield where to write Parquet; then make of it the format that the name of `path` says.

    Metadata stay: in the schema of Parquet, in the header of FITS, beside a CSV in ``{path}.json``.
    FITS and CSV are made in memory.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(
            "no format to write", file=path, found=path.suffix, expected=", ".join(SUFFIXES)
        )
    if path.suffix == ".parquet":
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / "photo_z.parquet"
        yield whole
        table, metadata = pd.read_parquet(whole), metadata_of(whole)
    if path.suffix == ".csv":
        write_csv(table, path)
        write_text(json.dumps(metadata, indent=1), f"{path}.json")
        return
    header = {KEYWORDS.get(name, name.upper()[:8]): text for name, text in metadata.items()}
    with atomic_path(path) as temporary:
        fits = Table({name: table[name].to_numpy() for name in table}, meta=header)
        for name in fits.colnames:
            if fits[name].dtype.kind == "O":
                fits[name] = fits[name].astype(str)
        fits.write(temporary, format="fits")


def metadata_of(path: Path) -> dict[str, str]:
    """Return what a Parquet file of photo-z's says of the networks behind it."""
    stored = pq.read_schema(path).metadata or {}
    return {name.decode(): text.decode() for name, text in stored.items() if name != b"pandas"}


def read_with_truth(
    photo_z: Path, truth: Path, redshift: str, identifier: str | None
) -> tuple[np.ndarray, pd.DataFrame]:
    """Read true redshifts for a table of photo-z's, NaN where there is none.

    Parameters
    ----------
    photo_z : path
        Written by `transferz predict`.
    truth : path
        Catalogue with the truths; may be the same file.
    redshift : str
        Column of the truths.
    identifier : str or None
        Column of `truth` that the ``object_id`` of `photo_z` stands in; None: row by row.

    Returns
    -------
    numpy.ndarray, shape (n,)
    pandas.DataFrame, n rows
        Columns `api.REDSHIFTS`.
    """
    ids = [] if identifier is None else [Column("object_id", "object_id", "id")]
    table = read_catalogue(photo_z, [*ids, *(Column(name, name) for name in REDSHIFTS)])
    ids = [Column("object_id", identifier, "id") for _ in ids]
    unique = "object_id" if ids else None
    known = read_catalogue(truth, [*ids, Column("redshift", redshift)], unique=unique)
    if not ids:
        return known["redshift"].to_numpy(), table
    by_id = known.set_index(known["object_id"].astype(str))["redshift"]
    return table["object_id"].astype(str).map(by_id).to_numpy(), table
