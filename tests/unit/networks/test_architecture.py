"""The network, its initial weights, its predictions, and the model files that hold them."""

from __future__ import annotations

import platform
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from scripts.networks import predict_tests
from transferz.core.errors import InputError
from transferz.networks.architecture import Architecture, build_network, initial_weights
from transferz.networks.ensemble import Ensemble
from transferz.networks.features import Scaler
from transferz.networks.model_files import load_model, read_models, save_models
from transferz.networks.prediction import Predictor, predict_redshift, warn_if_place_matters
from transferz.networks.soft_labels import Classes
from transferz.run import invariants

PAPER = Architecture(5)
SMALL = Architecture(5, (8, 6))


@pytest.fixture(scope="module")
def magnitudes() -> np.ndarray:
    return np.random.default_rng(4).uniform(17, 27, (4097, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def scaler(magnitudes: np.ndarray) -> Scaler:
    return Scaler.fit(magnitudes, [f"mag_{band}" for band in "grizy"])


def test_paper_network_has_the_published_number_of_parameters() -> None:
    model = build_network(PAPER)
    assert model.count_params() == 122_006
    assert [w.shape for w in model.get_weights()] == list(PAPER.weight_shapes.values())


def test_forward_pass_by_hand(magnitudes: np.ndarray) -> None:
    weights = initial_weights(SMALL, 1)
    weights[1:6:2] = [np.linspace(-1, 1, bias.size, dtype="f") for bias in weights[1:6:2]]
    model = build_network(SMALL)
    model.set_weights(weights)
    x = magnitudes[:50] / 30
    first = np.maximum(x @ weights[0] + weights[1], 0)
    second = np.maximum(first @ weights[2] + weights[3], 0)
    expected = np.hstack([x, second]) @ weights[4] + weights[5]
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)


def test_network_without_skip_or_hidden_layers() -> None:
    assert build_network(Architecture(3, (4,), skip=False)).count_params() == 16 + 5
    assert build_network(Architecture(3, ())).count_params() == 4


def test_initial_weights_are_glorot_uniform_and_depend_on_the_seed_only() -> None:
    weights = initial_weights(PAPER, 7)
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        limit = np.sqrt(6 / sum(kernel.shape))
        assert not bias.any() and kernel.dtype == np.float32
        assert 0.9 * limit < np.abs(kernel).max() <= limit * (1 + 1e-6)
        assert abs(kernel.std() - limit / np.sqrt(3)) < 0.1 * limit
    # These numbers are the promise that a seed means the same weights in every process.
    np.testing.assert_array_equal(
        weights[0][0, :3],
        np.float32([0.042802609503269196, 0.1359104961156845, 0.09432850033044815]),
    )
    assert not np.array_equal(weights[0], initial_weights(PAPER, 8)[0])


@pytest.fixture(scope="module")
def model_file(tmp_path_factory, scaler: Scaler) -> Path:
    path = tmp_path_factory.mktemp("models") / "seeds-000-002.npz"
    save_models(path, PAPER, scaler, {seed: initial_weights(PAPER, seed) for seed in (2, 0, 1)})
    return path


def test_model_file_is_deterministic_and_needs_no_pickle(
    model_file: Path, scaler: Scaler, tmp_path: Path
) -> None:
    again = tmp_path / "other-name.npz"
    save_models(again, PAPER, scaler, {seed: initial_weights(PAPER, seed) for seed in (0, 1, 2)})
    assert again.read_bytes() == model_file.read_bytes()
    contents = read_models(model_file)
    assert contents.architecture == PAPER and list(contents.weights) == [0, 1, 2]
    assert contents.scaler.columns == scaler.columns
    for found, expected in zip(contents.of_seed(1), initial_weights(PAPER, 1), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_loaded_model_is_the_network_behind_its_scaling(
    model_file: Path, scaler: Scaler, magnitudes: np.ndarray
) -> None:
    inner = build_network(PAPER)
    inner.set_weights(initial_weights(PAPER, 1))
    loaded = load_model(model_file, 1)
    assert isinstance(loaded, keras.Model)
    expected = predict_redshift(inner, scaler.transform(magnitudes))
    np.testing.assert_array_equal(predict_redshift(loaded, magnitudes), expected)


@pytest.fixture(scope="module", params=["redshift", "classes"])
def predictor(request, scaler: Scaler) -> Predictor:
    """A network of the paper's size that gives a redshift, or the median of 60 classes."""
    classes = Classes(60, 4.0) if request.param == "classes" else None
    architecture = Architecture(5, classes=classes)
    model = build_network(architecture, scaler)
    model.set_weights(initial_weights(architecture, 1))
    return Predictor(model)


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="the promise of bits is for x86-64"
)
@pytest.mark.parametrize("n_rows", [1, 2, 31, 32, 100, 767, 768, 769, 2048, 4096, 4097])
def test_predictions_do_not_depend_on_the_rows_around(
    predictor: Predictor, magnitudes: np.ndarray, n_rows: int
) -> None:
    """Four random orders, in one call and in pieces of `n_rows`: the same bits of every row."""
    expected = predictor(magnitudes)
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(magnitudes))
        shuffled = magnitudes[order]
        np.testing.assert_array_equal(predictor(shuffled), expected[order])
        # Rows of the first and the last pieces: thousands of calls would show no more.
        starts = list(range(0, len(shuffled), n_rows))
        for start in starts[:3] + starts[-3:]:
            rows = slice(start, start + n_rows)
            np.testing.assert_array_equal(predictor(shuffled[rows]), expected[order][rows])


