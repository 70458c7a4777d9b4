"""One-dimensional convolutional networks for spectra, and their fast training.

As in `networks.training`, many small Keras networks are trained in one process, a stretch of
updates per compiled call. XLA's own convolution is very slow on a CPU; `MatrixConv1D` is Keras'
Conv1D written as one matrix product, which XLA runs at full speed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from transferz.core.errors import InputError
from transferz.networks.architecture import Weights
from transferz.networks.losses import ClassLoss, class_loss
from transferz.networks.tensorflow import keras, tf
from transferz.spectra.studies import ABSOLUTE_ERROR

logger = logging.getLogger(__name__)

WEIGHTS_STREAM = 75
ORDER_STREAM = 76
OUTPUT_ROWS = 512


@dataclass(frozen=True)
class SpectraArchitecture:
    """Shape of a network.

    Attributes
    ----------
    convolutions : tuple of (int, int, int)
        Filters, kernel size and stride of each convolution; the kernel is a multiple of the
        stride, the number of pixels at each layer too.
    dense : tuple of int
        Units of dense layers between the convolutions and the head.
    pooling : bool
        After every convolution, the largest of three pixels at every second, then batch
        normalisation.
    dropout : float
        Share of units left out before every dense layer and before the head.
    activation : str
        Of the dense layers.
    l2 : float
        Factor on the sum of squares of the dense layers' kernels, added to the loss.
    """

    convolutions: tuple[tuple[int, int, int], ...]
    dense: tuple[int, ...] = ()
    pooling: bool = False
    dropout: float = 0.0
    activation: str = "relu"
    l2: float = 0.0

    @classmethod
    def from_config(cls, entry: Mapping[str, object]) -> SpectraArchitecture:
        """SpectraArchitecture from an entry of ``spectra.architectures``."""
        rows = [(row["filters"], row["kernel"], row["stride"]) for row in entry["convolutions"]]
        names = ("pooling", "dropout", "activation", "l2")
        rest = {name: entry[name] for name in names if name in entry}
        return cls(tuple(rows), tuple(entry["dense"]), **rest)


@keras.saving.register_keras_serializable(package="transferz")
class MatrixConv1D(keras.layers.Conv1D):
    """Keras' Conv1D with `same` padding as one matrix product.

    The pixels are cut into groups of the stride's length, neighbouring groups are put side by side
    until they hold the kernel, and one product with the kernel follows: the same weights and, to
    rounding, the same result as Conv1D.
    """

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights; raise an `InputError` if kernel, stride and pixels do not fit."""
        kernel, stride, pixels = self.kernel_size[0], self.strides[0], input_shape[1]
        if kernel % stride or pixels % stride:
            raise InputError(
                "kernel and number of pixels must be multiples of the stride",
                key="spectra.architectures",
                found=f"kernel {kernel}, stride {stride}, {pixels} pixels",
                fix="change the stride, the kernel or spectra.grism.pixels",
            )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Convolve; (n, pixels, channels) to (n, pixels / stride, filters)."""
        kernel, stride = self.kernel_size[0], self.strides[0]
        pixels, channels = inputs.shape[1], inputs.shape[2]
        extra = kernel - stride
        padded = tf.pad(inputs, [[0, 0], [extra // 2, extra - extra // 2], [0, 0]])
        groups = tf.reshape(padded, [-1, (pixels + extra) // stride, stride * channels])
        n_out = pixels // stride
        windows = tf.concat([groups[:, k : k + n_out] for k in range(kernel // stride)], axis=-1)
        flat = tf.reshape(windows, [-1, kernel * channels])
        product = tf.matmul(flat, tf.reshape(self.kernel, [-1, self.filters])) + self.bias
        return self.activation(tf.reshape(product, [-1, n_out, self.filters]))


def build_network(architecture: SpectraArchitecture, pixels: int, outputs: int) -> keras.Model:
    """Convolutions, dense layers, and a linear head.

    Parameters
    ----------
    architecture : SpectraArchitecture
    pixels : int
    outputs : int
        1 for a regression, else the number of classes; the outputs are logits, their softmax the
        probabilities.

    Returns
    -------
    keras.Model
        From (n, pixels) to (n, outputs).
    """
    inputs = keras.Input((pixels,), name="spectrum", dtype="float32")
    layer = keras.layers.Reshape((pixels, 1), name="channel")(inputs)
    # With pooling nothing is compiled by XLA, which is slow at it on a CPU.
    convolution = keras.layers.Conv1D if architecture.pooling else MatrixConv1D
    for number, (filters, kernel, stride) in enumerate(architecture.convolutions, start=1):
        layer = convolution(
            filters, kernel, stride, padding="same", activation="relu", name=f"conv_{number}"
        )(layer)
        if architecture.pooling:
            layer = keras.layers.MaxPooling1D(3, 2, "same", name=f"pool_{number}")(layer)
            layer = keras.layers.BatchNormalization(name=f"normalise_{number}")(layer)
    layer = keras.layers.Flatten(name="flat")(layer)
    penalty = keras.regularizers.L2(architecture.l2) if architecture.l2 else None
    for number, units in enumerate(architecture.dense, start=1):
        if architecture.dropout:
            layer = keras.layers.Dropout(architecture.dropout, seed=number)(layer)
        dense = keras.layers.Dense(units, architecture.activation, kernel_regularizer=penalty)
        layer = dense(layer)
    if architecture.dropout:
        layer = keras.layers.Dropout(architecture.dropout, seed=0)(layer)
    head = keras.layers.Dense(outputs, name="head")(layer)
    return keras.Model(inputs, head, name="spectroscopic_redshift")


def initial_weights(model: keras.Model, seed: int) -> Weights:
    """Draw the initial weights of one seed with NumPy: the same in every process.

    Keras' default, Glorot uniform kernels (Glorot & Bengio 2010, eq. 16), zero biases, and a
    batch normalisation that changes nothing.

    Returns
    -------
    list of numpy.ndarray
        float32, in the order of ``model.get_weights``.
    """
    generator = np.random.default_rng([WEIGHTS_STREAM, seed])
    weights = []
    for variable in model.weights:
        shape = tuple(variable.shape)
        if len(shape) == 1:
            ones = variable.name in ("gamma", "moving_variance")
            weights.append(np.full(shape, float(ones), dtype=np.float32))
            continue
        field = int(np.prod(shape[:-2]))
        limit = np.sqrt(6.0 / (field * (shape[-2] + shape[-1])))
        weights.append(generator.uniform(-limit, limit, shape).astype(np.float32))
    return weights


def regression_loss(target: tf.Tensor, output: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Loss of a regression head, shape (n,): squared error, or absolute if ``weights[0]`` is 1."""
    error = output[:, 0] - target[:, 0]
    return tf.where(weights[0] > 0, tf.abs(error), tf.square(error))


