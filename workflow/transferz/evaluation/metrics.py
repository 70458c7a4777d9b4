"""Quality of point estimates of redshift: the metrics, by one definition each, and their ranges.

With dz = (z_pred - z_true) / (1 + z_true), definitions follow the public code of the paper's
authors; robust statistics are those of astropy.stats with their default tuning constants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.stats import (
    biweight_location,
    biweight_midvariance,
    median_absolute_deviation,
)

from transferz.core.errors import InputError

# |dz| beyond which a redshift counts as an outlier (authors' public code).
OUTLIER_LIMIT = 0.15
# |z_pred - z_true| beyond which it is catastrophic (authors' public code).
CATASTROPHIC_LIMIT = 1.0
# Outliers of the biweight kind lie beyond this many biweight scatters (authors' public code).
BIWEIGHT_OUTLIER_SCATTERS = 2.0
# Scale of the HSC loss (Tanaka et al. 2018, section 3.2).
HSC_GAMMA = 0.15
# Standard deviation of a normal distribution over its median absolute deviation, as rounded by
# the authors' public code; astropy's mad_std has 1.482602.
MAD_TO_SIGMA = 1.4826

PREDICTION_COLUMNS = ["strategy", "seed", "dataset", "object_id", "z_true", "z_pred"]
KEYS = ["strategy", "seed", "dataset", "z_min", "z_max"]

# Rows of a predictions file held at once.
BATCH_ROWS = 1 << 18


@dataclass(frozen=True)
class Metric:
    """What a metric is called and means.

    Attributes
    ----------
    name : str
        Column of per_seed.csv.
    label : str
        For axes and tables.
    symbol : str
        LaTeX, without dollars.
    definition : str
        One line for captions and pages.
    requirement : str or None
        Kind of LSST requirement that it is compared with: bias, scatter or outliers.
    signed : bool
        Whether only its absolute value says how good it is.
    """

    name: str
    label: str
    symbol: str
    definition: str
    requirement: str | None = None
    signed: bool = False


METRICS = {
    metric.name: metric
    for metric in (
        Metric("bias_mean", "Mean bias", r"\langle\delta z\rangle", "mean(dz)", "bias", True),
        Metric("bias_median", "Bias", r"b", "median(dz)", "bias", True),
        Metric(
            "bias_biweight",
            "Biweight bias",
            r"b_\mathrm{bw}",
            "biweight location of dz",
            "bias",
            True,
        ),
        Metric("rms", "RMS", r"\mathrm{RMS}", "sqrt(mean(dz^2))", "scatter"),
        Metric(
            "scatter_mad",
            "Scatter",
            r"\sigma_\mathrm{MAD}",
            "1.4826 median(|dz - median(dz)|)",
            "scatter",
        ),
        Metric(
            "scatter_biweight",
            "Biweight scatter",
            r"\sigma_\mathrm{bw}",
            "sqrt(biweight midvariance of dz)",
            "scatter",
        ),
        Metric(
            "outlier_fraction", "Outlier fraction", r"\eta", "fraction of |dz| > 0.15", "outliers"
        ),
        Metric(
            "outlier_fraction_biweight",
            "Biweight outlier fraction",
            r"\eta_\mathrm{bw}",
            "fraction of |dz - biweight bias| > 2 biweight scatters",
            "outliers",
        ),
        Metric(
            "catastrophic_fraction",
            "Catastrophic fraction",
            r"\eta_\mathrm{cat}",
            "fraction of |z_pred - z_true| > 1",
            "outliers",
        ),
        Metric("hsc_loss", "HSC loss", r"L", "mean(1 - 1 / (1 + (dz / 0.15)^2))"),
    )
}


@dataclass(frozen=True)
class ZRange:
    """A range of true redshift: lower edge included, upper edge only if `closed`."""

    z_min: float
    z_max: float
    closed: bool = False

    def rows(self, z_sorted: np.ndarray) -> slice:
        """Return where the range lies in ascending redshifts."""
        first, last = np.searchsorted(z_sorted, [self.z_min, self.z_max], side="left")
        if self.closed:
            last = np.searchsorted(z_sorted, self.z_max, side="right")
        return slice(int(first), int(last))


@dataclass(frozen=True)
class Ranges:
    """Which ranges of true redshift to evaluate.

    Attributes
    ----------
    z_range : pair of float
        The range of the headline numbers, both edges included.
    full_range : pair of float
        Must hold every galaxy, both edges included.
    bin_width, bin_z_max : float
        Bins [0, width), [width, 2 width), ... up to `bin_z_max`: lower edge included, upper not.
    bin_min_galaxies : int
        Bins with fewer galaxies are left out.
    """

    z_range: tuple[float, float] = (0.3, 1.5)
    full_range: tuple[float, float] = (0.0, 10.0)
    bin_width: float = 0.1
    bin_z_max: float = 4.0
    bin_min_galaxies: int = 30

    @classmethod
    def without_bins(cls, z_range: Sequence[float], full_range: Sequence[float]) -> Ranges:
        """Return the headline range and all redshifts alone: no bin has that many galaxies."""
        return cls(tuple(z_range), tuple(full_range), bin_min_galaxies=10**9)

    def select(self, z_sorted: np.ndarray) -> list[ZRange]:
        """Return the ranges for ascending redshifts `z_sorted`, each once, in ascending order."""
        edges = np.round(self.bin_width * np.arange(round(self.bin_z_max / self.bin_width) + 1), 10)
        bins = [ZRange(float(low), float(high)) for low, high in pairwise(edges)]
        enough = [
            edge
            for edge in bins
            if edge.rows(z_sorted).stop - edge.rows(z_sorted).start >= self.bin_min_galaxies
        ]
        wide = [ZRange(*map(float, self.full_range), True), ZRange(*map(float, self.z_range), True)]
        unique = {(edge.z_min, edge.z_max): edge for edge in [*enough, *wide]}
        return [unique[key] for key in sorted(unique)]


def relative_error(z_true: np.ndarray, z_pred: np.ndarray) -> np.ndarray:
    """Return dz = (z_pred - z_true) / (1 + z_true), float64, shape (n,)."""
    z_true = np.asarray(z_true, dtype=np.float64)
    return (np.asarray(z_pred, dtype=np.float64) - z_true) / (1.0 + z_true)


def compute_metrics(z_true: np.ndarray, z_pred: np.ndarray) -> dict[str, float]:
    """Return all metrics of a sample.

    Parameters
    ----------
    z_true, z_pred : array of float, shape (n,)
        True and predicted redshift, n >= 1, finite.

    Returns
    -------
    dict of str to float
        ``n`` and the metrics in the order of `METRICS`, by the definitions there.

    Raises
    ------
    InputError
        If the sample is empty or a value is not finite.
    """
    z_true, z_pred = np.asarray(z_true, np.float64), np.asarray(z_pred, np.float64)
    if not len(z_true):
        raise InputError("no galaxy to evaluate", found="an empty sample")
    for name, values in (("z_true", z_true), ("z_pred", z_pred)):
        if not np.isfinite(values).all():
            raise InputError(
                "a redshift is not finite", key=name, found=f"{int((~np.isfinite(values)).sum())}"
            )
    return _metrics(z_pred - z_true, relative_error(z_true, z_pred))


def _metrics(difference: np.ndarray, dz: np.ndarray) -> dict[str, float]:
    median = np.median(dz)
    location = float(biweight_location(dz, M=median))
    scatter = float(np.sqrt(biweight_midvariance(dz, M=median)))
    squares = dz**2
    return {
        "n": len(dz),
        "bias_mean": float(dz.mean()),
        "bias_median": float(median),
        "bias_biweight": location,
        "rms": float(np.sqrt(squares.mean())),
        "scatter_mad": float(MAD_TO_SIGMA * median_absolute_deviation(dz)),
        "scatter_biweight": scatter,
        "outlier_fraction": float((np.abs(dz) > OUTLIER_LIMIT).mean()),
        "outlier_fraction_biweight": float(
            (np.abs(dz - location) > BIWEIGHT_OUTLIER_SCATTERS * scatter).mean()
        ),
        "catastrophic_fraction": float((np.abs(difference) > CATASTROPHIC_LIMIT).mean()),
        "hsc_loss": float((1.0 - 1.0 / (1.0 + squares / HSC_GAMMA**2)).mean()),
    }


@dataclass
class ReferenceSet:
    """Galaxies of a data set that every network has predicted, and the ranges to evaluate."""

    object_id: pa.Array
    z_true: np.ndarray
    order: np.ndarray
    ranges: list[tuple[ZRange, slice]]

    @classmethod
    def from_arrays(cls, object_id: pa.Array, z_true: np.ndarray, ranges: Ranges) -> ReferenceSet:
        """Sort a test set by redshift once for all networks."""
        order = np.argsort(z_true, kind="stable")
        z_sorted = z_true[order].astype(np.float64)
        selected = [(edge, edge.rows(z_sorted)) for edge in ranges.select(z_sorted)]
        return cls(object_id, z_true, order, selected)

    def evaluate(self, z_pred: np.ndarray) -> Iterator[dict[str, float]]:
        """Yield one row of metrics for each range that holds a galaxy; shape of z_pred (n,)."""
        z_true = self.z_true[self.order].astype(np.float64)
        difference = z_pred[self.order].astype(np.float64) - z_true
        dz = difference / (1.0 + z_true)
        for edge, rows in self.ranges:
            if rows.stop > rows.start:
                row = {"z_min": edge.z_min, "z_max": edge.z_max}
                yield row | _metrics(difference[rows], dz[rows])


@dataclass
class Prediction:
    """What one network predicts for one test set."""

    strategy: str
    seed: int
    dataset: str
    object_id: pa.Array
    z_true: np.ndarray
    z_pred: np.ndarray

    @property
    def key(self) -> tuple[str, int, str]:
        """Strategy, seed and data set."""
        return self.strategy, self.seed, self.dataset


def iterate_predictions(path: str | Path, batch_rows: int = BATCH_ROWS) -> Iterator[Prediction]:
    """Yield the predictions of a file, network by network, in the order of its rows.

    Only `batch_rows` rows and one prediction are held at a time.

    Raises
    ------
    InputError
        If the file is missing or damaged, or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("file not found", file=path, fix="run the rule that makes it")
    try:
        with pq.ParquetFile(
            path, read_dictionary=["strategy", "dataset"], page_checksum_verification=True
        ) as parquet:
            missing = [name for name in PREDICTION_COLUMNS if name not in parquet.schema.names]
            if missing:
                raise InputError(
                    "missing column",
                    file=path,
                    key=", ".join(missing),
                    found=", ".join(parquet.schema.names),
                )
            batches = parquet.iter_batches(batch_size=batch_rows, columns=PREDICTION_COLUMNS)
            yield from _join_runs(run for batch in batches for run in _runs(batch))
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "not a readable Parquet file",
            file=path,
            found=str(error).splitlines()[0],
            fix="delete the file and run again to re-make it",
        ) from error


