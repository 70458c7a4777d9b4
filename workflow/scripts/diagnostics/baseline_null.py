"""Predict both test sets from the training redshifts alone, without photometry.

Inputs
    source, target, combo : splits/{source,target,combo}.parquet

Outputs
    predictions : baselines/null.parquet, in the form of the networks' predictions; strategy is
        null-{training sample}
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transferz.core.logs import run
from transferz.core.products import write_parquet
from transferz.evaluation.baselines import predict_null, predict_samples

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    source: str | Path, target: str | Path, combo: str | Path, predictions: str | Path
) -> None:
    """Write the predictions of the null estimate for each training sample."""
    splits = {"source": source, "target": target, "combo": combo}

    def fit(_: np.ndarray, z_train: np.ndarray) -> list[Callable]:
        return [lambda values: predict_null(z_train, len(values))]

    write_parquet(predict_samples("null", splits, [], fit), predictions)


if __name__ == "__main__":
    run(main, snakemake)