# ---------------------------------------------------------------------------------------------
# Training
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpectraSettings:
    """How every network is trained; the keys of ``spectra.training``.

    Attributes
    ----------
    learning_rate : float
        Of Adam at the start.
    batch_size : int
    updates : int
        Number of batches, the same whatever the size of the training set.
    validate_every : int
        Batches between validations.
    cosine : bool
        The rate falls to 0 along half a cosine; else it stays.
    keep_best : bool
        Keep the weights of the best validation; else the last.
    """

    learning_rate: float
    batch_size: int
    updates: int
    validate_every: int
    cosine: bool = True
    keep_best: bool = True


@dataclass(frozen=True)
class Task:
    """Training and validation data of one member.

    Attributes
    ----------
    x, validation_x : numpy.ndarray
        Shape (n, pixels), float32, scaled spectra.
    target, validation_target : numpy.ndarray
        Shape (n, outputs), float32: redshift on the unit range, or class probabilities.
    """

    x: np.ndarray
    target: np.ndarray
    validation_x: np.ndarray
    validation_target: np.ndarray


class SpectraTrainer:
    """One compiled network, trained for one task and seed after another.

    The number of rows is not part of the compiled function: training sets of any size, all
    losses, noises and seeds share it.

    Parameters
    ----------
    architecture : SpectraArchitecture
    pixels : int
    outputs : int
        1 is a regression.
    settings : SpectraSettings
    """

    def __init__(
        self,
        architecture: SpectraArchitecture,
        pixels: int,
        outputs: int,
        settings: SpectraSettings,
    ) -> None:
        self.settings = settings
        self.pixels, self.outputs = pixels, outputs
        self.model = build_network(architecture, pixels, outputs)
        self.optimizer = keras.optimizers.Adam(settings.learning_rate)
        self.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self.optimizer.variables]
        dropouts = [each for each in self.model.layers if isinstance(each, keras.layers.Dropout)]
        self._dropout_states = [layer.seed_generator.state for layer in dropouts]
        self._loss = regression_loss if outputs == 1 else class_loss
        self._jit = not architecture.pooling
        self._stretch = self._compile_stretch()
        self._forward = tf.function(self.model, jit_compile=self._jit)

    def _compile_stretch(self) -> Callable[..., tf.Tensor]:
        """`validate_every` updates on batches that are already in order, to their losses."""
        model, optimizer, loss = self.model, self.optimizer, self._loss
        size, steps = self.settings.batch_size, self.settings.validate_every
        pixels, outputs = self.pixels, self.outputs

        @tf.function(jit_compile=self._jit)
        def stretch(x: tf.Tensor, target: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
            losses = tf.TensorArray(tf.float32, size=steps, element_shape=())
            for k in tf.range(steps):
                batch = tf.slice(x, [k * size, 0], [size, pixels])
                wanted = tf.slice(target, [k * size, 0], [size, outputs])
                with tf.GradientTape() as tape:
                    value = tf.reduce_mean(loss(wanted, model(batch, training=True), weights))
                    value += sum(model.losses)
                variables = model.trainable_variables
                optimizer.apply(tape.gradient(value, variables), variables)
                losses = losses.write(k, value)
            return losses.stack()

        return stretch

    def fit(
        self, task: Task, seed: int, loss: ClassLoss | str | None = None
    ) -> tuple[Weights, np.ndarray]:
        """Train from the seed's initial weights.

        The loss of a regression is "absolute_error" or, by default, the squared error.

        Returns
        -------
        weights : list of numpy.ndarray
            Of the validation with the smallest loss.
        losses : numpy.ndarray
            Shape (n_validations, 2), training loss since the last validation and validation loss.

        Raises
        ------
        InputError
            If a loss is not finite.
        """
        self.model.set_weights(initial_weights(self.model, seed))
        for variable, value in zip(self.optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)
        for number, variable in enumerate(self._dropout_states):
            variable.assign(np.array([seed, number], np.uint32))
        terms = loss.weights if isinstance(loss, ClassLoss) else (loss == ABSOLUTE_ERROR, 0, 0)
        weights = np.array(terms, dtype=np.float32)
        settings = self.settings
        rows_per_stretch = settings.batch_size * settings.validate_every
        n_stretches = settings.updates // settings.validate_every
        order = _order(len(task.x), n_stretches * rows_per_stretch, seed)
        best, best_loss, losses = self.model.get_weights(), np.inf, []
        for number in range(n_stretches):
            progress = (number + 0.5) / n_stretches
            share = 0.5 * (1.0 + np.cos(np.pi * progress)) if settings.cosine else 1.0
            rate = settings.learning_rate * share
            self.optimizer.learning_rate.assign(rate)
            rows = order[number * rows_per_stretch : (number + 1) * rows_per_stretch]
            training = self._stretch(task.x[rows], task.target[rows], weights).numpy()
            output = self.outputs_of(task.validation_x)
            validation = self._loss(task.validation_target, output, weights).numpy()
            pair = float(training.mean(dtype=float)), float(validation.mean(dtype=float))
            if not np.isfinite(pair).all():
                raise InputError(
                    f"the loss of seed {seed} is not finite after {number + 1} stretches",
                    key="spectra.training.learning_rate",
                    found=settings.learning_rate,
                    fix="lower the learning rate",
                )
            losses.append(pair)
            if pair[1] < best_loss or not settings.keep_best:
                best, best_loss = self.model.get_weights(), pair[1]
        self.model.set_weights(best)
        return best, np.array(losses)

    def outputs_of(self, x: np.ndarray) -> np.ndarray:
        """Return outputs of the network as it stands, shape (n, outputs), in blocks of one size.

        The last block is filled up with zeros, so that a spectrum gets the same bits wherever it
        stands.
        """
        blocks = []
        for first in range(0, len(x), OUTPUT_ROWS):
            block = x[first : first + OUTPUT_ROWS]
            filled = np.zeros((OUTPUT_ROWS, self.pixels), dtype=np.float32)
            filled[: len(block)] = block
            blocks.append(self._forward(filled).numpy()[: len(block)])
        return np.concatenate(blocks)


def _order(n_rows: int, n_wanted: int, seed: int) -> np.ndarray:
    """Rows in the order of training: permutations end to end, shape (n_wanted,)."""
    generator = np.random.default_rng([ORDER_STREAM, seed])
    passes = -(-n_wanted // n_rows)
    return np.concatenate([generator.permutation(n_rows) for _ in range(passes)])[:n_wanted]
