"""Scores of distributions over classes of redshift, from networks to the tables and the figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scripts.uncertainty import evaluate_distributions, plot_distributions, table_distributions
from transferz.core.errors import InputError
from transferz.evaluation.judges import JUDGED, true_redshifts
from transferz.networks.architecture import Architecture, initial_weights
from transferz.networks.features import Scaler
from transferz.networks.model_files import load_model, save_models
from transferz.networks.soft_labels import Classes, label_distribution
from transferz.report.figures import FigureFiles
from transferz.uncertainty.scores import (
    PIT_BINS,
    SCORES,
    central_coverage,
    class_of,
    coverage,
    cumulative,
    decompose,
    describe,
    expected_calibration_error,
    mean_scores,
    pit_distance,
    quantile,
    read_scores,
    region_level,
    score_galaxies,
)

CLASSES, FINE = Classes(60, 6.0), Classes(600, 6.0)
COLUMNS = ("mag_g", "mag_r")


def sample(width: float, n: int = 8000) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian distributions of a stated width, and redshifts that scatter by 0.1 around them."""
    draw = np.random.default_rng(3)
    centre = draw.uniform(1.0, 2.0, n)
    errors = np.full(n, width)
    return label_distribution(centre, errors, errors, FINE), draw.normal(centre, 0.1)


# A quarter of the probability lies in a class of width 1, the rest in one of width 2. Redshifts
# below, in each class, and above.
EDGES, QUARTER = np.array([0.0, 1.0, 3.0]), np.tile([0.25, 0.75], (4, 1))
REDSHIFTS = np.array([-0.5, 0.5, 2.0, 4.0])
# Of a normal distribution's central 68.27%, ends and median: 0.15865 / 0.25 and so on.
LOW, MEDIAN, HIGH = 0.6346, 1 + 2 * 0.25 / 0.75, 1 + 2 * 0.59135 / 0.75


def test_scores_by_hand() -> None:
    found = score_galaxies(QUARTER, EDGES, REDSHIFTS)
    # Integrals of F^2 below and of (1 - F)^2 above the redshift: a^2 + a b + b^2 over 3.
    crps = [0.5 + 2.3125 / 3 + 0.375, 0.5 * 2.0 / 3 + 0.375, 0.8125 / 3, 0.0625 / 3 + 1.875]
    assert found["crps"].tolist() == pytest.approx(crps)
    assert found["pit"].tolist() == pytest.approx([0, 0.125, 0.625, 1])
    loss = 0.25**2 / 1 + 0.75**2 / 2 - 2 * np.array([0.25, 0.25, 0.375, 0.375])
    assert found["cde_loss"].tolist() == pytest.approx(loss)
    assert found["width_68"].tolist() == pytest.approx([(HIGH - LOW) / (1 + MEDIAN)] * 4)
    regions = [0.75 + 0.125] * 2 + [0.375] * 2
    assert region_level(QUARTER, EDGES, REDSHIFTS).tolist() == pytest.approx(regions)
    # The class with less of the probability may be the denser one.
    sparse = region_level(np.tile([0.4, 0.6], (2, 1)), EDGES, np.array([0.5, 2.0]))
    assert sparse.tolist() == pytest.approx([0.2, 0.4 + 0.3])


def test_descriptions_by_hand() -> None:
    found = describe(QUARTER, EDGES, REDSHIFTS)
    assert (found["z_mode"] == 2.0).all()
    assert found["z_mean"].tolist() == pytest.approx([0.25 * 0.5 + 0.75 * 2] * 4)
    densities = [0.25, 0.25, 0.375, 0.375]
    assert found["log_density"].tolist() == pytest.approx(np.log(densities))
    entropy = -0.25 * np.log(0.25) - 0.75 * np.log(0.375)
    assert found["entropy"].tolist() == pytest.approx([entropy] * 4)
    assert found["width_68"].tolist() == pytest.approx([HIGH - LOW] * 4)
    assert (found["confidence"] == 0.75).all()
    assert found["correct"].tolist() == [0, 0, 1, 1]
    # A probability of zero counts as 1e-12.
    certain = describe(np.array([[0.0, 1.0]]), EDGES, np.array([0.5]))
    assert certain["log_density"][0] == pytest.approx(np.log(1e-12))


