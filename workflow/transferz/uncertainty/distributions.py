"""What the distributions of networks with classes of redshift are worth: the scores, in one place.

A distribution is flat within its classes. No TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.uncertainty.conformal import density_loss
from transferz.uncertainty.scores import (
    CENTRAL_68,
    CENTRAL_95,
    continuous_ranked_probability_score,
    coverage,
    pit_distance,
    probability_integral_transform,
    quantile,
)

# Classes of the histograms of the PIT: even, so that central intervals end on their edges.
PIT_BINS = 100
# Galaxies whose distributions are scored at a time.
BLOCK_ROWS = 1 << 15


@dataclass(frozen=True)
class Score:
    """A score of many distributions.

    Attributes
    ----------
    label : str
        For axes and tables.
    nominal : float, optional
        Its value for calibrated distributions: the distance from it is what counts. None: smaller
        is better.
    """

    label: str
    nominal: float | None = None

    def penalty(self, value: np.ndarray) -> np.ndarray:
        """Return what is smaller for better distributions."""
        return value if self.nominal is None else np.abs(value - self.nominal)


SCORES = {
    "crps": Score("CRPS"),
    "cde_loss": Score("CDE loss"),
    "pit_distance": Score("PIT distance"),
    "coverage_68": Score("68% coverage", CENTRAL_68[1] - CENTRAL_68[0]),
    "coverage_95": Score("95% coverage", CENTRAL_95[1] - CENTRAL_95[0]),
}
# Said beside them: no distribution is better for being narrow alone.
WIDTH = "width_68"
COLUMNS = ["strategy", "seed", "dataset", "judged_by", "n", *SCORES, WIDTH]


def score_galaxies(probability: np.ndarray, edges: np.ndarray, z: np.ndarray) -> pd.DataFrame:
    """Return the scores of each distribution at its galaxy's redshift.

    Parameters
    ----------
    probability : numpy.ndarray, shape (n, k)
        Rows sum to 1.
    edges : numpy.ndarray, shape (k + 1,)
    z : numpy.ndarray, shape (n,)
        Label or truth.

    Returns
    -------
    pandas.DataFrame
        ``crps``, ``cde_loss``, ``pit`` and ``width_68``: the central interval over 1 + its median.
    """
    parts = []
    for start in range(0, len(z), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        scored = (probability[rows].astype(np.float64), edges, z[rows])
        low, median, high = (
            quantile(*scored[:2], level) for level in (CENTRAL_68[0], 0.5, CENTRAL_68[1])
        )
        parts.append(
            pd.DataFrame(
                {
                    "crps": continuous_ranked_probability_score(*scored),
                    "cde_loss": density_loss(*scored),
                    "pit": probability_integral_transform(*scored),
                    WIDTH: (high - low) / (1.0 + median),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def summarise(galaxies: pd.DataFrame) -> dict[str, float]:
    """Return `SCORES` and `WIDTH` of many galaxies: of the losses the mean, the median width."""
    pit = galaxies["pit"].to_numpy()
    return {
        "crps": float(galaxies["crps"].mean()),
        "cde_loss": float(galaxies["cde_loss"].mean()),
        "pit_distance": pit_distance(pit),
        "coverage_68": coverage(pit, CENTRAL_68),
        "coverage_95": coverage(pit, CENTRAL_95),
        WIDTH: float(galaxies[WIDTH].median()),
    }


def central_coverage(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nominal and the real share in central intervals, from a histogram of the PIT.

    Parameters
    ----------
    counts : numpy.ndarray, shape (2 m,)
        Of equal bins from 0 to 1.

    Returns
    -------
    nominal, held : numpy.ndarray, shape (m,)
        From the narrowest to all.
    """
    half = len(counts) // 2
    pairs = counts[:half][::-1] + counts[half:]
    return np.arange(1, half + 1) / half, np.cumsum(pairs) / counts.sum()


def read_scores(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read the scores of several strategies, in their order.

    Raises
    ------
    InputError
        If there is no file.
    """
    if not paths:
        raise InputError(
            "no strategy gives distributions",
            key="strategies",
            fix="give a strategy a `head`, as config/labels.yaml does",
        )
    return pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)
