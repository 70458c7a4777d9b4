"""Intervals over seeds against closed forms, and how often they cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from transferz.core.errors import InputError
from transferz.evaluation.metrics import KEYS, METRICS
from transferz.evaluation.over_seeds import (
    bootstrap,
    bootstrap_weights,
    gains,
    mostly_outliers,
    percentiles_in_bins,
    ratio_of_means,
    ratio_of_positive_means,
    ratios_by_seed,
    read_per_seed,
    seed_values,
    summarise,
    tail_percentiles,
)


def series(values: np.ndarray, first: int = 0) -> pd.Series:
    return pd.Series(values, index=pd.RangeIndex(first, first + len(values), name="seed"))


def test_summary_by_hand() -> None:
    summary = summarise([1.0, 2.0, 3.0, 6.0])
    assert (summary.n, summary.mean) == (4, 3.0)
    assert summary.spread == pytest.approx(np.sqrt((4 + 1 + 0 + 9) / 3))
    # Linear interpolation between order statistics: positions 0.075 and 2.925 of 0..3.
    assert summary.low == pytest.approx(1.075)
    assert summary.high == pytest.approx(3 + 0.925 * 3)


def test_summary_of_one_seed_has_no_spread() -> None:
    summary = summarise([0.5])
    assert np.isnan(summary.spread)
    assert (summary.low, summary.high) == (0.5, 0.5)
    assert summarise([1.0, 3.0]).spread == pytest.approx(np.sqrt(2))
    with pytest.raises(InputError):
        summarise([])


def test_ratio_is_that_of_the_means() -> None:
    estimate = ratio_of_means(series(np.array([-4.0, -8.0])), series(np.array([1.0, 2.0])))
    assert estimate.value == pytest.approx(4.0)
    assert estimate.low == pytest.approx(4.0)
    assert estimate.high == pytest.approx(4.0)


@pytest.mark.parametrize("correlation", [0.0, 0.95])
def test_ratio_interval_against_the_delta_method(correlation: float) -> None:
    random = np.random.default_rng(3)
    covariance = 0.04 * np.array([[1, correlation], [correlation, 1]])
    a, b = random.multivariate_normal([3.0, 1.5], covariance, size=150).T
    estimate = ratio_of_means(series(a), series(b))
    sample = np.cov(a, b) / 150
    gradient = np.array([1 / b.mean(), -a.mean() / b.mean() ** 2])
    error = np.sqrt(gradient @ sample @ gradient)
    assert estimate.low == pytest.approx(a.mean() / b.mean() - 1.96 * error, abs=0.15 * error)
    assert estimate.high == pytest.approx(a.mean() / b.mean() + 1.96 * error, abs=0.15 * error)


def test_pairs_of_seeds_stay_together() -> None:
    random = np.random.default_rng(4)
    common = random.normal(0, 0.3, 100)
    a, b = 4 + 2 * common + random.normal(0, 0.01, 100), 2 + common
    paired = ratio_of_means(series(a), series(b))
    shuffled = ratio_of_means(series(random.permutation(a)), series(b))
    assert paired.high - paired.low < 0.1 * (shuffled.high - shuffled.low)


def test_seeds_are_paired_by_number_not_by_position() -> None:
    with pytest.raises(InputError, match="seeds of one only: 0, 4"):
        ratio_of_means(series(np.ones(4)), series(np.ones(4), first=1))
    # Five of them are named.
    with pytest.raises(InputError, match="seeds of one only: 0, 1, 2, 3, 4;"):
        ratio_of_means(series(np.ones(9)), series(np.ones(1), first=8))


@pytest.mark.parametrize("n", [5, 10, 20, 100])
def test_intervals_cover_as_often_as_they_say(n: int) -> None:
    """95% intervals of a mean and of a paired ratio hold the truth in at least 93% of samples."""
    random = np.random.default_rng(n)
    low, high = tail_percentiles()
    trials, hits = 1500, np.zeros(2)
    for _ in range(trials):
        common = random.normal(0, 0.3, n)
        a, b = random.normal(2, 0.4, n) + common, random.normal(1, 0.2, n) + 0.5 * common
        top, bottom = (bootstrap_weights(n) @ values for values in (a, b))
        for number, (values, truth) in enumerate(((top, 2.0), (np.abs(top / bottom), 2.0))):
            ends = np.percentile(values, (low, high))
            hits[number] += ends[0] <= truth <= ends[1]
    # The number of hits has a standard deviation of 0.6% of the trials.
    assert (hits / trials > 0.93).all() and (hits / trials < 0.97).all()


def test_the_interval_of_a_mean_is_students() -> None:
    for n in (5, 10, 20, 100):
        values = np.random.default_rng(n).normal(3.0, 1.0, n)
        low, high = np.percentile(bootstrap_weights(n) @ values, tail_percentiles())
        expected = 2 * stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)
        assert high - low == pytest.approx(expected, rel=0.06)


def test_one_seed_gives_no_interval() -> None:
    estimate = ratio_of_means(series(np.array([3.0])), series(np.array([2.0])))
    assert estimate.value == 1.5
    assert np.isnan([estimate.low, estimate.high]).all()


def test_resampling_is_the_same_every_time() -> None:
    weights = bootstrap_weights(7)
    assert weights.shape == (10_000, 7)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    # Frozen: a change here would move every published interval.
    frozen = [-0.2187295903, 0.7187295903, 0.25, 0.25]
    assert bootstrap_weights(4)[0] == pytest.approx(frozen, abs=1e-9)
    bootstrap_weights.cache_clear()
    assert np.array_equal(weights, bootstrap_weights(7))


def test_ratios_of_single_networks() -> None:
    summary = ratios_by_seed(series(np.array([-2.0, 4.0, 9.0])), series(np.array([1.0, -1.0, 1.0])))
    assert summary.mean == 4.0
    assert summary.low == pytest.approx(2.1)
    assert summary.high == pytest.approx(8.75)


def per_seed_table() -> pd.DataFrame:
    """Three seeds of A on the target for 0.3 < z <= 1.5, and rows that are like them."""
    keys = [("A", s, "target", 0.3, 1.5) for s in (2, 0, 1)]
    others = [("AA", "target", 0.3, 1.5), ("@", "target", 0.3, 1.5), ("A", "source", 0.3, 1.5)]
    others += [("A", "z", 0.3, 1.5), ("A", "target", 0.0, 1.5), ("A", "target", 0.3, 10.0)]
    keys += [(name, 0, *rest) for name, *rest in others]
    values = [0.2, 0.0, 0.1, *[9.0] * len(others)]
    return pd.DataFrame(keys, columns=KEYS).assign(n=10, **dict.fromkeys(METRICS, values))


def test_values_come_in_the_order_of_seeds() -> None:
    values = seed_values(per_seed_table(), "rms", "A", "target", (0.3, 1.5))
    assert values.to_dict() == {0: 0.0, 1: 0.1, 2: 0.2}
    assert list(values.index) == [0, 1, 2]
    counts = seed_values(per_seed_table(), "n", "A", "target", (0.3, 1.5))
    assert counts.to_dict() == {0: 10, 1: 10, 2: 10}


def test_values_that_are_missing() -> None:
    with pytest.raises(InputError, match=r"B, target, z 0.3 to 1.5: .*found 0 rows"):
        seed_values(per_seed_table(), "rms", "B", "target", (0.3, 1.5))
    for name in ("bias", "rmse"):
        with pytest.raises(InputError, match=f"{name}: unknown metric"):
            seed_values(per_seed_table(), name, "A", "target", (0.3, 1.5))


def test_a_table_of_metrics_is_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file not found"):
        read_per_seed(tmp_path / "per_seed.csv")
    per_seed_table().drop(columns="rms").to_csv(tmp_path / "per_seed.csv", index=False)
    with pytest.raises(InputError, match="rms: not a table of metrics"):
        read_per_seed(tmp_path / "per_seed.csv")


def test_a_ratio_of_positive_means_stays_positive_and_has_an_inverse() -> None:
    """Of three seeds of which one failed: draws of a bootstrap give the mean the wrong sign."""
    failed, steady = series(np.array([0.0009, 0.0283, 0.0007])), series(np.full(3, 0.0014))
    ratio = ratio_of_positive_means(steady, failed)
    assert 0 < ratio.low < ratio.value < ratio.high < 10
    inverse = ratio_of_positive_means(failed, steady)
    expected = (1 / ratio.value, 1 / ratio.high, 1 / ratio.low)
    assert (inverse.value, inverse.low, inverse.high) == pytest.approx(expected)
    relative = failed / failed.mean()
    width = 2 * stats.t.ppf(0.975, 2) * relative.std() / np.sqrt(3)
    assert np.log(ratio.high / ratio.low) == pytest.approx(width)


@pytest.mark.parametrize("n", [3, 5, 20])
def test_intervals_of_positive_ratios_cover_as_often_as_they_say(n: int) -> None:
    random = np.random.default_rng(n)
    trials, hits = 1500, 0
    for _ in range(trials):
        common = random.normal(0, 0.1, n)
        a, b = random.normal(2, 0.2, n) + common, random.normal(1, 0.1, n) + 0.5 * common
        found = ratio_of_positive_means(series(a), series(b))
        hits += found.low <= 2.0 <= found.high
    assert 0.93 < hits / trials < 0.97


@pytest.mark.parametrize(
    ("a", "b"),
    [([3.0], [2.0]), ([1.0, 2.0], [0.0, 0.0]), ([-0.5, -0.25], [1.0, 1.0])],
)
def test_a_positive_ratio_without_an_interval(a: list[float], b: list[float]) -> None:
    found = ratio_of_positive_means(series(np.array(a)), series(np.array(b)))
    assert np.isnan([found.low, found.high]).all()


def test_two_seeds_have_an_interval() -> None:
    """By hand: 1.5 exp(+-t s / sqrt(2)), with a / mean(a) - b / mean(b) of -1/3 and 1/3."""
    found = ratio_of_positive_means(series(np.array([1.0, 2.0])), series(np.ones(2)))
    reach = stats.t.ppf(0.975, 1) * np.sqrt(2 / 9) / np.sqrt(2)
    expected = 1.5, 1.5 * np.exp(-reach), 1.5 * np.exp(reach)
    assert (found.value, found.low, found.high) == pytest.approx(expected)


def test_a_bootstrap_of_one_sample() -> None:
    values = np.random.default_rng(0).normal(3.0, 1.0, 50)
    found = bootstrap(np.negative, values)
    reach = stats.t.ppf(0.975, 49) * stats.sem(values)
    assert found.value == -values.mean()
    assert [found.low, found.high] == pytest.approx(
        [-values.mean() - reach, -values.mean() + reach], abs=0.02
    )


def test_gains_over_the_first_strategy() -> None:
    """Of the seeds 0 and 1 only: means of 0.3, 0.1 and 0.6."""
    keys = [(name, s, "target", 0.3, 1.5) for name in "ABC" for s in (0, 1, 2)]
    table = pd.DataFrame(keys, columns=KEYS).assign(n=10, **dict.fromkeys(METRICS, 1.0))
    table["rms"] = [0.2, 0.4, 9.0, 0.1, 0.1, 9.0, 0.4, 0.8, 9.0]
    found = gains({"control": table}, ["rms"], ["A", "B", "C"], [0, 1], (0.3, 1.5))
    keys = found[["target", "metric", "strategy", "n_seeds"]].to_numpy().tolist()
    assert keys == [["control", "rms", "B", 2], ["control", "rms", "C", 2]]
    assert found["ratio"].tolist() == pytest.approx([3.0, 0.5])
    assert found["reference"].tolist() == pytest.approx([0.3, 0.3])
    assert found["value"].tolist() == pytest.approx([0.1, 0.6])
    assert found[["low", "high"]].to_numpy()[1] == pytest.approx([0.5, 0.5])


def test_percentiles_over_seeds_in_each_bin() -> None:
    """101 seeds with 0 to 100; the bins come in their order, whatever that of the rows."""
    rows = [("A", s, "source", low, low + 1, 7 + s, s) for low in (1, 0) for s in range(101)]
    columns = ["strategy", "seed", "dataset", "low", "high", "n", "rms"]
    found = percentiles_in_bins(pd.DataFrame(rows, columns=columns), ["rms"], ["B", "A"])
    expected = ["rms", "source", "A", 7, 101, 16.0, 50.0, 84.0]
    assert found.drop(columns=["low", "high"]).to_numpy().tolist() == [expected] * 2
    assert found[["low", "high"]].to_numpy().tolist() == [[0, 1], [1, 2]]


def test_bins_of_mostly_outliers_are_so_for_every_strategy() -> None:
    medians = {0: (0.9, 0.51), 1: (0.9, 0.5), 2: (0.2, 0.9)}
    rows = [("target", low, low + 1, value) for low in medians for value in medians[low]]
    found = mostly_outliers(pd.DataFrame(rows, columns=["dataset", "low", "high", "median"]))
    assert found.to_numpy().tolist() == [["target", 0, 1]]


def test_ratios_of_single_networks_by_hand() -> None:
    found = ratios_by_seed(pd.Series([2.0, -4.0, 9.0]), pd.Series([1.0, 2.0, -3.0]))
    assert (found.n, found.mean) == (3, 2.0)
    assert found.low == pytest.approx(2.0)
    assert found.high == pytest.approx(2 + 0.95)
