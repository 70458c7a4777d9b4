from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import keras

from transferz.core.errors import InputError
from transferz.networks.losses import ClassLoss, cross_entropy
from transferz.spectra.grism import EqualClasses
from transferz.spectra.networks import (
    MatrixConv1D,
    SpectraArchitecture,
    SpectraSettings,
    SpectraTrainer,
    Task,
    build_network,
    initial_weights,
)
from transferz.spectra.spoilt_labels import hard_targets
from transferz.spectra.studies import REGRESSION, expand_study

TALK = {
    "convolutions": [{"filters": 16, "kernel": 8, "stride": 1}] * 3,
    "dense": [512],
    "pooling": True,
    "dropout": 0.5,
    "activation": "linear",
    "l2": 0.2,
}
SMALL = SpectraArchitecture(((4, 8, 4), (8, 4, 2)), (16,))
SETTINGS = SpectraSettings(learning_rate=3e-3, batch_size=16, updates=40, validate_every=20)


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
        build_network(SpectraArchitecture(((4, 6, 4),)), 64, 1)


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
    target = hard_targets(z, EqualClasses(1.0, 1.8, 8))
    return Task(x[:300], target[:300], x[300:], target[300:])


@pytest.fixture(scope="module")
def trainer() -> SpectraTrainer:
    return SpectraTrainer(SMALL, 64, 8, SpectraSettings(1e-2, 16, 120, 20))


def test_training_learns_where_a_line_is(trainer: SpectraTrainer, task: Task) -> None:
    _, losses = trainer.fit(task, 0, ClassLoss(cross_entropy=1.0))
    assert losses.shape == (6, 2)
    found = trainer.outputs_of(task.validation_x).argmax(axis=1)
    assert np.mean(found == task.validation_target.argmax(axis=1)) > 0.7


def test_a_seed_does_not_depend_on_what_was_trained_before(
    trainer: SpectraTrainer, task: Task
) -> None:
    alone, _ = trainer.fit(task, 3, ClassLoss(cross_entropy=1.0))
    trainer.fit(task, 4, ClassLoss(jensen_shannon=1.0))
    again, _ = trainer.fit(task, 3, ClassLoss(cross_entropy=1.0))
    assert all(np.array_equal(a, b) for a, b in zip(alone, again, strict=True))


def test_the_best_weights_are_kept(trainer: SpectraTrainer, task: Task) -> None:
    _, losses = trainer.fit(task, 1, ClassLoss(cross_entropy=1.0))
    outputs = trainer.outputs_of(task.validation_x)
    value = cross_entropy(task.validation_target, outputs).numpy().mean()
    assert value == pytest.approx(losses[:, 1].min(), rel=1e-5)


def test_a_spectrum_gets_the_same_bits_in_any_company(trainer: SpectraTrainer, task: Task) -> None:
    together = trainer.outputs_of(task.x)
    assert np.array_equal(together[17:18], trainer.outputs_of(task.x[17:18]))


def test_a_loss_that_explodes_names_the_learning_rate(task: Task) -> None:
    wild = SpectraTrainer(SMALL, 64, 8, SpectraSettings(1e30, 16, 40, 20))
    with pytest.raises(InputError, match="learning_rate"):
        wild.fit(task, 0, ClassLoss(cross_entropy=1.0))


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


# -------------------------------------------------------------------- the speaker's own network


@pytest.mark.parametrize(("outputs", "parameters"), [(800, 2_242_192), (80, 1_872_832)])
def test_the_speakers_network_layer_by_layer(outputs: int, parameters: int) -> None:
    """Layers of the public code of the talk; parameters counted by hand."""
    model = build_network(SpectraArchitecture.from_config(TALK), 1780, outputs)
    shapes = [(type(layer).__name__, tuple(layer.output.shape[1:])) for layer in model.layers[2:]]
    blocks = [
        (name, (pixels if name == "Conv1D" else (pixels + 1) // 2, 16))
        for pixels in (1780, 890, 445)
        for name in ("Conv1D", "MaxPooling1D", "BatchNormalization")
    ]
    end = [("Flatten", (3568,)), ("Dropout", (3568,)), ("Dense", (512,)), ("Dropout", (512,))]
    assert shapes == [*blocks, *end, ("Dense", (outputs,))]
    convolutions = (8 * 1 * 16 + 16) + 2 * (8 * 16 * 16 + 16) + 3 * 4 * 16
    dense = (3568 * 512 + 512) + (512 * outputs + outputs)
    assert model.count_params() == convolutions + dense == parameters


def test_the_speakers_network_trains_with_dropout_and_penalty() -> None:
    """The same seed gives the same network; the penalty is in the loss, dropout not in outputs."""
    small = TALK | {"convolutions": [{"filters": 4, "kernel": 8, "stride": 1}], "dense": [8]}
    settings = SpectraSettings(1e-3, 16, 40, 20, cosine=False, keep_best=False)
    trainer = SpectraTrainer(SpectraArchitecture.from_config(small), 32, 1, settings)
    x = np.random.default_rng(1).normal(size=(64, 32)).astype(np.float32)
    task = Task(x, x[:, :1], x[:16], x[:16, :1])
    weights, losses = trainer.fit(task, 1, "absolute_error")
    outputs = trainer.outputs_of(x[:5])
    again, _ = trainer.fit(task, 1, "absolute_error")
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(weights, again, strict=True))
    assert np.array_equal(outputs, trainer.outputs_of(x[:5]))
    assert losses[0, 0] > losses[0, 1] + 0.2
    normalisation = trainer.model.get_layer("normalise_1")
    assert not np.allclose(normalisation.moving_mean, 0.0)


def test_a_regression_has_two_losses() -> None:
    study = {"head": [REGRESSION, 80], "loss": ["squared_error", "absolute_error", "hard"]}
    default = {"architecture": "talk", "n_train": 9, "snr": 5, "labels": "clean"}
    members = expand_study(study | {"seeds": 1}, default | {"head": 80, "loss": "hard"})
    found = {(member.head, member.loss) for member in members}
    assert found == {
        *((REGRESSION, "squared_error"), (REGRESSION, "absolute_error")),
        ("classification", "hard"),
    }