def _runs(batch: pa.RecordBatch) -> Iterator[Prediction]:
    """Yield runs of rows of one strategy, seed and data set."""
    columns = {name: batch.column(name) for name in PREDICTION_COLUMNS}
    texts, changes = {}, np.zeros(batch.num_rows, dtype=bool)
    for name in ("strategy", "dataset"):
        column = columns[name]
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        texts[name] = (column.indices.to_numpy(zero_copy_only=False), column.dictionary.to_pylist())
        changes[1:] |= np.diff(texts[name][0]) != 0
    seeds = columns["seed"].to_numpy(zero_copy_only=False)
    changes[1:] |= np.diff(seeds) != 0
    z_true, z_pred = (columns[name].to_numpy(zero_copy_only=False) for name in ("z_true", "z_pred"))
    starts = [0, *np.flatnonzero(changes)] if batch.num_rows else []
    for start, stop in zip(starts, [*starts[1:], batch.num_rows], strict=False):
        strategy, dataset = (texts[name][1][texts[name][0][start]] for name in texts)
        yield Prediction(
            strategy,
            int(seeds[start]),
            dataset,
            columns["object_id"].slice(start, stop - start),
            z_true[start:stop],
            z_pred[start:stop],
        )


def _join_runs(runs: Iterator[Prediction]) -> Iterator[Prediction]:
    """Join runs that a batch boundary has cut."""
    parts: list[Prediction] = []
    for run in runs:
        if parts and run.key != parts[0].key:
            yield _concatenate(parts)
            parts = []
        parts.append(run)
    if parts:
        yield _concatenate(parts)


