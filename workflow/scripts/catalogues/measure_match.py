"""Measure the match of COSMOS2020 to HSC: separations beside chance.

Inputs
    cosmos, hsc : both catalogues as the archives serve them
    columns : table of column templates

Outputs
    separation_table : CSV, which plot_separations shows
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from transferz.catalogues.columns import load_columns
from transferz.catalogues.cuts import apply_cuts
from transferz.catalogues.match_quality import separations
from transferz.catalogues.reading import read_catalogue
from transferz.core.logs import run
from transferz.core.products import write_csv

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    cosmos: str,
    hsc: str,
    columns: str,
    separation_table: str,
    *,
    bands: Sequence[str],
    cosmos_version: str,
    hsc_version: str,
    hsc_cuts: Mapping[str, Mapping | None],
    radius: float,
) -> None:
    """Write the table; settings as of `crossmatch.match_surveys`."""
    wanted = load_columns(columns, "cosmos2020", cosmos_version, bands)
    first = read_catalogue(cosmos, [c for c in wanted if c.quantity in ("ra_cosmos", "dec_cosmos")])
    first = first.rename(columns={"ra_cosmos": "ra", "dec_cosmos": "dec"})
    used = {column for cut in hsc_cuts.values() if cut for column in columns_of(cut, bands)}
    wanted = load_columns(columns, "hsc", hsc_version, bands)
    second = read_catalogue(hsc, [c for c in wanted if c.quantity in {"ra", "dec", *used}])
    second, _ = apply_cuts(second, hsc_cuts, bands, stage="HSC", file=hsc)
    write_csv(separations(first, second, radius), separation_table)


def columns_of(cut: Mapping, bands: Sequence[str]) -> list[str]:
    """Return the columns that a cut looks at."""
    names = [cut["column"]] if "column" in cut else list(cut["columns"])
    names += [cut[key] for key in ("below_column", "above_column") if key in cut]
    return [name.replace("{band}", band) for name in names for band in bands]


if __name__ == "__main__":
    run(main, snakemake)
