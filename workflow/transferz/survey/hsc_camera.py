"""How many photons Hyper Suprime-Cam counts: the noise of a source, and where a pixel is full.

The mirror, the pixels and the full well are those of the Subaru Telescope's page "HSC instrument
parameters". Curves of the HSC filters are total throughputs: filter, optics, detector and an
atmosphere at airmass 1.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from scipy.special import gammainc, gammaincinv

from transferz.survey.filters import HSC_BANDS, load_band

MIRROR_AREA = np.pi / 4 * 820.0**2
"""Area of a mirror of 8.2 m, square centimetres."""

PLANCK = 6.62607015e-27
"""erg s."""

MICROJANSKY = 1e-29
"""erg / s / cm^2 / Hz."""

PIXEL = 0.168
"""Side of a pixel, arcsec."""

FULL_WELL = 150_000
"""Electrons at which a pixel saturates."""

SEEING = 0.6
"""Full width at half maximum, arcsec: PDR2's median in i (Aihara et al. 2019), for all bands."""

FRAME = {"g": 150.0, "r": 150.0, "i": 200.0, "z": 200.0, "y": 200.0}
"""Seconds of one exposure of the Wide layer (Aihara et al. 2018, PASJ 70, S4)."""

SERSIC_INDEX = {"red": 4.0, "blue": 1.0}
"""De Vaucouleurs and exponential profiles of the kinds of galaxies."""


@cache
def electron_rate(band: str) -> float:
    """Electrons per second from a source of 1 microJansky.

    The integral over frequency of f_nu / (h nu) is f_nu / h times that of the throughput over
    ln(wavelength).
    """
    curve = load_band(f"HSC_{band}")
    width = np.trapezoid(curve.response / curve.wavelength, curve.wavelength)
    return float(MIRROR_AREA * MICROJANSKY / PLANCK * width)


def photon_noise(flux: np.ndarray, exposure: Mapping[str, float]) -> np.ndarray:
    """Photon noise of sources, the root of the number of their electrons, microJansky.

    Parameters
    ----------
    flux : numpy.ndarray
        Shape (n, 5), microJansky.
    exposure : mapping of str to float
        Seconds in each band.
    """
    per_flux = np.array([electron_rate(band) * exposure[band] for band in HSC_BANDS])
    return np.sqrt(np.clip(flux, 0.0, None) / per_flux)


def flux_within(aperture: float, radius: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Share of the flux of a Sersic profile within `aperture` of its centre; 1 for a point.

    Graham & Driver (2005, PASA 22, 118), equation 2: gamma(2n, x) / Gamma(2n) with
    x = b (aperture / radius)^(1/n), where b makes it a half at the half-light radius.
    """
    b = gammaincinv(2.0 * index, 0.5)
    with np.errstate(divide="ignore"):
        return gammainc(2.0 * index, b * np.divide(aperture, radius) ** (1.0 / index))


def saturated(flux: np.ndarray, radius: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Whether the central pixel is full in one exposure.

    The flux within half of the seeing's width of the centre is spread as a star is, by a Gaussian.
    A star saturates at i = 18.5, which is what the releases report (18.1 to 18.6); a galaxy whose
    light is spread over arcseconds does so some magnitudes brighter.

    Parameters
    ----------
    flux : numpy.ndarray
        Shape (n, 5), microJansky.
    radius : numpy.ndarray
        Shape (n,), half-light radius in arcsec, 0 for a point source.
    kind : numpy.ndarray of str
        Shape (n,); a galaxy that is not `red` has an exponential profile.

    Returns
    -------
    numpy.ndarray of bool, shape (n, 5)
    """
    index = np.where(kind == "red", SERSIC_INDEX["red"], SERSIC_INDEX["blue"])
    in_pixel = PIXEL**2 * 4.0 * np.log(2.0) / (np.pi * SEEING**2)
    central = in_pixel * flux_within(SEEING / 2, np.asarray(radius), index)
    per_flux = np.array([electron_rate(band) * FRAME[band] for band in HSC_BANDS])
    return np.asarray(flux) * per_flux * central[:, None] > FULL_WELL
