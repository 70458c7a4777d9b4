"""Simulate the embedded survey and write it as the archives would.

Inputs: none but the configuration (section `embedded`) and the seed.

Outputs
- COSMOS2020_CLASSIC.fits: a CLASSIC-like catalogue, labels from template fitting;
- hsc_pdr2.fits: what a query of the HSC archive returns over the same sky;
- 5x127x127_{training,validation,testing}_with_morphology.csv: GalaxiesML;
- control/...csv: the same format, but galaxies drawn representatively to TransferZ's flux limit;
- truth.parquet: what every row really is (no other rule of the main workflow reads it).
"""

from typing import TYPE_CHECKING

from transferz.core.logs import job
from transferz.survey.simulate import simulate

if TYPE_CHECKING:
    from snakemake.script import snakemake


if __name__ == "__main__":
    with job(snakemake.log[0]):
        simulate(
            snakemake.output.cosmos,
            snakemake.output.hsc,
            snakemake.output.galaxiesml,
            snakemake.output.control,
            snakemake.output.truth,
            settings=snakemake.params.embedded,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
