"""Files of predictions, network by network, and the test rows that go with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from transferz.core.errors import InputError
from transferz.core.products import read_parquet
from transferz.networks.features import select_split

PREDICTION_COLUMNS = ["strategy", "seed", "dataset", "object_id", "z_true", "z_pred"]

# Rows of a predictions file held at once.
BATCH_ROWS = 1 << 18


@dataclass
class Prediction:
    """What one network predicts for one test set."""

    strategy: str
    seed: int
    dataset: str
    object_id: pa.Array
    z_true: np.ndarray
    z_pred: np.ndarray

    @property
    def key(self) -> tuple[str, int, str]:
        """Strategy, seed and data set."""
        return self.strategy, self.seed, self.dataset


def iterate_predictions(path: str | Path, batch_rows: int = BATCH_ROWS) -> Iterator[Prediction]:
    """Yield the predictions of a file, network by network, in the order of its rows.

    Only `batch_rows` rows and one prediction are held at a time.

    Raises
    ------
    InputError
        If the file is missing or damaged, or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("file not found", file=path, fix="run the rule that makes it")
    try:
        with pq.ParquetFile(
            path, read_dictionary=["strategy", "dataset"], page_checksum_verification=True
        ) as parquet:
            missing = [name for name in PREDICTION_COLUMNS if name not in parquet.schema.names]
            if missing:
                raise InputError(
                    "missing column",
                    file=path,
                    key=", ".join(missing),
                    found=", ".join(parquet.schema.names),
                )
            batches = parquet.iter_batches(batch_size=batch_rows, columns=PREDICTION_COLUMNS)
            yield from _join_runs(run for batch in batches for run in _runs(batch))
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "not a readable Parquet file",
            file=path,
            found=str(error).splitlines()[0],
            fix="delete the file and run again to re-make it",
        ) from error


def _runs(batch: pa.RecordBatch) -> Iterator[Prediction]:
    """Yield runs of rows of one strategy, seed and data set."""
    columns = {name: batch.column(name) for name in PREDICTION_COLUMNS}
    texts, changes = {}, np.zeros(batch.num_rows, dtype=bool)
    for name in ("strategy", "dataset"):
        column = columns[name]
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        texts[name] = (column.indices.to_numpy(zero_copy_only=False), column.dictionary.to_pylist())
        changes[1:] |= np.diff(texts[name][0]) != 0
    seeds = columns["seed"].to_numpy(zero_copy_only=False)
    changes[1:] |= np.diff(seeds) != 0
    z_true, z_pred = (columns[name].to_numpy(zero_copy_only=False) for name in ("z_true", "z_pred"))
    starts = [0, *np.flatnonzero(changes)] if batch.num_rows else []
    for start, stop in zip(starts, [*starts[1:], batch.num_rows], strict=False):
        strategy, dataset = (texts[name][1][texts[name][0][start]] for name in texts)
        yield Prediction(
            strategy,
            int(seeds[start]),
            dataset,
            columns["object_id"].slice(start, stop - start),
            z_true[start:stop],
            z_pred[start:stop],
        )


def _join_runs(runs: Iterator[Prediction]) -> Iterator[Prediction]:
    """Join runs that a batch boundary has cut."""
    parts: list[Prediction] = []
    for run in runs:
        if parts and run.key != parts[0].key:
            yield _concatenate(parts)
            parts = []
        parts.append(run)
    if parts:
        yield _concatenate(parts)


def _concatenate(parts: Sequence[Prediction]) -> Prediction:
    ids = pa.concat_arrays([part.object_id for part in parts])
    z_true, z_pred = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("z_true", "z_pred")
    )
    return Prediction(*parts[0].key, ids, z_true, z_pred)


