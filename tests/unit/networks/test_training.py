"""The fused trainer is Keras training: same bits as `fit`, same stops, whatever the company."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from scripts.networks import train
from transferz.core import progress
from transferz.core.errors import InputError
from transferz.networks import checkpoints, training
from transferz.networks.architecture import (
    Architecture,
    build_network,
    initial_weights,
    trained_part,
)
from transferz.networks.checkpoints import Checkpoint, fingerprint, train_seeds
from transferz.networks.losses import ClassLoss
from transferz.networks.model_files import load_model, read_models
from transferz.networks.soft_labels import Classes, label_distribution
from transferz.networks.tensorflow import tf
from transferz.networks.training import EarlyStopping, Sample, Settings, State, Trainer, permutation
from transferz.uncertainty.scores import quantile

PAPER = Architecture(5)
SMALL = Architecture(5, (16, 12))
CLASSES = Architecture(5, (16, 12), classes=Classes(20, 4.0))
QUICK = Settings(batch_size=32, max_epochs=40, patience=2, learning_rate=1e-2)


def galaxies(n: int, seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 5)).astype(np.float32)
    z = 1.0 + np.sin(3 * x[:, :1]) * x[:, 1:2] + rng.normal(0, 0.05, (n, 1))
    return Sample(x, z.astype(np.float32))


# After five epochs; it grows with every step, until after tens of epochs two programs that sum in
# different orders are as far apart as two seeds.
PLAIN_TOLERANCE = 1e-3
TRAIN, VALIDATION = galaxies(530, 1), galaxies(150, 2)


def targets(sample: Sample, architecture: Architecture) -> Sample:
    """Return the sample with distributions of its labels where the network has classes."""
    if not architecture.classes:
        return sample
    errors = np.full((2, len(sample)), 0.05)
    return Sample(sample.x, label_distribution(sample.z[:, 0], *errors, architecture.classes))


def starts(seeds: list[int], architecture: Architecture = SMALL) -> dict:
    return {seed: initial_weights(architecture, seed) for seed in seeds}


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return Trainer(SMALL, QUICK, TRAIN, VALIDATION)


@pytest.fixture(scope="module")
def alone(trainer: Trainer) -> dict:
    return train_seeds(trainer, starts([0, 1, 2, 3]))


def assert_same_bits(found: list, expected: list) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def batches(seed: int, size: int, train: Sample = TRAIN) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of one epoch after another, in the trainer's order."""
    for epoch in itertools.count(1):
        rows = permutation(seed, epoch, len(train))
        for first in range(0, len(train), size):
            chosen = rows[first : first + size]
            yield train.x[chosen], train.z[chosen]


