from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from transferz.spectra.grism import EqualClasses
from transferz.spectra.spoilt_labels import LabelRecipe, hard_targets, spoil, target_distribution

CLASSES = EqualClasses(1.0, 1.8, 80)


def test_exact_labels_are_the_truth_and_one_hot() -> None:
    z = np.array([1.0, 1.3333, 1.7999])
    recipe = LabelRecipe()
    assert recipe.exact
    assert np.array_equal(spoil(z, recipe, CLASSES, 0), z)
    target = target_distribution(z, recipe, CLASSES)
    assert np.array_equal(target, hard_targets(z, CLASSES))
    assert target.argmax(axis=1).tolist() == [0, 33, 79]
    assert target.sum() == 3.0


@pytest.mark.parametrize(
    "recipe",
    [
        LabelRecipe(sigma=0.03),
        LabelRecipe(fraction=0.3),
        LabelRecipe(width=0.1),
        LabelRecipe(sigma=0.05, width=0.1),
        LabelRecipe(sigma=0.05, width=0.1, fraction=0.2),
        LabelRecipe(sigma=1e-6),
    ],
)
def test_targets_are_distributions(recipe: LabelRecipe) -> None:
    z = np.random.default_rng(0).uniform(1.0, 1.8, 300)
    target = target_distribution(spoil(z, recipe, CLASSES, 1), recipe, CLASSES)
    assert (target >= 0).all()
    assert np.allclose(target.sum(axis=1), 1.0, atol=1e-5)


def test_blur_has_the_asked_size_and_its_target_is_the_gaussian() -> None:
    z = np.full(4000, 1.4)
    recipe = LabelRecipe(sigma=0.03)
    label = spoil(z, recipe, CLASSES, 0)
    assert label.std() == pytest.approx(0.03, rel=0.05)
    target = target_distribution(np.array([1.4]), recipe, CLASSES)[0]
    assert target @ CLASSES.centres == pytest.approx(1.4, abs=1e-5)
    expected = stats.norm(1.4, 0.03).cdf(1.41) - stats.norm(1.4, 0.03).cdf(1.40)
    assert target[40] == pytest.approx(expected, rel=1e-4)


def test_corruption_moves_the_asked_fraction_and_its_target_says_so() -> None:
    z = np.full(4000, 1.4)
    recipe = LabelRecipe(fraction=0.3)
    label = spoil(z, recipe, CLASSES, 0)
    assert np.mean(label != z) == pytest.approx(0.3, abs=0.03)
    target = target_distribution(np.array([1.405]), recipe, CLASSES)[0]
    assert target.max() == pytest.approx(0.7 + 0.3 / 80)
    assert target.min() == pytest.approx(0.3 / 80)


def test_the_target_of_a_coarse_label_is_the_posterior_of_the_truth() -> None:
    recipe = LabelRecipe(sigma=0.05, width=0.1)
    z = np.random.default_rng(5).uniform(1.0, 1.8, 400_000)
    label = spoil(z, recipe, CLASSES, 2)
    mine = np.abs(label - 1.45) < 1e-6
    frequency = np.bincount(CLASSES.of(z[mine]), minlength=80) / mine.sum()
    target = target_distribution(np.array([1.45]), recipe, CLASSES)[0]
    assert np.abs(frequency - target).max() < 0.003


def test_labels_repeat_and_depend_on_the_seed() -> None:
    z, recipe = np.full(100, 1.4), LabelRecipe(sigma=0.1)
    assert np.array_equal(spoil(z, recipe, CLASSES, 0), spoil(z, recipe, CLASSES, 0))
    assert not np.array_equal(spoil(z, recipe, CLASSES, 0), spoil(z, recipe, CLASSES, 1))


def test_a_label_far_outside_the_range_is_the_nearest_class() -> None:
    target = target_distribution(np.array([9.0]), LabelRecipe(sigma=0.01), CLASSES)[0]
    assert target.argmax() == 79
    assert np.isfinite(target).all()
