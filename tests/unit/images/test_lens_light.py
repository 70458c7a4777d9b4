"""The physics of the simulated lenses: deflection, random field, sources, camera, mask."""

from __future__ import annotations

import numpy as np
import pytest

from transferz.images.lens_labels import SOURCE_KINDS, mask_of
from transferz.images.lens_light import (
    FWHM_PER_SIGMA,
    Camera,
    draw_lens,
    field_deflection,
    inclined,
    lens_deflection,
    potential_modes,
    source_light,
)

CAMERA = Camera(pixels=40, field=4.0, oversampling=3, psf_fwhm=0.15, snr=40.0)
LENS = {
    "log_a": [-5.0, -2.0],
    "beta": [-8.0, -3.0],
    "einstein_radius": [0.8, 1.2],
    "axis_ratio": [0.6, 0.95],
    "source_size": [0.1, 0.3],
    "source_offset": 0.15,
    "modes": 50,
}


def test_images_of_a_source_behind_the_centre_lie_on_the_axes() -> None:
    """Kormann, Schneider & Bartelmann (1994, A&A 284, 285), equation 27, in lenstronomy's units."""
    q, theta_e, angle = 0.7, 1.1, 0.4
    f = np.sqrt(1 - q**2)
    for distance, turn in (
        (theta_e * np.sqrt(q) / f * np.arctan(f / q), angle),
        (theta_e * np.sqrt(q) / f * np.arctanh(f), angle + np.pi / 2),
    ):
        place = distance * np.cos(turn), distance * np.sin(turn)
        deflection = lens_deflection(*place, theta_e, q, angle)
        np.testing.assert_allclose(deflection, place, atol=1e-6)


def test_magnification_is_that_of_an_isothermal_ellipsoid() -> None:
    """1 / (1 - 2 kappa), since shear and convergence are equal everywhere."""
    q, theta_e, step = 0.7, 1.0, 1e-4
    for x, y in ((1.3, 0.2), (-0.5, 0.9), (0.1, -1.4)):
        jacobian = np.empty((2, 2))
        for column, (dx, dy) in enumerate(((step, 0.0), (0.0, step))):
            ahead = np.array(lens_deflection(x + dx, y + dy, theta_e, q, 0.0))
            behind = np.array(lens_deflection(x - dx, y - dy, theta_e, q, 0.0))
            jacobian[:, column] = (ahead - behind) / (2 * step)
        measured = 1.0 / np.linalg.det(np.eye(2) - jacobian)
        kappa = 0.5 * theta_e / np.sqrt(q * x**2 + y**2 / q)
        assert measured == pytest.approx(1.0 / (1.0 - 2.0 * kappa), rel=1e-4)


def test_ray_shooting_magnifies_a_small_source_as_a_sphere_does() -> None:
    """Two images at offset ± radius, magnified together by 2 radius / offset."""
    radius, offset, sigma = 1.0, 0.3, 0.04
    camera = Camera(pixels=100, field=4.0, oversampling=6, psf_fwhm=0.02, snr=1.0)
    x, y = camera.rays
    a_x, a_y = lens_deflection(x, y, radius, 1.0, 0.0)
    light = np.exp(-0.5 * ((x - a_x - offset) ** 2 + (y - a_y) ** 2) / sigma**2)
    image = camera.binned(light) * (camera.field / camera.pixels) ** 2
    mean = 2.0 * radius / offset * (1.0 + 0.5 * sigma**2 / offset**2)
    assert image.sum() / (2 * np.pi * sigma**2) == pytest.approx(mean, rel=5e-3)
    at = (np.arange(100) + 0.5) * 0.04 - 2.0
    row = image.sum(axis=0)
    assert np.average(at[at > 0], weights=row[at > 0]) == pytest.approx(1.3, abs=0.02)
    assert np.average(at[at < 0], weights=row[at < 0]) == pytest.approx(-0.7, abs=0.03)


