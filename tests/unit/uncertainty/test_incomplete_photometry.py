"""Incomplete photometry is filled as documented; galaxies unlike the training set are flagged."""

from __future__ import annotations

import numpy as np
import pytest

from transferz.core.errors import InputError
from transferz.uncertainty.incomplete_photometry import ColourSpace, Completion, band_inputs


@pytest.fixture(name="training", scope="module")
def fixture_training() -> np.ndarray:
    """Magnitudes in three bands: brightness and two colours."""
    draw = np.random.default_rng(8)
    brightness = draw.uniform(18, 25, 4000)
    first, second = draw.normal(0.8, 0.2, 4000), draw.normal(0.4, 0.1, 4000)
    return np.stack([brightness + first, brightness, brightness - second], axis=1)


def test_a_missing_band_is_its_linear_regression_on_the_others(training):
    completion = Completion.fit(training)
    values = training[:200].copy()
    values[:, 2] = np.nan
    filled = completion.fill(values)
    design = np.column_stack([np.ones(len(training)), training[:, :2]])
    coefficients, *_ = np.linalg.lstsq(design, training[:, 2], rcond=None)
    expected = np.column_stack([np.ones(200), training[:200, :2]]) @ coefficients
    low, high = training[:, 2].min(), training[:, 2].max()
    np.testing.assert_allclose(filled[:, 2], np.clip(expected, low, high), atol=1e-3)
    np.testing.assert_array_equal(filled[:, :2], training[:200, :2].astype(np.float32))


def test_a_non_detection_is_filled_like_a_missing_band_and_no_band_is_nan(training):
    completion = Completion.fit(training)
    filled = completion.fill(
        np.array([[np.inf, 22.0, 21.5], [np.nan, 22.0, 21.5], [np.nan] * 3, [np.inf] * 3])
    )
    np.testing.assert_array_equal(filled[0], filled[1])
    assert 22.0 < filled[0, 0] < training[:, 0].max() - 1
    assert np.isnan(filled[2:]).all()


def test_a_row_does_not_depend_on_its_company(training):
    completion = Completion.fit(training)
    values = training[:64].copy()
    values[::3, 1] = np.nan
    values[1::3, 0] = np.nan
    values[5, 1:] = np.nan
    together = completion.fill(values)
    alone = np.concatenate([completion.fill(values[k : k + 1]) for k in range(64)])
    np.testing.assert_array_equal(together, alone)


def test_colours_outside_the_training_set_are_flagged_at_ordinary_magnitudes(training):
    space = ColourSpace.fit(training[:3000], training[3000:], neighbours=5, share=0.01)
    assert space.outside(training[3000:]).mean() == pytest.approx(0.01, abs=0.002)
    odd = training[:100].copy()
    odd[:, 0] -= 3.0
    assert space.outside(odd).all()
    bright = np.full((1, 3), 5.0)
    assert space.outside(bright).all()
    assert space.outside(np.array([[np.nan, 20.0, 20.0]])).all()


def test_distance_is_that_to_the_kth_neighbour_in_whitened_space(training):
    space = ColourSpace.fit(training[:500], training[500:600], neighbours=3, share=0.01)
    covariance = np.cov(training[:500], rowvar=False)
    inverse = np.linalg.inv(covariance)
    point = training[700]
    shift = training[:500] - point
    mahalanobis = np.sqrt(np.einsum("ni,ij,nj->n", shift, inverse, shift))
    found = space.distance(point[None])[0]
    assert found == pytest.approx(np.sort(mahalanobis)[2], rel=1e-4)


def test_fewer_training_galaxies_than_neighbours(training):
    with pytest.raises(InputError, match="more than 5"):
        ColourSpace.fit(training[:5], training[:5], neighbours=5, share=0.01)


def test_inputs_belong_to_the_band_that_ends_their_name():
    found = band_inputs(["mag_g", "mag_ng", "mag_err_g", "size"], ["g", "ng"])
    np.testing.assert_array_equal(found["g"], [True, False, True, False])
    np.testing.assert_array_equal(found["ng"], [False, True, False, False])
