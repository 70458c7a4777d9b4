"""Trainers of the benchmark: plain JAX trains the network of this project."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scripts.run import benchmark_trainers
from transferz.networks.architecture import Architecture, initial_weights
from transferz.networks.training import Sample, Settings, Trainer, permutation
from transferz.run.benchmarking import synthetic_galaxies
from transferz.run.trainers import PlainJax, initial

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


class Spending:
    """A process that spends so many seconds on each training."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = list(seconds)

    def ask(self, do: str, **_: object) -> dict[str, float]:
        return {"cpu": self.seconds.pop(0)} if do == "train" else {}


def test_ratios_are_those_of_the_same_turn() -> None:
    """A slow turn is slow for all of them: the ratio does not see it."""
    started = {"This workflow": Spending(1, 4, 2), "Plain JAX": Spending(2, 8, 4)}
    settings = {"rows": 100, "validation_rows": 10, "epochs": 2, "repeats": 3}
    table = pd.DataFrame(benchmark_trainers.measure(started, 64, {}, settings))
    ours, theirs = table.iloc[0], table.iloc[1]
    assert (ours["rate"], theirs["rate"], theirs["rate_low"]) == (100, 50, 25)
    assert ours["ours_over"] == 1
    assert theirs["ours_over"] == theirs["ours_over_low"] == theirs["ours_over_high"] == 2
    page = benchmark_trainers.page(table, settings)
    assert "Plain JAX" in page and "2.00 (2.00 to 2.00)" in page