def test_quantiles_by_hand() -> None:
    """Where an empty class follows, a level is reached at the end of that class."""
    edges, gap = np.arange(4.0), np.tile([0.5, 0.0, 0.5], (2, 1))
    for level, expected in ((0, 0), (0.25, 0.5), (0.5, 2), (1, 3), (-0.5, 0), (1.5, 3)):
        assert quantile(gap, edges, level).tolist() == [expected] * 2
    assert quantile(gap, edges, np.array([0.25, 0.75])).tolist() == [0.5, 2.5]
    # Shares that do not sum to 1 are shares of their sum.
    assert cumulative(4 * gap).tolist() == [[0, 0.5, 0.5, 1]] * 2
    assert class_of(edges, np.array([-1.0, 0, 0.5, 1, 3, 4])).tolist() == [0, 0, 0, 1, 2, 2]


def test_scores_of_many_by_hand() -> None:
    assert pit_distance(np.array([0.9, 0.1, 0.2])) == pytest.approx(2 / 3 - 0.2)
    assert pit_distance(np.array([0.5, 0.9, 0.95])) == pytest.approx(0.9 - 1 / 3)
    galaxies = pd.DataFrame({"crps": [1.0, 2.0, 6.0], "pit": [0.9, 0.1, 0.2]})
    found = mean_scores(galaxies.assign(cde_loss=galaxies["crps"], width_68=galaxies["crps"]))
    assert (found["crps"], found["cde_loss"], found["width_68"]) == (3.0, 3.0, 2.0)
    assert (found["coverage_68"], found["coverage_95"]) == (pytest.approx(1 / 3), 1.0)
    assert SCORES["coverage_68"].nominal == pytest.approx(0.6827, abs=1e-4)
    assert SCORES["coverage_95"].nominal == pytest.approx(0.95)
    assert SCORES["coverage_95"].penalty(np.array([0.9, 0.96])) == pytest.approx([0.05, 0.01])
    assert SCORES["crps"].penalty(np.array([-0.1])) == [-0.1]


def test_calibration_error_by_hand() -> None:
    """Tenths of the confidence: 1 lies in the uppermost; within a tenth gaps add up with sign."""
    confidence = np.array([0.05, 0.11, 0.19, 0.85, 0.95, 1.0])
    correct = np.array([0, 1, 0, 1, 1, 0])
    gaps = 0.05, 0.89 - 0.19, 0.15, 1.0 - 0.05
    assert expected_calibration_error(confidence, correct) == pytest.approx(sum(gaps) / 6)


def test_members_that_agree_know_no_disagreement() -> None:
    """Rounding brings no negative number."""
    one = np.random.default_rng(0).dirichlet(np.ones(5), 50)
    parts = decompose(np.stack([one] * 3))
    assert (parts["epistemic"] >= 0).all()
    assert parts["epistemic"] == pytest.approx(np.zeros(50), abs=1e-12)


def test_scores_are_best_where_the_stated_width_is_the_true_one() -> None:
    found = {
        width: mean_scores(score_galaxies(p, FINE.edges, z))
        for width in (0.05, 0.1, 0.2)
        for p, z in [sample(width)]
    }
    for name, score in SCORES.items():
        penalty = {width: score.penalty(found[width][name]) for width in found}
        assert min(penalty, key=penalty.get) == 0.1, name
    assert found[0.1]["coverage_68"] == pytest.approx(0.683, abs=0.02)
    assert found[0.05]["coverage_68"] < 0.5 < 0.9 < found[0.2]["coverage_68"]
    # Of a Gaussian: sigma / sqrt(pi) (Gneiting & Raftery 2007, eq. 21).
    assert found[0.1]["crps"] == pytest.approx(0.1 / np.sqrt(np.pi), rel=0.03)
    assert found[0.1]["width_68"] == pytest.approx(0.08, rel=0.05)


def test_blocks_of_galaxies_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    probability, z = sample(0.1, 500)
    whole = score_galaxies(probability, FINE.edges, z)
    monkeypatch.setattr("transferz.uncertainty.scores.SCORED_ROWS", 7)
    pd.testing.assert_frame_equal(score_galaxies(probability, FINE.edges, z), whole)


