"""Resampling in two ways: seeds and test galaxies, so that intervals hold for another sample.

A bootstrap over seeds alone says what other seeds would give on the same test galaxies. Here the
galaxies are drawn again too (two-way, or pigeonhole, bootstrap: Owen 2007, Ann. Appl. Stat. 1, 386;
a little wide, since what seed and galaxy do together counts more than once). All strategies and
seeds meet the same draws of galaxies, and a seed brings its networks of all strategies along, so
that differences and ratios are paired in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.products import read_parquet
from transferz.evaluation.bins import Ranges
from transferz.evaluation.judges import redshifts_by_judge
from transferz.evaluation.metrics import (
    BIWEIGHT_OUTLIER_SCATTERS,
    CATASTROPHIC_LIMIT,
    HSC_GAMMA,
    MAD_TO_SIGMA,
    METRICS,
    OUTLIER_LIMIT,
    metrics_of,
)
from transferz.evaluation.over_seeds import (
    BOOTSTRAP_SEED,
    Estimate,
    bootstrap_weights,
    tail_percentiles,
)
from transferz.evaluation.predictions import iterate_networks

# Draws of the galaxies, and draws of the seeds with each of them. The ends of an interval on which
# the galaxies decide move by 3% of its width from one set of 400 to another.
GALAXY_DRAWS = 400
SEED_DRAWS = 10

# Of a signed metric also its absolute value, network by network.
MAGNITUDE = "abs_{}"
SIGNED = tuple(name for name, metric in METRICS.items() if metric.signed)
GROUP = ["strategy", "dataset", "judge", "z_min", "z_max"]
DRAWN_COLUMNS = [*METRICS, *map(MAGNITUDE.format, SIGNED)]
# Tuning constants of the biweight location and midvariance: those of astropy.stats.
LOCATION_TUNING, MIDVARIANCE_TUNING = 6.0, 9.0
# Rows that are added up together.
SUMMED_ROWS = 32
# Halvings of an interval that holds a median absolute deviation: to 10^-8 of it.
HALVINGS = 26


def draw_counts(n: int, draws: int = GALAXY_DRAWS) -> np.ndarray:
    """Return how often each of n galaxies is in each draw, uint8, shape (n, draws)."""
    generator = np.random.default_rng([BOOTSTRAP_SEED, n, draws])
    counts = np.empty((n, draws), np.uint8)
    for number in range(draws):
        counts[:, number] = np.bincount(generator.integers(0, n, n), minlength=n)
    return counts


def cumulate(counts: np.ndarray) -> np.ndarray:
    """Return sums over the first 0, 1, ... rows of draws of n galaxies, shape (n + 1, draws).

    Block by block, six times as fast as numpy.cumsum.
    """
    n, draws = counts.shape
    blocks = -(-(n + 1) // SUMMED_ROWS)
    sums = np.zeros((blocks * SUMMED_ROWS, draws), np.min_scalar_type(n))
    sums[1 : n + 1] = counts
    by_block = sums.reshape(blocks, SUMMED_ROWS, draws)
    for row in range(1, SUMMED_ROWS):
        by_block[:, row] += by_block[:, row - 1]
    for block in range(1, blocks):
        by_block[block] += by_block[block - 1, -1]
    return sums[: n + 1]


class Cumulated:
    """Resamples of one sample of values, as cumulated counts in the order of the values.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
    counts : numpy.ndarray, shape (n, draws)
        Of `draw_counts`.
    """

    def __init__(self, values: np.ndarray, counts: np.ndarray) -> None:
        order = np.argsort(values)
        self.n, self.values = len(values), values[order]
        self.columns = np.arange(counts.shape[1])
        self.cumulated = cumulate(counts[order])
        # Places of the middle value, or of both: the median is their mean.
        self.middle = ((self.n + 1) // 2, self.n // 2 + 1)

    def inside(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return how many values lie from `low` to `high` in each draw, shape (draws,)."""
        first = np.searchsorted(self.values, low, side="left")
        last = np.searchsorted(self.values, high, side="right")
        low, high = (self.cumulated[place, self.columns] for place in (first, last))
        return high.astype(np.int64) - low

    def median(self) -> np.ndarray:
        """Return the median of each draw, shape (draws,)."""
        return np.mean([self.values[self._place(rank)] for rank in self.middle], axis=0)

    def _place(self, rank: int) -> np.ndarray:
        low = np.zeros_like(self.columns)
        high = np.full_like(self.columns, self.n - 1)
        while (low < high).any():
            middle = (low + high) // 2
            reached = self.cumulated[middle + 1, self.columns] >= rank
            high, low = np.where(reached, middle, high), np.where(reached, low, middle + 1)
        return low

    def median_deviation(self, median: np.ndarray) -> np.ndarray:
        """Return the median of |value - median| of each draw, shape (draws,)."""
        found = []
        for rank in dict.fromkeys(self.middle):
            low = np.zeros_like(median)
            high = np.maximum(self.values[-1] - median, median - self.values[0])
            for _ in range(HALVINGS):
                middle = 0.5 * (low + high)
                reached = self.inside(median - middle, median + middle) >= rank
                high, low = np.where(reached, middle, high), np.where(reached, low, middle)
            found.append(high)
        return np.mean(found, axis=0)


