"""Coverage and width of redshift intervals: over all galaxies, by prediction, by judging redshift.

A table of galaxies has the columns of `transferz.api.PhotoZ.score`, the redshifts that judge the
intervals as ``z_true`` (labels, or the truth), ``magnitude``, and ``n_calibration``: how many
galaxies the intervals were calibrated with.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from transferz.uncertainty.conformal import INTERVALS
from transferz.uncertainty.scores import coverage, pit_distance

# Ends of ranges of the judge's redshift beyond that of the headline numbers.
HIGH_REDSHIFTS = (2.0, 3.0)
# What a galaxy's intervals may be looked at by before its redshift is known.
PREDICTED = ("z_ensemble", "magnitude", "colour")


def interval_coverage(rows: pd.DataFrame, percent: int) -> float:
    """Return the coverage of one kind of interval, NaN of no galaxy."""
    ends = (rows[f"z_{end}{percent}"].to_numpy() for end in ("low", "high"))
    return coverage(rows["z_true"].to_numpy(), *ends)


def region_coverage(rows: pd.DataFrame, percent: int) -> float:
    """Return the coverage of highest-density regions, NaN where no density is judged."""
    region = rows["region"]
    return float((region <= percent / 100.0).where(region.notna()).mean())


def relative_width(rows: pd.DataFrame, percent: int = 68) -> pd.Series:
    """Return the width of one kind of interval over 1 + its median, shape (n,)."""
    return (rows[f"z_high{percent}"] - rows[f"z_low{percent}"]) / (1.0 + rows["z_median"])


def score_intervals(rows: pd.DataFrame) -> dict[str, float]:
    """Return number, coverage with its standard error, median width, and mean scores of galaxies.

    The standard errors are those of calibrated intervals.
    """
    result: dict[str, float] = {"n": len(rows)}
    for percent in INTERVALS:
        nominal = percent / 100.0
        # Noise of the test sample and of the calibration, which counts over the whole data set.
        share = 1.0 / len(rows) + 1.0 / rows["n_calibration"].iloc[0]
        result |= {
            f"coverage_{percent}": interval_coverage(rows, percent),
            f"standard_error_{percent}": float(np.sqrt(nominal * (1 - nominal) * share)),
            f"width_{percent}": float(relative_width(rows, percent).median()),
            f"region_{percent}": region_coverage(rows, percent),
        }
    return result | {
        "pit_mean": float(rows["pit"].mean()),
        "pit_distance": pit_distance(rows["pit"].to_numpy(np.float64)),
        "crps": float(rows["crps"].mean()),
        "cde_loss": float(rows["cde_loss"].mean()),
        "out_of_distribution": float(rows["flag_out_of_distribution"].mean()),
    }


def given_prediction(rows: pd.DataFrame, number: int = 5) -> pd.DataFrame:
    """Return coverage in equally populated bins of the ensemble's redshift and of magnitude.

    A bin counts as calibrated with its share of the galaxies that calibrated.

    Returns
    -------
    pandas.DataFrame
        quantity, low, high, n, then coverage and standard error of each kind of interval, and
        coverage of the regions of highest density.
    """
    found = []
    for quantity in PREDICTED:
        edges = np.quantile(rows[quantity], np.arange(1, number) / number)
        place = np.searchsorted(edges, rows[quantity].to_numpy(), side="right")
        found += [part_of(rows, place == k, quantity) for k in range(number)]
    return pd.DataFrame(found)


def faint_end(rows: pd.DataFrame, limit: float) -> pd.DataFrame:
    """Return one row as `given_prediction` does: galaxies fainter than `limit` in the last band.

    No row where there is no such galaxy.
    """
    faint = rows["magnitude_last"].to_numpy() > limit
    return pd.DataFrame([part_of(rows, faint, "magnitude_last")] if faint.any() else [])


def part_of(rows: pd.DataFrame, chosen: np.ndarray, quantity: str) -> dict[str, object]:
    """Return range of a quantity, number and coverage of the chosen galaxies."""
    part = rows[chosen]
    part = part.assign(n_calibration=rows["n_calibration"] * (len(part) / len(rows)))
    summary = score_intervals(part)
    kinds = ("coverage", "standard_error", "region")
    names = [f"{kind}_{p}" for kind in kinds for p in INTERVALS]
    span = {"quantity": quantity, "low": part[quantity].min(), "high": part[quantity].max()}
    return span | {name: summary[name] for name in ("n", *names)}


def given_answer(rows: pd.DataFrame, z_range: Sequence[float]) -> pd.DataFrame:
    """Return coverage in ranges of the judge's redshift, lower end included, upper end not.

    Returns
    -------
    pandas.DataFrame
        quantity (``z_true``), low, high, n, and the coverage of each kind of interval and region.
    """
    beyond = (z for z in HIGH_REDSHIFTS if z > z_range[1])
    found = []
    for low, high in pairwise([*sorted({0.0, *z_range, *beyond}), np.inf]):
        part = rows[(rows["z_true"] >= low) & (rows["z_true"] < high)]
        span = {"quantity": "z_true", "low": low, "high": high, "n": len(part)}
        for percent in INTERVALS:
            span[f"coverage_{percent}"] = interval_coverage(part, percent)
            span[f"region_{percent}"] = region_coverage(part, percent)
        found.append(span)
    return pd.DataFrame(found)


def conditional_coverage(
    rows: pd.DataFrame, z_range: Sequence[float], faint_limit: float
) -> pd.DataFrame:
    """Return `given_prediction`, `faint_end` and `given_answer`, one below the other."""
    tables = [given_prediction(rows), faint_end(rows, faint_limit), given_answer(rows, z_range)]
    return pd.concat(tables, ignore_index=True)
