"""Strategies compared seed by seed, and the table of recipes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.draws import drawn, write_histories

from scripts.diagnostics import table_comparisons, table_recipes
from transferz.core.errors import InputError
from transferz.evaluation.metrics import METRICS
from transferz.report.tables import significant

SEEDS, RANGE = 20, [0.3, 1.5]


def metrics_of(scale: dict[tuple[str, str], float]) -> pd.DataFrame:
    """Metrics by strategy and data set: the given value, and what the seeds share."""
    shared = np.random.default_rng(4).normal(1.0, 0.2, SEEDS)
    rows = [
        {"strategy": strategy, "seed": seed, "dataset": dataset, "z_min": 0.3, "z_max": 1.5, "n": 9}
        | dict.fromkeys(METRICS, value * shared[seed])
        for (strategy, dataset), value in scale.items()
        for seed in range(SEEDS)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(name="files")
def fixture_files(tmp_path: Path) -> tuple[Path, Path]:
    """Soft is better on the target by a fifth, the same on the source; the truth halves it."""
    per_seed = metrics_of(
        {
            ("soft", "target"): 0.04,
            ("hard", "target"): -0.05,
            ("soft", "source"): 0.1,
            ("hard", "source"): 0.1,
        }
    )
    truth = metrics_of({("soft", "source"): 0.05, ("hard", "source"): 0.1})
    truth = truth.assign(judged_by="truth", range="range").drop(columns="dataset")
    for name, table in (("per_seed", per_seed), ("truth", truth)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path / "per_seed.csv", tmp_path / "truth.csv"


def run(files: tuple[Path, Path | None], folder: Path, pairs: list) -> tuple[pd.DataFrame, str]:
    csv, md = folder / "comparisons.csv", folder / "comparisons.md"
    table_comparisons.main(
        *files,
        csv,
        md,
        pairs=pairs,
        metrics=["rms"],
        z_range=RANGE,
        labels={"target": "Target"},
        survey="embedded",
    )
    return pd.read_csv(csv), md.read_text()


def test_pairs_share_what_the_seeds_share(files: tuple[Path, Path], tmp_path: Path) -> None:
    table, page = run(files, tmp_path, [["soft", "hard"]])
    assert len(table) == 3 * len(METRICS)
    rows = table[table["metric"] == "rms"].set_index(["dataset", "judged_by"])
    target = rows.loc[("target", "label")]
    # Absolute values: a bias of the other sign is no gain. The seeds' common scatter cancels.
    assert target["difference"] == pytest.approx(-0.01 * target["value_of"] / 0.04)
    assert target["difference_low"] < target["difference"] < target["difference_high"] < 0
    assert target[["ratio", "ratio_low", "ratio_high"]].to_list() == pytest.approx([1.25] * 3)
    assert rows.loc[("source", "label"), ["difference", "difference_high"]].to_list() == [0, 0]
    assert rows.loc[("source", "truth"), "ratio"] == pytest.approx(2.0)
    assert "## soft and hard" in page and page.count("**") == 4
    assert "| Target" in page and "1.25 [1.25, 1.25]" in page


def test_without_the_truth_labels_alone_judge(files: tuple[Path, Path], tmp_path: Path) -> None:
    table, _ = run((files[0], None), tmp_path, [["hard", "soft"]])
    assert set(table["judged_by"]) == {"label"}
    with pytest.raises(InputError, match=r"evaluation\.comparisons: nothing to compare"):
        run(files, tmp_path, [])


def test_recipes_have_their_cost_and_what_comes_of_them(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    shared = {"low_rank": None, "schedule": "cosine", "batch_size": 64, "max_epochs": 9}
    recipes = {
        "hard": {"train_on": "source", "start_from": None, "trainable": "all"},
        "soft": {"train_on": "target", "start_from": "hard", "trainable": "hidden_1"},
    }
    recipes = {name: recipe | shared | {"learning_rate": 0.1} for name, recipe in recipes.items()}
    drawn(pd.read_csv(files[0])).to_parquet(tmp_path / "resampled.parquet")
    validation = pd.read_csv(files[0]).assign(rms=0.1)
    validation.loc[(validation["seed"] == 7) & (validation["strategy"] == "soft"), "rms"] = 0.14
    validation.to_csv(tmp_path / "validation.csv", index=False)
    curves = {"hard": [[0.3, 0.2], [0.4]], "soft": [[0.3], [0.1]]}
    logs = []
    for name, seconds in (("hard", 12), ("soft", 6)):
        logs.append(tmp_path / name / "seeds-000-001.log")
        logs[-1].parent.mkdir()
        logs[-1].write_text(
            f": 2 of 2 seeds, 8 thousand galaxies/s, 99 s, {seconds} s of processor\n"
        )
    csv, md = tmp_path / "recipes.csv", tmp_path / "recipes.md"
    table_recipes.main(
        files[0],
        tmp_path / "resampled.parquet",
        tmp_path / "validation.csv",
        write_histories(tmp_path, curves),
        csv,
        md,
        logs=logs,
        recipes=recipes,
        metrics=["rms"],
        z_range=RANGE,
        labels={"target": "Target"},
        survey="embedded",
    )
    table = pd.read_csv(csv)
    assert len(table) == 2 * 2 * len(METRICS)
    rows = table[table["metric"] == "rms"].set_index(["strategy", "dataset"])
    hard, soft = rows.loc[("hard", "source")], rows.loc[("soft", "target")]
    assert hard[["epochs", "seconds", "validation_loss"]].to_list() == pytest.approx([1.5, 6, 0.3])
    assert soft["validation_loss"] == pytest.approx(0.2)
    assert [hard["outlying"], soft["outlying"]] == pytest.approx([0, 100 / SEEDS])
    assert soft["validation_rms"] == pytest.approx(0.1 + 0.04 / SEEDS)
    assert soft["low"] < soft["mean"] < soft["high"]
    page = md.read_text()
    first, second, _ = (line for line in page.splitlines() if line.startswith("| soft"))
    cells = [cell.strip() for cell in first.strip("|").split("|")]
    assert cells[:9] == ["soft", "Target", "hard", "hidden_1", "", "cosine", "0.1", "64", "9"]
    assert f"{significant(soft['mean'])} [{significant(soft['low'])}, " in second
