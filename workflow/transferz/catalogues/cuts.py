"""Ordered, named cuts from the configuration, and the cut-flow table that they leave.

A cut is a mapping such as ``{column: lp_zPDF, above: 0.01, below: 9}``. Its values are compared
with the column; nothing in it is run as code. Rows without a value (NaN) fail every test but
``is_null``. The cuts of a run are in its configuration, such as ``selection.cuts``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.catalogues.columns import did_you_mean
from transferz.core.errors import InputError
from transferz.core.products import CUTFLOW_COLUMNS

logger = logging.getLogger(__name__)


def photo_z_half_width(table: pd.DataFrame) -> pd.Series:
    """Return the larger side of the 68% interval of a photo-z, over 1 + z."""
    z = table["lp_zPDF"]
    width = np.maximum(table["lp_zPDF_u68"] - z, z - table["lp_zPDF_l68"])
    return width / (1 + z)


def spec_z_relative_err(table: pd.DataFrame) -> pd.Series:
    """Return the error of a spec-z over 1 + z."""
    return table["redshift_err"] / (1 + table["redshift"])


def chi2_per_filter(table: pd.DataFrame) -> pd.Series:
    """Return the chi-square of the best galaxy template over the number of filters."""
    return table["lp_chi2_best"] / table["lp_NbFilt"]


# Quantities that a cut may name as if they were columns.
DERIVED: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "photo_z_half_width": photo_z_half_width,
    "spec_z_relative_err": spec_z_relative_err,
    "chi2_per_filter": chi2_per_filter,
}

# Tests that a cut may make; all of those that it names must hold.
TESTS: dict[str, Callable[[pd.Series, object, pd.DataFrame], pd.Series]] = {
    "equals": lambda values, wanted, table: values == wanted,
    "one_of": lambda values, wanted, table: values.isin(wanted),
    "min": lambda values, limit, table: values >= limit,
    "max": lambda values, limit, table: values <= limit,
    "above": lambda values, limit, table: values > limit,
    "below": lambda values, limit, table: values < limit,
    "below_column": lambda values, other, table: values < quantity(table, other),
    "above_column": lambda values, other, table: values > quantity(table, other),
    "is_null": lambda values, wanted, table: values.isna() == wanted,
}


def quantity(table: pd.DataFrame, name: str, *, cut: str | None = None) -> pd.Series:
    """Return a column or a derived quantity of `table`.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    key = f"cuts.{cut}" if cut else name
    if name in table:
        return table[name]
    if name in DERIVED:
        try:
            return DERIVED[name](table)
        except KeyError as error:
            raise InputError(
                f"'{name}' needs a column that the catalogue lacks",
                key=key,
                found=did_you_mean(str(error.args[0]), list(table)),
                expected=str(error.args[0]),
                fix="leave the cut out (set it to null) or give a catalogue with the column",
            ) from error
    raise InputError(
        f"no column '{name}' to cut on",
        key=key,
        found=did_you_mean(name, [*table.columns, *DERIVED]),
        fix="correct the cut, leave it out (set it to null), or name a column of your own in the "
        "`extra_columns` of its catalogue",
    )


def passes(table: pd.DataFrame, name: str, cut: Mapping, bands: Sequence[str]) -> np.ndarray:
    """Return which rows pass a cut.

    Parameters
    ----------
    table : pandas.DataFrame
    name : str
        Name of the cut, for messages.
    cut : mapping
        ``column`` or ``columns`` (``{band}`` stands for every band of `bands`; all must pass) and
        one or more of `TESTS`.
    bands : sequence of str

    Returns
    -------
    numpy.ndarray of bool, shape (n_rows,)
    """
    known = ["column", "columns", "description", *TESTS]
    for key in cut:
        if key not in known:
            raise InputError(
                "unknown key of a cut",
                key=f"cuts.{name}.{key}",
                found=did_you_mean(key, known),
                expected=", ".join(known),
            )
    tests = {key: value for key, value in cut.items() if key in TESTS}
    templates = [cut["column"]] if "column" in cut else list(cut.get("columns", ()))
    if not tests or not templates:
        raise InputError(
            "a cut needs a column and a test",
            key=f"cuts.{name}",
            found=dict(cut),
            expected=f"column or columns, and one of {', '.join(TESTS)}",
        )
    columns = [
        column
        for template in templates
        for column in (
            [template.replace("{band}", band) for band in bands]
            if "{band}" in template
            else [template]
        )
    ]
    keep = np.ones(len(table), dtype=bool)
    for column in columns:
        values = quantity(table, column, cut=name)
        for test, wanted in tests.items():
            try:
                result = TESTS[test](values, wanted, table)
            except TypeError as error:
                raise InputError(
                    "the cut compares values of different kinds",
                    key=f"cuts.{name}.{test}",
                    found=f"{wanted!r} against {column} of type {values.dtype}",
                    expected="a value of the column's type",
                ) from error
            keep &= np.asarray(result, dtype=bool)
    return keep


