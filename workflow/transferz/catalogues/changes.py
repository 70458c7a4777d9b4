"""Spectroscopic rows changed before training: made like another population, or spoilt.

Rows are those of training and validation together, as an observer has them; test rows stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from transferz.catalogues.reweighting import colour_magnitude, neighbour_weights
from transferz.core.errors import InputError

# A magnitude error of dm is one of dm / PER_FLUX of the flux.
PER_FLUX = 2.5 / np.log(10.0)
# Galaxies nearest in colour of which one is dimmed.
NEAREST = 20
# Bins of redshift in which galaxies are sorted by colour.
COLOUR_BINS = 20
# Rest wavelengths in Angstrom (vacuum): [OII] and H alpha, lines that often stand alone.
OII, H_ALPHA = 3728.5, 6564.6


def magnitudes(table: pd.DataFrame, bands: Sequence[str], kind: str = "mag") -> np.ndarray:
    """Return magnitudes, or with ``mag_err`` their errors, shape (n, n_bands)."""
    return table[[f"{kind}_{band}" for band in bands]].to_numpy(np.float64)


def reweighted(
    rows: pd.DataFrame, population: pd.DataFrame, bands: Sequence[str], draw: np.random.Generator
) -> pd.DataFrame:
    """Return as many rows of each split, drawn with replacement by `neighbour_weights`.

    The mean loss of such rows is the weighted loss of the rows given.
    """
    places = [
        colour_magnitude(magnitudes(table, bands), [f"mag_{band}" for band in bands])
        for table in (rows, population)
    ]
    weights = pd.Series(neighbour_weights(*places), index=rows.index)
    return pd.concat(
        part.sample(len(part), replace=True, weights=weights[part.index], random_state=draw)
        for _, part in rows.groupby("split", sort=False)
    )


def augmented(
    rows: pd.DataFrame, population: pd.DataFrame, bands: Sequence[str], draw: np.random.Generator
) -> pd.DataFrame:
    """Return the rows and copies of them, dimmed to the magnitudes of a population.

    For as many galaxies of the population as there are rows: of the `NEAREST` rows in colour, a
    brighter one is drawn, dimmed in all bands alike to the mean magnitude of the galaxy, and given
    the galaxy's error of the flux in each band. It keeps its redshift and split: a galaxy of this
    colour and redshift, but less luminous. Where no row is brighter, or noise leaves no flux in a
    band, there is no copy.
    """
    chosen = population.sample(min(len(rows), len(population)), random_state=draw)
    ours, theirs = magnitudes(rows, bands), magnitudes(chosen, bands)
    tree = cKDTree(np.diff(ours))
    near = tree.query(np.diff(theirs), k=min(NEAREST, len(rows)))[1]
    dimming = theirs.mean(axis=1)[:, None] - ours.mean(axis=1)[near]
    order = np.where(dimming > 0, draw.random(near.shape), 2.0)
    pick = order.argmin(axis=1)
    found = np.flatnonzero(order.min(axis=1) < 1)
    source, dimmed = near[found, pick[found]], dimming[found, pick[found]][:, None]
    flux = 10 ** (-0.4 * (ours[source] + dimmed))
    own = flux * magnitudes(rows, bands, "mag_err")[source] / PER_FLUX
    noise = 10 ** (-0.4 * theirs[found]) * magnitudes(chosen, bands, "mag_err")[found] / PER_FLUX
    # The photometry of the bright galaxy is noisy already, if little.
    added = np.sqrt(np.clip(noise**2 - own**2, 0.0, None)) * draw.normal(size=flux.shape)
    seen = flux + added
    kept = (seen > 0).all(axis=1)
    copies = rows.iloc[source[kept]].copy()
    for number, band in enumerate(bands):
        copies[f"mag_{band}"] = -2.5 * np.log10(seen[kept, number])
        error = np.maximum(noise, own)[kept, number]
        copies[f"mag_err_{band}"] = PER_FLUX * error / seen[kept, number]
    return pd.concat([rows, copies])


def without_highest(rows: pd.DataFrame, values: np.ndarray, share: float) -> pd.DataFrame:
    """Return the rows but for the share with the highest values."""
    return rows[pd.Series(values, index=rows.index).rank(pct=True, method="first") <= 1.0 - share]


def without_red(rows: pd.DataFrame, bands: Sequence[str], share: float) -> pd.DataFrame:
    """Return the rows but for the share that is reddest for its redshift: few emission lines."""
    colour = rows[f"mag_{bands[0]}"] - rows[f"mag_{bands[len(bands) // 2]}"]
    bins = pd.qcut(rows["redshift"], COLOUR_BINS, duplicates="drop")
    return without_highest(rows, colour.groupby(bins, observed=True).rank(pct=True), share)


def with_wrong_lines(rows: pd.DataFrame, share: float, draw: np.random.Generator) -> pd.DataFrame:
    """Return the rows, a share of which have the redshift of the wrong line.

    [OII] taken for H alpha where that leaves a redshift above 0, else H alpha taken for [OII].
    """
    z = rows["redshift"].to_numpy(np.float64)
    nearer = (1.0 + z) * OII / H_ALPHA - 1.0
    wrong = np.where(nearer > 0.0, nearer, (1.0 + z) * H_ALPHA / OII - 1.0)
    return rows.assign(redshift=np.where(draw.random(len(z)) < share, wrong, z))


def changed(
    rows: pd.DataFrame,
    change: str,
    *,
    population: pd.DataFrame,
    bands: Sequence[str],
    share: float = 0.0,
    surveys: Sequence[str] = (),
    survey_of: Mapping[object, str] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the rows after one change.

    Parameters
    ----------
    rows : pandas.DataFrame
        Spectroscopic rows with magnitudes, errors, `redshift`, `split`, `object_id`; unique index.
    change : str
        ``sample.change`` of a strategy.
    population : pandas.DataFrame
        Galaxies of the other data set, for ``reweight`` and ``augment``.
    bands : sequence of str
    share : float
        Lost, or given a wrong redshift.
    surveys : sequence of str
        Left out with ``surveys``.
    survey_of : mapping, optional
        The survey of each object_id.
    seed : int

    Raises
    ------
    InputError
        If a survey has no galaxy here, or nothing is left.
    """
    draw = np.random.default_rng(seed)
    middle = rows[f"mag_{bands[len(bands) // 2]}"].to_numpy()
    survey = rows["object_id"].map(survey_of or {})
    if unknown := sorted(set(surveys) - set(survey)):
        raise InputError(
            "surveys without a galaxy",
            key="sample.surveys",
            found=", ".join(unknown),
            expected="some of " + ", ".join(sorted(map(str, survey.dropna().unique()))),
        )
    changes: dict[str, Callable[[], pd.DataFrame]] = {
        "reweight": lambda: reweighted(rows, population, bands, draw),
        "augment": lambda: augmented(rows, population, bands, draw),
        "faint": lambda: without_highest(rows, middle, share),
        "redshift": lambda: without_highest(rows, rows["redshift"].to_numpy(), share),
        "type": lambda: without_red(rows, bands, share),
        "lines": lambda: with_wrong_lines(rows, share, draw),
        "surveys": lambda: rows[~survey.isin(surveys)],
    }
    return changes[change]()
