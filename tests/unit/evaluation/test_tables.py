"""Tables 1 and 2 on made data."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.draws import drawn, write_histories

from scripts.evaluation import table1, table2
from transferz.core.errors import InputError
from transferz.evaluation.metrics import KEYS, METRICS
from transferz.evaluation.resampling import Draws
from transferz.report.tables import (
    read_cutflow,
    with_spread,
)

LABELS = {"target": "GalaxiesML", "source": "Transfer_Z"}
SHOWN = ["bias_median", "rms", "outlier_fraction"]


# ------------------------------------------------------------------------------- table 1


@pytest.fixture
def per_seed(tmp_path: Path) -> Path:
    """Metrics in which B is clearly better than A on the target, and equal on the source."""
    rows = []
    for strategy in "AB":
        for dataset in ("target", "source"):
            offset = 0.0 if strategy == "A" or dataset == "source" else -0.05
            noise = np.random.default_rng([ord(strategy), len(dataset)]).normal(0.1, 0.004, 30)
            for seed, value in enumerate(noise):
                values = dict.fromkeys(METRICS, value + offset)
                values["bias_median"] = -(value + offset)
                for z_range in ((0.3, 1.5), (0.0, 10.0)):
                    key = (strategy, seed, dataset, *z_range)
                    rows.append(dict(zip(KEYS, key, strict=True)) | {"n": 4321} | values)
    table = pd.DataFrame(rows)
    table.to_csv(tmp_path / "per_seed.csv", index=False)
    drawn(table).to_parquet(tmp_path / "resampled.parquet")
    return tmp_path / "per_seed.csv"


@pytest.fixture
def first(per_seed: Path) -> dict[str, Path]:
    paths = {name: per_seed.with_name(f"table1.{name}") for name in ("csv", "md", "tex")}
    table1.main(
        per_seed,
        per_seed.with_name("resampled.parquet"),
        write_histories(per_seed.parent, {name: [[0.3, 0.2, 0.1]] for name in "AB"}),
        **paths,
        strategies=["A", "B"],
        metrics=SHOWN,
        z_range=[0.3, 1.5],
        max_epochs={"A": 3, "B": 100},
        labels=LABELS,
        survey="embedded",
    )
    return paths


def test_table1_says_which_networks_were_not_at_rest(first: dict[str, Path]) -> None:
    assert "still fell when training ended: 100% of A, 0% of B (" in first["md"].read_text()


def test_table1_means_and_spreads(first: dict[str, Path], per_seed: Path) -> None:
    table = pd.read_csv(first["csv"]).set_index(["dataset", "strategy"])
    metrics = pd.read_csv(per_seed).query("z_min == 0.3")
    groups = metrics.groupby(["dataset", "strategy"])
    for metric in METRICS:
        pd.testing.assert_series_equal(
            table[f"{metric}_mean"], groups[metric].mean(), check_names=False, check_like=True
        )
        pd.testing.assert_series_equal(
            table[f"{metric}_spread"], groups[metric].std(), check_names=False, check_like=True
        )
    assert set(table["n_galaxies"]) == {4321}
    assert set(table["n_seeds"]) == {30}


def test_table1_marks_only_what_is_significant(first: dict[str, Path]) -> None:
    table = pd.read_csv(first["csv"]).set_index(["dataset", "strategy"])
    for metric in METRICS:
        assert table.loc[("target", "B"), f"{metric}_best"]
        assert not table.loc["source", f"{metric}_best"].any()
    page = first["md"].read_text()
    lines = [line for line in page.splitlines() if line.startswith("| GalaxiesML | B")]
    assert lines[0].count("**") == 2 * len(SHOWN)
    assert page.count("**") == 2 * len(SHOWN)
    assert first["tex"].read_text().count(r"\bfseries") == len(SHOWN)


def test_table1_marks_the_mean_that_it_prints() -> None:
    """A's mean bias is smaller, B's bias is smaller network by network: the mean is printed."""
    signs = np.tile([-1.0, 1.0], 50)
    rows = [
        {"strategy": name, "seed": seed, "dataset": "target", "z_min": 0.3, "z_max": 1.5, "n": 9}
        | dict.fromkeys(METRICS, value)
        for name, values in (("A", 0.02 * signs), ("B", 0.01 + 0.0 * signs))
        for seed, value in enumerate(values)
    ]
    table = pd.DataFrame(rows)
    found = table1.summary_table(table, Draws(drawn(table)), ["A", "B"], ["target"], (0.3, 1.5))
    best = found.set_index("strategy")["bias_median_best"]
    assert best["A"] and not best["B"]


def test_table1_shows_the_numbers_of_its_csv(first: dict[str, Path]) -> None:
    table = pd.read_csv(first["csv"])
    page = first["md"].read_text()
    for row in table.itertuples():
        assert with_spread(row.rms_mean, row.rms_spread) in page
    assert page.splitlines()[0].startswith("These are not the real catalogues")
    assert "4,321 galaxies of GalaxiesML" in page


def test_table1_latex_is_well_formed(first: dict[str, Path]) -> None:
    check_latex(first["tex"].read_text(), columns=1 + len(SHOWN))
    assert r"Transfer\_Z" in first["tex"].read_text()


def check_latex(text: str, columns: int) -> None:
    """Balanced braces and environments; as many cells as columns in every row."""
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
    rules = [text.index(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")]
    assert rules == sorted(rules)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    for row in rows:
        if "multicolumn" not in row:
            assert len(re.findall(r"(?<!\\)&", row)) == columns - 1


# ------------------------------------------------------------------------------- table 2

FLOW = pd.DataFrame(
    {
        "step": [1, 2, 3],
        "cut": ["primary", "cross-match", "galaxy"],
        "description": ["one each", "within 1 arcsec", "lp_type = 0 & more < 5%"],
        "n_in": [1000, 5000, 900],
        "n_out": [1000, 900, 899],
        "n_removed": [0, 4100, 1],
        "fraction": [1.0, 0.18, 899 / 900],
        "stage": ["HSC", "match", "selection"],
    }
)


def test_table2(tmp_path: Path) -> None:
    FLOW.to_csv(tmp_path / "cutflow.csv", index=False)
    paths = {name: tmp_path / f"table2.{name}" for name in ("csv", "md", "tex")}
    table2.main(tmp_path / "cutflow.csv", **paths, labels=LABELS, survey="archive")
    pd.testing.assert_frame_equal(pd.read_csv(paths["csv"]), FLOW)
    page = paths["md"].read_text()
    assert "Transfer_Z has 899 galaxies" in page
    assert "5,000" in page
    # 899 of 900 is 99.9%, and nothing that lost a row says 100.
    assert page.count("100.0") == 1
    check_latex(paths["tex"].read_text(), columns=7)
    assert r"lp\_type = 0 \& more \textless{} 5\%" in paths["tex"].read_text()


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        (FLOW.drop(columns="n_out"), "n_out: not a cut-flow table"),
        (FLOW.head(0), "not a cut-flow table; found 0 rows"),
        (FLOW.assign(n_removed=0), "step 2: counts that contradict each other"),
    ],
)
def test_a_damaged_cut_flow(tmp_path: Path, flow: pd.DataFrame, message: str) -> None:
    flow.to_csv(tmp_path / "cutflow.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_cutflow(tmp_path / "cutflow.csv")


def test_a_cut_flow_without_stages(tmp_path: Path) -> None:
    FLOW.drop(columns="stage").to_csv(tmp_path / "cutflow.csv", index=False)
    assert set(read_cutflow(tmp_path / "cutflow.csv")["stage"]) == {"selection"}
