"""How the surveys see the sky: HSC photometry, COSMOS photometry, spectroscopic target selection.

Every number is from the survey's own paper unless a comment says otherwise. Magnitudes are AB,
total, corrected for Galactic dust where the parent survey corrects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from transferz.survey.filters import HSC_BANDS, HSC_EXTINCTION, ab_magnitude

Magnitudes = Mapping[str, np.ndarray]

# ---------------------------------------------------------------------------------------------
# HSC
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HscPhotometry:
    """HSC photometry of n objects, before it is put into an archive's format.

    Attributes
    ----------
    magnitude, sigma : numpy.ndarray
        Shape (n, 5), cmodel magnitudes without extinction correction, and their quoted errors;
        NaN where the measured flux is not positive.
    extinction : numpy.ndarray
        Shape (n, 5), A_band.
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


def observe_hsc(
    flux: np.ndarray,
    ebv: np.ndarray,
    radius: np.ndarray,
    depth: Mapping[str, float],
    rng: np.random.Generator,
    *,
    seeing: float = 0.6,
    scatter: float = 0.015,
    depth_variation: float = 0.12,
) -> HscPhotometry:
    """Measure fluxes with HSC.

    Parameters
    ----------
    flux : numpy.ndarray
        Shape (n, 5), microJansky, outside the Galaxy.
    ebv : numpy.ndarray
        Shape (n,), Galactic reddening.
    radius : numpy.ndarray
        Shape (n,), half-light radius in arcsec (0 for a point source): the sky under an extended
        object is larger.
    depth : mapping of str to float
        5-sigma point-source depth of each band.
    rng : numpy.random.Generator
    seeing : float
        Full width of the point-spread function, arcsec.
    scatter : float
        Magnitudes of scatter that the quoted errors do not know (calibration, deblending, model).
    depth_variation : float
        Standard deviation of the depth over the survey, mag; common to the bands of an object.
    """
    law = np.array([HSC_EXTINCTION[band] for band in HSC_BANDS])
    extinction = np.asarray(ebv)[:, None] * law
    seen = np.asarray(flux, dtype=float) * 10.0 ** (-0.4 * extinction)
    limits = np.array([depth[band] for band in HSC_BANDS])
    local = limits + rng.normal(0.0, depth_variation, (len(seen), 1))
    sky = 10.0 ** (-0.4 * (local - 23.9)) / 5.0
    sky = sky * np.sqrt(1.0 + (np.asarray(radius)[:, None] / (0.6 * seeing)) ** 2)
    # Photon noise of the source: 0.002 mag at 18th magnitude.
    shot = 0.002 * np.sqrt(np.clip(seen, 0, None) * 10.0 ** (-0.4 * (23.9 - 18.0)))
    shot = np.maximum(shot, 1e-6)
    sigma = np.hypot(sky, shot)
    true = seen * 10.0 ** (-0.4 * rng.normal(0.0, scatter, seen.shape))
    measured = true + sigma * rng.normal(0.0, 1.0, seen.shape)
    magnitude = ab_magnitude(measured)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.where(measured > 0, 2.5 / np.log(10) * sigma / measured, np.nan)
    return HscPhotometry(magnitude, error, extinction)


# ---------------------------------------------------------------------------------------------
# COSMOS
# ---------------------------------------------------------------------------------------------

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

ULTRADEEP_GAIN = {"UVISTA_Y": 1.3, "UVISTA_J": 1.2, "UVISTA_H": 1.2, "UVISTA_Ks": 0.4}
"""Magnitudes by which the ultra-deep stripes are deeper (Weaver et al. 2022, Table 1)."""

SYSTEMATIC_ERROR = {
    "broad": 0.02,
    "near_infrared": 0.05,
    "medium": 0.05,
    "narrow": 0.10,
    "irac": 0.10,
}
"""Error floors of the fits as fractions of the flux (Weaver et al. 2022, section 5)."""

LEPHARE_OFFSET = {"HSC_g": 0.128, "HSC_r": 0.127, "HSC_i": 0.094, "HSC_z": 0.084, "HSC_y": 0.100}
"""Photometric offsets of CLASSIC: the catalogue is fainter than total magnitudes by this much."""


