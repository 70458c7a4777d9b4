"""A sample with redshifts weighted to be like a population without: nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from transferz.core.errors import InputError


def colour_magnitude(values: np.ndarray, columns: Sequence[str]) -> np.ndarray:
    """Return the colours of neighbouring bands and the last magnitude, shape (n, n bands).

    Parameters
    ----------
    values : numpy.ndarray, shape (n, d)
        Inputs of networks; those other than magnitudes are left out.
    columns : sequence of str, d of them
        Names such as ``mag_g``.
    """
    chosen = [
        number
        for number, name in enumerate(columns)
        if name.startswith("mag_") and not name.startswith("mag_err_")
    ]
    magnitudes = np.asarray(values, np.float64)[:, chosen or slice(None)]
    return np.column_stack([-np.diff(magnitudes, axis=1), magnitudes[:, -1]])


def neighbour_weights(
    sample: np.ndarray, population: np.ndarray, neighbours: int = 20
) -> np.ndarray:
    """Return weights that give a sample the distribution of a population.

    The weight of a galaxy is the density of the population over that of the sample around it:
    the number of galaxies of the population within the distance to its n-th neighbour in the
    sample (Lima et al. 2008, MNRAS 390, 118, section 4.2). Each dimension is in units of its
    standard deviation in the population.

    Parameters
    ----------
    sample : numpy.ndarray, shape (n, d)
    population : numpy.ndarray, shape (m, d)
    neighbours : int

    Returns
    -------
    numpy.ndarray, shape (n,)
        Mean 1. Zero where the population has no galaxy.

    Raises
    ------
    InputError
        If there are not more galaxies in the sample than neighbours, or none is like the
        population.
    """
    if len(sample) <= neighbours:
        raise InputError(
            "too few galaxies to weight",
            key="tomography.neighbours",
            found=f"{len(sample)} galaxies",
            expected=f"more than {neighbours}",
        )
    scale = population.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    tree, others = cKDTree(sample / scale), cKDTree(population / scale)
    # The first neighbour of a galaxy of the sample is itself.
    distance = tree.query(tree.data, k=[neighbours + 1])[0][:, 0]
    counts = others.query_ball_point(tree.data, distance, return_length=True)
    if not counts.any():
        raise InputError(
            "no galaxy of the population is like those with redshifts",
            found=f"{len(population)} galaxies and {len(sample)} with redshifts",
        )
    return counts / counts.mean()


def effective_number(weights: np.ndarray) -> float:
    """Return how many galaxies of equal weight say as much (Kish 1965, section 11.7)."""
    square = float((weights**2).sum())
    return float(weights.sum()) ** 2 / square if square else 0.0
