"""What the figures of the study of spectra share: colours, points over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from transferz.report.figures import NEUTRAL, SOURCE, STRATEGY_COLOURS, TARGET

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
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(LogLocator(subs=range(1, 10), numticks=20))
    axes.yaxis.set_minor_formatter(NullFormatter())


def draw_points(
    axes: Axes,
    x: float,
    values: pd.Series,
    style: dict[str, str],
    *,
    filled: bool = True,
    label: str | None = None,
) -> None:
    """Draw mean and standard deviation over seeds."""
    values = values.to_numpy(dtype=float)
    if not len(values):
        return
    spread = values.std(ddof=1) if len(values) > 1 else None
    axes.errorbar(
        x,
        values.mean(),
        yerr=spread,
        fmt=style["marker"],
        color=style["color"],
        mfc=style["color"] if filled else "white",
        ms=4,
        elinewidth=0.9,
        label=label,
        zorder=3,
    )


def draw_curve(
    axes: Axes,
    x: Sequence[float],
    groups: Sequence[pd.Series],
    style: dict[str, str],
    *,
    filled: bool = True,
    line: str = "-",
    label: str | None = None,
) -> None:
    """Draw a line through the means over seeds with their standard deviations."""
    points = [
        (place, group.mean(), group.std(ddof=1) if len(group) > 1 else 0.0)
        for place, group in zip(x, groups, strict=True)
        if len(group)
    ]
    if not points:
        return
    places, means, spreads = np.array(points, dtype=float).T
    axes.errorbar(
        places,
        means,
        yerr=spreads,
        fmt=style["marker"] + line,
        color=style["color"],
        mfc=style["color"] if filled else "white",
        ms=3.8,
        lw=1.0,
        elinewidth=0.8,
        label=label,
        zorder=3,
    )
