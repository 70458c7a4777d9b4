"""RAIL's estimators of photometric redshifts, trained and asked through RAIL's own stages.

RAIL (arXiv:2505.02928) is installed in an environment of its own, envs/peers.txt; it is imported
only where an estimator is made.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferz.core.products import read_parquet
from transferz.networks.features import REDSHIFT, select_split
from transferz.uncertainty.scores import mean_scores, quantile, score_galaxies


def estimate_label(name: str, labels: Mapping[str, str]) -> str | None:
    """Return what ``{peer}-{sample}`` or ``{peer}-tuned-{sample}`` is called; None for others."""
    peer, *tuning, sample = name.split("-")
    if peer not in PEERS or tuning not in ([], ["tuned"]):
        return None
    where = "both" if sample == "combo" else labels.get(sample, sample)
    return f"{PEERS[peer].label}{' (tuned)' if tuning else ''}, {where}"


@dataclass(frozen=True)
class Peer:
    """An estimator of RAIL.

    Attributes
    ----------
    label : str
        For tables and figures.
    module, stage : str
        Where in ``rail.estimation.algos`` it is, and its name there without Informer, Estimator.
    tuning : sequence of mapping
        Settings other than RAIL's defaults that are tried on the validation galaxies.
    """

    label: str
    module: str
    stage: str
    tuning: Sequence[Mapping[str, Any]] = field(default=())


DEPTH = {"max_depth": 12, "objective": "reg:squarederror"}
PEERS = {
    "knn": Peer(
        "k-nearest neighbours",
        "k_nearneigh",
        "KNearNeigh",
        [{"sigma_grid_min": 0.005, "sigma_grid_max": 0.05, "nneigh_min": 5, "nneigh_max": 9}],
    ),
    "flexzboost": Peer(
        "FlexZBoost",
        "flexzboost",
        "FlexZBoost",
        [{"include_mag_err": True}, {"max_basis": 50, "regression_params": DEPTH}],
    ),
    "gpz": Peer("GPz", "gpz", "GPz", [{"n_basis": 100, "max_iter": 400}]),
    "cmnn": Peer("CMNN", "cmnn", "CMNN", [{"selection_mode": 1}, {"ppf_value": 0.95, "min_n": 10}]),
    # More trees than RAIL's default take minutes to answer for 10,000 galaxies.
    "tpz": Peer("TPZ", "tpz_lite", "TPZlite"),
    "dnf": Peer("DNF", "dnf", "DNF", [{"selection_mode": 0}, {"selection_mode": 2}]),
    "pzflow": Peer("PZFlow", "pzflow_nf", "PZFlow", [{"n_training_epochs": 100}]),
}
NON_DETECTION = 99.0
SMALLEST_ERROR = 1e-4
# Of a galaxy and an estimate.
SCORED_COLUMNS = [
    *("estimate", "dataset", "object_id", "z_true", "z_pred"),
    *("crps", "cde_loss", "pit", "width_68"),
]


def photometry(table: pd.DataFrame, bands: Sequence[str]) -> dict[str, np.ndarray]:
    """Return magnitudes, their errors and redshifts as RAIL has them: arrays that can be written.

    Parameters
    ----------
    table : pandas.DataFrame
        With `mag_{band}`, `mag_err_{band}` and `redshift`.
    """
    names = [f"{kind}_{band}" for kind in ("mag", "mag_err") for band in bands]
    data = {name: table[name].to_numpy(np.float64, copy=True) for name in [*names, REDSHIFT]}
    for name in names[len(bands) :]:
        np.maximum(data[name], SMALLEST_ERROR, out=data[name])
    return data


def stage_settings(bands: Sequence[str], edges: np.ndarray, faintest: Sequence[float]) -> dict:
    """Return what the stages must be told about the catalogue; everything else is RAIL's default.

    Parameters
    ----------
    bands : sequence of str
    edges : numpy.ndarray, shape (k + 1,)
        Grid of redshifts.
    faintest : sequence of float
        Magnitude that stands for a limit in each band.
    """
    magnitudes, errors = ([f"{kind}_{band}" for band in bands] for kind in ("mag", "mag_err"))
    return {
        "hdf5_groupname": "",
        "bands": magnitudes,
        "err_bands": errors,
        "column_names": magnitudes,
        "err_names_dict": {
            error: f"{name}_err" for name, error in zip(magnitudes, errors, strict=True)
        },
        "ref_band": magnitudes[len(bands) // 2],
        "redshift_col": REDSHIFT,
        "mag_limits": dict(zip(magnitudes, map(float, faintest), strict=True)),
        "nondetect_val": NON_DETECTION,
        "replace_error_vals": [0.1] * len(bands),
        "zmin": float(edges[0]),
        "zmax": float(edges[-1]),
        "nzbins": len(edges),
    }


def processor_seconds() -> float:
    """Return processor time so far, of this process and those that it waited for."""
    return sum(os.times()[:4])


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Work in a temporary folder: RAIL's stages write where they are run, and print.

    What they print goes where errors go: in a job, to its log.
    """
    sys.stdout.flush()
    terminal = os.dup(1)
    os.dup2(2, 1)
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            yield Path(folder)
    finally:
        sys.stdout.flush()
        os.dup2(terminal, 1)
        os.close(terminal)


