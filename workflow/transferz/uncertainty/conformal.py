"""Calibrated redshift distributions: split conformal prediction around an ensemble's estimate.

The networks give a redshift z_c and a spread between them; how far the truth lies from z_c is
read from galaxies that no network was trained on. Their scaled errors r = (z_true - z_c) / s, in
cells of alike galaxies (Mondrian conformal prediction: Vovk, Gammerman & Shafer 2005, chapter
4.5), are the distribution of a new galaxy's error: its cumulative distribution is that of
z_c + s r (split conformal predictive distributions: Vovk et al. 2019, Machine Learning 108, 445).
Intervals, point estimates, PIT and densities all come from it, and an interval between levels a
and b holds the truth of exchangeable galaxies with probability b - a, cell by cell, whatever the
networks are worth.

Forty lines of NumPy rather than a library: MAPIE gives intervals around a scikit-learn estimator,
but no distributions, and cannot work through a catalogue in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferz.core.errors import InputError

# Levels of the stored quantiles; the ends of the 68% and 95% intervals are among them.
LEVELS = np.arange(201) / 200.0
INTERVALS = {68: (0.16, 0.84), 95: (0.025, 0.975)}
# Galaxies whose quantiles are in memory to take their mean.
MEAN_ROWS = 4096


@dataclass(frozen=True)
class Cells:
    """Cells of alike galaxies: equally populated in redshift, then in magnitude within each.

    Attributes
    ----------
    redshift_edges : numpy.ndarray, shape (n_z - 1,)
        Inner edges, in the ensemble's redshift.
    magnitude_edges : numpy.ndarray, shape (n_z, n_m - 1)
        Inner edges within each range of redshift.
    """

    redshift_edges: np.ndarray
    magnitude_edges: np.ndarray

    @classmethod
    def fit(cls, z: np.ndarray, magnitude: np.ndarray, n_z: int, n_m: int) -> Cells:
        """Cut a sample into `n_z` times `n_m` cells of about equal numbers."""
        redshift_edges = np.quantile(z, np.arange(1, n_z) / n_z)
        row = np.searchsorted(redshift_edges, z, side="right")
        levels = np.arange(1, n_m) / n_m
        parts = [magnitude[row == k] for k in range(n_z)]
        # Of equal redshifts some ranges hold nothing: `Conformal.fit` refuses such cells.
        edges = [np.quantile(part, levels) if len(part) else levels for part in parts]
        return cls(redshift_edges, np.array(edges))

    @property
    def number(self) -> int:
        """How many cells there are."""
        n_z, edges = self.magnitude_edges.shape
        return n_z * (edges + 1)

    def of(self, z: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
        """Return the cell of each galaxy, shape (n,); the outer cells have no outer edge."""
        row = np.searchsorted(self.redshift_edges, z, side="right")
        column = (np.asarray(magnitude)[:, None] >= self.magnitude_edges[row]).sum(axis=1)
        return row * (self.magnitude_edges.shape[1] + 1) + column


@dataclass(frozen=True)
class EnsembleEstimate:
    """What an ensemble says about galaxies.

    Attributes
    ----------
    z : numpy.ndarray, shape (n,)
        Median of the networks' redshifts.
    spread : numpy.ndarray, shape (n,)
        Standard deviation between the networks.
    magnitude : numpy.ndarray, shape (n,)
        In the reference band, AB.
    probability : numpy.ndarray, shape (n, k), optional
        Of classes of redshift, by networks that give it; for `recalibration`, as the next.
    conditions : numpy.ndarray, shape (n, q), optional
        Colours, by which the distributions are calibrated too.
    """

    z: np.ndarray
    spread: np.ndarray
    magnitude: np.ndarray
    probability: np.ndarray | None = None
    conditions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.z)

    def take(self, rows: np.ndarray) -> EnsembleEstimate:
        """Return the estimates of some galaxies."""
        parts = (self.z, self.spread, self.magnitude, self.probability, self.conditions)
        return EnsembleEstimate(*(None if part is None else part[rows] for part in parts))


@dataclass(frozen=True)
class Conformal:
    """Distribution of the scaled error in each cell.

    Attributes
    ----------
    cells : Cells
    quantiles : numpy.ndarray, shape (n_cells, n_levels)
        Of r, at `LEVELS`.
    mode : numpy.ndarray, shape (n_cells,)
        Of r.
    highest : float
        Of the redshifts trained on; no distribution exceeds it: what would lie above it lies
        there, and what would lie below 0 lies at 0.
    softening : float
        s = spread + softening (1 + z).
    adaptive : bool
        Whether the spread is in s.
    """

    cells: Cells
    quantiles: np.ndarray
    mode: np.ndarray
    highest: float
    softening: float
    adaptive: bool

    @classmethod
    def fit(
        cls,
        estimate: EnsembleEstimate,
        z_true: np.ndarray,
        *,
        redshift_bins: int = 5,
        magnitude_bins: int = 3,
        min_galaxies: int = 100,
        adaptive: bool = True,
        highest: float = np.inf,
    ) -> Conformal:
        """Calibrate on galaxies with known redshift that no network was trained on.

        The i-th smallest of n errors of a cell is the quantile at level i / (n + 1), linear in
        between: then the expected coverage of an interval is its nominal one.

        Parameters
        ----------
        estimate : EnsembleEstimate
        z_true : numpy.ndarray, shape (n,)
        redshift_bins, magnitude_bins, min_galaxies : int
            Cells; fewer if a cell would hold less than `min_galaxies`.
        adaptive : bool
            Scale errors by the ensemble's spread, softened by its median (Papadopoulos et al.
            2008, Lei et al. 2018, section 5.2); otherwise by 1 + z alone.
        highest : float

        Raises
        ------
        InputError
            If there are too few galaxies for one cell, or a value is not finite.
        """
        check_sample(estimate, z_true, min_galaxies)
        n, n_z, n_m = len(estimate), redshift_bins, magnitude_bins
        while n < min_galaxies * n_z * n_m:
            n_z, n_m = (n_z - 1, n_m) if n_z > n_m else (n_z, n_m - 1)
        softening = float(np.median(estimate.spread / (1.0 + estimate.z)))
        # One network, or networks that agree: there is nothing to adapt to.
        if not adaptive or softening <= 0.0:
            softening, adaptive = 1.0, False
        cells = Cells.fit(estimate.z, estimate.magnitude, n_z, n_m)
        unfitted = cls(cells, LEVELS, LEVELS, highest, softening, adaptive)
        error = (z_true - estimate.z) / unfitted.scale(estimate)
        member = cells.of(estimate.z, estimate.magnitude)
        groups = [np.sort(error[member == cell]) for cell in range(cells.number)]
        if min(map(len, groups)) == 0:
            raise InputError(
                "a cell of the calibration is empty",
                key="uncertainty.redshift_bins",
                found=f"{cells.number} cells for {n} galaxies",
                fix="use fewer bins",
            )
        return cls(
            cells,
            np.array([np.quantile(group, LEVELS, method="weibull") for group in groups]),
            np.array([half_sample_mode(group) for group in groups]),
            highest,
            softening,
            adaptive,
        )

    def scale(self, estimate: EnsembleEstimate) -> np.ndarray:
        """Return the unit s of each galaxy's error, shape (n,), in redshift."""
        floor = self.softening * np.maximum(1.0 + estimate.z, 0.1)
        return floor + estimate.spread if self.adaptive else floor

    def _cell(self, estimate: EnsembleEstimate) -> np.ndarray:
        return self.cells.of(estimate.z, estimate.magnitude)

    def _within(self, redshift: np.ndarray) -> np.ndarray:
        return np.clip(redshift, 0.0, self.highest)

    def knots(self, estimate: EnsembleEstimate, levels: Sequence[float] = LEVELS) -> np.ndarray:
        """Redshifts at `levels` of each galaxy's distribution, shape (n, n_levels), >= 0."""
        index = np.searchsorted(LEVELS, np.asarray(levels) - 1e-9)
        errors = self.quantiles[:, index][self._cell(estimate)]
        return self._within(estimate.z[:, None] + self.scale(estimate)[:, None] * errors)

    def mean_and_mode(self, estimate: EnsembleEstimate) -> tuple[np.ndarray, np.ndarray]:
        """Return expectation and most probable redshift of each galaxy, shape (n,) each.

        The cumulative distribution is linear between knots at equal steps of level; where a step
        is cut at a and b of the range, its mean is that of what is left and of what lies there.
        """
        cell, scale, mean = self._cell(estimate), self.scale(estimate), np.empty(len(estimate))
        # Blocks bound the memory by rows, not by rows times levels.
        for start in range(0, len(estimate), MEAN_ROWS):
            rows = slice(start, start + MEAN_ROWS)
            errors = self.quantiles[cell[rows]]
            ends = estimate.z[rows, None] + scale[rows, None] * errors
            inside = self._within(ends)
            # Integral of clip(x) over x, whose differences are exact for any step.
            integral = inside**2 / 2 + inside * np.maximum(ends - self.highest, 0.0)
            width = np.diff(ends, axis=1)
            flat = width <= 1e-9
            steps = np.diff(integral, axis=1) / np.where(flat, 1.0, width)
            mean[rows] = np.where(flat, inside[:, 1:], steps).mean(axis=1)
        return mean, self._within(estimate.z + scale * self.mode[cell])

    def cumulative(self, estimate: EnsembleEstimate, redshift: np.ndarray) -> np.ndarray:
        """Return the cumulative distribution of each galaxy at redshifts of its own.

        Parameters
        ----------
        estimate : EnsembleEstimate
        redshift : numpy.ndarray, shape (n, k)

        Returns
        -------
        numpy.ndarray, shape (n, k)
            From 0 to 1.
        """
        error = (redshift - estimate.z[:, None]) / self.scale(estimate)[:, None]
        cell, result = self._cell(estimate), np.empty(error.shape)
        for number in np.unique(cell):
            rows = cell == number
            result[rows] = np.interp(
                error[rows], self.quantiles[number], LEVELS, left=0.0, right=1.0
            )
        result[redshift >= self.highest] = 1.0
        result[redshift < 0.0] = 0.0
        return result

    def pit(self, estimate: EnsembleEstimate, z_true: np.ndarray) -> np.ndarray:
        """Cumulative distribution at the truth, shape (n,): uniform if calibrated."""
        return self.cumulative(estimate, np.asarray(z_true, np.float64)[:, None])[:, 0]

    def probabilities(self, estimate: EnsembleEstimate, edges: np.ndarray) -> np.ndarray:
        """Return the probability of each class of redshift, shape (n, n_edges - 1); sums to 1.

        What lies outside the classes is counted in the outermost ones.
        """
        grid = np.broadcast_to(edges, (len(estimate), len(edges)))
        levels = self.cumulative(estimate, grid)
        levels[:, 0], levels[:, -1] = 0.0, 1.0
        return np.diff(levels, axis=1)


