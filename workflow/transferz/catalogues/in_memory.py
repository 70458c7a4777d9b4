"""Tables and true redshifts as people hand them over: pandas, astropy, lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from transferz.catalogues.columns import Column, check_once
from transferz.catalogues.units import check_unit, no_redshift
from transferz.core.errors import InputError


def names_of(table: object) -> list[str]:
    """Return the names of the columns of a table; none of what is no table."""
    return list(getattr(table, "column_names", getattr(table, "columns", ())))


def as_frame(table: object, columns: Sequence[str]) -> pd.DataFrame:
    """Return `columns` of a table of pandas, or of another library that knows pandas'.

    Raises
    ------
    InputError
        If it is no table, or a column is missing, there twice or in another unit than mag.
    """
    names = names_of(table)
    if not hasattr(table, "columns") or not (
        isinstance(table, pd.DataFrame) or hasattr(table, "to_pandas")
    ):
        raise InputError(
            "not a table",
            found=type(table).__name__,
            expected="a DataFrame or an astropy Table with " + ", ".join(columns),
            fix="wrap it: pandas.DataFrame(...)",
        )
    absent = [name for name in columns if name not in names]
    if absent:
        raise InputError(
            "missing column",
            key=", ".join(absent),
            found=", ".join(map(str, names)),
            expected=", ".join(columns),
            fix="rename the columns; fill a band that was not observed with NaN",
        )
    check_once(None, columns, names)
    if isinstance(table, pd.DataFrame):
        return table
    for name in columns:
        unit = getattr(table[name], "unit", None)
        expected = Column(name, name, unit="mag" * name.startswith("mag"))
        check_unit(None, expected, None if unit is None else str(unit))
    return table[list(columns)].to_pandas()


def as_truth(z_true: object, index: pd.Index) -> np.ndarray:
    """Return true redshifts, one per row; NaN for what is masked or no redshift.

    Raises
    ------
    InputError
        If they are no numbers, not as many as rows, or a Series that has the rows of the table's
        `index` in another order: pandas would compare by label, arrays are compared by place.
    """
    try:
        truth = np.ma.filled(np.ma.asarray(z_true, dtype=np.float64), np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(
            "true redshifts are not numbers", key="z_true", found=str(error)
        ) from error
    if truth.shape != (len(index),):
        raise InputError(
            "not one true redshift per row",
            key="z_true",
            found=f"shape {truth.shape}",
            expected=f"({len(index)},), as many as rows of the table",
        )
    labels = getattr(z_true, "index", None)
    if isinstance(labels, pd.Index) and not labels.equals(index) and set(labels) == set(index):
        raise InputError(
            "the rows of the table in another order",
            key="z_true",
            found=f"an index that begins with {labels[0]}",
            expected=f"that of the table, which begins with {index[0]}",
            fix="give z_true.loc[table.index], or z_true.to_numpy() if the order is right",
        )
    return np.where(no_redshift(truth), np.nan, truth)
