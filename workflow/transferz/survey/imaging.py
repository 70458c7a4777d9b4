"""How HSC, COSMOS and the parents of the spectroscopic surveys measure fluxes.

Depths and offsets are from the survey's own paper unless a comment says otherwise. Magnitudes are
AB and total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from transferz.survey.filters import HSC_BANDS, HSC_EXTINCTION, ab_magnitude
from transferz.survey.hsc_camera import SEEING, photon_noise


@dataclass(frozen=True)
class HscPhotometry:
    """HSC photometry of n objects, arrays of shape (n, 5).

    cmodel magnitudes without extinction correction and their quoted errors, NaN where the measured
    flux is not positive; A_band.
    """

    magnitude: np.ndarray
    sigma: np.ndarray
    extinction: np.ndarray


def half_light_radius(magnitude_i: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apparent half-light radii in arcsec, about 0.9 at i = 20 and 0.4 at i = 24, 0.2 dex scatter.

    The trend is that of HST images in COSMOS (Leauthaud et al. 2007, ApJS 172, 219), rounded.
    """
    median = -0.05 - 0.09 * (np.nan_to_num(magnitude_i, nan=26.0) - 20.0)
    return 10.0 ** np.clip(rng.normal(median, 0.18), -1.0, 1.0)


def axis_ratio(n: int, rng: np.random.Generator) -> np.ndarray:
    """Apparent axis ratios of n galaxies, two thirds on average (our choice)."""
    return rng.beta(4.0, 2.0, n)


def observe_hsc(
    flux: np.ndarray,
    ebv: np.ndarray,
    radius: np.ndarray,
    depth: Mapping[str, float],
    exposure: Mapping[str, float],
    rng: np.random.Generator,
    *,
    scatter: float = 0.015,
) -> HscPhotometry:
    """Measure fluxes with HSC.

    Parameters
    ----------
    flux : numpy.ndarray
        Shape (n, 5), microJansky, outside the Galaxy.
    ebv, radius : numpy.ndarray
        Shape (n,): Galactic reddening; half-light radius in arcsec (0 for a point source), because
        the sky under an extended object is larger.
    depth : mapping of str to float
        5-sigma point-source depth of each band: the noise of the sky.
    exposure : mapping of str to float
        Seconds in each band: the noise of the source's own photons.
    rng : numpy.random.Generator
    scatter : float
        Magnitudes of scatter that the quoted errors do not know (calibration, deblending, model).
    """
    law = np.array([HSC_EXTINCTION[band] for band in HSC_BANDS])
    extinction = np.asarray(ebv)[:, None] * law
    seen = np.asarray(flux, dtype=float) * 10.0 ** (-0.4 * extinction)
    limits = np.array([depth[band] for band in HSC_BANDS])
    # The depth varies over the survey by 0.12 mag, in all bands of an object alike.
    local = limits + rng.normal(0.0, 0.12, (len(seen), 1))
    sky = 10.0 ** (-0.4 * (local - 23.9)) / 5.0
    sky = sky * np.sqrt(1.0 + (np.asarray(radius)[:, None] / (0.6 * SEEING)) ** 2)
    sigma = np.hypot(sky, photon_noise(seen, exposure))
    true = seen * 10.0 ** (-0.4 * rng.normal(0.0, scatter, seen.shape))
    measured = true + sigma * rng.normal(0.0, 1.0, seen.shape)
    magnitude = ab_magnitude(measured)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.where(measured > 0, 2.5 / np.log(10) * sigma / measured, np.nan)
    return HscPhotometry(magnitude, error, extinction)


COSMOS_DEPTH = {
    "CFHT_u": 27.8, "CFHT_ustar": 27.7,
    "HSC_g": 28.1, "HSC_r": 27.8, "HSC_i": 27.6, "HSC_z": 27.2, "HSC_y": 26.5,
    "UVISTA_Y": 25.3, "UVISTA_J": 25.2, "UVISTA_H": 24.9, "UVISTA_Ks": 25.3,
    "SC_IB427": 26.1, "SC_IB464": 25.6, "SC_IA484": 26.5, "SC_IB505": 26.1, "SC_IA527": 26.4,
    "SC_IB574": 25.8, "SC_IA624": 26.4, "SC_IA679": 25.6, "SC_IB709": 25.9, "SC_IA738": 26.1,
    "SC_IA767": 25.6, "SC_IB827": 25.6, "SC_NB711": 25.5, "SC_NB816": 25.6,
    "IRAC_CH1": 26.4, "IRAC_CH2": 26.3,
}  # fmt: skip
"""3-sigma depth in 2 arcsec of each band (Weaver et al. 2022, Table 1)."""

COSMOS_BANDS = tuple(COSMOS_DEPTH)
"""The bands of the COSMOS labels, in the order of the arrays of fluxes."""

ULTRADEEP_GAIN = {"UVISTA_Y": 1.3, "UVISTA_J": 1.2, "UVISTA_H": 1.2, "UVISTA_Ks": 0.4}
"""Magnitudes by which the ultra-deep stripes are deeper (Weaver et al. 2022, Table 1)."""

