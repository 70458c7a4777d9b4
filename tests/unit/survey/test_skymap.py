"""HSC's tracts, patches and identifiers, held against real ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from transferz.survey.skymap import number_objects, tract_and_patch


def test_tract_and_patch_of_real_galaxies(two_releases: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    for table in two_releases:
        number = table["object_id"].to_numpy()
        tract, x, y = tract_and_patch(table["ra"].to_numpy(), table["dec"].to_numpy())
        assert (tract == number >> 42).all()
        # Neighbouring patches overlap; a galaxy on the edge may be numbered in the other.
        assert ((x == number >> 37 & 31) & (y == number >> 32 & 31)).mean() > 0.998


def test_a_rerun_numbers_the_objects_of_a_patch_anew() -> None:
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(149.9, 150.2, 3000), rng.uniform(2.1, 2.4, 3000)
    first, second = (number_objects(ra, dec, np.random.default_rng(seed)) for seed in (1, 2))
    for numbers in (first, second):
        assert len(np.unique(numbers)) == 3000
    # The same sky, so the same tract and patch; a number is the same by chance alone.
    np.testing.assert_array_equal(first >> 32, second >> 32)
    assert (first == second).sum() <= 2
    assert 0 < np.isin(first, second).sum() < 200
    assert (first >> 42 == 9813).mean() > 0.5
