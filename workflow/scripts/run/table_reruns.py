"""What a second run would say: with other arithmetic, and with other seeds.

Inputs
    claims, resampled : claims.csv and metrics/resampled.parquet of this run
    claims_avx2, resampled_avx2 : those of `rerun_avx2`
    per_seed : metrics/per_seed.csv
    predictions : predictions/{strategy}/seeds-{first}-{last}.parquet, all strategies and chunks
    published : config/claims.yaml

Outputs
    intervals : a row per 95% interval of the claims and of the means of Table 1: value, low, high,
        the other run's value, whether it is inside, and its distance in widths of that side
    verdicts : a row per claim and window: verdicts by the first and by the second half of the seeds
    md : both in words
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_csv, write_csv, write_text
from transferz.evaluation.bins import Ranges
from transferz.evaluation.claims import CSV_COLUMNS, claims_table, judge, read_claims
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import CONFIDENCE, read_per_seed
from transferz.evaluation.resampling import Draws, estimate, resample, resampled_table
from transferz.report.tables import markdown_table, significant, survey_note
from transferz.run.benchmarking import machine

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

KEYS = ["claim", "z_min", "z_max"]


def intervals_of_claims(claims: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return the intervals of the claims with the values of another run."""
    table = claims.merge(other[[*KEYS, "measured"]], on=KEYS, suffixes=("", "_other"))
    table = table.rename(columns={"measured": "value", "measured_other": "other"})
    return table.assign(product="claims", what=table["claim"])


