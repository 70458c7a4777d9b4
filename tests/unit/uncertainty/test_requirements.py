"""What the pages on calibration say of galaxies with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.uncertainty import plot_conditional_coverage, table_calibration
from scripts.uncertainty.table_calibration import requirement_tables
from transferz.core.products import write_parquet
from transferz.evaluation.requirements import fractions_to_drop, metrics_by_fraction, widest_last
from transferz.report.figures import FigureFiles
from transferz.uncertainty.intervals import relative_width

LABELS = {"target": "GalaxiesML", "source": "TransferZ"}
RANGE = (0.3, 1.5)
LIMITS = {"bias": 0.003, "scatter": 0.02, "outliers": 0.10}
N = 400


def scores_of(z: np.ndarray, error: np.ndarray, first: int) -> pd.DataFrame:
    """Galaxies with a 68% interval of +-0.1 around a median that is wrong by `error`."""
    median = z + error
    return pd.DataFrame(
        {
            "n_calibration": np.int32(500),
            "object_id": np.arange(first, first + len(z)),
            "z_true": z,
            "magnitude": np.linspace(18.0, 25.0, len(z)),
            "colour": np.linspace(1.5, 0.0, len(z)),
            "magnitude_last": np.linspace(17.0, 24.0, len(z)),
            "z_median": median,
            "z_low68": median - 0.1,
            "z_high68": median + 0.1,
            "z_low95": median - 0.3,
            "z_high95": median + 0.3,
            "z_ensemble": median,
            "pit": 0.5,
            "crps": 0.1,
            "cde_loss": -3.0,
            "region": np.arange(len(z)) / len(z),
            "flag_out_of_distribution": False,
        }
    )


@pytest.fixture(name="run")
def fixture_run(tmp_path: Path) -> Path:
    """Scores of one strategy, 75% of the labels in their 68% intervals; and the truth.

    The truth behind the labels of the source is lower by 0.15, where the intervals do not reach.
    """
    z = np.linspace(0.1, 2.5, N)
    error = np.where(np.arange(N) % 4, 0.05, 0.2)
    parts = []
    for dataset, first in (("source", 0), ("target", 1000)):
        for calibrated_on in LABELS:
            part = scores_of(z, error, first)
            parts.append(part.assign(dataset=dataset, calibrated_on=calibrated_on))
    write_parquet(pd.concat(parts, ignore_index=True), tmp_path / "scores.parquet")
    truth = pd.DataFrame({"object_id": np.arange(N), "redshift_true": z - 0.15, "file": "hsc"})
    # In another order than the scores.
    write_parquet(truth.sample(frac=1.0, random_state=3), tmp_path / "truth.parquet")
    return tmp_path


KINDS = {"source": "photo_z", "target": "spec_z"}


def tables(run: Path, *, truth: bool = True, kinds: dict = KINDS) -> tuple[pd.DataFrame, str]:
    """Return metrics and page."""
    table_calibration.main(
        [run / "scores.parquet"],
        run / "truth.parquet" if truth else None,
        run / "metrics.csv",
        run / "cells.csv",
        run / "requirements.csv",
        run / "page.md",
        strategies=["NN"],
        z_range=RANGE,
        limits=LIMITS,
        faint_limit=23.5,
        labels=LABELS,
        redshifts=kinds,
        survey="embedded",
    )
    return pd.read_csv(run / "metrics.csv"), (run / "page.md").read_text()


@pytest.mark.parametrize("kind", ["photo_z", "spec_z"])
def test_the_page_calls_redshifts_what_the_configuration_does(run: Path, kind: str) -> None:
    _, page = tables(run, kinds={"source": kind, "target": "spec_z"})
    word = {"photo_z": "photometric", "spec_z": "spectroscopic"}[kind]
    assert f"The redshifts are {word} in {LABELS['source']} and spectroscopic in" in page
    assert ("photometric" in page) == (kind == "photo_z")
    assert ("`calibrated_on: source`" in page) == (kind == "photo_z")


def test_coverage_by_label_and_by_truth(run: Path) -> None:
    metrics, page = tables(run)
    full = metrics[metrics["z_min"].isna()].set_index(["dataset", "calibrated_on", "judged_by"])
    assert set(full.index.droplevel(1)) == {
        ("target", "label"),
        ("source", "label"),
        ("source", "truth"),
    }
    by_label = full.loc["source", "source", "label"]
    by_truth = full.loc["source", "source", "truth"]
    # Medians are 0.05 or 0.2 above the label, 0.2 or 0.35 above the truth.
    assert (by_label["coverage_68"], by_label["coverage_95"]) == (0.75, 1.0)
    assert (by_truth["coverage_68"], by_truth["coverage_95"]) == (0.0, 0.75)
    assert by_label["crps"] == pytest.approx(0.1)
    assert by_truth[["pit_mean", "pit_distance", "crps", "cde_loss"]].isna().all()
    # The range of the truth is one of other galaxies than that of the label.
    part = metrics[metrics["z_min"].notna()].set_index(["dataset", "calibrated_on", "judged_by"])
    z = np.linspace(0.1, 2.5, N)
    for judge, shift in (("label", 0.0), ("truth", 0.15)):
        inside = ((z - shift >= RANGE[0]) & (z - shift <= RANGE[1])).sum()
        assert part.loc[("source", "source", judge), "n"] == inside
    row = next(line for line in page.split("## Label and truth")[1].splitlines() if "NN" in line)
    assert [float(cell.split("±")[0]) for cell in row.split("|")[4:8]] == [75, 0, 100, 75]


def test_without_the_truth_only_labels_judge(run: Path) -> None:
    metrics, page = tables(run, truth=False)
    assert set(metrics["judged_by"]) == {"label"} and "## Label and truth" not in page
    assert "`calibrated_on: source`" in page


def test_coverage_given_the_prediction_and_given_the_answer(tmp_path: Path) -> None:
    """Bright galaxies are all inside; those beyond redshift 2 are predicted lower, and missed."""
    z = np.tile(np.linspace(0.1, 2.48, 40), 10)
    bright = np.arange(N) < N // 5
    error = np.where(z >= 2.0, -0.5, np.where(bright | (np.arange(N) % 2 == 0), 0.0, 0.2))
    parts = [
        scores_of(z, error, 0).assign(dataset=dataset, calibrated_on=dataset) for dataset in LABELS
    ]
    write_parquet(pd.concat(parts, ignore_index=True), tmp_path / "scores.parquet")
    _, page = tables(tmp_path, truth=False)
    cells = pd.read_csv(tmp_path / "cells.csv").set_index(["dataset", "quantity"])
    held = np.abs(error) < 0.1
    fifths = cells.loc[("target", "magnitude")]
    assert (fifths["n"] == N // 5).all()
    expected = [held[k * 80 : (k + 1) * 80].mean() for k in range(5)]
    assert fifths["coverage_68"].tolist() == pytest.approx(expected)
    # 80 galaxies of the test, and of 500 that calibrated a fifth.
    assert fifths["standard_error_68"].iloc[0] == pytest.approx(
        (0.68 * 0.32 * (1 / 80 + 0.01)) ** 0.5
    )
    # The last 28 of 400 are fainter than 23.5 in the last band; regions of level 0.93 and more.
    faint = cells.loc[("target", "magnitude_last")]
    assert (faint["n"], faint["coverage_68"]) == (29, pytest.approx(held[-29:].mean()))
    assert faint["region_95"] == pytest.approx((np.arange(371, 400) / N <= 0.95).mean())
    # Colours run against magnitude.
    colours = cells.loc[("target", "colour")]
    assert colours["coverage_68"].tolist()[::-1] == pytest.approx(expected)
    assert "## What a survey asks for" in page
    ranges = cells.loc[("target", "z_true")]
    assert ranges["low"].tolist() == [0.0, 0.3, 1.5, 2.0, 3.0]
    assert ranges["n"].sum() == N
    by_answer = ranges.set_index("low")["coverage_68"]
    assert by_answer[2.0] == 0.0 and np.isnan(by_answer[3.0])
    assert by_answer[0.3] == held[(z >= 0.3) & (z < 1.5)].mean()
    given = page.split("## Given the prediction")[1]
    farthest = cells.drop(index="z_true", level=1).loc["target"]
    away = (farthest["coverage_68"] - 0.68).abs().idxmax()
    row = next(line for line in given.splitlines() if line.startswith("| NN"))
    assert row.split("|")[3].strip() == {"z_ensemble": "predicted redshift"}.get(away, away)
    last = given.split("## Given the answer")[1]
    row = next(line for line in last.splitlines() if line.startswith("| NN"))
    assert [cell.strip() for cell in row.split("|")[-3:-1]] == [f"0.0% of {(z >= 2).sum()}", "-"]


def test_the_figure_of_conditional_coverage_tells_the_farthest_fifth(run: Path) -> None:
    """Three of four are inside in fifths of magnitude and colour, seven points too many.

    In the lowest fifth of the prediction, which those predicted too high have left, 64 of 80 are.
    """
    tables(run)
    cells = pd.read_csv(run / "cells.csv").set_index(["dataset", "judged_by", "quantity"])
    assert cells.loc[("target", "label", "colour"), "coverage_68"].tolist() == [0.75] * 5
    assert cells.loc[("target", "label", "z_ensemble"), "coverage_68"].iloc[0] == 0.8
    ends = {"pdf": "pdf", "png": "png", "table": "csv", "caption": "md"}
    files = FigureFiles(**{name: run / f"cover.{end}" for name, end in ends.items()})
    plot_conditional_coverage.main(
        run / "cells.csv", files, strategies=["NN"], labels=LABELS, survey="embedded"
    )
    assert "NN on GalaxiesML: at most 12.0 points away." in (run / "cover.md").read_text()
    drawn = pd.read_csv(run / "cover.csv")
    assert set(drawn["quantity"]) == {"z_ensemble", "magnitude", "colour"}
    assert set(drawn["judged_by"]) == {"label"}


def sign(n: int) -> np.ndarray:
    return np.where(np.arange(n) % 2, 1.0, -1.0)


def test_the_limit_on_scatter_holds_for_scatter_and_for_rms_apart() -> None:
    """The tenth with the widest intervals is wrong by 0.12: no outliers, unseen by the MAD."""
    dz = np.concatenate([0.01 * sign(900), 0.12 * sign(100)])
    needs = fractions_to_drop(dz, LIMITS)
    value = needs["value"]
    assert value["rms"] == pytest.approx((0.9e-4 + 0.1 * 0.0144) ** 0.5)
    assert value["drop_scatter_mad"] == value["drop_outlier_fraction"] == 0.0
    # (100 - 10 d) of 0.0144 and 900 of 1e-4 are below 4e-4 of 1000 - 10 d from d = 8.07% on.
    assert value["drop_rms"] == value["drop_all_rms"] == 0.09
    assert value["drop_all_scatter_mad"] == value["drop_bias_median"]
    # The number of such galaxies among 1000 has a standard deviation of 0.95%.
    low, high = needs.loc["drop_rms", ["low", "high"]]
    assert 0.06 <= low <= 0.08 and 0.1 <= high <= 0.12
    pd.testing.assert_frame_equal(needs, fractions_to_drop(dz, LIMITS))


def test_a_requirement_that_fails_again_is_marked_and_one_never_met_is_infinite() -> None:
    """The narrowest half is biased by 0.01; wider ones cancel it until they are dropped."""
    dz = np.concatenate([np.full(500, 0.01), np.full(501, -0.001)])
    needs = fractions_to_drop(dz, {"bias": 0.003, "scatter": 1e-9, "outliers": None})
    assert needs.loc["drop_bias_median", "value"] == 0.0
    assert needs.loc["drop_bias_median", "fails_again"]
    assert needs.loc["drop_all_rms", ["value", "low", "high"]].tolist() == [np.inf] * 3
    assert not needs.loc["drop_rms", "fails_again"]
    assert "drop_outlier_fraction" not in needs.index
    table = requirement_tables({("NN", "target"): needs}, LABELS)["drops"]
    cells = [cell.strip() for cell in table.splitlines()[2].split("|")]
    assert cells[3].startswith("0%* [0%, ")
    assert cells[5:7] == ["never [never, never]", "no limit"]


def test_the_widest_intervals_are_dropped_first() -> None:
    rows = scores_of(np.full(300, 1.0), np.linspace(0.0, 0.3, 300), 0)
    width = np.random.default_rng(1).permutation(300) / 1000.0
    rows = rows.assign(z_low68=rows["z_median"], z_high68=rows["z_median"] + width)
    dz = widest_last(rows["z_true"], rows["z_median"], relative_width(rows, 68), RANGE)
    order = np.argsort(width / (1.0 + rows["z_median"]))
    np.testing.assert_allclose(dz, np.linspace(0.0, 0.3, 300)[order] / 2.0)
    curve = metrics_by_fraction(dz)
    assert curve["n"].tolist()[:2] == [300, 297] and curve["dropped"].max() == 0.66
    assert curve["rms"].iloc[50] == pytest.approx(np.sqrt(np.mean(dz[:150] ** 2)))
