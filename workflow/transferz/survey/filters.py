"""Filter curves, Galactic dust, and synthetic AB photometry on a logarithmic wavelength grid.

On a grid that is uniform in ln(wavelength) a redshift is a shift, and a filter is one column of a
matrix: the photometry of thousands of spectra is a matrix product. Curves come from the package
speclite where it ships them (HSC, SDSS, CFHT, Suprime-Cam medium bands, Bessell, GALEX); the
others are top hats at their published centres and widths (Weaver et al. 2022, Table 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from transferz.core.errors import InputError
from transferz.survey.attenuation import cardelli

SPEED_OF_LIGHT = 2.99792458e18
"""Angstrom per second."""

HSC_BANDS = ("g", "r", "i", "z", "y")

HSC_EXTINCTION = {"g": 3.69, "r": 2.715, "i": 2.0, "z": 1.515, "y": 1.298}
"""A_band / E(B-V) of the HSC filters."""

_CURVES = {
    **{f"HSC_{band}": f"hsc2017-{band}" for band in HSC_BANDS},
    **{f"SDSS_{band}": f"sdss2010-{band}" for band in "ugriz"},
    **{f"CFHTLS_{band}": f"cfht_megacam-{band}" for band in "ugriz"},
    **{f"DEEP2_{band}": f"bessell-{band}" for band in "BRI"},
    "B": "bessell-B",
    "CFHT_u": "cfht_megacam-u",
    "CFHT_ustar": "cfht_megacam-ustar",
    "GALEX_FUV": "galex-fuv",
    "GALEX_NUV": "galex-nuv",
    **{f"SC_IB{number}": f"suprime-IB{number}" for number in (427, 464, 505, 574, 709, 827)},
    **{f"SC_IA{number}": f"suprime-IB{number}" for number in (484, 527, 624, 679, 738, 767)},
}

# Centre and full width in Angstrom (Weaver et al. 2022, Table 1).
_TOP_HATS = {
    "SC_NB711": (7119.9, 72.5),
    "SC_NB816": (8149.4, 119.5),
    "UVISTA_Y": (10216.0, 923.0),
    "UVISTA_J": (12525.0, 1718.0),
    "UVISTA_H": (16466.0, 2905.0),
    "UVISTA_Ks": (21557.0, 3074.0),
    "IRAC_CH1": (35686.0, 7443.0),
    "IRAC_CH2": (45067.0, 10119.0),
}


@dataclass(frozen=True)
class Band:
    """One filter: photon-counting response, of any normalisation, on increasing wavelengths (A)."""

    name: str
    wavelength: np.ndarray
    response: np.ndarray

    @property
    def effective_wavelength(self) -> float:
        """Mean wavelength in Angstrom, weighted by the response."""
        return float(
            np.trapezoid(self.response * self.wavelength, self.wavelength)
            / np.trapezoid(self.response, self.wavelength)
        )

    @property
    def extinction(self) -> float:
        """A_band / E(B-V) of Galactic dust with R_V = 3.1."""
        if self.name.startswith("HSC_"):
            return HSC_EXTINCTION[self.name.removeprefix("HSC_")]
        return 3.1 * float(cardelli(np.array([self.effective_wavelength]))[0])


@cache
def load_band(name: str) -> Band:
    """Return the filter called `name`.

    Raises
    ------
    InputError
        If no such filter is known.
    """
    if name in _TOP_HATS:
        centre, width = _TOP_HATS[name]
        edges = centre + np.array([-0.5, 0.5]) * width
        wavelength = np.array([edges[0] * (1 - 1e-6), *edges, edges[1] * (1 + 1e-6)])
        return Band(name, wavelength, np.array([0.0, 1.0, 1.0, 0.0]))
    if name in _CURVES:
        # Only what reads a measured curve pays for speclite's import.
        from speclite.filters import load_filter

        curve = load_filter(_CURVES[name])
        return Band(name, np.asarray(curve.wavelength), np.clip(curve.response, 0.0, None))
    raise InputError("unknown filter", key=name, expected=", ".join([*_CURVES, *_TOP_HATS]))


class Photometer:
    """Synthetic photometry of spectra that share one logarithmic rest-frame grid.

    Parameters
    ----------
    bands : sequence of str
        Names of filters.
    wavelength : numpy.ndarray
        Shape (n_wavelength,), Angstrom, uniform in its logarithm.
    """

    oversampling = 8

    def __init__(self, bands: Sequence[str], wavelength: np.ndarray) -> None:
        self.bands = tuple(bands)
        self.wavelength = np.asarray(wavelength, dtype=float)
        self.step = float(np.log(self.wavelength[-1] / self.wavelength[0])) / (
            len(self.wavelength) - 1
        )
        # A narrow band covers few pixels: average its response within each.
        offsets = ((np.arange(self.oversampling) + 0.5) / self.oversampling - 0.5) * self.step
        fine = self.wavelength[:, None] * np.exp(offsets)
        matrix = np.empty((len(self.wavelength), len(self.bands)))
        for column, name in enumerate(self.bands):
            band = load_band(name)
            response = np.interp(fine, band.wavelength, band.response, left=0.0, right=0.0)
            # f_nu = int f_l l R dl / (c int R dl / l) for a wavelength l, and dl = l dln(l).
            matrix[:, column] = (response * fine**2).mean(axis=1) / (
                SPEED_OF_LIGHT * response.mean(axis=1).sum()
            )
        # Between two whole shifts the photometry is interpolated: one more pixel is the same
        # spectrum seen through a filter one pixel bluer.
        further = np.vstack([matrix[1:], np.zeros((1, len(self.bands)))])
        self._pair = np.hstack([matrix, further]).astype(np.float32)

    def f_nu(self, f_lambda: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Mean f_nu in each band of spectra seen at `redshift`.

        The spectra are only shifted: distance and the (1+z) of the bandwidth are the caller's.

        Parameters
        ----------
        f_lambda : numpy.ndarray
            Shape (n, n_wavelength), per Angstrom, on the rest-frame grid.
        redshift : numpy.ndarray
            Shape (n,), at least 0.

        Returns
        -------
        numpy.ndarray
            Shape (n, n_band), float32: the units of `f_lambda` times Angstrom per Hz.
        """
        shift = np.log1p(np.asarray(redshift, dtype=float)) / self.step
        whole = np.floor(shift).astype(int)
        fraction = (shift - whole).astype(np.float32)[:, None]
        size = len(self.wavelength)
        seen = np.zeros((len(whole), size), dtype=np.float32)
        for row, first in enumerate(whole):
            seen[row, first:] = f_lambda[row, : size - first]
        fluxes = seen @ self._pair
        n_band = len(self.bands)
        return fluxes[:, :n_band] + fraction * (fluxes[:, n_band:] - fluxes[:, :n_band])


def log_wavelength_grid(first: float, last: float, step: float) -> np.ndarray:
    """Wavelengths in Angstrom from `first` to about `last`, uniform steps in ln(wavelength)."""
    return first * np.exp(step * np.arange(round(np.log(last / first) / step) + 1))


def ab_magnitude(flux: np.ndarray, zero_point: float = 23.9) -> np.ndarray:
    """AB magnitude of a flux (microJansky by default); NaN where the flux is not positive."""
    flux = np.asarray(flux, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(flux > 0, zero_point - 2.5 * np.log10(flux), np.nan)
