"""Conformal distributions: nominal coverage whatever the networks are worth, and known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from transferz.core.errors import InputError
from transferz.uncertainty.conformal import (
    INTERVALS,
    LEVELS,
    Cells,
    Conformal,
    EnsembleEstimate,
    half_sample_mode,
)
from transferz.uncertainty.scores import density_loss


def sample(n: int, seed: int, *, noise: float = 0.05) -> tuple[EnsembleEstimate, np.ndarray]:
    """Biased estimates with errors that grow with magnitude and are not symmetric."""
    draw = np.random.default_rng([seed, n])
    z_true = draw.uniform(0.1, 2.0, n)
    magnitude = draw.uniform(18, 25, n)
    size = noise * (1 + 0.3 * (magnitude - 18))
    z = z_true + 0.03 + size * (draw.exponential(1.0, n) - 1.0)
    return EnsembleEstimate(z, size * draw.uniform(0.2, 0.4, n), magnitude), z_true


@pytest.mark.parametrize("adaptive", [True, False])
def test_intervals_hold_their_nominal_share_overall_and_in_each_cell(adaptive):
    conformal = Conformal.fit(*sample(6000, 1), adaptive=adaptive)
    estimate, z_true = sample(20000, 2)
    member = conformal.cells.of(estimate.z, estimate.magnitude)
    for percent, levels in INTERVALS.items():
        low, high = conformal.knots(estimate, levels).T
        inside = (z_true >= low) & (z_true <= high)
        assert inside.mean() == pytest.approx(percent / 100, abs=0.015)
        shares = [inside[member == cell].mean() for cell in range(conformal.cells.number)]
        # 400 calibration and about 1300 test galaxies in a cell: 2.7 points is one sigma.
        assert np.abs(np.array(shares) - percent / 100).max() < 0.09


def test_expected_coverage_of_a_small_cell_is_nominal():
    """Mean over many calibrations of 40 galaxies: interpolated quantiles are not conservative."""
    found = []
    for seed in range(400):
        conformal = Conformal.fit(
            *sample(40, seed), redshift_bins=1, magnitude_bins=1, min_galaxies=40
        )
        estimate, z_true = sample(500, 10_000 + seed)
        low, high = conformal.knots(estimate, INTERVALS[68]).T
        found.append(np.mean((z_true >= low) & (z_true <= high)))
    assert np.mean(found) == pytest.approx(0.68, abs=0.01)


def test_pit_is_uniform_and_quantiles_agree_with_the_cumulative_distribution():
    conformal = Conformal.fit(*sample(6000, 1))
    estimate, z_true = sample(20000, 2)
    pit = conformal.pit(estimate, z_true)
    assert np.abs(np.histogram(pit, 10, (0, 1))[0] / 2000 - 1).max() < 0.1
    knots = conformal.knots(estimate, [0.16, 0.5, 0.84])
    assert (np.diff(knots, axis=1) > 0).all()
    kept = knots[:, 0] > 0
    levels = conformal.cumulative(estimate, knots)[kept]
    np.testing.assert_allclose(levels, np.broadcast_to([0.16, 0.5, 0.84], levels.shape), atol=1e-9)


def test_probabilities_are_the_differences_of_the_cumulative_distribution():
    conformal = Conformal.fit(*sample(3000, 1))
    estimate, _ = sample(50, 2)
    edges = np.linspace(0, 4, 81)
    share = conformal.probabilities(estimate, edges)
    np.testing.assert_allclose(share.sum(axis=1), 1.0, atol=1e-12)
    inner = conformal.cumulative(estimate, np.tile(edges[20:22], (50, 1)))
    np.testing.assert_allclose(share[:, 20], inner[:, 1] - inner[:, 0], atol=1e-12)


def test_cells_are_equally_populated_and_shrink_to_what_the_sample_allows():
    estimate, z_true = sample(3000, 3)
    cells = Cells.fit(estimate.z, estimate.magnitude, 5, 3)
    counts = np.bincount(cells.of(estimate.z, estimate.magnitude))
    assert len(counts) == cells.number == 15
    assert counts.min() >= 199
    assert counts.max() <= 201
    few = EnsembleEstimate(estimate.z[:450], estimate.spread[:450], estimate.magnitude[:450])
    conformal = Conformal.fit(few, z_true[:450], min_galaxies=100)
    assert conformal.cells.number == 4


@pytest.mark.parametrize(
    ("n", "bins", "shape"),
    [
        (1500, {}, (5, 2)),
        (1499, {}, (4, 2)),
        (700, {}, (3, 1)),
        (100, {}, (1, 0)),
        (450, {"redshift_bins": 2, "magnitude_bins": 5}, (2, 1)),
    ],
)
def test_a_cell_has_a_hundred_galaxies(n: int, bins: dict[str, int], shape: tuple[int, int]):
    """Shape of the inner edges in magnitude: one less than cells."""
    assert Conformal.fit(*sample(n, 3), **bins).cells.magnitude_edges.shape == shape


def test_an_edge_belongs_to_the_upper_cell():
    cells = Cells(np.array([1.0]), np.array([[20.0], [21.0]]))
    z, magnitude = np.array([0.5, 0.5, 1.0, 1.0]), np.array([19.9, 20.0, 20.9, 21.0])
    assert cells.of(z, magnitude).tolist() == [0, 1, 2, 3]


def test_a_cell_without_galaxies_is_an_error():
    estimate, z_true = sample(1500, 3)
    alike = EnsembleEstimate(np.ones(1500), estimate.spread, estimate.magnitude)
    with pytest.raises(InputError, match="a cell of the calibration is empty; found 15 cells"):
        Conformal.fit(alike, z_true)


def test_errors_are_in_units_of_the_softened_spread():
    estimate, z_true = sample(500, 4)
    even = EnsembleEstimate(estimate.z, 0.05 * (1 + estimate.z), estimate.magnitude)
    np.testing.assert_allclose(Conformal.fit(even, z_true).scale(even), 0.1 * (1 + even.z))
    plain = Conformal.fit(even, z_true, adaptive=False)
    np.testing.assert_allclose(plain.scale(even), 1 + even.z)
    # Far below zero the unit stays positive.
    assert plain.scale(EnsembleEstimate(np.array([-2.0]), np.ones(1), np.zeros(1))) == 0.1


def test_nothing_to_adapt_to_with_a_single_network():
    estimate, z_true = sample(500, 4)
    single = EnsembleEstimate(estimate.z, np.zeros(500), estimate.magnitude)
    one = Conformal.fit(single, z_true, adaptive=True)
    assert not one.adaptive
    np.testing.assert_allclose(one.scale(single), 1 + single.z)


def test_redshifts_are_not_negative():
    estimate, z_true = sample(500, 5)
    conformal = Conformal.fit(estimate, z_true)
    near = EnsembleEstimate(np.full(9, 0.01), np.full(9, 0.05), np.full(9, 24.0))
    assert (conformal.knots(near) >= 0).all()
    assert (conformal.mean_and_mode(near)[0] >= 0).all()


def by_hand(z: float, highest: float, errors: np.ndarray = LEVELS):
    """Distribution of z + r, r uniform in 0 to 1, most probably 0.25; and the galaxy."""
    cells = Cells(np.empty(0), np.empty((1, 0)))
    conformal = Conformal(cells, errors[None], np.array([0.25]), highest, 0.0, True)
    return conformal, EnsembleEstimate(np.array([z]), np.ones(1), np.zeros(1))


@pytest.mark.parametrize(
    ("z", "highest", "mean", "mode"),
    [
        (0.2, np.inf, 0.7, 0.45),
        (0.2, 0.7, 0.5 * 0.45 + 0.5 * 0.7, 0.45),
        (0.5, 0.6, 0.1 * 0.55 + 0.9 * 0.6, 0.6),
        (-0.5, np.inf, 0.5 * 0.25, 0.0),
    ],
)
def test_a_uniform_distribution_by_hand(z: float, highest: float, mean: float, mode: float):
    conformal, estimate = by_hand(z, highest)
    assert np.ravel(conformal.mean_and_mode(estimate)) == pytest.approx([mean, mode])
    conformal, estimate = by_hand(z, np.inf, np.full(201, 0.8))
    assert conformal.mean_and_mode(estimate)[0] == pytest.approx(z + 0.8)


def test_levels_of_a_uniform_distribution_by_hand():
    """What lies below 0 lies at 0, what lies above the highest redshift lies there."""
    redshift = np.array([[-0.25, 0.0, 0.25, 0.5, 9.0]])
    for highest, expected in ((np.inf, [0, 0.5, 0.75, 1, 1]), (0.25, [0, 0.5, 1, 1, 1])):
        conformal, estimate = by_hand(-0.5, highest)
        assert conformal.cumulative(estimate, redshift)[0] == pytest.approx(expected)
    conformal, estimate = by_hand(0.2, np.inf)
    assert conformal.cumulative(estimate, np.array([[0.1, 0.7, 1.3]]))[0] == pytest.approx(
        [0, 0.5, 1]
    )
    shares = conformal.probabilities(estimate, np.array([0.6, 0.7, 0.9]))
    assert shares[0] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("highest", [np.inf, 1.0])
def test_the_mean_is_that_of_the_distribution(highest):
    """By quadrature over levels; much of it lies below 0 or above the highest redshift."""
    conformal = Conformal.fit(*sample(3000, 1), highest=highest)
    estimate, _ = sample(60, 9)
    wide = EnsembleEstimate(estimate.z, 10 * estimate.spread, estimate.magnitude)
    for these in (estimate, wide):
        grid = np.linspace(0, 60, 6001)
        above = 1 - conformal.cumulative(these, np.tile(grid, (60, 1)))
        expected = np.trapezoid(above, grid, axis=1)
        np.testing.assert_allclose(conformal.mean_and_mode(these)[0], expected, atol=0.006)
        if np.isfinite(highest):
            assert (conformal.knots(these) <= highest).all()
            assert (conformal.mean_and_mode(these)[1] <= highest).all()


def test_the_mode_lies_where_most_truths_do():
    """Exponential errors are densest at their lower end: z = z_true + 0.03 - size there."""
    conformal = Conformal.fit(*sample(6000, 1))
    estimate, _ = sample(20000, 2)
    shift = conformal.mean_and_mode(estimate)[1] - estimate.z
    size = 0.05 * (1 + 0.3 * (estimate.magnitude - 18))
    for faint in (estimate.magnitude > 24, estimate.magnitude < 19):
        assert np.median(shift[faint]) == pytest.approx(np.median(size[faint]) - 0.03, abs=0.045)


def test_half_sample_mode_finds_the_dense_part():
    draw = np.random.default_rng(6)
    values = np.sort(np.concatenate([draw.normal(0.2, 0.01, 300), draw.uniform(-3, 3, 200)]))
    assert half_sample_mode(values) == pytest.approx(0.2, abs=0.02)
    assert half_sample_mode(np.array([1.0, 2.0, 2.1])) == pytest.approx(2.05)
    for values, mode in (
        ([4.0], 4.0),
        ([1.0, 1.1, 2.0], 1.05),
        ([1.0, 2.0, 3.0], 2.0),
        # Of halves of two the first one; half of five is three.
        ([0.0, 1.0, 2.0, 5.0], 0.5),
        ([0.0, 0.125, 2.0, 2.25, 2.5], 2.25),
    ):
        assert half_sample_mode(np.array(values)) == pytest.approx(mode)


def test_density_loss_of_a_known_density():
    """Integral of f^2 by quadrature, f at the truth by hand."""
    edges = np.array([0.0, 0.5, 1.0, 2.0])
    share = np.array([[0.2, 0.5, 0.3]])

    def density(z: float) -> float:
        return 0.4 if z < 0.5 else 1.0 if z < 1.0 else 0.3

    square, _ = integrate.quad(lambda z: density(z) ** 2, 0, 2, points=[0.5, 1.0])
    found = density_loss(share, edges, np.array([0.7]))
    assert found[0] == pytest.approx(square - 2 * 1.0)


def test_too_few_or_broken_galaxies_are_named():
    estimate, z_true = sample(99, 7)
    with pytest.raises(InputError, match=r"too few galaxies to calibrate with; found 99"):
        Conformal.fit(estimate, z_true)
    z_true[3] = np.nan
    with pytest.raises(InputError, match="z_true"):
        Conformal.fit(estimate, z_true, min_galaxies=40)


def test_levels_hold_the_ends_of_the_intervals():
    assert (LEVELS[0], LEVELS[-1]) == (0.0, 1.0)
    for percent, ends in INTERVALS.items():
        assert ends[1] - ends[0] == pytest.approx(percent / 100)
        for end in ends:
            assert np.abs(LEVELS - end).min() < 1e-12
