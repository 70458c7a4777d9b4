"""Uncertain labels: what a label is worth as a distribution over redshift classes.

An experiment spoils the labels by a known recipe; the target distribution Q of a spoilt label is
the posterior of the true redshift given that label, under a flat prior over the range. All
recipes are one family: a fraction of the labels is drawn anew at random, all are blurred by a
Gaussian, and the result may be known only as a coarse bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from transferz.spectra.grism import EqualClasses

LABEL_STREAM = 74


@dataclass(frozen=True)
class LabelRecipe:
    """How labels are spoilt.

    Attributes
    ----------
    sigma : float
        Standard deviation of the Gaussian added to the redshift.
    fraction : float
        Share of the labels replaced by a redshift drawn evenly from the range.
    width : float
        Width in redshift of the coarse bins, of which only the number is told; 0 tells the value.
    """

    sigma: float = 0.0
    fraction: float = 0.0
    width: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether the label is the true redshift."""
        return self == LabelRecipe()


def spoil(
    redshift: np.ndarray, recipe: LabelRecipe, classes: EqualClasses, seed: int
) -> np.ndarray:
    """Labels that stand in for true redshifts.

    Parameters
    ----------
    redshift : numpy.ndarray
        Shape (n,), true.
    recipe : LabelRecipe
    classes : EqualClasses
        Their range is that of the labels.
    seed : int
        Of the simulation: all members of the experiment see the same labels.

    Returns
    -------
    numpy.ndarray
        Shape (n,); the centre of the coarse bin if the recipe has one. Blurred labels may lie
        outside the range.
    """
    draw = np.random.default_rng([LABEL_STREAM, seed])
    random = draw.uniform(classes.z_min, classes.z_max, len(redshift))
    wrong = draw.random(len(redshift)) < recipe.fraction
    noise = draw.standard_normal(len(redshift))
    label = np.where(wrong, random, redshift) + recipe.sigma * noise
    if recipe.width:
        number = np.floor((label - classes.z_min) / recipe.width)
        label = classes.z_min + (number + 0.5) * recipe.width
    return label


def target_distribution(
    label: np.ndarray, recipe: LabelRecipe, classes: EqualClasses
) -> np.ndarray:
    """Q: probability of each class given a label.

    With f the fraction of random labels, Q_j = (1 - f) p(z in class j | label) + f / k, where p is
    a Gaussian about the label integrated over the class, or, for a coarse bin [a, b), proportional
    to Phi((b - z) / sigma) - Phi((a - z) / sigma).

    Parameters
    ----------
    label : numpy.ndarray
        Shape (n,), from `spoil`.
    recipe : LabelRecipe
    classes : EqualClasses

    Returns
    -------
    numpy.ndarray
        Shape (n, classes.number), float32; rows sum to 1.
    """
    label = np.asarray(label, dtype=float)
    if recipe.width:
        low, high = label - 0.5 * recipe.width, label + 0.5 * recipe.width
        if recipe.sigma:
            z = classes.centres
            shape = special.ndtr((high[:, None] - z) / recipe.sigma)
            shape -= special.ndtr((low[:, None] - z) / recipe.sigma)
        else:
            left, right = classes.edges[:-1], classes.edges[1:]
            shape = np.minimum(right, high[:, None]) - np.maximum(left, low[:, None])
            shape = np.clip(shape, 0.0, None)
    elif recipe.sigma:
        shape = np.diff(special.ndtr((classes.edges - label[:, None]) / recipe.sigma), axis=1)
    else:
        return _one_hot(label, classes, recipe.fraction)
    total = shape.sum(axis=1, keepdims=True)
    # A label many sigma outside the range leaves no numerical trace inside it: nearest class.
    nowhere = total[:, 0] < 1e-12
    shape = np.where(nowhere[:, None], _one_hot(label, classes, 0.0), shape)
    shape /= np.where(nowhere[:, None], 1.0, total)
    mixed = (1.0 - recipe.fraction) * shape + recipe.fraction / classes.number
    return mixed.astype(np.float32)


def hard_targets(label: np.ndarray, classes: EqualClasses) -> np.ndarray:
    """One-hot targets at the label, as if it were exact; shape (n, classes.number), float32."""
    return _one_hot(np.asarray(label, dtype=float), classes, 0.0)


def _one_hot(label: np.ndarray, classes: EqualClasses, fraction: float) -> np.ndarray:
    rows = np.full((len(label), classes.number), fraction / classes.number, dtype=np.float32)
    rows[np.arange(len(label)), classes.of(label)] += 1.0 - fraction
    return rows
