"""Download one public file, or take the user's copy of it, and verify it.

Input: none, or the copy named in `download.local`. Output: the file under its public name, a link
to the verified download. Checksums first seen are kept in `datasets.lock.json` beside it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.catalogues.download import Dataset, adopt, fetch, place
from transferz.core.logs import run

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    local: str | None,
    path: str,
    *,
    row: Mapping[str, str],
    timeout: float,
    retries: int,
    wait: float,
) -> None:
    """Put a verified file in its place.

    Parameters
    ----------
    local, path : path
        The user's own copy, None for a download; the output.
    row : mapping
        The file's row of the registry.
    timeout, retries, wait
        See `download.fetch`.
    """
    dataset, folder = Dataset.from_row(row), Path(path).parent / "downloads"
    if local is None:
        kept = fetch(dataset, folder, timeout=timeout, retries=retries, wait=wait)
    else:
        kept = adopt(dataset, local, folder)
    place(kept, path)


if __name__ == "__main__":
    run(main, snakemake)
