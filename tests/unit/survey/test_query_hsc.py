"""The query of the HSC archive: its account, its client, its SQL."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from scripts.survey import query_hsc
from transferz.catalogues.strips import BOX, cut_query
from transferz.core.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
QUERIES = sorted(path.stem for path in (ROOT / "workflow/sql").glob("*.sql"))
ROW = {
    **{"name": "hsc_pdr2_dud", "version": "pdr2", "file": "hsc_pdr2_dud.fits", "url": "-"},
    **{"bytes": "-", "checksum": "-"},
}
SECRET = "correct horse battery staple"
SQL = "SELECT object_id, ra FROM pdr2_dud.forced WHERE boxSearch(coord, 149.04, 151.08, 1.37, 3.09)"
QUICK = {"pieces": 1, "retries": 0, "wait": 0.0}


@pytest.fixture
def sky(tmp_path: Path) -> Table:
    """What the archive holds: identifiers that do not follow right ascension, as real ones."""
    ra = np.concatenate([np.linspace(149.04, 151.08, 301), [149.55, 150.0599995]])
    identifiers = np.random.default_rng(3).permutation(len(ra)) + 40_000_000_000_000_000
    table = Table({"object_id": identifiers, "ra": ra, "g_isnull": ra > 150})
    table.sort("object_id")
    table.write(tmp_path / "sky.fits")
    return table


def client(folder: Path, body: str = "") -> str:
    """Write a stand-in for the archive's client: it notes its arguments and answers the box asked.

    `body` runs before; it knows `calls`, the number of earlier calls.
    """
    path = folder / "hscReleaseQuery.py"
    path.write_text(
        f"""#!{sys.executable}
import io, os, re, sys
from astropy.table import Table
with open({str(folder / "calls")!r}, "a+") as notes:
    notes.seek(0)
    calls = len(notes.readlines())
    sql = open(sys.argv[-1]).read()
    low, high = map(float, re.search(r"boxSearch.coord, ([0-9.]+), ([0-9.]+)", sql).groups())
    print(low, high, *sys.argv[1:-1], file=notes)
print("arguments", sys.argv[1:], "password", os.environ["HSC_SSP_CAS_PASSWORD"], file=sys.stderr)
answer = io.BytesIO()
table = Table.read({str(folder / "sky.fits")!r})
table[(table["ra"] >= low) & (table["ra"] <= high)].write(answer, format="fits")
answer = answer.getvalue()
{body}
sys.stdout.buffer.write(answer)
"""
    )
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return str(path)


def calls(folder: Path) -> list[list[str]]:
    return [line.split() for line in (folder / "calls").read_text().splitlines()]


REFUSES = "print('login failed', os.environ['HSC_SSP_CAS_PASSWORD'], file=sys.stderr)"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(query_hsc.USER, "someone@local")
    monkeypatch.setenv(query_hsc.PASSWORD, SECRET)


@pytest.mark.usefixtures("account")
def test_query_is_submitted_once_and_the_password_is_nowhere(
    tmp_path: Path, sky: Table, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    output = tmp_path / "data" / ROW["file"]
    query_hsc.main(output, row=ROW, sql=SQL, client=client(tmp_path), **QUICK)
    assert len(Table.read(output)) == len(sky)
    (arguments,) = calls(tmp_path)
    said = " ".join(arguments[2:])
    assert said.startswith("--user someone@local --release-version pdr2 --format fits ")
    assert {"--delete-job", "--nomail"} < set(arguments)
    assert "arguments" in caplog.text
    assert SECRET not in caplog.text
    for path in (tmp_path / "data").rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()
    # The same query is answered by what is kept, even without account and client.
    content = output.read_bytes()
    output.unlink()
    os.environ.pop(query_hsc.PASSWORD)
    query_hsc.main(output, row=ROW, sql=SQL, client="absent", **QUICK)
    assert output.read_bytes() == content


@pytest.mark.usefixtures("account", "sky")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f"{REFUSES}; sys.exit(1)", r"status 1: login failed \*\*\*"),
        ("answer = b'<html>'", "not a FITS file"),
        ("answer = b''", "not a FITS file"),
        # Cut where a block ends: nothing but the header says that rows are missing.
        ("answer = answer[:-2880]", "not a whole FITS file: 8640 bytes, its header says 11520"),
    ],
)
def test_failed_query_leaves_nothing(tmp_path: Path, body: str, message: str) -> None:
    output = tmp_path / "data" / ROW["file"]
    with pytest.raises(InputError, match=message) as error:
        query_hsc.main(output, row=ROW, sql=SQL, client=client(tmp_path, body), **QUICK)
    assert SECRET not in str(error.value)
    assert "workflow/sql/hsc_pdr2_dud.sql" in str(error.value)
    assert not output.exists()


@pytest.mark.usefixtures("account")
def test_troubles_that_pass_are_asked_again(tmp_path: Path, sky: Table) -> None:
    body = """
