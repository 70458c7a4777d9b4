"""Measure the match of COSMOS2020 to HSC: separations beside chance, and the map of the sky.

Inputs: both catalogues in the archives' formats, the table of column templates, matched.parquet.
Outputs: separations.csv and sky_map.csv, which the figures of the same names show.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from transferz.catalogues.cuts import apply_cuts
from transferz.catalogues.formats import load_columns, read_catalogue
from transferz.catalogues.match_quality import separations, sky_counts
from transferz.core.logs import job
from transferz.core.products import read_parquet, write_csv

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    cosmos: str,
    hsc: str,
    columns: str,
    matched: str,
    separation_table: str,
    sky_table: str,
    *,
    bands: Sequence[str],
    cosmos_version: str,
    hsc_version: str,
    hsc_cuts: Mapping[str, Mapping | None],
    radius: float,
) -> None:
    """Write the tables.

    Parameters
    ----------
    cosmos, hsc, columns, matched : path
        Catalogues, column templates, and the match of the two.
    separation_table, sky_table : path
        Outputs, CSV.
    bands : sequence of str
    cosmos_version, hsc_version : str
    hsc_cuts : mapping
        Cuts on the HSC table before the match.
    radius : float
        Match radius, arcsec.
    """
    wanted = load_columns(columns, "cosmos2020", cosmos_version, bands)
    first = read_catalogue(cosmos, [c for c in wanted if c.quantity in ("ra_cosmos", "dec_cosmos")])
    first = first.rename(columns={"ra_cosmos": "ra", "dec_cosmos": "dec"})
    used = {column for cut in hsc_cuts.values() if cut for column in columns_of(cut, bands)}
    wanted = load_columns(columns, "hsc", hsc_version, bands)
    second = read_catalogue(hsc, [c for c in wanted if c.quantity in {"ra", "dec", *used}])
    second, _ = apply_cuts(second, hsc_cuts, bands, stage="HSC", file=hsc)
    write_csv(separations(first, second, radius), separation_table)
    pairs = read_parquet(matched, ["ra", "dec"])
    write_csv(sky_counts({"cosmos2020": first, "hsc": second, "matched": pairs}), sky_table)


def columns_of(cut: Mapping, bands: Sequence[str]) -> list[str]:
    """Return the columns that a cut looks at."""
    names = [cut["column"]] if "column" in cut else list(cut["columns"])
    names += [cut[key] for key in ("below_column", "above_column") if key in cut]
    return [name.replace("{band}", band) for name in names for band in bands]


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.cosmos,
            snakemake.input.hsc,
            snakemake.input.columns,
            snakemake.input.matched,
            snakemake.output.separations,
            snakemake.output.sky,
            bands=snakemake.params.bands,
            cosmos_version=snakemake.params.cosmos_version,
            hsc_version=snakemake.params.hsc_version,
            hsc_cuts=snakemake.params.hsc_cuts,
            radius=snakemake.params.radius,
        )
