"""Figure: predicted against true redshift for every head and the template fit.

Inputs
    predictions : spectra/predictions/*.parquet that hold the heads and the templates

Outputs
    pdf, png : the figure; one row per S/N, one network of each head
    table : its points as CSV
    caption : caption and alt text, Markdown
"""

import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.report.figures import NEUTRAL, FigureFiles, subplots
from transferz.spectra.plotting import head_style
from transferz.spectra.results import NOTE, REGRESSION, head_name, noise_name, select

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def collect(
    predictions: pd.DataFrame,
    heads: Sequence[str | int],
    levels: Sequence[float],
    default: Mapping[str, object],
) -> pd.DataFrame:
    """Return the first seed's point estimates: value of the regression, most probable class."""
    parts = []
    for snr, head in itertools.product(levels, heads):
        rows = select(predictions, default, head, snr=snr)
        rows = rows[rows["seed"] == rows["seed"].min()]
        z_pred = rows["z_mean" if head == REGRESSION else "z_mode"]
        part = rows[["snr", "seed", "spectrum", "z_true"]].assign(head=str(head), z_pred=z_pred)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def axis_limits(z_range: Sequence[float]) -> tuple[float, float]:
    """Return the range of both axes."""
    margin = 0.04 * (z_range[1] - z_range[0])
    return z_range[0] - margin, z_range[1] + margin


def draw(
    points: pd.DataFrame,
    heads: Sequence[str | int],
    levels: Sequence[float],
    z_range: Sequence[float],
) -> Figure:
    """Return the figure."""
    shape = (len(levels), len(heads))
    height = 0.42 + 1.56 * len(levels)
    figure, panels = subplots(*shape, height=height, sharex=True, sharey=True, squeeze=False)
    limits, ticks = axis_limits(z_range), np.linspace(*z_range, 5)[::2]
    for row, snr in enumerate(levels):
        for axes, head in zip(panels[row], heads, strict=True):
            mine = points[(points["snr"] == snr) & (points["head"] == str(head))]
            axes.plot(limits, limits, color=NEUTRAL, lw=0.6, zorder=1)
            axes.plot(
                mine["z_true"], mine["z_pred"], ".", ms=2.2, mew=0, alpha=0.55,
                color=head_style(head, heads)["color"], rasterized=True, zorder=2,
            )  # fmt: skip
            error = (mine["z_pred"] - mine["z_true"]).to_numpy(dtype=float)
            r2 = 1.0 - np.mean(error**2) / np.var(mine["z_true"].to_numpy(dtype=float))
            axes.text(
                0.05, 0.95, f"$R^2$ = {r2:.3f}\nMAE = {np.abs(error).mean():.4f}".replace("-", "−"),
                transform=axes.transAxes, va="top", fontsize=7, linespacing=1.3,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
            )  # fmt: skip
            axes.set(xlim=limits, ylim=limits, aspect="equal", xticks=ticks, yticks=ticks)
            if row == 0:
                axes.set_title(head_name(head))
        panels[row, 0].set_ylabel(f"{noise_name(snr)}\n" + r"$z_\mathrm{pred}$")
    for axes in panels[-1]:
        axes.set_xlabel(r"$z_\mathrm{true}$")
    return figure


def main(
    predictions: Sequence[str | Path],
    files: FigureFiles,
    *,
    heads: Sequence[str | int],
    levels: Sequence[float],
    default: Mapping[str, object],
    z_range: Sequence[float],
) -> None:
    """Draw the `heads` and the template fit in columns, the S/N of `levels` in rows."""
    shown = [*heads, "template_fit"]
    together = pd.concat([read_parquet(path) for path in predictions], ignore_index=True)
    points = collect(together, shown, levels, default)
    outside = int((~points["z_pred"].between(*axis_limits(z_range))).sum())
    files.save(
        draw(points, shown, levels, z_range),
        points,
        "Predicted against true redshift from spectra.",
        "One network of each head and the classical template fit on the same "
        f"{points['spectrum'].nunique():,} test spectra; classifications show the centre of the "
        f"most probable class. {outside} predictions lie outside the axes. {NOTE}",
        "Grid of square panels of dots along a diagonal, one column per method, one row per noise "
        "level; dots far from the diagonal are failures.",
    )
    logger.info("Predicted against true: %d points", len(points))


if __name__ == "__main__":
    run(main, snakemake)
