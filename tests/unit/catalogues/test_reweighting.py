"""Weights by nearest neighbours give a sample the distribution of a population."""

from __future__ import annotations

import numpy as np
import pytest

from transferz.catalogues.reweighting import (
    colour_magnitude,
    effective_number,
    neighbour_weights,
)
from transferz.core.errors import InputError


def test_a_weighted_sample_has_the_moments_of_the_population():
    draw = np.random.default_rng(3)
    population = draw.normal(0.5, 1.0, (8000, 2))
    sample = draw.normal(0.0, 1.0, (4000, 2))
    weights = neighbour_weights(sample, population, 20)
    assert weights.mean() == pytest.approx(1.0)
    mean = np.average(sample, axis=0, weights=weights)
    np.testing.assert_allclose(mean, population.mean(axis=0), atol=0.06)
    # The ratio of the two densities, of one point far from the edge.
    near = np.abs(sample - [0.25, 0.25]).max(axis=1) < 0.15
    assert weights[near].mean() == pytest.approx(1.0, abs=0.15)


def test_units_of_a_dimension_have_no_effect():
    draw = np.random.default_rng(4)
    population, sample = draw.normal(0.3, 1, (900, 2)), draw.normal(0, 1, (500, 2))
    scale = np.array([1.0, 1024.0])
    np.testing.assert_array_equal(
        neighbour_weights(sample, population), neighbour_weights(sample * scale, population * scale)
    )


def test_galaxies_where_the_population_has_none_have_no_weight():
    draw = np.random.default_rng(5)
    sample = np.concatenate([draw.normal(0, 1, (300, 2)), draw.normal(50, 1, (300, 2))])
    weights = neighbour_weights(sample, draw.normal(0, 1, (300, 2)))
    assert (weights[300:] == 0).all()
    assert effective_number(weights) < 300
    assert effective_number(np.full(7, 3.0)) == pytest.approx(7)


def test_colours_and_the_last_magnitude():
    values = np.array([[20.0, 19.0, 0.1, 18.5]])
    columns = ["mag_g", "mag_r", "mag_err_g", "mag_i"]
    np.testing.assert_allclose(colour_magnitude(values, columns), [[1.0, 0.5, 18.5]])


def test_what_cannot_be_weighted_is_named():
    draw = np.random.default_rng(6)
    with pytest.raises(InputError, match="expected more than 20"):
        neighbour_weights(draw.normal(size=(20, 2)), draw.normal(size=(99, 2)))
    with pytest.raises(InputError, match="no galaxy of the population"):
        neighbour_weights(draw.normal(size=(99, 2)), draw.normal(500, 1, (99, 2)))
