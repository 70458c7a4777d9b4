"""Files that users bring: known by what they are, not by being newer than what was made of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from tests.small_run import galaxies

from .conftest import copy_project, run_snakemake
from .test_paper import jobs_of_dry_run

TARGET = "results/custom/catalogues/source.parquet"
DAY = 86400


def described(path: str, truth: str) -> dict:
    columns = {"object_id": "object_id", "redshift": "redshift"}
    columns |= {"mag": "mag_{band}", "mag_err": "err_{band}"}
    return {"path": path, "truth": truth, "source": truth, "columns": columns, "cuts": {}}


def test_a_file_replaced_by_an_older_one_is_read_again(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    custom = {
        "source": described("parts/*.parquet", "photo_z"),
        "target": described("target.csv", "spec_z"),
    }
    overlay = {
        "survey": "custom",
        "bands": ["g", "r", "i"],
        "pathvars": {"results": "results/custom"},
        "splits": {"method": {"source": "object", "target": "object"}},
        "custom": custom,
    }
    (folder / "parts").mkdir()

    def write(path: Path, seed: int, rows: int) -> None:
        table = galaxies(rows, seed).assign(err_g=0.1, err_r=0.1, err_i=0.1)
        table["object_id"] = np.arange(rows) + seed * 10**6
        if path.suffix == ".csv":
            table.round(6).to_csv(path, index=False)
        else:
            table.to_parquet(path)
        os.utime(path, (path.stat().st_mtime - DAY,) * 2)

    def jobs() -> int:
        planned = run_snakemake(folder, "-n", TARGET, configfile=None, overlay=overlay).stdout
        assert "Nothing to be done" in planned or jobs_of_dry_run(planned)["read_custom"] == 1
        return jobs_of_dry_run(planned).get("read_custom", 0)

    first, second = folder / "parts/a.parquet", folder / "parts/b.parquet"
    target = folder / "target.csv"
    # Above and below the size to which bytes are compared.
    write(first, 1, 30000)
    write(second, 2, 100)
    write(target, 3, 100)
    assert first.stat().st_size > 10**6
    run_snakemake(folder, "--cores", "1", TARGET, configfile=None, overlay=overlay)
    assert len(pd.read_parquet(folder / TARGET)) == 30100
    assert jobs() == 0
    for path in (first, second, target):
        kept, date = path.read_bytes(), path.stat().st_mtime_ns
        write(path, 4, len(pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)))
        os.utime(path, ns=(date - DAY * 10**9,) * 2)
        assert jobs() == 1, path
        path.write_bytes(kept)
        os.utime(path, ns=(date,) * 2)
        assert jobs() == 0, path
    # The same bytes at another date.
    os.utime(target)
    assert jobs() == 0
    second.unlink()
    assert jobs() == 1
