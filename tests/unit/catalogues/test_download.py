"""Downloads: each way in which a server or a network fails ends in the right file or an error."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from tests.loopback import Archive, serve

from scripts.survey.download_dataset import main as download_dataset
from transferz.catalogues import transfer
from transferz.catalogues.download import Dataset, fetch
from transferz.core.errors import InputError

N = 400_000
TABLE = b"object_id,ra\n" + np.random.default_rng(4).bytes(N).hex().encode() + b",1\n"
FITS = fits.PrimaryHDU(np.zeros((100, 2880), np.uint8))
FITS = FITS.header.tostring().encode() + FITS.data.tobytes()
QUICK = {"timeout": 0.5, "retries": 3, "wait": 0.01}


@pytest.fixture
def archive() -> Iterator[Archive]:
    with serve() as running:
        running.files = {"table.csv": TABLE, "table.fits": FITS}
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def dataset(archive: Archive, file: str = "table.csv", **known: object) -> Dataset:
    row = {"name": "table", "version": "1", "file": file, "url": archive.url + file}
    row |= {"bytes": "-", "checksum": "-"}
    return replace(Dataset.from_row(row), **known)


def sha256(content: bytes = TABLE) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def lock(folder: Path) -> dict:
    return json.loads((folder.parent / "datasets.lock.json").read_text())


# ---------------------------------------------------------------------------------- it works


def test_whole_file_is_kept_recorded_and_not_asked_for_again(
    archive: Archive, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = fetch(dataset(archive), folder, **QUICK)
    assert path.read_bytes() == TABLE
    assert files_of(folder) == {"table.csv", ".lock"}
    entry = lock(folder)["table"]
    assert entry["sha256"] == hashlib.sha256(TABLE).hexdigest()
    assert (entry["bytes"], entry["version"]) == (len(TABLE), "1")
    assert "of 0.8 MB (100%)" in caplog.text
    assert fetch(dataset(archive), folder, **QUICK) == path
    assert len(archive.requests) == 1


@pytest.mark.parametrize("known", [None, "sha256", "md5"])
def test_cut_connections_are_resumed(archive: Archive, folder: Path, known: str | None) -> None:
    archive.fail("table.csv", "cut:300000", "cut:200000", "cut:0")
    checksum = known and f"{known}:{hashlib.new(known, TABLE).hexdigest()}"
    path = fetch(dataset(archive, checksum=checksum), folder, **QUICK)
    assert path.read_bytes() == TABLE
    first, *others = archive.asked("table.csv")
    assert first is None
    assert len(others) == 3
    starts = [int(span.removeprefix("bytes=").removesuffix("-")) for span in others]
    assert starts == sorted(starts)
    assert 200_000 < starts[0] <= 300_000
    # What was cut is not sent twice, but for the last chunk of each connection.
    assert archive.sent["table.csv"] < len(TABLE) + 3 * transfer.CHUNK_BYTES


@pytest.mark.parametrize("fault", ["slow", "status:503", "status:429", "later:0", "stall"])
def test_passing_trouble_ends_in_success(archive: Archive, folder: Path, fault: str) -> None:
    archive.fail("table.csv", fault)
    assert fetch(dataset(archive), folder, **QUICK).read_bytes() == TABLE


def test_server_that_ignores_ranges_starts_from_the_beginning(
    archive: Archive, folder: Path
) -> None:
    archive.ranges = False
    archive.fail("table.csv", "cut:300000")
    assert fetch(dataset(archive), folder, **QUICK).read_bytes() == TABLE
    assert archive.asked("table.csv")[1] is not None


def test_file_changed_between_two_transfers_is_fetched_anew(archive: Archive, folder: Path) -> None:
    archive.fail("table.csv", "cut:300000", "always:status:503")
    with pytest.raises(InputError, match="status 503"):
        fetch(dataset(archive), folder, **QUICK)
    other = TABLE.replace(b"object_id", b"OBJECT_ID")
    archive.files["table.csv"] = other
    archive.faults.clear()
    assert fetch(dataset(archive), folder, **QUICK).read_bytes() == other


def test_transfer_is_resumed_behind_a_redirect(archive: Archive, folder: Path) -> None:
    archive.files["store/1"] = TABLE
    archive.fail("table.csv", f"always:redirect:{archive.url}store/1")
    archive.fail("store/1", "cut:300000")
    assert fetch(dataset(archive), folder, **QUICK).read_bytes() == TABLE
    assert archive.asked("table.csv") == archive.asked("store/1")
    assert archive.asked("store/1")[0] is None
    assert archive.asked("store/1")[1] in ("bytes=262144-", "bytes=300000-")
    assert archive.sent["store/1"] < len(TABLE) + transfer.CHUNK_BYTES


@pytest.mark.parametrize("known", [False, True])
def test_gzip_file_that_is_called_a_compressed_transfer_is_the_file(
    archive: Archive, folder: Path, known: bool
) -> None:
    packed = gzip.compress(TABLE, 1, mtime=0)
    archive.files["table.csv.gz"] = packed
    archive.fail("table.csv.gz", "gzip", "always:gzip")
    item = dataset(archive, "table.csv.gz", checksum=sha256(packed) if known else None)
    assert fetch(item, folder, **QUICK).read_bytes() == packed


def test_the_second_address_is_asked_when_the_first_gives_up(
    archive: Archive, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive.files["mirror.csv"] = TABLE
    item = dataset(archive, checksum=sha256(), mirror=archive.url + "mirror.csv")
    archive.fail("table.csv", "cut:300000", "always:status:503")
    assert fetch(item, folder, **QUICK).read_bytes() == TABLE
    # The same file, by its checksum: the transfer goes on where the other address stopped.
    assert archive.asked("mirror.csv")[0] in ("bytes=262144-", "bytes=300000-")
    assert "now from" in caplog.text
    # A damaged file is no reason to ask elsewhere.
    wrong = replace(item, version="2", checksum="sha256:" + "0" * 64)
    archive.faults.clear()
    with pytest.raises(InputError, match="wrong checksum"):
        fetch(wrong, folder, **QUICK)
    assert len(archive.asked("mirror.csv")) == 1
    with pytest.raises(InputError, match="status 404"):
        fetch(
            replace(item, version="3", url=archive.url + "x", mirror=archive.url + "y"),
            folder,
            **QUICK,
        )


RECORD = "records/11/files/table.csv"


def record_of(archive: Archive, md5: str = hashlib.md5(TABLE).hexdigest()) -> bytes:
    archive.files[RECORD] = TABLE
    entry = {"id": "a", "key": "table.csv", "size": len(TABLE), "checksum": f"md5:{md5}"}
    other = {"id": "b", "key": "other.csv", "size": 1, "checksum": "md5:00"}
    return json.dumps({"id": 11, "files": [other, entry]}).encode()


def test_a_zenodo_record_is_asked_for_size_and_checksum(archive: Archive, folder: Path) -> None:
    item = dataset(archive, url=archive.url + RECORD)
    archive.files["api/records/11"] = record_of(archive)
    # Without a checksum this would pass: it begins as a table of text does.
    archive.fail(RECORD, "flip", "cut:300000")
    with pytest.raises(InputError, match="wrong checksum"):
        fetch(item, folder, **QUICK)
    assert fetch(item, folder, **QUICK).read_bytes() == TABLE
    # From then on the lock file knows.
    assert fetch(item, folder, **QUICK).read_bytes() == TABLE
    assert len(archive.asked("api/records/11")) == 2
    archive.files["api/records/11"] = record_of(archive, md5="0" * 32)
    with pytest.raises(InputError, match=r"expected md5:0{32} \(as published\)"):
        fetch(replace(item, version="2"), folder, **QUICK)


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b'{"files": [{"key": "table.csv"}]}', None])
def test_without_its_record_a_file_is_checked_as_others_are(
    archive: Archive, folder: Path, answer: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    record_of(archive)
    if answer is not None:
        archive.files["api/records/11"] = answer
    assert fetch(dataset(archive, url=archive.url + RECORD), folder, **QUICK).read_bytes() == TABLE
    assert "its record states no checksum" in caplog.text


def test_server_with_wrong_ranges_ends_in_the_right_file(archive: Archive, folder: Path) -> None:
    archive.wrong_range = True
    archive.fail("table.csv", "cut:300000")
    assert fetch(dataset(archive), folder, **QUICK).read_bytes() == TABLE


def test_damaged_remainder_is_found_by_the_checksum_and_fetched_anew(
    archive: Archive, folder: Path
) -> None:
    archive.fail("table.csv", "cut:300000", "flip")
    assert fetch(dataset(archive, checksum=sha256()), folder, **QUICK).read_bytes() == TABLE
    assert archive.asked("table.csv")[-1] is None


def test_server_s_wish_to_wait_is_respected(archive: Archive, folder: Path) -> None:
    archive.fail("table.csv", "later:1")
    began = time.monotonic()
    fetch(dataset(archive), folder, **QUICK)
    assert time.monotonic() - began >= 1


def test_waits_grow(archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    archive.fail("table.csv", "always:status:500")
    with pytest.raises(InputError, match="failed 4 times without progress"):
        fetch(dataset(archive), folder, timeout=1, retries=3, wait=2)
    assert [wait for wait in waits if wait >= 1] == [2, 4, 8]


# ------------------------------------------------------------------------------- it says why


def test_wrong_checksum_names_both_sums_and_keeps_the_old_file(
    archive: Archive, folder: Path
) -> None:
    path = fetch(dataset(archive), folder, **QUICK)
    wanted = "sha256:" + "0" * 64
    with pytest.raises(InputError) as error:
        fetch(dataset(archive, checksum=wanted), folder, **QUICK)
    assert wanted in str(error.value)
    assert sha256() in str(error.value)
    assert path.read_bytes() == TABLE
    assert files_of(folder) == {"table.csv", ".lock"}


def test_lock_file_is_enforced(archive: Archive, folder: Path) -> None:
    path = fetch(dataset(archive), folder, **QUICK)
    path.unlink()
    archive.files["table.csv"] = TABLE + b"one,row,more\n"
    with pytest.raises(InputError, match=r"first download, in .*datasets\.lock\.json"):
        fetch(dataset(archive), folder, **QUICK)
    assert not path.exists()
    assert lock(folder)["table"]["sha256"] == hashlib.sha256(TABLE).hexdigest()
    # A new version of the registry's row is another file.
    newer = fetch(dataset(archive, version="2"), folder, **QUICK)
    assert newer.read_bytes() == archive.files["table.csv"]


def test_altered_file_is_replaced(archive: Archive, folder: Path) -> None:
    path = fetch(dataset(archive), folder, **QUICK)
    path.write_bytes(b"rotten")
    assert fetch(dataset(archive), folder, **QUICK).read_bytes() == TABLE


@pytest.mark.parametrize(
    ("file", "known"),
    [("table.csv", {}), ("table.fits", {}), ("table.csv", {"size": len(TABLE)})],
)
def test_error_page_is_never_a_catalogue(
    archive: Archive, folder: Path, file: str, known: dict
) -> None:
    archive.fail(file, "garbage")
    assert fetch(dataset(archive, file, **known), folder, **QUICK).read_bytes() != b""
    archive.fail(file, "always:garbage")
    with pytest.raises(InputError, match="download failed"):
        fetch(dataset(archive, file, version="2", **known), folder, **QUICK)
    assert not (folder / "table-2" / file).exists()


def test_unknown_end_is_refused_unless_something_is_known(archive: Archive, folder: Path) -> None:
    archive.fail("table.csv", "always:no-length")
    with pytest.raises(InputError, match="states no size"):
        fetch(dataset(archive), folder, **QUICK)
    with pytest.raises(InputError, match="wrong checksum"):
        fetch(dataset(archive, checksum=sha256()), folder, **QUICK)
    with pytest.raises(InputError, match="cut after"):
        fetch(dataset(archive, size=len(TABLE)), folder, **QUICK)
    assert "table.csv" not in files_of(folder)


def test_truncated_gzip_file_is_found_without_a_checksum(archive: Archive, folder: Path) -> None:
    whole = gzip.compress(FITS, mtime=0)
    archive.files["table.fits.gz"] = whole[:-20]
    with pytest.raises(InputError, match="not a whole gzip file"):
        fetch(dataset(archive, "table.fits.gz"), folder, **QUICK)
    archive.files["table.fits.gz"] = whole
    assert fetch(dataset(archive, "table.fits.gz"), folder, **QUICK).read_bytes() == whole


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("status:403", "the server refused; found status 403"),
        ("gzip", r"compressed transfer \(gzip\)"),
        ("cut:0", r"0 bytes read, \d+ more expected"),
        ("redirect:http://192.0.2.1/table.csv", "refused to download without TLS"),
    ],
)
def test_lasting_trouble_ends_in_a_clear_error(
    archive: Archive, folder: Path, fault: str, message: str
) -> None:
    archive.fail("table.csv", f"always:{fault}")
    with pytest.raises(InputError, match=message):
        fetch(dataset(archive), folder, **QUICK)
    assert "table.csv" not in files_of(folder)
    assert not (folder.parent / "datasets.lock.json").exists()


def test_absent_file_is_not_asked_for_again(archive: Archive, folder: Path) -> None:
    with pytest.raises(InputError, match="status 404"):
        fetch(dataset(archive, "other.csv"), folder, **QUICK)
    assert len(archive.requests) == 1


def test_plain_http_is_for_this_machine_only(archive: Archive, folder: Path) -> None:
    with pytest.raises(InputError, match=r"http://example\.org/table\.csv: refused .* without TLS"):
        fetch(dataset(archive, url="http://example.org/table.csv"), folder, **QUICK)
    with pytest.raises(InputError, match="no address"):
        fetch(dataset(archive, url="file:///etc/hostname"), folder, **QUICK)


def test_full_disk_is_said_before_the_transfer(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        transfer.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})
    )
    with pytest.raises(InputError, match="not enough space"):
        fetch(dataset(archive), folder, **QUICK)
    assert files_of(folder) == {".lock"}


# ----------------------------------------------------------------------- killed, and own copies


def test_killed_process_goes_on_where_it_was(archive: Archive, folder: Path, root: Path) -> None:
    archive.fail("table.csv", "slow:0.2")
    code = (
        f"import sys; sys.path.insert(0, {str(root / 'workflow')!r})\n"
        "from transferz.catalogues.download import Dataset, fetch\n"
        f"fetch(Dataset('table', '1', 'table.csv', {archive.url + 'table.csv'!r}, None, None), "
        f"{str(folder)!r}, timeout=5, retries=0, wait=0)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    partial = folder / "table-1" / "table.csv.part"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if partial.is_file() and partial.stat().st_size > 150_000:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = partial.stat().st_size
    assert 0 < kept < len(TABLE)
    assert not (folder / "table-1" / "table.csv").exists()
    assert fetch(dataset(archive), folder, **QUICK).read_bytes() == TABLE
    assert archive.asked("table.csv") == [None, f"bytes={kept}-"]


def test_two_processes_do_not_write_one_file(archive: Archive, folder: Path) -> None:
    # A job may outlive its killed workflow, which starts it again.
    archive.fail("table.csv", "slow:0.05")
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: fetch(dataset(archive), folder, **QUICK), range(2)))
    assert [path.read_bytes() for path in paths] == [TABLE, TABLE]
    assert len(archive.requests) == 1


def test_whole_partial_file_is_not_sent_again(archive: Archive, folder: Path) -> None:
    archive.fail("table.csv", "cut:300000", "always:status:503")
    with pytest.raises(InputError):
        fetch(dataset(archive), folder, **QUICK)
    (folder / "table-1" / "table.csv.part").write_bytes(TABLE)
    archive.faults.clear()
    sent = archive.sent["table.csv"]
    assert fetch(dataset(archive), folder, **QUICK).read_bytes() == TABLE
    assert archive.sent["table.csv"] == sent


def row_of(archive: Archive, **known: str) -> dict[str, str]:
    row = {"name": "table", "version": "1", "file": "table.csv", "url": archive.url + "table.csv"}
    return {**row, "bytes": "-", "checksum": "-", **known}


def test_script_links_the_file_and_a_second_run_downloads_nothing(
    archive: Archive, tmp_path: Path
) -> None:
    output = tmp_path / "data" / "table.csv"
    for _ in range(2):
        output.unlink(missing_ok=True)
        download_dataset(None, output, row=row_of(archive), **QUICK)
        assert output.read_bytes() == TABLE
        assert output.is_symlink()
        assert output.lstat().st_mtime_ns == output.stat().st_mtime_ns
    assert len(archive.requests) == 1


def test_own_copy_is_verified_and_used_in_place(archive: Archive, tmp_path: Path) -> None:
    own, output = tmp_path / "own.csv", tmp_path / "data" / "table.csv"
    own.write_bytes(TABLE)
    download_dataset(own, output, row=row_of(archive, checksum=sha256()), **QUICK)
    assert output.resolve() == own
    assert archive.requests == []
    with pytest.raises(InputError, match=r"wrong checksum; found sha256:\w+; expected sha256:00"):
        download_dataset(own, output, row=row_of(archive, checksum="sha256:00"), **QUICK)
    with pytest.raises(InputError, match="another size"):
        download_dataset(own, output, row=row_of(archive, bytes="7"), **QUICK)
    own.write_bytes(b"<html>")
    with pytest.raises(InputError, match="not a table of text"):
        download_dataset(own, output, row=row_of(archive, version="2"), **QUICK)
    packed = tmp_path / "own.fits.gz"
    packed.write_bytes(gzip.compress(FITS))
    row = row_of(archive, version="3", file="own.fits.gz")
    download_dataset(packed, tmp_path / "data" / packed.name, row=row, **QUICK)
    row = row_of(archive, version="3", file="hsc.fits")
    with pytest.raises(InputError, match=r"found \.csv; expected \.fits; .* choose FITS"):
        download_dataset(own, tmp_path / "data" / "hsc.fits", row=row, **QUICK)
    own.unlink()
    with pytest.raises(InputError, match=r"download\.local\.table: file not found"):
        download_dataset(own, output, row=row_of(archive), **QUICK)


def test_registry_is_well_formed(root: Path) -> None:
    lines = (root / "config/datasets.tsv").read_text().splitlines()
    header, *rows = [line.split("\t") for line in lines if not line.startswith("#")]
    table = [dict(zip(header, row, strict=True)) for row in rows]
    datasets = [Dataset.from_row(row) for row in table]
    assert len({item.name for item in datasets}) == len({item.file for item in datasets}) == 13
    for item, row in zip(datasets, table, strict=True):
        assert item.url.startswith("https://") or (root / f"workflow/sql/{item.name}.sql").is_file()
        assert item.mirror == "" or item.mirror.startswith("https://")
        assert row["citation"] != "-"
