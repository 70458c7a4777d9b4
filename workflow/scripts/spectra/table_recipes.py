"""Table of all kinds of networks for spectra: head, loss, network, training spectra.

Inputs
    metrics : spectra/metrics.csv

Outputs
    csv : mean and standard deviation over seeds of MSE, MAE and R2, with the published numbers
    md : the same for readers
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.report.tables import fixed, markdown_table, thousands, with_spread
from transferz.spectra.results import METRIC_LABELS, NOTE, best_estimator, head_name, read_metrics
from transferz.spectra.studies import REGRESSION

if TYPE_CHECKING:
    from snakemake.script import snakemake

KINDS = ["head", "loss", "architecture", "labels", "n_train", "snr"]
SHOWN = ("mse", "mae", "r2")


def collect(metrics: pd.DataFrame, published: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return a row per kind of network; a classification counts by its most probable class."""
    networks = metrics[metrics["head"].isin([REGRESSION, "classification"])]
    kind = networks["head"].where(networks["head"] == REGRESSION, networks["classes"].astype(str))
    networks = networks.assign(head=kind)
    networks = networks[networks["estimator"] == networks["head"].map(best_estimator)]
    rows = []
    for keys, group in networks.groupby(KINDS, sort=False):
        row = dict(zip(KINDS, keys, strict=True)) | {"n_seeds": len(group)}
        for name in SHOWN:
            row[f"{name}_mean"], row[f"{name}_spread"] = group[name].mean(), group[name].std()
            row[f"{name}_published"] = published.get(row["head"], {}).get(name)
        rows.append(row)
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame, published: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table as a page."""
    rows = []
    for row in table.itertuples():
        scores = [
            with_spread(getattr(row, f"{name}_mean"), getattr(row, f"{name}_spread"))
            for name in SHOWN
        ]
        what = [head_name(row.head), row.loss, row.architecture, row.labels]
        rows.append([*what, thousands(row.n_train), f"{row.snr:g}", str(row.n_seeds), *scores])
    for head, numbers in published.items():
        scores = [fixed(numbers[name], 5) for name in SHOWN]
        rows.append([head_name(head), "published", *[""] * 5, *scores])
    names = [METRIC_LABELS[name] for name in SHOWN]
    header = ["Head", "Loss", "Network", "Labels", "Training spectra", "S/N", "Seeds", *names]
    title = "# Redshifts from spectra: every kind of network"
    return "\n\n".join([NOTE, title, markdown_table(header, rows, "llll" + "r" * 6)])


def main(metrics: str, csv: str, md: str, *, published: Mapping[str, Mapping[str, float]]) -> None:
    """Write the table."""
    table = collect(read_metrics(metrics), published)
    write_csv(table, csv)
    write_text(markdown(table, published), md)


if __name__ == "__main__":
    run(main, snakemake)
