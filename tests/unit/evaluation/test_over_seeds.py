"""Intervals over seeds against closed forms, and the marks of significance against scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from transferz.core.errors import InputError
from transferz.evaluation.metrics import KEYS, METRICS
from transferz.evaluation.over_seeds import (
    bootstrap_weights,
    mean_magnitude,
    ratio_of_means,
    ratios_by_seed,
    read_per_seed,
    seed_values,
    significantly_smaller,
    summarise,
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


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(120):
        a, b = random.normal(2, 0.4, 60), random.normal(1, 0.2, 60)
        estimate = ratio_of_means(series(a), series(b))
        hits += estimate.low <= 2.0 <= estimate.high
    # 95% of 120 are 114; five standard deviations (2.4 each) below are 102.
    assert hits >= 102


def test_magnitude_of_a_bias() -> None:
    estimate = mean_magnitude(series(np.array([-0.02, -0.03, -0.01, -0.02])))
    assert estimate.value == pytest.approx(0.02)
    assert 0.01 < estimate.low < 0.02 < estimate.high < 0.03


def test_one_seed_gives_no_interval() -> None:
    estimate = ratio_of_means(series(np.array([3.0])), series(np.array([2.0])))
    assert estimate.value == 1.5
    assert np.isnan([estimate.low, estimate.high]).all()


def test_resampling_is_the_same_every_time() -> None:
    weights = bootstrap_weights(7)
    assert weights.shape == (10_000, 7)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    bootstrap_weights.cache_clear()
    assert np.array_equal(weights, bootstrap_weights(7))


def test_ratios_of_single_networks() -> None:
    summary = ratios_by_seed(series(np.array([-2.0, 4.0, 9.0])), series(np.array([1.0, -1.0, 1.0])))
    assert summary.mean == 4.0
    assert summary.low == pytest.approx(2.1)
    assert summary.high == pytest.approx(8.75)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2, 0.3, 0.5])
def test_significance_against_a_paired_t_test(shift: float) -> None:
    random = np.random.default_rng(int(100 * shift))
    best, rival = random.normal(5, 0.5, 40), random.normal(5 + shift, 0.5, 40)
    test = stats.ttest_rel(rival, best)
    expected = bool(test.pvalue < 0.05 and test.statistic > 0)
    assert significantly_smaller(series(best), [series(rival)]) == expected


def test_significance_is_against_every_rival_and_corrected_for_their_number() -> None:
    random = np.random.default_rng(1)
    best = series(random.normal(10.0, 0.01, 30))
    far, near = series(best + 1 + random.normal(0, 0.01, 30)), best + random.normal(0, 0.1, 30)
    assert significantly_smaller(best, [far])
    assert not significantly_smaller(best, [far, near])
    assert not significantly_smaller(best, [])
    # A difference that is significant alone (p = 0.02), but not as one of ten.
    noise = series(stats.zscore(random.normal(size=30), ddof=1))
    weak = best + noise + stats.t.ppf(0.99, 29) / np.sqrt(30)
    assert significantly_smaller(best, [weak])
    assert not significantly_smaller(best, [weak, *[far] * 9])


def test_significance_compares_absolute_values() -> None:
    random = np.random.default_rng(2)
    small, large = series(random.normal(0, 0.001, 50)), series(random.normal(-1, 0.001, 50))
    assert significantly_smaller(small, [large])
    assert not significantly_smaller(large, [small])


def per_seed_table() -> pd.DataFrame:
    keys = pd.DataFrame([("A", s, "target", 0.3, 1.5) for s in (2, 0, 1)], columns=KEYS)
    return keys.assign(n=10, **{name: [0.2, 0.0, 0.1] for name in METRICS})


def test_values_come_in_the_order_of_seeds() -> None:
    values = seed_values(per_seed_table(), "rms", "A", "target", (0.3, 1.5))
    assert values.to_dict() == {0: 0.0, 1: 0.1, 2: 0.2}
    assert list(values.index) == [0, 1, 2]


def test_values_that_are_missing() -> None:
    with pytest.raises(InputError, match=r"B, target, z 0.3 to 1.5: .*found 0 rows"):
        seed_values(per_seed_table(), "rms", "B", "target", (0.3, 1.5))
    with pytest.raises(InputError, match="rmse: unknown metric"):
        seed_values(per_seed_table(), "rmse", "A", "target", (0.3, 1.5))


def test_a_table_of_metrics_is_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file not found"):
        read_per_seed(tmp_path / "per_seed.csv")
    per_seed_table().drop(columns="rms").to_csv(tmp_path / "per_seed.csv", index=False)
    with pytest.raises(InputError, match="rms: not a table of metrics"):
        read_per_seed(tmp_path / "per_seed.csv")
