"""Draw the uncertainty of the labels against magnitude, before and after the cuts.

Inputs
    matched, transferz : galaxies before and after the cuts

Outputs
    figures/label_uncertainty.{pdf,png,csv} and its caption
"""

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from transferz.catalogues.cuts import photo_z_half_width
from transferz.catalogues.match_quality import quantiles_in_bins, stack
from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.report.figures import (
    NEUTRAL,
    SINGLE_COLUMN,
    SOURCE,
    FigureFiles,
    plain_numbers,
    subplots,
)
from transferz.report.tables import survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

STEP = 0.5
# Published precision of COSMOS2020 (Weaver et al. 2022): sub-percent to i = 22.5, better than 5%
# between 25 and 27.
PUBLISHED = [(18.0, 22.5, 0.01), (25.0, 27.0, 0.05)]


def uncertainties(matched: pd.DataFrame, selected: pd.DataFrame, band: str) -> pd.DataFrame:
    """Return quantiles of the label's half-width over 1 + z in bins of magnitude."""
    galaxies = matched[(matched["flag_combined"] == 0) & (matched["lp_type"] == 0)]
    names = {
        "redshift": "lp_zPDF",
        "redshift_l68": "lp_zPDF_l68",
        "redshift_u68": "lp_zPDF_u68",
    }
    samples = {"all galaxies": galaxies, "TransferZ": selected.rename(columns=names)}
    return stack(
        {
            name: quantiles_in_bins(sample[f"mag_{band}"], photo_z_half_width(sample), step=STEP)
            for name, sample in samples.items()
        },
        "sample",
    )


def draw(table: pd.DataFrame, band: str) -> Figure:
    """Return the figure."""
    figure, axes = subplots(width=SINGLE_COLUMN, height=2.6)
    colours = {"all galaxies": NEUTRAL, "TransferZ": SOURCE}
    for name, marker in (("all galaxies", "o"), ("TransferZ", "s")):
        rows = table[table["sample"] == name]
        middle = 0.5 * (rows["low"] + rows["high"])
        axes.fill_between(middle, rows["p16"], rows["p84"], color=colours[name], alpha=0.25, lw=0)
        axes.plot(middle, rows["p50"], color=colours[name], marker=marker, ms=3, label=name)
    limits = axes.get_xlim()
    for low, high, value in PUBLISHED:
        axes.plot([low, high], [value, value], color="k", lw=0.8, ls="--")
    axes.plot([], [], color="k", lw=0.8, ls="--", label="Weaver et al. 2022")
    axes.set(xlim=limits, yscale="log", xlabel=f"${band}$ cmodel (mag)")
    axes.yaxis.set_minor_locator(LogLocator(10, range(1, 10)))
    plain_numbers(axes.yaxis, (1, 2, 5))
    axes.set_ylabel(r"68% half-width of the label / $(1 + z)$")
    axes.legend()
    return figure


def main(matched: str, transferz: str, files: FigureFiles, *, band: str, survey: str) -> None:
    """Write the figure, its numbers and its caption; the magnitude of `band` is on the axis."""
    label = ["lp_zPDF", "lp_zPDF_l68", "lp_zPDF_u68"]
    before = read_parquet(matched, ["flag_combined", "lp_type", f"mag_{band}", *label])
    columns = ["redshift", "redshift_l68", "redshift_u68", f"mag_{band}"]
    rows = uncertainties(before, read_parquet(transferz, columns), band)
    files.save(
        draw(rows, band),
        rows,
        "Uncertainty of the labels.",
        "Larger side of the 68% interval of the photometric redshift over 1 + z against HSC "
        f"{band} magnitude: median and 68% range of all matched galaxies in the clean area (grey) "
        "and of those that pass all cuts (orange). Dashed: precision published for COSMOS2020 "
        f"(i < 22.5 and 25 < i < 27). {survey_note(survey)}",
        "Two curves with bands, the grey one before and the orange one after the cuts, against "
        "magnitude on a logarithmic scale.",
    )


if __name__ == "__main__":
    run(main, snakemake)
