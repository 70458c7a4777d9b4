"""The real run, from the downloads to Figure 3, against archives on loopback: `make rehearse`.

`config/archive.yaml` as it stands, but for the addresses and for how long is trained. The archives
speak HTTPS and serve the embedded survey in the formats of the real ones (archives.py). They have
their manners: too many requests, cut and encoded transfers, an answer that ends early. A second run
is killed in each of its stages and must give the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.faults.campaign import Run, differing, digests, leftovers, unlock
from tests.loopback import Archive, certify, serve
from tests.workflow.conftest import copy_project

from .archives import ACCOUNT, API, fill, overlay, path_of, registry, simulate

# Galaxies of each data set: a few per cent of the published ones.
GALAXIES = 4000
RESULTS = Path("results/archive")
SPECTRA = str(RESULTS / "figures/labels_vs_spectra.png")
TARGETS = ("release", "tables", "figures", SPECTRA)
PIECES = 8
ARGUMENTS = ("--cores", "2", *TARGETS, "--configfile", "config/archive.yaml", "rehearsal.yaml")
# What is there once a stage is at work: the moment to kill the run.
STAGES = {
    "download": "data/archive/downloads/cosmos2020_classic-*/*.part",
    "query": f"data/archive/downloads/hsc_pdr2_dud-*/*.2-of-{PIECES}.fits",
    "catalogues": "logs/archive/crossmatch.log",
    "training": "results/archive/models/**/.*.checkpoint/*",
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """The archives, and an account for them in the environment."""
    folder = tmp_path_factory.mktemp("archives")
    identity = certify(folder)
    with serve(identity=identity) as archive, pytest.MonkeyPatch.context() as patch:
        fill(archive, simulate(folder, GALAXIES), folder / "served")
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            patch.setenv(variable, str(identity[1]))
        patch.setenv("HSC_SSP_CAS_USER", ACCOUNT["account_name"])
        patch.setenv("HSC_SSP_CAS_PASSWORD", ACCOUNT["password"])
        yield archive


def project(folder: Path, archive: Archive) -> Path:
    """Copy the project, with the addresses of the stand-ins and short trainings."""
    copy_project(folder)
    changed = {
        "download": overlay(folder, archive),
        "seeds": {"count": 2, "per_job": 2},
        "training": {"max_epochs": 20},
    }
    (folder / "rehearsal.yaml").write_text(yaml.safe_dump(changed))
    return folder


@pytest.fixture(scope="module")
def rehearsed(archives: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose archives behaved as archives do."""
    folder = project(tmp_path_factory.mktemp("rehearsed") / "project", archives)
    path = registry().set_index("name")["url"].map(path_of)
    archives.fail(path["cosmos2020_classic"], "later:1", "cut:900000", "status:503", "gzip")
    archives.fail(path["galaxiesml_training"], "cut:300000", "garbage")
    archives.fail(API + "download", "cut:100000")
    began = time.monotonic()
    run = Run(folder, ARGUMENTS)
    assert run.finish() == 0, run.text[-6000:]
    print(f"\n{time.monotonic() - began:.0f} s from the downloads to Figure 3")
    return folder


def test_the_real_run_ends_with_figure_3(rehearsed: Path) -> None:
    for name in ("figure1", "figure2", "figure3", "figure4", "labels_vs_spectra"):
        assert (rehearsed / RESULTS / f"figures/{name}.pdf").stat().st_size > 1000
    assert (rehearsed / RESULTS / "release/TransferZ.fits").is_file()
    secret = ACCOUNT["password"].encode()
    for path in (*rehearsed.rglob("*.log"), *(rehearsed / "data").rglob("*")):
        assert path.is_dir() or secret not in path.read_bytes()


def test_killed_in_each_stage_it_gives_the_same(
    rehearsed: Path, archives: Archive, tmp_path: Path
) -> None:
    folder = project(tmp_path / "project", archives)
    classic = registry().set_index("name")["url"].map(path_of)["cosmos2020_classic"]
    archives.fail(classic, "slow:0.5")
    before = len(archives.asked(classic)), len(archives.asked(API + "submit"))
    for stage, pattern in STAGES.items():
        run = Run(folder, ARGUMENTS)
        while not any(path.stat().st_size for path in folder.glob(pattern)):
            assert run.process.poll() is None, f"no {stage}:\n{run.text[-6000:]}"
            time.sleep(0.02)
        run.kill("everything")
        run.wait()
        unlock(folder)
    run = Run(folder, ARGUMENTS)
    assert run.finish() == 0, run.text[-6000:]
    assert differing(digests(folder, RESULTS), digests(rehearsed, RESULTS)) == []
    assert leftovers(folder) == []
    # What had come was not asked for again; of a run the first question is answered by a 502.
    assert any(archives.asked(classic)[before[0] :])
    assert len(archives.asked(API + "submit")) - before[1] <= PIECES + 2 * len(STAGES) + 1
