"""Units of columns: how they are spelled, compared and converted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from astropy import units as u

from transferz.catalogues.columns import Column
from transferz.core.errors import InputError

# Spellings met in catalogues that astropy reads otherwise or not at all, in small letters and
# without blanks and brackets.
SPELLINGS = {
    **dict.fromkeys(("mag", "mags", "magnitude", "magnitudes", "abmag", "abmags", "magab"), "mag"),
    **dict.fromkeys(("abmagnitude", "abmagnitudes", "magnitudeab", "magnitudesab"), "mag"),
    **dict.fromkeys(("deg", "degree", "degrees", "degs"), "deg"),
    **dict.fromkeys(("rad", "radian", "radians", "rads"), "rad"),
    **dict.fromkeys(("njy", "nanojy", "nanojansky", "nanojanskys"), "nJy"),
    **dict.fromkeys(("ujy", "mujy", "µjy", "μjy", "microjy", "microjansky", "microjanskys"), "uJy"),
    **dict.fromkeys(("millijy", "millijansky", "millijanskys"), "mJy"),
    **dict.fromkeys(("jy", "jansky", "janskys"), "Jy"),
    **dict.fromkeys(("maggy", "maggies", "maggie", "mgy"), "mgy"),
    **dict.fromkeys(("nanomaggy", "nanomaggies", "nanomaggie", "nmgy", "nmaggy"), "nmgy"),
}
# Flux of magnitude 0 (AB) in each unit: 3631 Jy (Oke & Gunn 1983), one maggy (SDSS).
FLUX_UNITS = {
    **{"nJy": 3.631e12, "uJy": 3.631e9, "mJy": 3.631e6, "Jy": 3631.0},
    **{"nanomaggy": 1e9, "maggy": 1.0},
}
# Fluxes whose zero point is a key of the description.
COUNTS = "counts"
# Magnitudes that a galaxy may have, both ends excluded, as GalaxiesML demands.
MAGNITUDE_RANGE = (0.0, 50.0)
# Redshifts that a galaxy may have: those that approach us have -0.001 at most, sentinels -1, -9,
# -99, 999, 1e20.
REDSHIFT_RANGE = (-0.1, 20.0)
ANGLE_UNITS = {"deg": u.deg, "rad": u.rad, "hourangle": u.hourangle}
# Error of a magnitude times the signal-to-noise ratio of its flux. A float of Python: it leaves
# single precision as it is.
MAG_PER_RELATIVE_ERROR = 2.5 / math.log(10)


def parse_unit(text: str) -> u.UnitBase | str:
    """Return a unit that compares by meaning, or the text where astropy does not know it."""
    text = text.strip()
    plain = re.sub(r"[\s\[\](){}]", "", text)
    # mJy and MJy differ.
    spelling = text if plain in ("mJy", "MJy") else SPELLINGS.get(plain.lower(), text)
    try:
        return u.Unit(spelling)
    except (ValueError, TypeError):
        return text


def check_unit(path: Path | None, column: Column, found: str | None) -> None:
    """Raise an `InputError` if a file states a unit for a column, and not the one described."""
    if not column.unit or not found or not found.strip():
        return
    accepted = [text.strip() for text in column.unit.split("|")]
    if found.strip() in accepted or parse_unit(found) in [parse_unit(text) for text in accepted]:
        return
    raise InputError(
        "wrong unit",
        file=path,
        key=column.name,
        found=found,
        expected=" or ".join(accepted),
        fix="convert the column, or state its unit where it is described: custom.*.units, "
        "predict.catalogue.unit, or its row of config/columns.tsv; known are "
        f"mag, {', '.join(FLUX_UNITS)}, {COUNTS} with a zero_point, "
        f"{', '.join(ANGLE_UNITS)}",
    )


def ab_magnitude(flux: np.ndarray, flux_of_zero: float) -> np.ndarray:
    """Return AB magnitudes, -2.5 log10(flux / flux of magnitude 0).

    A flux that is not positive has no finite magnitude.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return -2.5 * np.log10(flux / flux_of_zero)


def flux_of_magnitude(
    magnitude: np.ndarray, error: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return fluxes and their errors in units of the flux of magnitude 0; see `ab_magnitude`."""
    with np.errstate(over="ignore"):
        flux = 10 ** (-0.4 * magnitude)
    return flux, flux * error / MAG_PER_RELATIVE_ERROR


def asinh_magnitude(flux: np.ndarray, softening: float) -> np.ndarray:
    """Return asinh magnitudes (Lupton, Gunn & Szalay 1999, eq. 3), which negative fluxes have too.

    mu = -2.5 / ln 10 [asinh(f / 2b) + ln b]: the magnitude where f >> b, linear in the flux where
    f << b.

    Parameters
    ----------
    flux : numpy.ndarray
        In units of the flux of magnitude 0.
    softening : float
        AB magnitude of b, about the noise of a flux.
    """
    b = 10 ** (-0.4 * softening)
    return -MAG_PER_RELATIVE_ERROR * (np.arcsinh(flux / (2 * b)) + np.log(b))


def asinh_magnitude_error(flux: np.ndarray, error: np.ndarray, softening: float) -> np.ndarray:
    """Return errors of asinh magnitudes, 2.5 / ln 10 error / (f^2 + 4 b^2)^1/2 (eq. 6, ibid.)."""
    b = 10 ** (-0.4 * softening)
    return MAG_PER_RELATIVE_ERROR * error / np.hypot(flux, 2 * b)


def with_asinh_magnitudes(table: pd.DataFrame, softening: Mapping[str, float]) -> pd.DataFrame:
    """Return a table that has asinh magnitudes, from its AB magnitudes where it has none.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``mag_{band}``, and maybe ``mag_err_{band}``. Infinite magnitudes stay as they are,
        and what no magnitude has.
    softening : mapping of str to float
        See `asinh_magnitude`, by band. Bands that the table does not have are left out.

    Returns
    -------
    pandas.DataFrame
        With ``asinh_{band}``, and ``asinh_err_{band}`` where there is an error of the magnitude.
    """
    columns = {}
    for band, b in softening.items():
        if f"asinh_{band}" in table or f"mag_{band}" not in table:
            continue
        magnitude = table[f"mag_{band}"].to_numpy(np.float64, na_value=np.nan)
        errors, error = f"mag_err_{band}" in table, np.nan
        if errors:
            error = table[f"mag_err_{band}"].to_numpy(np.float64, na_value=np.nan)
        flux, noise = flux_of_magnitude(magnitude, error)
        kept = np.isinf(magnitude) | no_magnitude(magnitude)
        columns[f"asinh_{band}"] = np.where(kept, magnitude, asinh_magnitude(flux, b))
        if errors:
            error = asinh_magnitude_error(flux, noise, b)
            columns[f"asinh_err_{band}"] = np.where(kept, magnitude, error)
    return table.assign(**columns)


def no_magnitude(values: np.ndarray) -> np.ndarray:
    """Return which values are finite and no magnitude of a galaxy, such as -9999 or 1e20."""
    low, high = MAGNITUDE_RANGE
    return np.isfinite(values) & ~((values > low) & (values < high))


def no_redshift(values: np.ndarray) -> np.ndarray:
    """Return which values are no redshift of a galaxy, such as -9 or infinity; not NaN."""
    low, high = REDSHIFT_RANGE
    return (values < low) | (values > high)


def magnitude_error(flux: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return errors of magnitudes, 2.5 / ln 10 x error / flux."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return MAG_PER_RELATIVE_ERROR * error / flux
