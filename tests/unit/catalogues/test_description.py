"""The description of one's own catalogue: the same keys to train on it and to predict for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from transferz.catalogues.description import CatalogueDescription
from transferz.core.errors import InputError

COLUMNS = {"object_id": None, "mag": "{band}_f", "mag_err": "{band}_e", "redshift": "z"}
# A detection, one at a signal-to-noise ratio of 4, a negative flux, one that was not observed.
FLUX = pd.DataFrame({"mag_g": [3631.0, 40.0, -1.0, np.nan], "mag_err_g": [36.31, 10.0, 1.0, 1.0]})


@pytest.mark.parametrize("units", [{"unit": "uJy"}, {"units": {"mag": "uJy", "position": "deg"}}])
@pytest.mark.parametrize("undetected", [np.inf, np.nan])
def test_fluxes_are_converted_alike_to_train_and_to_predict(units: dict, undetected: float) -> None:
    entry = {"columns": COLUMNS, "min_snr": 5, "missing_bands": ["r"], **units}
    described = CatalogueDescription.from_config(entry, undetected=undetected)
    found = described.standardised(FLUX, ["g", "r"])
    # 3631 Jy is 0 mag: 3631 uJy is 15 mag; an error of 1% is 0.01086 mag.
    np.testing.assert_allclose(found["mag_g"], [15.0, undetected, undetected, np.nan])
    np.testing.assert_allclose(
        found["mag_err_g"], [0.01085736, undetected, undetected, np.nan], rtol=1e-6
    )
    assert found[["mag_r", "mag_err_r"]].isna().all(axis=None)
    read = [column.name for column in described.to_train(["g", "r"])]
    assert read == ["g_f", "g_e", "z"]
    assert read[:2] == [c.name for c in described.to_predict(["g", "r"], ["mag_g", "mag_r"])]


def test_magnitudes_that_mean_not_detected() -> None:
    table = pd.DataFrame({"mag_g": np.float32([20.0, 99.9, np.inf, np.nan])})
    entry = {"columns": COLUMNS, "non_detection_values": [99.9]}
    found = CatalogueDescription.from_config(entry).standardised(table, ["g"])
    np.testing.assert_array_equal(found["mag_g"], [20.0, np.inf, np.inf, np.nan])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"unit": "erg"}, r"predict\.catalogue\.unit: unknown unit; found erg; expected mag, nJy"),
        ({"units": {"mag": "mag", "position": "arc"}}, r"catalogue\.units\.position: unknown unit"),
    ],
)
def test_an_unknown_unit_is_named_by_its_key(entry: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CatalogueDescription.from_config({"columns": COLUMNS, **entry})
