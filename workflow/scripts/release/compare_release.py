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

from transferz.catalogues.formats import Column, column_names, read_catalogue
from transferz.catalogues.matching import Pairs, cross_match
from transferz.core.errors import InputError
from transferz.core.logs import job
from transferz.core.products import read_parquet, write_csv, write_text

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Labels that agree to this are the same number, stored with another precision.
SAME = 1e-5
LARGE = 0.15


def read_published(
    path: str, columns: Mapping[str, str | None], bands: Sequence[str]
) -> pd.DataFrame:
    """Return the columns to compare of a published copy, by our names."""
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


def common_rows(ours: pd.DataFrame, theirs: pd.DataFrame, radius: float) -> tuple[Pairs, str]:
    """Return the rows of the same galaxies, by identifier or else by position, and by which."""
    if "object_id" in theirs:
        left = pd.DataFrame({"id": ours["object_id"].astype(str), "left": np.arange(len(ours))})
        right = pd.DataFrame(
            {"id": theirs["object_id"].astype(str), "right": np.arange(len(theirs))}
        )
        both = left.merge(right.drop_duplicates("id"), on="id")
        if len(both):
            rows = both["left"].to_numpy(), both["right"].to_numpy()
            return Pairs(*rows, np.full(len(both), np.nan)), "object_id"
    if {"ra", "dec"} <= set(theirs):
        pairs = cross_match(ours["ra"], ours["dec"], theirs["ra"], theirs["dec"], radius)
        return pairs, f"position within {radius:g} arcsec"
    empty = np.empty(0, np.int64)
    return Pairs(empty, empty, np.empty(0)), "object_id"


def spread(values: np.ndarray) -> str:
    """Return count, median, 1.4826 MAD and largest absolute value of differences."""
    values = values[np.isfinite(values)]
    if not len(values):
        return "0 | - | - | -"
    middle = np.median(values)
    mad = 1.4826 * np.median(np.abs(values - middle))
    return f"{len(values)} | {middle:.6f} | {mad:.6f} | {np.abs(values).max():.6f}"


def main(
    release: str,
    published: str,
    report: str,
    labels: str,
    *,
    columns: Mapping[str, str | None],
    radius: float,
) -> None:
    """Write the comparison.

    Parameters
    ----------
    release, published : path
        Ours and theirs.
    report, labels : path
        Outputs.
    columns : mapping
        What the published copy calls ``object_id``, ``ra``, ``dec``, ``redshift`` and ``mag`` (a
        template with ``{band}``); None where it has none.
    radius : float
        Largest separation of the same galaxy, arcsec, where identifiers are not in common.
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
    pairs, how = common_rows(ours, theirs, radius)
    mine, other = ours.iloc[pairs.left], theirs.iloc[pairs.right]
    z, z_other = mine["redshift"].to_numpy(float), other["redshift"].to_numpy(float)
    difference = (z_other - z) / (1 + z)
    differing = np.abs(z_other - z) > SAME
    n = len(pairs.left)
    share = f"{differing.sum()} ({differing.mean():.2%})" if n else "-"
    names = column_names(published)
    lines = [
        f"# TransferZ made here against {Path(published).name}",
        "",
        "| | rows | in both | only here or there |",
        "|---|---:|---:|---:|",
        f"| made here | {len(ours)} | {n} | {len(ours) - n} |",
        f"| published | {len(theirs)} | {n} | {len(theirs) - n} |",
        "",
        f"Rows are the same galaxy by {how}. Of those in both, {share} have another label (by more "
        f"than {SAME:g}), {int((np.abs(difference) > LARGE).sum())} one that differs by more than "
        f"{LARGE:g} (1 + z).",
        "",
        "| published - made here | n | median | 1.4826 MAD | largest |",
        "|---|---:|---:|---:|---:|",
        f"| redshift / (1 + z) | {spread(difference)} |",
    ]
    lines += [
        f"| {name} [mag] | {spread(other[name].to_numpy(float) - mine[name].to_numpy(float))} |"
        for name in (f"mag_{band}" for band in bands)
        if name in theirs
    ]
    for name in ("mag_i", "redshift"):
        if name in ours:
            alone = np.setdiff1d(np.arange(len(ours)), pairs.left)
            values = ours[name].iloc[alone]
            if len(values):
                medians = f"{values.median():.3f}; of all of ours {ours[name].median():.3f}"
                lines += ["", f"Only here: median {name} {medians}."]
    lines += [
        "",
        f"Columns here and not there: {', '.join(c for c in ours if c not in names) or 'none'}.",
        "",
        f"Columns there and not here: {', '.join(c for c in names if c not in ours) or 'none'}.",
    ]
    write_text("\n".join(lines), report)
    table = pd.DataFrame(
        {
            "object_id": mine["object_id"].to_numpy(),
            "redshift": z,
            "redshift_published": z_other,
            "difference": difference,
        }
    )
    write_csv(table[differing].sort_values("object_id"), labels)
    logger.info(
        "%d of %d and %d rows in both; %s with another label", n, len(ours), len(theirs), share
    )


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.release,
            snakemake.input.published,
            snakemake.output.report,
            snakemake.output.labels,
            columns=snakemake.params.columns,
            radius=snakemake.params.radius,
        )
