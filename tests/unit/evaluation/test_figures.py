"""Figures 1-4 on small made data: their numbers, files, and that nothing is clipped or hidden."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from snakemake.exceptions import WorkflowError

from scripts.evaluation import evaluate, figure1, figure2, figure3, figure4
from transferz.core.errors import InputError
from transferz.core.products import write_parquet
from transferz.report import figures
from transferz.report.figures import FigureFiles

LABELS = {"target": "GalaxiesML", "source": "TransferZ"}
PAPER = ["NN-Base", "NN-TL", "NN-Combo"]
MANY = [
    f"NN-{name}-{head}-JS"
    for name in ("Base", "TL", "Combo")
    for head in ("soft", "hard", "both", "none")
]
MORE = [*PAPER, "Spectra-only", "Low-rank"]
REQUIREMENTS = {"bias": 0.003, "scatter": 0.02, "outliers": 0.1}
JONES = {"Jones+2024": {"reference": "arXiv:2306.13179", "dataset": "target", "rms": None}}
FLOW = [
    ("HSC", "primary", "one detection per object", 9000, 8500),
    ("match", "cross-match", "within 1 arcsec, each the other's nearest", 20000, 4000),
    ("selection", "galaxy", "lp_type = 0: no star, no X-ray source", 4000, 3300),
    ("selection", "good photo-z", "lp_chi2_best / lp_NbFilt < 5 and one peak", 3300, 3000),
]
N_CATALOGUE, N_SEEDS = 3000, 4
RANGES = {"z_range": [0.3, 1.5], "full_range": [0.0, 10.0], "bin_width": 0.1, "bin_z_max": 4.0}
RANGES["bin_min_galaxies"] = 30


def cutflow(steps: list[tuple]) -> pd.DataFrame:
    flow = pd.DataFrame(steps, columns=["stage", "cut", "description", "n_in", "n_out"])
    flow["n_removed"] = flow["n_in"] - flow["n_out"]
    flow["fraction"] = flow["n_out"] / flow["n_in"]
    flow["step"] = range(1, len(flow) + 1)
    return flow


def catalogue(dataset: str, bands: str) -> pd.DataFrame:
    random = np.random.default_rng(len(dataset))
    table = pd.DataFrame({"object_id": range(N_CATALOGUE)})
    table["redshift"] = random.gamma(2.5, 0.4, N_CATALOGUE)
    for number, band in enumerate(bands):
        table[f"mag_{band}"] = random.normal(23 - 0.3 * number, 1, N_CATALOGUE)
    return table


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, tuple], Path]:
    """Make (once each) the files that figures are drawn from, for some bands and strategies."""
    made: dict[tuple, Path] = {}

    def make(bands: str, strategies: tuple[str, ...]) -> Path:
        if (bands, strategies) in made:
            return made[bands, strategies]
        folder = made[bands, strategies] = tmp_path_factory.mktemp("run")
        cutflow(FLOW).to_csv(folder / "cutflow.csv", index=False)
        for dataset in LABELS:
            metadata = {"transferz": '{"n_hsc": 9000}'} if dataset == "source" else None
            write_parquet(catalogue(dataset, bands), folder / f"{dataset}.parquet", metadata)
        for number, name in enumerate(strategies):
            parts = []
            for seed in range(N_SEEDS):
                for dataset in LABELS:
                    z = catalogue(dataset, bands)["redshift"].to_numpy()[:600].astype("float32")
                    random = np.random.default_rng([number, seed])
                    z_pred = z + (1 + z) * 0.05 * random.standard_t(2, 600)
                    part = {"strategy": name, "seed": np.int32(seed), "dataset": dataset}
                    part |= {"object_id": range(600), "z_true": z}
                    parts.append(pd.DataFrame(part | {"z_pred": z_pred.astype("float32")}))
            table = pd.concat(parts, ignore_index=True)
            for half, rows in enumerate((table["seed"] < 2, table["seed"] >= 2)):
                path = folder / f"predictions-{name}-{half}.parquet"
                table[rows].to_parquet(path, index=False)
        evaluate.main(
            sorted(folder.glob("predictions-*")),
            folder / "per_seed.csv",
            ranges=RANGES,
            strategies=strategies,
            seeds=range(N_SEEDS),
        )
        return folder

    return make


def draw(
    number: int, run: Path, out: Path, bands: str = "grizy", strategies: list[str] = PAPER, **extra
) -> dict[str, Path]:
    """Draw a figure of a run; return its files."""
    paths = {
        key: out / f"figure{number}.{suffix}"
        for key, suffix in {"pdf": "pdf", "png": "png", "table": "csv", "caption": "md"}.items()
    }
    common = {"labels": LABELS, "survey": "embedded"}
    if number == 1:
        inputs = [run / "source.parquet", run / "target.parquet"]
        options = {"bands": list(bands), "band": reference_band(list(bands), None)}
        options |= {"colour": None, "redshift_max": 4.0}
        module: ModuleType = figure1
    elif number == 2:
        inputs = [sorted(run.glob("predictions-*")), run / "per_seed.csv"]
        options = {"strategies": strategies, "seed": None}
        options |= {"z_range": [0.3, 1.5], "redshift_max": 4.0}
        module = figure2
    elif number == 3:
        inputs = [run / "per_seed.csv"]
        options = {"strategies": strategies, "metrics": ["bias_median", "outlier_fraction", "rms"]}
        options |= {"z_range": [0.3, 1.5], "requirements": REQUIREMENTS, "literature": JONES}
        module = figure3
    else:
        inputs = [run / "cutflow.csv", run / "source.parquet"]
        options = {"inputs": ["COSMOS2020 CLASSIC", "HSC PDR2"]}
        module = figure4
    module.main(*inputs, FigureFiles(**paths), **(options | common | extra))
    return paths


@pytest.fixture(scope="session")
def drawn(
    make_run: Callable, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], dict[str, Path]]:
    """Draw a figure of the paper's strategies once for all tests that only read its files."""

    @functools.cache
    def files(number: int) -> dict[str, Path]:
        return draw(number, make_run("grizy", tuple(PAPER)), tmp_path_factory.mktemp("figure"))

    return files


