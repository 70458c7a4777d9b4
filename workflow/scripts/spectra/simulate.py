"""Simulate grism spectra of galaxies with known redshifts, noiseless.

Inputs
    none

Outputs
    spectra : spectra/spectra.npz, observed spectra of the training, validation and test samples
        and of three samples out of range: redshifts below and above the range, and quasars
    templates : spectra/templates.npz, rest-frame SEDs of the training sample, for the classical
        methods
    seds : spectra/seds.parquet, parameters and sample of every rest-frame SED

No rest-frame SED is in two samples, with one exception: the two samples at redshifts out of range
use the SEDs of the test sample.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import atomic_path, write_parquet
from transferz.spectra.galaxies import (
    draw_emitters,
    draw_galaxies,
    draw_quasars,
    galaxy_blocks,
)
from transferz.spectra.grism import Grism, SpectraFile, line_spread, observe, rest_grid

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

REDSHIFT_STREAM = 70
IN_RANGE = ("train", "validation", "test")


def draw_redshifts(number: int, z_range: Sequence[float], seed: int, stream: int) -> np.ndarray:
    """Redshifts drawn evenly from a half-open range, shape (number,)."""
    draw = np.random.default_rng([REDSHIFT_STREAM, seed, stream])
    return draw.uniform(*z_range, number)


def in_range(
    galaxies: pd.DataFrame,
    samples: np.ndarray,
    wavelength: np.ndarray,
    grism: Grism,
    number: np.ndarray,
    redshift: np.ndarray,
    kept: Mapping[str, np.ndarray],
) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Observe galaxies, of which each spectrum has a `number`, at a `redshift`.

    Returns
    -------
    observed : list of numpy.ndarray
        Flux, redshift, SED and sample of every spectrum.
    rest : dict of str to numpy.ndarray
        Rest-frame spectra of the SEDs of `kept`.
    """
    flux = np.empty((len(number), grism.pixels), dtype=np.float32)
    rest: dict[str, list[np.ndarray]] = {name: [] for name in kept}
    for rows, block in galaxy_blocks(galaxies, wavelength):
        smooth = line_spread(block, wavelength, grism.resolving_power)
        mine = (number >= rows.start) & (number < rows.stop)
        flux[mine] = observe(smooth[number[mine] - rows.start], wavelength, redshift[mine], grism)
        for name, wanted in kept.items():
            rest[name].append(smooth[np.isin(np.arange(rows.start, rows.stop), wanted)])
    observed = [flux, redshift, number, samples[number]]
    return observed, {name: np.concatenate(parts) for name, parts in rest.items()}


def main(
    spectra: str | Path,
    templates: str | Path,
    seds: str | Path,
    *,
    simulation: Mapping[str, object],
    grism: Mapping[str, object],
    n_templates: int,
) -> None:
    """Write spectra, `n_templates` templates and the parameters of the SEDs.

    `simulation` and `grism` are sections of ``spectra`` in the configuration.
    """
    instrument, seed = Grism(**grism), simulation["seed"]
    ranges = {name: simulation[f"z_{name}"] for name in ("below", "above", "range")}
    wavelength = rest_grid(
        instrument, ranges["below"][0], ranges["above"][1], simulation["rest_step"]
    )
    # The SEDs are independent, so that blocks will do.
    sizes = [simulation["validation"], simulation["test"]]
    samples = np.repeat(IN_RANGE, [simulation["seds"] - sum(sizes), *sizes])
    copies = np.where(samples == "train", simulation["redshifts_per_sed"], 1)
    number = np.repeat(np.arange(simulation["seds"]), copies)
    redshift = draw_redshifts(len(number), ranges["range"], seed, 0)
    limit = simulation.get("halpha_limit")
    if limit:
        # Bright enough at the highest of its redshifts.
        highest = np.zeros(simulation["seds"])
        np.maximum.at(highest, number, redshift)
        galaxies = draw_emitters(highest, limit, seed)
    else:
        galaxies = draw_galaxies(simulation["seds"], seed)
    test = np.flatnonzero(samples == "test")[: simulation["outside"]]
    kept = {"templates": np.flatnonzero(samples == "train")[:n_templates], "test": test}
    observed, rest = in_range(galaxies, samples, wavelength, instrument, number, redshift, kept)

    quasars = draw_quasars(simulation["outside"], wavelength, seed)
    quasars = line_spread(quasars, wavelength, instrument.resolving_power)
    parts = [observed]
    for stream, (name, spectrum, numbers, z_range) in enumerate(
        (
            ("below", rest["test"], test, ranges["below"]),
            ("above", rest["test"], test, ranges["above"]),
            ("quasar", quasars, -1 - np.arange(len(quasars)), ranges["range"]),
        ),
        start=1,
    ):
        z = draw_redshifts(len(spectrum), z_range, seed, stream)
        flux = observe(spectrum, wavelength, z, instrument)
        parts.append([flux, z, numbers, np.full(len(z), name)])
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    table = SpectraFile(*columns, grism=instrument, seed=seed)

    with atomic_path(spectra) as temporary:
        np.savez(temporary, **table.arrays())
    with atomic_path(templates) as temporary:
        np.savez(temporary, wavelength=wavelength, flux=rest["templates"])
    write_parquet(galaxies.assign(sed=np.arange(len(galaxies)), sample=samples), seds)
    counts = pd.Series(table.sample).value_counts(sort=False)
    logger.info("Simulated %d SEDs; spectra: %s", len(galaxies), counts.to_dict())


if __name__ == "__main__":
    run(main, snakemake)
