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

from transferz.core.logs import job
from transferz.core.products import read_parquet, write_csv, write_text
from transferz.evaluation.judges import redshifts_by_judge
from transferz.evaluation.metrics import METRICS, relative_error
from transferz.evaluation.over_seeds import tail_percentiles
from transferz.report.figures import label
from transferz.report.tables import fixed, markdown_table, survey_note, thousands
from transferz.uncertainty.scores import pit_distance

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

INTERVALS = (68, 95)
COUNTED = ("coverage", "standard_error")
LIMITED = ("bias_median", "scatter_mad", "rms", "outlier_fraction")
# The limit on scatter is one on sigma_MAD or on the RMS: both are held against it.
TOGETHER = {
    f"all_{name}": ("bias_median", name, "outlier_fraction") for name in ("scatter_mad", "rms")
}
# Ends of ranges of the judge's redshift beyond that of the headline numbers.
HIGH_REDSHIFTS = (2.0, 3.0)
FRACTIONS = np.arange(0, 100) / 100.0
MIN_GALAXIES = 100
RESAMPLES = 200


def by_judge(rows: pd.DataFrame, dataset: str, truth: str | Path | None) -> dict[str, pd.DataFrame]:
    """Return the galaxies of a data set with the redshifts of each judge as `z_true`.

    PIT, CRPS and CDE loss belong to the label, and are NaN by the truth.
    """
    redshifts = redshifts_by_judge(dataset, rows["object_id"], rows["z_true"], truth)
    scores = dict.fromkeys(("pit", "crps", "cde_loss"), np.nan)
    return {
        judge: rows.assign(z_true=z, **scores if judge == "truth" else {})
        for judge, z in redshifts.items()
    }


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
            summary = summarise(part)
            found.append(span | {name: summary[name] for name in names})
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


def widest_last(rows: pd.DataFrame, z_range: Sequence[float]) -> np.ndarray:
    """Return relative errors of the galaxies in the range, by width of their 68% interval.

    The width is over 1 + z. The order is by what is known of a galaxy without its spectrum.
    """
    chosen = rows[(rows["z_true"] >= z_range[0]) & (rows["z_true"] <= z_range[1])]
    width = (chosen["z_high68"] - chosen["z_low68"]) / (1.0 + chosen["z_median"])
    order = np.argsort(width.to_numpy(), kind="stable")
    return relative_error(chosen["z_true"], chosen["z_median"])[order]


def requirements_table(dz: np.ndarray) -> pd.DataFrame:
    """Return metrics against the fraction dropped, the last ones of `widest_last` first."""
    found = []
    for fraction in FRACTIONS:
        kept = dz[: round(len(dz) * (1.0 - fraction))]
        if fraction == 0.0 or len(kept) >= MIN_GALAXIES:
            found.append({"dropped": fraction, "n": len(kept)} | point_metrics(kept))
    return pd.DataFrame(found, columns=["dropped", "n", *LIMITED])


