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
NOTE_BOX = {"facecolor": "white", "alpha": 0.55, "edgecolor": "none", "pad": 1.0}
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


def draw_panel(upper: Axes, lower: Axes, z_true: np.ndarray, z_pred: np.ndarray, style: Mapping):
    """Draw one strategy: predictions above, relative errors below; return the density image."""
    z_max, dz_max = style["z_max"], style["dz_max"]
    line = np.array([0.0, z_max])
    options = {"mincnt": 1, "norm": LogNorm(1, style["most"]), "cmap": style["cmap"]}
    options |= {"linewidths": 0.05, "rasterized": True}
    extent = (0, z_max, 0, z_max)
    hexagons = upper.hexbin(z_true, z_pred, gridsize=style["grid"], extent=extent, **options)
    upper.plot(line, line, color="k", lw=0.7)
    dashed = {"color": "k", "lw": 0.6, "ls": (0, (4, 2))}
    for limit in (-OUTLIER_LIMIT, OUTLIER_LIMIT):
        upper.plot(line, line + limit * (1 + line), **dashed)
    upper.set(xlim=(0, z_max), ylim=(0, z_max), aspect="equal")

    dz = relative_error(z_true, z_pred)
    grid = (style["grid"], style["grid"] // 4)
    lower.hexbin(z_true, dz, gridsize=grid, extent=(0, z_max, -dz_max, dz_max), **options)
    lower.axhline(0, color="k", lw=0.7)
    for limit in (-OUTLIER_LIMIT, OUTLIER_LIMIT):
        lower.axhline(limit, **dashed)
    running = running_percentiles(z_true, dz, z_max)
    for column, dashes in (("low", ":"), ("median", "-"), ("high", ":")):
        lower.plot(running["z"], running[column], color="white", lw=2.0)
        lower.plot(running["z"], running[column], color="#C2410C", lw=1.0, ls=dashes)
    lower.set(xlim=(0, z_max), ylim=(-dz_max, dz_max))
    return hexagons


def most_in_a_cell(table: pd.DataFrame, grid: int, z_max: float) -> int:
    """Return about how many galaxies the fullest hexagon holds."""
    counts, _, _ = np.histogram2d(
        table["z_true"], table["z_pred"], bins=grid, range=[[0, z_max], [0, z_max]]
    )
    return max(10, int(counts.max()))


def draw(
    table: pd.DataFrame,
    notes: Mapping[str, str],
    labels: Mapping[str, str],
    dataset: str,
    z_max: float,
) -> Figure:
    """Return the figure; `notes` holds the text of each strategy's panel, in their order."""
    rows, columns, width = grid_of(len(notes))
    figure, axes = subplots(
        2 * rows,
        columns,
        width=width,
        height=rows * (1.12 * width / columns + 0.95),
        height_ratios=[1, 0.42] * rows,
        squeeze=False,
    )
    grid = 72
    style = {
        "z_max": z_max,
        "dz_max": 0.32,
        "grid": grid,
        "cmap": density_map(DATASET_COLOURS[dataset]),
        "most": max(most_in_a_cell(part, grid, z_max) for _, part in table.groupby("strategy")),
    }
    for number in range(len(notes), rows * columns):
        row, column = divmod(number, columns)
        for panel in axes[2 * row : 2 * row + 2, column]:
            panel.set_visible(False)
    for number, (name, note) in enumerate(notes.items()):
        row, column = divmod(number, columns)
        upper, lower = axes[2 * row, column], axes[2 * row + 1, column]
        part = table[table["strategy"] == name]
        z_true, z_pred = (part[key].to_numpy(np.float64) for key in ("z_true", "z_pred"))
        image = draw_panel(upper, lower, z_true, z_pred, style)
        upper.set_title(label(name, labels))
        place = {"transform": upper.transAxes, "ha": "left", "va": "top"}
        upper.text(0.04, 0.96, note, **place, fontsize=7.2, linespacing=1.2, bbox=NOTE_BOX)
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
    """Return the metrics and the number of galaxies as written into a panel."""
    values = {
        metric: seed_values(per_seed, metric, name, dataset, z_range).loc[seed]
        for metric in (*SHOWN_METRICS, "n")
    }
    return "\n".join(
        [
            f"${z_range[0]:g} < z \\leq {z_range[1]:g}$, $n$ = {thousands(values['n'])}",
            *(
                f"{METRICS[metric].label} {significant(values[metric], 2)}"
                for metric in SHOWN_METRICS
            ),
        ]
    )


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
        End of both axes.
    """
    metrics = read_per_seed(per_seed)
    shown = median_seed(metrics, strategies, dataset, z_range) if seed is None else seed
    points = read_run(predictions, strategies, shown, dataset)
    notes = {name: panel_note(metrics, name, shown, dataset, z_range) for name in strategies}
    n_test = int((points["strategy"] == strategies[0]).sum())
    hidden = ~points[["z_true", "z_pred"]].apply(lambda z: z.between(0, redshift_max)).all(axis=1)
    outside = hidden.groupby(points["strategy"]).sum()
    origin = (
        "with an RMS nearest to the median of every strategy"
        if seed is None
        else "named in the configuration"
    )
    files.save(
        draw(points, notes, labels, dataset, redshift_max),
        points,
        "Figure 2.",
        f"Predicted against true redshift of the {thousands(n_test)} galaxies of the "
        f"{label(dataset, labels)} test set (top) and relative error (bottom) for one run, seed "
        f"{shown}, {origin}. Colour gives the number of galaxies where points overlap; solid line: "
        f"equality; dashed: |dz| = {OUTLIER_LIMIT:g}, beyond which a galaxy is an outlier; red: "
        "running median and 16th and 84th percentiles. Metrics in the panels are for "
        f"{z_range[0]:g} < z <= {z_range[1]:g}. Outside the axes of the top panels: "
        + ", ".join(f"{outside[name]} ({label(name, labels)})" for name in strategies)
        + f". {survey_note(survey)}",
        "Density of galaxies about the line of equality for each strategy. "
        + " ".join(
            f"{label(name, labels)}: " + note.replace("\n", ", ").replace("$", "") + "."
            for name, note in notes.items()
        ).replace("\\leq", "<="),
    )
    logger.info("Figure 2: seed %d, %d galaxies", shown, n_test)


if __name__ == "__main__":
    run(main, snakemake)
