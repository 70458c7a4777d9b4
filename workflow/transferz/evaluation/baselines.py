"""Estimates to compare the networks with: no photometry at all, and a random forest.

Both are trained on the same rows as the networks and predict the same test sets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor

from transferz.core.products import read_parquet
from transferz.evaluation.predictions import PREDICTION_COLUMNS
from transferz.networks.features import REDSHIFT, feature_matrix, select_split, target_vector

logger = logging.getLogger(__name__)

SAMPLES = ("source", "target", "combo")
TEST_SETS = ("source", "target")


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


def predict_null(z_train: np.ndarray, n: int) -> np.ndarray:
    """Return the median of the training redshifts for each of n galaxies.

    What the training n(z) alone gives: the point estimate of RAIL's ``trainZ``, which assigns the
    training n(z) to every galaxy, with the median for the mode, which depends on a bin width.
    """
    return np.full(n, np.median(z_train), dtype=np.float32)


def fit_forest(
    values: np.ndarray, z_train: np.ndarray, *, trees: int, min_leaf: int, seed: int, threads: int
) -> RandomForestRegressor:
    """Fit a random forest (Breiman 2001); the same forest whatever the number of threads.

    Parameters
    ----------
    values : numpy.ndarray, shape (n, n_columns)
    z_train : numpy.ndarray, shape (n,)
    trees, min_leaf : int
        Number of trees, and least number of galaxies in a leaf.
    seed, threads : int
    """
    forest = RandomForestRegressor(
        n_estimators=trees, min_samples_leaf=min_leaf, random_state=seed, n_jobs=threads
    )
    forest.fit(values, z_train)
    # With several threads the trees' predictions are summed in any order: not the same bits.
    return forest.set_params(n_jobs=1)


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
    fit: Callable[[np.ndarray, np.ndarray], Iterable[Callable[[np.ndarray], np.ndarray]]],
) -> pd.DataFrame:
    """Train on each sample and predict both test sets.

    Parameters
    ----------
    kind : str
        First part of the name in the column ``strategy``, ``{kind}-{sample}``.
    paths : mapping
        Split catalogue of each of `SAMPLES`.
    columns : sequence of str
        Inputs.
    fit : callable
        From inputs and redshifts of the training rows to one estimate per seed, each from inputs
        to redshifts.

    Returns
    -------
    pandas.DataFrame
        `prediction_table` of all.
    """
    tests = {name: read_split(paths[name], "test", columns) for name in TEST_SETS}
    parts = []
    for sample in SAMPLES:
        values, z_train, _ = read_split(paths[sample], "train", columns)
        for seed, estimate in enumerate(fit(values, z_train)):
            z_pred = {name: estimate(test[0]) for name, test in tests.items()}
            parts.append(prediction_table(f"{kind}-{sample}", seed, tests, z_pred))
        logger.info("%s: trained on %d galaxies", sample, len(values))
    return pd.concat(parts, ignore_index=True)


def display_name(name: str, labels: Mapping[str, str]) -> str:
    """Return what a baseline is called: ``forest-combo`` is "Random forest, both"."""
    kind, _, sample = name.partition("-")
    kinds = {"null": "Training n(z)", "forest": "Random forest"}
    if kind not in kinds or sample not in SAMPLES:
        return labels.get(name, name)
    return f"{kinds[kind]}, {'both' if sample == 'combo' else labels.get(sample, sample)}"


def baseline_names() -> list[str]:
    """Return the baselines in the order in which tables and figures show them."""
    return [f"{kind}-{sample}" for kind in ("null", "forest") for sample in SAMPLES]
