"""Verdicts on made-up distributions over seeds, and the file of published claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from scripts.evaluation.judge_claims import main
from transferz.core.errors import InputError
from transferz.evaluation.claims import Claim, accepted_range, judge, read_claims, verdict
from transferz.evaluation.metrics import KEYS, METRICS
from transferz.evaluation.over_seeds import Estimate
from transferz.report.tables import significant

CLAIM = Claim(
    claim="c",
    statement="{of} beats {against} on {dataset}",
    where="somewhere",
    shown_in="figure3",
    comparison="reduction",
    metric="rms",
    dataset="target",
    of="NN-TL",
    against="NN-Base",
    published=1.5,
    tolerance=0.2,
)
STRATEGIES = ["NN-Base", "NN-TL", "NN-Combo"]
LABELS = {"target": "GalaxiesML", "source": "TransferZ", "NN-TL": "fine-tuned"}


def metrics_table(values: dict[tuple[str, str], np.ndarray], metric: str = "rms") -> pd.DataFrame:
    """A table of metrics with one metric given by (strategy, dataset), the others zero."""
    parts = []
    for (strategy, dataset), seeds in values.items():
        part = pd.DataFrame({"strategy": strategy, "seed": range(len(seeds)), "dataset": dataset})
        part = part.assign(z_min=0.3, z_max=1.5, n=100, **dict.fromkeys(METRICS, 1.0))
        part[metric] = seeds
        parts.append(part)
    return pd.concat(parts, ignore_index=True)[[*KEYS, "n", *METRICS]]


def run(claim: Claim, **distributions: tuple[float, float]) -> tuple[str, Estimate]:
    """Judge a claim on normal distributions (mean, spread) of 100 seeds of each strategy."""
    values = {
        (name.replace("_", "-"), claim.dataset): np.random.default_rng([number]).normal(*shape, 100)
        for number, (name, shape) in enumerate(distributions.items())
    }
    judged, rest = judge(
        [claim], metrics_table(values, claim.metric), strategies=STRATEGIES, z_range=(0.3, 1.5)
    )
    assert rest == []
    return judged[0].verdict, judged[0].measured


def test_accepted_range_is_relative_to_the_effect() -> None:
    low, high = accepted_range(CLAIM)
    assert np.log(low) == pytest.approx(0.8 * np.log(1.5))
    assert np.log(high) == pytest.approx(1.2 * np.log(1.5))
    assert accepted_range(replace(CLAIM, published=None)) is None


@pytest.mark.parametrize(
    ("base", "refined", "expected"),
    [
        (0.150, 0.100, "reproduced"),  # 1.5 as published
        (0.140, 0.100, "reproduced"),  # 1.4, inside 1.38 to 1.63
        (0.110, 0.100, "partly"),  # 1.1: right direction, another size
        (0.300, 0.100, "partly"),  # 3: more than published is another size too
        (0.100, 0.100, "not reproduced"),  # no difference
        (0.100, 0.150, "not reproduced"),  # the other way round
    ],
)
def test_verdict_on_a_reduction(base: float, refined: float, expected: str) -> None:
    got, measured = run(CLAIM, NN_Base=(base, 0.004), NN_TL=(refined, 0.004))
    assert got == expected
    assert measured.value == pytest.approx(base / refined, rel=0.02)


def test_a_ratio_of_the_right_size_without_a_sure_direction_is_partly() -> None:
    values = {
        ("NN-Base", "target"): np.array([0.1, 0.3, 0.05]),
        ("NN-TL", "target"): np.array([0.12, 0.1, 0.08]),
    }
    table = metrics_table(values)
    judged, _ = judge([CLAIM], table, strategies=STRATEGIES, z_range=(0.3, 1.5))
    assert judged[0].measured.value == pytest.approx(1.5)
    assert judged[0].measured.low < 1
    assert judged[0].verdict == "partly"


@pytest.mark.parametrize(
    ("refined", "expected"),
    [(0.2, "reproduced"), (0.1005, "not reproduced"), (0.09, "not reproduced")],
)
def test_verdict_on_a_direction_without_a_number(refined: float, expected: str) -> None:
    claim = replace(CLAIM, comparison="increase", dataset="source", published=None)
    values = {
        ("NN-Base", "source"): np.tile([0.09, 0.11], 20),
        ("NN-TL", "source"): np.roll(np.repeat([refined - 0.01, refined + 0.01], 20), 3),
    }
    judged, _ = judge([claim], metrics_table(values), strategies=STRATEGIES, z_range=(0.3, 1.5))
    assert judged[0].verdict == expected


def test_bias_counts_by_its_absolute_mean() -> None:
    claim = replace(CLAIM, metric="bias_median", published=5.0)
    got, measured = run(claim, NN_Base=(-0.05, 0.001), NN_TL=(0.01, 0.001))
    assert measured.value == pytest.approx(5.0, rel=0.03)
    assert got == "reproduced"


@pytest.mark.parametrize(
    ("mean", "spread", "expected"),
    [
        (-0.001, 0.002, "reproduced"),
        (0.0029, 0.004, "partly"),
        (0.004, 0.002, "not reproduced"),
        (-0.01, 0.002, "not reproduced"),
    ],
)
def test_verdict_on_a_requirement(mean: float, spread: float, expected: str) -> None:
    claim = replace(CLAIM, comparison="below", against=None, metric="bias_median", published=0.003)
    shape = np.tile([-1.0, 1.0], 50)
    table = metrics_table({("NN-TL", "target"): mean + spread * shape}, "bias_median")
    judged, _ = judge([claim], table, strategies=STRATEGIES, z_range=(0.3, 1.5))
    assert judged[0].verdict == expected


def test_one_seed_can_at_most_be_partly() -> None:
    nothing = float("nan")
    assert verdict(CLAIM, Estimate(1.5, nothing, nothing)) == "partly"
    assert verdict(CLAIM, Estimate(3.0, nothing, nothing)) == "not reproduced"


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (0.6, 0.1, 3.7, "not reproduced"),
        (1.1, 0.1, 3.7, "not reproduced"),
        (1.5, 0.1, 3.7, "partly"),
        (2.5, 1.1, 3.7, "reproduced"),
        (2.5, 2.0, 3.0, "partly"),
    ],
)
def test_a_wide_interval_does_not_confirm_a_size(
    value: float, low: float, high: float, expected: str
) -> None:
    assert accepted_range(CLAIM) == pytest.approx((1.5**0.8, 1.5**1.2))
    assert verdict(CLAIM, Estimate(value, low, high)) == expected


def test_a_claim_about_a_strategy_that_is_not_there_is_listed_apart() -> None:
    table = metrics_table({("NN-Base", "target"): np.ones(3)})
    judged, rest = judge([CLAIM], table, strategies=["NN-Base"], z_range=(0.3, 1.5))
    assert judged == []
    assert rest == [CLAIM]


# ---------------------------------------------------------------------------- the file


@pytest.fixture
def claims_file(root: Path) -> Path:
    return root / "config" / "claims.yaml"


def test_published_claims(claims_file: Path) -> None:
    claims = {claim.claim: claim for claim in read_claims(claims_file)}
    for strategy in ("tl", "combo"):
        assert claims[f"{strategy}_target_bias"].published == 5
        assert claims[f"{strategy}_target_rms"].published == 1.5
        assert claims[f"{strategy}_target_catastrophic"].published == 1.3
        for name in ("bias", "rms"):
            worse = claims[f"{strategy}_source_{name}"]
            assert (worse.comparison, worse.dataset, worse.published) == (
                "increase",
                "source",
                None,
            )
        limits = [claims[f"{strategy}_target_lsst_{n}"].published for n in ("bias", "rms")]
        assert limits == [0.003, 0.02]
        assert claims[f"{strategy}_target_lsst_outliers"].published == 0.10
    for claim in claims.values():
        assert claim.where.startswith("arXiv:2411.18054")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrc": "rms"}, "c.metrc: unknown key; .*did you mean 'metric'"),
        ({"metric": "rmse"}, "c.metric: unknown value; found rmse"),
        ({"comparison": "__import__('os')"}, "c.comparison: unknown value"),
        ({"against": None}, "c.against: missing key"),
        ({"comparison": "below", "published": None}, "c.published: missing key"),
        ({"published": "five"}, "c.published: not a number; found 'five'"),
        ({"published": 0.8}, "c.published: a published ratio that contradicts"),
        ({"tolerance": 1.5}, "c.tolerance: a tolerance that accepts anything"),
        ({"alternatives": ["sigma"]}, "c.metric: unknown value; found sigma"),
    ],
)
def test_a_mistake_in_the_file_names_the_key(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    entry = {
        "claim": "c",
        "statement": "s",
        "where": "w",
        "shown_in": "figure3",
        "comparison": "reduction",
        "metric": "rms",
        "dataset": "target",
        "of": "A",
        "against": "B",
        "published": 2,
    }
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": [entry]}))
    assert read_claims(path)[0].published == 2
    path.write_text(yaml.safe_dump({"claims": [{**entry, **change}]}))
    with pytest.raises(InputError, match=message):
        read_claims(path)


def test_files_that_are_no_claims(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    with pytest.raises(InputError, match="file not found"):
        read_claims(path)
    path.write_text("claims: [}")
    with pytest.raises(InputError, match="not valid YAML"):
        read_claims(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="no list of claims"):
        read_claims(path)


# ------------------------------------------------------------------------------ the script


@pytest.fixture
def products(tmp_path: Path, claims_file: Path) -> tuple[pd.DataFrame, str]:
    """The CSV and the page of a run without NN-Combo."""
    shapes = {
        ("NN-Base", "target"): 0.3,
        ("NN-TL", "target"): 0.2,
        ("NN-Base", "source"): 0.1,
        ("NN-TL", "source"): 0.4,
    }
    random = np.random.default_rng(0)
    values = {key: random.normal(mean, 0.01, 30) for key, mean in shapes.items()}
    metrics_table(values).to_csv(tmp_path / "per_seed.csv", index=False)
    histories = []
    for strategy, last in (("NN-Base", 5), ("NN-TL", 3)):
        (tmp_path / strategy).mkdir()
        epochs = [(seed, epoch) for seed in range(4) for epoch in range(1, last + (seed > 0))]
        history = pd.DataFrame(epochs, columns=["seed", "epoch"]).assign(loss=1.0, val_loss=1.0)
        histories.append(tmp_path / strategy / "seeds-000-003.history.csv")
        history.to_csv(histories[-1], index=False)
    main(
        tmp_path / "per_seed.csv",
        claims_file,
        histories,
        tmp_path / "claims.csv",
        tmp_path / "claims.md",
        strategies=["NN-Base", "NN-TL"],
        max_epochs={"NN-Base": 5, "NN-TL": 5},
        z_range=[0.3, 1.5],
        labels=LABELS,
        survey="embedded",
    )
    return pd.read_csv(tmp_path / "claims.csv"), (tmp_path / "claims.md").read_text()


def test_table_of_claims(products: tuple[pd.DataFrame, str]) -> None:
    table, _ = products
    assert ",".join(table) == "claim,statement,published,measured,low,high,verdict,survey"
    assert set(table["verdict"]) <= {"reproduced", "partly", "not reproduced"}
    assert set(table["survey"]) == {"embedded"}
    rows = table.set_index("claim")
    assert rows.loc["tl_target_rms", "verdict"] == "reproduced"
    assert rows.loc["tl_target_rms", "measured"] == pytest.approx(1.5, abs=0.05)
    assert rows.loc["tl_source_rms", "measured"] == pytest.approx(4.0, abs=0.15)
    assert np.isnan(rows.loc["tl_source_rms", "published"])
    assert (table["low"] <= table["measured"]).all()
    assert (table["measured"] <= table["high"]).all()
    assert "fine-tuned" in rows.loc["tl_target_rms", "statement"]


def test_page_of_claims(products: tuple[pd.DataFrame, str]) -> None:
    table, page = products
    assert page.splitlines()[0].startswith("These are not the real catalogues")
    assert page.count("**reproduced**") == (table["verdict"] == "reproduced").sum()
    assert "combo_target_rms (about NN-Combo and NN-Base)" in page
    assert "Intervals are over seeds alone: they do not include the sampling of the test" in page
    # Of NN-Base three of four networks trained for all 5 epochs, of NN-TL none.
    assert "after 5 epochs, their loss perhaps still falling: 75% of NN-Base, 0% of" in page
    for row in table.itertuples():
        assert f"{significant(row.measured)} [{significant(row.low)}, " in page
