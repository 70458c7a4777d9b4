"""The training benchmark in miniature: it measures what it says, and its page holds together."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import benchmark_training
import plot_benchmark_training
from transferz.benchmark_page import CHECKPOINT_SECONDS
from transferz.benchmarking import Spread, flops_per_galaxy, workers
from transferz.errors import InputError
from transferz.network import Architecture
from transferz.training import CHECKPOINT_SECONDS as TRAINER_CHECKPOINT_SECONDS

SETTINGS = {
    "batch_sizes": [64],
    "rows": 200,
    "validation_rows": 40,
    "epochs": 1,
    "repeats": 2,
    "paper_rows": [300, 60],
}
TRAINING = {"batch_size": 64, "max_epochs": 40}


def test_operations_by_hand() -> None:
    # 5 inputs, layers of 3 and 2, the skip to the output: 15 + 6 weights, then 2 + 5.
    training, validation = flops_per_galaxy([3, 2], 5)
    assert validation == 2 * (15 + 6 + 7)
    # Three products each, less the gradients of the inputs: 15 weights and the 5 of the skip.
    assert training == 3 * 2 * 28 - 2 * 20


def test_operations_of_the_paper() -> None:
    kernels = [s for s in Architecture(5).weight_shapes.values() if len(s) == 2]
    assert flops_per_galaxy([200] * 4, 5)[1] == 2 * sum(a * b for a, b in kernels)


def test_spread() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)


def test_variants_of_one_core_are_named_once() -> None:
    assert [v.way for v in benchmark_training.variants(1)] == ["fit", "fit_fast", "fused"]
    layouts = [(v.way, v.layout) for v in benchmark_training.variants(2)]
    assert layouts[0] == ("fit", "1 x 2") and ("fused", "2 x 1") in layouts
    assert len(set(layouts)) == len(layouts) == 6


def test_the_page_knows_how_often_checkpoints_are() -> None:
    assert CHECKPOINT_SECONDS == TRAINER_CHECKPOINT_SECONDS


def test_a_dead_process_is_reported(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("w") as log,
        workers(1, log, hidden=[4], n_inputs=5, threads=1) as (worker,),
    ):
        worker.process.kill()
        worker.process.wait()
        with pytest.raises(InputError, match="process of the benchmark died"):
            worker.started()
    assert worker.process.stdout.closed


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    benchmark_training.main(
        folder / "training.csv",
        folder / "training.md",
        settings=SETTINGS,
        network={"hidden": [8, 8]},
        training=TRAINING,
        cores=1,
        log=folder / "training.log",
    )
    return folder


def test_ratios_and_fractions_follow_from_the_rates(measured: Path) -> None:
    table = pd.read_csv(measured / "training.csv")
    rates = table[table["measurement"] == "training rate"].set_index(["batch_size", "variant"])
    ratios = table[table["measurement"] == "rate over Keras fit"]
    assert set(rates.index.get_level_values(0)) == {64}
    base = ratios[ratios["variant"] == "Keras fit"]
    assert (base[["median", "low", "high"]] == 1).all(axis=None)
    for row in ratios.itertuples():
        rate = rates.loc[(row.batch_size, row.variant)]
        first = rates.loc[(row.batch_size, "Keras fit")]
        assert rate["low"] / first["high"] <= row.median <= rate["high"] / first["low"]
        assert row.repeats == SETTINGS["repeats"]
    fractions = table[table["measurement"] == "fraction of the peak"]
    assert fractions["high"].between(0, 1).all()


def test_page_and_plot(measured: Path) -> None:
    page = (measured / "training.md").read_text()
    table = pd.read_csv(measured / "training.csv")
    assert page.count("## Batch size") == page.count("## Batch size 64") == 1
    step = table[(table["measurement"] == "part of a step") & (table["at"] == "step")]
    for value in step["median"]:
        assert f" {value:.0f} " in page
    assert "nan" not in page.lower().replace("nanos", "")
    plot_benchmark_training.main(
        measured / "training.csv", measured / "training.pdf", measured / "training.png"
    )
    first = (measured / "training.pdf").read_bytes()
    plot_benchmark_training.main(
        measured / "training.csv", measured / "training.pdf", measured / "training.png"
    )
    assert (measured / "training.pdf").read_bytes() == first and len(first) > 5000
