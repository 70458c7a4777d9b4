"""Table 3: what the networks are worth, against no photometry and against plain regressors.

Inputs
    per_seed : metrics/per_seed.csv
    baselines : metrics/baselines.csv

Outputs
    csv : dataset, strategy, kind, z_min, z_max, n_galaxies, n_seeds, and mean and spread of every
        metric
    md, tex : the same for readers
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.baselines import baseline_names, display_name
from transferz.evaluation.over_seeds import read_per_seed
from transferz.evaluation.summaries import latex_summary, markdown_summary, summary_row
from transferz.report.tables import escape_latex, survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

DATASETS = ("target", "source")
NOTE = (
    "Training n(z): every galaxy gets the median redshift of the training sample. The others: "
    "trained on the same rows and magnitudes as the networks. Mean and standard deviation over "
    "seeds; n(z) has none."
)


def collect(
    per_seed: pd.DataFrame,
    baselines: pd.DataFrame,
    strategies: Sequence[str],
    z_range: Sequence[float],
) -> pd.DataFrame:
    """Return mean and spread of every metric, a row per data set and estimate."""
    estimates = [(baselines, name, name.partition("-")[0]) for name in baseline_names()]
    estimates += [(per_seed, name, "network") for name in strategies]
    return pd.DataFrame(
        [
            summary_row(table, name, dataset, z_range, kind=kind)
            for dataset in DATASETS
            for table, name, kind in estimates
        ]
    )


def main(
    per_seed: str | Path,
    baselines: str | Path,
    csv: str | Path,
    md: str | Path,
    tex: str | Path,
    *,
    strategies: Sequence[str],
    metrics: Sequence[str],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write Table 3.

    Parameters
    ----------
    metrics : sequence of str
        Columns of the Markdown and LaTeX tables; the CSV has all.
    """
    table = collect(read_per_seed(per_seed), read_per_seed(baselines), strategies, z_range)
    write_csv(table, csv)
    names = [
        (labels.get(row.dataset, row.dataset), display_name(row.strategy, labels))
        for row in table.itertuples()
    ]
    page = [
        survey_note(survey),
        "# Table 3: what the networks are worth",
        markdown_summary(table, "Estimate", metrics, names),
        f"{NOTE} For {z_range[0]:g} < z_true <= {z_range[1]:g}.",
    ]
    write_text("\n\n".join(page), md)
    caption = f"What the networks are worth. {escape_latex(NOTE)} "
    caption += rf"For ${z_range[0]:g} < z_\mathrm{{true}} \le {z_range[1]:g}$."
    options = {"caption": caption, "survey": survey, "label": "tab:baselines"}
    write_text(latex_summary(table, "Estimate", metrics, names, **options), tex)
    logger.info("Table 3: %d rows", len(table))


if __name__ == "__main__":
    run(main, snakemake)
