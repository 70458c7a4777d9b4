"""The field's estimators: what they are given, what becomes of their answers, who is best."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import qp
from qp.metrics.concrete_metric_classes import CDELossMetric
from qp.metrics.pit import PIT
from scipy import stats

from scripts.peers import plot_peers, table_peers, train_peer
from transferz.core.products import read_csv, write_parquet
from transferz.evaluation.bins import ZRange
from transferz.peers import estimators
from transferz.peers.estimators import PEERS, estimate_label, photometry, probabilities, scored
from transferz.report.figures import FigureFiles

BANDS = ["g", "r", "i"]
EDGES = np.linspace(0.0, 3.0, 301)


class Normals:
    """Answers as a qp ensemble gives them."""

    def __init__(self, mean: np.ndarray, width: float) -> None:
        self.mean, self.width = mean, width

    def cdf(self, grid: np.ndarray) -> np.ndarray:
        return stats.norm.cdf(grid, self.mean[:, None], self.width)

    def write_to(self, path: str) -> None:
        Path(path).touch()


def galaxies(n: int, seed: int = 1) -> pd.DataFrame:
    """Return a split catalogue in which redshift is a colour."""
    generator = np.random.default_rng(seed)
    redshift = generator.uniform(0.2, 1.6, n)
    table = {"object_id": np.arange(n) + 1000 * seed, "redshift": redshift}
    table |= {f"mag_{band}": generator.uniform(20, 24, n) for band in BANDS}
    table["mag_r"] = table["mag_g"] - redshift
    table |= {f"mag_err_{band}": generator.uniform(0, 0.1, n) for band in BANDS}
    split = np.array(["train", "validation", "test"], dtype=object)[np.arange(n) % 3]
    return pd.DataFrame(table | {"split": split})


class Colour:
    """An estimator that learns one offset: stands for RAIL's."""

    seconds = 1.0

    def __init__(self, peer, train, bands, edges, settings) -> None:
        if settings.get("broken"):
            raise ValueError("no convergence")
        self.offset = (train["redshift"] - train["mag_g"] + train["mag_r"]).mean()
        self.width, self.edges = settings.get("width", 0.2), edges

    def estimate(self, table: pd.DataFrame) -> Normals:
        return Normals((table["mag_g"] - table["mag_r"] + self.offset).to_numpy(), self.width)


@pytest.fixture
def splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    tables = {"source": galaxies(90, 1), "target": galaxies(60, 2)}
    tables["combo"] = pd.concat(tables.values(), ignore_index=True)
    paths = {name: tmp_path / f"{name}.parquet" for name in tables}
    for name, table in tables.items():
        write_parquet(table, paths[name])
    monkeypatch.setattr(estimators, "Estimator", Colour)
    return paths


def train(splits: dict[str, Path], folder: Path, peer: str = "knn") -> tuple[Path, Path]:
    """Run the rule's script; return its two tables."""
    folder.mkdir()
    tables = folder / f"{peer}.parquet", folder / f"{peer}.csv"
    grid = {"z_max": 3.0, "z_step": 0.01, "budget": 10.0, "test_share": 0.5, "seed": 1}
    train_peer.main(*splits.values(), *tables, folder / peer, peer=peer, bands=BANDS, **grid)
    return tables


def test_rail_gets_arrays_that_it_may_write_to() -> None:
    found = photometry(galaxies(6), BANDS)
    assert set(found) == {"redshift", *(f"{k}_{b}" for k in ("mag", "mag_err") for b in BANDS)}
    assert all(values.flags.writeable for values in found.values())
    assert min(found["mag_err_g"]) >= estimators.SMALLEST_ERROR


def test_probabilities_are_the_share_of_each_class() -> None:
    """Of normal distributions those of scipy; one outside the grid is flat."""
    found = probabilities(Normals(np.array([1.0, 50.0]), 0.1), EDGES)
    centre = np.searchsorted(EDGES, 1.0) - 1
    expected = stats.norm.cdf(EDGES[centre + 1], 1, 0.1) - stats.norm.cdf(EDGES[centre], 1, 0.1)
    assert found[0, centre] == pytest.approx(expected, rel=1e-6)
    assert found[1] == pytest.approx(np.full(300, 1 / 300))
    assert found.sum(axis=1) == pytest.approx([1.0, 1.0])


