"""What the networks' distributions are worth, beside the labels they were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon

from transferz.core.products import read_csv
from transferz.images.lens_labels import BINS
from transferz.uncertainty.scores import (
    CENTRAL_68,
    coverage,
    describe,
    entropy,
    pit_distance,
    quantile,
)

# Bins of a label in the middle of the published range of shifts.
TYPICAL_BINS = 17
LABELLED_NAMES = {"log_a": "log A", "beta": "beta"}
SCORE_NAMES = {
    "mae": "Mean absolute error",
    "label_mae": "Mean absolute error, label",
    "correlation": "Correlation with the truth",
    "width_68": "Width of the 68% interval",
    "label_width_68": "Width of the 68% interval, label",
    "coverage_68": "68% coverage",
    "pit_distance": "PIT distance",
    "jensen_shannon": "JS(Q, P)",
    "entropy": "H(P)",
    "within_width_68": "Width of the 68% interval within the label",
    "within_coverage_68": "68% coverage within the label",
    "within_mae": "Mean absolute error within the label",
}
# The note of pages and captions.
LENSES_NOTE = "Simulated lenses, not those of the paper."


def within_labels(probability: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Distributions cut to the labels' bins and normalised: the labels at a finer resolution.

    A distribution without any probability there gives the label back. Shapes (n, bins).
    """
    product = probability.astype(float) * labels
    total = product.sum(axis=1, keepdims=True)
    return np.where(total > 0, product / np.where(total > 0, total, 1.0), labels)


def mean_width(probability: np.ndarray, edges: np.ndarray) -> float:
    """Mean width of the central 68% intervals."""
    low, high = (quantile(probability, edges, level) for level in CENTRAL_68)
    return float((high - low).mean())


def scores_of(
    probability: np.ndarray, labels: np.ndarray, edges: np.ndarray, truth: np.ndarray
) -> dict[str, float]:
    """Scores of many copies for one parameter; the keys are those of `SCORE_NAMES`.

    Parameters
    ----------
    probability, labels : numpy.ndarray, shape (n, bins)
        P, and Q.
    edges : numpy.ndarray, shape (bins + 1,)
    truth : numpy.ndarray, shape (n,)
    """
    probability, labels = probability.astype(float), labels.astype(float)
    centres = 0.5 * (edges[1:] + edges[:-1])
    within = within_labels(probability, labels)
    own, cut = describe(probability, edges, truth), describe(within, edges, truth)
    mean = probability @ centres
    # JS is 0 for two equal distributions, where rounding makes a root of less.
    divergence = np.nan_to_num(jensenshannon(labels, probability, axis=1)) ** 2
    return {
        "mae": float(np.abs(mean - truth).mean()),
        "label_mae": float(np.abs(labels @ centres - truth).mean()),
        "correlation": float(np.corrcoef(mean, truth)[0, 1]),
        "width_68": mean_width(probability, edges),
        "label_width_68": mean_width(labels, edges),
        "coverage_68": coverage(own["pit"].to_numpy(), *CENTRAL_68),
        "pit_distance": pit_distance(own["pit"].to_numpy()),
        "jensen_shannon": float(divergence.mean()),
        "entropy": float(entropy(probability).mean()),
        "within_width_68": mean_width(within, edges),
        "within_coverage_68": coverage(cut["pit"].to_numpy(), *CENTRAL_68),
        "within_mae": float(np.abs(within @ centres - truth).mean()),
    }


def loss_values(losses: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return each loss of four answers to a label of `TYPICAL_BINS`; a column per loss.

    JS is never above ln 2 and H(P) may reach ln 50, so that a sure answer can cost less than the
    label itself, even a wrong one.
    """
    label = np.r_[np.full(TYPICAL_BINS, 1.0 / TYPICAL_BINS), np.zeros(BINS - TYPICAL_BINS)]
    answers = {
        "the label itself": label,
        "one bin of the label": np.eye(BINS)[0],
        "one bin outside the label": np.eye(BINS)[-1],
        "all bins alike": np.full(BINS, 1.0 / BINS),
    }
    rows = {}
    for name, answer in answers.items():
        terms = (jensenshannon(label, answer) ** 2, float(entropy(answer[None])[0]))
        rows[name] = {
            loss: entry["jensen_shannon"] * terms[0] + entry["entropy"] * terms[1]
            for loss, entry in losses.items()
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def read_metrics(path: str | Path) -> pd.DataFrame:
    """Read lenses/metrics.csv."""
    keys = ["study", "seed", "sample", "parameter"]
    return read_csv(path, [*keys, *SCORE_NAMES], what="table of metrics", rule="lenses_evaluate")
