"""Rest-frame spectra of galaxies and quasars.

A galaxy is an integral over a star-formation history, behind dust, with nebular lines powered by
its own ionising photons. Age, metallicity, dust and ionisation vary continuously.

Units: Angstrom, L_sun per Angstrom, M_sun, years unless a name says otherwise.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from transferz.survey.attenuation import HYDROGEN_LIMIT, calzetti, small_magellanic_cloud
from transferz.survey.filters import SPEED_OF_LIGHT, log_wavelength_grid
from transferz.survey.stellar import (
    AGE_EDGES,
    GENERATING,
    METALLICITIES,
    REST_GRID,
    StellarPhysics,
    simple_populations,
)

SOLAR_LUMINOSITY = 3.828e33
"""erg/s (IAU 2015)."""

PLANCK = 6.62607015e-27
"""erg s."""

LINES = {
    "LyA": 1215.67, "CIII]1908": 1908.7, "[OII]3727": 3727.1, "[OII]3729": 3729.9,
    "[NeIII]3869": 3869.9, "Hdelta": 4102.9, "Hgamma": 4341.7, "Hbeta": 4862.7,
    "[OIII]4960": 4960.3, "[OIII]5008": 5008.2, "HeI5877": 5877.2, "[OI]6302": 6302.0,
    "[NII]6550": 6549.9, "Halpha": 6564.6, "[NII]6585": 6585.3, "[SII]6718": 6718.3,
    "[SII]6733": 6732.7, "[SIII]9071": 9071.1, "[SIII]9533": 9533.2, "PaBeta": 12821.6,
    "PaAlpha": 18756.4,
}  # fmt: skip
"""Vacuum wavelengths in Angstrom."""


def line_ratios(
    metallicity: np.ndarray, ionisation: np.ndarray, lya_escape: np.ndarray
) -> np.ndarray:
    """Intrinsic luminosities of `LINES` over that of H beta.

    Hydrogen: case B at 10^4 K (Osterbrock & Ferland 2006). [NII]/H alpha against oxygen: Pettini &
    Pagel (2004, N2). [OIII]/H beta against [NII]/H alpha: the star-forming sequence of Kewley et
    al. (2013). [OII], [SII], [NeIII] follow the same sequence in SDSS galaxies, rounded.

    Parameters
    ----------
    metallicity, ionisation, lya_escape : numpy.ndarray
        Shape (n,): log10(Z/Z_sun), with oxygen in the solar proportion, 12+log(O/H) = 8.69; offset
        in dex of the ionisation from that sequence; fraction of Lyman alpha that leaves the galaxy
        besides the dust screen.
    """
    oxygen = 8.69 + np.clip(metallicity, -1.2, 0.3)
    n2 = np.clip((oxygen - 8.90) / 0.57 - 0.3 * ionisation, -2.3, -0.28)
    o3 = np.clip(0.61 / (n2 + 0.08) + 1.1 + ionisation, -1.1, 0.95)
    o2 = 0.50 - 0.55 * (n2 + 0.80) ** 2 - 0.4 * ionisation
    s2 = -0.45 + 0.45 * (n2 + 0.40) - 0.3 * ionisation
    oiii, oii, nii, sii = 10.0**o3, 10.0**o2, 2.86 * 10.0**n2, 2.86 * 10.0**s2
    one = np.ones_like(oxygen)
    columns = {
        "LyA": 8.7 * 2.86 * lya_escape, "CIII]1908": 0.10 * oiii * 10.0 ** (-0.8 * (oxygen - 8.2)),
        "[OII]3727": 0.42 * oii, "[OII]3729": 0.58 * oii, "[NeIII]3869": 0.09 * oiii,
        "Hdelta": 0.259 * one, "Hgamma": 0.468 * one, "Hbeta": one, "[OIII]4960": oiii / 2.98,
        "[OIII]5008": oiii, "HeI5877": 0.12 * one, "[OI]6302": 0.12 * sii, "[NII]6550": nii / 3.06,
        "Halpha": 2.86 * one, "[NII]6585": nii, "[SII]6718": 0.57 * sii, "[SII]6733": 0.43 * sii,
        "[SIII]9071": 0.25 * sii, "[SIII]9533": 0.62 * sii, "PaBeta": 0.162 * one,
        "PaAlpha": 0.332 * one,
    }  # fmt: skip
    return np.column_stack([columns[name] for name in LINES])


def age_weights(
    age: np.ndarray,
    tau: np.ndarray,
    burst_fraction: np.ndarray | float = 0.0,
    burst_age: np.ndarray | float = 1e8,
    *,
    delayed: bool = True,
) -> np.ndarray:
    """Fraction of the mass formed in each age bin of `AGE_EDGES`, shape (n, n_age).

    Parameters
    ----------
    age, tau : numpy.ndarray
        Shape (n,), years since the first stars and e-folding time. The star-formation rate is
        t exp(-t/tau) if `delayed`, else exp(-t/tau).
    burst_fraction, burst_age : numpy.ndarray or float
        Fraction of the mass formed at a constant rate within the last `burst_age` years.
    """
    age, tau = np.asarray(age, dtype=float)[:, None], np.asarray(tau, dtype=float)[:, None]
    time = np.clip(age - AGE_EDGES, 0.0, None) / tau
    # One minus these is the mass formed by a time; written for precision at small arguments.
    formed = -np.expm1(-time) - time * np.exp(-time) if delayed else -np.expm1(-time)
    weights = (formed[:, :-1] - formed[:, 1:]) / formed[:, :1]
    share = np.broadcast_to(np.asarray(burst_fraction, dtype=float), age.shape[:1])[:, None]
    length = np.broadcast_to(np.asarray(burst_age, dtype=float), age.shape[:1])[:, None]
    burst = np.diff(np.minimum(AGE_EDGES, length), axis=1) / length
    return (1.0 - share) * weights + share * burst


HISTORY = ("age", "tau", "burst_fraction", "burst_age")
PARAMETERS = (
    *HISTORY, "metallicity", "ebv", "dust_slope", "dust_bump", "ionisation", "lya_escape",
)  # fmt: skip
"""Columns that describe a galaxy's spectrum; see `GalaxyModel.spectra`."""


