"""Evaluate the null estimates and the random forests as the networks are.

Inputs
    predictions : baselines/{null,forest}.parquet

Outputs
    per_seed : metrics/baselines.csv, in the form of metrics/per_seed.csv
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.core.products import write_csv
from transferz.evaluation.metrics import Ranges, evaluate_predictions, metrics_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    predictions: Sequence[str | Path],
    per_seed: str | Path,
    *,
    z_range: Sequence[float],
    full_range: Sequence[float],
) -> None:
    """Write the metrics of every estimate, for the headline range and for all redshifts."""
    ranges = Ranges.without_bins(z_range, full_range)
    found = evaluate_predictions(list(predictions), ranges)
    write_csv(metrics_table(found), per_seed)
    logger.info("%d estimates on test sets", len(found))


if __name__ == "__main__":
    run(main, snakemake)
