"""Draws of seeds and galaxies against brute force, and the intervals that come of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scripts.evaluation import resample as script
from transferz.core.errors import InputError
from transferz.evaluation.bins import Ranges
from transferz.evaluation.metrics import METRICS, compute_metrics, metrics_of
from transferz.evaluation.over_seeds import CONFIDENCE
from transferz.evaluation.resampling import (
    MAGNITUDE,
    SIGNED,
    Cumulated,
    Draws,
    biweights,
    clearly_smaller,
    cumulate,
    draw_counts,
    estimate,
    magnitude,
    moved,
    over_both,
    powers,
    ratio,
    resample,
    resampled_metrics,
    resampled_table,
)

RANGES = {"z_range": (0.3, 1.5), "full_range": (0.0, 10.0)}
N_SEEDS, N_GALAXIES = 12, 400


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two strategies: errors that galaxies share between seeds, and an offset of each seed."""
    folder = tmp_path_factory.mktemp("predictions")
    random = np.random.default_rng(7)
    z_true = random.gamma(2.5, 0.35, N_GALAXIES).astype("float32")
    common = random.standard_t(3, N_GALAXIES)
    paths = []
    for number, strategy in enumerate(("A", "B")):
        parts = []
        for seed in range(N_SEEDS):
            own = random.standard_t(3, N_GALAXIES)
            dz = 0.04 * (1 + number) * (common + 0.7 * own) + random.normal(0.05, 0.01)
            for dataset, factor in (("target", 1.0), ("source", 1.5)):
                part = {"strategy": strategy, "seed": np.int32(seed), "dataset": dataset}
                part |= {"object_id": np.arange(N_GALAXIES), "z_true": z_true}
                part |= {"z_pred": (z_true + factor * dz * (1 + z_true)).astype("float32")}
                parts.append(pd.DataFrame(part))
        paths.append(folder / f"{strategy}.parquet")
        pd.concat(parts, ignore_index=True).to_parquet(paths[-1], index=False)
    return paths


def test_sums_of_counts() -> None:
    for n in (1, 31, 32, 33, 100, 300):
        counts = draw_counts(n, 7)
        assert counts.shape == (n, 7)
        assert (counts.sum(axis=0) == n).all()
        sums = cumulate(counts)
        np.testing.assert_array_equal(sums[0], np.zeros(7))
        np.testing.assert_array_equal(sums[1:], np.cumsum(counts, axis=0))


