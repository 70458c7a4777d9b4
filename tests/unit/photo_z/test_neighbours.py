"""Neighbours in the networks: against exact search, for every kind of galaxy, and as a command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from tests.small_run import SETTINGS, galaxies, small_run

from scripts.photo_z import index_neighbours, judge_neighbours
from transferz import api
from transferz.command import main
from transferz.core.errors import InputError
from transferz.networks.vectors import TrainingVectors, nearest, new_index, recall

COLUMNS = ["mag_g", "mag_r", "mag_i"]


@pytest.fixture(name="results", scope="module")
def fixture_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of untrained networks, with vectors."""
    results = small_run(tmp_path_factory.mktemp("results"))
    folder = results / "neighbours" / "NN-Combo"
    index_neighbours.main(
        sorted((results / "models" / "NN-Combo").glob("*.npz")),
        [results / "splits" / "target.parquet"],
        results / "calibration" / "NN-Combo" / "target.npz",
        folder / "galaxies.npz",
        folder / "vectors.usearch",
        networks=3,
        dimensions=6,
        limits=SETTINGS["out_of_distribution"],
        threads=1,
    )
    return results


@pytest.fixture(name="finder", scope="module")
def fixture_finder(results: Path) -> api.Neighbours:
    return api.load_neighbours(results, "NN-Combo")


def test_vectors_are_the_last_hidden_layers_turned(finder):
    """All distances between hidden layers stay but for the axes that are left out."""
    values = galaxies(60, 3)[COLUMNS].to_numpy(np.float32)
    layers = np.concatenate(list(finder.photo_z.ensemble.hidden(values)), axis=1)
    assert layers.shape == (60, 3 * 16)
    vectors = finder.vectors(galaxies(60, 3))
    space = finder.training.space
    assert vectors.shape == (60, 6)
    assert 0.9 < space.variance <= 1.0
    np.testing.assert_allclose(cdist(vectors, vectors), cdist(layers, layers), atol=0.3, rtol=0.2)
    flat = space.axes.reshape(-1, 6)
    np.testing.assert_allclose(flat.T @ flat, np.eye(6), atol=1e-5)


def test_neighbours_are_those_of_an_exact_search(finder, results):
    table = galaxies(200, 4)
    found = finder.of(table, 5)
    trained = pd.read_parquet(results / "splits" / "target.parquet").query("split == 'train'")
    distance = cdist(finder.vectors(table), finder.vectors(trained))
    exact = np.argsort(distance, axis=1)[:, :5]
    ids = found["neighbour_id"].to_numpy().reshape(200, 5)
    truth = trained["object_id"].astype(str).to_numpy()[exact]
    assert (ids == truth).mean() > 0.99
    redshifts = found["neighbour_redshift"].to_numpy().reshape(200, 5)
    same = (ids == truth).all(axis=1)
    np.testing.assert_allclose(redshifts[same], trained["redshift"].to_numpy()[exact][same])
    near = found["distance"].to_numpy().reshape(200, 5)
    np.testing.assert_allclose(near[same], np.sort(distance)[same][:, :5], rtol=1e-2, atol=1e-3)
    assert found.index.tolist() == np.repeat(table.index, 5).tolist()


def test_recall_is_one_for_few_vectors_and_falls_with_a_poor_graph():
    vectors = np.random.default_rng(0).normal(size=(3000, 24)).astype(np.float32)
    index = new_index(vectors)
    assert recall(index, vectors[:100], [1, 10])[1] == 1.0
    good = recall(index, vectors[:100] + 1.0, [10])[10]
    index.expansion_search = 1
    assert recall(index, vectors[:100] + 1.0, [10])[10] < good


def test_galaxies_unlike_the_training_set_or_without_bands_are_flagged(finder):
    table = galaxies(4, 5)
    table.loc[1, "mag_g"] = 5.0
    table.loc[2, COLUMNS] = np.nan
    found = finder.of(table, 2)
    flags = found["flag_unlike_training"].to_numpy().reshape(4, 2)
    assert flags.all(axis=1).tolist() == flags.any(axis=1).tolist() == [False, True, True, False]
    unknown = found.loc[2]
    assert unknown["neighbour_id"].tolist() == ["", ""]
    assert unknown[["distance", "neighbour_redshift"]].isna().all(axis=None)
    rows, distances = nearest(finder.training.index, np.full((2, 6), np.nan, np.float32), 1)
    assert (rows == -1).all()
    assert np.isnan(distances).all()


