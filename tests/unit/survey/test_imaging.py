import numpy as np
import pytest
from astropy.stats import mad_std

from transferz.survey.filters import HSC_BANDS
from transferz.survey.hsc_camera import photon_noise
from transferz.survey.imaging import (
    COSMOS_BANDS,
    COSMOS_DEPTH,
    half_light_radius,
    observe_cosmos,
    observe_hsc,
)

DEPTH = {"g": 26.6, "r": 26.2, "i": 26.2, "z": 25.3, "y": 24.5}
EXPOSURE = {"g": 600, "r": 600, "i": 1200, "z": 1200, "y": 1200}


def test_hsc_reaches_five_sigma_at_its_depth():
    n = 4000
    flux = np.tile([10 ** (-0.4 * (DEPTH[band] - 23.9)) for band in HSC_BANDS], (n, 1))
    seen = observe_hsc(flux, np.zeros(n), np.zeros(n), DEPTH, EXPOSURE, np.random.default_rng(0))
    signal_to_noise = 2.5 / np.log(10) / np.nanmedian(seen.sigma, axis=0)
    assert signal_to_noise == pytest.approx(np.full(5, 5.0), rel=0.05)
    assert (seen.extinction == 0).all()


@pytest.mark.parametrize("magnitude", [16.0, 18.0, 21.0])
def test_quoted_errors_are_those_of_a_photon_count(magnitude: float):
    n = 2000
    flux = np.full((n, 5), 10 ** (-0.4 * (magnitude - 23.9)))
    seen = observe_hsc(
        flux, np.zeros(n), np.zeros(n), DEPTH, EXPOSURE, np.random.default_rng(0), scatter=0.0
    )
    # By hand, in i: AB = 0 is 3631 Jy, a Jansky 1.51e7 photons per second, square metre and
    # relative bandwidth; 52.8 square metres; half of the light gets through 7,000-8,470 Angstrom.
    rate = 3631 * 1.51e7 * 52.8 * 0.5 * np.log(8470 / 7000) * 10 ** (-0.4 * magnitude)
    photons = 1.0857 / np.sqrt(1200 * rate)
    sky = 1.0857 / 5 * 10 ** (-0.4 * (26.2 - magnitude))
    quoted = np.median(seen.sigma[:, 2])
    assert quoted == pytest.approx(np.hypot(photons, sky), rel=0.04)
    assert np.std(seen.magnitude[:, 2]) == pytest.approx(quoted, rel=0.06)
    # HSC quotes less than a thousandth of a magnitude at i = 18, and more for fainter sources.
    assert magnitude > 18 or 5e-5 < quoted < 1e-3


def test_photon_noise_does_not_matter_for_the_labels():
    n = 2000
    # Those of the Deep layer; COSMOS2020 has the UltraDeep one.
    exposure = {"g": 2180, "r": 2180, "i": 3010, "z": 7570, "y": 5240}
    for magnitude in (18.0, 22.0, 25.0):
        flux = np.full((n, len(COSMOS_BANDS)), 10 ** (-0.4 * (magnitude - 23.9)))
        yes = np.ones(n, bool)
        measured, _ = observe_cosmos(flux, np.zeros(n), yes, yes, np.random.default_rng(0))
        noise = photon_noise(flux[:1, :5], exposure)[0]
        for number, band in enumerate(HSC_BANDS):
            scatter = mad_std(measured[:, COSMOS_BANDS.index(f"HSC_{band}")], ignore_nan=True)
            assert noise[number] < 0.2 * scatter


def test_hsc_magnitudes_carry_galactic_extinction():
    flux = np.full((3, 5), 1000.0)
    seen = observe_hsc(
        flux,
        np.full(3, 0.05),
        np.zeros(3),
        DEPTH,
        EXPOSURE,
        np.random.default_rng(0),
        scatter=0.0,
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
