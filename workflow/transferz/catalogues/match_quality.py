"""Quality of a match and of labels: what the figures of a catalogue show, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from transferz.catalogues.matching import ARCSEC_PER_DEGREE, cross_match

# Separations are counted up to this many match radii, in bins of this share of the radius.
REACH, BIN = 3.0, 0.05

# The shifted catalogue is this many times the reach away: far from its true counterparts, near
# enough to lie in the same depth and masks.
SHIFT = 5.0

QUANTILES = (0.16, 0.5, 0.84)


def separations(first: pd.DataFrame, second: pd.DataFrame, radius: float) -> pd.DataFrame:
    """Return matches by separation beside what chance alone would give.

    Chance is measured: the second catalogue is shifted in four directions and matched again, one
    to one as before. What has a true counterpart is not free for a chance match, so that with n1
    and n2 objects, M(r) matches and C(r) chance matches closer than r, the T true ones among them
    satisfy M = T + C (1 - T / n1) (1 - T / n2). Purity is T / M; completeness is T(r) over its
    largest value within reach.

    Parameters
    ----------
    first, second : pandas.DataFrame
        With ``ra`` and ``dec`` in degrees.
    radius : float
        The match radius in use, arcsec.

    Returns
    -------
    pandas.DataFrame
        ``low``, ``high`` (arcsec), ``n_matched``, ``n_chance`` in the bin; ``purity`` and
        ``completeness`` of all matches closer than ``high``.
    """
    reach = REACH * radius
    edges = np.linspace(0, reach, round(REACH / BIN) + 1)
    first, second = first[_in_box(first, second)], second[_in_box(second, first)]
    step = SHIFT * reach / ARCSEC_PER_DEGREE

    def counts(east: float, north: float) -> np.ndarray:
        dec = (second["dec"] + north).clip(-90, 90)
        ra = second["ra"] + east / np.cos(np.radians(second["dec"]))
        matched = cross_match(first["ra"], first["dec"], ra % 360, dec, reach)
        return np.histogram(matched.separation, edges)[0]

    matched = counts(0, 0)
    shifts = [(step, 0), (-step, 0), (0, step), (0, -step)]
    chance = np.mean([counts(east, north) for east, north in shifts], axis=0)
    within, by_chance = matched.cumsum(), chance.cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        a = by_chance / (len(first) * len(second))
        b = 1 - by_chance / len(first) - by_chance / len(second)
        c = by_chance - within
        # The root of the quadratic that is M where there is no chance; stable for small C.
        true = -2 * c / (b + np.sqrt(np.maximum(b**2 - 4 * a * c, 0)))
        purity, completeness = true / within, true / true.max()
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "n_matched": matched,
            "n_chance": chance,
            "purity": purity,
            "completeness": completeness,
        }
    )


def _in_box(table: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    inside = table["ra"].between(other["ra"].min(), other["ra"].max())
    return (inside & table["dec"].between(other["dec"].min(), other["dec"].max())).to_numpy()


def _edges(values: np.ndarray, step: float) -> np.ndarray:
    number = max(1, int(np.ceil(np.ptp(values) / step)))
    return values.min() + step * np.arange(number + 1)


def quantiles_in_bins(x: pd.Series, y: pd.Series, *, step: float, least: int = 20) -> pd.DataFrame:
    """Return the 16%, 50% and 84% quantiles of y in bins of x.

    Returns
    -------
    pandas.DataFrame
        ``low``, ``high``, ``n``, ``p16``, ``p50``, ``p84`` of bins with at least `least` values.
    """
    known = np.isfinite(x.to_numpy(float)) & np.isfinite(y.to_numpy(float))
    low = np.floor(x[known] / step) * step
    groups = y[known].astype(float).groupby(low.to_numpy())
    table = pd.DataFrame({f"p{100 * q:.0f}": groups.quantile(q) for q in QUANTILES})
    table.insert(0, "n", groups.size())
    table.insert(0, "high", table.index + step)
    table = table.rename_axis("low").reset_index()
    return table[table["n"] >= least].reset_index(drop=True)


def stack(tables: dict[str, pd.DataFrame], key: str) -> pd.DataFrame:
    """Return tables below one another, told apart by a first column `key`."""
    parts = [table.assign(**{key: name}) for name, table in tables.items()]
    columns: Sequence[str] = [key, *(name for name in parts[0] if name != key)]
    return pd.concat(parts, ignore_index=True)[list(columns)]
