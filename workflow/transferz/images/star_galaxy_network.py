"""The ConvNet of Kim & Brunner (2017, MNRAS 464, 4463, Table 1) for stars and galaxies.

Trained by plain Keras: XLA would compile its convolutions, and those are slow on a CPU.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping

import numpy as np

from transferz.images.star_galaxy_files import CROP
from transferz.networks.tensorflow import keras

logger = logging.getLogger(__name__)

CONVOLUTIONS = (
    ((32, 5, "valid"), (32, 3, "same")),
    ((64, 3, "same"),) * 3,
    ((128, 3, "same"),) * 3,
)
"""Filters, side and padding; a pooling of 2 x 2 follows each group."""

DENSE = (2048, 2048)
LEAK = 0.01
"""Slope of the leaky ReLU below 0: Lasagne's, with which the published network was made."""

CONVNET_STREAM = 81


def build(bands: int, width: float, dropout: float, seed: int) -> keras.Model:
    """Return the network, from (n, 44, 44, bands) to the probabilities of star and galaxy.

    Parameters
    ----------
    bands : int
    width : float
        Factor on the filters and units of the table; at 1 and five bands there are 11.2 million
        parameters.
    dropout : float
        Before each hidden dense layer.
    seed : int
        Of the initial weights: orthogonal, with the gain of a leaky ReLU; biases 0.1 and 0.01.
    """
    seeds = itertools.count(1000 * seed)

    def made(kind: type[keras.layers.Layer], number: float, *shape: int, **options: object):
        return kind(
            max(2, round(number)), *shape,
            kernel_initializer=keras.initializers.Orthogonal(
                np.sqrt(2.0 / (1.0 + LEAK**2)), seed=next(seeds)
            ),
            **options,
        )  # fmt: skip

    bias = keras.initializers.Constant
    layer = inputs = keras.Input((CROP, CROP, bands))
    for group in CONVOLUTIONS:
        for filters, side, padding in group:
            options = {"padding": padding, "bias_initializer": bias(0.1)}
            layer = made(keras.layers.Conv2D, width * filters, side, **options)(layer)
            layer = keras.layers.LeakyReLU(LEAK)(layer)
        layer = keras.layers.MaxPooling2D(2)(layer)
    layer = keras.layers.Flatten()(layer)
    for units in DENSE:
        layer = keras.layers.Dropout(dropout, seed=next(seeds))(layer)
        layer = made(keras.layers.Dense, width * units, bias_initializer=bias(0.01))(layer)
        layer = keras.layers.LeakyReLU(LEAK)(layer)
    head = made(keras.layers.Dense, 2, activation="softmax", bias_initializer=bias(0.01))
    return keras.Model(inputs, head(layer), name="star_galaxy")


def augmented(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random crop of each image, turned by quarters and half of them mirrored.

    Parameters
    ----------
    images : numpy.ndarray
        Shape (n, side, side, bands), side of `CROP` at least.
    """
    spare = images.shape[1] - CROP
    result = np.empty((len(images), CROP, CROP, images.shape[-1]), dtype=np.float32)
    places = rng.integers(0, spare + 1, (len(images), 2))
    turns, mirrored = rng.integers(0, 4, len(images)), rng.random(len(images)) < 0.5
    for number, (x, y) in enumerate(places):
        crop = np.rot90(images[number, x : x + CROP, y : y + CROP], turns[number])
        result[number] = crop[:, ::-1] if mirrored[number] else crop
    return result


def fit(
    images: np.ndarray,
    labels: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray],
    settings: Mapping[str, float],
    seed: int,
) -> tuple[keras.Model, list[tuple[float, float]]]:
    """Train the network of one seed; the weights of the best validation loss are kept.

    Parameters
    ----------
    images : numpy.ndarray
        Shape (n, side, side, bands), scaled.
    labels : numpy.ndarray of int
        Shape (n,), 1 is a galaxy.
    validation : pair of numpy.ndarray
        The same of the validation sample.
    settings : mapping
        ``width``, ``dropout``, ``batch_size``, ``epochs``, ``learning_rate`` (first and last, with
        a straight line between) and ``momentum`` (Nesterov's).
    seed : int

    Returns
    -------
    model : keras.Model
    losses : list of (float, float)
        Training and validation loss of each epoch.
    """
    rng = np.random.default_rng([CONVNET_STREAM, seed])
    model = build(images.shape[-1], settings["width"], settings["dropout"], seed)
    first, last = settings["learning_rate"]
    optimizer = keras.optimizers.SGD(first, settings["momentum"], nesterov=True)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    best, weights, losses = np.inf, model.get_weights(), []
    rates = np.linspace(first, last, settings["epochs"])
    centre = centred(validation[0])
    for epoch, rate in enumerate(rates, start=1):
        optimizer.learning_rate = rate
        order = rng.permutation(len(images))
        for start in range(0, len(order), settings["batch_size"]):
            rows = order[start : start + settings["batch_size"]]
            loss = model.train_on_batch(augmented(images[rows], rng), labels[rows])
        # Keras keeps the mean since the last reset.
        model.reset_metrics()
        probability = np.clip(model.predict(centre, 256, verbose=0), 1e-7, 1.0)
        value = float(-np.log(probability[np.arange(len(centre)), validation[1]]).mean())
        losses.append((float(loss), value))
        if value < best:
            best, weights = value, model.get_weights()
        logger.info("seed %d, epoch %d: %.4f, %.4f", seed, epoch, *losses[-1])
    model.set_weights(weights)
    return model, losses


def centred(images: np.ndarray) -> np.ndarray:
    """Return the central crop of each image."""
    start = (images.shape[1] - CROP) // 2
    return images[:, start : start + CROP, start : start + CROP].astype(np.float32)


def probability_of_galaxy(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the probability that each object is a galaxy, the mean over four turns; shape (n,).

    The published combination has 64 crops, with weights learned on the validation data (Bayesian
    model combination).
    """
    crop = centred(images)
    turned = (np.ascontiguousarray(np.rot90(crop, turns, axes=(1, 2))) for turns in range(4))
    return np.mean([model.predict(seen, 256, verbose=0)[:, 1] for seen in turned], axis=0)
