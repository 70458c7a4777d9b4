"""Where in colour space each strategy wins: maps of the difference in loss.

Inputs
    per_colour : metrics/per_colour.csv

Outputs
    pdf, png : the figure
    table : what its cells show as CSV: dataset, x, y, n, best, significant, gain of each strategy
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_csv
from transferz.report.figures import (
    DATASETS,
    DOUBLE_COLUMN,
    FigureFiles,
    label,
    strategy_styles,
    subplots,
)
from transferz.report.tables import survey_note, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# A cell counts as won when the gain is larger than this many standard errors.
SIGNIFICANCE = 2.0
UNDECIDED = "#D5D8DC"
# Purple (worse) to green (better): no colour of a data set, told apart by colour-blind readers.
DIVERGING = LinearSegmentedColormap.from_list(
    "worse_better", ["#40004B", "#9970AB", "#E7D4E8", "#F5F5F5", "#D9F0D3", "#5AAE61", "#00441B"]
)
CELL = ["dataset", "x", "y"]
COLUMNS = ["strategy", *CELL, "n", "loss", "gain", "gain_error"]


def by_strategy(cells: pd.DataFrame, value: str, strategies: Sequence[str]) -> pd.DataFrame:
    """Return a quantity with one row per cell and one column per strategy."""
    table = cells.pivot_table(index=CELL, columns="strategy", values=value, aggfunc="first")
    return table[list(strategies)]


def compare(cells: pd.DataFrame, strategies: Sequence[str]) -> pd.DataFrame:
    """Return one row per data set and cell: the best strategy and every gain over the first.

    The best strategy has the smallest loss; it is `significant` when its gain over the first one
    exceeds `SIGNIFICANCE` standard errors (for the first one: when every other one's gain is
    below zero by as much).
    """
    loss = by_strategy(cells, "loss", strategies)
    gain = by_strategy(cells, "gain", strategies)
    error = by_strategy(cells, "gain_error", strategies)
    best = loss.idxmin(axis=1)
    first, others = strategies[0], list(strategies[1:])
    score = gain / error
    won = pd.Series(
        [score.loc[cell, name] if name != first else np.nan for cell, name in best.items()],
        index=best.index,
    )
    if others:
        won = won.fillna(-score[others].max(axis=1))
    table = gain.rename(columns=lambda name: f"gain_{name}")
    table.insert(0, "n", cells.groupby(CELL)["n"].first())
    table.insert(1, "best", best)
    table.insert(2, "significant", (won > SIGNIFICANCE).to_numpy())
    return table.reset_index()


def colours_of_best(cells: pd.DataFrame, styles: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the colour of each cell's best strategy, or of no decision."""
    pairs = zip(cells["best"], cells["significant"], strict=True)
    return [styles[best]["color"] if sure else UNDECIDED for best, sure in pairs]


def draw_cells(axes: Axes, cells: pd.DataFrame, size: float, colours: Sequence) -> None:
    """Draw squares of side `size` at the lower left corners in columns ``x`` and ``y``."""
    if cells.empty:
        return
    squares = [Rectangle((row.x, row.y), size, size) for row in cells.itertuples()]
    axes.add_collection(
        PatchCollection(squares, facecolors=list(colours), edgecolors="none", rasterized=True)
    )
    axes.set_xlim(cells["x"].min() - size, cells["x"].max() + 2 * size)
    axes.set_ylim(cells["y"].min() - size, cells["y"].max() + 2 * size)


