"""The part of COSMOS that is simulated gives as many galaxies as the configuration asks for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.catalogues import crossmatch, select_transferz
from scripts.survey.simulate_survey import write_fits
from transferz.settings.loader import with_defaults
from transferz.survey import cosmos2020, hsc, sky


@pytest.mark.parametrize("seed", [0, 1, 2020])
@pytest.mark.parametrize("n", [500, 20_000, 130_000])
def test_the_area_outside_masks_is_what_the_number_needs(seed: int, n: int) -> None:
    footprint = sky.lay_out(n, 100_000, seed)
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(*footprint.ra, 100_000), rng.uniform(*footprint.dec, 100_000)
    clean = footprint.near_infrared(ra, dec) & (footprint.star_distance(ra, dec) > 1.1)
    area = clean.mean() * np.ptp(footprint.ra) * np.ptp(footprint.dec)
    assert area * 100_000 == pytest.approx(n, rel=0.01)


def test_a_larger_part_holds_the_stars_of_a_smaller_one() -> None:
    small, large = (set(sky.lay_out(n, 100_000, 7).star_ra) for n in (5_000, 50_000))
    assert small < large


def test_as_many_galaxies_pass_the_default_cuts_as_asked_for(tmp_path: Path, root: Path) -> None:
    config = with_defaults({})
    # With seed 1 bright stars happen to cover a quarter of the field of 1,500 galaxies.
    settings = {**config["embedded"], "n_transferz": 1500}
    footprint = sky.lay_out(1500, settings["transferz_density"], seed=1)
    objects, flux = sky.populate(footprint, settings, 1, map)
    cosmos, _ = cosmos2020.catalogue(objects, flux, footprint, 1, map)
    deep, _ = hsc.catalogue(objects, flux, footprint, settings, 1)
    paths = [tmp_path / name for name in ("cosmos.fits", "hsc.fits", "matched.parquet")]
    write_fits(cosmos, paths[0])
    write_fits(deep, paths[1])
    crossmatch.main(
        *paths[:2],
        root / "config/columns.tsv",
        paths[2],
        bands=config["bands"],
        cosmos_version=config["catalogues"]["cosmos2020"],
        hsc_version=config["catalogues"]["hsc"],
        radius=config["crossmatch"]["radius"],
        hsc_cuts=config["crossmatch"]["hsc_cuts"],
    )
    select_transferz.main(
        paths[2],
        tmp_path / "transferz.parquet",
        tmp_path / "cutflow.csv",
        bands=config["bands"],
        cuts=config["selection"]["cuts"],
        photometry=config["photometry"],
    )
    n = len(pd.read_parquet(tmp_path / "transferz.parquet"))
    assert n == pytest.approx(1500, abs=2.5 * np.sqrt(1500))
