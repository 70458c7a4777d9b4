"""Matching of catalogues on the sky: which rows of two tables are the same object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky

from transferz.core.errors import InputError

ARCSEC_PER_DEGREE = 3600.0

# Separations are ranked in steps of a micro-arcsecond: what is equally near by geometry must not
# be told apart by the last bit of a sine.
RANK_STEP = 1e-6

# The search tree measures chords between unit vectors, the match great circles: search a little
# wider, then cut at the radius.
SEARCH_MARGIN = 1e-5

# Rows of the first table that are matched at a time.
STRIP_ROWS = 250_000


class Pairs(NamedTuple):
    """Rows of two tables that belong together.

    Attributes
    ----------
    left, right : numpy.ndarray of int, shape (n_pairs,)
        Row numbers.
    separation : numpy.ndarray of float, shape (n_pairs,)
        Great-circle distance in arcsec; NaN for pairs known by identifier alone.
    """

    left: np.ndarray
    right: np.ndarray
    separation: np.ndarray


def pairs_within(
    ra1: np.ndarray, dec1: np.ndarray, ra2: np.ndarray, dec2: np.ndarray, radius: float
) -> Pairs:
    """Return every pair of positions at most `radius` apart.

    Parameters
    ----------
    ra1, dec1, ra2, dec2 : array of float
        Positions in degrees; rows without a finite position are in no pair.
    radius : float
        Largest separation in arcsec, inclusive.

    Returns
    -------
    Pairs
        Sorted by left, then right row.
    """
    if not (np.isfinite(radius) and 0 < radius <= 3600):
        raise InputError(
            "match radius out of range",
            found=radius,
            expected="arcsec, more than 0 and at most 3600",
        )
    ra1, dec1, ra2, dec2 = (np.asarray(x, dtype=np.float64) for x in (ra1, dec1, ra2, dec2))
    rows1 = np.flatnonzero(np.isfinite(ra1) & np.isfinite(dec1))
    rows2 = np.flatnonzero(np.isfinite(ra2) & np.isfinite(dec2))
    if not len(rows1) or not len(rows2):
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    limit = radius * (1 + SEARCH_MARGIN) + RANK_STEP
    found = []
    for left, right in strips(dec1, rows1, dec2, rows2, limit / ARCSEC_PER_DEGREE):
        first = SkyCoord(ra1[left], dec1[left], unit="deg")
        second = SkyCoord(ra2[right], dec2[right], unit="deg")
        of_left, of_right, _, _ = search_around_sky(first, second, limit * u.arcsec)
        separation = first[of_left].separation(second[of_right]).arcsec
        found.append((left[of_left], right[of_right], separation))
    left, right, separation = map(np.concatenate, zip(*found, strict=True))
    order = np.lexsort((right, left))
    order = order[separation[order] <= radius]
    return Pairs(left[order], right[order], separation[order])


def strips(
    dec1: np.ndarray, rows1: np.ndarray, dec2: np.ndarray, rows2: np.ndarray, margin: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows of both tables by strips of declination, so that the search trees stay small.

    A strip has at most `STRIP_ROWS` rows of the first table, each row once; those of the second
    reach `margin` degrees farther. Strips without rows of the second are empty there.
    """
    rows1 = rows1[np.argsort(dec1[rows1], kind="stable")]
    rows2 = rows2[np.argsort(dec2[rows2], kind="stable")]
    for start in range(0, len(rows1), STRIP_ROWS):
        left = rows1[start : start + STRIP_ROWS]
        first = np.searchsorted(dec2[rows2], dec1[left[0]] - margin, side="left")
        last = np.searchsorted(dec2[rows2], dec1[left[-1]] + margin, side="right")
        yield np.sort(left), np.sort(rows2[first:last])


def cross_match(
    ra1: np.ndarray, dec1: np.ndarray, ra2: np.ndarray, dec2: np.ndarray, radius: float
) -> Pairs:
    """Match two catalogues one to one: pairs in which each is the other's nearest.

    Among equally near neighbours (to a micro-arcsecond) the one in the earlier row counts as the
    nearest, so the result does not depend on how the search goes about it. Exact at the poles
    and across right ascension 0.

    Parameters
    ----------
    ra1, dec1, ra2, dec2 : array of float
        Positions in degrees.
    radius : float
        Largest separation in arcsec, inclusive.

    Returns
    -------
    Pairs
        Sorted by left row; no row is in two pairs.
    """
    pairs = pairs_within(ra1, dec1, ra2, dec2, radius)
    mutual = mutually_nearest(pairs.left, pairs.right, separation_rank(pairs.separation))
    return Pairs(pairs.left[mutual], pairs.right[mutual], pairs.separation[mutual])


def separation_rank(separation: np.ndarray) -> np.ndarray:
    """Return separations (arcsec) in whole steps of `RANK_STEP`."""
    return np.rint(separation / RANK_STEP).astype(np.int64)


def mutually_nearest(left: np.ndarray, right: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return which pairs are of two rows that are each the other's nearest, by `rank`.

    Of equally near rows the earlier one counts as the nearest.

    Returns
    -------
    numpy.ndarray of int
        Numbers of pairs, ascending; no row is in two of them.
    """
    nearest_right = _first_of_each(left, np.lexsort((right, rank, left)))
    nearest_left = _first_of_each(right, np.lexsort((left, rank, right)))
    return np.intersect1d(nearest_right, nearest_left, assume_unique=True)


def _first_of_each(key: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return, for each value of `key`, the first of its positions in `order` (sorted by key)."""
    ordered = key[order]
    starts = np.ones(len(ordered), dtype=bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    return order[starts]
