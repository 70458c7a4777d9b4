"""One look for all figures: style, sizes, colours, files that are the same on every run."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

# Whatever a notebook or a matplotlibrc says: a backend that is not installed stops the import.
os.environ["MPLBACKEND"] = "agg"

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from transferz.core.products import atomic_path, write_csv, write_text

if TYPE_CHECKING:
    from snakemake.io import OutputFiles

# Read by the hash of the rules' code, so that another style draws the figures anew.
DATA_FILES = ["transferz.mplstyle"]

# Widths of one and two columns of the Astrophysical Journal, inches.
SINGLE_COLUMN = 3.35
DOUBLE_COLUMN = 7.0

# Blue and orange of Okabe & Ito (2008): told apart by colour-blind readers and in print.
TARGET = "#0072B2"
SOURCE = "#D97F00"
DATASET_COLOURS = {"target": TARGET, "source": SOURCE}
DATASET_MARKERS = {"target": "o", "source": "s"}
# Both data sets in the order of the figures.
DATASETS = tuple(DATASET_COLOURS)

# Strategies: colours that mean neither a data set nor a verdict (evaluation.claims); markers tell
# them apart in black and white.
STRATEGY_COLOURS = ("#444444", "#AA3377", "#8C6D31", "#56B4E9", "#332288", "#CC79A7", "#999933")
STRATEGY_MARKERS = ("o", "^", "D", "v", "P", "X", "s")

# More entries than this on one axis and the panels go below each other; more than that, and the
# entries do.
MOST_SIDE_BY_SIDE = 4
MOST_UPRIGHT = 7
# Panels of one kind in a row.
MOST_COLUMNS = 3

NEUTRAL = "#6B6B6B"
REQUIREMENT = "#2E8B57"


def use_style() -> None:
    """Apply the style to all figures drawn from now on in this process."""
    plt.rcdefaults()
    plt.style.use(Path(__file__).with_name(DATA_FILES[0]))


def subplots(
    rows: int = 1,
    columns: int = 1,
    *,
    height: float,
    width: float = DOUBLE_COLUMN,
    **options: object,
) -> tuple[Figure, Axes | np.ndarray]:
    """Apply the style, and return a new figure of so many inches and its panels.

    Further options are those of ``matplotlib.pyplot.subplots``.
    """
    use_style()
    return plt.subplots(rows, columns, figsize=(width, height), **options)


def grid_of(panels: int) -> tuple[int, int, float]:
    """Return rows, columns and the width in inches of a figure of so many panels of one kind."""
    columns = min(MOST_COLUMNS, panels)
    width = DOUBLE_COLUMN if columns > 1 else 0.55 * DOUBLE_COLUMN
    return math.ceil(panels / columns), columns, width


def entry_panels(entries: int, panels: int) -> tuple[Figure, np.ndarray, bool]:
    """Return a new figure whose panels show one value or more of each of so many entries.

    Returns
    -------
    figure : Figure
    panels : numpy.ndarray of Axes, shape (panels,)
    upright : bool
        Whether the entries stand beside each other; otherwise they lie below each other, with
        their values from left to right.
    """
    upright = entries <= MOST_UPRIGHT
    if entries <= MOST_SIDE_BY_SIDE:
        shape, height = (1, panels), 2.75
    elif upright:
        shape, height = (panels, 1), 2.0 * panels
    else:
        shape, height = (1, panels), 0.9 + 0.3 * entries
    figure, axes = subplots(*shape, height=height, squeeze=False, sharey=not upright)
    return figure, axes.ravel(), upright


def turned(x: object, y: object, upright: bool) -> tuple[object, object]:
    """Return a place on the axes: of an entry (x) and a value (y) if they are upright."""
    return (x, y) if upright else (y, x)


def name_entries(
    axes: Axes, names: Sequence[str], title: str, limits: tuple[float, float], upright: bool
) -> None:
    """Set the axes of a panel of `entry_panels`: entries by name, values by title and limits."""
    if upright:
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=limits, ylabel=title)
        axes.set_xticks(range(len(names)), names)
    else:
        axes.set(ylim=(len(names) - 0.5, -0.5), xlim=limits, xlabel=title)
        axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="x" if upright else "y", which="both", length=0, pad=3)


@functools.cache
def density_map(colour: str = TARGET) -> LinearSegmentedColormap:
    """Return a colour map from a pale tint, still visible alone on white, to a dark shade."""
    base = np.array(mpl.colors.to_rgb(colour))
    pale, dark = 1.0 - 0.42 * (1.0 - base), 0.22 * base
    return LinearSegmentedColormap.from_list(f"density_{colour}", [pale, base, dark])


def strategy_styles(strategies: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return colour and marker of each strategy, by its place in the configuration."""
    return {
        name: {
            "color": STRATEGY_COLOURS[number % len(STRATEGY_COLOURS)],
            "marker": STRATEGY_MARKERS[number % len(STRATEGY_MARKERS)],
        }
        for number, name in enumerate(strategies)
    }


