"""Which galaxies to drop, the least certain first, to meet a survey's requirements.

Requirements are limits by kind, as in the configuration: ``bias``, ``scatter`` and ``outliers``
(None: no limit). Metrics are of the relative errors dz of `metrics.relative_error`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from transferz.evaluation.bins import ZRange
from transferz.evaluation.metrics import MAD_TO_SIGMA, METRICS, OUTLIER_LIMIT, relative_error
from transferz.evaluation.over_seeds import tail_percentiles

LIMITED = ("bias_median", "scatter_mad", "rms", "outlier_fraction")
# The limit on scatter is one on sigma_MAD or on the RMS: both are held against it.
TOGETHER = {
    f"all_{name}": ("bias_median", name, "outlier_fraction") for name in ("scatter_mad", "rms")
}
# LSST DESC Science Requirements Document (2018, arXiv:1809.01669): limits on the error of the mean
# redshift of a bin, over 1 + z, after one and after ten years.
MEAN_REQUIREMENTS = {"y1": 0.002, "y10": 0.001}
FRACTIONS = np.arange(0, 100) / 100.0
# No smaller number is left over.
MIN_GALAXIES = 100
GALAXY_RESAMPLES = 200


def limited_metrics(dz: np.ndarray) -> dict[str, float]:
    """Return `LIMITED` as `metrics.METRICS` defines them, without the slower ones."""
    median = np.median(dz)
    return {
        "bias_median": float(median),
        "scatter_mad": float(MAD_TO_SIGMA * np.median(np.abs(dz - median))),
        "rms": float(np.sqrt(np.mean(dz**2))),
        "outlier_fraction": float(np.mean(np.abs(dz) > OUTLIER_LIMIT)),
    }


def widest_last(
    z_true: pd.Series, z_pred: pd.Series, width: pd.Series, z_range: Sequence[float]
) -> np.ndarray:
    """Return relative errors of the galaxies in the range, shape (n,), by width of an interval.

    The order is by what is known of a galaxy without its spectrum.
    """
    chosen = ZRange(*z_range).holds(z_true)
    order = np.argsort(width[chosen].to_numpy(), kind="stable")
    return relative_error(z_true[chosen], z_pred[chosen])[order]


def metrics_by_fraction(dz: np.ndarray) -> pd.DataFrame:
    """Return metrics against the fraction dropped, the last ones of `widest_last` first.

    Returns
    -------
    pandas.DataFrame
        dropped, n and `LIMITED`.
    """
    found = []
    for fraction in FRACTIONS:
        kept = dz[: round(len(dz) * (1.0 - fraction))]
        if fraction == 0.0 or len(kept) >= MIN_GALAXIES:
            found.append({"dropped": fraction, "n": len(kept)} | limited_metrics(kept))
    return pd.DataFrame(found, columns=["dropped", "n", *LIMITED])


def met(curve: pd.DataFrame, limits: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return at which fractions each metric meets its requirement, and those of `TOGETHER` do.

    Metrics without a requirement are left out.
    """
    held = {
        metric: (curve[metric].abs() < limit).to_numpy()
        for metric in LIMITED
        if (limit := limits.get(METRICS[metric].requirement)) is not None
    }
    for name, metrics in TOGETHER.items():
        parts = [held[metric] for metric in metrics if metric in held]
        if parts:
            held[name] = np.all(parts, axis=0)
    return held


def fractions_to_drop(dz: np.ndarray, limits: Mapping[str, float]) -> pd.DataFrame:
    """Return metrics with nothing dropped, and fractions to drop, with 95% intervals.

    The intervals are over resampled galaxies.

    Parameters
    ----------
    dz : numpy.ndarray, shape (n,)
        Of `widest_last`.
    limits : mapping

    Returns
    -------
    pandas.DataFrame
        Index: metrics, and `drop_` before the keys of `met`. Columns: value, low, high, and
        `fails_again` (whether the requirement is missed with still more dropped). A fraction is
        infinite if the requirement is never met.
    """

    def quantities(curve: pd.DataFrame) -> dict[str, float]:
        smallest = {
            f"drop_{name}": float(curve["dropped"][held].min()) if held.any() else np.inf
            for name, held in met(curve, limits).items()
        }
        return {metric: curve[metric].iloc[0] for metric in LIMITED} | smallest

    curve = metrics_by_fraction(dz)
    generator = np.random.default_rng([GALAXY_RESAMPLES, len(dz)])
    draws = []
    for _ in range(GALAXY_RESAMPLES):
        # Sorted, the draws are by width again.
        drawn = np.sort(generator.integers(0, len(dz), len(dz)))
        draws.append(quantities(metrics_by_fraction(dz[drawn])))
    ordered = pd.DataFrame(draws).apply(np.sort)
    # No interpolation between draws: a fraction may be infinite.
    places = [round(p / 100 * (GALAXY_RESAMPLES - 1)) for p in tail_percentiles()]
    table = pd.DataFrame({"value": quantities(curve)})
    table["low"], table["high"] = (ordered.iloc[place] for place in places)
    again = {k: h.any() and not h[h.argmax() :].all() for k, h in met(curve, limits).items()}
    table["fails_again"] = [again.get(name.removeprefix("drop_"), False) for name in table.index]
    return table


def verdict(bias: float, error: float, limit: float) -> str:
    """Return whether a bias meets a limit, at two standard errors: met, missed or undecided."""
    if abs(bias) + 2 * error < limit:
        return "met"
    return "missed" if abs(bias) - 2 * error > limit else "undecided"
