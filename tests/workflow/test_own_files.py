"""Files that users bring: known by what they are, not by being newer than what was made of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from tests.small_run import galaxies

from .conftest import copy_project, run_snakemake
from .test_paper import jobs_of_dry_run

SOURCE, TARGET = (f"results/custom/catalogues/{role}.parquet" for role in ("source", "target"))
DAY = 86400
COLUMNS = {
    "object_id": "object_id",
    "redshift": "redshift",
    "mag": "mag_{band}",
    "mag_err": "err_{band}",
}
OVERLAY = {
    "survey": "custom",
    "bands": ["g", "r", "i"],
    "pathvars": {"results": "results/custom"},
    "splits": {"method": {"source": "object", "target": "object"}},
    "custom": {
        role: {"path": path, "truth": truth, "source": role, "columns": COLUMNS, "cuts": {}}
        for role, path, truth in (
            ("source", "parts/*.parquet", "photo_z"),
            ("target", "target.csv", "spec_z"),
        )
    },
}


def write(path: Path, seed: int, rows: int, date: float | None = None) -> None:
    """Write galaxies, by default a day ago."""
    path.parent.mkdir(exist_ok=True)
    table = galaxies(rows, seed).assign(err_g=0.1, err_r=0.1, err_i=0.1)
    table["object_id"] = np.arange(rows) + seed * 10**6
    if path.suffix == ".csv":
        table.round(6).to_csv(path, index=False)
    else:
        table.to_parquet(path)
    os.utime(path, (path.stat().st_mtime - DAY if date is None else date,) * 2)


def run(folder: Path, *arguments: str, check: bool = True) -> str:
    options = {"configfile": None, "overlay": OVERLAY, "check": check}
    return run_snakemake(folder, *arguments, **options).stdout


def test_a_file_replaced_by_an_older_one_is_read_again(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")

    def jobs() -> int:
        planned = run(folder, "-n", SOURCE, TARGET)
        found = jobs_of_dry_run(planned).get("read_custom", 0)
        assert found == 1 or "Nothing to be done" in planned
        return found

    first, second = folder / "parts/a.parquet", folder / "parts/b.parquet"
    target = folder / "target.csv"
    # Above and below the size to which bytes are compared.
    rows = {first: 30000, second: 100, target: 100}
    for seed, path in enumerate(rows):
        write(path, seed, rows[path])
    assert first.stat().st_size > 10**6
    run(folder, "--cores", "1", SOURCE, TARGET)
    assert len(pd.read_parquet(folder / SOURCE)) == 30100
    assert jobs() == 0
    for path in (first, target):
        kept, date = path.read_bytes(), path.stat().st_mtime_ns
        write(path, 4, rows[path], date / 1e9 - DAY)
        assert jobs() == 1, path
        path.write_bytes(kept)
        os.utime(path, ns=(date,) * 2)
    # The same bytes at another date.
    os.utime(target)
    assert jobs() == 0
    second.unlink()
    assert jobs() == 1


def test_an_error_is_printed_once_and_last(tmp_path: Path) -> None:
    """Also of a script that stops at an import, when no log is open yet."""
    folder = copy_project(tmp_path / "project")
    write(folder / "parts/a.parquet", 1, 100)
    (folder / "target.csv").write_text("redshift\n1.0\n")

    def failure() -> tuple[str, str]:
        text = run(folder, "--cores", "1", TARGET, check=False)
        (last,) = re.findall(r"^failed: logs/read_custom/target.log: (.*)", text, re.MULTILINE)
        return last, text

    last, text = failure()
    assert re.match("target.csv: .*: 7 missing columns; found 1 columns: redshift", last)
    assert text.count("missing columns") == 1
    # The log of this run is there still.
    script = folder / "workflow/scripts/survey/read_custom.py"
    script.write_text(script.read_text().replace("import logging", "import no_such_module", 1))
    assert failure()[0] == "ModuleNotFoundError: No module named 'no_such_module'"
    script.write_text("import os\nif __name__ == '__main__':\n    os._exit(9)\n")
    assert failure()[0] == "ended without a message: killed, or out of memory"
