"""Read a user's cut-outs of stars and galaxies, and measure features on them.

Inputs
    cutouts : HDF5 or FITS, see `star_galaxy_files.LAYOUT`

Outputs
    images, objects : as of star_galaxy_draw
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_parquet
from transferz.images.star_galaxy_files import Cutouts, read_own, split_own
from transferz.images.star_galaxy_stamps import features

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    cutouts: str | Path, images: str | Path, objects: str | Path, *, settings: Mapping
) -> None:
    """Read the file of `settings`, the section star_galaxy."""
    own = settings["files"]
    flux, table = read_own(cutouts, len(own["bands"]))
    table = split_own(table, settings)
    flux = flux[table.index]
    table = table.reset_index(drop=True)
    stretched = Cutouts.of(flux)
    measured = features(flux, stretched.noise, own["bands"], own["pixel"], own["fwhm"])
    middle = own["bands"][len(own["bands"]) // 2]
    table["magnitude_i"] = table["magnitude_i"].fillna(measured[f"mag_{middle}"])
    logger.info("%d cut-outs, %d of them stars", len(table), (table["label"] == 0).sum())
    stretched.write(images)
    write_parquet(pd.concat([table, measured], axis="columns"), objects)


if __name__ == "__main__":
    run(main, snakemake)
