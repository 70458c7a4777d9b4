"""Losses of single galaxies: of redshifts, and of distributions over classes of redshift.

For distributions, P is the softmax of the network's outputs and Q is the target: one-hot, or the
distribution that an uncertain label stands for (after G. Tsagkatakis, talk at COSMO21, 2024).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from transferz.networks.tensorflow import keras, tf

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def hsc_loss(gamma: float) -> Loss:
    """Loss of Tanaka et al. (2018): 1 - 1 / (1 + (dz / gamma)^2).

    dz = (z_pred - z_true) / (1 + z_true). The authors' public code passes its arguments in the
    other order and so divides by 1 + z_pred; this is the published formula.
    """

    def loss(z_true: tf.Tensor, z_pred: tf.Tensor) -> tf.Tensor:
        dz = (z_pred - z_true) / (1.0 + z_true)
        return 1.0 - 1.0 / (1.0 + tf.square(dz / gamma))

    return loss


def _huber(gamma: float) -> Loss:
    return lambda z_true, z_pred: keras.losses.huber(z_true, z_pred, delta=gamma)


LOSSES: dict[str, Callable[[float], Loss]] = {
    "hsc": hsc_loss,
    "huber": _huber,
    "log_cosh": lambda gamma: keras.losses.log_cosh,
    "mae": lambda gamma: keras.losses.mean_absolute_error,
    "mse": lambda gamma: keras.losses.mean_squared_error,
}


def get_loss(name: str, gamma: float) -> Loss:
    """Loss per galaxy by name.

    Parameters
    ----------
    name : str
        A key of `LOSSES`. All but ``hsc`` act on z_pred - z_true.
    gamma : float
        Scale of ``hsc`` (in dz) and of ``huber`` (in z); unused by the others.

    Returns
    -------
    callable
        (z_true, z_pred), each (n, 1), to n losses, of shape (n,) or (n, 1).
    """
    return LOSSES[name](gamma)


def jensen_shannon(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Jensen-Shannon divergence between a target distribution and a softmax, in nats.

    JS = KL(P||M) / 2 + KL(Q||M) / 2 with M = (P + Q) / 2 (Tsagkatakis 2024): between 0 and ln 2.
    KL(P||M) takes log P from the log-softmax, which stays finite where P itself underflows.

    Parameters
    ----------
    target : tf.Tensor
        Q, shape (n, k), rows sum to 1; zeros are allowed.
    logits : tf.Tensor
        Shape (n, k), any size.

    Returns
    -------
    tf.Tensor
        Shape (n,).
    """
    log_p = tf.nn.log_softmax(logits)
    p = tf.exp(log_p)
    # The smallest normal number: below it XLA flushes to zero, and 0 log 0 has no gradient.
    tiny = np.finfo(log_p.dtype.as_numpy_dtype).tiny
    log_tiny = float(np.log(tiny))
    log_middle = tf.math.log(tf.maximum(0.5 * (p + target), tiny))
    there = target > 4.0 * tiny
    log_q = tf.math.log(tf.where(there, target, tf.ones_like(target)))
    from_p = tf.reduce_sum(p * (tf.maximum(log_p, log_tiny) - log_middle), axis=-1)
    from_q = tf.reduce_sum(tf.where(there, target * (log_q - log_middle), 0.0), axis=-1)
    return 0.5 * (from_p + from_q)


def entropy(logits: tf.Tensor) -> tf.Tensor:
    """Entropy of the softmax, H(P) = -sum P log P in nats; shape (n,)."""
    log_p = tf.nn.log_softmax(logits)
    return -tf.reduce_sum(tf.exp(log_p) * log_p, axis=-1)


def cross_entropy(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Categorical cross-entropy -sum Q log P in nats; shape (n,)."""
    return -tf.reduce_sum(target * tf.nn.log_softmax(logits), axis=-1)


@dataclass(frozen=True)
class ClassLoss:
    """A loss of the classification heads: l0 CE(Q, P) + l1 JS(Q, P) + l2 H(P).

    Attributes
    ----------
    cross_entropy, jensen_shannon, entropy : float
        The weights l0, l1, l2.
    hard : bool
        Q is one-hot at the label in place of the label's distribution.
    """

    cross_entropy: float = 0.0
    jensen_shannon: float = 0.0
    entropy: float = 0.0
    hard: bool = False

    @property
    def weights(self) -> tuple[float, float, float]:
        """The weights in the order of `class_loss`."""
        return (self.cross_entropy, self.jensen_shannon, self.entropy)

    def __call__(self, target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each galaxy, shape (n,); terms without weight cost no time."""
        terms = (
            (self.cross_entropy, lambda: cross_entropy(target, logits)),
            (self.jensen_shannon, lambda: jensen_shannon(target, logits)),
            (self.entropy, lambda: entropy(logits)),
        )
        return sum(weight * term() for weight, term in terms if weight)


def class_loss(target: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Sum of the losses of `ClassLoss` for each galaxy, shape (n,)."""
    return (
        weights[0] * cross_entropy(target, logits)
        + weights[1] * jensen_shannon(target, logits)
        + weights[2] * entropy(logits)
    )
