"""What the distributions of a strategy with classes of redshift are worth, seed by seed.

Inputs
    models : models/{strategy}/seeds-{first}-{last}.npz, all chunks
    source, target : splits/{dataset}.parquet
    truth : truth.parquet of the simulation; embedded survey only

Outputs
    scores : strategy, seed, dataset, judged_by, n and `uncertainty.scores.mean_scores`, of the
        networks' own distributions
    pit : dataset, judged_by, low, high, n, strategy: histogram of the probability integral
        transform of all seeds together

Scores are over all test galaxies, whatever their redshift: calibrated distributions have their
nominal coverage for galaxies as they come, not for galaxies selected by their true redshift.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv
from transferz.evaluation.judges import redshifts_by_judge
from transferz.networks.architecture import build_network
from transferz.networks.features import REDSHIFT, feature_matrix, select_split, target_vector
from transferz.networks.model_files import read_models
from transferz.networks.prediction import Predictor
from transferz.networks.tensorflow import configure_tensorflow, keras
from transferz.uncertainty.scores import PIT_BINS, SCORES, WIDTH, mean_scores, score_galaxies

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

COLUMNS = ["strategy", "seed", "dataset", "judged_by", "n", *SCORES, WIDTH]


def galaxies_to_judge(
    dataset: str, path: str | Path, columns: Sequence[str], truth: str | Path | None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return inputs of the test galaxies of a data set, and their redshifts by who judges."""
    table = read_parquet(path, ["object_id", *columns, REDSHIFT, "split"])
    rows = select_split(table, "test", file=path)
    z = target_vector(rows, file=path)[:, 0].astype(np.float64)
    judges = redshifts_by_judge(dataset, rows["object_id"], z, truth)
    return feature_matrix(rows, columns, file=path), judges


def main(
    models: Sequence[str | Path],
    source: str | Path,
    target: str | Path,
    truth: str | Path | None,
    scores: str | Path,
    pit: str | Path,
    *,
    strategy: str,
    threads: int,
) -> None:
    """Write scores and histograms; an `InputError` if the networks have no classes of redshift."""
    configure_tensorflow(threads)
    splits = {"source": source, "target": target}
    rows, counts, tests = [], {}, {}
    for path in models:
        contents = read_models(path)
        classes = contents.architecture.classes
        if classes is None:
            raise InputError("the networks give no distribution", file=path, key=strategy)
        for dataset in () if tests else splits:
            columns = contents.scaler.columns
            tests[dataset] = galaxies_to_judge(dataset, splits[dataset], columns, truth)
        whole = build_network(contents.architecture, contents.scaler)
        predict = Predictor(keras.Model(whole.inputs, whole.get_layer("probability").output))
        for seed, weights in sorted(contents.weights.items()):
            whole.set_weights(weights)
            for dataset, (values, judges) in tests.items():
                probability = predict(values)
                for judge, z in judges.items():
                    galaxies = score_galaxies(probability, classes.edges, z)
                    key = (strategy, seed, dataset, judge, len(galaxies))
                    rows.append(dict(zip(COLUMNS, key, strict=False)) | mean_scores(galaxies))
                    found = np.histogram(galaxies["pit"], PIT_BINS, (0.0, 1.0))[0]
                    counts[dataset, judge] = counts.get((dataset, judge), 0) + found
        logger.info("%s: %d networks scored", path, len(contents.weights))
    edges = np.linspace(0.0, 1.0, PIT_BINS + 1)
    histograms = [
        pd.DataFrame(
            {"dataset": dataset, "judged_by": judge, "low": edges[:-1], "high": edges[1:], "n": n}
        )
        for (dataset, judge), n in counts.items()
    ]
    write_csv(pd.DataFrame(rows, columns=COLUMNS), scores)
    write_csv(pd.concat(histograms).assign(strategy=strategy), pit)


if __name__ == "__main__":
    run(main, snakemake)
