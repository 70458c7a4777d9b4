"""Read a catalogue of a custom survey, described in the configuration, and cut it.

Inputs
    catalogue : file of any known format, or several that are one table; the source has many objects
        and approximate redshifts, the target precise ones

Outputs
    table : Parquet, a catalogue table as of the published surveys, so that nothing downstream knows
        the difference
    cutflow : CSV
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from astropy import units as u

from transferz.catalogues.columns import leading_columns
from transferz.catalogues.cuts import apply_cuts, check_counts
from transferz.catalogues.description import POSITIONS, CatalogueDescription
from transferz.catalogues.reading import check_position, read_catalogue
from transferz.catalogues.units import ANGLE_UNITS, no_redshift
from transferz.core.logs import run
from transferz.core.products import write_csv, write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# What the networks read may be asinh magnitudes, which non-detections have too.
WORDS = {"mag": "a magnitude", "asinh": "a flux"}
# Degrees, both ends included. Right ascensions count from -180 too, and rounding exceeds 360.
LIMITS = {"ra": (-180.0, 360.001), "dec": (-90.0, 90.0)}


def complete(magnitude: str) -> dict[str, dict]:
    """Return the first cut: what lacks a value can neither train nor test."""
    return {
        "complete": {
            "description": f"a redshift, and {WORDS[magnitude]} in every band",
            "columns": ["redshift", f"{magnitude}_{{band}}"],
            "is_null": False,
        }
    }


def read_survey(
    path: str,
    survey: Mapping,
    bands: Sequence[str],
    role: str,
    softening: Mapping[str, float] = MappingProxyType({}),
) -> pd.DataFrame:
    """Return a described catalogue as a catalogue table, without any cut.

    Parameters
    ----------
    path : path
    survey : mapping
        Its description: the section ``custom.{role}`` of the configuration.
    bands : sequence of str
    role : str
    softening : mapping of float
        ``softening``: bands that get asinh magnitudes.
    """
    described = CatalogueDescription.from_config(survey, f"custom.{role}", undetected=np.nan)
    table = read_catalogue(
        path,
        described.to_train(bands),
        how=described.how,
        unique="object_id" if "object_id" in described.columns else None,
    )
    if "object_id" not in table:
        table["object_id"] = np.arange(len(table), dtype=np.int64)
    for name in (f"mag_err_{band}" for band in bands if "mag_err" not in described.columns):
        table[name] = np.nan
    for name in reversed(POSITIONS):
        table[name] = np.nan
        if f"{name}_raw" in table:
            degrees = table[f"{name}_raw"] * ANGLE_UNITS[described.position_unit].to(u.deg)
            check_position(Path(path), described.columns[name], degrees.to_numpy(), *LIMITS[name])
            table[name] = (
                degrees.where(degrees.between(0, 360), degrees % 360) if name == "ra" else degrees
            )
    table = described.standardised(table, bands, softening)
    described.warn_of_refused()
    none = no_redshift(table["redshift"].to_numpy())
    if none.any():
        logger.warning("%s: %d redshifts are none; taken for missing", path, none.sum())
        table.loc[none, "redshift"] = np.nan
    labels = [n for n in ("redshift_err", "redshift_l68", "redshift_u68") if n in table]
    columns = [*leading_columns(bands), "redshift", *labels]
    ordered = table[columns].assign(truth=survey["truth"], source=survey["source"])
    others = [name for name in table if name not in ordered and not name.endswith("_raw")]
    return pd.concat([ordered, table[others]], axis="columns")


def main(
    catalogue: str | Sequence[str],
    table: str,
    cutflow: str,
    *,
    bands: Sequence[str],
    survey: Mapping,
    role: str,
    softening: Mapping[str, float] = MappingProxyType({}),
    magnitude: str = "mag",
) -> None:
    """Write the catalogue table and its cut flow.

    Parameters
    ----------
    survey, role, softening
        See `read_survey`.
    magnitude : {"mag", "asinh"}
        What every row must have in every band.
    """
    # Several files: the reader knows them by the pattern.
    path = catalogue if isinstance(catalogue, str) else survey["path"]
    whole = read_survey(path, survey, bands, role, softening)
    selected, flow = apply_cuts(whole, complete(magnitude) | survey["cuts"], bands, file=path)
    check_counts(flow, len(selected))
    write_parquet(selected, table)
    write_csv(flow, cutflow)
    logger.info("%s: %d objects of %s", role, len(selected), survey["source"])


if __name__ == "__main__":
    run(main, snakemake)
