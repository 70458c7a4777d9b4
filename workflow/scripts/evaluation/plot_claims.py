"""The published claims as a picture: published, measured in both windows, and the verdicts.

Inputs
    claims : claims.csv

Outputs
    pdf, png : the figure
    table : its points as CSV: claims.csv, and the value of each as drawn
    caption : caption and alt text, Markdown
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.evaluation.claims import (
    TICKS,
    VERDICT_COLOURS,
    VERDICT_MARKERS,
    VERDICTS,
    axis_limits,
    by_window,
    drawn_values,
)
from transferz.report.figures import (
    NEUTRAL,
    FigureFiles,
    legend_above,
    panel_letter,
    subplots,
)
from transferz.report.tables import survey_note, with_interval

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

ACCEPTED = "#DCE3EA"


def draw_panel(axes: Axes, rows: pd.DataFrame, windows: list[str], title: str) -> None:
    """Draw claims below each other: accepted ranges, published values, both windows."""
    names = list(dict.fromkeys(rows["claim"]))
    ends = axis_limits(rows)
    axes.axvline(1.0, color="#333333", lw=0.8, zorder=1)
    for place, name in enumerate(names):
        first = rows[rows["claim"] == name].iloc[0]
        low, high = (0, 1) if first["requirement"] else first[["accepted_low", "accepted_high"]]
        span = max(low, ends[0]), high if np.isfinite(high) else ends[1]
        axes.fill_betweenx([place - 0.42, place + 0.42], *span, color=ACCEPTED, lw=0, zorder=0)
        if not first["requirement"] and np.isfinite(first["published"]):
            axes.plot([first["published"]] * 2, [place - 0.42, place + 0.42], "k-", lw=1.4)
    for row in rows.itertuples():
        number = windows.index(row.window)
        y = names.index(row.claim) + (number - 0.5 * (len(windows) - 1)) * 0.4
        colour = VERDICT_COLOURS[row.verdict]
        if np.isfinite([row.x_low, row.x_high]).all():
            shown = np.clip([row.x_low, row.x_high], *ends)
            axes.plot(shown, [y, y], "-", color=colour, lw=1.1, zorder=2)
        face = colour if number == 0 else "white"
        x = np.clip(row.x, *ends)
        axes.plot(
            x, y, VERDICT_MARKERS[row.verdict], color=colour, mfc=face, ms=4.4, mew=1.0, zorder=3
        )
    axes.set(xscale="log", xlim=ends, ylim=(len(names) - 0.4, -0.6), xlabel=title)
    ticks = [tick for tick in TICKS if ends[0] <= tick <= ends[1]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    statements = [rows.loc[rows["claim"] == name, "statement"].iloc[0] for name in names]
    axes.set_yticks(range(len(names)), statements, fontsize=7)
    axes.tick_params(axis="y", which="both", length=0)


def draw(rows: pd.DataFrame, windows: list[str]) -> Figure:
    """Return the figure: comparisons above, requirements below, where there are both."""
    parts = [
        (part, title)
        for part, title in (
            (rows[~rows["requirement"]], "Ratio: above 1 as claimed"),
            (rows[rows["requirement"]], "Measured / limit: below 1 meets the requirement"),
        )
        if len(part)
    ]
    sizes = [part["claim"].nunique() for part, _ in parts]
    figure, panels = subplots(
        len(parts),
        height=1.0 + 0.5 * len(parts) + 0.225 * sum(sizes),
        squeeze=False,
        gridspec_kw={"height_ratios": sizes},
    )
    for axes, (part, title), letter in zip(panels.ravel(), parts, "ab", strict=False):
        draw_panel(axes, part, windows, title)
        panel_letter(axes, letter)
    handles = [
        Line2D([], [], ls="", marker=VERDICT_MARKERS[name], color=VERDICT_COLOURS[name], label=name)
        for name in VERDICTS
    ]
    for number, window in enumerate(windows):
        face = NEUTRAL if number == 0 else "white"
        handles.append(Line2D([], [], ls="-", marker="o", color=NEUTRAL, mfc=face, label=window))
    handles.append(Line2D([], [], ls="", marker="|", ms=9, mew=1.4, color="k", label="published"))
    handles.append(Patch(facecolor=ACCEPTED, label="accepted"))
    legend_above(figure, handles, most=4)
    return figure


def main(claims: str | Path, files: FigureFiles, *, survey: str) -> None:
    """Draw the claims."""
    table = pd.read_csv(claims)
    if table.empty:
        raise InputError("no claim to draw", file=claims, fix="add the strategies of a claim")
    groups = by_window(table)
    named = pd.concat([rows.assign(window=name) for name, rows in groups.items()])
    rows = drawn_values(named.sort_index())
    windows = list(groups)
    files.save(
        draw(rows, windows),
        rows,
        "Published claims.",
        f"What was published (black bar), what agrees with it (grey), and what is measured for "
        f"{' (filled) and for '.join(windows)}{' (open)' if len(windows) > 1 else ''}, with 95% "
        f"intervals over seeds and test galaxies. Colour and symbol: the verdict. Top: ratios, "
        f"written so that above 1 is as claimed; bottom: requirements. {survey_note(survey)}",
        " ".join(
            f"{row.statement}, {row.window}: "
            f"{with_interval(row.measured, row.low, row.high)}, {row.verdict}."
            for row in rows.itertuples()
        ),
    )
    logger.info("%d claims in %d windows", table["claim"].nunique(), len(windows))


if __name__ == "__main__":
    run(main, snakemake)
