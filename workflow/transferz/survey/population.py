"""Galaxies, quasars and stars on the light cone: luminosity functions and their sampling.

The B-band luminosity functions of star-forming and quiescent galaxies are those of Lopez-Sanjuan
et al. (2017, A&A 599, A62; ALHAMBRA, 0.2 < z < 1): M* = M_0.5 + Q (z - 0.5), log phi* = log phi_0.5
+ P (z - 0.5), AB, H0 = 70. Above z = 1 the star-forming one continues with the evolution of the
FORS Deep Field (Gabasch et al. 2004, A&A 421, 41: M* ~ -1.03 ln(1+z), phi* ~ (1+z)^-1.27 in B, to
z = 5), which agrees with it at z = 1; the quiescent one thins out by a factor of ten from z = 1 to
2.7, as the passive galaxies of COSMOS do (Davidzon et al. 2017, A&A 605, A70).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.integrate import cumulative_trapezoid

from transferz.survey.attenuation import igm_optical_depth
from transferz.survey.filters import Photometer
from transferz.survey.galaxy_spectra import (
    SOLAR_LUMINOSITY,
    GalaxyModel,
    quasar_spectra,
    specific_star_formation_rate,
)
from transferz.survey.stellar import REST_GRID, stellar_spectra

HUBBLE = 70.0
MATTER = 0.3
Z_MIN, Z_MAX = 0.005, 7.0
KINDS = ("blue", "red")

MEGAPARSEC = 3.0856775814913673e24
"""cm."""

SQUARE_DEGREE = (np.pi / 180.0) ** 2
"""Steradian."""

SOLAR_FLUX_AT_10_PC = SOLAR_LUMINOSITY / (4 * np.pi * (1e-5 * MEGAPARSEC) ** 2) * 1e29
"""microJansky of one L_sun/Hz at 10 pc."""


@cache
def _distance_table() -> tuple[np.ndarray, np.ndarray]:
    redshift = np.concatenate([[0.0], np.geomspace(1e-4, 12.0, 6000)])
    inverse = 1.0 / np.sqrt(MATTER * (1 + redshift) ** 3 + 1 - MATTER)
    integral = cumulative_trapezoid(inverse, redshift, initial=0)
    return redshift, 299792.458 / HUBBLE * integral


def comoving_distance(redshift: np.ndarray) -> np.ndarray:
    """Comoving distance in Mpc (flat, H0 = 70 km/s/Mpc, Omega_m = 0.3)."""
    return np.interp(redshift, *_distance_table())


def distance_modulus(redshift: np.ndarray) -> np.ndarray:
    """Distance modulus in magnitudes."""
    redshift = np.asarray(redshift, dtype=float)
    return 25.0 + 5.0 * np.log10((1 + redshift) * comoving_distance(redshift))


def volume_element(redshift: np.ndarray) -> np.ndarray:
    """Comoving volume in Mpc^3 per unit redshift and square degree."""
    hubble = HUBBLE * np.sqrt(MATTER * (1 + redshift) ** 3 + 1 - MATTER)
    return SQUARE_DEGREE * comoving_distance(redshift) ** 2 * 299792.458 / hubble


def cosmic_age(redshift: np.ndarray) -> np.ndarray:
    """Age of the Universe in years (closed form of the flat model)."""
    ratio = np.sqrt((1 - MATTER) / MATTER) * (1 + np.asarray(redshift, dtype=float)) ** -1.5
    return 2 / (3 * np.sqrt(1 - MATTER)) * np.arcsinh(ratio) * 977.8e9 / HUBBLE


@dataclass(frozen=True)
class LuminosityFunction:
    """Schechter (1976) function in the rest-frame B band whose parameters evolve.

    Attributes
    ----------
    m_half, log_phi_half : float
        M*_B (AB) and log10 phi* (Mpc^-3 mag^-1) at z = 0.5.
    q, p : float
        Their change per unit redshift below z = 1.
    alpha : float
        Faint-end slope.
    q_late, p_late : float
        Above z = 1: M* changes by `q_late` ln((1+z)/2), and log10 phi* by `p_late` log10((1+z)/2).
    """

    m_half: float
    q: float
    log_phi_half: float
    p: float
    alpha: float
    q_late: float
    p_late: float

    def m_star(self, redshift: np.ndarray) -> np.ndarray:
        """M* at `redshift`."""
        early = self.m_half + self.q * (np.minimum(redshift, 1.0) - 0.5)
        return early + self.q_late * np.log(np.maximum(1.0 + redshift, 2.0) / 2.0)

    def phi_star(self, redshift: np.ndarray) -> np.ndarray:
        """phi* at `redshift`, Mpc^-3 mag^-1 x 0.92 (the usual normalisation, per unit L/L*)."""
        early = self.log_phi_half + self.p * (np.minimum(redshift, 1.0) - 0.5)
        return 10.0 ** (early + self.p_late * np.log10(np.maximum(1.0 + redshift, 2.0) / 2.0))

    def number_brighter(self, redshift: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
        """Galaxies per Mpc^3 brighter than the absolute magnitude `magnitude`."""
        log_x = -0.4 * np.log(10) * (magnitude - self.m_star(redshift))
        grid, tail = _schechter_tail(self.alpha)
        return self.phi_star(redshift) * np.interp(log_x, grid, tail)

    def draw_magnitudes(
        self, redshift: np.ndarray, limit: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Absolute magnitudes of galaxies brighter than `limit`, one for each redshift."""
        grid, tail = _schechter_tail(self.alpha)
        m_star = self.m_star(redshift)
        beyond = np.interp(-0.4 * np.log(10) * (limit - m_star), grid, tail)
        # The tail falls with x: interpolate its logarithm, reversed.
        wanted = np.log(np.maximum(beyond * rng.random(len(beyond)), tail[-2]))
        log_x = np.interp(-wanted, -np.log(tail[:-1]), grid[:-1])
        return m_star - 2.5 / np.log(10) * log_x


