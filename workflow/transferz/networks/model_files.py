"""Model files: the networks of several seeds of a strategy in one ``.npz``."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transferz.core.errors import InputError
from transferz.core.products import atomic_path
from transferz.networks.architecture import MEDIAN, Architecture, Weights, build_network
from transferz.networks.features import Scaler
from transferz.networks.soft_labels import Classes
from transferz.networks.tensorflow import keras


@dataclass(frozen=True)
class ModelFile:
    """Contents of a model file: one architecture and scaling, the weights of several seeds."""

    architecture: Architecture
    scaler: Scaler
    weights: dict[int, Weights]

    def of_seed(self, seed: int, *, file: str | Path | None = None) -> Weights:
        """Weights of one seed; an `InputError` names the seeds there are."""
        if seed not in self.weights:
            raise InputError(
                "seed not in the file", file=file, found=sorted(self.weights), expected=seed
            )
        return self.weights[seed]


def save_models(
    path: str | Path,
    architecture: Architecture,
    scaler: Scaler,
    weights: Mapping[int, Sequence[np.ndarray]],
) -> None:
    """Write the networks of several seeds to one ``.npz`` file.

    Each weight array has the seeds on its first axis, in ascending order. The file needs no
    pickle to be read, and its bytes depend on the contents only.
    """
    seeds = sorted(weights)
    arrays = {
        "seeds": np.array(seeds, dtype=np.int64),
        "n_inputs": np.array(architecture.n_inputs),
        "hidden": np.array(architecture.hidden, dtype=np.int64),
        "activation": np.array(architecture.activation),
        "skip": np.array(architecture.skip),
        **scaler.arrays(),
    }
    if architecture.classes:
        arrays["z_max"] = np.array(architecture.classes.z_max)
    for index, name in enumerate(architecture.weight_shapes):
        arrays[name] = np.stack([weights[seed][index] for seed in seeds])
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def read_models(path: str | Path) -> ModelFile:
    """Read a file written by `save_models`.

    Raises
    ------
    InputError
        If the file is missing, damaged or not a model file.
    """
    if not Path(path).is_file():
        raise InputError("model file not found", file=path, fix="run the rule `train`")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            architecture = Architecture(
                int(arrays["n_inputs"]),
                tuple(int(units) for units in arrays["hidden"]),
                str(arrays["activation"]),
                bool(arrays["skip"]),
                _classes(arrays),
            )
            scaler = Scaler.from_arrays(arrays)
            stacks = [arrays[name] for name in architecture.weight_shapes]
            seeds = arrays["seeds"].tolist()
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            "not a model file of this workflow",
            file=path,
            found=str(error),
            fix="delete the file and run again to re-make it",
        ) from error
    weights = {seed: [stack[k] for stack in stacks] for k, seed in enumerate(seeds)}
    return ModelFile(architecture, scaler, weights)


def _classes(arrays: Mapping[str, np.ndarray]) -> Classes | None:
    if "z_max" not in arrays:
        return None
    return Classes(arrays[f"{MEDIAN}.kernel"].shape[1], float(arrays["z_max"]))


def load_model(path: str | Path, seed: int) -> keras.Model:
    """Network of one seed as a plain Keras model that takes raw magnitudes.

    ``predict_redshift(load_model(path, seed), magnitudes)`` gives the bits of the predictions
    file. Keras' own ``predict`` may differ from it in the last bit: there the kernel of a row
    depends on the batch size.

    Parameters
    ----------
    path : path-like
        ``models/{strategy}/seeds-{first}-{last}.npz``.
    seed : int

    Returns
    -------
    keras.Model
        From the columns named in the file (AB magnitudes), shape (n, n_inputs), to redshift,
        shape (n, 1). It has no custom layer: ``model.save`` and Keras' own loader work on it.

    Raises
    ------
    InputError
        If the file is not a model file or lacks the seed.
    """
    contents = read_models(path)
    model = build_network(contents.architecture, contents.scaler)
    model.set_weights(contents.of_seed(seed, file=path))
    return model