def test_a_machine_that_breaks_the_promise_says_so_in_one_line(
    magnitudes: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    assert not warn_if_place_matters(lambda rows: rows.sum(axis=1, keepdims=True), magnitudes)
    assert not caplog.records
    assert warn_if_place_matters(lambda rows: np.arange(len(rows))[:, None], magnitudes)
    (record,) = caplog.records
    assert "depend on the rows around it" in record.message


def test_predictions_are_those_of_keras_to_the_last_bits(
    model_file: Path, magnitudes: np.ndarray
) -> None:
    model = load_model(model_file, 0)
    for batch_size in (1, 32, 100, 4096):
        plain = model.predict(magnitudes[:500], batch_size=batch_size, verbose=0)[:, 0]
        np.testing.assert_allclose(plain, predict_redshift(model, magnitudes[:500]), atol=1e-6)


def test_predictions_follow_the_weights_and_none_come_of_nothing(
    scaler: Scaler, magnitudes: np.ndarray
) -> None:
    model = build_network(SMALL, scaler)
    predictor = Predictor(model)
    assert predictor(magnitudes[:0]).shape == (0, 1)
    found = []
    for seed in (1, 2):
        model.set_weights(initial_weights(SMALL, seed))
        found.append(predictor(magnitudes[:10]))
        np.testing.assert_allclose(found[-1], model(magnitudes[:10]), rtol=1e-5)
    assert not np.array_equal(*found)


def test_loaded_model_can_be_saved_by_keras(
    model_file: Path, magnitudes: np.ndarray, tmp_path: Path
) -> None:
    model = load_model(model_file, 0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        predict_redshift(again, magnitudes[:100]), predict_redshift(model, magnitudes[:100])
    )


def test_a_network_with_classes_gives_their_median_and_is_an_ordinary_model(
    scaler: Scaler, magnitudes: np.ndarray, tmp_path: Path
) -> None:
    architecture = Architecture(5, (8, 6), classes=Classes(12, 4.0))
    weights = initial_weights(architecture, 3)
    weights[4] *= 5  # so that classes differ
    save_models(tmp_path / "m.npz", architecture, scaler, {3: weights})
    assert read_models(tmp_path / "m.npz").architecture == architecture
    model = load_model(tmp_path / "m.npz", 3)
    found = predict_redshift(model, magnitudes)
    # The audit's own forward pass, in NumPy.
    expected = invariants.predict(invariants.read_weights(tmp_path / "m.npz"), 0, magnitudes)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.min() > 0 and found.max() < 4 and found.std() > 0.1
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict_redshift(again, magnitudes), found)
    np.testing.assert_array_equal(predict_redshift(model, magnitudes[::-1])[::-1], found)


