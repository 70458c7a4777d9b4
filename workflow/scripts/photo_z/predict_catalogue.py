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

from transferz.core.logs import job
from transferz.photo_z.catalogue import predict_catalogue

if TYPE_CHECKING:
    from snakemake.script import snakemake


if __name__ == "__main__":
    with job(snakemake.log[0]):
        predict_catalogue(
            snakemake.input.catalogue,
            snakemake.input.models,
            snakemake.input.sample,
            snakemake.output.photo_z,
            snakemake.output.get("pdf"),
            description=snakemake.params.description,
            strategy=snakemake.params.strategy,
            seeds=snakemake.params.seeds,
            chunk_rows=snakemake.params.chunk_rows,
            threads=snakemake.threads,
        )
