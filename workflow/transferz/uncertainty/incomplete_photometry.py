"""Photometry as it comes: missing bands, non-detections, galaxies unlike those trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from transferz.core.errors import InputError

# Added to a covariance, relative to its trace: bands that are copies of each other stay invertible.
RIDGE = 1e-9


@dataclass(frozen=True)
class Completion:
    """Fills what a galaxy lacks from what it has.

    An input without a measurement becomes its expectation given the galaxy's measured ones under a
    Gaussian with the mean and covariance of the training galaxies,
    x_m = mu_m + S_mo S_oo^-1 (x_o - mu_o), kept within the range of the training galaxies.
    Non-detections are filled like that too: how deep the observation was is not known here, and the
    faintest training galaxies say nothing about it.

    Attributes
    ----------
    mean : numpy.ndarray, shape (d,)
    covariance : numpy.ndarray, shape (d, d)
    minimum, maximum : numpy.ndarray, shape (d,)
    """

    mean: np.ndarray
    covariance: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Completion:
        """Measure the training galaxies, shape (n, d), all finite."""
        values = np.asarray(values, np.float64)
        covariance = np.atleast_2d(np.cov(values, rowvar=False))
        covariance = covariance + RIDGE * np.trace(covariance) * np.eye(len(covariance))
        return cls(values.mean(axis=0), covariance, values.min(axis=0), values.max(axis=0))

    def fill(self, values: np.ndarray) -> np.ndarray:
        """Return complete inputs, row by row: a row's result does not depend on its company.

        Parameters
        ----------
        values : numpy.ndarray, shape (n, d)
            Not finite where there is no measurement.

        Returns
        -------
        numpy.ndarray, shape (n, d), float32
            A row without any measured input is all NaN.
        """
        complete = np.array(values, dtype=np.float64)
        lacking = ~np.isfinite(complete)
        codes = lacking @ (1 << np.arange(lacking.shape[1]))
        for code in np.unique(codes[codes > 0]):
            rows = np.flatnonzero(codes == code)
            absent = lacking[rows[0]]
            weights = self.weights(absent)
            if weights is None:
                continue
            # A sum over few columns, not a matrix product, whose bits may depend on the rows.
            shift = complete[rows][:, ~absent] - self.mean[~absent]
            filled = self.mean[absent] + (shift[:, None, :] * weights).sum(axis=2)
            low, high = self.minimum[absent], self.maximum[absent]
            complete[np.ix_(rows, absent)] = np.clip(filled, low, high)
        complete[lacking.all(axis=1)] = np.nan
        return complete.astype(np.float32)

    def weights(self, absent: np.ndarray) -> np.ndarray | None:
        """Return S_mo S_oo^-1, shape (n absent, n present), or None if nothing is present."""
        if absent.all():
            return None
        present = self.covariance[np.ix_(~absent, ~absent)]
        across = self.covariance[np.ix_(~absent, absent)]
        return np.linalg.solve(present, across).T


@dataclass(frozen=True)
class ColourSpace:
    """Where the training galaxies are, and how far from them a galaxy may be.

    Distances are to the k-th nearest training galaxy, in units in which the training galaxies have
    unit covariance: their magnitudes are so alike that the directions besides overall brightness
    are the colours.

    Attributes
    ----------
    mean : numpy.ndarray, shape (d,)
    whitening : numpy.ndarray, shape (d, d)
    reference : numpy.ndarray, shape (n, d)
        Whitened training galaxies.
    neighbours : int
    limit : float
        Largest distance that is not out of distribution.
    """

    mean: np.ndarray
    whitening: np.ndarray
    reference: np.ndarray
    neighbours: int
    limit: float = np.inf

    def __post_init__(self) -> None:
        """Build the tree once."""
        object.__setattr__(self, "_tree", cKDTree(self.reference))

    @classmethod
    def fit(
        cls, training: np.ndarray, calibration: np.ndarray, *, neighbours: int, share: float
    ) -> ColourSpace:
        """Set the limit so that a `share` of the calibration galaxies would be beyond it.

        Parameters
        ----------
        training, calibration : numpy.ndarray, shape (n, d)
            Unscaled inputs, all finite.
        neighbours : int
        share : float

        Raises
        ------
        InputError
            If there are not more training galaxies than neighbours.
        """
        if len(training) <= neighbours:
            raise InputError(
                "too few training galaxies",
                key="uncertainty.out_of_distribution.neighbours",
                found=f"{len(training)} galaxies",
                expected=f"more than {neighbours}",
            )
        training = np.asarray(training, np.float64)
        completion = Completion.fit(training)
        scale, axes = np.linalg.eigh(completion.covariance)
        whitening = axes / np.sqrt(scale)
        reference = _project(training - completion.mean, whitening)
        space = cls(completion.mean, whitening, reference, neighbours)
        limit = float(np.quantile(space.distance(calibration), 1.0 - share))
        return cls(completion.mean, whitening, reference, neighbours, limit)

    def distance(self, values: np.ndarray) -> np.ndarray:
        """Distance of each galaxy, shape (n,); NaN where an input is not finite."""
        result = np.full(len(values), np.nan)
        rows = np.flatnonzero(np.isfinite(values).all(axis=1))
        if len(rows):
            place = _project(np.asarray(values, np.float64)[rows] - self.mean, self.whitening)
            distances, _ = self._tree.query(place, k=[self.neighbours])
            result[rows] = distances[:, 0]
        return result

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Whether each galaxy is beyond the limit, shape (n,); True where an input is lacking."""
        return ~(self.distance(values) <= self.limit)


def _project(values: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Matrix product as sums over columns: the bits of a row do not depend on the other rows."""
    return np.stack([(values * axis).sum(axis=1) for axis in axes.T], axis=1)


def magnitude_columns(columns: Sequence[str], bands: Sequence[str]) -> dict[str, str]:
    """Return the magnitudes among columns by band: asinh magnitudes where there are no others."""
    for kind in ("mag", "asinh"):
        found = {band: f"{kind}_{band}" for band in bands if f"{kind}_{band}" in columns}
        if found:
            return found
    return {}


def band_inputs(columns: Sequence[str], bands: Sequence[str]) -> dict[str, np.ndarray]:
    """Return which inputs belong to each band, boolean, shape (d,), by the end of their names."""
    owners = {
        column: max((b for b in bands if column.endswith(f"_{b}")), key=len, default=None)
        for column in columns
    }
    return {band: np.array([owners[column] == band for column in columns]) for band in bands}
