"""Draw the quality control of the embedded survey, beside public figures.

Inputs
    cosmos, hsc : the simulated COSMOS2020 and HSC FITS files
    galaxiesml : GalaxiesML's three CSV files
    truth : truth.parquet

Outputs
    pdf, png : the figure
    table : quantity, simulated, published
    caption : caption and alt text, Markdown
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from astropy.io import fits
from astropy.stats import mad_std
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, MultipleLocator

from transferz.core.logs import job
from transferz.core.products import read_parquet
from transferz.report.figures import (
    NEUTRAL,
    REQUIREMENT,
    SOURCE,
    STRATEGY_COLOURS,
    TARGET,
    FigureFiles,
    density_map,
    panel_letter,
    subplots,
)
from transferz.report.tables import survey_note, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

# Two bands, the colour and the line of their difference.
COLOURS = (("g", "r", TARGET, "-"), ("r", "i", SOURCE, "--"), ("i", "z", "#444444", ":"))
FAMILIES = {
    "SDSS, GAMA": ("sdss_main", "gama"),
    "BOSS, eBOSS galaxies": ("boss_lowz", "boss_cmass", "eboss_lrg"),
    "WiggleZ, VIPERS": ("wigglez", "vipers"),
    "zCOSMOS, VVDS, DEEP2/3": ("zcosmos", "vvds_wide", "vvds_deep", "deep2", "deep3"),
    "UDSz, 3D-HST": ("udsz", "3dhst"),
    "quasars": ("boss_qso", "eboss_qso"),
}
# From light to dark, so that stacked neighbours differ in black and white too.
SHADES = ("#56B4E9", TARGET, "#E69F00", STRATEGY_COLOURS[1], STRATEGY_COLOURS[2], "#444444")
SMALL = 6.5


def read_fits(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of HDU 1 in the machine's byte order."""
    with fits.open(path, memmap=True) as hdus:
        data = hdus[1].data
        return pd.DataFrame(
            {name: data[name].astype(data[name].dtype.newbyteorder("=")) for name in columns}
        )


def read_labels(cosmos: str | Path, truth: pd.DataFrame) -> pd.DataFrame:
    """Clean galaxies of the COSMOS table with their true redshifts."""
    table = read_fits(
        cosmos,
        [
            "ID",
            "FLAG_COMBINED",
            "lp_type",
            "lp_zPDF",
            "lp_zPDF_l68",
            "lp_zPDF_u68",
            "HSC_i_MAG_AUTO",
        ],
    )
    table = table[(table["FLAG_COMBINED"] == 0) & (table["lp_type"] == 0)]
    true = truth[(truth["cosmos_id"] > 0)].drop_duplicates("cosmos_id")
    true = true.set_index("cosmos_id")["redshift_true"]
    table["redshift_true"] = true.reindex(table["ID"]).to_numpy()
    table["half_width"] = np.maximum(
        table["lp_zPDF_u68"] - table["lp_zPDF"], table["lp_zPDF"] - table["lp_zPDF_l68"]
    ) / (1 + table["lp_zPDF"])
    table["error"] = (table["lp_zPDF"] - table["redshift_true"]) / (1 + table["redshift_true"])
    return table[table["redshift_true"] > 0].reset_index(drop=True)


def read_galaxiesml(paths: Sequence[str | Path], truth: pd.DataFrame) -> pd.DataFrame:
    """Clean rows of GalaxiesML with the parent survey of each."""
    columns = ["object_id", "specz_redshift", *(f"{band}_cmodel_mag" for band in "griz")]
    table = pd.concat([pd.read_csv(path, usecols=columns) for path in paths], ignore_index=True)
    clean = truth[(truth["file"] == "galaxiesml") & (truth["dirt"] == "")]
    clean = clean.set_index("object_id")["sub_survey"]
    table["sub_survey"] = clean.reindex(table["object_id"]).to_numpy()
    return table[table["sub_survey"].notna()].reset_index(drop=True)


