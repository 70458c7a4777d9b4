"""Losses by hand; of classes against SciPy, finite differences, and where numbers underflow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from transferz.networks.losses import (
    ClassLoss,
    class_loss,
    cross_entropy,
    entropy,
    get_loss,
    jensen_shannon,
)
from transferz.networks.tensorflow import tf


def test_hsc_loss_by_hand() -> None:
    loss = get_loss("hsc", 0.15)
    z_true = tf.constant([[0.0], [0.5], [1.0], [1.0]])
    z_pred = tf.constant([[0.15], [0.5], [1.6], [0.7]])
    # dz = 0.15, 0, 0.3, -0.15: L = 1 - 1/(1+1), 0, 1 - 1/(1+4), 1 - 1/(1+1)
    np.testing.assert_allclose(loss(z_true, z_pred)[:, 0], [0.5, 0.0, 0.8, 0.5], rtol=1e-5)
    # The order of the arguments matters: dz is in units of 1 + z_true.
    assert not np.allclose(loss(z_pred, z_true), loss(z_true, z_pred))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", [0.25, 4.0]),
        ("mae", [0.5, 2.0]),
        ("huber", [0.125, 1.5]),
        ("log_cosh", np.log(np.cosh([0.5, 2.0]))),
    ],
)
def test_other_losses_by_hand(name: str, expected: list[float]) -> None:
    found = get_loss(name, 1.0)(tf.constant([[1.0], [1.0]]), tf.constant([[1.5], [-1.0]]))
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-5)


def distributions(seed: int, n: int = 60, k: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Targets, some one-hot, and logits from nearly flat to certain."""
    draw = np.random.default_rng(seed)
    target = draw.dirichlet(np.full(k, 0.2), n)
    target[: n // 3] = np.eye(k)[draw.integers(0, k, n // 3)]
    logits = draw.normal(size=(n, k)) * draw.choice([0.1, 2.0, 20.0], (n, 1))
    return target, logits


@pytest.mark.parametrize("compiled", [False, True])
def test_jensen_shannon_is_scipys_squared_distance(compiled: bool) -> None:
    target, logits = distributions(0)
    function = tf.function(jensen_shannon, jit_compile=True) if compiled else jensen_shannon
    expected = jensenshannon(softmax(logits, axis=1), target, axis=1) ** 2
    assert np.abs(function(target, logits).numpy() - expected).max() < 1e-6
    single = function(target.astype(np.float32), logits.astype(np.float32)).numpy()
    assert np.abs(single - expected).max() < 1e-6


def test_jensen_shannon_lies_between_zero_and_log_two() -> None:
    target = np.eye(4)
    far = -100.0 * np.eye(4)
    assert jensen_shannon(target, far).numpy() == pytest.approx(np.log(2.0))
    assert jensen_shannon(target, -far).numpy() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    "weights", [(0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.3, 1.0, 0.2)]
)
def test_gradients_pass_a_finite_difference_check(weights: tuple[float, float, float]) -> None:
    target, logits = distributions(1, n=8, k=9)
    variable = tf.Variable(logits)
    scale = tf.constant(weights, dtype=tf.float64)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(class_loss(tf.constant(target), variable, scale))
    gradient = tape.gradient(value, variable).numpy()
    step = 1e-5
    for row, column in np.ndindex(logits.shape):
        values = []
        for sign in (1.0, -1.0):
            moved = logits.copy()
            moved[row, column] += sign * step
            values.append(class_loss(target[row : row + 1], moved[row : row + 1], scale).numpy()[0])
        assert gradient[row, column] == pytest.approx(
            (values[0] - values[1]) / (2 * step), rel=1e-5, abs=1e-8
        )


def test_losses_and_gradients_are_finite_where_probabilities_underflow() -> None:
    logits = tf.Variable(np.array([[2000.0, -2000.0, 0.0], [0.0, 300.0, -90.0]], np.float32))
    target = tf.constant([[0.0, 1.0, 0.0], [1e-38, 1e-42, 1.0]], tf.float32)

    @tf.function(jit_compile=True)
    def value_and_gradient() -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            value = jensen_shannon(target, logits) + entropy(logits)
        return value, tape.gradient(value, logits)

    for tensor in value_and_gradient():
        assert np.isfinite(tensor.numpy()).all()


def test_entropy_and_cross_entropy_are_the_textbook_ones() -> None:
    target, logits = distributions(2)
    p = softmax(logits, axis=1)
    logs = np.log(np.maximum(p, 1e-300))
    assert np.allclose(entropy(logits).numpy(), -(p * logs).sum(axis=1), atol=1e-9)
    inside = p.min(axis=1) > 1e-200
    assert np.allclose(
        cross_entropy(target, logits).numpy()[inside], -(target * logs).sum(axis=1)[inside]
    )


def test_weights_of_a_loss_add_up() -> None:
    target, logits = distributions(3)
    loss = ClassLoss(cross_entropy=0.5, jensen_shannon=2.0, entropy=0.1)
    parts = (cross_entropy(target, logits), jensen_shannon(target, logits), entropy(logits))
    expected = sum(w * part.numpy() for w, part in zip(loss.weights, parts, strict=True))
    weights = tf.constant(loss.weights, tf.float64)
    assert np.allclose(class_loss(target, logits, weights).numpy(), expected)
    assert np.allclose(loss(target, logits).numpy(), expected)
    assert np.allclose(ClassLoss(jensen_shannon=2.0)(target, logits), 2.0 * parts[1])
