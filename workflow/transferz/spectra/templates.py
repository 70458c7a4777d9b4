"""Classical redshifts of spectra: least-squares fits of templates, and cross-correlation.

Both learn from the rest-frame SEDs of the training set alone and read the spectra that the networks
read. The fit minimises chi2 over linear combinations of principal components at every redshift
(Bolton et al. 2012, AJ 144, 144); the cross-correlation is that of Tonry & Davis (1979, AJ 84,
1511) with mean templates of a few groups of SEDs.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from transferz.spectra.grism import EqualClasses, Grism, observe

CONTINUUM_PIXELS = 61


def principal_components(rest_flux: np.ndarray, number: int) -> np.ndarray:
    """Mean and leading principal components of rest-frame SEDs of unit mean.

    Parameters
    ----------
    rest_flux : numpy.ndarray
        Shape (n, n_wavelength).
    number : int
        Number of templates, the mean among them.

    Returns
    -------
    numpy.ndarray
        Shape (number, n_wavelength).
    """
    unit = rest_flux / rest_flux.mean(axis=1, keepdims=True)
    mean = unit.mean(axis=0)
    _, _, components = np.linalg.svd(unit - mean, full_matrices=False)
    return np.concatenate([mean[None], components[: number - 1]])


def redshifted_bases(
    templates: np.ndarray, rest_wavelength: np.ndarray, classes: EqualClasses, grism: Grism
) -> np.ndarray:
    """Orthonormal bases of what the templates look like at the centre of every class.

    Parameters
    ----------
    templates : numpy.ndarray
        Shape (n_templates, n_wavelength), from `principal_components`.
    rest_wavelength : numpy.ndarray
        Shape (n_wavelength,).
    classes : EqualClasses
    grism : Grism

    Returns
    -------
    numpy.ndarray
        Shape (classes.number, pixels, n_templates).
    """
    models = [
        observe(templates, rest_wavelength, np.full(len(templates), z), grism)
        for z in classes.centres
    ]
    return np.linalg.qr(np.stack(models).transpose(0, 2, 1).astype(float))[0]


def fit_templates(spectra: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """Posterior over redshift classes from the best linear combination of templates.

    The squared residual of a spectrum at a redshift is what its projection on the templates
    leaves. The noise is white and unknown to the fit: with it integrated out under Jeffreys'
    prior, the likelihood of a redshift is proportional to
    (residual sum of squares)^(-(pixels - templates) / 2).

    Parameters
    ----------
    spectra : numpy.ndarray
        Shape (n, pixels).
    bases : numpy.ndarray
        Shape (n_classes, pixels, n_templates), from `redshifted_bases`.

    Returns
    -------
    numpy.ndarray
        Shape (n, n_classes); rows sum to 1.
    """
    spectra = spectra.astype(float)
    squares = np.sum(np.square(spectra), axis=1)
    residual = np.empty((len(spectra), len(bases)))
    for column, basis in enumerate(bases):
        residual[:, column] = squares - np.sum(np.square(spectra @ basis), axis=1)
    freedom = spectra.shape[1] - bases.shape[2]
    floor = 1e-12 * squares[:, None]
    log_likelihood = -0.5 * freedom * np.log(np.maximum(residual, floor))
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def group_means(rest_flux: np.ndarray, groups: int) -> np.ndarray:
    """Mean SEDs of groups of equal number, ordered by the contrast of their lines.

    Returns
    -------
    numpy.ndarray
        Shape (groups, n_wavelength), from the faintest lines to the brightest.
    """
    unit = rest_flux / rest_flux.mean(axis=1, keepdims=True)
    order = np.argsort(unit.std(axis=1), kind="stable")
    return np.stack([unit[rows].mean(axis=0) for rows in np.array_split(order, groups)])


def redshifted_lines(
    templates: np.ndarray, rest_wavelength: np.ndarray, classes: EqualClasses, grism: Grism
) -> np.ndarray:
    """Templates at the centre of every class without continuum, of unit norm.

    Returns
    -------
    numpy.ndarray
        Shape (classes.number, n_templates, pixels).
    """
    models = [
        observe(templates, rest_wavelength, np.full(len(templates), z), grism)
        for z in classes.centres
    ]
    return np.stack([without_continuum(model) for model in models])


def cross_correlate(spectra: np.ndarray, lines: np.ndarray, classes: EqualClasses) -> np.ndarray:
    """Redshift of the highest normalised cross-correlation with any template.

    Parameters
    ----------
    spectra : numpy.ndarray
        Shape (n, pixels).
    lines : numpy.ndarray
        Shape (classes.number, n_templates, pixels), from `redshifted_lines`.
    classes : EqualClasses

    Returns
    -------
    numpy.ndarray
        Shape (n,), centres of classes.
    """
    mine = without_continuum(spectra)
    heights = np.stack([(mine @ model.T).max(axis=1) for model in lines], axis=1)
    return classes.centres[heights.argmax(axis=1)]


def without_continuum(flux: np.ndarray) -> np.ndarray:
    """Spectra less their running median, over their norm; shape of `flux`."""
    continuum = ndimage.median_filter(flux, size=(1, CONTINUUM_PIXELS), mode="nearest")
    lines = flux - continuum
    return lines / np.maximum(np.linalg.norm(lines, axis=1, keepdims=True), 1e-30)