@pytest.mark.parametrize("slope", [-3.0, -5.5, -8.0])
def test_field_has_its_variance_and_slope(slope: float) -> None:
    draw, power, variances = np.random.default_rng(5), 0.0, []
    for _ in range(60):
        modes, k_x, k_y = potential_modes(64, 4.0, 1e-3, slope, 32, draw)
        power += np.abs(modes) ** 2
        variances.append(np.fft.irfft2(modes, (64, 64)).var())
    # Steep fields are a few modes, so that single variances scatter.
    assert np.mean(variances) == pytest.approx(1e-3, rel=4 * np.std(variances) / 1e-3 / 60**0.5)
    assert abs(np.mean(variances) / 1e-3 - 1) < 0.35
    k = np.hypot(k_x, k_y)
    used = (k > 0) & (k_x < k_x.max()) & (k < 2 * np.pi * 31 / 4.0)
    fit = np.polyfit(np.log(k[used]), np.log(power[used]), 1)
    assert fit[0] == pytest.approx(slope, abs=0.03)
    assert power[k > 2 * np.pi * 32.1 / 4.0].max() == 0.0


def test_deflection_is_the_gradient_of_the_field() -> None:
    modes, k_x, k_y = potential_modes(64, 4.0, 1e-3, -6.0, 2, np.random.default_rng(6))
    potential, step = np.fft.irfft2(modes, (64, 64)), 4.0 / 64
    along_x, along_y = field_deflection(modes, k_x, k_y)
    for axis, deflection in ((1, along_x), (0, along_y)):
        ahead, behind = np.roll(potential, -1, axis), np.roll(potential, 1, axis)
        numeric = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(deflection, numeric, atol=0.02 * deflection.std())


def test_sources_have_their_size_and_three_faces() -> None:
    """Half of the light of the smooth one comes from within its half-light radius."""
    line = np.linspace(-4.0, 4.0, 1601)
    x, y = np.meshgrid(line, line)
    faces = []
    for kind in SOURCE_KINDS:
        light = source_light(kind, 0.3, np.random.default_rng(7))(x, y)
        assert np.isfinite(light).all()
        assert light.min() >= 0.0
        mirrored = light[::-1, ::-1]
        faces.append(np.abs(light - mirrored).sum() / light.sum())
        if kind == "smooth":
            within = light[np.hypot(x, y) < 0.3].sum() / light.sum()
            assert within == pytest.approx(0.5, abs=0.01)
    assert faces[0] < 1e-9
    assert faces[1] > 0.1
    u, v = inclined(x, y, 0.5, 0.3)
    assert np.hypot(u, v)[np.isclose(x, 0) & np.isclose(y, 0)] < 1e-9
    assert (np.hypot(u, v) < 1).sum() == pytest.approx((np.hypot(x, y) < 1).sum(), rel=0.01)


def test_point_spread_has_its_width_and_keeps_the_light() -> None:
    camera = Camera(pixels=81, field=4.0, oversampling=3, psf_fwhm=0.3, snr=1.0)
    point = np.zeros(camera.rays[0].shape)
    point[121, 121] = 1.0
    image = camera.binned(point)
    assert image.sum() * 9 == pytest.approx(1.0, rel=1e-6)
    line = (np.arange(81) + 0.5) * 4.0 / 81 - 2.0
    variance = np.average(line**2, weights=image.sum(axis=0))
    pixel = (4.0 / 81) ** 2 / 12 * (1 - 1 / 9)
    assert variance - pixel == pytest.approx((0.3 / FWHM_PER_SIGMA) ** 2, rel=0.01)


def test_lens_has_the_noise_asked_for_and_is_the_same_again() -> None:
    values, image, smooth = draw_lens(4, 3, CAMERA, LENS)
    again = draw_lens(4, 3, CAMERA, LENS)
    assert values == again[0]
    assert np.array_equal(image, again[1])
    assert values["kind"] == "clumpy"
    # Without a field, what an image has more than its smooth self is noise.
    _, image, smooth = draw_lens(4, 3, CAMERA, LENS | {"log_a": [-20.0, -20.0]})
    assert (image - smooth).std() == pytest.approx(1 / 40, rel=0.05)
    assert smooth.max() == 1.0


def test_mask_holds_the_ring_and_shrinks_with_its_threshold() -> None:
    _, image, smooth = draw_lens(0, 3, CAMERA, LENS)
    masks = [mask_of(image, threshold) for threshold in (0.1, 0.2, 0.4)]
    sizes = [mask.sum() for mask in masks]
    assert sizes == sorted(sizes, reverse=True)
    assert smooth[masks[0]].sum() > 0.7 * smooth.sum()
    assert not masks[0][:2].any()
