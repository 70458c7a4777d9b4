"""How well the index finds the nearest vectors, and how well their distance flags other objects.

Inputs
    models, sample : as of index_neighbours
    vectors : its outputs
    source, target : splits/{role}.parquet
    matched, truth : of the embedded survey, with what every object is; else nothing

Outputs
    flags : population, n, and for each flag (vectors; colours, flag_out_of_distribution) the area
        under the ROC curve against test galaxies of the data sets trained on (0.5: chance) and the
        share beyond the limit
    recalls : neighbours asked for, share of the truly nearest that are found
    distances : population, distance by each flag; of test galaxies also z_true and z_pred (median
        of the networks), and the median, 16% and 84% of the ten nearest training redshifts
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from transferz.api import Neighbours, PhotoZ
from transferz.catalogues.cuts import apply_cuts, correct_photometry
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_parquet
from transferz.networks.ensemble import Ensemble
from transferz.networks.features import REDSHIFT
from transferz.networks.tensorflow import configure_tensorflow
from transferz.networks.vectors import TrainingVectors, recall
from transferz.uncertainty.calibration_sample import CalibrationSample, calibration_part

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Galaxies of a population, at most: evenly spaced rows.
MOST = 4000
NEIGHBOURS = (1, 5, 10, 50)
SHALLOWER = 1.0
NOISE_SEED = 21
FAINT_LIMIT = 25.0
OUTLIER = 0.15
FLAGS = ("vectors", "colours")


def shallower(table: pd.DataFrame, bands: Sequence[str], seed: int) -> pd.DataFrame:
    """Return galaxies as a survey `SHALLOWER` magnitudes less deep would measure them.

    The errors of all fluxes grow by 10^(0.4 SHALLOWER); the noise is Gaussian. Galaxies whose flux
    is then negative in a band are left out.
    """
    generator = np.random.default_rng([NOISE_SEED, seed])
    more = np.sqrt(10 ** (0.8 * SHALLOWER) - 1.0)
    result = table.copy()
    for band in bands:
        error = table[f"mag_err_{band}"] * np.log(10.0) / 2.5
        ratio = 1.0 + more * error * generator.standard_normal(len(table))
        result[f"mag_{band}"] = table[f"mag_{band}"] - 2.5 * np.log10(ratio.where(ratio > 0))
        result[f"mag_err_{band}"] = table[f"mag_err_{band}"] * np.hypot(1, more) / ratio
    return result[np.isfinite(result[[f"mag_{band}" for band in bands]]).all(axis=1)]


def other_objects(
    matched: str | Path,
    truth: str | Path,
    bands: Sequence[str],
    photometry: Mapping,
    cuts: Mapping[str, Mapping | None],
) -> dict[str, pd.DataFrame]:
    """Return stars, quasars and faint galaxies of the embedded survey with good photometry."""
    table = correct_photometry(read_parquet(matched), bands, **photometry)
    table, _ = apply_cuts(table, cuts, bands, file=matched)
    known = read_parquet(truth, ["object_id", "type", "file"])
    known = known[known["file"] == "hsc"].set_index("object_id")["type"]
    kind = table["object_id"].map(known)
    galaxy = kind.isin(["blue", "red"])
    faint = table[f"mag_{bands[len(bands) // 2]}"] > FAINT_LIMIT
    return {
        "stars": table[kind == "star"],
        "quasars": table[kind == "quasar"],
        f"galaxies fainter than {FAINT_LIMIT:g}": table[galaxy & faint],
    }


def flag_table(distances: pd.DataFrame, limits: Mapping[str, float]) -> pd.DataFrame:
    """Compare every population with the test galaxies, and outliers among those with the rest."""
    test = distances[distances["population"].str.startswith("test")]
    off = np.abs(test["z_pred"] - test["z_true"]) > OUTLIER * (1 + test["z_true"])
    pairs = {"photo-z outliers among them": (test[off], test[~off])}
    others = distances.drop(test.index).groupby("population", sort=False)
    pairs |= {name: (rows, test) for name, rows in others}
    records = [{"population": "test galaxies", "n": len(test)}]
    records[0] |= {f"beyond_{name}": float((test[name] > limits[name]).mean()) for name in FLAGS}
    for name, (rows, rest) in pairs.items():
        record = {"population": name, "n": len(rows)}
        for flag in FLAGS:
            if len(rows) and len(rest):
                above = mannwhitneyu(rows[flag], rest[flag]).statistic
                record[f"auc_{flag}"] = above / len(rows) / len(rest)
                record[f"beyond_{flag}"] = float((rows[flag] > limits[flag]).mean())
        records.append(record)
    columns = [f"{what}_{flag}" for what in ("auc", "beyond") for flag in FLAGS]
    return pd.DataFrame(records).reindex(columns=["population", "n", *columns])


def measured(name: str, table: pd.DataFrame, finder: Neighbours) -> tuple[pd.DataFrame, np.ndarray]:
    """Return distances and redshifts of a population, and its vectors."""
    estimator, training = finder.photo_z, finder.training
    table = table.iloc[:: -(-len(table) // MOST) or 1]
    values = table[list(estimator.columns)].to_numpy(np.float64)
    vectors = training.space.of(estimator.ensemble, values)
    result = pd.DataFrame({"population": name, "vectors": training.distance(vectors)})
    result["colours"] = estimator.sample.space.distance(values)
    if name.startswith("test"):
        near = training.neighbours_of(vectors, min(10, len(training.galaxies)))
        redshifts = near["neighbour_redshift"].to_numpy().reshape(len(table), -1)
        result["z_true"] = table[REDSHIFT].to_numpy(np.float64)
        result["z_pred"] = estimator.ensemble.estimate(values.astype(np.float32))[0]
        for column, level in {"z_low": 0.16, "z_median": 0.5, "z_high": 0.84}.items():
            result[column] = np.quantile(redshifts, level, axis=1)
    return result, vectors


def main(
    models: Sequence[str | Path],
    sample: str | Path,
    vectors: Sequence[str | Path],
    flags: str | Path,
    recalls: str | Path,
    distances: str | Path,
    *,
    source: str | Path | None = None,
    target: str | Path | None = None,
    matched: str | Path | None = None,
    truth: str | Path | None = None,
    bands: Sequence[str],
    photometry: Mapping,
    cuts: Mapping[str, Mapping | None],
    test_share: float,
    calibration_seed: int,
    threads: int,
) -> None:
    """Write the three tables; `test_share` and `calibration_seed` as of `calibration_part`."""
    configure_tensorflow(threads)
    training = TrainingVectors.load(Path(vectors[0]).parent)
    ensemble = Ensemble.load(models, training.space.seeds.tolist())
    finder = Neighbours(PhotoZ(ensemble, CalibrationSample.load(sample)), training)
    populations = {}
    for role, path in {"target": target, "source": source}.items():
        if path:
            table = read_parquet(path)
            part = calibration_part(table, test_share, calibration_seed)
            known = role in set(training.galaxies["dataset"])
            name, table = f"test {role}" if known else f"all {role}", table[part == "test"]
            populations[name] = table
            if known and {f"mag_err_{band}" for band in bands} <= set(table):
                shallow = shallower(table, bands, calibration_seed)
                populations[f"{role}, {SHALLOWER:g} mag shallower"] = shallow
    if truth:
        populations |= other_objects(matched, truth, bands, photometry, cuts)
    found = {
        name: measured(name, table, finder) for name, table in populations.items() if len(table)
    }
    whole = pd.concat([table for table, _ in found.values()], ignore_index=True)
    limits = {"vectors": training.limit, "colours": finder.photo_z.sample.space.limit}
    write_csv(flag_table(whole, limits), flags)
    tested = np.concatenate([rows for name, (_, rows) in found.items() if name.startswith("test")])
    numbers = [number for number in NEIGHBOURS if number <= len(training.galaxies)]
    shares = recall(training.index, tested, numbers)
    write_csv(pd.DataFrame({"neighbours": shares.keys(), "recall": shares.values()}), recalls)
    write_parquet(whole, distances)
    logger.info("%d objects of %d populations", len(whole), len(found))


if __name__ == "__main__":
    run(main, snakemake)