def check_sample(estimate: EnsembleEstimate, z_true: np.ndarray, min_galaxies: int) -> None:
    """Raise an `InputError` if galaxies are too few, or not all finite, to calibrate with."""
    for name, values in (("z_true", z_true), ("z", estimate.z), ("mag", estimate.magnitude)):
        if not np.isfinite(values).all():
            raise InputError("a calibration value is not finite", key=name)
    if len(estimate) < min_galaxies:
        raise InputError(
            "too few galaxies to calibrate with",
            key="uncertainty.min_galaxies",
            found=len(estimate),
            expected=f"at least {min_galaxies}",
            fix="raise splits.fractions.test or uncertainty.test_share",
        )


def half_sample_mode(ordered: np.ndarray) -> float:
    """Mode of a sample: the densest half of the densest half, and so on.

    Robertson & Cryer (1974, JASA 69, 1012); Bickel & Fruehwirth (2006, CSDA 50, 3500).

    Parameters
    ----------
    ordered : numpy.ndarray, shape (n,)
        Ascending, n >= 1.
    """
    while len(ordered) > 3:
        half = (len(ordered) + 1) // 2
        widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
        start = int(np.argmin(widths))
        ordered = ordered[start : start + half]
    if len(ordered) == 3:
        low, middle, high = ordered
        if middle - low == high - middle:
            return float(middle)
        ordered = ordered[:2] if middle - low < high - middle else ordered[1:]
    return float(np.mean(ordered))
