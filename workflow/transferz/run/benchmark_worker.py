"""One process of the training benchmark: does what it is told over its standard input.

Started by `benchmarking.Worker` as ``python -m transferz.run.benchmark_worker``. The process
trains either with plain Keras ``fit``, as the authors' public code does, or with the trainer of
this workflow, on the same synthetic galaxies.
"""

from __future__ import annotations

import itertools
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.products import read_parquet, write_parquet
from transferz.networks import training
from transferz.networks.architecture import Architecture, build_network, initial_weights
from transferz.networks.checkpoints import Checkpoint, train_seeds
from transferz.networks.features import REDSHIFT, Scaler, feature_matrix, target_vector
from transferz.networks.losses import get_loss
from transferz.networks.model_files import save_models
from transferz.networks.tensorflow import configure_tensorflow, keras, tf
from transferz.networks.training import Fit, Sample, Settings, State, Trainer
from transferz.run.benchmarking import answer_commands, synthetic_galaxies, timed

# Seconds that a short measurement is repeated for.
MEASURE_SECONDS = 0.3


def seconds_per_call(function: Callable[[], object]) -> float:
    """Median processor time of a call, this thread's and the library's together."""
    function()
    times: list[float] = []
    while sum(times) < MEASURE_SECONDS or len(times) < 3:
        begin = time.process_time()
        function()
        times.append(time.process_time() - begin)
    return float(np.median(times))


class KerasFit:
    """The authors' way: one model after another through ``keras.Model.fit``."""

    def __init__(
        self, architecture: Architecture, settings: Settings, *samples: Sample, fast: bool
    ) -> None:
        self.settings, (self.train, self.validation) = settings, samples
        self.model = build_network(architecture)
        optimizer = keras.optimizers.Adam(learning_rate=settings.learning_rate)
        options = {"jit_compile": True, "steps_per_execution": 20} if fast else {}
        loss = get_loss(settings.loss, settings.gamma)
        self.model.compile(optimizer=optimizer, loss=loss, **options)

    def run(self, seeds: list[int], epochs: int) -> None:
        """Train; the model is reused, so that nothing is traced a second time."""
        for _ in seeds:
            stopping = keras.callbacks.EarlyStopping(
                patience=self.settings.patience, restore_best_weights=True
            )
            self.model.fit(
                self.train.x, self.train.z, batch_size=self.settings.batch_size, epochs=epochs,
                validation_data=(self.validation.x, self.validation.z), callbacks=[stopping],
                verbose=0,
            )  # fmt: skip


class Fused:
    """The way of this workflow, as `train.py` calls it."""

    def __init__(
        self, architecture: Architecture, settings: Settings, train: Sample, validation: Sample
    ) -> None:
        self.architecture, self.settings = architecture, settings
        self.trainer = Trainer(architecture, settings, train, validation)

    def run(self, seeds: list[int], epochs: int) -> None:
        """Train one seed after another, with checkpoints."""
        # The compiled functions depend on no setting that changes here.
        self.trainer.settings = Settings(
            **{**vars(self.settings), "max_epochs": epochs, "patience": epochs}
        )
        starts = {seed: initial_weights(self.architecture, seed) for seed in seeds}
        with tempfile.TemporaryDirectory() as folder:
            train_seeds(self.trainer, starts, checkpoint=Checkpoint(folder, "benchmark"))


