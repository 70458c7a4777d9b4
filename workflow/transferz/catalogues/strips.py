"""A query of a box on the sky as queries of strips, and their answers as one FITS table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from transferz.core.errors import InputError

BOX = re.compile(r"boxSearch\(coord, *([\d.]+), *([\d.]+),")
# Degrees that a strip reaches into the one before, so that no object on an edge is lost.
OVERLAP = 0.001
FITS_BLOCK = 2880
ROWS_AT_A_TIME = 100_000


def cut_query(sql: str, pieces: int) -> list[str]:
    """Return a query of a box as queries of strips of equal width in right ascension.

    Parameters
    ----------
    sql : str
        A query with ``boxSearch(coord, ra1, ra2, dec1, dec2)``, in degrees.
    pieces : int
        Number of strips; 1 leaves the query as it is.

    Raises
    ------
    InputError
        If the query has no such box.
    """
    if pieces == 1:
        return [sql]
    box = BOX.search(sql)
    if box is None:
        raise InputError(
            "the query cannot be cut into pieces",
            key="download.hsc_pieces",
            found=f"{pieces} and no box",
            expected="boxSearch(coord, ra1, ra2, dec1, dec2) in the query",
            fix="set it to 1",
        )
    edges = np.linspace(*map(float, box.groups()), pieces + 1)
    lower = [edges[0], *edges[1:-1] - OVERLAP]
    return [
        BOX.sub(f"boxSearch(coord, {low:.6f}, {high:.6f},", sql, count=1)
        for low, high in zip(lower, edges[1:], strict=True)
    ]


def join_strips(paths: Sequence[Path], output: Path) -> None:
    """Write the tables in HDU 1 of FITS files as one, by identifier, each object once.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Files of the same columns, `object_id` among them.
    output : pathlib.Path
        Has the headers of the first file.

    Raises
    ------
    InputError
        If the columns differ.
    """
    layouts = []
    for path in paths:
        with fits.open(path, memmap=True) as hdus:
            columns = [(column.name, column.format) for column in hdus[1].columns]
            layouts.append((hdus[1].fileinfo(), hdus[1].header["NAXIS2"], columns))
            if path == paths[0]:
                header, dtype = hdus[1].header.copy(), hdus[1].data.dtype
        if columns != layouts[0][2]:
            raise InputError(
                "the pieces of the answer have different columns",
                file=path,
                found=sorted(set(columns) ^ set(layouts[0][2])),
                expected=f"the columns of {paths[0].name}",
                fix="delete the pieces and ask again",
            )
    rows = np.empty(sum(count for _, count, _ in layouts), dtype=dtype)
    first = 0
    for path, (where, count, _) in zip(paths, layouts, strict=True):
        rows[first : first + count] = np.fromfile(path, dtype, count, offset=where["datLoc"])
        first += count
    order = np.unique(rows["object_id"], return_index=True)[1]
    header["NAXIS2"] = len(order)
    with output.open("wb") as handle, paths[0].open("rb") as start:
        handle.write(start.read(layouts[0][0]["hdrLoc"]))
        handle.write(header.tostring().encode("ascii"))
        for begin in range(0, len(order), ROWS_AT_A_TIME):
            handle.write(rows[order[begin : begin + ROWS_AT_A_TIME]].tobytes())
        handle.write(bytes(-handle.tell() % FITS_BLOCK))
