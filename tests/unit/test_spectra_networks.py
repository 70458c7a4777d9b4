from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

pytest.importorskip("tensorflow")

import keras
import tensorflow as tf

from transferz.errors import InputError
from transferz.spectra import Classes
from transferz.spectra_members import REGRESSION, expand_study
from transferz.spectra_networks import (
    Architecture,
    Loss,
    MatrixConv1D,
    Settings,
    Task,
    Trainer,
    build_network,
    class_loss,
    cross_entropy,
    entropy,
    initial_weights,
    jensen_shannon,
    softmax,
)
from transferz.spectra_targets import hard_targets

SMALL = Architecture(((4, 8, 4), (8, 4, 2)), (16,))
SETTINGS = Settings(learning_rate=3e-3, batch_size=16, updates=40, validate_every=20)


def distributions(seed: int, n: int = 60, k: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Targets, some one-hot, and logits from nearly flat to certain."""
    draw = np.random.default_rng(seed)
    target = draw.dirichlet(np.full(k, 0.2), n)
    target[: n // 3] = np.eye(k)[draw.integers(0, k, n // 3)]
    logits = draw.normal(size=(n, k)) * draw.choice([0.1, 2.0, 20.0], (n, 1))
    return target, logits


# ------------------------------------------------------------------------------------ losses


@pytest.mark.parametrize("compiled", [False, True])
def test_jensen_shannon_is_scipys_squared_distance(compiled: bool) -> None:
    target, logits = distributions(0)
    function = tf.function(jensen_shannon, jit_compile=True) if compiled else jensen_shannon
    expected = jensenshannon(softmax(logits), target, axis=1) ** 2
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
    p = softmax(logits)
    logs = np.log(np.maximum(p, 1e-300))
    assert np.allclose(entropy(logits).numpy(), -(p * logs).sum(axis=1), atol=1e-9)
    inside = p.min(axis=1) > 1e-200
    assert np.allclose(
        cross_entropy(target, logits).numpy()[inside], -(target * logs).sum(axis=1)[inside]
    )


def test_weights_of_a_loss_add_up() -> None:
    target, logits = distributions(3)
    loss = Loss(cross_entropy=0.5, jensen_shannon=2.0, entropy=0.1)
    parts = (cross_entropy(target, logits), jensen_shannon(target, logits), entropy(logits))
    expected = sum(w * part.numpy() for w, part in zip(loss.weights, parts, strict=True))
    weights = tf.constant(loss.weights, tf.float64)
    assert np.allclose(class_loss(target, logits, weights).numpy(), expected)


# ---------------------------------------------------------------------------------- networks


@pytest.mark.parametrize(("kernel", "stride"), [(8, 4), (4, 4), (6, 2), (3, 1), (5, 5)])
def test_matrix_convolution_is_keras_convolution(kernel: int, stride: int) -> None:
    x = np.random.default_rng(0).normal(size=(3, 60 if stride == 5 else 64, 2)).astype("float32")
    ours = MatrixConv1D(7, kernel, stride, padding="same", activation="relu")
    theirs = keras.layers.Conv1D(7, kernel, stride, padding="same", activation="relu")
    result = ours(x)
    theirs.build(x.shape)
    theirs.set_weights([w + 0.1 for w in ours.get_weights()])
    ours.set_weights(theirs.get_weights())
    assert np.allclose(ours(x), theirs(x), atol=1e-5)
    assert result.shape == theirs(x).shape


def test_a_stride_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="multiples of the stride"):
        build_network(Architecture(((4, 6, 4),)), 64, 1)


def test_initial_weights_are_glorot_and_of_the_seed() -> None:
    model = build_network(SMALL, 64, 10)
    first, again, other = (initial_weights(model, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    for ours, theirs in zip(first, model.get_weights(), strict=True):
        assert ours.shape == theirs.shape
    # A kernel (8, 1, 4) has fan 8 x 1 in and 8 x 4 out.
    assert np.abs(first[0]).max() <= np.sqrt(6.0 / (8 + 32))
    assert np.abs(first[0]).max() > 0.8 * np.sqrt(6.0 / (8 + 32))


@pytest.fixture(scope="module")
def task() -> Task:
    draw = np.random.default_rng(0)
    z = draw.uniform(1.0, 1.8, 400)
    place = (z - 1.0) / 0.8 * 60
    x = np.exp(-0.5 * ((np.arange(64) - place[:, None]) / 1.5) ** 2).astype(np.float32)
    target = hard_targets(z, Classes(1.0, 1.8, 8))
    return Task(x[:300], target[:300], x[300:], target[300:])


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return Trainer(SMALL, 64, 8, Settings(1e-2, 16, 120, 20))


def test_training_learns_where_a_line_is(trainer: Trainer, task: Task) -> None:
    _, losses = trainer.fit(task, 0, Loss(cross_entropy=1.0))
    assert losses.shape == (6, 2)
    found = trainer.outputs_of(task.validation_x).argmax(axis=1)
    assert np.mean(found == task.validation_target.argmax(axis=1)) > 0.7


def test_a_seed_does_not_depend_on_what_was_trained_before(trainer: Trainer, task: Task) -> None:
    alone, _ = trainer.fit(task, 3, Loss(cross_entropy=1.0))
    trainer.fit(task, 4, Loss(jensen_shannon=1.0))
    again, _ = trainer.fit(task, 3, Loss(cross_entropy=1.0))
    assert all(np.array_equal(a, b) for a, b in zip(alone, again, strict=True))


def test_the_best_weights_are_kept(trainer: Trainer, task: Task) -> None:
    _, losses = trainer.fit(task, 1, Loss(cross_entropy=1.0))
    outputs = trainer.outputs_of(task.validation_x)
    value = cross_entropy(task.validation_target, outputs).numpy().mean()
    assert value == pytest.approx(losses[:, 1].min(), rel=1e-5)


def test_a_spectrum_gets_the_same_bits_in_any_company(trainer: Trainer, task: Task) -> None:
    together = trainer.outputs_of(task.x)
    assert np.array_equal(together[17:18], trainer.outputs_of(task.x[17:18]))


def test_a_loss_that_explodes_names_the_learning_rate(task: Task) -> None:
    wild = Trainer(SMALL, 64, 8, Settings(1e30, 16, 40, 20))
    with pytest.raises(InputError, match="learning_rate"):
        wild.fit(task, 0, Loss(cross_entropy=1.0))


def test_updates_must_be_a_multiple_of_the_validation_interval() -> None:
    with pytest.raises(InputError, match="updates"):
        Settings(1e-3, 16, 50, 20)


# ----------------------------------------------------------------------------------- members


DEFAULT = {"head": 80, "architecture": "base", "n_train": 8000, "snr": 5.0, "labels": "clean",
           "loss": "hard_cross_entropy"}  # fmt: skip


def test_a_study_is_the_product_of_its_axes() -> None:
    members = expand_study({"head": [REGRESSION, 80], "snr": [1.0, 5.0], "seeds": 3}, DEFAULT)
    assert len(members) == len(set(members)) == 12
    assert {m.loss for m in members if m.head == REGRESSION} == {"squared_error"}
    assert {m.classes for m in members} == {0, 80}
    assert {m.n_train for m in members} == {8000}


def test_losses_do_not_multiply_regressions() -> None:
    study = {"head": [REGRESSION], "loss": ["hard_cross_entropy", "jensen_shannon"], "seeds": 2}
    assert len(expand_study(study, DEFAULT)) == 2


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(InputError, match="unknown axis"):
        expand_study({"colour": [1], "seeds": 1}, DEFAULT)
