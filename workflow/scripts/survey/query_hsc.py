"""Fetch HSC photometry over COSMOS from the archive by its official client.

Input: none; the SQL is a parameter. Output: the answer as FITS, a link to the verified file. The
query is asked in strips of right ascension; after a kill, the strips that have come are kept. The
account is taken from the environment variables HSC_SSP_CAS_USER and HSC_SSP_CAS_PASSWORD, which
the client reads itself: the password is in no argument, log or file. The client asks for nothing on
the terminal.
"""

import hashlib
import logging
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pooch

from transferz.catalogues.download import Dataset, alone, known_checksum, place, record, store_of
from transferz.catalogues.strips import cut_query, join_strips
from transferz.catalogues.transfer import LONGEST_WAIT, UnusableError, check_format
from transferz.core.errors import InputError
from transferz.core.logs import run

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

USER, PASSWORD = "HSC_SSP_CAS_USER", "HSC_SSP_CAS_PASSWORD"


def by_hand(name: str) -> str:
    """Return what to do without the client."""
    return (
        f"paste workflow/sql/{name}.sql into https://hsc-release.mtk.nao.ac.jp/datasearch/ (format "
        f"FITS) and name the file it returns in the configuration, download.local.{name}; or set "
        f"{USER} and {PASSWORD} and install the archive's hscReleaseQuery.py"
    )


# What the client says of troubles that pass.
PASSING = re.compile(
    r"HTTP Error (429|5\d\d)|URLError|[Tt]imed out|Connection|Disconnected|Incomplete"
)
# The archive's answer where its check of the syntax takes too long.
CHECK_FAILED = "HTTP Error 502"


def run_client(
    command: list[str], options: list[str], sql: str, release: str, answer: Path
) -> tuple[int, str]:
    """Submit a query and write the archive's answer to `answer`.

    Returns
    -------
    status : int
        Of the client, 0 where it saw no trouble.
    messages : str
        What it says, without the password.
    """
    query = answer.with_suffix(".sql")
    query.write_text(sql, encoding="utf-8")
    arguments = ["--user", os.environ[USER], "--release-version", release, "--format", "fits"]
    with answer.open("wb") as handle:
        done = subprocess.run(
            [*command, *arguments, "--delete-job", "--nomail", *options, str(query)],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.PIPE,
        )
    query.unlink()
    messages = done.stderr.decode("utf-8", "replace").replace(os.environ[PASSWORD], "***").strip()
    if messages:
        logger.info("%s: %s", command[-1], messages)
    return done.returncode, messages


def ask(
    command: list[str],
    sql: str,
    release: str,
    answer: Path,
    options: list[str],
    *,
    retries: int,
    wait: float,
) -> None:
    """Write the archive's whole answer to `answer`; ask again after troubles that pass.

    The client ends well even if its answer is cut short: the file itself is looked at. An archive
    whose check of the syntax failed once is asked without it: that is put into `options`.

    Raises
    ------
    InputError
        If the archive refuses, or no whole answer has come after `retries` more attempts.
    """
    for attempt in range(retries + 1):
        status, messages = run_client(command, options, sql, release, answer)
        problem = f"status {status}: {messages.splitlines()[-1] if messages else ''}"
        if status == 0:
            try:
                return check_format(answer)
            except UnusableError as error:
                problem = str(error)
        elif not PASSING.search(messages):
            break
        if status and CHECK_FAILED in messages:
            options[:] = ["--skip-syntax-check"]
        if attempt < retries:
            pause = min(wait * 2**attempt, LONGEST_WAIT)
            logger.warning("%s: %s; again in %.1f s", answer.name, problem, pause)
            time.sleep(pause)
    raise InputError(
        "the query of the HSC archive failed",
        file=command[-1],
        found=problem,
        expected="the photometry as FITS",
        fix="check the account, or run the query by hand: " + by_hand(answer.name.split(".")[0]),
    )


def fetch_pieces(
    command: list[str],
    queries: list[str],
    release: str,
    whole: Path,
    *,
    retries: int,
    wait: float,
) -> None:
    """Ask each of the queries whose answer is not here yet, and join all answers to `whole`."""
    pieces = [
        whole.with_name(f"{whole.stem}.{number}-of-{len(queries)}.fits")
        for number in range(1, len(queries) + 1)
    ]
    options: list[str] = []
    for query, piece in zip(queries, pieces, strict=True):
        if not piece.is_file():
            arriving = piece.with_name(piece.name + ".part")
            ask(command, query, release, arriving, options, retries=retries, wait=wait)
            arriving.replace(piece)
            logger.info("%s: %d bytes", piece.name, piece.stat().st_size)
    if len(pieces) > 1:
        join_strips(pieces, whole)
    else:
        pieces[0].replace(whole)
    for piece in pieces:
        piece.unlink(missing_ok=True)


def main(
    path: str,
    *,
    row: Mapping[str, str],
    sql: str,
    client: str,
    pieces: int,
    retries: int,
    wait: float,
) -> None:
    """Put the answer of a query in its place.

    Parameters
    ----------
    path : path
        Output.
    row : mapping
        The query's row of the registry.
    sql : str
        The query.
    client : str
        Command of the official client, hscReleaseQuery.py.
    pieces : int
        Queries to ask it in. Each answer is kept until all have come, also when the job is killed.
    retries, wait : int, float
        More attempts for each, and seconds before the first of them, doubled each time.
    """
    dataset = Dataset.from_row(row)
    # Another query is another data set: an answer is used again only for the same SQL.
    digest = hashlib.sha256(sql.encode()).hexdigest()[:12]
    release, dataset = dataset.version, replace(dataset, version=f"{dataset.version}-{digest}")
    folder = Path(path).parent / "downloads"
    known, origin = known_checksum(dataset, folder)
    kept = store_of(dataset, folder) / dataset.file
    if not (kept.is_file() and known and pooch.hashes.hash_matches(str(kept), known)):
        command = shlex.split(client)
        unset = [name for name in (USER, PASSWORD) if not os.environ.get(name)]
        if unset or shutil.which(command[0]) is None:
            raise InputError(
                "cannot ask the HSC archive",
                file=dataset.file,
                found=f"{' and '.join(unset)} not set" if unset else f"no command {command[0]}",
                fix=by_hand(dataset.name),
            )
        with alone(kept.parent):
            arrived = kept.with_name(dataset.file + ".part")
            fetch_pieces(
                command, cut_query(sql, pieces), release, arrived, retries=retries, wait=wait
            )
            if known and not pooch.hashes.hash_matches(str(arrived), known):
                raise InputError(
                    "the archive's answer differs from the recorded one",
                    file=arrived,
                    found=f"sha256:{pooch.file_hash(str(arrived))}",
                    expected=f"{known} ({origin})",
                    fix="nothing was replaced; to accept the new answer, delete that entry",
                )
            arrived.replace(kept)
    record(dataset, kept, folder)
    place(kept, path)


if __name__ == "__main__":
    run(main, snakemake)
