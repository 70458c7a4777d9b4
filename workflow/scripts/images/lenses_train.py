"""Train the networks of one study of lenses, one per seed, and predict their test copies.

Inputs
    images : lenses/images.npz
    lenses : lenses/lenses.parquet

Outputs
    distributions : lenses/studies/{lens_study}.npz: `rows` of the test copies, `unseen` (whether
        their lens is beyond those that the study uses), and `probability`, shape (seeds, rows,
        parameters, bins), float32
    history : lenses/studies/{lens_study}.csv, the loss of each seed and epoch
"""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import atomic_path, read_parquet, write_csv
from transferz.images.lens_labels import copies_of, mask_of, split_copies
from transferz.images.lens_networks import LensImages, predict, train_network
from transferz.networks.losses import ClassLoss
from transferz.networks.tensorflow import configure_tensorflow

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def read_images(path: str | Path, light: str, thresholds: Sequence[float]) -> LensImages:
    """Return the images, or what a perfect smooth model leaves of them, and their masks."""
    with np.load(path, allow_pickle=False) as arrays:
        image, smooth = arrays["image"], arrays["smooth"]
    masks = [[mask_of(each, threshold) for threshold in thresholds] for each in image]
    return LensImages(image - smooth if light == "difference" else image, np.array(masks))


def tests_of(
    copies: pd.DataFrame, study: Mapping[str, object], own: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of test copies, and which of them are of lenses that the study leaves out.

    Of those there are as many as in the test of the study, or all.
    """
    left_out = np.flatnonzero(copies["lens"].to_numpy() >= study["lenses"])[: len(own)]
    rows = np.concatenate([own, left_out])
    return rows, np.arange(len(rows)) >= len(own)


def main(
    images: str | Path,
    lenses: str | Path,
    distributions: str | Path,
    history: str | Path,
    *,
    study: Mapping[str, object],
    loss: Mapping[str, float],
    copies: Mapping[str, object],
    network: Mapping[str, float],
    training: Mapping[str, float],
    seed: int,
    threads: int = 1,
) -> None:
    """Train the networks of `study`; `seed` is that of the simulation.

    Parameters
    ----------
    images, lenses, distributions, history : path-like
        See the head of this file.
    study : mapping
        `split`, `light`, `lenses`, `epochs` and `seeds`.
    loss : mapping
        Weights of `ClassLoss`.
    copies : mapping
        `masks`, `rotations` and `test_share`, and `limits` of the parameters.
    network, training : mapping
        See `lens_networks`.
    seed, threads : int
    """
    configure_tensorflow(threads)
    seen = read_images(images, study["light"], copies["masks"])
    table = copies_of(
        read_parquet(lenses), len(copies["masks"]), copies["rotations"], copies["limits"], seed
    )
    train, own = split_copies(table, study["split"], copies["test_share"], study["lenses"], seed)
    rows, unseen = tests_of(table, study, own)
    probability, curves = [], []
    for number in range(study["seeds"]):
        begin = time.process_time()
        model, curve = train_network(
            seen, table.iloc[train], ClassLoss(**loss), number,
            network=network, training=training, epochs=study["epochs"],
        )  # fmt: skip
        probability.append(predict(model, seen, table.iloc[rows]))
        epoch = np.arange(1, len(curve) + 1)
        curves.append(pd.DataFrame({"seed": number, "epoch": epoch, "loss": curve}))
        logger.info(
            "seed %d: %d copies, %d epochs, loss %.4f, %.0f CPU s",
            number, len(train), len(curve), curve[-1], time.process_time() - begin,
        )  # fmt: skip
    with atomic_path(distributions) as temporary:
        np.savez(temporary, rows=rows, unseen=unseen, probability=np.stack(probability))
    write_csv(pd.concat(curves, ignore_index=True), history)


if __name__ == "__main__":
    run(main, snakemake)
