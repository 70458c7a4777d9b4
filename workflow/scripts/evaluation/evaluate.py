"""Evaluate every network on both test sets; also the baselines, and the networks of the control.

Inputs
    predictions : predictions/{strategy}/seeds-{first}-{last}.parquet, all strategies and chunks,
        or other files in their form

Outputs
    per_seed : metrics/per_seed.csv, one row per strategy, seed, data set and range of true
        redshift; sorted by these. Ranges and bins include their upper edge, the full range its
        lower one too.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.core.products import write_csv
from transferz.evaluation.bins import Ranges
from transferz.evaluation.metrics import evaluate_predictions, metrics_table
from transferz.evaluation.predictions import check_networks

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    predictions: Sequence[str | Path],
    per_seed: str | Path,
    *,
    ranges: Mapping[str, object],
    strategies: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    drop_other_seeds: bool = False,
    datasets: Sequence[str] = ("source", "target"),
) -> None:
    """Write the metrics of every network.

    Parameters
    ----------
    ranges : mapping
        Arguments of `transferz.evaluation.metrics.Ranges`.
    strategies, seeds, datasets : sequence
        What the predictions must hold, each combination once; None: whatever they hold.
    drop_other_seeds : bool
        The files may hold other seeds, which are left out.
    """
    found = evaluate_predictions(predictions, Ranges(**ranges))
    if drop_other_seeds:
        found = {key: rows for key, rows in found.items() if key[1] in set(seeds)}
    if strategies is not None:
        check_networks(found, strategies, seeds, datasets)
    table = metrics_table(found)
    write_csv(table, per_seed)
    logger.info("%d networks on test sets, %d rows of metrics", len(found), len(table))


if __name__ == "__main__":
    run(main, snakemake)
