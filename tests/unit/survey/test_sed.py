from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from transferz.survey.sed import (
    AGE_EDGES,
    AGES,
    LINES,
    REST_GRID,
    GalaxyModel,
    age_weights,
    calzetti,
    draw_star_forming,
    fitting_templates,
    generate_seds,
    igm_optical_depth,
    line_ratios,
    quasar_spectra,
    simple_populations,
    stellar_spectra,
)


@pytest.fixture(scope="module")
def model():
    return GalaxyModel()


def galaxies(**changes):
    table = draw_star_forming(1, np.random.default_rng(0))
    base = {"age": 4e9, "tau": 2e9, "burst_fraction": 0.0, "burst_age": 1e8, "metallicity": -0.1,
            "ebv": 0.0, "dust_slope": 0.0, "dust_bump": 0.0, "ionisation": 0.0,
            "lya_escape": 0.0}  # fmt: skip
    return table.assign(**(base | changes))


def test_stars_have_unit_bolometric_luminosity_and_cooler_ones_are_redder():
    wave = np.geomspace(200.0, 2e5, 8000)
    spectra = stellar_spectra(wave, np.array([3300.0, 5772.0, 9500.0, 20000.0]))
    assert np.trapezoid(spectra, wave, axis=1) == pytest.approx(np.ones(4), abs=0.01)
    blue_over_red = (
        spectra[:, np.searchsorted(wave, 4500)] / spectra[:, np.searchsorted(wave, 8000)]
    )
    assert (np.diff(blue_over_red) > 0).all()


def test_break_at_4000_angstrom_grows_with_age():
    spectra = simple_populations()[3]
    f_nu = spectra * REST_GRID**2
    red = f_nu[:, (REST_GRID > 4000) & (REST_GRID < 4100)].mean(axis=1)
    blue = f_nu[:, (REST_GRID > 3850) & (REST_GRID < 3950)].mean(axis=1)
    strength = np.interp([3e6, 1e9, 1e10], AGES, red / blue)
    # Bruzual & Charlot (2003): about 1.0, 1.5 and 2.0 at solar metallicity.
    assert strength == pytest.approx([1.0, 1.5, 2.0], abs=0.2)


def test_mass_to_light_ratio_of_an_old_population():
    spectra = simple_populations(np.array([6160.0, 6170.0]))[3, :, 0]
    # The Sun at 6165 Angstrom: 5e-5 L_sun / Angstrom would be 0.5 for a mass-to-light ratio of 1.
    sun = stellar_spectra(np.array([6165.0]), np.array([5772.0]))[0, 0]
    ratio = sun / np.interp(1e10, AGES, spectra)
    # About 3 in r per mass formed for a Chabrier mass function.
    assert 2.0 < ratio < 5.0


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


def test_calzetti_values_and_dust_reddens(model):
    # k(V) = R_V = 4.05 by definition; k(B) - k(V) = 1 within a few per cent.
    k = calzetti(np.array([5500.0, 4400.0]))
    assert k[0] == pytest.approx(4.05, abs=0.05)
    assert k[1] - k[0] == pytest.approx(1.0, abs=0.06)
    clear, dusty = (model.spectra(galaxies(ebv=ebv), line_scale=0.0)[0] for ebv in (0.0, 0.3))
    loss = -2.5 * np.log10(dusty / clear)
    assert loss == pytest.approx(0.3 * calzetti(REST_GRID), abs=2e-3)


def test_intergalactic_medium_absorbs_only_blueward_of_lyman_alpha():
    depth = igm_optical_depth(np.array([1217.0, 1150.0, 1000.0, 850.0]), 3.0)
    assert depth[0] == 0.0
    # Madau (1995): mean transmission between Lyman alpha and beta at z = 3 about 0.7.
    assert depth[1] == pytest.approx(0.0036 * (1150 * 4 / 1215.67) ** 3.46)
    assert depth[3] > depth[2] > depth[1]


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
    spectra, parameters = generate_seds(20, np.random.default_rng(3), wave)
    assert spectra.shape == (20, 4001) and len(parameters) == 20
    assert np.isfinite(spectra).all() and (spectra > 0).all()
    young = parameters["ssfr"].to_numpy().argmax()
    assert wave[spectra[young].argmax()] == pytest.approx(LINES["Halpha"], abs=0.2)


def test_generate_seds_is_deterministic():
    wave = np.linspace(3000.0, 7000.0, 300)
    first, second = (generate_seds(5, np.random.default_rng(9), wave)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_fitting_family_differs_from_generating_one(model):
    templates, table = fitting_templates()
    assert len(templates) == len(table) and np.isfinite(templates).all()
    row = table[(table["age"] == 6e9) & (table["tau"] == 5e8) & (table["ebv"] == 0)].index[0]
    same = table.loc[[row]]
    generated = model.spectra(same, delayed=False)[0]
    optical = (REST_GRID > 3000) & (REST_GRID < 20000)
    ratio = (templates[row] / generated)[optical]
    assert 0.01 < np.std(np.log(ratio)) < 0.2


def test_quasars_have_broad_lines():
    zero = np.zeros(1)
    spectrum = quasar_spectra(REST_GRID, zero - 0.44, zero, zero + 1)[0]
    smooth = quasar_spectra(REST_GRID, zero - 0.44, zero, zero)[0]
    excess = (spectrum / smooth - 1)[(REST_GRID > 1480) & (REST_GRID < 1620)]
    wave = REST_GRID[(REST_GRID > 1480) & (REST_GRID < 1620)]
    assert np.trapezoid(excess, wave) == pytest.approx(23.8, rel=0.1)