def keras_fit(
    settings: Settings, architecture: Architecture, seed: int, *, jit_compile: bool = True
) -> tuple:
    """Train with `keras.Model.fit` and Keras' own early stopping."""
    whole = build_network(architecture)
    whole.set_weights(initial_weights(architecture, seed))
    if settings.trainable != "all":
        for name in architecture.layers:
            whole.get_layer(name).trainable = name in settings.trainable
    model = trained_part(whole) if architecture.classes else whole
    train, validation = targets(TRAIN, architecture), targets(VALIDATION, architecture)
    optimizer = keras.optimizers.get(settings.optimizer)
    optimizer.learning_rate = settings.learning_rate
    model.compile(optimizer, loss=settings.loss_function, jit_compile=jit_compile)
    stopping = keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True)
    history = model.fit(
        batches(seed, settings.batch_size, train),
        steps_per_epoch=-(-len(TRAIN) // settings.batch_size),
        validation_data=(validation.x, validation.z),
        epochs=settings.max_epochs,
        callbacks=[stopping],
        shuffle=False,
        verbose=0,
    ).history
    return np.column_stack([history["loss"], history["val_loss"]]), stopping


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        (PAPER, Settings(batch_size=100, max_epochs=3)),
        pytest.param(SMALL, Settings(batch_size=530, max_epochs=3), marks=pytest.mark.long),
        pytest.param(SMALL, Settings(batch_size=1000, max_epochs=3), marks=pytest.mark.long),
        pytest.param(
            SMALL,
            Settings(batch_size=64, max_epochs=3, loss="mse", optimizer="sgd"),
            marks=pytest.mark.long,
        ),
        pytest.param(
            SMALL,
            Settings(batch_size=64, max_epochs=3, trainable=("hidden_1", "redshift")),
            marks=pytest.mark.long,
        ),
        (SMALL, QUICK),
        (CLASSES, Settings(batch_size=64, max_epochs=3, class_loss=ClassLoss(1.0))),
        pytest.param(
            CLASSES,
            Settings(batch_size=64, max_epochs=3, class_loss=ClassLoss(0.0, 1.0, 0.02)),
            marks=pytest.mark.long,
        ),
    ],
    ids=[
        *("paper", "one batch", "batch too large", "mse and sgd", "frozen", "early stopping"),
        *("cross-entropy", "Jensen-Shannon and entropy"),
    ],
)
def test_bitwise_equal_to_keras_fit(architecture: Architecture, settings: Settings) -> None:
    samples = (targets(TRAIN, architecture), targets(VALIDATION, architecture))
    fit = Trainer(architecture, settings, *samples).fit(5, initial_weights(architecture, 5))
    losses, stopping = keras_fit(settings, architecture, 5)
    assert len(fit.losses) == len(losses)
    assert fit.best_epoch == stopping.best_epoch + 1
    # The weights are the same bits; the reported means differ in their order of summation. Behind
    # the classes stands their median, which does not learn.
    learned = fit.weights[:-1] if architecture.classes else fit.weights
    assert_same_bits(learned, stopping.best_weights)
    np.testing.assert_allclose(fit.losses, losses, rtol=2e-6)
    if settings is QUICK:
        assert fit.best_epoch < len(losses) < settings.max_epochs


@pytest.mark.long
def test_plain_fit_agrees_to_single_precision() -> None:
    """Without XLA, as the authors' public code runs, sums are taken in another order."""
    settings = Settings(batch_size=53, max_epochs=5)
    fit = Trainer(PAPER, settings, TRAIN, VALIDATION).fit(3, initial_weights(PAPER, 3))
    losses, stopping = keras_fit(settings, PAPER, 3, jit_compile=False)
    np.testing.assert_allclose(fit.losses, losses, rtol=PLAIN_TOLERANCE)
    model = build_network(PAPER)
    found = []
    for weights in (fit.weights, stopping.best_weights):
        model.set_weights(weights)
        found.append(model.predict(VALIDATION.x, verbose=0))
    np.testing.assert_allclose(found[0], found[1], rtol=PLAIN_TOLERANCE)
    assert found[0].std() > 100 * PLAIN_TOLERANCE


def test_loss_of_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(batch_size=53, max_epochs=2)
    steps: list[np.ndarray] = []
    trainer = Trainer(PAPER, settings, TRAIN, VALIDATION)
    epoch = trainer._epoch
    monkeypatch.setattr(
        trainer,
        "_epoch",
        lambda order: steps.append(epoch(order).numpy()) or tf.constant(steps[-1]),
    )
    trainer.fit(4, initial_weights(PAPER, 4))
    model = build_network(PAPER)
    model.set_weights(initial_weights(PAPER, 4))
    model.compile(
        keras.optimizers.Adam(settings.learning_rate), loss=settings.loss_function, jit_compile=True
    )
    expected = [model.train_on_batch(x, z) for x, z in itertools.islice(batches(4, 53), 20)]
    np.testing.assert_allclose(np.concatenate(steps), expected, rtol=2e-6)


def test_best_epoch_is_the_one_with_the_smallest_validation_loss(alone: dict) -> None:
    for fit in alone.values():
        assert fit.best_epoch == np.argmin(fit.losses[:, 1]) + 1
    # Otherwise the tests would not tell the best weights from the last.
    assert any(len(fit.losses) > fit.best_epoch for fit in alone.values())


def test_reported_validation_loss_belongs_to_the_weights(alone: dict) -> None:
    fit = alone[2]
    model = build_network(SMALL)
    model.set_weights(fit.weights)
    dz = (model(VALIDATION.x).numpy() - VALIDATION.z) / (1 + VALIDATION.z)
    expected = np.mean(1 - 1 / (1 + (dz / 0.15) ** 2))
    assert fit.losses[fit.best_epoch - 1, 1] == pytest.approx(expected, rel=1e-5)