@pytest.fixture
def collected_figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Collect figures instead of writing them, which takes longest."""
    collected: list[Figure] = []
    monkeypatch.setattr(figures, "save_figure", lambda figure, *_: collected.append(figure))
    return collected


def visible_texts(figure: Figure) -> list[Text]:
    """All pieces of text that are drawn; labels of ticks beyond the axis are not."""
    axes = [panel for panel in figure.axes if panel.get_visible() and panel.axison]
    hidden = {
        text
        for panel in figure.axes
        for axis in (panel.xaxis, panel.yaxis)
        for text in axis.get_ticklabels(which="both")
    }
    for panel in axes:
        for axis in (panel.xaxis, panel.yaxis):
            hidden -= {tick.label1 for tick in axis._update_ticks() if tick.label1.get_visible()}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible()
        and text.get_text().strip()
        and text not in hidden
        and (text.axes is None or text.axes.get_visible())
    ]


def check_texts(figure: Figure) -> None:
    """No text is clipped, smaller than 6 points, or over another one."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    shown = {text: text.get_window_extent(renderer) for text in visible_texts(figure)}
    assert len(shown) > 8
    for text, box in shown.items():
        inside = box.x0 >= -1 and box.y0 >= -1
        inside &= box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1
        assert inside, text
        assert text.get_fontsize() >= 6, text
    for (first, a), (second, b) in combinations(shown.items(), 2):
        overlap_x = min(a.x1, b.x1) - max(a.x0, b.x0)
        overlap_y = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert overlap_x < 1.5 or overlap_y < 1.5, (first, second)


CASES = [
    (number, bands, strategies)
    for number in (1, 2, 3, 4)
    for bands, strategies in (("grizy", PAPER), ("griz", MORE), ("ug", ["Only"]))
] + [(number, "grizy", MANY) for number in (2, 3)]


@pytest.mark.parametrize(("number", "bands", "strategies"), CASES)
def test_nothing_is_clipped_and_no_text_hides_another(
    number: int,
    bands: str,
    strategies: list[str],
    make_run: Callable,
    tmp_path: Path,
    collected_figures: list[Figure],
) -> None:
    draw(number, make_run(bands, tuple(strategies)), tmp_path, bands, strategies)
    check_texts(collected_figures[0])


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_files_of_a_figure(
    number: int, make_run: Callable, drawn: Callable, tmp_path: Path
) -> None:
    run = make_run("grizy", tuple(PAPER))
    first, second = drawn(number), draw(number, run, tmp_path)
    for key in first:
        assert first[key].read_bytes() == second[key].read_bytes()
    pdf = first["pdf"].read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert len(pdf) < 1.5e6
    caption = first["caption"].read_text()
    assert caption.startswith(f"**Figure {number}.**")
    assert "Alt text: " in caption
    assert "not the real catalogues" in caption


