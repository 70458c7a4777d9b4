"""Estimates without photometry, and plain regressors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.diagnostics import baseline
from scripts.evaluation import evaluate
from transferz.evaluation.baselines import (
    BASELINE_KINDS,
    baseline_names,
    colours_and_magnitude,
    display_name,
    estimator,
)
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


FOREST = {"n_estimators": 20, "min_samples_leaf": 2}


def write(splits: dict[str, Path], kind: str, path: Path, seeds: int = 1, threads: int = 1) -> Path:
    """Train a baseline; return the file of its predictions."""
    settings = {"inputs": ["mag_{band}"], "bands": BANDS, "seeds": seeds, "threads": threads}
    own = FOREST if kind == "forest" else {}
    baseline.main(**splits, predictions=path, kind=kind, settings=own, **settings)
    return path


def test_null_is_the_median_of_the_training_redshifts(
    splits: dict[str, Path], tmp_path: Path
) -> None:
    found = pd.read_parquet(write(splits, "null", tmp_path / "null.parquet"))
    assert list(found) == PREDICTION_COLUMNS
    for sample, path in splits.items():
        table = pd.read_parquet(path)
        median = table.loc[table["split"] == "train", "redshift"].astype("float32").median()
        rows = found[found["strategy"] == f"null-{sample}"]
        assert rows["z_pred"].unique() == pytest.approx([median], rel=1e-6)
        assert rows.groupby("dataset").size().to_dict() == {"source": 100, "target": 80}


def test_forests_are_the_same_with_any_number_of_threads(
    splits: dict[str, Path], tmp_path: Path
) -> None:
    one, two = (
        write(splits, "forest", tmp_path / f"{threads}.parquet", seeds=2, threads=threads)
        for threads in (1, 2)
    )
    assert one.read_bytes() == two.read_bytes()


def test_baselines_learn(splits: dict[str, Path], tmp_path: Path) -> None:
    """Redshift is a colour: all that see the photometry beat the null by far."""
    paths = [write(splits, kind, tmp_path / f"{kind}.parquet") for kind in BASELINE_KINDS]
    ranges = {"z_range": (0.3, 1.5), "full_range": (0, 10)}
    evaluate.main(paths, tmp_path / "out.csv", ranges=ranges)
    metrics = pd.read_csv(tmp_path / "out.csv")
    assert sorted(metrics["strategy"].unique()) == sorted(baseline_names())
    assert set(zip(metrics["z_min"], metrics["z_max"], strict=True)) == {(0.3, 1.5), (0.0, 10.0)}
    rms = metrics[metrics["z_min"] == 0.3].groupby("strategy")["rms"].mean()
    for kind in ("forest", "boosting", "neighbours"):
        assert rms[f"{kind}-combo"] < 0.7 * rms["null-combo"]


def test_no_baseline_sees_the_test_galaxies(splits: dict[str, Path], tmp_path: Path) -> None:
    before = write(splits, "boosting", tmp_path / "before.parquet")
    for path in splits.values():
        table = pd.read_parquet(path)
        table.loc[table["split"] == "test", "redshift"] = 3.0
        table.to_parquet(path)
    after = write(splits, "boosting", tmp_path / "after.parquet")
    z_pred = [pd.read_parquet(path)["z_pred"] for path in (before, after)]
    assert z_pred[0].equals(z_pred[1])


def test_colours_are_blue_minus_red() -> None:
    found = colours_and_magnitude(np.array([[21.0, 20.5, 20.2]]))
    assert found == pytest.approx(np.array([[0.5, 0.3, 20.5]]))


def test_forest_seeds_differ() -> None:
    generator = np.random.default_rng(3)
    values, z = generator.normal(size=(200, 2)), generator.uniform(size=200)
    first, second = (
        estimator("forest", FOREST, seed, 1).fit(values, z).predict(values) for seed in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_display_names() -> None:
    labels = {"source": "Source", "NN-Base": "Base"}
    assert display_name("null-source", labels) == "Training n(z), Source"
    assert display_name("forest-combo", labels) == "Random forest, both"
    assert display_name("NN-Base", labels) == "Base"
    assert display_name("null-hypothesis", {}) == "null-hypothesis"
