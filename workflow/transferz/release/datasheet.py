"""The datasheet of the released data set (Gebru et al. 2021, arXiv:1803.09010), in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from transferz.release.documents import (
    PAPER,
    SIMULATED,
    Description,
    Edition,
    Source,
    column_type,
    markdown_cell,
    title,
)


def dictionary(table: pd.DataFrame, descriptions: Sequence[Description]) -> pd.DataFrame:
    """Return the data dictionary: a row per column, what it is and the range of its values."""
    rows = []
    for item in descriptions:
        values = table[item.name]
        numeric = values.dtype.kind in "iuf"
        rows.append(
            {
                "column": item.name,
                "type": column_type(values),
                "unit": item.unit,
                "ucd": item.ucd,
                "n_null": int(values.isna().sum()),
                "minimum": str(values.min()) if numeric else "",
                "maximum": str(values.max()) if numeric else "",
                "description": item.text,
            }
        )
    return pd.DataFrame(rows)


def label_uncertainty(table: pd.DataFrame, magnitude: str, step: float = 1.0) -> pd.DataFrame:
    """Return count, median redshift and median 68% half-width over 1 + z in bins of magnitude."""
    z = table["redshift"]
    half = 0.5 * (table["redshift_u68"] - table["redshift_l68"]) / (1 + z)
    low = np.floor(table[magnitude] / step) * step
    frame = pd.DataFrame({"low": low, "redshift": z, "half_width": half})
    groups = frame.groupby("low")
    bins = groups.median()
    bins.insert(0, "n", groups.size())
    bins.insert(0, "high", bins.index + step)
    return bins.reset_index()


def datasheet(
    table: pd.DataFrame,
    cutflow: pd.DataFrame,
    sources: Sequence[Source],
    edition: Edition,
    *,
    bands: Sequence[str],
    provenance: Mapping[str, object],
) -> str:
    """Return DATASHEET.md: motivation, composition, collection, cuts, uses, biases, licences."""
    z = table["redshift"]
    quantiles = ", ".join(f"{q:.0%}: {z.quantile(q):.3f}" for q in (0.01, 0.16, 0.5, 0.84, 0.99))
    magnitude = f"mag_{'i' if 'i' in bands else bands[0]}"
    first, last = cutflow.iloc[0], cutflow.iloc[-1]
    # Without the counts there is nothing to say about the step that removed most.
    selection = cutflow[cutflow["stage"] == "selection"]
    hardest = selection.nlargest(3, "n_removed", keep="first")
    lines = [
        f"# Datasheet: {title(edition.survey)}, version {edition.version}",
        "",
        *([SIMULATED, ""] if edition.survey == "embedded" else []),
        "## Motivation",
        "",
        f"Made to train and test photometric redshift networks as in {PAPER}: many galaxies of "
        "many types, to fainter magnitudes than spectroscopy reaches, at the price of less certain "
        "labels.",
        "",
        "## Composition",
        "",
        f"- {len(table)} rows, one galaxy each; {table.shape[1]} columns (`data_dictionary.csv`).",
        f"- Bands {', '.join(bands)}: HSC cmodel magnitudes and their errors.",
        f"- Redshift quantiles: {quantiles}.",
        f"- Sky: right ascension {table['ra'].min():.3f} to {table['ra'].max():.3f}, declination "
        f"{table['dec'].min():.3f} to {table['dec'].max():.3f} degrees. No personal data.",
        "- No recommended split: the workflow draws one by a hash of `object_id`.",
        "",
        f"| {magnitude} | galaxies | median redshift | median half-width / (1 + z) |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row.low:g} to {row.high:g} | {row.n} | {row.redshift:.3f} | {row.half_width:.4f} |"
        for row in label_uncertainty(table, magnitude).itertuples()
    ]
    lines += [
        "",
        "## Collection",
        "",
        f"- Labels: COSMOS2020 {provenance['cosmos_version']}, LePhare template fitting "
        f"(`lp_zPDF`), {provenance['n_cosmos']} sources.",
        f"- Photometry: HSC-SSP {str(provenance['hsc_version']).upper()}, forced cmodel, "
        f"{provenance['n_hsc']} objects.",
        f"- Matched on the sky, each the other's nearest within {provenance['radius_arcsec']:g} "
        "arcsec.",
    ]
    lines += [
        f"- Read from a file of {entry['bytes']} bytes ({name}), sha256 `{entry['sha256']}`."
        for name, entry in sorted(dict(provenance.get("inputs", {})).items())
    ]
    lines += [
        "",
        "## Cuts",
        "",
        f"From {first.n_in} rows of HSC to {last.n_out}, in this order:",
        "",
        "| step | cut | rows in | rows out | kept |",
        "|---:|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row.step} | {markdown_cell(row.cut)}: {markdown_cell(row.description)} | {row.n_in} "
        f"| {row.n_out} | {100 * row.fraction:.1f}% |"
        for row in cutflow.itertuples()
    ]
    lines += [
        "",
        "## Uses",
        "",
        "Good for training and for comparing methods on the same labels; as a source domain for "
        "transfer to spectroscopic redshifts.",
        "",
        "Not good for measuring the accuracy of photometric redshifts (the labels are such "
        "redshifts), nor, uncorrected, for number counts, luminosity functions or clustering.",
        "",
        "Known biases:",
        "",
        "- Labels come from template fitting: their errors are not random, and outliers remain.",
        "- The cuts keep galaxies with narrow, single-peaked likelihoods: those whose redshift is "
        "hard to tell from their colours are missing, faint ones most of all. "
        + (
            "Most rows were removed by "
            + ", ".join(
                f"{markdown_cell(row.cut)} ({row.n_removed})" for row in hardest.itertuples()
            )
            + "."
        ),
        "- One field of about 2 square degrees: large-scale structure shows in the redshifts.",
        "- COSMOS2020 and HSC cmodel magnitudes are different measurements, offset by about 0.1 "
        "mag (Weaver et al. 2022).",
        "",
        "## Licences and acknowledgements",
        "",
        f"The table: {edition.license_name}. Cite it (`CITATION.cff`) and what it is made of:",
    ]
    for source in sources:
        note = " Not in the table: what to use with it." if source.key == "galaxiesml" else ""
        lines += ["", f"### {source.name}", "", f"{source.cite}.{note}"]
        if source.acknowledgement != "-":
            lines += [
                "",
                f"Licence: {source.licence}. Terms: {source.url} (compare the wording there "
                "before you publish). Acknowledgement:",
                "",
                f"> {source.acknowledgement}",
            ]
    lines += [
        "",
        "## Maintenance",
        "",
        "Made by a workflow from the public catalogues; the same inputs, configuration and library "
        "versions give the same bytes. Changes get a new version number.",
    ]
    return "\n".join(lines) + "\n"