def _concatenate(parts: Sequence[Prediction]) -> Prediction:
    ids = pa.concat_arrays([part.object_id for part in parts])
    z_true, z_pred = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("z_true", "z_pred")
    )
    return Prediction(*parts[0].key, ids, z_true, z_pred)


def check_prediction(
    prediction: Prediction,
    reference: ReferenceSet | None,
    full_range: Sequence[float],
    path: str | Path,
) -> None:
    """Raise an `InputError` unless a prediction is finite and for the galaxies of `reference`."""
    key = f"{prediction.strategy}, seed {prediction.seed}, {prediction.dataset}"
    for name, values in (("z_true", prediction.z_true), ("z_pred", prediction.z_pred)):
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise InputError(
                "redshifts that are not finite",
                file=path,
                key=f"{name} of {key}",
                found=f"{bad} of {len(values)}",
                expected="a number for every galaxy",
                fix="train again with a smaller learning rate, or look for nulls in the catalogue",
            )
    if reference is None:
        low, high = float(prediction.z_true.min()), float(prediction.z_true.max())
        if low < full_range[0] or high > full_range[1]:
            raise InputError(
                "true redshifts outside the full range",
                file=path,
                key="evaluation.full_range",
                found=f"{low:g} to {high:g} in {prediction.dataset}",
                expected=f"{full_range[0]:g} to {full_range[1]:g}",
                fix="widen evaluation.full_range, or cut the catalogue",
            )
        if len(prediction.object_id.unique()) != len(prediction.object_id):
            raise InputError("an object is predicted twice", file=path, key=f"object_id of {key}")
    elif not (
        prediction.object_id.equals(reference.object_id)
        and np.array_equal(prediction.z_true, reference.z_true)
    ):
        raise InputError(
            "predictions are for other galaxies than those of the other networks",
            file=path,
            key=key,
            found=f"{len(prediction.z_true)} galaxies",
            expected=f"the same {len(reference.z_true)} in the same order",
            fix="delete the predictions and run again",
        )


