"""Draw cut-outs of stars and galaxies of the embedded survey, and measure features on them.

Inputs
    matched : transferz/matched.parquet of the same survey, or nothing: then no candidates of
        TransferZ are drawn

Outputs
    images : star_galaxy/images.npz, see `star_galaxy_files.Cutouts`
    objects : star_galaxy/objects.parquet, a row for each image: what it is, its sample, features
    parent : star_galaxy/candidates.parquet, what all cuts but those against stars let pass
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_parquet, write_parquet
from transferz.images.star_galaxy_files import Cutouts
from transferz.images.star_galaxy_objects import OBJECT_STREAM, candidates, choose, detections
from transferz.images.star_galaxy_stamps import draw, features
from transferz.survey.hsc_camera import PIXEL, SEEING

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    images: str | Path,
    objects: str | Path,
    parent: str | Path,
    *,
    settings: Mapping,
    embedded: Mapping,
    cuts: Mapping[str, Mapping | None],
    photometry: Mapping,
    bands: Sequence[str],
    matched: str | Path | None = None,
    threads: int = 1,
) -> None:
    """Draw the samples; `settings` is the section star_galaxy, the rest as in select_transferz."""
    sky, flux, detected = detections(embedded, threads)
    found = pd.DataFrame(columns=["object_id"])
    if matched is not None:
        table = read_parquet(matched)
        found = candidates(table, cuts, settings["against_stars"], bands, photometry)
        kinds = detected.set_index("object_id")["type"]
        found["type"] = kinds.loc[found["object_id"]].to_numpy()
        logger.info("Candidates of TransferZ: %s", found["type"].value_counts().to_dict())
    chosen = choose(detected, found["object_id"], settings)
    layer = embedded["transferz_layer"]
    depth, exposure = embedded["depth"][layer], embedded["exposure"][layer]
    rng = np.random.default_rng([OBJECT_STREAM, settings["seed"], 1])
    drawn = draw(sky, flux, chosen["origin"].to_numpy(), depth, exposure, rng)
    cutouts = Cutouts.of(drawn)
    measured = features(drawn, cutouts.noise, bands, PIXEL, SEEING)
    logger.info("Drawn: %s", chosen.groupby(["sample", "label"]).size().to_dict())
    cutouts.write(images)
    write_parquet(pd.concat([chosen, measured], axis="columns"), objects)
    write_parquet(found, parent)


if __name__ == "__main__":
    run(main, snakemake)
