"""Train one kind of baseline on the networks' training rows and predict both test sets.

Inputs
    source, target, combo : splits/{source,target,combo}.parquet

Outputs
    predictions : baselines/{kind}.parquet, in the form of the networks' predictions; strategy is
        {kind}-{training sample}
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.core.products import write_parquet
from transferz.evaluation.baselines import predict_samples
from transferz.networks.features import input_columns, measured_columns

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    source: str | Path,
    target: str | Path,
    combo: str | Path,
    predictions: str | Path,
    *,
    kind: str,
    inputs: Sequence[str],
    bands: Sequence[str],
    settings: Mapping[str, float],
    seeds: int,
    threads: int,
) -> None:
    """Write the predictions.

    Parameters
    ----------
    kind : str
        See `transferz.evaluation.baselines.estimator`, also for `settings`.
    inputs, bands : sequence of str
        Column templates, as for the networks, and bands.
    seeds : int
        Estimates per training sample.
    """
    splits = {"source": source, "target": target, "combo": combo}
    columns = measured_columns(input_columns(inputs, bands))
    table = predict_samples(kind, splits, columns, settings, seeds=seeds, threads=threads)
    write_parquet(table, predictions)


if __name__ == "__main__":
    run(main, snakemake)
