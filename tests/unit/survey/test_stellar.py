import numpy as np
import pytest

from transferz.survey.stellar import AGES, REST_GRID, simple_populations, stellar_spectra


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
