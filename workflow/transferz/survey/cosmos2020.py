"""COSMOS2020 as it would see the simulated sky: fluxes in its bands, labels from template fits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from transferz.survey.filters import ab_magnitude, load_band
from transferz.survey.imaging import (
    COSMOS_BANDS,
    LEPHARE_OFFSET,
    observe_cosmos,
    systematic_error,
)
from transferz.survey.sky import CHUNK, Footprint, blend, stream
from transferz.survey.template_fit import TemplateFitter


@cache
def template_fitter() -> TemplateFitter:
    """Return the fitter of the labels, made once; processes that are forked share it."""
    return TemplateFitter(COSMOS_BANDS)


def _label(arguments: tuple) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    seed, chunk, flux, radius, ultradeep, near_infrared, to_fit = arguments
    rng = stream(seed, "cosmos", 1, chunk)
    measured, error = observe_cosmos(flux, radius, ultradeep, near_infrared, rng)
    floor = np.array([systematic_error(band) for band in COSMOS_BANDS])
    total = np.hypot(error, floor * np.abs(measured))
    fitted = template_fitter().fit(measured[to_fit], total[to_fit])
    labels = fitted.set_index(np.flatnonzero(to_fit)).reindex(range(len(flux)))
    labels["lp_NbFilt"] = np.isfinite(measured).sum(axis=1)
    return labels, measured.astype(np.float32), error.astype(np.float32)


def catalogue(
    objects: pd.DataFrame, flux: np.ndarray, footprint: Footprint, seed: int, spread: Callable
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Make the CLASSIC catalogue of the objects inside the COSMOS2020 footprint.

    Returns
    -------
    columns : dict of str to numpy.ndarray
        The table, in order.
    origin : numpy.ndarray
        Row of `objects` that each row of the table is.
    """
    rng = stream(seed, "cosmos", 0)
    flux, swallowed = blend(objects, flux, 0.6)
    origin, is_piece = _detect(objects, swallowed, footprint, rng)
    here = objects.iloc[origin].reset_index(drop=True)
    n, radius = len(here), here["radius"].to_numpy()
    ra, dec = _measure_positions(here, is_piece, rng)
    star = footprint.star_distance(ra, dec)
    near_infrared = footprint.near_infrared(ra, dec)
    ultradeep = footprint.ultradeep(ra) & near_infrared
    flags = {
        "FLAG_HSC": star < 0.8,
        "FLAG_SUPCAM": star < 1.0,
        "FLAG_UVISTA": ~near_infrared | (star < 0.45),
        "FLAG_UDEEP": ~ultradeep,
    }
    masked = flags["FLAG_HSC"]
    flags["FLAG_COMBINED"] = masked | flags["FLAG_SUPCAM"] | flags["FLAG_UVISTA"]

    source = flux[origin] * np.where(is_piece, 0.3, 1.0)[:, None].astype(np.float32)
    rows = [slice(first, first + CHUNK) for first in range(0, n, CHUNK)]
    tasks = (
        (seed, chunk, source[part], radius[part], ultradeep[part], near_infrared[part],
         ~masked[part])
        for chunk, part in enumerate(rows)
    )  # fmt: skip
    labels, measured, error = zip(*spread(_label, tasks), strict=True)
    labels = _object_types(pd.concat(labels, ignore_index=True), here, masked, rng)
    ebv = np.clip(rng.normal(0.0178, 0.0012, n), 0.01, None)
    # 3-arcsec apertures miss the wings; the correction to total is a column.
    offset = (-0.12 - 0.25 * np.clip(radius - 0.3, 0, 2)).astype(np.float32)
    fluxes = _flux_columns(np.concatenate(measured), np.concatenate(error), ebv, offset, rng)
    integers = {"lp_type", "lp_NbFilt", "lp_model"}
    return {
        "ID": np.arange(1, n + 1, dtype=np.int64),
        "ALPHA_J2000": ra,
        "DELTA_J2000": dec,
        **{name: flag.astype(np.int16) for name, flag in flags.items()},
        "EBV_MW": ebv.astype(np.float32),
        "total_off3": offset,
        **fluxes,
        **{
            name: values.to_numpy().astype(np.int16 if name in integers else np.float32)
            for name, values in labels.items()
        },
    }, origin


