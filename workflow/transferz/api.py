"""Photometric redshifts for anybody's galaxies: load an ensemble, predict, evaluate.

>>> from transferz import api
>>> photo_z = api.load("results", "NN-Combo", calibrated_on="target")
>>> table = photo_z.predict(galaxies)  # a DataFrame with mag_g, mag_r, mag_i, mag_z, mag_y
>>> scores = api.evaluate(galaxies["redshift"], table)
>>> print(scores["scatter_mad"], scores["coverage_68"])
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.catalogues.in_memory import as_frame, as_truth, names_of
from transferz.catalogues.units import MAGNITUDE_RANGE, no_magnitude, with_asinh_magnitudes
from transferz.core.errors import InputError
from transferz.evaluation.metrics import compute_metrics
from transferz.networks.ensemble import Ensemble
from transferz.networks.vectors import TrainingVectors
from transferz.uncertainty.calibration_sample import CalibrationSample
from transferz.uncertainty.conformal import INTERVALS, Conformal, EnsembleEstimate
from transferz.uncertainty.incomplete_photometry import band_inputs, magnitude_columns
from transferz.uncertainty.recalibration import Recalibration
from transferz.uncertainty.scores import (
    continuous_ranked_probability_score,
    coverage,
    density_loss,
    region_level,
)

if TYPE_CHECKING:
    from astropy.table import Table

logger = logging.getLogger(__name__)

FLAGS = ("flag_out_of_distribution", "flag_non_detection", "flag_missing_band")
REDSHIFTS = (
    "z_mean",
    "z_median",
    "z_mode",
    "z_low68",
    "z_high68",
    "z_low95",
    "z_high95",
    "z_ensemble",
    "z_spread",
)
# Classes of redshift on which densities are scored, and galaxies whose densities are in memory.
SCORE_EDGES = np.arange(1001) / 100.0
DENSITY_ROWS = 4096
# Scores of each galaxy's density.
DENSITY_SCORES = {
    "crps": continuous_ranked_probability_score,
    "cde_loss": density_loss,
    "region": region_level,
}


class PhotoZ:
    """An ensemble with its calibration.

    Parameters
    ----------
    ensemble : Ensemble
    sample : CalibrationSample
        For the same inputs.
    """

    def __init__(self, ensemble: Ensemble, sample: CalibrationSample) -> None:
        if ensemble.columns != sample.columns:
            raise InputError(
                "networks and calibration sample read different columns",
                found=", ".join(sample.columns),
                expected=", ".join(ensemble.columns),
            )
        self.ensemble, self.sample = ensemble, sample
        self._bands = band_inputs(sample.columns, sample.bands)
        self._magnitude = sample.columns.index(sample.magnitude)
        magnitudes = magnitude_columns(sample.columns, sample.bands).values()
        self._magnitudes = [sample.columns.index(name) for name in magnitudes]
        self._conformal: dict[int, Conformal | Recalibration] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that a table must have, such as ``mag_g`` (AB)."""
        return self.sample.columns

    def frame(self, table: pd.DataFrame | Table) -> pd.DataFrame:
        """Return `columns` of a table; see `as_frame`.

        Asinh magnitudes that it does not have are made of its magnitudes.
        """
        there = set(names_of(table))
        asked = [
            name.replace("asinh_", "mag_", 1) if name not in there else name
            for name in self.columns
        ]
        found = as_frame(table, asked)
        softening = self.sample.softening
        return with_asinh_magnitudes(found, softening) if softening else found

    def predict(
        self, table: pd.DataFrame | Table, *, edges: Sequence[float] | None = None
    ) -> pd.DataFrame | tuple[pd.DataFrame, np.ndarray]:
        """Return photometric redshifts, one row per galaxy, in the order and index of `table`.

        Parameters
        ----------
        table : pandas.DataFrame or astropy.table.Table
            With `columns`; magnitudes will do for asinh magnitudes. NaN, masked, or a value that no
            magnitude has, such as -99 or 99: the band is missing. Infinity: observed and not
            detected. The inputs of both are filled from the other bands, and the intervals are
            calibrated on galaxies from which the same bands were taken away.
        edges : sequence of float, optional
            Return the probabilities of these classes of redshift as well, those outside counted
            in the outermost ones.

        Returns
        -------
        pandas.DataFrame
            float32: ``z_mean, z_median, z_mode`` of the calibrated distribution, its conformal
            intervals ``z_low68, z_high68, z_low95, z_high95``, ``z_ensemble`` and ``z_spread``
            (median of the networks and standard deviation between them), all NaN for a galaxy
            without any measured band; bool: `FLAGS`.
        numpy.ndarray, shape (n, n_edges - 1), float32
            Only with `edges`; rows sum to 1, or are NaN.

        Raises
        ------
        InputError
            If a column is missing or none of numbers.
        """
        table = self.frame(table)
        groups, flags = self._groups(table)
        result = {name: np.full(len(table), np.nan) for name in REDSHIFTS}
        classes = 0 if edges is None else max(len(edges) - 1, 0)
        shares = np.full((len(table), classes), np.nan, np.float32)
        for group in groups:
            for name, column in group.redshifts().items():
                result[name][group.rows] = column
            for rows, part in group.blocks() if classes else ():
                shares[rows] = group.conformal.probabilities(part, np.asarray(edges))
        columns = {name: column.astype(np.float32) for name, column in result.items()}
        answer = pd.DataFrame({**columns, **flags}, index=table.index)
        return answer if edges is None else (answer, shares)

    def score(self, table: pd.DataFrame | Table, z_true: np.ndarray) -> pd.DataFrame:
        """Return `predict` and, for each galaxy, how well its distribution met the truth.

        Parameters
        ----------
        table : pandas.DataFrame or astropy.table.Table
        z_true : array of float, shape (n,)

        Returns
        -------
        pandas.DataFrame
            Columns of `predict`, then float32 ``pit`` (cumulative distribution at the truth),
            ``crps`` (continuous ranked probability score, in redshift), ``cde_loss``
            (`scores.density_loss`) and ``region`` (`scores.region_level`), the latter three on
            classes of 0.01 in redshift.
        """
        table = self.frame(table)
        z_true = as_truth(z_true, table.index)
        groups, flags = self._groups(table)
        names = (*REDSHIFTS, "pit", *DENSITY_SCORES)
        result = {name: np.full(len(table), np.nan) for name in names}
        for group in groups:
            truth, estimate = z_true[group.rows], group.estimate
            for name, column in group.redshifts().items():
                result[name][group.rows] = column
            result["pit"][group.rows] = group.conformal.pit(estimate, truth)
            for rows, part in group.blocks():
                share = group.conformal.probabilities(part, SCORE_EDGES)
                for name, score in DENSITY_SCORES.items():
                    result[name][rows] = score(share, SCORE_EDGES, z_true[rows])
        columns = {name: column.astype(np.float32) for name, column in result.items()}
        return pd.DataFrame({**columns, **flags}, index=table.index)

    def _groups(self, table: pd.DataFrame) -> tuple[list[_Group], dict[str, np.ndarray]]:
        """Galaxies measured in the same bands, with their calibration; and everybody's flags."""
        complete, lacking, flags = self._prepare(table)
        usable = np.isfinite(complete).all(axis=1)
        # A stand-in where nothing is known keeps the networks' blocks as they are.
        estimate = self._estimate(np.where(usable[:, None], complete, self.sample.inputs[:1]))
        groups = []
        for code in np.unique(lacking[usable]):
            rows = np.flatnonzero(usable & (lacking == code))
            part, calibrated = estimate.take(rows), self._calibrated(int(code))
            groups.append(_Group(rows, part, calibrated, self.sample.z_trained))
        return groups, flags

    def _prepare(self, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Return inputs completed, code of the bands without a measurement, flags."""
        try:
            values = table[list(self.columns)].to_numpy(np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise InputError("a column is not made of numbers", found=str(error)) from error
        values = self._measured(values)
        unseen, missing = np.isposinf(values), ~np.isfinite(values) & ~np.isposinf(values)
        lacking = np.zeros(len(values), dtype=np.int64)
        for number, inputs in enumerate(self._bands.values()):
            # A band counts as a whole: a magnitude without its error is no measurement.
            unseen[:, inputs] = unseen[:, inputs].any(axis=1, keepdims=True)
            missing[:, inputs] = missing[:, inputs].any(axis=1, keepdims=True)
            missing[:, inputs] &= ~unseen[:, inputs]
            lacking += (missing | unseen)[:, inputs].any(axis=1) * (1 << number)
        complete = self.sample.completion.fill(np.where(missing | unseen, np.nan, values))
        flags = {
            "flag_out_of_distribution": self.sample.space.outside(complete),
            "flag_non_detection": unseen.any(axis=1),
            "flag_missing_band": missing.any(axis=1),
        }
        return complete, lacking, flags

    def _measured(self, values: np.ndarray) -> np.ndarray:
        """Return inputs with NaN for what no magnitude and no error of one has."""
        errors = np.array(["_err_" in name for name in self.columns])
        refused = np.where(errors, values <= 0, no_magnitude(values))
        for name, count in zip(self.columns, refused.sum(axis=0), strict=True):
            if count:
                logger.warning(
                    "%s: %d values are no magnitude between %g and %g, or no positive error; taken "
                    "for missing. Give NaN where a band was not observed, infinity where nothing "
                    "was detected",
                    *(name, count, *MAGNITUDE_RANGE),
                )
        return np.where(refused, np.nan, values)

    def _estimate(self, complete: np.ndarray) -> EnsembleEstimate:
        centre, spread, probability = self.ensemble.estimate(complete.astype(np.float32))
        complete = complete.astype(np.float64)
        colours = -np.diff(complete[:, self._magnitudes], axis=1)
        return EnsembleEstimate(centre, spread, complete[:, self._magnitude], probability, colours)

    def _calibrated(self, code: int) -> Conformal | Recalibration:
        """Calibration on galaxies from which the bands of `code` are taken away."""
        if code not in self._conformal:
            values = self.sample.inputs.astype(np.float64)
            for number, inputs in enumerate(self._bands.values()):
                if code >> number & 1:
                    values[:, inputs] = np.nan
            estimate = self._estimate(self.sample.completion.fill(values))
            z_true = self.sample.z_true.astype(np.float64)
            highest = float(self.sample.z_trained[1])
            settings = self.sample.settings
            self._conformal[code] = (
                Recalibration.fit(
                    estimate,
                    z_true,
                    self.ensemble.classes.edges,
                    bins=settings["redshift_bins"],
                    min_galaxies=settings["min_galaxies"],
                    highest=highest,
                )
                if self.ensemble.classes
                else Conformal.fit(estimate, z_true, **settings, highest=highest)
            )
        return self._conformal[code]


class Neighbours:
    """Training galaxies that look like other galaxies to the networks.

    Parameters
    ----------
    photo_z : PhotoZ
        Of the networks that made the vectors.
    training : TrainingVectors
    """

    def __init__(self, photo_z: PhotoZ, training: TrainingVectors) -> None:
        self.photo_z, self.training = photo_z, training

    def vectors(self, table: pd.DataFrame | Table) -> np.ndarray:
        """Vectors of galaxies, shape (n, d), float32; see `PhotoZ.predict` for the table."""
        complete, _, _ = self.photo_z._prepare(self.photo_z.frame(table))
        return self.training.space.of(self.photo_z.ensemble, complete)

    def of(self, table: pd.DataFrame | Table, number: int = 10) -> pd.DataFrame:
        """Return the `number` nearest training galaxies of each galaxy.

        `TrainingVectors.neighbours_of` says what the columns are, and which errors there are; the
        index is that of `table`, each entry `number` times.
        """
        table = self.photo_z.frame(table)
        found = self.training.neighbours_of(self.vectors(table), number)
        return found.set_index(table.index.repeat(number))


@dataclass(frozen=True)
class _Group:
    """Galaxies measured in the same bands."""

    rows: np.ndarray
    estimate: EnsembleEstimate
    conformal: Conformal | Recalibration
    # Lowest and highest redshift of the training galaxies: beyond them networks say nothing.
    trained: np.ndarray

    def blocks(self) -> Iterator[tuple[np.ndarray, EnsembleEstimate]]:
        """Yield rows and estimates, few enough for a matrix of classes of redshift."""
        for start in range(0, len(self.rows), DENSITY_ROWS):
            part = np.arange(start, min(start + DENSITY_ROWS, len(self.rows)))
            yield self.rows[part], self.estimate.take(part)

    def redshifts(self) -> dict[str, np.ndarray]:
        """Columns `REDSHIFTS`, shape (n rows,) each."""
        levels = {"z_median": 0.5}
        for percent, (low, high) in INTERVALS.items():
            levels |= {f"z_low{percent}": low, f"z_high{percent}": high}
        places = self.conformal.knots(self.estimate, list(levels.values()))
        mean, mode = self.conformal.mean_and_mode(self.estimate)
        return {
            "z_mean": mean,
            "z_mode": mode,
            "z_ensemble": np.clip(self.estimate.z, *self.trained),
            "z_spread": self.estimate.spread,
            **{name: places[:, column] for column, name in enumerate(levels)},
        }


def load(
    results: str | Path,
    strategy: str,
    *,
    calibrated_on: str = "target",
    seeds: Sequence[int] | None = None,
) -> PhotoZ:
    """Load the ensemble of a strategy with its calibration.

    Parameters
    ----------
    results : path-like
        Folder of a run, with ``models`` and ``calibration``.
    strategy : str
    calibrated_on : {"target", "source"}
        Data set like whose galaxies the intervals shall hold.
    seeds : sequence of int, optional
        Members to use; all by default.

    Raises
    ------
    InputError
        If there are no networks or no calibration sample.
    """
    files, sample = files_of(results, strategy, calibrated_on)
    return PhotoZ(Ensemble.load(files, seeds), CalibrationSample.load(sample))


def load_neighbours(
    results: str | Path, strategy: str, *, calibrated_on: str = "target"
) -> Neighbours:
    """Load the vectors of a strategy's training galaxies, and the networks that made them.

    See `load`; ``snakemake neighbours`` makes the vectors, in the folder ``neighbours``.
    """
    training = TrainingVectors.load(Path(results) / "neighbours" / strategy)
    seeds = training.space.seeds.tolist()
    return Neighbours(load(results, strategy, calibrated_on=calibrated_on, seeds=seeds), training)


def files_of(results: str | Path, strategy: str, calibrated_on: str) -> tuple[list[Path], Path]:
    """Return the model files of a strategy and its calibration sample; see `load`."""
    folder = Path(results)
    files = sorted((folder / "models" / strategy).glob("seeds-*.npz"))
    if not files:
        raise InputError(
            "no trained network",
            file=folder / "models" / strategy,
            fix="run the workflow for this strategy, or correct its name",
        )
    return files, folder / "calibration" / strategy / f"{calibrated_on}.npz"


def evaluate(
    z_true: np.ndarray, table: pd.DataFrame | Table, column: str = "z_median"
) -> dict[str, float]:
    """Return point metrics and the coverage of the intervals.

    Parameters
    ----------
    z_true : array of float, shape (n,)
        In the order of the rows of `table`.
    table : pandas.DataFrame or astropy.table.Table
        From `PhotoZ.predict`; rows without a redshift, or without a truth (masked, not finite or
        beyond `units.REDSHIFT_RANGE`, such as -9), are left out and counted.
    column : str
        Point estimate to judge.

    Returns
    -------
    dict of str to float
        `metrics.compute_metrics`; ``coverage_68, coverage_95`` (share of truths inside),
        ``width_68, width_95`` (median, over 1 + z_true) and ``n_without``.

    Raises
    ------
    InputError
        If a column is missing, there is not one truth per row in the order of the table, or no row
        has both redshifts.
    """
    ends = [f"z_{end}{percent}" for percent in INTERVALS for end in ("low", "high")]
    table = as_frame(table, [column, *ends])
    z_true = as_truth(z_true, table.index)
    keep = np.isfinite(table[column].to_numpy(np.float64, na_value=np.nan)) & np.isfinite(z_true)
    if not keep.any():
        raise InputError(
            "nothing to evaluate",
            key=column,
            found=f"{len(table)} rows, none with a redshift and a truth",
            expected="some",
        )
    z, rows = z_true[keep], table[keep]
    result = compute_metrics(z, rows[column].to_numpy())
    for percent in INTERVALS:
        low = rows[f"z_low{percent}"].to_numpy(np.float64)
        high = rows[f"z_high{percent}"].to_numpy(np.float64)
        result[f"coverage_{percent}"] = coverage(z, low, high)
        result[f"width_{percent}"] = float(np.median((high - low) / (1.0 + z)))
    return result | {"n_without": int((~keep).sum())}


__all__ = ["FLAGS", "REDSHIFTS", "Neighbours", "PhotoZ", "evaluate", "load", "load_neighbours"]
