"""Estimates to compare the networks with: no photometry at all, and scikit-learn's regressors.

All are trained on the same rows as the networks and predict the same test sets.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from transferz.core.products import read_parquet
from transferz.evaluation.predictions import PREDICTION_COLUMNS
from transferz.networks.features import REDSHIFT, feature_matrix, select_split, target_vector

logger = logging.getLogger(__name__)

SAMPLES = ("source", "target", "combo")
TEST_SETS = ("source", "target")
BASELINE_KINDS = {
    "null": "Training n(z)",
    "forest": "Random forest",
    "boosting": "Gradient boosting",
    "neighbours": "Nearest neighbours",
}


def read_split(
    path: str | Path, split: str, columns: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs, true redshifts and identifiers of a split.

    Returns
    -------
    values : numpy.ndarray, shape (n, n_columns), float32
    z_true : numpy.ndarray, shape (n,), float32
    object_id : numpy.ndarray, shape (n,)
    """
    table = read_parquet(path, ["object_id", *columns, REDSHIFT, "split"])
    rows = select_split(table, split, file=path)
    values = feature_matrix(rows, columns, file=path)
    return values, target_vector(rows, file=path)[:, 0], rows["object_id"].to_numpy()


def colours_and_magnitude(values: np.ndarray) -> np.ndarray:
    """Return the differences of neighbouring columns, and the middle column; the same shape."""
    return np.column_stack([-np.diff(values, axis=1), values[:, values.shape[1] // 2]])


def estimator(kind: str, settings: Mapping[str, float], seed: int, threads: int) -> RegressorMixin:
    """Return an estimate that is not fitted yet.

    Parameters
    ----------
    kind : str
        One of `BASELINE_KINDS`. ``null`` gives every galaxy the median redshift of the training
        rows: the point estimate of RAIL's ``trainZ``, with the median for the mode, which depends
        on a bin width. ``neighbours`` takes the mean redshift of the nearest rows in colours and
        magnitude.
    settings : mapping
        Keyword arguments of scikit-learn's estimator.
    seed, threads : int
    """
    if kind == "forest":
        return RandomForestRegressor(**settings, random_state=seed, n_jobs=threads)
    if kind == "boosting":
        return HistGradientBoostingRegressor(**settings, early_stopping=False, random_state=seed)
    if kind == "neighbours":
        return make_pipeline(
            FunctionTransformer(colours_and_magnitude), KNeighborsRegressor(**settings)
        )
    return DummyRegressor(strategy="median")


def prediction_table(
    name: str,
    seed: int,
    tests: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    z_pred: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Return predictions in the form of the networks' files.

    Parameters
    ----------
    name : str
        Of the estimate, in the column ``strategy``.
    seed : int
    tests : mapping
        Data set to `read_split` of its test rows.
    z_pred : mapping
        Data set to predicted redshifts, in the same order.
    """
    parts = []
    for dataset, (_, z_true, object_id) in tests.items():
        columns = {"dataset": dataset, "object_id": object_id, "z_true": z_true}
        parts.append(pd.DataFrame(columns | {"z_pred": z_pred[dataset].astype(np.float32)}))
    if len({part["object_id"].dtype for part in parts}) > 1:
        parts = [part.astype({"object_id": str}) for part in parts]
    table = pd.concat(parts, ignore_index=True).assign(strategy=name, seed=np.int32(seed))
    return table[PREDICTION_COLUMNS]


def predict_samples(
    kind: str,
    paths: Mapping[str, str | Path],
    columns: Sequence[str],
    settings: Mapping[str, float],
    *,
    seeds: int,
    threads: int,
) -> pd.DataFrame:
    """Train on each sample and predict both test sets; the same bits with any number of threads.

    Parameters
    ----------
    kind : str
        One of `BASELINE_KINDS`; the column ``strategy`` is ``{kind}-{sample}``.
    paths : mapping
        Split catalogue of each of `SAMPLES`.
    columns : sequence of str
        Inputs.
    settings, threads
        See `estimator`.
    seeds : int
        Estimates per sample.

    Returns
    -------
    pandas.DataFrame
        `prediction_table` of all.
    """
    tests = {name: read_split(paths[name], "test", columns) for name in TEST_SETS}
    parts = []
    for sample in SAMPLES:
        values, z_train, _ = read_split(paths[sample], "train", columns)
        for seed in range(seeds):
            fitted = estimator(kind, settings, seed, threads).fit(values, z_train)
            if kind == "forest":
                # With several threads the trees' predictions are summed in any order.
                fitted.set_params(n_jobs=1)
            z_pred = {name: fitted.predict(test[0]) for name, test in tests.items()}
            parts.append(prediction_table(f"{kind}-{sample}", seed, tests, z_pred))
        logger.info("%s: trained on %d galaxies", sample, len(values))
    return pd.concat(parts, ignore_index=True)


def display_name(name: str, labels: Mapping[str, str]) -> str:
    """Return what a baseline is called: ``forest-combo`` is "Random forest, both"."""
    kind, _, sample = name.partition("-")
    if kind not in BASELINE_KINDS or sample not in SAMPLES:
        return labels.get(name, name)
    return f"{BASELINE_KINDS[kind]}, {'both' if sample == 'combo' else labels.get(sample, sample)}"


def baseline_names() -> list[str]:
    """Return the baselines in the order in which tables and figures show them."""
    return [f"{kind}-{sample}" for kind in BASELINE_KINDS for sample in SAMPLES]
