"""Table of the heads: regression, classifications and classical methods beside the published ones.

Inputs
    metrics : spectra/metrics.csv

Outputs
    csv : mean and spread over seeds of every metric, full precision, with the published numbers
    md, tex : the same for readers
"""

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.over_seeds import summarise
from transferz.report.tables import (
    escape_latex,
    fixed,
    latex_table,
    markdown_table,
    siunitx,
    thousands,
    with_spread,
)
from transferz.spectra.results import (
    CLASSICAL,
    METRIC_DEFINITIONS,
    METRIC_LABELS,
    NAMES,
    NOTE,
    head_name,
    noise_name,
    read_metrics,
    select,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

METRICS = tuple(METRIC_DEFINITIONS)
PUBLISHED = ("mse", "mae", "r2")


def heading(snr: float) -> str:
    """Heading of the rows of one S/N."""
    name = noise_name(snr)
    return f"Idealistic ({name})" if np.isinf(snr) else f"Realistic ({name} per pixel)"


def collect(
    metrics: pd.DataFrame,
    heads: Sequence[str | int],
    levels: Sequence[float],
    default: Mapping[str, object],
    published: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    """Return a row per S/N, head and estimator."""
    rows = []
    every = itertools.product(levels, [*heads, *CLASSICAL], ("value", "mode", "mean"))
    for snr, head, estimator in every:
        chosen = select(metrics, default, head, snr=snr, estimator=estimator)
        if chosen.empty:
            continue
        row = {"snr": snr, "head": head, "estimator": estimator}
        row |= {"n_train": int(chosen["n_train"].iloc[0]), "n_test": chosen["n"].iloc[0]}
        row["n_seeds"] = len(chosen)
        for metric in METRICS:
            found = summarise(chosen[metric])
            row |= {f"{metric}_mean": found.mean, f"{metric}_spread": found.spread}
        for metric in PUBLISHED:
            row[f"{metric}_published"] = published.get(str(head), {}).get(metric, np.nan)
        rows.append(row)
    return pd.DataFrame(rows)


def described(row: object) -> str:
    """Head and, of distributions, the estimator."""
    name = head_name(row.head)
    return name if row.estimator == "value" else f"{name}, {NAMES[row.estimator]}"


def cells(row: object, write: Callable[[float, float], str]) -> list[str]:
    """Every metric of a row as `write` puts its mean and spread."""
    return [
        write(getattr(row, f"{metric}_mean"), getattr(row, f"{metric}_spread"))
        for metric in METRICS
    ]


def markdown(table: pd.DataFrame, published: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table as a Markdown page."""
    rows = []
    for snr in dict.fromkeys(table["snr"]):
        for row in table[table["snr"] == snr].itertuples():
            rows.append([heading(snr), described(row), str(row.n_seeds), *cells(row, with_spread)])
    for head, numbers in published.items():
        name = f"{head_name(head)} (published)"
        rows.append(["Talk", name, "", *(fixed(numbers[m], 5) for m in PUBLISHED), "", ""])
    header = ["Spectra", "Head", "Seeds", *(METRIC_LABELS[metric] for metric in METRICS)]
    definitions = "\n".join(
        f"- {METRIC_LABELS[metric]}: {METRIC_DEFINITIONS[metric]}" for metric in METRICS
    )
    return "\n\n".join(
        [
            NOTE,
            "# Redshifts from spectra: heads compared",
            markdown_table(header, rows, "ll" + "r" * (1 + len(METRICS))),
            sentence(table) + " Published: G. Tsagkatakis, talk at COSMO21, 2024-05-22; whether "
            "with or without noise, and on how many training spectra, is not said.",
            definitions,
        ]
    )


def sentence(table: pd.DataFrame) -> str:
    """Return a sentence on samples and seeds."""
    networks = table[~table["head"].isin(CLASSICAL)]
    return (
        f"Mean and standard deviation over seeds, {thousands(networks['n_train'].iloc[0])} "
        f"training and {thousands(table['n_test'].iloc[0])} test spectra, the same for all; the "
        f"classical methods learn from {thousands(table['n_train'].min())} SEDs of the training "
        "spectra."
    )


def latex(table: pd.DataFrame, published: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table in LaTeX."""
    groups: dict[str, list[list[str]]] = {}
    for row in table.itertuples():
        line = [escape_latex(described(row)), *cells(row, siunitx)]
        groups.setdefault(heading(row.snr), []).append(line)
    groups["Published"] = [
        [head_name(head), *(fixed(numbers[m], 5) for m in PUBLISHED), "{--}", "{--}"]
        for head, numbers in published.items()
    ]
    return latex_table(
        ["l", *("S" for _ in METRICS)],
        ["Head", *(METRIC_LABELS[metric].replace("R²", "$R^2$") for metric in METRICS)],
        groups,
        caption=escape_latex("Redshifts from spectra. " + sentence(table) + " " + NOTE),
        label="tab:spectra-heads",
    )


def main(
    metrics: str | Path,
    csv: str | Path,
    md: str | Path,
    tex: str | Path,
    *,
    heads: Sequence[str | int],
    levels: Sequence[float],
    default: Mapping[str, object],
    published: Mapping[str, Mapping[str, float]],
) -> None:
    """Write the table of `heads` at the S/N of `levels`, beside the `published` numbers."""
    table = collect(read_metrics(metrics), heads, levels, default, published)
    write_csv(table, csv)
    write_text(markdown(table, published), md)
    write_text(latex(table, published), tex)
    logger.info("Table of heads: %d rows", len(table))


if __name__ == "__main__":
    run(main, snakemake)