@cache
def _schechter_tail(alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Return ln x and the integral of x^alpha exp(-x) from x to infinity."""
    grid = np.linspace(np.log(1e-5), np.log(40.0), 4000)
    integrand = np.exp((alpha + 1) * grid - np.exp(grid))
    steps = 0.5 * (integrand[1:] + integrand[:-1]) * np.diff(grid)
    tail = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
    return grid, tail


LUMINOSITY_FUNCTIONS = {
    "blue": LuminosityFunction(-21.00, -1.03, -2.51, -0.01, -1.29, -1.03, -1.27),
    "red": LuminosityFunction(-20.86, -0.80, -2.76, -0.41, -0.53, -0.80, -3.8),
}


def draw_parameters(
    kind: str, redshift: np.ndarray, magnitude: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw the spectral parameters of galaxies of one kind.

    Trends, each with a wide scatter: luminous galaxies are more metal-rich (Gallazzi et al. 2005,
    MNRAS 362, 41; Tremonti et al. 2004, ApJ 613, 898), dustier (Garn & Best 2010, MNRAS 409, 421)
    and older; metallicity falls and ionisation rises with redshift (Sanders et al. 2021, ApJ 914,
    19); attenuation curves are steeper where there is little dust (Salim et al. 2018, ApJ 859, 11).

    Parameters
    ----------
    kind : str
        `blue` or `red`.
    redshift, magnitude : numpy.ndarray
        Shape (n,); absolute B magnitude (AB).
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        The columns `galaxy_spectra.PARAMETERS`.
    """
    n = len(redshift)
    available = cosmic_age(redshift)
    bright = -20.5 - magnitude
    if kind == "red":
        age = available * np.clip(rng.normal(0.72 + 0.03 * bright, 0.12, n), 0.35, 0.95)
        ratio = np.where(rng.random(n) < 0.2, rng.uniform(4.0, 7.0, n), rng.uniform(7.0, 16.0, n))
        metallicity = rng.normal(0.0 + 0.07 * bright - 0.05 * redshift, 0.14)
        ebv = np.abs(rng.normal(0.0, 0.045, n))
        burst = np.zeros(n)
        ionisation = rng.normal(0.2, 0.15, n)
    else:
        age = available * rng.uniform(0.25, 0.95, n)
        ratio = np.exp(rng.normal(0.35 + 0.28 * bright - 0.45 * redshift, 0.75))
        ratio = np.clip(ratio, 0.05, 6.0)
        metallicity = rng.normal(-0.12 + 0.16 * bright - 0.16 * redshift, 0.16)
        typical = 0.16 * np.exp(0.35 * np.clip(bright, -4.0, 1.5))
        ebv = np.clip(typical * np.exp(rng.normal(0.0, 0.55, n)), 0.0, 0.9)
        burst = np.where(rng.random(n) < 0.15, 10.0 ** rng.uniform(-2.5, -0.7, n), 0.0)
        ionisation = rng.normal(0.08 * np.minimum(redshift, 3.0), 0.15)
    return pd.DataFrame(
        {
            "age": age,
            "tau": age / ratio,
            "burst_fraction": burst,
            "burst_age": 10.0 ** rng.uniform(7.0, 8.4, n),
            "metallicity": np.clip(metallicity, -1.2, 0.3),
            "ebv": ebv,
            "dust_slope": np.clip(rng.normal(-0.35 + 1.0 * ebv, 0.18), -0.8, 0.4),
            "dust_bump": rng.uniform(0.0, 3.5, n),
            "ionisation": ionisation,
            "lya_escape": 0.25 * rng.random(n) ** 2,
        }
    )


def _draw_counts(
    slope: float, bright: float, faint: float, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Magnitudes whose counts rise as 10^(slope m)."""
    low, high = 10.0 ** (slope * bright), 10.0 ** (slope * faint)
    return np.log10(low + (high - low) * rng.random(n)) / slope


class LightCone:
    """Draws galaxies with their fluxes in a fixed list of bands (names of filters).

    To sample a bright survey one must know how faint a galaxy's absolute magnitude may be at each
    redshift. It follows, for each kind and band, from the bluest m - M_B - DM of 150 drawn
    galaxies, less a margin of 0.2 mag (`faintest_absolute`).
    """

    batch = 256

    def __init__(self, bands: Sequence[str]) -> None:
        self.bands = tuple(bands)
        self.model = GalaxyModel()
        self.photometer = Photometer(self.bands, REST_GRID)
        self.rest_b = Photometer(("B",), REST_GRID)
        self.grid = np.exp(np.linspace(np.log(Z_MIN), np.log(Z_MAX), 400))
        self.ultraviolet = REST_GRID < 1216.0
        redshift = np.arange(0.0, Z_MAX + 0.03, 0.02)[:, None]
        self.igm = igm_optical_depth(REST_GRID[self.ultraviolet], redshift).astype(np.float32)
        self._limits: dict[str, np.ndarray] = {}

    def absorb(
        self, spectra: np.ndarray, redshift: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Multiply rest-frame spectra in place by the intergalactic transmission."""
        index = np.rint(redshift / 0.02).astype(int)
        # Lines of sight differ by about 20 per cent in optical depth.
        scatter = np.exp(rng.normal(0.0, 0.2, len(redshift))).astype(np.float32)
        depth = self.igm[index] * scatter[:, None]
        spectra[:, self.ultraviolet] *= np.exp(np.negative(depth, out=depth), out=depth)
        return spectra

    def fluxes(
        self,
        galaxies: pd.DataFrame,
        redshift: np.ndarray,
        magnitude: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Observed fluxes of galaxies of given absolute magnitude (B band, AB).

        Returns
        -------
        flux : numpy.ndarray
            Shape (n, n_band), microJansky.
        mass : numpy.ndarray
            Shape (n,), solar masses ever formed.
        """
        flux = np.empty((len(redshift), len(self.bands)), dtype=np.float32)
        mass = np.empty(len(redshift))
        for first in range(0, len(redshift), self.batch):
            rows = slice(first, first + self.batch)
            spectra = self.model.spectra(galaxies.iloc[rows])
            unit = self.rest_b.f_nu(spectra, np.zeros(len(spectra)))[:, 0] * SOLAR_FLUX_AT_10_PC
            mass[rows] = 10.0 ** (-0.4 * (magnitude[rows] - 23.9)) / unit
            self.absorb(spectra, redshift[rows], rng)
            flux[rows] = self._observed(spectra, redshift[rows]) * mass[rows, None]
        return flux, mass

    def _observed(self, spectra: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Fluxes (microJansky) of spectra in L_sun/Angstrom at their luminosity distance."""
        dilution = (
            SOLAR_FLUX_AT_10_PC * 10.0 ** (-0.4 * distance_modulus(redshift)) / (1.0 + redshift)
        )
        return self.photometer.f_nu(spectra, redshift) * dilution[:, None]

    def faintest_absolute(self, kind: str, band: str, limit: float) -> np.ndarray:
        """Absolute B magnitude below which no galaxy at `grid` is brighter than `limit`."""
        if kind not in self._limits:
            rng = np.random.default_rng([20, KINDS.index(kind)])
            nodes = np.exp(np.linspace(np.log(Z_MIN), np.log(Z_MAX), 40))
            redshift = np.repeat(nodes, 150)
            # Faint galaxies are the bluest.
            magnitude = rng.uniform(-22.5, -15.0, len(redshift))
            galaxies = draw_parameters(kind, redshift, magnitude, rng)
            flux, _ = self.fluxes(galaxies, redshift, magnitude, rng)
            with np.errstate(divide="ignore"):
                colour = 23.9 - 2.5 * np.log10(flux.astype(float))
            colour -= (magnitude + distance_modulus(redshift))[:, None]
            colour = colour.reshape(len(nodes), 150, -1).min(axis=1)
            finite = np.minimum(colour, 30.0)
            self._limits[kind] = np.column_stack(
                [np.interp(np.log(self.grid), np.log(nodes), column) for column in finite.T]
            )
        brightest = self._limits[kind][:, self.bands.index(band)] - 0.2
        return np.minimum(limit - distance_modulus(self.grid) - brightest, -8.0)

    def surface_density(
        self, kind: str, band: str, limit: float, z_range: tuple[float, float] = (0.0, Z_MAX)
    ) -> np.ndarray:
        """Candidates per square degree and unit redshift at `grid` (a superset of the sample)."""
        function = LUMINOSITY_FUNCTIONS[kind]
        faintest = self.faintest_absolute(kind, band, limit)
        density = function.number_brighter(self.grid, faintest) * volume_element(self.grid)
        return np.where((self.grid >= z_range[0]) & (self.grid <= z_range[1]), density, 0.0)

    def expected(
        self, band: str, limit: float, z_range: tuple[float, float] = (0.0, Z_MAX)
    ) -> float:
        """Candidates per square degree: every galaxy brighter than `limit`, and some fainter."""
        densities = (self.surface_density(kind, band, limit, z_range) for kind in KINDS)
        return float(sum(np.trapezoid(density, self.grid) for density in densities))

    def draw(
        self,
        n: int,
        band: str,
        limit: float,
        rng: np.random.Generator,
        z_range: tuple[float, float] = (0.0, Z_MAX),
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Draw `n` candidates of a sample limited at magnitude `limit` in `band`.

        Galaxies fainter than the limit are among them (see `expected`): the caller cuts. Redshifts
        outside `z_range` are not drawn.

        Returns
        -------
        galaxies : pandas.DataFrame
            `kind`, `redshift`, `magnitude_b`, `mass_formed`, `ssfr` and the spectral parameters.
        flux : numpy.ndarray
            Shape (n, n_band), microJansky, without noise or Galactic dust.
        """
        density = {kind: self.surface_density(kind, band, limit, z_range) for kind in KINDS}
        total = {kind: np.trapezoid(density[kind], self.grid) for kind in KINDS}
        n_red = int(rng.binomial(n, total["red"] / (total["red"] + total["blue"])))
        parts = []
        for kind, size in (("blue", n - n_red), ("red", n_red)):
            steps = 0.5 * (density[kind][1:] + density[kind][:-1]) * np.diff(self.grid)
            cumulative = np.concatenate([[0.0], np.cumsum(steps)]) / max(steps.sum(), 1e-300)
            redshift = np.interp(rng.random(size), cumulative, self.grid)
            faintest = np.interp(redshift, self.grid, self.faintest_absolute(kind, band, limit))
            magnitude = LUMINOSITY_FUNCTIONS[kind].draw_magnitudes(redshift, faintest, rng)
            part = draw_parameters(kind, redshift, magnitude, rng)
            part.insert(0, "kind", kind)
            part.insert(1, "redshift", redshift)
            part.insert(2, "magnitude_b", magnitude)
            parts.append(part)
        galaxies = pd.concat(parts, ignore_index=True)
        flux, mass = self.fluxes(
            galaxies, galaxies["redshift"].to_numpy(), galaxies["magnitude_b"].to_numpy(), rng
        )
        galaxies["mass_formed"] = mass
        galaxies["ssfr"] = specific_star_formation_rate(galaxies)
        return galaxies, flux

    def _scale(self, flux: np.ndarray, magnitude_i: np.ndarray) -> None:
        """Multiply fluxes in place so that they have these i magnitudes."""
        reference = flux[:, self.bands.index("HSC_i")]
        flux *= (10.0 ** (-0.4 * (magnitude_i - 23.9)) / reference)[:, None]

    def draw_quasars(
        self,
        n: int,
        rng: np.random.Generator,
        *,
        bright: float = 17.0,
        faint: float = 22.0,
        z_range: tuple[float, float] = (0.3, 5.0),
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Draw type-1 quasars with i magnitudes between `bright` and `faint`.

        The counts rise as 10^(0.35 i) and the redshift distribution is broad around 1.6, as in
        SDSS and its extensions (Palanque-Delabrouille et al. 2016, A&A 587, A41).

        Returns
        -------
        quasars : pandas.DataFrame
            `kind`, `redshift` and the columns of `draw` that apply (others NaN).
        flux : numpy.ndarray
            Shape (n, n_band), microJansky.
        """
        redshift = np.empty(n)
        todo = np.ones(n, dtype=bool)
        while todo.any():
            redshift[todo] = rng.gamma(4.6, 0.37, int(todo.sum()))
            todo = (redshift < z_range[0]) | (redshift > z_range[1])
        slope = np.clip(rng.normal(-0.5, 0.2, n), -1.2, 0.1)
        ebv = rng.exponential(0.025, n)
        scale = np.exp(rng.normal(0.0, 0.35, n))
        magnitude = _draw_counts(0.35, bright, faint, n, rng)
        flux = np.empty((n, len(self.bands)), dtype=np.float32)
        for first in range(0, n, self.batch):
            rows = slice(first, first + self.batch)
            spectra = quasar_spectra(REST_GRID, slope[rows], ebv[rows], scale[rows])
            spectra = self.absorb(spectra.astype(np.float32), redshift[rows], rng)
            flux[rows] = self.photometer.f_nu(spectra, redshift[rows])
        self._scale(flux, magnitude)
        return pd.DataFrame({"kind": "quasar", "redshift": redshift, "ebv": ebv}), flux

    def draw_stars(
        self, n: int, rng: np.random.Generator, *, bright: float = 16.0, faint: float = 26.0
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Draw Galactic stars at high latitude with i magnitudes between `bright` and `faint`.

        Mostly K and M dwarfs of the disc at faint magnitudes, with a turn-off population of the
        halo at 5800-6400 K and a few white dwarfs (Robin et al. 2003, A&A 409, 523); counts rise
        as 10^(0.13 i).
        """
        kind = rng.random(n)
        temperature = np.select(
            [kind < 0.60, kind < 0.97],
            [rng.normal(3350.0, 260.0, n), rng.normal(5300.0, 650.0, n)],
            rng.uniform(7000.0, 18000.0, n),
        )
        temperature = np.clip(temperature, 2450.0, 20000.0)
        magnitude = _draw_counts(0.13, bright, faint, n, rng)
        flux = np.empty((n, len(self.bands)), dtype=np.float32)
        library = np.geomspace(2450.0, 20000.0, 240)
        for metallicity, chosen in ((-0.1, kind < 0.75), (-1.2, kind >= 0.75)):
            spectra = stellar_spectra(REST_GRID, library, metallicity).astype(np.float32)
            colours = self.photometer.f_nu(spectra, np.zeros(len(library)))
            nearest = np.abs(np.log(library[:, None] / temperature[chosen])).argmin(axis=0)
            flux[chosen] = colours[nearest]
        # Gravity, abundance and binarity scatter the colours of real stars.
        flux *= np.exp(rng.normal(0.0, 0.02, flux.shape)).astype(np.float32)
        self._scale(flux, magnitude)
        return pd.DataFrame(
            {"kind": "star", "redshift": np.zeros(n), "temperature": temperature}
        ), flux
