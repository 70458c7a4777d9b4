"""The archive branch against a server on loopback that serves the tiny embedded survey's files."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from astropy.table import Table

from tests.loopback import Archive, serve

from .conftest import copy_project, run_snakemake

COSMOS = "COSMOS2020_CLASSIC_R1_v2.2_p3.fits.gz"
HSC = "hsc_pdr2_dud.fits"
PARTS = ("training", "validation", "testing")
RELEASE = "results/archive/release"
SPLITS = "results/archive/splits/combo.parquet"


def csv_of(part: str) -> str:
    return f"5x127x127_{part}_with_morphology.csv"


@pytest.fixture(scope="module")
def files(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded survey's files under the names of the archives."""
    made, folder = project / "data" / "test", tmp_path_factory.mktemp("archive")
    content = (made / "COSMOS2020_CLASSIC.fits").read_bytes()
    (folder / COSMOS).write_bytes(gzip.compress(content, 1, mtime=0))
    shutil.copy(made / "hsc_pdr2.fits", folder / HSC)
    for part in PARTS:
        shutil.copy(made / csv_of(part), folder / csv_of(part))
    return folder


@pytest.fixture
def archive(files: Path) -> Iterator[Archive]:
    with serve(files) as running:
        yield running


NAMES = {
    "cosmos2020_classic": COSMOS,
    "hsc_pdr2_dud": HSC,
    **{f"galaxiesml_{part}": csv_of(part) for part in PARTS},
}


def registry(folder: Path, url: str, **checksums: str) -> None:
    """Write a registry that has the server's addresses in place of the archives'."""
    header = ["name", "version", "file", "url", "bytes", "checksum", "licence", "doi", "citation"]
    rows = [
        [name, "1", file, url + file, "-", checksums.get(name, "-"), "-", "-", "-"]
        for name, file in NAMES.items()
    ]
    text = "\n".join("\t".join(row) for row in [header, *rows])
    (folder / "registry.tsv").write_text(f"# of the test\n{text}\n")


def settings(folder: Path, **sections: object) -> None:
    """Write the overlay of a run."""
    download = {"registry": "registry.tsv", "timeout": 5, "wait": 0.05, "retries": 3}
    sections["download"] = {**download, **sections.get("download", {})}
    (folder / "overlay.yaml").write_text(yaml.safe_dump(sections))


def snakemake(
    folder: Path, *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    configuration = ("--configfile", "config/archive.yaml", "overlay.yaml")
    return run_snakemake(folder, *arguments, *configuration, configfile=None, check=check)


def released(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / RELEASE).iterdir())}


