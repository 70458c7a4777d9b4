"""The training galaxies of a strategy as vectors, and the index that finds those alike.

Inputs
    models : models/{strategy}/seeds-{first}-{last}.npz, all chunks
    training : splits/{train_on}.parquet of the strategy and of those it starts from
    sample : calibration/{strategy}/{calibrated_on}.npz, whose galaxies set the limit of the flag

Outputs
    galaxies, index : the two files of `networks.vectors.TrainingVectors`, in one folder
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.networks.ensemble import Ensemble
from transferz.networks.features import REDSHIFT, feature_matrix, select_split
from transferz.networks.model_files import read_models
from transferz.networks.tensorflow import configure_tensorflow
from transferz.networks.vectors import TrainingVectors
from transferz.uncertainty.calibration_sample import CalibrationSample

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def training_galaxies(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return the training rows of a split table, with the role of their data set."""
    table = select_split(read_parquet(path), "train", file=path)
    if "dataset" not in table:
        table = table.assign(dataset=Path(path).stem)
    return table[["object_id", REDSHIFT, "dataset", *columns]]


def main(
    models: Sequence[str | Path],
    training: Sequence[str | Path],
    sample: str | Path,
    galaxies: str | Path,
    index: str | Path,
    *,
    networks: int,
    dimensions: int,
    limits: Mapping[str, float],
    threads: int,
) -> None:
    """Write vectors; `limits` is ``uncertainty.out_of_distribution`` of the configuration."""
    configure_tensorflow(threads)
    seeds = sorted(seed for path in models for seed in read_models(path).weights)
    ensemble = Ensemble.load(models, seeds[:networks])
    columns = list(ensemble.columns)
    table = pd.concat([training_galaxies(path, columns) for path in training])
    vectors = TrainingVectors.fit(
        ensemble,
        table[["object_id", REDSHIFT, "dataset"]],
        feature_matrix(table, columns),
        CalibrationSample.load(sample).inputs,
        dimensions=dimensions,
        neighbours=limits["neighbours"],
        share=limits["share"],
    )
    vectors.save(galaxies, index)
    logger.info(
        "%d training galaxies, %d axes with %.2f%% of the variance",
        *(len(table), vectors.space.axes.shape[2], 100 * vectors.space.variance),
    )


if __name__ == "__main__":
    run(main, snakemake)
