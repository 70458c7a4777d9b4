"""Evaluate the strategies on the representative control, for the seeds trained on it.

Inputs
    predictions : control/predictions/{strategy}/seeds-{first}-{last}.parquet; may hold more seeds

Outputs
    per_seed : metrics/control.csv, in the form of metrics/per_seed.csv; data set target is the
        control, which stands in its place
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.core.products import write_csv
from transferz.evaluation.metrics import Ranges, check_networks, evaluate_predictions, metrics_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    predictions: Sequence[str | Path],
    per_seed: str | Path,
    *,
    strategies: Sequence[str],
    seeds: Sequence[int],
    z_range: Sequence[float],
    full_range: Sequence[float],
) -> None:
    """Write the metrics of every network of the control.

    Parameters
    ----------
    strategies, seeds : sequence
        Networks to evaluate, each combination once; other seeds are left out.
    """
    ranges = Ranges.without_bins(z_range, full_range)
    found = evaluate_predictions(list(predictions), ranges)
    found = {key: rows for key, rows in found.items() if key[1] in set(seeds)}
    check_networks(found, strategies, seeds, ("source", "target"))
    write_csv(metrics_table(found), per_seed)
    logger.info("%d networks on test sets", len(found))


if __name__ == "__main__":
    run(main, snakemake)
