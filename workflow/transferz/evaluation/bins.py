"""Networks on parts of a test set: what goes with each galaxy, and predictions in step with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.products import read_parquet
from transferz.evaluation.metrics import (
    Prediction,
    Ranges,
    ReferenceSet,
    check_prediction,
    iterate_predictions,
)
from transferz.networks.features import select_split


def iterate_networks(
    paths: Sequence[str | Path], full_range: Sequence[float]
) -> Iterator[Prediction]:
    """Yield all predictions of all files; those for one data set have the same galaxies in order.

    Raises
    ------
    InputError
        If a file is unreadable, a value is not finite, or galaxies differ between networks.
    """
    references: dict[str, ReferenceSet] = {}
    ranges = Ranges(tuple(full_range), tuple(full_range))
    for path in sorted(map(str, paths)):
        for prediction in iterate_predictions(path):
            reference = references.get(prediction.dataset)
            check_prediction(prediction, reference, full_range, path)
            if reference is None:
                galaxies = (prediction.object_id, prediction.z_true)
                references[prediction.dataset] = ReferenceSet.from_arrays(*galaxies, ranges)
            yield prediction


def read_test_rows(split: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of the test rows of a split table, indexed by object_id.

    Raises
    ------
    InputError
        If the file or a column is missing, there is no test row, or an object occurs twice.
    """
    table = read_parquet(split, ["object_id", "split", *dict.fromkeys(columns)])
    rows = select_split(table, "test", file=split).set_index("object_id")
    if rows.index.has_duplicates:
        raise InputError("an object is in the test set twice", file=split, key="object_id")
    return rows.drop(columns="split")


def align(rows: pd.DataFrame, prediction: Prediction, split: str | Path) -> pd.DataFrame:
    """Return the test rows in the order of the galaxies of a prediction.

    Raises
    ------
    InputError
        If a predicted galaxy is not among the rows.
    """
    ids = prediction.object_id.to_pandas()
    if ids.dtype != rows.index.dtype:
        ids, rows = ids.astype(str), rows.set_axis(rows.index.astype(str))
    places = rows.index.get_indexer(pd.Index(ids))
    if (places < 0).any():
        raise InputError(
            "predictions for galaxies that are not in the test set",
            file=split,
            key="object_id",
            found=f"{int((places < 0).sum())} of {len(places)}",
            fix="run the rule predict_tests again",
        )
    return rows.iloc[places]


def regular_bins(values: np.ndarray, width: float, least: int) -> list[tuple[float, float]]:
    """Return the bins [k width, (k + 1) width) that hold at least `least` of the values."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return []
    first, last = np.floor(finite.min() / width), np.floor(finite.max() / width)
    edges = np.round(width * np.arange(first, last + 2), 10)
    counts = np.histogram(finite, edges)[0]
    return [
        (float(low), float(high))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count >= least
    ]