def _detect(
    objects: pd.DataFrame, swallowed: np.ndarray, footprint: Footprint, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the detected objects, and whether a detection is a piece of a torn galaxy."""
    position = objects[["ra", "dec"]].to_numpy()
    detected = footprint.inside(*position.T) & ~swallowed & (rng.random(len(objects)) > 0.015)
    origin = np.flatnonzero(detected)
    # Large galaxies are now and then torn into two detections.
    torn = origin[(objects["radius"].to_numpy()[origin] > 0.8) & (rng.random(len(origin)) < 0.02)]
    is_piece = np.arange(len(origin) + len(torn)) >= len(origin)
    return np.concatenate([origin, torn]), is_piece


def _measure_positions(
    objects: pd.DataFrame, is_piece: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Measured right ascensions and declinations, degrees."""
    n = len(objects)
    scale = 1.0 / np.cos(np.radians(objects["dec"].to_numpy()))
    # 0.03 arcsec for bright objects, more for faint ones; pieces lie beside their centre.
    arcsec = 0.03 + 0.05 * 10.0 ** (0.2 * (objects["magnitude_i"].to_numpy() - 25.0))
    away = np.where(is_piece, rng.uniform(0.4, 0.9, n), 0.0)
    angle = rng.uniform(0, 2 * np.pi, n)
    ra = objects["ra"] + scale * (rng.normal(0, arcsec) + away * np.cos(angle)) / 3600.0
    dec = objects["dec"] + (rng.normal(0, arcsec) + away * np.sin(angle)) / 3600.0
    return ra.to_numpy(), dec.to_numpy()


def _flux_columns(
    measured: np.ndarray,
    error: np.ndarray,
    ebv: np.ndarray,
    offset: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Fluxes behind Galactic dust, in apertures and total, with magnitudes of the latter."""
    columns = {}
    aperture = 10.0 ** (0.4 * offset)
    for column, band in enumerate(COSMOS_BANDS):
        dimming = load_band(band).extinction * ebv + LEPHARE_OFFSET.get(band, 0.0)
        factor = 10.0 ** (-0.4 * dimming)
        seen, noise = measured[:, column] * factor, error[:, column] * factor
        columns[f"{band}_FLUX_APER3"] = seen * aperture
        columns[f"{band}_FLUXERR_APER3"] = noise * aperture
        if band.startswith("HSC_") or band == "UVISTA_Ks":
            columns[f"{band}_FLUX_AUTO"], columns[f"{band}_FLUXERR_AUTO"] = seen, noise
            magnitude = ab_magnitude(seen)
            # The catalogue has both kinds of null.
            missing = np.where(rng.random(len(ebv)) < 0.5, np.nan, -99.0)
            columns[f"{band}_MAG_AUTO"] = np.where(np.isfinite(magnitude), magnitude, missing)
    return {name: values.astype(np.float32) for name, values in columns.items()}


def _object_types(
    labels: pd.DataFrame, objects: pd.DataFrame, masked: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Add `lp_type` and `lp_zBEST`, and the nulls that go with each type."""
    n = len(labels)
    magnitude = objects["magnitude_i"].to_numpy()
    # Sizes from HST imaging: compact objects are recognised to i = 24 or so.
    size = objects["radius"].to_numpy() + rng.normal(0.0, 1.0, n) * 0.04 * 10.0 ** (
        0.3 * (magnitude - 23.0)
    )
    compact = size < 0.12
    star_like = (labels["lp_chis"] < labels["lp_chi2_best"]) & compact & (magnitude < 25.0)
    luminous = (objects["magnitude_b"] < -20.5).to_numpy()
    x_ray = (objects["kind"] == "quasar").to_numpy() & (rng.random(n) < 0.9)
    x_ray |= luminous & (rng.random(n) < 0.03)
    failed = labels["lp_NbFilt"].to_numpy() < 6
    # A survey of any size has some.
    failed[rng.choice(n, 4 + round(0.002 * n), replace=False)] = True

    kind = np.select([masked, failed, x_ray, star_like], [-99, -9, 2, 1], 0)
    labels["lp_zBEST"] = np.where((kind == 2) | masked, np.nan, labels["lp_zPDF"])
    fitted = [name for name in labels.columns if name not in ("lp_NbFilt", "lp_model")]
    labels.loc[failed & ~masked, fitted] = -99.0
    labels["lp_model"] = labels["lp_model"].where(~(failed | masked), -99).astype(int)
    labels.insert(0, "lp_type", kind)
    labels["lp_mass_best"] = labels["lp_mass_best"].where(kind != 1, -99.0)
    return labels
