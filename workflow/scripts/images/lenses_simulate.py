"""Simulate images of lenses with a random field in their potential.

Outputs
    images : lenses/images.npz: `image`, with noise, and `smooth`, the same lens without random
        field and noise; shape (lenses, pixels, pixels), float32, the brightest pixel 1
    lenses : lenses/lenses.parquet, the parameters of each lens
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import atomic_path, write_parquet
from transferz.images.lens_light import Camera, draw_lens

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    images: str | Path,
    lenses: str | Path,
    *,
    simulation: Mapping[str, object],
    camera: Mapping[str, float],
) -> None:
    """Draw the lenses one after another; see `lens_light.draw_lens` for the settings."""
    optics = Camera(**camera)
    number, seed = simulation["lenses"], simulation["seed"]
    drawn = [draw_lens(k, seed, optics, simulation) for k in range(number)]
    values, noisy, smooth = zip(*drawn, strict=True)
    with atomic_path(images) as temporary:
        np.savez(temporary, image=np.stack(noisy), smooth=np.stack(smooth))
    write_parquet(pd.DataFrame(values), lenses)
    logger.info("%d lenses on %d x %d pixels", number, optics.pixels, optics.pixels)


if __name__ == "__main__":
    run(main, snakemake)
