"""Catalogues of many files: which they are, and that their answers are those of one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from tests.small_run import galaxies, small_run

from transferz.catalogues.partitions import is_dataset, partitions
from transferz.catalogues.writers import TableWriter
from transferz.core.errors import InputError
from transferz.photo_z.catalogue import predict_catalogue

DESCRIPTION = {"columns": {"object_id": "object_id", "mag": "mag_{band}"}}


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_file_is_no_dataset_whether_it_is_there_or_not(tmp_path):
    assert not is_dataset("<resources>/mine.csv")
    assert is_dataset(str(tmp_path))
    assert is_dataset("*.csv")
    assert is_dataset(["a.csv"])
    assert partitions("<resources>/mine.csv.gz") == {"mine": "<resources>/mine.csv.gz"}


def test_partitions_are_named_after_their_files(tmp_path):
    hive = [tmp_path / f"hive/year={year}/part-0.parquet" for year in (2024, 2025)]
    touch(*hive, tmp_path / "hive/_metadata.parquet", tmp_path / "hive/_old/a.parquet")
    found = {f"year={path.parent.name[5:]}/part-0": str(path) for path in hive}
    assert partitions(str(tmp_path / "hive")) == found
    assert partitions(str(tmp_path / "hive/year=*/*.parquet")) == found
    assert partitions([str(path) for path in hive]) == found
    assert partitions([str(hive[0])]) == {"part-0": str(hive[0])}


def test_of_a_hats_catalogue_the_partitions_count(tmp_path):
    parts = [tmp_path / f"dataset/Norder=1/Dir=0/Npix={k}" for k in (44, 45)]
    touch(parts[0].with_suffix(".parquet"), parts[1] / "0.parquet")
    touch(tmp_path / "hats.properties", tmp_path / "dataset/data_thumbnail.parquet")
    names = ["dataset/Norder=1/Dir=0/Npix=44", "dataset/Norder=1/Dir=0/Npix=45/0"]
    assert list(partitions(str(tmp_path))) == names
    touch(tmp_path / "collection.properties")
    with pytest.raises(InputError, match="hats_primary_table_url"):
        partitions(str(tmp_path))


def test_what_cannot_be_answered_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no file of this catalogue.*files that match"):
        partitions(str(tmp_path / "*.csv"))
    with pytest.raises(InputError, match="Parquet files in it"):
        partitions(str(tmp_path))
    touch(tmp_path / "a.csv", tmp_path / "a.csv.gz")
    with pytest.raises(InputError, match=r"a\.csv as well"):
        partitions(str(tmp_path / "a.*"))


def test_eight_partitions_give_the_rows_and_bytes_of_one_file(tmp_path):
    results = small_run(tmp_path)
    models = sorted((results / "models/NN-Combo").glob("*.npz"))
    sample = results / "calibration/NN-Combo/target.npz"
    options = {"strategy": "NN-Combo", "seeds": [0, 1], "chunk_rows": 4096, "threads": 1}
    options["description"] = DESCRIPTION
    table = galaxies(9000, 9)
    # Pieces of other lengths than the blocks in which networks predict.
    table["field"] = np.arange(9000) // 1125
    table.drop(columns="field").to_parquet(tmp_path / "one.parquet")
    table.to_parquet(tmp_path / "many", partition_cols=["field"])
    predict_catalogue(tmp_path / "one.parquet", models, sample, tmp_path / "whole", **options)
    files = partitions(str(tmp_path / "many"))
    assert len(files) == 8
    for name, file in files.items():
        predict_catalogue(file, models, sample, tmp_path / f"answer/{name}.parquet", **options)
    answer = ds.dataset(tmp_path / "answer", partitioning="hive").to_table()
    assert answer.column("field").to_pylist() == table["field"].tolist()
    metadata = pq.read_schema(tmp_path / "whole").metadata
    with TableWriter(tmp_path / "joined", metadata) as output:
        output.write(answer.drop_columns("field").to_pandas())
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "joined"), pd.read_parquet(tmp_path / "whole")
    )
    assert (tmp_path / "joined").read_bytes() == (tmp_path / "whole").read_bytes()


def test_rows_of_two_partitions_never_have_the_same_identifier(tmp_path):
    results = small_run(tmp_path)
    models = sorted((results / "models/NN-Combo").glob("*.npz"))
    sample = results / "calibration/NN-Combo/target.npz"
    options = {"strategy": "NN-Combo", "seeds": [0], "chunk_rows": 1024, "threads": 1}
    options["description"] = {"columns": {"mag": "mag_{band}"}}
    found = []
    for year in (2024, 2025):
        path = tmp_path / f"survey/year={year}/a.parquet"
        path.parent.mkdir(parents=True)
        galaxies(1500, year).to_parquet(path)
    for name, file in partitions(str(tmp_path / "survey")).items():
        answer = tmp_path / f"answer/{name}.parquet"
        predict_catalogue(
            file, models, sample, answer, answer.with_suffix(".hdf5"), partition=name, **options
        )
        found += pd.read_parquet(answer)["object_id"].tolist()
    assert found == [f"year={year}/a:{row}" for year in (2024, 2025) for row in range(1500)]
