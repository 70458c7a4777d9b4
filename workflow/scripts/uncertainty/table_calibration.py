"""What the calibrated redshifts of every strategy are worth, and what meets the requirements.

Inputs
    scores : calibration/{strategy}/scores.parquet, one per strategy, in their order
    truth : truth.parquet of the simulation; embedded survey only

Outputs
    metrics : one row per strategy, data set, sample of calibration, judge (label or truth) and
        range of the judge's redshift: coverage of both intervals with its standard error, their
        widths; by the label also PIT, CRPS, CDE loss
    cells : coverage of intervals and regions by judge, in fifths of z_ensemble, magnitude and
        colour, at the faint end, and in ranges of the judge's redshift (z_true)
    requirements : metrics in the range of the requirements, the galaxies with the widest
        intervals dropped, by dropped fraction
    md : the main numbers as a page
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_text
from transferz.evaluation.bins import ZRange
from transferz.evaluation.judges import redshifts_by_judge
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.requirements import (
    LIMITED,
    MIN_GALAXIES,
    TOGETHER,
    fractions_to_drop,
    metrics_by_fraction,
    widest_last,
)
from transferz.report.figures import label
from transferz.report.tables import fixed, markdown_table, survey_note, thousands
from transferz.uncertainty.conformal import INTERVALS
from transferz.uncertainty.coverage_tables import (
    JUDGED_BY,
    answers_table,
    farthest_table,
    goals_table,
    with_error,
)
from transferz.uncertainty.intervals import conditional_coverage, relative_width, score_intervals
from transferz.uncertainty.pages import fill, redshift_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def by_judge(rows: pd.DataFrame, dataset: str, truth: str | Path | None) -> dict[str, pd.DataFrame]:
    """Return the galaxies with each judge's redshifts as `z_true`; scores belong to the label."""
    redshifts = redshifts_by_judge(dataset, rows["object_id"], rows["z_true"], truth)
    scores = dict.fromkeys(("pit", "crps", "cde_loss", "region"), np.nan)
    return {
        judge: rows.assign(z_true=z, **scores if judge == "truth" else {})
        for judge, z in redshifts.items()
    }


