from __future__ import annotations

import numpy as np
import pytest

from transferz.core.errors import InputError
from transferz.spectra.galaxies import draw_galaxies, draw_quasars, galaxy_blocks
from transferz.spectra.grism import (
    EqualClasses,
    Grism,
    line_spread,
    log_edges,
    observe,
    rest_grid,
    with_noise,
)
from transferz.survey.galaxy_spectra import LINES

GRISM = Grism(12060.0, 18920.0, 512, 480.0)
REST = rest_grid(GRISM, 0.7, 2.3, 4e-4)


@pytest.fixture(scope="module")
def galaxies() -> np.ndarray:
    return next(galaxy_blocks(draw_galaxies(60, seed=3), REST))[1]


@pytest.mark.parametrize("number", [80, 800, 7])
def test_ends_of_the_range_are_the_first_and_the_last_class(number: int) -> None:
    classes = EqualClasses(1.0, 1.8, number)
    assert classes.of(np.array([1.0, 1.7999])).tolist() == [0, number - 1]


def test_class_is_the_published_floor_of_the_scaled_redshift() -> None:
    classes = EqualClasses(1.0, 1.8, 80)
    z = np.random.default_rng(0).uniform(1.0, 1.8, 1000)
    expected = [int((value - 1.0) / (1.8 - 1.0) * 80) for value in z]
    assert classes.of(z).tolist() == expected


@pytest.mark.parametrize("number", [80, 800])
def test_every_centre_and_every_lower_edge_is_in_its_own_class(number: int) -> None:
    classes = EqualClasses(1.0, 1.8, number)
    assert classes.of(classes.centres).tolist() == list(range(number))
    assert classes.of(classes.edges[:-1]).tolist() == list(range(number))
    assert classes.width == pytest.approx(0.8 / number)


def test_pixels_are_of_equal_width_between_the_given_edges() -> None:
    assert GRISM.edges[[0, -1]].tolist() == [12060.0, 18920.0]
    assert np.allclose(np.diff(GRISM.edges), 13.3984375)


@pytest.mark.parametrize("redshift", [1.0, 1.234, 1.7999])
def test_flux_is_conserved(galaxies: np.ndarray, redshift: float) -> None:
    z = np.full(len(galaxies), redshift)
    observed = observe(galaxies, REST, z, GRISM).astype(float)
    # The same energy by another way: a fine sum over the rest-frame pieces inside the grism.
    edges = log_edges(REST) * (1.0 + redshift)
    inside = np.clip(
        np.minimum(edges[1:], GRISM.wavelength_max) - np.maximum(edges[:-1], GRISM.wavelength_min),
        0.0,
        None,
    )
    emitted = galaxies.astype(float) / (1.0 + redshift) @ inside
    assert np.allclose(observed.sum(axis=1) * GRISM.width, emitted, rtol=1e-5)


def test_line_spread_function_conserves_flux_and_has_the_resolving_power() -> None:
    wave = rest_grid(GRISM, 0.7, 2.3, 1e-4)
    flux = np.zeros((1, len(wave)))
    centre = len(wave) // 2
    flux[0, centre] = 1.0
    smooth = line_spread(flux, wave, 480.0)
    widths = np.diff(log_edges(wave))
    assert smooth @ widths == pytest.approx(flux @ widths, rel=1e-3)
    above = wave[smooth[0] > 0.5 * smooth[0].max()]
    assert wave[centre] / (above[-1] - above[0]) == pytest.approx(480.0, rel=0.06)


@pytest.mark.parametrize("redshift", [1.0, 1.31, 1.55, 1.7999])
def test_a_line_appears_at_its_wavelength_times_one_plus_z(redshift: float) -> None:
    rest = LINES["Halpha"]
    flux = np.exp(-0.5 * ((REST - rest) / 4.0) ** 2)[None]
    smooth = line_spread(flux, REST, GRISM.resolving_power)
    observed = observe(smooth, REST, np.array([redshift]), GRISM)[0].astype(float)
    expected = rest * (1.0 + redshift)
    assert abs(GRISM.centres[observed.argmax()] - expected) < GRISM.width
    near = np.abs(GRISM.centres - expected) < 150.0
    centroid = np.average(GRISM.centres[near], weights=observed[near])
    assert abs(centroid - expected) < 0.1 * GRISM.width


def test_a_galaxy_with_lines_peaks_at_h_alpha(galaxies: np.ndarray) -> None:
    z = np.full(len(galaxies), 1.2)
    smooth = line_spread(galaxies, REST, GRISM.resolving_power)
    observed = observe(smooth, REST, z, GRISM)
    contrast = observed.max(axis=1) / np.median(observed, axis=1)
    peak = GRISM.centres[observed[contrast.argmax()].argmax()]
    assert abs(peak - LINES["Halpha"] * 2.2) < GRISM.width


def test_energy_falls_with_one_plus_z_only_through_the_grism(galaxies: np.ndarray) -> None:
    flat = np.ones((1, len(REST)))
    observed = observe(flat, REST, np.array([1.5]), GRISM)
    assert np.allclose(observed, 1.0 / 2.5, rtol=1e-6)


def test_spectra_that_do_not_cover_the_grism_are_refused(galaxies: np.ndarray) -> None:
    with pytest.raises(InputError, match="do not cover"):
        observe(galaxies[:1], REST, np.array([3.5]), GRISM)


def test_noise_has_the_asked_size_and_belongs_to_the_spectrum() -> None:
    flux = np.full((400, 512), 7.0)
    noisy = with_noise(flux, 5.0, first=10, seed=1)
    assert noisy.std() == pytest.approx(0.2, rel=0.01)
    assert np.array_equal(noisy[3:5], with_noise(flux[3:5], 5.0, first=13, seed=1))
    weaker = with_noise(flux, 50.0, first=10, seed=1)
    assert np.corrcoef(noisy.ravel(), weaker.ravel())[0, 1] > 0.999
    assert not np.array_equal(noisy, with_noise(flux, 5.0, first=10, seed=2))


def test_infinite_signal_to_noise_is_noiseless() -> None:
    flux = np.random.default_rng(0).uniform(1, 2, (3, 64))
    assert np.allclose(with_noise(flux, np.inf, 0, 0), flux / flux.mean(axis=1, keepdims=True))


def test_galaxies_are_distinct_and_repeatable() -> None:
    first, second = draw_galaxies(500, seed=1), draw_galaxies(500, seed=1)
    assert first.equals(second)
    assert not first.equals(draw_galaxies(500, seed=2))
    assert not first.duplicated().any()
    assert first["metallicity"].between(-1.2, 0.3).all()
    assert (first["ebv"] >= 0).all()


def test_seds_are_positive_and_differ(galaxies: np.ndarray) -> None:
    assert (galaxies > 0).all()
    unit = galaxies / galaxies.mean(axis=1, keepdims=True)
    distance = np.abs(unit[:, None] - unit[None]).max(axis=2) + np.eye(len(unit))
    assert distance.min() > 1e-3
    assert (draw_quasars(5, REST, seed=0) > 0).all()
