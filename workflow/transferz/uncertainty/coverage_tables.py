"""Tables of the coverage of intervals and regions, for the page on calibration."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from transferz.report.figures import label
from transferz.report.tables import fixed, markdown_table, thousands
from transferz.uncertainty.conformal import INTERVALS
from transferz.uncertainty.intervals import HIGH_REDSHIFTS, PREDICTED

JUDGED_BY = ["strategy", "dataset", "calibrated_on", "judged_by"]
# Points of 68% coverage that a fifth may be off.
NEAR = 0.03


def with_error(found: pd.Series, percent: int) -> str:
    """Return the coverage of an interval with its standard error, in percent."""
    share, error = found[f"coverage_{percent}"], found[f"standard_error_{percent}"]
    return f"{fixed(100 * share, 1)} ± {fixed(100 * error, 1)}"


def farthest_table(cells: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Return the bins of predictions whose coverage is farthest from nominal."""
    by_prediction = cells[cells["quantity"].isin(PREDICTED) & (cells["judged_by"] == "label")]
    names = {"z_ensemble": "predicted redshift", "magnitude": "magnitude", "colour": "colour"}
    rows = []
    for keys, part in by_prediction.groupby(JUDGED_BY[:2], sort=False):
        worst = part.loc[(part["coverage_68"] - 0.68).abs().idxmax()]
        rows.append(
            [
                *(label(key, labels) for key in keys),
                names[worst["quantity"]],
                f"{fixed(worst['low'], 2)} to {fixed(worst['high'], 2)}",
                thousands(worst["n"]),
                *(with_error(worst, p) for p in INTERVALS),
            ]
        )
    header = ["Strategy", "Test set", "Fifth of", "Range", "Galaxies"]
    header += [f"{p}% coverage" for p in INTERVALS]
    return markdown_table(header, rows, "llllrrr")


def goals_table(cells: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Return what a survey asks of photo-z's: fifths, the faint end, regions at high redshift."""
    header = ["Strategy", "Test set", "Fifths within 3 points", "Farthest fifth", "Faint end, 68%"]
    header += ["2 <= z < 3, 95% intervals", "2 <= z < 3, 95% regions"]
    rows = []
    for keys, part in cells[cells["judged_by"] == "label"].groupby(JUDGED_BY[:2], sort=False):
        fifths = part[part["quantity"].isin(PREDICTED)]
        away = (fifths["coverage_68"] - 0.68).abs()
        faint = part[part["quantity"] == "magnitude_last"]
        high = part[(part["quantity"] == "z_true") & (part["low"] == HIGH_REDSHIFTS[0])]
        shown = [f"{fixed(100 * high[f'{k}_95'].mean(), 1)}%" for k in ("coverage", "region")]
        rows.append(
            [
                *(label(key, labels) for key in keys),
                f"{(away <= NEAR).sum()} of {len(away)}",
                with_error(fifths.loc[away.idxmax()], 68),
                with_error(faint.iloc[0], 68) if len(faint) else "-",
                *(shown if high["n"].sum() else ["-", "-"]),
            ]
        )
    return markdown_table(header, rows, "ll" + "r" * 5)


def answers_table(cells: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Return coverage in ranges of the judge's redshift."""
    by_answer = cells[cells["quantity"] == "z_true"]
    spans = list(by_answer[["low", "high"]].drop_duplicates().itertuples(index=False))
    header = ["Strategy", "Test set", "Judged by"]
    header += [f"{low:g} <= z < {high:g}" for low, high in spans[:-1]] + [f"z >= {spans[-1].low:g}"]
    rows = [
        [label(key, labels) for key in keys]
        + [
            f"{fixed(100 * r.coverage_68, 1)}% of {thousands(r.n)}" if r.n else "-"
            for r in part.itertuples()
        ]
        for keys, part in by_answer.groupby([*JUDGED_BY[:2], "judged_by"], sort=False)
    ]
    return markdown_table(header, rows, "lll" + "r" * len(spans))
