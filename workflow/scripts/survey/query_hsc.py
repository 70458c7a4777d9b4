"""Fetch HSC photometry over COSMOS from the archive by its official client.

Input: none; the SQL is a parameter. Output: the answer as FITS, a link to the verified file. The
account is taken from the environment variables HSC_SSP_CAS_USER and HSC_SSP_CAS_PASSWORD, which
the client reads itself: the password is in no argument, log or file. The client asks for nothing on
the terminal.
"""

import hashlib
import logging
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pooch

from transferz.catalogues.download import Dataset, alone, known_checksum, place, record, store_of
from transferz.catalogues.transfer import UnusableError, check_format
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


def run_client(command: list[str], sql: str, release: str, answer: Path) -> None:
    """Submit a query and write the archive's answer to `answer`.

    Raises
    ------
    InputError
        If the client fails; its messages, without the password, are in the error and the log.
    """
    query = answer.with_suffix(".sql")
    query.write_text(sql, encoding="utf-8")
    arguments = ["--user", os.environ[USER], "--release-version", release, "--format", "fits"]
    with answer.open("wb") as handle:
        done = subprocess.run(
            [*command, *arguments, "--delete-job", str(query)],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.PIPE,
        )
    messages = done.stderr.decode("utf-8", "replace").replace(os.environ[PASSWORD], "***").strip()
    if messages:
        logger.info("%s: %s", command[-1], messages)
    if done.returncode:
        raise InputError(
            "the query of the HSC archive failed",
            file=command[-1],
            found=f"status {done.returncode}: {messages.splitlines()[-1] if messages else ''}",
            expected="the photometry",
            fix="check the account, or run the query by hand: " + by_hand(answer.stem),
        )


def main(path: str, *, row: Mapping[str, str], sql: str, client: str) -> None:
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
            answer = kept.with_name(dataset.file + ".part")
            run_client(command, sql, release, answer)
            try:
                check_format(answer)
            except UnusableError as error:
                raise InputError(
                    str(error), file=answer, expected="FITS", fix=by_hand(dataset.name)
                ) from error
            if known and not pooch.hashes.hash_matches(str(answer), known):
                raise InputError(
                    "the archive's answer differs from the recorded one",
                    file=answer,
                    found=f"sha256:{pooch.file_hash(str(answer))}",
                    expected=f"{known} ({origin})",
                    fix="nothing was replaced; to accept the new answer, delete that entry",
                )
            answer.replace(kept)
    record(dataset, kept, folder)
    place(kept, path)


if __name__ == "__main__":
    run(main, snakemake)
