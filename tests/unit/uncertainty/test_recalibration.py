"""Calibrated distributions of classes: nominal coverage, one distribution, several peaks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from transferz.networks.soft_labels import Classes
from transferz.uncertainty.conformal import INTERVALS, EnsembleEstimate
from transferz.uncertainty.recalibration import KNOTS, Recalibration, Step
from transferz.uncertainty.scores import quantile, region_level

EDGES = Classes(120, 6.0).edges


def sample(n: int, seed: int) -> tuple[EnsembleEstimate, np.ndarray]:
    """Gaussian distributions, biased and by colour too narrow or too wide; some have two peaks."""
    draw = np.random.default_rng([seed, n])
    z, colour, magnitude = draw.uniform(0.3, 2.0, n), draw.normal(0, 1, n), draw.uniform(18, 25, n)
    wrong = draw.uniform(size=n) < 0.2
    z_true = z + 0.02 + 0.05 * np.exp(0.4 * colour) * draw.normal(size=n) + 2.0 * wrong
    peaks = [norm.cdf((EDGES - z[:, None] - shift) / 0.05) for shift in (0.0, 2.0)]
    probability = np.diff(0.8 * peaks[0] + 0.2 * peaks[1], axis=1)
    probability /= probability.sum(axis=1, keepdims=True)
    median = quantile(probability, EDGES, 0.5)
    conditions = colour[:, None]
    estimate = EnsembleEstimate(
        median, np.zeros(n), magnitude, probability.astype(np.float32), conditions
    )
    return estimate, z_true


@pytest.fixture(name="calibrated", scope="module")
def fixture_calibrated() -> Recalibration:
    """Distributions calibrated on 8,000 galaxies."""
    return Recalibration.fit(*sample(8000, 1), EDGES)


def test_coverage_is_nominal_in_fifths_of_colour_magnitude_and_redshift(calibrated):
    estimate, z_true = sample(20000, 2)
    raw = Recalibration(EDGES, (), np.inf)
    fifths = np.searchsorted(
        np.quantile(estimate.conditions[:, 0], [0.2, 0.4, 0.6, 0.8]), estimate.conditions[:, 0]
    )

    def shares(distributions: Recalibration) -> np.ndarray:
        low, high = distributions.knots(estimate, INTERVALS[68]).T
        inside = (z_true >= low) & (z_true <= high)
        return np.array([inside[fifths == k].mean() for k in range(5)])

    assert np.abs(shares(raw) - 0.68).max() > 0.1
    # 1,600 calibration and 4,000 test galaxies: 1.4 points is one sigma.
    assert np.abs(shares(calibrated) - 0.68).max() < 0.045
    assert np.abs(np.sort(calibrated.pit(estimate, z_true)) - np.linspace(0, 1, 20000)).max() < 0.02


def test_quantiles_levels_and_classes_are_one_distribution(calibrated):
    estimate, z_true = sample(5000, 3)
    places = calibrated.knots(estimate, [0.16, 0.5, 0.84])
    levels = calibrated.cumulative(estimate, places)
    np.testing.assert_allclose(levels, np.tile([0.16, 0.5, 0.84], (5000, 1)), atol=1e-3)
    grid = np.arange(601) / 100.0
    shares = calibrated.probabilities(estimate, grid)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-9)
    mean = shares @ (grid[1:] - 0.005)
    np.testing.assert_allclose(calibrated.mean_and_mode(estimate)[0], mean, atol=0.01)
    # Levels are calibrated, regions are so only roughly.
    held = region_level(shares, grid, z_true) <= 0.95
    assert held.mean() == pytest.approx(0.95, abs=0.04)
    two = calibrated.knots(estimate, [0.9])[:, 0] - estimate.z
    assert np.median(two) > 1.5


def test_nothing_lies_beyond_what_was_trained_on():
    estimate, z_true = sample(3000, 4)
    bounded = Recalibration.fit(estimate, z_true, EDGES, highest=1.5)
    assert bounded.knots(estimate, [0.975]).max() == 1.5
    assert bounded.mean_and_mode(estimate)[0].max() <= 1.5
    assert bounded.mean_and_mode(estimate)[1].max() <= 1.5
    assert (bounded.cumulative(estimate, np.array([1.5]))[:, 0] == 1.0).all()


def test_a_step_and_its_inverse():
    draw = np.random.default_rng(5)
    values, pit = draw.normal(size=500), draw.beta(2, 3, 500)
    step = Step.fit(values, pit, np.array([0.0]))
    u = draw.uniform(size=(500, 3))
    np.testing.assert_allclose(
        step.apply(values, step.apply(values, u), inverse=True), u, atol=1e-6
    )
    expected = np.quantile(pit[values < 0], KNOTS[1:-1], method="weibull")
    np.testing.assert_allclose(step.levels[0, 1:-1], expected, atol=1e-8)


def test_a_region_is_the_denser_redshifts():
    """Probabilities 0.5, 0.1, 0.4 in classes of widths 1, 1, 0.4: the last is the densest."""
    edges = np.array([0.0, 1.0, 2.0, 2.4])
    probability = np.array([[0.5, 0.1, 0.4]] * 3)
    found = region_level(probability, edges, np.array([0.5, 1.5, 2.2]))
    np.testing.assert_allclose(found, [0.4 + 0.25, 0.9 + 0.05, 0.2])
