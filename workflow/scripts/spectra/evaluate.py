"""Score every network and classical method on the same test spectra by the same code.

Inputs
    predictions : spectra/predictions/*.parquet

Outputs
    metrics : spectra/metrics.csv, a row per network and estimator: `value` (regression), `mode`
        (centre of the most probable class) or `mean` (expectation over the classes)
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv
from transferz.spectra.results import FAILURE_LIMIT
from transferz.spectra.studies import MEMBER_KEYS, REGRESSION
from transferz.uncertainty.scores import (
    CENTRAL_68,
    CENTRAL_95,
    coverage,
    expected_calibration_error,
    pit_distance,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

FIRST = ["head", "classes", "estimator", "architecture", "n_train", "noise", "snr", "labels",
         "loss", "seed", "n"]  # fmt: skip


def point_metrics(z_true: np.ndarray, z_pred: np.ndarray) -> dict[str, float]:
    """Quality of point estimates.

    Returns
    -------
    dict of str to float
        `mse`, `mae`, `r2` (scikit-learn), in redshift; `median_error`, the median of
        |z_pred - z_true|; `failure_fraction`, of |z_pred - z_true| / (1 + z_true) > 0.01.
    """
    error = np.abs(z_pred - z_true)
    return {
        "mse": float(mean_squared_error(z_true, z_pred)),
        "mae": float(mean_absolute_error(z_true, z_pred)),
        "r2": float(r2_score(z_true, z_pred)),
        "median_error": float(np.median(error)),
        "failure_fraction": float(np.mean(error / (1.0 + z_true) > FAILURE_LIMIT)),
    }


def probability_metrics(table: pd.DataFrame) -> dict[str, float]:
    """Calibration and sharpness of the distributions; empty where there are none."""
    if "pit" not in table or table["pit"].isna().any():
        return {}
    columns = ("pit", "crps", "log_density", "confidence", "correct", "entropy")
    values = {name: table[name].to_numpy(dtype=float) for name in columns}
    pit = values["pit"]
    return {
        "crps": float(values["crps"].mean()),
        "negative_log_density": float(-values["log_density"].mean()),
        "pit_distance": pit_distance(pit),
        "coverage_68": coverage(pit, *CENTRAL_68),
        "coverage_95": coverage(pit, *CENTRAL_95),
        "ece": expected_calibration_error(values["confidence"], values["correct"]),
        "width_68": float(table["width_68"].median()),
        "entropy": float(values["entropy"].mean()),
    }


def evaluate(predictions: pd.DataFrame) -> pd.DataFrame:
    """Metrics of every network in a table of predictions.

    Raises
    ------
    InputError
        If two networks were tested on different spectra.
    """
    rows, expected = [], None
    for keys, table in predictions.groupby(MEMBER_KEYS, sort=True, observed=True):
        spectra = table["spectrum"].to_numpy()
        expected = spectra if expected is None else expected
        if not np.array_equal(spectra, expected):
            raise InputError("tested on other spectra than the rest", key=str(keys))
        z_true = table["z_true"].to_numpy(dtype=float)
        network = dict(zip(MEMBER_KEYS, keys, strict=True))
        network |= {"noise": 1.0 / network["snr"], "n": len(table)} | probability_metrics(table)
        estimators = {"mode": "z_mode", "mean": "z_mean"}
        if network["head"] == REGRESSION:
            estimators = {"value": "z_mean"}
        for estimator, column in estimators.items():
            if column not in table or table[column].isna().any():
                continue
            z_pred = table[column].to_numpy(dtype=float)
            rows.append({"estimator": estimator} | point_metrics(z_true, z_pred) | network)
    metrics = pd.DataFrame(rows)
    return metrics[[*FIRST, *(name for name in metrics if name not in FIRST)]]


def main(predictions: Sequence[str | Path], metrics: str | Path) -> None:
    """Write the metrics of all predictions; a network trained by two studies is kept once."""
    tables = [read_parquet(path) for path in predictions]
    together = pd.concat(tables, ignore_index=True)
    together = together.drop_duplicates([*MEMBER_KEYS, "spectrum"], ignore_index=True)
    table = evaluate(together)
    write_csv(table, metrics)
    n_networks = len(table[MEMBER_KEYS].drop_duplicates())
    logger.info("%d networks and classical fits, %d rows", n_networks, len(table))


if __name__ == "__main__":
    run(main, snakemake)