def scores_table(metrics: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Return coverage, widths and scores as a table."""
    header = ["Strategy", "Test set", "Calibrated on", "Galaxies"]
    header += [f"{p}% {what}" for what in ("coverage", "width/(1+z)") for p in INTERVALS]
    header += ["PIT distance", "CRPS", "CDE loss"]
    rows = [
        [
            *(label(found[key], labels) for key in JUDGED_BY[:3]),
            thousands(found["n"]),
            *(with_error(found, p) for p in INTERVALS),
            *(fixed(found[f"width_{p}"], 3) for p in INTERVALS),
            fixed(found["pit_distance"], 3),
            fixed(found["crps"], 4),
            fixed(found["cde_loss"], 2),
        ]
        for _, found in metrics.iterrows()
    ]
    return markdown_table(header, rows, "lll" + "r" * 8)


def truth_table(metrics: pd.DataFrame, labels: Mapping[str, str]) -> str | None:
    """Return coverage of labels and of true redshifts, None where the truth is not known."""
    judges = {name: part.set_index(JUDGED_BY[:3]) for name, part in metrics.groupby("judged_by")}
    if "truth" not in judges:
        return None
    header = ["Strategy", "Test set", "Calibrated on"]
    header += [f"{p}% coverage of the {judge}" for p in INTERVALS for judge in ("label", "truth")]
    rows = [
        [label(key, labels) for key in keys]
        + [
            with_error(judges[judge].loc[keys], p)
            for p in INTERVALS
            for judge in ("label", "truth")
        ]
        for keys in judges["truth"].index
    ]
    return markdown_table(header, rows, "lll" + "r" * 4)


def requirement_tables(
    needs: Mapping[tuple[str, str], pd.DataFrame], labels: Mapping[str, str]
) -> dict[str, str]:
    """Return tables of the fractions to drop, and of the metrics with nothing dropped."""

    def dropped(table: pd.DataFrame, name: str) -> str:
        if f"drop_{name}" not in table.index:
            return "no limit"
        r = table.loc[f"drop_{name}"]
        value, low, high = (
            f"{100 * r[k]:.0f}%" if np.isfinite(r[k]) else "never" for k in ("value", "low", "high")
        )
        return f"{value}{'*' if r['fails_again'] else ''} [{low}, {high}]"

    def value(table: pd.DataFrame, name: str) -> str:
        shown = [fixed(table.loc[name, k], 4) for k in ("value", "low", "high")]
        return f"{shown[0]} [{shown[1]}, {shown[2]}]"

    names = {metric: METRICS[metric].label for metric in LIMITED}
    together = {name: ", ".join(names[m] for m in ms) for name, ms in TOGETHER.items()}
    tables = {}
    for kind, cell, columns in (("drops", dropped, names | together), ("values", value, names)):
        rows = [
            [*(label(key, labels) for key in keys), *(cell(table, name) for name in columns)]
            for keys, table in needs.items()
        ]
        align = "ll" + "r" * len(columns)
        tables[kind] = markdown_table(["Strategy", "Test set", *columns.values()], rows, align)
    return tables


def page(
    metrics: pd.DataFrame,
    cells: pd.DataFrame,
    needs: Mapping[tuple[str, str], pd.DataFrame],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    notes: Mapping[str, str],
) -> str:
    """Return the page; `notes` are its opening sentences by place of the template."""
    full = metrics[metrics["z_min"].isna()]
    by_label = full[full["judged_by"] == "label"]
    alike = by_label["dataset"] == by_label["calibrated_on"]
    truth = truth_table(full, labels)
    return fill(
        "calibration.md",
        **notes,
        home=scores_table(by_label[alike], labels),
        away=scores_table(by_label[~alike], labels),
        farthest=farthest_table(cells, labels),
        goals=goals_table(cells, labels),
        answers=answers_table(cells, labels),
        truth=fill("calibration_truth.md", table=truth) if truth else "",
        z_range=z_range,
        min_galaxies=MIN_GALAXIES,
        **requirement_tables(needs, labels),
    )


def main(
    scores: Sequence[str | Path],
    truth: str | Path | None,
    metrics: str | Path,
    cells: str | Path,
    requirements: str | Path,
    md: str | Path,
    *,
    strategies: Sequence[str],
    z_range: Sequence[float],
    limits: Mapping[str, float],
    faint_limit: float,
    labels: Mapping[str, str],
    redshifts: Mapping[str, str],
    survey: str,
) -> None:
    """Write the tables; `limits` are the requirements by kind, for true redshifts in `z_range`.

    `faint_limit` is the magnitude in the last band beyond which the faint end is.
    """
    found, in_cells, curves, needs = [], [], [], {}
    for strategy, path in zip(strategies, scores, strict=True):
        groups = read_parquet(path).groupby(JUDGED_BY[1:3])
        for dataset, calibrated_on in sorted(groups.groups, reverse=True):  # the target first
            rows = groups.get_group((dataset, calibrated_on))
            for judge, judged in by_judge(rows, dataset, truth).items():
                head = dict(zip(JUDGED_BY, (strategy, dataset, calibrated_on, judge), strict=True))
                chosen = judged[ZRange(*z_range).holds(judged["z_true"])]
                for (low, high), part in (((np.nan, np.nan), judged), (z_range, chosen)):
                    found.append(head | {"z_min": low, "z_max": high} | score_intervals(part))
                if dataset == calibrated_on:
                    part = conditional_coverage(judged, z_range, faint_limit)
                    in_cells.append(pd.DataFrame(head, part.index).join(part))
            if dataset == calibrated_on:
                dz = widest_last(rows["z_true"], rows["z_median"], relative_width(rows), z_range)
                head = pd.DataFrame({"strategy": strategy, "dataset": dataset}, [0])
                curves.append(head.merge(metrics_by_fraction(dz), how="cross"))
                needs[strategy, dataset] = fractions_to_drop(dz, limits)
    all_metrics, all_cells = pd.DataFrame(found), pd.concat(in_cells, ignore_index=True)
    write_csv(all_metrics, metrics)
    write_csv(all_cells, cells)
    write_csv(pd.concat(curves, ignore_index=True), requirements)
    notes = {"note": survey_note(survey), "redshifts": redshift_note(redshifts, labels)}
    write_text(page(all_metrics, all_cells, needs, z_range, labels, notes), md)
    alike = all_metrics["dataset"] == all_metrics["calibrated_on"]
    home = all_metrics[alike & (all_metrics["judged_by"] == "label") & all_metrics["z_min"].isna()]
    worst = max((home[f"coverage_{p}"] - p / 100.0).abs().max() for p in INTERVALS)
    logger.info("Coverage within %.1f points of nominal on both test sets", 100 * worst)


if __name__ == "__main__":
    run(main, snakemake)