def draw(
    table: pd.DataFrame,
    strategies: Sequence[str],
    size: float,
    axis_labels: Sequence[str],
    labels: Mapping[str, str],
) -> Figure:
    """Return the figure: a column per comparison, a row per data set."""
    styles = strategy_styles(strategies)
    others = list(strategies[1:])
    columns = len(others) + 1
    width = DOUBLE_COLUMN * max(1.0, columns / 3) if columns > 1 else 0.55 * DOUBLE_COLUMN
    figure, panels = subplots(
        2, columns, width=width, height=4.9, squeeze=False, sharex="row", sharey="row"
    )
    gains = table[[f"gain_{name}" for name in others]].to_numpy()
    limit = float(np.nanpercentile(np.abs(gains), 98)) if gains.size else 1.0
    norm = Normalize(-limit, limit)
    for row, dataset in enumerate(DATASETS):
        cells = table[table["dataset"] == dataset]
        maps = [DIVERGING(norm(cells[f"gain_{name}"])) for name in others]
        maps.append(colours_of_best(cells, styles))
        for axes, colours in zip(panels[row], maps, strict=True):
            draw_cells(axes, cells, size, colours)
        panels[row, 0].set_ylabel(f"{label(dataset, labels)} ({dataset})\n{axis_labels[1]}")
    for column, name in enumerate(others):
        panels[0, column].set_title(f"{label(name, labels)} against {label(strategies[0], labels)}")
    panels[0, -1].set_title("Best strategy")
    for axes in panels[-1]:
        axes.set_xlabel(axis_labels[0])
    for axes in panels.flat:
        axes.set_aspect("equal")
        axes.tick_params(axis="x", pad=5)
    if others:
        place = {"ax": panels[:, :-1], "location": "bottom", "pad": 0.02}
        shape = {"aspect": 45, "shrink": 0.8, "extend": "both"}
        bar = figure.colorbar(ScalarMappable(norm, DIVERGING), **place, **shape)
        bar.set_label(f"Loss saved (green: better than {label(strategies[0], labels)})")
        bar.outline.set_linewidth(0.5)
    handles = [Patch(color=style["color"], label=label(n, labels)) for n, style in styles.items()]
    handles.append(Patch(color=UNDECIDED, label="undecided"))
    legend = panels[-1, -1].legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=7.5
    )
    # It hangs beside the colour bar, in the room that the bar takes: not to be made room for.
    legend.set_in_layout(not others)
    return figure


def shares_won(
    table: pd.DataFrame, strategies: Sequence[str], labels: Mapping[str, str]
) -> Iterator[str]:
    """Yield for each data set which share of its galaxies is in cells that a strategy wins."""
    for dataset in DATASETS:
        part = table[table["dataset"] == dataset]
        won = part[part["significant"]].groupby("best")["n"].sum() / max(1, part["n"].sum())
        shares = ", ".join(f"{label(name, labels)} {won.get(name, 0):.0%}" for name in strategies)
        yield f"{label(dataset, labels)}: {shares}"


def main(
    per_colour: str | Path,
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    axis_labels: Sequence[str],
    cell_size: float,
    cell_min_galaxies: int,
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the maps.

    Parameters
    ----------
    strategies : sequence of str
        All are compared with the first.
    axis_labels : pair of str
        Of the two colours.
    cell_size : float
        Mag.
    cell_min_galaxies : int
        For the caption.

    Raises
    ------
    InputError
        If no cell has enough galaxies.
    """
    cells = read_csv(per_colour, COLUMNS, what="table of cells", may_be_empty=True)
    if cells.empty:
        raise InputError(
            "no cell of colour has enough galaxies",
            file=per_colour,
            key="diagnostics.cell_min_galaxies",
            fix="lower it, or make diagnostics.cell_size larger",
        )
    shown = compare(cells, strategies)
    shares = "; ".join(shares_won(shown, strategies, labels))
    files.save(
        draw(shown, strategies, cell_size, axis_labels, labels),
        shown,
        "Colour space.",
        f"Where each strategy wins, in cells of {cell_size:g} mag with at least "
        f"{cell_min_galaxies} test galaxies. Left: HSC loss of {label(strategies[0], labels)} "
        "minus that of the other strategy, mean over galaxies and seeds (green: the other one "
        "is better). Right: the strategy with the smallest loss; grey where the difference to "
        f"{label(strategies[0], labels)} is below {SIGNIFICANCE:g} standard errors over the cell's "
        f"galaxies. Share of the shown galaxies in cells that a strategy wins: "
        f"{shares}. {survey_note(survey)}",
        "Maps of colour against colour. Share of galaxies in cells that a strategy wins: "
        f"{shares}.",
    )
    logger.info("%s cells", thousands(len(shown)))


if __name__ == "__main__":
    run(main, snakemake)
