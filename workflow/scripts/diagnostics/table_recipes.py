"""What each strategy learns from, how it is trained, what that costs, and what comes of it.

Inputs
    per_seed : metrics/per_seed.csv
    resampled : metrics/resampled.parquet
    validation : metrics/validation.csv, the metrics of the validation rows
    histories : models/{strategy}/seeds-{first}-{last}.history.csv, all strategies and chunks
    logs : logs/train/{strategy}/seeds-{first}-{last}.log, whose last lines have the seconds

Outputs
    csv : a row per strategy, test set and metric: the recipe; its cost and validation loss;
        validation_rms, and outlying: networks of 100 with one above `OUTLYING` times the median;
        mean, spread over the seeds, low and high (95%, over seeds and test galaxies)
    md : a row per strategy

Seconds differ from run to run; all else is the same.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.core.progress import training_seconds
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import read_per_seed, seed_values, summarise
from transferz.evaluation.resampling import Draws, estimate
from transferz.networks.histories import falling_note, read_histories, shares_falling
from transferz.report.tables import markdown_table, significant, survey_note, with_interval
from transferz.run.benchmarking import machine

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

DATASETS = ("target", "source")
OUTLYING = 1.3
# Columns of the first table of the page, below their names in the CSV.
TRAINING = {
    "start_from": "Starts from",
    "trainable": "Layers",
    "low_rank": "Rank",
    "schedule": "Rate",
    "learning_rate": "from",
    "batch_size": "Batch",
    "max_epochs": "Epochs, at most",
    "epochs": "Epochs",
    "seconds": "Core seconds",
    "validation_loss": "Validation loss",
    "falling": "Still falling",
}


def costs(
    curves: pd.DataFrame, recipes: Mapping[str, Mapping], logs: Sequence[str | Path]
) -> dict[str, dict[str, float]]:
    """Return epochs, core seconds, validation loss of a network, and the share still falling."""
    falling = shares_falling(curves, {name: each["max_epochs"] for name, each in recipes.items()})
    found = {}
    for name in recipes:
        curve = curves[curves["strategy"] == name]
        seeds = curve["seed"].nunique()
        own = [training_seconds(log)[1] for log in logs if Path(log).parent.name == name]
        found[name] = {
            "epochs": len(curve) / seeds,
            "seconds": sum(own) / seeds,
            "validation_loss": curve.loc[curve["best"], "val_loss"].mean(),
            "falling": falling[name],
        }
    return found


def summarised(
    per_seed: pd.DataFrame,
    validation: pd.DataFrame,
    draws: Draws,
    recipes: Mapping[str, Mapping],
    z_range: Sequence[float],
) -> pd.DataFrame:
    """Return the table; see the head of this file."""
    rows = []
    for name, recipe in recipes.items():
        for dataset in DATASETS:
            rms = seed_values(validation, "rms", name, dataset, z_range)
            row = {"strategy": name, **recipe, "dataset": dataset, "validation_rms": rms.mean()}
            row["outlying"] = 100 * (rms > OUTLYING * rms.median()).mean()
            for metric in METRICS:
                summary = summarise(seed_values(per_seed, metric, name, dataset, z_range))
                interval = estimate(np.asarray, draws.of(metric, name, dataset, z_range))
                row |= {"metric": metric, "mean": summary.mean, "spread": summary.spread}
                rows.append(row | {"low": interval.low, "high": interval.high})
    return pd.DataFrame(rows)


def page(table: pd.DataFrame, metrics: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    """Return the tables of the page: the recipes, and what comes of them on each test set."""
    first = table.groupby("strategy", sort=False).first()
    named = {"combo": "both", **labels}
    rows = [
        [named.get(name, name), named.get(row["train_on"], row["train_on"])]
        + [cell(named.get(row[key], row[key])) for key in TRAINING]
        for name, row in first.iterrows()
    ]
    header = ["Strategy", "Learns from", *TRAINING.values()]
    parts = [markdown_table(header, rows, "llllrlrrrrrrr")]
    for dataset in DATASETS:
        rows = []
        for name, part in table[table["dataset"] == dataset].groupby("strategy", sort=False):
            values = part.set_index("metric")[["mean", "low", "high"]]
            of_validation = part[["validation_rms", "outlying"]].iloc[0]
            cells = [with_interval(*values.loc[metric]) for metric in metrics]
            rows.append([named.get(name, name), *map(significant, of_validation), *cells])
        header = ["Strategy", "Validation RMS", "Outlying of 100"]
        header += [METRICS[metric].label for metric in metrics]
        parts.append(f"## Tested on {named.get(dataset, dataset)}")
        parts.append(markdown_table(header, rows, "l" + "r" * (2 + len(metrics))))
    return parts


def cell(value: object) -> str:
    """Return a setting or a number as the page shows it."""
    if pd.isna(value):
        return ""
    return value if isinstance(value, str) else f"{value:.3g}"


def main(
    per_seed: str | Path,
    resampled: str | Path,
    validation: str | Path,
    histories: Sequence[str | Path],
    csv: str | Path,
    md: str | Path,
    *,
    logs: Sequence[str | Path],
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
        Strategy to ``train_on`` and those of `TRAINING` that are settings.
    metrics : sequence of str
        In the Markdown table; the CSV has all.
    """
    curves = read_histories(histories, list(recipes))
    found = costs(curves, recipes, logs)
    table = summarised(
        read_per_seed(per_seed),
        read_per_seed(validation),
        Draws(resampled),
        {name: recipe | found[name] for name, recipe in recipes.items()},
        z_range,
    )
    write_csv(table, csv)
    text = (
        f"{curves['seed'].nunique()} networks of each strategy; epochs, core seconds and "
        f"validation loss are means over them. Metrics are for {z_range[0]:g} < z <= "
        f"{z_range[1]:g}, with 95% intervals over seeds and test galaxies. Outlying: networks in "
        f"100 whose RMS on the validation rows is above {OUTLYING:g} times the median of their "
        "strategy."
    )
    limits = {name: recipe["max_epochs"] for name, recipe in recipes.items()}
    about = "; ".join(f"{key}: {value}" for key, value in machine().items())
    parts = ["# Recipes", survey_note(survey), text, *page(table, metrics, labels)]
    parts += [falling_note(curves, limits, labels), f"Core seconds were measured on: {about}."]
    write_text("\n\n".join(parts), md)
    logger.info("%d recipes", len(recipes))


if __name__ == "__main__":
    run(main, snakemake)
