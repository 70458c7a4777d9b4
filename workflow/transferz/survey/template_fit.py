"""Photometric redshifts by template fitting, as LePhare makes the labels of COSMOS2020.

For every template at every redshift the best amplitude and its chi-square follow from two sums
over bands, so that all galaxies against all models are two matrix products. The likelihood of a
redshift is that of its best template; the label is its median, as in LePhare's `ZPDF`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from transferz.survey.attenuation import igm_optical_depth
from transferz.survey.filters import Photometer, ab_magnitude
from transferz.survey.galaxy_spectra import GalaxyModel, specific_star_formation_rate
from transferz.survey.population import SOLAR_FLUX_AT_10_PC, distance_modulus
from transferz.survey.stellar import FITTING, REST_GRID, stellar_spectra

SURVIVING_MASS = 0.6
"""Stars still there over stars ever formed, at about 5 Gyr with a Chabrier mass function."""

SECOND_PEAK = 0.05
"""Probability above which a second peak is reported (`lp_zp_2`, Weaver et al. 2022)."""


def fitting_templates(wavelength: np.ndarray = REST_GRID) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the discrete templates that the labels are fitted with.

    Unlike the generating family: other stellar ingredients (`FITTING`), exponential histories at
    fixed ages and near-solar metallicity, steps of 0.1 in E(B-V), Calzetti or Small Magellanic
    Cloud dust without variation, fixed line ratios. The mixture of early types, spirals and
    starbursts with discrete dust follows Ilbert et al. (2009, ApJ 690, 1236).

    Returns
    -------
    spectra : numpy.ndarray
        Shape (n_template, n_wavelength), L_sun / Angstrom / M_sun formed.
    table : pandas.DataFrame
        One row per template: the parameters, `law`, `line_scale`, `ssfr` (1/yr, formed mass).
    """
    # Age and e-folding time (Gyr), metallicity.
    red = [(11.0, 0.5, 0.05), (6.0, 0.5, 0.05), (3.0, 0.3, 0.05), (1.5, 0.2, 0.05),
           (8.0, 0.8, -0.2)]  # fmt: skip
    middle = [(9.0, 2.0, 0.05), (6.0, 2.0, -0.1), (3.0, 0.7, -0.1)]
    blue = [(8.0, 5.0, 0.0), (5.0, 5.0, -0.2), (2.0, 5.0, -0.3), (0.7, 5.0, -0.5), (0.2, 5.0, -0.6),
            (0.05, 5.0, -0.8)]  # fmt: skip
    families = (
        (red, (0.0, 0.1), "calzetti", (1.0,)),
        (middle, (0.0, 0.1, 0.2, 0.3, 0.5), "calzetti", (1.0,)),
        (blue, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5), "calzetti", (0.6, 1.4)),
        (blue[1:], (0.1, 0.2), "smc", (1.0,)),
    )
    rows = [
        (*history, ebv, law, scale)
        for histories, reddenings, law, scales in families
        for history, ebv, scale in product(histories, reddenings, scales)
    ]
    table = pd.DataFrame(rows, columns=["age", "tau", "metallicity", "ebv", "law", "line_scale"])
    table[["age", "tau"]] *= 1e9
    table["burst_fraction"], table["burst_age"] = 0.0, 1e8
    table["dust_slope"] = table["dust_bump"] = table["ionisation"] = 0.0
    table["lya_escape"] = 0.1
    model = GalaxyModel(wavelength, FITTING)
    spectra = np.empty((len(table), len(wavelength)), dtype=np.float32)
    for law in ("calzetti", "smc"):
        chosen = (table["law"] == law).to_numpy()
        spectra[chosen] = model.spectra(
            table[chosen],
            delayed=False,
            line_scale=table.loc[chosen, "line_scale"].to_numpy(),
            smc_dust=law == "smc",
        )
    table["ssfr"] = specific_star_formation_rate(table, delayed=False)
    return spectra, table


def star_templates(wavelength: np.ndarray) -> np.ndarray:
    """Return the spectra of stars of 40 temperatures and two metallicities."""
    temperatures = np.geomspace(2600.0, 20000.0, 40)
    spectra = [stellar_spectra(wavelength, temperatures, metal, FITTING) for metal in (0.0, -1.0)]
    return np.concatenate(spectra).astype(np.float32)


def redshift_grid(z_max: float = 7.0, step: float = 0.005, z_min: float = 0.001) -> np.ndarray:
    """Redshifts from `z_min` to about `z_max`, uniform in ln(1+z)."""
    count = round((np.log1p(z_max) - np.log1p(z_min)) / step)
    return (1.0 + z_min) * np.exp(step * np.arange(count + 1)) - 1.0


