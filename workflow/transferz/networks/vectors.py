"""Galaxies as vectors, and an index of them that finds those alike.

The vector of a galaxy is the last hidden layer of an ensemble's networks side by side, turned to
the principal axes of the training galaxies. Two galaxies are near each other if the networks make
nearly the same of their photometry. The index is a graph (Malkov & Yashunin 2018, HNSW) of the
embedded vector database usearch: one file, opened by memory map, no service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.products import atomic_path
from transferz.networks.ensemble import Ensemble

if TYPE_CHECKING:
    from usearch.index import Index

# Galaxies whose hidden layers are in memory at a time.
ROWS = 16384
# Names of the files of `TrainingVectors`.
FILES = ("galaxies.npz", "vectors.usearch")
# Of the graph: links of a vector, and candidates looked at when one is added and when one is
# searched for. Usual values; the rule judge_neighbours measures the recall that they give.
GRAPH = {"connectivity": 16, "expansion_add": 128, "expansion_search": 128}


@dataclass(frozen=True)
class VectorSpace:
    """From the inputs of networks to vectors.

    Attributes
    ----------
    seeds : numpy.ndarray, shape (n_seeds,)
        Networks whose hidden layers make the vectors.
    mean : numpy.ndarray, shape (n_seeds, units), float32
        Of the training galaxies' hidden layers.
    axes : numpy.ndarray, shape (n_seeds, units, d), float32
        Principal axes.
    variance : float
        Share of the training galaxies' variance along them.
    """

    seeds: np.ndarray
    mean: np.ndarray
    axes: np.ndarray
    variance: float

    @classmethod
    def fit(cls, ensemble: Ensemble, training: np.ndarray, dimensions: int) -> VectorSpace:
        """Find the axes along which the training galaxies, shape (n, d), differ most."""
        layers = np.stack(list(ensemble.hidden(training)), axis=1)
        _, networks, units = layers.shape
        whole = layers.reshape(len(layers), -1).astype(np.float64)
        share, axes = np.linalg.eigh(np.cov(whole, rowvar=False))
        kept = min(dimensions, len(share))
        return cls(
            np.array(ensemble.seeds),
            whole.mean(axis=0).reshape(networks, units).astype(np.float32),
            axes[:, ::-1][:, :kept].reshape(networks, units, kept).astype(np.float32),
            float(share[::-1][:kept].sum() / share.sum()),
        )

    def of(self, ensemble: Ensemble, values: np.ndarray) -> np.ndarray:
        """Vectors of galaxies, shape (n, d), float32; NaN where an input is not finite.

        Parameters
        ----------
        ensemble : Ensemble
            Of `seeds`.
        values : numpy.ndarray, shape (n, n_columns)
            Unscaled inputs.
        """
        vectors = np.full((len(values), self.axes.shape[2]), np.nan, np.float32)
        usable = np.flatnonzero(np.isfinite(values).all(axis=1))
        for start in range(0, len(usable), ROWS):
            rows = usable[start : start + ROWS]
            layers = ensemble.hidden(np.asarray(values[rows], np.float32))
            parts = zip(layers, self.mean, self.axes, strict=True)
            vectors[rows] = sum((layer - mean) @ axes for layer, mean, axes in parts)
        return vectors


def _empty_index(dimensions: int) -> Index:
    # Who predicts only does not need usearch.
    from usearch.index import Index

    return Index(ndim=dimensions, metric="l2sq", dtype="f32", **GRAPH)


def new_index(vectors: np.ndarray, threads: int = 1) -> Index:
    """Return the index of vectors, shape (n, d), whose keys are the row numbers.

    One thread always makes the same graph, several do not.
    """
    index = _empty_index(vectors.shape[1])
    index.add(np.arange(len(vectors)), vectors, threads=threads)
    return index


def nearest(
    index: Index, vectors: np.ndarray, number: int, *, exact: bool = False, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows, int64, and distances, float32, of the nearest vectors, shape (n, number).

    -1 and NaN where a vector is not finite.
    """
    rows = np.full((len(vectors), number), -1)
    distances = np.full((len(vectors), number), np.nan, np.float32)
    usable = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    if len(usable):
        found = index.search(np.atleast_2d(vectors[usable]), number, exact=exact, threads=threads)
        shape = (len(usable), number)
        rows[usable] = np.asarray(found.keys).reshape(shape)
        distances[usable] = np.sqrt(np.maximum(np.asarray(found.distances).reshape(shape), 0.0))
    return rows, distances


