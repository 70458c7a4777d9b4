"""Classical redshifts of the test spectra: template fits and cross-correlation.

Inputs
    spectra : spectra/spectra.npz
    templates : spectra/templates.npz

Outputs
    predictions : spectra/predictions/templates.parquet, in the form of the networks' predictions
    probabilities : spectra/probabilities/templates.npz
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import job
from transferz.core.products import write_parquet
from transferz.spectra.grism import Classes
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


def main(
    spectra: str | Path,
    templates: str | Path,
    predictions: str | Path,
    probabilities: str | Path,
    *,
    snr: Sequence[float],
    keep_snr: Sequence[float],
    components: Sequence[int],
    groups: int,
    classes: int,
    z_range: tuple[float, float],
) -> None:
    """Write the classical predictions.

    Parameters
    ----------
    spectra, templates : path-like
    predictions, probabilities : path-like
        Outputs.
    snr : sequence of float
        S/N of the spectra, each by itself.
    keep_snr : sequence of float
        S/N of which the distributions are kept.
    components : sequence of int
        Numbers of principal components to try: the one with the smallest continuous ranked
        probability score on the validation sample is used on the test sample.
    groups : int
        Number of templates of the cross-correlation.
    classes : int
        Number of trial redshifts.
    z_range : pair of float
    """
    data = read_spectra(spectra)
    with np.load(templates, allow_pickle=False) as arrays:
        wavelength, seds = arrays["wavelength"], arrays["flux"]
    grid = Classes(*z_range, classes)
    bases = {
        number: redshifted_bases(principal_components(seds, number), wavelength, grid, data.grism)
        for number in components
    }
    lines = redshifted_lines(group_means(seds, groups), wavelength, grid, data.grism)
    test, validation = data.rows("test"), data.rows("validation")
    z_test, z_validation = data.redshift[test], data.redshift[validation]
    tables, kept = [], {}
    for level in snr:
        trial, spectra_test = data.take("validation", level), data.take("test", level)
        scores = {}
        if len(bases) > 1:
            for number, basis in bases.items():
                fitted = fit_templates(trial, basis)
                score = continuous_ranked_probability_score(fitted, grid.edges, z_validation)
                scores[number] = float(score.mean())
        best = min(bases, key=lambda number: scores.get(number, 0.0))
        fitted = fit_templates(spectra_test, bases[best])
        described = (f"{best} components", len(seds), float(level), "clean", "chi2", 0)
        member = Member("template_fit", classes, *described)
        tables.append(prediction_table(member, test, z_test, describe(fitted, grid.edges, z_test)))
        if level in keep_snr:
            kept[f"template_fit/{classes}/{level:g}/test"] = fitted
        redshift = cross_correlate(spectra_test, lines, grid)
        described = (f"{groups} templates", len(seds), float(level), "clean", "correlation", 0)
        member = Member("cross_correlation", classes, *described)
        tables.append(prediction_table(member, test, z_test, pd.DataFrame({"z_mode": redshift})))
        logger.info("S/N %g: %d components", level, best)
    write_parquet(pd.concat(tables, ignore_index=True), predictions)
    write_probabilities(kept, probabilities)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.spectra,
            snakemake.input.templates,
            snakemake.output.predictions,
            snakemake.output.probabilities,
            **snakemake.params.settings,
        )
