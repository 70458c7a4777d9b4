"""Photometric redshifts for a catalogue of the user, with uncertainties and flags.

Inputs
    catalogue : FITS, CSV, TSV (also gzipped), Parquet or HDF5, described in the configuration
    models : models/{strategy}/seeds-{first}-{last}.npz, all chunks
    sample : calibration/{strategy}/{dataset}.npz

Outputs
    photo_z : Parquet, one row per row of the catalogue, in its order: object_id, the columns that
        were asked for, and those of `transferz.api.PhotoZ.predict`
    pdf : the distributions in qp's format, HDF5; optional
"""

from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.photo_z.catalogue import predict_catalogue

if TYPE_CHECKING:
    from snakemake.script import snakemake


if __name__ == "__main__":
    run(predict_catalogue, snakemake)
