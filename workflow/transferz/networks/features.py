"""Inputs of the networks: which columns, which rows, and how they are scaled. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError

# Column that the networks learn: a label, spectroscopic or photometric.
REDSHIFT = "redshift"


def input_columns(templates: Sequence[str], bands: Sequence[str]) -> list[str]:
    """Columns a network reads: every template once per band, e.g. ``mag_{band}`` -> ``mag_g``.

    Parameters
    ----------
    templates : sequence of str
        Column names in which ``{band}`` stands for a band; one without it is taken once.
    bands : sequence of str

    Returns
    -------
    list of str
        In the order templates, then bands.

    Raises
    ------
    InputError
        If a column would be used twice or there is none.
    """
    columns = [
        template.replace("{band}", band)
        for template in templates
        for band in (bands if "{band}" in template else [""])
    ]
    if not columns:
        raise InputError("no input column", key="network.inputs", fix="name at least one template")
    if len(set(columns)) != len(columns):
        raise InputError("a column is named twice", key="network.inputs", found=columns)
    return columns


def select_split(
    table: pd.DataFrame, split: str, *, file: str | Path | None = None
) -> pd.DataFrame:
    """Rows of one split, in the order of the file.

    Raises
    ------
    InputError
        If the split has no row.
    """
    rows = table[table["split"] == split]
    if rows.empty:
        raise InputError(
            f"no row with split '{split}'",
            file=file,
            key="split",
            found=", ".join(f"{k}: {n}" for k, n in table["split"].value_counts().items()),
            fix="loosen the cuts or change the split fractions",
        )
    return rows


def feature_matrix(
    table: pd.DataFrame, columns: Sequence[str], *, file: str | Path | None = None
) -> np.ndarray:
    """Input columns as one matrix.

    Parameters
    ----------
    table : pandas.DataFrame
    columns : sequence of str
    file : path-like, optional
        Named in error messages.

    Returns
    -------
    numpy.ndarray, shape (n_rows, n_columns), float32
        Unscaled, C order.

    Raises
    ------
    InputError
        On no row, a missing column, or any value that is not finite.
    """
    if not len(table):
        raise InputError("no galaxy is left", file=file, fix="loosen the cuts")
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            "missing column",
            file=file,
            key=", ".join(missing),
            found=", ".join(map(str, table.columns)),
            fix="check `bands` and `network.inputs`",
        )
    matrix = np.empty((len(table), len(columns)), dtype=np.float32)
    for index, name in enumerate(columns):
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise InputError(
                "no value is finite" if bad == len(values) else "values that are not finite",
                file=file,
                key=name,
                found=f"{bad} of {len(values)} rows with NaN, infinity or text",
                expected="a finite number in each row",
                fix="drop the rows in the catalogue's cuts or leave the band out",
            )
        matrix[:, index] = values
    return matrix


def target_vector(table: pd.DataFrame, *, file: str | Path | None = None) -> np.ndarray:
    """Take the true redshifts, shape (n_rows, 1), float32; errors as `feature_matrix`."""
    target = feature_matrix(table, [REDSHIFT], file=file)
    if target.min() <= -1:
        raise InputError(
            "impossible redshift", file=file, key=REDSHIFT, found=target.min(), expected="above -1"
        )
    return target


@dataclass(frozen=True)
class Scaler:
    """Min-max scaling of the inputs to [0, 1], as arrays.

    The arithmetic is that of scikit-learn's ``MinMaxScaler``, x * scale + offset with
    scale = 1 / (max - min) and offset = -min * scale, in single precision; Keras'
    ``Rescaling`` layer computes the same bits. Values outside the range of the training rows are
    not clipped.

    Attributes
    ----------
    columns : tuple of str
    minimum, maximum : numpy.ndarray, shape (n_columns,), float32
        Of the training rows, in the units of the columns.
    """

    columns: tuple[str, ...]
    minimum: np.ndarray
    maximum: np.ndarray

    @classmethod
    def fit(
        cls, values: np.ndarray, columns: Sequence[str], *, file: str | Path | None = None
    ) -> Scaler:
        """Measure the range of each column over the training rows.

        Parameters
        ----------
        values : numpy.ndarray, shape (n_rows, n_columns)
            Training rows only, so that nothing of the other splits leaks in.
        columns : sequence of str
        file : path-like, optional
            Named in error messages.

        Raises
        ------
        InputError
            If a column is constant.
        """
        minimum, maximum = values.min(axis=0), values.max(axis=0)
        for name, low, high in zip(columns, minimum, maximum, strict=True):
            if not high > low:
                raise InputError(
                    "the column is constant over the training rows",
                    file=file,
                    key=name,
                    found=low,
                    fix="leave the band out or give more galaxies",
                )
        return cls(tuple(columns), minimum.astype(np.float32), maximum.astype(np.float32))

    @property
    def scale(self) -> np.ndarray:
        """Factor of each column, shape (n_columns,), float32."""
        return (1.0 / (self.maximum.astype(np.float64) - self.minimum)).astype(np.float32)

    @property
    def offset(self) -> np.ndarray:
        """Added after the factor, shape (n_columns,), float32."""
        low = self.minimum.astype(np.float64)
        return (-low / (self.maximum.astype(np.float64) - low)).astype(np.float32)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Scale `values`, shape (n_rows, n_columns), to float32 of the same shape."""
        return np.asarray(values, dtype=np.float32) * self.scale + self.offset

    def outside(self, values: np.ndarray) -> tuple[float, float, str]:
        """Measure how far rows lie outside the range trained on, where a network extrapolates.

        Parameters
        ----------
        values : numpy.ndarray, shape (n_rows, n_columns)

        Returns
        -------
        fraction : float
            Of the rows, with any column outside.
        farthest : float
            Largest distance from the range, in units of its width; 0 if none is outside.
        column : str
            Where that is.
        """
        scaled = self.transform(values)
        beyond = np.maximum(np.maximum(-scaled, scaled - 1), 0)
        worst = int(beyond.max(axis=0).argmax())
        fraction = float((beyond > 0).any(axis=1).mean())
        return fraction, float(beyond[:, worst].max()), self.columns[worst]

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that describes the scaler, as arrays that need no pickle."""
        return {
            "columns": np.array(self.columns),
            "scaler_minimum": self.minimum,
            "scaler_maximum": self.maximum,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Scaler:
        """Inverse of `arrays`."""
        return cls(
            tuple(str(name) for name in arrays["columns"]),
            arrays["scaler_minimum"],
            arrays["scaler_maximum"],
        )
