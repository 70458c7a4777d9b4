"""The query of the HSC archive: its account, its client, its SQL."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.survey import query_hsc
from transferz.core.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
FITS = b"SIMPLE  =                    T".ljust(2880)
ROW = {
    **{"name": "hsc_pdr2_dud", "version": "pdr2", "file": "hsc_pdr2_dud.fits", "url": "-"},
    **{"bytes": "-", "checksum": "-"},
}
SECRET = "correct horse battery staple"


def client(folder: Path, body: str) -> str:
    """Write a stand-in for the archive's client, which prints the arguments it was given."""
    path = folder / "hscReleaseQuery.py"
    path.write_text(f"#!{sys.executable}\nimport os, sys\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return str(path)


ANSWERS = f"""
password = os.environ["HSC_SSP_CAS_PASSWORD"]
print("arguments", sys.argv[1:], "password", password, file=sys.stderr)
assert "SELECT 1" in open(sys.argv[-1]).read()
sys.stdout.buffer.write({FITS!r})
"""

REFUSES = "print('login failed', os.environ['HSC_SSP_CAS_PASSWORD'], file=sys.stderr)"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(query_hsc.USER, "someone")
    monkeypatch.setenv(query_hsc.PASSWORD, SECRET)


@pytest.mark.usefixtures("account")
def test_query_is_submitted_once_and_the_password_is_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    output, command = tmp_path / "data" / ROW["file"], client(tmp_path, ANSWERS)
    query_hsc.main(output, row=ROW, sql="SELECT 1", client=command)
    assert output.read_bytes() == FITS
    assert "'--user', 'someone', '--release-version', 'pdr2', '--format', 'fits'" in caplog.text
    assert SECRET not in caplog.text
    for path in (tmp_path / "data").rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()
    # The same query is answered by what is kept, even without account and client.
    output.unlink()
    os.environ.pop(query_hsc.PASSWORD)
    query_hsc.main(output, row=ROW, sql="SELECT 1", client="absent")
    assert output.read_bytes() == FITS


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f"{REFUSES}; sys.exit(1)", r"status 1: login failed \*\*\*"),
        ("print('<html>')", "not a FITS file"),
    ],
)
def test_failed_query_leaves_nothing(tmp_path: Path, body: str, message: str) -> None:
    output = tmp_path / "data" / ROW["file"]
    with pytest.raises(InputError, match=message) as error:
        query_hsc.main(output, row=ROW, sql="SELECT 1", client=client(tmp_path, body))
    assert SECRET not in str(error.value)
    assert not output.exists()


def test_without_account_the_way_by_hand_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(query_hsc.PASSWORD, raising=False)
    monkeypatch.setenv(query_hsc.USER, "someone")
    with pytest.raises(InputError, match=r"HSC_SSP_CAS_PASSWORD not set; paste workflow/sql/hsc"):
        query_hsc.main(tmp_path / ROW["file"], row=ROW, sql="SELECT 1", client="ls")
    monkeypatch.setenv(query_hsc.PASSWORD, SECRET)
    with pytest.raises(InputError, match=r"no command absent; .*download\.local\.hsc_pdr2_dud"):
        query_hsc.main(tmp_path / ROW["file"], row=ROW, sql="SELECT 1", client="absent")


@pytest.mark.parametrize(
    "file",
    [
        "hsc_pdr2_dud.fits",
        "hsc_pdr2_wide.fits",
        "hsc_pdr2_cosmos_wide_depth_worst.fits",
        "5x127x127_testing_with_morphology.csv",
    ],
)
def test_rules_find_the_registry_and_the_queries(root: Path, tmp_path: Path, file: str) -> None:
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", "--quiet"]
    settings = ["--configfile", root / "config/archive.yaml", "--directory", tmp_path]
    finished = subprocess.run(
        [*command, "--snakefile", root / "Snakefile", *settings, "--", f"data/archive/{file}"],
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr


QUERIES = sorted(path.stem for path in (ROOT / "workflow/sql").glob("*.sql"))


def selected(name: str) -> tuple[list[str], str]:
    """Return the columns that a query asks for, and the rest of it."""
    sql = (ROOT / f"workflow/sql/{name}.sql").read_text()
    code = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
    columns, _, rest = code.partition("FROM")
    return columns.removeprefix("SELECT").replace(",", " ").split(), rest


@pytest.mark.parametrize("name", QUERIES)
def test_queries_have_every_column_that_the_workflow_reads(name: str) -> None:
    from transferz.catalogues.columns import load_columns

    names, rest = selected(name)
    columns = load_columns(ROOT / "config/columns.tsv", "hsc", name.split("_")[1], list("grizy"))
    assert sorted(names) == sorted(column.name for column in columns)
    assert f"{name.removeprefix('hsc_')}" in rest
    assert "boxSearch(coord, 149.04, 151.08, 1.37, 3.09)" in rest


@pytest.mark.parametrize("name", QUERIES)
def test_queries_name_what_the_archive_has(name: str) -> None:
    """Held against a dump of the schema; the one difference of PDR3 is the name of the errors."""
    lines = (Path(__file__).parent / "hsc_forced_columns.txt").read_text().splitlines()
    templates = [line for line in lines if not line.startswith("#")]
    schema = {template.replace("{band}", band) for template in templates for band in "grizy"}
    assert len(schema) == 521
    names, rest = selected(name)
    if "pdr3" in name:
        names = [column.replace("_magerr", "_magsigma") for column in names]
    # What the query's conditions name is a column too.
    assert set(names) | {"coord", "isprimary", "object_id"} <= schema
    table = rest.split()[0].replace("pdr3_dud_rev", "pdr3_dud")
    assert table == f"{name.removeprefix('hsc_')}.forced"


def test_queries_differ_in_release_and_layer_only() -> None:
    """A file each, because each is pasted into the archive's form; alike but for what differs."""
    first, conditions = selected("hsc_pdr2_dud")
    for name in QUERIES:
        names, rest = selected(name)
        # PDR3 calls the uncertainty of a magnitude by another name.
        names = [column.replace("_magerr", "_magsigma") for column in names]
        assert names == first
        assert rest.split()[1:] == conditions.split()[1:]
