"""Draw by how much HSC cmodel magnitudes differ from those of COSMOS2020, against magnitude.

Inputs
    matched : output of the cross-match

Outputs
    figures/magnitude_offsets.{pdf,png,csv} and its caption
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from transferz.catalogues.match_quality import quantiles_in_bins, stack
from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.report.figures import (
    NEUTRAL,
    TARGET,
    FigureFiles,
    panel_letter,
    subplots,
)
from transferz.report.tables import survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

STEP = 0.5


def offsets(matched: pd.DataFrame, bands: Sequence[str]) -> pd.DataFrame:
    """Return quantiles of HSC cmodel minus COSMOS2020 magnitude in bins of cmodel magnitude."""
    clean = matched[matched["flag_combined"] == 0]
    return stack(
        {
            band: quantiles_in_bins(
                clean[f"mag_{band}"],
                clean[f"mag_{band}"] - clean[f"mag_{band}_cosmos"],
                step=STEP,
            )
            for band in bands
        },
        "band",
    )


def draw(table: pd.DataFrame, bands: Sequence[str]) -> Figure:
    """Return the figure: median and 68% range of the difference, a panel per band."""
    figure, panels = subplots(1, len(bands), height=2.2, sharey=True, squeeze=False)
    for number, (axes, band) in enumerate(zip(panels[0], bands, strict=True)):
        rows = table[table["band"] == band]
        middle = 0.5 * (rows["low"] + rows["high"])
        axes.axhline(0, color=NEUTRAL, lw=0.6, ls=":")
        axes.fill_between(middle, rows["p16"], rows["p84"], color=TARGET, alpha=0.25, lw=0)
        axes.plot(middle, rows["p50"], color=TARGET, marker="o", markersize=2)
        axes.set_xlabel(f"${band}$ cmodel (mag)")
        panel_letter(axes, "abcdefghijklmnopqrstuvwxyz"[number])
    panels[0, 0].set_ylabel("HSC $-$ COSMOS2020 (mag)")
    return figure


def main(matched: str, files: FigureFiles, *, bands: Sequence[str], survey: str) -> None:
    """Write the figure, its numbers and its caption; bands that COSMOS2020 lacks are left out."""
    names = pq.read_schema(matched).names
    shown = [band for band in bands if f"mag_{band}_cosmos" in names]
    if not shown:
        raise InputError(
            "no COSMOS2020 magnitudes to compare with",
            file=matched,
            expected=", ".join(f"mag_{band}_cosmos" for band in bands),
            fix="name the catalogue's columns in config/columns.tsv",
        )
    pairs = [f"mag_{band}{end}" for band in shown for end in ("", "_cosmos")]
    rows = offsets(read_parquet(matched, ["flag_combined", *pairs]), shown)
    bright = rows[rows["high"] <= 23].groupby("band")["p50"].mean().reindex(shown)
    numbers = ", ".join(f"{band} {value:+.3f}" for band, value in bright.dropna().items())
    files.save(
        draw(rows, shown),
        rows,
        "Magnitude offsets.",
        "HSC cmodel minus COSMOS2020 magnitude of matched objects in the clean area: median and "
        f"68% range in bins of {STEP:g} mag. Mean of the medians brighter than 23: "
        f"{numbers or 'no such bin'} mag. {survey_note(survey)}",
        "A panel per band with a curve of medians in a band that holds 68% of the objects.",
    )


if __name__ == "__main__":
    run(main, snakemake)