def test_figure1_histograms(make_run: Callable, drawn: Callable) -> None:
    run = make_run("grizy", tuple(PAPER))
    table = pd.read_csv(drawn(1)["table"])
    for dataset in LABELS:
        z = pd.read_parquet(run / f"{dataset}.parquet")["redshift"].to_numpy()
        rows = table[(table["panel"] == "redshift") & (table["dataset"] == dataset)]
        width = 4.0 / len(rows)
        counts = [((z >= k * width) & (z < (k + 1) * width)).sum() for k in range(len(rows))]
        assert rows["n"].tolist() == counts
        area = (rows["density"] * (rows["high"] - rows["low"])).sum()
        assert area == pytest.approx((z < 4).mean())


def reference_band(bands: list[str], chosen: str | None) -> str:
    """Call the function of the rules."""
    helpers = Path(evaluate.__file__).parents[2] / "rules/helpers/evaluation.smk"
    config = {"bands": bands, "figures": {"reference_band": chosen}}
    names = {"config": config, "WorkflowError": WorkflowError}
    exec(helpers.read_text(), names)
    return names["reference_band"]()


def test_reference_band() -> None:
    assert reference_band(["g", "r", "i", "z"], None) == "i"
    assert reference_band(["u", "g", "r"], None) == "g"
    with pytest.raises(WorkflowError, match=r"figures.reference_band"):
        reference_band(["g", "r"], "i")


def test_figure2_shows_one_run(
    make_run: Callable, tmp_path: Path, collected_figures: list[Figure]
) -> None:
    run = make_run("grizy", tuple(PAPER))
    points = pd.read_csv(draw(2, run, tmp_path, seed=3)["table"])
    assert set(points["seed"]) == {3}
    assert set(points["dataset"]) == {"target"}
    assert points["strategy"].value_counts().to_dict() == dict.fromkeys(PAPER, 600)
    stored = pd.concat(pd.read_parquet(path) for path in run.glob("predictions-NN-TL-*"))
    stored = stored[(stored["seed"] == 3) & (stored["dataset"] == "target")]
    shown = points[points["strategy"] == "NN-TL"]
    np.testing.assert_allclose(shown["z_pred"], stored["z_pred"], rtol=1e-6)


def test_figure2_shows_a_run_that_is_near_the_median_in_every_strategy() -> None:
    rms = {"A": [0.1, 0.2, 0.3, 0.4, 0.5], "B": [0.2, 0.5, 0.1, 0.3, 0.4]}
    rows = [
        {"strategy": name, "seed": seed, "dataset": "target", "rms": value}
        for name, values in rms.items()
        for seed, value in enumerate(values)
    ]
    table = pd.DataFrame(rows).assign(z_min=0.3, z_max=1.5)
    # Seed 2 is the median of A, but the best of B.
    assert figure2.median_seed(table, ["A", "B"], "target", (0.3, 1.5)) == 3
    assert figure2.median_seed(table, ["A"], "target", (0.3, 1.5)) == 2


def test_figure2_without_predictions_of_a_strategy(make_run: Callable, tmp_path: Path) -> None:
    run = make_run("grizy", tuple(PAPER))
    with pytest.raises(InputError, match="NN-X, seed 1, target: no predictions"):
        figure2.read_run(sorted(run.glob("predictions-*")), ["NN-X"], 1, "target")


def test_figure3_points(make_run: Callable, drawn: Callable) -> None:
    run = make_run("grizy", tuple(PAPER))
    paths = drawn(3)
    table = pd.read_csv(paths["table"]).set_index(["metric", "dataset", "strategy"])
    metrics = pd.read_csv(run / "per_seed.csv").query("z_min == 0.3 and z_max == 1.5")
    for (dataset, strategy), rows in metrics.groupby(["dataset", "strategy"]):
        point = table.loc[("rms", dataset, strategy)]
        assert point["mean"] == pytest.approx(rows["rms"].mean())
        assert point["spread"] == pytest.approx(rows["rms"].std())
    assert "no number of theirs is known to us: Jones+2024" in paths["caption"].read_text()


def test_figure3_with_a_published_number(
    make_run: Callable, tmp_path: Path, collected_figures: list[Figure]
) -> None:
    known = {"Jones+2024": {**JONES["Jones+2024"], "rms": 0.05}}
    paths = draw(3, make_run("grizy", tuple(PAPER)), tmp_path, literature=known)
    assert "Open diamonds: published, Jones+2024" in paths["caption"].read_text()
    panel = next(axes for axes in collected_figures[0].axes if axes.get_ylabel() == "RMS")
    diamonds = [line for line in panel.lines if line.get_marker() == "D"]
    assert [line.get_ydata()[0] for line in diamonds] == [0.05]