def test_coverage_of_central_intervals_from_a_histogram_of_the_pit() -> None:
    pit = stats.beta(3, 3).rvs(100_000, random_state=1)
    nominal, held = central_coverage(np.histogram(pit, PIT_BINS, (0, 1))[0])
    assert nominal[-1] == held[-1] == 1.0
    for k in (4, 24, 44):
        assert held[k] == pytest.approx(np.mean(np.abs(pit - 0.5) <= nominal[k] / 2), abs=1e-9)


@pytest.fixture(name="run", scope="module")
def fixture_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained networks of two seeds, splits of both data sets, and the truth."""
    folder, draw = tmp_path_factory.mktemp("run"), np.random.default_rng(8)
    for dataset, first in (("source", 0), ("target", 1000)):
        n = 300
        table = pd.DataFrame(
            {
                "object_id": np.arange(first, first + n),
                "mag_g": draw.uniform(20, 25, n),
                "mag_r": draw.uniform(20, 25, n),
                "redshift": draw.uniform(0.05, 3.0, n).astype(np.float32),
                "split": np.where(np.arange(n) % 2, "test", "train"),
            }
        )
        table.to_parquet(folder / f"{dataset}.parquet", index=False)
        if dataset == "source":
            truth = table[["object_id"]].assign(redshift_true=table["redshift"] + 0.05, file="hsc")
            other = truth.assign(redshift_true=9.0, file="galaxiesml")
            pd.concat([other, truth]).to_parquet(folder / "truth.parquet", index=False)
    values = draw.uniform(20, 25, (50, 2)).astype(np.float32)
    architecture = Architecture(2, (8,), "relu", False, CLASSES)
    weights = {seed: initial_weights(architecture, seed) for seed in (0, 1)}
    save_models(folder / "models.npz", architecture, Scaler.fit(values, COLUMNS), weights)
    plain = Architecture(2, (8,), "relu", False)
    weights = {0: initial_weights(plain, 0)}
    save_models(folder / "plain.npz", plain, Scaler.fit(values, COLUMNS), weights)
    return folder


def evaluate(run: Path, models: str = "models", *, truth: bool = True) -> pd.DataFrame:
    evaluate_distributions.main(
        [run / f"{models}.npz"],
        run / "source.parquet",
        run / "target.parquet",
        run / "truth.parquet" if truth else None,
        run / "scores.csv",
        run / "pit.csv",
        strategy="Soft",
        threads=1,
    )
    return pd.read_csv(run / "scores.csv")


def test_every_seed_is_scored_on_both_test_sets_by_all_judges(run: Path) -> None:
    scores, pit = evaluate(run), pd.read_csv(run / "pit.csv")
    assert len(scores) == 2 * 3 and (scores["n"] == 150).all()
    assert set(zip(scores["dataset"], scores["judged_by"], strict=True)) == set(JUDGED)
    assert (pit.groupby(["dataset", "judged_by"])["n"].sum() == 2 * 150).all()
    # The truth is another redshift than the label.
    crps = scores.set_index(["judged_by", "dataset", "seed"]).sort_index()["crps"]
    assert (crps["truth", "source"] != crps["label", "source"]).all()


def test_the_distribution_is_the_one_behind_the_predicted_median(run: Path) -> None:
    """The PIT of a network's own prediction is one half."""
    path = run / "source.parquet"
    table = pd.read_parquet(path)
    rows = table["split"] == "test"
    model = load_model(run / "models.npz", 1)
    predicted = model.predict(table[list(COLUMNS)].to_numpy(np.float32), verbose=0)[:, 0]
    kept = table["redshift"].copy()
    table.assign(redshift=predicted).to_parquet(path, index=False)
    try:
        scores = evaluate(run, truth=False)
    finally:
        table.assign(redshift=kept).to_parquet(path, index=False)
    own = scores[(scores["dataset"] == "source") & (scores["seed"] == 1)].iloc[0]
    # A single step at one half is as far from uniform as that.
    assert own["pit_distance"] == pytest.approx(0.5, abs=1e-3) and own["coverage_68"] == 1.0
    assert set(scores["judged_by"]) == {"label"} and rows.sum() == own["n"]


