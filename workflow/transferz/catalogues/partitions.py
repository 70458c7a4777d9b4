"""Which files a catalogue of many files has; the standard library alone, for a dry-run asks."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from transferz.core.errors import InputError

PARQUET_SUFFIXES = (".parquet", ".pq")
FEATHER_SUFFIXES = (".feather", ".arrow")
# Beside the partitions of a HATS catalogue lies a file of example rows of them all.
HATS_FILES = ("hats.properties", "properties", "partition_info.csv", "catalog_info.json")
HATS_COLLECTION = "collection.properties"


def parts_of(path: str | Path) -> list[Path]:
    """Return a file, or by name the Parquet and Feather files of a folder, or those of a glob.

    Files and folders in it whose names begin with _ or . hold no rows. Of a HATS catalogue only the
    partitions count.
    """
    folder = Path(path)
    if not folder.is_dir():
        found = [path] if folder.is_file() else sorted(glob.glob(str(path), recursive=True))
        return [part for part in map(Path, found) if part.is_file()]
    if (folder / HATS_COLLECTION).is_file():
        raise InputError(
            "a collection of HATS catalogues",
            file=folder,
            expected="one catalogue",
            fix=f"give the folder that {HATS_COLLECTION} names as hats_primary_table_url",
        )
    kind = "Npix=" if any((folder / name).is_file() for name in HATS_FILES) else ""
    # A partition is a file, or a folder of files.
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.name.endswith((*PARQUET_SUFFIXES, *FEATHER_SUFFIXES))
        and path.is_file()
        and any(step.startswith(kind) for step in path.relative_to(folder).parts)
        and not any(step.startswith(("_", ".")) for step in path.relative_to(folder).parts)
    ]


def is_dataset(path: str | Sequence[str]) -> bool:
    """Return whether a catalogue is a list of files, a glob or a folder rather than a file."""
    return not isinstance(path, str) or glob.has_magic(path) or os.path.isdir(path)


def partitions(path: str | Sequence[str]) -> dict[str, str]:
    """Return the files of a catalogue by the names of their partitions.

    Parameters
    ----------
    path : str or sequence of str
        A file, a glob (``**`` for folders of any depth), a folder of Parquet or Feather files (also
        with ``key=value`` folders, or a HATS catalogue), or a list of these.

    Returns
    -------
    dict of str to str
        The name is the path without suffix, from the folder that has all files: an answer with
        these names has the partitions of the catalogue.

    Raises
    ------
    InputError
        If there is no file, or two of one name.
    """
    files, roots = [], []
    for entry in [path] if isinstance(path, str) else path:
        if os.path.isdir(entry):
            found, root = [str(part) for part in parts_of(entry)], entry
        else:
            found = sorted(glob.glob(entry, recursive=True)) if glob.has_magic(entry) else [entry]
            root = os.path.commonpath([os.path.dirname(name) or "." for name in found or [entry]])
        if not found:
            raise InputError(
                "no file of this catalogue",
                file=entry,
                expected="files that match" if glob.has_magic(entry) else "Parquet files in it",
                fix="correct predict.catalogue.path",
            )
        files += found
        roots.append(root)
    root = os.path.commonpath([os.path.abspath(each) for each in roots])
    named: dict[str, str] = {}
    for file in files:
        name = PurePath(os.path.relpath(os.path.abspath(file), root))
        if name.suffix in (".gz", ".bz2"):
            name = name.with_suffix("")
        name = str(name.with_suffix(""))
        if named.setdefault(name, file) != file:
            raise InputError(
                "two files of one partition",
                file=file,
                found=f"{named[name]} as well",
                fix="rename one of them: an answer is named after its file, without the suffix",
            )
    return named
