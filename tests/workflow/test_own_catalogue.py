"""From an empty folder with foreign files to redshifts with intervals and a figure of merit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from astropy.table import Table

from tests.small_run import galaxies

from .conftest import ROOT

BANDS = ("g", "r", "i", "z", "y")
# Short, and too small for science.
COLOURS = {
    "train_on": "combo",
    "seeds": 2,
    "inputs": ["mag_{band} - mag_{next}", "mag_{band}"],
    "head": {"bins": 100, "z_max": 6, "cross_entropy": 1},
}
TINY = {"seeds": {"count": 2}, "training": {"max_epochs": 3}}
WITH_ENSEMBLE = {"ensembles": {"NN-Colours": COLOURS}}
# In half the time.
ALONE = {"ensembles": {"NN-Colours": None}, "predict": {"strategy": "NN-Base"}}
ASINH = {
    "network": {"inputs": ["asinh_{band}", "asinh_err_{band}"]},
    "softening": dict.fromkeys(BANDS, 26.0),
}
N = 900


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


def write_csv(folder: Path) -> str:
    """Ten columns of magnitudes without errors, under a foreign header."""
    table = galaxies(N, 1, BANDS)
    mine = pd.DataFrame({f"{band.upper()}mag": table[f"mag_{band}"] for band in BANDS})
    mine = mine.assign(GalID=table["object_id"], RAJ2000=10.0, DEJ2000=0.5, Qual=4)
    mine.assign(zspec=table["redshift"]).to_csv(folder / "mine.csv", index=False)
    return "mine.csv"


def fluxes(seed: int) -> pd.DataFrame:
    """Fluxes in nJy with errors; identifiers and redshifts."""
    table = galaxies(N, seed, BANDS)
    columns = {}
    for band in BANDS:
        flux = 3.631e12 * 10 ** (-0.4 * table[f"mag_{band}"])
        columns |= {f"{band}_cModelFlux": flux, f"{band}_cModelFluxErr": 0.02 * flux}
    return pd.DataFrame(columns).assign(
        objectId=table["object_id"], redshift_true=table["redshift"]
    )


def write_fits(folder: Path) -> str:
    """One FITS table whose header states nJy."""
    table = Table.from_pandas(fluxes(1))
    for name in table.colnames[: 2 * len(BANDS)]:
        table[name].unit = "nJy"
    table.write(folder / "deep.fits")
    return "deep.fits"


def write_dataset(folder: Path) -> str:
    """Eight Parquet files of one catalogue, in folders by year; the unit is in the names."""
    table = fluxes(2).rename(columns=lambda name: name.replace("_cModelFlux", "_flux_nJy"))
    for part, rows in enumerate(np.array_split(np.arange(N), 8)):
        path = folder / "survey" / f"year={2020 + part % 2}" / f"part-{part}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.iloc[rows].to_parquet(path, index=False)
    return "survey"


def workflow_words(configuration: str) -> list[str]:
    """Arguments of Snakemake, for a folder that is not the project's."""
    files = [configuration, "tiny.yaml"]
    return ["--cores", "2", "--snakefile", str(ROOT / "Snakefile"), "--configfile", *files]


def journey(folder: Path, catalogue: str, redshift: str, overlay: dict) -> pd.DataFrame:
    """Four commands from a catalogue to its photo-z's, returned, and their figures of merit."""
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY | overlay))
    name = f"{Path(catalogue).stem}.yaml"
    assert str(ROOT / "Snakefile") in run(folder, "transferz", "init", catalogue)
    run(folder, "snakemake", *workflow_words(name))
    words = [catalogue, "--networks", "results", "--output", "photo_z.csv"]
    run(folder, "transferz", "predict", *words)
    words = ["photo_z.csv", "--truth", catalogue, "--redshift", redshift, "--output", "merit.json"]
    run(folder, "transferz", "evaluate", *words)

    found = pd.read_csv(folder / "photo_z.csv")
    assert (found["z_low68"] < found["z_high68"]).all()
    merit = json.loads((folder / "merit.json").read_text())
    assert merit["n"] == N
    assert 0.5 < merit["coverage_68"] < 0.85
    return found


def test_four_commands_from_a_foreign_csv_alone(tmp_path: Path) -> None:
    found = journey(tmp_path, write_csv(tmp_path), "zspec", WITH_ENSEMBLE)
    assert found["object_id"].tolist() == galaxies(N, 1, BANDS)["object_id"].tolist()
    trained = json.loads(json.loads((tmp_path / "photo_z.csv.json").read_text())["trained_on"])
    assert trained["source"] == "mine (spec_z)"
    # On held-back galaxies.
    assert "| NN-Base" in (tmp_path / "results/tables/table1.md").read_text()
    assert (tmp_path / "results/figures/figure2.png").is_file()
    told = run(tmp_path, "transferz", "info", "results")
    assert re.search(r"scatter_mad.*coverage_68", told)
    assert re.search(r"^source +NN-Base +0\.\d{4} ", told, re.MULTILINE)
    run(tmp_path, "snakemake", "audit", *workflow_words("mine.yaml"))
    page = (tmp_path / "results/audit.md").read_text()
    assert "**Signed off on 2" in page
    assert re.search(r"\| NN-Colours/seeds-000-001.npz +\| all weights finite +\|", page)
    run(tmp_path, "snakemake", "status", *workflow_words("mine.yaml"))
    state = (tmp_path / "results/logs/status.log").read_text()
    assert re.search(r"ensembles +1 of 1$", state, re.MULTILINE)
    assert "missing" not in state


def test_four_commands_from_fits_in_nanojansky(tmp_path: Path) -> None:
    found = journey(tmp_path, write_fits(tmp_path), "redshift_true", ALONE)
    assert found["object_id"].tolist() == galaxies(N, 1, BANDS)["object_id"].tolist()


def test_four_commands_from_a_dataset_of_eight_files(tmp_path: Path) -> None:
    found = journey(tmp_path, write_dataset(tmp_path), "redshift_true", ALONE)
    assert sorted(found["object_id"]) == galaxies(N, 2, BANDS)["object_id"].tolist()


@pytest.mark.long
def test_non_detections_are_trained_on_and_predicted(tmp_path: Path) -> None:
    table = fluxes(3)
    noise = np.random.default_rng(1).normal(0.0, 3.631e12 * 10 ** (-0.4 * 26), (N, len(BANDS)))
    for number, band in enumerate(BANDS):
        name = f"{band}_cModelFlux"
        # Four magnitudes fainter.
        table[name] = 0.025 * table[name] + noise[:, number]
        table[f"{name}Err"] = noise.std()
    unseen = (table["g_cModelFlux"] < 0).sum()
    assert unseen > 50
    table = table.rename(columns=lambda name: name.replace("cModelFlux", "flux_nJy"))
    table.to_parquet(tmp_path / "deep.parquet")
    found = journey(tmp_path, "deep.parquet", "redshift_true", ALONE | ASINH)
    assert not found.filter(like="flag_non_detection").any(axis=None)
    splits = pd.read_parquet(tmp_path / "results/splits/source.parquet")
    assert len(splits) == N
    assert splits["mag_g"].isna().sum() == unseen
