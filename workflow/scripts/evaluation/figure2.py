"""Figure 2: predicted against true redshift of each strategy, one run of each.

Inputs
    predictions : predictions/{strategy}/seeds-{first}-{last}.parquet, all strategies; at least
        the files that hold the seed
    per_seed : metrics/per_seed.csv

Outputs
    pdf, png : the figure
    table : the points as CSV: strategy, seed, dataset, object_id, z_true, z_pred
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from transferz.core.logs import run
from transferz.evaluation.metrics import METRICS, OUTLIER_LIMIT, relative_error
from transferz.evaluation.over_seeds import read_per_seed, seed_values
from transferz.evaluation.predictions import read_run
from transferz.report.figures import (
    DATASET_COLOURS,
    FigureFiles,
    density_map,
    grid_of,
    label,
    subplots,
)
from transferz.report.tables import significant, survey_note, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

SHOWN_METRICS = ("bias_median", "rms", "outlier_fraction")
# Hexagons along the horizontal axis; the range of the relative error; labels of the axes.
GRID, DZ_MAX, TICKS = 72, 0.32, (0, 0.5, 1, 1.5, 2, 3, 4, 6)
# The running median needs this many galaxies in a bin of redshift.
MIN_PER_BIN = 20
N_RUNNING_BINS = 30


def median_seed(
    per_seed: pd.DataFrame, strategies: Sequence[str], dataset: str, z_range: Sequence[float]
) -> int:
    """Return the run whose RMS is nearest to the median, in the strategy where it is farthest."""
    rms = pd.DataFrame(
        {name: seed_values(per_seed, "rms", name, dataset, z_range) for name in strategies}
    )
    rank = rms.rank()
    distance = (rank - rank.median()).abs().max(axis=1)
    return int(distance.sort_index().idxmin())


def running_percentiles(z: np.ndarray, dz: np.ndarray, z_max: float) -> pd.DataFrame:
    """Return median and 16th and 84th percentiles of dz in equal bins of z with enough galaxies."""
    edges = np.linspace(0, z_max, N_RUNNING_BINS + 1)
    member = np.digitize(z, edges) - 1
    rows = []
    for number in range(N_RUNNING_BINS):
        inside = dz[member == number]
        if len(inside) >= MIN_PER_BIN:
            middle = 0.5 * (edges[number] + edges[number + 1])
            rows.append((middle, *np.percentile(inside, (16, 50, 84))))
    return pd.DataFrame(rows, columns=["z", "low", "median", "high"])


def axis_end(redshifts: pd.Series, most: float) -> float:
    """Return where an axis ends: the next half above the largest redshift, at most at `most`."""
    return min(most, max(0.5, np.ceil(2 * redshifts.max()) / 2))


def scaled(redshifts: np.ndarray) -> np.ndarray:
    """Return ln(1+z): equal steps are equal relative errors. None is below z = -0.9."""
    return np.log1p(np.maximum(redshifts, -0.9))


def hexagons(axes: Axes, x: np.ndarray, y: np.ndarray, extent: Sequence[float], rows: int, **style):
    """Draw the density of points; return the image."""
    return axes.hexbin(
        x, y, gridsize=(GRID, rows), extent=extent, mincnt=1, linewidths=0.05, rasterized=True,
        **style,
    )  # fmt: skip


def draw_panel(upper: Axes, lower: Axes, part: pd.DataFrame, ends: Sequence[float], **style):
    """Draw one strategy: predictions above, relative errors below; return the density image."""
    z_true, z_pred = (part[key].to_numpy(np.float64) for key in ("z_true", "z_pred"))
    x, (right, top) = scaled(z_true), scaled(np.array(ends))
    rows = round(GRID * top / right / np.sqrt(3))
    image = hexagons(upper, x, scaled(z_pred), (0, right, 0, top), rows, **style)
    dashed = {"color": "k", "lw": 0.6, "ls": (0, (4, 2))}
    for limit in (-OUTLIER_LIMIT, 0.0, OUTLIER_LIMIT):
        look = dashed if limit else {"color": "k", "lw": 0.7}
        upper.axline((0, np.log1p(limit)), slope=1, **look)
        lower.axhline(limit, **look)

    dz = relative_error(z_true, z_pred)
    hexagons(lower, x, dz, (0, right, -DZ_MAX, DZ_MAX), GRID // 4, **style)
    running = running_percentiles(z_true, dz, ends[0])
    for column, dashes in (("low", ":"), ("median", "-"), ("high", ":")):
        lower.plot(scaled(running["z"]), running[column], color="white", lw=2.0)
        lower.plot(scaled(running["z"]), running[column], color="#C2410C", lw=1.0, ls=dashes)
    for axis in (upper.xaxis, upper.yaxis, lower.xaxis):
        axis.set_ticks(scaled(np.array(TICKS)), [f"{tick:g}" for tick in TICKS])
        axis.set_ticks([], minor=True)
    upper.set(xlim=(0, right), ylim=(0, top), aspect="equal")
    lower.set(xlim=(0, right), ylim=(-DZ_MAX, DZ_MAX))
    return image


def most_in_a_cell(part: pd.DataFrame, ends: Sequence[float]) -> int:
    """Return about how many galaxies the fullest hexagon holds."""
    counts, _, _ = np.histogram2d(
        scaled(part["z_true"]), scaled(part["z_pred"]), GRID, [(0, end) for end in scaled(ends)]
    )
    return max(10, int(counts.max()))


def draw(
    table: pd.DataFrame,
    notes: Mapping[str, str],
    labels: Mapping[str, str],
    dataset: str,
    ends: Sequence[float],
) -> Figure:
    """Return the figure; `notes`: text above each strategy's panel, in their order."""
    rows, columns, width = grid_of(len(notes))
    top = (width - 1.1) / columns * np.divide(*scaled(np.array(ends))[::-1])
    figure, axes = subplots(
        2 * rows,
        columns,
        width=width,
        height=rows * (top + 1.95),
        height_ratios=[top, 0.85] * rows,
        squeeze=False,
    )
    most = max(most_in_a_cell(part, ends) for _, part in table.groupby("strategy"))
    style = {"norm": LogNorm(1, most), "cmap": density_map(DATASET_COLOURS[dataset])}
    for number in range(len(notes), rows * columns):
        row, column = divmod(number, columns)
        for panel in axes[2 * row : 2 * row + 2, column]:
            panel.set_visible(False)
    for number, (name, note) in enumerate(notes.items()):
        row, column = divmod(number, columns)
        upper, lower = axes[2 * row, column], axes[2 * row + 1, column]
        image = draw_panel(upper, lower, table[table["strategy"] == name], ends, **style)
        upper.set_title(label(name, labels), pad=15)
        place = {"transform": upper.transAxes, "ha": "center", "va": "bottom"}
        upper.text(0.5, 1.025, note, **place, fontsize=7)
        upper.tick_params(labelbottom=False)
        lower.set_xlabel("True redshift")
        if column == 0:
            upper.set_ylabel("Predicted redshift")
            lower.set_ylabel(r"$\Delta z / (1 + z)$")
        else:
            upper.tick_params(labelleft=False)
            lower.tick_params(labelleft=False)
    bar = figure.colorbar(image, ax=axes, location="right", pad=0.012, aspect=38 * rows)
    bar.formatter = FuncFormatter(lambda value, _: f"{value:,.0f}")
    bar.set_label("Galaxies per hexagon")
    bar.outline.set_linewidth(0.5)
    return figure


