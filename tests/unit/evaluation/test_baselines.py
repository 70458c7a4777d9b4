"""Estimates without photometry, and random forests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.diagnostics import baseline_forest, baseline_null
from scripts.evaluation import evaluate
from transferz.evaluation.baselines import baseline_names, display_name, fit_forest, predict_null
from transferz.evaluation.predictions import PREDICTION_COLUMNS

BANDS = ["g", "r", "i"]


def catalogue(n: int, shift: float, seed: int) -> pd.DataFrame:
    """Return a split catalogue in which redshift is a function of one colour."""
    generator = np.random.default_rng(seed)
    redshift = generator.uniform(0.1, 1.5, n) + shift
    magnitudes = {f"mag_{band}": generator.uniform(20, 24, n) for band in BANDS}
    magnitudes["mag_r"] = magnitudes["mag_g"] - redshift
    split = np.array(["train", "validation", "test"], dtype=object)[np.arange(n) % 3]
    ids = np.arange(n) + 1000 * seed
    return pd.DataFrame({"object_id": ids, **magnitudes, "redshift": redshift, "split": split})


@pytest.fixture
def splits(tmp_path: Path) -> dict[str, Path]:
    tables = {"source": catalogue(300, 0.0, 1), "target": catalogue(240, 0.2, 2)}
    tables["combo"] = pd.concat(tables.values(), ignore_index=True)
    paths = {name: tmp_path / f"{name}.parquet" for name in tables}
    for name, table in tables.items():
        table.to_parquet(paths[name])
    return paths


def test_null_is_the_median_of_the_training_redshifts(
    splits: dict[str, Path], tmp_path: Path
) -> None:
    baseline_null.main(**splits, predictions=tmp_path / "null.parquet")
    found = pd.read_parquet(tmp_path / "null.parquet")
    assert list(found) == PREDICTION_COLUMNS
    for sample, path in splits.items():
        table = pd.read_parquet(path)
        median = table.loc[table["split"] == "train", "redshift"].astype("float32").median()
        rows = found[found["strategy"] == f"null-{sample}"]
        assert rows["z_pred"].unique() == pytest.approx([median], rel=1e-6)
        assert rows.groupby("dataset").size().to_dict() == {"source": 100, "target": 80}
    assert predict_null(np.array([0.1, 0.2, 9.0]), 2).tolist() == pytest.approx([0.2, 0.2])


def test_forests_learn_and_are_the_same_with_any_number_of_threads(
    splits: dict[str, Path], tmp_path: Path
) -> None:
    settings = {"inputs": ["mag_{band}"], "bands": BANDS, "trees": 20, "min_leaf": 2, "seeds": 2}
    for threads in (1, 2):
        path = tmp_path / f"forest{threads}.parquet"
        baseline_forest.main(**splits, predictions=path, threads=threads, **settings)
    assert (tmp_path / "forest1.parquet").read_bytes() == (
        tmp_path / "forest2.parquet"
    ).read_bytes()
    baseline_null.main(**splits, predictions=tmp_path / "null.parquet")
    paths = [tmp_path / "forest1.parquet", tmp_path / "null.parquet"]
    ranges = {"z_range": (0.3, 1.5), "full_range": (0, 10)}
    evaluate.main(paths, tmp_path / "out.csv", ranges=ranges)
    metrics = pd.read_csv(tmp_path / "out.csv")
    assert sorted(metrics["strategy"].unique()) == sorted(baseline_names())
    assert set(zip(metrics["z_min"], metrics["z_max"], strict=True)) == {(0.3, 1.5), (0.0, 10.0)}
    rms = metrics[metrics["z_min"] == 0.3].groupby("strategy")["rms"].mean()
    assert rms["forest-combo"] < 0.7 * rms["null-combo"]


def test_forest_seeds_differ() -> None:
    generator = np.random.default_rng(3)
    values, z = generator.normal(size=(200, 2)), generator.uniform(size=200)
    first, second = (
        fit_forest(values, z, trees=5, min_leaf=2, seed=seed, threads=1).predict(values)
        for seed in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_display_names() -> None:
    labels = {"source": "Source", "NN-Base": "Base"}
    assert display_name("null-source", labels) == "Training n(z), Source"
    assert display_name("forest-combo", labels) == "Random forest, both"
    assert display_name("NN-Base", labels) == "Base"
    assert display_name("null-hypothesis", {}) == "null-hypothesis"
