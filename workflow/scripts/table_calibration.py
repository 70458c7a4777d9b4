"""What the calibrated redshifts of every strategy are worth, and what meets the requirements.

Inputs
    scores : calibration/{strategy}/scores.parquet, all strategies
    truth : truth.parquet of the simulation; embedded survey only

Outputs
    metrics : one row per strategy, data set, sample of calibration, judge (label or truth) and
        range of the judge's redshift: coverage of both intervals with its standard error, their
        widths; by the label also PIT, CRPS, CDE loss
    cells : coverage by judge in ranges of the ensemble's redshift (z_ensemble), of magnitude, and
        of the judge's redshift (z_true)
    requirements : metrics in the range of the requirements, the galaxies with the widest
        intervals dropped, by dropped fraction
    md : the main numbers as a page
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.io import read_parquet, write_csv, write_text
from transferz.logs import job
from transferz.metrics import METRICS, relative_error
from transferz.plotting import label
from transferz.statistics import tail_percentiles
from transferz.tables import fixed, markdown_table, survey_note, thousands
from transferz.truth import JUDGED, true_redshifts
from transferz.uncertainty import pit_distance

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

INTERVALS = (68, 95)
COUNTED = ("coverage", "standard_error")
LIMITS = {"bias": "bias_median", "scatter": "scatter_mad", "outliers": "outlier_fraction"}
# Ends of ranges of the judge's redshift beyond that of the headline numbers.
HIGH_REDSHIFTS = (2.0, 3.0)
FRACTIONS = np.arange(0, 100) / 100.0
MIN_GALAXIES = 100
RESAMPLES = 200


def by_judge(rows: pd.DataFrame, dataset: str, truth: str | Path | None) -> dict[str, pd.DataFrame]:
    """Return the galaxies of a data set with the redshifts of each judge as `z_true`.

    PIT, CRPS and CDE loss belong to the label, and are NaN by the truth.
    """
    found = {"label": rows}
    if truth is not None and (dataset, "truth") in JUDGED:
        z = true_redshifts(truth, pd.Index(rows["object_id"]))
        found["truth"] = rows.assign(z_true=z, pit=np.nan, crps=np.nan, cde_loss=np.nan)
    return found


def inside(rows: pd.DataFrame, percent: int) -> np.ndarray:
    """Return whether the judge's redshift of each galaxy is in its interval, shape (n,)."""
    z = rows["z_true"].to_numpy()
    return (z >= rows[f"z_low{percent}"].to_numpy()) & (z <= rows[f"z_high{percent}"].to_numpy())


def summarise(rows: pd.DataFrame) -> dict[str, float]:
    """Return coverage, widths and scores of a sample of galaxies."""
    result: dict[str, float] = {"n": len(rows)}
    for percent in INTERVALS:
        held = inside(rows, percent)
        width = rows[f"z_high{percent}"] - rows[f"z_low{percent}"]
        result[f"coverage_{percent}"] = float(held.mean())
        nominal = percent / 100.0
        # Noise of the test sample and of the calibration, which counts over the whole data set.
        share = 1.0 / len(rows) + 1.0 / rows["n_calibration"].iloc[0]
        result[f"standard_error_{percent}"] = float(np.sqrt(nominal * (1 - nominal) * share))
        result[f"width_{percent}"] = float((width / (1.0 + rows["z_median"])).median())
    return result | {
        "pit_mean": float(rows["pit"].mean()),
        "pit_distance": pit_distance(rows["pit"].to_numpy(np.float64)),
        "crps": float(rows["crps"].mean()),
        "cde_loss": float(rows["cde_loss"].mean()),
        "out_of_distribution": float(rows["flag_out_of_distribution"].mean()),
    }


def quantile_bins(values: pd.Series, number: int) -> np.ndarray:
    """Return which of `number` equally populated bins each value is in."""
    edges = np.quantile(values, np.arange(1, number) / number)
    return np.searchsorted(edges, values.to_numpy(), side="right")


def cells_table(rows: pd.DataFrame, number: int = 5) -> pd.DataFrame:
    """Return coverage in bins of the ensemble's redshift and of magnitude, equally populated.

    The standard errors are those of calibrated intervals: from the galaxies of the bin, and from
    the same share of the galaxies that calibrated.
    """
    found = []
    for quantity in ("z_ensemble", "magnitude"):
        place = quantile_bins(rows[quantity], number)
        for k in range(number):
            part = rows[place == k]
            share = len(part) / len(rows)
            part = part.assign(n_calibration=rows["n_calibration"] * share)
            span = {"quantity": quantity, "low": part[quantity].min(), "high": part[quantity].max()}
            names = ["n", *(f"{kind}_{p}" for kind in COUNTED for p in INTERVALS)]
            found.append(span | {name: summarise(part)[name] for name in names})
    return pd.DataFrame(found)


