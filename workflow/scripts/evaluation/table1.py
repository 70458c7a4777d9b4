"""Table 1: metrics of every strategy on both data sets, mean and spread over the seeds.

Inputs
    per_seed : metrics/per_seed.csv
    resampled : metrics/resampled.parquet
    histories : models/{strategy}/seeds-{first}-{last}.history.csv, all strategies and chunks

Outputs
    csv : all metrics, full precision: {metric}_mean, {metric}_spread, {metric}_best
    md, tex : the chosen metrics as mean ± spread; the best value of a column is bold where it is
        significantly better than every other strategy's
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import read_per_seed
from transferz.evaluation.resampling import Draws, clearly_smaller
from transferz.evaluation.summaries import latex_summary, markdown_summary, summary_row
from transferz.networks.histories import falling_note, read_histories
from transferz.report.tables import escape_latex, survey_note, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def summary_table(
    per_seed: pd.DataFrame,
    draws: Draws,
    strategies: Sequence[str],
    datasets: Sequence[str],
    z_range: Sequence[float],
) -> pd.DataFrame:
    """Return mean, spread and mark of every metric, a row per data set and strategy.

    ``{metric}_best`` is true for the strategy whose mean is smallest in absolute value, if it is
    significantly smaller than that of every other strategy.
    """
    rows = []
    for dataset in datasets:
        best = {}
        for metric in METRICS:
            means = {name: draws.of(metric, name, dataset, z_range) for name in strategies}
            best[metric] = significantly_best(means)
        for name in strategies:
            row = summary_row(per_seed, name, dataset, z_range)
            rows.append(row | {f"{metric}_best": best[metric] == name for metric in METRICS})
    table = pd.DataFrame(rows)
    parts = [f"{metric}_{part}" for metric in METRICS for part in ("mean", "spread", "best")]
    return table[[*(name for name in table if name not in parts), *parts]]


def significantly_best(means: Mapping[str, np.ndarray]) -> str | None:
    """Return the strategy whose |mean| is significantly the smallest, or None.

    `means` are those of `Draws.of`.
    """
    ranked = sorted(means, key=lambda name: (abs(means[name][0]), name))
    best, *rivals = (means[name] for name in ranked)
    return ranked[0] if clearly_smaller(best, rivals) else None


def describe(table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Return a sentence on samples and seeds."""
    counts = table.drop_duplicates("dataset")
    samples = ", ".join(
        f"{thousands(row.n_galaxies)} galaxies of {labels.get(row.dataset, row.dataset)}"
        for row in counts.itertuples()
    )
    return (
        f"Mean and standard deviation over {table['n_seeds'].iloc[0]} seeds, for "
        f"{table['z_min'].iloc[0]:g} < z_true <= {table['z_max'].iloc[0]:g}: {samples}."
    )


def main(
    per_seed: str | Path,
    resampled: str | Path,
    histories: Sequence[str | Path],
    csv: str | Path,
    md: str | Path,
    tex: str | Path,
    *,
    strategies: Sequence[str],
    metrics: Sequence[str],
    z_range: Sequence[float],
    max_epochs: Mapping[str, int],
    labels: Mapping[str, str],
    survey: str,
    datasets: Sequence[str] = ("target", "source"),
) -> None:
    """Write Table 1.

    Parameters
    ----------
    strategies, datasets : sequence of str
        In the order of the rows.
    metrics : sequence of str
        Columns of the Markdown and LaTeX tables; the CSV has all.
    max_epochs : mapping
        Strategy to its limit of epochs.
    """
    table = summary_table(read_per_seed(per_seed), Draws(resampled), strategies, datasets, z_range)
    write_csv(table, csv)
    names = [
        (labels.get(row.dataset, row.dataset), labels.get(row.strategy, row.strategy))
        for row in table.itertuples()
    ]
    sentence = describe(table, labels)
    page = [
        survey_note(survey),
        "# Table 1: metrics per strategy and test set",
        markdown_summary(table, "Strategy", metrics, names),
        f"{sentence} Bold: smallest in absolute value, and significantly so against every other "
        "strategy (bootstrap of seeds and galaxies, paired in both, 95%, Bonferroni-corrected).",
        falling_note(read_histories(histories, strategies), max_epochs, labels),
        "\n".join(f"- {METRICS[name].label}: {METRICS[name].definition}" for name in metrics),
    ]
    write_text("\n\n".join(page), md)
    sentence = escape_latex(sentence).replace(
        r"\textless{} z\_true \textless{}=", r"$< z_\mathrm{true} \le$"
    )
    caption = f"Metrics per strategy and test set. {sentence} Bold: significantly the best."
    options = {"caption": caption, "survey": survey, "label": "tab:metrics"}
    write_text(latex_summary(table, "Strategy", metrics, names, **options), tex)
    logger.info("Table 1: %d strategies on %d data sets", len(strategies), len(datasets))


if __name__ == "__main__":
    run(main, snakemake)
