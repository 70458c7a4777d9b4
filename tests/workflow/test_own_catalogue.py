"""From an empty folder with one foreign CSV to redshifts with intervals and a figure of merit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

from tests.small_run import galaxies

from .conftest import ROOT

BANDS = ("g", "r", "i", "z", "y")
# Short, and too small for science.
TINY = {"seeds": {"count": 2}, "training": {"max_epochs": 3, "patience": 2}}


def run(folder: Path, *words: str) -> str:
    """Run a module of Python in a folder; return what it says on standard output."""
    paths = os.pathsep.join([str(ROOT / "workflow"), os.environ.get("PYTHONPATH", "")])
    finished = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
    return finished.stdout


def test_four_commands_from_a_foreign_csv(tmp_path: Path) -> None:
    table = galaxies(900, 1, BANDS)
    mine = pd.DataFrame({f"{band.upper()}mag": table[f"mag_{band}"] for band in BANDS})
    mine = mine.assign(GalID=table["object_id"], RAJ2000=10.0, DEJ2000=0.5, Qual=4)
    mine.assign(zspec=table["redshift"]).to_csv(tmp_path / "mine.csv", index=False)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))

    snakefile = str(ROOT / "Snakefile")
    assert snakefile in run(tmp_path, "transferz", "init", "mine.csv")
    words = ["--cores", "2", "--snakefile", snakefile, "--configfile", "mine.yaml", "tiny.yaml"]
    run(tmp_path, "snakemake", *words)
    words = ["mine.csv", "--networks", "results", "--output", "photo_z.csv"]
    run(tmp_path, "transferz", "predict", *words)
    words = ["photo_z.csv", "--truth", "mine.csv", "--redshift", "zspec", "--output", "merit.json"]
    run(tmp_path, "transferz", "evaluate", *words)

    found = pd.read_csv(tmp_path / "photo_z.csv")
    assert found["object_id"].tolist() == table["object_id"].tolist()
    assert (found["z_low68"] < found["z_high68"]).all()
    merit = json.loads((tmp_path / "merit.json").read_text())
    assert merit["n"] == 900
    assert 0.5 < merit["coverage_68"] < 0.85
    trained = json.loads(json.loads((tmp_path / "photo_z.csv.json").read_text())["trained_on"])
    assert trained["source"] == "mine (spec_z)"
    # On held-back galaxies.
    assert "| NN-Base" in (tmp_path / "results/tables/table1.md").read_text()
    assert (tmp_path / "results/figures/figure2.png").is_file()
    told = run(tmp_path, "transferz", "info", "results")
    assert re.search(r"scatter_mad.*coverage_68", told)
    assert re.search(r"^source +NN-Base +0\.\d{4} ", told, re.MULTILINE)
