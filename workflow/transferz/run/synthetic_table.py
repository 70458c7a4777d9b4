"""Stand-ins for the archives' tables: their columns and size, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from transferz.catalogues.columns import Column

FITS_CODES = {"id": "K", "float": "E", "int": "J", "flag": "L", "text": "16A"}
DOUBLE_PRECISION = ("ra", "dec", "ra_cosmos", "dec_cosmos")

# Footprint of COSMOS2020, degrees.
RA, DEC = (149.06, 151.06), (1.39, 3.07)
ROWS_AT_ONCE = 20_000


def table_format(columns: Sequence[Column], n_columns: int) -> fits.ColDefs:
    """Return the columns of a stand-in: those named, and unused ones of 8 and 4 bytes in turn.

    As in the real catalogue the columns that are read lie far apart in each row.
    """
    named = [
        fits.Column(
            column.name, "D" if column.quantity in DOUBLE_PRECISION else FITS_CODES[column.kind]
        )
        for column in columns
    ]
    n_unused = max(0, n_columns - len(named))
    unused = [fits.Column(f"UNUSED_{i}", "DE"[i % 2]) for i in range(n_unused)]
    step = len(unused) // max(1, len(named)) + 1
    mixed: list[fits.Column] = []
    for number, column in enumerate(named):
        mixed += [column, *unused[number * (step - 1) : (number + 1) * (step - 1)]]
    return fits.ColDefs(mixed + unused[len(named) * (step - 1) :])


def write_standin(
    path: str | Path,
    columns: Sequence[Column],
    *,
    rows: int,
    n_columns: int,
    sky: np.ndarray | None = None,
) -> None:
    """Write a FITS table of any size with little memory.

    Parameters
    ----------
    path : path-like
    columns : sequence of Column
        Columns that will be read.
    rows, n_columns : int
    sky : numpy.ndarray, shape (rows, 2), optional
        Right ascension and declination in degrees. Without them the table is a hole in the file:
        zeros that take no space on the disk.
    """
    definitions = table_format(columns, n_columns)
    hdu = fits.BinTableHDU.from_columns(definitions, nrows=0)
    hdu.header["NAXIS2"] = rows
    row_type = definitions.dtype.newbyteorder(">")
    with Path(path).open("wb") as handle:
        for part in (fits.PrimaryHDU(), hdu):
            handle.write(part.header.tostring().encode("ascii"))
        start = handle.tell()
        if sky is not None:
            for block in _blocks(columns, row_type, sky):
                handle.write(block.tobytes())
        size = rows * row_type.itemsize
        handle.truncate(start + size + -size % 2880)


def _blocks(columns: Sequence[Column], row_type: np.dtype, sky: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(sky), ROWS_AT_ONCE):
        part = sky[first : first + ROWS_AT_ONCE]
        block = np.zeros(len(part), row_type)
        for column in columns:
            if column.quantity in ("ra", "ra_cosmos"):
                block[column.name] = part[:, 0]
            elif column.quantity in ("dec", "dec_cosmos"):
                block[column.name] = part[:, 1]
            elif column.kind == "id":
                block[column.name] = first + np.arange(len(part)) + 1
            elif column.kind == "flag":
                block[column.name] = ord("T") if column.quantity == "isprimary" else ord("F")
            elif column.kind != "text":
                block[column.name] = 1
        yield block


def random_sky(rows: int, seed: int) -> np.ndarray:
    """Return positions spread evenly over the footprint of COSMOS2020, shape (rows, 2), degrees."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(*RA, rows), rng.uniform(*DEC, rows)])


def perturbed(sky: np.ndarray, rows: int, seed: int, arcsec: float = 0.15) -> np.ndarray:
    """Return `rows` positions: those of `sky` with errors, as far as they go, then random ones."""
    rng = np.random.default_rng(seed)
    kept = sky[rng.permutation(len(sky))[: int(0.8 * min(rows, len(sky)))]]
    kept = kept + rng.normal(0, arcsec / 3600, kept.shape)
    return np.concatenate([kept, random_sky(rows - len(kept), seed + 1)])
