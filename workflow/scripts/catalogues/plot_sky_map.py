"""Draw where the objects of both catalogues, and their matches, are on the sky.

Inputs
    sky : CSV of measure_match

Outputs
    figures/sky_map.{pdf,png} and its caption
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.report.figures import (
    FigureFiles,
    density_map,
    panel_letter,
    subplots,
)
from transferz.report.tables import survey_note, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

PANELS = {"cosmos2020": "COSMOS2020", "hsc": "HSC", "matched": "matched"}


def draw(cells: pd.DataFrame) -> Figure:
    """Return the figure: surface density of each catalogue and of the match."""
    ra = np.append(np.unique(cells["ra_low"]), cells["ra_high"].max())
    dec = np.append(np.unique(cells["dec_low"]), cells["dec_high"].max())
    shape = (len(ra) - 1, len(dec) - 1)
    stretch = 1 / np.cos(np.radians(dec.mean()))
    figure, panels = subplots(1, 3, height=2.4, sharex=True, sharey=True)
    for axes, letter, (name, text) in zip(panels, "abc", PANELS.items(), strict=True):
        density = (cells[name] / cells["area"]).to_numpy().reshape(shape).T
        shown = np.ma.masked_equal(density, 0)
        mesh = axes.pcolormesh(ra, dec, shown, cmap=density_map(), vmin=0, rasterized=True)
        figure.colorbar(
            mesh, ax=axes, location="top", label=f"{text} (arcmin$^{{-2}}$)", shrink=0.7
        )
        axes.set_aspect(stretch)
        axes.ticklabel_format(useOffset=False)
        axes.locator_params("x", nbins=4)
        axes.set_xlabel("Right ascension (deg)")
        panel_letter(axes, letter)
    panels[0].invert_xaxis()
    panels[0].set_ylabel("Declination (deg)")
    return figure


def main(sky: str, files: FigureFiles, *, survey: str) -> None:
    """Write the figure and its caption."""
    cells = pd.read_csv(sky)
    totals: Mapping[str, str] = {name: thousands(cells[name].sum()) for name in PANELS}
    files.save(
        draw(cells),
        None,
        "Sky map.",
        f"Surface density of (a) COSMOS2020 ({totals['cosmos2020']} sources), (b) HSC objects "
        f"({totals['hsc']}) and (c) matched pairs ({totals['matched']}). {survey_note(survey)}",
        "Three maps of the same field; white cells are empty: masks of bright stars and the sky "
        "outside.",
    )


if __name__ == "__main__":
    run(main, snakemake)
