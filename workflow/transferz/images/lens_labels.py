"""Copies of lenses (masks, rotations) and their uncertain labels.

As in the public code of Vernardos, Tsagkatakis & Pantazis (2020, MNRAS 499, 5641; github
gtsagkatakis/Residual-Models-with-DNNs): a label is a uniform distribution over a run of bins around
the truth, drawn anew for each copy.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import ndimage

SOURCE_KINDS = ("smooth", "clumpy", "spiral")
LABELLED = ("log_a", "beta")
BINS = 50
# Largest shift of each end of a label: the number of trials of a binomial.
TRIALS = 30
# Radius in pixels over which an image is smoothed before its mask is taken.
MASK_SMOOTHING = 1.0
LABEL_DRAWS = 82
SPLIT_DRAWS = 83

# Sensitivity of an image to the field, published: rows log A, columns beta.
GRID_LOG_A = np.array([-5.0, -4.4, -3.8, -3.2, -2.6, -2.0])
GRID_BETA = np.array([-8.0, -7.0, -6.0, -5.0, -4.0, -3.0])
SENSITIVITY = np.array(
    [
        [176.22, 176.23, 176.14, 177.12, 178.93, 179.94],
        [175.35, 174.97, 175.45, 177.20, 180.48, 183.09],
        [194.43, 195.93, 194.29, 196.62, 206.67, 215.18],
        [174.71, 175.64, 176.27, 183.56, 213.42, 244.48],
        [283.06, 284.81, 295.27, 339.80, 479.93, 618.21],
        [344.12, 349.83, 363.95, 437.36, 648.71, 845.31],
    ]
)


def mask_of(image: np.ndarray, threshold: float) -> np.ndarray:
    """Pixels, True inside, where a slightly smoothed image is above `threshold` of its peak."""
    smoothed = ndimage.gaussian_filter(image, MASK_SMOOTHING)
    return smoothed > threshold * smoothed.max()


def bin_edges(limits: Mapping[str, tuple[float, float]]) -> dict[str, np.ndarray]:
    """Edges of the bins of each parameter, shape (BINS + 1,)."""
    return {name: np.linspace(*limits[name], BINS + 1) for name in LABELLED}


def shift_probability(log_a: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """P = 1 / (1 + exp(2 g)), g the sensitivity at the nearest corner over the largest one.

    Nearest by |d log A| + |d beta|, as in the public code.
    """
    row = np.abs(np.subtract.outer(log_a, GRID_LOG_A)).argmin(axis=1)
    column = np.abs(np.subtract.outer(beta, GRID_BETA)).argmin(axis=1)
    return 1.0 / (1.0 + np.exp(2.0 * SENSITIVITY[row, column] / SENSITIVITY.max()))


def copies_of(
    lenses: pd.DataFrame, masks: int, rotations: int, limits: Mapping[str, tuple], seed: int
) -> pd.DataFrame:
    """Every copy of every lens, with its labels.

    Parameters
    ----------
    lenses : pandas.DataFrame
        `log_a`, `beta` and `kind`, a row for each lens.
    masks, rotations : int
    limits : mapping
        Range of each parameter.
    seed : int
        Of the simulation.

    Returns
    -------
    pandas.DataFrame
        `lens`, `mask`, `rotation` (numbers), `kind`, and of each parameter the truth, and the first
        and last bin of the label, `{parameter}_first` and `_last`; the bin of the truth is in it.
    """
    per_lens = masks * rotations
    number = np.arange(len(lenses) * per_lens)
    copies = lenses.loc[number // per_lens, ["kind", *LABELLED]].reset_index(drop=True)
    copies.insert(0, "lens", number // per_lens)
    copies["mask"], copies["rotation"] = number // rotations % masks, number % rotations
    probability = shift_probability(copies["log_a"].to_numpy(), copies["beta"].to_numpy())
    draw = np.random.default_rng([LABEL_DRAWS, seed])
    for name, edges in bin_edges(limits).items():
        inside = np.clip(copies[name].to_numpy(), edges[0], np.nextafter(edges[-1], edges[0]))
        truth = np.searchsorted(edges, inside, side="right") - 1
        down, up = draw.binomial(TRIALS, probability), draw.binomial(TRIALS, probability)
        copies[f"{name}_first"] = np.maximum(truth - down, 0)
        copies[f"{name}_last"] = np.minimum(truth + up, BINS - 1)
    return copies


def label_distributions(copies: pd.DataFrame, name: str) -> np.ndarray:
    """Q of each copy, shape (n, BINS), float32: even over the run of the label."""
    first, last = (copies[f"{name}_{end}"].to_numpy()[:, None] for end in ("first", "last"))
    bins = np.arange(BINS)
    within = (bins >= first) & (bins <= last)
    return (within / within.sum(axis=1, keepdims=True)).astype(np.float32)


def split_copies(
    copies: pd.DataFrame, by: str, test_share: float, lenses: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of the copies for training and for the test.

    Parameters
    ----------
    copies : pandas.DataFrame
    by : {"lens", "copy"}
        All copies of a lens on one side, or copies at random, as published: a network then meets
        lenses in the test whose other copies, with other labels, it was trained on.
    test_share : float
        Of the lenses, or of the copies.
    lenses : int
        Use the first so many.
    seed : int
    """
    rows = np.flatnonzero(copies["lens"].to_numpy() < lenses)
    draw = np.random.default_rng([SPLIT_DRAWS, seed])
    unit = copies["lens"].to_numpy()[rows] if by == "lens" else rows
    order = draw.permutation(np.unique(unit))
    is_test = np.isin(unit, order[: max(1, round(test_share * len(order)))])
    return rows[~is_test], rows[is_test]
