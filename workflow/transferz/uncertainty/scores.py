"""What distributions of redshift are worth: coverage, PIT, CRPS, CDE loss, by one definition each.

A distribution over classes is a histogram density over redshift: flat within a class, so that its
cumulative distribution is linear between the classes' edges. Entropies are in nats. No TensorFlow.

Shapes are the same throughout: `probability` (n, k), rows sum to 1; `edges` of the classes in
redshift, increasing, (k + 1,); `z_true`, a label or the truth, (n,).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError

# Stands for a probability of zero, and for its share of a class.
FLOOR = 1e-12
# Ends of the central intervals of distributions over classes: one sigma of a Gaussian, and 95%.
CENTRAL_68 = (0.15865, 0.84135)
CENTRAL_95 = (0.025, 0.975)
# Classes of the histograms of the PIT: even, so that central intervals end on their edges.
PIT_BINS = 100
# Galaxies whose distributions are scored at a time.
SCORED_ROWS = 1 << 15


def cumulative(probability: np.ndarray) -> np.ndarray:
    """Cumulative distribution at the edges of the classes, shape (n, k + 1), from 0 to 1."""
    total = np.cumsum(probability, axis=1)
    edges = np.zeros((len(probability), probability.shape[1] + 1))
    edges[:, 1:] = total / total[:, -1:]
    return edges


def class_of(edges: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the class that each redshift is in, shape (n,); the nearest one outside the edges."""
    return np.clip(np.searchsorted(edges, z, side="right") - 1, 0, len(edges) - 2)


def quantile(probability: np.ndarray, edges: np.ndarray, level: float | np.ndarray) -> np.ndarray:
    """Redshift below which a share `level` (one or (n,)) of the probability lies, shape (n,)."""
    return crossing(cumulative(probability), edges, level)


def crossing(levels: np.ndarray, edges: np.ndarray, level: float | np.ndarray) -> np.ndarray:
    """Return `quantile` of distributions given as `cumulative`, shape (n, k + 1)."""
    place = (levels <= np.reshape(level, (-1, 1))).sum(axis=1) - 1
    place = np.clip(place, 0, levels.shape[1] - 2)
    rows = np.arange(len(levels))
    height = levels[rows, place + 1] - levels[rows, place]
    share = np.clip((level - levels[rows, place]) / np.maximum(height, FLOOR), 0.0, 1.0)
    return edges[place] + share * (edges[place + 1] - edges[place])


# ------------------------------------------------------------------------ scores of each galaxy


