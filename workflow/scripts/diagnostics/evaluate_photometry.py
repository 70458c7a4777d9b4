"""Evaluate every network in bins of magnitude and in cells of colour space.

Inputs
    predictions : predictions/{strategy}/seeds-{first}-{last}.parquet, all strategies and chunks
    source, target : splits/{source,target}.parquet

Outputs
    per_magnitude : metrics/per_magnitude.csv, one row per strategy, seed, data set and bin of
        magnitude, for the headline range of true redshift
    per_colour : metrics/per_colour.csv, one row per data set, cell and strategy, all redshifts:
        mean HSC loss of a galaxy over all seeds, and by how much the first strategy's is larger
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import write_csv
from transferz.evaluation.bins import ZRange, regular_bins
from transferz.evaluation.metrics import HSC_GAMMA, METRICS, compute_metrics, relative_error
from transferz.evaluation.predictions import (
    Prediction,
    align,
    check_networks,
    iterate_networks,
    read_test_rows,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

MAGNITUDE_KEYS = ["strategy", "seed", "dataset", "mag_min", "mag_max"]


def colour_axes(
    bands: Sequence[str], chosen: Sequence[Sequence[str]] | None
) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the two colours of the maps: the chosen ones, or those of the first three bands.

    Raises
    ------
    InputError
        If there are fewer than three bands and no choice.
    """
    if chosen is None and len(bands) < 3:
        raise InputError(
            "too few bands for two colours",
            key="diagnostics.colours",
            found=", ".join(bands),
            expected="three bands, or two colours named in the configuration",
        )
    first, second = chosen or (bands[:2], bands[1:3])
    return tuple(first), tuple(second)


def colour_cells(
    galaxies: pd.DataFrame, pairs: Sequence[Sequence[str]], size: float
) -> pd.DataFrame:
    """Return the cell of each galaxy in two colours as whole multiples of `size`, columns x, y.

    A galaxy without a colour has none.
    """
    cells = {}
    for axis, (blue, red) in zip("xy", pairs, strict=True):
        colour = (galaxies[f"mag_{blue}"] - galaxies[f"mag_{red}"]).to_numpy(np.float64)
        cells[axis] = pd.Series(np.floor(colour / size)).astype("Int64")
    return pd.DataFrame(cells)


def rows_in_bins(
    magnitude: np.ndarray, chosen: np.ndarray, width: float, least: int
) -> list[tuple[float, float, np.ndarray]]:
    """Return the edges of bins of magnitude, and the rows of the chosen galaxies in each."""
    return [
        (low, high, np.flatnonzero(chosen & (magnitude >= low) & (magnitude < high)))
        for low, high in regular_bins(magnitude[chosen], width, least)
    ]


@dataclass
class Measured:
    """What is measured of the networks, one after another.

    Attributes
    ----------
    bins, cells : dict
        Data set to `rows_in_bins` and to `colour_cells` of its test galaxies.
    found : dict
        Keys of the networks.
    by_magnitude : list of dict
        Metrics of each network in each bin.
    losses : dict
        (data set, strategy) to the HSC loss of each test galaxy, mean over seeds, shape (n,).
    """

    bins: dict[str, list[tuple[float, float, np.ndarray]]] = field(default_factory=dict)
    cells: dict[str, pd.DataFrame] = field(default_factory=dict)
    found: dict[tuple[str, int, str], bool] = field(default_factory=dict)
    by_magnitude: list[dict[str, object]] = field(default_factory=list)
    losses: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def add(self, network: Prediction, n_seeds: int) -> None:
        """Measure a network; its loss counts as that of one of so many seeds."""
        z_true, z_pred = (z.astype(np.float64) for z in (network.z_true, network.z_pred))
        self.found[network.key] = True
        for low, high, members in self.bins[network.dataset]:
            key = dict(zip(MAGNITUDE_KEYS, (*network.key, low, high), strict=True))
            self.by_magnitude.append(key | compute_metrics(z_true[members], z_pred[members]))
        loss = 1.0 - 1.0 / (1.0 + (relative_error(z_true, z_pred) / HSC_GAMMA) ** 2)
        total = self.losses.setdefault((network.dataset, network.strategy), np.zeros(len(loss)))
        total += loss / n_seeds