def label_precision(labels: pd.DataFrame, edges: np.ndarray) -> pd.DataFrame:
    """Scatter, outliers and stated error of the labels in bins of i magnitude.

    Returns
    -------
    pandas.DataFrame
        `i_min`, `i_max`, `n`, `scatter` (1.4826 MAD of dz/(1+z)), `outliers` (|dz|/(1+z) > 0.15),
        `stated` (median half width of the 68 per cent interval over 1+z).
    """
    rows = []
    for low, high in pairwise(edges):
        part = labels[(labels["HSC_i_MAG_AUTO"] >= low) & (labels["HSC_i_MAG_AUTO"] < high)]
        if len(part) >= 10:
            error = part["error"].to_numpy()
            rows.append(
                (low, high, len(part), mad_std(error), np.mean(np.abs(error) > 0.15),
                 part["half_width"].median())
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["i_min", "i_max", "n", "scatter", "outliers", "stated"])


def sky_area(table: pd.DataFrame) -> float:
    """Square degrees of the rectangle that the positions fill."""
    low, high = np.sin(np.radians([table["dec"].min(), table["dec"].max()]))
    return float(np.ptp(table["ra"]) * np.degrees(high - low))


def compare(galaxiesml: pd.DataFrame, labels: pd.DataFrame, published: Mapping) -> pd.DataFrame:
    """Put simulated and published figures side by side."""
    redshift = galaxiesml["specz_redshift"]
    rows = [
        (f"GalaxiesML redshift, percentile {level:g}", np.percentile(redshift, level), value)
        for level, value in zip(
            published["galaxiesml_levels"], published["galaxiesml_redshifts"], strict=True
        )
    ]
    shares = (redshift < 0.3, (redshift >= 0.3) & (redshift < 1.5), redshift > 2.5)
    names = ("z < 0.3", "0.3 <= z < 1.5", "z > 2.5")
    for name, share, value in zip(names, shares, published["galaxiesml_shares"], strict=True):
        rows.append((f"GalaxiesML share, {name}", share.mean(), value))
    for item in published["label_precision"]:
        edges = np.array([item["i_min"], item["i_max"]])
        measured = label_precision(labels, edges)
        value = measured["scatter"].iloc[0] if len(measured) else np.nan
        name = f"label scatter, {item['i_min']:g} < i < {item['i_max']:g}"
        rows.append((name, value, item["precision"]))
    return pd.DataFrame(rows, columns=["quantity", "simulated", "published"])


def draw_redshifts(axes: Axes, galaxiesml: pd.DataFrame, published: Mapping) -> None:
    """n(z) by family of parent surveys, and both sets of percentiles."""
    edges = np.arange(0.0, 4.01, 0.05)
    groups = [
        galaxiesml.loc[galaxiesml["sub_survey"].isin(names), "specz_redshift"]
        for names in FAMILIES.values()
    ]
    weights = [np.full(len(group), 1.0 / len(galaxiesml) / 0.05) for group in groups]
    axes.hist(groups, edges, weights=weights, stacked=True, color=SHADES, label=list(FAMILIES))
    # Percentiles above the histogram: ticks in two rows.
    top = 1.45 * axes.get_ylim()[1]
    simulated = np.percentile(galaxiesml["specz_redshift"], published["galaxiesml_levels"])
    for height, places, name, colour in (
        (0.93, simulated, "simulated", "#1a1a1a"),
        (0.81, published["galaxiesml_redshifts"], "published", "#C2410C"),
    ):
        axes.plot(places, np.full(len(places), height * top), "|", color=colour, ms=6, mew=0.8)
        axes.text(3.95, height * top, name, ha="right", va="center", color=colour, fontsize=SMALL)
    axes.set(xlabel="Spectroscopic redshift", ylabel="Probability density", xlim=(0, 4))
    axes.set_ylim(0, top)
    axes.legend(fontsize=SMALL, loc="upper right", bbox_to_anchor=(1.0, 0.76), handlelength=0.8)


def draw_counts(axes: Axes, hsc: pd.DataFrame, published: Mapping) -> None:
    """Draw counts in i of the HSC table, with the survey's depths."""
    edges = np.arange(16.0, 27.01, 0.25)
    primary = hsc[hsc["isprimary"]]
    area = sky_area(hsc)
    centres = 0.5 * (edges[1:] + edges[:-1])
    for extended, name, colour, line in (
        (1.0, "extended", TARGET, "-"),
        (0.0, "point-like", SOURCE, "--"),
    ):
        part = primary.loc[primary["i_extendedness_value"] == extended, "i_cmodel_mag"]
        counts = np.histogram(part, edges)[0] / area / np.diff(edges)
        shown = np.where(counts > 0, counts, np.nan)
        axes.step(centres, shown, where="mid", color=colour, ls=line, label=name)
    for depth, name, line in zip(
        published["i_depths"], ("Wide", "Deep+UltraDeep"), (":", "-."), strict=False
    ):
        axes.axvline(depth, color=NEUTRAL, lw=0.8, ls=line, label=f"depth of {name}")
    axes.set(yscale="log", xlabel="$i$ cmodel (mag)", xlim=(16, 27))
    axes.set_ylabel("Objects (deg$^{-2}$ mag$^{-1}$)")
    low, high = axes.get_ylim()
    axes.set_ylim(low, 60 * high)
    axes.legend(fontsize=SMALL, loc="upper left")