def test_broken_model_files_are_named(model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="model file not found"):
        read_models(tmp_path / "none.npz")
    (tmp_path / "cut.npz").write_bytes(model_file.read_bytes()[:-5000])
    with pytest.raises(InputError, match=r"cut\.npz: not a model file"):
        read_models(tmp_path / "cut.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz: not a model file"):
        read_models(tmp_path / "other.npz")
    with pytest.raises(InputError, match=r"found \[0, 1, 2\]; expected 5"):
        load_model(model_file, 5)


def test_script_predicts_both_test_sets(model_file: Path, scaler: Scaler, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    names = list(scaler.columns)
    tables = {}
    for dataset, ids in (("source", np.arange(90) + 2**62), ("target", np.arange(60))):
        table = pd.DataFrame(rng.uniform(18, 26, (len(ids), 5)), columns=names)
        table = table.assign(object_id=ids, redshift=rng.uniform(0, 3, len(ids)))
        table["split"] = np.resize(["train", "test", "validation"], len(ids))
        table.to_parquet(tmp_path / f"{dataset}.parquet")
        tables[dataset] = table[table["split"] == "test"]
    outputs = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    predict_tests.main(
        [model_file, model_file],
        outputs,
        source=tmp_path / "source.parquet",
        target=tmp_path / "target.parquet",
        strategy="NN-X",
        threads=1,
    )
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    found = pd.read_parquet(outputs[0])
    assert list(found) == ["strategy", "seed", "dataset", "object_id", "z_true", "z_pred"]
    assert len(found) == 3 * (30 + 20) and set(found["strategy"]) == {"NN-X"}
    assert found["z_true"].dtype == found["z_pred"].dtype == np.float32
    for (seed, dataset), rows in found.groupby(["seed", "dataset"]):
        expected = tables[dataset]
        np.testing.assert_array_equal(rows["object_id"], expected["object_id"])
        np.testing.assert_array_equal(rows["z_true"], expected["redshift"].astype(np.float32))
        magnitudes = expected[names].to_numpy(np.float32)
        plain = predict_redshift(load_model(model_file, seed), magnitudes)
        np.testing.assert_array_equal(rows["z_pred"], plain)


def test_an_ensemble_mixes_the_distributions_of_its_networks(magnitudes, tmp_path) -> None:
    """Of colours made inside the network, to the bits of networks that are given the colours."""
    inputs = ["mag_0 - mag_1", *(f"mag_{k}" for k in range(magnitudes.shape[1]))]
    architecture = Architecture(len(inputs), (8, 8), classes=Classes(20, 6.0))
    scaler = Scaler.fit(magnitudes, inputs, "standard")
    weights = {seed: initial_weights(architecture, seed) for seed in (0, 1)}
    save_models(tmp_path / "seeds-000-001.npz", architecture, scaler, weights)
    ensemble = Ensemble.load([tmp_path / "seeds-000-001.npz"])
    redshifts, probability = ensemble.members(magnitudes)
    plain = build_network(architecture)
    shares = keras.Model(plain.inputs, plain.get_layer("probability").output)
    expected = []
    for seed in (0, 1):
        plain.set_weights(weights[seed])
        scaled = scaler.transform(magnitudes)
        np.testing.assert_array_equal(redshifts[:, seed], predict_redshift(plain, scaled))
        expected.append(Predictor(shares)(scaled))
    np.testing.assert_allclose(probability, np.mean(expected, axis=0), rtol=1e-5)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-5)
