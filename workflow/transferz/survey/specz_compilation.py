"""Spectroscopic redshifts over the simulated COSMOS field, as a compilation of them would have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from transferz.survey.imaging import COSMOS_BANDS, parent_magnitudes
from transferz.survey.sky import stream
from transferz.survey.spectroscopic_surveys import SPECTROSCOPIC_SURVEYS

# Programmes of the field, by the survey whose targets and success they have, and the share of the
# targets that they observed (our choice): zCOSMOS bright, PRIMUS, deep VIMOS surveys, surveys of
# faint galaxies beyond z = 1, and 3D-HST, which has a tenth of the field.
PROGRAMMES = {"zcosmos": 0.5, "primus": 0.5, "vvds_deep": 0.1, "udsz": 0.1, "3dhst": 0.1}

# Quality flags and the confidence in a redshift that has them, per cent (Khostovan et al. 2025,
# section 3.1): secure redshifts 4 and 3, others 2, 9 (a single line) and 1.
FLAG_CONFIDENCE = {4: 97, 3: 95, 2: 80, 9: 85, 1: 50}
# Shares of the flags among successful spectra and among the others; 0 is no redshift. Our choice.
SECURE = {4: 0.7, 3: 0.3}
INSECURE = {2: 0.35, 9: 0.15, 1: 0.25, 0: 0.25}
# Added to the flag of a spectrum with broad lines.
BROAD_LINE = 10

# Wavelength ratios of lines that are taken for each other: [OII] and Lyman alpha, [OIII] and [OII],
# H alpha and [OIII].
LINE_RATIOS = np.array([3728 / 1216, 5008 / 3728, 6565 / 5008])


def compilation(
    objects: pd.DataFrame, flux: np.ndarray, cosmos_id: pd.Series, seed: int
) -> dict[str, np.ndarray]:
    """Make the compilation, one row an object, in the columns of its release DR1.1.

    As many redshifts are wrong as the confidence in their flag says: one line taken for another.

    Parameters
    ----------
    objects, flux
        The simulated sky, see `sky.populate`.
    cosmos_id : pandas.Series
        Identifier in COSMOS2020 by row of `objects`: what is not in it has no spectrum.
    seed : int
    """
    rng = stream(seed, "spectra", 0)
    rows = cosmos_id.index.to_numpy()
    bands = ("HSC_i", "UVISTA_H", "UVISTA_Ks")
    columns = [COSMOS_BANDS.index(band) for band in bands]
    magnitudes = parent_magnitudes(flux[rows][:, columns], bands, rng)
    redshift = objects["redshift"].to_numpy()[rows]
    programme, flag = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    error = np.zeros(len(rows))
    for number, (name, share) in enumerate(PROGRAMMES.items(), 1):
        survey = SPECTROSCOPIC_SURVEYS[name]
        with np.errstate(invalid="ignore"):
            observed = survey.select(magnitudes) & (rng.random(len(rows)) < share)
        secure = rng.random(len(rows)) < survey.success(magnitudes, redshift)
        given = np.where(secure, *(_draw(shares, len(rows), rng) for shares in (SECURE, INSECURE)))
        # Of several spectra of an object the most trusted counts, the later one among equals.
        better = observed & (given > 0) & (_confidence(given) >= _confidence(flag))
        programme[better], flag[better], error[better] = number, given[better], survey.error
    found = np.flatnonzero(flag)
    flag, true, error = flag[found], redshift[found], error[found]
    wrong = rng.random(len(found)) > _confidence(flag) / 100
    measured = np.where(wrong, mistaken(true, rng), true)
    measured = measured + rng.normal(0, error * (1 + true))
    broad = (objects["kind"] == "quasar").to_numpy()[rows[found]]
    place = objects.iloc[rows[found]]
    scatter = rng.normal(0, 0.1 / 3600, (2, len(found)))
    return {
        "Id_specz": np.arange(1, len(found) + 1, dtype=np.int64),
        "ra_corrected": place["ra"].to_numpy() + scatter[0],
        "dec_corrected": place["dec"].to_numpy() + scatter[1],
        "specz": np.maximum(measured, 0.0),
        "flag": flag + BROAD_LINE * broad,
        "Confidence_level": _confidence(flag),
        "survey": programme[found],
        "Id_COS20_Classic": cosmos_id.to_numpy()[found],
    }


def _draw(shares: dict[int, float], n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(list(shares), n, p=list(shares.values()))


def _confidence(flag: np.ndarray) -> np.ndarray:
    """Return the confidence in a redshift, per cent, 0 where there is none."""
    return np.select([flag == key for key in FLAG_CONFIDENCE], list(FLAG_CONFIDENCE.values()), 0)


def mistaken(redshift: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return redshifts by a line that was taken for another one, none below zero."""
    ratio = rng.choice(LINE_RATIOS, len(redshift))
    nearer = (1 + redshift) / ratio - 1
    farther = (1 + redshift) * ratio - 1
    return np.where((nearer > 0) & (rng.random(len(redshift)) < 0.5), nearer, farther)