def ranges_table(rows: pd.DataFrame, z_range: Sequence[float]) -> pd.DataFrame:
    """Return coverage in ranges of the judge's redshift, lower end included, upper end not."""
    beyond = (z for z in HIGH_REDSHIFTS if z > z_range[1])
    edges = [*sorted({0.0, *z_range, *beyond}), np.inf]
    found = []
    for low, high in pairwise(edges):
        part = rows[(rows["z_true"] >= low) & (rows["z_true"] < high)]
        span = {"quantity": "z_true", "low": low, "high": high, "n": len(part)}
        held = {f"coverage_{p}": inside(part, p) for p in INTERVALS}
        found.append(span | {name: h.mean() if len(h) else np.nan for name, h in held.items()})
    return pd.DataFrame(found)


def point_metrics(dz: np.ndarray) -> dict[str, float]:
    """Return the metrics that the requirements limit, and the RMS."""
    median = np.median(dz)
    return {
        "bias_median": float(median),
        "scatter_mad": float(1.4826 * np.median(np.abs(dz - median))),
        "rms": float(np.sqrt(np.mean(dz**2))),
        "outlier_fraction": float(np.mean(np.abs(dz) > 0.15)),
    }


def requirements_table(rows: pd.DataFrame, z_range: Sequence[float]) -> pd.DataFrame:
    """Return metrics against the fraction dropped, widest relative 68% intervals first.

    The order is by what is known of a galaxy without its spectrum; the fraction is of the galaxies
    in the range of true redshift in which the requirements are stated.
    """
    chosen = rows[(rows["z_true"] >= z_range[0]) & (rows["z_true"] <= z_range[1])]
    width = (chosen["z_high68"] - chosen["z_low68"]) / (1.0 + chosen["z_median"])
    order = np.argsort(width.to_numpy(), kind="stable")
    dz = relative_error(chosen["z_true"], chosen["z_median"])[order]
    found = []
    for fraction in FRACTIONS:
        kept = dz[: round(len(dz) * (1.0 - fraction))]
        if len(kept) >= MIN_GALAXIES:
            found.append({"dropped": fraction, "n": len(kept)} | point_metrics(kept))
    return pd.DataFrame(found)


def intervals(rows: pd.DataFrame, z_range: Sequence[float]) -> dict[str, tuple[float, float]]:
    """Return 95% intervals of the metrics with nothing dropped, over resampled galaxies."""
    chosen = rows[(rows["z_true"] >= z_range[0]) & (rows["z_true"] <= z_range[1])]
    dz = relative_error(chosen["z_true"], chosen["z_median"])
    generator = np.random.default_rng([RESAMPLES, len(dz)])
    draws = [point_metrics(generator.choice(dz, len(dz))) for _ in range(RESAMPLES)]
    table = pd.DataFrame(draws)
    return {
        name: tuple(map(float, np.percentile(table[name], tail_percentiles()))) for name in table
    }


def needed(curve: pd.DataFrame, requirements: Mapping[str, float]) -> dict[str, float]:
    """Return the smallest fraction to drop for each requirement, and for all at once; NaN: none."""
    meets = pd.DataFrame(
        {
            kind: curve[metric].abs() < requirements[kind]
            for kind, metric in LIMITS.items()
            if requirements.get(kind) is not None
        }
    )
    meets["all"] = meets.all(axis=1)
    return {
        kind: float(curve["dropped"][column].min()) if column.any() else float("nan")
        for kind, column in meets.items()
    }


def coverage(found: pd.Series, percent: int) -> str:
    """Return the coverage of an interval with its standard error, in percent."""
    share, error = found[f"coverage_{percent}"], found[f"standard_error_{percent}"]
    return f"{fixed(100 * share, 1)} ± {fixed(100 * error, 1)}"


