"""Statistics over seeds: means, spreads, 95% intervals, and comparisons paired by seed.

The seed decides the order of the training rows and the initial weights (or which network is
refined). Seed k of one strategy is therefore compared with seed k of another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from transferz.core.errors import InputError
from transferz.evaluation.metrics import KEYS, METRICS

CONFIDENCE = 0.95
# Bootstrap samples of the seeds: the Monte Carlo error of an interval is 2% of its width.
RESAMPLES = 10_000
# Key of the bootstrap's random generator; any fixed number would do.
BOOTSTRAP_SEED = 95
# Where more galaxies than this are outliers, a median describes outliers.
MOST = 0.5


@dataclass(frozen=True)
class Summary:
    """Distribution of a quantity over seeds.

    Attributes
    ----------
    n : int
        Number of seeds.
    mean : float
    spread : float
        Standard deviation with n - 1 degrees of freedom; NaN for one seed.
    low, high : float
        Central 95% of the seeds: 2.5th and 97.5th percentiles, linear interpolation.
    """

    n: int
    mean: float
    spread: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A number derived from all seeds, and its 95% interval (NaN for one seed)."""

    value: float
    low: float
    high: float


def summarise(values: Sequence[float]) -> Summary:
    """Return mean, spread and central 95% of values, one per seed, shape (n_seeds,)."""
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        raise InputError("no seed to summarise", found="an empty sample")
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    low, high = np.percentile(values, tail_percentiles())
    return Summary(len(values), float(values.mean()), spread, float(low), float(high))


def tail_percentiles() -> tuple[float, float]:
    """Return the percentiles that enclose the central 95%."""
    tail = 50.0 * (1.0 - CONFIDENCE)
    return tail, 100.0 - tail


def read_per_seed(path: str | Path) -> pd.DataFrame:
    """Read metrics/per_seed.csv.

    Raises
    ------
    InputError
        If the file is missing, empty or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("file not found", file=path, fix="run the rule evaluate")
    table = pd.read_csv(path)
    missing = [name for name in [*KEYS, "n", *METRICS] if name not in table]
    if missing or table.empty:
        raise InputError(
            "not a table of metrics",
            file=path,
            key=", ".join(missing) or None,
            found=f"{len(table)} rows, columns {', '.join(table)}",
            expected="one row per strategy, seed, data set and range",
            fix="run the rule evaluate again",
        )
    return table


def seed_values(
    per_seed: pd.DataFrame, metric: str, strategy: str, dataset: str, z_range: Sequence[float]
) -> pd.Series:
    """Return a metric of every seed, indexed by seed in ascending order.

    Raises
    ------
    InputError
        If the metric, or the combination of strategy, data set and range, is not in the table.
    """
    if metric != "n" and metric not in METRICS:
        raise InputError("unknown metric", key=metric, expected=", ".join(METRICS))
    rows = per_seed[
        (per_seed["strategy"] == strategy)
        & (per_seed["dataset"] == dataset)
        & np.isclose(per_seed["z_min"], z_range[0])
        & np.isclose(per_seed["z_max"], z_range[1])
    ]
    values = rows.set_index("seed")[metric].sort_index()
    if values.empty or values.index.has_duplicates:
        raise InputError(
            "metrics of a strategy are missing or come twice",
            file="metrics/per_seed.csv",
            key=f"{strategy}, {dataset}, z {z_range[0]:g} to {z_range[1]:g}",
            found=f"{len(values)} rows, {values.index.nunique()} seeds",
            expected="one row per seed",
            fix="check the strategy's name and evaluation.z_range; run the rule evaluate again",
        )
    return values


def paired(first: pd.Series, second: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of both for the same seeds, in ascending order of seed.

    Raises
    ------
    InputError
        If one has a seed that the other lacks.
    """
    if not first.index.equals(second.index):
        lacking = sorted(set(first.index) ^ set(second.index))
        raise InputError(
            "two strategies cannot be compared seed by seed",
            file="metrics/per_seed.csv",
            key="seed",
            found=f"seeds of one only: {', '.join(map(str, lacking[:5]))}",
            expected="the same seeds for both",
        )
    return first.to_numpy(np.float64), second.to_numpy(np.float64)


@functools.cache
def bootstrap_weights(n: int) -> np.ndarray:
    """Return the weight of each of n seeds in each bootstrap sample, shape (`RESAMPLES`, n).

    How often it is drawn, over n; then the distance from 1 / n is stretched by
    sqrt(n / (n - 1)) t / z, with the 97.5th percentiles of Student's t (n - 1 degrees of freedom)
    and of the normal distribution. So the interval of a mean is as wide as Student's, and few seeds
    cover what they claim (an expanded percentile interval: Hesterberg 2015, Am. Stat. 69, 371,
    section 4.3). Weights sum to 1; of few seeds some are negative. The same for every quantity,
    which keeps pairs of seeds together.
    """
    generator = np.random.default_rng([BOOTSTRAP_SEED, n])
    drawn = generator.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES) / n
    tail = 0.5 * (1.0 + CONFIDENCE)
    stretch = np.sqrt(n / (n - 1)) * stats.t.ppf(tail, n - 1) / stats.norm.ppf(tail)
    return 1.0 / n + stretch * (drawn - 1.0 / n)


