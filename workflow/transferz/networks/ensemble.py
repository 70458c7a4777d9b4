"""The networks of all seeds of a strategy as one deep ensemble.

Networks that differ by their initial weights and the order of their training rows alone
(Lakshminarayanan et al. 2017): the median of their redshifts is better than a single one, and
their spread tells where the training data leave them free.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from transferz.core.errors import InputError
from transferz.networks.architecture import build_network
from transferz.networks.model_files import ModelFile, read_models
from transferz.networks.prediction import PREDICTION_ROWS, Predictor
from transferz.networks.tensorflow import keras

logger = logging.getLogger(__name__)

# At least a piece of a catalogue (`predict.chunk_rows`): each network is set once for it.
GALAXIES_AT_A_TIME = 86 * PREDICTION_ROWS


class Ensemble:
    """Networks of one strategy.

    Parameters
    ----------
    files : sequence of ModelFile
        Of the same architecture and scaling.
    seeds : sequence of int, optional
        Members to use; all by default.

    Raises
    ------
    InputError
        If files do not belong together or a seed is in none of them.
    """

    def __init__(self, files: Sequence[ModelFile], seeds: Sequence[int] | None = None) -> None:
        first = files[0]
        for other in files[1:]:
            same = other.architecture == first.architecture and all(
                np.array_equal(other.scaler.arrays()[key], value)
                for key, value in first.scaler.arrays().items()
            )
            if not same:
                raise InputError("networks of different strategies", expected="one strategy")
        weights = {seed: arrays for file in files for seed, arrays in file.weights.items()}
        wanted = sorted(weights) if seeds is None else sorted(set(seeds))
        absent = [seed for seed in wanted if seed not in weights]
        if absent or not wanted:
            raise InputError(
                "seeds without a network", key="seeds", found=absent, expected=sorted(weights)
            )
        self.columns: tuple[str, ...] = first.scaler.columns
        self.seeds: list[int] = wanted
        self._weights = [weights[seed] for seed in wanted]
        self.classes = first.architecture.classes
        self._model = build_network(first.architecture, first.scaler)
        answer = self._model.output
        if self.classes:
            shares = self._model.get_layer("probability").output
            answer = keras.layers.Concatenate()([shares, answer])
        self._predict = Predictor(keras.Model(self._model.inputs, answer))

    @classmethod
    def load(cls, paths: Sequence[str | Path], seeds: Sequence[int] | None = None) -> Ensemble:
        """Read model files, ``models/{strategy}/seeds-{first}-{last}.npz``.

        Raises
        ------
        InputError
            If there is none, or a seed is in two: files left over from a run with other chunks.
        """
        if not paths:
            raise InputError("no model file", fix="run the rule `train` for this strategy")
        files = {path: read_models(path) for path in sorted(map(str, paths))}
        places: dict[int, str] = {}
        for path, file in files.items():
            for seed in file.weights:
                if seed in places:
                    raise InputError(
                        "networks of two runs",
                        file=path,
                        found=f"seed {seed}, which is also in {places[seed]}",
                        expected="each seed in one file",
                        fix="delete the files of the run with another seeds.per_job",
                    )
                places[seed] = path
        return cls(list(files.values()), seeds)

    def members(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Redshift by each network, and the mean of their distributions.

        Parameters
        ----------
        values : numpy.ndarray, shape (n, d), float32
            Unscaled columns, finite.

        Returns
        -------
        redshifts : numpy.ndarray, shape (n, n_seeds), float32
            The bits of the predictions file, wherever a row stands.
        probability : numpy.ndarray, shape (n, n_classes), float32, or None
            Mixture of the networks' probabilities of `classes`, where they give any.
        """
        redshifts = np.empty((len(values), len(self.seeds)), dtype=np.float32)
        total = np.zeros((len(values), self.classes.bins), np.float32) if self.classes else None
        for column, weights in enumerate(self._weights):
            self._model.set_weights(weights)
            answer = self._predict(values)
            redshifts[:, column] = answer[:, -1]
            if total is not None:
                total += answer[:, :-1]
        return redshifts, None if total is None else total / np.float32(len(self.seeds))

    @cached_property
    def _last_hidden(self) -> Predictor:
        layers = [layer.name for layer in self._model.layers if layer.name.startswith("hidden_")]
        if not layers:
            raise InputError(
                "networks without a hidden layer", expected="network.hidden: [200, ...]"
            )
        return Predictor(keras.Model(self._model.inputs, self._model.get_layer(layers[-1]).output))

    def hidden(self, values: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the last hidden layer of each network, shape (n, units), float32, by seed.

        Raises
        ------
        InputError
            If the networks have no hidden layer.
        """
        for weights in self._weights:
            self._model.set_weights(weights)
            yield self._last_hidden(values)

    def estimate(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return what the networks say together.

        Returns
        -------
        centre, spread : numpy.ndarray, shape (n,), float64
            Median over the networks and their standard deviation (n - 1).
        probability : numpy.ndarray, shape (n, n_classes), float32, or None
            See `members`.
        """
        centre, spread = np.empty(len(values)), np.empty(len(values))
        shares = []
        # Blocks bound the memory by rows, not by rows times networks.
        step = GALAXIES_AT_A_TIME
        for start in range(0, len(values), step):
            rows = slice(start, start + step)
            members, probability = self.members(values[rows])
            redshifts = members.astype(np.float64)
            centre[rows] = np.median(redshifts, axis=1)
            spread[rows] = redshifts.std(axis=1, ddof=1) if len(self.seeds) > 1 else 0.0
            shares.append(probability)
        return centre, spread, np.concatenate(shares) if self.classes else None
