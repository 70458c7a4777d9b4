"""The field's estimators beside this run's strategies: the same galaxies, splits and scores.

Inputs
    peers : peers/{peer}.parquet
    costs : peers/{peer}.csv
    strategies : calibration/{strategy}/scores.parquet
    baselines : baselines/{kind}.parquet

Outputs
    csv : estimate, kind, dataset, n, score, value, low, high, best
    costs_csv : the costs of all
    md : both, for readers

Galaxies are the test galaxies that no strategy was calibrated on; intervals are over galaxies.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_csv, read_parquet, write_csv, write_text
from transferz.evaluation.baselines import display_name
from transferz.evaluation.bins import ZRange
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import tail_percentiles
from transferz.evaluation.resampling import GALAXY_DRAWS, JudgedSample, draw_counts
from transferz.peers.estimators import SCORED_COLUMNS, estimate_label
from transferz.report.figures import label
from transferz.report.tables import markdown_table, significant, survey_note, with_interval
from transferz.uncertainty.scores import CENTRAL_68, SCORES, inside, pit_distance

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

POINT = ("bias_median", "scatter_mad", "rms", "outlier_fraction", "catastrophic_fraction")
DISTRIBUTION = ("crps", "cde_loss", "pit_distance", "coverage_68")
DATASETS = ("target", "source")


def read_estimates(
    peers: Sequence[str | Path], strategies: Sequence[str | Path], baselines: Sequence[str | Path]
) -> pd.DataFrame:
    """Return `SCORED_COLUMNS` and `kind` of every estimate and galaxy; NaN where it has none."""
    parts = [read_parquet(path).assign(kind="peer") for path in peers]
    for path in strategies:
        table = read_parquet(path)
        table = table[table["dataset"] == table["calibrated_on"]]
        width = (table["z_high68"] - table["z_low68"]) / (1.0 + table["z_median"])
        own = {"estimate": Path(path).parent.name, "z_pred": table["z_median"], "width_68": width}
        parts.append(table.assign(**own, kind="strategy"))
    for path in baselines:
        table = read_parquet(path)
        table = table[table["seed"] == 0].rename(columns={"strategy": "estimate"})
        parts.append(table.assign(kind="baseline"))
    parts = [part.astype({"object_id": str}) for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True)[[*SCORED_COLUMNS, "kind"]]


def intervals(values: np.ndarray, counts: np.ndarray) -> tuple[float, float, float]:
    """Return a mean over galaxies and its 95% interval, of `draw_counts`."""
    drawn = values @ counts / len(values)
    return float(values.mean()), *np.percentile(drawn, tail_percentiles())


def distribution_scores(
    galaxies: pd.DataFrame, counts: np.ndarray
) -> Iterator[tuple[str, float, float, float]]:
    """Yield score, value and interval; of the PIT distance none, which has no mean."""
    pit = galaxies["pit"].to_numpy()
    held = inside(pit, *CENTRAL_68).astype(float)
    yield "crps", *intervals(galaxies["crps"].to_numpy(), counts)
    yield "cde_loss", *intervals(galaxies["cde_loss"].to_numpy(), counts)
    yield "pit_distance", pit_distance(pit), np.nan, np.nan
    yield "coverage_68", *intervals(held, counts)


def judge(galaxies: pd.DataFrame, window: ZRange) -> pd.DataFrame:
    """Return the scores of all estimates on one test set: point estimates in a window of redshift.

    Only galaxies for which every estimate has an answer count.
    """
    names = galaxies.drop_duplicates("estimate")[["estimate", "kind"]]
    tables = dict(iter(galaxies.set_index("object_id").groupby("estimate", sort=False)))
    common = sorted(set.intersection(*(set(table.index) for table in tables.values())))
    z_true = next(iter(tables.values())).loc[common, "z_true"].to_numpy(np.float64)
    sample = JudgedSample.of(window.holds(z_true), z_true, GALAXY_DRAWS)
    counts = draw_counts(len(common)).astype(np.float32)
    rows = []
    for estimate, kind in names.itertuples(index=False):
        table = tables[estimate].loc[common]
        sample.judge(estimate, 0, table["z_pred"].to_numpy(np.float64))
        drawn = sample.networks[estimate, 0]
        low, high = np.percentile(drawn[1:], tail_percentiles(), axis=0)
        found = [
            (name, drawn[0, place], low[place], high[place])
            for place, name in enumerate(METRICS)
            if name in POINT
        ]
        if table["crps"].notna().all():
            found += distribution_scores(table, counts)
        rows += [(estimate, kind, len(common), *values) for values in found]
    columns = ["estimate", "kind", "n", "score", "value", "low", "high"]
    return with_best(pd.DataFrame(rows, columns=columns))


def with_best(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a column `best`: the best value of each score, and what is level.

    Level: its interval holds the best value.
    """
    loss = (
        table["value"]
        .abs()
        .where(
            table["score"] != "coverage_68", (table["value"] - SCORES["coverage_68"].nominal).abs()
        )
    )
    loss = loss.where(table["score"] != "cde_loss", table["value"])
    best = table.loc[loss.groupby(table["score"]).idxmin()].set_index("score")["value"]
    value = table["score"].map(best)
    same = (table["low"] <= value) & (value <= table["high"]) | (table["value"] == value)
    return table.assign(best=same)


