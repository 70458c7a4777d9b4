"""Train the ConvNet on cut-outs and trees on features; turn extendedness into probabilities.

Inputs
    images, objects : of star_galaxy_draw or star_galaxy_read

Outputs
    predictions : star_galaxy/predictions.parquet, the probability that an object is a galaxy, a
        row per classifier, seed and object that was not trained on
    history : star_galaxy/history.csv, losses of every epoch
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_parquet
from transferz.images.star_galaxy_files import Cutouts
from transferz.images.star_galaxy_network import fit, probability_of_galaxy
from transferz.networks.tensorflow import configure_tensorflow

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

KEPT = ("object_id", "sample", "type", "label", "magnitude_i")


def standardised(images: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return images less the mean, over the deviation, of each band of the training images."""
    seen = images[train].astype(np.float32)
    centre, spread = seen.mean(axis=(0, 1, 2)), seen.std(axis=(0, 1, 2))
    return ((images - centre) / spread).astype(np.float16)


def feature_columns(table: pd.DataFrame) -> list[str]:
    """Return the measured columns: magnitudes, concentrations, colours, size and ellipticity."""
    return [
        name for name in table if name.startswith(("mag_", "concentration_")) or name[1:2] == "-"
    ] + ["size", "ellipticity"]


def share_of_galaxies(table: pd.DataFrame, train: np.ndarray) -> np.ndarray:
    """Return, for each object, the share of galaxies among training objects as extended as it."""
    shares = table[train].groupby("extendedness")["label"].mean()
    return table["extendedness"].map(shares).fillna(table.loc[train, "label"].mean()).to_numpy()


def main(
    images: str | Path,
    objects: str | Path,
    predictions: str | Path,
    history: str | Path,
    *,
    settings: Mapping,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Train every seed of both classifiers; `settings` is the section star_galaxy."""
    configure_tensorflow(threads, device)
    table = read_parquet(objects)
    train, validation = (table["sample"] == name for name in ("train", "validation"))
    pixels = standardised(Cutouts.read(images).images, train.to_numpy())
    label, others = table["label"].to_numpy(), np.flatnonzero(~train)
    columns = feature_columns(table)
    parts, losses, begin = [], [], time.monotonic()

    def keep(name: str, seed: int, probability: np.ndarray) -> None:
        part = table.loc[others, [column for column in KEPT if column in table]]
        parts.append(part.assign(classifier=name, seed=seed, probability=probability))
        logger.info("%s, seed %d: %.0f s since the start", name, seed, time.monotonic() - begin)

    for seed in range(settings["seeds"]):
        model, curve = fit(
            pixels[train],
            label[train],
            (pixels[validation], label[validation]),
            settings["network"],
            seed,
        )
        keep("convnet", seed, probability_of_galaxy(model, pixels[others]))
        losses += [(seed, epoch, *pair) for epoch, pair in enumerate(curve, start=1)]
        trees = RandomForestClassifier(
            settings["trees"], criterion="log_loss", random_state=seed, n_jobs=threads
        )
        trees.fit(table.loc[train, columns], label[train])
        keep("trees", seed, trees.predict_proba(table.loc[others, columns])[:, 1])
    if "extendedness" in table:
        keep("extendedness", 0, share_of_galaxies(table, train)[others])
    write_parquet(pd.concat(parts, ignore_index=True), predictions)
    write_csv(pd.DataFrame(losses, columns=["seed", "epoch", "loss", "val_loss"]), history)


if __name__ == "__main__":
    run(main, snakemake)
