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
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MultipleLocator

from transferz.core.logs import run
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
from transferz.survey.comparison import (
    LABEL_COLUMNS,
    OUTLIER,
    binned_percentiles,
    clean_labels,
    comparable,
    compare,
    filled_range,
    label_precision,
    sky_area,
)

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
PLAIN = "{x:g}"


def read_fits(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of HDU 1."""
    return Table.read(path, hdu=1, memmap=True, mask_invalid=False)[list(columns)].to_pandas()


def read_galaxiesml(paths: Sequence[str | Path], truth: pd.DataFrame) -> pd.DataFrame:
    """Clean rows of GalaxiesML with the parent survey of each."""
    columns = ["object_id", "specz_redshift", *(f"{band}_cmodel_mag" for band in "griz")]
    table = pd.concat([pd.read_csv(path, usecols=columns) for path in paths])
    clean = truth[(truth["file"] == "galaxiesml") & (truth["dirt"] == "")]
    table["sub_survey"] = table["object_id"].map(clean.set_index("object_id")["sub_survey"])
    return table.dropna(subset="sub_survey").reset_index(drop=True)


def draw_redshifts(axes: Axes, galaxiesml: pd.DataFrame, published: Mapping) -> None:
    """n(z) by family of parent surveys, and both sets of percentiles."""
    edges = np.arange(0.0, 4.01, 0.05)
    z = galaxiesml["specz_redshift"]
    groups = [z[galaxiesml["sub_survey"].isin(names)] for names in FAMILIES.values()]
    weights = [np.full(len(group), 1.0 / len(galaxiesml) / 0.05) for group in groups]
    axes.hist(groups, edges, weights=weights, stacked=True, color=SHADES, label=list(FAMILIES))
    # Percentiles above the histogram: ticks in two rows.
    top = 1.45 * axes.get_ylim()[1]
    simulated = np.percentile(z, published["galaxiesml_levels"])
    for height, places, name, colour in (
        (0.93, simulated, "simulated", "#1a1a1a"),
        (0.81, published["galaxiesml_redshifts"], "published", "#C2410C"),
    ):
        axes.plot(places, np.full(len(places), height * top), "|", color=colour, ms=6, mew=0.8)
        axes.text(3.95, height * top, name, ha="right", va="center", color=colour, fontsize=SMALL)
    axes.set(xlabel="Spectroscopic redshift", ylabel="Probability density")
    axes.set(xlim=(0, 4), ylim=(0, top))
    axes.legend(fontsize=SMALL, loc="upper right", bbox_to_anchor=(1.0, 0.76), handlelength=0.8)


def draw_counts(axes: Axes, hsc: pd.DataFrame, published: Mapping) -> None:
    """Draw counts in i of the HSC table, with the survey's depths."""
    edges = np.arange(16.0, 27.01, 0.25)
    primary, area = hsc[hsc["isprimary"]], sky_area(hsc)
    centres = 0.5 * (edges[1:] + edges[:-1])
    kinds = ((1.0, "extended", TARGET, "-"), (0.0, "point-like", SOURCE, "--"))
    for extended, name, colour, line in kinds:
        part = primary.loc[primary["i_extendedness_value"] == extended, "i_cmodel_mag"]
        counts = np.histogram(part, edges)[0] / area / np.diff(edges)
        counts[counts == 0] = np.nan
        axes.step(centres, counts, where="mid", color=colour, ls=line, label=name)
    layers = (("Wide", ":"), ("Deep+UltraDeep", "-."))
    for depth, (name, line) in zip(published["i_depths"], layers, strict=False):
        axes.axvline(depth, color=NEUTRAL, lw=0.8, ls=line, label=f"depth of {name}")
    axes.set(yscale="log", xlabel="$i$ cmodel (mag)", xlim=(16, 27))
    axes.set_ylabel("Objects (deg$^{-2}$ mag$^{-1}$)")
    axes.set_ylim(top=60 * axes.get_ylim()[1])
    axes.legend(fontsize=SMALL, loc="upper left")


def draw_colours(axes: Axes, galaxiesml: pd.DataFrame) -> None:
    """Median colours against redshift with the 16th and 84th percentiles."""
    edges = np.concatenate([np.arange(0.0, 1.5, 0.05), np.arange(1.5, 3.6, 0.15)])
    centres = 0.5 * (edges[1:] + edges[:-1])
    for blue, red, shade, dashes in COLOURS:
        colour = galaxiesml[f"{blue}_cmodel_mag"] - galaxiesml[f"{red}_cmodel_mag"]
        low, middle, high = binned_percentiles(galaxiesml["specz_redshift"], colour, edges).T
        axes.plot(centres, middle, color=shade, ls=dashes, label=f"${blue} - {red}$")
        axes.fill_between(centres, low, high, color=shade, alpha=0.2, lw=0)
    # Where the 4000-Angstrom break leaves g, r and i (red edges of the filters).
    for edge, name in ((5450, "g"), (6950, "r"), (8450, "i")):
        axes.axvline(edge / 4000 - 1, color=NEUTRAL, lw=0.6, ls=":")
        axes.text(edge / 4000 - 1, 2.22, f" ${name}$", fontsize=7, ha="left", va="bottom")
    axes.set(xlabel="Spectroscopic redshift", ylabel="Colour (mag)")
    axes.set(xlim=(0, 3.5), ylim=(-0.5, 2.6))
    axes.legend(fontsize=SMALL, loc="upper right", bbox_to_anchor=(1.0, 0.92))


def draw_precision(axes: Axes, labels: pd.DataFrame, published: Mapping) -> None:
    """Scatter and outliers of the labels against magnitude, with the published upper bounds."""
    table = label_precision(labels, np.arange(18.0, 26.51, 0.5))
    centre = 0.5 * (table["i_min"] + table["i_max"])
    for values, style, colour, name in (
        (table["scatter"], "o-", TARGET, "scatter"),
        (table["stated"], "s--", SOURCE, "stated half-width"),
        (table["outliers"].replace(0.0, np.nan), "^:", NEUTRAL, "outlier fraction"),
    ):
        axes.plot(centre, values, style, ms=2.6, lw=0.9, color=colour, label=name)
    name = "published upper bound"
    for item in published["label_precision"]:
        bounds, level = [item["i_min"], item["i_max"]], item["precision"]
        axes.plot(bounds, [level, level], color="#1a1a1a", lw=1.5, label=name)
        # An arrow says on which side of a bound values should lie.
        axes.plot(np.mean(filled_range(labels, *bounds)), 0.8 * level, "v", color="#1a1a1a", ms=4)
        name = None
    axes.set(yscale="log", xlabel="COSMOS2020 $i$ (mag)", xlim=(18, 27), ylim=(2e-3, 1))
    axes.xaxis.set_major_locator(MultipleLocator(2))
    axes.set_ylabel(r"$|\Delta z| / (1 + z)$, fraction")
    axes.yaxis.set_major_formatter(PLAIN)
    axes.legend(fontsize=SMALL, loc="upper left")


def draw_labels(axes: Axes, labels: pd.DataFrame) -> None:
    """Draw the density of label against true redshift, on an axis in ln(1+z)."""
    edges = np.linspace(0, np.log(7.5), 90)
    true, label = np.log1p(labels["redshift_true"]), np.log1p(labels["lp_zPDF"])
    counts = np.histogram2d(true, label, [edges, edges])[0]
    style = {"norm": LogNorm(1, counts.max()), "cmap": density_map(), "rasterized": True}
    mesh = axes.pcolormesh(edges, edges, np.ma.masked_equal(counts, 0).T, **style)
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, aspect=30)
    bar.set_label("Galaxies per cell")
    bar.formatter = PLAIN
    bar.outline.set_linewidth(0.5)
    ticks = np.array([0, 0.5, 1, 2, 3, 4, 6])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.log1p(ticks), [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="True redshift", ylabel="Label (lp_zPDF)")


