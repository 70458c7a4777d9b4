"""Cut-outs of stars and galaxies in a file: the workflow's own, and those that a user brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from astropy.io import fits

from transferz.core.errors import InputError
from transferz.core.products import atomic_path
from transferz.images.star_galaxy_objects import LEARNING_SAMPLES, OBJECT_STREAM

CROP = 44
"""Pixels along a side of what the network sees; larger cut-outs are cropped."""

LAYOUT = (
    "HDF5: datasets images (n, bands, side, side) and labels (n), 1 galaxy, 0 star; FITS: a cube "
    "of the same axes as first HDU, then a table with a column label; magnitude is optional"
)


@dataclass(frozen=True)
class Cutouts:
    """Images, shape (n, side, side, n_bands), as arcsinh(flux / 2 noise); noise of each band."""

    images: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, flux: np.ndarray) -> Cutouts:
        """Stretch images; half precision holds a pixel to 1 per cent of its flux."""
        noise = border_noise(flux)
        return cls(np.arcsinh(flux / (2.0 * noise)).astype(np.float16), noise)

    def flux(self, rows: slice) -> np.ndarray:
        """Return some images as flux."""
        return np.sinh(self.images[rows].astype(np.float32)) * (2.0 * self.noise)

    def write(self, path: str | Path) -> None:
        """Write them as npz."""
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            np.savez(handle, images=self.images, noise=self.noise)

    @classmethod
    def read(cls, path: str | Path) -> Cutouts:
        """Read what `write` has written."""
        with np.load(path, allow_pickle=False) as file:
            return cls(file["images"], file["noise"])


def border_noise(flux: np.ndarray) -> np.ndarray:
    """Return the noise of a pixel in each band, from the scatter of the images' outermost pixels.

    1.4826 times the median of |f - median|: stars and galaxies reach the border here and there.
    """
    edge = np.concatenate([flux[:, 0], flux[:, -1], flux[:, :, 0], flux[:, :, -1]], axis=1)
    edge = edge.reshape(-1, flux.shape[-1])
    return 1.4826 * np.median(np.abs(edge - np.median(edge, axis=0)), axis=0)


def read_own(path: str | Path, n_bands: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Read a user's cut-outs.

    Returns
    -------
    flux : numpy.ndarray
        Shape (n, side, side, n_bands), float32.
    table : pandas.DataFrame
        ``label``, 1 a galaxy, 0 a star; ``magnitude_i``, NaN where the file has none.

    Raises
    ------
    InputError
        If the file is missing or its content is not as in `LAYOUT`.
    """

    def wrong(what: str, key: str, found: object, expected: str = LAYOUT) -> InputError:
        return InputError(what, file=path, key=key, found=found, expected=expected)

    path = Path(path)
    if not path.is_file():
        raise wrong("file not found", "star_galaxy.files.path", path.name)
    try:
        images, columns = _read_fits(path) if _is_fits(path) else _read_hdf5(path)
    except (OSError, KeyError, IndexError) as error:
        raise wrong("not a file of cut-outs", "images, labels", str(error)) from error
    if images.ndim != 4 or images.shape[1] != n_bands or min(images.shape[2:]) < CROP:
        expected = f"(n, {n_bands}, side, side) with sides of {CROP} pixels at least"
        raise wrong("images of another shape", "images", images.shape, expected)
    label = np.asarray(columns["label"])
    if label.shape != (len(images),) or not np.isin(label, (0, 1)).all():
        found = f"{label.shape} with {', '.join(map(str, np.unique(label)[:5]))}"
        raise wrong("labels that do not fit", "labels", found, f"{len(images)} of 0 or 1")
    if not np.isfinite(images).all():
        bad = int((~np.isfinite(images)).any(axis=(1, 2, 3)).sum())
        raise wrong("images with undefined pixels", "images", f"{bad} of {len(images)}", "numbers")
    magnitude = columns.get("magnitude", np.full(len(images), np.nan))
    table = pd.DataFrame({"label": label.astype(int), "magnitude_i": np.asarray(magnitude, float)})
    return np.moveaxis(images, 1, -1).astype(np.float32), table


def _is_fits(path: Path) -> bool:
    with open(path, "rb") as handle:
        return handle.read(6) == b"SIMPLE"


def _read_hdf5(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    with h5py.File(path) as file:
        columns = {"label": file["labels"][:]}
        if "magnitude" in file:
            columns["magnitude"] = file["magnitude"][:]
        return file["images"][:], columns


def _read_fits(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    with fits.open(path) as file:
        table = file[1].data
        columns = {name.lower(): np.asarray(table[name]) for name in table.names}
        return np.asarray(file[0].data), columns


def split_own(table: pd.DataFrame, settings: Mapping) -> pd.DataFrame:
    """Return the rows of a user's table that are used, with ``sample``, in random order.

    Raises
    ------
    InputError
        If there are fewer than asked for, or a sample lacks stars or galaxies.
    """
    counts = [settings["objects"][sample] for sample in LEARNING_SAMPLES]
    if len(table) < sum(counts):
        raise InputError(
            "fewer cut-outs than the samples need",
            file=settings["files"]["path"],
            key="star_galaxy.objects",
            found=len(table),
            expected=f"{sum(counts)}: {dict(zip(LEARNING_SAMPLES, counts, strict=True))}",
        )
    rng = np.random.default_rng([OBJECT_STREAM, settings["seed"]])
    chosen = table.iloc[rng.permutation(len(table))[: sum(counts)]]
    chosen = chosen.assign(sample=np.repeat(LEARNING_SAMPLES, counts))
    if (chosen.groupby("sample")["label"].nunique() < 2).any():
        raise InputError(
            "a sample without stars or without galaxies",
            file=settings["files"]["path"],
            key="labels",
            found=f"{int((table['label'] == 0).sum())} stars of {len(table)}",
            fix="give more of both",
        )
    return chosen
