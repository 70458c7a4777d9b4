"""Predict both test sets from the training redshifts alone, without photometry.

Inputs
    transferz, galaxiesml, combo : splits/{transferz,galaxiesml,combo}.parquet

Outputs
    predictions : baselines/null.parquet, in the form of the networks' predictions; strategy is
        null-{training sample}
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.baselines import TEST_SETS, predict_null, prediction_table, read_split
from transferz.io import write_parquet
from transferz.logs import job

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    transferz: str | Path, galaxiesml: str | Path, combo: str | Path, predictions: str | Path
) -> None:
    """Write the predictions of the null estimate for each training sample.

    Parameters
    ----------
    transferz, galaxiesml, combo : path-like
        Split catalogues.
    predictions : path-like
        Output.
    """
    splits = {"transferz": transferz, "galaxiesml": galaxiesml, "combo": combo}
    tests = {name: read_split(splits[name], "test", []) for name in TEST_SETS}
    parts = []
    for sample, path in splits.items():
        _, z_train, _ = read_split(path, "train", [])
        z_pred = {name: predict_null(z_train, len(test[1])) for name, test in tests.items()}
        parts.append(prediction_table(f"null-{sample}", 0, tests, z_pred))
        logger.info("%s: %d training redshifts", sample, len(z_train))
    write_parquet(pd.concat(parts, ignore_index=True), predictions)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.transferz,
            snakemake.input.galaxiesml,
            snakemake.input.combo,
            snakemake.output.predictions,
        )
