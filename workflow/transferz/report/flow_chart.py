"""Flow charts: boxes of text, laid out from the top, and arrows with counts between them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.textpath import TextPath

from transferz.report.figures import NEUTRAL

# Fill and edge.
PROCESS = ("#E3F1E5", "#3B7F4A")
INPUT = ("#DCEAF6", "#0072B2")
PRODUCT = ("#F9E0DD", "#B3352B")

TITLE_SIZE, TEXT_SIZE = 8.0, 7.0
LINE = 1.18 / 72  # inches per point of letter size
PADDING = 0.055
BAR = 0.05
REMOVED = "#D9A441"
ARROW = {"arrowstyle": "-|>,head_length=2.6,head_width=1.5", "shrinkA": 0, "shrinkB": 0}


@dataclass(frozen=True)
class Node:
    """A box of a flow chart: title, text, note in grey, fill and edge colour.

    `passed` is the part of what came in that goes on, drawn as a bar at the lower edge.
    """

    title: str
    text: str
    note: str
    colours: tuple[str, str]
    passed: float | None = None


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
        bar = 0.0 if node.passed is None else BAR
        return sum(sizes) * LINE + 2 * PADDING + bar, tuple(lines)

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
        if box.node.passed is not None:
            left, length = corner[0] + PADDING, box.width - 2 * PADDING
            kept = length * box.node.passed
            bar = {"left": [left, left + kept], "color": [edge, REMOVED], "lw": 0}
            axes.barh(box.bottom + BAR, [kept, length - kept], height=0.6 * BAR, **bar)
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
