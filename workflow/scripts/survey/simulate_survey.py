"""Simulate the embedded survey and write it as the archives would.

Inputs: none but the configuration (section `embedded`).

Outputs
- COSMOS2020_CLASSIC.fits: a CLASSIC-like catalogue, labels from template fitting;
- hsc_pdr2.fits: what a query of the HSC archive returns over the same sky;
- specz_compilation.fits: spectroscopic redshifts over the same sky;
- 5x127x127_{training,validation,testing}_with_morphology.csv: GalaxiesML;
- control/...csv: the same format, but galaxies drawn representatively to TransferZ's flux limit;
- truth.parquet: what every row really is (no other rule of the main workflow reads it).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from astropy.io import fits
from pyarrow import csv

from transferz.core.logs import run
from transferz.core.products import atomic_path, write_parquet
from transferz.survey.galaxiesml import HIDDEN, assign_files
from transferz.survey.simulate import simulate

if TYPE_CHECKING:
    from snakemake.script import snakemake


def write_fits(columns: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Write a binary table as HDU 1."""
    record = np.rec.fromarrays(list(columns.values()), names=list(columns))
    with atomic_path(path) as temporary:
        fits.BinTableHDU(record).writeto(temporary)


def write_files(
    table: pd.DataFrame, paths: Sequence[str | Path], fractions: Sequence[float]
) -> None:
    """Write the three files of GalaxiesML, with `fractions` of the clean rows, without truth."""
    file = assign_files(table, fractions)
    public = table.drop(columns=HIDDEN)
    for number, path in enumerate(paths):
        part = pa.Table.from_pandas(public[file == number], preserve_index=False)
        with atomic_path(path) as temporary:
            csv.write_csv(part, temporary, csv.WriteOptions(quoting_style="needed"))


def main(
    cosmos: str | Path,
    hsc: str | Path,
    spectra: str | Path,
    galaxiesml: Sequence[str | Path],
    control: Sequence[str | Path],
    truth: str | Path,
    *,
    embedded: Mapping,
    threads: int = 1,
) -> None:
    """Simulate the survey; the files do not depend on the number of processes, `threads`."""
    survey = simulate(embedded, threads)
    write_fits(survey.cosmos, cosmos)
    write_fits(survey.hsc, hsc)
    write_fits(survey.spectra, spectra)
    write_files(survey.galaxiesml, galaxiesml, embedded["split_fractions"])
    write_files(survey.control, control, embedded["split_fractions"])
    write_parquet(survey.truth, truth)


if __name__ == "__main__":
    run(main, snakemake)
