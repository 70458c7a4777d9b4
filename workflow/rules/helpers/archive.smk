# The registry of public files, and which rule fetches which (helpers of archive.smk).

import csv
import re


def read_registry():
    """Return the rows of the registry by file name."""
    path = config["download"]["registry"] or workflow.source_path(
        "../../../config/datasets.tsv"
    )
    with open(path, encoding="utf-8") as handle:
        rows = csv.DictReader(
            (line for line in handle if line[0] != "#"), delimiter="\t"
        )
        found = {row["file"]: row for row in rows}
    for name in found:
        if PurePosixPath(name).name != name or name in (".", ".."):
            raise WorkflowError(
                f"{path}: file: found {name!r}, expected the name of a file without a folder"
            )
    return found


def read_sql(name):
    """Return the text of a query."""
    with open(
        workflow.source_path(f"../../sql/{name}.sql"), encoding="utf-8"
    ) as handle:
        return handle.read()


def local_copy(wildcards):
    """Return the user's copy of a file, none for a download."""
    return config["download"]["local"].get(REGISTRY[wildcards.file]["name"], [])


def any_of(files):
    """Return a pattern of these file names; one that nothing matches for none."""
    return "|".join(sorted(map(re.escape, files))) or "(?!)"


REGISTRY = read_registry()
UNKNOWN = set(config["download"]["local"]) - {row["name"] for row in REGISTRY.values()}
if UNKNOWN:
    raise WorkflowError(
        f"download.local: unknown data sets {', '.join(sorted(UNKNOWN))}; known: "
        + ", ".join(row["name"] for row in REGISTRY.values())
    )
# Without an address and a local copy: a query of the HSC archive.
QUERIES = {
    file: row
    for file, row in REGISTRY.items()
    if row["url"] == "-" and row["name"] not in config["download"]["local"]
}
