"""Redshift distributions n(z) of galaxies in bins of their photometric redshift.

Three estimates of the n(z) of a bin, the latter two also with the calibration sample reweighted:

    stacked   mean of the galaxies' own distributions
    shifted   the same, moved by the mean error of the stack of the calibration galaxies in the bin
    direct    redshifts of the calibration galaxies in the bin
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.api import PhotoZ
from transferz.catalogues.reweighting import (
    colour_magnitude,
    effective_number,
    neighbour_weights,
)
from transferz.catalogues.writers import DistributionWriter
from transferz.core.errors import InputError
from transferz.core.products import write_csv
from transferz.evaluation.requirements import MEAN_REQUIREMENTS, verdict
from transferz.photo_z.catalogue import PDF_EDGES

logger = logging.getLogger(__name__)

# Below so many galaxies' worth of weights, a reweighted n(z) is that of a handful.
FEW_EFFECTIVE = 100
METHODS = ("stacked", "shifted", "shifted, reweighted", "direct", "direct, reweighted")


@dataclass(frozen=True)
class Redshifts:
    """What is known of the redshifts of galaxies: a distribution each, or a number each.

    Attributes
    ----------
    shares : numpy.ndarray, shape (n, k)
        Probability of each class of `PDF_EDGES`.
    mean, square : numpy.ndarray, shape (n,)
        Expectation of the redshift and of its square.
    """

    shares: np.ndarray
    mean: np.ndarray
    square: np.ndarray

    @classmethod
    def from_shares(cls, shares: np.ndarray) -> Redshifts:
        """Take distributions, flat within each class."""
        low, high = PDF_EDGES[:-1], PDF_EDGES[1:]
        square = (low**2 + low * high + high**2) / 3
        return cls(shares, shares @ ((low + high) / 2), shares @ square)

    @classmethod
    def from_values(cls, z: np.ndarray) -> Redshifts:
        """Take known redshifts."""
        place = np.clip(np.searchsorted(PDF_EDGES, z, "right") - 1, 0, len(PDF_EDGES) - 2)
        shares = np.zeros((len(z), len(PDF_EDGES) - 1), np.float32)
        shares[np.arange(len(z)), place] = 1.0
        return cls(shares, z, z**2)

    def averaged(self, weights: np.ndarray) -> Stacks:
        """Return the mean distribution for each row of weights, shape (draws, n)."""
        total = weights.sum(axis=1)
        mean, square = (weights @ moment / total for moment in (self.mean, self.square))
        return Stacks(weights @ self.shares / total[:, None], mean, np.sqrt(square - mean**2))

    def take(self, rows: np.ndarray) -> Redshifts:
        """Return those of some galaxies."""
        return Redshifts(self.shares[rows], self.mean[rows], self.square[rows])


@dataclass(frozen=True)
class Stacks:
    """An n(z) and its bootstrap draws; the first is of the galaxies as they are.

    Attributes
    ----------
    shares : numpy.ndarray, shape (1 + draws, k)
    mean, width : numpy.ndarray, shape (1 + draws,)
        Mean redshift and standard deviation.
    """

    shares: np.ndarray
    mean: np.ndarray
    width: np.ndarray

    def shifted(self, by: np.ndarray) -> Stacks:
        """Return them moved in redshift, each by its own number; nothing goes below 0."""
        levels = np.pad(np.cumsum(self.shares, axis=1), ((0, 0), (1, 0)))
        moved = np.stack(
            [
                np.interp(PDF_EDGES - d, PDF_EDGES, level)
                for d, level in zip(by, levels, strict=True)
            ]
        )
        moved[:, 0], moved[:, -1] = 0.0, levels[:, -1]
        return Stacks(np.diff(moved, axis=1), self.mean + by, self.width)

    def error(self, name: str) -> float:
        """Return the bootstrap error of `mean` or `width`."""
        return float(getattr(self, name)[1:].std(ddof=1))


def bin_edges(
    z: np.ndarray, edges: str | Sequence[float], number: int, z_range: Sequence[float]
) -> np.ndarray:
    """Return the edges of the bins of a point estimate, ascending.

    Parameters
    ----------
    z : numpy.ndarray, shape (n,)
    edges : "equal_counts", "equal_widths" or sequence of float
    number : int
        Of bins, unless `edges` are given.
    z_range : pair of float
        Ends of bins of equal widths.
    """
    if edges == "equal_counts":
        return np.quantile(z, np.linspace(0, 1, number + 1)).astype(np.float64)
    if edges == "equal_widths":
        return np.linspace(*z_range, number + 1)
    return np.array(edges, np.float64)


@dataclass(frozen=True)
class Tomography:
    """How galaxies are binned and their n(z) are found; see ``tomography`` of the configuration."""

    point: str
    edges: str | Sequence[float]
    number: int
    z_range: Sequence[float]
    neighbours: int
    bootstrap: int
    seed: int

    def measure(
        self,
        estimator: PhotoZ,
        galaxies: pd.DataFrame,
        judges: Mapping[str, np.ndarray],
    ) -> tuple[pd.DataFrame, dict[tuple[int, str], Stacks]]:
        """Return the n(z) of the bins of galaxies, and their numbers.

        Parameters
        ----------
        estimator : PhotoZ
        galaxies : pandas.DataFrame
            With the columns of the estimator; those without any band belong to no bin.
        judges : mapping of numpy.ndarray, shape (n,)
            Known redshifts by who judges (label, truth); may be empty.

        Returns
        -------
        pandas.DataFrame
            A row per bin, method and judge: edges, numbers of galaxies, mean and width with
            errors, the judge's, ``bias`` of the mean over 1 + z, and the `verdict` on it for each
            of `MEAN_REQUIREMENTS`.
        dict
            By bin and method, or judge.
        """
        z, shares, z_known, shares_known, weights = self._look_at(estimator, galaxies)
        there = np.flatnonzero(np.isfinite(z))
        z_true = estimator.sample.z_true.astype(np.float64)
        edges = bin_edges(z[there], self.edges, self.number, self.z_range)
        rows, stacks = [], {}
        for number, (low, high) in enumerate(pairwise(edges), start=1):
            last = number == len(edges) - 1
            chosen = there[_inside(z[there], low, high, last)]
            calibrating = np.flatnonzero(_inside(z_known, low, high, last))
            _check_bin(number, (low, high), len(chosen), len(calibrating), weights[calibrating])
            found = self._bin(
                number,
                Redshifts.from_shares(shares[chosen]),
                {judge: Redshifts.from_values(values[chosen]) for judge, values in judges.items()},
                Redshifts.from_shares(shares_known[calibrating]),
                Redshifts.from_values(z_true[calibrating]),
                weights[calibrating],
            )
            stacks |= {(number, name): stack for name, stack in found.items()}
            span = {"bin": number, "z_low": low, "z_high": high, "n": len(chosen)}
            effective = effective_number(weights[calibrating])
            span |= {"n_calibration": len(calibrating), "n_effective": effective}
            if effective < min(FEW_EFFECTIVE, 0.5 * len(calibrating)):
                logger.warning(
                    "Bin %d: weighted to be like these galaxies, the %d with known redshift count "
                    "as %.0f; do not trust its reweighted n(z). Calibrate on galaxies like these",
                    *(number, len(calibrating), effective),
                )
            rows += [
                span | {"method": method} | _numbers(found[method], judge, found.get(judge))
                for method in METHODS
                for judge in judges or [None]
            ]
        return pd.DataFrame(rows), stacks

    def _look_at(self, estimator: PhotoZ, galaxies: pd.DataFrame) -> tuple[np.ndarray, ...]:
        """Return estimates and distributions of both samples, and weights of the calibration's."""
        sample = estimator.sample
        known = pd.DataFrame(sample.inputs, columns=list(sample.columns))
        found = []
        for table in (galaxies, known):
            photo, shares = estimator.predict(table, edges=PDF_EDGES)
            found += [photo[self.point].to_numpy(np.float64), shares]
        inputs = galaxies[list(sample.columns)].to_numpy(np.float64)[np.isfinite(found[0])]
        inputs = sample.completion.fill(np.where(np.isfinite(inputs), inputs, np.nan))
        weights = neighbour_weights(
            colour_magnitude(sample.inputs, sample.columns),
            colour_magnitude(inputs, sample.columns),
            self.neighbours,
        )
        return *found, weights

    def _bin(
        self,
        number: int,
        galaxies: Redshifts,
        judges: Mapping[str, Redshifts],
        stacked: Redshifts,
        known: Redshifts,
        weights: np.ndarray,
    ) -> dict[str, Stacks]:
        """Return the n(z) of one bin by method and judge; weights are not drawn anew."""
        generator = np.random.default_rng([self.seed, number])
        draws, draws_known = (
            np.vstack([np.ones(n), generator.poisson(1.0, (self.bootstrap, n))]).astype(np.float32)
            for n in (len(galaxies.mean), len(known.mean))
        )
        found = {judge: values.averaged(draws) for judge, values in judges.items()}
        found["stacked"] = galaxies.averaged(draws)
        for name, weight in (("", np.float32(1)), (", reweighted", weights.astype(np.float32))):
            direct = known.averaged(draws_known * weight)
            error = direct.mean - stacked.averaged(draws_known * weight).mean
            found["shifted" + name] = found["stacked"].shifted(error)
            found["direct" + name] = direct
        return found


