"""Figure: aleatoric and epistemic uncertainty of an ensemble, in and out of range.

Inputs
    uncertainty : spectra/uncertainty.parquet
    summary : spectra/uncertainty.csv

Outputs
    pdf, png : the figure
    table : the curves of rejection as CSV
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.report.figures import NEUTRAL, FigureFiles, legend_above, panel_letter, subplots
from transferz.report.tables import thousands
from transferz.spectra.plotting import SAMPLE_STYLES
from transferz.spectra.results import FAILURE_LIMIT, NAMES, NOTE

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

LINES = {"aleatoric": ":", "epistemic": "-", "total": (0, (3, 1.5))}


def rejection_curves(table: pd.DataFrame) -> pd.DataFrame:
    """Failures among the test spectra kept, against the share rejected as most uncertain."""
    test = table[table["sample"] == "test"]
    error = (test["z_pred"] - test["z_true"]).abs() / (1.0 + test["z_true"])
    failed = (error > FAILURE_LIMIT).to_numpy()
    curves = {"rejected": np.linspace(0.0, 0.5, 51)}
    kept = np.round((1.0 - curves["rejected"]) * len(failed)).astype(int)
    for kind in LINES:
        order = np.argsort(test[kind].to_numpy(), kind="stable")
        curves[kind] = np.cumsum(failed[order])[kept - 1] / kept
    return pd.DataFrame(curves)


def draw_scatter(axes: Axes, table: pd.DataFrame) -> None:
    """Draw epistemic against aleatoric uncertainty of every spectrum."""
    for sample, style in SAMPLE_STYLES.items():
        mine = table[table["sample"] == sample]
        axes.plot(
            mine["aleatoric"], mine["epistemic"], ".", ms=2.4, mew=0, alpha=0.5,
            color=style["color"], rasterized=True, zorder=3 if sample == "test" else 2,
        )  # fmt: skip
    for sample, style in SAMPLE_STYLES.items():
        mine = table[table["sample"] == sample]
        axes.plot(
            mine["aleatoric"].median(), mine["epistemic"].median(), style["marker"],
            color=style["color"], mec="white", mew=0.8, ms=7, zorder=4, label=NAMES[sample],
        )  # fmt: skip
    axes.set(xlabel="aleatoric (nats)", ylabel="epistemic (nats)")
    axes.set_xlim(left=-0.05)
    axes.set_ylim(bottom=-0.03)


def draw_distributions(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the cumulative distribution of the epistemic uncertainty of every sample."""
    for kind, line in LINES.items():
        if kind == "total":
            continue
        for sample, style in SAMPLE_STYLES.items():
            values = np.sort(table.loc[table["sample"] == sample, kind].to_numpy())
            share = np.arange(1, len(values) + 1) / len(values)
            axes.plot(values, share, ls=line, color=style["color"], lw=1.0)
        axes.plot([], [], ls=line, color="#1a1a1a", label=kind)
    axes.set(xlabel="uncertainty (nats)", ylabel="fraction of spectra below", ylim=(0, 1))
    axes.set_xlim(left=0)
    axes.legend(loc="lower right", fontsize=7)


def draw(table: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """Return the figure."""
    figure, (left, middle, right) = subplots(1, 3, height=2.55)
    draw_scatter(left, table)
    draw_distributions(middle, table)
    # Lines as in the panel beside it; of the test spectra alone, in their colour.
    for kind, line in LINES.items():
        colour = "#1a1a1a" if kind == "total" else SAMPLE_STYLES["test"]["color"]
        right.plot(curves["rejected"], curves[kind], ls=line, color=colour, label=kind)
    perfect = np.clip(
        (curves["total"].iloc[0] - curves["rejected"]) / (1.0 - curves["rejected"]), 0.0, None
    )
    right.plot(curves["rejected"], perfect, color=NEUTRAL, lw=0.8, label="perfect order")
    right.set(xlabel="fraction rejected", ylabel="failures among the rest", xlim=(0, 0.5))
    right.set_ylim(bottom=0)
    right.legend(fontsize=7)
    for axes, letter in zip((left, middle, right), "abc", strict=True):
        panel_letter(axes, letter)
    legend_above(figure, left)
    return figure


def main(
    uncertainty: str | Path,
    summary: str | Path,
    files: FigureFiles,
    *,
    default: Mapping[str, object],
) -> None:
    """Draw the uncertainties of the ensemble of networks that `default` describes."""
    values, areas = read_parquet(uncertainty), pd.read_csv(summary).set_index("sample")
    curves = rejection_curves(values)
    told = "; ".join(
        f"{NAMES[sample]} {areas.loc[sample, 'epistemic_auc']:.2f} (epistemic), "
        f"{areas.loc[sample, 'aleatoric_auc']:.2f} (aleatoric)"
        for sample in areas.index
        if sample != "test"
    )
    files.save(
        draw(values, curves),
        curves,
        "Aleatoric and epistemic uncertainty told apart.",
        f"Ensemble of classifications with {default['head']} classes at S/N {default['snr']:g} per "
        f"pixel, on {thousands((values['sample'] == 'test').sum())} test spectra like those of the "
        "training and on three samples unlike them. Aleatoric: mean entropy of the members; "
        "epistemic: their mutual information. (a) Every spectrum; "
        "large markers: medians. (b) Cumulative distributions. (c) Failures (error above 0.01 in "
        "dz / (1 + z)) among the test spectra left when the most uncertain are rejected. Area "
        f"under the ROC curve against the test spectra: {told}. {NOTE}",
        "Three panels: a scatter of epistemic against aleatoric uncertainty coloured by sample, "
        "cumulative curves of both, and curves of the failure fraction against the fraction "
        "rejected.",
    )
    logger.info("Uncertainty: %d spectra", len(values))


if __name__ == "__main__":
    run(main, snakemake)
