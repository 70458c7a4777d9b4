"""Metrics of strategies and baselines summarised over seeds, and how tables show them.

A summary table has a row per data set and strategy, with ``{metric}_mean`` and
``{metric}_spread``, and perhaps ``{metric}_best``, true where the value is printed bold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import seed_values, summarise
from transferz.report.tables import (
    escape_latex,
    latex_number_table,
    markdown_table,
    siunitx,
    survey_note,
    with_spread,
)


def summary_row(
    per_seed: pd.DataFrame, name: str, dataset: str, z_range: Sequence[float], **labels: object
) -> dict[str, object]:
    """Return the row of one strategy and data set, for all metrics; `labels` are columns of it."""
    counts = seed_values(per_seed, "n", name, dataset, z_range)
    row = {"dataset": dataset, "strategy": name, **labels}
    row |= {"z_min": z_range[0], "z_max": z_range[1]}
    row |= {"n_galaxies": int(counts.iloc[0]), "n_seeds": len(counts)}
    for metric in METRICS:
        summary = summarise(seed_values(per_seed, metric, name, dataset, z_range))
        row |= {f"{metric}_mean": summary.mean, f"{metric}_spread": summary.spread}
    return row


def _cells(
    table: pd.DataFrame, metric: str, number: Callable[[float, float], str], bold: str
) -> list[str]:
    """Return the cells of a metric; `bold` says how the best is written."""
    cells = list(map(number, table[f"{metric}_mean"], table[f"{metric}_spread"]))
    if f"{metric}_best" not in table:
        return cells
    best = table[f"{metric}_best"]
    return [bold.format(cell) if b else cell for cell, b in zip(cells, best, strict=True)]


def markdown_summary(
    table: pd.DataFrame, kind: str, metrics: Sequence[str], names: Sequence[Sequence[str]]
) -> str:
    """Return a Markdown table of ``mean ± spread``.

    Parameters
    ----------
    table : pandas.DataFrame
    kind : str
        What has the metrics, such as Strategy: a header.
    metrics : sequence of str
    names : sequence of pairs of str
        Displayed data set and strategy of each row.
    """
    columns = [_cells(table, metric, with_spread, "**{}**") for metric in metrics]
    rows = [[*pair, *cells] for pair, *cells in zip(names, *columns, strict=True)]
    header = ["Test set", kind, *(METRICS[metric].label for metric in metrics)]
    return markdown_table(header, rows, "ll" + "r" * len(metrics))


def latex_summary(
    table: pd.DataFrame,
    kind: str,
    metrics: Sequence[str],
    names: Sequence[Sequence[str]],
    *,
    caption: str,
    survey: str,
    label: str,
) -> str:
    """Return the table of `markdown_summary` in LaTeX, a group of rows per data set.

    `caption` and `label` are LaTeX; the note on the `survey` is added to the caption.
    """
    columns = {metric: _cells(table, metric, siunitx, r"\bfseries {}") for metric in metrics}
    groups: dict[str, list[list[str]]] = {}
    for (dataset, name), *cells in zip(names, *columns.values(), strict=True):
        groups.setdefault(escape_latex(dataset), []).append([escape_latex(name), *cells])
    return latex_number_table(
        kind,
        {
            f"{METRICS[m].label} ${METRICS[m].symbol}$": _cells(table, m, siunitx, "{}")
            for m in metrics
        },
        groups,
        caption=f"{caption} {escape_latex(survey_note(survey))}",
        label=label,
    )


def definitions(metrics: Sequence[str]) -> str:
    """Return what metrics mean, for captions."""
    return "; ".join(f"{METRICS[name].label} = {METRICS[name].definition}" for name in metrics)


def in_words(points: pd.DataFrame, names: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Return ``metric, dataset, strategy, mean, spread`` of a figure's points as sentences.

    `names` are the displayed strategies; `labels` the data sets.
    """
    return " ".join(
        f"{METRICS[row.metric].label} of {names.get(row.strategy, row.strategy)} on "
        f"{labels.get(row.dataset, row.dataset)}: {with_spread(row.mean, row.spread)}."
        for row in points.itertuples()
    )


def given_limits(requirements: Mapping[str, float | None]) -> dict[str, float]:
    """Return the requirements that have a limit, by kind of metric."""
    return {kind: limit for kind, limit in requirements.items() if limit is not None}


def have_limit(metrics: Sequence[str], requirements: Mapping[str, float]) -> bool:
    """Return whether one of the metrics has a requirement."""
    return any(METRICS[name].requirement in requirements for name in metrics)


def allowed_range(metric: str, requirements: Mapping[str, float]) -> tuple[float, float] | None:
    """Return the values of a metric that its requirement allows; None if it has none."""
    limit = requirements.get(METRICS[metric].requirement)
    if limit is None:
        return None
    return (-limit if METRICS[metric].signed else 0.0, limit)