def draw_colours(axes: Axes, galaxiesml: pd.DataFrame) -> None:
    """Median colours against redshift with the 16th and 84th percentiles."""
    edges = np.concatenate([np.arange(0.0, 1.5, 0.05), np.arange(1.5, 3.6, 0.15)])
    index = np.digitize(galaxiesml["specz_redshift"], edges) - 1
    centres = 0.5 * (edges[1:] + edges[:-1])
    for blue, red, shade, dashes in COLOURS:
        colour = galaxiesml[f"{blue}_cmodel_mag"] - galaxiesml[f"{red}_cmodel_mag"]
        summary = np.array(
            [
                np.percentile(colour[index == k], [16, 50, 84])
                if (index == k).sum() >= 20
                else [np.nan] * 3
                for k in range(len(centres))
            ]
        )
        axes.plot(centres, summary[:, 1], color=shade, ls=dashes, label=f"${blue} - {red}$")
        axes.fill_between(centres, summary[:, 0], summary[:, 2], color=shade, alpha=0.2, lw=0)
    # Where the 4000-Angstrom break leaves g, r and i (red edges of the filters).
    for edge, name in ((5450, "g"), (6950, "r"), (8450, "i")):
        axes.axvline(edge / 4000 - 1, color=NEUTRAL, lw=0.6, ls=":")
        axes.text(edge / 4000 - 1, 2.22, f" ${name}$", fontsize=7, ha="left", va="bottom")
    axes.set(xlabel="Spectroscopic redshift", ylabel="Colour (mag)", xlim=(0, 3.5))
    axes.set_ylim(-0.5, 2.6)
    axes.legend(fontsize=SMALL, loc="upper right", bbox_to_anchor=(1.0, 0.92))


def draw_precision(axes: Axes, labels: pd.DataFrame, published: Mapping) -> None:
    """Scatter and outliers of the labels against magnitude, with the published precision."""
    table = label_precision(labels, np.arange(18.0, 26.51, 0.5))
    centre = 0.5 * (table["i_min"] + table["i_max"])
    outliers = table["outliers"].where(table["outliers"] > 0)
    for values, style, colour, name in (
        (table["scatter"], "o-", TARGET, "scatter"),
        (table["stated"], "s--", SOURCE, "stated half-width"),
        (outliers, "^:", NEUTRAL, "outlier fraction"),
    ):
        axes.plot(centre, values, style, ms=2.6, lw=0.9, color=colour, label=name)
    for number, item in enumerate(published["label_precision"]):
        axes.plot(
            [item["i_min"], item["i_max"]],
            [item["precision"]] * 2,
            color="#1a1a1a",
            lw=1.5,
            label="published precision" if number == 0 else None,
        )
    axes.set(yscale="log", xlabel="COSMOS2020 $i$ (mag)", xlim=(18, 27), ylim=(2e-3, 1))
    axes.xaxis.set_major_locator(MultipleLocator(2))
    axes.set_ylabel(r"$|\Delta z| / (1 + z)$, fraction")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.legend(fontsize=SMALL, loc="upper left")