def band_class(band: str) -> str:
    """Class of a COSMOS band, a key of `SYSTEMATIC_ERROR`."""
    if band.startswith("UVISTA"):
        return "near_infrared"
    if band.startswith("IRAC"):
        return "irac"
    if band.startswith("SC_NB"):
        return "narrow"
    return "medium" if band.startswith("SC_I") else "broad"


def observe_cosmos(
    flux: np.ndarray,
    bands: tuple[str, ...],
    radius: np.ndarray,
    ultradeep: np.ndarray,
    near_infrared: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Measure total fluxes in the COSMOS bands.

    Parameters
    ----------
    flux : numpy.ndarray
        Shape (n, n_band), microJansky, outside the Galaxy.
    bands : tuple of str
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
    depth = np.array([COSMOS_DEPTH[band] for band in bands])
    gain = np.array([ULTRADEEP_GAIN.get(band, 0.0) for band in bands])
    local = depth + ultradeep[:, None] * gain + rng.normal(0.0, 0.1, (n, 1))
    sky = 10.0 ** (-0.4 * (local - 23.9)) / 3.0 * np.sqrt(1.0 + (radius[:, None] / 0.9) ** 2)
    shot = 0.002 * np.sqrt(np.clip(flux, 0, None) * 10.0 ** (-0.4 * (23.9 - 18.0)))
    error = np.hypot(sky, shot)
    # Registration and matching of the point-spread function scatter colours by 2-5 per cent, and
    # quoted errors are 20 per cent too small because pixels are correlated.
    matching = np.array([0.5 * SYSTEMATIC_ERROR[band_class(band)] + 0.005 for band in bands])
    measured = flux * (1.0 + matching * rng.normal(0.0, 1.0, flux.shape))
    measured = measured + 1.2 * error * rng.normal(0.0, 1.0, flux.shape)
    # A contaminated or misregistered band now and then, worst where pixels are large.
    wild = rng.random(flux.shape) < np.where([b.startswith("IRAC") for b in bands], 0.02, 0.002)
    measured = np.where(
        wild, measured * 10.0 ** (0.15 * rng.normal(0.0, 1.0, flux.shape)), measured
    )
    missing = rng.random(flux.shape) < np.where([b.startswith("IRAC") for b in bands], 0.05, 0.008)
    missing |= ~near_infrared[:, None] & np.array([b.startswith("UVISTA") for b in bands])
    # Reflections and the edges of the Suprime-Cam and Spitzer mosaics take all of their bands.
    patchy = rng.random(n) < 0.012
    missing |= patchy[:, None] & np.array([b.startswith(("SC_", "IRAC", "UVISTA")) for b in bands])
    return np.where(missing, np.nan, measured), np.where(missing, np.nan, error)


# ---------------------------------------------------------------------------------------------
# Spectroscopic surveys
# ---------------------------------------------------------------------------------------------

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


def _falling(magnitude: np.ndarray, limit: float, best: float, at_limit: float) -> np.ndarray:
    """Success `best` for bright targets, falling over the last two magnitudes to `at_limit`."""
    share = np.clip((np.nan_to_num(magnitude, nan=limit) - (limit - 2.0)) / 2.0, 0.0, 1.0)
    return best - (best - at_limit) * share**2


def _sdss_main(m: Magnitudes) -> np.ndarray:
    """Strauss et al. (2002, AJ 124, 1810): r < 17.77."""
    return m["SDSS_r"] < 17.77


def _gama(m: Magnitudes) -> np.ndarray:
    """Driver et al. (2011), Liske et al. (2015), data release 2: r < 19.4."""
    return m["SDSS_r"] < 19.4


def _lowz(m: Magnitudes) -> np.ndarray:
    """Dawson et al. (2013, AJ 145, 10), BOSS LOWZ."""
    g, r, i = m["SDSS_g"], m["SDSS_r"], m["SDSS_i"]
    along = 0.7 * (g - r) + 1.2 * (r - i - 0.18)
    across = (r - i) - (g - r) / 4.0 - 0.18
    return (r > 16.0) & (r < 19.6) & (r < 13.5 + along / 0.3) & (np.abs(across) < 0.2)


def _cmass(m: Magnitudes) -> np.ndarray:
    """Dawson et al. (2013), BOSS CMASS."""
    g, r, i = m["SDSS_g"], m["SDSS_r"], m["SDSS_i"]
    across = (r - i) - (g - r) / 8.0
    return (
        (i > 17.5)
        & (i < 19.9)
        & (r - i < 2.0)
        & (across > 0.55)
        & (i < 19.86 + 1.6 * (across - 0.8))
    )


def _eboss_lrg(m: Magnitudes) -> np.ndarray:
    """Prakash et al. (2016, ApJS 224, 34), eBOSS LRG, as on SDSS DR14's page; W1 in AB."""
    r, i, z, w1 = m["SDSS_r"], m["SDSS_i"], m["SDSS_z"], m["IRAC_CH1"]
    bright = (i >= 19.9) & (i <= 21.8) & (z <= 19.95) & (w1 <= 20.299)
    return bright & (r - i > 0.98) & (r - w1 > 2.0 * (r - i)) & (i - z > 0.625)


def _quasar(m: Magnitudes) -> np.ndarray:
    """Ross et al. (2012), Myers et al. (2015), BOSS and eBOSS quasars: g < 22 or r < 22."""
    return (m["SDSS_g"] < 22.0) | (m["SDSS_r"] < 22.0)


def _wigglez(m: Magnitudes) -> np.ndarray:
    """Drinkwater et al. (2010, MNRAS 401, 1429), Table 3: ultraviolet emission-line galaxies."""
    fuv, nuv, g, r, i = (
        m[band] for band in ("GALEX_FUV", "GALEX_NUV", "SDSS_g", "SDSS_r", "SDSS_i")
    )
    # The Lyman break between the GALEX bands puts a galaxy beyond z = 0.5; no detection will do.
    dropout = ~(fuv < 22.9) | (fuv - nuv > 1.0)
    near = (g < 22.5) & (i < 21.5) & (r - i < g - r - 0.1) & (r - i < 0.4)
    bright = (nuv < 22.8) & (r > 20.0) & (r < 22.5) & (nuv - r > -0.5) & (nuv - r < 2.0)
    return bright & dropout & ~near


def _vipers(m: Magnitudes) -> np.ndarray:
    """Guzzo et al. (2014, A&A 566, A108): i < 22.5 and z > 0.5 by colour."""
    u, g, r, i = (m[f"CFHTLS_{band}"] for band in "ugri")
    return (i < 22.5) & ((r - i > 0.5 * (u - g)) | (r - i > 0.7))


def _primus(m: Magnitudes) -> np.ndarray:
    """Coil et al. (2011, ApJ 741, 8): i < 23, low resolution."""
    return m["HSC_i"] < 23.0


def _zcosmos_bright(m: Magnitudes) -> np.ndarray:
    """Lilly et al. (2009, ApJS 184, 218): i < 22.5."""
    return (m["HSC_i"] > 15.0) & (m["HSC_i"] < 22.5)


def _deep2(m: Magnitudes) -> np.ndarray:
    """Newman et al. (2013, ApJS 208, 5): R < 24.1 and z > 0.7 by colour (cut rounded)."""
    b, r, i = m["DEEP2_B"], m["DEEP2_R"], m["DEEP2_I"]
    far = (b - r < 0.5) | (r - i > 1.1) | (b - r < 2.45 * (r - i) - 0.311)
    return (r > 18.5) & (r < 24.1) & far


def _deep3(m: Magnitudes) -> np.ndarray:
    """Cooper et al. (2011, ApJS 193, 14), Extended Groth Strip: R < 24.1, no colour cut."""
    return (m["DEEP2_R"] > 18.5) & (m["DEEP2_R"] < 24.1)


def _vvds_wide(m: Magnitudes) -> np.ndarray:
    """Le Fevre et al. (2013, A&A 559, A14): 17.5 < i < 22.5."""
    return (m["HSC_i"] > 17.5) & (m["HSC_i"] < 22.5)


def _vvds_deep(m: Magnitudes) -> np.ndarray:
    """Le Fevre et al. (2013): 17.5 < i < 24, ultra-deep to 24.75; together here 24.3."""
    return (m["HSC_i"] > 17.5) & (m["HSC_i"] < 24.3)


def _udsz(m: Magnitudes) -> np.ndarray:
    """Bradshaw et al. (2013, MNRAS 433, 194): K < 23, faint in i, photometric redshift > 1."""
    return (m["UVISTA_Ks"] < 23.0) & (m["HSC_i"] < 25.0)


def _grism(m: Magnitudes) -> np.ndarray:
    """Momcheva et al. (2016, ApJS 225, 27), 3D-HST: H < 24."""
    return m["UVISTA_H"] < 24.0


def _steady(value: float) -> Callable[[Magnitudes, np.ndarray], np.ndarray]:
    return lambda m, z: np.full(len(z), value)


def _until(band: str, limit: float, best: float, at_limit: float, z_fail: float = 9.0) -> Callable:
    """Success that falls towards the magnitude limit and is nil beyond the last strong line."""
    return lambda m, z: _falling(m[band], limit, best, at_limit) * np.where(z < z_fail, 1.0, 0.04)


def _wigglez_success(m: Magnitudes, z: np.ndarray) -> np.ndarray:
    # 60 per cent: [OII] leaves the spectrograph at z = 1.3; faint continuum lowers the rest.
    return np.where(z < 1.3, 0.65, 0.05) * np.where(m["SDSS_r"] > 21.5, 0.85, 1.0)


def _vvds_success(m: Magnitudes, z: np.ndarray) -> np.ndarray:
    # The redshift desert: no strong feature between 5500 and 9350 Angstrom.
    desert = np.where((z > 1.5) & (z < 2.4), 0.25, 1.0)
    return _falling(m["HSC_i"], 24.3, 0.92, 0.5) * desert


def _grism_success(m: Magnitudes, z: np.ndarray) -> np.ndarray:
    # One strong line in 1.1-1.65 micrometre: H alpha 0.7-1.5, [OIII] 1.2-2.3, [OII] 2.0-3.4.
    line = np.select([(z > 0.7) & (z < 2.3), (z >= 2.3) & (z < 3.4)], [0.6, 0.35], 0.05)
    return line * _falling(m["UVISTA_H"], 24.0, 1.0, 0.5)


@dataclass(frozen=True)
class SpectroscopicSurvey:
    """One survey of GalaxiesML's parents.

    Attributes
    ----------
    prefix : str
        How the names of its objects begin in HSC's table of spectroscopic redshifts.
    select : callable
        Magnitudes -> bool, the published target selection.
    success : callable
        (magnitudes, redshift) -> probability of a secure redshift.
    band, limit : str, float
        A magnitude limit no fainter target passes: what the light cone is drawn to.
    error : float
        Redshift error over (1+z).
    fields : tuple
        (RA min, RA max, Dec min, Dec max) in degrees, inside both the survey and HSC-SSP.
    z_range : tuple of float
        Redshifts outside are not in the published catalogue.
    population : str
        `galaxies` or `quasars`.
    search : tuple of float
        Redshifts that are simulated at all: colour cuts of luminous red galaxies pass nothing
        outside, and half of the work is saved.
    """

    prefix: str
    select: Callable[[Magnitudes], np.ndarray]
    success: Callable[[Magnitudes, np.ndarray], np.ndarray]
    band: str
    limit: float
    error: float
    fields: tuple[tuple[float, float, float, float], ...]
    z_range: tuple[float, float] = (0.0, 9.0)
    population: str = "galaxies"
    search: tuple[float, float] = (0.0, 9.0)


# Fields of the HSC-SSP Wide layer, second data release (Aihara et al. 2019, PASJ 71, 114).
_XMM = (30.5, 38.0, -6.5, -2.0)
_GAMA09 = (129.0, 140.5, -1.0, 2.5)
_WIDE12 = (175.0, 185.5, -1.3, 1.2)
_GAMA15 = (212.0, 222.5, -1.2, 1.2)
_VVDS = (333.0, 342.5, -0.8, 2.2)
_HECTOMAP = (230.0, 247.0, 42.6, 43.9)
_AEGIS = (213.6, 215.4, 51.9, 53.3)
_WIDE = (_XMM, _GAMA09, _WIDE12, _GAMA15, _VVDS, _HECTOMAP)
_GAMA = (_GAMA09, _WIDE12, _GAMA15)
# HSC's Deep layer around COSMOS reaches beyond the COSMOS2020 footprint on all sides.
_COSMOS_RING = ((148.75, 149.05, 1.0, 3.3), (151.07, 151.5, 1.0, 3.3))

SPECTROSCOPIC_SURVEYS = {
    "sdss_main": SpectroscopicSurvey(
        "SDSSDR14", _sdss_main, _steady(0.94), "SDSS_r", 17.9, 6e-5, _WIDE
    ),
    "gama": SpectroscopicSurvey(
        "GAMADR2", _gama, _until("SDSS_r", 19.4, 0.985, 0.96), "SDSS_r", 19.5, 1.5e-4, _GAMA
    ),
    "boss_lowz": SpectroscopicSurvey(
        "SDSSDR14-LOWZ", _lowz, _steady(0.985), "SDSS_r", 19.7, 1e-4, _WIDE,
        search=(0.03, 0.6),
    ),
    "boss_cmass": SpectroscopicSurvey(
        "SDSSDR14-CMASS", _cmass, _steady(0.97), "SDSS_i", 20.0, 1.2e-4, _WIDE,
        search=(0.35, 0.9),
    ),
    "eboss_lrg": SpectroscopicSurvey(
        "SDSSDR14-eLRG", _eboss_lrg, _steady(0.89), "SDSS_z", 20.25, 2e-4, _WIDE,
        search=(0.4, 1.2),
    ),
    "boss_qso": SpectroscopicSurvey(
        "SDSSDR14-BQSO", _quasar, _steady(0.95), "SDSS_g", 22.0, 1e-3, _WIDE, (2.15, 4.0), "quasars"
    ),
    "eboss_qso": SpectroscopicSurvey(
        "SDSSDR14-QSO", _quasar, _steady(0.95), "SDSS_g", 22.0, 1e-3, _WIDE, (0.3, 2.2), "quasars"
    ),
    "wigglez": SpectroscopicSurvey(
        "WiggleZ", _wigglez, _wigglez_success, "GALEX_NUV", 22.9, 3e-4,
        (_XMM, _GAMA09, _GAMA15, _VVDS), search=(0.1, 1.5),
    ),
    "vipers": SpectroscopicSurvey(
        "VIPERS", _vipers, _until("CFHTLS_i", 22.5, 0.93, 0.62, 1.6), "CFHTLS_i", 22.6, 5e-4,
        ((30.5, 38.0, -6.0, -4.2), (333.0, 335.4, 0.9, 2.2)), (0.0, 2.0),
    ),
    "primus": SpectroscopicSurvey(
        "PRIMUS", _primus, _until("HSC_i", 23.0, 0.75, 0.35), "HSC_i", 23.0, 7e-3,
        (_XMM, (333.0, 338.0, -0.8, 1.0)), (0.0, 1.2),
    ),
    "zcosmos": SpectroscopicSurvey(
        "zCOSMOS", _zcosmos_bright, _until("HSC_i", 22.5, 0.93, 0.75, 1.3), "HSC_i", 22.5, 3.5e-4,
        _COSMOS_RING, (0.0, 1.6),
    ),
    "deep2": SpectroscopicSurvey(
        "DEEP2DR4", _deep2, _until("DEEP2_R", 24.1, 0.90, 0.62, 1.42), "DEEP2_R", 24.2, 1e-4,
        ((36.0, 38.0, 0.2, 0.9), (351.5, 353.5, -0.3, 0.4)), (0.0, 1.7),
    ),
    "deep3": SpectroscopicSurvey(
        "DEEP3", _deep3, _until("DEEP2_R", 24.1, 0.90, 0.62, 1.42), "DEEP2_R", 24.2, 1e-4,
        (_AEGIS,), (0.0, 1.7),
    ),
    "vvds_wide": SpectroscopicSurvey(
        "VVDS-22h", _vvds_wide, _until("HSC_i", 22.5, 0.92, 0.72, 1.4), "HSC_i", 22.5, 9e-4,
        ((333.5, 335.5, -0.5, 1.3),), (0.0, 2.0),
    ),
    "vvds_deep": SpectroscopicSurvey(
        "VVDS-02h", _vvds_deep, _vvds_success, "HSC_i", 24.3, 9e-4, ((36.1, 37.0, -4.8, -4.0),)
    ),
    "udsz": SpectroscopicSurvey(
        "UDSz", _udsz, lambda m, z: np.where(z > 0.9, 0.5, 0.15), "HSC_i", 25.0, 7e-4,
        ((34.0, 34.9, -5.5, -4.7),),
    ),
    "3dhst": SpectroscopicSurvey(
        "3DHST", _grism, _grism_success, "UVISTA_H", 24.0, 2.5e-3,
        ((34.2, 34.5, -5.3, -5.1), (214.6, 215.2, 52.6, 53.0), *_COSMOS_RING),
    ),
}  # fmt: skip
"""The spectroscopic parents of GalaxiesML, by name."""