def truth_section(full: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    """Return the section on label and truth, none where the truth is not known."""
    keys = ["strategy", "dataset", "calibrated_on"]
    known = full[full["judged_by"] == "truth"]
    rows = []
    for _, by_truth in known.iterrows():
        same = (full[keys] == by_truth[keys]).all(axis=1) & (full["judged_by"] == "label")
        by_label = full[same].iloc[0]
        rows.append(
            [label(by_truth[key], labels) for key in keys]
            + [coverage(judge, p) for p in INTERVALS for judge in (by_label, by_truth)]
        )
    if not rows:
        return []
    header = ["Strategy", "Test set", "Calibrated on"]
    header += [f"{p}% coverage of the {judge}" for p in INTERVALS for judge in ("label", "truth")]
    return [
        "## Label and truth",
        "The same intervals and galaxies, judged by the label and by the true redshift behind it, "
        "which only a simulation knows.",
        markdown_table(header, rows, "lll" + "r" * 4),
    ]


def conditional_sections(cells: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    """Return the sections on coverage given the prediction, and given the answer."""
    by_prediction = cells[(cells["quantity"] != "z_true") & (cells["judged_by"] == "label")]
    names = {"z_ensemble": "predicted redshift", "magnitude": "magnitude"}
    farthest = []
    for (strategy, dataset), part in by_prediction.groupby(["strategy", "dataset"], sort=False):
        worst = part.loc[(part["coverage_68"] - 0.68).abs().idxmax()]
        farthest.append(
            [
                label(strategy, labels),
                label(dataset, labels),
                names[worst["quantity"]],
                f"{fixed(worst['low'], 2)} to {fixed(worst['high'], 2)}",
                thousands(worst["n"]),
                *(coverage(worst, p) for p in INTERVALS),
            ]
        )
    by_answer = cells[cells["quantity"] == "z_true"]
    spans = list(by_answer[["low", "high"]].drop_duplicates().itertuples(index=False))
    header = [f"{low:g} <= z < {high:g}" for low, high in spans[:-1]] + [f"z >= {spans[-1].low:g}"]
    keys = ["strategy", "dataset", "judged_by"]
    answers = [
        [label(key, labels) for key in group]
        + [
            f"{fixed(100 * r.coverage_68, 1)}% of {thousands(r.n)}" if r.n else "-"
            for r in part.itertuples()
        ]
        for group, part in by_answer.groupby(keys, sort=False)
    ]
    return [
        "## Given the prediction",
        "The intervals are calibrated in cells of the ensemble's predicted redshift and of "
        "magnitude. Of the fifths of either quantity, the one whose 68% coverage is farthest from "
        "nominal; by chance alone the farthest of ten is about two standard errors away. All: "
        "`calibration/cells.csv`.",
        markdown_table(
            ["Strategy", "Test set", "Fifth of", "Range", "Galaxies"]
            + [f"{p}% coverage" for p in INTERVALS],
            farthest,
            "llllrrr",
        ),
        "## Given the answer",
        "Share of the redshifts inside their 68% intervals, in ranges of the label or of the "
        "true redshift itself. Intervals are calibrated given the prediction: a cut on the answer "
        "is not expected to give the nominal share. Where few galaxies have such a redshift, the "
        "networks place them elsewhere and the intervals miss them. The 95% intervals: "
        "`calibration/cells.csv`.",
        markdown_table(
            ["Strategy", "Test set", "Judged by", *header], answers, "lll" + "r" * len(spans)
        ),
    ]


def page(
    metrics: pd.DataFrame,
    cells: pd.DataFrame,
    needs: pd.DataFrame,
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> str:
    """Return the page."""
    full = metrics[metrics["z_min"].isna()]
    by_label = full[full["judged_by"] == "label"]
    home = by_label[by_label["dataset"] == by_label["calibrated_on"]]
    away = by_label[by_label["dataset"] != by_label["calibrated_on"]]

    def row(found: pd.Series) -> list[str]:
        return [
            label(found["strategy"], labels),
            label(found["dataset"], labels),
            label(found["calibrated_on"], labels),
            thousands(found["n"]),
            *(coverage(found, p) for p in INTERVALS),
            *(fixed(found[f"width_{p}"], 3) for p in INTERVALS),
            fixed(found["pit_distance"], 3),
            fixed(found["crps"], 4),
            fixed(found["cde_loss"], 2),
        ]

    header = [
        "Strategy",
        "Test set",
        "Calibrated on",
        "Galaxies",
        "68% coverage",
        "95% coverage",
        "68% width/(1+z)",
        "95% width/(1+z)",
        "PIT distance",
        "CRPS",
        "CDE loss",
    ]
    align = "lll" + "r" * 8
    percent = [
        [label(r.strategy, labels), label(r.dataset, labels)]
        + [
            "never" if np.isnan(value) else f"{100 * value:.0f}%"
            for value in (r.bias, r.scatter, r.outliers, r.all)
        ]
        + [
            f"{fixed(getattr(r, m), 4)} [{fixed(getattr(r, f'{m}_low'), 4)}, "
            f"{fixed(getattr(r, f'{m}_high'), 4)}]"
            for m in ("bias_median", "scatter_mad", "outlier_fraction")
        ]
        for r in needs.itertuples()
    ]
    parts = [
        "# Calibrated uncertainty",
        survey_note(survey),
        "Ensembles of all seeds; split conformal intervals on test galaxies that neither trained "
        "nor calibrated anything. Coverage: share of the data set's own redshifts inside, with its "
        "standard error from the sizes of both samples. PIT distance: Kolmogorov-Smirnov, from "
        "uniform. CRPS in redshift.",
        f"The redshifts of {label('galaxiesml', labels)} are spectroscopic, those of "
        f"{label('transferz', labels)} photometric labels. Intervals calibrated on the latter "
        "(`calibrated_on: transferz`) are intervals for such a label, not for the truth.",
        "## Like calibrates like",
        markdown_table(header, [row(found) for _, found in home.iterrows()], align),
        "## Calibrated on the other data set: what happens when the galaxies are not alike",
        markdown_table(header, [row(found) for _, found in away.iterrows()], align),
        *conditional_sections(cells, labels),
        *truth_section(full, labels),
        f"## Requirements in {z_range[0]:g} <= z <= {z_range[1]:g}: which fraction must be dropped",
        "Dropped first: the widest 68% intervals over 1 + z. Metrics: nothing dropped, with 95% "
        "intervals over resampled galaxies.",
        markdown_table(
            ["Strategy", "Test set", "for bias", "for scatter", "for outliers", "for all"]
            + [METRICS[m].label for m in ("bias_median", "scatter_mad", "outlier_fraction")],
            percent,
            "ll" + "r" * 7,
        ),
    ]
    return "\n\n".join(parts)


def main(
    scores: str | Path | Sequence[str | Path],
    truth: str | Path | None,
    metrics: str | Path,
    cells: str | Path,
    requirements: str | Path,
    md: str | Path,
    *,
    strategies: Sequence[str],
    z_range: Sequence[float],
    limits: Mapping[str, float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the tables.

    Parameters
    ----------
    scores : sequence of path-like
        One file per strategy, in their order.
    truth : path-like or None
        None: it is not known.
    metrics, cells, requirements, md : path-like
        Outputs.
    strategies : sequence of str
    z_range : pair of float
        Range of true redshift of the requirements.
    limits : mapping
        Requirements by kind: bias, scatter, outliers.
    labels : mapping
    survey : str
    """
    paths = [scores] if isinstance(scores, str | Path) else list(scores)
    found, in_cells, curves, needs = [], [], [], []
    for strategy, path in zip(strategies, paths, strict=True):
        table = read_parquet(path)
        for (dataset, calibrated_on), rows in table.groupby(["dataset", "calibrated_on"]):
            key = {"strategy": strategy, "dataset": dataset, "calibrated_on": calibrated_on}
            for judge, judged in by_judge(rows, dataset, truth).items():
                chosen = judged[judged["z_true"].between(*z_range)]
                head = key | {"judged_by": judge}
                for edges, part in (((np.nan, np.nan), judged), (z_range, chosen)):
                    span = dict(zip(("z_min", "z_max"), edges, strict=True))
                    found.append(head | span | summarise(part))
                if dataset == calibrated_on:
                    in_cells += [
                        part.assign(**head)
                        for part in (cells_table(judged), ranges_table(judged, z_range))
                    ]
            if dataset != calibrated_on:
                continue
            curve = requirements_table(rows, z_range)
            curves.append(curve.assign(strategy=strategy, dataset=dataset))
            spans = intervals(rows, z_range)
            needs.append(
                {"strategy": strategy, "dataset": dataset}
                | dict.fromkeys(LIMITS, np.nan)
                | needed(curve, limits)
                | {name: curve[name].iloc[0] for name in spans}
                | {f"{name}_low": span[0] for name, span in spans.items()}
                | {f"{name}_high": span[1] for name, span in spans.items()}
            )
    all_metrics = pd.DataFrame(found)
    front = ["strategy", "dataset", "calibrated_on", "judged_by"]
    cell_table = pd.concat(in_cells, ignore_index=True)
    write_csv(all_metrics, metrics)
    write_csv(cell_table[front + [c for c in cell_table if c not in front]], cells)
    curve_table = pd.concat(curves, ignore_index=True)
    write_csv(curve_table[["strategy", "dataset", *curves[0].columns[:-2]]], requirements)
    write_text(page(all_metrics, cell_table, pd.DataFrame(needs), z_range, labels, survey), md)
    home = all_metrics[all_metrics["dataset"] == all_metrics["calibrated_on"]]
    home = home[home["z_min"].isna() & (home["judged_by"] == "label")]
    worst = max((home[f"coverage_{p}"] - p / 100.0).abs().max() for p in INTERVALS)
    logger.info("Coverage within %.1f points of nominal on both test sets", 100 * worst)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.scores,
            snakemake.input.get("truth") or None,
            snakemake.output.metrics,
            snakemake.output.cells,
            snakemake.output.requirements,
            snakemake.output.md,
            strategies=snakemake.params.strategies,
            z_range=snakemake.params.z_range,
            limits=snakemake.params.requirements,
            labels=snakemake.params.labels,
            survey=snakemake.params.survey,
        )
