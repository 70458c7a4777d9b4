"""The galaxies that calibrate are drawn independently of the split."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from transferz.catalogues.splits import split_by_object
from transferz.uncertainty.calibration_sample import calibration_part

FRACTIONS = {"train": 0.7, "validation": 0.15, "test": 0.15}


@pytest.mark.parametrize("test_share", [0.2, 0.5])
def test_the_share_that_calibrates_holds_with_the_seed_of_the_split(test_share: float) -> None:
    table = pd.DataFrame({"object_id": np.arange(30_000)})
    table["split"] = split_by_object(table["object_id"], FRACTIONS, seed=2024)
    part = calibration_part(table, test_share, seed=2024)
    test = (table["split"] == "test").to_numpy()
    # With one draw for both, no galaxy of the test set would calibrate: its numbers are above 0.85.
    share = (part[test] == "calibration").mean()
    assert share == pytest.approx(test_share, abs=4 * np.sqrt(0.25 / test.sum()))
    assert (part[~test] == table["split"].to_numpy(dtype=object)[~test]).all()
