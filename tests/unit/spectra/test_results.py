from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from scripts.spectra import judge_claims, plot_examples, plot_labels, table_heads
from transferz.core.errors import InputError
from transferz.evaluation.bins import ZRange
from transferz.evaluation.claims import VERDICT_RULES, Claim, read_claims
from transferz.spectra.results import METRIC_LABELS, read_metrics, select
from transferz.spectra.studies import Member, read_probabilities, write_probabilities

DEFAULT = {"head": 80, "architecture": "base", "n_train": 8000, "snr": 5.0, "labels": "clean",
           "loss": "hard_cross_entropy"}  # fmt: skip
PUBLISHED = {
    "regression": {"mse": 0.038, "mae": 0.16, "r2": 0.28},
    "80": {"mse": 0.004, "mae": 0.01, "r2": 0.93},
}
WINDOW = ZRange(1.0, 1.8, closed=True)
SCORES = ("mse", "mae", "r2", "median_error", "failure_fraction")


@pytest.fixture
def metrics() -> pd.DataFrame:
    """Scores in which 80 classes have a tenth of the regression's error, for three seeds."""
    rows = []
    for seed in range(3):
        for head, classes, loss, estimator, error in (
            ("regression", 0, "squared_error", "value", 0.04),
            ("classification", 80, "hard_cross_entropy", "mode", 0.004),
            ("classification", 80, "hard_cross_entropy", "mean", 0.003),
            ("classification", 80, "jensen_shannon", "mode", 0.002),
        ):
            scatter = 1.0 + 0.05 * seed
            values = dict.fromkeys(SCORES, error * scatter) | {"r2": 1.0 - 10.0 * error * scatter}
            keys = (head, classes, estimator, "base", 8000, 0.2, 5.0, "clean", loss, seed, 100)
            rows.append((*keys, *values.values()))
    columns = ["head", "classes", "estimator", "architecture", "n_train", "noise", "snr", "labels",
               "loss", "seed", "n", *SCORES]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    template = table.iloc[:1].assign(
        head="template_fit", classes=800, architecture="5 components", n_train=10, loss="chi2",
        estimator="mode",
    )  # fmt: skip
    return pd.concat([table, template], ignore_index=True)


def claim(**changes: object) -> dict:
    entry = {"claim": "c", "statement": "s", "where": "w", "shown_in": "t", "metric": "mse",
             "comparison": "reduction", "of": "80", "against": "regression", "published": 10.0,
             "tolerance": 0.25}  # fmt: skip
    return entry | changes


def write_claims(folder: Path, *entries: dict) -> Path:
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": [], "spectra": list(entries)}))
    return path


def claims_of(folder: Path, *entries: dict) -> list[Claim]:
    return read_claims(write_claims(folder, *entries), "spectra", METRIC_LABELS, dataset="spectra")


def test_select_takes_the_default_but_for_what_is_asked(metrics: pd.DataFrame) -> None:
    assert select(metrics, DEFAULT, 80)["loss"].unique().tolist() == ["hard_cross_entropy"]
    assert len(select(metrics, DEFAULT, 80, estimator="mode")) == 3
    assert len(select(metrics, DEFAULT, 80, loss="jensen_shannon")) == 3
    assert len(select(metrics, DEFAULT, "regression")) == 3
    assert len(select(metrics, DEFAULT, "template_fit", estimator="mode")) == 1
    assert select(metrics, DEFAULT, 800).empty


def test_a_ratio_as_published_is_reproduced(metrics: pd.DataFrame, tmp_path: Path) -> None:
    claims = claims_of(tmp_path, claim())
    (entry,) = judge_claims.judge(claims, metrics, DEFAULT, 5.0, WINDOW)
    assert entry.measured.value == pytest.approx(10.0)
    assert entry.verdict == "reproduced"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"published": 2.0}, "partly"),
        ({"of": "regression", "against": "80"}, "not reproduced"),
        ({"metric": "r2", "comparison": "increase", "published": 1.6}, "reproduced"),
    ],
)
def test_verdicts_follow_direction_and_size(
    metrics: pd.DataFrame, tmp_path: Path, changes: dict, verdict: str
) -> None:
    claims = claims_of(tmp_path, claim(**changes))
    (entry,) = judge_claims.judge(claims, metrics, DEFAULT, 5.0, WINDOW)
    assert entry.verdict == verdict


