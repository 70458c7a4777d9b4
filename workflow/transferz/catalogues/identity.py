"""Which rows of two catalogues are the same object, and how sure that is.

An object is known by its position. An identifier is a name within one release only: HSC numbers the
objects of a patch anew in every rerun, so that equal numbers of two releases are chance.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from astropy.coordinates import SkyCoord

from transferz.catalogues.match_quality import separations
from transferz.catalogues.matching import (
    Pairs,
    mutually_nearest,
    pairs_within,
    separation_rank,
)

logger = logging.getLogger(__name__)

POSITION = ["ra", "dec"]

# Magnitudes of one object may differ by so many standard deviations, and by this much more, because
# two layers are deblended differently. Our choice.
SIGMAS, LEEWAY = 5.0, 0.2


class SharedObjects(NamedTuple):
    """Pairs of rows of two catalogues that are the same object or cannot be told apart.

    Attributes
    ----------
    left, right : numpy.ndarray of int, shape (n_pairs,)
        Row numbers; sorted by left, then right row.
    separation : numpy.ndarray of float, shape (n_pairs,)
        Great-circle distance in arcsec; NaN for pairs known by identifier alone.
    same : numpy.ndarray of bool, shape (n_pairs,)
        Whether each is the other's nearest: the same object, one to one. The others are ambiguous:
        neighbours, or parts of a blend.
    """

    left: np.ndarray
    right: np.ndarray
    separation: np.ndarray
    same: np.ndarray


def same_objects(
    left: pd.DataFrame, right: pd.DataFrame, *, one_release: bool, radius: float
) -> SharedObjects:
    """Return the pairs of rows of two catalogues that are the same object, and ambiguous ones.

    Positions decide wherever both rows have one. Identifiers count only if both catalogues come
    from one release: an equal one is then preferred to a nearer neighbour within the radius, and is
    enough where a position is missing.

    Parameters
    ----------
    left, right : pandas.DataFrame
        With ``object_id`` (needed only with `one_release`) and, where positions are known, ``ra``
        and ``dec`` in degrees.
    one_release : bool
        Whether the identifiers of both were given by one release.
    radius : float
        Largest separation of the same object, arcsec.
    """
    pairs = pairs_within(*_positions(left), *_positions(right), radius)
    rank = 1 + separation_rank(pairs.separation)
    if one_release:
        rank[_texts(left)[pairs.left] == _texts(right)[pairs.right]] = 0
        named = equal_identifiers(left, right)
        unplaced = np.isnan(named.separation)
        pairs = Pairs(*(np.append(x, y[unplaced]) for x, y in zip(pairs, named, strict=True)))
        rank = np.append(rank, np.zeros(unplaced.sum(), dtype=np.int64))
    order = np.lexsort((pairs.right, pairs.left))
    pairs, rank = Pairs(*(values[order] for values in pairs)), rank[order]
    same = np.zeros(len(rank), dtype=bool)
    same[mutually_nearest(pairs.left, pairs.right, rank)] = True
    return SharedObjects(*pairs, same)


def equal_identifiers(left: pd.DataFrame, right: pd.DataFrame) -> Pairs:
    """Return the pairs of rows with equal identifiers, whatever they are worth.

    Identifiers are compared as text. The separation is NaN where a position is missing.
    """
    ids = pd.DataFrame({"id": _texts(left), "left": np.arange(len(left))})
    others = pd.DataFrame({"id": _texts(right), "right": np.arange(len(right))})
    found = ids.merge(others, on="id")
    rows = found["left"].to_numpy(np.int64), found["right"].to_numpy(np.int64)
    separation = np.full(len(found), np.nan)
    ra1, dec1, ra2, dec2 = (
        values[row]
        for table, row in zip((left, right), rows, strict=True)
        for values in _positions(table)
    )
    known = np.isfinite(ra1) & np.isfinite(dec1) & np.isfinite(ra2) & np.isfinite(dec2)
    first = SkyCoord(ra1[known], dec1[known], unit="deg")
    separation[known] = first.separation(SkyCoord(ra2[known], dec2[known], unit="deg")).arcsec
    return Pairs(*rows, separation)


def overlap(
    left: pd.DataFrame,
    right: pd.DataFrame,
    shared: SharedObjects,
    *,
    one_release: bool,
    radius: float,
    bands: Sequence[str],
) -> pd.DataFrame:
    """Return what the two catalogues have in common as a table, and log what is doubtful.

    Parameters
    ----------
    left, right : pandas.DataFrame
        Catalogue tables.
    shared : SharedObjects
        What `same_objects` says of them.
    one_release, radius
        See `same_objects`.
    bands : sequence of str
        Bands whose magnitudes equal identifiers are held against.

    Returns
    -------
    pandas.DataFrame
        ``quantity``, ``value``, ``unit``; a value is NaN where there is nothing to measure.
    """
    placed = [table[np.isfinite(np.sum(_positions(table), axis=0))] for table in (left, right)]
    chance = _expected_by_chance(placed[0], placed[1], one_release, radius)
    n_equal, n_apart, n_unlike = _doubts(left, right, one_release, radius, bands)
    n_same, n_ambiguous = int(shared.same.sum()), int((~shared.same).sum())
    distances = shared.separation[shared.same & np.isfinite(shared.separation)]
    median, largest = (np.median(distances), distances.max()) if len(distances) else (np.nan,) * 2
    logger.info(
        "%d objects are in both data sets (%g by chance); %d ambiguous pairs",
        n_same, chance, n_ambiguous,
    )  # fmt: skip
    rows = [
        ("radius", radius, "arcsec"),
        ("rows of the source with a position", len(placed[0]), ""),
        ("rows of the target with a position", len(placed[1]), ""),
        ("objects in both, one to one", n_same, ""),
        ("of these by identifier alone", n_same - len(distances), ""),
        ("expected by chance within the radius", chance, ""),
        ("median separation", median, "arcsec"),
        ("largest separation", largest, "arcsec"),
        ("ambiguous pairs", n_ambiguous, ""),
        ("equal identifiers", n_equal, ""),
        ("equal identifiers farther apart than the radius", n_apart, ""),
        ("equal identifiers without positions and with unlike magnitudes", n_unlike, ""),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value", "unit"]).astype({"value": float})


def _expected_by_chance(
    left: pd.DataFrame, right: pd.DataFrame, one_release: bool, radius: float
) -> float:
    """Return how many pairs chance gives within the radius; NaN, and a word, without positions."""
    if not left.empty and not right.empty:
        counts = separations(left, right, radius)
        return float(counts.loc[counts["high"] <= radius * (1 + 1e-9), "n_chance"].sum())
    if not one_release:
        names = zip(("source", "target"), (left, right), strict=True)
        logger.warning(
            "no object can be shared: no positions in %s, and identifiers do not count "
            "(splits.identity.one_release is false)",
            " and ".join(name for name, table in names if table.empty),
        )
    return np.nan


def _doubts(
    left: pd.DataFrame,
    right: pd.DataFrame,
    one_release: bool,
    radius: float,
    bands: Sequence[str],
) -> tuple[int, int, int]:
    """Count equal identifiers, those that lie apart, and those whose magnitudes are unlike.

    Warn of the last two where identifiers are said to be of one release.
    """
    named = equal_identifiers(left, right)
    unplaced = np.isnan(named.separation)
    n_apart = int((named.separation > radius).sum())
    n_unlike = int((unplaced & unlike_magnitudes(left, right, named, bands)).sum())
    question = "do both catalogues come from one release (splits.identity.one_release)?"
    if one_release and n_apart:
        logger.warning(
            "%d of %d equal identifiers lie more than %g arcsec apart and are not taken for the "
            "same objects: %s", n_apart, len(unplaced), radius, question,
        )  # fmt: skip
    if one_release and n_unlike:
        logger.warning(
            "%d of %d equal identifiers without positions have magnitudes that differ by more than "
            "their errors allow: %s", n_unlike, unplaced.sum(), question,
        )  # fmt: skip
    return len(unplaced), n_apart, n_unlike


def unlike_magnitudes(
    left: pd.DataFrame, right: pd.DataFrame, pairs: Pairs, bands: Sequence[str]
) -> np.ndarray:
    """Return which pairs differ in more than half of the bands by more than their errors allow.

    Allowed are `SIGMAS` times both errors added in quadrature, and `LEEWAY` magnitudes; an unknown
    error is none.
    """
    first, second = left.iloc[pairs.left], right.iloc[pairs.right]
    unlike = []
    for band in bands:
        name, error = f"mag_{band}", f"mag_err_{band}"
        sigma = [
            np.nan_to_num(table[error].to_numpy(np.float64)) if error in table else 0.0
            for table in (first, second)
        ]
        difference = first[name].to_numpy(np.float64) - second[name].to_numpy(np.float64)
        unlike.append(np.abs(difference) > SIGMAS * np.hypot(*sigma) + LEEWAY)
    return np.mean(unlike, axis=0) > 0.5


def _positions(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascensions and declinations, NaN where there are none."""
    values = table.reindex(columns=POSITION).to_numpy(np.float64)
    return values[:, 0], values[:, 1]


def _texts(table: pd.DataFrame) -> np.ndarray:
    return table["object_id"].astype(str).to_numpy(dtype=object)
