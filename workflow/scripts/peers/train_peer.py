"""Train one of RAIL's estimators on each sample, ask it for both test sets, and score the answers.

Inputs
    source, target, combo : splits/{source,target,combo}.parquet

Outputs
    scores : peers/{peer}.parquet: estimate ({peer}-{sample}, or {peer}-tuned-{sample}), dataset,
        object_id, z_true, z_pred (median), crps, cde_loss, pit, width_68
    costs : peers/{peer}.csv: estimate, settings, n_train, train_seconds, predict_seconds (of
        processors), n_predicted, memory_mib (most of the whole job so far), error
    ensembles : peers/{peer}/{estimate}_{dataset}.hdf5, RAIL's answers as qp ensembles

RAIL's defaults, and settings chosen by the CDE loss of validation galaxies in a stated time. What
fails is a line with its error, not the end of the run.
"""

import logging
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_parquet
from transferz.evaluation.baselines import SAMPLES, TEST_SETS
from transferz.peers.estimators import (
    PEERS,
    SCORED_COLUMNS,
    Estimator,
    processor_seconds,
    read_rows,
    scored,
    trained,
)
from transferz.uncertainty.calibration_sample import calibration_part

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def ask(
    estimator: Estimator, tests: Mapping[str, pd.DataFrame], estimate: str, folder: str | Path
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the scored answers for all test sets, which are written too, and what they cost."""
    begin = processor_seconds()
    answers = {name: estimator.estimate(test) for name, test in tests.items()}
    seconds = processor_seconds() - begin
    parts = []
    for name, answer in answers.items():
        answer.write_to(str(Path(folder) / f"{estimate}_{name}.hdf5"))
        table = scored(answer, estimator.edges, tests[name])
        parts.append(table.assign(estimate=estimate, dataset=name))
    cost = {"train_seconds": estimator.seconds, "predict_seconds": seconds}
    cost["memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pd.concat(parts), cost | {"n_predicted": sum(map(len, tests.values()))}


def main(
    source: str | Path,
    target: str | Path,
    combo: str | Path,
    scores: str | Path,
    costs: str | Path,
    ensembles: str | Path,
    *,
    peer: str,
    bands: list[str],
    z_max: float,
    z_step: float,
    budget: float,
    test_share: float,
    seed: int,
) -> None:
    """Write scores and costs.

    Parameters
    ----------
    test_share, seed
        See `calibration_part`: estimators get the test galaxies that calibrate no strategy.
    z_max, z_step : float
        Grid of redshifts, from 0.
    budget : float
        Processor seconds for tuning on one sample.
    """
    splits = {"source": source, "target": target, "combo": combo}
    edges = np.linspace(0.0, z_max, round(z_max / z_step) + 1)
    Path(ensembles).mkdir(parents=True, exist_ok=True)
    tests = {name: read_rows(splits[name], "test", bands) for name in TEST_SETS}
    for name, table in tests.items():
        scored_part = calibration_part(table, test_share, seed) == "test"
        tests[name] = table[scored_part].reset_index(drop=True)
    parts, rows = [pd.DataFrame(columns=SCORED_COLUMNS)], []
    for sample in SAMPLES:
        try:
            train, validation = (
                read_rows(splits[sample], split, bands) for split in ("train", "validation")
            )
            for kind, settings, estimator in trained(
                PEERS[peer], train, validation, bands, edges, budget
            ):
                estimate = f"{peer}{kind}-{sample}"
                table, cost = ask(estimator, tests, estimate, ensembles)
                parts.append(table)
                row = {"estimate": estimate, "settings": str(settings), "n_train": len(train)}
                rows.append(row | cost)
                logger.info("%s: %s", estimate, cost)
        except Exception as error:
            # Somebody else's code: what it cannot do is a result too.
            logger.exception("%s stopped", peer)
            found = f"{type(error).__name__}: {error}"[:300]
            rows.append({"estimate": f"{peer}-{sample}", "error": found})
    table = pd.concat(parts[1:] or parts, ignore_index=True)[SCORED_COLUMNS]
    write_parquet(table.astype({"object_id": str}), scores)
    columns = ["estimate", "settings", "n_train", "train_seconds", "predict_seconds"]
    write_csv(pd.DataFrame(rows, columns=[*columns, "n_predicted", "memory_mib", "error"]), costs)


if __name__ == "__main__":
    run(main, snakemake)
