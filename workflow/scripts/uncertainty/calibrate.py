"""Calibrated redshifts of the test galaxies by the ensemble of a strategy, with their scores.

Inputs
    models : models/{strategy}/seeds-{first}-{last}.npz, all chunks
    source_sample, target_sample : calibration/{strategy}/{dataset}.npz
    source, target : splits/{dataset}.parquet

Outputs
    scores : calibration/{strategy}/scores.parquet, every test galaxy outside the calibration
        samples, one row for each sample: dataset, calibrated_on, n_calibration, object_id, z_true,
        magnitude, colour (of the first two bands), magnitude_last (in the last band), then the
        columns of `transferz.api.PhotoZ.score`
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.api import PhotoZ
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_parquet
from transferz.networks.ensemble import Ensemble
from transferz.networks.features import REDSHIFT
from transferz.networks.tensorflow import configure_tensorflow
from transferz.uncertainty.calibration_sample import CalibrationSample, calibration_part
from transferz.uncertainty.incomplete_photometry import magnitude_columns

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    models: Sequence[str | Path],
    source_sample: str | Path,
    target_sample: str | Path | None,
    source: str | Path,
    target: str | Path | None,
    scores: str | Path,
    *,
    test_share: float,
    seed: int,
    threads: int,
) -> None:
    """Write the scores; `test_share` and `seed` as `calibration_part` has them."""
    configure_tensorflow(threads)
    ensemble = Ensemble.load(models)
    samples = {"source": source_sample, "target": target_sample}
    estimators = {
        name: PhotoZ(ensemble, CalibrationSample.load(path))
        for name, path in samples.items()
        if path
    }
    parts = []
    for dataset, path in (("source", source), *((("target", target),) if target else ())):
        columns = ["object_id", *ensemble.columns, REDSHIFT, "split"]
        table = read_parquet(path, columns)
        test = table[calibration_part(table, test_share, seed) == "test"].reset_index(drop=True)
        z_true = test[REDSHIFT].to_numpy()
        magnitudes = list(
            magnitude_columns(ensemble.columns, estimators[dataset].sample.bands).values()
        )
        first, second, last = (magnitudes[k] for k in (0, 1, -1))
        for calibrated_on, estimator in estimators.items():
            head = pd.DataFrame(
                {
                    "dataset": dataset,
                    "calibrated_on": calibrated_on,
                    "n_calibration": np.int32(len(estimator.sample.z_true)),
                    "object_id": test["object_id"],
                    "z_true": z_true,
                    "magnitude": test[estimator.sample.magnitude],
                    "colour": test[first] - test[second],
                    "magnitude_last": test[last],
                }
            )
            parts.append(head.join(estimator.score(test, z_true)))
        logger.info("%s: %d test galaxies, %d networks", dataset, len(test), len(ensemble.seeds))
    if len({part["object_id"].dtype for part in parts}) > 1:
        parts = [part.astype({"object_id": str}) for part in parts]
    write_parquet(pd.concat(parts, ignore_index=True), scores)


if __name__ == "__main__":
    run(main, snakemake)
