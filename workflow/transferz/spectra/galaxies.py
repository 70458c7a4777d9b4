"""The rest-frame galaxies of the study of spectra: a broad family, not a survey.

Histories, dust and gas are drawn independently and widely, so that no redshift follows from a
colour: the redshift of a spectrum is drawn apart from its SED. The physics is that of
`survey.galaxy_spectra`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.survey.galaxy_spectra import LINES, SOLAR_LUMINOSITY, GalaxyModel, quasar_spectra
from transferz.survey.population import comoving_distance

GALAXY_STREAM = 71
QUASAR_STREAM = 73
MASS_STREAM = 77
SEDS_AT_ONCE = 1000
MOST_ATTEMPTS = 200


def draw_galaxies(number: int, seed: int, attempt: int = 0) -> pd.DataFrame:
    """Parameters of galaxies that could be seen at redshifts between about 0.7 and 2.3.

    Parameters
    ----------
    number : int
    seed : int
    attempt : int
        Another draw of the same seed.

    Returns
    -------
    pandas.DataFrame
        Columns of `galaxy_spectra.PARAMETERS`. Ages reach 5.5 Gyr, the age of the Universe at
        z = 1.1; a quarter of the galaxies had a burst within the last 300 Myr; oxygen scatters by
        0.3 dex about 0.6 solar, as observed at z ~ 1.5 for 10^10 M_sun (Zahid et al. 2014, ApJ
        791, 130).
    """
    draw = np.random.default_rng([GALAXY_STREAM, seed, *([attempt] if attempt else [])])

    def log_uniform(low: float, high: float) -> np.ndarray:
        return np.exp(draw.uniform(np.log(low), np.log(high), number))

    return pd.DataFrame(
        {
            "age": log_uniform(2e8, 5.5e9),
            "tau": log_uniform(1e8, 1e10),
            "burst_fraction": np.where(draw.random(number) < 0.25, log_uniform(1e-3, 0.2), 0.0),
            "burst_age": log_uniform(1e7, 3e8),
            "metallicity": np.clip(draw.normal(-0.2, 0.3, number), -1.2, 0.3),
            "ebv": np.minimum(draw.exponential(0.15, number), 0.8),
            "dust_slope": draw.normal(0.0, 0.2, number),
            "dust_bump": np.zeros(number),
            "ionisation": draw.normal(0.0, 0.15, number),
            "lya_escape": np.zeros(number),
        }
    )


@functools.cache
def _around_halpha() -> GalaxyModel:
    return GalaxyModel(np.linspace(6500.0, 6630.0, 261))


def halpha_luminosity(galaxies: pd.DataFrame) -> np.ndarray:
    """Luminosity of H alpha behind dust, shape (n,), L_sun per solar mass of stars ever formed."""
    model = _around_halpha()
    line = np.abs(model.wavelength - LINES["Halpha"]) < 8.0
    spectra = model.spectra(galaxies) - model.spectra(galaxies, line_scale=0.0)
    return np.trapezoid(spectra[:, line], model.wavelength[line], axis=1)


def draw_emitters(redshift: np.ndarray, limit: float, seed: int) -> pd.DataFrame:
    """Parameters of galaxies whose H alpha is brighter than a limit at their redshift.

    The logarithm of the mass of stars ever formed is drawn evenly from 10^9.5 to 10^11.5 M_sun (our
    choice), and a galaxy that is too faint is drawn again. The redshift does not follow from the
    selection: it is given.

    Parameters
    ----------
    redshift : numpy.ndarray
        Shape (n,).
    limit : float
        Flux of H alpha, erg/s/cm2.
    seed : int

    Raises
    ------
    InputError
        If no galaxy is so bright after `MOST_ATTEMPTS` draws.
    """
    centimetres = 3.0857e24 * (1 + redshift) * comoving_distance(redshift)
    needed = limit * 4.0 * np.pi * centimetres**2 / SOLAR_LUMINOSITY
    table, faint = draw_galaxies(len(redshift), seed), np.arange(len(redshift))
    for attempt in range(MOST_ATTEMPTS):
        if attempt:
            new = draw_galaxies(len(redshift), seed, attempt)
            table.iloc[faint] = new.iloc[faint].to_numpy()
        draw = np.random.default_rng([MASS_STREAM, seed, attempt])
        mass = 10 ** draw.uniform(9.5, 11.5, len(redshift))[faint]
        faint = faint[halpha_luminosity(table.iloc[faint]) * mass <= needed[faint]]
        if not len(faint):
            return table
    raise InputError(
        "no galaxy has so bright a line",
        key="spectra.simulation.halpha_limit",
        found=limit,
        expected="about 1e-16 erg/s/cm2",
    )


def galaxy_blocks(
    galaxies: pd.DataFrame, wavelength: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield row ranges and their spectra, shape (rows, n_wavelength), L_sun / Angstrom / M_sun."""
    model = GalaxyModel(wavelength)
    for first in range(0, len(galaxies), SEDS_AT_ONCE):
        rows = slice(first, min(first + SEDS_AT_ONCE, len(galaxies)))
        yield rows, model.spectra(galaxies.iloc[rows])


def draw_quasars(number: int, wavelength: np.ndarray, seed: int) -> np.ndarray:
    """Spectra of quasars, an object that no network has seen; shape (number, n_wavelength)."""
    draw = np.random.default_rng([QUASAR_STREAM, seed])
    return quasar_spectra(
        wavelength,
        draw.normal(-0.44, 0.3, number),
        np.minimum(draw.exponential(0.05, number), 0.3),
        np.exp(draw.normal(0.0, 0.3, number)),
    )
