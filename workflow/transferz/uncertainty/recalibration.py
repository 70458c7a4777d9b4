"""Calibrated distributions of networks that give some: conformal levels of their own distribution.

The mixture of an ensemble's distributions has its own shape, with several peaks where several
redshifts fit. What it lacks is calibration: a level u of its cumulative distribution F may hold
another share of the truths. On galaxies that no network was trained on, the share of truths with
F(z_true) <= u is measured, G(u), and G(F(z)) is the calibrated distribution (Bordoloi et al. 2010,
MNRAS 406, 881; with the guarantee of split conformal prediction: Chernozhukov et al. 2021, PNAS
118). G is measured in cells of one quantity after the other, of each colour, of magnitude and of
the predicted redshift, and each measures what the ones before it left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transferz.uncertainty.conformal import MEAN_ROWS, EnsembleEstimate, check_sample
from transferz.uncertainty.scores import class_of, crossing, cumulative

# Levels at which G is measured; straight in between. The ends of the intervals are among them.
KNOTS = np.array([0.0, 0.025, 0.16, 0.5, 0.84, 0.975, 1.0])
# Keeps measured levels apart where many galaxies have the same.
APART = 1e-9


@dataclass(frozen=True)
class Step:
    """G in cells of one quantity.

    Attributes
    ----------
    edges : numpy.ndarray, shape (n_cells - 1,)
        Inner edges of the cells.
    levels : numpy.ndarray, shape (n_cells, n_knots)
        Whose calibrated levels are `KNOTS`.
    """

    edges: np.ndarray
    levels: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, pit: np.ndarray, edges: np.ndarray) -> Step:
        """Measure G of galaxies with these values and levels at their true redshifts.

        The i-th smallest of n is the quantile at level i / (n + 1), see `conformal.Conformal.fit`.
        """
        cells = np.searchsorted(edges, values, side="right")
        levels = np.array(
            [
                np.quantile(pit[cells == cell], KNOTS, method="weibull")
                for cell in range(len(edges) + 1)
            ]
        )
        levels[:, 0], levels[:, -1] = 0.0, 1.0
        rising = levels + APART * np.arange(len(KNOTS))
        return cls(edges, np.maximum.accumulate(rising, axis=1))

    def apply(self, values: np.ndarray, u: np.ndarray, *, inverse: bool = False) -> np.ndarray:
        """Return calibrated levels of galaxies' levels `u`, (n,) or (n, m), or the inverse."""
        cells, result = np.searchsorted(self.edges, values, side="right"), np.empty(u.shape)
        for cell in np.unique(cells):
            rows, knots = cells == cell, self.levels[cell]
            pair = (KNOTS, knots) if inverse else (knots, KNOTS)
            result[rows] = np.interp(u[rows], *pair)
        return result


