"""Evaluate every network on both test sets.

Inputs
    predictions : predictions/{strategy}/seeds-{first}-{last}.parquet, all strategies and chunks

Outputs
    per_seed : metrics/per_seed.csv, one row per strategy, seed, data set and range of true
        redshift; sorted by these. The headline range and the full range include both edges, bins
        their lower edge only.
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
    predictions: str | Path | Sequence[str | Path],
    per_seed: str | Path,
    *,
    strategies: Sequence[str],
    seeds: Sequence[int],
    datasets: Sequence[str] = ("source", "target"),
    z_range: Sequence[float] = (0.3, 1.5),
    full_range: Sequence[float] = (0.0, 10.0),
    bin_width: float = 0.1,
    bin_z_max: float = 4.0,
    bin_min_galaxies: int = 30,
) -> None:
    """Write the metrics of every network.

    Parameters
    ----------
    strategies, seeds, datasets : sequence
        What the predictions must hold, each combination once.
    z_range, full_range, bin_width, bin_z_max, bin_min_galaxies
        See `transferz.metrics.Ranges`.
    """
    paths = [predictions] if isinstance(predictions, str | Path) else list(predictions)
    ranges = Ranges(tuple(z_range), tuple(full_range), bin_width, bin_z_max, bin_min_galaxies)
    found = evaluate_predictions(paths, ranges)
    check_networks(found, strategies, seeds, datasets)
    table = metrics_table(found)
    write_csv(table, per_seed)
    logger.info("%d networks on test sets, %d rows of metrics", len(found), len(table))


if __name__ == "__main__":
    run(main, snakemake)
