from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from transferz.survey.attenuation import calzetti
from transferz.survey.galaxy_spectra import (
    LINES,
    GalaxyModel,
    age_weights,
    line_ratios,
    quasar_spectra,
)
from transferz.survey.stellar import AGE_EDGES, AGES, REST_GRID


@pytest.fixture(scope="module")
def model():
    return GalaxyModel()


def galaxies(**changes):
    base = {"age": 4e9, "tau": 2e9, "burst_fraction": 0.0, "burst_age": 1e8, "metallicity": -0.1,
            "ebv": 0.0, "dust_slope": 0.0, "dust_bump": 0.0, "ionisation": 0.0,
            "lya_escape": 0.0}  # fmt: skip
    return pd.DataFrame([base | changes])


@pytest.mark.parametrize("delayed", [True, False])
def test_age_weights_against_numerical_integration(delayed):
    age, tau = 5.0e9, 1.3e9

    def rate(t):
        return (t if delayed else 1.0) * np.exp(-t / tau)

    total = quad(rate, 0, age)[0]
    expected = [
        quad(rate, max(age - high, 0), max(age - low, 0))[0] / total
        for low, high in pairwise(AGE_EDGES)
    ]
    weights = age_weights(np.array([age]), np.array([tau]), delayed=delayed)[0]
    assert weights == pytest.approx(expected, abs=1e-8)
    bursting = age_weights(np.array([age]), np.array([tau]), 0.3, 1e8, delayed=delayed)[0]
    assert bursting.sum() == pytest.approx(1.0)
    assert bursting[AGES < 5e7].sum() > weights[AGES < 5e7].sum() + 0.1


def test_line_ratios_are_physical():
    n = 50
    ratios = dict(
        zip(LINES, line_ratios(np.linspace(-1.2, 0.3, n), np.zeros(n), np.zeros(n)).T, strict=True)
    )
    assert ratios["Halpha"] == pytest.approx(np.full(n, 2.86))
    assert ratios["[OIII]5008"] / ratios["[OIII]4960"] == pytest.approx(np.full(n, 2.98))
    # Along the star-forming sequence [NII] rises and [OIII] falls with oxygen.
    assert (np.diff(ratios["[NII]6585"]) >= 0).all() and (np.diff(ratios["[OIII]5008"]) <= 0).all()


def test_h_alpha_follows_star_formation(model):
    # Kennicutt (1998) with a Chabrier mass function: 1 M_sun/yr gives about 2e41 erg/s.
    steady = galaxies(age=1e9, tau=1e12)
    with_lines, without = (model.spectra(steady, line_scale=scale)[0] for scale in (1.0, 0.0))
    near = (REST_GRID > 6450) & (REST_GRID < 6700)
    light = np.trapezoid((with_lines - without)[near], REST_GRID[near]) * 3.828e33
    # The delayed history rises linearly: the present rate is twice the mean one.
    rate = 2.0 / 1e9
    nitrogen = 1 + 1.33 * line_ratios(np.array([-0.1]), np.zeros(1), np.zeros(1))[0][14] / 2.86
    assert light / nitrogen / rate == pytest.approx(2.0e41 * 0.75, rel=0.35)


def test_emission_line_is_at_its_wavelength_on_a_fine_grid():
    wave = np.linspace(6400.0, 6800.0, 4001)
    rng = np.random.default_rng(3)
    young = galaxies(age=5e8, tau=1e9)
    table = pd.concat([young.assign(ebv=ebv) for ebv in rng.uniform(0, 0.8, 20)])
    spectra = GalaxyModel(wave, line_width=150.0).spectra(table)
    assert spectra.shape == (20, 4001)
    assert np.isfinite(spectra).all() and (spectra > 0).all()
    for spectrum in spectra:
        assert wave[spectrum.argmax()] == pytest.approx(LINES["Halpha"], abs=0.2)


def test_models_are_deterministic():
    wave = np.linspace(3000.0, 7000.0, 300)
    first, second = (GalaxyModel(wave).spectra(galaxies()) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_quasars_have_broad_lines():
    zero = np.zeros(1)
    spectrum = quasar_spectra(REST_GRID, zero - 0.44, zero, zero + 1)[0]
    smooth = quasar_spectra(REST_GRID, zero - 0.44, zero, zero)[0]
    excess = (spectrum / smooth - 1)[(REST_GRID > 1480) & (REST_GRID < 1620)]
    wave = REST_GRID[(REST_GRID > 1480) & (REST_GRID < 1620)]
    assert np.trapezoid(excess, wave) == pytest.approx(23.8, rel=0.1)


def test_dust_reddens(model):
    clear, dusty = (model.spectra(galaxies(ebv=ebv), line_scale=0.0)[0] for ebv in (0.0, 0.3))
    loss = -2.5 * np.log10(dusty / clear)
    assert loss == pytest.approx(0.3 * calzetti(REST_GRID), abs=2e-3)
