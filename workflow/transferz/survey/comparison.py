"""The embedded survey against published numbers of the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from astropy.stats import mad_std

OUTLIER = 0.15
"""|dz| / (1+z) of an outlier."""

LABEL_COLUMNS = (
    "ID", "FLAG_COMBINED", "lp_type", "lp_zPDF", "lp_zPDF_l68", "lp_zPDF_u68", "HSC_i_MAG_AUTO",
)  # fmt: skip
"""Columns of COSMOS2020 that `clean_labels` needs."""


def clean_labels(cosmos: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the clean galaxies of a COSMOS table with their true redshifts.

    Returns
    -------
    pandas.DataFrame
        `LABEL_COLUMNS`, `redshift_true`, `half_width` of the 68 per cent interval and `error`, both
        over 1+z.
    """
    table = cosmos[(cosmos["FLAG_COMBINED"] == 0) & (cosmos["lp_type"] == 0)].copy()
    true = truth[truth["cosmos_id"] > 0].drop_duplicates("cosmos_id")
    true = true.set_index("cosmos_id")["redshift_true"]
    table["redshift_true"] = table["ID"].map(true)
    table["half_width"] = np.maximum(
        table["lp_zPDF_u68"] - table["lp_zPDF"], table["lp_zPDF"] - table["lp_zPDF_l68"]
    ) / (1 + table["lp_zPDF"])
    table["error"] = (table["lp_zPDF"] - table["redshift_true"]) / (1 + table["redshift_true"])
    return table[table["redshift_true"] > 0].reset_index(drop=True)


def label_precision(labels: pd.DataFrame, edges: np.ndarray) -> pd.DataFrame:
    """Scatter, outliers and stated error of the labels in bins of i magnitude.

    Returns
    -------
    pandas.DataFrame
        `i_min`, `i_max`, `scatter` (1.4826 MAD of dz/(1+z)), `outliers` (share), `stated` (median
        half width of the 68 per cent interval over 1+z), of bins with at least 10 labels.
    """
    rows = []
    for low, high in pairwise(edges):
        part = labels[(labels["HSC_i_MAG_AUTO"] >= low) & (labels["HSC_i_MAG_AUTO"] < high)]
        if len(part) >= 10:
            error = part["error"].to_numpy()
            outliers = np.mean(np.abs(error) > OUTLIER)
            rows.append((low, high, mad_std(error), outliers, part["half_width"].median()))
    return pd.DataFrame(rows, columns=["i_min", "i_max", "scatter", "outliers", "stated"])


def binned_percentiles(
    x: np.ndarray,
    y: np.ndarray,
    edges: np.ndarray,
    levels: Sequence[float] = (16, 50, 84),
    least: int = 20,
) -> np.ndarray:
    """Percentiles of `y` in bins of `x`, shape (n_bin, n_level); NaN for fewer than `least`."""
    place = np.digitize(x, edges) - 1
    bins = [y[place == number] for number in range(len(edges) - 1)]
    nothing = [np.nan] * len(levels)
    return np.array([np.percentile(b, levels) if len(b) >= least else nothing for b in bins])


def sky_area(table: pd.DataFrame) -> float:
    """Square degrees of the rectangle that the positions fill."""
    low, high = np.sin(np.radians([table["dec"].min(), table["dec"].max()]))
    return float(np.ptp(table["ra"]) * np.degrees(high - low))


def filled_range(labels: pd.DataFrame, i_min: float, i_max: float) -> tuple[float, float]:
    """Return the part of a range of i magnitude that the labels fill, to a tenth of a magnitude.

    It ends where 99 per cent of the labels in the range do: a simulation to a flux limit has
    nothing beyond but what noise scatters there.
    """
    magnitude = labels["HSC_i_MAG_AUTO"]
    inside = magnitude[(magnitude >= i_min) & (magnitude < i_max)]
    return i_min, round(float(np.percentile(inside, 99)), 1) if len(inside) else i_max


def compare(redshift: pd.Series, labels: pd.DataFrame, published: Mapping) -> pd.DataFrame:
    """Put simulated and published numbers side by side.

    Parameters
    ----------
    redshift : pandas.Series
        Of the clean rows of GalaxiesML.
    labels : pandas.DataFrame
        See `clean_labels`.
    published : mapping
        The section `survey_quality` of the configuration.

    Returns
    -------
    pandas.DataFrame
        `quantity`, `simulated`, `published` and `relation`: whether the published number is the
        value ("equal") or an upper bound of it ("below").
    """
    levels, shares = published["galaxiesml_levels"], published["galaxiesml_shares"]
    rows = [
        (f"GalaxiesML redshift, percentile {level:g}", np.percentile(redshift, level), value)
        for level, value in zip(levels, published["galaxiesml_redshifts"], strict=True)
    ]
    inside = {
        "z < 0.3": redshift < 0.3,
        "0.3 <= z < 1.5": (redshift >= 0.3) & (redshift < 1.5),
        "z > 2.5": redshift > 2.5,
    }
    rows += [
        (f"GalaxiesML share, {name}", share.mean(), value)
        for (name, share), value in zip(inside.items(), shares, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["quantity", "simulated", "published"])
    bounds = [_label_bound(labels, **item) for item in published["label_precision"]]
    return pd.concat([table.assign(relation="equal"), pd.DataFrame(bounds)], ignore_index=True)


def _label_bound(labels: pd.DataFrame, i_min: float, i_max: float, precision: float) -> dict:
    """Scatter of the labels in a range of i beside its published upper bound."""
    low, high = filled_range(labels, i_min, i_max)
    name = f"label scatter, {low:g} < i < {high:g}"
    if high < i_max:
        name += f" (published: {i_min:g} < i < {i_max:g})"
    measured = label_precision(labels, np.array([low, high]))["scatter"]
    return {
        "quantity": name,
        "simulated": measured.iloc[0] if len(measured) else np.nan,
        "published": precision,
        "relation": "below",
    }


def comparable(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose published number is a value, no bound, and that have a ratio."""
    values = comparison[comparison["relation"] == "equal"]
    return values[(values["simulated"] > 0) & (values["published"] > 0)]
