"""Table 1: metrics of every strategy on both data sets, mean and spread over the seeds.

Inputs
    per_seed : metrics/per_seed.csv

Outputs
    csv : all metrics, full precision: {metric}_mean, {metric}_spread, {metric}_best
    md, tex : the chosen metrics as mean ± spread; the best value of a column is bold where it is
        significantly better than every other strategy's
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import (
    read_per_seed,
    seed_values,
    significantly_smaller,
    summarise,
)
from transferz.report.tables import (
    escape_latex,
    latex_number_table,
    markdown_table,
    siunitx,
    survey_note,
    thousands,
    with_spread,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def summary_table(
    per_seed: pd.DataFrame,
    strategies: Sequence[str],
    datasets: Sequence[str],
    z_range: Sequence[float],
) -> pd.DataFrame:
    """Return mean, spread and mark of every metric, a row per data set and strategy.

    ``{metric}_best`` is true for the strategy with the smallest mean absolute value if it is
    significantly smaller, seed by seed, than that of every other strategy.
    """
    rows = []
    for dataset in datasets:
        values = {
            metric: {
                name: seed_values(per_seed, metric, name, dataset, z_range) for name in strategies
            }
            for metric in METRICS
        }
        counts = seed_values(per_seed, "n", strategies[0], dataset, z_range)
        best = {metric: significantly_best(table) for metric, table in values.items()}
        for name in strategies:
            row = {"dataset": dataset, "strategy": name, "z_min": z_range[0], "z_max": z_range[1]}
            row |= {"n_galaxies": int(counts.iloc[0]), "n_seeds": len(values["rms"][name])}
            for metric, table in values.items():
                summary = summarise(table[name])
                row |= {f"{metric}_mean": summary.mean, f"{metric}_spread": summary.spread}
                row[f"{metric}_best"] = best[metric] == name
            rows.append(row)
    return pd.DataFrame(rows)


def significantly_best(values: Mapping[str, pd.Series]) -> str | None:
    """Return the strategy whose |values| are significantly the smallest, or None."""
    ranked = sorted(values, key=lambda name: (values[name].abs().mean(), name))
    best, rivals = ranked[0], [values[name] for name in ranked[1:]]
    return best if significantly_smaller(values[best], rivals) else None


def markdown(
    table: pd.DataFrame, metrics: Sequence[str], labels: Mapping[str, str], survey: str
) -> str:
    """Return the table as a Markdown page."""
    rows = []
    for row in table.itertuples():
        cells = [labels.get(row.dataset, row.dataset), labels.get(row.strategy, row.strategy)]
        for metric in metrics:
            text = with_spread(getattr(row, f"{metric}_mean"), getattr(row, f"{metric}_spread"))
            cells.append(f"**{text}**" if getattr(row, f"{metric}_best") else text)
        rows.append(cells)
    header = ["Test set", "Strategy", *(METRICS[metric].label for metric in metrics)]
    return "\n\n".join(
        [
            survey_note(survey),
            "# Table 1: metrics per strategy and test set",
            markdown_table(header, rows, "ll" + "r" * len(metrics)),
            describe(table, labels)
            + " Bold: smallest in absolute value, and significantly so against every other "
            "strategy (t interval of the differences paired by seed, 95%, Bonferroni-corrected).",
            "\n".join(
                f"- {METRICS[metric].label}: {METRICS[metric].definition}" for metric in metrics
            ),
        ]
    )


def describe(table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Return a sentence on samples and seeds."""
    counts = table.drop_duplicates("dataset")
    samples = ", ".join(
        f"{thousands(row.n_galaxies)} galaxies of {labels.get(row.dataset, row.dataset)}"
        for row in counts.itertuples()
    )
    return (
        f"Mean and standard deviation over {table['n_seeds'].iloc[0]} seeds, for "
        f"{table['z_min'].iloc[0]:g} <= z_true <= {table['z_max'].iloc[0]:g}: {samples}."
    )


def latex(
    table: pd.DataFrame, metrics: Sequence[str], labels: Mapping[str, str], survey: str
) -> str:
    """Return the table in LaTeX."""
    cells = {
        metric: [
            siunitx(mean, spread)
            for mean, spread in zip(table[f"{metric}_mean"], table[f"{metric}_spread"], strict=True)
        ]
        for metric in metrics
    }
    groups: dict[str, list[list[str]]] = {}
    for number, row in enumerate(table.itertuples()):
        line = [escape_latex(labels.get(row.strategy, row.strategy))]
        for metric in metrics:
            bold = r"\bfseries " if getattr(row, f"{metric}_best") else ""
            line.append(bold + cells[metric][number])
        groups.setdefault(escape_latex(labels.get(row.dataset, row.dataset)), []).append(line)
    sentence = escape_latex(describe(table, labels)).replace(
        r"\textless{}= z\_true \textless{}=", r"$\le z_\mathrm{true} \le$"
    )
    return latex_number_table(
        "Strategy",
        {f"{METRICS[m].label} ${METRICS[m].symbol}$": cells[m] for m in metrics},
        groups,
        caption=f"Metrics per strategy and test set. {sentence} Bold: significantly the best. "
        + escape_latex(survey_note(survey)),
        label="tab:metrics",
    )


def main(
    per_seed: str | Path,
    csv: str | Path,
    md: str | Path,
    tex: str | Path,
    *,
    strategies: Sequence[str],
    metrics: Sequence[str],
    z_range: Sequence[float],
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
    """
    table = summary_table(read_per_seed(per_seed), strategies, datasets, z_range)
    write_csv(table, csv)
    write_text(markdown(table, metrics, labels, survey), md)
    write_text(latex(table, metrics, labels, survey), tex)
    logger.info("Table 1: %d strategies on %d data sets", len(strategies), len(datasets))


if __name__ == "__main__":
    run(main, snakemake)
