"""Quality of point estimates of redshift: the metrics, by one definition each.

With dz = (z_pred - z_true) / (1 + z_true), definitions follow the public code of the paper's
authors; robust statistics are those of astropy.stats with their default tuning constants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.stats import (
    biweight_location,
    biweight_midvariance,
    median_absolute_deviation,
)

from transferz.core.errors import InputError
from transferz.evaluation.bins import Ranges, ZRange
from transferz.evaluation.predictions import iterate_networks

# |dz| beyond which a redshift counts as an outlier (authors' public code).
OUTLIER_LIMIT = 0.15
# |z_pred - z_true| beyond which it is catastrophic (authors' public code).
CATASTROPHIC_LIMIT = 1.0
# Outliers of the biweight kind lie beyond this many biweight scatters (authors' public code).
BIWEIGHT_OUTLIER_SCATTERS = 2.0
# Scale of the HSC loss (Tanaka et al. 2018, section 3.2).
HSC_GAMMA = 0.15
# Standard deviation of a normal distribution over its median absolute deviation, as rounded by
# the authors' public code; astropy's mad_std has 1.482602.
MAD_TO_SIGMA = 1.4826

KEYS = ["strategy", "seed", "dataset", "z_min", "z_max"]


@dataclass(frozen=True)
class Metric:
    """What a metric is called and means.

    Attributes
    ----------
    name : str
        Column of per_seed.csv.
    label : str
        For axes and tables.
    symbol : str
        LaTeX, without dollars.
    definition : str
        One line for captions and pages.
    requirement : str or None
        Kind of LSST requirement that it is compared with: bias, scatter or outliers.
    signed : bool
        Whether only its absolute value says how good it is.
    """

    name: str
    label: str
    symbol: str
    definition: str
    requirement: str | None = None
    signed: bool = False


METRICS = {
    metric.name: metric
    for metric in (
        Metric("bias_mean", "Mean bias", r"\langle\delta z\rangle", "mean(dz)", "bias", True),
        Metric("bias_median", "Bias", r"b", "median(dz)", "bias", True),
        Metric(
            "bias_biweight",
            "Biweight bias",
            r"b_\mathrm{bw}",
            "biweight location of dz",
            "bias",
            True,
        ),
        Metric("rms", "RMS", r"\mathrm{RMS}", "sqrt(mean(dz^2))", "scatter"),
        Metric(
            "scatter_mad",
            "Scatter",
            r"\sigma_\mathrm{MAD}",
            f"{MAD_TO_SIGMA:g} median(|dz - median(dz)|)",
            "scatter",
        ),
        Metric(
            "scatter_biweight",
            "Biweight scatter",
            r"\sigma_\mathrm{bw}",
            "sqrt(biweight midvariance of dz)",
            "scatter",
        ),
        Metric(
            "outlier_fraction",
            "Outlier fraction",
            r"\eta",
            f"fraction of |dz| > {OUTLIER_LIMIT:g}",
            "outliers",
        ),
        Metric(
            "outlier_fraction_biweight",
            "Biweight outlier fraction",
            r"\eta_\mathrm{bw}",
            f"fraction of |dz - biweight bias| > {BIWEIGHT_OUTLIER_SCATTERS:g} biweight scatters",
            "outliers",
        ),
        Metric(
            "catastrophic_fraction",
            "Catastrophic fraction",
            r"\eta_\mathrm{cat}",
            f"fraction of |z_pred - z_true| > {CATASTROPHIC_LIMIT:g}",
            "outliers",
        ),
        Metric("hsc_loss", "HSC loss", r"L", f"mean(1 - 1 / (1 + (dz / {HSC_GAMMA:g})^2))"),
    )
}


def relative_error(z_true: np.ndarray, z_pred: np.ndarray) -> np.ndarray:
    """Return dz = (z_pred - z_true) / (1 + z_true), float64, shape (n,)."""
    z_true = np.asarray(z_true, dtype=np.float64)
    return (np.asarray(z_pred, dtype=np.float64) - z_true) / (1.0 + z_true)


def compute_metrics(z_true: np.ndarray, z_pred: np.ndarray) -> dict[str, float]:
    """Return all metrics of a sample.

    Parameters
    ----------
    z_true, z_pred : array of float, shape (n,)
        True and predicted redshift, n >= 1, finite.

    Returns
    -------
    dict of str to float
        ``n`` and the metrics in the order of `METRICS`, by the definitions there.

    Raises
    ------
    InputError
        If the sample is empty or a value is not finite.
    """
    z_true, z_pred = np.asarray(z_true, np.float64), np.asarray(z_pred, np.float64)
    if not len(z_true):
        raise InputError("no galaxy to evaluate", found="an empty sample")
    for name, values in (("z_true", z_true), ("z_pred", z_pred)):
        if not np.isfinite(values).all():
            raise InputError(
                "a redshift is not finite", key=name, found=f"{int((~np.isfinite(values)).sum())}"
            )
    return metrics_of(z_pred - z_true, relative_error(z_true, z_pred))


def metrics_of(difference: np.ndarray, dz: np.ndarray) -> dict[str, float]:
    """Return ``n`` and all metrics of z_pred - z_true and of that over 1 + z_true."""
    median = np.median(dz)
    location = float(biweight_location(dz, M=median))
    scatter = float(np.sqrt(biweight_midvariance(dz, M=median)))
    squares = dz**2
    return {
        "n": len(dz),
        "bias_mean": float(dz.mean()),
        "bias_median": float(median),
        "bias_biweight": location,
        "rms": float(np.sqrt(squares.mean())),
        "scatter_mad": float(MAD_TO_SIGMA * median_absolute_deviation(dz)),
        "scatter_biweight": scatter,
        "outlier_fraction": float((np.abs(dz) > OUTLIER_LIMIT).mean()),
        "outlier_fraction_biweight": float(
            (np.abs(dz - location) > BIWEIGHT_OUTLIER_SCATTERS * scatter).mean()
        ),
        "catastrophic_fraction": float((np.abs(difference) > CATASTROPHIC_LIMIT).mean()),
        "hsc_loss": float((1.0 - 1.0 / (1.0 + squares / HSC_GAMMA**2)).mean()),
    }


def evaluate_predictions(
    paths: Sequence[str | Path], ranges: Ranges
) -> dict[tuple[str, int, str], list[dict[str, float]]]:
    """Evaluate all networks of all files.

    Parameters
    ----------
    paths : sequence of path-like
        Predictions.
    ranges : Ranges
        A range without a galaxy is left out.

    Returns
    -------
    dict
        (strategy, seed, dataset) to rows of metrics with ``z_min`` and ``z_max``.

    Raises
    ------
    InputError
        See `predictions.iterate_networks`.
    """
    # A test set is sorted by redshift once for all networks.
    orders: dict[str, np.ndarray] = {}
    selected: dict[str, list[tuple[ZRange, slice]]] = {}
    found: dict[tuple[str, int, str], list[dict[str, float]]] = {}
    for network in iterate_networks(paths, ranges.full_range):
        name = network.dataset
        if name not in orders:
            orders[name] = np.argsort(network.z_true, kind="stable")
        z_true = network.z_true[orders[name]].astype(np.float64)
        if name not in selected:
            selected[name] = [(edge, edge.rows(z_true)) for edge in ranges.select(z_true)]
        difference = network.z_pred[orders[name]].astype(np.float64) - z_true
        dz = difference / (1.0 + z_true)
        found[network.key] = [
            {"z_min": edge.z_min, "z_max": edge.z_max} | metrics_of(difference[rows], dz[rows])
            for edge, rows in selected[name]
            if rows.stop > rows.start
        ]
    return found


def metrics_table(
    found: Mapping[tuple[str, int, str], Sequence[Mapping[str, object]]],
) -> pd.DataFrame:
    """Return what `evaluate_predictions` found: columns `KEYS`, ``n``, `METRICS`; sorted."""
    rows = [
        {"strategy": strategy, "seed": seed, "dataset": dataset} | row
        for (strategy, seed, dataset), table in found.items()
        for row in table
    ]
    table = pd.DataFrame(rows, columns=[*KEYS, "n", *METRICS])
    return table.sort_values(KEYS, ignore_index=True)
