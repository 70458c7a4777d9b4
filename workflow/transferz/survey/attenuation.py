"""What takes light away: dust in our Galaxy and in others, and the gas between the galaxies."""

from __future__ import annotations

import numpy as np

HYDROGEN_LIMIT = 911.75
"""Angstrom."""


def cardelli(wavelength: np.ndarray, r_v: float = 3.1) -> np.ndarray:
    """Galactic extinction A(lambda)/A(V) of Cardelli, Clayton & Mathis (1989, ApJ 345, 245).

    `wavelength` is in Angstrom, between 0.125 and 10 micrometre (the infrared law is extended as a
    power law); `r_v` is the ratio of total to selective extinction.
    """
    x = 1e4 / np.asarray(wavelength, dtype=float)
    y = x - 1.82
    # Their equations 2a-b (infrared), 3a-b (optical) and 4a-b (ultraviolet).
    optical_a = np.polynomial.polynomial.polyval(
        y, [1, 0.17699, -0.50447, -0.02427, 0.72085, 0.01979, -0.77530, 0.32999]
    )
    optical_b = np.polynomial.polynomial.polyval(
        y, [0, 1.41338, 2.28305, 1.07233, -5.38434, -0.62251, 5.30260, -2.09002]
    )
    far = np.clip(x - 5.9, 0.0, None)
    ultraviolet_a = (
        1.752 - 0.316 * x - 0.104 / ((x - 4.67) ** 2 + 0.341)
        - 0.04473 * far**2 - 0.009779 * far**3
    )  # fmt: skip
    ultraviolet_b = (
        -3.090 + 1.825 * x + 1.206 / ((x - 4.62) ** 2 + 0.263)
        + 0.2130 * far**2 + 0.1207 * far**3
    )  # fmt: skip
    infrared = x < 1.1
    ultraviolet = x > 3.3
    a = np.select([infrared, ultraviolet], [0.574 * x**1.61, ultraviolet_a], optical_a)
    b = np.select([infrared, ultraviolet], [-0.527 * x**1.61, ultraviolet_b], optical_b)
    return a + b / r_v


def calzetti(wavelength: np.ndarray) -> np.ndarray:
    """Starburst attenuation A(lambda) / E(B-V) of Calzetti et al. (2000, ApJ 533, 682), R_V = 4.05.

    Their equation 4, 0.12-2.2 micrometre; extended linearly into the far ultraviolet and to zero
    in the infrared. `wavelength` is in Angstrom.
    """
    x = np.asarray(wavelength, dtype=float) / 1e4

    def blue(w: np.ndarray) -> np.ndarray:
        return 2.659 * (-2.156 + 1.509 / w - 0.198 / w**2 + 0.011 / w**3) + 4.05

    slope = (blue(np.array(0.121)) - blue(np.array(0.120))) / 0.001
    far = blue(np.array(0.120)) + slope * (x - 0.12)
    red = 2.659 * (-1.857 + 1.040 / x) + 4.05
    return np.clip(np.select([x < 0.12, x < 0.63], [far, blue(np.maximum(x, 0.12))], red), 0, None)


def small_magellanic_cloud(wavelength: np.ndarray) -> np.ndarray:
    """Extinction k(lambda) like the Small Magellanic Cloud's (Prevot et al. 1984, R_V = 2.72)."""
    return 2.72 * (np.asarray(wavelength, dtype=float) / 5500.0) ** -1.2


def igm_optical_depth(wavelength: np.ndarray, redshift: float | np.ndarray) -> np.ndarray:
    """Mean optical depth of the intergalactic medium, Madau (1995, ApJ 441, 18).

    The Lyman series (his equation 15 and the text below it) and the photoelectric absorption
    (approximation of his footnote 3); 0 longward of Lyman alpha. `wavelength` is in the rest frame,
    Angstrom, and broadcast against the `redshift` of the source.
    """
    wavelength, redshift = np.broadcast_arrays(
        np.asarray(wavelength, dtype=float), np.asarray(redshift, dtype=float)
    )
    observed = wavelength * (1.0 + redshift)
    depth = np.zeros_like(observed)
    for line, amplitude in (
        (1215.67, 0.0036), (1025.72, 0.0017), (972.537, 0.0012), (949.743, 0.00093),
    ):  # fmt: skip
        depth += np.where(wavelength < line, amplitude * (observed / line) ** 3.46, 0.0)
    x_c = observed / HYDROGEN_LIMIT
    x_em = 1.0 + redshift
    with np.errstate(invalid="ignore", divide="ignore"):
        continuum = (
            0.25 * x_c**3 * (x_em**0.46 - x_c**0.46)
            + 9.4 * x_c**1.5 * (x_em**0.18 - x_c**0.18)
            - 0.7 * x_c**3 * (x_c**-1.32 - x_em**-1.32)
            - 0.023 * (x_em**1.68 - x_c**1.68)
        )
    return depth + np.where(wavelength < HYDROGEN_LIMIT, np.clip(continuum, 0.0, None), 0.0)