def test_a_negative_r2_is_no_increase(metrics: pd.DataFrame, tmp_path: Path) -> None:
    worse = metrics["head"] == "classification"
    claims = claims_of(tmp_path, claim(metric="r2", comparison="increase", published=3.0))
    bad = metrics.assign(r2=metrics["r2"].where(~worse, -2.0))
    assert judge_claims.judge(claims, bad, DEFAULT, 5.0, WINDOW)[0].verdict == "not reproduced"
    good = metrics.assign(r2=metrics["r2"].where(worse, -2.0))
    assert judge_claims.judge(claims, good, DEFAULT, 5.0, WINDOW)[0].measured.low > 1.0


def test_a_head_that_was_not_trained_is_not_judged(metrics: pd.DataFrame, tmp_path: Path) -> None:
    claims = claims_of(tmp_path, claim(of="800"))
    assert judge_claims.judge(claims, metrics, DEFAULT, 5.0, WINDOW) == []


def test_a_mistyped_claim_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"claims\.yaml: b\.metrik: .*did you mean 'metric'"):
        claims_of(tmp_path, claim(), claim(claim="b", metrik="mse"))


def test_a_claim_is_about_a_metric_of_spectra(tmp_path: Path) -> None:
    assert claims_of(tmp_path, claim(metric="ece"))[0].metric == "ece"
    with pytest.raises(InputError, match=r"c\.metric: unknown value; found bias"):
        claims_of(tmp_path, claim(metric="bias"))


def test_pages_set_published_numbers_beside_ours(metrics: pd.DataFrame, tmp_path: Path) -> None:
    source = tmp_path / "metrics.csv"
    metrics.to_csv(source, index=False)
    outputs = [tmp_path / name for name in ("t.csv", "t.md", "t.tex")]
    table_heads.main(
        source, *outputs, heads=["regression", 80], levels=[5.0], default=DEFAULT,
        published=PUBLISHED,
    )  # fmt: skip
    table = pd.read_csv(outputs[0])
    regression = table[table["head"] == "regression"].iloc[0]
    assert regression["mse_mean"] == pytest.approx(0.042)
    assert regression["mse_published"] == 0.038
    page = outputs[1].read_text()
    assert page.startswith("These are not real spectra")
    assert "0.03800" in page
    assert outputs[2].read_text().count(r"\\") >= 7
    csv, md = tmp_path / "c.csv", tmp_path / "c.md"
    judge_claims.main(
        source, write_claims(tmp_path, claim()), csv, md, default=DEFAULT, published=PUBLISHED,
        levels=[5.0], z_range=[1.0, 1.8],
    )  # fmt: skip
    assert pd.read_csv(csv)["verdict"].tolist() == ["reproduced"]
    assert pd.read_csv(csv)[["z_min", "z_max"]].to_numpy().tolist() == [[1.0, 1.8]]
    assert VERDICT_RULES in md.read_text()
    assert md.read_text().startswith("These are not real spectra")


def test_metrics_without_a_column_are_refused(metrics: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    metrics.drop(columns="mae").to_csv(path, index=False)
    with pytest.raises(InputError, match="mae"):
        read_metrics(path)


def test_probabilities_come_back_normalised(tmp_path: Path) -> None:
    member = Member("classification", 5, "base", 10, 5.0, "clean", "hard_cross_entropy", 0)
    values = np.random.default_rng(0).dirichlet(np.ones(5), 20)
    path = tmp_path / "p.npz"
    write_probabilities({f"{member.key}/test": values}, path)
    stack = read_probabilities(path, [member, member], "test")
    assert stack.shape == (2, 20, 5)
    assert np.allclose(stack.sum(axis=2), 1.0)
    assert np.abs(stack[0] - values).max() < 1e-3
    with pytest.raises(InputError, match="probabilities: true"):
        read_probabilities(path, [member], "quasar")


def test_examples_go_from_sure_to_lost() -> None:
    total = np.random.default_rng(0).permutation(101) / 100.0
    assert np.allclose(total[plot_examples.choose(total)], [0.10, 0.50, 0.85, 0.97])


def test_recipes_are_described_in_words() -> None:
    text = plot_labels.recipe_text({"clean": {}, "bad": {"fraction": 0.3, "sigma": 0.05}})
    assert text == "clean: exact; bad: 30% drawn at random, Gaussian blur 0.05"
