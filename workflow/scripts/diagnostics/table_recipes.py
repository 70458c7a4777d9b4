"""Training data, trained layers, learning rate and results of each strategy.

Inputs
    per_seed : metrics/per_seed.csv

Outputs
    csv : strategy, train_on, start_from, trainable, learning_rate, low_rank, dataset, metric, mean
        and spread over the seeds
    md : a row per strategy
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import read_per_seed, seed_values, summarise
from transferz.report.tables import markdown_table, survey_note, with_spread

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

DATASETS = ("target", "source")


def summarised(
    per_seed: pd.DataFrame, recipes: Mapping[str, Mapping], z_range: Sequence[float]
) -> pd.DataFrame:
    """Return the table; see the head of this file."""
    rows = []
    for name, recipe in recipes.items():
        for dataset in DATASETS:
            for metric in METRICS:
                summary = summarise(seed_values(per_seed, metric, name, dataset, z_range))
                row = {"strategy": name, **recipe, "dataset": dataset, "metric": metric}
                rows.append(row | {"mean": summary.mean, "spread": summary.spread})
    return pd.DataFrame(rows)


def page(
    table: pd.DataFrame,
    recipes: Mapping[str, Mapping],
    metrics: Sequence[str],
    labels: Mapping[str, str],
    survey: str,
) -> str:
    """Return the recipes as a Markdown page, a table for each test set."""
    header = ["Strategy", "Learns from", "Starts from", "Layers", "Rate", "Rank"]
    parts = ["# Recipes", survey_note(survey)]
    for dataset in DATASETS:
        lines = []
        for name, recipe in recipes.items():
            chosen = table[(table["strategy"] == name) & (table["dataset"] == dataset)]
            values = chosen.set_index("metric")
            parent, rank = recipe["start_from"], recipe["low_rank"]
            lines.append(
                [
                    labels.get(name, name),
                    {"combo": "both", **labels}.get(recipe["train_on"], recipe["train_on"]),
                    labels.get(parent, parent) or "",
                    recipe["trainable"],
                    f"{recipe['learning_rate']:g}",
                    "full" if rank is None else str(rank),
                    *(
                        with_spread(values.loc[metric, "mean"], values.loc[metric, "spread"])
                        for metric in metrics
                    ),
                ]
            )
        columns = [*header, *(METRICS[metric].label for metric in metrics)]
        parts += [
            f"## Tested on {labels.get(dataset, dataset)}",
            markdown_table(columns, lines, "llllrr" + "r" * len(metrics)),
        ]
    return "\n\n".join(parts)


def main(
    per_seed: str | Path,
    csv: str | Path,
    md: str | Path,
    *,
    recipes: Mapping[str, Mapping],
    metrics: Sequence[str],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the recipes.

    Parameters
    ----------
    recipes : mapping
        Strategy to ``train_on, start_from, trainable, learning_rate, low_rank``.
    metrics : sequence of str
        In the Markdown table; the CSV has all.
    """
    table = summarised(read_per_seed(per_seed), recipes, z_range)
    write_csv(table, csv)
    write_text(page(table, recipes, metrics, labels, survey), md)
    logger.info("%d recipes", len(recipes))


if __name__ == "__main__":
    run(main, snakemake)
