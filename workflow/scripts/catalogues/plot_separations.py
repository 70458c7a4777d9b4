"""Draw how far matched objects lie apart, beside chance matches; purity and completeness.

Inputs
    separations : CSV of measure_match

Outputs
    figures/separations.{pdf,png} and its caption
"""

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from transferz.catalogues.match_quality import REACH, SHIFT
from transferz.core.logs import run
from transferz.report.figures import (
    NEUTRAL,
    SOURCE,
    TARGET,
    FigureFiles,
    panel_letter,
    subplots,
)
from transferz.report.tables import survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake


def draw(table: pd.DataFrame, radius: float) -> Figure:
    """Return the figure: separations beside chance, purity and completeness against radius."""
    figure, (left, right) = subplots(1, 2, height=2.5)
    edges = [*table["low"], table["high"].iloc[-1]]
    left.stairs(table["n_matched"], edges, color=TARGET, label="matched")
    left.stairs(table["n_chance"], edges, color=SOURCE, fill=True, alpha=0.5, label="by chance")
    left.set_yscale("symlog", linthresh=1)
    left.set_ylim(bottom=0)
    left.set_ylabel("Pairs")
    right.plot(table["high"], table["purity"], color=TARGET, label="purity")
    right.plot(table["high"], table["completeness"], "--", color=SOURCE, label="completeness")
    lowest = min(table["purity"].min(), table["completeness"].iloc[len(table) // 6 :].min())
    low = max(0.0, lowest - 0.02)
    right.set_ylim(low, 1.0 + 0.03 * (1.0 - low))
    right.set_ylabel("Fraction")
    for axes, letter, text in ((left, "a", "Separation"), (right, "b", "Match radius")):
        axes.axvline(
            radius, color=NEUTRAL, lw=0.8, ls=":", label=f"radius in use, {radius:g}\u2033"
        )
        axes.set_xlim(0, edges[-1])
        axes.set_xlabel(f"{text} (arcsec)")
        axes.legend()
        panel_letter(axes, letter)
    return figure


def main(separations: str, files: FigureFiles, *, radius: float, survey: str) -> None:
    """Write the figure and its caption; `radius` is the match radius in use, arcsec."""
    rows = pd.read_csv(separations)
    at = rows.iloc[(rows["high"] - radius).abs().argmin()]
    files.save(
        draw(rows, radius),
        None,
        "Separations.",
        f"(a) Pairs of COSMOS2020 and HSC objects, each the other's nearest, and the same with HSC "
        f"shifted by {SHIFT * REACH * radius:g} arcsec (mean of four directions): matches by "
        f"chance. (b) Share of true pairs among all (purity) and of all true pairs within "
        f"{REACH * radius:g} arcsec (completeness), if only what has no true counterpart is "
        f"matched by chance. At {radius:g} arcsec: purity {at['purity']:.4f}, completeness "
        f"{at['completeness']:.4f}. {survey_note(survey)}",
        "Left a histogram of separations over a filled one of chance matches; right two curves "
        "against the match radius; a dotted line marks the radius in use in both.",
    )


if __name__ == "__main__":
    run(main, snakemake)
