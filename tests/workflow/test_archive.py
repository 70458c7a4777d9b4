"""The archive branch against archives on loopback, filled by the tiny embedded survey.

The short form of the rehearsal (`make rehearse`), which goes on to Figure 3.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from astropy.table import Table

from tests.loopback import Archive, serve
from tests.rehearsal.archives import ACCOUNT, API, PARTS, fill, overlay, path_of, registry

from .conftest import copy_project, run_snakemake

RELEASE = "results/archive/release"
SPLITS = "results/archive/splits/combo.parquet"
FILES = registry().set_index("name")["file"]
NAMES = ("cosmos2020_classic", "hsc_pdr2_dud", *(f"galaxiesml_{part}" for part in PARTS))
COSMOS, HSC = FILES["cosmos2020_classic"], FILES["hsc_pdr2_dud"]


@pytest.fixture(scope="module")
def archive(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """The archives, and an account for them in the environment."""
    with serve() as running, pytest.MonkeyPatch.context() as patch:
        fill(running, project / "data/test", tmp_path_factory.mktemp("served"))
        patch.setenv("HSC_SSP_CAS_USER", ACCOUNT["account_name"])
        patch.setenv("HSC_SSP_CAS_PASSWORD", ACCOUNT["password"])
        yield running


def settings(folder: Path, archive: Archive | None, **sections: dict) -> None:
    """Write the overlay of a run."""
    addresses = overlay(folder, archive) if archive else {}
    sections["download"] = {**addresses, **sections.get("download", {})}
    (folder / "overlay.yaml").write_text(yaml.safe_dump(sections))


def snakemake(
    folder: Path, *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    configuration = ("--configfile", "config/archive.yaml", "overlay.yaml")
    return run_snakemake(folder, *arguments, *configuration, configfile=None, check=check)


def released(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / RELEASE).iterdir())}


@pytest.fixture(scope="module")
def downloaded(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose archives were in a bad mood."""
    folder = copy_project(tmp_path_factory.mktemp("downloaded") / "project")
    addresses = registry().set_index("name")["url"].map(path_of)
    archive.fail(addresses["cosmos2020_classic"], "status:503", "cut:150000", "garbage", "gzip")
    archive.fail(addresses["galaxiesml_training"], "later:0", "garbage", "cut:70000")
    archive.fail(API + "download", "cut:30000")
    settings(folder, archive)
    snakemake(folder, "--cores", "2", "release", "catalogue_quality", SPLITS)
    return folder


def test_downloads_are_recorded_and_a_second_run_needs_no_server(
    downloaded: Path, archive: Archive
) -> None:
    lock = json.loads((downloaded / "data/archive/datasets.lock.json").read_text())
    assert set(lock) == set(NAMES)
    for name, url in registry().set_index("name")["url"][list(NAMES)].items():
        path = downloaded / "data/archive" / FILES[name]
        assert lock[name]["bytes"] == path.stat().st_size
        if url != "-":
            assert path.read_bytes() == archive.files[path_of(url)]
    finished = snakemake(downloaded, "--cores", "1", "release", SPLITS)
    assert "Nothing to be done" in finished.stdout
    # Removed links come back from what was downloaded.
    (downloaded / "data/archive" / HSC).unlink()
    asked = len(archive.requests)
    snakemake(downloaded, "--cores", "1", f"data/archive/{HSC}")
    assert len(archive.requests) == asked
    assert not list((downloaded / "data/archive").rglob("*.part"))


def test_real_catalogues_are_not_called_simulated(downloaded: Path) -> None:
    for name in ("README.md", "DATASHEET.md", "croissant.json", "zenodo.json", "CITATION.cff"):
        assert "imulat" not in (downloaded / RELEASE / name).read_text(), name
    for name in ("separations", "magnitude_offsets", "label_uncertainty"):
        assert (downloaded / f"results/archive/figures/{name}.pdf").stat().st_size > 1000


@pytest.mark.long
def test_local_files_give_the_same_release(downloaded: Path, tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    local = {name: str(downloaded / "data/archive" / FILES[name]) for name in NAMES}
    settings(folder, None, download={"local": local})
    snakemake(folder, "--cores", "2", "release", SPLITS)
    assert released(folder) == released(downloaded)
    assert (folder / SPLITS).read_bytes() == (downloaded / SPLITS).read_bytes()


def test_wrong_checksum_stops_the_run(archive: Archive, tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    settings(folder, archive)
    table = pd.read_csv(folder / "registry.tsv", sep="\t", dtype=str)
    table.loc[table["name"] == "cosmos2020_classic", "checksum"] = "sha256:" + "0" * 64
    table.to_csv(folder / "registry.tsv", sep="\t", index=False)
    finished = snakemake(folder, "--cores", "2", "--retries", "0", "release", check=False)
    assert finished.returncode
    assert "wrong checksum; found sha256:" in finished.stdout
    assert "expected sha256:" + "0" * 64 in finished.stdout
    assert not (folder / "data/archive" / COSMOS).exists()
    assert not (folder / "results/archive/transferz/matched.parquet").exists()


def test_dry_run_needs_no_network_and_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HSC_SSP_CAS_PASSWORD", raising=False)
    folder = copy_project(tmp_path / "project")
    (folder / "overlay.yaml").write_text("{}\n")
    finished = snakemake(folder, "--cores", "1", "--dry-run", "release")
    assert "query_hsc" in finished.stdout
    assert "hsc_pdr2_dud.fits" in finished.stdout
    finished = snakemake(
        folder, "--cores", "1", "data/archive/hsc_pdr2_dud.fits", "--retries", "0", check=False
    )
    assert "HSC_SSP_CAS_PASSWORD not set; paste workflow/sql/hsc_pdr2_dud.sql" in finished.stdout
    settings(folder, None, download={"local": {"hsc": "x.fits"}})
    finished = snakemake(folder, "--cores", "1", "--dry-run", "release", check=False)
    assert "download.local: unknown data sets hsc; known: cosmos2020_classic" in finished.stdout


@pytest.mark.long
def test_farmer_and_pdr3_are_a_matter_of_configuration(downloaded: Path, tmp_path: Path) -> None:
    folder, files = copy_project(tmp_path / "project"), downloaded / "data/archive"
    cosmos = Table.read(files / COSMOS, hdu=1)
    for band in "grizy":
        cosmos.rename_column(f"HSC_{band}_MAG_AUTO", f"HSC_{band}_MAG")
    cosmos["MODEL_FLAG"] = 0
    cosmos.write(tmp_path / "farmer.fits")
    hsc = Table.read(files / HSC, hdu=1)
    for band in "grizy":
        for end in ("", "_isnull"):
            hsc.rename_column(f"{band}_cmodel_magsigma{end}", f"{band}_cmodel_magerr{end}")
    hsc.write(tmp_path / "pdr3.fits")
    settings(
        folder,
        None,
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
        None,
        catalogues={"cosmos2020": "CLASSIC", "hsc": "pdr2"},
        inputs={"cosmos2020": str(files / COSMOS), "hsc": str(tmp_path / "pdr3.fits")},
    )
    finished = snakemake(folder, "--cores", "1", "release", check=False)
    assert "g_cmodel_magsigma" in finished.stdout
    assert "did you mean" in finished.stdout
