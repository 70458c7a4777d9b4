"""Stress tests: strategies whose spectra are incomplete, or wrong, in known ways.

Inputs
    per_seed : metrics/per_seed.csv
    samples : samples/{strategy}.csv of the strategies with worse spectra

Outputs
    pdf, png : the figure
    table : strategy, change, share, dataset, metric, value, low, high, n_seeds
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.core.products import read_csv
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import bootstrap, read_per_seed, seed_values
from transferz.report.figures import (
    DATASETS,
    FigureFiles,
    label,
    legend_above,
    strategy_handles,
    strategy_styles,
    subplots,
)
from transferz.report.tables import significant, survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

CHANGES = {
    "faint": "Faintest lost",
    "redshift": "Farthest lost",
    "type": "Reddest lost",
    "surveys": "Two surveys lost",
    "lines": "Wrong lines",
}


def trained(samples: Sequence[str | Path], strategies: Sequence[str]) -> Iterator[tuple]:
    """Yield name, strategy, change and share of all networks; a share of 0 is the run's own."""
    changes = set()
    for path in samples:
        line = read_csv(path).iloc[0]
        strategy = Path(path).stem.rpartition(f"-{line['change']}")[0]
        # Strategies of a run's own may have changed samples too.
        if strategy in strategies:
            changes.add(line["change"])
            yield Path(path).stem, strategy, line["change"], line["share"]
    yield from (
        (name, name, change, 0.0) for change in CHANGES if change in changes for name in strategies
    )


def measure(
    per_seed: pd.DataFrame,
    networks: Sequence[tuple],
    metrics: Sequence[str],
    z_range: Sequence[float],
) -> pd.DataFrame:
    """Return the mean of each metric over the seeds and its 95% interval."""
    rows = []
    for name, strategy, change, share in networks:
        for dataset in DATASETS:
            for metric in metrics:
                values = seed_values(per_seed, metric, name, dataset, z_range)
                found = bootstrap(lambda mean: mean, values.to_numpy())
                row = (strategy, change, share, dataset, metric, found.value, found.low)
                rows.append((*row, found.high, len(values)))
    columns = ["strategy", "change", "share", "dataset", "metric", "value", "low", "high"]
    table = pd.DataFrame(rows, columns=[*columns, "n_seeds"])
    return table.sort_values(["change", "metric", "dataset", "strategy", "share"])


def draw(
    table: pd.DataFrame, metrics: Sequence[str], strategies: Sequence[str], labels: Mapping
) -> Figure:
    """Return the figure: a row for each metric, a column for each change."""
    changes = [change for change in CHANGES if change in set(table["change"])]
    styles = strategy_styles(strategies)
    figure, panels = subplots(
        len(metrics),
        len(changes),
        height=0.8 + 1.5 * len(metrics),
        sharex="col",
        sharey="row",
        squeeze=False,
    )
    shown = table[table["dataset"] == "target"]
    for line, metric in zip(panels, metrics, strict=True):
        line[0].set_ylabel(METRICS[metric].label)
        for axes, change in zip(line, changes, strict=True):
            part = shown[(shown["change"] == change) & (shown["metric"] == metric)]
            for name, style in styles.items():
                rows = part[part["strategy"] == name]
                ends = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
                axes.errorbar(
                    100 * rows["share"],
                    rows["value"],
                    yerr=ends,
                    **style,
                    ms=3,
                    lw=1,
                    elinewidth=0.7,
                )
            if METRICS[metric].signed:
                axes.axhline(0, color="#333333", lw=0.5, zorder=1)
    for axes, change in zip(panels[0], changes, strict=True):
        axes.set_title(CHANGES[change], fontsize=7)
    for axes, change in zip(panels[-1], changes, strict=True):
        axes.set_xlabel("wrong, %" if change == "lines" else "lost, %")
    legend_above(figure, strategy_handles(styles, labels, 3.4))
    return figure


def main(
    per_seed: str | Path,
    samples: Sequence[str | Path],
    files: FigureFiles,
    *,
    strategies: Sequence[str],
    metrics: Sequence[str],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Draw the stress tests."""
    networks = list(trained(samples, strategies))
    table = measure(read_per_seed(per_seed), networks, metrics, z_range)
    worst = table[(table["dataset"] == "target") & (table["metric"] == metrics[-1])]
    worst = worst.sort_values("share").groupby(["change", "strategy"], sort=False)
    files.save(
        draw(table, metrics, strategies, labels),
        table,
        "Stress tests.",
        f"Metrics on all test galaxies of {label('target', labels)} against the share of its "
        "spectra for training and validation that is lost, or has the redshift of a wrong line; "
        f"0 is the whole sample. {table['n_seeds'].min()} seeds, 95% intervals over seeds, "
        f"{z_range[0]:g} < z <= {z_range[1]:g}. {survey_note(survey)}",
        f"{METRICS[metrics[-1]].label}, from the whole to the worst sample. "
        + " ".join(
            f"{CHANGES[change]}, {label(strategy, labels)}: {significant(rows['value'].iloc[0])} "
            f"to {significant(rows['value'].iloc[-1])}."
            for (change, strategy), rows in worst
        ),
    )
    logger.info("%d networks of %d strategies", len(networks), len(strategies))


if __name__ == "__main__":
    run(main, snakemake)
