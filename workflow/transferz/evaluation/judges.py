"""What predictions are compared with: labels and, on the embedded survey, true redshifts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.products import read_parquet

# Test sets and by what they are judged, in the order of tables; spectra count as the truth.
JUDGED = (("target", "label"), ("source", "label"), ("source", "truth"))


def true_redshifts(path: str | Path, object_id: pd.Index) -> np.ndarray:
    """Return the true redshift behind the photometry of each object, shape (n,), float64.

    Parameters
    ----------
    path : path-like
        truth.parquet of the simulation.
    object_id : pandas.Index

    Raises
    ------
    InputError
        If an object is not in the truth, or more than once.
    """
    table = read_parquet(path, ["object_id", "redshift_true", "file"])
    behind = table[table["file"] == "hsc"].set_index("object_id")["redshift_true"]
    if behind.index.has_duplicates or not object_id.isin(behind.index).all():
        raise InputError(
            "objects without one true redshift",
            file=path,
            key="object_id",
            found=f"{int((~object_id.isin(behind.index)).sum())} of {len(object_id)} absent",
            fix="simulate the survey again",
        )
    return behind.loc[object_id].to_numpy(np.float64)


def redshifts_by_judge(
    dataset: str, object_id: pd.Series, label: np.ndarray, truth: str | Path | None
) -> dict[str, np.ndarray]:
    """Return the redshifts that judge the galaxies of a data set, by judge, as `JUDGED` has them.

    Parameters
    ----------
    dataset : str
    object_id : pandas.Series
    label : array_like, shape (n,)
        Returned as it is.
    truth : path-like, optional
        See `true_redshifts`; None: it is not known.
    """
    judges = {"label": label}
    if truth is not None and (dataset, "truth") in JUDGED:
        judges["truth"] = true_redshifts(truth, pd.Index(object_id))
    return judges