class GalaxyModel:
    """Spectra of galaxies on a fixed rest-frame grid.

    Parameters
    ----------
    wavelength : numpy.ndarray
        Shape (n_wavelength,), Angstrom, increasing.
    physics : StellarPhysics
    line_width : float
        Velocity dispersion of the nebular lines, km/s; widened to 0.7 pixel where the grid is
        coarser, so that no flux is lost.
    """

    ionising_share = 0.75
    """Ionising photons that meet hydrogen rather than dust or the outside."""

    line_reddening = 1.0 / 0.44
    """E(B-V) of the gas over that of the stars (Calzetti et al. 2000)."""

    def __init__(
        self,
        wavelength: np.ndarray = REST_GRID,
        physics: StellarPhysics = GENERATING,
        line_width: float = 120.0,
    ) -> None:
        self.wavelength = np.asarray(wavelength, dtype=float)
        populations = simple_populations(self.wavelength, physics)
        self.basis = populations.reshape(-1, len(self.wavelength))
        ultraviolet = log_wavelength_grid(200.0, HYDROGEN_LIMIT, 0.005)
        photons = simple_populations(ultraviolet, physics) * (
            SOLAR_LUMINOSITY * ultraviolet / (PLANCK * SPEED_OF_LIGHT)
        )
        self.ionising = np.trapezoid(photons, ultraviolet, axis=-1).ravel()

        centres = np.array(list(LINES.values()))
        pixel = np.interp(centres, self.wavelength, np.gradient(self.wavelength))
        sigma = np.hypot(centres * line_width / 2.99792458e5, 0.7 * pixel)[:, None]
        profiles = np.exp(-0.5 * ((self.wavelength - centres[:, None]) / sigma) ** 2)
        area = profiles @ np.gradient(self.wavelength)
        inside = (centres > self.wavelength[0]) & (centres < self.wavelength[-1])
        self.profiles = np.where(inside[:, None], profiles / np.maximum(area, 1e-30)[:, None], 0.0)
        self.profiles = self.profiles.astype(np.float32)

        # Attenuation = E(B-V) k (lambda/5500)^slope + E(B-V) bump D(lambda); the power is expanded
        # to third order so that a batch of galaxies is one matrix product.
        self.dust_basis = self._dust_basis(self.wavelength).astype(np.float32)
        self.line_dust_basis = self._dust_basis(centres)

    @staticmethod
    def _dust_basis(wavelength: np.ndarray) -> np.ndarray:
        log_x = np.log(wavelength / 5500.0)
        k = calzetti(wavelength)
        # Drude profile of the 2175-Angstrom bump (Noll et al. 2009, A&A 507, 1793).
        width, centre = 350.0, 2175.0
        drude = (wavelength * width) ** 2 / (
            (wavelength**2 - centre**2) ** 2 + (wavelength * width) ** 2
        )
        return (
            0.4 * np.log(10) * np.stack([k, k * log_x, k * log_x**2 / 2, k * log_x**3 / 6, drude])
        )

    @staticmethod
    def _dust_weights(ebv: np.ndarray, slope: np.ndarray, bump: np.ndarray) -> np.ndarray:
        return ebv[:, None] * np.column_stack(
            [np.ones_like(slope), slope, slope**2, slope**3, bump]
        )

    def spectra(
        self,
        galaxies: pd.DataFrame,
        *,
        delayed: bool = True,
        line_scale: float | np.ndarray = 1.0,
        smc_dust: bool = False,
    ) -> np.ndarray:
        """Return the spectra of `galaxies`, per solar mass of stars ever formed.

        Parameters
        ----------
        galaxies : pandas.DataFrame
            Columns `age` and `tau` (yr), `burst_fraction`, `burst_age` (yr), `metallicity`
            (log Z/Z_sun), `ebv` (mag, of the stars), `dust_slope` and `dust_bump` (departure from
            Calzetti's law: power of lambda and amplitude of the 2175-Angstrom bump), `ionisation`
            (dex), `lya_escape`.
        delayed : bool
            See `age_weights`.
        line_scale : float or numpy.ndarray
            Factor on all nebular lines.
        smc_dust : bool
            The law of the Small Magellanic Cloud in place of Calzetti's.

        Returns
        -------
        numpy.ndarray
            Shape (n, n_wavelength), float32, L_sun / Angstrom / M_sun.
        """
        column = {name: galaxies[name].to_numpy(dtype=float) for name in PARAMETERS}
        weights = self._population_weights(column, delayed=delayed)
        result = weights.astype(np.float32) @ self.basis
        dust = self._dust_weights(column["ebv"], column["dust_slope"], column["dust_bump"])
        if smc_dust:
            k = 0.4 * np.log(10) * small_magellanic_cloud(self.wavelength)
            depth = column["ebv"][:, None].astype(np.float32) * k.astype(np.float32)
        else:
            depth = dust.astype(np.float32) @ self.dust_basis
        np.exp(np.negative(depth, out=depth), out=depth)
        result *= depth
        # 4.76e-13 erg of H beta per ionising photon: case B at 10^4 K.
        h_beta = 4.76e-13 / SOLAR_LUMINOSITY * self.ionising_share * (weights @ self.ionising)
        lines = h_beta[:, None] * line_ratios(
            column["metallicity"], column["ionisation"], column["lya_escape"]
        )
        gas = self.line_reddening * dust
        lines *= np.exp(-gas @ self.line_dust_basis) * np.reshape(line_scale, (-1, 1))
        result += lines.astype(np.float32) @ self.profiles
        return result

    def _population_weights(self, column: dict[str, np.ndarray], *, delayed: bool) -> np.ndarray:
        ages = age_weights(*(column[name] for name in HISTORY), delayed=delayed)
        metallicity = np.clip(column["metallicity"], METALLICITIES[0], METALLICITIES[-1])
        low = np.clip(np.searchsorted(METALLICITIES, metallicity) - 1, 0, len(METALLICITIES) - 2)
        share = (metallicity - METALLICITIES[low]) / (METALLICITIES[low + 1] - METALLICITIES[low])
        in_metals = np.zeros((len(ages), len(METALLICITIES)))
        rows = np.arange(len(ages))
        in_metals[rows, low] = 1.0 - share
        in_metals[rows, low + 1] = share
        return (in_metals[:, :, None] * ages[:, None, :]).reshape(len(ages), -1)