def page(table: pd.DataFrame, costs: pd.DataFrame, labels: Mapping, survey: str, z: str) -> str:
    """Return the page."""
    headings = {name: METRICS[name].label for name in POINT}
    headings |= {name: SCORES[name].label for name in DISTRIBUTION}
    parts = [
        "# The field on the same splits",
        survey_note(survey),
        f"Point estimates are medians, judged in {z}; distributions over all redshifts. Brackets: "
        "95% intervals over test galaxies. Bold: the best of a column, and what is level with it. "
        "Strategies are calibrated ensembles. Tuned: settings chosen by the CDE loss of "
        "validation galaxies.",
    ]
    for dataset in DATASETS:
        rows = table[table["dataset"] == dataset]
        lines = []
        for estimate, part in rows.groupby("estimate", sort=False):
            found = part.set_index("score")
            cells = [cell(found.loc[name]) if name in found.index else "" for name in headings]
            lines.append([name_of(estimate, labels), *cells])
        parts += [
            f"## Tested on {label(dataset, labels)}, {rows['n'].iloc[0]:,} galaxies",
            markdown_table(["Estimate", *headings.values()], lines, "l" + "r" * len(headings)),
        ]
    failed = costs[costs["error"].notna()]
    ran = costs[costs["error"].isna()]
    lines = [
        [
            *(name_of(row.estimate, labels), f"{row.n_train:,.0f}", f"{row.train_seconds:.1f}"),
            *(f"{1e5 * row.predict_seconds / row.n_predicted:.1f}", f"{row.memory_mib:,.0f}"),
            row.settings,
        ]
        for row in ran.itertuples()
    ]
    header = ["Estimate", "Trained on", "Train [CPU s]", "Predict 10^5 [CPU s]", "MiB", "Settings"]
    parts += ["## Costs", markdown_table(header, lines, "lrrrrl")]
    parts += [f"{row.estimate} stopped: {row.error}" for row in failed.itertuples()]
    return "\n\n".join(parts)


def cell(row: pd.Series) -> str:
    """Return a value with its interval, bold if best."""
    text = (
        significant(row["value"])
        if np.isnan(row["low"])
        else with_interval(row["value"], row["low"], row["high"])
    )
    return f"**{text}**" if row["best"] else text


def name_of(estimate: str, labels: Mapping[str, str]) -> str:
    """Return what an estimate is called."""
    return estimate_label(estimate, labels) or display_name(estimate, labels)


def main(
    peers: Sequence[str | Path],
    costs: Sequence[str | Path],
    strategies: Sequence[str | Path],
    baselines: Sequence[str | Path],
    csv: str | Path,
    costs_csv: str | Path,
    md: str | Path,
    *,
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the tables."""
    galaxies = read_estimates(peers, strategies, baselines)
    window = ZRange(*z_range)
    parts = [
        judge(galaxies[galaxies["dataset"] == name], window).assign(dataset=name)
        for name in DATASETS
    ]
    table = pd.concat(parts, ignore_index=True)
    spent = pd.concat([read_csv(path) for path in costs], ignore_index=True)
    write_csv(table, csv)
    write_csv(spent, costs_csv)
    write_text(page(table, spent, labels, survey, window.text()), md)
    logger.info("%d estimates", table["estimate"].nunique())


if __name__ == "__main__":
    run(main, snakemake)
