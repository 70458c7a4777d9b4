"""Galaxies to calibrate with: what an ensemble needs, besides its networks, to be applied.

A sample belongs to one strategy, because it keeps what its networks have seen in training, and to
one data set: the intervals hold for galaxies like those of that data set. No TensorFlow.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.catalogues.splits import hash_uniform
from transferz.core.errors import InputError
from transferz.core.products import atomic_path
from transferz.networks.features import feature_matrix, target_vector
from transferz.uncertainty.incomplete_photometry import ColourSpace, Completion

SETTINGS = ("redshift_bins", "magnitude_bins", "min_galaxies", "adaptive")


def calibration_part(table: pd.DataFrame, test_share: float, seed: int) -> np.ndarray:
    """Return the part of each galaxy, shape (n,): train, validation, calibration or test.

    Calibration galaxies are a share of the test set, drawn by a hash of the identifier and `seed`,
    independently of the split also where `seed` is that of the split.
    The validation set is left out: it has decided when trainings stop, and the networks' errors
    on it are smaller than on galaxies that have decided nothing.
    """
    part = table["split"].to_numpy(dtype=object, copy=True)
    drawn = hash_uniform(table["object_id"].to_numpy(), seed, "calibration") < test_share
    part[(part == "test") & drawn] = "calibration"
    return part


@dataclass(frozen=True)
class CalibrationSample:
    """Galaxies to calibrate with, and what the networks have seen in training.

    Attributes
    ----------
    columns : tuple of str
        Inputs of the networks.
    bands : tuple of str
    magnitude : str
        The input by whose value cells are cut, such as ``mag_i``.
    inputs : numpy.ndarray, shape (n, d), float32
        Unscaled inputs.
    z_true : numpy.ndarray, shape (n,), float32
    z_trained : numpy.ndarray, shape (2,), float32
        Lowest and highest redshift of the training galaxies: predictions stay between them.
    completion : Completion
    space : ColourSpace
    settings : dict
        `SETTINGS`, of `conformal.Conformal.fit`.
    trained_on : dict of str
        What the networks were trained on, in words; empty if nobody said.
    softening : dict of float
        By band, of `units.asinh_magnitude`; empty where no network reads asinh magnitudes.
    """

    columns: tuple[str, ...]
    bands: tuple[str, ...]
    magnitude: str
    inputs: np.ndarray
    z_true: np.ndarray
    z_trained: np.ndarray
    completion: Completion
    space: ColourSpace
    settings: dict[str, float]
    trained_on: dict[str, str] = field(default_factory=dict)
    softening: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_tables(
        cls,
        training: Sequence[pd.DataFrame],
        calibration: pd.DataFrame,
        *,
        columns: Sequence[str],
        bands: Sequence[str],
        magnitude: str,
        settings: Mapping[str, float],
        neighbours: int,
        share: float,
        max_reference: int,
        trained_on: Mapping[str, str] | None = None,
        softening: Mapping[str, float] | None = None,
    ) -> CalibrationSample:
        """Take the sample from split tables.

        Parameters
        ----------
        training : sequence of pandas.DataFrame
            Training rows of each strategy of the chain.
        calibration : pandas.DataFrame
        columns, bands, magnitude, settings, trained_on, softening
            See the attributes.
        neighbours, share : int, float
            See `incomplete_photometry.ColourSpace`.
        max_reference : int
            Training galaxies that the colour space is made of, at most: evenly spaced rows.
        """
        trained = np.concatenate([feature_matrix(table, columns) for table in training])
        step = -(-len(trained) // max_reference)
        redshifts = np.concatenate([target_vector(table)[:, 0] for table in training])
        values = feature_matrix(calibration, columns)
        return cls(
            tuple(columns),
            tuple(bands),
            magnitude,
            values,
            target_vector(calibration)[:, 0],
            np.array([redshifts.min(), redshifts.max()]),
            Completion.fit(trained),
            ColourSpace.fit(trained[::step], values, neighbours=neighbours, share=share),
            dict(settings),
            {**(trained_on or {}), "training galaxies": str(len(trained))},
            dict(softening or {}),
        )

    def save(self, path: str | Path) -> None:
        """Write the sample as ``.npz``, without pickle."""
        arrays = {
            "columns": np.array(self.columns),
            "bands": np.array(self.bands),
            "magnitude": np.array(self.magnitude),
            "inputs": self.inputs,
            "z_true": self.z_true,
            "z_trained": self.z_trained,
            **{f"completion_{name}": value for name, value in vars(self.completion).items()},
            "space_mean": self.space.mean,
            "space_whitening": self.space.whitening,
            "space_reference": self.space.reference,
            "space_neighbours": np.array(self.space.neighbours),
            "space_limit": np.array(self.space.limit),
            **{name: np.array(self.settings[name]) for name in SETTINGS},
            "trained_on": np.array(json.dumps(self.trained_on)),
            "softening": np.array(json.dumps(self.softening)),
        }
        with atomic_path(path) as temporary:
            np.savez(temporary, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> CalibrationSample:
        """Read a file written by `save`; an `InputError` if it is none."""
        if not Path(path).is_file():
            raise InputError(
                "calibration sample not found", file=path, fix="run the target `calibration`"
            )
        try:
            with np.load(path, allow_pickle=False) as a:
                return cls(
                    tuple(map(str, a["columns"])),
                    tuple(map(str, a["bands"])),
                    str(a["magnitude"]),
                    a["inputs"],
                    a["z_true"],
                    a["z_trained"],
                    Completion(
                        *(a[f"completion_{k}"] for k in ("mean", "covariance")),
                        *(a[f"completion_{k}"] for k in ("minimum", "maximum")),
                    ),
                    ColourSpace(
                        *(a[f"space_{k}"] for k in ("mean", "whitening", "reference")),
                        int(a["space_neighbours"]),
                        float(a["space_limit"]),
                    ),
                    {name: a[name].item() for name in SETTINGS},
                    *(json.loads(str(a[k])) if k in a else {} for k in ("trained_on", "softening")),
                )
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(
                "not a calibration sample",
                file=path,
                found=str(error),
                fix="delete the file and run again to re-make it",
            ) from error
