"""The sky of COSMOS: the part that is simulated, and the objects on it.

Everything is drawn in chunks of fixed size with a seed each, so that the result does not depend
on the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import bisect
from scipy.spatial import cKDTree

from transferz.core.errors import InputError
from transferz.survey.filters import ab_magnitude
from transferz.survey.imaging import COSMOS_BANDS, half_light_radius
from transferz.survey.population import LightCone

CHUNK = 2048
# One stream of random numbers for each purpose; the chunk's number is the last word of its seed.
STREAMS = {
    name: number
    for number, name in enumerate(
        ("sky", "galaxies", "quasars", "stars", "cosmos", "hsc", "target", "clean", "dirt",
         "control", "identifiers", "spectra")
    )
}  # fmt: skip


def stream(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """Random numbers that belong to one purpose and one chunk."""
    return np.random.default_rng([seed, STREAMS[name], *numbers])


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
    # Largest height of the simulated part, degrees.
    largest_height = 1.18
    # Radii of a star's mask within which HSC flags a bright object; COSMOS2020's masks are smaller.
    bright_object = 1.1

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


# Where bright stars are drawn: a little more than the largest part that can be simulated.
STAR_RA, STAR_DEC = (149.10, 150.90), (1.54, 2.88)
LATTICE = 250


def lay_out(n_transferz: int, density: float, seed: int) -> Footprint:
    """Choose the part of COSMOS whose clean area should give `n_transferz` labelled galaxies.

    Bright stars have their places whatever the size, so that the clean area grows with it.

    Raises
    ------
    InputError
        If UltraVISTA is too small for it.
    """
    rng = stream(seed, "sky", 0)
    n_stars = rng.poisson(330.0 * np.ptp(STAR_RA) * np.ptp(STAR_DEC))
    stars = pd.DataFrame(
        {
            "ra": rng.uniform(*STAR_RA, n_stars),
            "dec": rng.uniform(*STAR_DEC, n_stars),
            "radius": np.clip(36.0 * np.exp(rng.normal(0.0, 0.35, n_stars)), 15.0, 90.0) / 3600.0,
        }
    )
    wanted = n_transferz / density
    largest = np.ptp(Footprint.uvista_ra) / (1 - Footprint.outside_share) * Footprint.largest_height
    most = clean_area(_window(largest, stars))
    if wanted > most:
        raise InputError(
            "more galaxies than the COSMOS field has",
            key="embedded.n_transferz",
            found=n_transferz,
            expected=f"at most {most * density:.0f}",
        )
    area = bisect(
        lambda area: clean_area(_window(area, stars)) - wanted, 0.0, largest, xtol=2e-3 * wanted
    )
    return _window(area, stars)


def _window(area: float, stars: pd.DataFrame) -> Footprint:
    """Return the footprint of `area` square degrees of coordinates, with the stars in it."""
    height = min(np.sqrt(area), Footprint.largest_height)
    width = area / height if area else 0.0
    first = Footprint.uvista_ra[0] - Footprint.outside_share * width
    margin = 0.02 * width + 0.002
    ra, dec = (first, first + width), (1.62, 1.62 + height)
    here = stars[
        stars["ra"].between(ra[0] - margin, ra[1] + margin)
        & stars["dec"].between(dec[0] - margin, dec[1] + margin)
    ]
    return Footprint(ra, dec, margin, *(here[name].to_numpy() for name in stars))


def clean_area(footprint: Footprint) -> float:
    """Square degrees (of coordinates) inside UltraVISTA and outside the masks of bright stars.

    Counted on a lattice of positions.
    """
    steps = (np.arange(LATTICE) + 0.5) / LATTICE
    width, height = np.ptp(footprint.ra), np.ptp(footprint.dec)
    ra, dec = (
        axis.ravel()
        for axis in np.meshgrid(footprint.ra[0] + width * steps, footprint.dec[0] + height * steps)
    )
    clean = footprint.near_infrared(ra, dec)
    clean &= footprint.star_distance(ra, dec) > footprint.bright_object
    return float(clean.mean() * width * height)


@cache
def light_cone(bands: tuple[str, ...]) -> LightCone:
    """Return the light cone in `bands`, made once; processes that are forked share it."""
    return LightCone(bands)


def _draw_galaxies(arguments: tuple) -> tuple[pd.DataFrame, np.ndarray]:
    seed, chunk, size, limit = arguments
    galaxies, flux = light_cone(COSMOS_BANDS).draw(
        size, "HSC_i", limit, stream(seed, "galaxies", chunk)
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
    cone = light_cone(COSMOS_BANDS)
    area, limit = footprint.hsc_area, settings["faint_limit"]
    rng = stream(seed, "sky", 1)
    n = rng.poisson(cone.expected("HSC_i", limit) * area)
    sizes = [min(CHUNK, n - first) for first in range(0, n, CHUNK)]
    parts = list(
        spread(_draw_galaxies, [(seed, chunk, size, limit) for chunk, size in enumerate(sizes)])
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
