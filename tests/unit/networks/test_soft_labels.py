"""What a label is worth: integrates to one, has the label's percentiles, ends as one-hot."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from transferz.core.errors import InputError
from transferz.networks.soft_labels import Classes, label_distribution, label_errors
from transferz.uncertainty.scores import quantile

FINE = Classes(4000, 6.0)


def test_classes_are_equal_in_log_one_plus_z() -> None:
    classes = Classes(4, 15.0)
    np.testing.assert_allclose(classes.edges, [0, 1, 3, 7, 15], atol=1e-12)
    np.testing.assert_allclose(classes.widths, [1, 2, 4, 8])


def test_it_integrates_to_one_wherever_the_label_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transferz.networks.soft_labels.BLOCK_ROWS", 7)
    draw = np.random.default_rng(0)
    z = draw.uniform(0.0, 9.0, 50)
    errors = draw.choice([0.0, 1e-4, 0.03, 0.5, 3.0], (2, 50))
    for classes in (FINE, Classes(30, 6.0), Classes(2, 0.1)):
        found = label_distribution(z, *errors, classes)
        assert found.shape == (50, classes.bins) and found.min() >= 0
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-6)


def test_the_label_is_the_median_and_its_interval_holds_68_percent() -> None:
    z, below, above = np.array([1.0, 0.4]), np.array([0.05, 0.02]), np.array([0.2, 0.02])
    found = label_distribution(z, below, above, FINE).astype(np.float64)
    one_sigma = stats.norm.cdf(1.0)
    for level, expected in ((0.5, z), (1 - one_sigma, z - below), (one_sigma, z + above)):
        np.testing.assert_allclose(quantile(found, FINE.edges, level), expected, atol=2e-4)
    # Each side is half of its own Gaussian.
    wide = np.histogram(stats.halfnorm(scale=0.2).rvs(200_000, random_state=1), [0.1, 0.3])[0] / 4e5
    inside = (FINE.edges[:-1] >= 1.1) & (FINE.edges[1:] <= 1.3)
    assert found[0, inside].sum() == pytest.approx(wide[0], abs=0.004)


def test_without_error_it_is_one_hot_also_on_an_edge_and_outside() -> None:
    classes = Classes(4, 15.0)
    z = np.array([0.5, classes.edges[2], 0.0, 40.0])
    found = label_distribution(z, np.zeros(4), np.zeros(4), classes)
    np.testing.assert_array_equal(found, np.eye(4)[[0, 2, 0, 3]])
    nearly = label_distribution(z[:1], np.full(1, 1e-6), np.full(1, 1e-6), classes)
    np.testing.assert_array_equal(nearly, found[:1])


def test_errors_come_from_the_interval_then_the_error_then_the_kind_of_label() -> None:
    nan = np.nan
    table = pd.DataFrame(
        {
            "redshift": [1.0, 1.0, 2.0, 2.0, 1.0],
            "redshift_l68": [0.9, nan, nan, nan, 1.1],
            "redshift_u68": [1.3, nan, nan, 2.5, 1.2],
            "redshift_err": [nan, 0.001, nan, nan, nan],
            "truth": ["photo_z", "spec_z", "photo_z", "spec_z", "photo_z"],
        }
    )
    below, above = label_errors(table, photo_z_error=0.01)
    np.testing.assert_allclose(below, [0.1, 0.001, 0.03, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(above, [0.3, 0.001, 0.03, 0.0, 0.2], atol=1e-12)
    with pytest.raises(InputError, match=r"photometric redshifts without an error.*1 of 5 rows"):
        label_errors(table)
    plain = table[["redshift", "truth"]].iloc[[1, 3]]
    assert not np.any(label_errors(plain))