def test_validation_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for rows in (1024, 50, 64):
        monkeypatch.setattr(training, "VALIDATION_ROWS", rows)
        trainer = Trainer(SMALL, QUICK, TRAIN, VALIDATION)
        trainer.model.set_weights(initial_weights(SMALL, 0))
        found.append(trainer._validate().numpy())
    assert found[0].shape == (150,) and found[0].std() > 0
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-5)


@pytest.fixture(scope="module")
def ten(trainer: Trainer) -> dict:
    """Ten seeds in one job."""
    return train_seeds(trainer, starts(list(range(10))))


def test_chunks_of_one_four_and_ten_seeds(ten: dict, trainer: Trainer) -> None:
    for chunk in ([7], [4, 5, 6, 7], [9, 2, 7, 0]):
        for seed, fit in train_seeds(trainer, starts(chunk)).items():
            assert_same_bits(fit.weights, ten[seed].weights)
            np.testing.assert_array_equal(fit.losses, ten[seed].losses)
    # Each stops when it would alone: not all in the same epoch.
    assert len({len(fit.losses) for fit in ten.values()}) > 1


@pytest.mark.parametrize("order", [[[0], [1], [2], [3]], [[0, 1], [2, 3]], [[3, 1], [2, 0]]])
def test_a_seed_does_not_depend_on_its_company(
    order: list[list[int]], alone: dict, trainer: Trainer
) -> None:
    for chunk in order:
        fresh = Trainer(SMALL, QUICK, TRAIN, VALIDATION) if chunk[0] == 3 else trainer
        for seed, fit in train_seeds(fresh, starts(chunk)).items():
            assert_same_bits(fit.weights, alone[seed].weights)
            np.testing.assert_array_equal(fit.losses, alone[seed].losses)


def test_compiles_once(trainer: Trainer, alone: dict) -> None:
    assert trainer._epoch.experimental_get_tracing_count() == 1
    assert trainer._validate.experimental_get_tracing_count() == 1


def test_frozen_layers_keep_their_weights() -> None:
    settings = Settings(batch_size=64, max_epochs=2, trainable=("hidden_1", "redshift"))
    start = initial_weights(SMALL, 1)
    fit = Trainer(SMALL, settings, TRAIN, VALIDATION).fit(1, start)
    moved = [not np.array_equal(a, b) for a, b in zip(fit.weights, start, strict=True)]
    assert moved == [True, True, False, False, True, True]


@pytest.mark.parametrize("trainable", [("hidden_9",), ()])
def test_unknown_layers_are_named(trainable: tuple) -> None:
    with pytest.raises(InputError, match=r"trainable: .*hidden_1, hidden_2, redshift"):
        Trainer(SMALL, Settings(trainable=trainable), TRAIN, VALIDATION)


def test_settings_of_a_configuration() -> None:
    assert Settings.from_config({"trainable": ["redshift"]}).trainable == ("redshift",)
    with pytest.raises(TypeError, match="batchsize"):
        Settings.from_config({"batchsize": 3})


def test_permutation_is_one_and_differs_by_seed_and_epoch() -> None:
    orders = [permutation(s, e, 1000) for s in (0, 1) for e in (1, 2)]
    assert all(np.array_equal(np.sort(order), np.arange(1000)) for order in orders)
    assert len({order.tobytes() for order in orders}) == 4
    assert np.array_equal(orders[0], permutation(0, 1, 1000))


def test_early_stopping_and_plateau_by_hand() -> None:
    settings = Settings(patience=3, max_epochs=9, plateau_patience=2, plateau_factor=0.1)
    stopping = EarlyStopping(settings)
    seen = []
    for loss in [5.0, 4.0, 4.5, 4.2, 3.9, 4.0, 4.1, 4.2]:
        stopping.update(loss)
        seen.append((stopping.improved, stopping.reductions, stopping.stop))
        if stopping.stop:
            break
    assert [improved for improved, _, _ in seen] == [True, True, False, False, True] + 3 * [False]
    assert [reductions for _, reductions, _ in seen] == [0, 0, 0, 1, 1, 1, 2, 2]
    assert [stop for _, _, stop in seen] == 7 * [False] + [True]
    assert (stopping.best, stopping.best_epoch) == (3.9, 5)
    assert settings.rate(8, 2) == pytest.approx(5e-6)