class Process:
    """What the commands act on."""

    def __init__(self, hidden: list[int], n_inputs: int, threads: int) -> None:
        configure_tensorflow(threads)
        self.architecture = Architecture(n_inputs, tuple(hidden))
        self.runner: KerasFit | Fused | None = None

    def prepare(
        self, way: str, rows: int, validation_rows: int, training_keys: dict[str, object]
    ) -> dict[str, float]:
        """Make the data and compile: one epoch, not counted as training."""
        begin = time.perf_counter()
        settings = Settings.from_config(training_keys)
        samples = [
            Sample(*synthetic_galaxies(n, self.architecture.n_inputs, k))
            for k, n in enumerate((rows, validation_rows))
        ]
        if way == "fused":
            self.runner = Fused(self.architecture, settings, *samples)
        else:
            self.runner = KerasFit(self.architecture, settings, *samples, fast=way == "fit_fast")
        self.runner.run([0], 1)
        first = time.perf_counter() - begin
        begin = time.perf_counter()
        self.runner.run([0], 1)
        return {"compile": max(0.0, first - (time.perf_counter() - begin))}

    def train(self, seeds: list[int], epochs: int) -> dict[str, float]:
        """Train; wall and processor seconds."""
        return timed(self.runner.run, seeds, epochs)

    def peak(self, size: int, seconds: float) -> dict[str, float]:
        """Rate of a square matrix product in XLA, 10^9 operations per second of wall time."""
        matrix = tf.random.stateless_normal((size, size), seed=(1, 2)) / size**0.5
        loops = max(1, round(2e9 / (2 * size**3)))

        @tf.function(jit_compile=True)
        def multiply(a: tf.Tensor) -> tf.Tensor:
            for _ in tf.range(loops):
                a = tf.matmul(a, matrix)
            return a

        multiply(matrix).numpy()
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            multiply(matrix).numpy()
            count += 1
        spent = time.perf_counter() - begin
        return {"gflops": 2 * size**3 * loops * count / spent / 1e9}

    def profile(self) -> dict[str, float]:
        """Where a training step goes: seconds of processor time per step, part by part.

        The parts are measured alone, so that they need not add up to the step.
        """
        trainer, size = self.runner.trainer, self.runner.settings.batch_size
        n_steps = len(trainer.train) // size
        order = tf.constant(training.permutation(0, 1, n_steps * size))
        whole = Fused(
            self.architecture,
            self.runner.settings,
            Sample(trainer.train.x[: n_steps * size], trainer.train.z[: n_steps * size]),
            trainer.validation,
        ).trainer
        model, optimizer = whole.model, whole.optimizer
        gradients = [tf.ones_like(variable) * 1e-3 for variable in model.trainable_variables]
        x, z = tf.constant(whole.train.x), tf.constant(whole.train.z)

        @tf.function(jit_compile=True)
        def update() -> tf.Tensor:
            for _ in tf.range(n_steps):
                optimizer.apply(gradients, model.trainable_variables)
            return optimizer.iterations

        @tf.function(jit_compile=True)
        def gather(order: tf.Tensor) -> tf.Tensor:
            total = tf.zeros((size, 1))
            for k in tf.range(n_steps):
                rows = tf.slice(order, [k * size], [size])
                total += tf.gather(x, rows)[:, :1] + tf.gather(z, rows)
            return total

        n_blocks = max(1, len(trainer.validation))
        return {
            "step": seconds_per_call(lambda: whole._epoch(order).numpy()) / n_steps,
            "matrix products": seconds_per_call(self._products(size, 20)) / 20,
            "optimiser": seconds_per_call(lambda: update().numpy()) / n_steps,
            "gather of the rows": seconds_per_call(lambda: gather(order).numpy()) / n_steps,
            "validation per galaxy": seconds_per_call(lambda: whole._validate().numpy()) / n_blocks,
            "permutation": seconds_per_call(lambda: training.permutation(0, 1, n_steps * size))
            / n_steps,
        }

    def _products(self, size: int, loops: int) -> Callable[[], object]:
        """All matrix products of a training step with nothing between them, `loops` times."""
        widths = [self.architecture.n_inputs, *self.architecture.hidden]
        generator = tf.random.Generator.from_seed(1)
        kernels = [
            generator.normal((n_in, n_out)) / n_in**0.5
            for n_in, n_out in itertools.pairwise(widths)
        ]

        @tf.function(jit_compile=True)
        def run(x: tf.Tensor) -> list[tf.Tensor]:
            gradients = [tf.zeros_like(kernel) for kernel in kernels]
            for _ in tf.range(loops):
                layers = [x]
                for kernel in kernels:
                    layers.append(tf.matmul(layers[-1], kernel))
                delta, found = layers.pop(), []
                for k in reversed(range(len(kernels))):
                    found.insert(0, tf.matmul(layers[k], delta, transpose_a=True))
                    if k:
                        delta = tf.matmul(delta, kernels[k], transpose_b=True)
                gradients = found
                # What changes with each turn cannot be taken out of the loop.
                x = x + 1e-9 * delta[:, : x.shape[1]]
            return gradients

        x = generator.normal((size, widths[0]))
        return lambda: run(x)[0].numpy()

    def checkpoint(self) -> dict[str, float]:
        """Seconds to keep the state of a seed, and a finished one."""
        trainer, start = self.runner.trainer, initial_weights(self.architecture, 0)
        optimizer = [variable.numpy() for variable in trainer.optimizer.variables]
        with tempfile.TemporaryDirectory() as folder:
            kept = Checkpoint(folder, "benchmark")
            times = []
            for _ in range(5):
                begin = time.perf_counter()
                kept.save_state(0, State(start, optimizer, start, [(0.5, 0.5)] * 40))
                middle = time.perf_counter()
                kept.save_fit(Fit(0, start, np.zeros((40, 2)), 1))
                times.append((middle - begin, time.perf_counter() - middle))
        state, finished = np.median(times, axis=0)
        return {"state": float(state), "finished": float(finished)}

    def write(self, seeds: int) -> dict[str, float]:
        """Seconds to write a model file."""
        n_inputs = self.architecture.n_inputs
        zeros = np.zeros(n_inputs, dtype=np.float32)
        columns = tuple(f"mag_{k}" for k in range(n_inputs))
        weights = {seed: initial_weights(self.architecture, seed) for seed in range(seeds)}
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            scaler = Scaler(columns, zeros, zeros + 1)
            save_models(Path(folder) / "models.npz", self.architecture, scaler, weights)
            return {"write": time.perf_counter() - begin}

    def load(self) -> dict[str, float]:
        """Seconds to read a split catalogue and make the training matrices from it."""
        sample = self.runner.trainer.train
        columns = [f"mag_{k}" for k in range(self.architecture.n_inputs)]
        table = pd.DataFrame(sample.x, columns=columns).assign(redshift=sample.z[:, 0])
        with tempfile.TemporaryDirectory() as folder:
            write_parquet(table, Path(folder) / "split.parquet")
            begin = time.perf_counter()
            table = read_parquet(Path(folder) / "split.parquet", [*columns, REDSHIFT])
            values = feature_matrix(table, columns)
            scaled = Scaler.fit(values, columns).transform(values)
            target_vector(table)
            return {"load": time.perf_counter() - begin, "rows": len(scaled)}

    def memory(self) -> dict[str, float]:
        """Peak resident memory of this process, MiB."""
        return {"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    answer_commands(Process)