def test_every_galaxy_is_drawn_once_on_average() -> None:
    counts = draw_counts(100, 400)
    assert counts[[0, 99]].mean(axis=1) == pytest.approx([1, 1], abs=0.2)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_medians_of_few_galaxies(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    counts = draw_counts(n, 50)
    drawn = Cumulated(values, counts)
    rows = [np.repeat(values, count) for count in counts.T]
    median = np.median(rows, axis=1)
    assert drawn.median() == pytest.approx(median)
    expected = np.median(np.abs(np.array(rows) - median[:, None]), axis=1)
    # 26 halvings of an interval that is no longer than the range of the values.
    assert np.abs(drawn.median_deviation(median) - expected).max() <= np.ptp(values) / 2**26


def test_powers_and_how_they_move() -> None:
    found = powers(np.array([1.0, 2.0, 3.0, 5.0]), 1.0, 2.0, 2)
    assert np.array(found).tolist() == [[1, 1, 0, 0], [0, 0.5, 0, 0], [0, 0.25, 0, 0]]
    x, shift, stretch = np.array([-0.5, 0.1, 0.7]), 0.2, 1.5
    sums = np.array([[(x**p).sum() for p in range(6)]])
    expected = [(((x - shift) / stretch) ** p).sum() for p in range(6)]
    assert np.ravel(moved(sums, np.array([shift]), np.array([stretch]))) == pytest.approx(expected)


def test_the_sample_itself_has_its_metrics() -> None:
    """Each galaxy once; some errors are on the limits of outliers."""
    random = np.random.default_rng(2)
    dz = np.append([0.15, -0.15], 0.04 * random.standard_t(2, 400) + 0.01)
    difference = np.append([1.0, -1.0, 1.1], dz[3:])
    found = resampled_metrics(difference, dz, np.ones((402, 1), np.uint8), np.ones((1, 402), "f4"))
    expected = [metrics_of(difference, dz)[name] for name in METRICS]
    assert found[0] == pytest.approx(expected, rel=1e-5)


def test_a_draw_of_equal_errors_has_no_scatter() -> None:
    median = np.array([0.1, 0.2])
    found = biweights(3, np.ones((2, 17)), 0.0, median, 1.0, np.array([0.0, 1.0]))
    assert [values.tolist() for values in found] == [[0.1, 0.2], [0.0, 0.0]]


@pytest.mark.parametrize("n", [101, 500])
def test_every_draw_has_the_metrics_of_its_galaxies(n: int) -> None:
    random = np.random.default_rng(n)
    z_true = random.gamma(2.5, 0.35, n)
    dz = 0.04 * random.standard_t(2, n) + 0.01
    counts = draw_counts(n, 25)
    found = resampled_metrics(dz * (1 + z_true), dz, counts, counts.T.astype(np.float32))
    for number in range(25):
        rows = np.repeat(np.arange(n), counts[:, number])
        expected = metrics_of(dz[rows] * (1 + z_true[rows]), dz[rows])
        for place, name in enumerate(METRICS):
            # The edge of a biweight moves a little with its sample.
            rough = "biweight" in name
            near = pytest.approx(
                expected[name], rel=2e-2 if rough else 1e-5, abs=1e-2 if rough else 1e-7
            )
            assert found[number, place] == near, name


def test_a_sample_of_equal_errors() -> None:
    dz = np.full(50, 0.02)
    counts = draw_counts(50, 5)
    found = resampled_metrics(dz, dz, counts, counts.T.astype(np.float32))
    expected = [metrics_of(dz, dz)[name] for name in METRICS]
    np.testing.assert_allclose(found, np.tile(expected, (5, 1)), atol=1e-7)
    assert Cumulated(dz, counts).median().tolist() == [0.02] * 5


def test_draws_of_one_mean_are_those_of_theory() -> None:
    """Seeds and galaxies alone: the spread of a mean is that of its seeds, or of its galaxies."""
    random = np.random.default_rng(1)
    seeds = random.normal(1.0, 0.3, 40)
    alone = over_both(np.repeat(seeds[:, None, None], 401, axis=1))[1:]
    assert alone.std() == pytest.approx(seeds.std(ddof=1) / np.sqrt(40), rel=0.06)
    galaxies = random.normal(1.0, 0.3, 401)
    same = over_both(np.tile(galaxies[None, :, None], (40, 1, 1)))
    assert same[0] == pytest.approx(galaxies[0])
    assert same[1:].std() == pytest.approx(galaxies[1:].std())


def brute_force(paths: list[Path], draws: int) -> dict[tuple[str, str], np.ndarray]:
    """Means over seeds of some metrics for 0.3 < z <= 1.5: as measured, and by drawing rows."""
    tables = pd.concat([pd.read_parquet(path) for path in paths])
    tables = tables[(tables["dataset"] == "target") & (tables["z_true"] > 0.3)]
    tables = tables[tables["z_true"] <= 1.5]
    z_true = tables["z_true"].to_numpy(float)
    tables = tables.assign(dz=(tables["z_pred"].to_numpy(float) - z_true) / (1 + z_true))
    dz = {
        name: np.stack([rows["dz"] for _, rows in part.groupby("seed")])
        for name, part in tables.groupby("strategy")
    }
    random = np.random.default_rng(99)
    n_seeds, n = dz["A"].shape
    # Few seeds: deviations from the mean over all seeds are stretched, as for Student's t.
    stretch = np.sqrt(n_seeds / (n_seeds - 1)) * stats.t.ppf(0.975, n_seeds - 1) / 1.959964
    found: dict[tuple[str, str], list[float]] = {}
    for number in range(1 + draws):
        seeds = random.integers(0, n_seeds, n_seeds) if number else np.arange(n_seeds)
        rows = random.integers(0, n, n) if number else np.arange(n)
        for name, values in dz.items():
            part = values[:, rows]
            median = np.median(part, axis=1, keepdims=True)
            for metric, value in (
                ("bias_median", median[:, 0]),
                ("scatter_mad", 1.4826 * np.median(np.abs(part - median), axis=1)),
                ("rms", np.sqrt((part**2).mean(axis=1))),
                ("outlier_fraction", (np.abs(part) > 0.15).mean(axis=1)),
            ):
                mean = value.mean() + stretch * (value[seeds].mean() - value.mean())
                found.setdefault((name, metric), []).append(mean)
    return {key: np.array(values) for key, values in found.items()}


def test_brute_force_gives_the_same_intervals(predictions: list[Path]) -> None:
    """To 5% of their width: rows of the predictions drawn again, 6,000 times."""
    samples = resample(predictions, Ranges(**RANGES), None, draws=3000)
    draws = Draws(resampled_table(samples, repeats=3))
    again = brute_force(predictions, 6000)
    tail = 50 * (1 - CONFIDENCE)
    for metric in ("bias_median", "scatter_mad", "rms", "outlier_fraction"):
        ours = [draws.of(metric, name, "target", (0.3, 1.5)) for name in "AB"]
        theirs = [again[name, metric] for name in "AB"]
        assert ours[0][0] == pytest.approx(theirs[0][0], rel=1e-6)
        for quantity in (lambda a, b: np.abs(b) / np.abs(a), lambda a, _: a):
            found = estimate(quantity, *ours)
            assert found.value == pytest.approx(quantity(*theirs)[0], rel=1e-6)
            ends = np.percentile(quantity(*theirs)[1:], (tail, 100 - tail))
            width = ends[1] - ends[0]
            assert [found.low, found.high] == pytest.approx(ends, abs=0.05 * width), metric


def test_the_file_of_draws(predictions: list[Path], tmp_path: Path) -> None:
    script.main(predictions, None, tmp_path / "a.parquet", ranges=RANGES)
    script.main(predictions[::-1], None, tmp_path / "b.parquet", ranges=RANGES)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    draws = Draws(tmp_path / "a.parquet")
    assert draws.judges == {("target", "label"), ("source", "label")}
    assert len(draws.of("rms", "A", "source", (0, 10))) == 1 + 400 * 10
    table = pd.read_parquet(predictions[0]).query("dataset == 'source'")
    by_seed = [
        compute_metrics(rows["z_true"].to_numpy(), rows["z_pred"].to_numpy())
        for _, rows in table.groupby("seed")
    ]
    for name in METRICS:
        mean = np.mean([found[name] for found in by_seed])
        assert draws.of(name, "A", "source", (0, 10))[0] == pytest.approx(mean)
    for name in SIGNED:
        mean = np.mean([abs(found[name]) for found in by_seed])
        assert draws.of(MAGNITUDE.format(name), "A", "source", (0, 10))[0] == pytest.approx(mean)
    with pytest.raises(InputError, match=r"C, source, label, 0\.0, 10\.0.*run the rule resample"):
        draws.of("rms", "C", "source", (0, 10))


def test_intervals_of_magnitudes_and_ratios() -> None:
    random = np.random.default_rng(3)
    clear = np.append(-0.05, random.normal(-0.05, 0.01, 4000))
    found = magnitude(clear)
    assert (found.value, found.low, found.high) == pytest.approx((0.05, 0.03, 0.07), abs=0.001)
    near_zero = magnitude(np.append(0.001, random.normal(0.001, 0.01, 4000)))
    assert near_zero.low == 0.0
    assert near_zero.high == pytest.approx(0.0206, abs=0.001)
    # A denominator near zero: the interval of the ratio still holds the ratio that was measured.
    small = np.append(1e-5, random.normal(1e-5, 0.01, 4000))
    assert ratio(clear, small).high >= 0.05 / 1e-5
    one_seed = over_both(np.ones((1, 11, 1)))[:, 0]
    assert len(one_seed) == 1 + 10 * 10
    assert np.isnan([magnitude(one_seed).low, ratio(one_seed, one_seed).high]).all()


def test_an_interval_of_few_draws_by_hand() -> None:
    """Draws 1, 2, 3; the measured value, 5, is not among them."""
    found = estimate(np.asarray, np.array([5.0, 1.0, 2.0, 3.0]))
    assert (found.value, found.low, found.high) == pytest.approx((5.0, 1.05, 5.0))
    found = magnitude(np.array([2.0, 1.0, 2.0, 3.0]))
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 1.05, 2.95))