def draw_labels(axes: Axes, labels: pd.DataFrame) -> None:
    """Draw the density of label against true redshift, on an axis in ln(1+z)."""
    edges = np.linspace(0, np.log(7.5), 90)
    counts = np.histogram2d(
        np.log1p(labels["redshift_true"]), np.log1p(labels["lp_zPDF"]), [edges, edges]
    )[0]
    mesh = axes.pcolormesh(
        edges,
        edges,
        np.ma.masked_equal(counts, 0).T,
        norm=LogNorm(1, counts.max()),
        cmap=density_map(),
        rasterized=True,
    )
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, aspect=30)
    bar.set_label("Galaxies per cell")
    bar.formatter = FuncFormatter(lambda value, _: f"{value:g}")
    bar.outline.set_linewidth(0.5)
    ticks = np.array([0, 0.5, 1, 2, 3, 4, 6])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.log1p(ticks), [f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
    axes.set(xlabel="True redshift", ylabel="Label (lp_zPDF)")


def draw_percentiles(axes: Axes, comparison: pd.DataFrame) -> None:
    """Draw simulated against published figures."""
    good = comparison[(comparison["simulated"] > 0) & (comparison["published"] > 0)]
    axes.loglog(good["published"], good["simulated"], "o", ms=3, color=TARGET)
    ends = np.array([good[["published", "simulated"]].min().min() * 0.8, 4.0])
    axes.loglog(ends, ends, color="#1a1a1a", lw=0.8)
    axes.fill_between(
        ends, ends / 1.25, ends * 1.25, color=REQUIREMENT, alpha=0.2, lw=0, label="within 25%"
    )
    axes.set(xlabel="Published value", ylabel="Simulated value")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.legend(fontsize=SMALL, loc="upper left")


def main(
    cosmos: str | Path,
    hsc: str | Path,
    galaxiesml: Sequence[str | Path],
    truth: str | Path,
    files: FigureFiles,
    *,
    published: Mapping,
) -> None:
    """Draw the figure and write its table.

    Parameters
    ----------
    cosmos, hsc : path-like
        Simulated FITS files.
    galaxiesml : sequence of path-like
        The three CSV files.
    truth : path-like
    files : FigureFiles
        Outputs.
    published : mapping
        The section `survey_quality` of the configuration.
    """
    true = read_parquet(truth)
    labels = read_labels(cosmos, true)
    targets = read_galaxiesml(galaxiesml, true)
    detections = read_fits(hsc, ["ra", "dec", "isprimary", "i_cmodel_mag", "i_extendedness_value"])
    comparison = compare(targets, labels, published)
    figure, panels = subplots(2, 3, height=4.7)
    draw_redshifts(panels[0, 0], targets, published)
    draw_counts(panels[0, 1], detections, published)
    draw_colours(panels[0, 2], targets)
    draw_precision(panels[1, 0], labels, published)
    draw_labels(panels[1, 1], labels)
    draw_percentiles(panels[1, 2], comparison)
    for axes, letter in zip(panels.flat, "abcdef", strict=True):
        panel_letter(axes, letter)
    levels = ", ".join(f"{level:g}" for level in published["galaxiesml_levels"])
    outliers = float(np.mean(np.abs(labels["error"]) > 0.15))
    good = comparison[(comparison["simulated"] > 0) & (comparison["published"] > 0)]
    ratio = good["simulated"] / good["published"]
    near = int(((ratio >= 1 / 1.25) & (ratio <= 1.25)).sum())
    files.save(
        figure,
        comparison.round(5),
        "The embedded survey beside published figures of the real one.",
        f"(a) Redshifts of GalaxiesML ({thousands(len(targets))} rows) by parent survey; ticks: "
        f"percentiles {levels}, simulated and of the real files. (b) Counts of the HSC table in "
        f"{sky_area(detections):.2f} square degrees, with the 5-sigma depths of the real layers. "
        "(c) Colours of GalaxiesML: medians, 16th and 84th percentiles; dotted: redshift at which "
        "the 4000 Angstrom break leaves a band. (d) Labels against the true redshift: scatter "
        "(1.48 MAD), stated half-width of the 68% interval over 1 + z, fraction with |dz| > 0.15; "
        f"published: Weaver et al. (2022). (e) All {thousands(len(labels))} clean labels, "
        f"{outliers:.1%} of them with |dz| > 0.15. (f) The numbers of survey_quality.csv: {near} "
        f"of {len(good)} within 25% of the published ones. Nothing is fitted to them. "
        f"{survey_note('embedded')}",
        "Six panels: stacked histogram of redshifts, counts rising to the flux limit, three "
        "colours against redshift, errors of the labels rising with magnitude, a narrow diagonal "
        f"of label against true redshift, and {len(good)} dots along a diagonal.",
    )


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.cosmos,
            snakemake.input.hsc,
            snakemake.input.galaxiesml,
            snakemake.input.truth,
            FigureFiles.of(snakemake.output),
            published=snakemake.params.published,
        )
