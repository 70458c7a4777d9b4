"""Redshift distributions n(z) of both test sets in bins of photometric redshift.

Inputs
    models : models/{strategy}/seeds-{first}-{last}.npz, all chunks
    sample : calibration/{strategy}/{dataset}.npz
    source, target : splits/{dataset}.parquet
    truth : truth.parquet of the simulation; embedded survey only

Outputs
    bins : tomography/bins.csv, one row per data set, bin, method and judge; see
        `photo_z.tomography.Tomography.measure`
    nz : tomography/nz.hdf5, the n(z) as qp's ensemble
    curves : dataset, bin, method, z, n (density), low, high (68% of the bootstrap draws)
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.api import PhotoZ
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv
from transferz.evaluation.judges import redshifts_by_judge
from transferz.networks.ensemble import Ensemble
from transferz.networks.features import REDSHIFT
from transferz.networks.tensorflow import configure_tensorflow
from transferz.photo_z.catalogue import PDF_EDGES
from transferz.photo_z.tomography import Stacks, Tomography, write_tomography
from transferz.uncertainty.calibration_sample import CalibrationSample, calibration_part

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def curve(dataset: str, key: tuple[int, str], stack: Stacks) -> pd.DataFrame:
    """Return one n(z) with the 68% range of its draws, per unit of redshift, up to z = 4."""
    density = stack.shares / np.diff(PDF_EDGES)
    low, high = np.quantile(density[1:], (0.16, 0.84), axis=0)
    columns = {"z": PDF_EDGES[:-1], "n": density[0], "low": low, "high": high}
    columns = {name: np.asarray(values, np.float32) for name, values in columns.items()}
    table = pd.DataFrame({"dataset": dataset, "bin": key[0], "method": key[1], **columns})
    return table[table["z"] < 4.0]


def main(
    models: Sequence[str | Path],
    sample: str | Path,
    source: str | Path,
    target: str | Path,
    truth: str | Path | None,
    bins: str | Path,
    nz: str | Path,
    curves: str | Path,
    *,
    settings: Mapping[str, object],
    test_share: float,
    calibration_seed: int,
    threads: int,
) -> None:
    """Write bins and n(z); `test_share` and `calibration_seed` as `calibration_part` has them."""
    configure_tensorflow(threads)
    estimator = PhotoZ(Ensemble.load(models), CalibrationSample.load(sample))
    tomography = Tomography(**settings)
    measured = {}
    for dataset, path in (("target", target), ("source", source)):
        table = read_parquet(path, ["object_id", *estimator.columns, REDSHIFT, "split"])
        part = calibration_part(table, test_share, calibration_seed)
        test = table[part == "test"].reset_index(drop=True)
        label = test[REDSHIFT].to_numpy(np.float64)
        judges = redshifts_by_judge(dataset, test["object_id"], label, truth)
        measured[dataset] = tomography.measure(estimator, test, judges)
        logger.info(
            "%s: %d galaxies in %d bins", dataset, len(test), measured[dataset][0].bin.max()
        )
    write_tomography(measured, bins, nz)
    parts = [
        curve(dataset, key, stack)
        for dataset, (_, stacks) in measured.items()
        for key, stack in stacks.items()
    ]
    write_csv(pd.concat(parts), curves)


if __name__ == "__main__":
    run(main, snakemake)
