"""Figure 4: how the source data set is made, as a flow chart with this run's counts.

Inputs
    cutflow : cut flow of the source
    source : catalogue of the source (its number of rows, and the counts of the inputs)

Outputs
    pdf, png : the figure; blue: inputs, green: processes, red: the data set
    table : its arrows as CSV: from, to, n
    caption : caption and alt text, Markdown
"""

import json
import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.report.figures import DOUBLE_COLUMN, FigureFiles, label, use_style
from transferz.report.flow_chart import INPUT, PROCESS, PRODUCT, FlowChart, Node
from transferz.report.tables import read_cutflow, survey_note, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Stage of the cut flow in which the second catalogue comes in.
MATCH = "match"
# Inches: height of the canvas' lower strip for the legend, space between boxes, gutter.
LEGEND_STRIP = 0.28
GAP = 0.27
GUTTER = 0.42
# A selection without a match, of as many boxes or more, takes two columns.
MOST_IN_A_COLUMN = 9


def read_counts(source: str | Path, flow: pd.DataFrame, cutflow: str | Path) -> dict[str, int]:
    """Return the counts in the metadata of the data set, and check its size.

    Raises
    ------
    InputError
        If the file cannot be read, or has other rows than the cut flow leaves.
    """
    try:
        metadata = pq.read_metadata(source)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "not a readable Parquet file", file=source, found=str(error).splitlines()[0]
        ) from error
    if metadata.num_rows != flow["n_out"].iloc[-1]:
        raise InputError(
            "the data set and its cut flow are of different runs",
            file=source,
            found=f"{metadata.num_rows} rows",
            expected=f"{flow['n_out'].iloc[-1]}, the last count of {cutflow}",
            fix="make both again",
        )
    return json.loads((metadata.metadata or {}).get(b"transferz", b"{}"))


def process_node(row: object) -> Node:
    """Return the box of one cut."""
    removed = f"removes {thousands(row.n_removed)} ({row.n_removed / max(1, row.n_in):.1%})"
    text = row.description if row.description != row.cut else ""
    note = removed if row.n_removed else "removes none"
    return Node(row.cut, text, note, PROCESS, row.n_out / max(1, row.n_in))


def build_matched(
    chart: FlowChart, flow: pd.DataFrame, names: Mapping[str, str], counts: Mapping[str, int]
) -> list[tuple[str, str, int | None]]:
    """Lay out two inputs, the match, and the selection; return the arrows (from, to, n)."""
    position = int((flow["stage"] == MATCH).to_numpy().argmax())
    before, match, after = flow[:position], flow.iloc[position], flow[position + 1 :]
    width = (DOUBLE_COLUMN - GUTTER - 0.1) / 2
    half = 0.5 * (width - 0.16)
    left, right = 0.05 + 0.5 * half, 0.05 + width - 0.5 * half
    n_first, n_second = int(match["n_in"]), counts.get("n_hsc")
    if len(before):
        n_second = int(before["n_in"].iloc[0])
    arrows = []

    second = chart.add(Node(names["second"], "", "", INPUT), right, chart.top, half)
    first = chart.add(Node(names["first"], "", "", INPUT), left, chart.top, half)
    previous, n = second, n_second
    for row in before.itertuples():
        box = chart.below(previous, process_node(row), n)
        arrows.append((previous.node.title, row.cut, n))
        previous, n = box, int(row.n_out)
    share = f"pairs {match['n_out'] / n_first:.1%} of the left input"
    if n:
        share += f" and {match['n_out'] / n:.1%} of the right one"
    node = Node(match["cut"], match["description"], share, PROCESS)
    bottom = min(first.bottom, previous.bottom)
    joined = chart.add(node, 0.05 + 0.5 * width, bottom - GAP - 0.06, width)
    for box, count in ((first, n_first), (previous, n)):
        chart.arrow(box, joined, count)
        arrows.append((box.node.title, match["cut"], count))

    nodes, out = selection_nodes(after, names["product"], int(match["n_out"]))
    chart.snake(joined, nodes, out, 0.05 + width + GUTTER + 0.5 * width)
    titles = [match["cut"], *(node.title for node in nodes)]
    return arrows + [(*pair, n) for pair, n in zip(pairwise(titles), out, strict=True)]


