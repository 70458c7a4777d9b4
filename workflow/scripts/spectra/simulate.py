"""Simulate grism spectra of galaxies with known redshifts, noiseless.

Inputs
    none

Outputs
    spectra : spectra/spectra.npz, observed spectra of the training, validation and test samples
        and of three samples out of range: redshifts below and above the range, and quasars
    templates : spectra/templates.npz, rest-frame SEDs of the training sample, for the classical
        methods
    seds : spectra/seds.parquet, parameters and sample of every rest-frame SED

The samples are cut by SED: no rest-frame SED is in two of them, but for the redshifts out of
range, which are those of the test SEDs.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import atomic_path, write_parquet
from transferz.spectra.galaxies import draw_galaxies, draw_quasars, galaxy_blocks
from transferz.spectra.grism import Grism, SpectraFile, line_spread, observe, rest_grid

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

REDSHIFT_STREAM = 70
IN_RANGE = ("train", "validation", "test")


def assign_samples(seds: int, validation: int, test: int) -> np.ndarray:
    """Sample of every SED, shape (seds,): the SEDs are independent, so that blocks will do."""
    train = seds - validation - test
    if train < 1:
        raise InputError(
            "no SED is left for training",
            key="spectra.simulation.seds",
            found=seds,
            expected=f"more than validation + test = {validation + test}",
        )
    return np.repeat(IN_RANGE, [train, validation, test])


def draw_redshifts(number: int, z_range: Sequence[float], seed: int, stream: int) -> np.ndarray:
    """Redshifts drawn evenly from a half-open range, shape (number,)."""
    draw = np.random.default_rng([REDSHIFT_STREAM, seed, stream])
    return draw.uniform(*z_range, number)


def main(
    spectra: str | Path,
    templates: str | Path,
    seds: str | Path,
    *,
    simulation: Mapping[str, object],
    grism: Mapping[str, object],
    n_templates: int,
) -> None:
    """Write spectra, templates and the parameters of the SEDs.

    Parameters
    ----------
    spectra, templates, seds : path-like
        See the head of this file.
    simulation, grism : mapping
        Sections of ``spectra`` in the configuration.
    n_templates : int
        Number of training SEDs that the classical methods may learn from.
    """
    instrument, seed = Grism(**grism), simulation["seed"]
    wavelength = rest_grid(
        instrument,
        simulation["z_below"][0],
        simulation["z_above"][1],
        simulation["rest_step"],
    )
    galaxies = draw_galaxies(simulation["seds"], seed)
    samples = assign_samples(simulation["seds"], simulation["validation"], simulation["test"])
    copies = np.where(samples == "train", simulation["redshifts_per_sed"], 1)
    number = np.repeat(np.arange(len(galaxies)), copies)
    redshift = draw_redshifts(len(number), simulation["z_range"], seed, 0)

    templates_wanted = np.flatnonzero(samples == "train")[:n_templates]
    test_wanted = np.flatnonzero(samples == "test")[: simulation["outside"]]
    rest_frame, test_seds = [], []
    flux = np.empty((len(number), instrument.pixels), dtype=np.float32)
    for rows, block in galaxy_blocks(galaxies, wavelength):
        smooth = line_spread(block, wavelength, instrument.resolving_power)
        mine = (number >= rows.start) & (number < rows.stop)
        flux[mine] = observe(
            smooth[number[mine] - rows.start], wavelength, redshift[mine], instrument
        )
        for wanted, kept in ((templates_wanted, rest_frame), (test_wanted, test_seds)):
            kept.append(smooth[np.isin(np.arange(rows.start, rows.stop), wanted)])

    rest_of = {name: (np.concatenate(test_seds), test_wanted) for name in ("below", "above")}
    quasars = draw_quasars(simulation["outside"], wavelength, seed)
    rest_of["quasar"] = (
        line_spread(quasars, wavelength, instrument.resolving_power),
        -1 - np.arange(len(quasars)),
    )
    parts = [(flux, redshift, number, samples[number])]
    ranges = (simulation["z_below"], simulation["z_above"], simulation["z_range"])
    for stream, ((name, (rest, numbers)), z_range) in enumerate(
        zip(rest_of.items(), ranges, strict=True), start=1
    ):
        z = draw_redshifts(len(rest), z_range, seed, stream)
        observed = observe(rest, wavelength, z, instrument)
        parts.append((observed, z, numbers, np.full(len(z), name)))
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    table = SpectraFile(*columns, grism=instrument, seed=seed)

    with atomic_path(spectra) as temporary:
        np.savez(temporary, **table.arrays())
    with atomic_path(templates) as temporary:
        np.savez(temporary, wavelength=wavelength, flux=np.concatenate(rest_frame))
    write_parquet(galaxies.assign(sed=np.arange(len(galaxies)), sample=samples), seds)
    names, counts = np.unique(table.sample, return_counts=True)
    logger.info(
        "Simulated %d SEDs; spectra: %s",
        len(galaxies),
        ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True)),
    )


if __name__ == "__main__":
    run(main, snakemake)