def test_without_patience_the_last_epoch_ends_the_training() -> None:
    stopping = EarlyStopping(Settings(patience=None, max_epochs=6))
    stops = []
    for loss in [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]:
        stopping.update(loss)
        stops.append(stopping.stop)
    assert stops == 5 * [False] + [True]
    assert stopping.best_epoch == 1


def test_learning_rate_schedule() -> None:
    settings = Settings(schedule="cosine", max_epochs=4, learning_rate=2.0)
    rates = [settings.rate(epoch, 0) for epoch in (1, 2, 3, 4)]
    np.testing.assert_allclose(rates, [2, 1 + np.sqrt(0.5), 1, 1 - np.sqrt(0.5)])


def test_nan_names_its_seed_and_leaves_the_others(
    trainer: Trainer, alone: dict, tmp_path: Path
) -> None:
    start = starts([0, 1, 2])
    start[1] = [np.full_like(weight, np.nan) for weight in start[1]]
    checkpoint = Checkpoint(tmp_path, "x")
    with pytest.raises(InputError, match="the loss of seed 1 is not finite in epoch 1"):
        train_seeds(trainer, start, checkpoint=checkpoint)
    kept = checkpoint.load_fit(0)
    assert kept is not None and kept.best_epoch == alone[0].best_epoch
    assert_same_bits(kept.weights, alone[0].weights)
    # The trainer itself is not spoilt for the next seed.
    assert_same_bits(trainer.fit(2, start[2]).weights, alone[2].weights)