def test_figure3_axes_are_honest(
    make_run: Callable, tmp_path: Path, collected_figures: list[Figure]
) -> None:
    run = make_run("grizy", tuple(PAPER))
    draw(3, run, tmp_path)
    metrics = pd.read_csv(run / "per_seed.csv").query("z_min == 0.3 and z_max == 1.5")
    limits = (("bias_median", 0.003), ("outlier_fraction", 0.1), ("rms", 0.02))
    for axes, (metric, limit) in zip(collected_figures[0].axes, limits, strict=True):
        low, high = axes.get_ylim()
        assert axes.get_yscale() == "linear"
        assert low <= min(0, metrics[metric].min())
        assert high >= max(limit, metrics[metric].max())


def test_figure3_of_many_strategies_has_the_same_points(
    make_run: Callable, tmp_path: Path, collected_figures: list[Figure]
) -> None:
    run = make_run("grizy", tuple(MANY))
    paths = draw(3, run, tmp_path, strategies=MANY)
    metrics = pd.read_csv(run / "per_seed.csv").query("z_min == 0.3 and z_max == 1.5")
    means = metrics[metrics["dataset"] == "target"].groupby("strategy")["rms"].mean()
    panel = next(axes for axes in collected_figures[0].axes if axes.get_xlabel() == "RMS")
    shown = {
        line.get_ydata()[0]: line.get_xdata()[0] for line in panel.lines if line.get_marker() == "o"
    }
    assert [shown[place] for place in sorted(shown)] == pytest.approx(means[MANY].tolist())
    assert panel.yaxis_inverted() and "numbers: Table 1" in paths["caption"].read_text()


def test_figure4_arrows_carry_the_counts(drawn: Callable) -> None:
    arrows = pd.read_csv(drawn(4)["table"])
    assert list(arrows.itertuples(index=False, name=None)) == [
        ("HSC PDR2", "primary", 9000),
        ("COSMOS2020 CLASSIC", "cross-match", 20000),
        ("primary", "cross-match", 8500),
        ("cross-match", "galaxy", 4000),
        ("galaxy", "good photo-z", 3300),
        ("good photo-z", "TransferZ: 3,000 galaxies", 3000),
    ]


@pytest.mark.parametrize("n_cuts", [1, 4, 14])
def test_figure4_of_a_single_catalogue(
    n_cuts: int, make_run: Callable, tmp_path: Path, collected_figures: list[Figure]
) -> None:
    counts = [N_CATALOGUE + 10 * (n_cuts - k) for k in range(n_cuts + 1)]
    steps = [
        ("selection", f"cut {k}", "what it keeps", counts[k], counts[k + 1]) for k in range(n_cuts)
    ]
    cutflow(steps).to_csv(tmp_path / "cutflow.csv", index=False)
    source = make_run("grizy", tuple(PAPER)) / "source.parquet"
    (tmp_path / "source.parquet").write_bytes(source.read_bytes())
    arrows = pd.read_csv(draw(4, tmp_path, tmp_path, inputs=["My catalogue"])["table"])
    assert arrows["n"].tolist() == counts
    assert arrows["from"].iloc[0] == "My catalogue"


def test_figure4_without_cuts_before_the_match(
    make_run: Callable, tmp_path: Path, collected_figures: list[Figure]
) -> None:
    cutflow(FLOW[1:]).to_csv(tmp_path / "cutflow.csv", index=False)
    source = make_run("grizy", tuple(PAPER)) / "source.parquet"
    (tmp_path / "source.parquet").write_bytes(source.read_bytes())
    arrows = pd.read_csv(draw(4, tmp_path, tmp_path)["table"])
    assert ("HSC PDR2", "cross-match", 9000) in list(arrows.itertuples(index=False, name=None))


def test_figure4_of_mixed_runs_is_refused(make_run: Callable, tmp_path: Path) -> None:
    cutflow(FLOW[:-1]).to_csv(tmp_path / "cutflow.csv", index=False)
    source = make_run("grizy", tuple(PAPER)) / "source.parquet"
    (tmp_path / "source.parquet").write_bytes(source.read_bytes())
    with pytest.raises(InputError, match="different runs; found 3000 rows; expected 3300"):
        draw(4, tmp_path, tmp_path)