def evaluate_predictions(
    paths: Sequence[str | Path], ranges: Ranges
) -> dict[tuple[str, int, str], list[dict[str, float]]]:
    """Evaluate all networks of all files.

    Parameters
    ----------
    paths : sequence of path-like
        Predictions.
    ranges : Ranges

    Returns
    -------
    dict
        (strategy, seed, dataset) to rows of metrics with ``z_min`` and ``z_max``.

    Raises
    ------
    InputError
        If a network occurs twice, a value is not finite, or test sets differ between networks.
    """
    test_sets: dict[str, ReferenceSet] = {}
    found: dict[tuple[str, int, str], list[dict[str, float]]] = {}
    origin: dict[tuple[str, int, str], str | Path] = {}
    for path in sorted(map(str, paths)):
        for prediction in iterate_predictions(path):
            if prediction.key in found:
                raise InputError(
                    "the predictions of a network come twice",
                    file=path,
                    key=", ".join(map(str, prediction.key)),
                    found=f"also in {origin[prediction.key]}",
                    expected="each strategy, seed and data set once, its rows together",
                    fix="delete the file that is left over from another run",
                )
            reference = test_sets.get(prediction.dataset)
            check_prediction(prediction, reference, ranges.full_range, path)
            if reference is None:
                galaxies = (prediction.object_id, prediction.z_true)
                reference = ReferenceSet.from_arrays(*galaxies, ranges)
                test_sets[prediction.dataset] = reference
            found[prediction.key] = list(reference.evaluate(prediction.z_pred))
            origin[prediction.key] = path
    return found


def metrics_table(
    found: Mapping[tuple[str, int, str], Sequence[Mapping[str, object]]],
) -> pd.DataFrame:
    """Return what `evaluate_predictions` found: columns `KEYS`, ``n``, `METRICS`; sorted."""
    rows = [
        {"strategy": strategy, "seed": seed, "dataset": dataset} | row
        for (strategy, seed, dataset), table in found.items()
        for row in table
    ]
    table = pd.DataFrame(rows, columns=[*KEYS, "n", *METRICS])
    return table.sort_values(KEYS, ignore_index=True)


def check_networks(
    found: Mapping[tuple[str, int, str], object],
    strategies: Sequence[str],
    seeds: Sequence[int],
    datasets: Sequence[str],
) -> None:
    """Raise an `InputError` unless exactly the expected networks and data sets were found."""
    expected = set(product(strategies, map(int, seeds), datasets))
    for problem, keys in (
        ("predictions are missing", expected - set(found)),
        ("predictions of networks that are not part of this run", set(found) - expected),
    ):
        if keys:
            shown = "; ".join(
                f"{strategy}, seed {seed}, {data}" for strategy, seed, data in sorted(keys)[:3]
            )
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            raise InputError(
                problem,
                key="strategy, seed, dataset",
                found=shown + more,
                expected=f"{len(strategies)} strategies x {len(seeds)} seeds x "
                f"{len(datasets)} data sets",
                fix="run the rule predict_tests again for these seeds",
            )