class Estimator:
    """One estimator, trained on one sample.

    Parameters
    ----------
    peer : Peer
    train : pandas.DataFrame
        Rows to train on; nothing else is seen.
    bands : sequence of str
    edges : numpy.ndarray, shape (k + 1,)
        Grid of redshifts.
    settings : mapping
        Of the stages, in place of RAIL's defaults.

    Attributes
    ----------
    seconds : float
        Processor time of training.
    """

    def __init__(
        self,
        peer: Peer,
        train: pd.DataFrame,
        bands: Sequence[str],
        edges: np.ndarray,
        settings: Mapping[str, Any],
    ) -> None:
        self.bands, self.edges, self.module = bands, edges, peer.module
        module = importlib.import_module(f"rail.estimation.algos.{peer.module}")
        faintest = [train[f"mag_{band}"].max() for band in bands]
        self.settings = stage_settings(bands, edges, faintest) | dict(settings)
        self.estimator = getattr(module, f"{peer.stage}Estimator")
        informer = getattr(module, f"{peer.stage}Informer")
        with scratch() as folder:
            stage = self._stage(informer, model=str(folder / "model.pkl"))
            begin = processor_seconds()
            self.model = stage.inform(photometry(train, bands)).data
            self.seconds = processor_seconds() - begin

    def _stage(self, kind: type, **files: object) -> Any:
        known = {
            name: value for name, value in self.settings.items() if name in kind.config_options
        }
        return kind.make_stage(name=f"{kind.__name__}_{id(self)}", **known, **files)

    def estimate(self, table: pd.DataFrame) -> Any:
        """Return the answer for each row, a qp ensemble."""
        with scratch():
            stage = self._stage(self.estimator, model=self.model)
            return stage.estimate(photometry(table, self.bands)).data


def probabilities(ensemble: Any, edges: np.ndarray) -> np.ndarray:
    """Return the share of a qp ensemble's distributions in each class, shape (n, k).

    A distribution that has nothing on the grid is flat.
    """
    levels = np.asarray(ensemble.cdf(edges), dtype=np.float64).reshape(-1, len(edges))
    share = np.clip(np.nan_to_num(np.diff(levels, axis=1)), 0.0, None)
    total = share.sum(axis=1, keepdims=True)
    return np.where(total > 0, share / np.where(total > 0, total, 1.0), 1.0 / share.shape[1])


def scored(ensemble: Any, edges: np.ndarray, table: pd.DataFrame) -> pd.DataFrame:
    """Return point estimate (the median) and scores of each galaxy of a catalogue."""
    probability, z_true = probabilities(ensemble, edges), table[REDSHIFT].to_numpy(np.float64)
    head = table[["object_id"]].reset_index(drop=True)
    head["z_true"], head["z_pred"] = z_true, quantile(probability, edges, 0.5)
    return head.join(score_galaxies(probability, edges, z_true))


def trained(
    peer: Peer,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    bands: Sequence[str],
    edges: np.ndarray,
    budget: float,
) -> Iterator[tuple[str, dict[str, Any], Estimator]]:
    """Yield an estimator with RAIL's defaults, then the tuned one, if that is another.

    Tuned: of the settings that there is time for, the smallest CDE loss on validation galaxies.

    Parameters
    ----------
    budget : float
        Processor seconds, training with the defaults and its validation among them, after which no
        other settings are tried.

    Yields
    ------
    str
        Nothing, or ``-tuned``.
    dict
        Settings other than RAIL's defaults.
    Estimator
    """

    def loss(estimator: Estimator) -> float:
        answer = estimator.estimate(validation)
        return mean_scores(scored(answer, edges, validation))["cde_loss"]

    default = Estimator(peer, train, bands, edges, {})
    yield "", {}, default
    if not peer.tuning:
        return
    begin, best, lowest = processor_seconds() - default.seconds, None, loss(default)
    for settings in peer.tuning:
        if processor_seconds() - begin > budget:
            break
        other = Estimator(peer, train, bands, edges, settings)
        if (found := loss(other)) < lowest:
            lowest, best = found, (dict(settings), other)
    if best is not None:
        yield "-tuned", *best


def read_rows(path: str | Path, split: str, bands: Sequence[str]) -> pd.DataFrame:
    """Return the rows of one split of a split catalogue, with what RAIL's stages read."""
    names = [f"{kind}_{band}" for kind in ("mag", "mag_err") for band in bands]
    table = read_parquet(path, ["object_id", *names, REDSHIFT, "split"])
    return select_split(table, split, file=path).reset_index(drop=True)
