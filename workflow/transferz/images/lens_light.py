"""Images of lensed galaxies whose lens has a Gaussian random field in its potential.

After Vernardos, Tsagkatakis & Pantazis (2020, MNRAS 499, 5641). Angles are in arcsec, potentials in
arcsec^2. The lens itself gives no light, as there. What that paper leaves open is our choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from lenstronomy.LensModel.Profiles.sie import SIE
from scipy import ndimage

from transferz.images.lens_labels import SOURCE_KINDS

# First entry of the random generators' keys: lens k of a simulation has its own stream.
LENS_STREAM = 81
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))

Light = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Camera:
    """Pixels, point spread function and noise of the images.

    Attributes
    ----------
    pixels : int
        Along each side.
    field : float
        Side of the image, arcsec.
    oversampling : int
        Rays along each side of a pixel.
    psf_fwhm : float
        Of the Gaussian point spread function, arcsec.
    snr : float
        Brightest pixel without noise, over the standard deviation of the white Gaussian noise.
    """

    pixels: int
    field: float
    oversampling: int
    psf_fwhm: float
    snr: float

    @property
    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """Places x and y of all rays about the centre, arcsec, shape (n, n); y by row."""
        number = self.pixels * self.oversampling
        line = ((np.arange(number) + 0.5) / number - 0.5) * self.field
        return tuple(np.meshgrid(line, line))

    def binned(self, light: np.ndarray) -> np.ndarray:
        """Mean of the rays of each pixel after the point spread function, shape (pixels, pixels).

        Light leaves through the borders of the image and none comes in.
        """
        sigma = self.psf_fwhm / FWHM_PER_SIGMA * len(light) / self.field
        blurred = ndimage.gaussian_filter(light, sigma, mode="constant")
        number = self.oversampling
        return blurred.reshape(self.pixels, number, self.pixels, number).mean(axis=(1, 3))


def potential_modes(
    number: int, field: float, variance: float, slope: float, modes: int, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fourier modes of a Gaussian random field with P(k) = A k^slope, and its wave numbers.

    A is given by the variance that the power below the cut-off adds up to, as in the generator of
    Vernardos & Koopmans (2022, MNRAS 516, 1347, section 2), so that A has one meaning for every
    slope. The field is periodic with the side of the image, which is its longest wave; its mean
    is 0. The cut-off matters: for slopes above -4 the deflection grows with it.

    Parameters
    ----------
    number : int
        Cells along each side.
    field : float
        Side, arcsec.
    variance : float
        Of the potential, arcsec^4: the A of the labels.
    slope : float
    modes : int
        Waves along the side, of the shortest one.
    draw : numpy.random.Generator

    Returns
    -------
    field_k, k_x, k_y : numpy.ndarray
        Of `numpy.fft.rfft2`, shape (number, number // 2 + 1); wave numbers in rad / arcsec.
    """
    line = 2.0 * np.pi * np.fft.fftfreq(number, field / number)
    half = np.abs(line[: number // 2 + 1])
    k_x, k_y = np.meshgrid(half, line)
    k = np.hypot(k_x, k_y)
    inside = (k > 0.0) & (k <= 2.0 * np.pi * modes / field * (1.0 + 1e-9))
    power = np.where(inside, np.where(inside, k, 1.0) ** slope, 0.0)
    # Each mode stands for two, but for those of the first and the last column.
    twice = np.full(number // 2 + 1, 2.0)
    twice[0] = 1.0
    if number % 2 == 0:
        twice[-1] = 1.0
    power *= variance * number**2 / (power * twice).sum()
    white = np.fft.rfft2(draw.standard_normal((number, number)))
    return white * np.sqrt(power), k_x, k_y


def field_deflection(
    field_k: np.ndarray, k_x: np.ndarray, k_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of the field of `potential_modes` along x and y, arcsec, on its grid."""
    shape = (len(field_k), len(field_k))
    return tuple(np.fft.irfft2(1j * k * field_k, shape) for k in (k_x, k_y))


def smooth_light(size: float, index: float) -> Light:
    """Sersic profile, 1 at the half-light radius `size` (Graham & Driver 2005, PASA 22, 118).

    b = 2 n - 1/3 + 4 / (405 n) (Ciotti & Bertin 1999, A&A 352, 447).
    """
    b = 2.0 * index - 1.0 / 3.0 + 4.0 / (405.0 * index)
    return lambda x, y: np.exp(-b * ((np.hypot(x, y) / size) ** (1.0 / index) - 1.0))


def clumpy_light(size: float, draw: np.random.Generator) -> Light:
    """Exponential disc with 5 to 12 round Gaussian clumps, which give a third to two thirds."""
    disc, number = smooth_light(size, 1.0), draw.integers(5, 13)
    places = draw.normal(0.0, size, (number, 2))
    widths = size * draw.uniform(0.1, 0.25, number)
    parts = draw.dirichlet(np.full(number, 3.0))
    # Light of the disc: 2 pi n b^-2n e^b Gamma(2n) size^2, for n = 1.
    b = 2.0 - 1.0 / 3.0 + 4.0 / 405.0
    total = draw.uniform(0.5, 2.0) * 2.0 * np.pi * np.exp(b) / b**2 * size**2

    def light(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        result = disc(x, y)
        for (x_0, y_0), width, part in zip(places, widths, parts, strict=True):
            peak = total * part / (2.0 * np.pi * width**2)
            result += peak * np.exp(-0.5 * ((x - x_0) ** 2 + (y - y_0) ** 2) / width**2)
        return result

    return light


def spiral_light(size: float, draw: np.random.Generator) -> Light:
    """Exponential disc whose light winds about its mean along two or three logarithmic arms."""
    disc, arms, phase = smooth_light(size, 1.0), draw.integers(2, 4), draw.uniform(0, 2 * np.pi)
    winding, strength = 1.0 / np.tan(np.radians(draw.uniform(12, 30))), draw.uniform(0.6, 0.95)

    def light(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        r = np.hypot(x, y)
        turn = np.arctan2(y, x) - winding * np.log(r / size + 1e-3) + phase
        # No arms in the bulge, where their waves would be shorter than any pixel.
        return disc(x, y) * (1.0 + strength * np.cos(arms * turn) * (1 - np.exp(-3 * r / size)))

    return light


def source_light(kind: str, size: float, draw: np.random.Generator) -> Light:
    """Light of a galaxy of one of `SOURCE_KINDS` about the origin, seen face on."""
    if kind == "smooth":
        return smooth_light(size, draw.uniform(0.8, 3.0))
    return {"clumpy": clumpy_light, "spiral": spiral_light}[kind](size, draw)


def inclined(
    x: np.ndarray, y: np.ndarray, axis_ratio: float, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """Places on a disc of which one sees ellipses of this axis ratio; areas are kept."""
    along = np.cos(angle) * x + np.sin(angle) * y
    across = -np.sin(angle) * x + np.cos(angle) * y
    return along * np.sqrt(axis_ratio), across / np.sqrt(axis_ratio)


def lens_deflection(
    x: np.ndarray, y: np.ndarray, theta_e: float, axis_ratio: float, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """Deflection of a singular isothermal ellipsoid, arcsec (lenstronomy's SIE)."""
    e = (1.0 - axis_ratio) / (1.0 + axis_ratio)
    return SIE().derivatives(x, y, theta_e, e * np.cos(2 * angle), e * np.sin(2 * angle))


def draw_lens(
    number: int, seed: int, camera: Camera, lens: Mapping[str, list | int]
) -> tuple[dict[str, float | str], np.ndarray, np.ndarray]:
    """One lens: its parameters, its image with noise, and that without random field and noise.

    Parameters
    ----------
    number, seed : int
        Of the lens in the simulation, and of the simulation.
    camera : Camera
    lens : mapping
        Ranges `log_a`, `beta`, `einstein_radius`, `axis_ratio`, `source_size`, all even, the
        largest `source_offset`, and `modes` of the field.

    Returns
    -------
    parameters : dict
    image, smooth : numpy.ndarray, shape (pixels, pixels), float32
        The brightest pixel of each is 1, but for the noise.
    """
    draw = np.random.default_rng([LENS_STREAM, seed, number])
    ranges = ("log_a", "beta", "einstein_radius", "axis_ratio", "source_size")
    values = {name: draw.uniform(*lens[name]) for name in ranges}
    values |= {"kind": SOURCE_KINDS[number % len(SOURCE_KINDS)], "angle": draw.uniform(0, np.pi)}
    radius, turn = lens["source_offset"] * np.sqrt(draw.random()), draw.uniform(0, 2 * np.pi)
    values |= {"source_x": radius * np.cos(turn), "source_y": radius * np.sin(turn)}
    values |= {"source_ratio": draw.uniform(0.5, 1.0), "source_angle": draw.uniform(0, np.pi)}
    light = source_light(values["kind"], values["source_size"], draw)
    x, y = camera.rays
    modes = potential_modes(
        len(x), camera.field, 10.0 ** values["log_a"], values["beta"], lens["modes"], draw
    )
    main = lens_deflection(x, y, values["einstein_radius"], values["axis_ratio"], values["angle"])
    images = []
    for more in (field_deflection(*modes), (0.0, 0.0)):
        at_x = x - main[0] - more[0] - values["source_x"]
        at_y = y - main[1] - more[1] - values["source_y"]
        seen = light(*inclined(at_x, at_y, values["source_ratio"], values["source_angle"]))
        image = camera.binned(seen)
        images.append(image / image.max())
    image = images[0] + draw.normal(0.0, 1.0 / camera.snr, images[0].shape)
    return values, image.astype(np.float32), images[1].astype(np.float32)