def test_resume_within_a_seed_gives_the_same_bits(
    trainer: Trainer, alone: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(Exception):
        pass

    def kill(self: progress.Progress, seed: int, epoch: int) -> None:
        if (seed, epoch) == (1, 4):
            raise KilledError

    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(progress.Progress, "epoch", kill)
    with pytest.raises(KilledError):
        train_seeds(trainer, starts([0, 1]), checkpoint=Checkpoint(tmp_path, "x"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["running.npz", "seed-000.npz"]
    monkeypatch.undo()

    epochs: list[int] = []
    run_epoch = Trainer.run_epoch
    monkeypatch.setattr(
        Trainer, "run_epoch", lambda t, s, e: epochs.append(e) or run_epoch(t, s, e)
    )
    checkpoint = Checkpoint(tmp_path, "x")
    fits = train_seeds(
        Trainer(SMALL, QUICK, TRAIN, VALIDATION), starts([0, 1]), checkpoint=checkpoint
    )
    assert epochs == list(range(5, len(alone[1].losses) + 1))
    for seed in (0, 1):
        assert_same_bits(fits[seed].weights, alone[seed].weights)
        np.testing.assert_array_equal(fits[seed].losses, alone[seed].losses)
    checkpoint.remove()
    assert not tmp_path.exists()


def test_stale_and_damaged_checkpoints_are_ignored(tmp_path: Path, alone: dict) -> None:
    checkpoint = Checkpoint(tmp_path, "x")
    checkpoint.save_fit(alone[0])
    weights = alone[0].weights
    checkpoint.save_state(0, State(weights, [], weights, [(0.5, 0.25)]))
    assert checkpoint.load_fit(0) is not None
    assert checkpoint.load_state(0).losses == [(0.5, 0.25)]
    assert checkpoint.load_state(1) is None
    assert Checkpoint(tmp_path, "y").load_fit(0) is None
    for name in ("seed-000.npz", "running.npz"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-100])
    assert checkpoint.load_fit(0) is None and checkpoint.load_state(0) is None


def test_fingerprint_sees_data_settings_start_code_and_device(trainer: Trainer) -> None:
    start = starts([0]).values()
    base = fingerprint(trainer, start)
    assert base == fingerprint(trainer, start)
    other = Sample(TRAIN.x, TRAIN.z + np.float32(1))
    settings = Settings(batch_size=32, max_epochs=13, patience=2, learning_rate=5e-3)
    variants = {
        fingerprint(Trainer(SMALL, QUICK, other, VALIDATION), start),
        fingerprint(Trainer(SMALL, settings, TRAIN, VALIDATION), start),
        fingerprint(trainer, starts([1]).values()),
        fingerprint(trainer, start, "other program"),
        fingerprint(trainer, start, device="gpu"),
    }
    assert len(variants | {base}) == 6


# The script: from split catalogues to model files.

NETWORK = {
    **{"inputs": ["mag_{band}"], "scaling": "min_max", "hidden": [16, 12]},
    **{"activation": "relu", "skip": True},
}
TRAINING = {"batch_size": 64, "max_epochs": 3, "learning_rate": 1e-3}
BANDS = ["g", "r", "i", "z", "y"]


def split_catalogue(path: Path, shift: float) -> Path:
    rng = np.random.default_rng(8)
    table = pd.DataFrame(
        {f"mag_{band}": rng.uniform(18 + shift, 26 + shift, 400) for band in BANDS}
    )
    table["object_id"] = np.arange(400)
    table["redshift"] = 0.1 * (table["mag_g"] - table["mag_z"]) + 1.5
    table["split"] = np.repeat(["train", "validation", "test"], [300, 60, 40])
    table.to_parquet(path)
    return path


def run(
    split: Path,
    start: Path | None,
    models: Path,
    seeds: list[int],
    head: dict | None = None,
    **training_keys,
) -> None:
    train.main(
        split,
        start,
        models,
        models.with_suffix(".history.csv"),
        strategy="NN-X",
        seeds=seeds,
        bands=BANDS,
        network={**NETWORK, "head": head},
        training={**TRAINING, **training_keys},
        threads=1,
    )


def test_script_trains_and_refines(tmp_path: Path) -> None:
    base, refined = tmp_path / "base" / "seeds-000-001.npz", tmp_path / "tl.npz"
    run(split_catalogue(tmp_path / "a.parquet", 0.0), None, base, [0, 1])
    target = split_catalogue(tmp_path / "b.parquet", -2.0)
    run(target, base, refined, [1], trainable=["redshift"])
    before, after = read_models(base), read_models(refined)
    assert list(before.weights) == [0, 1] and list(after.weights) == [1]
    # Scaling comes from the first training; only the output layer moved.
    np.testing.assert_array_equal(after.scaler.minimum, before.scaler.minimum)
    same = [np.array_equal(a, b) for a, b in zip(after.weights[1], before.weights[1], strict=True)]
    assert same == [True, True, True, True, False, False]
    history = pd.read_csv(base.with_suffix(".history.csv"))
    assert list(history) == ["seed", "epoch", "loss", "val_loss"]
    assert history["epoch"].tolist() == [1, 2, 3, 1, 2, 3]
    assert history["seed"].tolist() == [0, 0, 0, 1, 1, 1]
    assert sorted(path.name for path in base.parent.iterdir()) == [
        "seeds-000-001.history.csv",
        "seeds-000-001.npz",
    ]
    again = tmp_path / "again.npz"
    run(tmp_path / "a.parquet", None, again, [0, 1])
    assert again.read_bytes() == base.read_bytes()


HEAD = {"bins": 40, "z_max": 4.0, "cross_entropy": 1}


@pytest.mark.long
def test_script_trains_classes_on_what_labels_are_worth(tmp_path: Path) -> None:
    split = split_catalogue(tmp_path / "a.parquet", 0.0)
    table = pd.read_parquet(split)
    table["redshift_l68"] = table["redshift"] - 0.2
    table["redshift_u68"] = table["redshift"] + 0.2
    table.to_parquet(split)
    paths = {name: tmp_path / f"{name}.npz" for name in ("soft", "hard", "refined", "low_rank")}
    keys = {"batch_size": 32, "max_epochs": 60, "learning_rate": 0.005}
    run(split, None, paths["soft"], [0], head=HEAD, **keys)
    run(split, None, paths["hard"], [0], head={**HEAD, "hard": True}, **keys)
    test = table[table["split"] == "test"]
    magnitudes = test[[f"mag_{band}" for band in BANDS]].to_numpy(np.float32)
    edges, upper = Classes(40, 4.0).edges, {}
    for name in ("soft", "hard"):
        model = load_model(paths[name], 0)
        layers = [model.get_layer("probability").output, model.output]
        share, z_pred = keras.Model(model.input, layers).predict(magnitudes, verbose=0)
        share = share.astype(np.float64)
        np.testing.assert_allclose(z_pred[:, 0], quantile(share, edges, 0.5), atol=1e-4)
        assert abs(np.median(z_pred[:, 0] - test["redshift"])) < 0.05
        upper[name] = np.mean(quantile(share, edges, 0.84) - z_pred[:, 0])
    # Only the one has been told that labels are uncertain by 0.2.
    assert upper["hard"] < 0.1 < 0.17 < upper["soft"]
    run(split, paths["soft"], paths["refined"], [0], head=HEAD, trainable=["redshift"])
    run(split, paths["soft"], paths["low_rank"], [0], head=HEAD, low_rank=2)
    before = read_models(paths["soft"]).weights[0]
    after = read_models(paths["refined"]).weights[0]
    same = [np.array_equal(a, b) for a, b in zip(after, before, strict=True)]
    assert same == [True, True, True, True, False, False, True]
    adapted = read_models(paths["low_rank"])
    assert adapted.architecture == read_models(paths["soft"]).architecture
    change = adapted.weights[0][2] - before[2]
    assert np.linalg.matrix_rank(change, tol=1e-4) == 2
    with pytest.raises(InputError, match="have another shape"):
        run(split, paths["soft"], tmp_path / "no.npz", [0], head={**HEAD, "bins": 41})


CHILD = """
import json, sys
from scripts.networks import train
from transferz.networks import checkpoints
checkpoints.CHECKPOINT_SECONDS = 0.0
train.main(**json.load(open(sys.argv[1])))
"""


@pytest.mark.long
def test_killed_job_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """A process that dies by a signal, then one with another number of threads."""
    split = split_catalogue(tmp_path / "a.parquet", 0.0)
    whole = tmp_path / "whole" / "seeds-000-002.npz"
    run(split, None, whole, [0, 1, 2], max_epochs=100, patience=100)
    models = tmp_path / "killed" / "seeds-000-002.npz"
    arguments = {
        "split": str(split),
        "start": None,
        "models": str(models),
        "history": str(models.with_suffix(".history.csv")),
        "strategy": "NN-X",
        "seeds": [0, 1, 2],
        "bands": BANDS,
        "network": {**NETWORK, "head": None},
        "training": {**TRAINING, "max_epochs": 100, "patience": 100},
        "threads": 1,
    }
    (tmp_path / "job.json").write_text(json.dumps(arguments))
    command = [sys.executable, "-c", CHILD, str(tmp_path / "job.json")]
    environment = {**os.environ, "PYTHONPATH": str(Path(train.__file__).parents[2])}
    folder = models.with_name(".seeds-000-002.checkpoint")
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        # In the middle of the second seed.
        while not ((folder / "seed-000.npz").exists() and (folder / "running.npz").exists()):
            assert process.poll() is None, "the job ended before it could be killed"
            time.sleep(0.005)
        process.kill()
    assert not models.exists()
    kept = {path.name for path in folder.glob("*.npz") if not path.name.startswith(".")}
    assert "seed-000.npz" in kept and "seed-002.npz" not in kept
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    assert models.read_bytes() == whole.read_bytes()
    history = [path.with_suffix(".history.csv").read_bytes() for path in (models, whole)]
    assert history[0] == history[1]
    assert not folder.exists()


def test_script_refuses_a_start_that_does_not_fit(tmp_path: Path) -> None:
    split = split_catalogue(tmp_path / "a.parquet", 0.0)
    run(split, None, tmp_path / "base.npz", [0])
    with pytest.raises(InputError, match=r"base\.npz: seed not in the file"):
        run(split, tmp_path / "base.npz", tmp_path / "tl.npz", [1])
    table = pd.read_parquet(split).rename(columns={"mag_g": "mag_u"})
    table.to_parquet(split)
    with pytest.raises(InputError, match="mag_g: missing column"):
        run(split, None, tmp_path / "new.npz", [0])
    assert not (tmp_path / "new.npz").exists()
