"""Low-rank adaptation (Hu et al. 2022, ICLR): between freezing a layer and training all of it.

The kernel W of each hidden layer that may learn stays as it is and gets a correction A B of low
rank that learns, with the layer's bias; the output layer learns as a whole.
Afterwards W + A B is an ordinary kernel: model files, predictions and strategies that start from
the network need no special case for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from transferz.core.errors import InputError
from transferz.networks.architecture import Architecture, Weights
from transferz.networks.tensorflow import keras
from transferz.networks.training import Fit, Sample, Settings, State, Trainer

# Second entry of the random generators' keys; see architecture.INITIALISATION_STREAM.
ADAPTATION_STREAM = 2


class LowRankTrainer(Trainer):
    """A trainer whose hidden layers learn corrections of low rank.

    Parameters
    ----------
    architecture, settings, train, validation
        See `training.Trainer`; `settings.low_rank` is the rank of each correction, at least 1 and
        less than the width of the narrowest hidden layer.

    Raises
    ------
    InputError
        If the rank is not low.
    """

    def __init__(
        self, architecture: Architecture, settings: Settings, train: Sample, validation: Sample
    ) -> None:
        widest = min(architecture.hidden, default=1) - 1
        if settings.low_rank is None or not 1 <= settings.low_rank <= widest:
            raise InputError(
                "not a low rank",
                key="training.low_rank",
                found=settings.low_rank,
                expected=f"1 to {widest}",
            )
        super().__init__(architecture, settings, train, validation)
        for layer in self._adapted():
            layer.enable_lora(settings.low_rank)
        # Other variables learn now.
        self._prepare()

    def fit(
        self,
        seed: int,
        start: Weights,
        *,
        resume: State | None = None,
        after_epoch: Callable[[int, Callable[[], State]], None] | None = None,
    ) -> Fit:
        """Train one seed; see `training.Trainer.fit`.

        Returns
        -------
        Fit
            With the corrections added to the kernels.
        """
        fit = super().fit(
            seed, self.with_corrections(seed, start), resume=resume, after_epoch=after_epoch
        )
        return Fit(seed, self.merged(fit.weights), fit.losses, fit.best_epoch)

    def with_corrections(self, seed: int, start: Weights) -> Weights:
        """Return weights of the adapted model that compute what `start` does.

        A is drawn uniformly with variance 2 / n_in (He et al. 2015, as Keras does), B is zero.
        """
        generator = np.random.default_rng([seed, ADAPTATION_STREAM])
        plain = [
            variable
            for layer in self._dense()
            for variable in (layer._kernel, layer.bias)
            if variable is not None
        ]
        for variable, value in zip(plain, start, strict=True):
            variable.assign(value)
        for layer in self._adapted():
            n_in, n_out = layer.kernel.shape
            limit = np.sqrt(6.0 / n_in)
            first = generator.uniform(-limit, limit, (n_in, self.settings.low_rank))
            layer.lora_kernel_a.assign(first.astype(np.float32))
            layer.lora_kernel_b.assign(np.zeros((self.settings.low_rank, n_out), np.float32))
        return self.model.get_weights()

    def merged(self, weights: Weights) -> Weights:
        """Return weights of the plain network, in the order of ``keras.Model.get_weights``."""
        self.model.set_weights(weights)
        return [
            np.asarray(keras.ops.convert_to_numpy(array), dtype=np.float32)
            for layer in self._dense()
            # With a correction, `kernel` is W + A B.
            for array in (layer.kernel, layer.bias)
            if array is not None
        ]

    def _dense(self) -> list[keras.layers.Dense]:
        """Return the layers with weights, in the order of the network's weights."""
        return [layer for layer in self.model.layers if layer.weights]

    def _adapted(self) -> list[keras.layers.Dense]:
        """Return the hidden layers that learn."""
        hidden = [self.model.get_layer(name) for name in self.architecture.layers[:-1]]
        return [layer for layer in hidden if layer.trainable]
