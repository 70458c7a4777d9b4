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

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.photo_z.catalogue import predict_catalogue

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    catalogue: str | Path,
    models: Sequence[str | Path],
    sample: str | Path,
    photo_z: str | Path,
    pdf: str | Path | None = None,
    *,
    description: Mapping[str, object],
    strategy: str,
    seeds: Sequence[int],
    chunk_rows: int,
    threads: int,
    partition: str | None = None,
) -> None:
    """Write the predictions; see `photo_z.catalogue.predict_catalogue`."""
    options = {"strategy": strategy, "seeds": seeds, "chunk_rows": chunk_rows, "threads": threads}
    options |= {"description": description, "partition": partition}
    predict_catalogue(catalogue, models, sample, photo_z, pdf, **options)


if __name__ == "__main__":
    run(main, snakemake)
