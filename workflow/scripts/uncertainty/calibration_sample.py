"""Galaxies that calibrate the intervals of a strategy, and what its networks were trained with.

Inputs
    training : splits/{train_on}.parquet of the strategy and of those it starts from
    calibration : splits/{dataset}.parquet, intervals hold for galaxies like those of this data set

Outputs
    sample : calibration/{strategy}/{dataset}.npz
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.networks.features import REDSHIFT, input_columns, measured_columns, select_split
from transferz.uncertainty.calibration_sample import SETTINGS, CalibrationSample, calibration_part
from transferz.uncertainty.incomplete_photometry import magnitude_columns

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    training: Sequence[str | Path],
    calibration: str | Path,
    sample: str | Path,
    *,
    bands: Sequence[str],
    inputs: Sequence[str],
    magnitude_band: str,
    settings: Mapping[str, object],
    trained_on: Mapping[str, str] | None = None,
    softening: Mapping[str, float] | None = None,
) -> None:
    """Write the calibration sample.

    Parameters
    ----------
    inputs : sequence of str
        Templates of the networks' inputs.
    magnitude_band : str
        Band whose magnitude cuts the cells.
    settings : mapping
        ``uncertainty`` of the configuration.
    trained_on : mapping of str, optional
        What the networks were trained on, in words.
    softening : mapping of float, optional
        ``softening`` of the configuration.
    """
    columns = measured_columns(input_columns(inputs, bands))
    trained = [
        select_split(read_parquet(path, [*columns, REDSHIFT, "split"]), "train", file=path)
        for path in training
    ]
    table = read_parquet(calibration, ["object_id", *columns, REDSHIFT, "split"])
    part = calibration_part(table, settings["test_share"], settings["seed"])
    rows = table[part == "calibration"]
    CalibrationSample.from_tables(
        trained,
        rows,
        columns=columns,
        bands=bands,
        magnitude=magnitude_columns(columns, bands)[magnitude_band],
        settings={name: settings[name] for name in SETTINGS},
        trained_on=trained_on,
        softening=softening,
        **settings["out_of_distribution"],
    ).save(sample)
    logger.info("%s: %d galaxies to calibrate with", sample, len(rows))


if __name__ == "__main__":
    run(main, snakemake)
