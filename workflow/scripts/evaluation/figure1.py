"""Figure 1: distributions of both data sets in redshift, magnitude and colour.

Inputs
    source, target : the catalogues of the run

Outputs
    pdf, png : the figure
    table : its histograms as CSV: panel, dataset, low, high, n, density
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from transferz.catalogues.quantities import quantity_labels, read_quantities
from transferz.core.logs import run
from transferz.report.figures import (
    DATASET_COLOURS,
    DATASETS,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    subplots,
)
from transferz.report.tables import survey_note, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

N_BINS = 50
# Magnitudes and colours are shown from this percentile to its mirror image, of both data sets.
SHOWN_PERCENTILE = 0.2


def histograms(samples: Mapping[str, pd.DataFrame], redshift_max: float) -> pd.DataFrame:
    """Return the histograms: density is per unit of the quantity, over all galaxies with a value.

    Galaxies beyond the shown range count in the normalisation.
    """
    rows = []
    for panel in ("redshift", "magnitude", "colour"):
        values = {name: table[panel].dropna().to_numpy(float) for name, table in samples.items()}
        if panel == "redshift":
            low, high = 0.0, redshift_max
        else:
            limits = [
                np.percentile(value, (SHOWN_PERCENTILE, 100 - SHOWN_PERCENTILE))
                for value in values.values()
                if len(value)
            ]
            low, high = np.min(limits), np.max(limits)
        edges = np.linspace(low, high, N_BINS + 1)
        for name, value in values.items():
            counts, _ = np.histogram(value, edges)
            density = counts / max(1, len(value)) / np.diff(edges)
            for cell in zip(edges[:-1], edges[1:], counts, density, strict=True):
                rows.append((panel, name, *cell))
    return pd.DataFrame(rows, columns=["panel", "dataset", "low", "high", "n", "density"])


def draw(
    table: pd.DataFrame, counts: Mapping[str, int], axis_labels: Mapping[str, str], labels: Mapping
) -> Figure:
    """Return the figure."""
    figure, panels = subplots(1, 3, height=2.45)
    for letter, axes, (panel, axis_label) in zip("abc", panels, axis_labels.items(), strict=True):
        for number, name in enumerate(DATASETS):
            rows = table[(table["panel"] == panel) & (table["dataset"] == name)]
            edges = [*rows["low"], rows["high"].iloc[-1]]
            # Filled below, line only above: told apart in black and white too.
            seaborn.histplot(
                x=rows["low"] + 0.5 * (rows["high"] - rows["low"]),
                weights=rows["density"],
                bins=edges,
                element="step",
                fill=number == 0,
                alpha=0.22 if number == 0 else 1.0,
                color=DATASET_COLOURS[name],
                lw=(0.9, 1.4)[number],
                label=f"{label(name, labels)} ($n$ = {thousands(counts[name])})",
                ax=axes,
            )
        unit = "" if panel == "redshift" else " (mag$^{-1}$)"
        axes.set(xlim=(edges[0], edges[-1]), ylim=(0, None))
        axes.set(xlabel=axis_label, ylabel=f"Probability density{unit}")
        panel_letter(axes, letter)
    legend_above(figure, panels[0])
    return figure


def main(
    source: str | Path,
    target: str | Path,
    files: FigureFiles,
    *,
    bands: Sequence[str],
    band: str,
    colour: Sequence[str] | None,
    redshift_max: float,
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw Figure 1.

    Parameters
    ----------
    band : str
        Of the magnitude.
    colour : pair of str or None
        Bands of the colour; None: the first two.
    redshift_max : float
        End of the redshift axis.
    """
    pair = tuple(colour or bands[:2])
    paths = {"target": target, "source": source}
    samples = {name: read_quantities(path, band, pair) for name, path in paths.items()}
    counts = {name: len(sample) for name, sample in samples.items()}
    axis_labels = quantity_labels(band, pair)
    shown = histograms(samples, redshift_max)
    names = {name: label(name, labels) for name in samples}
    beyond = {
        name: float((sample["redshift"] > redshift_max).mean()) for name, sample in samples.items()
    }
    medians = {name: sample.median() for name, sample in samples.items()}
    files.save(
        draw(shown, counts, axis_labels, labels),
        shown,
        "Figure 1.",
        f"Distributions of {names['target']} (target, blue, filled) and {names['source']} "
        f"(source, orange, line) in (a) redshift, (b) {band} magnitude and (c) {pair[0]} - "
        f"{pair[1]} colour, each normalised to its {thousands(counts['target'])} and "
        f"{thousands(counts['source'])} galaxies. Beyond z = {redshift_max:g} lie "
        f"{beyond['target']:.2%} and {beyond['source']:.2%}. {survey_note(survey)}",
        "Three histograms of both data sets. "
        + " ".join(
            f"{names[name]}: median redshift {median['redshift']:.2f}, {band} magnitude "
            f"{median['magnitude']:.1f}, colour {median['colour']:.2f}."
            for name, median in medians.items()
        ),
    )
    logger.info("Figure 1: %s", counts)


if __name__ == "__main__":
    run(main, snakemake)