def label(name: str, labels: Mapping[str, str]) -> str:
    """Return the display name of a data set, a strategy or a band."""
    return labels.get(name, name)


def plain_numbers(axis: Axis, digits: Sequence[float] | None = None) -> None:
    """Write numbers without powers of ten at the major ticks of a logarithmic axis.

    `digits`: where in each decade these are; None: where they are already.
    """
    if digits is not None:
        axis.set_major_locator(LogLocator(10, digits))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def shade_requirement(
    axes: Axes,
    allowed: tuple[float, float] | None,
    *,
    upright: bool = True,
    edges: Collection[float] = (),
    **style: float,
) -> None:
    """Shade the values that a requirement allows, if there is one, with lines at some edges."""
    if allowed is None:
        return
    span, line = (axes.axhspan, axes.axhline) if upright else (axes.axvspan, axes.axvline)
    span(*allowed, color=REQUIREMENT, lw=0, **{"alpha": 0.14, "zorder": 0} | style)
    for edge in edges:
        line(edge, color=REQUIREMENT, lw=0.9, ls=(0, (5, 2)), zorder=1)


def panel_letter(axes: Axes, letter: str) -> None:
    """Write a panel's letter above its upper left corner."""
    axes.set_title(f"({letter})", loc="left", fontsize=8.5, fontweight="bold")


def strategy_handles(
    styles: Mapping[str, Mapping[str, str]], labels: Mapping[str, str], size: float
) -> list[Line2D]:
    """Return a legend's entries for strategies, markers of so many points."""
    return [
        Line2D([], [], **style, ms=size, mew=0, label=label(name, labels))
        for name, style in styles.items()
    ]


def dataset_handles(labels: Mapping[str, str], text: str = "{name} ({role})") -> list[Line2D]:
    """Return a legend's entries for both test sets."""
    return [
        Line2D(
            [],
            [],
            ls="",
            marker=DATASET_MARKERS[name],
            color=DATASET_COLOURS[name],
            label=text.format(name=label(name, labels), role=name),
        )
        for name in DATASETS
    ]


def requirement_handle() -> Patch:
    """Return a legend's entry for the shaded range that a requirement allows."""
    return Patch(facecolor=REQUIREMENT, alpha=0.2, label="LSST requirement")


def legend_above(
    figure: Figure, entries: Axes | Sequence[Artist], most: int | None = None, **options: object
) -> None:
    """Draw the legend of a figure above its panels.

    Parameters
    ----------
    figure : Figure
    entries : Axes or sequence of Artist
        Its entries, or the panel whose labels they are.
    most : int or None
        In a row; None: one row holds all.
    **options
        Of ``Figure.legend``.
    """
    handles = entries.get_legend_handles_labels()[0] if isinstance(entries, Axes) else entries
    columns = min(most or len(handles), len(handles))
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, **options)


def settle_layout(figure: Figure) -> None:
    """Lay a figure out and keep it so, its axes at rounded places.

    The solver's answers differ by 1e-16 from process to process, which the last digit of a position
    in a PDF can show.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position().bounds, 9))


def save_figure(figure: Figure, pdf: str | Path, png: str | Path) -> None:
    """Write a figure as PDF and PNG and close it; the same figure gives the same bytes.

    Dates and versions stay out of the files, and each appears under its name only when whole.
    """
    settle_layout(figure)
    with atomic_path(pdf) as temporary:
        metadata = dict.fromkeys(("CreationDate", "ModDate", "Creator", "Producer"))
        figure.savefig(temporary, format="pdf", metadata=metadata)
    with atomic_path(png) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    plt.close(figure)


def write_caption(path: str | Path, title: str, caption: str, alt: str) -> None:
    """Write a figure's title, caption and text for readers who cannot see it, as Markdown."""
    write_text(f"**{title}** {caption}\n\nAlt text: {alt}", path)


@dataclass(frozen=True)
class FigureFiles:
    """The files of one figure: drawing, caption, and (not of all) the numbers it shows as CSV."""

    pdf: str | Path
    png: str | Path
    caption: str | Path
    table: str | Path | None = None

    @classmethod
    def of(cls, outputs: OutputFiles) -> FigureFiles:
        """Return those of a rule, whose outputs have the same names."""
        return cls(outputs.pdf, outputs.png, outputs.caption, outputs.get("table"))

    def save(
        self, figure: Figure, table: pd.DataFrame | None, title: str, caption: str, alt: str
    ) -> None:
        """Write all of them; `alt` is for readers who cannot see the figure."""
        save_figure(figure, self.pdf, self.png)
        if table is not None:
            write_csv(table, self.table)
        write_caption(self.caption, title, caption, alt)