def check_prediction(
    prediction: Prediction,
    reference: Prediction | None,
    full_range: Sequence[float],
    path: str | Path,
) -> None:
    """Raise an `InputError` unless a prediction is finite and for the galaxies of `reference`."""
    key = f"{prediction.strategy}, seed {prediction.seed}, {prediction.dataset}"
    for name, values in (("z_true", prediction.z_true), ("z_pred", prediction.z_pred)):
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise InputError(
                "redshifts that are not finite",
                file=path,
                key=f"{name} of {key}",
                found=f"{bad} of {len(values)}",
                expected="a number for every galaxy",
                fix="train again with a smaller learning rate, or look for nulls in the catalogue",
            )
    if reference is None:
        low, high = float(prediction.z_true.min()), float(prediction.z_true.max())
        if low < full_range[0] or high > full_range[1]:
            raise InputError(
                "true redshifts outside the full range",
                file=path,
                key="evaluation.full_range",
                found=f"{low:g} to {high:g} in {prediction.dataset}",
                expected=f"{full_range[0]:g} to {full_range[1]:g}",
                fix="widen evaluation.full_range, or cut the catalogue",
            )
        if len(prediction.object_id.unique()) != len(prediction.object_id):
            raise InputError("an object is predicted twice", file=path, key=f"object_id of {key}")
    elif not (
        prediction.object_id.equals(reference.object_id)
        and np.array_equal(prediction.z_true, reference.z_true)
    ):
        raise InputError(
            "predictions are for other galaxies than those of the other networks",
            file=path,
            key=key,
            found=f"{len(prediction.z_true)} galaxies",
            expected=f"the same {len(reference.z_true)} in the same order",
            fix="delete the predictions and run again",
        )


def iterate_networks(
    paths: Sequence[str | Path], full_range: Sequence[float]
) -> Iterator[Prediction]:
    """Yield all predictions of all files; those for one data set have the same galaxies in order.

    Raises
    ------
    InputError
        If a file is unreadable, a network occurs twice, a value is not finite, or galaxies differ
        between networks.
    """
    first: dict[str, Prediction] = {}
    origin: dict[tuple[str, int, str], str] = {}
    for path in sorted(map(str, paths)):
        for prediction in iterate_predictions(path):
            if prediction.key in origin:
                raise InputError(
                    "the predictions of a network come twice",
                    file=path,
                    key=", ".join(map(str, prediction.key)),
                    found=f"also in {origin[prediction.key]}",
                    expected="each strategy, seed and data set once, its rows together",
                    fix="delete the file that is left over from another run",
                )
            check_prediction(prediction, first.get(prediction.dataset), full_range, path)
            first.setdefault(prediction.dataset, prediction)
            origin[prediction.key] = path
            yield prediction


def check_networks(
    found: Mapping[tuple[str, int, str], object],
    strategies: Sequence[str],
    seeds: Sequence[int],
    datasets: Sequence[str],
) -> None:
    """Raise an `InputError` unless exactly the expected networks and data sets were found."""
    expected = set(product(strategies, map(int, seeds), datasets))
    for problem, keys in (
        ("predictions are missing", expected - set(found)),
        ("predictions of networks that are not part of this run", set(found) - expected),
    ):
        if keys:
            shown = "; ".join(
                f"{strategy}, seed {seed}, {data}" for strategy, seed, data in sorted(keys)[:3]
            )
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            raise InputError(
                problem,
                key="strategy, seed, dataset",
                found=shown + more,
                expected=f"{len(strategies)} strategies x {len(seeds)} seeds x "
                f"{len(datasets)} data sets",
                fix="run the rule predict_tests again for these seeds",
            )


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


def read_run(
    paths: Sequence[str | Path], strategies: Sequence[str], seed: int, dataset: str
) -> pd.DataFrame:
    """Return the predictions of one seed of all strategies for one test set.

    Raises
    ------
    InputError
        If a strategy's are missing.
    """
    chosen = (ds.field("seed") == seed) & (ds.field("dataset") == dataset)
    checked = ds.ParquetFileFormat(page_checksum_verification=True)
    parts = []
    for path in sorted(map(str, paths)):
        try:
            part = ds.dataset(path, format=checked).to_table(PREDICTION_COLUMNS, filter=chosen)
        except (OSError, ValueError) as error:
            raise InputError(
                "predictions cannot be read", file=path, found=str(error).splitlines()[0]
            ) from error
        parts.append(part.to_pandas())
    table = pd.concat(parts, ignore_index=True)
    for name in strategies:
        if not (table["strategy"] == name).any():
            raise InputError(
                "no predictions", key=f"{name}, seed {seed}, {dataset}", found=f"{len(paths)} files"
            )
    return table[table["strategy"].isin(list(strategies))]
