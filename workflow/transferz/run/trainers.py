"""Trainers that a user would pick today, as a process of a benchmark: plain JAX, and Keras on JAX.

Started by `transferz.run.benchmarking.Worker` as ``python -m transferz.run.trainers``. The same
network, loss, optimiser, rows and batches as `transferz.networks.training` has. JAX and optax are
in envs/peers.txt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from transferz.run.benchmarking import answer_commands, synthetic_galaxies, timed


def predict(weights: list[Any], x: Any) -> Any:
    """Return redshifts, shape (n, 1): dense layers, then the inputs beside the last of them."""
    import jax.numpy as jnp

    layer = x
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        layer = jnp.maximum(layer @ kernel + bias, 0.0)
    return jnp.concatenate([x, layer], axis=1) @ weights[-2] + weights[-1]


def mean_loss(weights: list[Any], x: Any, z: Any, gamma: float) -> Any:
    """Return the mean HSC loss (`transferz.networks.losses.hsc_loss`)."""
    dz = (predict(weights, x) - z) / (1.0 + z)
    return (1.0 - 1.0 / (1.0 + (dz / gamma) ** 2)).mean()


def initial(hidden: Sequence[int], n_inputs: int, seed: int) -> list[Any]:
    """Return kernels (Glorot uniform) and biases (0), in Keras' order."""
    draw = np.random.default_rng(seed)
    before = [n_inputs, *hidden[:-1], hidden[-1] + n_inputs]
    weights = []
    for n_in, n_out in zip(before, [*hidden, 1], strict=True):
        limit = np.sqrt(6.0 / (n_in + n_out))
        weights.append(draw.uniform(-limit, limit, (n_in, n_out)).astype(np.float32))
        weights.append(np.zeros(n_out, np.float32))
    return weights


class PlainJax:
    """A jitted epoch: `lax.scan` over the batches, Adam of optax.

    Parameters
    ----------
    hidden : sequence of int
    train, validation : pair of numpy.ndarray
        Inputs and redshifts.
    keys : mapping
        Keys of ``training`` in the configuration.
    """

    def __init__(
        self,
        hidden: Sequence[int],
        train: Sequence[np.ndarray],
        validation: Sequence[np.ndarray],
        keys: Mapping[str, Any],
    ) -> None:
        import jax
        import optax

        self.hidden, self.n_inputs = hidden, train[0].shape[1]
        x, z = map(jax.numpy.asarray, train)
        gamma, size = keys["gamma"], keys["batch_size"]
        n_full, n_rest = divmod(len(x), size)
        # Keras adds its epsilon where optax does.
        self.optimizer = optax.adam(keys["learning_rate"], eps=1e-7)

        def step(state: tuple, rows: Any) -> tuple:
            weights, moments = state
            loss, slope = jax.value_and_grad(mean_loss)(weights, x[rows], z[rows], gamma)
            change, moments = self.optimizer.update(slope, moments)
            return (optax.apply_updates(weights, change), moments), loss

        @jax.jit
        def epoch(state: tuple, order: Any) -> tuple:
            full, rest = order[: n_full * size], order[n_full * size :]
            state, losses = jax.lax.scan(step, state, full.reshape(n_full, size))
            if n_rest:
                state, loss = step(state, rest)
                losses = jax.numpy.append(losses, loss)
            return state, losses

        x_validation, z_validation = map(jax.numpy.asarray, validation)
        self.n_rows, self.epoch = len(x), epoch
        self.validate: Callable = jax.jit(
            lambda weights: mean_loss(weights, x_validation, z_validation, gamma)
        )

    def begin(self, weights: list[Any]) -> tuple:
        """Return the state of a training that begins with these weights."""
        import jax.numpy as jnp

        weights = [jnp.asarray(weight) for weight in weights]
        return weights, self.optimizer.init(weights)

    def run(self, seeds: Sequence[int], epochs: int) -> None:
        """Train one seed after another; the weights of the best epoch are kept."""
        for seed in seeds:
            state, best = self.begin(initial(self.hidden, self.n_inputs, seed)), (np.inf, None)
            draw = np.random.default_rng(seed)
            for _ in range(epochs):
                state, losses = self.epoch(state, draw.permutation(self.n_rows).astype(np.int32))
                np.asarray(losses).mean()
                best = min(best, (float(self.validate(state[0])), state[0]), key=lambda one: one[0])


class KerasOnJax:
    """Keras `fit` with its JAX backend, jitted; validation and best weights as ours."""

    def __init__(
        self,
        hidden: Sequence[int],
        train: Sequence[np.ndarray],
        validation: Sequence[np.ndarray],
        keys: Mapping[str, Any],
    ) -> None:
        os.environ["KERAS_BACKEND"] = "jax"
        import keras

        self.train, self.validation, self.size = train, validation, keys["batch_size"]
        inputs = layer = keras.Input((train[0].shape[1],))
        for units in hidden:
            layer = keras.layers.Dense(units, activation="relu")(layer)
        output = keras.layers.Dense(1)(keras.layers.Concatenate()([inputs, layer]))
        self.model = keras.Model(inputs, output)
        gamma = keys["gamma"]

        def loss(z_true: Any, z_pred: Any) -> Any:
            dz = (z_pred - z_true) / (1.0 + z_true)
            return 1.0 - 1.0 / (1.0 + keras.ops.square(dz / gamma))

        adam = keras.optimizers.Adam(keys["learning_rate"])
        self.model.compile(optimizer=adam, loss=loss, jit_compile=True)

    def run(self, seeds: Sequence[int], epochs: int) -> None:
        """Train; the model is reused, so that nothing is compiled a second time."""
        import keras

        for _ in seeds:
            best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
            self.model.fit(
                *self.train,
                batch_size=self.size,
                epochs=epochs,
                validation_data=self.validation,
                callbacks=[best],
                verbose=0,
            )


class JaxProcess:
    """What the commands act on; one core, as the trainers of this project have."""

    def __init__(self, hidden: list[int], n_inputs: int, threads: int) -> None:
        cores = sorted(os.sched_getaffinity(0))
        # JAX makes as many threads as it has cores, whatever it is told.
        os.sched_setaffinity(0, cores[:threads])
        self.hidden, self.n_inputs = hidden, n_inputs

    def prepare(
        self, way: str, rows: int, validation_rows: int, training_keys: dict[str, Any]
    ) -> dict[str, float]:
        """Make the data and compile: one epoch, not counted as training."""
        samples = [
            synthetic_galaxies(n, self.n_inputs, k) for k, n in enumerate((rows, validation_rows))
        ]
        kind = {"jax": PlainJax, "keras_jax": KerasOnJax}[way]
        self.runner = kind(self.hidden, *samples, training_keys)
        self.runner.run([0], 1)
        return {}

    def train(self, seeds: list[int], epochs: int) -> dict[str, float]:
        """Train; wall and processor seconds."""
        return timed(self.runner.run, seeds, epochs)


if __name__ == "__main__":
    answer_commands(JaxProcess)
