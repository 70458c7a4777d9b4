"""Uncertain labels of lenses: copies, splits, networks, scores, the claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy

from scripts.images import lenses_judge_claims
from transferz.images.lens_labels import (
    LABELLED,
    SENSITIVITY,
    bin_edges,
    copies_of,
    label_distributions,
    shift_probability,
    split_copies,
)
from transferz.images.lens_networks import LensImages, build_network, predict, train_network
from transferz.images.lens_results import SCORE_NAMES, loss_values, scores_of, within_labels
from transferz.networks.losses import ClassLoss
from transferz.networks.tensorflow import tf

LIMITS = {"log_a": (-5.0, -2.0), "beta": (-8.0, -3.0)}
NETWORK = {"blocks": 3, "filters": 4, "dense": 8, "dropout": 0.0}
TRAINING = {"learning_rate": 0.01, "batch_size": 32}


def lenses(number: int = 400) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    values = {name: draw.uniform(*LIMITS[name], number) for name in LABELLED}
    return pd.DataFrame({"kind": "smooth", **values})


@pytest.fixture(scope="module")
def copies() -> pd.DataFrame:
    return copies_of(lenses(), 3, 4, LIMITS, 1)


def test_shift_probability_is_the_published_one_at_the_nearest_corner() -> None:
    log_a, beta = np.array([-5.0, -2.2, -2.0]), np.array([-8.0, -3.4, -3.0])
    corners = np.array([176.22, 845.31, 845.31])
    expected = 1 / (1 + np.exp(2 * corners / SENSITIVITY.max()))
    np.testing.assert_allclose(shift_probability(log_a, beta), expected)


def test_labels_are_runs_around_the_truth_drawn_for_each_copy(copies: pd.DataFrame) -> None:
    assert len(copies) == 400 * 12
    assert copies.groupby("lens").size().eq(12).all()
    assert not copies.duplicated(["lens", "mask", "rotation"]).any()
    for name, edges in bin_edges(LIMITS).items():
        labels, truth = label_distributions(copies, name), np.digitize(copies[name], edges) - 1
        np.testing.assert_allclose(labels.sum(axis=1), 1.0, rtol=1e-5)
        assert (labels[np.arange(len(labels)), truth] > 0).all()
        # Mean of Binomial(30, P), where no end of the range cuts it.
        central = copies[(truth > 22) & (truth < 27)]
        p = shift_probability(central["log_a"].to_numpy(), central["beta"].to_numpy())
        width = central[f"{name}_last"] - central[f"{name}_first"]
        assert (width - 60 * p).mean() == pytest.approx(0, abs=0.5)
        assert copies.groupby("lens")[f"{name}_first"].nunique().median() > 2


def test_a_split_by_lens_parts_lenses_and_one_by_copy_does_not(copies: pd.DataFrame) -> None:
    for by, shared in (("lens", 0), ("copy", 300)):
        train, test = split_copies(copies, by, 0.2, 10**6, 1)
        assert len(train) == pytest.approx(0.8 * len(copies), abs=1)
        assert set(train).isdisjoint(test)
        both = set(copies["lens"].iloc[train]) & set(copies["lens"].iloc[test])
        assert len(both) >= shared
        assert bool(both) == bool(shared)
    train, test = split_copies(copies, "lens", 0.2, 50, 1)
    assert copies["lens"].iloc[np.r_[train, test]].max() == 49


def test_images_are_masked_and_turned() -> None:
    light = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    masks = np.ones((1, 2, 4, 4), bool)
    masks[0, 1, 0] = False
    table = pd.DataFrame({"lens": 0, "mask": [0, 1, 1], "rotation": [0, 0, 3]})
    seen = LensImages(light, masks).of(table)[..., 0]
    assert np.array_equal(seen[0], light[0])
    assert seen[1][0].sum() == 0
    assert np.array_equal(seen[2], np.rot90(seen[1], 3))


def test_the_published_loss_is_that_of_scipy() -> None:
    """0.85 JS(Q, P) + 0.15 H(P)."""
    draw = np.random.default_rng(3)
    logits, target = draw.normal(0, 3, (20, 50)), draw.dirichlet(np.full(50, 0.3), 20)
    target[:, :10] = 0
    target /= target.sum(axis=1, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = 0.85 * jensenshannon(target, p, axis=1) ** 2 + 0.15 * scipy_entropy(p, axis=1)
    loss = ClassLoss(jensen_shannon=0.85, entropy=0.15)
    np.testing.assert_allclose(loss(tf.constant(target), tf.constant(logits)), expected, rtol=1e-6)


def test_with_much_entropy_a_sure_wrong_answer_costs_less_than_the_label() -> None:
    losses = {"published": (0.85, 0.15), "strong": (0.7, 0.3)}
    weights = {
        name: dict(zip(("jensen_shannon", "entropy"), w, strict=True)) for name, w in losses.items()
    }
    values = loss_values(weights)
    label, wrong = values.loc["the label itself"], values.loc["one bin outside the label"]
    assert label["published"] == pytest.approx(0.15 * np.log(17))
    assert wrong["strong"] == pytest.approx(0.7 * np.log(2))
    assert label["published"] < wrong["published"] < values.loc["all bins alike", "published"]
    assert wrong["strong"] < label["strong"]


def test_network_has_the_published_layers() -> None:
    network = {"blocks": 7, "filters": 64, "dense": 128, "dropout": 0.5}
    model = build_network(100, network)
    shapes = [layer.output.shape[1:] for layer in model.layers if "pooling" in layer.name]
    assert shapes == [(side, side, 64) for side in (50, 25, 13, 7, 4, 2, 1)]
    assert [out.shape[1:] for out in model.outputs] == [(50,), (50,)]


def test_training_learns_and_a_seed_gives_the_same_network_again() -> None:
    """The brightness of the image tells log A."""
    table = copies_of(lenses(120), 1, 2, LIMITS, 1)
    light = np.random.default_rng(2).normal(0, 0.05, (120, 8, 8)).astype(np.float32)
    light += (lenses(120)["log_a"].to_numpy(np.float32) + 3.5)[:, None, None]
    images = LensImages(light, np.ones((120, 1, 8, 8), bool))
    loss = ClassLoss(jensen_shannon=0.85, entropy=0.15)
    again = []
    for _ in range(2):
        model, history = train_network(
            images, table, loss, 5, network=NETWORK, training=TRAINING, epochs=20
        )
        again.append(predict(model, images, table))
    assert history[-1] < 0.9 * history[0]
    np.testing.assert_array_equal(*again)
    np.testing.assert_allclose(again[0].sum(axis=-1), 1.0, rtol=1e-5)
    mean = again[0][:, 0] @ np.arange(50)
    assert np.corrcoef(mean, table["log_a"])[0, 1] > 0.6


def test_scores_of_a_perfect_label_and_of_a_narrower_one() -> None:
    edges, draw = np.linspace(0, 1, 51), np.random.default_rng(4)
    truth = draw.uniform(0.3, 0.7, 4000)
    centre = np.clip(truth + draw.uniform(-0.2, 0.2, 4000), 0.2, 0.8)
    bins = 0.5 * (edges[1:] + edges[:-1])
    label = (np.abs(bins - centre[:, None]) < 0.2).astype(float)
    label /= label.sum(axis=1, keepdims=True)
    peak = np.exp(-0.5 * ((bins - truth[:, None] - draw.normal(0, 0.05, (4000, 1))) / 0.05) ** 2)
    peak /= peak.sum(axis=1, keepdims=True)
    same = scores_of(label, label, edges, truth)
    assert set(same) == set(SCORE_NAMES)
    assert same["jensen_shannon"] == pytest.approx(0, abs=1e-9)
    assert same["width_68"] == pytest.approx(same["label_width_68"])
    better = scores_of(peak, label, edges, truth)
    assert better["label_width_68"] == same["width_68"]
    assert better["within_width_68"] < better["width_68"] < 0.5 * better["label_width_68"]
    assert better["coverage_68"] == pytest.approx(0.6827, abs=0.05)
    assert better["within_mae"] <= better["mae"] < better["label_mae"]
    nowhere = np.where(label > 0, 0.0, 1.0)
    np.testing.assert_array_equal(within_labels(nowhere, label), label)


@pytest.mark.parametrize(
    ("ratio", "found"), [(1.11, "reproduced"), (1.3, "partly"), (0.8, "not reproduced")]
)
def test_the_claim_is_judged_by_the_widths(
    tmp_path: Path, root: Path, ratio: float, found: str
) -> None:
    rows = [
        {"study": "published", "seed": seed, "sample": "test", "parameter": name}
        | dict.fromkeys(SCORE_NAMES, 1.0)
        | {"label_width_68": ratio + 1e-4 * seed}
        for seed in range(3)
        for name in LABELLED
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    lenses_judge_claims.main(
        tmp_path / "metrics.csv", root / "config/claims.yaml", tmp_path / "c.csv", tmp_path / "c.md"
    )
    claims = pd.read_csv(tmp_path / "c.csv")
    assert list(claims["verdict"]) == [found] * 2
    assert f"**{found}**" in (tmp_path / "c.md").read_text()


def test_a_width_that_few_networks_disagree_on_gives_a_positive_interval(
    tmp_path: Path, root: Path
) -> None:
    """The widths of the committed run: two networks that collapsed."""
    widths = (0.0823, 0.0645)
    rows = [
        {"study": "published", "seed": seed, "sample": "test", "parameter": name}
        | dict.fromkeys(SCORE_NAMES, 0.822)
        | {"width_68": width}
        for seed, width in enumerate(widths)
        for name in LABELLED
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    lenses_judge_claims.main(
        tmp_path / "metrics.csv", root / "config/claims.yaml", tmp_path / "c.csv", tmp_path / "c.md"
    )
    claims = pd.read_csv(tmp_path / "c.csv")
    assert (claims["low"] > 1).all()
    assert (claims["high"] > claims["measured"]).all()