def met(curve: pd.DataFrame, requirements: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return at which fractions each metric meets its requirement, and those of `TOGETHER` do.

    Metrics without a requirement are left out.
    """
    limits = {metric: requirements.get(METRICS[metric].requirement) for metric in LIMITED}
    held = {
        metric: (curve[metric].abs() < limit).to_numpy()
        for metric, limit in limits.items()
        if limit is not None
    }
    for name, metrics in TOGETHER.items():
        parts = [held[metric] for metric in metrics if metric in held]
        if parts:
            held[name] = np.all(parts, axis=0)
    return held


def smallest(curve: pd.DataFrame, held: np.ndarray) -> float:
    """Return the smallest fraction dropped at which a requirement is met; infinite: none."""
    return float(curve["dropped"][held].min()) if held.any() else np.inf


def needs_table(dz: np.ndarray, requirements: Mapping[str, float]) -> pd.DataFrame:
    """Return metrics with nothing dropped, and fractions to drop, with 95% intervals.

    The intervals are over resampled galaxies.

    Parameters
    ----------
    dz : numpy.ndarray, shape (n,)
        Of `widest_last`.
    requirements : mapping

    Returns
    -------
    pandas.DataFrame
        Index: metrics, and `drop_` before the keys of `met`. Columns: value, low, high, and
        `fails_again` (whether the requirement is missed with still more dropped). A fraction is
        infinite if the requirement is never met.
    """

    def quantities(curve: pd.DataFrame) -> dict[str, float]:
        fractions = {f"drop_{k}": smallest(curve, h) for k, h in met(curve, requirements).items()}
        return {metric: curve[metric].iloc[0] for metric in LIMITED} | fractions

    curve = requirements_table(dz)
    generator = np.random.default_rng([RESAMPLES, len(dz)])
    draws = []
    for _ in range(RESAMPLES):
        # Sorted, the draws are by width again.
        drawn = np.sort(generator.integers(0, len(dz), len(dz)))
        draws.append(quantities(requirements_table(dz[drawn])))
    ordered = pd.DataFrame(draws).apply(np.sort)
    # No interpolation between draws: a fraction may be infinite.
    places = [round(p / 100 * (RESAMPLES - 1)) for p in tail_percentiles()]
    table = pd.DataFrame({"value": quantities(curve)})
    table["low"], table["high"] = (ordered.iloc[place] for place in places)
    again = {k: h.any() and not h[h.argmax() :].all() for k, h in met(curve, requirements).items()}
    table["fails_again"] = [again.get(name.removeprefix("drop_"), False) for name in table.index]
    return table


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
        "networks tend to place them elsewhere and the intervals miss them. The 95% intervals: "
        "`calibration/cells.csv`.",
        markdown_table(
            ["Strategy", "Test set", "Judged by", *header], answers, "lll" + "r" * len(spans)
        ),
    ]


def requirements_section(
    needs: Mapping[tuple[str, str], pd.DataFrame],
    z_range: Sequence[float],
    labels: Mapping[str, str],
) -> list[str]:
    """Return the section on what must be dropped to meet the requirements."""

    def percent(fraction: float) -> str:
        return f"{100 * fraction:.0f}%" if np.isfinite(fraction) else "never"

    def dropped(table: pd.DataFrame, name: str) -> str:
        if f"drop_{name}" not in table.index:
            return "no limit"
        r = table.loc[f"drop_{name}"]
        star = "*" if r["fails_again"] else ""
        return f"{percent(r['value'])}{star} [{percent(r['low'])}, {percent(r['high'])}]"

    def value(table: pd.DataFrame, name: str) -> str:
        return "{} [{}, {}]".format(
            *(fixed(table.loc[name, k], 4) for k in ("value", "low", "high"))
        )

    names = [METRICS[metric].label for metric in LIMITED]
    together = [", ".join(METRICS[m].label for m in metrics) for metrics in TOGETHER.values()]
    rows = {
        (label(strategy, labels), label(dataset, labels)): table
        for (strategy, dataset), table in needs.items()
    }
    drops = [
        [*key, *(dropped(t, name) for name in (*LIMITED, *TOGETHER))] for key, t in rows.items()
    ]
    values = [[*key, *(value(table, metric) for metric in LIMITED)] for key, table in rows.items()]
    return [
        f"## Requirements in {z_range[0]:g} <= z <= {z_range[1]:g}: which fraction must be dropped",
        "Dropped first: the widest 68% intervals over 1 + z. The smallest fraction at which the "
        "requirement is met, with its 95% interval over resampled galaxies; it is not a threshold "
        "beyond which the requirement is always met: *, with still more dropped it fails again. "
        "Never: at no fraction that leaves "
        f"{MIN_GALAXIES} galaxies. The limit on scatter is one on Scatter or RMS; each is held "
        "against it.",
        markdown_table(
            ["Strategy", "Test set", *names, *together],
            drops,
            "ll" + "r" * (len(LIMITED) + len(TOGETHER)),
        ),
        "With nothing dropped:",
        markdown_table(["Strategy", "Test set", *names], values, "ll" + "r" * len(LIMITED)),
    ]


def page(
    metrics: pd.DataFrame,
    cells: pd.DataFrame,
    needs: Mapping[tuple[str, str], pd.DataFrame],
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
    parts = [
        "# Calibrated uncertainty",
        survey_note(survey),
        "Ensembles of all seeds; split conformal intervals on test galaxies that neither trained "
        "nor calibrated anything. Coverage: share of the data set's own redshifts inside, with its "
        "standard error from the sizes of both samples. PIT distance: Kolmogorov-Smirnov, from "
        "uniform. CRPS in redshift.",
        f"The redshifts of {label('target', labels)} are spectroscopic, those of "
        f"{label('source', labels)} photometric labels. Intervals calibrated on the latter "
        "(`calibrated_on: source`) are intervals for such a label, not for the truth.",
        "## Like calibrates like",
        markdown_table(header, [row(found) for _, found in home.iterrows()], align),
        "## Calibrated on the other data set: what happens when the galaxies are not alike",
        markdown_table(header, [row(found) for _, found in away.iterrows()], align),
        *conditional_sections(cells, labels),
        *truth_section(full, labels),
        *requirements_section(needs, z_range, labels),
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
    found, in_cells, curves, needs = [], [], [], {}
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
            dz = widest_last(rows, z_range)
            curves.append(requirements_table(dz).assign(strategy=strategy, dataset=dataset))
            needs[strategy, dataset] = needs_table(dz, limits)
    all_metrics = pd.DataFrame(found)
    front = ["strategy", "dataset", "calibrated_on", "judged_by"]
    cell_table = pd.concat(in_cells, ignore_index=True)
    write_csv(all_metrics, metrics)
    write_csv(cell_table[front + [c for c in cell_table if c not in front]], cells)
    curve_table = pd.concat(curves, ignore_index=True)
    write_csv(curve_table[["strategy", "dataset", *curves[0].columns[:-2]]], requirements)
    write_text(page(all_metrics, cell_table, needs, z_range, labels, survey), md)
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
