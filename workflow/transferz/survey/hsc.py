"""HSC as it would see the simulated sky: the answer of the archive to the query of its table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from transferz.survey.filters import HSC_BANDS
from transferz.survey.hsc_camera import saturated
from transferz.survey.imaging import COSMOS_BANDS, HscPhotometry, observe_hsc
from transferz.survey.sky import Footprint, blend, stream
from transferz.survey.skymap import number_objects, tract_and_patch


def catalogue(
    objects: pd.DataFrame, flux: np.ndarray, footprint: Footprint, settings: Mapping, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Make the result of the HSC query over the footprint and its margin.

    Returns
    -------
    columns : dict of str to numpy.ndarray
    origin : numpy.ndarray
        Row of `objects` that each row of the table is.
    """
    rng = stream(seed, "hsc", 0)
    # The ground-based deblender merges a little more than COSMOS's stack does.
    flux, swallowed = blend(objects, flux, 0.9)
    star = footprint.star_distance(objects["ra"].to_numpy(), objects["dec"].to_numpy())
    lost = (star < 0.25) | (rng.random(len(objects)) < 0.02)
    origin = np.flatnonzero(~swallowed & ~lost)
    # Overlapping patches hold a second, not primary, measurement.
    again = origin[rng.random(len(origin)) < 0.03]
    primary = np.arange(len(origin) + len(again)) < len(origin)
    origin = np.concatenate([origin, again])
    here = objects.iloc[origin].reset_index(drop=True)
    n = len(here)
    hsc = [COSMOS_BANDS.index(f"HSC_{band}") for band in HSC_BANDS]
    ebv = np.clip(rng.normal(0.0178, 0.0012, n), 0.01, None)
    layer = settings["transferz_layer"]
    depth, exposure = settings["depth"][layer], settings["exposure"][layer]
    radius = here["radius"].to_numpy()
    seen = flux[origin][:, hsc]
    full = saturated(seen, radius, here["kind"].to_numpy())
    photometry = observe_hsc(seen, ebv, radius, depth, exposure, rng)

    scale = 1.0 / np.cos(np.radians(here["dec"].to_numpy()))
    sigma_i = np.nan_to_num(photometry.sigma[:, 2], nan=1.0)
    wobble = 0.02 + 0.3 * np.minimum(sigma_i, 0.5)
    # The two astrometric frames differ by a few hundredths of an arcsec.
    ra = here["ra"] + scale * (0.045 + rng.normal(0, wobble)) / 3600.0
    dec = here["dec"] + (-0.030 + rng.normal(0, wobble)) / 3600.0
    detected = sigma_i < 0.217
    tract, x, y = tract_and_patch(ra.to_numpy(), dec.to_numpy())
    columns = {
        "object_id": number_objects(ra.to_numpy(), dec.to_numpy(), stream(seed, "identifiers", 0)),
        "ra": ra.to_numpy(),
        "dec": dec.to_numpy(),
        "tract": tract.astype(np.int32),
        "patch": (100 * x + y).astype(np.int32),
        "isprimary": primary,
        **_hsc_columns(photometry, here["magnitude_i"].to_numpy(), radius, star[origin], full, rng),
    }
    columns = {name: values[detected] for name, values in columns.items()}
    return columns, origin[detected]


def _hsc_columns(
    photometry: HscPhotometry,
    magnitude_i: np.ndarray,
    radius: np.ndarray,
    star: np.ndarray,
    full: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    n = len(radius)
    columns: dict[str, np.ndarray] = {}
    for number, band in enumerate(HSC_BANDS):
        failed = rng.random(n) < 0.004
        magnitude = np.where(failed, np.nan, photometry.magnitude[:, number])
        # Now and then a fit has a flux but no error.
        unknown = failed | (rng.random(n) < 0.001)
        sigma = np.where(unknown, np.nan, photometry.sigma[:, number])
        size = radius + rng.normal(0.0, 1.0, n) * 0.05 * 10.0 ** (0.3 * (magnitude_i - 23.5))
        columns[f"{band}_cmodel_mag"] = magnitude.astype(np.float32)
        columns[f"{band}_cmodel_magsigma"] = sigma.astype(np.float32)
        columns[f"a_{band}"] = photometry.extinction[:, number].astype(np.float32)
        columns[f"{band}_extendedness_value"] = (size > 0.13).astype(np.float32)
        columns[f"{band}_inputcount_value"] = rng.poisson(25, n).astype(np.int32)
        columns[f"{band}_cmodel_flag"] = failed
        columns[f"{band}_pixelflags_bright_object"] = star < Footprint.bright_object
        columns[f"{band}_pixelflags_edge"] = rng.random(n) < 0.001
        columns[f"{band}_pixelflags_saturatedcenter"] = full[:, number]
        columns[f"{band}_pixelflags_interpolatedcenter"] = rng.random(n) < 0.006
        columns[f"{band}_pixelflags_bad"] = rng.random(n) < 0.001
    return columns
