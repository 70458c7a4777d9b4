"""Calibrated distributions of classes: nominal coverage, one distribution, several peaks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from transferz.core.errors import InputError
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


def test_equal_levels_are_kept_apart():
    step = Step.fit(np.zeros(50), np.full(50, 0.5), np.array([]))
    assert (np.diff(step.levels) > 0).all()
    np.testing.assert_allclose(step.levels, [[0.0, *[0.5] * 5, 1.0]], atol=1e-8)


def test_as_many_galaxies_as_a_cell_needs():
    with pytest.raises(InputError, match="too few galaxies"):
        Recalibration.fit(*sample(99, 6), EDGES)
    assert all(len(step.edges) == 0 for step in Recalibration.fit(*sample(100, 6), EDGES).steps)


@pytest.mark.parametrize(
    ("n", "edges"), [(450, (3, 3, 3)), (2000, (4, 4, 4)), (2001, (4, 5, 4)), (8000, (4, 5, 4))]
)
def test_cells_are_fifths_and_the_faintest_galaxies(n: int, edges: tuple[int, int, int]):
    """Inner edges in colour, magnitude and redshift; above 2,000 the faintest 200 stand alone."""
    estimate, z_true = sample(n, 6)
    colour, magnitude, _ = steps = Recalibration.fit(estimate, z_true, EDGES).steps
    assert tuple(len(step.edges) for step in steps) == edges
    lowest = estimate.conditions[:, 0] < colour.edges[0]
    assert lowest.sum() == pytest.approx(n / (edges[0] + 1), abs=1)
    if len(magnitude.edges) == 5:
        assert (estimate.magnitude > magnitude.edges[-1]).sum() == 200


def test_a_distribution_by_hand():
    """Three classes with densities 2.5, 3 and 0.2: the densest is not the most probable."""
    edges, one = np.array([0.0, 0.2, 0.3, 1.3]), np.ones(1)
    own = EnsembleEstimate(one, one, one, np.array([[0.5, 0.3, 0.2]]), np.ones((1, 1)))
    raw, cut = Recalibration(edges, (), np.inf), Recalibration(edges, (), 0.25)
    assert np.ravel(raw.mean_and_mode(own)) == pytest.approx([0.05 + 0.075 + 0.16, 0.25])
    redshift = np.array([-0.1, 0.0, 0.1, 0.24, 0.25, 0.8, 9.0])
    assert raw.cumulative(own, redshift)[0] == pytest.approx([0, 0, 0.25, 0.62, 0.65, 0.9, 1])
    assert cut.cumulative(own, redshift)[0] == pytest.approx([0, 0, 0.25, 0.62, 1, 1, 1])
    shares = raw.probabilities(own, np.array([0.1, 0.25, 0.3]))
    assert shares[0] == pytest.approx([0.65, 0.35])


def test_a_region_is_the_denser_redshifts():
    """Probabilities 0.5, 0.1, 0.4 in classes of widths 1, 1, 0.4: the last is the densest."""
    edges = np.array([0.0, 1.0, 2.0, 2.4])
    probability = np.array([[0.5, 0.1, 0.4]] * 3)
    found = region_level(probability, edges, np.array([0.5, 1.5, 2.2]))
    np.testing.assert_allclose(found, [0.4 + 0.25, 0.9 + 0.05, 0.2])