def test_the_draws_of_a_strategy_do_not_depend_on_others(predictions: list[Path]) -> None:
    ranges = Ranges(**RANGES)
    both = resampled_table(resample(predictions, ranges, None, draws=3), repeats=2)
    for name, path in zip("AB", predictions, strict=True):
        alone = resampled_table(resample([path], ranges, None, draws=3), repeats=2)
        rows = both[both["strategy"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, alone)
        assert len(alone) == 2 * 2 * (1 + 3 * 2)
        values = Draws(alone).of("rms", name, "target", (0.3, 1.5))
        # As measured in double precision, the draws in single.
        assert (values.astype(np.float32) == values).tolist() == [False] + [True] * 6


@pytest.mark.parametrize(
    ("best", "rival"),
    [
        ([0.1, 0.1, 0.1], [0.1, 0.2, 0.2]),
        ([0.1, 0.1, 0.1], [0.05, 0.2, 0.2]),
        ([0.1, 0.1, 0.1], [0.2, 0.1, 0.1]),
        ([0.1, 0.1, 0.1], [0.2, 0.05, 0.2]),
        ([0.1, 0.1], [1.1, 0.0999]),
    ],
)
def test_measured_value_and_draws_must_both_be_smaller(best: list, rival: list) -> None:
    assert not clearly_smaller(np.array(best), [np.array(rival)])


def test_smaller_than_every_rival() -> None:
    random = np.random.default_rng(1)
    best = np.append(0.1, 0.1 + random.normal(0, 0.01, 4000))
    far = best + np.append(0.05, random.normal(0.05, 0.001, 4000))
    near = best + np.append(0.001, random.normal(0.001, 0.01, 4000))
    assert clearly_smaller(best, [far])
    assert clearly_smaller(best, [-far])
    assert not clearly_smaller(best, [far, near])
    assert not clearly_smaller(best, [])
    assert not clearly_smaller(far, [best])
    # Significant alone (2.1 standard deviations), but not as one of ten.
    weak = best + np.append(0.021, random.normal(0.021, 0.01, 4000))
    assert clearly_smaller(best, [weak])
    assert not clearly_smaller(best, [weak, *[far] * 9])
