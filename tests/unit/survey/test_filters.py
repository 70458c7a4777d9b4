import numpy as np
import pytest

from transferz.core.errors import InputError
from transferz.survey.filters import (
    HSC_BANDS,
    SPEED_OF_LIGHT,
    Photometer,
    ab_magnitude,
    load_band,
    log_wavelength_grid,
)
from transferz.survey.imaging import COSMOS_BANDS

GRID = log_wavelength_grid(600.0, 53000.0, 0.003)


def test_a_source_flat_in_f_nu_has_one_magnitude_in_every_band():
    # 3631 Jy at AB magnitude 0: f_nu = 1 microJansky is 23.9.
    flat = (SPEED_OF_LIGHT / GRID**2)[None]
    photometry = Photometer(COSMOS_BANDS, GRID).f_nu(flat, np.zeros(1))[0]
    assert ab_magnitude(photometry) == pytest.approx(np.full(len(COSMOS_BANDS), 23.9), abs=1e-4)


def test_photometry_agrees_with_direct_integration_of_the_measured_curve():
    redshift = 0.7137
    spectrum = 1.0 + np.exp(-0.5 * ((GRID - 4300.0) / 400.0) ** 2) + (GRID / 5000.0) ** -1.3
    measured = Photometer(["HSC_r"], GRID).f_nu(spectrum[None], np.array([redshift]))[0, 0]
    band = load_band("HSC_r")
    wave = np.linspace(band.wavelength[0], band.wavelength[-1], 20001)
    response = np.interp(wave, band.wavelength, band.response)
    seen = np.interp(wave / (1 + redshift), GRID, spectrum)
    top = np.trapezoid(seen * wave * response, wave)
    direct = top / (SPEED_OF_LIGHT * np.trapezoid(response / wave, wave))
    assert measured == pytest.approx(direct, rel=1e-3)


@pytest.mark.parametrize("redshift", [0.0, 0.31, 1.2])
def test_a_line_is_seen_in_the_band_at_its_redshifted_wavelength(redshift):
    rest, bands = 5008.2, [name for name in COSMOS_BANDS if name.startswith("SC_I")]
    line = np.exp(-0.5 * ((GRID - rest) / 20.0) ** 2)[None]
    flux = Photometer(bands, GRID).f_nu(line, np.array([redshift]))[0]
    observed = rest * (1 + redshift)
    centres = np.array([load_band(name).effective_wavelength for name in bands])
    if observed < 8400:
        assert abs(centres[flux.argmax()] - observed) < 230
    else:
        assert (flux == 0).all()


def test_effective_wavelengths_and_extinction_of_hsc():
    published = {"g": 4847, "r": 6219, "i": 7699, "z": 8894, "y": 9761}
    for band in HSC_BANDS:
        effective = load_band(f"HSC_{band}").effective_wavelength
        assert effective == pytest.approx(published[band], rel=0.012)
    assert load_band("HSC_g").extinction == 3.69


def test_magnitudes_of_nothing_are_null():
    assert np.isnan(ab_magnitude(np.array([0.0, -1.0]))).all()


def test_unknown_filter_names_what_there_is():
    with pytest.raises(InputError, match="HSC_g"):
        load_band("HSC_q")