def colour_table(
    losses: Mapping[tuple[str, str], np.ndarray],
    cells: Mapping[str, pd.DataFrame],
    strategies: Sequence[str],
    *,
    size: float,
    least: int,
) -> pd.DataFrame:
    """Return the mean loss of each cell.

    Parameters
    ----------
    losses : mapping
        (data set, strategy) to the loss of each test galaxy, mean over seeds, shape (n,).
    cells : mapping
        Data set to `colour_cells`, in the same order.
    strategies : sequence of str
        Gains are over the first one.
    size : float
        Side of a cell, mag.
    least : int
        Cells with fewer galaxies are left out.

    Returns
    -------
    pandas.DataFrame
        ``dataset, strategy, x, y`` (lower edges), ``n, loss, gain, gain_error``: gain is the loss
        of the first strategy minus this one's, its error the standard error of the mean over the
        galaxies of the cell.
    """
    parts = []
    for dataset, table in cells.items():
        reference = losses[dataset, strategies[0]]
        for name in strategies:
            loss = losses[dataset, name]
            rows = table.assign(loss=loss, gain=reference - loss)
            grouped = rows.groupby(["x", "y"], sort=True)
            found = grouped.agg(n=("loss", "size"), loss=("loss", "mean"), gain=("gain", "mean"))
            found["gain_error"] = grouped["gain"].std() / np.sqrt(found["n"])
            found = found[found["n"] >= least].reset_index()
            found[["x", "y"]] = (found[["x", "y"]].astype(np.float64) * size).round(10)
            parts.append(found.assign(dataset=dataset, strategy=name))
    columns = ["dataset", "strategy", "x", "y", "n", "loss", "gain", "gain_error"]
    return pd.concat(parts, ignore_index=True)[columns]


def main(
    predictions: Sequence[str | Path],
    source: str | Path,
    target: str | Path,
    per_magnitude: str | Path,
    per_colour: str | Path,
    *,
    strategies: Sequence[str],
    seeds: Sequence[int],
    bands: Sequence[str],
    band: str,
    colours: Sequence[Sequence[str]] | None,
    z_range: Sequence[float],
    full_range: Sequence[float],
    bin_width: float,
    bin_min_galaxies: int,
    cell_size: float,
    cell_min_galaxies: int,
) -> None:
    """Write the metrics in bins of magnitude and in cells of colour.

    Parameters
    ----------
    strategies, seeds : sequence
        What the predictions must hold, each combination once.
    band : str
        Of the magnitude.
    colours : two pairs of str or None
        None: the first three bands' two colours.
    z_range, full_range : pair of float
        Of true redshift: of the bins of magnitude, and that every galaxy must be in.
    bin_width, cell_size : float
        Mag.
    bin_min_galaxies, cell_min_galaxies : int
        Bins and cells with fewer galaxies are left out.
    """
    pairs = colour_axes(bands, colours)
    columns = [f"mag_{name}" for name in (band, *pairs[0], *pairs[1])]
    splits = {"source": source, "target": target}
    rows = {name: read_test_rows(path, columns) for name, path in splits.items()}
    measured = Measured()
    for network in iterate_networks(predictions, full_range):
        dataset = network.dataset
        if dataset not in measured.bins:
            galaxies = align(rows[dataset], network, splits[dataset])
            z_true = network.z_true.astype(np.float64)
            inside = ZRange(*z_range).holds(z_true)
            magnitude = galaxies[f"mag_{band}"].to_numpy(np.float64)
            measured.bins[dataset] = rows_in_bins(magnitude, inside, bin_width, bin_min_galaxies)
            measured.cells[dataset] = colour_cells(galaxies, pairs, cell_size)
        measured.add(network, len(seeds))
    check_networks(measured.found, strategies, seeds, ("source", "target"))
    metrics = pd.DataFrame(measured.by_magnitude, columns=[*MAGNITUDE_KEYS, "n", *METRICS])
    write_csv(metrics.sort_values(MAGNITUDE_KEYS, ignore_index=True), per_magnitude)
    cells = {name: measured.cells[name] for name in ("target", "source")}
    sizes = {"size": cell_size, "least": cell_min_galaxies}
    maps = colour_table(measured.losses, cells, strategies, **sizes)
    write_csv(maps, per_colour)
    counts = len(measured.found), len(metrics), len(maps)
    logger.info("%d networks, %d rows by magnitude, %d by colour", *counts)


if __name__ == "__main__":
    run(main, snakemake)
