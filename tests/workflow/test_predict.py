"""The targets `predict` and `benchmark_predict`, for a catalogue of identifiers and magnitudes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from .conftest import EVERY_JOB, RESULTS, run_snakemake
from .test_paper import jobs_of_dry_run

BANDS = "grizy"
MISSING, UNSEEN, NOTHING = 3, 5, 8


def test_a_catalogue_without_positions_is_predicted_row_by_row(clone: Callable[[], Path]) -> None:
    folder = clone()
    galaxies = pd.read_parquet(folder / RESULTS / "splits/target.parquet")
    galaxies = galaxies[galaxies["split"] == "test"].iloc[40:0:-1].reset_index(drop=True)
    catalogue = pd.DataFrame({"name": galaxies["object_id"]})
    for band in BANDS:
        catalogue[f"{band}_cmodel_mag"] = galaxies[f"mag_{band}"]
    catalogue.loc[MISSING, "g_cmodel_mag"] = np.nan
    catalogue.loc[UNSEEN, "y_cmodel_mag"] = 99.0
    catalogue.loc[NOTHING, "g_cmodel_mag":] = np.nan
    catalogue.to_csv(folder / "mine.csv", index=False)
    description = {
        "path": "mine.csv",
        "columns": {"object_id": "name"},
        "extra_columns": {"ra": None, "dec": None},
    }
    predict = {"name": "mine", "strategy": "NN-Combo", "benchmark_rows": [50]}
    overlay = {"predict": predict | {"catalogue": description}}
    targets = ("predict", "benchmark_predict")
    output = run_snakemake(folder, *targets, *EVERY_JOB, "--cores", "2", overlay=overlay).stdout
    jobs = {"predict_catalogue": 1, "predict": 1, "benchmark_predict": 1, "total": 3}
    assert jobs_of_dry_run(output) == jobs

    found = pd.read_parquet(folder / RESULTS / "photo_z/mine.parquet")
    assert found["object_id"].tolist() == galaxies["object_id"].tolist()
    assert np.flatnonzero(found["flag_missing_band"]).tolist() == [MISSING, NOTHING]
    assert np.flatnonzero(found["flag_non_detection"]).tolist() == [UNSEEN]
    assert np.flatnonzero(found["z_median"].isna()).tolist() == [NOTHING]
    # Where nothing is lacking, the networks say what they said of the test set.
    tables = (folder / RESULTS / "predictions/NN-Combo").glob("*.parquet")
    tested = pd.concat(pd.read_parquet(path) for path in tables)
    tested = tested[tested["dataset"] == "target"]
    medians = tested.groupby("object_id")["z_pred"].median()
    whole = found.drop(index=[MISSING, UNSEEN, NOTHING])
    np.testing.assert_allclose(
        whole["z_ensemble"], medians[whole["object_id"].to_numpy()], rtol=1e-6
    )

    benchmark = pd.read_csv(folder / RESULTS / "photo_z/benchmark.csv")
    assert benchmark[["rows", "networks"]].to_numpy().tolist() == [[50, 4]]
    assert (benchmark[["rows_per_second", "peak_memory_mb"]] > 0).all(axis=None)