def apply_cuts(
    table: pd.DataFrame,
    cuts: Mapping[str, Mapping | None],
    bands: Sequence[str],
    *,
    stage: str = "selection",
    file: str | Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply named cuts in their order.

    Parameters
    ----------
    table : pandas.DataFrame
    cuts : mapping of str to mapping or None
        By name; None switches a cut of the default configuration off.
    bands : sequence of str
    stage : str
        Label of these rows in the cut-flow table.
    file : path-like, optional
        Where `table` comes from, for messages.

    Returns
    -------
    selected : pandas.DataFrame
        The rows that pass all cuts, in their order, index reset.
    cutflow : pandas.DataFrame
        One row per cut: `CUTFLOW_COLUMNS` and ``stage``; fraction is n_out / n_in of the step.

    Raises
    ------
    InputError
        If a cut leaves no row, or is not well formed.
    """
    steps = []
    for name, cut in cuts.items():
        if cut is None:
            continue
        keep = passes(table, name, cut, bands)
        if not keep.any():
            raise InputError(
                f"cut '{name}' removed every row",
                file=file,
                key=f"cuts.{name}",
                found=_what_was_there(table, name, cut, bands),
                expected=", ".join(f"{key} {cut[key]}" for key in cut if key in TESTS),
                fix="correct the cut or the catalogue",
            )
        steps.append(cutflow_row(name, cut.get("description", name), len(table), int(keep.sum())))
        table = table[keep]
    return table.reset_index(drop=True), cutflow_table(steps, stage)


def cutflow_row(name: str, description: str, n_in: int, n_out: int) -> dict[str, object]:
    """Return one step of a cut flow."""
    logger.info("%-24s %9d -> %9d", name, n_in, n_out)
    return {"cut": name, "description": description, "n_in": n_in, "n_out": n_out}


def cutflow_table(steps: Sequence[Mapping[str, object]], stage: str) -> pd.DataFrame:
    """Return steps of one stage as a cut-flow table; steps are numbered by `join_cutflows`."""
    flow = pd.DataFrame(list(steps), columns=["cut", "description", "n_in", "n_out"])
    flow = flow.astype({"n_in": "int64", "n_out": "int64"})
    flow["n_removed"] = flow["n_in"] - flow["n_out"]
    flow["fraction"] = flow["n_out"] / flow["n_in"].where(flow["n_in"] > 0)
    flow["stage"] = stage
    return join_cutflows(flow)


def join_cutflows(*flows: pd.DataFrame) -> pd.DataFrame:
    """Return cut-flow tables one after another, their steps numbered from 1."""
    joined = pd.concat(flows, ignore_index=True) if len(flows) > 1 else flows[0].copy()
    joined["step"] = np.arange(1, len(joined) + 1)
    return joined[[*CUTFLOW_COLUMNS, "stage"]]


def unbalanced(flow: pd.DataFrame, n_rows: int) -> list[str]:
    """Return where the counts of a cut flow do not add up; nothing if all do.

    Parameters
    ----------
    flow : pandas.DataFrame
        `CUTFLOW_COLUMNS`.
    n_rows : int
        Rows that are left after the last step.
    """
    lost = flow["n_in"] - flow["n_out"] != flow["n_removed"]
    same_stage = flow["stage"].eq(flow["stage"].shift())
    gap = same_stage & flow["n_in"].ne(flow["n_out"].shift())
    problems = [f"{cut}: n_in is not n_out + n_removed" for cut in flow.loc[lost, "cut"]]
    problems += [f"{cut}: begins with another count than was left" for cut in flow.loc[gap, "cut"]]
    n_final = int(flow["n_out"].iloc[-1]) if len(flow) else n_rows
    if n_final != n_rows:
        problems.append(f"the last step leaves {n_final}, the catalogue has {n_rows} rows")
    return problems


def check_counts(flow: pd.DataFrame, n_rows: int) -> None:
    """Raise a `RuntimeError` unless counts in = counts out + cut, down to the catalogue."""
    problems = unbalanced(flow, n_rows)
    if problems:
        raise RuntimeError(f"counts of the cut flow do not add up: {'; '.join(problems)}")


def _what_was_there(table: pd.DataFrame, name: str, cut: Mapping, bands: Sequence[str]) -> str:
    """Describe the values that a cut met, for the message when none passed."""
    if not len(table):
        return "no rows"
    template = cut["column"] if "column" in cut else cut["columns"][0]
    column = template.replace("{band}", bands[0]) if bands else template
    values = quantity(table, column, cut=name)
    if values.isna().all():
        return f"{len(values)} rows, all null, in {column}"
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return f"{len(values)} rows with {column} from {values.min():g} to {values.max():g}"
    some = ", ".join(str(value) for value in values.dropna().unique()[:5])
    return f"{len(values)} rows with {column} in {some}"


def correct_photometry(
    table: pd.DataFrame,
    bands: Sequence[str],
    *,
    extinction: str,
    coefficients: Mapping[str, float],
    offsets: Mapping[str, float],
) -> pd.DataFrame:
    """Return `table` with magnitudes corrected for Galactic dust and zero-point offsets.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``mag_{band}`` and what `extinction` needs.
    bands : sequence of str
    extinction : {"none", "survey", "ebv"}
        "survey" subtracts the photometric survey's own ``extinction_{band}``; "ebv" subtracts
        coefficient x ``ebv``, E(B-V) in mag.
    coefficients : mapping
        A_band / E(B-V) per band.
    offsets : mapping
        Added to the magnitudes, in mag; bands left out get none.
    """
    corrected = table.copy(deep=False)
    for band in bands:
        magnitude = corrected[f"mag_{band}"]
        if extinction == "survey":
            magnitude = magnitude - quantity(table, f"extinction_{band}")
        elif extinction == "ebv":
            if band not in coefficients:
                raise InputError(
                    "no extinction coefficient for a band",
                    key=f"photometry.coefficients.{band}",
                    found=", ".join(coefficients) or "none",
                    expected="A / E(B-V) of every band",
                )
            magnitude = magnitude - coefficients[band] * quantity(table, "ebv")
        elif extinction != "none":
            raise InputError(
                "unknown extinction correction",
                key="photometry.extinction",
                found=extinction,
                expected="none, survey or ebv",
            )
        if offsets.get(band):
            magnitude = magnitude + offsets[band]
        corrected[f"mag_{band}"] = magnitude
    return corrected
