"""Download one public file, or take the user's copy of it, and verify it.

Input: none, or the copy named in `download.local`. Output: the file under its public name, a link
to the verified download. Checksums first seen are kept in `datasets.lock.json` beside it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.catalogues.download import Dataset, adopt, fetch, place
from transferz.core.logs import job

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    local: str | None,
    file: str,
    *,
    row: Mapping[str, str],
    timeout: float,
    retries: int,
    wait: float,
) -> None:
    """Put a verified file in its place.

    Parameters
    ----------
    local : path or None
        The user's own copy; None: download.
    file : path
        Output.
    row : mapping
        The file's row of the registry.
    timeout : float
        Seconds without a byte after which a transfer is cut and resumed.
    retries : int
        Attempts without progress before giving up.
    wait : float
        Seconds before the first new attempt.
    """
    dataset, folder = Dataset.from_row(row), Path(file).parent / "downloads"
    if local is None:
        path = fetch(dataset, folder, timeout=timeout, retries=retries, wait=wait)
    else:
        path = adopt(dataset, local, folder)
    place(path, file)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input[0] if snakemake.input else None,
            snakemake.output.file,
            row=snakemake.params.row,
            timeout=snakemake.params.timeout,
            retries=snakemake.params.retries,
            wait=snakemake.params.wait,
        )
