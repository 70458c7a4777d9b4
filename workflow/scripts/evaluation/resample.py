"""Draw seeds and test galaxies again, for intervals that hold for another sample of both.

Inputs
    predictions : predictions/{strategy}/seeds-{first}-{last}.parquet, all strategies and chunks
    truth : truth.parquet of the simulation, or nothing: then labels alone judge

Outputs
    resampled : metrics/resampled.parquet: strategy, dataset, judge (label or truth), z_min, z_max,
        draw, and the mean over seeds of each metric, of signed ones also of the absolute value;
        draw 0 is as measured
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from transferz.core.logs import run
from transferz.core.products import write_parquet
from transferz.evaluation.bins import Ranges
from transferz.evaluation.resampling import resample, resampled_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    predictions: Sequence[str | Path],
    truth: str | Path | None,
    resampled: str | Path,
    *,
    ranges: Mapping[str, object],
) -> None:
    """Write the draws.

    Parameters
    ----------
    truth : path-like or None
    ranges : mapping
        Arguments of `transferz.evaluation.bins.Ranges`.
    """
    # One thread: the bits of a matrix product may depend on their number.
    with threadpool_limits(limits=1):
        table = resampled_table(resample(predictions, Ranges(**ranges), truth or None))
    write_parquet(table, resampled)
    logger.info("%d samples, %d draws each", (table["draw"] == 0).sum(), table["draw"].max())


if __name__ == "__main__":
    run(main, snakemake)
