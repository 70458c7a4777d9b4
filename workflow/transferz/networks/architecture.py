"""The network of the paper in Keras: architecture and initial weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferz.networks.features import Scaler, places
from transferz.networks.soft_labels import Classes
from transferz.networks.tensorflow import keras

OUTPUT = "redshift"
MEDIAN = "median"
# First entry of the random generators' keys after the seed, so that no two uses share a stream.
INITIALISATION_STREAM = 0
Weights = list[np.ndarray]


@dataclass(frozen=True)
class Architecture:
    """Shape of the network.

    Attributes
    ----------
    n_inputs : int
    hidden : tuple of int
        Units of each hidden layer; the layers are called ``hidden_1``, ``hidden_2``, ...
    activation : str
        Of the hidden layers, by its Keras name.
    skip : bool
        Concatenate the inputs to the last hidden layer before the output.
    classes : Classes, optional
        Classes of redshift whose probabilities the network gives; None: a regression.
    """

    n_inputs: int
    hidden: tuple[int, ...] = (200, 200, 200, 200)
    activation: str = "relu"
    skip: bool = True
    classes: Classes | None = None

    @property
    def outputs(self) -> int:
        """Units of the output layer."""
        return self.classes.bins if self.classes else 1

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that have weights, from input to output."""
        return (*(f"hidden_{k}" for k in range(1, len(self.hidden) + 1)), OUTPUT)

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of each weight array, in the order of ``keras.Model.get_weights``."""
        widths = [self.n_inputs, *self.hidden]
        sources = [*widths[:-1], widths[-1] + (self.n_inputs if self.skip and self.hidden else 0)]
        shapes: dict[str, tuple[int, ...]] = {}
        units = [*self.hidden, self.outputs]
        for name, n_in, n_out in zip(self.layers, sources, units, strict=True):
            shapes[f"{name}.kernel"] = (n_in, n_out)
            shapes[f"{name}.bias"] = (n_out,)
        if self.classes:
            shapes[f"{MEDIAN}.kernel"] = (self.classes.bins, 1)
        return shapes


def build_network(architecture: Architecture, scaler: Scaler | None = None) -> keras.Model:
    """Dense layers, then a skip connection from the inputs, then one output: the redshift.

    Four layers of 200 rectified linear units and five magnitudes make 122,006 parameters
    (the authors' public code for GalaxiesML). With classes, the output layer gives one logit per
    class, and the redshift is the median of their softmax, flat within classes: unlike the
    expectation it is not drawn away by a small probability at a far redshift, which is what the
    metrics (medians, outliers) and the HSC loss of the regression forgive too.

    Parameters
    ----------
    architecture : Architecture
    scaler : Scaler, optional
        Put layers in front that make scaled inputs of raw magnitudes; without it the inputs are
        scaled already.

    Returns
    -------
    keras.Model
        Functional model from (n, n_inputs), or the scaler's (n, n_columns), to (n, 1).
    """
    width = len(scaler.columns) if scaler else architecture.n_inputs
    inputs = keras.Input((width,), name="inputs", dtype="float32")
    scaled = inputs
    if scaler is not None:
        scaled = _differences(scaled, scaler.inputs)
        scaled = keras.layers.Rescaling(scaler.scale, scaler.offset, name="scaling")(scaled)
    layer = scaled
    for name, units in zip(architecture.layers, architecture.hidden, strict=False):
        layer = keras.layers.Dense(units, activation=architecture.activation, name=name)(layer)
    if architecture.skip and architecture.hidden:
        layer = keras.layers.Concatenate(name="skip")([scaled, layer])
    layer = keras.layers.Dense(architecture.outputs, name=OUTPUT)(layer)
    if architecture.classes:
        layer = _median(layer, architecture.classes)
    return keras.Model(inputs, layer, name="photo_z")


def _differences(columns: keras.KerasTensor, inputs: Sequence[str]) -> keras.KerasTensor:
    """Take the inputs that are columns as they are, and the differences of the others."""
    first, second = places(inputs)
    if first == second:
        return columns
    plain = np.equal(first, second)[None].astype(np.float32)
    before, after = (keras.ops.take(columns, place, axis=1) for place in (first, second))
    return before - after * (1.0 - plain)


def _median(logits: keras.KerasTensor, classes: Classes) -> keras.KerasTensor:
    """Median redshift: the sum of the classes' widths, each times the share of it that is below.

    All of a class is below the median while the probability up to its end is under 1/2; the share
    of the one that crosses 1/2 is (1/2 - probability before it) / its own.
    """
    probability = keras.layers.Softmax(name="probability")(logits)
    before = keras.ops.cumsum(probability, axis=-1) - probability
    share = (0.5 - before) / keras.ops.maximum(probability, np.finfo(np.float32).tiny)
    layer = keras.layers.Dense(1, use_bias=False, trainable=False, name=MEDIAN)
    redshift = layer(keras.ops.clip(share, 0.0, 1.0))
    layer.set_weights([classes.widths[:, None]])
    return redshift


def trained_part(model: keras.Model) -> keras.Model:
    """Return the part of a network that a loss sees: up to the output layer, with its weights."""
    return keras.Model(model.inputs, model.get_layer(OUTPUT).output)


def initial_weights(architecture: Architecture, seed: int) -> Weights:
    """Draw the initial weights of a seed: the same in every process and for every strategy.

    Keras' defaults for a dense layer: Glorot uniform kernels, U(-a, a) with
    a = sqrt(6 / (n_in + n_out)) (Glorot & Bengio 2010, eq. 16), and zero biases; drawn with NumPy.

    Returns
    -------
    list of numpy.ndarray
        float32, in the order of ``keras.Model.get_weights``.
    """
    generator = np.random.default_rng([seed, INITIALISATION_STREAM])
    weights = []
    for name, shape in architecture.weight_shapes.items():
        if name == f"{MEDIAN}.kernel":
            weights.append(architecture.classes.widths[:, None].astype(np.float32))
        elif len(shape) == 1:
            weights.append(np.zeros(shape, dtype=np.float32))
        else:
            limit = np.sqrt(6.0 / sum(shape))
            weights.append(generator.uniform(-limit, limit, shape).astype(np.float32))
    return weights
