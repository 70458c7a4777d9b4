"""Select from the metrics of the study of spectra; names and colours in its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.products import read_csv
from transferz.evaluation.over_seeds import summarise
from transferz.spectra.studies import AXES, MEMBER_KEYS, REGRESSION, SQUARED_ERROR, Member

NOTE = (
    "These are not real spectra: every number here was measured on simulated spectra of a "
    "Euclid-like grism."
)

FAILURE_LIMIT = 0.01
"""|z_pred - z_true| / (1 + z_true) beyond which a spectroscopic redshift has failed."""

CLASSICAL = ("template_fit", "cross_correlation")
NAMES = {
    REGRESSION: "Regression",
    "template_fit": "Template fit",
    "cross_correlation": "Cross-correlation",
    "hard_cross_entropy": "hard cross-entropy",
    "soft_cross_entropy": "soft cross-entropy",
    "jensen_shannon": "Jensen-Shannon",
    "jensen_shannon_entropy": "JS + entropy",
    "jensen_shannon_strong_entropy": "JS + strong entropy",
    "value": "regression",
    "mode": "most probable",
    "mean": "expectation",
    "below": "redshift below range",
    "above": "redshift above range",
    "quasar": "quasars",
    "test": "test spectra",
}
METRIC_LABELS = {
    "mse": "MSE",
    "mae": "MAE",
    "r2": "R²",
    "median_error": "median error",
    "failure_fraction": "failures",
    "crps": "CRPS",
    "pit_distance": "PIT distance",
    "coverage_68": "coverage of 68% interval",
    "ece": "ECE",
    "width_68": "width of 68% interval",
}
NETWORK_AXES = AXES[1:]
POINT_COLUMNS = ["metric", "n_seeds", "mean", "spread"]
METRIC_DEFINITIONS = {
    "mse": "mean of (z_pred - z_true)^2",
    "mae": "mean of |z_pred - z_true|",
    "r2": "1 - MSE / variance of z_true",
    "median_error": "median of |z_pred - z_true|",
    "failure_fraction": f"fraction with |z_pred - z_true| / (1 + z_true) > {FAILURE_LIMIT}",
}


def read_metrics(path: str | Path) -> pd.DataFrame:
    """Read spectra/metrics.csv.

    Raises
    ------
    InputError
        If the file is missing or lacks a column.
    """
    columns = [*MEMBER_KEYS, "estimator", "mse", "mae", "r2"]
    return read_csv(path, columns, what="table of metrics", rule="spectra_evaluate")


def head_keys(head: str | int) -> dict[str, object]:
    """Columns that say which head: `regression`, a classical method, or a number of classes."""
    if head in (REGRESSION, *CLASSICAL):
        return {"head": head}
    return {"head": "classification", "classes": int(head)}


def head_name(head: str | int) -> str:
    """Display name of a head."""
    return NAMES.get(head, f"{head} classes")


def noise_name(snr: float) -> str:
    """Display name of a S/N per pixel."""
    return "noiseless" if np.isinf(snr) else f"S/N {snr:g}"


def select(
    table: pd.DataFrame, default: Mapping[str, object], head: str | int, **axes: object
) -> pd.DataFrame:
    """Rows of one kind of network: the default but for `axes`; any seed.

    Parameters
    ----------
    table : pandas.DataFrame
        Metrics or predictions.
    default : mapping
        ``spectra.default``.
    head : str or int
    **axes
        Values of other columns, such as ``n_train=1000`` or ``estimator="mode"``.
    """
    wanted = {name: default[name] for name in NETWORK_AXES}
    if head == REGRESSION:
        wanted["loss"] = SQUARED_ERROR
    wanted |= head_keys(head) | axes
    if head in CLASSICAL:
        wanted = {name: wanted[name] for name in ("head", "snr", "estimator") if name in wanted}
    chosen = pd.Series(True, index=table.index)
    for name, value in wanted.items():
        chosen &= table[name] == value
    return table[chosen]


def best_estimator(head: str | int) -> str:
    """Return the estimator that stands for a head: the value, or the most probable class."""
    return "value" if head == REGRESSION else "mode"


def points_of(
    key: tuple[object, ...], chosen: pd.DataFrame, metrics: Sequence[str]
) -> list[tuple[object, ...]]:
    """Return a row of `key` and `POINT_COLUMNS` per metric; none if no network is there."""
    if chosen.empty:
        return []
    found = {metric: summarise(chosen[metric]) for metric in metrics}
    return [(*key, metric, one.n, one.mean, one.spread) for metric, one in found.items()]


def sizes_note(metrics: pd.DataFrame, points: pd.DataFrame) -> str:
    """Return how many seeds the points of a figure have, and how many test spectra."""
    low, high = points["n_seeds"].min(), points["n_seeds"].max()
    seeds = f"{low}" if low == high else f"{low} to {high}"
    return f"{seeds} seeds, {metrics['n'].max():,} test spectra."


def members_of(
    default: Mapping[str, object], head: int, seeds: Sequence[int], **axes: object
) -> list[Member]:
    """Networks of one classification head for several seeds."""
    keys = {name: default[name] for name in NETWORK_AXES} | axes
    return [Member("classification", int(head), seed=seed, **keys) for seed in seeds]
