"""Networks judged by the label and by the truth: tables and figure, of known errors."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import truth_against_label
from transferz import plotting
from truth_against_label import axis_limits, draw

RANGE = (0.3, 1.5)


def over_seeds_of(bias: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Return a table as of `over_seeds`: mean and spread of each strategy, for all metrics.

    The truth finds 0.001 less than the label.
    """
    rows = []
    for metric in truth_against_label.PANELS:
        rows.append(("label", "truth", "range", 100, metric, 0.002, np.nan))
        for name, (mean, spread) in bias.items():
            rows += [(name, "label", "range", 100, metric, mean, spread)]
            rows += [(name, "truth", "range", 100, metric, mean - 0.001, spread)]
    columns = ["strategy", "judged_by", "range", "n", "metric", "mean", "spread"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("number", [3, 6, 13])
def test_every_value_is_drawn_where_it_belongs(number: int) -> None:
    values = {f"NN-{k}": (0.01 + 0.001 * k, 0.002) for k in range(number)}
    figure = draw(over_seeds_of(values), list(values), {})
    upright = number <= plotting.MOST_UPRIGHT
    for axes in figure.axes:
        by_label, by_truth = (line.lines[0].get_xydata() for line in axes.containers)
        for drawn, side, shift in ((by_label, -1, 0.0), (by_truth, 1, 0.001)):
            if not upright:
                drawn = drawn[:, ::-1]
            offset = side * truth_against_label.OFFSET
            np.testing.assert_allclose(drawn[:, 0], np.arange(number) + offset)
            means = [mean - shift for mean, _ in values.values()]
            np.testing.assert_allclose(drawn[:, 1], means)
        # Names that lie below each other are written once.
        ticks = axes.get_xticklabels() if upright else figure.axes[0].get_yticklabels()
        assert [tick.get_text() for tick in ticks] == list(values)
        assert not axes.texts
    plt.close(figure)


@pytest.mark.parametrize("number", [4, 13])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_strategy_far_out_is_an_arrow_with_its_number(number: int, sign: int) -> None:
    values = {f"NN-{k}": (0.01 + 0.001 * k, 0.002) for k in range(number - 1)}
    values["Collapsed"] = (sign * 0.4, 0.05)
    figure = draw(over_seeds_of(values), list(values), {})
    # Only a signed metric may be beyond its lower end.
    axes = figure.axes[0]
    upright = number <= plotting.MOST_UPRIGHT
    low, high = axes.get_ylim() if upright else axes.get_xlim()
    assert low > -0.05 and high < 0.05
    minus = "\N{MINUS SIGN}" if sign < 0 else ""
    found = [text.get_text() for text in axes.texts]
    assert found == [f"{minus}0.40 ± 0.05"] * 2
    for text in axes.texts:
        place, end = text.xy if upright else text.xy[::-1]
        assert round(place) == number - 1 and end == (high if sign > 0 else low)
    plt.close(figure)


def test_axes_hold_zero_the_label_and_all_that_is_not_far_out() -> None:
    rows = [pd.Series({"mean": m, "spread": s}) for m, s in ((0.02, 0.01), (0.03, 0.0))]
    low, high = axis_limits("bias_median", rows, -0.01)
    assert low < -0.01 and 0.03 < high < 0.04
    assert axis_limits("scatter_mad", rows, 0.05)[0] == 0.0
    assert axis_limits("scatter_mad", rows, 0.05)[1] > 0.05
    # One seed has no spread.
    alone = [pd.Series({"mean": 0.02, "spread": np.nan})]
    assert np.isfinite(axis_limits("bias_median", alone, 0.0)).all()