@pytest.fixture(scope="module")
def downloaded(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose server was in a bad mood."""
    folder = copy_project(tmp_path_factory.mktemp("downloaded") / "project")
    with serve(files) as archive:
        archive.fail(COSMOS, "status:503", "cut:150000", "garbage", "cut:200000")
        archive.fail(HSC, "later:0", "slow", "cut:300000")
        archive.fail(csv_of("training"), "garbage", "cut:70000")
        registry(folder, archive.url)
        settings(folder)
        snakemake(folder, "--cores", "2", "release", "catalogue_quality", SPLITS)
    return folder


def test_downloads_are_recorded_and_a_second_run_needs_no_server(
    downloaded: Path, files: Path
) -> None:
    lock = json.loads((downloaded / "data/archive/datasets.lock.json").read_text())
    assert set(lock) == set(NAMES)
    for name, file in NAMES.items():
        assert lock[name]["bytes"] == (files / file).stat().st_size
        assert (downloaded / "data/archive" / file).read_bytes() == (files / file).read_bytes()
    finished = snakemake(downloaded, "--cores", "1", "release", SPLITS)
    assert "Nothing to be done" in finished.stdout
    # Removed links come back from what was downloaded.
    (downloaded / "data/archive" / HSC).unlink()
    snakemake(downloaded, "--cores", "1", "release")
    assert not list((downloaded / "data/archive").rglob("*.part"))


def test_real_catalogues_are_not_called_simulated(downloaded: Path) -> None:
    for name in ("README.md", "DATASHEET.md", "croissant.json", "zenodo.json", "CITATION.cff"):
        assert "imulat" not in (downloaded / RELEASE / name).read_text(), name
    for name in ("sky_map", "separations", "magnitude_offsets", "label_uncertainty"):
        assert (downloaded / f"results/archive/figures/{name}.pdf").stat().st_size > 1000


@pytest.mark.parametrize("way", ["download.local", "inputs"])
def test_local_files_give_the_same_release(
    downloaded: Path, files: Path, tmp_path: Path, way: str
) -> None:
    folder = copy_project(tmp_path / "project")
    registry(folder, "http://127.0.0.1:9/")
    if way == "inputs":
        settings(
            folder,
            inputs={
                "cosmos2020": str(files / COSMOS),
                "hsc": str(files / HSC),
                "galaxiesml": {part: str(files / csv_of(part)) for part in PARTS},
            },
        )
    else:
        local = {name: str(files / file) for name, file in NAMES.items()}
        settings(folder, download={"local": local})
    snakemake(folder, "--cores", "2", "release", SPLITS)
    assert released(folder) == released(downloaded)
    assert (folder / SPLITS).read_bytes() == (downloaded / SPLITS).read_bytes()


def test_killed_download_is_resumed_to_the_same_release(
    downloaded: Path, files: Path, archive: Archive, tmp_path: Path
) -> None:
    folder = copy_project(tmp_path / "project")
    archive.fail(HSC, "slow:2")
    registry(folder, archive.url)
    settings(folder, download={"timeout": 30})
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "release", "--configfile"]
    process = subprocess.Popen(
        [*command, "config/archive.yaml", "overlay.yaml"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    partial = folder / "data/archive/downloads/hsc_pdr2_dud-1" / f"{HSC}.part"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if partial.is_file() and partial.stat().st_size > 100_000:
            break
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = partial.stat().st_size
    assert 0 < kept < (files / HSC).stat().st_size
    assert not (folder / "data/archive" / HSC).exists()
    snakemake(folder, "--unlock")
    snakemake(folder, "--cores", "2", "release")
    assert f"bytes={kept}-" in archive.asked(HSC)
    assert released(folder) == released(downloaded)


def test_wrong_checksum_stops_the_run(archive: Archive, tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    registry(folder, archive.url, hsc_pdr2_dud="sha256:" + "0" * 64)
    settings(folder)
    finished = snakemake(folder, "--cores", "2", "--retries", "0", "release", check=False)
    assert finished.returncode
    assert "wrong checksum; found sha256:" in finished.stdout
    assert "expected sha256:" + "0" * 64 in finished.stdout
    assert not (folder / "data/archive" / HSC).exists()
    assert not (folder / "results/archive/transferz/matched.parquet").exists()


def test_dry_run_needs_no_network_and_no_account(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    (folder / "overlay.yaml").write_text("{}\n")
    finished = snakemake(folder, "--cores", "1", "--dry-run", "release")
    assert "query_hsc" in finished.stdout
    assert "hsc_pdr2_dud.fits" in finished.stdout
    finished = snakemake(
        folder, "--cores", "1", "data/archive/hsc_pdr2_dud.fits", "--retries", "0", check=False
    )
    assert "HSC_SSP_CAS_PASSWORD not set; paste workflow/sql/hsc_pdr2_dud.sql" in finished.stdout
    settings(folder, download={"registry": None, "local": {"hsc": "x.fits"}})
    finished = snakemake(folder, "--cores", "1", "--dry-run", "release", check=False)
    assert "download.local: unknown data sets hsc; known: cosmos2020_classic" in finished.stdout


def test_farmer_and_pdr3_are_a_matter_of_configuration(
    downloaded: Path, files: Path, tmp_path: Path
) -> None:
    folder = copy_project(tmp_path / "project")
    cosmos = Table.read(files / COSMOS, hdu=1)
    for band in "grizy":
        cosmos.rename_column(f"HSC_{band}_MAG_AUTO", f"HSC_{band}_MAG")
    cosmos["MODEL_FLAG"] = 0
    cosmos.write(tmp_path / "farmer.fits")
    hsc = Table.read(files / HSC, hdu=1)
    for band in "grizy":
        hsc.rename_column(f"{band}_cmodel_magsigma", f"{band}_cmodel_magerr")
    hsc.write(tmp_path / "pdr3.fits")
    registry(folder, "http://127.0.0.1:9/")
    settings(
        folder,
        catalogues={"cosmos2020": "FARMER", "hsc": "pdr3"},
        inputs={"cosmos2020": str(tmp_path / "farmer.fits"), "hsc": str(tmp_path / "pdr3.fits")},
        release={"published": {"path": str(downloaded / RELEASE / "TransferZ.fits")}},
    )
    snakemake(folder, "--cores", "2", "release")
    ours, theirs = (
        pd.read_parquet(run / RELEASE / "TransferZ.parquet") for run in (folder, downloaded)
    )
    pd.testing.assert_frame_equal(ours, theirs)
    sheet = (folder / RELEASE / "DATASHEET.md").read_text()
    assert "COSMOS2020 FARMER" in sheet
    assert "HSC-SSP PDR3" in sheet
    report = (folder / "results/archive/release_comparison/comparison.md").read_text()
    assert f"| published | {len(ours)} | {len(ours)} | 0 |" in report
    assert "0 (0.00%) have another label" in report
    # The wrong version for a file is an error that names the column.
    settings(
        folder,
        catalogues={"cosmos2020": "CLASSIC", "hsc": "pdr2"},
        inputs={"cosmos2020": str(files / COSMOS), "hsc": str(tmp_path / "pdr3.fits")},
    )
    finished = snakemake(folder, "--cores", "1", "release", check=False)
    assert "g_cmodel_magsigma" in finished.stdout
    assert "did you mean" in finished.stdout
