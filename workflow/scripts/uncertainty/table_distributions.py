"""The distributions of networks with classes of redshift: their scores, and pairs of strategies.

Inputs
    scores : metrics/distributions/{strategy}/scores.csv, all strategies that give distributions

Outputs
    csv : strategy, dataset, judged_by, score, n_seeds, mean, spread
    pairs : of, against, dataset, judged_by, score, n_seeds, value_of, value_against, and by how
        much `of` is farther from perfect than `against`, with its 95% interval
    md : a table for each test set and judge, and one for each pair
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.judges import JUDGED
from transferz.evaluation.over_seeds import bootstrap, paired, summarise
from transferz.report.figures import label
from transferz.report.tables import (
    difference,
    markdown_table,
    significant,
    survey_note,
    with_spread,
)
from transferz.uncertainty.scores import SCORES, WIDTH, read_scores

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

HEADINGS = {name: score.label for name, score in SCORES.items()} | {WIDTH: "68% width/(1+z)"}


def over_seeds(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean and spread of every score over the seeds."""
    keys = ["strategy", "dataset", "judged_by"]
    rows = []
    for key, part in scores.groupby(keys, sort=False):
        for name in HEADINGS:
            summary = summarise(part[name])
            rows.append((*key, name, summary.n, summary.mean, summary.spread))
    return pd.DataFrame(rows, columns=[*keys, "score", "n_seeds", "mean", "spread"])


def compare(scores: pd.DataFrame, pairs: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return the pairs; see the head of this file. Strategies without scores are left out."""
    known = set(scores["strategy"])
    rows = []
    for of, against in (pair for pair in pairs if set(pair) <= known):
        for dataset, judge in JUDGED:
            part = scores[(scores["dataset"] == dataset) & (scores["judged_by"] == judge)]
            if part.empty:
                continue
            for name, score in SCORES.items():
                first, second = (
                    part[part["strategy"] == strategy].set_index("seed")[name].sort_index()
                    for strategy in (of, against)
                )
                worse = bootstrap(
                    lambda a, b, of=score: of.penalty(a) - of.penalty(b), *paired(first, second)
                )
                rows.append(
                    [
                        *(of, against, dataset, judge, name, len(first)),
                        *(first.mean(), second.mean(), worse.value, worse.low, worse.high),
                    ]
                )
    return pd.DataFrame(
        rows,
        columns=[
            *("of", "against", "dataset", "judged_by", "score", "n_seeds"),
            *("value_of", "value_against", "worse", "worse_low", "worse_high"),
        ],
    )


def page(
    table: pd.DataFrame,
    pairs: pd.DataFrame,
    labels: Mapping[str, str],
    survey: str,
) -> str:
    """Return the page."""
    parts = [
        "# Distributions of the networks",
        survey_note(survey),
        "Single networks, as trained, nothing calibrated; all test galaxies, because calibrated "
        "distributions hold their share of galaxies as they come, not of those in a range of the "
        "redshift that is to be predicted; "
        f"mean and standard deviation over {table['n_seeds'].min()} seeds. CRPS, in redshift, and "
        "CDE loss: smaller is better. PIT distance: Kolmogorov-Smirnov, from uniform. Coverage: "
        "share in the central interval; width: its median.",
    ]
    for dataset, judge in JUDGED:
        part = table[(table["dataset"] == dataset) & (table["judged_by"] == judge)]
        if part.empty:
            continue
        lines = [
            [label(name, labels)]
            + [
                with_spread(values.loc[score, "mean"], values.loc[score, "spread"])
                for score in HEADINGS
            ]
            for name, rows in part.groupby("strategy", sort=False)
            for values in [rows.set_index("score")]
        ]
        parts += [
            f"## {label(dataset, labels)}, judged by the {judge}",
            markdown_table(["Strategy", *HEADINGS.values()], lines, "l" + "r" * len(HEADINGS)),
        ]
    for (of, against), rows in pairs.groupby(["of", "against"], sort=False):
        names = [label(name, labels) for name in (of, against)]
        lines = []
        for row in rows.itertuples():
            lines.append(
                [
                    *(label(row.dataset, labels), row.judged_by, SCORES[row.score].label),
                    *(significant(row.value_of), significant(row.value_against)),
                    difference(row.worse, row.worse_low, row.worse_high),
                ]
            )
        header = ["Test set", "Judged by", "Score", *names, "Worse by [95%]"]
        parts += [f"## {names[0]} and {names[1]}", markdown_table(header, lines, "lllrrr")]
    if len(pairs):
        parts.append(
            "Worse by: difference of the scores, of coverages that of the distances from nominal; "
            "negative where the first strategy is better. Intervals: the central 95% over 10,000 "
            "resamplings of the seeds, pairs kept together; bold where they exclude zero."
        )
    return "\n\n".join(parts)


def main(
    scores: Sequence[str | Path] | None,
    csv: str | Path,
    pairs: str | Path,
    md: str | Path,
    *,
    compared: Sequence[Sequence[str]],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the tables; `compared` are pairs of strategies, the one that might be better first."""
    per_seed = read_scores(scores)
    table, found = over_seeds(per_seed), compare(per_seed, compared)
    write_csv(table, csv)
    write_csv(found, pairs)
    write_text(page(table, found, labels, survey), md)
    logger.info("Distributions of %d strategies", table["strategy"].nunique())


if __name__ == "__main__":
    run(main, snakemake)
