"""What the figures of the study of spectra share: colours, points over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from transferz.report.figures import NEUTRAL, SOURCE, STRATEGY_COLOURS, TARGET, plain_numbers

HEAD_STYLES: dict[str | int, dict[str, str]] = {
    "regression": {"color": SOURCE, "marker": "s"},
    "template_fit": {"color": NEUTRAL, "marker": "D"},
    "cross_correlation": {"color": "#A8A8A8", "marker": "v"},
}
CLASS_STYLES = (
    {"color": TARGET, "marker": "o"},
    {"color": STRATEGY_COLOURS[1], "marker": "^"},
    {"color": STRATEGY_COLOURS[2], "marker": "P"},
    {"color": STRATEGY_COLOURS[3], "marker": "X"},
)
LOSS_STYLES = (
    {"color": NEUTRAL, "marker": "o"},
    {"color": TARGET, "marker": "s"},
    {"color": SOURCE, "marker": "^"},
    {"color": STRATEGY_COLOURS[2], "marker": "D"},
    {"color": STRATEGY_COLOURS[1], "marker": "v"},
)
SAMPLE_STYLES = {
    "test": {"color": TARGET, "marker": "o"},
    "below": {"color": SOURCE, "marker": "v"},
    "above": {"color": STRATEGY_COLOURS[4], "marker": "^"},
    "quasar": {"color": STRATEGY_COLOURS[1], "marker": "D"},
}


def head_style(head: str | int, heads: Sequence[str | int]) -> dict[str, str]:
    """Colour and marker of a head; numbers of classes by their place among the heads."""
    if head in HEAD_STYLES:
        return HEAD_STYLES[head]
    numbers = [name for name in heads if name not in HEAD_STYLES]
    return CLASS_STYLES[numbers.index(head) % len(CLASS_STYLES)]


def log_ticks(axes: Axes) -> None:
    """Make the vertical axis logarithmic, with plain numbers where it spans few decades."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    if high / low > 30.0:
        return
    digits = (1, 1.5, 2, 3, 5, 7) if high / low < 8.0 else (1, 2, 5)
    axes.yaxis.set_major_locator(LogLocator(subs=digits, numticks=20))
    axes.yaxis.set_minor_locator(LogLocator(subs=range(1, 10), numticks=20))
    plain_numbers(axes.yaxis)


def loss_styles(losses: Sequence[str]) -> dict[str, dict[str, str]]:
    """Colour and marker of each loss, by its place in the study."""
    return {loss: LOSS_STYLES[k % len(LOSS_STYLES)] for k, loss in enumerate(losses)}


def name_places(axes: Axes, names: Sequence[str], margin: float, **options: object) -> None:
    """Name the places 0, 1, ... of the horizontal axis; further options are those of ticks."""
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", which="both", length=0, **options)
    axes.set_xlim(-margin, len(names) - 1 + margin)


def draw_point(axes: Axes, x: float, point: object, style: dict[str, str]) -> None:
    """Draw `mean` and, of several seeds, `spread` of a row of a figure's table."""
    spread = None if np.isnan(point.spread) else point.spread
    axes.errorbar(
        x, point.mean, yerr=spread, fmt=style["marker"], color=style["color"], mfc=style["color"],
        ms=4, elinewidth=0.9, zorder=3,
    )  # fmt: skip


def draw_curve(
    axes: Axes,
    x: Sequence[float],
    points: pd.DataFrame,
    style: dict[str, str],
    *,
    filled: bool = True,
    line: str = "-",
    label: str | None = None,
) -> None:
    """Draw a line through `mean` of the rows of a figure's table, with their `spread`."""
    if points.empty:
        return
    axes.errorbar(
        x, points["mean"], yerr=points["spread"].fillna(0.0), fmt=style["marker"] + line,
        color=style["color"], mfc=style["color"] if filled else "white",
        ms=3.8, lw=1.0, elinewidth=0.8, label=label, zorder=3,
    )  # fmt: skip