def test_networks_without_classes_are_an_error(run: Path) -> None:
    with pytest.raises(InputError, match="give no distribution"):
        evaluate(run, "plain")


def test_an_object_without_truth_is_an_error(run: Path) -> None:
    with pytest.raises(InputError, match="1 of 2 absent"):
        true_redshifts(run / "truth.parquet", pd.Index([5, 5000]))


def test_no_strategy_with_classes_is_an_error() -> None:
    with pytest.raises(InputError, match="no strategy gives distributions"):
        read_scores([])


@pytest.fixture(name="pair")
def fixture_pair(tmp_path: Path) -> list[Path]:
    """Scores of a better and a worse strategy: coverages on either side of nominal."""
    shared = np.random.default_rng(4).normal(0.0, 0.005, 20)
    better = {
        "crps": 0.03,
        "cde_loss": -9.0,
        "pit_distance": 0.02,
        "coverage_68": 0.70,
        "coverage_95": 0.95,
        "width_68": 0.05,
    }
    worse = {
        "crps": 0.05,
        "cde_loss": -6.0,
        "pit_distance": 0.1,
        "coverage_68": 0.60,
        "coverage_95": 0.90,
        "width_68": 0.05,
    }
    paths = []
    for strategy, values in (("soft", better), ("hard", worse)):
        rows = [
            {
                "strategy": strategy,
                "seed": seed,
                "dataset": dataset,
                "judged_by": judge,
                "n": 9,
            }
            | {key: value + shared[seed] for key, value in values.items()}
            for dataset, judge in JUDGED[:2]
            for seed in range(20)
        ]
        paths.append(tmp_path / f"{strategy}.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
    return paths


def test_pairs_say_by_how_much_one_is_farther_from_perfect(
    pair: list[Path], tmp_path: Path
) -> None:
    outputs = [tmp_path / name for name in ("table.csv", "pairs.csv", "page.md")]
    table_distributions.main(
        pair,
        *outputs,
        compared=[["soft", "hard"], ["soft", "regression"]],
        labels={"target": "Target"},
        survey="custom",
    )
    table, pairs, page = pd.read_csv(outputs[0]), pd.read_csv(outputs[1]), outputs[2].read_text()
    assert len(table) == 2 * 2 * 6 and (table["n_seeds"] == 20).all()
    found = pairs[pairs["dataset"] == "target"].set_index("score")
    assert set(pairs["against"]) == {"hard"} and set(found.index) == set(SCORES)
    assert found.loc["crps", "worse"] == pytest.approx(-0.02)
    assert found.loc["cde_loss", "worse"] == pytest.approx(-3.0)
    # 0.70 is 0.017 from 0.683, 0.60 is 0.083.
    assert found.loc["coverage_68", "worse"] == pytest.approx(-0.066, abs=0.004)
    assert (found["worse_high"] < 0).all()
    assert "## Target, judged by the label" in page and "judged by the truth" not in page
    assert page.count("**") == 2 * 2 * len(SCORES)


def test_the_figure_shows_the_histograms_in_its_table(run: Path, tmp_path: Path) -> None:
    evaluate(run)
    files = FigureFiles(*(tmp_path / f"f.{kind}" for kind in ("pdf", "png", "md", "csv")))
    plot_distributions.main([run / "pit.csv"], files, labels={}, survey="embedded")
    source = pd.read_csv(tmp_path / "f.csv")
    assert set(zip(source["dataset"], source["judged_by"], strict=True)) == set(JUDGED)
    density = source[source["panel"] == "pit"].groupby(["dataset", "judged_by"])["y"]
    assert np.allclose(density.mean(), 1.0) and (density.size() == 20).all()
    assert "Soft on target by label: farthest" in (tmp_path / "f.md").read_text()
    assert (tmp_path / "f.pdf").stat().st_size > 5000 < (tmp_path / "f.png").stat().st_size


def test_coverage_is_one_for_redshifts_and_for_the_pit() -> None:
    z, low, high = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 3.1, 0.0]), 3.5
    assert coverage(z, low, high) == 0.5
    assert coverage(np.array([0.1, 0.16, 0.5, 0.84]), 0.16, 0.84) == 0.75
    assert np.isnan(coverage(np.array([]), 0.0, 1.0))