def specific_star_formation_rate(galaxies: pd.DataFrame, *, delayed: bool = True) -> np.ndarray:
    """Stars formed per year over the last 10^8 years, per solar mass ever formed."""
    history = (galaxies[name].to_numpy() for name in HISTORY)
    overlap = np.clip((1e8 - AGE_EDGES[:-1]) / np.diff(AGE_EDGES), 0.0, 1.0)
    return age_weights(*history, delayed=delayed) @ overlap / 1e8


# Centre, sigma, equivalent width in Angstrom: Vanden Berk et al. (2001, AJ 122, 549), Table 2;
# the last three rows are the iron and Balmer continuum around 3000 Angstrom.
_QUASAR_LINES = (
    (1033.0, 12.0, 9.8), (1216.0, 19.0, 92.9), (1398.0, 14.0, 8.1), (1546.0, 14.0, 23.8),
    (1906.0, 24.0, 21.2), (2799.0, 30.0, 32.3), (4103.0, 19.0, 5.0), (4342.0, 20.0, 12.6),
    (4863.0, 41.0, 46.2), (5008.0, 7.0, 13.2), (6565.0, 47.0, 194.5), (2450.0, 120.0, 35.0),
    (3150.0, 220.0, 45.0), (4570.0, 80.0, 14.0),
)  # fmt: skip