troubles = ["HTTP Error 502: Bad Gateway", "<urlopen error [Errno 104] Connection reset by peer>"]
if calls < 2:
    print(troubles[calls], file=sys.stderr)
    sys.exit(1)
if calls == 2:
    answer = answer[:5000]
"""
    output = tmp_path / "data" / ROW["file"]
    query_hsc.main(
        output, row=ROW, sql=SQL, client=client(tmp_path, body), **QUICK | {"retries": 3}
    )
    assert len(Table.read(output)) == len(sky)
    # The check of the syntax is what a 502 comes from.
    assert ["--skip-syntax-check" in each for each in calls(tmp_path)] == [False, True, True, True]


@pytest.mark.usefixtures("account", "sky")
def test_a_refusal_is_not_asked_again(tmp_path: Path) -> None:
    command = client(tmp_path, f"{REFUSES}; sys.exit(1)")
    with pytest.raises(InputError, match="login failed"):
        query_hsc.main(
            tmp_path / ROW["file"], row=ROW, sql=SQL, client=command, **QUICK | {"retries": 3}
        )
    assert len(calls(tmp_path)) == 1


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("pieces", [2, 4, 7])
def test_pieces_give_the_same_table(tmp_path: Path, sky: Table, pieces: int) -> None:
    output = tmp_path / "data" / ROW["file"]
    query_hsc.main(output, row=ROW, sql=SQL, client=client(tmp_path), **QUICK | {"pieces": pieces})
    # 149.55 lies on an edge of four strips, 150.0599995 just before that of two.
    joined = Table.read(output)
    assert joined.colnames == sky.colnames
    for name in sky.colnames:
        np.testing.assert_array_equal(joined[name], sky[name])
    assert output.read_bytes() == (tmp_path / "sky.fits").read_bytes()
    assert len(calls(tmp_path)) == pieces
    assert {path.name for path in (output.parent / "downloads").rglob("*.fits*")} == {ROW["file"]}


@pytest.mark.usefixtures("account", "sky")
def test_pieces_that_have_come_are_kept(tmp_path: Path) -> None:
    output = tmp_path / "data" / ROW["file"]
    stops = client(tmp_path, "if calls == 2: sys.exit('job cancelled')")
    with pytest.raises(InputError, match="job cancelled"):
        query_hsc.main(output, row=ROW, sql=SQL, client=stops, **QUICK | {"pieces": 4})
    query_hsc.main(output, row=ROW, sql=SQL, client=client(tmp_path), **QUICK | {"pieces": 4})
    assert output.read_bytes() == (tmp_path / "sky.fits").read_bytes()
    low = [float(each[0]) for each in calls(tmp_path)]
    assert low == pytest.approx([149.04, 149.549, 150.059, 150.059, 150.569], abs=1e-6)


@pytest.mark.usefixtures("account", "sky")
def test_a_check_that_failed_once_is_left_out_of_later_pieces(tmp_path: Path) -> None:
    fails = "'--skip-syntax-check' in sys.argv or sys.exit('HTTP Error 502: Bad Gateway')"
    output = tmp_path / "data" / ROW["file"]
    settings = QUICK | {"pieces": 3, "retries": 1}
    query_hsc.main(output, row=ROW, sql=SQL, client=client(tmp_path, fails), **settings)
    assert output.read_bytes() == (tmp_path / "sky.fits").read_bytes()
    skips = ["--skip-syntax-check" in each for each in calls(tmp_path)]
    assert skips == [False, True, True, True]


def test_a_query_without_a_box_is_not_cut() -> None:
    assert cut_query("SELECT 1", 1) == ["SELECT 1"]
    with pytest.raises(InputError, match=r"download\.hsc_pieces: the query cannot be cut .* to 1"):
        cut_query("SELECT 1", 2)


@pytest.mark.parametrize("name", QUERIES)
def test_strips_cover_the_box(name: str) -> None:
    sql = (ROOT / f"workflow/sql/{name}.sql").read_text()
    strips = cut_query(sql, 8)
    bounds = [tuple(map(float, BOX.search(strip).groups())) for strip in strips]
    assert (bounds[0][0], bounds[-1][1]) == (149.04, 151.08)
    assert all(before[1] > after[0] for before, after in pairwise(bounds))
    assert {BOX.sub("", strip) for strip in strips} == {BOX.sub("", sql)}


def test_without_account_the_way_by_hand_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(query_hsc.PASSWORD, raising=False)
    monkeypatch.setenv(query_hsc.USER, "someone")
    with pytest.raises(InputError, match=r"HSC_SSP_CAS_PASSWORD not set; paste workflow/sql/hsc"):
        query_hsc.main(tmp_path / ROW["file"], row=ROW, sql=SQL, client="ls", **QUICK)
    monkeypatch.setenv(query_hsc.PASSWORD, SECRET)
    with pytest.raises(InputError, match=r"no command absent; .*download\.local\.hsc_pdr2_dud"):
        query_hsc.main(tmp_path / ROW["file"], row=ROW, sql=SQL, client="absent", **QUICK)


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
