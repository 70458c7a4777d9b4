"""How HSC divides the sky into tracts and patches, and numbers the objects in them.

The tracts are LSST's `RingsSkyMap` with 120 rings: fields on rings of equal declination, cut into
9 x 9 patches of 4,000 pixels of 0.168 arcsec in a tangent plane (Bosch et al. 2018, PASJ 70, S5).
Tract and patch of 2,347 real galaxies follow from their positions (tests/unit/survey/
test_skymap.py).
"""

from __future__ import annotations

import numpy as np

N_RINGS = 120
N_PATCHES = 9
PATCH_SIDE = np.radians(4000 * 0.168 / 3600)

# Bits of an identifier below the tract, the patch along x and the patch along y.
TRACT_BITS, X_BITS, Y_BITS = 42, 37, 32

# Running numbers of a patch go to about here, in both releases of the real galaxies.
RUNNING = 40_000


def tract_and_patch(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return tract, patch along x and patch along y of positions, away from the poles.

    Parameters
    ----------
    ra, dec : array of float, shape (n,)
        Degrees.
    """
    ra, dec = np.radians(ra), np.radians(dec)
    height = np.pi / (N_RINGS + 1)
    south = height * (np.arange(N_RINGS) + 0.5) - np.pi / 2
    widest = np.cos(np.minimum(np.abs(south), np.abs(south + height)))
    n_tracts = (2 * np.pi * widest / height).astype(np.int64) + 1
    # Number 0 is the cap around the south pole.
    first = 1 + np.cumsum(n_tracts) - n_tracts
    ring = np.clip(((dec + np.pi / 2) / height - 0.5).astype(np.int64), 0, N_RINGS - 1)
    step = np.floor(ra / (2 * np.pi) * n_tracts[ring] + 0.5).astype(np.int64) % n_tracts[ring]
    away, middle = ra - 2 * np.pi * step / n_tracts[ring], height * (ring + 1) - np.pi / 2
    # The tangent plane at the centre of the tract; x grows to the west.
    depth = np.sin(middle) * np.sin(dec) + np.cos(middle) * np.cos(dec) * np.cos(away)
    x = -np.cos(dec) * np.sin(away) / depth
    y = (np.cos(middle) * np.sin(dec) - np.sin(middle) * np.cos(dec) * np.cos(away)) / depth
    patch = (
        np.clip(np.floor(plane / PATCH_SIDE + N_PATCHES / 2), 0, N_PATCHES - 1).astype(np.int64)
        for plane in (x, y)
    )
    return first[ring] + step, *patch


def number_objects(ra: np.ndarray, dec: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an identifier for each object, as one rerun of the pipeline would give them.

    Tract and patch follow from the position. The running number inside the patch is drawn: another
    rerun, or another layer, gives the same object another one, and now and then the same number to
    another object.

    Parameters
    ----------
    ra, dec : array of float, shape (n,)
        Degrees.
    rng : numpy.random.Generator
        Of the rerun.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        All different: tract << 42 | patch x << 37 | patch y << 32 | running number.
    """
    tract, x, y = tract_and_patch(ra, dec)
    patch = (tract << TRACT_BITS) | (x << X_BITS) | (y << Y_BITS)
    running = np.empty(len(patch), dtype=np.int64)
    order = np.argsort(patch, kind="stable")
    for inside in np.split(order, np.flatnonzero(np.diff(patch[order])) + 1):
        running[inside] = rng.choice(max(RUNNING, len(inside)), len(inside), replace=False)
    return patch | running
