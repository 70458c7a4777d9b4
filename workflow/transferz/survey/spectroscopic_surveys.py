"""The spectroscopic surveys that GalaxiesML is made of: targets, success, errors, fields.

Every number is from the survey's own paper unless a comment says otherwise. Magnitudes are AB,
total, corrected for Galactic dust where the parent survey corrects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Magnitudes = Mapping[str, np.ndarray]


def _falling(magnitude: np.ndarray, limit: float, best: float, at_limit: float) -> np.ndarray:
    """Success `best` for bright targets, falling over the last two magnitudes to `at_limit`."""
    share = np.clip((np.nan_to_num(magnitude, nan=limit) - (limit - 2.0)) / 2.0, 0.0, 1.0)
    return best - (best - at_limit) * share**2


def _between(band: str, bright: float, faint: float) -> Callable[[Magnitudes], np.ndarray]:
    return lambda m: (m[band] > bright) & (m[band] < faint)


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


def _deep2(m: Magnitudes) -> np.ndarray:
    """Newman et al. (2013, ApJS 208, 5): R < 24.1 and z > 0.7 by colour (cut rounded)."""
    b, r, i = m["DEEP2_B"], m["DEEP2_R"], m["DEEP2_I"]
    far = (b - r < 0.5) | (r - i > 1.1) | (b - r < 2.45 * (r - i) - 0.311)
    return (r > 18.5) & (r < 24.1) & far


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
    # Strauss et al. (2002, AJ 124, 1810).
    "sdss_main": SpectroscopicSurvey(
        "SDSSDR14", _between("SDSS_r", -np.inf, 17.77), _steady(0.94), "SDSS_r", 17.9, 6e-5, _WIDE
    ),
    # Driver et al. (2011), Liske et al. (2015), data release 2.
    "gama": SpectroscopicSurvey(
        "GAMADR2", _between("SDSS_r", -np.inf, 19.4), _until("SDSS_r", 19.4, 0.985, 0.96),
        "SDSS_r", 19.5, 1.5e-4, _GAMA,
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
    # BOSS and eBOSS quasars: Ross et al. (2012), Myers et al. (2015).
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
    # Coil et al. (2011, ApJ 741, 8), low resolution.
    "primus": SpectroscopicSurvey(
        "PRIMUS", _between("HSC_i", -np.inf, 23.0), _until("HSC_i", 23.0, 0.75, 0.35),
        "HSC_i", 23.0, 7e-3, (_XMM, (333.0, 338.0, -0.8, 1.0)), (0.0, 1.2),
    ),
    # Lilly et al. (2009, ApJS 184, 218), the bright part.
    "zcosmos": SpectroscopicSurvey(
        "zCOSMOS", _between("HSC_i", 15.0, 22.5), _until("HSC_i", 22.5, 0.93, 0.75, 1.3),
        "HSC_i", 22.5, 3.5e-4, _COSMOS_RING, (0.0, 1.6),
    ),
    "deep2": SpectroscopicSurvey(
        "DEEP2DR4", _deep2, _until("DEEP2_R", 24.1, 0.90, 0.62, 1.42), "DEEP2_R", 24.2, 1e-4,
        ((36.0, 38.0, 0.2, 0.9), (351.5, 353.5, -0.3, 0.4)), (0.0, 1.7),
    ),
    # Cooper et al. (2011, ApJS 193, 14), Extended Groth Strip, no colour cut.
    "deep3": SpectroscopicSurvey(
        "DEEP3", _between("DEEP2_R", 18.5, 24.1), _until("DEEP2_R", 24.1, 0.90, 0.62, 1.42),
        "DEEP2_R", 24.2, 1e-4, (_AEGIS,), (0.0, 1.7),
    ),
    # Le Fevre et al. (2013, A&A 559, A14); deep to 24, ultra-deep to 24.75, together here 24.3.
    "vvds_wide": SpectroscopicSurvey(
        "VVDS-22h", _between("HSC_i", 17.5, 22.5), _until("HSC_i", 22.5, 0.92, 0.72, 1.4),
        "HSC_i", 22.5, 9e-4, ((333.5, 335.5, -0.5, 1.3),), (0.0, 2.0),
    ),
    "vvds_deep": SpectroscopicSurvey(
        "VVDS-02h", _between("HSC_i", 17.5, 24.3), _vvds_success, "HSC_i", 24.3, 9e-4,
        ((36.1, 37.0, -4.8, -4.0),),
    ),
    # Bradshaw et al. (2013, MNRAS 433, 194): faint in i, photometric redshift > 1.
    "udsz": SpectroscopicSurvey(
        "UDSz", lambda m: (m["UVISTA_Ks"] < 23.0) & (m["HSC_i"] < 25.0),
        lambda m, z: np.where(z > 0.9, 0.5, 0.15), "HSC_i", 25.0, 7e-4,
        ((34.0, 34.9, -5.5, -4.7),),
    ),
    # Momcheva et al. (2016, ApJS 225, 27).
    "3dhst": SpectroscopicSurvey(
        "3DHST", _between("UVISTA_H", -np.inf, 24.0), _grism_success, "UVISTA_H", 24.0, 2.5e-3,
        ((34.2, 34.5, -5.3, -5.1), (214.6, 215.2, 52.6, 53.0), *_COSMOS_RING),
    ),
}  # fmt: skip
"""The spectroscopic parents of GalaxiesML, by name."""
