"""Units of columns: how they are spelled, compared and converted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from astropy import units as u

from transferz.catalogues.columns import Column
from transferz.core.errors import InputError

# Spellings met in catalogues that astropy reads otherwise or not at all.
SPELLINGS = {
    "ABmag": "mag",
    "AB mag": "mag",
    "mag(AB)": "mag",
    "mags": "mag",
    "magnitude": "mag",
    "degree": "deg",
    "degrees": "deg",
    "microJy": "uJy",
    "ujy": "uJy",
}
FLUX_UNITS = {"nJy": u.nJy, "uJy": u.uJy, "mJy": u.mJy, "Jy": u.Jy}
ANGLE_UNITS = {"deg": u.deg, "rad": u.rad, "hourangle": u.hourangle}
# Error of a magnitude times the signal-to-noise ratio of its flux. A float of Python: it leaves
# single precision as it is.
MAG_PER_RELATIVE_ERROR = 2.5 / math.log(10)


def parse_unit(text: str) -> u.UnitBase | str:
    """Return a unit that compares by meaning, or the text where astropy does not know it."""
    text = text.strip()
    try:
        return u.Unit(SPELLINGS.get(text, text))
    except (ValueError, TypeError):
        return text


def check_unit(path: Path, column: Column, found: str | None) -> None:
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
        "predict.catalogue.unit, or its row of config/columns.tsv",
    )


def ab_magnitude(flux: np.ndarray, unit: str) -> np.ndarray:
    """Return AB magnitudes, -2.5 log10(flux / 3631 Jy) (Oke & Gunn 1983).

    `unit` is one of `FLUX_UNITS`. A flux that is not positive has no finite magnitude.
    """
    zero_point = float((3631 * u.Jy).to_value(FLUX_UNITS[unit]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return -2.5 * np.log10(flux / zero_point)


def magnitude_error(flux: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return errors of magnitudes, 2.5 / ln 10 x error / flux."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return MAG_PER_RELATIVE_ERROR * error / flux
