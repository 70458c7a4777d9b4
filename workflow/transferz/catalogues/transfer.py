"""Download of one large public file: resumed, retried, checked for its format.

Multi-GB files from busy archives need more than pooch has: a transfer that goes on where it was
cut (also after the process was killed), back-off, and checks of a file whose checksum nobody has
published.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import shutil
import time
import warnings
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from transferz.core.errors import InputError
from transferz.core.products import write_text

logger = logging.getLogger(__name__)

# The only hosts that may be asked without TLS: this machine.
LOOPBACK = ("127.0.0.1", "localhost", "::1")

# A cut transfer loses at most one chunk.
CHUNK_BYTES = 64 * 1024
SECONDS_BETWEEN_REPORTS = 10.0
LONGEST_WAIT = 300.0

# Answers after which asking again later may help.
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


class UnusableError(Exception):
    """An answer that cannot be part of the file; another attempt may bring a better one."""


class DownloadError(InputError):
    """An address that does not give the file; another address of the same file may."""


class LoopbackAdapter(requests.adapters.HTTPAdapter):
    """Plain HTTP for loopback hosts only, redirects included."""

    def send(
        self, request: requests.PreparedRequest, *args: object, **options: object
    ) -> requests.Response:
        """Send `request` unless it would leave the machine without TLS."""
        if urlsplit(request.url).hostname not in LOOPBACK:
            raise InputError(
                "refused to download without TLS", key=request.url, expected="an https address"
            )
        return super().send(request, *args, **options)


def new_session() -> requests.Session:
    """Return a session that speaks HTTPS, and HTTP with this machine only."""
    session = requests.Session()
    session.mount("http://", LoopbackAdapter())
    # Bytes as they are in the archive: a compressed transfer cannot be resumed or measured.
    session.headers["Accept-Encoding"] = "identity"
    return session


class ResumingDownloader:
    """A downloader for pooch that goes on where an earlier transfer stopped.

    Parameters
    ----------
    partial : path-like
        File for what has arrived; it outlives the process.
    size : int or None
        Bytes to expect, where known.
    checked_later : bool
        Whether a checksum is known: then pooch finds damage; else the file's format is checked.
    timeout : float
        Seconds without a byte after which the transfer is cut.
    retries : int
        Attempts in a row without progress after which to give up.
    wait : float
        Seconds before the first new attempt, doubled each time.
    """

    def __init__(
        self,
        partial: str | Path,
        *,
        size: int | None,
        checked_later: bool,
        timeout: float,
        retries: int,
        wait: float,
    ) -> None:
        self.partial = Path(partial)
        self.state = self.partial.with_name(self.partial.name + ".json")
        self.size = size
        self.checked_later = checked_later
        self.timeout, self.retries, self.wait = timeout, retries, wait
        self.resumed = False

    def __call__(self, url: str, output_file: str, pooch_: object, **_: object) -> None:
        """Download `url` into `output_file`; raise `InputError` when that cannot be done."""
        failures, furthest = 0, self._have()
        with new_session() as session:
            while True:
                try:
                    self._attempt(session, url)
                    if not self.checked_later:
                        check_format(self.partial)
                    break
                except (requests.RequestException, UnusableError) as error:
                    if isinstance(error, UnusableError):
                        self.discard()
                    have = self._have()
                    failures = 1 if have > furthest else failures + 1
                    furthest = max(furthest, have)
                    if failures > self.retries:
                        raise DownloadError(
                            f"download failed {failures} times without progress",
                            file=self._name(),
                            key=url,
                            found=one_line(error),
                            fix="run again to go on where it stopped, or give a local copy",
                        ) from error
                    pause = min(
                        max(self.wait * 2 ** (failures - 1), _retry_after(error)), LONGEST_WAIT
                    )
                    logger.warning(
                        "%s: %s; %d bytes so far; again in %.1f s",
                        self.partial.name,
                        one_line(error),
                        have,
                        pause,
                    )
                    time.sleep(pause)
        # A second name for the same bytes: killed while pooch verifies, nothing is lost.
        Path(output_file).unlink(missing_ok=True)
        try:
            os.link(self.partial, output_file)
        except OSError:
            self.partial.replace(output_file)

    def discard(self) -> None:
        """Forget what has arrived."""
        self.partial.unlink(missing_ok=True)
        self.state.unlink(missing_ok=True)

    def _name(self) -> str:
        return self.partial.name.removesuffix(".part")

    def _have(self) -> int:
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def _attempt(self, session: requests.Session, url: str) -> None:
        """Transfer what is missing; raise if the file is not whole afterwards."""
        have, validator = self._have(), self._validator(url)
        headers = {}
        if have and (validator or self.checked_later):
            headers["Range"] = f"bytes={have}-"
            if validator:
                # The server sends everything anew if the file is another one by now.
                headers["If-Range"] = validator
        with session.get(url, headers=headers, stream=True, timeout=self.timeout) as answer:
            if answer.status_code == 416 and have:
                total = re.fullmatch(r"bytes \*/(\d+)", answer.headers.get("Content-Range", ""))
                if total and int(total[1]) == have and self.size in (None, have):
                    self.resumed = True
                    return
                raise UnusableError(f"the server has another file than the {have} bytes kept")
            if answer.status_code in TRANSIENT:
                raise requests.HTTPError(f"status {answer.status_code}", response=answer)
            if answer.status_code not in (200, 206):
                raise DownloadError(
                    "the server refused",
                    key=url,
                    found=f"status {answer.status_code} {answer.reason}",
                    expected="the file",
                    fix="check the address in the registry, or give a local copy",
                )
            start, total = self._extent(answer, have)
            if self.size is not None and total not in (None, self.size):
                raise UnusableError(f"{total} bytes offered, {self.size} expected")
            self._receive(answer, url, start, total)

    def _extent(self, answer: requests.Response, have: int) -> tuple[int, int | None]:
        """Return where the answer's bytes belong and the size of the whole file."""
        encoding = answer.headers.get("Content-Encoding", "identity")
        # Servers call a gzip file so too: the bytes on the wire are the file then.
        if encoding != "identity" and not ("gzip" in encoding and self._name().endswith(".gz")):
            raise UnusableError(f"compressed transfer ({encoding})")
        if answer.status_code == 206:
            span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
            if not span or int(span[1]) != have or int(span[2]) + 1 != int(span[3]):
                raise UnusableError(
                    f"bytes from {have} asked for, found {answer.headers.get('Content-Range')}"
                )
            self.resumed = True
            return have, int(span[3])
        length = answer.headers.get("Content-Length")
        if length is None and "chunked" not in answer.headers.get("Transfer-Encoding", ""):
            if self.size is None and not self.checked_later:
                raise UnusableError(
                    "the server states no size, and neither size nor checksum is known"
                )
            return 0, None
        return 0, None if length is None else int(length)

    def _receive(self, answer: requests.Response, url: str, start: int, total: int | None) -> None:
        missing = (total or self.size or 0) - start
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.partial.parent).free + (self._have() - start)
        if missing > free:
            raise InputError(
                "not enough space on the disk",
                file=self.partial.parent,
                found=f"{free / 1e9:.1f} GB free",
                expected=f"{missing / 1e9:.1f} GB",
            )
        if start == 0:
            # Weak validators do not promise equal bytes.
            tag = answer.headers.get("ETag", "")
            validator = answer.headers.get("Last-Modified") if not tag or tag[:2] == "W/" else tag
            self.discard()
            write_text(json.dumps({"url": url, "validator": validator}), self.state)
        progress = TransferProgress(self._name(), start, total or self.size)
        with self.partial.open("ab") as handle:
            try:
                for chunk in answer.raw.stream(CHUNK_BYTES, decode_content=False):
                    handle.write(chunk)
                    progress.add(len(chunk))
            except urllib3.exceptions.HTTPError as error:
                raise requests.ConnectionError(one_line(error)) from error
            finally:
                handle.flush()
                os.fsync(handle.fileno())
        have = self._have()
        wanted = total or self.size
        if wanted is not None and have != wanted:
            if have > wanted:
                raise UnusableError(f"{have} bytes received, {wanted} expected")
            raise requests.ConnectionError(f"cut after {have} of {wanted} bytes")
        progress.report()

    def _validator(self, url: str) -> str | None:
        try:
            state = json.loads(self.state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return state["validator"] if state.get("url") == url else None


class TransferProgress:
    """Lines about a transfer in the log and on the terminal, one every few seconds."""

    def __init__(self, name: str, have: int, total: int | None) -> None:
        self.name, self.first, self.have, self.total = name, have, have, total
        self.began = self.reported = time.monotonic()

    def add(self, count: int) -> None:
        """Count bytes that have arrived."""
        self.have += count
        if time.monotonic() - self.reported >= SECONDS_BETWEEN_REPORTS:
            self.report()

    def report(self) -> None:
        """Say how far the transfer is."""
        self.reported = time.monotonic()
        rate = (self.have - self.first) / max(self.reported - self.began, 1e-3) / 1e6
        of = (
            f" of {self.total / 1e6:.1f} MB ({self.have / self.total:.0%})" if self.total else " MB"
        )
        logger.info("%s: %.1f%s, %.1f MB/s", self.name, self.have / 1e6, of, rate)


def check_format(path: Path) -> None:
    """Raise `UnusableError` if a file does not begin, and end, as its name says.

    For files without a known checksum: an error page or a login form instead of a catalogue is
    found here, and so is any damage to a gzip file, whose own checksum is compared.
    """
    name = path.name.removesuffix(".part").lower()
    opener = gzip.open if name.endswith(".gz") else open
    with opener(path, "rb") as handle:
        try:
            head = handle.read(4096)
            size = len(head) if opener is gzip.open else path.stat().st_size
            while opener is gzip.open and (chunk := handle.read(1 << 20)):
                size += len(chunk)
        except (OSError, EOFError, zlib.error) as error:
            raise UnusableError(f"not a whole gzip file: {one_line(error)}") from error
    name = name.removesuffix(".gz")
    if name.endswith((".fits", ".fit")):
        if not head.startswith(b"SIMPLE  ="):
            raise UnusableError(f"not a FITS file; it begins with {head[:40]!r}")
        if size % 2880:
            raise UnusableError("not a whole FITS file: its size is no multiple of 2880 bytes")
        if opener is open and size < (end := _end_of_fits(path)):
            raise UnusableError(f"not a whole FITS file: {size} bytes, its header says {end}")
    elif name.endswith((".csv", ".tsv")):
        line = head.split(b"\n")[0]
        if (
            b"\0" in head
            or head.lstrip()[:1] in (b"<", b"{", b"")
            or not re.search(rb"[,\t]", line)
        ):
            raise UnusableError(f"not a table of text; it begins with {head[:40]!r}")


def _end_of_fits(path: Path) -> int:
    """Return where the last table or image of a FITS file ends by its own header."""
    try:
        with (
            warnings.catch_warnings(action="ignore", category=AstropyUserWarning),
            fits.open(path, memmap=True) as hdus,
        ):
            where = hdus[-1].fileinfo()
    except (OSError, ValueError, KeyError) as error:
        raise UnusableError(f"not a whole FITS file: {one_line(error)}") from error
    return where["datLoc"] + where["datSpan"]


def _retry_after(error: Exception) -> float:
    """Return the seconds that the server asks to wait; 0 where it asks for none."""
    response = getattr(error, "response", None)
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isdigit() else 0.0


def one_line(error: Exception) -> str:
    """Return an error as the beginning of one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