@dataclass(frozen=True)
class TrainingVectors:
    """The training galaxies of a strategy as vectors.

    Attributes
    ----------
    space : VectorSpace
    index : usearch.index.Index
        Its keys are rows of `galaxies`.
    galaxies : pandas.DataFrame
        ``object_id, redshift, dataset`` of the training galaxies; the redshift is the label.
    neighbours : int
    limit : float
        A galaxy whose distance to that many-th nearest training galaxy is larger is unlike them.
    """

    space: VectorSpace
    index: Index
    galaxies: pd.DataFrame
    neighbours: int
    limit: float

    @classmethod
    def fit(
        cls,
        ensemble: Ensemble,
        galaxies: pd.DataFrame,
        training: np.ndarray,
        calibration: np.ndarray,
        *,
        dimensions: int,
        neighbours: int,
        share: float,
    ) -> TrainingVectors:
        """Index training galaxies; a `share` of the calibration galaxies is beyond the limit.

        Parameters
        ----------
        ensemble : Ensemble
        galaxies : pandas.DataFrame
            See the attributes; n rows.
        training, calibration : numpy.ndarray, shape (n, n_columns) and (m, n_columns)
            Unscaled inputs, finite.
        dimensions, neighbours : int
        share : float
        """
        space = VectorSpace.fit(ensemble, training, dimensions)
        index = new_index(space.of(ensemble, training))
        far = nearest(index, space.of(ensemble, calibration), neighbours)[1][:, -1]
        limit = float(np.quantile(far, 1.0 - share))
        return cls(space, index, galaxies.reset_index(drop=True), neighbours, limit)

    def distance(self, vectors: np.ndarray) -> np.ndarray:
        """Distance of galaxies to the `neighbours`-th nearest training galaxy, shape (n,)."""
        return nearest(self.index, vectors, self.neighbours)[1][:, -1]

    def neighbours_of(self, vectors: np.ndarray, number: int) -> pd.DataFrame:
        """Return the nearest training galaxies, `number` rows for each vector, nearest first.

        Parameters
        ----------
        vectors : numpy.ndarray, shape (n, d)
        number : int

        Returns
        -------
        pandas.DataFrame
            ``rank`` from 1 on, ``distance``; ``neighbour_id, neighbour_redshift,
            neighbour_dataset`` of the training galaxy, and empty for a vector that is not finite;
            ``flag_unlike_training``, True where the distance is beyond the limit or unknown.

        Raises
        ------
        InputError
            If there are fewer training galaxies than `number`.
        """
        most = len(self.galaxies)
        if not 1 <= number <= most:
            raise InputError("no such number", key="number", found=number, expected=f"1 to {most}")
        rows, distances = nearest(self.index, vectors, max(number, self.neighbours))
        unlike = ~(distances[:, self.neighbours - 1] <= self.limit)
        rows = rows[:, :number].ravel()
        near, known = self.galaxies.iloc[rows], rows >= 0
        return pd.DataFrame(
            {
                "rank": np.tile(np.arange(1, number + 1), len(vectors)),
                "distance": distances[:, :number].ravel(),
                "neighbour_id": np.where(known, near["object_id"].astype(str), ""),
                "neighbour_redshift": np.where(known, near["redshift"], np.nan),
                "neighbour_dataset": np.where(known, near["dataset"], ""),
                "flag_unlike_training": np.repeat(unlike, number),
            }
        )

    def save(self, path: str | Path, index: str | Path) -> None:
        """Write the index for usearch, and the rest as ``.npz`` without pickle; see `FILES`."""
        columns = {name: self.galaxies[name].to_numpy() for name in self.galaxies}
        with atomic_path(path) as temporary:
            np.savez(
                temporary,
                **vars(self.space),
                **columns | {"dataset": columns["dataset"].astype(str)},
                neighbours=self.neighbours,
                limit=self.limit,
            )
        with atomic_path(index) as temporary:
            self.index.save(str(temporary))

    @classmethod
    def load(cls, folder: str | Path) -> TrainingVectors:
        """Open `FILES` in a folder.

        Raises
        ------
        InputError
            If a file is not there, or the files are not of one index.
        """
        paths = [Path(folder) / name for name in FILES]
        for path in paths:
            if not path.is_file():
                raise InputError("no vectors", file=path, fix="run `snakemake neighbours`")
        with np.load(paths[0], allow_pickle=False) as a:
            space = VectorSpace(a["seeds"], a["mean"], a["axes"], float(a["variance"]))
            columns = {name: a[name] for name in ("object_id", "redshift", "dataset")}
            neighbours, limit = int(a["neighbours"]), float(a["limit"])
        index = _empty_index(space.axes.shape[2])
        index.view(str(paths[1]))
        if len(index) != len(columns["object_id"]):
            raise InputError(
                "not the index of these vectors",
                file=paths[1],
                found=f"{len(index)} vectors",
                expected=f"{len(columns['object_id'])}, as in {paths[0].name}",
                fix="delete both and run `snakemake neighbours` again",
            )
        return cls(space, index, pd.DataFrame(columns), neighbours, limit)


def recall(index: Index, vectors: np.ndarray, numbers: Sequence[int]) -> dict[int, float]:
    """Share of the truly nearest vectors that the graph finds, by how many are asked for."""
    result = {}
    for number in numbers:
        found, _ = nearest(index, vectors, number)
        true, _ = nearest(index, vectors, number, exact=True)
        shared = [len(np.intersect1d(a, b)) for a, b in zip(found, true, strict=True)]
        result[number] = float(np.mean(shared) / number)
    return result