def test_the_limit_leaves_a_share_of_the_calibration_galaxies_out(finder):
    inputs = finder.photo_z.sample.inputs
    vectors = finder.training.space.of(finder.photo_z.ensemble, inputs)
    beyond = finder.training.distance(vectors) > finder.training.limit
    assert beyond.mean() == pytest.approx(0.01, abs=0.005)


def test_a_wrong_question_is_named(finder, results, tmp_path):
    with pytest.raises(InputError, match="number: no such number; found 1001; expected 1 to 1000"):
        finder.of(galaxies(3, 8), 1001)
    with pytest.raises(InputError, match="mag_i: missing column"):
        finder.of(galaxies(3, 8).drop(columns="mag_i"))
    with pytest.raises(InputError, match=r"galaxies\.npz: no vectors.*snakemake neighbours"):
        api.load_neighbours(results, "NN-Base")
    finder.training.save(tmp_path / "galaxies.npz", tmp_path / "vectors.usearch")
    new_index(np.zeros((3, 6), np.float32)).save(str(tmp_path / "vectors.usearch"))
    with pytest.raises(InputError, match="not the index of these vectors; found 3 vectors"):
        TrainingVectors.load(tmp_path)


def test_the_command_writes_neighbours_and_a_picture(results, tmp_path, capsys):
    table = galaxies(40, 2)
    table.to_csv(tmp_path / "mine.csv", index=False)
    words = ["neighbours", tmp_path / "mine.csv", "--networks", results, "--number", 3]
    words += ["--output", tmp_path / "n.csv", "--figure", tmp_path / "n.png", "--threads", 1]
    assert main(list(map(str, words))) == 0
    found = pd.read_csv(tmp_path / "n.csv")
    wanted = api.load_neighbours(results, "NN-Combo").of(table, 3)
    assert found["object_id"].tolist() == np.repeat(table["object_id"], 3).tolist()
    assert found["neighbour_id"].tolist() == wanted["neighbour_id"].astype(int).tolist()
    np.testing.assert_allclose(found["distance"], wanted["distance"], rtol=1e-4, atol=1e-5)
    assert (tmp_path / "n.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.startswith("40 galaxies, ")


def test_an_area_is_that_of_all_pairs():
    """And a population nearer than the test galaxies has less than one half."""
    table = pd.DataFrame(
        {
            "population": ["test target"] * 4 + ["far"] * 2,
            "vectors": [1.0, 2.0, 3.0, 4.0, 3.5, 9.0],
            "colours": [1.0, 2.0, 3.0, 4.0, 0.5, 0.1],
            "z_true": [1.0, 1.0, 1.0, 1.0, np.nan, np.nan],
            "z_pred": [1.0, 1.0, 1.0, 2.0, np.nan, np.nan],
        }
    )
    found = judge_neighbours.flag_table(table, {"vectors": 3.2, "colours": 9.0})
    found = found.set_index("population")
    assert found.loc["far", "auc_vectors"] == 7 / 8
    assert found.loc["far", "auc_colours"] == 0.0
    assert found.loc["far", "beyond_vectors"] == 1.0
    assert found.loc["test galaxies", "beyond_vectors"] == 0.25
    assert found.loc["photo-z outliers among them", ["n", "auc_vectors"]].tolist() == [1, 1.0]


def test_shallower_photometry_has_larger_errors():
    table = galaxies(5000, 6).assign(mag_err_g=0.02, mag_err_r=0.02, mag_err_i=0.02)
    found = judge_neighbours.shallower(table, ["g", "r", "i"], 1)
    scatter = (found["mag_g"] - table["mag_g"]).std()
    assert scatter == pytest.approx(0.02 * np.sqrt(10**0.8 - 1), rel=0.05)
    assert found["mag_err_g"].median() == pytest.approx(0.02 * 10**0.4, rel=0.02)