def bootstrap(quantity: Callable[..., np.ndarray], *samples: np.ndarray) -> Estimate:
    """Return a function of means over seeds with its bootstrap interval.

    The interval holds the central 95% of the function over resampled seeds (Efron & Tibshirani
    1993, section 13.3); all `samples` are resampled alike, so that pairs stay together.

    Parameters
    ----------
    quantity : callable
        Takes the mean of each sample (arrays of one shape), gives the quantity.
    samples : array of float, shape (n_seeds,)
    """
    value = float(quantity(*(np.asarray(sample.mean()) for sample in samples)))
    if len(samples[0]) < 2:
        return Estimate(value, float("nan"), float("nan"))
    weights = bootstrap_weights(len(samples[0]))
    # A sum, not a matrix product: its bits do not depend on the number of threads.
    means = [(weights * sample).sum(axis=1) for sample in samples]
    low, high = np.percentile(quantity(*means), tail_percentiles())
    return Estimate(value, float(low), float(high))


def ratio_of_means(numerator: pd.Series, denominator: pd.Series) -> Estimate:
    """Return the ratio of two strategies' metrics with its 95% interval, paired by seed.

    R = |mean_k a_k| / |mean_k b_k| over the same seeds k: the ratio of the points of Figure 3.
    Its interval comes from resampling the seeds k, each with its pair (a_k, b_k).

    Parameters
    ----------
    numerator, denominator : pandas.Series
        A metric by seed.

    Raises
    ------
    InputError
        If the seeds differ.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return bootstrap(
            lambda a, b: np.divide(np.abs(a), np.abs(b)), *paired(numerator, denominator)
        )


def ratio_of_positive_means(numerator: pd.Series, denominator: pd.Series) -> Estimate:
    """Return the ratio of two positive metrics' means with its 95% interval, paired by seed.

    The interval is that of the logarithm, R exp(+-t s / sqrt(n)): s is the standard deviation over
    seeds of a_k / mean(a) - b_k / mean(b), and t has n - 1 degrees of freedom (delta method:
    Casella & Berger 2002, section 5.5.4). It stays positive, and that of 1 / R is its inverse.
    Draws of `bootstrap` may have a mean below zero where seeds are few: a ratio then means nothing.
    Without an interval (NaN) are one seed, and a mean that is not positive.

    Parameters
    ----------
    numerator, denominator : pandas.Series
        A metric by seed, none negative.
    """
    a, b = paired(numerator, denominator)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.divide(a.mean(), b.mean()))
    if len(a) < 2 or not 0.0 < value < np.inf:
        return Estimate(value, float("nan"), float("nan"))
    error = stats.sem(a / a.mean() - b / b.mean())
    reach = stats.t.ppf(0.5 * (1.0 + CONFIDENCE), len(a) - 1) * error
    return Estimate(value, float(value * np.exp(-reach)), float(value * np.exp(reach)))


def ratios_by_seed(numerator: pd.Series, denominator: pd.Series) -> Summary:
    """Return the distribution over seeds of r_k = |a_k| / |b_k|: what a single network shows.

    The mean is replaced by the median: r_k has no useful mean where b_k may come close to 0.
    """
    a, b = paired(numerator, denominator)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.abs(a) / np.abs(b)
    low, high = np.percentile(ratios, tail_percentiles())
    return Summary(len(ratios), float(np.median(ratios)), float("nan"), float(low), float(high))


def gains(
    tables: Mapping[str, pd.DataFrame],
    metrics: Sequence[str],
    strategies: Sequence[str],
    seeds: Sequence[int],
    z_range: Sequence[float],
) -> pd.DataFrame:
    """Return by how much each strategy beats the first one on each target.

    Parameters
    ----------
    tables : mapping
        target and control to metrics of every network; both call it target.
    metrics, strategies : sequence of str
    seeds : sequence of int
        Those that both have.
    z_range : pair of float

    Returns
    -------
    pandas.DataFrame
        ``ratio`` is |mean of the first| / |mean of the strategy|, above 1 where the strategy is
        better, with a 95% interval over seeds; ``reference`` and ``value`` are the two means.
    """
    rows = []
    for target, table in tables.items():
        for metric in metrics:
            values = {
                name: seed_values(table, metric, name, "target", z_range).loc[list(seeds)]
                for name in strategies
            }
            first = values[strategies[0]]
            for name in strategies[1:]:
                ratio = ratio_of_means(first, values[name])
                means = first.mean(), values[name].mean()
                rows.append(
                    (target, metric, name, len(seeds), ratio.value, ratio.low, ratio.high, *means)
                )
    columns = ["target", "metric", "strategy", "n_seeds", "ratio", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "reference", "value"])


def percentiles_in_bins(
    metrics: pd.DataFrame, names: Sequence[str], strategies: Sequence[str]
) -> pd.DataFrame:
    """Return percentiles over seeds of each metric in each bin.

    Parameters
    ----------
    metrics : pandas.DataFrame
        ``strategy, seed, dataset, low, high, n`` and the metrics, a row per network and bin.
    names, strategies : sequence of str
        Metrics and strategies, in their order.
    """
    rows = []
    grouped = dict(tuple(metrics.groupby(["dataset", "strategy"], sort=True)))
    for name in names:
        for dataset in ("target", "source"):
            for strategy in strategies:
                table = grouped.get((dataset, strategy))
                if table is None:
                    continue
                for (low, high), part in table.groupby(["low", "high"], sort=True):
                    values = np.percentile(part[name], (16, 50, 84))
                    key = (name, dataset, strategy, low, high, int(part["n"].iloc[0]), len(part))
                    rows.append((*key, *values))
    columns = ["metric", "dataset", "strategy", "low", "high", "n", "n_seeds"]
    return pd.DataFrame(rows, columns=[*columns, "p16", "median", "p84"])


def mostly_outliers(table: pd.DataFrame) -> pd.DataFrame:
    """Return dataset, low and high of the bins with `MOST` outliers for every strategy.

    `table` has the outlier fraction of each strategy and bin.
    """
    least = table.groupby(["dataset", "low", "high"], as_index=False)["median"].min()
    return least.loc[least["median"] > MOST, ["dataset", "low", "high"]]
