"""Train every network of one study of spectra, and predict the test spectra with each.

Inputs
    spectra : spectra/spectra.npz

Outputs
    predictions : spectra/predictions/{study}.parquet, a row per network and test spectrum
    probabilities : spectra/probabilities/{study}.npz, distributions over classes on the test
        spectra and those out of range; empty unless the study asks for them
    history : spectra/predictions/{study}.history.csv, losses of every network
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import softmax

from transferz.core.logs import run
from transferz.core.products import write_csv, write_parquet
from transferz.networks.losses import ClassLoss
from transferz.networks.tensorflow import configure_tensorflow
from transferz.spectra.grism import EqualClasses, SpectraFile
from transferz.spectra.networks import SpectraArchitecture, SpectraSettings, SpectraTrainer, Task
from transferz.spectra.spoilt_labels import LabelRecipe, hard_targets, spoil, target_distribution
from transferz.spectra.studies import (
    REGRESSION,
    Member,
    expand_study,
    member_table,
    prediction_table,
    read_spectra,
    write_probabilities,
)
from transferz.uncertainty.scores import describe

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

OUT_OF_RANGE = ("below", "above", "quasar")


class Data:
    """Scaled spectra and targets of any member, from the one file of spectra."""

    def __init__(self, spectra: SpectraFile, z_range: tuple[float, float]) -> None:
        self.spectra, self.z_range = spectra, z_range
        self._noisy: dict[tuple[str, float], np.ndarray] = {}

    def flux(self, sample: str, snr: float) -> np.ndarray:
        """Return spectra of a sample at a S/N, unit mean; kept, since members share them."""
        key = (sample, snr)
        if key not in self._noisy:
            self._noisy[key] = self.spectra.take(sample, snr)
        return self._noisy[key]

    def scaled(self, member: Member, sample: str) -> np.ndarray:
        """Return spectra less the mean, over the deviation, of the member's training spectra."""
        train = self.flux("train", member.snr)[: member.n_train]
        values = train if sample == "train" else self.flux(sample, member.snr)
        return ((values - train.mean(axis=0)) / train.std()).astype(np.float32)

    def redshift(self, sample: str) -> np.ndarray:
        """Return the true redshifts of a sample."""
        return self.spectra.redshift[self.spectra.rows(sample)]

    def classes(self, member: Member) -> EqualClasses:
        """Return the classes of a member; the whole range is the one class of a regression."""
        return EqualClasses(*self.z_range, max(member.classes, 1))

    def target(
        self, member: Member, sample: str, recipe: LabelRecipe, hard: bool, unit: str
    ) -> np.ndarray:
        """Return targets from labels spoilt by the recipe, shape (n, outputs), float32.

        `unit` is ``target`` of ``spectra.architectures``: what a regression learns.
        """
        classes = self.classes(member)
        number = member.n_train if sample == "train" else None
        z = self.redshift(sample)[:number]
        # Training and validation labels come from streams of their own.
        label = spoil(z, recipe, classes, 2 * self.spectra.seed + (sample == "validation"))
        if member.head == REGRESSION:
            if unit == "redshift":
                return label.astype(np.float32)[:, None]
            # One class is the whole range, and its width.
            return ((label - classes.z_min) / classes.width).astype(np.float32)[:, None]
        if hard:
            return hard_targets(label, classes)
        return target_distribution(label, recipe, classes)


def task_of(member: Member, data: Data, recipe: LabelRecipe, hard: bool, unit: str) -> Task:
    """Training and validation data of a member."""
    return Task(
        data.scaled(member, "train"),
        data.target(member, "train", recipe, hard, unit),
        data.scaled(member, "validation"),
        data.target(member, "validation", recipe, hard, unit),
    )


def predict(
    trainer: SpectraTrainer, member: Member, data: Data, sample: str, unit: str
) -> np.ndarray:
    """Redshifts of a regression, shape (n,), or class probabilities, shape (n, k)."""
    outputs = trainer.outputs_of(data.scaled(member, sample))
    if member.head == REGRESSION:
        if unit == "redshift":
            return outputs[:, 0].astype(float)
        classes = data.classes(member)
        return classes.z_min + classes.width * outputs[:, 0]
    return softmax(outputs.astype(float), axis=1)


def main(
    spectra: str | Path,
    predictions: str | Path,
    probabilities: str | Path,
    history: str | Path,
    *,
    settings: Mapping[str, Mapping],
    threads: int = 1,
) -> None:
    """Train the networks of a study one after another.

    Parameters
    ----------
    spectra, predictions, probabilities, history : path-like
        See the head of this file.
    settings : mapping
        ``study`` and ``default``, see `studies.expand_study`; what the study uses of
        ``architectures``, ``labels``, ``losses`` and ``training`` of the configuration; and
        ``z_range``, of the redshifts and classes.
    threads : int
    """
    configure_tensorflow(threads)
    data = Data(read_spectra(spectra), tuple(settings["z_range"]))
    members = expand_study(settings["study"], settings["default"])
    test, z_test = data.spectra.rows("test"), data.redshift("test")
    trainer, network = None, None
    tables, kept, histories, begin = [], {}, [], time.monotonic()
    for number, member in enumerate(members, start=1):
        described = settings["architectures"][member.architecture]
        unit = described.get("target", "unit_range")
        training = SpectraSettings(**settings["training"] | described.get("training", {}))
        if member.network != network:
            network = member.network
            architecture = SpectraArchitecture.from_config(described)
            pixels = data.spectra.grism.pixels
            trainer = SpectraTrainer(architecture, pixels, max(member.classes, 1), training)
        recipe = LabelRecipe(**settings["labels"][member.labels])
        loss = member.loss
        if member.head != REGRESSION:
            loss = ClassLoss(**settings["losses"][member.loss])
        task = task_of(member, data, recipe, getattr(loss, "hard", False), unit)
        _, curve = trainer.fit(task, member.seed, loss)
        predicted = predict(trainer, member, data, "test", unit)
        if member.head == REGRESSION:
            values = pd.DataFrame({"z_mean": predicted})
        else:
            values = describe(predicted, data.classes(member).edges, z_test)
        tables.append(prediction_table(member, test, z_test, values))
        histories.append(history_table(member, curve, training.validate_every))
        if settings["study"].get("probabilities") and member.head != REGRESSION:
            kept[f"{member.key}/test"] = predicted
            for sample in (name for name in OUT_OF_RANGE if name in data.spectra.sample):
                kept[f"{member.key}/{sample}"] = predict(trainer, member, data, sample, unit)
        logger.info(
            "%d of %d networks, %.0f s: %s", number, len(members), time.monotonic() - begin,
            member.key,
        )  # fmt: skip
    write_parquet(pd.concat(tables, ignore_index=True), predictions)
    write_probabilities(kept, probabilities)
    write_csv(pd.concat(histories, ignore_index=True), history)


def history_table(member: Member, curve: np.ndarray, validate_every: int) -> pd.DataFrame:
    """Losses of a network, a row per validation, with the network's keys in front."""
    table = member_table(member, len(curve)).rename(columns={"loss": "loss_name"})
    table["update"] = validate_every * np.arange(1, len(curve) + 1)
    table["loss"], table["val_loss"] = curve[:, 0], curve[:, 1]
    return table


if __name__ == "__main__":
    run(main, snakemake)
