"""The figure of the stress tests, on small made data."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from scripts.diagnostics import plot_stress
from transferz.evaluation.metrics import KEYS, METRICS
from transferz.report import figures
from transferz.report.figures import FigureFiles

# The eyes of the tests of the paper's figures.
_spec = importlib.util.spec_from_file_location(
    "paper_figures", Path(__file__).parents[1] / "evaluation/test_figures.py"
)
paper = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(paper)

STRATEGIES = ["NN-Spec", "NN-TL", "NN-Combo"]
# Change and per cent of each case, in the order of the files.
CASES = [("faint", 25), ("faint", 75), ("lines", 5), ("redshift", 50), ("surveys", 12)]
METRIC_NAMES = ["bias_median", "scatter_mad", "rms", "outlier_fraction"]
SEEDS = 3


def value(strategy: str, per_cent: int, dataset: str, seed: int) -> float:
    """Return what all metrics are in the made run."""
    return 0.02 + STRATEGIES.index(strategy) + per_cent / 100 + (dataset == "source") + 0.01 * seed


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Write per_seed.csv and samples/*.csv; one sample is of a strategy that is no stress test."""
    rows, folder = [], tmp_path / "samples"
    folder.mkdir()
    for strategy in STRATEGIES:
        networks = [(strategy, 0)]
        for change, per_cent in CASES:
            name = (
                f"{strategy}-surveys" if change == "surveys" else f"{strategy}-{change}-{per_cent}"
            )
            networks.append((name, per_cent))
            line = {"change": change, "n_before": 100, "n_after": 90, "share": per_cent / 100}
            pd.DataFrame([line]).to_csv(folder / f"{name}.csv", index=False)
        rows += [
            dict.fromkeys(METRICS, value(strategy, per_cent, dataset, seed))
            | dict(zip(KEYS, (name, seed, dataset, 0.3, 1.5), strict=True))
            | {"n": 10}
            for name, per_cent in networks
            for dataset in ("source", "target")
            for seed in range(SEEDS)
        ]
    line = {"change": "reweight", "n_before": 100, "n_after": 100, "share": 0.0}
    pd.DataFrame([line]).to_csv(folder / "NN-Weighted.csv", index=False)
    pd.DataFrame(rows).to_csv(tmp_path / "per_seed.csv", index=False)
    return tmp_path


def draw(run: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Figure, pd.DataFrame, str]:
    """Draw the figure; return it, its table and its caption."""
    collected: list[Figure] = []
    monkeypatch.setattr(figures, "save_figure", lambda figure, *_: collected.append(figure))
    suffixes = {"pdf": "pdf", "png": "png", "table": "csv", "caption": "md"}
    files = FigureFiles(**{key: run / f"stress.{suffix}" for key, suffix in suffixes.items()})
    plot_stress.main(
        run / "per_seed.csv",
        sorted((run / "samples").glob("*.csv")),
        files,
        strategies=STRATEGIES,
        metrics=METRIC_NAMES,
        z_range=[0.3, 1.5],
        labels=paper.LABELS,
        survey="embedded",
    )
    return collected[0], pd.read_csv(run / "stress.csv"), (run / "stress.md").read_text()


def test_each_case_is_beside_the_whole_sample(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = draw(run, monkeypatch)[1]
    shares = table.groupby("change")["share"].unique().map(sorted)
    assert dict(shares) == {
        "faint": [0, 0.25, 0.75],
        "lines": [0, 0.05],
        "redshift": [0, 0.5],
        "surveys": [0, 0.12],
    }
    assert not table.duplicated(["strategy", "change", "share", "dataset", "metric"]).any()
    for row in table.itertuples():
        middle = value(row.strategy, round(100 * row.share), row.dataset, 1)
        assert row.value == pytest.approx(middle)
        assert row.low < row.value < row.high and row.n_seeds == SEEDS


def test_panels_have_the_values_of_the_target(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure, _, caption = draw(run, monkeypatch)
    paper.check_texts(figure)
    # Four metrics in rows, four changes in columns; the first column is of the faintest.
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert len(panels) == len(METRIC_NAMES) * 4
    assert panels[0].get_title() == "Faintest lost" and panels[3].get_title() == "Wrong lines"
    curves = [container.lines[0].get_xydata() for container in panels[0].containers]
    assert len(curves) == len(STRATEGIES)
    for strategy, curve in zip(STRATEGIES, curves, strict=True):
        assert curve[:, 0].tolist() == [0, 25, 75]
        expected = [value(strategy, per_cent, "target", 1) for per_cent in (0, 25, 75)]
        assert curve[:, 1] == pytest.approx(expected)
    assert "Faintest lost, NN-TL: 1.0" in caption and "3 seeds" in caption
    assert "These are not the real catalogues" in caption