def test_scores_are_those_of_the_normal_distribution() -> None:
    """CRPS of a normal at its centre: s (sqrt(2) - 1) / sqrt(pi) (Gneiting & Raftery 2007)."""
    table = pd.DataFrame({"object_id": [1], "redshift": [1.0]})
    found = scored(Normals(np.array([1.0]), 0.1), EDGES, table).iloc[0]
    assert found["z_pred"] == pytest.approx(1.0, abs=1e-3)
    assert found["crps"] == pytest.approx(0.1 * (np.sqrt(2) - 1) / np.sqrt(np.pi), rel=1e-3)
    density = 1 / (0.1 * 2 * np.sqrt(np.pi)) - 2 / (0.1 * np.sqrt(2 * np.pi))
    assert found["cde_loss"] == pytest.approx(density, rel=5e-3)


def test_tuning_takes_the_smallest_loss_and_keeps_its_time(
    splits: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = estimators.Peer("Colour", "colour", "Colour", [{"width": 0.02}, {"width": 0.5}])
    rows = galaxies(90)

    def found(budget: float) -> list[tuple[str, dict]]:
        made = estimators.trained(peer, rows, rows, BANDS, EDGES, budget)
        return [(kind, settings) for kind, settings, _ in made]

    assert found(60.0) == [("", {}), ("-tuned", {"width": 0.02})]
    assert found(-1.0) == [("", {})]


def test_no_peer_sees_the_test_galaxies(splits: dict[str, Path], tmp_path: Path) -> None:
    before, _ = train(splits, tmp_path / "before")
    for path in splits.values():
        table = pd.read_parquet(path)
        table.loc[table["split"] == "test", "redshift"] = 2.5
        write_parquet(table, path)
    after, _ = train(splits, tmp_path / "after")
    z_pred = [pd.read_parquet(path)["z_pred"] for path in (before, after)]
    # Of 50 test galaxies those that calibrate no strategy, about half, by each of three samples.
    assert 3 * 10 < len(z_pred[0]) < 3 * 40 and z_pred[0].equals(z_pred[1])


def test_what_fails_is_listed_with_its_error(
    splits: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = estimators.Peer("Colour", "colour", "Colour", [{"broken": True}])
    monkeypatch.setitem(PEERS, "gpz", broken)
    scores, costs = train(splits, tmp_path / "out", "gpz")
    assert read_csv(costs)["error"].dropna().tolist() == ["ValueError: no convergence"] * 3
    found = pd.read_parquet(scores)["estimate"].unique()
    assert list(found) == ["gpz-source", "gpz-target", "gpz-combo"]


def estimates(n: int = 400) -> pd.DataFrame:
    """Return a good and a bad estimate of the same galaxies, and one without distributions."""
    generator = np.random.default_rng(5)
    z_true = generator.uniform(0.4, 1.4, n)
    parts = []
    for name, kind, width in (
        ("flexzboost-combo", "peer", 0.02),
        ("NN-Combo", "strategy", 0.1),
        ("null-combo", "baseline", 0.4),
    ):
        z_pred = z_true + width * generator.normal(size=n)
        found = scored(
            Normals(z_pred, width),
            EDGES,
            pd.DataFrame({"object_id": map(str, range(n)), "redshift": z_true}),
        )
        if kind == "baseline":
            found[["crps", "cde_loss", "pit", "width_68"]] = np.nan
        parts.append(found.assign(estimate=name, kind=kind))
    return pd.concat(parts, ignore_index=True)


def test_the_better_estimate_is_best_and_intervals_hold_the_value(tmp_path: Path) -> None:
    table = table_peers.judge(estimates(), ZRange(0.3, 1.5))
    best = table[table["best"]].groupby("score")["estimate"].agg(set)
    for score in ("scatter_mad", "rms", "crps", "cde_loss"):
        assert best[score] == {"flexzboost-combo"}
    inner = table.dropna(subset=["low"])
    assert ((inner["low"] <= inner["value"]) & (inner["value"] <= inner["high"])).all()
    assert set(table[table["estimate"] == "null-combo"]["score"]) == set(table_peers.POINT)
    costs = pd.DataFrame(
        {
            **{"estimate": ["flexzboost-combo", "gpz"], "settings": ["{}", None]},
            **{
                "n_train": [400, None],
                "train_seconds": [2.0, None],
                "predict_seconds": [1.0, None],
            },
            **{"n_predicted": [1000, None], "memory_mib": [500.0, None], "error": [None, "E: no"]},
        }
    )
    both = pd.concat([table.assign(dataset=name) for name in ("target", "source")])
    page = table_peers.page(both, costs, {"target": "T"}, "embedded", "0.3 < z <= 1.5")
    assert "FlexZBoost, both" in page and "gpz stopped: E: no" in page and " 100.0 |" in page
    both.to_csv(tmp_path / "peers.csv", index=False)
    paths = [tmp_path / f"figure.{end}" for end in ("pdf", "png", "csv", "md")]
    plot_peers.main(tmp_path / "peers.csv", FigureFiles(*paths), labels={}, survey="embedded")
    assert "flexzboost-combo" in paths[3].read_text()


def test_names() -> None:
    assert estimate_label("knn-target", {"target": "G"}) == "k-nearest neighbours, G"
    assert estimate_label("knn-tuned-combo", {}) == "k-nearest neighbours (tuned), both"
    assert estimate_label("NN-Base", {}) is None


def test_the_page_quotes_the_committed_table(root: Path) -> None:
    """`**estimate**, value` in a row of the page is that of peers.csv, and among the best there."""
    folder = root / "docs/results"
    table = read_csv(folder / "peers/peers.csv").set_index(["score", "dataset", "estimate"])
    names = ("scatter", "RMS", "outliers", "catastrophic outliers", "CRPS", "CDE loss")
    keys = ("scatter_mad", "rms", "outlier_fraction", "catastrophic_fraction", "crps", "cde_loss")
    scores = dict(zip(names, keys, strict=True))
    quoted = 0
    for line in (folder / "peers.md").read_text().splitlines():
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        for dataset, cell in zip(
            ("target", "source"), cells if name in scores else [], strict=False
        ):
            for estimate, value in re.findall(r"\*\*(NN-\w+)\*\*, (-?[\d.]+%?)", cell):
                digits = len(value.strip("%").partition(".")[2])
                found = table.loc[(scores[name], dataset, estimate), "value"]
                found *= 100 if value.endswith("%") else 1
                assert float(value.strip("%")) == pytest.approx(found, abs=0.51 * 10.0**-digits)
                quoted += 1
    assert quoted == 12


def test_rail_writes_nothing_where_it_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with estimators.scratch() as folder:
        Path("output_stage.hdf5").touch()
        assert (folder / "output_stage.hdf5").exists()
        os.write(1, b"inside ")
    os.write(1, b"after")
    assert not folder.exists() and not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("after", "inside ")


def test_scores_agree_with_rails_own(tmp_path: Path) -> None:
    """CDE loss and PIT of the same file of answers: by qp, RAIL's own, and ours."""
    pytest.importorskip("rail.estimation.algos.k_nearneigh", reason="RAIL: `make peers`")
    rows = galaxies(600)
    # Classes so narrow that the mean density of one is the density at its centre.
    edges = np.linspace(0.0, 3.0, 1201)
    estimator = estimators.Estimator(PEERS["knn"], rows, BANDS, edges, {})
    estimator.estimate(rows).write_to(str(tmp_path / "answer.hdf5"))
    read, z_true = qp.read(str(tmp_path / "answer.hdf5")), rows["redshift"].to_numpy()
    ours = scored(read, edges, rows)
    centres = 0.5 * (edges[1:] + edges[:-1])
    theirs = CDELossMetric(eval_grid=centres).evaluate(read, z_true)
    assert ours["cde_loss"].mean() == pytest.approx(float(theirs), rel=1e-3)
    np.testing.assert_allclose(ours["pit"], PIT(read, z_true).pit_samps, atol=1e-3)
