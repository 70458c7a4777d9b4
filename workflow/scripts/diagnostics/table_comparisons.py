"""Compare pairs of strategies seed by seed.

Inputs
    per_seed : metrics/per_seed.csv
    truth : metrics/truth.csv, metrics against the true redshift; embedded survey only

Outputs
    csv : of, against, dataset, judged_by, metric, n_seeds, the metric of both (mean over seeds),
        the difference of their absolute values and the ratio (against over of), each with its 95%
        interval
    md : a table for each pair
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.judges import JUDGED
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import (
    bootstrap,
    paired,
    ratio_of_means,
    read_per_seed,
    seed_values,
)
from transferz.report.tables import (
    difference,
    markdown_table,
    significant,
    survey_note,
    with_interval,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def values(
    per_seed: pd.DataFrame,
    truth: pd.DataFrame | None,
    metric: str,
    strategy: str,
    judged: tuple[str, str],
    z_range: Sequence[float],
) -> pd.Series:
    """Return a metric of every seed of a strategy, by seed."""
    dataset, judge = judged
    if judge == "label":
        return seed_values(per_seed, metric, strategy, dataset, z_range)
    rows = truth[(truth["strategy"] == strategy) & (truth["judged_by"] == judge)]
    return rows[rows["range"] == "range"].set_index("seed")[metric].sort_index()


def compare(
    per_seed: pd.DataFrame,
    truth: pd.DataFrame | None,
    pairs: Sequence[Sequence[str]],
    z_range: Sequence[float],
) -> pd.DataFrame:
    """Return the table; see the head of this file."""
    found = []
    for of, against in pairs:
        for judged in JUDGED[: 2 if truth is None else 3]:
            for metric in METRICS:
                first, second = (
                    values(per_seed, truth, metric, name, judged, z_range) for name in (of, against)
                )
                worse = bootstrap(lambda a, b: np.abs(a) - np.abs(b), *paired(first, second))
                ratio = ratio_of_means(second, first)
                found.append(
                    [
                        *(of, against, *judged, metric, len(first), first.mean(), second.mean()),
                        *(worse.value, worse.low, worse.high),
                        *(ratio.value, ratio.low, ratio.high),
                    ]
                )
    return pd.DataFrame(
        found,
        columns=[
            *("of", "against", "dataset", "judged_by", "metric", "n_seeds"),
            *("value_of", "value_against", "difference", "difference_low", "difference_high"),
            *("ratio", "ratio_low", "ratio_high"),
        ],
    )


def page(
    table: pd.DataFrame,
    metrics: Sequence[str],
    labels: Mapping[str, str],
    survey: str,
    z_range: Sequence[float],
) -> str:
    """Return the comparisons as a Markdown page."""
    header = ["Test set", "Judged by", "Metric", "", "", "Difference [95%]", "Times smaller [95%]"]
    parts = [
        "# Strategies compared seed by seed",
        survey_note(survey),
        f"Means over {table['n_seeds'].min()} seeds, for redshifts from {z_range[0]:g} to "
        f"{z_range[1]:g}; difference of the absolute values of two means, and their ratio, with "
        "the central 95% over 10,000 resamplings of the seeds, each with its networks of both "
        "strategies. Bold: the interval excludes no difference. The intervals are about seeds; the "
        "test galaxies are the same for all.",
    ]
    for (of, against), rows in table.groupby(["of", "against"], sort=False):
        lines = []
        for row in rows[rows["metric"].isin(metrics)].itertuples():
            lines.append(
                [
                    labels.get(row.dataset, row.dataset),
                    row.judged_by,
                    METRICS[row.metric].label,
                    significant(row.value_of),
                    significant(row.value_against),
                    difference(row.difference, row.difference_low, row.difference_high),
                    with_interval(row.ratio, row.ratio_low, row.ratio_high),
                ]
            )
        names = [labels.get(name, name) for name in (of, against)]
        columns = [*header[:3], *names, *header[5:]]
        parts += [f"## {names[0]} and {names[1]}", markdown_table(columns, lines, "lllrrrr")]
    return "\n\n".join(parts)


def main(
    per_seed: str | Path,
    truth: str | Path | None,
    csv: str | Path,
    md: str | Path,
    *,
    pairs: Sequence[Sequence[str]],
    metrics: Sequence[str],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the comparisons.

    Parameters
    ----------
    pairs : sequence of pairs of str
        Strategies, the one that might be better first.
    metrics : sequence of str
        In the Markdown table; the CSV has all.

    Raises
    ------
    InputError
        If there is no pair.
    """
    if not pairs:
        raise InputError(
            "nothing to compare",
            key="evaluation.comparisons",
            fix="name pairs of strategies, as config/labels.yaml does",
        )
    known = None if truth is None else pd.read_csv(truth)
    table = compare(read_per_seed(per_seed), known, pairs, z_range)
    write_csv(table, csv)
    write_text(page(table, metrics, labels, survey, z_range), md)
    logger.info("Compared %d pairs of strategies", len(pairs))


if __name__ == "__main__":
    run(main, snakemake)
