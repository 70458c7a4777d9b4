"""How many photons Hyper Suprime-Cam counts: the noise of a source.

Curves of the HSC filters are total throughputs: filter, optics, detector and an
atmosphere at airmass 1.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from transferz.survey.filters import HSC_BANDS, load_band

MIRROR_AREA = np.pi / 4 * 820.0**2
"""Area of a mirror of 8.2 m, square centimetres."""

PLANCK = 6.62607015e-27
"""erg s."""

MICROJANSKY = 1e-29
"""erg / s / cm^2 / Hz."""

SEEING = 0.6
"""Full width at half maximum, arcsec: PDR2's median in i (Aihara et al. 2019), for all bands."""


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
