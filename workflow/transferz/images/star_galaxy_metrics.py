"""Scores of star-galaxy classifiers as Kim & Brunner (2017, MNRAS 464, 4463) define them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss, log_loss, precision_recall_curve, roc_auc_score

COMPLETENESS, PURITY = 0.96, 0.97
"""Of galaxies and of stars: what weak lensing and a point-spread function ask for."""

BINS_PER_SAMPLE = 15
"""The published calibration error has bins of 1,000 of 15,000 test objects."""

METRIC_NAMES = {
    "auc": "AUC",
    "mse": "MSE",
    "galaxy_purity": "Galaxy purity at completeness 0.96",
    "star_completeness": "Star completeness at purity 0.97",
    "calibration_error": "Calibration error",
    "log_loss": "Log loss",
    "area_lost": "1 - AUC",
}

CLASSIFIERS = {"convnet": "ConvNet", "trees": "Trees", "extendedness": "Extendedness of the survey"}

PUBLISHED = {
    ("SDSS", "convnet"): (0.9952, 0.0182, 0.9915, 0.9500, 0.0243, 0.0731),
    ("SDSS", "trees"): (0.9967, 0.0099, 0.9977, 0.9810, 0.0254, 0.0914),
    ("CFHTLenS", "convnet"): (0.9948, 0.0112, 0.9972, 0.8971, 0.0197, 0.0441),
    ("CFHTLenS", "trees"): (0.9924, 0.0109, 0.9963, 0.9268, 0.0245, 0.0809),
}
"""In the order of `METRIC_NAMES`; trees are those with morphology (TPC_morph)."""

DIFFERENCES = {
    "SDSS": "Real images in ugriz, seeing about 1.4 arcsec, bright: spectra are the labels. 40,000 "
    "training objects, 750 epochs, the full widths.",
    "CFHTLenS": "Real images in ugriz, seeing about 0.7 arcsec: spectra are the labels, so that "
    "faint objects are few. The same sizes.",
    "ours": "Simulated images in grizy, Gaussian seeing of 0.6 arcsec in all bands, smooth "
    "profiles, to i = {faint:g}, with true labels. {train:,} training objects, {stars:.0%} of them "
    "stars, {epochs} epochs, {width:g} of the widths.",
    "files": "Images and labels of the user's file. {train:,} training objects, {epochs} epochs, "
    "{width:g} of the widths.",
}


def galaxy_purity(label: np.ndarray, probability: np.ndarray) -> float:
    """Purity of galaxies at the threshold whose completeness is nearest to `COMPLETENESS`.

    NaN if none comes within 0.02 of it: a yes or no has few thresholds.
    """
    purity, completeness, _ = precision_recall_curve(label, probability)
    nearest = np.abs(completeness - COMPLETENESS).argmin()
    close = abs(completeness[nearest] - COMPLETENESS) < 0.02
    return float(purity[nearest]) if close else float("nan")


def star_completeness(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the largest completeness of stars with a purity of `PURITY` at least, or 0."""
    purity, completeness, _ = precision_recall_curve(1 - label, 1.0 - probability)
    return float(completeness[:-1][purity[:-1] >= PURITY].max(initial=0.0))


def calibration_error(label: np.ndarray, probability: np.ndarray, size: int) -> float:
    """Mean of |P - share of galaxies| in overlapping bins of `size` objects ordered by P.

    The sum over a bin is divided by its size, as in the public code.
    """
    order = np.argsort(probability, kind="stable")
    label, probability = label[order], probability[order]
    bins = np.lib.stride_tricks.sliding_window_view
    size = min(size, len(label))
    share = bins(label, size).mean(axis=1)
    return float(np.abs(bins(probability, size) - share[:, None]).mean())


def scores(label: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return all of `METRIC_NAMES` of probabilities that objects are galaxies, shape (n,).

    NaN where there are no stars or no galaxies.
    """
    if len(np.unique(label)) < 2:
        return dict.fromkeys(METRIC_NAMES, float("nan"))
    auc = float(roc_auc_score(label, probability))
    size = max(1, len(label) // BINS_PER_SAMPLE)
    values = (
        *(auc, brier_score_loss(label, probability), galaxy_purity(label, probability)),
        star_completeness(label, probability),
        calibration_error(label, probability, size),
        log_loss(label, np.clip(probability, 1e-7, 1.0 - 1e-7)),
        1.0 - auc,
    )
    return dict(zip(METRIC_NAMES, map(float, values), strict=True))


def by_magnitude(predictions: pd.DataFrame, edges: Sequence[float]) -> pd.DataFrame:
    """Return the scores of every classifier and seed on the test sample, whole and by magnitude.

    Parameters
    ----------
    predictions : pandas.DataFrame
        ``classifier, seed, sample, label, magnitude_i, probability``.
    edges : sequence of float
        Of the bins of magnitude.

    Returns
    -------
    pandas.DataFrame
        ``classifier, seed, low, high, n, n_stars`` and the metrics; the first bin is the whole.
    """
    test, rows = predictions[predictions["sample"] == "test"], []
    for (name, seed), part in test.groupby(["classifier", "seed"], sort=False):
        for low, high in [(-np.inf, np.inf), *itertools.pairwise(edges)]:
            inside = part if np.isinf(low) else part[part["magnitude_i"].between(low, high, "left")]
            label, probability = inside["label"].to_numpy(), inside["probability"].to_numpy()
            row = {"classifier": name, "seed": seed, "low": low, "high": high, "n": len(inside)}
            row |= {"n_stars": int((label == 0).sum())}
            rows.append(row | scores(label, probability))
    return pd.DataFrame(rows)
