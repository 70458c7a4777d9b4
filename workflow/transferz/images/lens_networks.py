"""The network of Vernardos, Tsagkatakis & Pantazis (2020) and its training.

Plain Keras, without XLA, whose convolutions are slow on a CPU. Layers from the authors' public code
(github gtsagkatakis/Residual-Models-with-DNNs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from transferz.images.lens_labels import BINS, LABELLED, label_distributions
from transferz.networks.losses import ClassLoss
from transferz.networks.tensorflow import keras

PREDICTED_AT_ONCE = 500


@dataclass(frozen=True)
class LensImages:
    """What the network sees of every copy.

    Attributes
    ----------
    light : numpy.ndarray
        Shape (lenses, pixels, pixels), float32.
    masks : numpy.ndarray
        Shape (lenses, masks, pixels, pixels), bool.
    """

    light: np.ndarray
    masks: np.ndarray

    def of(self, copies: pd.DataFrame) -> np.ndarray:
        """Masked and turned images, shape (n, pixels, pixels, 1), float32."""
        lens = copies["lens"].to_numpy()
        images = self.light[lens] * self.masks[lens, copies["mask"].to_numpy()]
        for turns in range(1, 4):
            rows = copies["rotation"].to_numpy() == turns
            images[rows] = np.rot90(images[rows], turns, axes=(1, 2))
        return images[..., None]

    def batches(self, copies: pd.DataFrame, size: int) -> Iterator[np.ndarray]:
        """Yield the images of so many copies at a time, in their order."""
        for first in range(0, len(copies), size):
            yield self.of(copies.iloc[first : first + size])


def build_network(pixels: int, network: Mapping[str, float]) -> keras.Model:
    """Blocks of convolution, normalisation and pooling, then a head of 50 bins per parameter.

    Parameters
    ----------
    pixels : int
    network : mapping
        `blocks`, `filters`, `dense` and `dropout`.

    Returns
    -------
    keras.Model
        Gives logits, a tensor per parameter.
    """
    layers = keras.layers
    image = out = keras.Input((pixels, pixels, 1))
    for _ in range(network["blocks"]):
        out = layers.Conv2D(
            network["filters"],
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_uniform",
        )(out)
        out = layers.BatchNormalization()(out)
        out = layers.MaxPooling2D(3, 2, padding="same")(out)
    flat = layers.Dropout(network["dropout"])(layers.Flatten()(out))
    heads = []
    for _ in LABELLED:
        head = layers.BatchNormalization()(layers.Dense(network["dense"])(flat))
        heads.append(layers.Dense(BINS)(layers.Dropout(network["dropout"])(head)))
    return keras.Model(image, heads)


def train_network(
    images: LensImages,
    copies: pd.DataFrame,
    loss: ClassLoss,
    seed: int,
    *,
    network: Mapping[str, float],
    training: Mapping[str, float],
    epochs: int,
) -> tuple[keras.Model, np.ndarray]:
    """Train a network; the seed gives its first weights and the order of the copies.

    Returns
    -------
    model : keras.Model
    history : numpy.ndarray, shape (epochs,)
        Mean of the loss, both heads together, in each epoch.
    """
    keras.utils.set_random_seed(seed)
    model = build_network(images.light.shape[-1], network)
    size = min(training["batch_size"], len(copies))
    steps = len(copies) // size
    rate = keras.optimizers.schedules.CosineDecay(training["learning_rate"], steps * epochs)
    optimizer = keras.optimizers.Adam(rate)
    terms = [lambda target, logits: loss(target, logits) for _ in LABELLED]
    model.compile(optimizer, loss=terms, jit_compile=False)
    targets = [label_distributions(copies, name) for name in LABELLED]
    order, history = np.random.default_rng(seed), []
    for _ in range(epochs):
        shuffled = order.permutation(len(copies))
        parts = shuffled[: steps * size].reshape(steps, size)
        for batch, rows in zip(
            images.batches(copies.iloc[parts.ravel()], size), parts, strict=True
        ):
            values = model.train_on_batch(batch, [target[rows] for target in targets])
        # Keras' mean since the beginning of the epoch.
        history.append(float(np.ravel(values)[0]))
        model.reset_metrics()
    return model, np.array(history)


def predict(model: keras.Model, images: LensImages, copies: pd.DataFrame) -> np.ndarray:
    """Distributions of each copy, shape (n, parameters, BINS), float32; rows sum to 1."""
    parts = [
        np.stack([keras.ops.convert_to_numpy(keras.ops.softmax(head)) for head in model(batch)], 1)
        for batch in images.batches(copies, PREDICTED_AT_ONCE)
    ]
    return np.concatenate(parts).astype(np.float32)
