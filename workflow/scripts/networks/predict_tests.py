"""Predict the redshifts of both test sets, or of other parts, with trained networks.

Inputs
    models : models/{strategy}/seeds-{first}-{last}.npz, one file or several
    source, target : splits/{dataset}.parquet

Outputs
    predictions : predictions/{strategy}/seeds-{first}-{last}.parquet, one per model file:
        strategy, seed, dataset, object_id, z_true, z_pred (float32), ordered by seed and data set
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_parquet
from transferz.networks.architecture import build_network
from transferz.networks.features import (
    REDSHIFT,
    Scaler,
    feature_matrix,
    select_split,
    target_vector,
)
from transferz.networks.model_files import ModelFile, read_models
from transferz.networks.prediction import Predictor
from transferz.networks.tensorflow import configure_tensorflow

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Inputs farther outside than the width of the range trained on: more likely a mistake in the
# catalogue (a unit, a sentinel) than a galaxy.
FAR_OUTSIDE = 1.0


def load_test_sets(
    files: Mapping[str, str | Path], columns: Sequence[str], split: str
) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of one split of all data sets: `dataset, object_id, z_true`, and unscaled inputs."""
    tables, values = [], []
    for dataset, file in files.items():
        table = read_parquet(file, ["object_id", *columns, REDSHIFT, "split"])
        rows = select_split(table, split, file=file)
        values.append(feature_matrix(rows, columns, file=file))
        z_true = target_vector(rows, file=file)[:, 0]
        tables.append(
            pd.DataFrame(
                {"dataset": dataset, "object_id": rows["object_id"].to_numpy(), "z_true": z_true}
            )
        )
    if len({table["object_id"].dtype for table in tables}) > 1:
        tables = [table.astype({"object_id": str}) for table in tables]
    return pd.concat(tables, ignore_index=True), np.concatenate(values)


def report_range(scaler: Scaler, test: pd.DataFrame, values: np.ndarray) -> None:
    """Log how many test galaxies lie outside the range trained on; warn of what lies far out."""
    for dataset in test["dataset"].unique():
        fraction, farthest, column = scaler.outside(values[test["dataset"] == dataset])
        logger.log(
            logging.WARNING if farthest > FAR_OUTSIDE else logging.INFO,
            "%s: %.2f%% of the test galaxies outside the range trained on%s",
            dataset,
            100 * fraction,
            f", the farthest by {farthest:.2f} of its width in {column}" if fraction else "",
        )


def predict_chunk(
    contents: ModelFile, strategy: str, test: pd.DataFrame, values: np.ndarray
) -> pd.DataFrame:
    """Predictions of every seed of a model file for every test row."""
    model = build_network(contents.architecture, contents.scaler)
    predict, parts = Predictor(model), []
    for seed, weights in sorted(contents.weights.items()):
        model.set_weights(weights)
        parts.append(test.assign(seed=np.int32(seed), z_pred=predict(values)[:, 0]))
    table = pd.concat(parts, ignore_index=True).assign(strategy=strategy)
    return table[["strategy", "seed", "dataset", "object_id", "z_true", "z_pred"]]


def main(
    models: Sequence[str | Path],
    predictions: Sequence[str | Path],
    *,
    source: str | Path,
    target: str | Path | None,
    strategy: str,
    threads: int,
    split: str = "test",
) -> None:
    """Write the predictions of one or several model files of a strategy.

    Parameters
    ----------
    split : {"test", "validation", "train"}
    """
    configure_tensorflow(threads)
    files = {"source": source} | ({"target": target} if target else {})
    columns: tuple[str, ...] = ()
    for file, output in zip(models, predictions, strict=True):
        contents = read_models(file)
        if contents.scaler.columns != columns:
            columns = contents.scaler.columns
            test, values = load_test_sets(files, columns, split)
            report_range(contents.scaler, test, values)
        table = predict_chunk(contents, strategy, test, values)
        if not np.isfinite(table["z_pred"]).all():
            raise InputError("a prediction is not finite", file=file, key="z_pred")
        write_parquet(table, output)
        logger.info("%s: %d seeds, %d galaxies each", output, len(contents.weights), len(test))


if __name__ == "__main__":
    run(main, snakemake)