def powers(dz: np.ndarray, centre: float, scale: float, highest: int) -> list[np.ndarray]:
    """Return x^0, ..., x^highest of x = (dz - centre) / scale, zero where |x| >= 1; float32."""
    x = ((dz - centre) / scale).astype(np.float32)
    found = [(np.abs(x) < 1).astype(np.float32)]
    for _ in range(highest):
        found.append(found[-1] * x)
    return found


def moved(sums: np.ndarray, shift: np.ndarray, stretch: np.ndarray) -> list[np.ndarray]:
    """Return sums of powers of u = (x - shift) / stretch from those of x, shape (draws, powers).

    What counts is |x| < 1 for both; for a biweight, whose weights vanish at the edge, that is right
    to the square of shift and stretch - 1.
    """
    return [
        sum(comb(j, p) * (-shift) ** (j - p) * sums[:, p] for p in range(j + 1)) / stretch**j
        for j in range(sums.shape[1])
    ]


def biweights(
    n: int, sums: np.ndarray, centre: float, median: np.ndarray, spread: float, mad: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return biweight location and scatter of each draw, from its sums of powers.

    Parameters
    ----------
    n : int
    sums : numpy.ndarray, shape (draws, 6 + 11)
        Of `powers`, with the tuning constants of the one and of the other.
    centre, spread : float
        Median and median absolute deviation of the sample.
    median, mad : numpy.ndarray, shape (draws,)
        Those of the draws.
    """
    if spread == 0 or (mad == 0).any():
        return median, np.zeros_like(median)
    shift, stretch = (median - centre) / spread, mad / spread
    u = moved(sums[:, :6], shift / LOCATION_TUNING, stretch)
    slope = (u[1] - 2 * u[3] + u[5]) / (u[0] - 2 * u[2] + u[4])
    u = moved(sums[:, 6:], shift / MIDVARIANCE_TUNING, stretch)
    top = np.sqrt(n * (u[2] - 4 * u[4] + 6 * u[6] - 4 * u[8] + u[10]))
    scatter = MIDVARIANCE_TUNING * mad * top / np.abs(u[0] - 6 * u[2] + 5 * u[4])
    return median + LOCATION_TUNING * mad * slope, scatter


def resampled_metrics(
    difference: np.ndarray, dz: np.ndarray, counts: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return all metrics of each draw of the galaxies.

    Parameters
    ----------
    difference, dz : numpy.ndarray, shape (n,)
        z_pred - z_true, and that over 1 + z_true.
    counts : numpy.ndarray, shape (n, draws)
        Of `draw_counts`.
    weights : numpy.ndarray, shape (draws, n)
        The same as float32.

    Returns
    -------
    numpy.ndarray, shape (draws, metrics), in the order of `METRICS`.
    """
    n, cumulated = len(dz), Cumulated(dz, counts)
    median = cumulated.median()
    mad = cumulated.median_deviation(median)
    centre = float(np.median(dz))
    spread = float(np.median(np.abs(dz - centre)))
    squares = dz**2
    summed = [dz, squares, 1.0 - 1.0 / (1.0 + squares / HSC_GAMMA**2)]
    unit = spread or 1.0
    summed += powers(dz, centre, LOCATION_TUNING * unit, 5)
    summed += powers(dz, centre, MIDVARIANCE_TUNING * unit, 10)
    sums = (weights @ np.array(summed, np.float32).T).astype(np.float64)
    mean, mean_square, loss = sums[:, :3].T / n
    location, scatter = biweights(n, sums[:, 3:], centre, median, spread, mad)
    limit = BIWEIGHT_OUTLIER_SCATTERS * scatter
    everywhere = np.full_like(median, OUTLIER_LIMIT)
    return np.stack(
        [
            mean,
            median,
            location,
            np.sqrt(mean_square),
            MAD_TO_SIGMA * mad,
            scatter,
            1.0 - cumulated.inside(-everywhere, everywhere) / n,
            1.0 - cumulated.inside(location - limit, location + limit) / n,
            counts[np.abs(difference) > CATASTROPHIC_LIMIT].sum(axis=0, dtype=np.int64) / n,
            loss,
        ],
        axis=1,
    )


@dataclass
class JudgedSample:
    """The galaxies of a test set in one window, judged by labels or by the truth.

    Attributes
    ----------
    rows : numpy.ndarray of bool
        Which galaxies of the test set.
    z_true : numpy.ndarray
        Their redshifts, float64.
    counts, weights : numpy.ndarray
        See `resampled_metrics`.
    networks : dict
        (strategy, seed) to metrics as measured, shape (1, metrics), above those of the draws.
    """

    rows: np.ndarray
    z_true: np.ndarray
    counts: np.ndarray
    weights: np.ndarray
    networks: dict[tuple[str, int], np.ndarray]

    @classmethod
    def of(cls, rows: np.ndarray, z_true: np.ndarray, draws: int) -> JudgedSample:
        """Return it, with its draws of the galaxies."""
        counts = draw_counts(int(rows.sum()), draws)
        weights = np.ascontiguousarray(counts.T, np.float32)
        return cls(rows, z_true[rows], counts, weights, {})

    def judge(self, strategy: str, seed: int, z_pred: np.ndarray) -> None:
        """Keep the metrics of a network."""
        difference = z_pred[self.rows].astype(np.float64) - self.z_true
        dz = difference / (1.0 + self.z_true)
        measured = metrics_of(difference, dz)
        drawn = resampled_metrics(difference, dz, self.counts, self.weights)
        plain = np.array([[measured[name] for name in METRICS]])
        self.networks[strategy, seed] = np.concatenate([plain, drawn])


def resample(
    paths: Sequence[str | Path],
    ranges: Ranges,
    truth: str | Path | None,
    draws: int = GALAXY_DRAWS,
) -> dict[tuple[str, str, float, float], JudgedSample]:
    """Measure all networks on draws of the galaxies, in both windows of `ranges`.

    Returns
    -------
    dict
        (dataset, judge, z_min, z_max) to sample. A window without a galaxy is left out.

    Raises
    ------
    InputError
        See `predictions.iterate_networks` and `judges.true_redshifts`.
    """
    samples: dict[tuple[str, str, float, float], JudgedSample] = {}
    known: set[str] = set()
    for network in iterate_networks(paths, ranges.full_range):
        name = network.dataset
        if name not in known:
            known.add(name)
            label, ids = network.z_true.astype(np.float64), network.object_id.to_pandas()
            for judge, z in redshifts_by_judge(name, ids, label, truth).items():
                for window in ranges.windows:
                    if (rows := window.holds(z)).any():
                        key = (name, judge, window.z_min, window.z_max)
                        samples[key] = JudgedSample.of(rows, z, draws)
        for (dataset, *_), sample in samples.items():
            if dataset == name:
                sample.judge(network.strategy, network.seed, network.z_pred)
    return samples


def over_both(networks: np.ndarray, repeats: int = SEED_DRAWS) -> np.ndarray:
    """Return means over seeds: as measured, then over draws of seeds and galaxies.

    Parameters
    ----------
    networks : numpy.ndarray, shape (n_seeds, 1 + draws, columns)
        As measured, and of each draw of the galaxies.
    repeats : int
        Draws of the seeds with each draw of the galaxies.

    Returns
    -------
    numpy.ndarray, shape (1 + repeats x draws, columns); NaN below the first row for one seed.
    """
    n_seeds, n_rows, n_columns = networks.shape
    plain, drawn = networks[:, 0].mean(axis=0), networks[:, 1:]
    if n_seeds == 1:
        return np.vstack([plain, np.full((repeats * (n_rows - 1), n_columns), np.nan)])
    weights = bootstrap_weights(n_seeds)[: repeats * (n_rows - 1)]
    weights = weights.reshape(repeats, n_rows - 1, n_seeds)
    means = np.einsum("rds,sdc->rdc", weights, drawn).reshape(-1, n_columns)
    return np.vstack([plain, means])


def resampled_table(
    samples: Mapping[tuple[str, str, float, float], JudgedSample], repeats: int = SEED_DRAWS
) -> pd.DataFrame:
    """Return draws of every mean over seeds: `GROUP`, ``draw``, `DRAWN_COLUMNS`.

    Draw 0 is as measured; the others are in single precision. `repeats` is that of `over_both`.
    """
    parts = []
    for (dataset, judge, z_min, z_max), sample in samples.items():
        places = [list(METRICS).index(name) for name in SIGNED]
        for strategy in dict.fromkeys(name for name, _ in sample.networks):
            seeds = sorted(seed for name, seed in sample.networks if name == strategy)
            networks = np.stack([sample.networks[strategy, seed] for seed in seeds])
            magnitudes = np.abs(networks[:, :, places])
            means = over_both(np.concatenate([networks, magnitudes], axis=2), repeats)
            means[1:] = means[1:].astype(np.float32)
            head = dict(zip(GROUP, (strategy, dataset, judge, z_min, z_max), strict=True))
            head["draw"] = np.arange(len(means), dtype=np.int32)
            parts.append(pd.DataFrame(head | dict(zip(DRAWN_COLUMNS, means.T, strict=True))))
    return pd.concat(parts, ignore_index=True).sort_values([*GROUP, "draw"], ignore_index=True)


class Draws:
    """The table of `resampled_table`, looked up.

    Parameters
    ----------
    path : path-like or pandas.DataFrame
        metrics/resampled.parquet, or the table.
    """

    def __init__(self, path: str | Path | pd.DataFrame) -> None:
        table = path if isinstance(path, pd.DataFrame) else read_parquet(path)
        self._groups = dict(iter(table.groupby(GROUP, sort=False)))
        self.judges = {(key[1], key[2]) for key in self._groups}

    def of(
        self,
        column: str,
        strategy: str,
        dataset: str,
        z_range: Sequence[float],
        judge: str = "label",
    ) -> np.ndarray:
        """Return a mean over seeds: as measured, and its draws, shape (1 + draws,).

        Raises
        ------
        InputError
            If there is no such sample.
        """
        key = (strategy, dataset, judge, float(z_range[0]), float(z_range[1]))
        if key not in self._groups:
            raise InputError(
                "metrics of a strategy are missing",
                file="metrics/resampled.parquet",
                key=", ".join(map(str, key)),
                found=f"{len(self._groups)} samples",
                fix="check the strategy's name and evaluation.z_range; run the rule resample again",
            )
        return self._groups[key][column].to_numpy()


def estimate(quantity: Callable[..., np.ndarray], *draws: np.ndarray) -> Estimate:
    """Return a function of means over seeds with its 95% interval over seeds and galaxies.

    The interval is the central 95% of the draws. One that leaves out the measured value, as it may
    where a denominator is near zero, is widened to it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        values = quantity(*draws)
    low, high = np.percentile(values[1:], tail_percentiles())
    return Estimate(float(values[0]), float(min(low, values[0])), float(max(high, values[0])))


def magnitude(draws: np.ndarray) -> Estimate:
    """Return |mean over seeds| with its interval, which begins at 0 where the sign is open."""
    signed = estimate(np.asarray, draws)
    ends = sorted((abs(signed.low), abs(signed.high)))
    low = 0.0 if signed.low < 0 < signed.high else ends[0]
    return Estimate(abs(signed.value), low, ends[1])


def ratio(top: np.ndarray, bottom: np.ndarray) -> Estimate:
    """Return |mean of the one| / |mean of the other| with its interval."""
    return estimate(lambda a, b: np.abs(a) / np.abs(b), top, bottom)


def clearly_smaller(best: np.ndarray, rivals: Sequence[np.ndarray]) -> bool:
    """Return whether |best| is smaller than each rival's absolute value, in pairs of draws.

    The interval of |rival| - |best| must lie above zero, with 95% for all rivals together
    (Bonferroni).
    """
    if not rivals or np.isnan(best).any():
        return False
    tail = tail_percentiles()[0] / len(rivals)
    differences = [np.abs(rival) - np.abs(best) for rival in rivals]
    return all(d[0] > 0 and np.percentile(d[1:], tail) > 0 for d in differences)
