"""How much of the error on the source data set is the label's own (embedded survey only).

Inputs
    predictions : predictions/{strategy}/seeds-{first}-{last}.parquet, all strategies
    truth : truth.parquet of the simulation

Outputs
    per_seed : strategy, seed, judged_by (label or truth), range, and the metrics, of every seed
    csv : strategy, judged_by (label or truth), range, metric, mean, spread, over the seeds; the
        strategy `label` is the photometric redshift itself, judged by the truth
    md : the main numbers as a page
    pdf, png, caption : the figure
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from transferz.errors import InputError
from transferz.io import write_csv, write_text
from transferz.logs import job
from transferz.metrics import METRICS, compute_metrics, iterate_predictions
from transferz.plotting import (
    NEUTRAL,
    SOURCE,
    TARGET,
    FigureFiles,
    label,
    legend_above,
    panel_letter,
    subplots,
)
from transferz.statistics import summarise
from transferz.tables import markdown_table, survey_note, with_spread
from transferz.truth import true_redshifts

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

SHOWN = ("bias_median", "scatter_mad", "rms", "outlier_fraction", "catastrophic_fraction")
PANELS = ("bias_median", "scatter_mad", "outlier_fraction")
JUDGES = ("label", "truth")
COLOURS = {"label": SOURCE, "truth": TARGET}
MARKERS = {"label": "s", "truth": "o"}


def collect(
    predictions: Sequence[str | Path], truth: str | Path, z_range: Sequence[float]
) -> pd.DataFrame:
    """Return metrics of every seed: strategy, seed, judged_by, range and the metrics.

    Both judges see the same galaxies: the range is one of true redshift.
    """
    rows: list[dict[str, object]] = []
    known: tuple[pd.Index, np.ndarray] | None = None

    def judge(strategy: str, seed: int, by: str, z: np.ndarray, z_pred: np.ndarray) -> None:
        inside = (known[1] >= z_range[0]) & (known[1] <= z_range[1])
        for name, chosen in (("range", inside), ("all", np.ones(len(z), dtype=bool))):
            key = {"strategy": strategy, "seed": seed, "judged_by": by, "range": name}
            rows.append(key | compute_metrics(z[chosen], z_pred[chosen]))

    for path in sorted(map(str, predictions)):
        for prediction in iterate_predictions(path):
            if prediction.dataset != "transferz":
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
    """Return mean and spread over the seeds."""
    found = []
    for strategy in ("label", *strategies):
        for by in JUDGES:
            for name in ("range", "all"):
                part = per_seed[
                    (per_seed["strategy"] == strategy)
                    & (per_seed["judged_by"] == by)
                    & (per_seed["range"] == name)
                ]
                for metric in METRICS if len(part) else ():
                    summary = summarise(part[metric])
                    key = (strategy, by, name, int(part["n"].iloc[0]), metric)
                    found.append((*key, summary.mean, summary.spread))
    columns = ["strategy", "judged_by", "range", "n", "metric", "mean", "spread"]
    return pd.DataFrame(found, columns=columns)


def value(table: pd.DataFrame, strategy: str, by: str, name: str, metric: str) -> pd.Series:
    """Return one row of `over_seeds`."""
    chosen = (table["strategy"] == strategy) & (table["judged_by"] == by)
    chosen &= (table["range"] == name) & (table["metric"] == metric)
    return table[chosen].iloc[0]


def draw(table: pd.DataFrame, strategies: Sequence[str], labels: Mapping[str, str]) -> plt.Figure:
    """Return the figure: one panel per metric, judged by the label and by the truth."""
    figure, panels = subplots(1, len(PANELS), height=2.6)
    for number, (axes, metric) in enumerate(zip(panels, PANELS, strict=True)):
        own = value(table, "label", "truth", "range", metric)["mean"]
        axes.axhline(own, color=NEUTRAL, lw=1.0, ls=(0, (4, 2)), label="Label against truth")
        for side, by in zip((-0.12, 0.12), JUDGES, strict=True):
            rows = [value(table, name, by, "range", metric) for name in strategies]
            axes.errorbar(
                np.arange(len(strategies)) + side,
                [row["mean"] for row in rows],
                yerr=[row["spread"] for row in rows],
                fmt=MARKERS[by],
                color=COLOURS[by],
                ms=4,
                capsize=3,
                label=f"Network against {by}",
            )
        if METRICS[metric].signed:
            axes.axhline(0.0, color="#333333", lw=0.6)
        else:
            axes.set_ylim(bottom=0.0)
        axes.set_xticks(range(len(strategies)), [label(name, labels) for name in strategies])
        axes.tick_params(axis="x", which="both", length=0)
        axes.set_xlim(-0.5, len(strategies) - 0.5)
        axes.set_ylabel(METRICS[metric].label)
        panel_letter(axes, "abc"[number])
    legend_above(figure, panels[0])
    return figure


def main(
    predictions: Sequence[str | Path],
    truth: str | Path,
    per_seed: str | Path,
    csv: str | Path,
    md: str | Path,
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write table and figure.

    Parameters
    ----------
    predictions, truth, csv, md : path-like
        See the head of this file.
    files : FigureFiles
        The figure.
    strategies : sequence of str
    z_range : pair of float
        Range of true redshift.
    labels : mapping
    survey : str
    """
    judged = collect(list(predictions), truth, z_range)
    write_csv(judged, per_seed)
    table = over_seeds(judged, strategies)
    write_csv(table, csv)
    names = {"label": f"The label of {label('transferz', labels)}"}
    body = []
    for strategy in ("label", *strategies):
        for by in JUDGES if strategy != "label" else ("truth",):
            cells = [value(table, strategy, by, "range", metric) for metric in SHOWN]
            body.append(
                [names.get(strategy, label(strategy, labels)), by]
                + [with_spread(cell["mean"], cell["spread"]) for cell in cells]
            )
    n = int(value(table, "label", "truth", "range", "rms")["n"])
    header = ["Redshift", "Judged by", *(METRICS[metric].label for metric in SHOWN)]
    text = (
        f"The same {n:,} test galaxies of {label('transferz', labels)} with true redshifts from "
        f"{z_range[0]:g} to {z_range[1]:g}, judged by their label (a photometric redshift) and by "
        "the truth, which only a simulation knows. Mean and standard deviation over the seeds."
    )
    write_text(
        "\n\n".join(
            [
                "# Truth against label",
                survey_note(survey),
                text,
                markdown_table(header, body, "ll" + "r" * len(SHOWN)),
            ]
        ),
        md,
    )
    files.save(
        draw(table, strategies, labels),
        None,
        "How much of the error is the label's own?",
        f"{text} Dashed: the label itself against the truth. {survey_note(survey)}",
        " ".join(
            f"Scatter of {label(name, labels)}: "
            f"{value(table, name, 'label', 'range', 'scatter_mad')['mean']:.4f} against the label, "
            f"{value(table, name, 'truth', 'range', 'scatter_mad')['mean']:.4f} against the truth."
            for name in strategies
        ),
    )
    logger.info("Truth against label: %d galaxies", n)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.predictions,
            snakemake.input.truth,
            snakemake.output.per_seed,
            snakemake.output.csv,
            snakemake.output.md,
            FigureFiles.of(snakemake.output),
            strategies=snakemake.params.strategies,
            z_range=snakemake.params.z_range,
            labels=snakemake.params.labels,
            survey=snakemake.params.survey,
        )
