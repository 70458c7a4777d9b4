"""Train one strategy for a chunk of seeds.

Inputs
    split : splits/{train_on}.parquet, the catalogue with a column `split`
    start : models/{start_from}/seeds-{first}-{last}.npz, for transfer learning only

Outputs
    models : models/{strategy}/seeds-{first}-{last}.npz, the networks of all seeds of the chunk
    history : beside them, `seed, epoch, loss, val_loss` for every epoch

A killed job leaves its finished seeds, and the state of the one under way, in a folder beside the
outputs; the next run goes on from there and ends with the same bytes.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv
from transferz.networks.architecture import Architecture, Weights, initial_weights
from transferz.networks.checkpoints import Checkpoint, fingerprint, train_seeds
from transferz.networks.features import (
    REDSHIFT,
    Scaler,
    feature_matrix,
    input_columns,
    measured_columns,
    select_split,
    target_vector,
)
from transferz.networks.losses import ClassLoss
from transferz.networks.low_rank import LowRankTrainer
from transferz.networks.model_files import read_models, save_models
from transferz.networks.soft_labels import Classes, label_distribution, label_errors
from transferz.networks.tensorflow import configure_tensorflow
from transferz.networks.training import Fit, Sample, Settings, Trainer

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Head:
    """A head that gives probabilities: ``head`` of a strategy.

    Attributes
    ----------
    classes : Classes
    loss : ClassLoss
    photo_z_error : float, optional
        See `soft_labels.label_errors`.
    """

    classes: Classes
    loss: ClassLoss
    photo_z_error: float | None = None

    @classmethod
    def from_config(cls, entry: Mapping[str, object]) -> "Head":
        """Take the head from its entry in the configuration."""
        loss = {key: entry[key] for key in ClassLoss.__dataclass_fields__ if key in entry}
        return cls(
            Classes(entry["bins"], entry["z_max"]), ClassLoss(**loss), entry.get("photo_z_error")
        )

    def target(self, rows: pd.DataFrame, z: np.ndarray, *, file: str | Path) -> np.ndarray:
        """Target of each galaxy with label `z`, shape (n, bins): one-hot if the loss is hard."""
        errors = (np.zeros(len(z)), np.zeros(len(z)))
        if not self.loss.hard:
            errors = label_errors(rows, photo_z_error=self.photo_z_error, file=file)
        return label_distribution(z, *errors, self.classes)


def load_sample(
    table: pd.DataFrame, split: str, scaler: Scaler, head: Head | None, *, file: str | Path
) -> Sample:
    """Scaled inputs and targets of one split: redshifts, or what `head` makes of them."""
    rows = select_split(table, split, file=file)
    values = feature_matrix(rows, scaler.columns, file=file)
    target = target_vector(rows, file=file)
    if head:
        target = head.target(rows, target[:, 0], file=file)
    return Sample(scaler.transform(values), target)


def fit_scaler(
    table: pd.DataFrame, inputs: Sequence[str], scaling: str, *, file: str | Path
) -> Scaler:
    """Measure the scaling of the inputs over the training rows."""
    rows = select_split(table, "train", file=file)
    values = feature_matrix(rows, measured_columns(inputs), file=file)
    return Scaler.fit(values, inputs, scaling, file=file)


def start_from(
    file: str | Path, architecture: Architecture, inputs: Sequence[str], seeds: Sequence[int]
) -> tuple[Scaler, dict[int, Weights]]:
    """Return scaling and weights of networks to be refined; an `InputError` if they cannot be.

    The first layer learned what its inputs mean: they must not change under it.
    """
    start = read_models(file)
    for what, found, expected in (
        ("the networks to start from have another shape", start.architecture, architecture),
        ("the networks to start from read other inputs", start.scaler.inputs, tuple(inputs)),
    ):
        if found != expected:
            raise InputError(
                what,
                file=file,
                found=found,
                expected=expected,
                fix="give a strategy the network of the one in its `start_from`",
            )
    return start.scaler, {seed: start.of_seed(seed, file=file) for seed in seeds}


def history_table(fits: Mapping[int, Fit]) -> pd.DataFrame:
    """Losses of all seeds, one row per epoch; epochs count from 1."""
    epochs = [len(fit.losses) for fit in fits.values()]
    losses = np.concatenate([fit.losses for fit in fits.values()])
    return pd.DataFrame(
        {
            "seed": np.repeat(list(fits), epochs),
            "epoch": np.concatenate([np.arange(1, n + 1) for n in epochs]),
            "loss": losses[:, 0],
            "val_loss": losses[:, 1],
        }
    )


def main(
    split: str | Path,
    start: str | Path | None,
    models: str | Path,
    history: str | Path,
    *,
    strategy: str,
    seeds: Sequence[int],
    bands: Sequence[str],
    network: Mapping[str, object],
    training: Mapping[str, object],
    threads: int,
    code: str = "",
    device: str = "cpu",
) -> None:
    """Train the networks of a chunk and write them with their histories.

    Parameters
    ----------
    network : mapping
        ``inputs, scaling, hidden, activation, skip, head`` of this strategy.
    training : mapping
        See `transferz.networks.training.Settings`.
    code : str
        Hash of the program; a checkpoint of another program is not continued.
    device : {"cpu", "gpu", "auto"}
        See `transferz.networks.tensorflow.configure_tensorflow`.
    """
    device = configure_tensorflow(threads, device)
    inputs = input_columns(network["inputs"], bands)
    head = Head.from_config(network["head"]) if network["head"] else None
    classes = head.classes if head else None
    architecture = Architecture(
        len(inputs), tuple(network["hidden"]), network["activation"], network["skip"], classes
    )
    settings = replace(Settings.from_config(training), class_loss=head and head.loss)
    # What a label is worth is in columns that not every catalogue has.
    table = read_parquet(split, None if head else [*measured_columns(inputs), REDSHIFT, "split"])
    if start is None:
        scaler = fit_scaler(table, inputs, network["scaling"], file=split)
        weights = {seed: initial_weights(architecture, seed) for seed in seeds}
    else:
        scaler, weights = start_from(start, architecture, inputs, seeds)
    train = load_sample(table, "train", scaler, head, file=split)
    validation = load_sample(table, "validation", scaler, head, file=split)
    label = f"{strategy} seeds {min(seeds)}-{max(seeds)}"
    logger.info("%s: %d galaxies, %d to validate", label, len(train), len(validation))
    kind = Trainer if settings.low_rank is None else LowRankTrainer
    trainer = kind(architecture, settings, train, validation)
    folder = Path(models).with_name(f".{Path(models).stem}.checkpoint")
    checkpoint = Checkpoint(folder, fingerprint(trainer, weights.values(), code, device))
    fits = train_seeds(trainer, weights, label=label, checkpoint=checkpoint)

    best = [fit.best_epoch for fit in fits.values()]
    logger.info("%s: best epochs %d to %d, median %g", label, min(best), max(best), np.median(best))
    save_models(models, architecture, scaler, {seed: fit.weights for seed, fit in fits.items()})
    write_csv(history_table(fits), history)
    checkpoint.remove()


if __name__ == "__main__":
    run(main, snakemake)