def best_chi_square(
    flux: np.ndarray, error: np.ndarray, models: np.ndarray, block: int = 8
) -> np.ndarray:
    """Chi-square of the best template at each redshift, the amplitude free but not negative.

    Parameters
    ----------
    flux, error : numpy.ndarray
        Shape (n, n_band); bands whose flux or error is not finite are left out.
    models : numpy.ndarray
        Shape (n_z, n_template, n_band), float32.
    block : int
        Redshifts treated at once: chosen so that intermediate results stay in the cache.

    Returns
    -------
    numpy.ndarray
        Shape (n, n_z), float32.
    """
    weight, weighted = _weights(flux, error)
    total = (weighted * np.where(weight > 0, flux, 0.0)).sum(axis=1, dtype=np.float64)
    n_z, n_template, n_band = models.shape
    gain = np.empty((len(flux), n_z), dtype=np.float32)
    for first in range(0, n_z, block):
        part = models[first : first + block].reshape(-1, n_band).T
        cross = weighted @ part
        norm = weight @ (part * part)
        np.maximum(cross, 0.0, out=cross)
        np.multiply(cross, cross, out=cross)
        np.divide(cross, np.maximum(norm, np.float32(1e-30), out=norm), out=cross)
        gain[:, first : first + block] = cross.reshape(len(flux), -1, n_template).max(axis=2)
    return (total[:, None] - gain).astype(np.float32)