def panel_note(per_seed: pd.DataFrame, name: str, seed: int, dataset: str, z_range) -> str:
    """Return the metrics of a run as written above its panel."""
    words = []
    for metric in SHOWN_METRICS:
        value = seed_values(per_seed, metric, name, dataset, z_range).loc[seed]
        words.append(f"{METRICS[metric].label} {significant(value, 2)}")
    return ", ".join(words).replace("Outlier fraction", "outliers")


def main(
    predictions: Sequence[str | Path],
    per_seed: str | Path,
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    seed: int | None,
    z_range: Sequence[float],
    redshift_max: float,
    labels: Mapping[str, str],
    survey: str,
    dataset: str = "target",
) -> None:
    """Draw Figure 2.

    Parameters
    ----------
    seed : int or None
        Which one to show; None: that of `median_seed`.
    z_range : pair of float
        Range of the metrics in the panels.
    redshift_max : float
        Where both axes end at the latest.
    """
    metrics = read_per_seed(per_seed)
    shown = median_seed(metrics, strategies, dataset, z_range) if seed is None else seed
    points = read_run(predictions, strategies, shown, dataset)
    notes = {name: panel_note(metrics, name, shown, dataset, z_range) for name in strategies}
    n_test = int((points["strategy"] == strategies[0]).sum())
    n_range = int(seed_values(metrics, "n", strategies[0], dataset, z_range).loc[shown])
    ends = [axis_end(points[column], redshift_max) for column in ("z_true", "z_pred")]
    hidden = ~(points["z_true"].between(0, ends[0]) & points["z_pred"].between(0, ends[1]))
    outside = hidden.groupby(points["strategy"]).sum()
    origin = (
        "with an RMS nearest to the median of every strategy"
        if seed is None
        else "named in the configuration"
    )
    files.save(
        draw(points, notes, labels, dataset, ends),
        points,
        "Figure 2.",
        f"Predicted against true redshift of the {thousands(n_test)} galaxies of the "
        f"{label(dataset, labels)} test set (top) and relative error (bottom) for one run, seed "
        f"{shown}, {origin}. Colour gives the number of galaxies where points overlap; solid line: "
        f"equality; dashed: |dz| = {OUTLIER_LIMIT:g}, beyond which a galaxy is an outlier; red: "
        "running median and 16th and 84th percentiles. Axes of redshift are in ln(1 + z). Above "
        f"the panels: metrics of the {thousands(n_range)} galaxies in {z_range[0]:g} < z <= "
        f"{z_range[1]:g}. Outside the axes of the top panels: "
        + ", ".join(f"{outside[name]} ({label(name, labels)})" for name in strategies)
        + f". {survey_note(survey)}",
        "Density of galaxies about the line of equality for each strategy. "
        + " ".join(f"{label(name, labels)}: {note}." for name, note in notes.items()),
    )
    logger.info("Figure 2: seed %d, %d galaxies", shown, n_test)


if __name__ == "__main__":
    run(main, snakemake)
