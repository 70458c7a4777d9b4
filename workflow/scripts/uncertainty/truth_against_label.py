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
from matplotlib.axes import Axes

from transferz.core.errors import InputError
from transferz.core.logs import job
from transferz.core.products import write_csv, write_text
from transferz.evaluation.judges import true_redshifts
from transferz.evaluation.metrics import METRICS, compute_metrics
from transferz.evaluation.over_seeds import summarise
from transferz.evaluation.predictions import iterate_predictions
from transferz.report.figures import (
    NEUTRAL,
    SOURCE,
    TARGET,
    FigureFiles,
    entry_panels,
    label,
    legend_above,
    name_entries,
    panel_letter,
    turned,
)
from transferz.report.tables import markdown_table, survey_note, with_spread

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

SHOWN = ("bias_median", "scatter_mad", "rms", "outlier_fraction", "catastrophic_fraction")
PANELS = ("bias_median", "scatter_mad", "outlier_fraction")
JUDGES = ("label", "truth")
COLOURS = {"label": SOURCE, "truth": TARGET}
MARKERS = {"label": "s", "truth": "o"}
OFFSET = 0.17
# Values and spreads beyond so many times the median one of a panel do not stretch its axis.
FAR_OUT = 3.0


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


def axis_limits(metric: str, rows: Sequence[pd.Series], own: float) -> tuple[float, float]:
    """Return the ends of a metric's axis: zero and the label's own value are always on it.

    Points that reach `FAR_OUT` times as far as the median one do not stretch it.
    """
    means, spreads = (
        np.nan_to_num([row[name] for row in rows]).astype(float) for name in ("mean", "spread")
    )
    reach = np.abs(means) + spreads
    near = reach <= FAR_OUT * np.median(reach)
    ends = [0.0, own, *(means - spreads)[near], *(means + spreads)[near]]
    pad = 0.08 * (max(ends) - min(ends))
    return (min(ends) - pad if METRICS[metric].signed else 0.0, max(ends) + pad)


def draw_beyond(axes: Axes, x: float, row: pd.Series, colour: str, upright: bool) -> None:
    """Draw an arrow at the end of the axis for a value beyond it, and its number."""
    low, high = axes.get_ylim() if upright else axes.get_xlim()
    above = row["mean"] > high
    marker = {(True, True): "^", (True, False): "v", (False, True): ">", (False, False): "<"}
    place = turned(x, high if above else low, upright)
    axes.plot(*place, marker[upright, above], color=colour, ms=4, clip_on=False, zorder=5)
    side = "right" if above else "left"
    axes.annotate(
        with_spread(row["mean"], row["spread"]),
        place,
        xytext=turned(0, -5 if above else 5, upright),
        textcoords="offset points",
        rotation=90 if upright else 0,
        ha="center" if upright else side,
        va=("top" if above else "bottom") if upright else "center_baseline",
        fontsize=6.5,
        color=colour,
    )


def draw(table: pd.DataFrame, strategies: Sequence[str], labels: Mapping[str, str]) -> plt.Figure:
    """Return the figure: one panel per metric, judged by the label and by the truth."""
    figure, panels, upright = entry_panels(len(strategies), len(PANELS))
    names = [label(name, labels) for name in strategies]
    for number, (axes, metric) in enumerate(zip(panels, PANELS, strict=True)):
        own = value(table, "label", "truth", "range", metric)["mean"]
        line = axes.axhline if upright else axes.axvline
        line(own, color=NEUTRAL, lw=1.0, ls=(0, (4, 2)), label="Label against truth")
        if METRICS[metric].signed:
            line(0.0, color="#333333", lw=0.6)
        judged = {
            by: [value(table, name, by, "range", metric) for name in strategies] for by in JUDGES
        }
        low, high = axis_limits(metric, [row for rows in judged.values() for row in rows], own)
        name_entries(axes, names, METRICS[metric].label, (low, high), upright)
        for side, (by, rows) in zip((-OFFSET, OFFSET), judged.items(), strict=True):
            places = np.arange(len(strategies)) + side
            means = np.array([row["mean"] for row in rows])
            shown = np.where((means >= low) & (means <= high), means, np.nan)
            axes.errorbar(
                *turned(places, shown, upright),
                **{"yerr" if upright else "xerr": [row["spread"] for row in rows]},
                fmt=MARKERS[by],
                color=COLOURS[by],
                ms=4,
                capsize=3,
                label=f"Network against {by}",
            )
            for place, row, within in zip(places, rows, ~np.isnan(shown), strict=True):
                if not within:
                    draw_beyond(axes, place, row, COLOURS[by], upright)
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
    names = {"label": f"The label of {label('source', labels)}"}
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
        f"The same {n:,} test galaxies of {label('source', labels)} with true redshifts from "
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
        f"{text} Dashed: the label itself against the truth. Values that "
        f"reach more than {FAR_OUT:g} times as far from zero as the median one do not stretch the "
        f"axes: arrows and numbers stand for means beyond them, and error bars may be cut. "
        f"{survey_note(survey)}",
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