def _weights(flux: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    good = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    weight = np.where(good, 1.0 / np.where(good, error, 1.0) ** 2, 0.0)
    return weight.astype(np.float32), (weight * np.where(good, flux, 0.0)).astype(np.float32)


def summarise_likelihood(chi_square: np.ndarray, redshift: np.ndarray) -> pd.DataFrame:
    """Median, 68 per cent interval, best value and second peak of redshift likelihoods.

    Chi-squares have the shape (n, n_z), redshifts (n_z,).

    Returns
    -------
    pandas.DataFrame
        `lp_zPDF`, `lp_zPDF_l68`, `lp_zPDF_u68`, `lp_zMinChi2`, `lp_chi2_best`, `lp_zp_2`.
    """
    n, n_z = chi_square.shape
    rows = np.arange(n)
    best = chi_square.argmin(axis=1)
    minimum = chi_square[rows, best].astype(float)
    edges = np.concatenate([redshift[:1], 0.5 * (redshift[1:] + redshift[:-1]), redshift[-1:]])
    mass = np.exp(-0.5 * (chi_square - minimum[:, None])) * np.diff(edges)
    mass /= mass.sum(axis=1, keepdims=True)
    cumulative = np.cumsum(mass, axis=1)

    def quantile(level: float) -> np.ndarray:
        cell = np.minimum((cumulative < level).sum(axis=1), n_z - 1)
        before = np.where(cell > 0, cumulative[rows, np.maximum(cell - 1, 0)], 0.0)
        share = np.clip((level - before) / np.maximum(mass[rows, cell], 1e-30), 0.0, 1.0)
        return edges[cell] + share * (edges[cell + 1] - edges[cell])

    # The parabola through the minimum and its neighbours, in index space.
    inner = np.clip(best, 1, n_z - 2)
    left, mid, right = (chi_square[rows, inner + k].astype(float) for k in (-1, 0, 1))
    curvature = left - 2 * mid + right
    offset = np.where(
        curvature > 0, 0.5 * (left - right) / np.where(curvature > 0, curvature, 1), 0
    )
    offset = np.where(best == inner, np.clip(offset, -0.5, 0.5), 0.0)
    refined = np.interp(best + offset, np.arange(n_z), redshift)

    # The main peak ends where the density falls below 1 per cent of its maximum.
    density = mass / np.diff(edges)
    low = density < 0.01 * density[rows, best][:, None]
    index = np.arange(n_z)
    start = np.where(low & (index < best[:, None]), index, -1).max(axis=1)
    stop = np.where(low & (index > best[:, None]), index, n_z).min(axis=1)
    outside = (index <= start[:, None]) | (index >= stop[:, None])
    rest = np.where(outside, density, -1.0)
    second = rest.argmax(axis=1)
    share = np.where(outside, mass, 0.0).sum(axis=1)
    return pd.DataFrame(
        {
            "lp_zPDF": quantile(0.5),
            "lp_zPDF_l68": quantile(0.16),
            "lp_zPDF_u68": quantile(0.84),
            "lp_zMinChi2": refined,
            "lp_chi2_best": minimum,
            "lp_zp_2": np.where(share > SECOND_PEAK, redshift[second], np.nan),
        }
    )


class TemplateFitter:
    """Fits galaxy and star templates to fluxes in `bands` on a `redshift_grid`.

    Attributes
    ----------
    redshift : numpy.ndarray
        Shape (n_z,).
    models : numpy.ndarray
        Shape (n_z, n_template, n_band), microJansky for the stellar mass in `formed`.
    stars : numpy.ndarray
        Shape (1, n_star, n_band).
    """

    def __init__(self, bands: Sequence[str], *, z_max: float = 7.0, step: float = 0.005) -> None:
        self.bands = tuple(bands)
        self.redshift = redshift_grid(z_max, step)
        spectra, self.table = fitting_templates(REST_GRID)
        photometer = Photometer(self.bands, REST_GRID)
        n_z, n_template = len(self.redshift), len(spectra)
        models = np.empty((n_z, n_template, len(self.bands)), dtype=np.float32)
        absorbed = REST_GRID < 1216.0
        for row, redshift in enumerate(self.redshift):
            seen = spectra.copy()
            seen[:, absorbed] *= np.exp(-igm_optical_depth(REST_GRID[absorbed], redshift))
            models[row] = photometer.f_nu(seen, np.full(n_template, redshift))
        dilution = 10.0 ** (-0.4 * distance_modulus(self.redshift)) / (1.0 + self.redshift)
        # Mean flux 1 keeps single precision safe; `formed` remembers the mass that gives it.
        level = models.mean(axis=2)
        self.formed = 1.0 / (level.astype(float) * SOLAR_FLUX_AT_10_PC * dilution[:, None])
        self.models = models / level[:, :, None]
        stars = star_templates(REST_GRID)
        stars = photometer.f_nu(stars, np.zeros(len(stars)))
        self.stars = (stars / stars.mean(axis=1, keepdims=True))[None].astype(np.float32)

    def fit(self, flux: np.ndarray, error: np.ndarray, block: int = 512) -> pd.DataFrame:
        """Fit redshifts to fluxes (n, n_band) in microJansky, NaN where a band is missing.

        `block` galaxies are treated at once.

        Returns
        -------
        pandas.DataFrame
            The columns of `summarise_likelihood`; `lp_chis` (best star), `lp_NbFilt`,
            `lp_model`, `lp_mass_best`, `lp_mass_med` (log M_sun), `lp_SFR_best` (log M_sun/yr),
            `ez_z_phot` and `ez_z_phot_chi2` (the same chi-square under a prior in magnitude).
        """
        parts = [
            self._fit_block(flux[first : first + block], error[first : first + block])
            for first in range(0, len(flux), block)
        ]
        return pd.concat(parts, ignore_index=True)

    def _fit_block(self, flux: np.ndarray, error: np.ndarray) -> pd.DataFrame:
        chi_square = best_chi_square(flux, error, self.models)
        result = summarise_likelihood(chi_square, self.redshift)
        result["lp_chis"] = best_chi_square(flux, error, self.stars)[:, 0].astype(float)
        result["lp_NbFilt"] = (np.isfinite(flux) & np.isfinite(error)).sum(axis=1)

        weight, weighted = _weights(flux, error)
        at = chi_square.argmin(axis=1)
        models = self.models[at]
        cross = np.einsum("nb,ntb->nt", weighted, models)
        norm = np.maximum(np.einsum("nb,ntb->nt", weight, models * models), 1e-30)
        amplitude = np.maximum(cross, 0.0) / norm
        gain = amplitude * np.maximum(cross, 0.0)
        model = gain.argmax(axis=1)
        rows = np.arange(len(flux))
        formed = np.maximum(amplitude * self.formed[at], 1e-3)
        result["lp_model"] = model + 1
        result["lp_mass_best"] = np.log10(SURVIVING_MASS * formed[rows, model])
        # Templates weighted by their likelihood at the best redshift.
        likelihood = np.exp(0.5 * (gain - gain.max(axis=1, keepdims=True)))
        mean = (likelihood * np.log10(formed)).sum(axis=1) / likelihood.sum(axis=1)
        result["lp_mass_med"] = mean + np.log10(SURVIVING_MASS)
        ssfr = np.maximum(self.table["ssfr"].to_numpy()[model], 1e-14)
        result["lp_SFR_best"] = np.log10(formed[rows, model] * ssfr)

        magnitude = self._reference_magnitude(flux)
        posterior = chi_square - 2.0 * magnitude_prior(magnitude, self.redshift)
        peak = posterior.argmin(axis=1)
        result["ez_z_phot"] = self.redshift[peak]
        result["ez_z_phot_chi2"] = chi_square[rows, peak].astype(float)
        return result

    def _reference_magnitude(self, flux: np.ndarray) -> np.ndarray:
        column = self.bands.index("HSC_i") if "HSC_i" in self.bands else len(self.bands) // 2
        reference = np.nan_to_num(flux[:, column], nan=0.1)
        return ab_magnitude(np.maximum(reference, 1e-3))


def magnitude_prior(magnitude: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """Logarithm of p(z | i), z^2 exp(-(z/z_m)^1.5), shape (n, n_z).

    In the manner of Benitez (2000, ApJ 536, 571), for i magnitudes (n,) and redshifts (n_z,).
    """
    scale = np.clip(0.35 + 0.11 * (magnitude - 20.0), 0.1, 1.5)[:, None]
    return 2.0 * np.log(redshift) - (redshift / scale) ** 1.5 - 3.0 * np.log(scale)
