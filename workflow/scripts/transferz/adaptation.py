"""Low-rank adaptation (Hu et al. 2022, ICLR): a recipe of transfer between freezing and all.

Each hidden layer's kernel W stays as it is and gets a correction A B of low rank that learns, with
the biases and the output layer. Afterwards W + A B is an ordinary kernel: model files, predictions
and whatever starts from the network know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from transferz.errors import InputError
from transferz.network import OUTPUT, Architecture, Weights
from transferz.training import Fit, Sample, Settings, State, Trainer

# Second entry of the random generators' keys; see network.INITIALISATION_STREAM.
ADAPTATION_STREAM = 2


class LowRankTrainer(Trainer):
    """A trainer whose hidden layers learn corrections of low rank.

    Parameters
    ----------
    architecture, settings, train, validation
        See `training.Trainer`; all layers take part, whatever `settings.trainable`.
    rank : int
        Of each correction, at least 1 and less than the narrowest hidden layer.

    Raises
    ------
    InputError
        If the rank is not low.
    """

    def __init__(
        self,
        architecture: Architecture,
        settings: Settings,
        train: Sample,
        validation: Sample,
        *,
        rank: int,
    ) -> None:
        if not architecture.hidden or not 1 <= rank < min(architecture.hidden):
            raise InputError(
                "not a low rank",
                key="training.rank",
                found=rank,
                expected=f"1 to {min(architecture.hidden, default=1) - 1}",
            )
        super().__init__(architecture, settings, train, validation)
        self.rank = rank
        for layer in self._layers():
            layer.trainable = True
            if layer.name != OUTPUT:
                layer.enable_lora(rank)
        # Other variables learn now: the optimiser and the compiled functions are made anew.
        self.optimizer = keras.optimizers.get(
            {"class_name": settings.optimizer, "config": {"learning_rate": settings.learning_rate}}
        )
        self.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self.optimizer.variables]
        self._epoch = self._compile_epoch()
        self._validate = self._compile_validation()

    def _layers(self) -> list[keras.layers.Dense]:
        return [self.model.get_layer(name) for name in self.architecture.layers]

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
        for number, layer in enumerate(self._layers()):
            kernel, bias = start[2 * number : 2 * number + 2]
            layer._kernel.assign(kernel)
            layer.bias.assign(bias)
            if layer.name != OUTPUT:
                n_in, n_out = kernel.shape
                limit = np.sqrt(6.0 / n_in)
                first = generator.uniform(-limit, limit, (n_in, self.rank))
                layer.lora_kernel_a.assign(first.astype(np.float32))
                layer.lora_kernel_b.assign(np.zeros((self.rank, n_out), dtype=np.float32))
        return self.model.get_weights()

    def merged(self, weights: Weights) -> Weights:
        """Return weights of the plain network, in the order of ``keras.Model.get_weights``."""
        self.model.set_weights(weights)
        return [
            np.asarray(keras.ops.convert_to_numpy(array), dtype=np.float32)
            for layer in self._layers()
            for array in (layer.kernel, layer.bias)
        ]
