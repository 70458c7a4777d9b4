"""Figures beyond the paper's, on small made data: their numbers, and that nothing is hidden."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from scripts.diagnostics import (
    evaluate_photometry,
    plot_baselines,
    plot_colour_space,
    plot_control,
    plot_learning_curves,
    plot_seed_spread,
    plot_trends,
    table3,
)
from transferz.core.errors import InputError
from transferz.evaluation.baselines import baseline_names
from transferz.evaluation.bins import regular_bins
from transferz.evaluation.metrics import HSC_GAMMA, compute_metrics
from transferz.report import figures
from transferz.report.figures import FigureFiles

# The made data and the eyes of the tests of the paper's figures.
_spec = importlib.util.spec_from_file_location(
    "paper_figures", Path(__file__).parents[1] / "evaluation/test_figures.py"
)
paper = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(paper)
LABELS, MORE, N_SEEDS, PAPER = paper.LABELS, paper.MORE, paper.N_SEEDS, paper.PAPER
catalogue, make_run = paper.catalogue, paper.make_run

MODULES = {
    "trends": plot_trends,
    "learning_curves": plot_learning_curves,
    "seed_spread": plot_seed_spread,
    "colour_space": plot_colour_space,
    "baselines": plot_baselines,
    "control": plot_control,
}
METRICS3 = ["bias_median", "outlier_fraction", "rms"]
COMMON = {"labels": LABELS, "survey": "embedded"}


def measure_photometry(run: Path, bands: str, strategies: list[str]) -> None:
    """Write per_magnitude.csv and per_colour.csv of a run."""
    for dataset in LABELS:
        split = np.where(np.arange(3000) < 600, "test", "train")
        catalogue(dataset, bands).assign(split=split).to_parquet(run / f"split-{dataset}.parquet")
    evaluate_photometry.main(
        sorted(run.glob("predictions-*")),
        run / "split-source.parquet",
        run / "split-target.parquet",
        run / "per_magnitude.csv",
        run / "per_colour.csv",
        strategies=strategies,
        seeds=range(N_SEEDS),
        bands=list(bands),
        band=bands[-1],
        colours=None,
        z_range=(0.3, 1.5),
        full_range=(0, 10),
        bin_width=0.5,
        bin_min_galaxies=30,
        cell_size=0.5,
        cell_min_galaxies=5,
    )


def baselines_of(run: Path) -> None:
    """Write metrics of baselines: those of a strategy under other names."""
    networks = pd.read_csv(run / "per_seed.csv")
    one = networks[networks["strategy"] == networks["strategy"].iloc[0]]
    pd.concat(one.assign(strategy=name) for name in baseline_names()).to_csv(
        run / "baselines.csv", index=False
    )


def draw(name: str, run: Path, out: Path, bands: str, strategies: list[str]) -> dict[str, Path]:
    """Draw a figure of a run; return its files."""
    suffixes = {"pdf": "pdf", "png": "png", "table": "csv", "caption": "md"}
    paths = {key: out / f"{name}.{suffix}" for key, suffix in suffixes.items()}
    options: dict[str, object] = {"strategies": strategies, "z_range": [0.3, 1.5]}
    if name == "trends":
        inputs = [run / "per_seed.csv"]
        options |= {"quantity": "redshift", "names": ["bias_median", "scatter_mad", "rms"]}
        options |= {"bin_width": 0.1, "band": "i", "requirements": paper.REQUIREMENTS}
    elif name == "learning_curves":
        histories = []
        for number, strategy in enumerate(strategies):
            folder = run / strategy
            folder.mkdir(exist_ok=True)
            epochs = [(s, e) for s in range(N_SEEDS) for e in range(1, 9 + s)]
            table = pd.DataFrame(epochs, columns=["seed", "epoch"])
            table["loss"] = 0.3 / table["epoch"] + 0.05
            table["val_loss"] = table["loss"] * (1.1 + 0.01 * number) + 0.01 * table["seed"]
            table.to_csv(folder / "seeds-000-003.history.csv", index=False)
            histories.append(folder / "seeds-000-003.history.csv")
        inputs = [histories]
        options |= {"max_epochs": dict.fromkeys(strategies, 8 + N_SEEDS - 1)}
        del options["z_range"]
    elif name == "seed_spread":
        inputs = [run / "per_seed.csv"]
        options |= {"metrics": METRICS3}
    elif name == "colour_space":
        measure_photometry(run, bands, strategies)
        inputs = [run / "per_colour.csv"]
        options |= {"axis_labels": ["$g - r$ (mag)", "$r - i$ (mag)"]}
        options |= {"cell_size": 0.5, "cell_min_galaxies": 5}
        del options["z_range"]
    elif name == "baselines":
        baselines_of(run)
        table3.main(
            *(run / f"{part}.csv" for part in ("per_seed", "baselines")),
            *(out / f"table3.{suffix}" for suffix in ("csv", "md", "tex")),
            metrics=METRICS3,
            **options,
            **COMMON,
        )
        inputs = [out / "table3.csv"]
        options = {"metrics": METRICS3, "z_range": [0.3, 1.5], "requirements": paper.REQUIREMENTS}
    else:
        catalogues = [run / f"{part}.parquet" for part in ("source", "target", "target")]
        inputs = [run / "per_seed.csv", run / "per_seed.csv", *catalogues]
        options |= {"metrics": METRICS3, "seeds": list(range(N_SEEDS))}
        options |= {"bands": list(bands), "band": bands[-1]}
    MODULES[name].main(*inputs, FigureFiles(**paths), **options, **COMMON)
    return paths


CASES = [
    (name, bands, strategies)
    for name in MODULES
    for bands, strategies in (("grizy", PAPER), ("griz", MORE), ("ug", ["Only"]))
    # Colours need three bands, a control something to compare.
    if not (strategies == ["Only"] and name in ("colour_space", "control"))
]


@pytest.mark.parametrize(("name", "bands", "strategies"), CASES)
def test_nothing_is_clipped_and_no_text_hides_another(
    name: str,
    bands: str,
    strategies: list[str],
    make_run: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collected: list[Figure] = []
    monkeypatch.setattr(figures, "save_figure", lambda figure, *_: collected.append(figure))
    paths = draw(name, make_run(bands, tuple(strategies)), tmp_path, bands, strategies)
    paper.check_texts(collected[0])
    caption = paths["caption"].read_text()
    assert "These are not the real catalogues" in caption
    assert len(caption.partition("Alt text: ")[2]) > 40
    assert not pd.read_csv(paths["table"]).empty


def trend(bins: dict[tuple[float, float], float]) -> pd.DataFrame:
    """Lines of one strategy on both data sets: two metrics in these bins, with these values."""
    rows = [
        {"dataset": dataset, "strategy": "A", "metric": metric, "low": low, "high": high, "n": 50}
        | dict.fromkeys(("p16", "median", "p84"), value)
        for dataset in ("target", "source")
        for metric in ("bias_median", "outlier_fraction")
        for (low, high), value in bins.items()
    ]
    return pd.DataFrame(rows)


def test_extreme_and_empty_bins_of_trends() -> None:
    """Bins beyond the range of the headline set no axis; those without galaxies are hatched."""
    table = trend({(0.0, 0.5): 0.1, (0.5, 1.0): 0.2, (1.5, 2.0): 0.9})
    names = ["bias_median", "outlier_fraction"]
    nothing = table.iloc[:0][["dataset", "low", "high"]]
    figure = plot_trends.draw(table, nothing, names, ["A"], "z", {}, (0, 1), LABELS)
    panels = np.reshape(figure.axes, (3, 2))
    assert panels[1, 0].get_ylim()[1] == pytest.approx(1.25 * 0.2)
    assert panels[2, 1].get_ylim() == (0, 1)
    for axes in panels[1:].flat:
        (hatched,) = [patch for patch in axes.patches if patch.get_hatch()]
        assert (hatched.get_x(), hatched.get_width()) == (1.0, 0.5)
    # All bins beyond it: they set the axis themselves.
    figure = plot_trends.draw(table, nothing, names, ["A"], "z", {}, (3, 4), LABELS)
    assert figure.axes[2].get_ylim()[1] == pytest.approx(1.25 * 0.9)


@pytest.mark.parametrize("name", ["trends", "learning_curves", "seed_spread"])
def test_the_same_figure_gives_the_same_bytes(
    name: str, make_run: Callable, tmp_path: Path
) -> None:
    run = make_run("grizy", tuple(PAPER))
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        draw(name, run, folder, "grizy", PAPER)
    for suffix in ("pdf", "png", "csv", "md"):
        first, second = ((folder / f"{name}.{suffix}").read_bytes() for folder in folders)
        assert first == second
    assert (folders[0] / f"{name}.pdf").stat().st_size < 1.5e6


def test_metrics_by_magnitude_are_those_of_the_galaxies_in_the_bin(
    make_run: Callable,
) -> None:
    run = make_run("grizy", tuple(PAPER))
    measure_photometry(run, "grizy", PAPER)
    found = pd.read_csv(run / "per_magnitude.csv")
    galaxies = catalogue("source", "grizy").iloc[:600]
    predictions = pd.read_parquet(run / "predictions-NN-TL-0.parquet")
    mine = predictions[(predictions["seed"] == 1) & (predictions["dataset"] == "source")]
    row = found[
        (found["strategy"] == "NN-TL") & (found["seed"] == 1) & (found["dataset"] == "source")
    ].iloc[2]
    magnitude = galaxies["mag_y"].to_numpy()
    z_true = mine["z_true"].to_numpy()
    inside = (magnitude >= row["mag_min"]) & (magnitude < row["mag_max"])
    inside &= (z_true >= 0.3) & (z_true <= 1.5)
    expected = compute_metrics(z_true[inside], mine["z_pred"].to_numpy()[inside])
    assert expected["n"] >= 30
    assert row[list(expected)].to_dict() == pytest.approx(expected, rel=1e-9)


def test_gains_by_colour_are_mean_differences_of_the_loss(make_run: Callable) -> None:
    run = make_run("grizy", tuple(PAPER))
    measure_photometry(run, "grizy", PAPER)
    found = pd.read_csv(run / "per_colour.csv")
    galaxies = catalogue("target", "grizy").iloc[:600].reset_index(drop=True)
    cell = found[(found["dataset"] == "target") & (found["strategy"] == "NN-Combo")].iloc[4]
    x, y = galaxies["mag_g"] - galaxies["mag_r"], galaxies["mag_r"] - galaxies["mag_i"]
    inside = x.between(cell["x"], cell["x"] + 0.5, inclusive="left")
    inside &= y.between(cell["y"], cell["y"] + 0.5, inclusive="left")
    losses = {}
    for name in ("NN-Base", "NN-Combo"):
        table = pd.concat(
            pd.read_parquet(run / f"predictions-{name}-{half}.parquet") for half in (0, 1)
        )
        table = table[(table["dataset"] == "target")].astype({"z_true": float, "z_pred": float})
        dz = (table["z_pred"] - table["z_true"]) / (1 + table["z_true"])
        loss = (1 - 1 / (1 + (dz / HSC_GAMMA) ** 2)).groupby(table["object_id"]).mean()
        losses[name] = loss[inside]
    gain = losses["NN-Base"] - losses["NN-Combo"]
    assert cell["n"] == inside.sum()
    assert cell["loss"] == pytest.approx(losses["NN-Combo"].mean(), rel=1e-6)
    assert cell["gain"] == pytest.approx(gain.mean(), rel=1e-6)
    assert cell["gain_error"] == pytest.approx(gain.std() / np.sqrt(len(gain)), rel=1e-6)


def test_best_strategy_needs_a_significant_gain() -> None:
    rows = [
        ("A", 0.0, 0.30, 0.0, 0.0),
        ("B", 0.0, 0.20, 0.10, 0.02),
        ("C", 0.0, 0.25, 0.05, 0.02),
        ("A", 1.0, 0.30, 0.0, 0.0),
        ("B", 1.0, 0.29, 0.01, 0.02),
        ("C", 1.0, 0.40, -0.10, 0.02),
        ("A", 2.0, 0.30, 0.0, 0.0),
        ("B", 2.0, 0.36, -0.06, 0.02),
        ("C", 2.0, 0.40, -0.10, 0.02),
    ]
    cells = pd.DataFrame(rows, columns=["strategy", "x", "loss", "gain", "gain_error"])
    cells = cells.assign(dataset="source", y=0.0, n=20)
    found = plot_colour_space.compare(cells, ["A", "B", "C"])
    assert found["best"].tolist() == ["B", "B", "A"]
    assert found["significant"].tolist() == [True, False, True]


def test_regular_bins() -> None:
    values = np.array([20.1, 20.2, 20.6, 21.4, np.nan, 19.99])
    assert regular_bins(values, 0.5, 1) == [(19.5, 20.0), (20.0, 20.5), (20.5, 21.0), (21.0, 21.5)]
    assert regular_bins(values, 0.5, 2) == [(20.0, 20.5)]
    assert regular_bins(np.array([np.nan]), 0.5, 1) == []


def test_two_colours_need_three_bands() -> None:
    with pytest.raises(InputError, match="too few bands"):
        evaluate_photometry.colour_axes("gr", None)


def test_a_galaxy_without_a_colour_is_in_no_cell() -> None:
    magnitudes = {"mag_g": [21.0, np.nan, 21.1, 20.0], "mag_r": [20.0] * 4, "mag_i": [20.0] * 4}
    table = pd.DataFrame(magnitudes)
    cells = {"source": evaluate_photometry.colour_cells(table, ["gr", "ri"], 0.5)}
    losses = {("source", name): np.array([0.2, 9.0, 0.4, 0.1]) for name in ("A", "B")}
    found = evaluate_photometry.colour_table(losses, cells, ["A", "B"], size=0.5, least=1)
    assert found[["x", "y", "n"]].to_numpy().tolist() == [[0, 0, 1], [1, 0, 2]] * 2
    np.testing.assert_allclose(found["loss"], [0.1, 0.3] * 2)


def test_a_strategy_without_history_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    path = tmp_path / "A/seeds-000-000.history.csv"
    path.write_text("seed,epoch,loss,val_loss\n0,1,0.3,0.3\n")
    with pytest.raises(InputError, match="B: no history"):
        plot_learning_curves.read_histories([path], ["A", "B"])
