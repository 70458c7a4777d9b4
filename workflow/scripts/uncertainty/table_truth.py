"""How much of the error on the source data set is the label's own (embedded survey only).

Inputs
    predictions : predictions/{strategy}/seeds-{first}-{last}.parquet, all strategies
    truth : truth.parquet of the simulation

Outputs
    per_seed : strategy, seed, judged_by (label or truth), range, and the metrics, of every seed
    csv : strategy, judged_by (label or truth), range, metric, mean, spread, over the seeds; the
        strategy `label` is the photometric redshift itself, judged by the truth
    md : the main numbers as a page
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
from transferz.evaluation.bins import ZRange
from transferz.evaluation.judges import true_redshifts
from transferz.evaluation.metrics import METRICS, compute_metrics
from transferz.evaluation.over_seeds import summarise
from transferz.evaluation.predictions import iterate_predictions
from transferz.report.figures import label
from transferz.report.tables import markdown_table, survey_note, with_spread
from transferz.uncertainty.pages import fill

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

SHOWN = ("bias_median", "scatter_mad", "rms", "outlier_fraction", "catastrophic_fraction")
JUDGES = ("label", "truth")


def collect(
    predictions: Sequence[str | Path], truth: str | Path, z_range: Sequence[float]
) -> pd.DataFrame:
    """Return metrics of every seed: strategy, seed, judged_by, range and the metrics.

    Both judges see the same galaxies: the range is one of true redshift.
    """
    rows: list[dict[str, object]] = []
    known: tuple[pd.Index, np.ndarray] | None = None

    def judge(strategy: str, seed: int, by: str, z: np.ndarray, z_pred: np.ndarray) -> None:
        inside = ZRange(*z_range).holds(known[1])
        for name, chosen in (("range", inside), ("all", np.ones(len(z), dtype=bool))):
            key = {"strategy": strategy, "seed": seed, "judged_by": by, "range": name}
            rows.append(key | compute_metrics(z[chosen], z_pred[chosen]))

    for path in sorted(map(str, predictions)):
        for prediction in iterate_predictions(path):
            if prediction.dataset != "source":
                continue
            object_id = pd.Index(prediction.object_id.to_pandas())
            if known is None:
                known = (object_id, true_redshifts(truth, object_id))
                judge("label", -1, "truth", known[1], prediction.z_true.astype(np.float64))
            if not object_id.equals(known[0]):
                raise InputError("predictions are for other galaxies", file=path)
            for by, z in zip(JUDGES, (prediction.z_true, known[1]), strict=True):
                judge(prediction.strategy, prediction.seed, by, z, prediction.z_pred)
    return pd.DataFrame(rows)


def over_seeds(per_seed: pd.DataFrame, strategies: Sequence[str]) -> pd.DataFrame:
    """Return mean and spread over the seeds, strategies in the order given, the label first."""
    keys = ["strategy", "judged_by", "range"]
    parts = dict(list(per_seed.groupby(keys)))
    found = []
    for strategy in ("label", *strategies):
        for key in ((strategy, by, name) for by in JUDGES for name in ("range", "all")):
            for metric in METRICS if key in parts else ():
                summary = summarise(parts[key][metric])
                n = int(parts[key]["n"].iloc[0])
                found.append((*key, n, metric, summary.mean, summary.spread))
    return pd.DataFrame(found, columns=[*keys, "n", "metric", "mean", "spread"])


def page(
    table: pd.DataFrame, z_range: Sequence[float], labels: Mapping[str, str], survey: str
) -> str:
    """Return the page."""
    shown = table[table["range"] == "range"]
    names = {"label": f"The label of {label('source', labels)}"}
    rows = []
    for (strategy, by), part in shown.groupby(["strategy", "judged_by"], sort=False):
        cells = part.set_index("metric").loc[list(SHOWN)]
        rows.append(
            [names.get(strategy, label(strategy, labels)), by]
            + [
                with_spread(cell.mean, cell.spread)
                for cell in cells[["mean", "spread"]].itertuples()
            ]
        )
    header = ["Redshift", "Judged by", *(METRICS[metric].label for metric in SHOWN)]
    source = label("source", labels)
    parts = [
        "# Truth against label",
        survey_note(survey),
        fill("truth.md", n=int(shown["n"].iloc[0]), source=source, z_range=z_range),
        markdown_table(header, rows, "ll" + "r" * len(SHOWN)),
    ]
    return "\n\n".join(parts)


def main(
    predictions: Sequence[str | Path],
    truth: str | Path,
    per_seed: str | Path,
    csv: str | Path,
    md: str | Path,
    *,
    strategies: Sequence[str],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the tables; `z_range` is one of true redshift."""
    judged = collect(predictions, truth, z_range)
    table = over_seeds(judged, strategies)
    write_csv(judged, per_seed)
    write_csv(table, csv)
    write_text(page(table, z_range, labels, survey), md)
    logger.info("Truth against label: %d galaxies", table["n"].iloc[0])


if __name__ == "__main__":
    run(main, snakemake)
