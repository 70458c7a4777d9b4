"""What a probability distribution over redshift classes is worth: calibration and sharpness.

A distribution over classes is a histogram density over redshift: flat within a class, so that its
cumulative distribution is linear between the classes' edges. Entropies are in nats.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

TINY = 1e-12
CENTRAL_68 = (0.15865, 0.84135)
CENTRAL_95 = (0.025, 0.975)


def cumulative(probability: np.ndarray) -> np.ndarray:
    """Cumulative distribution at the edges of the classes, shape (n, k + 1), from 0 to 1."""
    total = np.cumsum(probability, axis=1)
    edges = np.zeros((len(probability), probability.shape[1] + 1))
    edges[:, 1:] = total / total[:, -1:]
    return edges


def probability_integral_transform(
    probability: np.ndarray, edges: np.ndarray, z_true: np.ndarray
) -> np.ndarray:
    """PIT: the cumulative distribution at the true redshift, uniform on [0, 1] if calibrated.

    Parameters
    ----------
    probability : numpy.ndarray
        Shape (n, k).
    edges : numpy.ndarray
        Redshift edges of the classes, shape (k + 1,), increasing.
    z_true : numpy.ndarray
        Shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    levels = cumulative(probability)
    place = np.clip(np.searchsorted(edges, z_true, side="right") - 1, 0, len(edges) - 2)
    share = np.clip((z_true - edges[place]) / (edges[place + 1] - edges[place]), 0.0, 1.0)
    rows = np.arange(len(z_true))
    return levels[rows, place] + share * (levels[rows, place + 1] - levels[rows, place])


def quantile(probability: np.ndarray, edges: np.ndarray, level: float) -> np.ndarray:
    """Redshift below which a share `level` of the probability lies, shape (n,)."""
    levels = cumulative(probability)
    place = np.clip((levels <= level).sum(axis=1) - 1, 0, probability.shape[1] - 1)
    rows = np.arange(len(probability))
    height = levels[rows, place + 1] - levels[rows, place]
    share = np.clip((level - levels[rows, place]) / np.maximum(height, TINY), 0.0, 1.0)
    return edges[place] + share * (edges[place + 1] - edges[place])


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
    inside = (score * widths).sum(axis=1)
    outside = np.maximum(edges[0] - z_true, 0.0) + np.maximum(z_true - edges[-1], 0.0)
    return inside + outside


def entropy(probability: np.ndarray) -> np.ndarray:
    """Shannon entropy over the last axis, in nats; 0 log 0 is 0."""
    return -np.sum(probability * np.log(np.maximum(probability, TINY)), axis=-1)


def summarise(probability: np.ndarray, edges: np.ndarray, z_true: np.ndarray) -> pd.DataFrame:
    """Point estimates and calibration of each distribution.

    Parameters
    ----------
    probability : numpy.ndarray
        Shape (n, k), rows sum to 1.
    edges : numpy.ndarray
        Shape (k + 1,).
    z_true : numpy.ndarray
        Shape (n,).

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
    best = probability.argmax(axis=1)
    truth = np.clip(np.searchsorted(edges, z_true, side="right") - 1, 0, len(widths) - 1)
    rows = np.arange(len(z_true))
    at_truth = np.maximum(probability[rows, truth], TINY)
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


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = 10
) -> float:
    """ECE: mean distance between confidence and accuracy, weighted by the number in each bin.

    Guo et al. (2017, ICML, eq. 3), equal bins of the confidence.
    """
    place = np.clip((np.asarray(confidence) * bins).astype(int), 0, bins - 1)
    gap = np.bincount(place, np.asarray(confidence) - np.asarray(correct), bins)
    return float(np.abs(gap).sum() / len(place))


def coverage(pit: np.ndarray, interval: tuple[float, float]) -> float:
    """Share of truths within the central interval between two levels."""
    return float(np.mean((pit >= interval[0]) & (pit <= interval[1])))


def pit_distance(pit: np.ndarray) -> float:
    """Largest distance between the PIT's distribution and the uniform (Kolmogorov-Smirnov)."""
    ordered = np.sort(pit)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def decompose(members: np.ndarray) -> dict[str, np.ndarray]:
    """Tell an ensemble's uncertainty apart.

    The entropy of the mean distribution is the mean entropy of the members (aleatoric: what each
    of them is unsure of) plus their mutual information (epistemic: what they disagree about).
    Depeweg et al. (2018, ICML), Lakshminarayanan et al. (2017, NeurIPS).

    Parameters
    ----------
    members : numpy.ndarray
        Shape (n_members, n, k), rows sum to 1.

    Returns
    -------
    dict of str to numpy.ndarray
        `total`, `aleatoric`, `epistemic`, each of shape (n,), nats; epistemic >= 0.
    """
    total = entropy(members.mean(axis=0))
    aleatoric = entropy(members).mean(axis=0)
    return {
        "total": total,
        "aleatoric": aleatoric,
        "epistemic": np.maximum(total - aleatoric, 0.0),
    }