def selection_nodes(flow: pd.DataFrame, product: str, n: int) -> tuple[list[Node], list[int]]:
    """Return the boxes of some cuts and of the data set, and the counts that enter them."""
    rows = list(flow.itertuples())
    nodes = [*(process_node(row) for row in rows), Node(product, "", "", PRODUCT)]
    return nodes, [n, *(int(row.n_out) for row in rows)]


def build_single(
    chart: FlowChart, flow: pd.DataFrame, names: Mapping[str, str]
) -> list[tuple[str, str, int | None]]:
    """Lay out one input and its selection; return the arrows."""
    nodes, counts = selection_nodes(flow, names["product"], int(flow["n_in"].iloc[0]))
    source = Node(names["single"], "", "", INPUT)
    if len(nodes) < MOST_IN_A_COLUMN:
        box = chart.add(source, 0.5 * DOUBLE_COLUMN, chart.top, 3.6)
        for node, n in zip(nodes, counts, strict=True):
            box = chart.below(box, node, n)
    else:
        width = (DOUBLE_COLUMN - GUTTER - 0.1) / 2
        box = chart.add(source, 0.05 + 0.5 * width, chart.top, width)
        chart.snake(box, nodes, counts, 0.05 + 1.5 * width + GUTTER)
    titles = [source.title, *(node.title for node in nodes)]
    return [(*pair, n) for pair, n in zip(pairwise(titles), counts, strict=True)]


def draw(
    flow: pd.DataFrame, names: Mapping[str, str], counts: Mapping[str, int]
) -> tuple[Figure, list[tuple[str, str, int | None]]]:
    """Return the figure and its arrows."""
    use_style()
    chart = FlowChart(DOUBLE_COLUMN, gap=GAP)
    if (flow["stage"] == MATCH).any():
        arrows = build_matched(chart, flow, names, counts)
    else:
        arrows = build_single(chart, flow, names)
    legend = {"Input": INPUT, "Process": PROCESS, "Data set": PRODUCT}
    return chart.draw(legend, LEGEND_STRIP), arrows


def main(
    cutflow: str | Path,
    source: str | Path,
    files: FigureFiles,
    *,
    inputs: Sequence[str],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw Figure 4.

    Parameters
    ----------
    inputs : sequence of str
        Display names of the input catalogues: the one with the redshifts, and the one with the
        photometry if two were matched.
    """
    flow = read_cutflow(cutflow)
    counts = read_counts(source, flow, cutflow)
    name = label("source", labels)
    n_final = int(flow["n_out"].iloc[-1])
    names = {
        "single": inputs[0],
        "first": inputs[0],
        "second": inputs[-1],
        "product": f"{name}: {thousands(n_final)} galaxies",
    }
    figure, arrows = draw(flow, names, counts)
    files.save(
        figure,
        pd.DataFrame(arrows, columns=["from", "to", "n"]).astype({"n": "Int64"}),
        "Figure 4.",
        f"How {name} is made. Blue: input catalogues; green: processes; red: the data set. Bars: "
        "the part that goes on (green) and that is removed (yellow). Numbers "
        f"at the arrows are the objects that pass on. {survey_note(survey)}",
        "Flow chart. "
        + " ".join(
            f"From {first} to {second}: {thousands(n) if n is not None else 'unknown'} objects."
            for first, second, n in arrows
        ),
    )
    logger.info("Figure 4: %d steps, %d galaxies left", len(flow), n_final)


if __name__ == "__main__":
    run(main, snakemake)
