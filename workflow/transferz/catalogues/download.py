"""Downloads of public files on top of pooch: resumed, verified, recorded.

Pooch keeps the files, verifies checksums and moves a file to its name only when it is whole and
right. A lock file holds the checksums that nobody has published, from the first download on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests

from transferz.catalogues.transfer import (
    DownloadError,
    ResumingDownloader,
    UnusableError,
    check_format,
    new_session,
    one_line,
)
from transferz.core.errors import InputError
from transferz.core.products import sha256, write_text

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """One row of the registry (config/datasets.tsv).

    Attributes
    ----------
    name, version : str
        Key of the registry and of the lock file.
    file : str
        Name under which the file is kept.
    url, mirror : str
        Where the file is, and where the same file is too. Empty where there is none: a query has
        no address.
    size : int or None
        Bytes, where published.
    checksum : str or None
        ``algorithm:sum`` where published.
    """

    name: str
    version: str
    file: str
    url: str
    size: int | None
    checksum: str | None
    mirror: str = ""

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Dataset:
        """Return the data set of a registry row, in which ``-`` stands for unknown."""
        known = {key: "" if value == "-" else value for key, value in row.items()}
        return cls(
            known["name"],
            known["version"],
            known["file"],
            known["url"],
            int(known["bytes"]) if known["bytes"] else None,
            known["checksum"] or None,
            known.get("mirror") or "",
        )


# -------------------------------------------------------------------------------- whole files


def fetch(
    dataset: Dataset, folder: str | Path, *, timeout: float, retries: int, wait: float
) -> Path:
    """Return the path of a data set's file, downloaded where it is absent or outdated.

    Parameters
    ----------
    dataset : Dataset
    folder : path-like
        Folder of the downloads: each file is kept in a folder of its own below it;
        `datasets.lock.json` beside it holds checksums first seen here.
    timeout, retries, wait
        As of `ResumingDownloader`.

    Raises
    ------
    InputError
        If the file cannot be had, or is not the one that the registry or the lock file means; an
        older file is left as it was.
    """
    if urlsplit(dataset.url).scheme not in ("https", "http"):
        raise InputError("no address to download from", key=dataset.name, found=dataset.url)
    with alone(store_of(dataset, folder)) as store:
        if known_checksum(dataset, folder)[0] is None:
            dataset = as_record_states(dataset, timeout=timeout)
        try:
            return _fetch(dataset, Path(folder), store, timeout=timeout, retries=retries, wait=wait)
        except DownloadError as error:
            if not dataset.mirror:
                raise
            logger.warning("%s; now from %s", error, dataset.mirror)
        dataset = replace(dataset, url=dataset.mirror)
        return _fetch(dataset, Path(folder), store, timeout=timeout, retries=retries, wait=wait)


def as_record_states(dataset: Dataset, *, timeout: float) -> Dataset:
    """Return a data set with the size and the checksum that its Zenodo record states.

    Without an answer, and for other addresses than those of a record's files, as it is.
    """
    found = re.fullmatch(r"(https?://[^/]+)/records/(\d+)/files/([^/?]+)", dataset.url)
    if not found:
        return dataset
    site, record_id, name = found.groups()
    try:
        with new_session() as session:
            answer = session.get(f"{site}/api/records/{record_id}", timeout=timeout)
            answer.raise_for_status()
            entry = next(each for each in answer.json()["files"] if each["key"] == name)
            stated = replace(dataset, size=int(entry["size"]), checksum=str(entry["checksum"]))
    except (requests.RequestException, ValueError, TypeError, KeyError, StopIteration) as error:
        logger.warning("%s: its record states no checksum (%s)", dataset.file, one_line(error))
        return dataset
    logger.info("%s: %d bytes, %s by its record", dataset.file, stated.size, stated.checksum)
    return stated


@contextlib.contextmanager
def alone(store: Path) -> Iterator[Path]:
    """Keep other processes out of `store` meanwhile: a job may outlive its killed workflow."""
    store.mkdir(parents=True, exist_ok=True)
    with (store / ".lock").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("%s: another process is at it; waiting for it to end", store)
            fcntl.flock(guard, fcntl.LOCK_EX)
        yield store


def _fetch(
    dataset: Dataset, folder: Path, store: Path, *, timeout: float, retries: int, wait: float
) -> Path:
    known, origin = known_checksum(dataset, folder)
    partial = store / f"{dataset.file}.part"
    for stale in store.glob("tmp*"):
        # Left by a process that was killed; only this job uses the folder.
        stale.unlink()
    downloader = ResumingDownloader(
        partial,
        size=dataset.size,
        checked_later=known is not None,
        timeout=timeout,
        retries=retries,
        wait=wait,
    )
    keeper = pooch.create(
        store, base_url="", registry={dataset.file: known}, urls={dataset.file: dataset.url}
    )
    pooch.get_logger().setLevel("WARNING")
    while True:
        try:
            path = Path(keeper.fetch(dataset.file, downloader=downloader))
            break
        except InputError:
            raise
        except ValueError as error:
            downloader.discard()
            if downloader.resumed:
                logger.warning("%s: wrong checksum after a resumed transfer; anew", dataset.file)
                downloader.resumed = False
                continue
            raise _wrong_checksum(dataset, str(error), known, origin, path=None) from error
    downloader.discard()
    record(dataset, path, folder)
    return path


def adopt(dataset: Dataset, local: str | Path, folder: str | Path) -> Path:
    """Return the path of a user's own copy after the same checks as a download.

    Raises
    ------
    InputError
        If the file is missing or not the one that the registry or the lock file means.
    """
    path = Path(local).absolute()
    if not path.is_file():
        raise InputError("file not found", file=path, key=f"download.local.{dataset.name}")
    if ending_of(path.name) != ending_of(dataset.file):
        raise InputError(
            "the local copy has another format",
            file=path,
            key=f"download.local.{dataset.name}",
            found=ending_of(path.name) or "no ending",
            expected=ending_of(dataset.file),
            fix="in the form of the HSC archive choose FITS; a table of text is read if you name "
            "it in `inputs` instead",
        )
    if dataset.size is not None and path.stat().st_size != dataset.size:
        raise InputError(
            "the local copy has another size",
            file=path,
            key=f"download.local.{dataset.name}",
            found=f"{path.stat().st_size} bytes",
            expected=f"{dataset.size} bytes",
        )
    known, origin = known_checksum(dataset, folder)
    try:
        if known is None:
            check_format(path)
        else:
            pooch.hashes.hash_matches(str(path), known, strict=True)
    except UnusableError as error:
        raise InputError(str(error), file=path, key=f"download.local.{dataset.name}") from error
    except ValueError as error:
        raise _wrong_checksum(dataset, str(error), known, origin, path) from error
    record(dataset, path, folder)
    return path


def ending_of(name: str) -> str:
    """Return the ending of a file's name that says its format, packed or not."""
    return Path(name.lower().removesuffix(".gz")).suffix


