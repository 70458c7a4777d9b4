"""Networks judged by the label and by the truth: tables and figure, of known errors."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from scripts.uncertainty import plot_truth, table_truth
from scripts.uncertainty.plot_truth import axis_limits, draw
from scripts.uncertainty.table_truth import collect, over_seeds
from transferz.core.errors import InputError
from transferz.core.products import write_parquet
from transferz.report import figures

RANGE = (0.3, 1.5)
SEEDS = (0, 1)
N = 200
# Errors over 1 + the true redshift: of the label, and of the networks by strategy and seed.
LABEL_ERROR = 0.0123
ERRORS = {"NN-A": (0.05, 0.10), "NN-B": (-0.20, -0.30)}


def true_z() -> np.ndarray:
    """Redshifts whose labels are in other ranges than they are, at both ends."""
    return np.linspace(0.1, 2.0, N)


def write_predictions(path: Path, strategy: str, first: int = 0) -> None:
    """Write predictions of all seeds for both test sets, as the rule predict_tests does."""
    z, parts = true_z(), []
    for seed, error in zip(SEEDS, ERRORS[strategy], strict=True):
        for dataset in ("target", "source"):
            n = N if dataset == "source" else 7
            parts.append(
                pd.DataFrame(
                    {
                        "strategy": strategy,
                        "seed": np.int32(seed),
                        "dataset": dataset,
                        "object_id": np.arange(first, first + n),
                        "z_true": (z + LABEL_ERROR * (1 + z))[:n].astype(np.float32),
                        "z_pred": (z + error * (1 + z))[:n].astype(np.float32),
                    }
                )
            )
    write_parquet(pd.concat(parts, ignore_index=True), path)


@pytest.fixture(name="run")
def fixture_run(tmp_path: Path) -> Path:
    """Predictions of two strategies, and the truth in another order and among other files."""
    for strategy in ERRORS:
        write_predictions(tmp_path / f"{strategy}.parquet", strategy)
    truth = pd.DataFrame({"object_id": np.arange(N), "redshift_true": true_z(), "file": "hsc"})
    other = truth.assign(redshift_true=9.0, file="galaxiesml")
    table = pd.concat([other, truth]).sample(frac=1.0, random_state=5)
    write_parquet(table.reset_index(drop=True), tmp_path / "truth.parquet")
    return tmp_path


def judged(run: Path) -> pd.DataFrame:
    return collect([run / f"{name}.parquet" for name in ERRORS], run / "truth.parquet", RANGE)


def test_errors_against_label_and_truth_are_those_put_in(run: Path) -> None:
    rows = judged(run).set_index(["strategy", "seed", "judged_by", "range"])
    # Both ranges, of two judges for each network, and of the truth for the label.
    assert rows.index.is_unique and len(rows) == 2 * (2 * len(ERRORS) * len(SEEDS) + 1)
    z = true_z()
    inside = int(((z >= RANGE[0]) & (z <= RANGE[1])).sum())
    for name, n in (("range", inside), ("all", N)):
        own = rows.loc[("label", -1, "truth", name)]
        assert own["n"] == n and own["bias_median"] == pytest.approx(LABEL_ERROR, abs=1e-6)
        for strategy, errors in ERRORS.items():
            for seed, error in zip(SEEDS, errors, strict=True):
                by_truth = rows.loc[(strategy, seed, "truth", name)]
                by_label = rows.loc[(strategy, seed, "label", name)]
                # The same galaxies, chosen by the truth.
                assert by_truth["n"] == by_label["n"] == n
                assert by_truth["bias_median"] == pytest.approx(error, abs=1e-6)
                against_label = (error - LABEL_ERROR) / (1 + LABEL_ERROR)
                assert by_label["bias_median"] == pytest.approx(against_label, abs=1e-6)
                assert by_label["rms"] == pytest.approx(abs(against_label), abs=1e-6)
                assert by_label["scatter_mad"] == pytest.approx(0.0, abs=1e-6)
                assert by_truth["outlier_fraction"] == (abs(error) > 0.15)


def test_mean_and_spread_over_the_seeds(run: Path) -> None:
    table = over_seeds(judged(run), ["NN-B", "NN-A"])
    assert list(dict.fromkeys(table["strategy"])) == ["label", "NN-B", "NN-A"]
    found = table.set_index(["strategy", "judged_by", "range", "metric"])
    for strategy, errors in ERRORS.items():
        row = found.loc[(strategy, "truth", "range", "bias_median")]
        assert row["mean"] == pytest.approx(np.mean(errors), abs=1e-6)
        assert row["spread"] == pytest.approx(np.std(errors, ddof=1), abs=1e-6)
    own = found.loc[("label", "truth", "all", "rms")]
    assert own["mean"] == pytest.approx(LABEL_ERROR, abs=1e-6) and np.isnan(own["spread"])
    assert ("label", "label") not in set(zip(table["strategy"], table["judged_by"], strict=True))


def test_a_page_and_a_figure_of_these_errors(run: Path) -> None:
    files = figures.FigureFiles(run / "f.pdf", run / "f.png", run / "f.md")
    options = {"strategies": list(ERRORS), "z_range": RANGE, "survey": "embedded"}
    options["labels"] = {"source": "TransferZ"}
    table_truth.main(
        [run / f"{name}.parquet" for name in ERRORS],
        run / "truth.parquet",
        run / "per_seed.csv",
        run / "truth.csv",
        run / "page.md",
        **options,
    )
    plot_truth.main(run / "truth.csv", files, **options)
    lines = [line.split("|") for line in (run / "page.md").read_text().splitlines()]
    cells = {(c[1].strip(), c[2].strip()): c[3].strip() for c in lines if len(c) > 3}
    assert cells["The label of TransferZ", "truth"] == "0.0123"
    assert cells["NN-A", "truth"] == "0.075 ± 0.035"
    assert cells["NN-B", "truth"] == "\N{MINUS SIGN}0.25 ± 0.07"
    assert len(pd.read_csv(run / "per_seed.csv")) == 18
    assert "Scatter of NN-B: 0.0000 against the label" in (run / "f.md").read_text()


def test_predictions_for_other_galaxies_are_an_error(run: Path) -> None:
    write_predictions(run / "NN-B.parquet", "NN-B", first=1)
    with pytest.raises(InputError, match=r"NN-B\.parquet.*other galaxies"):
        judged(run)


def test_galaxies_without_a_truth_are_an_error(run: Path) -> None:
    for name in ERRORS:
        write_predictions(run / f"{name}.parquet", name, first=5)
    with pytest.raises(InputError, match=f"5 of {N} absent"):
        judged(run)


def over_seeds_of(bias: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Return a table as of `over_seeds`: mean and spread of each strategy, for all metrics.

    The truth finds 0.001 less than the label.
    """
    rows = []
    for metric in plot_truth.PANELS:
        rows.append(("label", "truth", "range", 100, metric, 0.002, np.nan))
        for name, (mean, spread) in bias.items():
            rows += [(name, "label", "range", 100, metric, mean, spread)]
            rows += [(name, "truth", "range", 100, metric, mean - 0.001, spread)]
    columns = ["strategy", "judged_by", "range", "n", "metric", "mean", "spread"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("number", [3, 6, 13])
def test_every_value_is_drawn_where_it_belongs(number: int) -> None:
    values = {f"NN-{k}": (0.01 + 0.001 * k, 0.002) for k in range(number)}
    figure = draw(over_seeds_of(values), list(values), {})
    upright = number <= figures.MOST_UPRIGHT
    for axes in figure.axes:
        by_label, by_truth = (line.lines[0].get_xydata() for line in axes.containers)
        for drawn, side, shift in ((by_label, -1, 0.0), (by_truth, 1, 0.001)):
            if not upright:
                drawn = drawn[:, ::-1]
            offset = side * plot_truth.OFFSET
            np.testing.assert_allclose(drawn[:, 0], np.arange(number) + offset)
            means = [mean - shift for mean, _ in values.values()]
            np.testing.assert_allclose(drawn[:, 1], means)
        # Names that lie below each other are written once.
        ticks = axes.get_xticklabels() if upright else figure.axes[0].get_yticklabels()
        assert [tick.get_text() for tick in ticks] == list(values)
        assert not axes.texts
    plt.close(figure)


@pytest.mark.parametrize("number", [4, 13])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_strategy_far_out_is_an_arrow_with_its_number(number: int, sign: int) -> None:
    values = {f"NN-{k}": (0.01 + 0.001 * k, 0.002) for k in range(number - 1)}
    values["Collapsed"] = (sign * 0.4, 0.05)
    figure = draw(over_seeds_of(values), list(values), {})
    # Only a signed metric may be beyond its lower end.
    axes = figure.axes[0]
    upright = number <= figures.MOST_UPRIGHT
    low, high = axes.get_ylim() if upright else axes.get_xlim()
    assert low > -0.05 and high < 0.05
    minus = "\N{MINUS SIGN}" if sign < 0 else ""
    found = [text.get_text() for text in axes.texts]
    assert found == [f"{minus}0.40 ± 0.05"] * 2
    for text in axes.texts:
        place, end = text.xy if upright else text.xy[::-1]
        assert round(place) == number - 1 and end == (high if sign > 0 else low)
    plt.close(figure)


def test_axes_hold_zero_the_label_and_all_that_is_not_far_out() -> None:
    rows = [pd.Series({"mean": m, "spread": s}) for m, s in ((0.02, 0.01), (0.03, 0.0))]
    low, high = axis_limits("bias_median", rows, -0.01)
    assert low < -0.01 and 0.03 < high < 0.04
    assert axis_limits("scatter_mad", rows, 0.05)[0] == 0.0
    assert axis_limits("scatter_mad", rows, 0.05)[1] > 0.05
    # One seed has no spread.
    alone = [pd.Series({"mean": 0.02, "spread": np.nan})]
    assert np.isfinite(axis_limits("bias_median", alone, 0.0)).all()