def _inside(z: np.ndarray, low: float, high: float, closed: bool) -> np.ndarray:
    return (z >= low) & ((z <= high) if closed else (z < high))


def _check_bin(
    number: int, span: tuple[float, float], n: int, n_known: int, weights: np.ndarray
) -> None:
    if n < 2 or n_known < 2 or np.count_nonzero(weights) < 2:
        raise InputError(
            "too few galaxies in a bin of photometric redshift",
            key="tomography.edges",
            found=f"{n} galaxies and {n_known} to calibrate with in bin {number}, "
            f"{span[0]:.3g} to {span[1]:.3g}",
            expected="some of both",
            fix="use fewer bins, or other edges",
        )


def _numbers(stack: Stacks, judge: str | None, truth: Stacks | None) -> dict[str, object]:
    """Return mean and width of an n(z), and those of the judge's."""
    found: dict[str, object] = {
        "mean": float(stack.mean[0]),
        "mean_error": stack.error("mean"),
        "width": float(stack.width[0]),
        "width_error": stack.error("width"),
        "judged_by": judge,
    }
    if truth is None:
        return found
    # The same draws of galaxies in both: what they have in common is no error of the difference.
    bias = (stack.mean - truth.mean) / (1.0 + truth.mean)
    found |= {"mean_true": float(truth.mean[0]), "width_true": float(truth.width[0])}
    found |= {"bias": float(bias[0]), "bias_error": float(bias[1:].std(ddof=1))}
    return found | {
        year: verdict(found["bias"], found["bias_error"], limit)
        for year, limit in MEAN_REQUIREMENTS.items()
    }


def write_tomography(
    measured: Mapping[str, tuple[pd.DataFrame, Mapping[tuple[int, str], Stacks]]],
    bins: str | Path,
    nz: str | Path,
) -> None:
    """Write the numbers as CSV and the n(z), all methods and judges, as qp's ensemble.

    Its ``ancil`` has, as `name`, data set, bin and method, as in the table.
    """
    whole = pd.concat({name: table for name, (table, _) in measured.items()}, names=["dataset"])
    write_csv(whole.reset_index("dataset"), bins)
    with DistributionWriter(nz, PDF_EDGES, identifier="name") as output:
        for name, (_, stacks) in measured.items():
            names = [f"{name}, bin {number}, {method}" for number, method in stacks]
            output.write(np.array(names, object), [stack.shares[0] for stack in stacks.values()])
