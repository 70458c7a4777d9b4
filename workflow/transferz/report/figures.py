"""One look for all figures: style, sizes, colours, files that are the same on every run."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.textpath import TextPath

from transferz.core.products import atomic_path, write_csv, write_text

if TYPE_CHECKING:
    from snakemake.io import OutputFiles

# Read by the hash of the rules' code, so that another style draws the figures anew.
DATA_FILES = ["transferz.mplstyle"]

# Widths of one and two columns of the Astrophysical Journal, inches; height of its page.
SINGLE_COLUMN = 3.35
DOUBLE_COLUMN = 7.0
PAGE_HEIGHT = 9.0

# Blue and orange of Okabe & Ito (2008): told apart by colour-blind readers and in print.
TARGET = "#0072B2"
SOURCE = "#D97F00"
DATASET_COLOURS = {"target": TARGET, "source": SOURCE}
DATASET_MARKERS = {"target": "o", "source": "s"}
# Both test sets in the order of the figures, and the part that each plays.
DATASETS = tuple(DATASET_COLOURS)
SIDES = {"target": "target", "source": "source"}

# Strategies: the rest of the Okabe-Ito palette, then darker shades; markers tell them apart in
# black and white.
STRATEGY_COLOURS = ("#444444", "#009E73", "#CC79A7", "#56B4E9", "#882255", "#999933", "#332288")
STRATEGY_MARKERS = ("o", "^", "D", "v", "P", "X", "s")

# Flow charts: fill and edge.
PROCESS = ("#E3F1E5", "#3B7F4A")
INPUT = ("#DCEAF6", "#0072B2")
PRODUCT = ("#F9E0DD", "#B3352B")

# More entries than this on one axis and the panels go below each other; more than that, and the
# entries do.
MOST_SIDE_BY_SIDE = 4
MOST_UPRIGHT = 7

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


def dataset_handles(labels: Mapping[str, str], text: str = "{name} ({side})") -> list[Line2D]:
    """Return a legend's entries for both test sets."""
    return [
        Line2D(
            [],
            [],
            ls="",
            marker=DATASET_MARKERS[name],
            color=DATASET_COLOURS[name],
            label=text.format(name=label(name, labels), side=SIDES[name]),
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


def save_figure(figure: Figure, pdf: str | Path, png: str | Path) -> None:
    """Write a figure as PDF and PNG and close it; the same figure gives the same bytes.

    Dates and versions stay out of the files, and each appears under its name only when whole.
    """
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


# ------------------------------------------------------------------------------ flow charts

TITLE_SIZE, TEXT_SIZE = 8.0, 7.0
LINE = 1.18 / 72  # inches per point of letter size
PADDING = 0.055
ARROW = {"arrowstyle": "-|>,head_length=2.6,head_width=1.5", "shrinkA": 0, "shrinkB": 0}


@dataclass(frozen=True)
class Node:
    """A box of a flow chart: title, text, note in grey, fill and edge colour."""

    title: str
    text: str
    note: str
    colours: tuple[str, str]


@dataclass(frozen=True)
class Box:
    """A node in its place: centre, top edge, size in inches; y grows upwards."""

    node: Node
    x: float
    top: float
    width: float
    height: float
    lines: tuple[tuple[str, str], ...]

    @property
    def bottom(self) -> float:
        """Lower edge, inches."""
        return self.top - self.height


@functools.cache
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width in inches of a line of text in the style's letters."""
    properties = FontProperties(family=mpl.rcParams["font.family"], weight=weight)
    plain = text.replace("$", "")
    return TextPath((0, 0), plain, size=size, prop=properties).get_extents().width / 72


def wrap(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Break text at spaces into lines of at most `width` inches."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


class FlowChart:
    """Boxes and arrows, laid out from the top; everything in inches.

    Parameters
    ----------
    width : float
        Of the figure.
    gap : float
        Between a box and the next one below, where the arrow and its count are.
    """

    def __init__(self, width: float, gap: float = 0.27) -> None:
        self.width, self.gap, self.top = width, gap, 0.0
        self.boxes: list[Box] = []
        self.paths: list[tuple[list[tuple[float, float]], int | None, tuple[float, float]]] = []

    def add(self, node: Node, x: float, top: float, width: float) -> Box:
        """Place a node with its centre at `x` and its upper edge at `top`."""
        height, lines = self._measure(node, width)
        self.boxes.append(Box(node, x, top, width, height, lines))
        return self.boxes[-1]

    @staticmethod
    def _measure(node: Node, width: float) -> tuple[float, tuple[tuple[str, str], ...]]:
        """Return the height of a box and its lines of text with their kind."""
        inner = width - 2 * PADDING
        lines = [
            (kind, line)
            for kind, text, size, weight in (
                ("title", node.title, TITLE_SIZE, "bold"),
                ("text", node.text, TEXT_SIZE, "normal"),
                ("note", node.note, TEXT_SIZE, "normal"),
            )
            for line in wrap(text, inner, size, weight)
        ]
        sizes = [TITLE_SIZE if kind == "title" else TEXT_SIZE for kind, _ in lines]
        return sum(sizes) * LINE + 2 * PADDING, tuple(lines)

    def below(self, box: Box, node: Node, n: int | None) -> Box:
        """Place a node below a box, with an arrow and a count between them."""
        added = self.add(node, box.x, box.bottom - self.gap, box.width)
        self.arrow(box, added, n)
        return added

    def snake(self, start: Box, nodes: Sequence[Node], counts: Sequence[int], x: float) -> None:
        """Place nodes below `start` and go on in a second column at `x`, about equally deep.

        Parameters
        ----------
        start : Box
            In the first column.
        nodes : sequence of Node
        counts : sequence of int
            What enters each node.
        x : float
            Centre of the second column, which is as wide as `start`.
        """
        heights = [self._measure(node, start.width)[0] + self.gap for node in nodes]

        def depth(kept: int) -> float:
            first = self.top - start.bottom + sum(heights[:kept])
            return max(first, sum(heights[kept:]) - self.gap)

        kept = min(range(len(nodes)), key=depth)
        box = start
        for number, (node, n) in enumerate(zip(nodes, counts, strict=True)):
            if number == kept:
                above, box = box, self.add(node, x, self.top, start.width)
                self.elbow(above, box, n)
            else:
                box = self.below(box, node, n)

    def arrow(self, start: Box, end: Box, n: int | None) -> None:
        """Draw a straight arrow downwards, the count beside it above the arrow's head."""
        x = start.x
        y = end.top + 0.5 * self.gap
        self.paths.append(([(x, start.bottom), (x, end.top)], n, (x + 0.06, y)))

    def elbow(self, start: Box, end: Box, n: int | None) -> None:
        """Draw an arrow from the right of a box up the gutter to the left of another one."""
        x_start, x_end = start.x + 0.5 * start.width, end.x - 0.5 * end.width
        y_start, y_end = start.top - 0.5 * start.height, end.top - 0.5 * end.height
        middle = 0.5 * (x_start + x_end)
        points = [(x_start, y_start), (middle, y_start), (middle, y_end), (x_end, y_end)]
        self.paths.append((points, n, (middle, 0.5 * (y_start + y_end))))

    def draw(self, legend: Mapping[str, tuple[str, str]], strip: float) -> Figure:
        """Return the figure, a legend of the colours in a strip below the boxes."""
        bottom = min(box.bottom for box in self.boxes) - strip
        height = 0.06 - bottom
        figure = plt.figure(figsize=(self.width, height), layout="constrained")
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, self.width), ylim=(bottom, 0.06))
        axes.axis("off")
        for points, n, place in self.paths:
            self._draw_arrow(axes, points, n, place)
        for box in self.boxes:
            self._draw_box(axes, box)
        x = 0.5 * self.width - 0.5 * (0.95 * len(legend))
        for name, (fill, edge) in legend.items():
            patch = FancyBboxPatch(
                (x, bottom + 0.06), 0.16, 0.09, boxstyle="round,pad=0,rounding_size=0.02"
            )
            patch.set(facecolor=fill, edgecolor=edge, linewidth=0.8)
            axes.add_patch(patch)
            axes.text(x + 0.22, bottom + 0.105, name, va="center_baseline", fontsize=7.5)
            x += 0.95
        return figure

    @staticmethod
    def _draw_box(axes: Axes, box: Box) -> None:
        fill, edge = box.node.colours
        corner = (box.x - 0.5 * box.width, box.bottom)
        patch = FancyBboxPatch(
            corner, box.width, box.height, boxstyle="round,pad=0,rounding_size=0.05"
        )
        patch.set(facecolor=fill, edgecolor=edge, linewidth=0.9)
        axes.add_patch(patch)
        y = box.top - PADDING
        for kind, line in box.lines:
            size = TITLE_SIZE if kind == "title" else TEXT_SIZE
            y -= size * LINE
            axes.text(
                box.x,
                y + 0.27 * size * LINE,
                line.replace("$", r"\$"),
                ha="center",
                va="baseline",
                fontsize=size,
                fontweight="bold" if kind == "title" else "normal",
                color=NEUTRAL if kind == "note" else "#1a1a1a",
            )

    @staticmethod
    def _draw_arrow(
        axes: Axes, points: Sequence[tuple[float, float]], n: int | None, place: tuple[float, float]
    ) -> None:
        x, y = zip(*points, strict=True)
        axes.plot(x[:-1], y[:-1], color="#333333", lw=0.8, solid_joinstyle="miter")
        axes.add_patch(FancyArrowPatch(points[-2], points[-1], color="#333333", lw=0.8, **ARROW))
        if n is None:
            return
        turned = len(points) > 2
        axes.text(
            *place,
            f"{n:,}",
            fontsize=TEXT_SIZE + 0.5,
            va="center" if turned else "center_baseline",
            ha="center" if turned else "left",
            rotation=90 if turned else 0,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5} if turned else None,
        )
