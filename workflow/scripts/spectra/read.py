"""Read spectra of your own in place of simulated ones.

Inputs
    spectra, redshifts : .npy files, see `studies.spectra_of_files`

Outputs
    table : spectra/spectra.npz, as the rule spectra_simulate writes it
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from transferz.core.logs import run
from transferz.core.products import atomic_path
from transferz.spectra.grism import Grism
from transferz.spectra.studies import spectra_of_files

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    spectra: str,
    redshifts: str,
    table: str,
    *,
    simulation: Mapping[str, object],
    grism: Mapping[str, object],
) -> None:
    """Write the table; `simulation` and `grism` are sections of the configuration."""
    found = spectra_of_files(
        spectra,
        redshifts,
        grism=Grism(**grism),
        z_range=simulation["z_range"],
        sizes={name: simulation[name] for name in ("validation", "test")},
        seed=simulation["seed"],
    )
    with atomic_path(table) as temporary:
        np.savez(temporary, **found.arrays())


if __name__ == "__main__":
    run(main, snakemake)
