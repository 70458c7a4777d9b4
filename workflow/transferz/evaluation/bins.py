"""Ranges and bins in which networks are evaluated: of true redshift, of magnitude."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class ZRange:
    """A range of true redshift: z_min < z <= z_max, as in the authors' public code.

    Redshifts and edges are compared in single precision, as predictions are stored: a redshift
    of 0.3 lies on the edge 0.3, not above it. The lower edge is included only if `closed`.
    """

    z_min: float
    z_max: float
    closed: bool = False

    def rows(self, z_sorted: np.ndarray) -> slice:
        """Return where the range lies in ascending redshifts."""
        z_sorted = np.asarray(z_sorted, np.float32)
        low, high = np.float32(self.z_min), np.float32(self.z_max)
        first = np.searchsorted(z_sorted, low, side="left" if self.closed else "right")
        return slice(int(first), int(np.searchsorted(z_sorted, high, side="right")))

    def holds(self, z: np.ndarray) -> np.ndarray:
        """Return which redshifts lie in the range, bool, of the shape of `z`."""
        z = np.asarray(z, np.float32)
        low = np.float32(self.z_min)
        return ((z >= low) if self.closed else (z > low)) & (z <= np.float32(self.z_max))

    def text(self, name: str = "z") -> str:
        """Return the range in words, such as "0.3 < z <= 1.5"."""
        return f"{self.z_min:g} {'<=' if self.closed else '<'} {name} <= {self.z_max:g}"


@dataclass(frozen=True)
class Ranges:
    """Which ranges of true redshift to evaluate.

    Attributes
    ----------
    z_range : pair of float
        The range of the headline numbers, its upper edge included.
    full_range : pair of float
        Must hold every galaxy, both edges included.
    bin_width, bin_z_max : float
        Bins (0, width], (width, 2 width], ... up to `bin_z_max`.
        Width None: no bins.
    bin_min_galaxies : int
        Bins with fewer galaxies are left out.
    """

    z_range: Sequence[float]
    full_range: Sequence[float]
    bin_width: float | None = None
    bin_z_max: float = 0.0
    bin_min_galaxies: int = 1

    @property
    def windows(self) -> tuple[ZRange, ZRange]:
        """The headline range and the full range: both readings of the paper's abstract."""
        return ZRange(*map(float, self.z_range)), ZRange(*map(float, self.full_range), True)

    def select(self, z_sorted: np.ndarray) -> list[ZRange]:
        """Return the ranges for ascending redshifts `z_sorted`, each once, in ascending order."""
        enough = []
        if self.bin_width is not None:
            n_bins = round(self.bin_z_max / self.bin_width)
            edges = np.round(self.bin_width * np.arange(n_bins + 1), 10)
            bins = [ZRange(float(low), float(high)) for low, high in pairwise(edges)]
            counts = [edge.rows(z_sorted).stop - edge.rows(z_sorted).start for edge in bins]
            enough = [
                edge
                for edge, count in zip(bins, counts, strict=True)
                if count >= self.bin_min_galaxies
            ]
        unique = {(edge.z_min, edge.z_max): edge for edge in [*enough, *self.windows]}
        return [unique[key] for key in sorted(unique)]


def regular_bins(values: np.ndarray, width: float, least: int) -> list[tuple[float, float]]:
    """Return the bins [k width, (k + 1) width) that hold at least `least` of the values."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return []
    first, last = np.floor(finite.min() / width), np.floor(finite.max() / width)
    edges = np.round(width * np.arange(first, last + 2), 10)
    counts = np.histogram(finite, edges)[0]
    return [
        (float(low), float(high))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count >= least
    ]
