"""Figure: PIT histograms of every ensemble, and coverage against the nominal one.

Inputs
    scores : calibration/{strategy}/scores.parquet, all strategies

Outputs
    pdf, png : the figure
    table : its numbers: panel, strategy, dataset, x, y
    caption : caption and alt text
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.report.figures import (
    DATASET_COLOURS,
    DATASETS,
    NEUTRAL,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    strategy_styles,
    subplots,
)
from transferz.report.tables import REDSHIFT_WORDS, fixed, survey_note, thousands
from transferz.uncertainty.scores import coverage

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

BINS = 20
LEVELS = np.arange(1, 20) / 20.0


def read_pits(
    paths: Sequence[str | Path], strategies: Sequence[str]
) -> tuple[dict[tuple[str, str], np.ndarray], dict[str, tuple[int, int]]]:
    """Return PIT values by strategy and data set, calibrated on their own kind, and numbers."""
    pits, sizes = {}, {}
    for strategy, path in zip(strategies, paths, strict=True):
        table = read_parquet(path, ["dataset", "calibrated_on", "n_calibration", "pit"])
        for dataset in DATASETS:
            rows = table[(table["dataset"] == dataset) & (table["calibrated_on"] == dataset)]
            pits[strategy, dataset] = rows["pit"].to_numpy(np.float64)
            sizes[dataset] = (len(rows), int(rows["n_calibration"].iloc[0]))
    return pits, sizes


def source_table(pits: Mapping[tuple[str, str], np.ndarray]) -> pd.DataFrame:
    """Return PIT histograms (density) and coverage of central intervals minus nominal."""
    rows = []
    for (strategy, dataset), pit in pits.items():
        density, edges = np.histogram(pit, BINS, (0.0, 1.0), density=True)
        centres = 0.5 * (edges[1:] + edges[:-1])
        rows += [("pit", strategy, dataset, x, y) for x, y in zip(centres, density, strict=True)]
        for level in LEVELS:
            held = coverage(pit, 0.5 - 0.5 * level, 0.5 + 0.5 * level)
            rows.append(("coverage", strategy, dataset, level, held - level))
    return pd.DataFrame(rows, columns=["panel", "strategy", "dataset", "x", "y"])


def draw(
    table: pd.DataFrame,
    sizes: Mapping[str, tuple[int, int]],
    strategies: Sequence[str],
    labels: Mapping,
) -> plt.Figure:
    """Return the figure: one row per data set, PIT to the left, coverage to the right."""
    styles = strategy_styles(strategies)
    figure, panels = subplots(2, 2, height=4.2, sharex="col")
    highest = table.loc[table["panel"] == "pit", "y"].max()
    reach = max(3.2, 110 * table.loc[table["panel"] == "coverage", "y"].abs().max())
    for row, dataset in enumerate(DATASETS):
        left, right = panels[row]
        share = sum(1.0 / n for n in sizes[dataset])
        noise = 2.0 * np.sqrt(BINS * share)
        left.axhspan(1 - noise, 1 + noise, color=NEUTRAL, alpha=0.18, lw=0)
        left.axhline(1.0, color=NEUTRAL, lw=0.7)
        small = {"fontsize": 7, "color": NEUTRAL}
        left.text(0.98, 0.97 - noise, "grey: what chance allows", ha="right", va="top", **small)
        band = 200 * np.sqrt(LEVELS * (1 - LEVELS) * share)
        right.fill_between(100 * LEVELS, -band, band, color=NEUTRAL, alpha=0.18, lw=0)
        right.axhline(0.0, color=NEUTRAL, lw=0.7)
        for edge in (-1.5, 1.5):
            right.axhline(edge, color=NEUTRAL, lw=0.8, ls=(0, (4, 2)))
        right.text(98, 1.6, "1.5 points", ha="right", va="bottom", **small)
        right.text(50, -band.max() - 0.1, "what chance allows", ha="center", va="top", **small)
        for strategy in strategies:
            rows = table[(table["dataset"] == dataset) & (table["strategy"] == strategy)]
            pit, held = (rows[rows["panel"] == name] for name in ("pit", "coverage"))
            colour = styles[strategy]["color"]
            edges = np.arange(BINS + 1) / BINS
            left.stairs(pit["y"].to_numpy(), edges, color=colour, lw=1.1)
            right.plot(
                100 * held["x"],
                100 * held["y"],
                color=colour,
                marker=styles[strategy]["marker"],
                ms=3,
                lw=1.0,
                label=label(strategy, labels),
            )
        left.set(ylabel="Density", ylim=(0, max(1.6, 1.3 * highest)), xlim=(0, 1))
        right.set(ylabel="Coverage − nominal (%)", ylim=(-reach, reach), xlim=(0, 100))
        left.text(
            0.03,
            0.93,
            label(dataset, labels),
            transform=left.transAxes,
            va="top",
            color=DATASET_COLOURS[dataset],
            fontweight="bold",
        )
        panel_letter(left, "ac"[row])
        panel_letter(right, "bd"[row])
    panels[1, 0].set_xlabel("Probability integral transform")
    panels[1, 1].set_xlabel("Nominal coverage of the central interval (%)")
    legend_above(figure, panels[0, 1], 5)
    return figure


def main(
    scores: Sequence[str | Path],
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    labels: Mapping[str, str],
    redshifts: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the figure; `redshifts` is the kind, `photo_z` or `spec_z`, of each data set."""
    pits, sizes = read_pits(scores, strategies)
    source = source_table(pits)
    worst = (
        source[source["panel"] == "coverage"]
        .groupby("dataset")["y"]
        .apply(lambda values: values.abs().max())
    )
    counts = ", ".join(f"{label(d, labels)} {thousands(n)}" for d, (n, _) in sizes.items())
    kinds = [f"{REDSHIFT_WORDS[kind]} in {label(role, labels)}" for role, kind in redshifts.items()]
    files.save(
        draw(source, sizes, strategies, labels),
        source,
        "Are the intervals as wide as they should be?",
        "Left: probability integral transform of the ensembles' conformal distributions, flat if "
        "they are calibrated. Right: share of the data set's own redshifts "
        f"({' and '.join(kinds)}) in "
        "the central interval, minus the nominal share; dashed: 1.5 points. Test galaxies that "
        f"neither trained nor calibrated anything ({counts}); "
        "grey: twice the standard error expected of calibrated intervals from the sizes of the "
        f"test and the calibration sample. {survey_note(survey)}",
        " ".join(
            f"Largest distance from nominal on {label(dataset, labels)}: "
            f"{fixed(100 * worst[dataset], 1)} points."
            for dataset in DATASETS
        ),
    )
    logger.info("Figure of calibration: %d ensembles", len(strategies))


if __name__ == "__main__":
    run(main, snakemake)
