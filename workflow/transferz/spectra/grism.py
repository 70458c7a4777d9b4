"""Spectra of a slitless grism: redshift, instrument, pixels, noise, and redshift classes.

Everything conserves flux: a spectrum is a histogram of energy over wavelength, kept as its
cumulative sum, so that redshifting and resampling are one interpolation at the pixels' edges.
Wavelengths are in Angstrom and in vacuum, flux densities per Angstrom in any unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from transferz.core.errors import InputError

# First entries of the random generators' keys, so that no two uses share a stream.
NOISE_STREAM = 72
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class Grism:
    """Pixels and resolution of the instrument.

    Attributes
    ----------
    wavelength_min, wavelength_max : float
        Outer edges of the first and the last pixel, Angstrom.
    pixels : int
        Number of pixels, all of one width.
    resolving_power : float
        lambda / FWHM of the Gaussian line-spread function.
    """

    wavelength_min: float
    wavelength_max: float
    pixels: int
    resolving_power: float

    @property
    def edges(self) -> np.ndarray:
        """Edges of the pixels, Angstrom, shape (pixels + 1,)."""
        return np.linspace(self.wavelength_min, self.wavelength_max, self.pixels + 1)

    @property
    def centres(self) -> np.ndarray:
        """Centres of the pixels, Angstrom, shape (pixels,)."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def width(self) -> float:
        """Width of a pixel, Angstrom."""
        return (self.wavelength_max - self.wavelength_min) / self.pixels