def draw_percentiles(axes: Axes, comparison: pd.DataFrame) -> None:
    """Draw the ratio of simulated to published figures, a line of the panel each."""
    good = comparable(comparison).assign(ratio=lambda rows: rows["simulated"] / rows["published"])
    short = {"GalaxiesML |(?<=share),": "", r"redshift, percentile (.*)": r"z at \1%"}
    names = good["quantity"].replace(short, regex=True)
    axes.axvspan(1 / 1.25, 1.25, color=REQUIREMENT, alpha=0.2, lw=0)
    axes.axvline(1.0, color="#1a1a1a", lw=0.8)
    axes.plot(good["ratio"], range(len(good)), "o", ms=3, color=TARGET)
    axes.set_yticks(range(len(good)), names, fontsize=SMALL)
    axes.tick_params(axis="y", which="both", length=0)
    ends = min(0.7, 0.9 * good["ratio"].min()), max(1.4, 1.1 * good["ratio"].max())
    axes.set(xlabel="Simulated / published", xlim=ends, ylim=(len(good) - 0.4, -0.6))


def main(
    cosmos: str | Path,
    hsc: str | Path,
    galaxiesml: Sequence[str | Path],
    truth: str | Path,
    files: FigureFiles,
    *,
    published: Mapping,
) -> None:
    """Draw the figure; `published` is the section `survey_quality` of the configuration."""
    true = read_parquet(truth)
    labels = clean_labels(read_fits(cosmos, LABEL_COLUMNS), true)
    targets = read_galaxiesml(galaxiesml, true)
    detections = read_fits(hsc, ["ra", "dec", "isprimary", "i_cmodel_mag", "i_extendedness_value"])
    comparison = compare(targets["specz_redshift"], labels, published)
    figure, panels = subplots(2, 3, height=4.7)
    for axes, letter in zip(panels.flat, "abcdef", strict=True):
        panel_letter(axes, letter)
    draw_redshifts(panels[0, 0], targets, published)
    draw_counts(panels[0, 1], detections, published)
    draw_colours(panels[0, 2], targets)
    draw_precision(panels[1, 0], labels, published)
    draw_labels(panels[1, 1], labels)
    draw_percentiles(panels[1, 2], comparison)
    levels = ", ".join(f"{level:g}" for level in published["galaxiesml_levels"])
    outliers, good = (labels["error"].abs() > OUTLIER).mean(), comparable(comparison)
    bounds = comparison[comparison["relation"] == "below"]
    met = (bounds["simulated"] < bounds["published"]).sum()
    near = (good["simulated"] / good["published"]).between(1 / 1.25, 1.25).sum()
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
        f"lines with an arrow: upper bounds of Weaver et al. (2022), {met} of {len(bounds)} met "
        f"where there are labels. (e) All {thousands(len(labels))} clean labels, "
        f"{outliers:.1%} of them with |dz| > 0.15. (f) Percentiles and shares of GalaxiesML's "
        f"redshifts over the published ones; green: within 25%, as {near} of {len(good)} are. "
        f"Nothing is fitted to them. {survey_note('embedded')}",
        "Six panels: stacked histogram of redshifts, counts rising to the flux limit, three "
        "colours against redshift, errors of the labels rising with magnitude, a narrow diagonal "
        f"of label against true redshift, and {len(good)} named ratios around one.",
    )


if __name__ == "__main__":
    run(main, snakemake)
