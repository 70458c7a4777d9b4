"""Cut-outs of stars and galaxies as Hyper Suprime-Cam would take them, and features of them.

Objects, their sizes, the width of the point-spread function, depths and exposures are those of the
embedded survey. Flux is in microJansky.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import galsim
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from transferz.survey.filters import HSC_BANDS
from transferz.survey.hsc_camera import PIXEL, SEEING, photon_noise
from transferz.survey.imaging import axis_ratio

SIDE = 48
"""Pixels along a side (Kim & Brunner 2017, MNRAS 464, 4463, section 3)."""

APERTURE = 1.0
"""Radius of the aperture of magnitudes, arcsec; a measured size weighs with half of it."""

MICROJANSKY_ZERO_POINT = 23.9


def point_spread_function(fwhm: float = SEEING) -> galsim.GSObject:
    """Return the Gaussian that the survey's noise and saturation take for it; of all bands."""
    return galsim.Gaussian(fwhm=fwhm)


def profile(kind: str, radius: float, ratio: float, angle: float) -> galsim.GSObject:
    """Return an object of unit flux before the atmosphere.

    Exponential, or de Vaucouleurs of red galaxies, as in `hsc_camera.SERSIC_INDEX`.
    """
    if radius == 0:
        return galsim.DeltaFunction()
    shape = galsim.DeVaucouleurs if kind == "red" else galsim.Exponential
    return shape(half_light_radius=radius).shear(q=ratio, beta=angle * galsim.radians)


def pixel_noise(depth: np.ndarray, fwhm: float = SEEING) -> np.ndarray:
    """Return the sky noise of a pixel behind a 5-sigma point-source depth.

    A flux fitted with the point-spread function P has the error sigma / sqrt(sum P^2) (Horne 1986,
    PASP 98, 609, equation 9, for even noise).
    """
    image = point_spread_function(fwhm).drawImage(nx=SIDE, ny=SIDE, scale=PIXEL).array
    limit = 10.0 ** (-0.4 * (np.asarray(depth) - MICROJANSKY_ZERO_POINT)) / 5.0
    return limit * np.sqrt((image.astype(float) ** 2).sum())


def draw(
    objects: pd.DataFrame,
    flux: np.ndarray,
    chosen: np.ndarray,
    depth: Mapping[str, float],
    exposure: Mapping[str, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw cut-outs centred on objects, with their neighbours on the sky.

    Parameters
    ----------
    objects : pandas.DataFrame
        The whole sky: ``kind``, ``radius``, ``ra``, ``dec``.
    flux : numpy.ndarray
        Shape (n_objects, n_bands).
    chosen : numpy.ndarray of int
        Rows of the objects to centre on.
    depth, exposure : mapping
        5-sigma depth and seconds of each of HSC's bands.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray
        Shape (n, `SIDE`, `SIDE`, n_bands), float32, less the sky.
    """
    scale = [np.cos(np.radians(objects["dec"].mean())), 1.0]
    places = objects[["ra", "dec"]].to_numpy() * scale * 3600.0 / PIXEL
    near = cKDTree(places).query_ball_point(places[chosen], 0.75 * SIDE, return_sorted=True)
    ratio, angle = axis_ratio(len(objects), rng), rng.uniform(0.0, np.pi, len(objects))
    kind, radius = objects["kind"].to_numpy(), objects["radius"].to_numpy()
    blur, limits = point_spread_function(), np.array([depth[band] for band in HSC_BANDS])
    images = np.zeros((len(chosen), SIDE, SIDE, flux.shape[1]), dtype=np.float32)
    for image, centre, others in zip(images, chosen, near, strict=True):
        # The centre falls anywhere in its pixel; the archive cuts whole pixels.
        within = rng.uniform(-0.5, 0.5, 2)
        for one in others:
            source = profile(kind[one], radius[one], ratio[one], angle[one])
            offset = galsim.PositionD(*(places[one] - places[centre] + within))
            seen = galsim.Convolve(source, blur).drawImage(
                nx=SIDE, ny=SIDE, scale=PIXEL, offset=offset
            )
            image += seen.array[..., None] * flux[one]
        # The depth varies over the survey by 0.12 mag, as in `imaging.observe_hsc`.
        sky = pixel_noise(limits + rng.normal(0.0, 0.12))
        image += np.hypot(sky, photon_noise(image, exposure)) * rng.normal(size=image.shape)
    return images


def luptitudes(flux: np.ndarray, softening: np.ndarray) -> np.ndarray:
    """Return asinh magnitudes (Lupton, Gunn & Szalay 1999, AJ 118, 1406, equation 3).

    Parameters
    ----------
    flux : numpy.ndarray
        Shape (..., n_bands).
    softening : numpy.ndarray
        Shape (n_bands,): the flux at which they turn linear, a pixel's noise for images.
    """
    scaled = np.arcsinh(flux / (2.0 * softening)) + np.log(softening)
    return MICROJANSKY_ZERO_POINT - 2.5 / np.log(10.0) * scaled


def features(
    images: np.ndarray, softening: np.ndarray, bands: Sequence[str], pixel: float, fwhm: float
) -> pd.DataFrame:
    """Measure magnitudes, colours, concentrations, size and ellipticity of cut-outs.

    As in the published trees: magnitude and concentration of each band, colours. The concentration
    is a magnitude fitted with the point-spread function less that of an aperture.

    Parameters
    ----------
    images : numpy.ndarray
        Shape (n, side, side, n_bands), flux.
    softening : numpy.ndarray
        Shape (n_bands,), noise of a pixel.
    bands : sequence of str
    pixel, fwhm : float
        Of the images, arcsec.

    Returns
    -------
    pandas.DataFrame
        ``mag_{band}``, ``concentration_{band}``, colours such as ``g-r``; ``size`` (arcsec, root of
        the mean squared radius along an axis) and ``ellipticity`` of the middle band, weighted.
    """
    side = images.shape[1]
    y, x = np.indices((side, side)) * pixel - 0.5 * (side - 1) * pixel
    shape = galsim.Gaussian(fwhm=fwhm).drawImage(nx=side, ny=side, scale=pixel).array.astype(float)
    aperture = (np.hypot(x, y) < APERTURE).astype(float)
    table = {}
    noise = softening * np.sqrt(aperture.sum())
    total = luptitudes(np.einsum("nyxb,yx->nb", images, aperture), noise)
    fitted = np.einsum("nyxb,yx->nb", images, shape / (shape**2).sum())
    fitted = luptitudes(fitted, softening / np.sqrt((shape**2).sum()))
    for number, band in enumerate(bands):
        table[f"mag_{band}"] = total[:, number]
        table[f"concentration_{band}"] = fitted[:, number] - total[:, number]
    for number, (one, other) in enumerate(itertools.pairwise(bands)):
        table[f"{one}-{other}"] = total[:, number] - total[:, number + 1]
    weight = np.exp(-0.5 * (x**2 + y**2) / (0.5 * APERTURE) ** 2)
    light = images[..., len(bands) // 2] * weight
    norm = np.maximum(light.sum(axis=(1, 2)), softening[len(bands) // 2])
    xx, yy, xy = (
        (light * values).sum(axis=(1, 2)) / norm for values in (x * x, y * y, x * y)
    )  # fmt: skip
    trace = np.maximum(xx + yy, 1e-4)
    table["size"] = np.sqrt(0.5 * trace)
    table["ellipticity"] = np.clip(np.hypot(xx - yy, 2.0 * xy) / trace, 0.0, 2.0)
    return pd.DataFrame(table)