def intervals_of_means(
    draws: Draws, other: Draws, strategies: Sequence[str], z_range: Sequence[float]
) -> pd.DataFrame:
    """Return the intervals of the means in Table 1 with the values of another run."""
    rows = []
    for dataset in ("target", "source"):
        for strategy in strategies:
            for metric in METRICS:
                key = (metric, strategy, dataset, z_range)
                mean = estimate(np.asarray, draws.of(*key))
                row = {"product": "table1", "what": f"{strategy}, {dataset}, {metric}"}
                row |= {"z_min": z_range[0], "z_max": z_range[1], "value": mean.value}
                row |= {"low": mean.low, "high": mean.high, "other": other.of(*key)[0]}
                rows.append(row)
    return pd.DataFrame(rows)


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Add whether the other value is inside, and its distance in widths of that side."""
    step = table["other"] - table["value"]
    side = np.where(step < 0, table["value"] - table["low"], table["high"] - table["value"])
    distance = np.where(step == 0, 0.0, step.abs() / np.where(side > 0, side, np.nan))
    inside = (table["low"] <= table["other"]) & (table["other"] <= table["high"])
    columns = ["product", "what", "z_min", "z_max", "value", "low", "high", "other"]
    return table[columns].assign(inside=inside, distance=distance)


def verdicts_by_half(
    claims: pd.DataFrame,
    published: str | Path,
    per_seed: pd.DataFrame,
    predictions: Sequence[str | Path],
    *,
    strategies: Sequence[str],
    ranges: Ranges,
) -> pd.DataFrame:
    """Return the verdicts by each half of the chunks of seeds beside those by all seeds."""
    chunks = sorted({Path(path).name for path in predictions})
    if len(chunks) < 2:
        raise InputError(
            "one chunk of seeds has no halves", found=chunks[0], fix="lower seeds.per_job"
        )
    table = claims[[*KEYS, "verdict"]]
    middle = (len(chunks) + 1) // 2
    for name, half in (("first", chunks[:middle]), ("second", chunks[middle:])):
        paths = [path for path in predictions if Path(path).name in half]
        with threadpool_limits(limits=1):
            draws = resampled_table(resample(paths, ranges, None))
        first, last = int(half[0].split("-")[1]), int(Path(half[-1]).stem.split("-")[2])
        seeds = per_seed[per_seed["seed"].between(first, last)]
        options = {"strategies": strategies, "windows": ranges.windows}
        judged, _ = judge(read_claims(published), seeds, Draws(draws), **options)
        found = claims_table(judged, {}, "")[[*KEYS, "measured", "low", "high", "verdict"]]
        found = found.rename(columns=lambda key, n=name: key if key in KEYS else f"{key}_{n}")
        table = table.merge(found.assign(**{f"seeds_{name}": f"{first} to {last}"}), on=KEYS)
    one, other = table["verdict_first"], table["verdict_second"]
    undecided = (one == "undecided") | (other == "undecided")
    return table.assign(agrees=undecided | (one == other))


def page(intervals: pd.DataFrame, verdicts: pd.DataFrame, n_seeds: int, survey: str) -> str:
    """Return both tables in words, with the lines that disagree."""
    parts = ["# What a second run would say", survey_note(survey)]
    about = "; ".join(f"{key}: {value}" for key, value in machine().items())
    parts.append(
        f"{n_seeds} seeds per strategy. This run: {about}. The other one ran on the same machine "
        "without AVX-512, so that its sums are rounded otherwise and its networks are others."
    )
    counts = intervals.groupby("product", sort=False)["inside"].agg(["sum", "size"])
    counts.loc["together"] = counts.sum()
    share = counts.loc["together", "sum"] / counts.loc["together", "size"]
    widened = np.nanpercentile(intervals["distance"], 100 * CONFIDENCE)
    needed = "" if share >= CONFIDENCE else ", by which an interval has to be widened"
    rows = [
        [name, str(row["sum"]), str(row["size"]), f"{row['sum'] / row['size']:.1%}"]
        for name, row in counts.iterrows()
    ]
    parts.append("## Other arithmetic: 95% intervals that contain the other run's value")
    parts.append(markdown_table(["Intervals", "Contain it", "Of", "Share"], rows, "lrrr"))
    parts.append(
        f"{CONFIDENCE:.0%} of the values lie within {widened:.2f} of the distance from the value "
        f"to the end of its interval{needed}. Those outside:"
    )
    rows = [
        [row.what, f"{row.z_min:g} to {row.z_max:g}"]
        + [significant(value) for value in (row.value, row.low, row.high, row.other)]
        for row in intervals[~intervals["inside"]].itertuples()
    ]
    header = ["What", "z", "Value", "Low", "High", "Other run"]
    parts.append(markdown_table(header, rows, "llrrrr") if rows else "None.")
    parts.append("## Other seeds: verdicts by each half of the seeds")
    seeds = [verdicts[f"seeds_{name}"].iloc[0] for name in ("first", "second")]
    parts.append(
        f"Seeds {' and '.join(seeds)}. {verdicts['agrees'].sum()} of {len(verdicts)} verdicts "
        "agree or are undecided for a half."
    )
    rows = [
        [
            *(row.claim, f"{row.z_min:g} to {row.z_max:g}", row.verdict_first),
            *(row.verdict_second, row.verdict, "" if row.agrees else "**no**"),
        ]
        for row in verdicts.itertuples()
    ]
    header = ["Claim", "z", *(f"Seeds {each}" for each in seeds), "All seeds", "Agree"]
    parts.append(markdown_table(header, rows, "llllll"))
    return "\n\n".join(parts)


def main(
    claims: str | Path,
    resampled: str | Path,
    claims_avx2: str | Path,
    resampled_avx2: str | Path,
    per_seed: str | Path,
    predictions: Sequence[str | Path],
    published: str | Path,
    intervals: str | Path,
    verdicts: str | Path,
    md: str | Path,
    *,
    strategies: Sequence[str],
    ranges: Mapping[str, object],
    survey: str,
) -> None:
    """Write the comparison; see the head of this file.

    Parameters
    ----------
    ranges : mapping
        Arguments of `transferz.evaluation.bins.Ranges`.
    """
    own, other = (
        read_csv(path, CSV_COLUMNS, rule="judge_claims") for path in (claims, claims_avx2)
    )
    means = intervals_of_means(
        Draws(resampled), Draws(resampled_avx2), strategies, ranges["z_range"]
    )
    table = compared(pd.concat([intervals_of_claims(own, other), means], ignore_index=True))
    metrics = read_per_seed(per_seed)
    by_half = verdicts_by_half(
        own, published, metrics, predictions, strategies=strategies, ranges=Ranges(**ranges)
    )
    write_csv(table, intervals)
    write_csv(by_half, verdicts)
    write_text(page(table, by_half, metrics["seed"].nunique(), survey), md)
    logger.info("%d of %d intervals contain the other value", table["inside"].sum(), len(table))


if __name__ == "__main__":
    run(main, snakemake)