def _wrong_checksum(
    dataset: Dataset, message: str, known: str, origin: str, path: Path | None
) -> InputError:
    found = re.search(r"but got (\w+)", message)
    return InputError(
        "wrong checksum",
        file=path or dataset.file,
        key=dataset.name,
        found=f"{pooch.hashes.hash_algorithm(known)}:{found[1]}" if found else message,
        expected=f"{known} ({origin})",
        fix="nothing was replaced; if the file was published anew, change that entry",
    )


def store_of(dataset: Dataset, folder: str | Path) -> Path:
    """Return the folder that holds one version of a data set, and whatever has arrived of it."""
    return Path(folder) / f"{dataset.name}-{dataset.version}"


# ---------------------------------------------------------------------------------- lock file


def lock_path(folder: str | Path) -> Path:
    """Return the lock file of a folder of downloads."""
    return Path(folder).parent / "datasets.lock.json"


def known_checksum(dataset: Dataset, folder: str | Path) -> tuple[str | None, str]:
    """Return the checksum that a file must have, and who says so."""
    if dataset.checksum:
        return dataset.checksum, "as published"
    entry = read_lock(folder).get(dataset.name)
    if entry and entry["version"] == dataset.version:
        return f"sha256:{entry['sha256']}", f"first download, in {lock_path(folder)}"
    return None, "nobody"


def read_lock(folder: str | Path) -> dict[str, dict]:
    """Return what the lock file holds."""
    path = lock_path(folder)
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            "not a lock file of downloads", file=path, found=one_line(error), fix="restore it"
        ) from error


def record(dataset: Dataset, path: Path, folder: str | Path) -> None:
    """Write a verified file's checksum and size into the lock file, if they are not there."""
    folder = Path(folder)
    entry = read_lock(folder).get(dataset.name)
    if entry and entry["version"] == dataset.version and not dataset.checksum:
        return
    entry = {
        "file": dataset.file,
        "version": dataset.version,
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        entries = {**read_lock(folder), dataset.name: entry}
        write_text(json.dumps(entries, indent=1, sort_keys=True), lock_path(folder))
    logger.info("%s: %d bytes, sha256 %s", dataset.file, entry["bytes"], entry["sha256"])


def place(path: Path, output: str | Path) -> None:
    """Make `output` a link to a verified file, as old as the file itself.

    The workflow may remove its output before it runs a rule again: the file itself stays.
    """
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)
    output.symlink_to(os.path.relpath(path, output.parent) if _below(path, output) else path)
    times = path.stat()
    os.utime(output, ns=(times.st_atime_ns, times.st_mtime_ns), follow_symlinks=False)


def _below(path: Path, output: Path) -> bool:
    return path.absolute().is_relative_to(output.absolute().parent)
