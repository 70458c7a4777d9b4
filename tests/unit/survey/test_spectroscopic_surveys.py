import numpy as np
import pytest

from transferz.survey.filters import COSMOS_BANDS, HSC_BANDS
from transferz.survey.population import LightCone
from transferz.survey.spectroscopic_surveys import (
    COSMOS_DEPTH,
    PARENT_DEPTH,
    SPECTROSCOPIC_SURVEYS,
    TARGET_BANDS,
    half_light_radius,
    observe_cosmos,
    observe_hsc,
    parent_magnitudes,
)

DEPTH = {"g": 26.6, "r": 26.2, "i": 26.2, "z": 25.3, "y": 24.5}


@pytest.fixture(scope="module")
def cone():
    return LightCone(TARGET_BANDS)


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
        flux, COSMOS_BANDS, np.zeros(n), np.zeros(n, bool), ~outside, np.random.default_rng(1)
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


def test_limits_are_those_of_the_selection(cone):
    for name, survey in SPECTROSCOPIC_SURVEYS.items():
        assert survey.band in TARGET_BANDS, name
        assert survey.z_range[0] < survey.z_range[1] and survey.error > 0
        for ra_min, ra_max, dec_min, dec_max in survey.fields:
            assert 0 <= ra_min < ra_max < 360 and -7 < dec_min < dec_max < 54


PEAKS = {
    # Published median redshifts: Strauss et al. 2002; Liske et al. 2015; Parejko et al. 2013;
    # Anderson et al. 2014; Drinkwater et al. 2010; Guzzo et al. 2014; Lilly et al. 2009;
    # Newman et al. 2013; Prakash et al. 2016.
    "sdss_main": (0.10, 0.03), "gama": (0.19, 0.05), "boss_lowz": (0.30, 0.06),
    "boss_cmass": (0.56, 0.05), "wigglez": (0.60, 0.12), "vipers": (0.69, 0.12),
    "zcosmos": (0.60, 0.12), "deep2": (0.92, 0.15),
}  # fmt: skip


@pytest.mark.parametrize("name", PEAKS)
def test_survey_selects_what_its_paper_says(cone, name):
    survey = SPECTROSCOPIC_SURVEYS[name]
    rng = np.random.default_rng([3, len(name)])
    n = 12000 if name in ("wigglez", "boss_cmass", "boss_lowz", "eboss_lrg") else 2500
    drawn, flux = cone.draw(n, survey.band, survey.limit, rng, survey.search)
    magnitudes = parent_magnitudes(flux, TARGET_BANDS, rng)
    redshift = drawn["redshift"].to_numpy()
    with np.errstate(invalid="ignore"):
        chosen = survey.select(magnitudes)
    success = survey.success(magnitudes, redshift)
    assert ((success >= 0) & (success <= 1)).all()
    # The light cone must be drawn deeper than the selection reaches.
    assert magnitudes[survey.band][chosen].max() <= survey.limit + 0.01
    median, tolerance = PEAKS[name]
    assert np.median(redshift[chosen & (rng.random(n) < success)]) == pytest.approx(
        median, abs=tolerance
    )


def test_published_cuts_hold_by_hand():
    def magnitudes(**values):
        return {name: np.array([value]) for name, value in values.items()}

    cmass = magnitudes(SDSS_g=21.6, SDSS_r=19.9, SDSS_i=19.0)
    # d = 0.9 - 1.7/8 = 0.6875 > 0.55; i < 19.86 + 1.6 (0.6875 - 0.8) = 19.68.
    assert SPECTROSCOPIC_SURVEYS["boss_cmass"].select(cmass)[0]
    assert not SPECTROSCOPIC_SURVEYS["boss_cmass"].select(cmass | magnitudes(SDSS_i=19.4))[0]
    vipers = magnitudes(CFHTLS_u=24.0, CFHTLS_g=23.0, CFHTLS_r=22.0, CFHTLS_i=21.4)
    assert SPECTROSCOPIC_SURVEYS["vipers"].select(vipers)[0]
    assert not SPECTROSCOPIC_SURVEYS["vipers"].select(vipers | magnitudes(CFHTLS_u=24.5))[0]


def test_quasars_reach_high_redshift(cone):
    drawn, flux = cone.draw_quasars(2000, np.random.default_rng(0))
    magnitudes = parent_magnitudes(flux, TARGET_BANDS, np.random.default_rng(1))
    survey = SPECTROSCOPIC_SURVEYS["boss_qso"]
    kept = survey.select(magnitudes) & (drawn["redshift"] > survey.z_range[0]).to_numpy()
    assert kept.sum() > 100 and "GALEX_NUV" in PARENT_DEPTH
