"""Columns of a catalogue: what the workflow calls them, and how a file has them."""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transferz.core.errors import InputError

COLUMN_KINDS = ("id", "float", "int", "flag", "text")
# Before the name of a column that is carried along: it may be named like one that is read.
CARRIED = "carried "
# Close names are looked for among this many columns at most: difflib takes 10 us for each.
MAX_NAMES_COMPARED = 20_000


@dataclass(frozen=True)
class Column:
    """One column to read: what the workflow calls it and how the file has it.

    Attributes
    ----------
    quantity : str
        Name in the workflow's tables, such as ``mag_g``.
    name : str
        Name in the file, such as ``g_cmodel_mag``.
    kind : str
        One of `COLUMN_KINDS`; or ``any``: carried along in its own type.
    unit : str
        Accepted units, alternatives separated by ``|``; empty: not checked.
    required : bool
        Whether its absence, or a column of nulls only, is an error.
    nulls : tuple of float or str
        Values, and words among numbers, that mean "no value" besides NaN.
    """

    quantity: str
    name: str
    kind: str = "float"
    unit: str = ""
    required: bool = True
    nulls: tuple[float | str, ...] = ()


def load_columns(
    path: str | Path, catalogue: str, version: str, bands: Sequence[str]
) -> list[Column]:
    """Return the columns of one catalogue and version, ``{band}`` templates expanded.

    Parameters
    ----------
    path : path-like
        Table of column templates (config/columns.tsv).
    catalogue, version : str
        Which rows to take; rows of version ``*`` belong to every version.
    bands : sequence of str
        Names put in place of ``{band}``.

    Raises
    ------
    InputError
        If the table is malformed or has no such catalogue or version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("file not found", file=path, expected="the table of column templates")
    lines = [
        line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    header = ["catalogue", "version", "quantity", "column", "kind", "unit", "required", "null"]
    if not rows or list(rows[0]) != header or any(None in row.values() for row in rows):
        raise InputError("not a table of column templates", file=path, expected="\\t".join(header))
    known = sorted({row["version"] for row in rows if row["catalogue"] == catalogue} - {"*"})
    if not any(row["catalogue"] == catalogue for row in rows):
        raise InputError(
            "unknown catalogue",
            file=path,
            found=catalogue,
            expected=", ".join(sorted({row["catalogue"] for row in rows})),
        )
    if known and version not in known:
        raise InputError(
            f"unknown version of {catalogue}", file=path, found=version, expected=", ".join(known)
        )
    mine = [r for r in rows if r["catalogue"] == catalogue and r["version"] in ("*", version)]
    templates = [_template(row, path) for row in mine]
    own = {band: band for band in bands}
    return [column for template in templates for column in expand_bands(template, own)]


def _template(row: Mapping[str, str], path: Path) -> Column:
    """Return the column, or those of all bands, that a row of the table describes."""
    if row["kind"] not in COLUMN_KINDS:
        raise InputError(
            "unknown kind of column",
            file=path,
            key=row["quantity"],
            found=row["kind"],
            expected=", ".join(COLUMN_KINDS),
        )
    return Column(
        quantity=row["quantity"],
        name=row["column"],
        kind=row["kind"],
        unit="" if row["unit"] == "-" else row["unit"],
        required=row["required"] == "yes",
        nulls=() if row["null"] == "-" else tuple(float(v) for v in row["null"].split(",")),
    )


def expand_bands(template: Column, bands: Mapping[str, str]) -> list[Column]:
    """Return one column per band, or the template itself where it names no band.

    `bands` maps the workflow's name of a band to the file's.
    """
    if "{band}" not in template.quantity:
        return [template]
    return [
        replace(
            template,
            quantity=template.quantity.replace("{band}", band),
            name=template.name.replace("{band}", in_file),
        )
        for band, in_file in bands.items()
    ]


def leading_columns(bands: Sequence[str]) -> list[str]:
    """Return the columns that every catalogue table begins with."""
    return ["object_id", "ra", "dec"] + [
        f"{name}_{b}" for name in ("mag", "mag_err") for b in bands
    ]


def pick_columns(path: Path, names: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """Return the names to read; raise for a required one that is absent or there twice."""
    counts = Counter(names)
    wanted = list(dict.fromkeys(column.name for column in columns))
    check_once(path, wanted, names)
    missing = [column for column in columns if column.required and column.name not in counts]
    if missing:
        raise InputError(
            "missing column" if len(missing) == 1 else f"{len(missing)} missing columns",
            file=path,
            key=", ".join(column.name for column in missing[:5]) + (", ..." * (len(missing) > 5)),
            found=did_you_mean(missing[0].name, names),
            expected=f"the column that holds {missing[0].quantity.removeprefix(CARRIED)}",
            fix=without(missing) or "check that this is the right file and version",
        )
    return [name for name in wanted if name in counts]


def without(missing: Sequence[Column]) -> str:
    """Return how to do without columns that are carried along; nothing if others are missing."""
    carried = [c.quantity.removeprefix(CARRIED) for c in missing if c.kind == "any"]
    if not carried:
        return ""
    return (
        "name the file's columns in predict.catalogue.extra_columns, or do without: "
        f"extra_columns: {{{', '.join(f'{name}: null' for name in carried)}}}"
    )


def check_once(path: Path | None, wanted: Iterable[str], names: Sequence[str]) -> None:
    """Raise an `InputError` if one of the `wanted` is there twice among `names`."""
    counts = Counter(names)
    twice = [name for name in wanted if counts[name] > 1]
    if twice:
        raise InputError(
            "column name occurs more than once",
            file=path,
            key=twice[0],
            found=f"{counts[twice[0]]} columns of this name",
            expected="one",
            fix="rename or remove the others",
        )


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """Return the names close to `name` as a question, or a list of what is there."""
    some = list(names[:MAX_NAMES_COMPARED])
    folded = {other.lower(): other for other in reversed(some)}
    close = [
        folded[match]
        for match in difflib.get_close_matches(name.lower(), list(folded), n=3, cutoff=0.6)
    ]
    if close:
        return (
            "no such name, did you mean " + " or ".join(f"'{other:.80}'" for other in close) + "?"
        )
    listed = ", ".join(f"{other:.40}" for other in some[:8])
    return f"{len(names)} columns: {listed}" + (", ..." * (len(names) > 8))