@dataclass(frozen=True)
class Recalibration:
    """Calibrated distributions; the interface is that of `conformal.Conformal`.

    Attributes
    ----------
    class_edges : numpy.ndarray, shape (k + 1,)
        Of the networks' classes of redshift.
    steps : tuple of Step
        One for each quantity.
    highest : float
        Of the redshifts trained on; what would lie above it lies there.
    """

    class_edges: np.ndarray
    steps: tuple[Step, ...]
    highest: float

    @classmethod
    def fit(
        cls,
        estimate: EnsembleEstimate,
        z_true: np.ndarray,
        class_edges: np.ndarray,
        *,
        bins: int = 5,
        min_galaxies: int = 100,
        highest: float = np.inf,
    ) -> Recalibration:
        """Calibrate on galaxies with known redshift that no network was trained on.

        Parameters
        ----------
        estimate : EnsembleEstimate
            With probabilities.
        z_true : numpy.ndarray, shape (n,)
        class_edges : numpy.ndarray, shape (k + 1,)
        bins, min_galaxies : int
            Cells of each quantity, equally populated; fewer if a cell would hold less than
            `min_galaxies`. The faintest 2 `min_galaxies` are a cell by themselves.
        highest : float

        Raises
        ------
        InputError
            If there are too few galaxies for one cell, or a value is not finite.
        """
        check_sample(estimate, z_true, min_galaxies)
        n, steps = len(estimate), []
        bins = min(bins, n // min_galaxies)
        shares = np.arange(1, bins) / bins
        faintest = 1.0 - 2.0 * min_galaxies / n
        unfitted = cls(class_edges, (), highest)
        pit = unfitted.pit(estimate, z_true)
        last = len(_quantities(estimate)) - 1
        for number, values in enumerate(_quantities(estimate)):
            # Magnitude stands before the last, the predicted redshift.
            tail = [faintest] if number == last - 1 and faintest > 1.0 - 0.5 / bins else []
            step = Step.fit(values, pit, np.quantile(values, [*shares, *tail]))
            steps.append(step)
            pit = step.apply(values, pit)
        return cls(class_edges, tuple(steps), highest)

    def _calibrated(self, estimate: EnsembleEstimate, u: np.ndarray) -> np.ndarray:
        for step, values in zip(self.steps, _quantities(estimate), strict=False):
            u = step.apply(values, u)
        return u

    def _own(self, estimate: EnsembleEstimate, level: float) -> np.ndarray:
        """Return the level of each network's distribution that is calibrated `level`, (n,)."""
        u = np.full(len(estimate), level)
        pairs = list(zip(self.steps, _quantities(estimate), strict=False))
        for step, values in reversed(pairs):
            u = step.apply(values, u, inverse=True)
        return u

    def _blocks(self, estimate: EnsembleEstimate) -> list[np.ndarray]:
        # Blocks bound the memory by rows, not by rows times classes.
        return np.array_split(np.arange(len(estimate)), -(-len(estimate) // MEAN_ROWS))

    def knots(self, estimate: EnsembleEstimate, levels: list[float]) -> np.ndarray:
        """Redshifts at `levels` of each galaxy's distribution, shape (n, n_levels), >= 0."""
        result = np.empty((len(estimate), len(levels)))
        for rows in self._blocks(estimate):
            part = estimate.take(rows)
            steps = cumulative(part.probability.astype(np.float64))
            for column, level in enumerate(levels):
                result[rows, column] = crossing(steps, self.class_edges, self._own(part, level))
        return np.minimum(result, self.highest)

    def mean_and_mode(self, estimate: EnsembleEstimate) -> tuple[np.ndarray, np.ndarray]:
        """Return two point estimates of each galaxy's distribution, shape (n,) each.

        Its expectation, flat within the classes, and the centre of the class of largest density.
        """
        edges, inner = self.class_edges, np.minimum(self.class_edges, self.highest)
        centres, reached = (0.5 * (ends[1:] + ends[:-1]) for ends in (edges, inner))
        mean, mode = np.empty(len(estimate)), np.empty(len(estimate))
        for rows in self._blocks(estimate):
            shares = np.diff(self.cumulative(estimate.take(rows), edges), axis=1)
            mean[rows] = shares @ reached
            mode[rows] = centres[(shares / np.diff(edges)).argmax(axis=1)]
        return mean, np.minimum(mode, self.highest)

    def cumulative(self, estimate: EnsembleEstimate, redshift: np.ndarray) -> np.ndarray:
        """Cumulative distribution of each galaxy at the redshifts, shape (k,) or (n, k); (n, k)."""
        own = cumulative(estimate.probability.astype(np.float64))
        redshift = np.asarray(redshift, np.float64)
        place = class_of(self.class_edges, redshift)
        share = (redshift - self.class_edges[place]) / np.diff(self.class_edges)[place]
        place = np.broadcast_to(place, (len(estimate), redshift.shape[-1]))
        low, high = (np.take_along_axis(own, place + step, axis=1) for step in (0, 1))
        result = self._calibrated(estimate, low + np.clip(share, 0.0, 1.0) * (high - low))
        result[np.broadcast_to(redshift >= self.highest, place.shape)] = 1.0
        return result

    def pit(self, estimate: EnsembleEstimate, z_true: np.ndarray) -> np.ndarray:
        """Cumulative distribution at the truth, shape (n,): uniform if calibrated."""
        return self.cumulative(estimate, np.asarray(z_true, np.float64)[:, None])[:, 0]

    def probabilities(self, estimate: EnsembleEstimate, edges: np.ndarray) -> np.ndarray:
        """Return the probability of each class of redshift, shape (n, n_edges - 1); sums to 1.

        What lies outside the classes is counted in the outermost ones.
        """
        levels = self.cumulative(estimate, np.asarray(edges, np.float64))
        levels[:, 0], levels[:, -1] = 0.0, 1.0
        return np.diff(levels, axis=1)


def _quantities(estimate: EnsembleEstimate) -> list[np.ndarray]:
    """Quantities of the cells, in the order of the steps: the last one has the last word."""
    return [*estimate.conditions.T, estimate.magnitude, estimate.z]
