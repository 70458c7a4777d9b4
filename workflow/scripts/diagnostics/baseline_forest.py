"""Train random forests on the networks' training rows and predict both test sets.

Inputs
    source, target, combo : splits/{source,target,combo}.parquet

Outputs
    predictions : baselines/forest.parquet, in the form of the networks' predictions; strategy is
        forest-{training sample}, seed the forest's
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transferz.core.logs import run
from transferz.core.products import write_parquet
from transferz.evaluation.baselines import fit_forest, predict_samples
from transferz.networks.features import input_columns, measured_columns

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    source: str | Path,
    target: str | Path,
    combo: str | Path,
    predictions: str | Path,
    *,
    inputs: Sequence[str],
    bands: Sequence[str],
    trees: int,
    min_leaf: int,
    seeds: int,
    threads: int,
) -> None:
    """Write the predictions of the forests.

    Parameters
    ----------
    inputs, bands : sequence of str
        Column templates, as for the networks, and bands.
    trees, min_leaf : int
        Of a forest: see `transferz.baselines.fit_forest`.
    seeds : int
        Number of forests per training sample.
    """
    columns = measured_columns(input_columns(inputs, bands))
    splits = {"source": source, "target": target, "combo": combo}
    settings = {"trees": trees, "min_leaf": min_leaf, "threads": threads}

    def fit(values: np.ndarray, z_train: np.ndarray) -> Iterator[Callable]:
        for seed in range(seeds):
            yield fit_forest(values, z_train, seed=seed, **settings).predict

    write_parquet(predict_samples("forest", splits, columns, fit), predictions)


if __name__ == "__main__":
    run(main, snakemake)
