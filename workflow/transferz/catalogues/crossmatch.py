"""COSMOS2020 matched to HSC: both catalogues as their archives serve them, one row per pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.catalogues.columns import load_columns
from transferz.catalogues.cuts import apply_cuts, cutflow_row, cutflow_table, join_cutflows
from transferz.catalogues.matching import Pairs, cross_match
from transferz.catalogues.reading import read_catalogue
from transferz.core.errors import InputError
from transferz.core.products import sha256


def match_catalogues(cosmos: pd.DataFrame, hsc: pd.DataFrame, radius: float) -> Pairs:
    """Return the pairs of both catalogues within `radius` arcsec, ordered by object_id."""
    pairs = cross_match(cosmos["ra_cosmos"], cosmos["dec_cosmos"], hsc["ra"], hsc["dec"], radius)
    order = np.argsort(hsc["object_id"].to_numpy()[pairs.right])
    return Pairs(pairs.left[order], pairs.right[order], pairs.separation[order])


def identity(path: str | Path) -> dict[str, object]:
    """Return size and checksum of an input: which file it was, wherever it lay."""
    return {"bytes": Path(path).stat().st_size, "sha256": sha256(path)}


def nothing_near(
    cosmos: str | Path, hsc: str | Path, radius: float, table: pd.DataFrame
) -> InputError:
    """Return the error that no pair was found; `table` is that of HSC."""
    ends = (f"{n} {table[n].min():.3f} to {table[n].max():.3f}" for n in ("ra", "dec"))
    return InputError(
        "no COSMOS2020 source has an HSC object near",
        file=hsc,
        key="crossmatch.radius",
        found=", ".join(ends),
        expected=f"objects within {radius:g} arcsec of {cosmos}",
        fix="check that both catalogues cover the same sky",
    )


def match_surveys(
    cosmos: str | Path,
    hsc: str | Path,
    columns: str | Path,
    *,
    bands: Sequence[str],
    cosmos_version: str,
    hsc_version: str,
    radius: float,
    hsc_cuts: Mapping[str, Mapping | None],
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Return the pairs of both surveys' files, and where they come from.

    Parameters
    ----------
    cosmos, hsc, columns : path-like
        Catalogues and column templates.
    bands : sequence of str, those of HSC
    cosmos_version : {"CLASSIC", "FARMER"}
    hsc_version : {"pdr2", "pdr3"}
    radius : float, arcsec
    hsc_cuts : mapping
        Cuts on the HSC table before matching: a copy of an object in an overlapping patch must not
        be matched in place of the object.

    Returns
    -------
    pandas.DataFrame
    dict
        Versions, counts, sizes and checksums of the inputs, and the cut flow so far.

    Raises
    ------
    InputError
        If a catalogue is not as described, or nothing matches.
    """
    wanted = load_columns(columns, "cosmos2020", cosmos_version, bands)
    cosmos_table = read_catalogue(cosmos, wanted, unique="cosmos_id")
    wanted = load_columns(columns, "hsc", hsc_version, bands)
    hsc_table = read_catalogue(hsc, wanted, unique="object_id")
    hsc_table, flow = apply_cuts(hsc_table, hsc_cuts, bands, stage="HSC", file=hsc)
    n_cosmos, n_hsc = len(cosmos_table), len(hsc_table)
    pairs = match_catalogues(cosmos_table, hsc_table, radius)
    if not len(pairs.left):
        raise nothing_near(cosmos, hsc, radius, hsc_table)
    # One after the other: what matched nothing leaves the memory before the next copy.
    cosmos_table = cosmos_table.iloc[pairs.left].reset_index(drop=True)
    hsc_table = hsc_table.iloc[pairs.right].reset_index(drop=True)
    table = hsc_table.join(cosmos_table).assign(separation=pairs.separation)
    words = f"COSMOS2020 {cosmos_version} sources with an HSC object within {radius:g} arcsec"
    row = cutflow_row("cross-match", f"{words}, each the other's nearest", n_cosmos, len(table))
    return table, {
        "n_cosmos": n_cosmos,
        "n_hsc": n_hsc,
        "radius_arcsec": radius,
        "cosmos_version": cosmos_version,
        "hsc_version": hsc_version,
        "inputs": {"cosmos2020": identity(cosmos), "hsc": identity(hsc)},
        "cutflow": join_cutflows(flow, cutflow_table([row], "match")).to_dict(orient="list"),
    }
