"""Matching of catalogues on the sky: which rows of two tables are the same object."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
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
    first = SkyCoord(ra1[rows1], dec1[rows1], unit="deg")
    second = SkyCoord(ra2[rows2], dec2[rows2], unit="deg")
    limit = radius * (1 + SEARCH_MARGIN) + RANK_STEP
    left, right, _, _ = search_around_sky(first, second, limit * u.arcsec)
    separation = first[left].separation(second[right]).arcsec
    order = np.lexsort((right, left))
    order = order[separation[order] <= radius]
    return Pairs(rows1[left[order]], rows2[right[order]], separation[order])


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
    rank = np.rint(pairs.separation / RANK_STEP).astype(np.int64)
    nearest_right = _first_of_each(pairs.left, np.lexsort((pairs.right, rank, pairs.left)))
    nearest_left = _first_of_each(pairs.right, np.lexsort((pairs.left, rank, pairs.right)))
    mutual = np.intersect1d(nearest_right, nearest_left, assume_unique=True)
    return Pairs(pairs.left[mutual], pairs.right[mutual], pairs.separation[mutual])


def _first_of_each(key: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return, for each value of `key`, the first of its positions in `order` (sorted by key)."""
    ordered = key[order]
    starts = np.ones(len(ordered), dtype=bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    return order[starts]


def same_objects(
    left: pd.DataFrame, right: pd.DataFrame, *, common_ids: bool, radius: float | None
) -> Pairs:
    """Return all pairs of rows of two catalogues that are the same object.

    Unlike a cross-match this is not one to one: whatever lies within the radius counts, so that
    no copy of an object, and no part of a blend, is overlooked.

    Parameters
    ----------
    left, right : pandas.DataFrame
        With ``object_id`` and, where positions are known, ``ra`` and ``dec`` in degrees.
    common_ids : bool
        Whether equal identifiers mean equal objects (both from the same survey).
    radius : float or None
        Separation in arcsec below which two positions are the same object; None: positions are
        not compared.

    Returns
    -------
    Pairs
        Sorted by left, then right row.
    """
    parts = []
    if common_ids:
        ids = pd.DataFrame({"id": left["object_id"].astype(str), "left": np.arange(len(left))})
        others = pd.DataFrame(
            {"id": right["object_id"].astype(str), "right": np.arange(len(right))}
        )
        found = ids.merge(others, on="id")
        parts.append(
            (found["left"].to_numpy(), found["right"].to_numpy(), np.full(len(found), np.nan))
        )
    positions = all({"ra", "dec"} <= set(table) for table in (left, right))
    if radius is not None and positions:
        near = pairs_within(left["ra"], left["dec"], right["ra"], right["dec"], radius)
        parts.append(near)
    if not parts:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    rows = pd.DataFrame(
        {
            "left": np.concatenate([part[0] for part in parts]),
            "right": np.concatenate([part[1] for part in parts]),
            "separation": np.concatenate([part[2] for part in parts]),
        }
    )
    # A pair found both ways keeps its separation: NaN sorts last.
    rows = rows.sort_values(["left", "right", "separation"], kind="stable")
    rows = rows.drop_duplicates(["left", "right"])
    return Pairs(
        rows["left"].to_numpy(np.int64),
        rows["right"].to_numpy(np.int64),
        rows["separation"].to_numpy(),
    )
