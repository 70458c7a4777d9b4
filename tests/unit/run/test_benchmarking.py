"""The training benchmark in miniature: it measures what it says, and its page holds together."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from scripts.run import benchmark_run, benchmark_training, plot_benchmark_training
from transferz.core import progress
from transferz.core.errors import InputError
from transferz.networks.architecture import Architecture
from transferz.networks.checkpoints import CHECKPOINT_SECONDS as TRAINER_CHECKPOINT_SECONDS
from transferz.run.benchmark_page import CHECKPOINT_SECONDS
from transferz.run.benchmarking import Measurements, flops_per_galaxy, variants, workers

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


def test_repeated_measurements_are_summed_up() -> None:
    found = Measurements()
    found.add("start", [3.0, 1.0, 10.0], "s")
    row = found.table().iloc[0]
    assert row[["median", "low", "high", "repeats"]].tolist() == [3.0, 1.0, 10.0, 3]


def test_variants_of_one_core_are_named_once() -> None:
    assert [v.way for v in variants(1)] == ["fit", "fit_fast", "fused"]
    layouts = [(v.way, v.layout) for v in variants(2)]
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
        hidden=[8, 8],
        training=TRAINING,
        threads=1,
        log=folder / "training.log",
    )
    return folder


@pytest.mark.long
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


@pytest.mark.long
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


def write_benchmark(path, seconds, cpu, memory):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\tcpu_time\n{seconds}\t{memory}\t{cpu}\n")


def test_time_of_a_run_is_summed_by_rule(tmp_path):
    write_benchmark(tmp_path / "train" / "NN-Base" / "seeds-000-001.tsv", 30, 29, 900)
    write_benchmark(tmp_path / "train" / "NN-TL" / "seeds-000-001.tsv", 50, 48, 950)
    write_benchmark(tmp_path / "control" / "train" / "NN-TL" / "seeds-000-001.tsv", 5, 5, 900)
    write_benchmark(tmp_path / "figure1.tsv", 15, "-", "-")
    write_benchmark(tmp_path / "spectra_train" / "heads.tsv", 100, 90, 1000)
    table = benchmark_run.by_rule(benchmark_run.read_jobs(tmp_path), inside=60.0).set_index("rule")
    assert table.loc["train", ["jobs", "wall_s", "cpu_s", "peak_mib"]].tolist() == [2, 80, 77, 950]
    assert table.loc["train", "inside_training_s"] == 60
    assert table["share_of_wall"].sum() == pytest.approx(1)
    text = benchmark_run.page(table.reset_index())
    # All training: (80 + 5 + 100) of 200 s; inside: 60 of the 100 s without spectra.
    assert "train networks: 92% of 200 s" in text
    assert "the jobs took 100 s, of which 60%" in text


def test_run_without_benchmark_files_says_so(tmp_path):
    with pytest.raises(InputError, match="no benchmark files"):
        benchmark_run.read_jobs(tmp_path)


def test_training_seconds_are_read_from_what_progress_wrote(tmp_path, caplog, monkeypatch):
    clock, processor = iter([100.0, 112.4]), iter([5.0, 14.1])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(progress.time, "process_time", lambda: next(processor))
    told = progress.Progress("NN-Base seeds 0-1", 2, 1000)
    told.done = 2
    with caplog.at_level("INFO"):
        told.end()
    log = tmp_path / "train.log"
    log.write_text(f"12:00 INFO {caplog.messages[-1]}\n")
    assert progress.training_seconds(log) == (12, 9)
    log.write_text("12:00 INFO NN-Base seeds 0-1: 1 of 2 seeds, 8 thousand galaxies/s, 12 s\n")
    with pytest.raises(InputError, match="no last line"):
        progress.training_seconds(log)