@dataclass(frozen=True)
class EqualClasses:
    """The redshift range cut into equal classes.

    Attributes
    ----------
    z_min, z_max : float
        The half-open range [z_min, z_max).
    number : int
    """

    z_min: float
    z_max: float
    number: int

    @property
    def edges(self) -> np.ndarray:
        """Edges of the classes, shape (number + 1,)."""
        return np.linspace(self.z_min, self.z_max, self.number + 1)

    @property
    def centres(self) -> np.ndarray:
        """Redshift in the middle of each class, shape (number,)."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def width(self) -> float:
        """Width of a class in redshift: the resolution."""
        return (self.z_max - self.z_min) / self.number

    def of(self, redshift: np.ndarray) -> np.ndarray:
        """Class of each redshift: b = floor((z - z_min) / (z_max - z_min) k).

        Tsagkatakis (talk at COSMO21, 2024); a redshift outside the range gets the nearest class.
        A redshift on an edge belongs to the class above it, whatever the rounding.

        Parameters
        ----------
        redshift : numpy.ndarray
            Shape (n,).

        Returns
        -------
        numpy.ndarray
            Shape (n,), int64, in [0, number).
        """
        place = (np.asarray(redshift, dtype=float) - self.z_min) / (self.z_max - self.z_min)
        return np.clip(np.floor(place * self.number + 1e-9).astype(np.int64), 0, self.number - 1)


def rest_grid(grism: Grism, z_low: float, z_high: float, step: float) -> np.ndarray:
    """Rest-frame wavelengths that a grism sees between two redshifts, uniform in ln(lambda).

    Parameters
    ----------
    grism : Grism
    z_low, z_high : float
        Lowest and highest redshift.
    step : float
        Step in ln(lambda).

    Returns
    -------
    numpy.ndarray
        Centres in Angstrom, with 20 steps to spare at both ends for the line-spread function.
    """
    low = np.log(grism.wavelength_min / (1.0 + z_high)) - 20 * step
    high = np.log(grism.wavelength_max / (1.0 + z_low)) + 20 * step
    return np.exp(low + step * np.arange(int(np.ceil((high - low) / step)) + 1))


def log_edges(centres: np.ndarray) -> np.ndarray:
    """Edges between samples that are uniform in ln(lambda), shape (n + 1,)."""
    half = 0.5 * np.log(centres[-1] / centres[0]) / (len(centres) - 1)
    return np.append(centres * np.exp(-half), centres[-1] * np.exp(half))


def line_spread(flux: np.ndarray, wavelength: np.ndarray, resolving_power: float) -> np.ndarray:
    """Convolve spectra with the instrument's Gaussian of constant lambda / FWHM.

    At constant resolving power the profile has one width in ln(lambda), so that smoothing the
    rest-frame spectrum is the same as smoothing the observed one.

    Parameters
    ----------
    flux : numpy.ndarray
        Shape (n, n_wavelength), per Angstrom.
    wavelength : numpy.ndarray
        Shape (n_wavelength,), uniform in ln(lambda).
    resolving_power : float

    Returns
    -------
    numpy.ndarray
        Shape of `flux`. Energy (flux x dlambda) is conserved but for what crosses the ends.
    """
    step = np.log(wavelength[-1] / wavelength[0]) / (len(wavelength) - 1)
    sigma = 1.0 / (FWHM_PER_SIGMA * resolving_power) / step
    # Energy per step of ln(lambda) is what a convolution in ln(lambda) conserves.
    energy = flux * wavelength.astype(flux.dtype)
    smooth = ndimage.gaussian_filter1d(energy, sigma, axis=-1, mode="nearest")
    return smooth / wavelength.astype(flux.dtype)


def observe(
    rest_flux: np.ndarray, rest_wavelength: np.ndarray, redshift: np.ndarray, grism: Grism
) -> np.ndarray:
    """Redshift rest-frame spectra and integrate them over the pixels, conserving energy.

    log(1 + z) = log(lambda_obs) - log(lambda_emit): an observed edge at lambda collects all that
    was emitted below lambda / (1 + z), and F_lambda falls by 1 + z as the spectrum is stretched.

    Parameters
    ----------
    rest_flux : numpy.ndarray
        Shape (n, n_wavelength), per rest-frame Angstrom, constant within a step of ln(lambda).
    rest_wavelength : numpy.ndarray
        Shape (n_wavelength,), uniform in ln(lambda).
    redshift : numpy.ndarray
        Shape (n,).
    grism : Grism

    Returns
    -------
    numpy.ndarray
        Shape (n, grism.pixels), float32, mean flux density of each pixel per observed Angstrom.

    Raises
    ------
    InputError
        If the rest-frame spectrum does not cover the grism at some redshift.
    """
    edges = log_edges(rest_wavelength)
    low = grism.wavelength_min / (1.0 + np.max(redshift))
    high = grism.wavelength_max / (1.0 + np.min(redshift))
    if low < edges[0] or high > edges[-1]:
        raise InputError(
            "rest-frame spectra do not cover the grism",
            key="spectra.grism",
            found=f"{edges[0]:.0f}-{edges[-1]:.0f} Angstrom",
            expected=f"{low:.0f}-{high:.0f} Angstrom",
        )
    widths = np.diff(edges)
    observed = np.empty((len(rest_flux), grism.pixels), dtype=np.float32)
    cumulative = np.zeros(len(edges))
    for row, (flux, z) in enumerate(zip(rest_flux, redshift, strict=True)):
        np.cumsum(flux * widths, out=cumulative[1:])
        energy = np.diff(np.interp(grism.edges / (1.0 + z), edges, cumulative))
        observed[row] = energy / grism.width
    return observed


def with_noise(flux: np.ndarray, snr: float, first: int, seed: int) -> np.ndarray:
    """Add white Gaussian noise and bring every spectrum to unit mean flux.

    The standard deviation is the spectrum's own mean flux over `snr`, the same in every pixel.
    One spectrum has one realisation, scaled for every S/N: studies of noise compare like with
    like, and whoever asks for a spectrum gets the same one.

    Parameters
    ----------
    flux : numpy.ndarray
        Shape (n, pixels), noiseless.
    snr : float
        Mean flux over noise, per pixel; infinity is noiseless.
    first : int
        Number of the first spectrum; spectrum k has its own random stream.
    seed : int
        Seed of the simulation.

    Returns
    -------
    numpy.ndarray
        Shape (n, pixels), float32; the mean of each row is 1 within the noise of its mean.
    """
    clean = flux / flux.mean(axis=1, keepdims=True)
    if np.isinf(snr):
        return clean.astype(np.float32)
    noisy = np.empty(clean.shape, dtype=np.float32)
    for row, spectrum in enumerate(clean):
        generator = np.random.default_rng([NOISE_STREAM, seed, first + row])
        noisy[row] = spectrum + generator.standard_normal(spectrum.shape) / snr
    return noisy / noisy.mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class SpectraFile:
    """The simulated spectra, noiseless, in one file for networks and templates alike.

    Attributes
    ----------
    flux : numpy.ndarray
        Shape (n, pixels), float32.
    redshift : numpy.ndarray
        Shape (n,).
    sed : numpy.ndarray
        Shape (n,), int64, number of the rest-frame SED; quasars have negative numbers.
    sample : numpy.ndarray
        Shape (n,), `train`, `validation`, `test`, or one of the out-of-range samples.
    grism : Grism
    seed : int
        Of the simulation, for the noise.
    """

    flux: np.ndarray
    redshift: np.ndarray
    sed: np.ndarray
    sample: np.ndarray
    grism: Grism
    seed: int

    def rows(self, sample: str) -> np.ndarray:
        """Row numbers of a sample, in order."""
        return np.flatnonzero(self.sample == sample)

    def take(self, sample: str, snr: float, number: int | None = None) -> np.ndarray:
        """Spectra of a sample (its first `number`) at a S/N, see `with_noise`."""
        rows = self.rows(sample)[:number]
        return with_noise(self.flux[rows], snr, int(rows[0]), self.seed)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that `from_arrays` reads."""
        return {
            "flux": self.flux,
            "redshift": self.redshift,
            "sed": self.sed,
            "sample": self.sample,
            "grism": np.array(
                [
                    self.grism.wavelength_min,
                    self.grism.wavelength_max,
                    self.grism.pixels,
                    self.grism.resolving_power,
                ]
            ),
            "seed": np.array(self.seed),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> SpectraFile:
        """Spectra from the arrays of an opened ``.npz`` file."""
        low, high, pixels, power = arrays["grism"].tolist()
        return cls(
            flux=arrays["flux"],
            redshift=arrays["redshift"],
            sed=arrays["sed"],
            sample=arrays["sample"],
            grism=Grism(low, high, int(pixels), power),
            seed=int(arrays["seed"]),
        )
