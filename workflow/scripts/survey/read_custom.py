"""Read the two catalogues of a custom survey, described in the configuration, and cut them.

Inputs: the source (many objects, approximate redshifts) and the target (precise redshifts), as
FITS, CSV, TSV, Parquet or HDF5. Outputs: the same
catalogue tables and cut flows as those of the published surveys, so that nothing downstream
knows the difference.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from astropy import units as u

from transferz.catalogues.cuts import apply_cuts, check_counts
from transferz.catalogues.formats import Column, expand_bands, read_catalogue
from transferz.core.errors import InputError
from transferz.core.logs import job
from transferz.core.products import write_csv, write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

KINDS = {"object_id": "id", "split": "text"}
BAND_QUANTITIES = {"mag": "mag_{band}", "mag_err": "mag_err_{band}"}
NEEDED = ("mag", "mag_err", "redshift")
FLUX_UNITS = {"nJy": u.nJy, "uJy": u.uJy, "mJy": u.mJy, "Jy": u.Jy}
ANGLE_UNITS = {"deg": u.deg, "rad": u.rad, "hourangle": u.hourangle}


def described_columns(survey: Mapping, bands: Sequence[str]) -> list[Column]:
    """Return the columns that the description of a catalogue names.

    Parameters
    ----------
    survey : mapping
        ``columns`` (quantity: column or ``{band}`` template), ``extra_columns``, ``band_names``,
        ``units`` and ``null_values``.
    bands : sequence of str
    """
    names = {band: survey["band_names"].get(band, band) for band in bands}
    nulls = (*(float(value) for value in survey["null_values"]), np.inf)
    columns = []
    for quantity, template in survey["columns"].items():
        if template is None:
            if quantity in NEEDED:
                raise InputError(
                    "a column is needed", key=f"columns.{quantity}", expected="its name"
                )
            continue
        if quantity in BAND_QUANTITIES and "{band}" not in template:
            raise InputError(
                "the template names no band",
                key=f"columns.{quantity}",
                found=template,
                expected="{band} where the name of the band stands",
            )
        position = quantity in ("ra", "dec")
        unit = survey["units"].get("position" if position else quantity.removesuffix("_err"), "")
        column = Column(
            quantity=BAND_QUANTITIES.get(quantity, quantity),
            name=template,
            kind=KINDS.get(quantity, "float"),
            unit=unit if position or quantity in BAND_QUANTITIES else "",
            required=quantity != "redshift_err",
            nulls=() if position or quantity in KINDS else nulls,
        )
        if position and unit != "deg":
            # Range is checked in degrees, after the conversion.
            column = Column(f"{quantity}_raw", template, unit=unit)
        columns.extend(expand_bands(column, names))
    for quantity, template in survey["extra_columns"].items():
        columns.extend(expand_bands(Column(quantity, template, nulls=nulls), names))
    return columns


def flux_to_magnitude(table: pd.DataFrame, bands: Sequence[str], unit: str) -> pd.DataFrame:
    """Return `table` with fluxes and their errors turned into AB magnitudes.

    mag = -2.5 log10(f / 3631 Jy), error = 2.5 / ln 10 x error / f (Oke & Gunn 1983); a flux that
    is not positive has no magnitude.
    """
    zero_point = (3631 * u.Jy).to_value(FLUX_UNITS[unit])
    converted = table.copy(deep=False)
    for band in bands:
        flux = table[f"mag_{band}"].where(table[f"mag_{band}"] > 0)
        converted[f"mag_{band}"] = -2.5 * np.log10(flux / zero_point)
        converted[f"mag_err_{band}"] = 2.5 / np.log(10) * table[f"mag_err_{band}"] / flux
    return converted


def read_survey(path: str, survey: Mapping, bands: Sequence[str], role: str) -> pd.DataFrame:
    """Return a described catalogue as a catalogue table, without any cut.

    Parameters
    ----------
    path : path
    survey : mapping
        Description of the catalogue (config, ``custom.source`` or ``custom.target``).
    bands : sequence of str
    role : str
        For messages.
    """
    units = survey["units"]
    for key, known in (("mag", ["mag", *FLUX_UNITS]), ("position", list(ANGLE_UNITS))):
        if units[key] not in known:
            raise InputError(
                "unknown unit",
                key=f"custom.{role}.units.{key}",
                found=units[key],
                expected=", ".join(known),
            )
    table = read_catalogue(
        path,
        described_columns(survey, bands),
        file_format=survey["format"],
        table=survey["table"],
        unique="object_id" if survey["columns"].get("object_id") else None,
    )
    if "object_id" not in table:
        table["object_id"] = np.arange(len(table), dtype=np.int64)
    for name in ("ra", "dec"):
        if f"{name}_raw" in table:
            degrees = table[f"{name}_raw"] * ANGLE_UNITS[units["position"]].to(u.deg)
            table[name] = degrees % 360.0 if name == "ra" else degrees
        elif name not in table:
            table[name] = np.nan
    if (table["dec"].abs() > 90).any():
        raise InputError(
            "coordinate out of range",
            file=path,
            key=survey["columns"]["dec"],
            found=f"{table['dec'].abs().max():g} deg",
            expected="declinations from -90 to 90 deg",
            fix=f"correct custom.{role}.units.position",
        )
    if units["mag"] != "mag":
        table = flux_to_magnitude(table, bands, units["mag"])
    magnitudes = [*(f"mag_{band}" for band in bands), *(f"mag_err_{band}" for band in bands)]
    labels = ["redshift_err", "redshift_l68", "redshift_u68"]
    columns = [
        *("object_id", "ra", "dec", *magnitudes, "redshift"),
        *(name for name in labels if name in table),
    ]
    ordered = table[columns].assign(truth=survey["truth"], source=survey["source"])
    others = [name for name in table if name not in ordered and not name.endswith("_raw")]
    return pd.concat([ordered, table[others]], axis="columns")


def main(
    source_catalogue: str,
    target_catalogue: str,
    source: str,
    source_cutflow: str,
    target: str,
    target_cutflow: str,
    *,
    bands: Sequence[str],
    surveys: Mapping[str, Mapping],
) -> None:
    """Write both catalogue tables and their cut flows.

    Parameters
    ----------
    source_catalogue, target_catalogue : path
        The user's catalogues.
    source, source_cutflow, target, target_cutflow : path
        Outputs, Parquet and CSV.
    bands : sequence of str
    surveys : mapping
        Descriptions by role, ``source`` and ``target`` (config, ``custom``).
    """
    for role, path, output, cutflow in (
        ("source", source_catalogue, source, source_cutflow),
        ("target", target_catalogue, target, target_cutflow),
    ):
        survey = surveys[role]
        table = read_survey(path, survey, bands, role)
        table, flow = apply_cuts(table, survey["cuts"], bands, file=path)
        check_counts(flow, len(table))
        write_parquet(table, output)
        write_csv(flow, cutflow)
        logger.info("%s: %d objects of %s", role, len(table), survey["source"])


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.source,
            snakemake.input.target,
            snakemake.output.source,
            snakemake.output.source_cutflow,
            snakemake.output.target,
            snakemake.output.target_cutflow,
            bands=snakemake.params.bands,
            surveys=snakemake.params.surveys,
        )
