"""A run of untrained networks: their redshifts are poor, their intervals must hold anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.uncertainty import calibration_sample
from transferz.catalogues.units import with_asinh_magnitudes
from transferz.networks.architecture import Architecture, initial_weights
from transferz.networks.features import Scaler
from transferz.networks.model_files import save_models

SETTINGS = {
    "test_share": 0.5,
    "seed": 68,
    "redshift_bins": 2,
    "magnitude_bins": 2,
    "min_galaxies": 50,
    "adaptive": True,
    "out_of_distribution": {"neighbours": 3, "share": 0.01, "max_reference": 5000},
}


def galaxies(n: int, seed: int, bands: Sequence[str] = ("g", "r", "i")) -> pd.DataFrame:
    """Galaxies whose redshift follows from their colours; the last band is the reference."""
    draw = np.random.default_rng([seed, n])
    redshift, last = draw.uniform(0.1, 1.5, n), draw.uniform(18, 24, n)
    noise = draw.normal(0, 0.05, (len(bands) - 1, n))
    steps = range(len(bands) - 1, 0, -1)
    magnitudes = {
        f"mag_{band}": last + step * redshift + scatter
        for band, step, scatter in zip(bands, steps, noise, strict=False)
    }
    table = pd.DataFrame(magnitudes).assign(**{f"mag_{bands[-1]}": last})
    return table.assign(redshift=redshift, object_id=np.arange(n) + 10**16)


def small_run(
    folder: Path,
    bands: Sequence[str] = ("g", "r", "i"),
    trained_on: Mapping[str, str] | None = None,
    softening: Mapping[str, float] | None = None,
) -> Path:
    """Write splits, four networks in two files and a calibration sample; return `folder`.

    With `softening` the networks read asinh magnitudes.
    """
    kind = "asinh" if softening else "mag"
    table = with_asinh_magnitudes(galaxies(3000, 1, bands), softening or {})
    table["split"] = np.repeat(["train", "validation", "test"], [1000, 200, 1800])
    splits = folder / "splits" / "target.parquet"
    splits.parent.mkdir()
    table.to_parquet(splits)
    columns = [f"{kind}_{band}" for band in bands]
    values = table[columns].to_numpy(np.float32)
    architecture = Architecture(len(bands), (16, 16))
    scaler = Scaler.fit(values[:1000], columns)
    weights = {seed: initial_weights(architecture, seed) for seed in range(4)}
    for first in (0, 2):
        path = folder / "models" / "NN-Combo" / f"seeds-00{first}-00{first + 1}.npz"
        chunk = {seed: weights[seed] for seed in (first, first + 1)}
        save_models(path, architecture, scaler, chunk)
    calibration_sample.main(
        [splits],
        splits,
        folder / "calibration" / "NN-Combo" / "target.npz",
        bands=list(bands),
        inputs=[f"{kind}_{{band}}"],
        magnitude_band=bands[-1],
        settings=SETTINGS,
        trained_on=trained_on,
        softening=softening,
    )
    return folder