_SYSTEMATIC_ERROR = {"UVISTA": 0.05, "IRAC": 0.10, "SC_NB": 0.10, "SC_I": 0.05}

LEPHARE_OFFSET = {"HSC_g": 0.128, "HSC_r": 0.127, "HSC_i": 0.094, "HSC_z": 0.084, "HSC_y": 0.100}
"""Photometric offsets of CLASSIC: the catalogue is fainter than total magnitudes by this much."""


def systematic_error(band: str) -> float:
    """Error floor of the fits as a fraction of the flux (Weaver et al. 2022, section 5)."""
    found = (value for start, value in _SYSTEMATIC_ERROR.items() if band.startswith(start))
    return next(found, 0.02)


def observe_cosmos(
    flux: np.ndarray,
    radius: np.ndarray,
    ultradeep: np.ndarray,
    near_infrared: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Measure total fluxes in `COSMOS_BANDS`.

    Parameters
    ----------
    flux : numpy.ndarray
        Shape (n, n_band), microJansky, outside the Galaxy.
    radius : numpy.ndarray
        Shape (n,), half-light radius, arcsec: fixed apertures of extended objects are corrected to
        total with less signal.
    ultradeep, near_infrared : numpy.ndarray of bool
        Shape (n,): inside an UltraVISTA ultra-deep stripe; inside UltraVISTA at all.
    rng : numpy.random.Generator

    Returns
    -------
    flux, error : numpy.ndarray
        Shape (n, n_band), NaN where a band is missing. The error has no systematic floor.
    """
    n = len(flux)
    bands, depth = COSMOS_BANDS, np.array(list(COSMOS_DEPTH.values()))
    irac, vista, suprime_cam = (
        np.char.startswith(bands, camera) for camera in ("IRAC", "UVISTA", "SC_")
    )
    gain = np.array([ULTRADEEP_GAIN.get(band, 0.0) for band in bands])
    local = depth + ultradeep[:, None] * gain + rng.normal(0.0, 0.1, (n, 1))
    # No photon noise of the source: it is far below what follows (1e-4 of the flux in HSC's i at
    # i = 18, where colours scatter by a hundredth).
    error = 10.0 ** (-0.4 * (local - 23.9)) / 3.0 * np.sqrt(1.0 + (radius[:, None] / 0.9) ** 2)
    # Registration and matching of the point-spread function scatter colours by 2-5 per cent, and
    # quoted errors are 20 per cent too small because pixels are correlated.
    matching = np.array([0.5 * systematic_error(band) + 0.005 for band in bands])
    measured = flux * (1.0 + matching * rng.normal(0.0, 1.0, flux.shape))
    measured = measured + 1.2 * error * rng.normal(0.0, 1.0, flux.shape)
    # A contaminated or misregistered band now and then, worst where pixels are large.
    wild = rng.random(flux.shape) < np.where(irac, 0.02, 0.002)
    measured = np.where(
        wild, measured * 10.0 ** (0.15 * rng.normal(0.0, 1.0, flux.shape)), measured
    )
    missing = rng.random(flux.shape) < np.where(irac, 0.05, 0.008)
    missing |= ~near_infrared[:, None] & vista
    # Reflections and the edges of the Suprime-Cam and Spitzer mosaics take all of their bands.
    patchy = rng.random(n) < 0.012
    missing |= patchy[:, None] & (suprime_cam | irac | vista)
    return np.where(missing, np.nan, measured), np.where(missing, np.nan, error)


PARENT_DEPTH = {
    "SDSS_u": 22.15, "SDSS_g": 23.13, "SDSS_r": 22.70, "SDSS_i": 22.20, "SDSS_z": 20.71,
    "CFHTLS_u": 26.3, "CFHTLS_g": 26.0, "CFHTLS_r": 25.6, "CFHTLS_i": 25.4,
    "DEEP2_B": 25.3, "DEEP2_R": 25.2, "DEEP2_I": 24.2,
    "GALEX_FUV": 22.9, "GALEX_NUV": 23.2, "UVISTA_H": 26.0, "UVISTA_Ks": 25.0, "IRAC_CH1": 20.7,
}  # fmt: skip
"""5-sigma depth of the imaging that targets were selected from (IRAC_CH1 stands for WISE W1)."""

TARGET_BANDS = (*(f"HSC_{band}" for band in HSC_BANDS), *PARENT_DEPTH)
"""Bands that photometry and target selection need, in the order of the arrays of fluxes."""


def parent_magnitudes(
    flux: np.ndarray, bands: tuple[str, ...], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Magnitudes of targets in the imaging of the parent surveys, with its noise."""
    result = {}
    for column, band in enumerate(bands):
        noise = 10.0 ** (-0.4 * (PARENT_DEPTH[band] - 23.9)) / 5.0 if band in PARENT_DEPTH else 0.0
        value = flux[:, column] * 10.0 ** (-0.4 * rng.normal(0.0, 0.01, len(flux)))
        result[band] = ab_magnitude(value + noise * rng.normal(0.0, 1.0, len(flux)))
    return result
