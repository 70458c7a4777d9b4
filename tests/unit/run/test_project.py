"""The project's own consistency: what its pages say, locks, catalog requirements."""

from __future__ import annotations

import ast
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from transferz.settings.loader import schema


def test_a_new_strategy_is_as_few_lines_as_the_tutorial_says(root: Path) -> None:
    page = (root / "docs/tutorials/a-strategy-of-your-own.md").read_text()
    (block,) = re.findall(r"```yaml\n# my_run.yaml\nstrategies:\n(.*?)```", page, re.DOTALL)
    strategies = yaml.safe_load(block)
    assert len(strategies) == len(block.strip().splitlines()) >= 5
    known = set(schema()["properties"]["strategies"]["additionalProperties"]["properties"])
    assert {key for entry in strategies.values() for key in entry} <= known
    assert {"head", "low_rank"} <= {key for entry in strategies.values() for key in entry}


def test_every_configuration_is_in_the_list_of_runs(root: Path) -> None:
    text, folder = (root / "config/README.md").read_text(), root / "config"
    files = [*folder.glob("*.*"), *folder.glob("examples/*.yaml")]
    names = {str(path.relative_to(folder)) for path in files} - {"README.md"}
    assert len(names) >= 10
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_conda_environments_equal_the_lock(root: Path) -> None:
    finished = subprocess.run([sys.executable, root / "envs/pin_conda.py", "--check"])
    assert finished.returncode == 0
    for path in (root / "envs").glob("*.yaml"):
        packages = yaml.safe_load(path.read_text())["dependencies"]
        *packages, last = packages
        packages += last["pip"] if isinstance(last, dict) else [last]
        assert all("=" in package for package in packages if package != "pip"), path


def test_the_peers_have_the_versions_of_the_lock(root: Path) -> None:
    """Their environment is the workflow's own and more; the conda file names the same tools."""
    own, peers = (
        dict(re.findall(r"^([\w.-]+)==([^ ;]+)", (root / name).read_text(), re.MULTILINE))
        for name in ("envs/requirements.txt", "envs/peers.txt")
    )
    assert own.items() <= peers.items()
    pip = yaml.safe_load((root / "envs/peers.yaml").read_text())["dependencies"][-1]["pip"]
    assert {tuple(package.split("==")) for package in pip} <= peers.items()


@pytest.mark.parametrize("name", ["requirements.txt", "docs.txt", "peers.txt"])
def test_the_locks_have_hashes_and_name_no_index(root: Path, name: str) -> None:
    text = (root / "envs" / name).read_text()
    assert text.count("--hash=sha256:") > 500
    assert "index-url" not in text
    assert "://" not in text


def test_the_lock_covers_every_direct_dependency(root: Path) -> None:
    wanted = [
        line.split("<")[0].split(">")[0].strip()
        for line in (root / "envs/requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    lock = (root / "envs/requirements.txt").read_text()
    assert [name for name in wanted if f"\n{name}==" not in lock] == []


def test_make_refuses_where_the_environment_could_not_work(root: Path, tmp_path: Path) -> None:
    problem = runpy.run_path(root / "envs/check_machine.py")["problem"]
    good = ((3, 11, 7), "Linux", "x86_64", "/home/é.ü-1,2=3/@transfer_z+~")
    assert problem(*good) == ""
    assert problem((3, 13), "Darwin", "arm64", "/home") == ""
    for version in ((3, 10, 9), (3, 14, 0), (4, 0)):
        assert f"Found {version[0]}.{version[1]}." in problem(version, *good[1:])
    assert "Intel Macs" in problem((3, 12), "Darwin", "x86_64", "/home")
    for mark in " '\"[]()&$":
        assert f"has {'a space' if mark == ' ' else mark}," in problem(*good[:3], f"/a{mark}b")
    folder = tmp_path / "my project"
    (folder / "envs").mkdir(parents=True)
    for name in ("Makefile", "envs/check_machine.py", "envs/requirements.txt"):
        shutil.copy(root / name, folder / name)
    done = subprocess.run(
        ["make", "lint", f"PYTHON={sys.executable}"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "The path of this folder has a space" in done.stderr
    assert not (folder / ".venv").exists()


def test_the_installed_package_is_the_whole_one(root: Path, tmp_path: Path) -> None:
    """Every module, and every data file that one names in DATA_FILES, is in the built wheel."""
    folder = tmp_path / "project"
    package = folder / "workflow/transferz"
    shutil.copytree(root / "workflow/transferz", package, ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder)
    code = (
        "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=folder, check=True)
    (wheel,) = tmp_path.glob("transferz-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    modules = sorted(package.rglob("*.py"))
    wanted = {path.relative_to(package.parent) for path in modules}
    for path in modules:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DATA_FILES":
                files = ast.literal_eval(node.value)
                wanted |= {path.relative_to(package.parent).with_name(name) for name in files}
    assert len({path.suffix for path in wanted}) >= 4
    assert {str(path) for path in wanted} <= held
    assert not any(name.startswith(("scripts/", "tests/")) for name in held)


def test_the_installed_package_asks_for_what_it_imports(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    asked = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    imported = set()
    for path in (root / "workflow/transferz").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    # Snakemake is for checkers of types alone, and brings the jsonschema that reads its settings;
    # the others come with jinja2, matplotlib, requests and tensorflow; RAIL, jax and optax with
    # `make peers`.
    elsewhere = {"transferz", "snakemake", "jsonschema", "markupsafe", "PIL", "keras"}
    elsewhere |= {"rich", "urllib3", "jax", "optax"}
    imported -= {*sys.stdlib_module_names, *elsewhere}
    names = {"yaml": "pyyaml", "sklearn": "scikit-learn", "markdown_it": "markdown-it-py"}
    assert asked == {names.get(name, name) for name in imported}
    wanted = (root / "envs/requirements.in").read_text().splitlines()
    assert asked <= {re.match(r"[\w-]*", line)[0] for line in wanted}


def test_workflow_catalog_requirements(root: Path) -> None:
    assert (root / "workflow/Snakefile").is_file()
    assert list((root / "workflow/rules").glob("*.smk"))
    assert (root / "config/README.md").is_file()
    assert (root / "LICENSE").is_file()
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    # The keys of the catalog's template, and what its generator reads: all but one are yes or no.
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    deployment = {"conda": True, "apptainer": False, "apptainer+conda": False}
    assert usage["software-stack-deployment"] == deployment
    assert usage["report"] is True
    readme = (root / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme


def test_every_rule_asks_for_memory_and_time(root: Path) -> None:
    """A batch system ends what takes more than was asked for; `use rule` inherits."""
    lacking = []
    for path in (root / "workflow/rules").glob("*.smk"):
        for text in re.split(r"^ *(?=rule \w+:)", path.read_text(), flags=re.MULTILINE)[1:]:
            asked = re.findall(r"^ +(mem_mb|runtime)=", text, re.MULTILINE)
            if "script:" in text and sorted(asked) != ["mem_mb", "runtime"]:
                lacking.append(text.partition(":")[0])
    assert lacking == []


def test_tensorflow_is_imported_in_the_one_quiet_place(root: Path) -> None:
    pattern = r"^(?:import|from) (?:keras|tensorflow)\b"
    for path in (root / "workflow").rglob("*.py"):
        assert not re.search(pattern, path.read_text(), re.MULTILINE), path.name


def test_no_script_has_a_future_import(root: Path) -> None:
    """Snakemake puts its own lines in front of a script: such an import would come too late."""
    for path in (root / "workflow/scripts").rglob("*.py"):
        assert "from __future__" not in path.read_text(), path.name
