import numpy as np
import pytest

from transferz.survey.imaging import PARENT_DEPTH, TARGET_BANDS, parent_magnitudes
from transferz.survey.population import LightCone
from transferz.survey.spectroscopic_surveys import SPECTROSCOPIC_SURVEYS


@pytest.fixture(scope="module")
def cone():
    return LightCone(TARGET_BANDS)


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