def inside(values: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """Return whether each value is in its interval, both ends included, shape (n,).

    Redshifts with intervals of redshift, or values of the PIT with intervals of its levels.
    """
    return (values >= low) & (values <= high)


def probability_integral_transform(
    probability: np.ndarray, edges: np.ndarray, z_true: np.ndarray
) -> np.ndarray:
    """PIT, shape (n,): the cumulative distribution at the truth, uniform on [0, 1] if calibrated.

    `conformal.Conformal.pit` is the same of calibrated distributions.
    """
    levels = cumulative(probability)
    place = class_of(edges, z_true)
    share = np.clip((z_true - edges[place]) / (edges[place + 1] - edges[place]), 0.0, 1.0)
    rows = np.arange(len(z_true))
    return levels[rows, place] + share * (levels[rows, place + 1] - levels[rows, place])


def continuous_ranked_probability_score(
    probability: np.ndarray, edges: np.ndarray, z_true: np.ndarray
) -> np.ndarray:
    """CRPS = integral of (F(z) - [z >= z_true])^2 dz, exact for a piecewise linear F; shape (n,).

    Gneiting & Raftery (2007, JASA 102, 359, eq. 20). Has the unit of a redshift and equals the
    absolute error when the distribution is a point.
    """
    levels = cumulative(probability)
    at_truth = probability_integral_transform(probability, edges, z_true)[:, None]
    widths = np.diff(edges)
    # A class is cut at the truth: F counts below it, 1 - F above it.
    below = np.clip((z_true[:, None] - edges[:-1]) / widths, 0.0, 1.0)
    low, high = levels[:, :-1], levels[:, 1:]
    middle = np.clip(at_truth, low, high)

    def square(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a * a + a * b + b * b) / 3.0

    score = below * square(low, middle) + (1.0 - below) * square(1.0 - middle, 1.0 - high)
    within = (score * widths).sum(axis=1)
    outside = np.maximum(edges[0] - z_true, 0.0) + np.maximum(z_true - edges[-1], 0.0)
    return within + outside


def density_loss(probability: np.ndarray, edges: np.ndarray, z_true: np.ndarray) -> np.ndarray:
    """CDE loss of each galaxy, up to a constant, shape (n,); smaller is better.

    Integral of f(z)^2 dz - 2 f(z_true), whose mean estimates the squared distance to the true
    conditional density (Izbicki & Lee 2017, eq. 7; RAIL's ``CDELoss``).
    """
    widths, place = np.diff(edges), class_of(edges, z_true)
    at_truth = probability[np.arange(len(z_true)), place] / widths[place]
    return (probability**2 / widths).sum(axis=1) - 2.0 * at_truth


def region_level(probability: np.ndarray, edges: np.ndarray, z_true: np.ndarray) -> np.ndarray:
    """Probability of all redshifts that are more probable than the truth, shape (n,).

    The highest-density region of probability p, which may have several parts, holds the truth if
    this is at most p; uniform on [0, 1] if calibrated (Dalmasso et al. 2020, section 3.3). Half of
    the truth's own class counts.
    """
    density = probability / np.diff(edges)
    rows, place = np.arange(len(z_true)), class_of(edges, z_true)
    denser = density > density[rows, place][:, None]
    return (probability * denser).sum(axis=1) + 0.5 * probability[rows, place]


def entropy(probability: np.ndarray) -> np.ndarray:
    """Shannon entropy over the last axis, in nats; 0 log 0 is 0."""
    return -np.sum(probability * np.log(np.maximum(probability, FLOOR)), axis=-1)


def describe(probability: np.ndarray, edges: np.ndarray, z_true: np.ndarray) -> pd.DataFrame:
    """Point estimates and scores of each distribution.

    Returns
    -------
    pandas.DataFrame
        float32 columns: `z_mode` (centre of the most probable class), `z_mean` (expectation over
        the centres), `pit`, `log_density` (of the true redshift, per unit redshift), `crps`,
        `entropy` (of the density over redshift, comparable between numbers of classes: that of
        the classes plus the log of their width), `width_68` (of the central interval),
        `confidence` (largest class probability) and `correct` (whether the truth is in that
        class).
    """
    centres, widths = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    best, truth = probability.argmax(axis=1), class_of(edges, z_true)
    rows = np.arange(len(z_true))
    at_truth = np.maximum(probability[rows, truth], FLOOR)
    low, high = (quantile(probability, edges, level) for level in CENTRAL_68)
    columns = {
        "z_mode": centres[best],
        "z_mean": probability @ centres,
        "pit": probability_integral_transform(probability, edges, z_true),
        "log_density": np.log(at_truth / widths[truth]),
        "crps": continuous_ranked_probability_score(probability, edges, z_true),
        "entropy": entropy(probability) + probability @ np.log(widths),
        "width_68": high - low,
        "confidence": probability[rows, best],
        "correct": best == truth,
    }
    return pd.DataFrame({name: values.astype(np.float32) for name, values in columns.items()})


def score_galaxies(probability: np.ndarray, edges: np.ndarray, z_true: np.ndarray) -> pd.DataFrame:
    """Return the scores of each distribution, block by block of galaxies.

    Returns
    -------
    pandas.DataFrame
        ``crps``, ``cde_loss``, ``pit`` and ``width_68``: the central interval over 1 + its median.
    """
    parts = []
    for start in range(0, len(z_true), SCORED_ROWS):
        rows = slice(start, start + SCORED_ROWS)
        scored = (probability[rows].astype(np.float64), edges, z_true[rows])
        low, median, high = (
            quantile(*scored[:2], level) for level in (CENTRAL_68[0], 0.5, CENTRAL_68[1])
        )
        columns = {
            "crps": continuous_ranked_probability_score(*scored),
            "cde_loss": density_loss(*scored),
            "pit": probability_integral_transform(*scored),
            WIDTH: (high - low) / (1.0 + median),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


# ------------------------------------------------------------------------ scores of many galaxies


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


def coverage(values: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> float:
    """Return the share of values in their intervals, see `inside`; NaN of no value."""
    return float(inside(values, low, high).mean()) if len(values) else float("nan")


def central_coverage(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nominal share and the coverage of central intervals, of a histogram of the PIT.

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


def pit_distance(pit: np.ndarray) -> float:
    """Largest distance between the PIT's distribution and the uniform (Kolmogorov-Smirnov)."""
    ordered = np.sort(pit)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def mean_scores(galaxies: pd.DataFrame) -> dict[str, float]:
    """Return `SCORES` and `WIDTH` of many galaxies: of the losses the mean, the median width.

    Parameters
    ----------
    galaxies : pandas.DataFrame
        Of `score_galaxies`.
    """
    pit = galaxies["pit"].to_numpy()
    return {
        "crps": float(galaxies["crps"].mean()),
        "cde_loss": float(galaxies["cde_loss"].mean()),
        "pit_distance": pit_distance(pit),
        "coverage_68": coverage(pit, *CENTRAL_68),
        "coverage_95": coverage(pit, *CENTRAL_95),
        WIDTH: float(galaxies[WIDTH].median()),
    }


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = 10
) -> float:
    """ECE: mean distance between confidence and accuracy, weighted by the number in each bin.

    Guo et al. (2017, ICML, eq. 3), equal bins of the confidence.
    """
    place = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    gap = np.bincount(place, np.asarray(confidence) - np.asarray(correct), bins)
    return float(np.abs(gap).sum() / len(place))


def decompose(members: np.ndarray) -> dict[str, np.ndarray]:
    """Tell an ensemble's uncertainty apart.

    The entropy of the mean distribution is the mean entropy of the members (aleatoric: what each
    of them is unsure of) plus their mutual information (epistemic: what they disagree about).
    Depeweg et al. (2018, ICML), Lakshminarayanan et al. (2017, NeurIPS).

    Parameters
    ----------
    members : numpy.ndarray, shape (n_members, n, k)

    Returns
    -------
    dict of str to numpy.ndarray, shape (n,)
        `total`, `aleatoric`, `epistemic`, nats; epistemic >= 0.
    """
    total = entropy(members.mean(axis=0))
    aleatoric = entropy(members).mean(axis=0)
    return {
        "total": total,
        "aleatoric": aleatoric,
        "epistemic": np.maximum(total - aleatoric, 0.0),
    }


def read_scores(paths: Sequence[str | Path] | None) -> pd.DataFrame:
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
