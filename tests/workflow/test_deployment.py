"""The workflow in other hands: deployed from a repository, planned without the science packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT, TEST_CONFIG, copy_project, run_snakemake
from .test_paper import RESULTS, digests, jobs_of_dry_run

REPOSITORY = "observatory/transferz"
# What `snakedeploy deploy-workflow` writes, with `branch` for a workflow that has no release yet.
MODULE = f"""\
configfile: "config/config.yaml"


module transferz:
    snakefile:
        github("{REPOSITORY}", path="workflow/Snakefile", branch="main")
    config:
        config


use rule * from transferz
"""
# Of the lock, all that a rule may import and Snakemake does not need.
SCIENCE = (
    *("astropy", "fitsio", "h5py", "keras", "markdown_it", "matplotlib", "numpy", "pandas"),
    *("pooch", "pyarrow", "scipy", "seaborn", "sklearn", "speclite", "tensorflow"),
    *("threadpoolctl", "typst"),
)
# The plugin for Slurm comes with pandas: it is hidden as well.
BLOCKER = f"""\
import pkgutil
import sys

every_module = pkgutil.iter_modules
pkgutil.iter_modules = lambda path=None, prefix="": (
    module for module in every_module(path, prefix) if "plugin_slurm" not in module.name
)

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {SCIENCE}:
            raise ModuleNotFoundError(f"not installed: {{name}}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder`, whoever the user is."""
    names = ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL")
    subprocess.run(
        ["git", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        env={**os.environ, **dict.fromkeys(names, "test")},
    )


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with MODULE and a copy of config/; GitHub is a bare clone of this project."""
    top = tmp_path_factory.mktemp("deployment")
    source = copy_project(top / "source")
    git(source, "init", "--quiet", "--initial-branch=main")
    git(source, "add", "--all")
    git(source, "commit", "--quiet", "--message=The workflow")
    git(top, "clone", "--quiet", "--bare", str(source), str(top / "github" / REPOSITORY))
    (top / "gitconfig").write_text(
        f'[url "file://{top}/github/"]\n\tinsteadOf = https://github.com/\n'
    )
    folder = top / "analysis"
    (folder / "workflow").mkdir(parents=True)
    (folder / "workflow/Snakefile").write_text(MODULE)
    shutil.copytree(ROOT / "config", folder / "config")
    # Nothing may come from the place that it was cloned from.
    shutil.rmtree(source)
    return folder


@pytest.fixture
def from_github(deployed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The deployed folder, with https://github.com and Snakemake's cache redirected."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(deployed.parent / "gitconfig"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(deployed.parent / "cache"))
    return deployed


def test_a_deployed_copy_plans_the_same_jobs(from_github: Path, tmp_path: Path) -> None:
    here = jobs_of_dry_run(run_snakemake(from_github, "-n").stdout)
    there = jobs_of_dry_run(run_snakemake(copy_project(tmp_path / "copy"), "-n").stdout)
    # The default target of workflow/Snakefile is called `paper` and asks for what `all` does.
    here["all"] = here.pop("paper")
    assert there["train"] > 3
    assert here == there


def test_a_deployed_copy_needs_a_part_of_the_configuration_only(from_github: Path) -> None:
    part = {"seeds": {"count": 4, "per_job": 2}, "training": {"max_epochs": 12}}
    (from_github / "config/part.yaml").write_text(yaml.safe_dump(part))
    snakefile = from_github / "workflow/Part"
    snakefile.write_text(MODULE.replace("config/config.yaml", "config/part.yaml"))
    planned = run_snakemake(from_github, "-n", "-s", str(snakefile), configfile=None).stdout
    here = jobs_of_dry_run(planned)
    whole = run_snakemake(from_github, "-n", configfile=None, overlay=part).stdout
    assert here == jobs_of_dry_run(whole)
    # Two jobs for each of three strategies, and five for the ten networks of NN-Colours.
    assert here["train"] == 3 * 2 + 5
    assert "Configuration" not in planned


@pytest.mark.long
def test_a_deployed_copy_brings_the_package_along(from_github: Path, project: Path) -> None:
    split = RESULTS / "splits/combo.parquet"
    run_snakemake(from_github, "--cores", "2", str(split))
    patterns = ("splits/*", "transferz/*", "catalogues/*")
    here, there = (digests(folder / RESULTS, patterns) for folder in (from_github, project))
    assert len(here) > 5
    assert here == {name: there[name] for name in here}


@pytest.mark.parametrize("configfile", ["config/config.yaml", TEST_CONFIG, "config/beyond.yaml"])
def test_planning_needs_no_science_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configfile: str
) -> None:
    (tmp_path / "blocker").mkdir()
    (tmp_path / "blocker/sitecustomize.py").write_text(BLOCKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "blocker"))
    blocked = subprocess.run([sys.executable, "-c", "import numpy"], capture_output=True)
    assert b"not installed: numpy" in blocked.stderr
    folder = copy_project(tmp_path / "copy")
    jobs = jobs_of_dry_run(run_snakemake(folder, "-n", configfile=configfile, fresh=True).stdout)
    assert jobs["train"] > 3
    assert jobs["total"] > 60
