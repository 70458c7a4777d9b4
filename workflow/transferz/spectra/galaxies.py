"""The rest-frame galaxies of the study of spectra: a broad family, not a survey.

Histories, dust and gas are drawn independently and widely, so that no redshift follows from a
colour: the redshift of a spectrum is drawn apart from its SED. The physics is that of
`survey.galaxy_spectra`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from transferz.survey.galaxy_spectra import GalaxyModel, quasar_spectra

GALAXY_STREAM = 71
QUASAR_STREAM = 73
SEDS_AT_ONCE = 1000


def draw_galaxies(number: int, seed: int) -> pd.DataFrame:
    """Parameters of galaxies that could be seen at redshifts between about 0.7 and 2.3.

    Parameters
    ----------
    number : int
    seed : int

    Returns
    -------
    pandas.DataFrame
        Columns of `galaxy_spectra.PARAMETERS`. Ages reach 5.5 Gyr, the age of the Universe at
        z = 1.1; a quarter of the galaxies had a burst within the last 300 Myr; oxygen scatters by
        0.3 dex about 0.6 solar, as observed at z ~ 1.5 for 10^10 M_sun (Zahid et al. 2014, ApJ
        791, 130).
    """
    draw = np.random.default_rng([GALAXY_STREAM, seed])

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
