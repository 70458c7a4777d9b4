"""Trainers of the benchmark: plain JAX trains the network of this project."""

from __future__ import annotations

import numpy as np
import pytest

from transferz.networks.architecture import Architecture, initial_weights
from transferz.networks.training import Sample, Settings, Trainer, permutation
from transferz.peers.trainers import PlainJax, initial
from transferz.run.benchmarking import synthetic_galaxies

HIDDEN, ROWS = (20, 10), 250


def test_initial_weights_have_the_shapes_of_ours() -> None:
    ours = initial_weights(Architecture(5, HIDDEN), 3)
    theirs = initial(HIDDEN, 5, 3)
    assert [weight.shape for weight in theirs] == [weight.shape for weight in ours]
    assert [weight.std() for weight in theirs] == pytest.approx(
        [weight.std() for weight in ours], rel=0.25
    )


def test_plain_jax_and_ours_lose_alike() -> None:
    """The same weights and order: the losses of three epochs agree, the last batch a short one."""
    pytest.importorskip("jax", reason="`make peers` installs it")
    samples = [synthetic_galaxies(n, 5, k) for k, n in enumerate((ROWS, 80))]
    keys = {"learning_rate": 0.01, "batch_size": 100, "gamma": 0.15}
    architecture, settings = Architecture(5, HIDDEN), Settings(**keys, max_epochs=3, patience=3)
    start = initial_weights(architecture, 1)
    ours = Trainer(architecture, settings, *(Sample(*sample) for sample in samples)).fit(1, start)
    theirs = PlainJax(HIDDEN, *samples, keys)
    state = theirs.begin(start)
    for epoch, (loss, validation) in enumerate(ours.losses, 1):
        state, losses = theirs.epoch(state, permutation(1, epoch, ROWS))
        assert np.average(losses, weights=[100, 100, 50]) == pytest.approx(loss, rel=1e-3)
        assert float(theirs.validate(state[0])) == pytest.approx(validation, rel=1e-3)
