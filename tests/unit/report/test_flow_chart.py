"""The layout of flow charts."""

from __future__ import annotations

from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import pytest

from transferz.report.figures import DOUBLE_COLUMN, use_style
from transferz.report.flow_chart import (
    INPUT,
    PROCESS,
    PRODUCT,
    FlowChart,
    Node,
    text_width,
    wrap,
)


def test_wrapped_lines_fit() -> None:
    use_style()
    text = "sources with an HSC object within 1 arcsec, each the other's nearest, and then some"
    lines = wrap(text, 1.5, 7.0)
    assert " ".join(lines) == text
    assert len(lines) > 1
    assert all(text_width(line, 7.0) <= 1.5 for line in lines)
    assert wrap("unbreakable_name_of_a_column", 0.2, 7.0) == ["unbreakable_name_of_a_column"]


def test_boxes_of_a_chart_do_not_touch() -> None:
    use_style()
    chart = FlowChart(DOUBLE_COLUMN)
    start = chart.add(Node("Start", "", "", INPUT), 1.7, 0.0, 3.2)
    nodes = [Node(f"cut {k}", "some words " * k, "removes 1", PROCESS) for k in range(9)]
    chart.snake(start, [*nodes, Node("End", "", "", PRODUCT)], list(range(100, 110)), 5.3)
    assert len(chart.boxes) == 11
    for first, second in combinations(chart.boxes, 2):
        apart = abs(first.x - second.x) >= 0.5 * (first.width + second.width)
        assert apart or first.bottom > second.top or second.bottom > first.top
    left, right = ([box for box in chart.boxes if box.x == x] for x in (1.7, 5.3))
    assert abs(left[-1].bottom - right[-1].bottom) < 1.0
    for above, below in pairwise(left):
        assert above.bottom - below.top == pytest.approx(chart.gap)
    assert [n for _, n, _ in chart.paths] == list(range(100, 110))
    figure = chart.draw({"Input": INPUT}, 0.3)
    assert figure.get_figwidth() == DOUBLE_COLUMN
    assert {f"{n}" for n in range(100, 110)} <= {text.get_text() for text in figure.axes[0].texts}
    plt.close(figure)
