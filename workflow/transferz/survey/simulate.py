"""The embedded survey: galaxies, photometry, labels and selections in the archives' own formats.

Everything is drawn in chunks of fixed size with a seed each, so that the result does not depend
on the number of processes.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from astropy.io import fits
from pyarrow import csv
from scipy.spatial import cKDTree
from threadpoolctl import threadpool_limits

from transferz.core.errors import InputError
from transferz.core.products import atomic_path, write_parquet
from transferz.survey.filters import COSMOS_BANDS, HSC_BANDS, ab_magnitude, load_band
from transferz.survey.population import LightCone
from transferz.survey.spectroscopic_surveys import (
    LEPHARE_OFFSET,
    SPECTROSCOPIC_SURVEYS,
    SYSTEMATIC_ERROR,
    TARGET_BANDS,
    HscPhotometry,
    band_class,
    half_light_radius,
    observe_cosmos,
    observe_hsc,
    parent_magnitudes,
)
from transferz.survey.template_fit import TemplateFitter

logger = logging.getLogger(__name__)

# HSC's identifiers have 17 digits; each set has a range of its own.
TARGET_ID = 36407046122315776
DIRT_ID = 41200000000000000
COSMOS_ID = 43158034708430848
CONTROL_ID = 69591600000000000

SOURCE_CHUNK = 2048
TARGET_CHUNK = 1024
# One stream of random numbers for each purpose; the chunk's number is the last word of its seed.
STREAMS = {
    name: number
    for number, name in enumerate(
        ("sky", "source", "quasars", "stars", "cosmos", "hsc", "target", "clean", "dirt", "control")
    )
}

_worker: dict[str, object] = {}


def stream(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """Random numbers that belong to one purpose and one chunk."""
    return np.random.default_rng([seed, STREAMS[name], *numbers])


@contextmanager
def workers(processes: int) -> Iterator[Callable]:
    """Yield a `map` over arguments, in this process or in `processes` of them."""
    if processes <= 1 or "fork" not in multiprocessing.get_all_start_methods():
        yield lambda function, arguments: map(function, arguments)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield lambda function, arguments: pool.map(function, list(arguments))


# ---------------------------------------------------------------------------------------------
# The sky of COSMOS
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Footprint:
    """The part of COSMOS that is simulated: genuine coordinates, true density.

    Attributes
    ----------
    ra, dec : tuple of float
        Limits in degrees of the COSMOS2020 catalogue.
    margin : float
        Degrees by which the HSC catalogue reaches beyond it on each side.
    star_ra, star_dec, star_radius : numpy.ndarray
        Bright stars and the radius (degrees) within which detections are masked.
    """

    ra: tuple[float, float]
    dec: tuple[float, float]
    margin: float
    star_ra: np.ndarray
    star_dec: np.ndarray
    star_radius: np.ndarray

    # UltraVISTA (Weaver et al. 2022); its western strip is left out of the simulated part too.
    uvista_ra = (149.30, 150.79)
    uvista_dec = (1.61, 2.81)
    outside_share = 0.06

    @property
    def hsc_ra(self) -> tuple[float, float]:
        """Limits of the HSC catalogue."""
        return self.ra[0] - self.margin, self.ra[1] + self.margin

    @property
    def hsc_dec(self) -> tuple[float, float]:
        """Limits of the HSC catalogue."""
        return self.dec[0] - self.margin, self.dec[1] + self.margin

    @property
    def hsc_area(self) -> float:
        """Square degrees of the HSC catalogue."""
        low, high = np.sin(np.radians(self.hsc_dec))
        return float(np.ptp(self.hsc_ra) * np.degrees(high - low))

    def inside(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Whether positions lie in the COSMOS2020 catalogue."""
        return (ra >= self.ra[0]) & (ra <= self.ra[1]) & (dec >= self.dec[0]) & (dec <= self.dec[1])

    def near_infrared(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Whether positions lie in UltraVISTA."""
        in_ra = (ra >= self.uvista_ra[0]) & (ra <= self.uvista_ra[1])
        return in_ra & (dec >= self.uvista_dec[0]) & (dec <= self.uvista_dec[1])

    def ultradeep(self, ra: np.ndarray) -> np.ndarray:
        """Whether positions lie in one of UltraVISTA's four ultra-deep stripes."""
        phase = np.mod(np.asarray(ra) - 149.37, 0.37)
        return phase < 0.185

    def star_distance(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Distance to the centre of the nearest mask over its radius (infinite beyond 1.3)."""
        closest = np.full(len(ra), np.inf)
        scale = np.cos(np.radians(np.mean(self.dec)))
        tree = cKDTree(np.column_stack([np.asarray(ra) * scale, dec]))
        for star_ra, star_dec, radius in zip(
            self.star_ra, self.star_dec, self.star_radius, strict=True
        ):
            near = tree.query_ball_point([star_ra * scale, star_dec], 1.3 * radius)
            if near:
                away = np.hypot((ra[near] - star_ra) * scale, dec[near] - star_dec) / radius
                closest[near] = np.minimum(closest[near], away)
        return closest


def lay_out(n_transferz: int, density: float, seed: int) -> Footprint:
    """Choose the part of COSMOS whose clean area should give `n_transferz` labelled galaxies.

    Raises
    ------
    InputError
        If UltraVISTA is too small for it.
    """
    unmasked = 0.87
    area = n_transferz / density / (1 - Footprint.outside_share) / unmasked
    height = min(np.sqrt(area), 1.18)
    width = area / height
    if (1 - Footprint.outside_share) * width > np.ptp(Footprint.uvista_ra):
        largest = 1.18 * np.ptp(Footprint.uvista_ra) * unmasked * density
        raise InputError(
            "more galaxies than the COSMOS field has",
            key="embedded.n_transferz",
            found=n_transferz,
            expected=f"at most {largest:.0f}",
        )
    first = Footprint.uvista_ra[0] - Footprint.outside_share * width
    rng = stream(seed, "sky", 0)
    margin = 0.02 * width + 0.002
    n_stars = rng.poisson(330.0 * (width + 2 * margin) * (height + 2 * margin))
    return Footprint(
        ra=(first, first + width),
        dec=(1.62, 1.62 + height),
        margin=margin,
        star_ra=rng.uniform(first - margin, first + width + margin, n_stars),
        star_dec=rng.uniform(1.62 - margin, 1.62 + height + margin, n_stars),
        star_radius=np.clip(36.0 * np.exp(rng.normal(0.0, 0.35, n_stars)), 15.0, 90.0) / 3600.0,
    )


def _light_cone(bands: Sequence[str]) -> LightCone:
    key = f"light cone {len(bands)}"
    if key not in _worker:
        _worker[key] = LightCone(tuple(bands))
    return _worker[key]


def _draw_source(arguments: tuple) -> tuple[pd.DataFrame, np.ndarray]:
    seed, chunk, size, limit = arguments
    galaxies, flux = _light_cone(COSMOS_BANDS).draw(
        size, "HSC_i", limit, stream(seed, "source", chunk)
    )
    kept = ab_magnitude(flux[:, COSMOS_BANDS.index("HSC_i")]) < limit
    columns = ["kind", "redshift", "magnitude_b", "mass_formed", "ssfr", "ebv"]
    return galaxies.loc[kept, columns], flux[kept]


def populate(
    footprint: Footprint, settings: Mapping, seed: int, spread: Callable
) -> tuple[pd.DataFrame, np.ndarray]:
    """Put galaxies, quasars and stars on the sky of the HSC catalogue.

    Returns
    -------
    objects : pandas.DataFrame
        `kind`, `redshift`, `ra`, `dec`, `radius`, `magnitude_i` and properties of galaxies.
    flux : numpy.ndarray
        Shape (n, len(COSMOS_BANDS)), microJansky.
    """
    cone = _light_cone(COSMOS_BANDS)
    area, limit = footprint.hsc_area, settings["faint_limit"]
    rng = stream(seed, "sky", 1)
    n = rng.poisson(cone.expected("HSC_i", limit) * area)
    sizes = [min(SOURCE_CHUNK, n - first) for first in range(0, n, SOURCE_CHUNK)]
    parts = list(
        spread(_draw_source, [(seed, chunk, size, limit) for chunk, size in enumerate(sizes)])
    )
    n_quasars = rng.poisson(settings["quasars_per_square_degree"] * area)
    n_stars = rng.poisson(settings["stars_per_square_degree"] * area)
    parts.append(cone.draw_quasars(n_quasars, stream(seed, "quasars"), faint=min(24.0, limit)))
    parts.append(cone.draw_stars(n_stars, stream(seed, "stars"), faint=limit))
    objects = pd.concat([part[0] for part in parts], ignore_index=True)
    flux = np.concatenate([part[1] for part in parts])
    objects["magnitude_i"] = ab_magnitude(flux[:, COSMOS_BANDS.index("HSC_i")])
    objects["ra"] = rng.uniform(*footprint.hsc_ra, len(objects))
    objects["dec"] = rng.uniform(*footprint.hsc_dec, len(objects))
    radius = half_light_radius(objects["magnitude_i"].to_numpy(), rng)
    objects["radius"] = np.where(objects["kind"].isin(["star", "quasar"]), 0.0, radius)
    # No order of the catalogues should tell the kinds apart.
    order = rng.permutation(len(objects))
    return objects.iloc[order].reset_index(drop=True), flux[order]


def blend(
    objects: pd.DataFrame, flux: np.ndarray, separation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Merge objects closer than `separation` (arcsec) into the brighter one.

    Returns
    -------
    flux : numpy.ndarray
        Fluxes with those of swallowed neighbours added.
    swallowed : numpy.ndarray of bool
    """
    scale = np.cos(np.radians(objects["dec"].mean()))
    places = np.column_stack([objects["ra"] * scale, objects["dec"]]) * 3600.0
    pairs = cKDTree(places).query_pairs(separation, output_type="ndarray")
    reference = flux[:, COSMOS_BANDS.index("HSC_i")]
    swallowed = np.zeros(len(objects), dtype=bool)
    merged = flux.copy()
    if len(pairs):
        swap = reference[pairs[:, 0]] < reference[pairs[:, 1]]
        pairs = np.where(swap[:, None], pairs[:, ::-1], pairs)
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        for bright, faint in pairs:
            if not swallowed[bright] and not swallowed[faint]:
                merged[bright] += flux[faint]
                swallowed[faint] = True
    return merged, swallowed


# ---------------------------------------------------------------------------------------------
# COSMOS2020
# ---------------------------------------------------------------------------------------------


def _label(arguments: tuple) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    seed, chunk, flux, radius, ultradeep, near_infrared, to_fit = arguments
    if "fitter" not in _worker:
        _worker["fitter"] = TemplateFitter(COSMOS_BANDS)
    rng = stream(seed, "cosmos", 1, chunk)
    measured, error = observe_cosmos(flux, COSMOS_BANDS, radius, ultradeep, near_infrared, rng)
    floor = np.array([SYSTEMATIC_ERROR[band_class(band)] for band in COSMOS_BANDS])
    total = np.hypot(error, floor * np.abs(measured))
    fitted = _worker["fitter"].fit(measured[to_fit], total[to_fit])
    labels = fitted.set_index(np.flatnonzero(to_fit)).reindex(range(len(flux)))
    labels["lp_NbFilt"] = np.isfinite(measured).sum(axis=1)
    return labels, measured.astype(np.float32), error.astype(np.float32)


def cosmos_catalogue(
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
    position = objects[["ra", "dec"]].to_numpy()
    detected = footprint.inside(*position.T) & ~swallowed & (rng.random(len(objects)) > 0.015)
    origin = np.flatnonzero(detected)
    # Large galaxies are now and then torn into two detections.
    torn = origin[(objects["radius"].to_numpy()[origin] > 0.8) & (rng.random(len(origin)) < 0.02)]
    origin = np.concatenate([origin, torn])
    is_piece = np.arange(len(origin)) >= len(origin) - len(torn)
    here = objects.iloc[origin].reset_index(drop=True)
    n = len(here)

    scale = 1.0 / np.cos(np.radians(here["dec"].to_numpy()))
    # 0.03 arcsec for bright objects, more for faint ones; pieces lie beside their centre.
    spread_arcsec = 0.03 + 0.05 * 10.0 ** (0.2 * (here["magnitude_i"].to_numpy() - 25.0))
    away = np.where(is_piece, rng.uniform(0.4, 0.9, n), 0.0)
    angle = rng.uniform(0, 2 * np.pi, n)
    ra = here["ra"] + scale * (rng.normal(0, spread_arcsec) + away * np.cos(angle)) / 3600.0
    dec = here["dec"] + (rng.normal(0, spread_arcsec) + away * np.sin(angle)) / 3600.0
    ra, dec = ra.to_numpy(), dec.to_numpy()

    star = footprint.star_distance(ra, dec)
    near_infrared = footprint.near_infrared(ra, dec)
    ultradeep = footprint.ultradeep(ra) & near_infrared
    masked = star < 0.8
    flags = {
        "FLAG_HSC": masked,
        "FLAG_SUPCAM": star < 1.0,
        "FLAG_UVISTA": ~near_infrared | (star < 0.45),
        "FLAG_UDEEP": ~ultradeep,
    }
    flags["FLAG_COMBINED"] = flags["FLAG_HSC"] | flags["FLAG_SUPCAM"] | flags["FLAG_UVISTA"]

    source = flux[origin] * np.where(is_piece, 0.3, 1.0)[:, None].astype(np.float32)
    radius = here["radius"].to_numpy()
    rows = [slice(first, first + SOURCE_CHUNK) for first in range(0, n, SOURCE_CHUNK)]
    tasks = (
        (seed, chunk, source[part], radius[part], ultradeep[part], near_infrared[part],
         ~masked[part])
        for chunk, part in enumerate(rows)
    )  # fmt: skip
    parts = list(spread(_label, tasks))
    labels = pd.concat([part[0] for part in parts], ignore_index=True)
    measured = np.concatenate([part[1] for part in parts])
    error = np.concatenate([part[2] for part in parts])

    labels = _object_types(labels, here, masked, rng)
    ebv = np.clip(rng.normal(0.0178, 0.0012, n), 0.01, None)
    columns: dict[str, np.ndarray] = {
        "ID": np.arange(1, n + 1, dtype=np.int64),
        "ALPHA_J2000": ra,
        "DELTA_J2000": dec,
        **{name: flag.astype(np.int16) for name, flag in flags.items()},
        "EBV_MW": ebv.astype(np.float32),
    }
    # 3-arcsec apertures miss the wings; the correction to total is a column.
    offset = (-0.12 - 0.25 * np.clip(radius - 0.3, 0, 2)).astype(np.float32)
    columns["total_off3"] = offset
    aperture = 10.0 ** (0.4 * offset)
    for column, band in enumerate(COSMOS_BANDS):
        dimming = load_band(band).extinction * ebv + LEPHARE_OFFSET.get(band, 0.0)
        factor = 10.0 ** (-0.4 * dimming)
        seen, noise = measured[:, column] * factor, error[:, column] * factor
        columns[f"{band}_FLUX_APER3"] = (seen * aperture).astype(np.float32)
        columns[f"{band}_FLUXERR_APER3"] = (noise * aperture).astype(np.float32)
        if band.startswith("HSC_") or band == "UVISTA_Ks":
            columns[f"{band}_FLUX_AUTO"] = seen.astype(np.float32)
            columns[f"{band}_FLUXERR_AUTO"] = noise.astype(np.float32)
            magnitude = ab_magnitude(seen)
            # The catalogue has both kinds of null.
            missing = np.where(rng.random(n) < 0.5, np.nan, -99.0)
            columns[f"{band}_MAG_AUTO"] = np.where(
                np.isfinite(magnitude), magnitude, missing
            ).astype(np.float32)
    integers = {"lp_type", "lp_NbFilt", "lp_model"}
    for name in labels.columns:
        kind = np.int16 if name in integers else np.float32
        columns[name] = labels[name].to_numpy().astype(kind)
    return columns, origin


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


# ---------------------------------------------------------------------------------------------
# HSC
# ---------------------------------------------------------------------------------------------


def hsc_catalogue(
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
    layer = settings["depth"][settings["transferz_layer"]]
    radius = here["radius"].to_numpy()
    photometry = observe_hsc(flux[origin][:, hsc], ebv, radius, layer, rng)

    scale = 1.0 / np.cos(np.radians(here["dec"].to_numpy()))
    sigma_i = np.nan_to_num(photometry.sigma[:, 2], nan=1.0)
    wobble = 0.02 + 0.3 * np.minimum(sigma_i, 0.5)
    # The two astrometric frames differ by a few hundredths of an arcsec.
    ra = here["ra"] + scale * (0.045 + rng.normal(0, wobble)) / 3600.0
    dec = here["dec"] + (-0.030 + rng.normal(0, wobble)) / 3600.0
    detected = sigma_i < 0.217
    columns = {
        "object_id": COSMOS_ID + 7 * np.arange(n, dtype=np.int64),
        "ra": ra.to_numpy(),
        "dec": dec.to_numpy(),
        "tract": np.full(n, 9813, dtype=np.int32),
        "patch": _patch(ra.to_numpy(), dec.to_numpy()),
        "isprimary": primary,
        **_hsc_columns(photometry, here["magnitude_i"].to_numpy(), radius, star[origin], rng),
    }
    columns = {name: values[detected] for name, values in columns.items()}
    return columns, origin[detected]


def _patch(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Patch of 0.2 degrees inside the tract, as the archive codes it: 100 x + y."""
    x = np.floor(np.mod((ra - 149.0) / 0.2, 9)).astype(np.int32)
    y = np.floor(np.mod((dec - 1.3) / 0.2, 9)).astype(np.int32)
    return 100 * x + y


def _hsc_columns(
    photometry: HscPhotometry,
    magnitude_i: np.ndarray,
    radius: np.ndarray,
    star: np.ndarray,
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
        columns[f"{band}_pixelflags_bright_object"] = star < 1.1
        columns[f"{band}_pixelflags_edge"] = rng.random(n) < 0.001
        columns[f"{band}_pixelflags_saturatedcenter"] = magnitude_i < 17.8 + rng.normal(0, 0.3, n)
        columns[f"{band}_pixelflags_interpolatedcenter"] = rng.random(n) < 0.006
        columns[f"{band}_pixelflags_bad"] = rng.random(n) < 0.001
    return columns


# ---------------------------------------------------------------------------------------------
# GalaxiesML
# ---------------------------------------------------------------------------------------------


def _draw_target(arguments: tuple) -> tuple[pd.DataFrame, np.ndarray]:
    seed, name, number, chunk = arguments
    survey, cone = SPECTROSCOPIC_SURVEYS[name], _light_cone(TARGET_BANDS)
    rng = stream(seed, "target", number, chunk)
    if survey.population == "quasars":
        drawn, flux = cone.draw_quasars(TARGET_CHUNK, rng, faint=survey.limit)
    else:
        drawn, flux = cone.draw(TARGET_CHUNK, survey.band, survey.limit, rng, survey.search)
    magnitudes = parent_magnitudes(flux, TARGET_BANDS, rng)
    redshift = drawn["redshift"].to_numpy()
    with np.errstate(invalid="ignore"):
        kept = survey.select(magnitudes)
    kept &= rng.random(TARGET_CHUNK) < survey.success(magnitudes, redshift)
    kept &= (redshift > max(survey.z_range[0], 0.0105)) & (redshift < survey.z_range[1])
    return _describe_target(drawn, flux, kept, name, rng)


def _describe_target(
    drawn: pd.DataFrame, flux: np.ndarray, kept: np.ndarray, name: str, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    rows = drawn.loc[kept, ["kind", "redshift"]].reset_index(drop=True)
    flux = flux[kept][:, : len(HSC_BANDS)]
    rows["magnitude_i"] = ab_magnitude(flux[:, 2])
    radius = half_light_radius(rows["magnitude_i"].to_numpy(), rng)
    rows["radius"] = np.where(rows["kind"] == "quasar", 0.0, radius)
    rows["sub_survey"] = name
    return rows, flux


def draw_targets(
    sizes: Mapping[str, float], n: int, seed: int, spread: Callable
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw `n` spectroscopic targets, each survey's share in proportion to `sizes`."""
    names = sorted(sizes)
    unknown = [name for name in names if name not in SPECTROSCOPIC_SURVEYS]
    if unknown:
        raise InputError(
            "unknown spectroscopic survey",
            key=f"embedded.spectroscopic_surveys.{unknown[0]}",
            expected=", ".join(SPECTROSCOPIC_SURVEYS),
        )
    quotas = dict(zip(names, apportion([sizes[name] for name in names], n), strict=True))
    done: dict[str, list] = {name: [] for name in names}
    numbers = {name: number for number, name in enumerate(SPECTROSCOPIC_SURVEYS)}
    while True:
        tasks = []
        for name in names:
            have = sum(len(part[0]) for part in done[name])
            if have < quotas[name]:
                rate = max(have / max(len(done[name]), 1), 1.0)
                more = int(np.ceil(1.05 * (quotas[name] - have) / rate)) if done[name] else 1
                first = len(done[name])
                tasks += [(seed, name, numbers[name], first + k) for k in range(min(more, 400))]
        if not tasks:
            break
        for task, part in zip(tasks, spread(_draw_target, tasks), strict=True):
            done[task[1]].append(part)
    tables, fluxes = [], []
    for name in names:
        if quotas[name]:
            tables.append(pd.concat([part[0] for part in done[name]]).head(quotas[name]))
            fluxes.append(np.concatenate([part[1] for part in done[name]])[: quotas[name]])
    return pd.concat(tables, ignore_index=True), np.concatenate(fluxes)


def apportion(weights: Iterable[float], n: int) -> list[int]:
    """Whole numbers that add to `n`, in proportion to `weights` (largest remainders)."""
    exact = np.array(list(weights), dtype=float)
    exact *= n / exact.sum()
    whole = np.floor(exact).astype(int)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: n - whole.sum()]] += 1
    return whole.tolist()


def _draw_control(arguments: tuple) -> tuple[pd.DataFrame, np.ndarray]:
    seed, chunk, limit = arguments
    rng = stream(seed, "control", chunk)
    drawn, flux = _light_cone(TARGET_BANDS).draw(TARGET_CHUNK, "HSC_i", limit, rng)
    kept = (ab_magnitude(flux[:, 2]) < limit) & (drawn["redshift"].to_numpy() > 0.0105)
    return _describe_target(drawn, flux, kept, "control", rng)


def draw_control(
    limit: float, n: int, seed: int, spread: Callable
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw `n` galaxies to a flux limit with nothing else asked of them."""
    parts: list[tuple] = []
    while (have := sum(len(part[0]) for part in parts)) < n:
        rate = max(have / max(len(parts), 1), 0.3 * TARGET_CHUNK)
        more = int(np.ceil(1.05 * (n - have) / rate))
        parts += list(spread(_draw_control, [(seed, len(parts) + k, limit) for k in range(more)]))
    table = pd.concat([part[0] for part in parts], ignore_index=True).head(n)
    return table, np.concatenate([part[1] for part in parts])[:n]


def galaxiesml_rows(
    targets: pd.DataFrame,
    flux: np.ndarray,
    settings: Mapping,
    first_id: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Clean rows in GalaxiesML's columns, with HSC Wide photometry.

    Parameters
    ----------
    targets : pandas.DataFrame
        `kind`, `redshift`, `magnitude_i`, `radius`, `sub_survey`; where they are known already
        also `ra`, `dec` and `object_id` (not negative).
    flux : numpy.ndarray
        Shape (n, 5), microJansky.
    settings : mapping
    first_id : int
        The HSC identifier of the first row.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        Rows whose photometry failed in a band are left out.
    """
    n = len(targets)
    sub_survey = targets["sub_survey"].to_numpy().astype(str)
    redshift = targets["redshift"].to_numpy()
    ra, dec = np.empty(n), np.empty(n)
    relative_error = np.empty(n)
    prefix = np.empty(n, dtype=object)
    for name in sorted(set(sub_survey)):
        survey = SPECTROSCOPIC_SURVEYS.get(name, SPECTROSCOPIC_SURVEYS["sdss_main"])
        here = sub_survey == name
        ra[here], dec[here] = _positions(survey.fields, int(here.sum()), rng)
        relative_error[here] = survey.error
        prefix[here] = survey.prefix if name in SPECTROSCOPIC_SURVEYS else "CONTROL"
    object_id = first_id + 11 * np.arange(n, dtype=np.int64)
    if "object_id" in targets:
        known = targets["object_id"].to_numpy() >= 0
        ra = np.where(known, targets["ra"], ra)
        dec = np.where(known, targets["dec"], dec)
        object_id = np.where(known, targets["object_id"], object_id)
    # Galactic dust at these latitudes: 0.02-0.08 in most of the Wide layer.
    ebv = np.exp(rng.normal(np.log(0.035), 0.35, n))
    radius = targets["radius"].to_numpy()
    photometry = observe_hsc(flux, ebv, radius, settings["depth"]["wide"], rng)
    error = relative_error * (1 + redshift) * np.exp(rng.normal(0.0, 0.25, n))
    rows = {
        "object_id": object_id,
        "specz_redshift": np.round(redshift + rng.normal(0.0, 1.0, n) * error, 6),
        "specz_redshift_err": np.round(error, 8),
        "specz_name": [
            f"{start}-{number:09d}"
            for start, number in zip(prefix, 100000000 + 13 * np.arange(n), strict=True)
        ],
        "specz_ra": np.round(ra + rng.normal(0, 0.1, n) / 3600.0, 7),
        "specz_dec": np.round(dec + rng.normal(0, 0.1, n) / 3600.0, 7),
        "specz_mag_i": np.round(targets["magnitude_i"] + rng.normal(0, 0.05, n), 4),
        "specz_flag_homogeneous": np.ones(n, dtype=bool),
        "ra": np.round(ra + rng.normal(0, 0.02, n) / 3600.0, 7),
        "dec": np.round(dec + rng.normal(0, 0.02, n) / 3600.0, 7),
        "skymap_id": (90000000 + rng.integers(0, 9999999, n)).astype(np.int64),
    }
    for number, band in enumerate(HSC_BANDS):
        rows[f"{band}_cmodel_mag"] = np.round(photometry.magnitude[:, number], 5)
        rows[f"{band}_cmodel_magsigma"] = np.round(photometry.sigma[:, number], 6)
    axis_ratio = rng.beta(4.0, 2.0, n)
    index = np.where(targets["kind"] == "red", rng.normal(3.8, 0.9, n), rng.normal(1.2, 0.4, n))
    for band in HSC_BANDS:
        size = np.maximum(radius, 0.25) * np.exp(rng.normal(0.0, 0.08, n))
        rows[f"{band}_half_light_radius"] = np.round(size / 0.168, 3)
        rows[f"{band}_ellipticity"] = np.round(
            np.clip(1.0 - axis_ratio + rng.normal(0, 0.02, n), 0, 0.95), 4
        )
        rows[f"{band}_sersic_index"] = np.round(np.clip(index + rng.normal(0, 0.1, n), 0.4, 6.5), 3)
    table = pd.DataFrame(rows)
    table["sub_survey"] = sub_survey
    table["kind"] = targets["kind"].to_numpy().astype(str)
    table["redshift_true"] = redshift
    magnitudes = table[[f"{band}_cmodel_mag" for band in HSC_BANDS]].to_numpy()
    good = np.isfinite(magnitudes).all(axis=1) & (magnitudes > 0).all(axis=1)
    good &= (magnitudes < 50).all(axis=1) & (table["specz_redshift"] > 0.0101).to_numpy()
    good &= (error < 0.0045 * (1 + redshift)) & (table["specz_redshift"] < 3.999).to_numpy()
    table["dirt"] = ""
    return table[good].reset_index(drop=True)


def _positions(
    fields: Sequence[tuple[float, float, float, float]], n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    areas = np.array([(box[1] - box[0]) * (box[3] - box[2]) for box in fields])
    chosen = rng.choice(len(fields), n, p=areas / areas.sum())
    box = np.array(fields)[chosen]
    ra = box[:, 0] + (box[:, 1] - box[:, 0]) * rng.random(n)
    dec = box[:, 2] + (box[:, 3] - box[:, 2]) * rng.random(n)
    return ra, dec


DIRT = ("flag", "large_error", "zero_error", "star", "beyond", "nan", "inf", "-99", "-99.9",
        "repeated_name", "several_redshifts")  # fmt: skip
"""What is wrong with a dirty row of GalaxiesML; every kind occurs in every file set."""


def soil(
    table: pd.DataFrame, fraction: float, first_id: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Add rows that a careful reader must drop.

    Each is a copy of a clean row with an identifier of its own and one fault; `several_redshifts`
    also spoils the row it repeats, and `repeated_name` follows the row whose name it repeats.

    Parameters
    ----------
    table : pandas.DataFrame
        Clean rows.
    fraction : float
        Dirty rows over clean rows; at least two of each kind are made.
    first_id : int
        Identifier of the first dirty row.
    rng : numpy.random.Generator
    """
    per_kind = max(2, round(fraction * len(table) / len(DIRT)))
    table = table.assign(order=rng.permutation(len(table)).astype(float))
    free = rng.permutation(len(table))
    magnitudes = [f"{band}_cmodel_mag" for band in HSC_BANDS]
    parts = [table]
    next_id = first_id
    for kind_number, kind in enumerate(DIRT):
        rows = np.take(free, np.arange(per_kind) + kind_number * per_kind, mode="wrap")
        part = table.iloc[rows].copy()
        part["dirt"] = kind
        part["order"] += 0.5
        n = len(part)
        if kind != "several_redshifts":
            part["object_id"] = next_id + 11 * np.arange(n)
            next_id += 11 * n
            part["ra"] += rng.choice([-1, 1], n) * rng.uniform(1.2, 2.5, n) / 3600.0
        if kind != "repeated_name":
            part["specz_name"] = part["specz_name"] + f"-{kind_number}"
        spread = rng.random(n)
        if kind == "flag":
            part["specz_flag_homogeneous"] = False
            part["specz_redshift"] = np.round(4.0 * spread, 5)
        elif kind == "large_error":
            part["specz_redshift_err"] = 0.0075 * (1.0 + part["specz_redshift"])
            part["specz_name"] = "PRIMUS-" + part["specz_name"]
        elif kind == "zero_error":
            part["specz_redshift_err"] = np.where(spread < 0.5, 0.0, 1.5)
        elif kind == "star":
            part["specz_redshift"] = np.round(0.002 * (spread - 0.5), 6)
        elif kind == "beyond":
            part["specz_redshift"] = np.round(4.01 + 3 * spread, 5)
        elif kind == "repeated_name":
            for name in magnitudes:
                part[name] += rng.uniform(0.5, 2.5, n)
        elif kind == "several_redshifts":
            part["specz_redshift"] = np.round(part["specz_redshift"] * (1 + 0.3 * spread), 5)
        else:
            column = rng.integers(0, len(HSC_BANDS), n)
            for number, name in enumerate(magnitudes):
                part.loc[column == number, name] = float(kind)
        parts.append(part)
    spoiled = set(parts[-1]["object_id"])
    soiled = pd.concat(parts, ignore_index=True).sort_values("order", kind="stable")
    soiled.loc[soiled["object_id"].isin(spoiled), "dirt"] = "several_redshifts"
    return soiled.drop(columns="order").reset_index(drop=True)


def assign_splits(table: pd.DataFrame, fractions: Sequence[float]) -> np.ndarray:
    """Return the file (0, 1, 2) of each row of a shuffled table; dirt follows its origin."""
    clean = (table["dirt"] == "").to_numpy()
    rank = np.maximum(np.cumsum(clean) - 1, 0)
    edges = np.cumsum(apportion(fractions, int(clean.sum())))[:-1]
    return np.searchsorted(edges, rank, side="right")


# ---------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------


def write_fits(columns: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Write a binary table as HDU 1."""
    record = np.rec.fromarrays(list(columns.values()), names=list(columns))
    with atomic_path(path) as temporary:
        fits.BinTableHDU(record).writeto(temporary)


def write_catalogue_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write one of GalaxiesML's files."""
    public = table.drop(columns=["sub_survey", "kind", "redshift_true", "dirt"])
    options = csv.WriteOptions(quoting_style="needed")
    with atomic_path(path) as temporary:
        csv.write_csv(pa.Table.from_pandas(public, preserve_index=False), temporary, options)


def _write_galaxiesml(
    table: pd.DataFrame, paths: Sequence[str | Path], fractions: Sequence[float]
) -> None:
    part = assign_splits(table, fractions)
    for number, path in enumerate(paths):
        write_catalogue_csv(table[part == number], path)


def shared_targets(
    objects: pd.DataFrame,
    flux: np.ndarray,
    hsc: Mapping[str, np.ndarray],
    origin: np.ndarray,
    cosmos_origin: np.ndarray,
    n: int,
    seed: int,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Galaxies of the simulated COSMOS field that zCOSMOS or 3D-HST has a redshift of."""
    rng = stream(seed, "target", len(SPECTROSCOPIC_SURVEYS))
    in_cosmos = np.zeros(len(objects), dtype=bool)
    in_cosmos[cosmos_origin] = True
    candidates = np.flatnonzero(
        hsc["isprimary"]
        & in_cosmos[origin]
        & objects["kind"].isin(["red", "blue"]).to_numpy()[origin]
    )
    rows = origin[candidates]
    bands = ("HSC_i", "UVISTA_H")
    magnitudes = parent_magnitudes(
        flux[rows][:, [COSMOS_BANDS.index(band) for band in bands]], bands, rng
    )
    redshift = objects["redshift"].to_numpy()[rows]
    found = np.full(len(rows), "", dtype=object)
    for name in ("3dhst", "zcosmos"):
        survey = SPECTROSCOPIC_SURVEYS[name]
        with np.errstate(invalid="ignore"):
            kept = survey.select(magnitudes)
        kept &= rng.random(len(rows)) < survey.success(magnitudes, redshift)
        kept &= (redshift > 0.011) & (redshift < survey.z_range[1])
        # zCOSMOS covers the field; 3D-HST has a tenth of it.
        found[kept & (rng.random(len(rows)) < (1.0 if name == "zcosmos" else 0.1))] = name
    usable = np.flatnonzero(found != "")
    chosen = np.sort(rng.choice(usable, min(n, len(usable)), replace=False))
    table = objects.iloc[rows[chosen]][["kind", "redshift", "magnitude_i", "radius"]]
    table = table.reset_index(drop=True)
    table["sub_survey"] = found[chosen].astype(str)
    table["object_id"] = hsc["object_id"][candidates[chosen]]
    table["ra"], table["dec"] = hsc["ra"][candidates[chosen]], hsc["dec"][candidates[chosen]]
    columns = [COSMOS_BANDS.index(f"HSC_{band}") for band in HSC_BANDS]
    return table, flux[rows[chosen]][:, columns]


def simulate(
    cosmos: str | Path,
    hsc: str | Path,
    galaxiesml: Sequence[str | Path],
    control: Sequence[str | Path],
    truth: str | Path,
    *,
    settings: Mapping,
    seed: int,
    threads: int = 1,
) -> None:
    """Simulate the survey and write all its files.

    Parameters
    ----------
    cosmos, hsc : path-like
        FITS files to write.
    galaxiesml, control : sequence of path-like
        Three CSV files each: training, validation, testing.
    truth : path-like
        Parquet file to write.
    settings : mapping
        The section `embedded` of the configuration.
    seed : int
    threads : int
        Processes; the files do not depend on it.
    """
    with threadpool_limits(limits=1):
        footprint = lay_out(settings["n_transferz"], settings["transferz_density"], seed)
        # Made before the processes are, so that they share them.
        for bands in (COSMOS_BANDS, TARGET_BANDS):
            _light_cone(bands).expected("HSC_i", 25.0)
        _worker["fitter"] = TemplateFitter(COSMOS_BANDS)
        with workers(threads) as spread:
            objects, flux = populate(footprint, settings, seed, spread)
            logger.info(
                "%d objects over %.3f square degrees of COSMOS", len(objects), footprint.hsc_area
            )
            cosmos_columns, cosmos_origin = cosmos_catalogue(objects, flux, footprint, seed, spread)
            write_fits(cosmos_columns, cosmos)
            logger.info("COSMOS2020: %d objects with labels", len(cosmos_origin))
            hsc_columns, origin = hsc_catalogue(objects, flux, footprint, settings, seed)
            write_fits(hsc_columns, hsc)
            logger.info("HSC: %d detections", len(origin))

            n_shared = round(settings["shared_fraction"] * settings["n_transferz"])
            both, both_flux = shared_targets(
                objects, flux, hsc_columns, origin, cosmos_origin, n_shared, seed
            )
            # A hundredth more than asked for: photometry fails, and dirt spoils clean rows.
            wanted = settings["n_galaxiesml"]
            extra = 20 + round((0.03 + settings["dirt_fraction"] / len(DIRT)) * wanted)
            sizes = {name: size for name, size in settings["spectroscopic_surveys"].items() if size}
            targets, target_flux = draw_targets(sizes, wanted + extra, seed, spread)
            free, free_flux = draw_control(
                settings["faint_limit"], settings["n_control"] + 20 + settings["n_control"] // 4,
                seed, spread,
            )  # fmt: skip

        clean = galaxiesml_rows(
            pd.concat([both, targets.assign(object_id=-1)], ignore_index=True),
            np.concatenate([both_flux, target_flux]),
            settings,
            TARGET_ID,
            stream(seed, "clean", 0),
        )
        clean = _exactly(clean, wanted, settings, stream(seed, "clean", 1))
        table = soil(clean, settings["dirt_fraction"], DIRT_ID, stream(seed, "dirt", 0))
        _write_galaxiesml(table, galaxiesml, settings["split_fractions"])
        logger.info(
            "GalaxiesML: %d rows, %d of them clean", len(table), (table["dirt"] == "").sum()
        )

        free = galaxiesml_rows(free, free_flux, settings, CONTROL_ID, stream(seed, "clean", 2))
        # What HSC detects at 5 sigma in i, as in the source's photometry.
        free = free[free["i_cmodel_magsigma"] < 0.217].head(settings["n_control"])
        if len(free) < settings["n_control"]:
            raise InputError(
                "HSC Wide detects too few galaxies of the control",
                key="embedded.faint_limit",
                found=settings["faint_limit"],
                expected="a limit above the Wide layer's depth",
                fix="choose a brighter limit",
            )
        _write_galaxiesml(free.reset_index(drop=True), control, settings["split_fractions"])

        write_parquet(
            _truth(objects, origin, cosmos_origin, hsc_columns, cosmos_columns, table, free), truth
        )


def _exactly(
    clean: pd.DataFrame, wanted: int, settings: Mapping, rng: np.random.Generator
) -> pd.DataFrame:
    """Keep as many rows as leave `wanted` once dirt has spoiled its share.

    The rows in common with COSMOS come first and stay.
    """
    n = wanted
    for _ in range(5):
        n = wanted + max(2, round(settings["dirt_fraction"] * n / len(DIRT)))
    if len(clean) < n:
        raise InputError(
            "too few spectroscopic targets survived the photometry",
            key="embedded.n_galaxiesml",
            found=len(clean),
            expected=n,
        )
    shared = clean["object_id"].to_numpy() >= COSMOS_ID
    others = rng.permutation(np.flatnonzero(~shared))[: n - int(shared.sum())]
    return clean.iloc[np.sort(np.concatenate([np.flatnonzero(shared), others]))].reset_index(
        drop=True
    )


def _truth(
    objects: pd.DataFrame,
    origin: np.ndarray,
    cosmos_origin: np.ndarray,
    hsc: Mapping[str, np.ndarray],
    cosmos: Mapping[str, np.ndarray],
    galaxiesml: pd.DataFrame,
    control: pd.DataFrame,
) -> pd.DataFrame:
    """One row for each row of each file; -1 where an object is not in a catalogue."""
    columns = ["kind", "redshift", "magnitude_i", "ssfr"]
    in_hsc = objects.iloc[origin][columns].reset_index(drop=True)
    in_hsc.insert(0, "object_id", hsc["object_id"])
    first = pd.Series(cosmos["ID"], index=cosmos_origin)
    first = first[~first.index.duplicated()]
    in_hsc.insert(1, "cosmos_id", first.reindex(origin).fillna(-1).to_numpy().astype(np.int64))
    only = ~np.isin(cosmos_origin, origin)
    in_cosmos = objects.iloc[cosmos_origin[only]][columns].reset_index(drop=True)
    in_cosmos.insert(0, "object_id", -1)
    in_cosmos.insert(1, "cosmos_id", cosmos["ID"][only])
    parts = [in_hsc.assign(file="hsc"), in_cosmos.assign(file="cosmos")]
    for name, table in (("galaxiesml", galaxiesml), ("control", control)):
        part = table[["object_id", "kind", "redshift_true", "specz_mag_i", "sub_survey", "dirt"]]
        part = part.rename(columns={"redshift_true": "redshift", "specz_mag_i": "magnitude_i"})
        parts.append(part.assign(cosmos_id=-1, file=name))
    result = pd.concat(parts, ignore_index=True).rename(
        columns={"redshift": "redshift_true", "kind": "type"}
    )
    return result.fillna({"sub_survey": "", "dirt": ""})
