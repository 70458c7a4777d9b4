"""Seeds trained one after another, with checkpoints that outlive a killed job."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from transferz.core.products import atomic_path
from transferz.core.progress import Progress
from transferz.networks.architecture import Weights
from transferz.networks.tensorflow import keras, tf
from transferz.networks.training import Fit, State, Trainer

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 30.0


class Checkpoint:
    """Finished seeds, and the one under way, in a folder that outlives a killed job.

    Every file carries a fingerprint of all that determines the result; a file with another one,
    or a damaged one, is ignored.

    Parameters
    ----------
    folder : path-like
    fingerprint : str
    """

    def __init__(self, folder: str | Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = Path(folder), fingerprint

    def save_fit(self, fit: Fit) -> None:
        """Keep a finished seed."""
        arrays = {"losses": fit.losses, "best_epoch": np.array(fit.best_epoch)}
        self._write(f"seed-{fit.seed:03d}.npz", arrays, {"weights": fit.weights})

    def load_fit(self, seed: int) -> Fit | None:
        """Return a finished seed, or None."""
        content = self._read(f"seed-{seed:03d}.npz", ("weights",))
        if content is None:
            return None
        arrays, lists = content
        return Fit(seed, lists["weights"], arrays["losses"], int(arrays["best_epoch"]))

    def save_state(self, seed: int, state: State) -> None:
        """Keep the seed under way, in place of the one kept before."""
        arrays = {"seed": np.array(seed), "losses": np.array(state.losses, dtype=np.float64)}
        lists = {"weights": state.weights, "optimizer": state.optimizer, "best": state.best}
        self._write("running.npz", arrays, lists)

    def load_state(self, seed: int) -> State | None:
        """Return the state of `seed` if it was under way, or None."""
        content = self._read("running.npz", ("weights", "optimizer", "best"))
        if content is None or int(content[0]["seed"]) != seed:
            return None
        arrays, lists = content
        losses = [(float(train), float(validation)) for train, validation in arrays["losses"]]
        return State(**lists, losses=losses)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(
        self, name: str, arrays: Mapping[str, np.ndarray], lists: Mapping[str, Weights]
    ) -> None:
        flat = {
            f"{key}/{k}": value for key, values in lists.items() for k, value in enumerate(values)
        }
        with atomic_path(self.folder / name) as temporary:
            np.savez(temporary, fingerprint=np.array(self.fingerprint), **arrays, **flat)

    def _read(
        self, name: str, lists: Sequence[str]
    ) -> tuple[dict[str, np.ndarray], dict[str, Weights]] | None:
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                if str(stored["fingerprint"]) != self.fingerprint:
                    logger.info("Checkpoint %s belongs to other settings: ignored", path)
                    return None
                arrays = {key: stored[key] for key in stored.files}
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile):
            logger.warning("Checkpoint %s is damaged: ignored", path)
            return None
        grouped = {
            key: [arrays[f"{key}/{k}"] for k in range(sum(n.startswith(f"{key}/") for n in arrays))]
            for key in lists
        }
        return arrays, grouped


def fingerprint(
    trainer: Trainer, start: Iterable[Weights], code: str = "", device: str = "cpu"
) -> str:
    """Hash of everything that determines the trained weights of a chunk.

    Parameters
    ----------
    trainer : Trainer
        Its data, architecture and settings.
    start : iterable of lists of numpy.ndarray
        Weights each seed starts from.
    code : str
        Hash of the program.
    device : str
        ``cpu`` or ``gpu``: a GPU gives other bits.
    """
    settings = {
        "settings": asdict(trainer.settings),
        "architecture": asdict(trainer.architecture),
        "versions": [tf.__version__, keras.__version__, np.__version__],
        "code": code,
        "device": device,
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for sample in (trainer.train, trainer.validation):
        for array in (sample.x, sample.z):
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array))
    for weights in start:
        for array in weights:
            digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def train_seeds(
    trainer: Trainer,
    start: Mapping[int, Weights],
    *,
    label: str = "training",
    checkpoint: Checkpoint | None = None,
) -> dict[int, Fit]:
    """Train seeds one after another.

    Parameters
    ----------
    trainer : Trainer
    start : mapping of int to list of numpy.ndarray
        Seeds and the weights they start from.
    label : str
        Of the progress lines.
    checkpoint : Checkpoint, optional
        Take finished seeds from it, and keep each seed there when it is done and the one under
        way every half minute.

    Returns
    -------
    dict of int to Fit

    Raises
    ------
    InputError
        If a loss is not finite. The finished seeds stay in the checkpoint.
    """
    progress = Progress(label, len(start), len(trainer.train))
    fits: dict[int, Fit] = {}
    for seed, weights in start.items():
        fit = checkpoint.load_fit(seed) if checkpoint else None
        restored = fit is not None
        if fit is None:
            resume = checkpoint.load_state(seed) if checkpoint else None
            if resume:
                logger.info("%s: seed %d goes on after epoch %d", label, seed, len(resume.losses))
            saver = _Saver(seed, progress, checkpoint)
            fit = trainer.fit(seed, weights, resume=resume, after_epoch=saver)
            if checkpoint:
                checkpoint.save_fit(fit)
        fits[seed] = fit
        progress.seed(restored=restored)
    progress.end()
    return fits


class _Saver:
    """Counts the epochs of a seed and keeps its state now and then."""

    def __init__(self, seed: int, progress: Progress, checkpoint: Checkpoint | None) -> None:
        self.seed, self.progress, self.checkpoint = seed, progress, checkpoint
        self.saved = time.monotonic()

    def __call__(self, epoch: int, snapshot: Callable[[], State]) -> None:
        if self.checkpoint and time.monotonic() - self.saved >= CHECKPOINT_SECONDS:
            self.checkpoint.save_state(self.seed, snapshot())
            self.saved = time.monotonic()
        self.progress.epoch(self.seed, epoch)
