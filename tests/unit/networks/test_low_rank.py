"""Low-rank adaptation: starts as the network it adapts, changes it by low rank, merges into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from transferz.core.errors import InputError
from transferz.networks.architecture import Architecture, build_network, initial_weights
from transferz.networks.low_rank import LowRankTrainer
from transferz.networks.training import Sample, Settings

SHAPE = Architecture(3, (16, 12))
QUICK = Settings(batch_size=32, max_epochs=3, learning_rate=1e-2, low_rank=2)


@pytest.fixture(name="trainer", scope="module")
def fixture_trainer() -> LowRankTrainer:
    """Corrections of rank 2 on a small problem."""
    draw = np.random.default_rng(3)
    x = draw.random((320, 3), dtype=np.float32)
    z = (x.sum(axis=1, keepdims=True) / 2).astype(np.float32)
    return LowRankTrainer(SHAPE, QUICK, Sample(x[:256], z[:256]), Sample(x[256:], z[256:]))


def test_it_starts_as_the_network_that_it_adapts(trainer):
    start = initial_weights(SHAPE, 5)
    merged = trainer.merged(trainer.with_corrections(5, start))
    for found, expected in zip(merged, start, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_kernels_change_by_low_rank_and_the_loss_falls(trainer):
    start = initial_weights(SHAPE, 5)
    fit = trainer.fit(5, start)
    assert fit.losses[-1, 1] < fit.losses[0, 0]
    for number in range(2):
        change = fit.weights[2 * number] - start[2 * number]
        singular = np.linalg.svd(change, compute_uv=False)
        assert singular[1] > 1e-4
        assert singular[2] < 1e-5
    assert np.abs(fit.weights[4] - start[4]).max() > 0


def test_the_merged_network_predicts_what_the_adapted_one_does(trainer):
    fit = trainer.fit(6, initial_weights(SHAPE, 6))
    plain = build_network(SHAPE)
    plain.set_weights(fit.weights)
    x = trainer.validation.x
    np.testing.assert_allclose(
        plain.predict_on_batch(x), trainer.model.predict_on_batch(x), atol=1e-6
    )


def test_a_seed_is_the_same_after_another_one(trainer):
    start = initial_weights(SHAPE, 7)
    first = trainer.fit(7, start)
    trainer.fit(8, initial_weights(SHAPE, 8))
    again = trainer.fit(7, start)
    for one, other in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_frozen_layers_get_no_correction(trainer):
    settings = replace(QUICK, trainable=("hidden_2",))
    frozen = LowRankTrainer(SHAPE, settings, trainer.train, trainer.validation)
    start = initial_weights(SHAPE, 5)
    fit = frozen.fit(5, start)
    moved = [not np.array_equal(a, b) for a, b in zip(fit.weights, start, strict=True)]
    assert moved == [False, False, True, True, False, False]


@pytest.mark.parametrize("rank", [None, 0, 12])
def test_a_rank_that_is_not_low_is_named(trainer, rank):
    settings = replace(QUICK, low_rank=rank)
    with pytest.raises(InputError, match=r"training\.low_rank: .*expected 1 to 11"):
        LowRankTrainer(SHAPE, settings, trainer.train, trainer.validation)
