"""Training, validation and test sets that share no object, within and across data sets."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from transferz.catalogues.identity import SharedObjects
from transferz.core.errors import InputError

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")

# Open range of AB magnitudes: GalaxiesML's published cut. Sentinels (99, -99) lie outside;
# the flux of a galaxy that happens to be about zero, a few magnitudes below any limit, does not.
PLAUSIBLE_MAGNITUDES = (0.0, 50.0)
# Range of the median of a catalogue's galaxies: outside of it the numbers are fluxes.
PLAUSIBLE_MEDIANS = (10.0, 32.0)


# What enters the hash besides seed and key, of each use: two uses draw independently, also with
# the same seed. The split of objects has nothing, so that published splits stay as they are.
HASH_USES = {"split": b"", "sky blocks": b"sky blocks", "calibration": b"calibration"}


def hash_uniform(keys: Iterable[object], seed: int, use: str) -> np.ndarray:
    """Return a number in [0, 1) for each key, the same wherever and with whatever it occurs.

    A hash rather than a random permutation: an object keeps its split when cuts, order or
    company change, so that results of two selections can be compared. `use` is a key of
    `HASH_USES`.
    """
    salt = HASH_USES[use]
    digests = [
        hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=8, person=salt).digest()
        for key in keys
    ]
    integers = np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)
    return (integers >> np.uint64(11)).astype(np.float64) * 2.0**-53


def check_fractions(fractions: Mapping[str, float]) -> None:
    """Raise an `InputError` unless `fractions` are positive and sum to one."""
    values = fractions.values()
    if set(fractions) != set(SPLITS) or min(values) <= 0 or abs(sum(values) - 1) > 1e-6:
        raise InputError(
            "fractions of the splits",
            key="splits.fractions",
            found=dict(fractions),
            expected=f"a positive number for each of {', '.join(SPLITS)}, together 1",
        )


def split_by_object(
    object_ids: Sequence[object], fractions: Mapping[str, float], seed: int
) -> np.ndarray:
    """Return a split for each object, drawn from its identifier and `seed`.

    Parameters
    ----------
    object_ids : sequence, shape (n,)
    fractions : mapping
        Expected share of each of `SPLITS`; the counts scatter about it as random draws do.
    seed : int

    Returns
    -------
    numpy.ndarray of str, shape (n,)
    """
    check_fractions(fractions)
    edges = np.cumsum([fractions["train"], fractions["validation"]])
    chosen = np.searchsorted(edges, hash_uniform(object_ids, seed, "split"), side="right")
    return np.array(SPLITS, dtype=object)[chosen]


def sky_blocks(ra: np.ndarray, dec: np.ndarray, block: float) -> np.ndarray:
    """Return the number of the sky block of each position.

    Blocks are bands of declination `block` degrees high, each cut into equal steps of right
    ascension about `block` degrees wide on the sky.

    Parameters
    ----------
    ra, dec : array of float, shape (n,)
        Degrees.
    block : float
        Side in degrees.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
    """
    ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    band = np.minimum(np.floor((dec + 90.0) / block), np.ceil(180.0 / block) - 1).astype(np.int64)
    middle = np.radians((band + 0.5) * block - 90.0)
    # Beyond the pole, where the cosine is negative, the band is one block.
    steps = np.maximum(1, np.floor(360.0 * np.cos(middle) / block)).astype(np.int64)
    step = np.minimum(np.floor((ra % 360.0) / 360.0 * steps).astype(np.int64), steps - 1)
    return band * 1_000_000 + step


def split_by_sky(
    ra: np.ndarray, dec: np.ndarray, fractions: Mapping[str, float], seed: int, block: float
) -> np.ndarray:
    """Return a split for each position so that each block of sky is in one split.

    Neighbours, and with them the large-scale structure and the observing conditions that they
    share, stay together. Blocks are taken in an order drawn from `seed`; each goes to the split
    that lacks most objects.

    Parameters
    ----------
    ra, dec : array of float, shape (n,)
        Degrees.
    fractions : mapping
        Share of the objects of each of `SPLITS`, met as closely as whole blocks allow.
    seed : int
    block : float
        Side of a block in degrees.

    Returns
    -------
    numpy.ndarray of str, shape (n,)
    """
    check_fractions(fractions)
    if not (np.isfinite(ra).all() and np.isfinite(dec).all()):
        raise InputError(
            "splits by sky area need positions",
            key="splits.method",
            found=f"{int((~(np.isfinite(ra) & np.isfinite(dec))).sum())} rows without",
            expected="ra and dec in every row",
            fix="choose the method 'object'",
        )
    blocks, member, counts = np.unique(
        sky_blocks(ra, dec, block), return_inverse=True, return_counts=True
    )
    if len(blocks) < len(SPLITS):
        raise InputError(
            "too few blocks of sky to split",
            key="splits.block",
            found=f"{len(blocks)} blocks of {block:g} deg",
            expected=f"at least {len(SPLITS)}",
            fix="choose smaller blocks, or the method 'object'",
        )
    lacking = np.array([fractions[name] for name in SPLITS]) * counts.sum()
    chosen = np.empty(len(blocks), dtype=np.int64)
    order = np.lexsort((blocks, hash_uniform(blocks, seed, "sky blocks")))
    for index in order:
        chosen[index] = int(np.argmax(lacking))
        lacking[chosen[index]] -= counts[index]
    return np.array(SPLITS, dtype=object)[chosen[member]]


def split_catalogue(
    table: pd.DataFrame,
    dataset: str,
    *,
    method: str,
    fractions: Mapping[str, float],
    seed: int,
    block: float,
) -> pd.DataFrame:
    """Return `table` with a column ``split``, made by `method`: published, object or sky."""
    if method == "published":
        if "split" not in table:
            raise InputError(
                "the catalogue has no published split",
                file=dataset,
                key="split",
                found=", ".join(table),
                fix=f"set splits.method.{dataset} to object or sky",
            )
        return table
    if method == "object":
        return table.assign(split=split_by_object(table["object_id"], fractions, seed))
    if method == "sky":
        ra, dec = (table[name].to_numpy(dtype=np.float64) for name in ("ra", "dec"))
        return table.assign(split=split_by_sky(ra, dec, fractions, seed, block))
    raise InputError(
        "unknown way to split",
        key=f"splits.method.{dataset}",
        found=method,
        expected="published, object or sky",
    )


def make_consistent(
    source: pd.DataFrame, target: pd.DataFrame, pairs: SharedObjects
) -> tuple[pd.DataFrame, np.ndarray, int]:
    """Give objects that are in both data sets the same split in both.

    The target keeps its split, so the copy in the source takes it over, and so does what cannot be
    told apart from it. An object of the source that cannot be told apart from objects of the target
    in both the test set and another one (a blend) fits nowhere and is left out.

    Parameters
    ----------
    source, target : pandas.DataFrame
        With a column ``split``.
    pairs : SharedObjects
        Left in `source`, right in `target`.

    Returns
    -------
    source : pandas.DataFrame
        With the splits of paired objects changed, misfits left out, index reset.
    shared : numpy.ndarray of bool
        Which of these rows are an object of the target, one to one.
    n_dropped : int
        How many were left out.
    """
    # Plain object arrays: comparisons below must not depend on the string type.
    other = target["split"].to_numpy(dtype=object)[pairs.right]
    members = {
        name: np.bincount(pairs.left[other == name], minlength=len(source)) > 0 for name in SPLITS
    }
    split = source["split"].to_numpy(dtype=object, copy=True)
    for name in ("test", "validation", "train"):
        split[members[name]] = name
    misfit = members["test"] & (members["train"] | members["validation"])
    shared = np.bincount(pairs.left[pairs.same], minlength=len(source)) > 0
    consistent = source.assign(split=split)[~misfit].reset_index(drop=True)
    if misfit.any():
        logger.warning("%d objects of the source fit no split and are left out", misfit.sum())
    return consistent, shared[~misfit], int(misfit.sum())


def combine(source: pd.DataFrame, target: pd.DataFrame, shared: np.ndarray) -> pd.DataFrame:
    """Return both data sets as one, with a column ``dataset``; shared objects once.

    Parameters
    ----------
    source, target : pandas.DataFrame
    shared : numpy.ndarray of bool, shape (len(source),)
        Rows of the source whose object is in the target: the copy of the target is kept.
    """
    first = source[~shared].assign(dataset="source")
    second = target.assign(dataset="target")
    if first["object_id"].dtype != second["object_id"].dtype:
        first = first.assign(object_id=first["object_id"].astype(str))
        second = second.assign(object_id=second["object_id"].astype(str))
    columns = [name for name in first if name in set(second)]
    columns += [name for name in [*first, *second] if name not in columns]
    return pd.concat([first, second], ignore_index=True)[columns]


def check_complete(
    table: pd.DataFrame, bands: Sequence[str], dataset: str, magnitude: str = "mag"
) -> None:
    """Raise an `InputError` if a network could not be trained on `table`.

    Every split must have objects, no object may be there twice; magnitudes and redshifts must have
    values, magnitudes plausible ones.
    """
    for name in [*(f"{magnitude}_{band}" for band in bands), "redshift"]:
        bad = ~np.isfinite(table[name].to_numpy(dtype=np.float64))
        if bad.any():
            raise InputError(
                "values missing after the cuts",
                file=dataset,
                key=name,
                found=f"{int(bad.sum())} of {len(bad)} rows",
                expected="a finite value in every row",
                fix=f"add a cut on {name}",
            )
    _check_magnitudes(table, [f"{magnitude}_{band}" for band in bands], dataset)
    # Numbers of two catalogues may coincide where they are not of one survey.
    repeated = table.duplicated([name for name in ("dataset", "object_id") if name in table])
    if repeated.any():
        raise InputError(
            "an object is there twice",
            file=dataset,
            key="object_id",
            found=f"{table.loc[repeated, 'object_id'].iloc[0]}; {int(repeated.sum())} such rows",
            expected="each object once, in one split",
            fix="remove the copies from the catalogue, or cut on its flag for primary detections",
        )
    counts = table["split"].value_counts()
    empty = [name for name in SPLITS if not counts.get(name)]
    unknown = sorted(set(table["split"].unique()) - set(SPLITS))
    if empty or unknown:
        raise InputError(
            "splits without an object" if empty else "unknown splits",
            file=dataset,
            key=", ".join(empty or unknown),
            found=", ".join(f"{name}: {counts.get(name, 0)}" for name in SPLITS),
            expected="objects in each of " + ", ".join(SPLITS),
            fix="give more objects, or change splits.fractions, splits.block or splits.seed",
        )


def _check_magnitudes(table: pd.DataFrame, names: Sequence[str], dataset: str) -> None:
    """Raise an `InputError` for what is no AB magnitude of a galaxy."""
    low, high = PLAUSIBLE_MAGNITUDES
    for name in names:
        values = table[name].to_numpy(dtype=np.float64)
        bad = (values <= low) | (values >= high)
        median = float(np.median(values)) if len(values) else PLAUSIBLE_MEDIANS[0]
        if bad.any():
            found = f"{values[bad][0]:g} and {int(bad.sum()) - 1} more of {len(bad)} rows"
            expected = f"AB magnitudes between {low:g} and {high:g}"
        elif not PLAUSIBLE_MEDIANS[0] <= median <= PLAUSIBLE_MEDIANS[1]:
            found = f"a median of {median:g}"
            expected = "AB magnitudes with a median from {:g} to {:g}".format(*PLAUSIBLE_MEDIANS)
        else:
            continue
        raise InputError(
            "implausible magnitudes",
            file=dataset,
            key=name,
            found=found,
            expected=expected,
            fix=f"correct the unit, name the value as a null value, or add a cut on {name}",
        )


def leaks(source: pd.DataFrame, target: pd.DataFrame, pairs: SharedObjects) -> int:
    """Return how many pairs are trained on in one data set and tested on in the other."""
    left = source["split"].to_numpy(dtype=object)[pairs.left] == "test"
    right = target["split"].to_numpy(dtype=object)[pairs.right] == "test"
    return int((left != right).sum())