def quasar_spectra(
    wavelength: np.ndarray, slope: np.ndarray, ebv: np.ndarray, line_scale: np.ndarray
) -> np.ndarray:
    """Spectra of type-1 quasars per Angstrom, 1 at 4400 Angstrom before dust.

    Parameters
    ----------
    wavelength : numpy.ndarray
        Shape (n_wavelength,), Angstrom.
    slope, ebv, line_scale : numpy.ndarray
        Shape (n,): f_nu ~ nu^slope of the ultraviolet continuum (-0.44 in the mean), E(B-V) of
        dust in the host, factor on the equivalent widths.
    """
    wave = np.asarray(wavelength, dtype=float)
    power = -2.0 - np.asarray(slope)[:, None]
    continuum = (wave / 4400.0) ** power
    # Host galaxy and hot dust flatten the spectrum in the red.
    red = np.clip(np.log(wave / 5000.0), 0.0, None)
    continuum = continuum * np.exp(0.9 * np.minimum(red, 1.6))
    lines = np.zeros_like(wave)
    for centre, sigma, width in _QUASAR_LINES:
        lines += (
            width / (np.sqrt(2 * np.pi) * sigma) * np.exp(-0.5 * ((wave - centre) / sigma) ** 2)
        )
    absorbed = np.where(wave < HYDROGEN_LIMIT, 0.3, 1.0)
    dust = np.exp(-0.4 * np.log(10) * np.asarray(ebv)[:, None] * small_magellanic_cloud(wave))
    return continuum * (1.0 + np.asarray(line_scale)[:, None] * lines) * absorbed * dust
