import numpy as np
import pytest

from transferz.survey.filters import HSC_BANDS
from transferz.survey.imaging import (
    COSMOS_BANDS,
    COSMOS_DEPTH,
    half_light_radius,
    observe_cosmos,
    observe_hsc,
)

DEPTH = {"g": 26.6, "r": 26.2, "i": 26.2, "z": 25.3, "y": 24.5}


def test_hsc_reaches_five_sigma_at_its_depth():
    n = 4000
    flux = np.tile([10 ** (-0.4 * (DEPTH[band] - 23.9)) for band in HSC_BANDS], (n, 1))
    seen = observe_hsc(flux, np.zeros(n), np.zeros(n), DEPTH, np.random.default_rng(0))
    signal_to_noise = 2.5 / np.log(10) / np.nanmedian(seen.sigma, axis=0)
    assert signal_to_noise == pytest.approx(np.full(5, 5.0), rel=0.05)
    assert (seen.extinction == 0).all()


def test_hsc_magnitudes_carry_galactic_extinction():
    flux = np.full((3, 5), 1000.0)
    seen = observe_hsc(
        flux, np.full(3, 0.05), np.zeros(3), DEPTH, np.random.default_rng(0), scatter=0.0
    )
    assert seen.extinction[0] == pytest.approx(0.05 * np.array([3.69, 2.715, 2.0, 1.515, 1.298]))
    assert seen.magnitude - seen.extinction == pytest.approx(np.full((3, 5), 16.4), abs=0.02)


def test_cosmos_noise_and_missing_bands():
    n = 3000
    flux = np.zeros((n, len(COSMOS_BANDS)), dtype=np.float32)
    outside = np.arange(n) < 100
    measured, error = observe_cosmos(
        flux, np.zeros(n), np.zeros(n, bool), ~outside, np.random.default_rng(1)
    )
    r = COSMOS_BANDS.index("HSC_r")
    sky = 10 ** (-0.4 * (COSMOS_DEPTH["HSC_r"] - 23.9)) / 3
    assert np.nanmedian(error[:, r]) == pytest.approx(sky, rel=0.03)
    # The true scatter is 20 per cent larger than quoted.
    assert np.nanstd(measured[:, r]) == pytest.approx(1.2 * sky, rel=0.08)
    assert np.isnan(measured[outside][:, COSMOS_BANDS.index("UVISTA_J")]).all()
    assert np.isnan(measured[~outside]).any() and np.isfinite(measured[~outside]).mean() > 0.9


def test_bigger_for_brighter():
    rng = np.random.default_rng(0)
    bright, faint = (half_light_radius(np.full(500, m), rng) for m in (19.0, 25.0))
    assert np.median(bright) > 2 * np.median(faint) > 0
