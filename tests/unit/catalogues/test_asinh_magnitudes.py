"""Asinh magnitudes: values, and which measurements have one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.small_run import galaxies, small_run

from transferz import api
from transferz.catalogues.description import CatalogueDescription
from transferz.catalogues.units import (
    asinh_magnitude,
    asinh_magnitude_error,
    with_asinh_magnitudes,
)
from transferz.photo_z.catalogue import predict_catalogue

# SDSS, "Asinh magnitudes": softening b of each band in maggies, magnitude of no flux and of 10 b.
SDSS = {
    "u": (1.4e-10, 24.63, 22.12),
    "g": (0.9e-10, 25.11, 22.60),
    "r": (1.2e-10, 24.80, 22.29),
    "i": (1.8e-10, 24.36, 21.85),
    "z": (7.4e-10, 22.83, 20.32),
}
SOFTENING = {"g": 27.0, "r": 27.0, "i": 27.0}


@pytest.mark.parametrize(("b", "of_nothing", "of_ten_b"), SDSS.values(), ids=SDSS)
def test_values_of_sdss(b: float, of_nothing: float, of_ten_b: float) -> None:
    softening = -2.5 * np.log10(b)
    found = asinh_magnitude(np.array([0.0, 10 * b, 1e6 * b]), softening)
    np.testing.assert_allclose(found[:2], [of_nothing, of_ten_b], atol=0.006)
    # The magnitude, where the flux is far above the noise.
    assert found[2] == pytest.approx(-2.5 * np.log10(1e6 * b), abs=1e-9)


def test_a_negative_flux_is_as_far_below_no_flux_as_a_positive_one_above() -> None:
    flux = np.array([-3e-11, 0.0, 3e-11])
    low, middle, high = asinh_magnitude(flux, 26.0)
    assert low - middle == pytest.approx(middle - high)
    assert low > middle > high


@pytest.mark.parametrize("flux", [-5e-11, 0.0, 2e-11, 1e-8])
def test_the_error_is_the_slope_times_the_error_of_the_flux(flux: float) -> None:
    step = 1e-15
    pair = asinh_magnitude(np.array([flux - step, flux + step]), 26.0)
    expected = (pair[0] - pair[1]) / 2
    found = asinh_magnitude_error(np.array([flux]), np.array([step]), 26.0)[0]
    assert found == pytest.approx(expected, rel=1e-3)


def test_fluxes_have_one_whatever_their_sign_and_noise() -> None:
    # A detection, one at a signal-to-noise ratio of 4, none, not observed, an impossible error.
    fluxes = pd.DataFrame(
        {
            "mag_g": [3631.0, 40.0, -1.0, np.nan, 100.0],
            "mag_err_g": [36.31, 10.0, 1.0, 1.0, -1.0],
        }
    )
    entry = {"columns": {"mag": "f", "mag_err": "e"}, "min_snr": 5, "unit": "uJy"}
    described = CatalogueDescription.from_config(entry)
    found = described.standardised(fluxes, ["g"], {"g": 23.0})
    assert found["mag_g"].isin([np.inf]).tolist() == [False, True, True, False, False]
    # b of 23 mag is 2.29 uJy: asinh(40 / 4.58) = 2.863; asinh(-1 / 4.58) = -0.2166.
    expected = [15.0, 23 - 1.085736 * 2.8634, 23 + 1.085736 * 0.21656, np.nan, np.nan]
    np.testing.assert_allclose(found["asinh_g"], expected, atol=1e-3)
    expected = [0.010857, 1.085736 * 10 / 40.262, 1.085736 / 4.6896, np.nan, np.nan]
    np.testing.assert_allclose(found["asinh_err_g"], expected, rtol=2e-3)


def test_of_magnitudes_what_has_no_value_has_none() -> None:
    table = pd.DataFrame(
        {"mag_g": [20.0, 26.0, 99.9, np.nan, -99.0], "mag_err_g": [0.01, 0.5, 1.0, 1.0, 0.1]}
    )
    entry = {"columns": {"mag": "m", "mag_err": "e"}, "min_snr": 5}
    entry["non_detection_values"] = [99.9]
    described = CatalogueDescription.from_config(entry)
    found = described.standardised(table, ["g", "r"], {"g": 26.0, "r": 26.0})
    # f = b: asinh(1/2) = 0.48121. Below the signal-to-noise ratio, and a measurement all the same.
    expected = [20.0, 26 - 1.085736 * 0.481212, np.inf, np.nan, np.nan]
    np.testing.assert_allclose(found["asinh_g"], expected, atol=1e-4)
    np.testing.assert_allclose(found["asinh_err_g"][:2], [0.01, 0.5 / np.sqrt(5)], rtol=1e-4)
    assert found["asinh_r"].isna().all()


def test_networks_get_the_same_from_fluxes_and_from_magnitudes(tmp_path: Path) -> None:
    results = small_run(tmp_path, softening=SOFTENING)
    models = sorted((results / "models/NN-Combo").glob("*.npz"))
    sample = results / "calibration/NN-Combo/target.npz"
    options = {"strategy": "NN-Combo", "seeds": [0, 1], "chunk_rows": 1024, "threads": 1}
    table = galaxies(300, 5)
    fluxes = pd.DataFrame({"id": table["object_id"]})
    for band in "gri":
        fluxes[f"f_{band}"] = 3.631e12 * 10 ** (-0.4 * table[f"mag_{band}"])
    fluxes.loc[:9, "f_g"] *= -0.001
    fluxes.loc[10:19, "f_g"] = np.nan
    answers = {}
    for name, catalogue, columns, unit in (
        ("magnitudes", table, {"object_id": "object_id", "mag": "mag_{band}"}, "mag"),
        ("fluxes", fluxes, {"object_id": "id", "mag": "f_{band}"}, "nJy"),
    ):
        catalogue.to_parquet(tmp_path / f"{name}.parquet")
        described = {"columns": columns, "unit": unit}
        written = tmp_path / f"{name}_z.parquet"
        predict_catalogue(
            tmp_path / f"{name}.parquet", models, sample, written, description=described, **options
        )
        answers[name] = pd.read_parquet(written)
    magnitudes, measured = answers["magnitudes"], answers["fluxes"]
    pd.testing.assert_frame_equal(measured[20:], magnitudes[20:], rtol=1e-4)
    # A negative flux is a measurement like others; a flux that is not there is not.
    assert not measured["flag_non_detection"].any()
    assert measured.index[measured["flag_missing_band"]].tolist() == list(range(10, 20))
    assert measured["z_median"].notna().all()
    assert (measured["z_ensemble"] != magnitudes["z_ensemble"])[:10].all()
    estimator = api.load(results, "NN-Combo", seeds=[0, 1])
    again = estimator.predict(table)
    np.testing.assert_array_equal(again["z_median"], magnitudes["z_median"])
    # A table of its own asinh magnitudes, and a sentinel that nobody named.
    own = with_asinh_magnitudes(table, SOFTENING).drop(columns=["mag_g", "mag_r", "mag_i"])
    np.testing.assert_array_equal(estimator.predict(own)["z_median"], again["z_median"])
    strange = estimator.predict(table.assign(mag_g=99.0))
    assert strange["flag_missing_band"].all()
