"""Compare the TransferZ made here with a published copy, on one page.

Inputs: the release made here and the user's copy of a published one. Outputs: comparison.md (rows
in common, differences of labels and magnitudes, columns) and label_differences.csv, a row per
galaxy in both whose labels differ.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.catalogues.columns import Column
from transferz.catalogues.identity import same_objects
from transferz.catalogues.matching import Pairs
from transferz.catalogues.reading import column_names, read_catalogue
from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_text

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Labels that agree to this are the same number, stored with another precision.
SAME = 1e-5
LARGE = 0.15
# Names of the label: here, and in TransferZ-Images (Zenodo 16989604) without and with GalaxiesML.
LABELS = ("redshift", "lp_zPDF_CLASSIC", "z_truth")


def read_published(
    path: str, columns: Mapping[str, str | None], bands: Sequence[str]
) -> pd.DataFrame:
    """Return the columns to compare of a published copy, by our names."""
    names = column_names(path)
    label = next((name for name in LABELS if name in names), LABELS[0])
    columns = {**columns, "redshift": columns["redshift"] or label}
    wanted = [
        Column(quantity, columns[quantity], "id" if quantity == "object_id" else "float")
        for quantity in ("object_id", "ra", "dec", "redshift")
        if columns[quantity] is not None
    ]
    if columns["mag"] is not None:
        wanted += [
            Column(f"mag_{band}", columns["mag"].replace("{band}", band), required=False)
            for band in bands
        ]
    return read_catalogue(path, wanted)


def common_rows(
    ours: pd.DataFrame, theirs: pd.DataFrame, *, one_release: bool, radius: float
) -> tuple[Pairs, str]:
    """Return the rows of the same galaxies, one to one, and how they are known, in words."""
    named = one_release and "object_id" in theirs
    found = same_objects(ours, theirs, one_release=named, radius=radius)
    pairs = Pairs(found.left[found.same], found.right[found.same], found.separation[found.same])
    if {"ra", "dec"} <= set(theirs):
        n_more = int((~found.same).sum())
        how = f"position within {radius:g} arcsec ({n_more} more pairs are ambiguous)"
    elif named:
        how = "object_id: the published copy has no positions"
    else:
        how = (
            "nothing: the published copy has no positions, and identifiers count within one "
            "release only (release.published.one_release)"
        )
    return pairs, how


def spread(values: np.ndarray) -> str:
    """Return count, median, 1.4826 MAD and largest absolute value of differences."""
    values = values[np.isfinite(values)]
    if not len(values):
        return "0 | - | - | -"
    middle = np.median(values)
    mad = 1.4826 * np.median(np.abs(values - middle))
    return f"{len(values)} | {middle:.6f} | {mad:.6f} | {np.abs(values).max():.6f}"


def sections(
    ours: pd.DataFrame, theirs: pd.DataFrame, pairs: Pairs, how: str, names: Sequence[str]
) -> list[str]:
    """Return the lines of the page below its title; `names` are all columns of theirs."""
    mine, other = ours.iloc[pairs.left], theirs.iloc[pairs.right]
    table = differences(ours, theirs, pairs)
    n, n_other = len(table), int(differing(table).sum())
    share = f"{n_other} ({n_other / n:.2%})" if n else "-"
    lines = [
        "| | rows | in both | only here or there |",
        "|---|---:|---:|---:|",
        f"| made here | {len(ours)} | {n} | {len(ours) - n} |",
        f"| published | {len(theirs)} | {n} | {len(theirs) - n} |",
        "",
        f"Rows are the same galaxy by {how}. Of those in both, {share} have another label (by more "
        f"than {SAME:g}), {(table['difference'].abs() > LARGE).sum()} one that differs by more "
        f"than {LARGE:g} (1 + z).",
        "",
        "| published - made here | n | median | 1.4826 MAD | largest |",
        "|---|---:|---:|---:|---:|",
        f"| redshift / (1 + z) | {spread(table['difference'].to_numpy())} |",
    ]
    lines += [
        f"| {name} [mag] | {spread(other[name].to_numpy(float) - mine[name].to_numpy(float))} |"
        for name in theirs
        if name.startswith("mag_")
    ]
    alone = ours.drop(index=ours.index[pairs.left])
    for name in ("mag_i", "redshift"):
        if name in ours and len(alone):
            medians = f"{alone[name].median():.3f}; of all of ours {ours[name].median():.3f}"
            lines += ["", f"Only here: median {name} {medians}."]
    return [
        *lines,
        "",
        f"Columns here and not there: {', '.join(c for c in ours if c not in names) or 'none'}.",
        "",
        f"Columns there and not here: {', '.join(c for c in names if c not in ours) or 'none'}.",
    ]


def differences(ours: pd.DataFrame, theirs: pd.DataFrame, pairs: Pairs) -> pd.DataFrame:
    """Return the labels of the galaxies in both, and their difference over 1 + z."""
    z = ours["redshift"].to_numpy(float)[pairs.left]
    published = theirs["redshift"].to_numpy(float)[pairs.right]
    return pd.DataFrame(
        {
            "object_id": ours["object_id"].to_numpy()[pairs.left],
            "redshift": z,
            "redshift_published": published,
            "difference": (published - z) / (1 + z),
        }
    )


def differing(table: pd.DataFrame) -> pd.Series:
    """Whether the labels of a row are two numbers, not one stored with two precisions."""
    return (table["redshift_published"] - table["redshift"]).abs() > SAME


def main(
    release: str,
    published: str | None,
    report: str,
    labels: str,
    *,
    columns: Mapping[str, str | None],
    one_release: bool,
    radius: float,
) -> None:
    """Write the comparison.

    Parameters
    ----------
    release, published, report, labels : path
    columns : mapping
        What the published copy calls ``object_id``, ``ra``, ``dec``, ``redshift`` and ``mag`` (a
        template with ``{band}``); None where it has none, or for the label the first of `LABELS`.
    one_release : bool
        Whether both have the identifiers of one release of HSC.
    radius : float
        Largest separation of the same galaxy, arcsec.
    """
    if not published:
        raise InputError(
            "no published copy to compare with",
            key="release.published.path",
            fix="give the path of a FITS, Parquet or CSV file",
        )
    ours = read_parquet(release)
    bands = [name.removeprefix("mag_") for name in ours if name.startswith("mag_")]
    bands = [band for band in bands if not band.startswith("err_")]
    theirs = read_published(published, columns, bands)
    pairs, how = common_rows(ours, theirs, one_release=one_release, radius=radius)
    page = sections(ours, theirs, pairs, how, column_names(published))
    title = f"# TransferZ made here against {Path(published).name}"
    write_text("\n".join([title, "", *page]), report)
    table = differences(ours, theirs, pairs)
    others = table[differing(table)].sort_values("object_id")
    write_csv(others, labels)
    logger.info(
        "%d of %d and %d rows in both; %d with another label",
        len(table), len(ours), len(theirs), len(others),
    )  # fmt: skip


if __name__ == "__main__":
    run(main, snakemake)
