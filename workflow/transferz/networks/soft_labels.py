"""What a redshift label is worth: the distribution that it stands for, over classes of redshift.

The classes are equal in ln(1 + z), the scale on which photometric redshifts err. No TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from transferz.core.errors import InputError
from transferz.networks.features import REDSHIFT

# Stands for an error of zero: far below the width of any class.
TINY = 1e-9
# Rows whose distributions are in double precision at a time.
BLOCK_ROWS = 16384


@dataclass(frozen=True)
class Classes:
    """Classes of redshift from 0 on, equal in ln(1 + z); the last one holds what lies beyond.

    Attributes
    ----------
    bins : int
    z_max : float
        Upper edge of the last class, for the redshifts that are made of its probability.
    """

    bins: int
    z_max: float

    @property
    def edges(self) -> np.ndarray:
        """Edges in redshift, shape (bins + 1,), float64."""
        return np.expm1(np.linspace(0.0, np.log1p(self.z_max), self.bins + 1))

    @property
    def widths(self) -> np.ndarray:
        """Widths in redshift, shape (bins,), float64."""
        return np.diff(self.edges)


def label_errors(
    table: pd.DataFrame, *, photo_z_error: float | None = None, file: str | Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the 68% interval of each label reaches down and up, in redshift, shape (n,).

    From `redshift_l68` and `redshift_u68` where a row has both, else from `redshift_err`, else
    `photo_z_error` times 1 + z for a photometric redshift and 0 for a spectroscopic one.

    Parameters
    ----------
    table : pandas.DataFrame
        With `redshift`, and `truth` where errors are missing.
    photo_z_error : float, optional
    file : path-like, optional
        Named in error messages.

    Raises
    ------
    InputError
        If photometric redshifts come without error and `photo_z_error` is None.
    """

    def values(name: str) -> np.ndarray:
        if name not in table:
            return np.full(len(table), np.nan)
        return table[name].to_numpy(np.float64, na_value=np.nan)

    z, low, high = values(REDSHIFT), values("redshift_l68"), values("redshift_u68")
    two_sided = np.isfinite(low) & np.isfinite(high)
    error = values("redshift_err")
    below = np.where(two_sided, np.maximum(z - low, 0.0), error)
    above = np.where(two_sided, np.maximum(high - z, 0.0), error)
    unknown = ~np.isfinite(below)
    photometric = unknown & (table["truth"] == "photo_z").to_numpy() if unknown.any() else unknown
    if photometric.any() and photo_z_error is None:
        raise InputError(
            "photometric redshifts without an error",
            file=file,
            key="redshift_l68, redshift_u68, redshift_err",
            found=f"{int(photometric.sum())} of {len(table)} rows without a value",
            fix="name the columns in the catalogue's description, or give head.photo_z_error",
        )
    assumed = np.where(photometric, (photo_z_error or 0.0) * (1.0 + z), 0.0)
    return np.where(unknown, assumed, below), np.where(unknown, assumed, above)


def label_distribution(
    z: np.ndarray, below: np.ndarray, above: np.ndarray, classes: Classes
) -> np.ndarray:
    """Q: probability of each class given a label and its 68% interval.

    Half a Gaussian on either side of the label, each with half of the probability: the label is
    the median and the interval's ends are the 16th and 84th percentiles, as LePhare's are of its
    likelihood. What falls outside the classes counts in the outermost ones. Without an error Q is
    one-hot.

    Parameters
    ----------
    z, below, above : numpy.ndarray, shape (n,)
        Label, and the distances to the ends of its interval, at least 0.
    classes : Classes

    Returns
    -------
    numpy.ndarray, shape (n, classes.bins), float32
        Rows sum to 1.
    """
    result = np.empty((len(z), classes.bins), dtype=np.float32)
    for start in range(0, len(z), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        inner = classes.edges[1:-1] - np.asarray(z, np.float64)[rows, None]
        scale = np.where(inner < 0.0, below[rows, None], above[rows, None])
        # An exact label on an edge belongs to the class above it.
        reach = np.where((inner == 0.0) & (scale == 0.0), -np.inf, inner / np.maximum(scale, TINY))
        levels = np.zeros((len(inner), classes.bins + 1))
        levels[:, 1:-1] = special.ndtr(reach)
        levels[:, -1] = 1.0
        result[rows] = np.diff(levels, axis=1)
    return result
