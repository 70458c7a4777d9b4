import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from scipy.integrate import quad

from transferz.survey.filters import ab_magnitude
from transferz.survey.population import (
    LUMINOSITY_FUNCTIONS,
    LightCone,
    cosmic_age,
    distance_modulus,
    volume_element,
)

BANDS = ("HSC_g", "HSC_r", "HSC_i")


@pytest.fixture(scope="module")
def cone():
    return LightCone(BANDS)


def test_cosmology_against_astropy():
    reference = FlatLambdaCDM(70.0, 0.3, Tcmb0=0.0)
    z = np.array([0.02, 0.5, 1.0, 3.0, 6.0])
    assert distance_modulus(z) == pytest.approx(reference.distmod(z).value, abs=1e-3)
    assert cosmic_age(z) == pytest.approx(reference.age(z).value * 1e9, rel=2e-3)
    per_square_degree = reference.differential_comoving_volume(z).value * (np.pi / 180) ** 2
    assert volume_element(z) == pytest.approx(per_square_degree, rel=1e-3)


@pytest.mark.parametrize("kind", ["blue", "red"])
def test_counts_against_an_independent_integral(kind):
    function = LUMINOSITY_FUNCTIONS[kind]
    z, limit = np.array([0.5]), np.array([-20.0])
    x = 10 ** (-0.4 * (-20.0 - function.m_half))
    expected = 10**function.log_phi_half * quad(lambda t: t**function.alpha * np.exp(-t), x, 60)[0]
    assert function.number_brighter(z, limit)[0] == pytest.approx(expected, rel=2e-3)


def test_drawn_magnitudes_follow_the_function():
    function, n = LUMINOSITY_FUNCTIONS["blue"], 40000
    z = np.full(n, 0.8)
    drawn = function.draw_magnitudes(z, np.full(n, -18.0), np.random.default_rng(5))
    assert drawn.max() <= -18.0 + 1e-3
    ratio = (
        function.number_brighter(z[:1], np.array([-20.5]))[0]
        / (function.number_brighter(z[:1], np.array([-18.0]))[0])
    )
    assert (drawn < -20.5).mean() == pytest.approx(ratio, abs=0.01)


def test_light_cone_gives_its_absolute_magnitude(cone):
    # At a redshift of 0.005 nothing is shifted: m - M is the distance modulus, B lies by g.
    drawn, flux = cone.draw(400, "HSC_r", 19.0, np.random.default_rng(1))
    near = (drawn["redshift"] < 0.08).to_numpy()
    absolute = ab_magnitude(flux[near, 0]) - distance_modulus(drawn["redshift"][near])
    difference = absolute - drawn["magnitude_b"][near]
    assert near.sum() > 15
    assert difference.between(-0.6, 0.25).all()


def test_no_galaxy_brighter_than_the_limit_is_missed(cone):
    # Candidates to a deeper limit, cut at the shallow one, must give the same density.
    densities = []
    for limit in (20.0, 21.0):
        drawn, flux = cone.draw(6000, "HSC_i", limit, np.random.default_rng(2))
        share = (ab_magnitude(flux[:, 2]) < 20.0).mean()
        densities.append(share * cone.expected("HSC_i", limit))
        assert len(drawn) == 6000
    assert densities[0] == pytest.approx(densities[1], rel=0.12)
    # Galaxy counts of about 3,500 per square degree to i = 20 (e.g. Yasuda et al. 2001).
    assert 1500 < densities[0] < 6000


def test_draw_is_deterministic_and_keeps_to_its_range(cone):
    first, second = (
        cone.draw(50, "HSC_i", 21.0, np.random.default_rng(7), (0.3, 0.6)) for _ in range(2)
    )
    np.testing.assert_array_equal(first[1], second[1])
    assert first[0]["redshift"].between(0.29, 0.61).all()


def test_stars_and_quasars(cone):
    rng = np.random.default_rng(4)
    stars, star_flux = cone.draw_stars(500, rng, faint=24.0)
    quasars, quasar_flux = cone.draw_quasars(500, rng)
    assert ab_magnitude(star_flux[:, 2]).max() < 24.1
    assert quasars["redshift"].between(0.3, 5.0).all() and (stars["redshift"] == 0).all()
    colour = {
        name: np.median(ab_magnitude(flux[:, 0]) - ab_magnitude(flux[:, 2]))
        for name, flux in (("stars", star_flux), ("quasars", quasar_flux))
    }
    assert colour["stars"] > 1.0 > colour["quasars"]
