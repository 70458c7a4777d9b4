"""Classical redshifts of the test spectra: template fits and cross-correlation.

Inputs
    spectra : spectra/spectra.npz
    templates : spectra/templates.npz

Outputs
    predictions : spectra/predictions/templates.parquet, in the form of the networks' predictions
    probabilities : spectra/probabilities/templates.npz
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_parquet
from transferz.spectra.grism import EqualClasses, SpectraFile
from transferz.spectra.studies import Member, prediction_table, read_spectra, write_probabilities
from transferz.spectra.templates import (
    cross_correlate,
    fit_templates,
    group_means,
    principal_components,
    redshifted_bases,
    redshifted_lines,
)
from transferz.uncertainty.scores import continuous_ranked_probability_score, describe

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def best_components(
    data: SpectraFile, bases: Mapping[int, np.ndarray], grid: EqualClasses, snr: float
) -> int:
    """Return the number of components with the smallest mean CRPS on the validation sample."""
    if len(bases) == 1:
        return next(iter(bases))
    spectra, z_true = data.take("validation", snr), data.redshift[data.rows("validation")]
    scores = {}
    for number, basis in bases.items():
        fitted = fit_templates(spectra, basis)
        scores[number] = continuous_ranked_probability_score(fitted, grid.edges, z_true).mean()
    return min(scores, key=scores.get)


def main(
    spectra: str | Path,
    templates: str | Path,
    predictions: str | Path,
    probabilities: str | Path,
    *,
    settings: Mapping[str, object],
) -> None:
    """Write the classical predictions.

    Parameters
    ----------
    spectra, templates, predictions, probabilities : path-like
        See the head of this file.
    settings : mapping
        ``snr``, of the spectra, each by itself; ``keep_snr``, of which the distributions are kept;
        ``components``, numbers of principal components of which `best_components` takes one;
        ``groups``, number of templates of the cross-correlation; ``classes``, number of trial
        redshifts; ``z_range``.
    """
    data = read_spectra(spectra)
    with np.load(templates, allow_pickle=False) as arrays:
        wavelength, seds = arrays["wavelength"], arrays["flux"]
    classes, groups = settings["classes"], settings["groups"]
    grid = EqualClasses(*settings["z_range"], classes)
    bases = {
        number: redshifted_bases(principal_components(seds, number), wavelength, grid, data.grism)
        for number in settings["components"]
    }
    lines = redshifted_lines(group_means(seds, groups), wavelength, grid, data.grism)
    test = data.rows("test")
    z_test = data.redshift[test]
    tables, kept = [], {}
    for level in settings["snr"]:
        best, spectra_test = best_components(data, bases, grid, level), data.take("test", level)
        fitted = fit_templates(spectra_test, bases[best])
        described = (f"{best} components", len(seds), float(level), "clean", "chi2", 0)
        member = Member("template_fit", classes, *described)
        tables.append(prediction_table(member, test, z_test, describe(fitted, grid.edges, z_test)))
        if level in settings["keep_snr"]:
            kept[f"template_fit/{classes}/{level:g}/test"] = fitted
        redshift = cross_correlate(spectra_test, lines, grid)
        described = (f"{groups} templates", len(seds), float(level), "clean", "correlation", 0)
        member = Member("cross_correlation", classes, *described)
        tables.append(prediction_table(member, test, z_test, pd.DataFrame({"z_mode": redshift})))
        logger.info("S/N %g: %d components", level, best)
    write_parquet(pd.concat(tables, ignore_index=True), predictions)
    write_probabilities(kept, probabilities)


if __name__ == "__main__":
    run(main, snakemake)
