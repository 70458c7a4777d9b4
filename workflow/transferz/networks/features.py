"""Inputs of the networks: which columns, which rows, and how they are scaled. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError

# Column that the networks learn: a label, spectroscopic or photometric.
REDSHIFT = "redshift"
# Between two columns whose difference is an input: a colour.
MINUS = " - "


def input_columns(templates: Sequence[str], bands: Sequence[str]) -> list[str]:
    """Return the inputs of a network: every template once per band.

    Parameters
    ----------
    templates : sequence of str
        A column name, or the difference of two, as ``mag_{band} - mag_{next}``, in which
        ``{band}`` stands for a band and ``{next}`` for the one after it; one without them is taken
        once.
    bands : sequence of str

    Returns
    -------
    list of str
        In the order templates, then bands.

    Raises
    ------
    InputError
        If an input would be used twice or there is none.
    """
    inputs = [
        template.replace("{band}", band).replace("{next}", following)
        for template in templates
        for band, following in (
            pairwise(bands)
            if "{next}" in template
            else zip(bands, bands, strict=True)
            if "{band}" in template
            else [("", "")]
        )
    ]
    if not inputs:
        raise InputError("no input column", key="network.inputs", fix="name at least one template")
    if len(set(inputs)) != len(inputs):
        raise InputError("a column is named twice", key="network.inputs", found=inputs)
    return inputs


def measured_columns(inputs: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a catalogue that inputs are made of, each once."""
    return tuple(dict.fromkeys(name for each in inputs for name in each.split(MINUS)))


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
    """Makes inputs of columns and scales them: (x - zero) / unit, as arrays.

    ``min_max`` scales the training rows to [0, 1]; the arithmetic is that of scikit-learn's
    ``MinMaxScaler``, x * scale + offset, in single precision, and Keras' ``Rescaling`` layer
    computes the same bits. ``standard`` gives them mean 0 and standard deviation 1. Values outside
    the range of the training rows are not clipped.

    Attributes
    ----------
    inputs : tuple of str
        Columns, or differences of two.
    minimum, maximum : numpy.ndarray, shape (n_inputs,), float32
        Of the training rows, in the units of the inputs.
    zero, unit : numpy.ndarray, shape (n_inputs,), float64, optional
        What becomes 0, and how far from it 1 is; by default `minimum` and the range.
    """

    inputs: tuple[str, ...]
    minimum: np.ndarray
    maximum: np.ndarray
    zero: np.ndarray | None = None
    unit: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Take the range of the training rows where nothing else is given."""
        if self.zero is None:
            low = self.minimum.astype(np.float64)
            object.__setattr__(self, "zero", low)
            object.__setattr__(self, "unit", self.maximum.astype(np.float64) - low)

    @classmethod
    def fit(
        cls,
        values: np.ndarray,
        inputs: Sequence[str],
        scaling: str = "min_max",
        *,
        file: str | Path | None = None,
    ) -> Scaler:
        """Measure each input over the training rows.

        Parameters
        ----------
        values : numpy.ndarray, shape (n_rows, n_columns)
            `measured_columns` of training rows only, so that nothing of the other splits leaks in.
        inputs : sequence of str
        scaling : {"min_max", "standard"}
        file : path-like, optional
            Named in error messages.

        Raises
        ------
        InputError
            If an input is constant.
        """
        values = differences(values, inputs)
        minimum, maximum = values.min(axis=0), values.max(axis=0)
        for name, low, high in zip(inputs, minimum, maximum, strict=True):
            if not high > low:
                raise InputError(
                    "the column is constant over the training rows",
                    file=file,
                    key=name,
                    found=low,
                    fix="leave the band out or give more galaxies",
                )
        extent = (minimum.astype(np.float32), maximum.astype(np.float32))
        if scaling == "min_max":
            return cls(tuple(inputs), *extent)
        values = values.astype(np.float64)
        return cls(tuple(inputs), *extent, values.mean(axis=0), values.std(axis=0))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a catalogue that the inputs are made of."""
        return measured_columns(self.inputs)

    @property
    def scale(self) -> np.ndarray:
        """Factor of each input, shape (n_inputs,), float32."""
        return (1.0 / self.unit).astype(np.float32)

    @property
    def offset(self) -> np.ndarray:
        """Added after the factor, shape (n_inputs,), float32."""
        return (-self.zero / self.unit).astype(np.float32)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Scale `values`, shape (n_rows, n_columns), to float32 of shape (n_rows, n_inputs)."""
        values = np.asarray(values, dtype=np.float32)
        return differences(values, self.inputs) * self.scale + self.offset

    def outside(self, values: np.ndarray) -> tuple[float, float, str]:
        """Measure how far rows lie outside the range trained on, where a network extrapolates.

        Parameters
        ----------
        values : numpy.ndarray, shape (n_rows, n_columns)

        Returns
        -------
        fraction : float
            Of the rows, with any input outside.
        farthest : float
            Largest distance from the range, in units of its width; 0 if none is outside.
        input : str
            Where that is.
        """
        values = differences(np.asarray(values, dtype=np.float32), self.inputs)
        below, above = self.minimum - values, values - self.maximum
        beyond = np.maximum(np.maximum(below, above), 0) / (self.maximum - self.minimum)
        worst = int(beyond.max(axis=0).argmax())
        fraction = float((beyond > 0).any(axis=1).mean())
        return fraction, float(beyond[:, worst].max()), self.inputs[worst]

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that describes the scaler, as arrays that need no pickle."""
        numbers = {f"scaler_{name}": getattr(self, name) for name in SCALING}
        return {"inputs": np.array(self.inputs), **numbers}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Scaler:
        """Inverse of `arrays`."""
        numbers = (arrays[f"scaler_{name}"] for name in SCALING)
        return cls(tuple(str(name) for name in arrays["inputs"]), *numbers)


SCALING = ("minimum", "maximum", "zero", "unit")


def places(inputs: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return which columns, of `measured_columns`, stand before and after the minus of each input.

    The same one twice for an input that is a column.
    """
    columns = measured_columns(inputs)
    terms = [each.split(MINUS) for each in inputs]
    return [columns.index(t[0]) for t in terms], [columns.index(t[-1]) for t in terms]


def differences(values: np.ndarray, inputs: Sequence[str]) -> np.ndarray:
    """Return inputs, shape (n, n_inputs), of `measured_columns`, shape (n, n_columns)."""
    first, second = places(inputs)
    plain = np.equal(first, second)
    return np.where(plain, values[:, first], values[:, first] - values[:, second])
