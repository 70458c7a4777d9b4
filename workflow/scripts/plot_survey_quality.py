"""Draw the quality control of the embedded survey, beside public figures.

Inputs: the simulated COSMOS2020 and HSC FITS files, GalaxiesML's three CSV files, truth.parquet.
Outputs: figures/survey_quality.{pdf,png} and survey_quality.csv (quantity, simulated, published).

Panels: n(z) of GalaxiesML by parent survey with the published percentiles; i counts; g-r, r-i and
i-z against redshift; error of the labels against magnitude with the published precision; label
against true redshift.
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
from matplotlib.figure import Figure

from transferz.io import read_parquet, write_csv
from transferz.logs import job
from transferz.plotting import save_figure, use_style

if TYPE_CHECKING:
    from snakemake.script import snakemake

COLOURS = (("g", "r"), ("r", "i"), ("i", "z"))
FAMILIES = {
    "SDSS, GAMA": ("sdss_main", "gama"),
    "BOSS, eBOSS galaxies": ("boss_lowz", "boss_cmass", "eboss_lrg"),
    "WiggleZ, VIPERS": ("wigglez", "vipers"),
    "zCOSMOS, VVDS, DEEP2/3": ("zcosmos", "vvds_wide", "vvds_deep", "deep2", "deep3"),
    "UDSz, 3D-HST": ("udsz", "3dhst"),
    "quasars": ("boss_qso", "eboss_qso"),
}


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
    axes.hist(groups, edges, weights=weights, stacked=True, label=list(FAMILIES))
    top = axes.get_ylim()[1]
    simulated = np.percentile(galaxiesml["specz_redshift"], published["galaxiesml_levels"])
    height = 0.62
    axes.plot(simulated, np.full(len(simulated), height * top), "k|", ms=9)
    axes.plot(
        published["galaxiesml_redshifts"],
        np.full(len(simulated), (height - 0.07) * top),
        "r|",
        ms=9,
    )
    levels = ", ".join(f"{level:g}" for level in published["galaxiesml_levels"])
    axes.text(3.95, (height + 0.05) * top, f"percentiles {levels}", ha="right", fontsize=5)
    axes.text(3.95, height * top, "simulated", ha="right", va="center", fontsize=6)
    axes.text(
        3.95, (height - 0.07) * top, "published", ha="right", va="center", color="r", fontsize=6
    )
    axes.set(xlabel="spectroscopic redshift", ylabel="n(z)", xlim=(0, 4))
    axes.set_title("GalaxiesML")
    axes.legend(fontsize=5, frameon=False)


def draw_counts(axes: Axes, hsc: pd.DataFrame, published: Mapping) -> None:
    """Draw counts in i of the HSC table, with the survey's depths."""
    edges = np.arange(16.0, 27.01, 0.25)
    primary = hsc[hsc["isprimary"]]
    area = sky_area(hsc)
    centres = 0.5 * (edges[1:] + edges[:-1])
    for extended, name in ((1.0, "extended"), (0.0, "point-like")):
        part = primary.loc[primary["i_extendedness_value"] == extended, "i_cmodel_mag"]
        counts = np.histogram(part, edges)[0] / area / np.diff(edges)
        axes.step(centres, np.where(counts > 0, counts, np.nan), where="mid", label=name)
    for depth, name in zip(published["i_depths"], ("Wide", "Deep+UltraDeep"), strict=False):
        axes.axvline(depth, color="0.5", ls=":")
        axes.text(depth, 40, f"HSC {name}", rotation=90, ha="right", va="bottom", fontsize=5)
    axes.set(yscale="log", xlabel="i (cmodel)", ylabel="objects / deg$^2$ / mag", xlim=(16, 27))
    axes.set_title(f"HSC, {area:.2f} deg$^2$ of COSMOS")
    axes.legend(fontsize=6, frameon=False, loc="upper left")


def draw_colours(axes: Axes, galaxiesml: pd.DataFrame) -> None:
    """Median colours against redshift with the 16th and 84th percentiles."""
    edges = np.concatenate([np.arange(0.0, 1.5, 0.05), np.arange(1.5, 3.6, 0.15)])
    index = np.digitize(galaxiesml["specz_redshift"], edges) - 1
    centres = 0.5 * (edges[1:] + edges[:-1])
    for blue, red in COLOURS:
        colour = galaxiesml[f"{blue}_cmodel_mag"] - galaxiesml[f"{red}_cmodel_mag"]
        summary = np.array(
            [
                np.percentile(colour[index == k], [16, 50, 84])
                if (index == k).sum() >= 20
                else [np.nan] * 3
                for k in range(len(centres))
            ]
        )
        (line,) = axes.plot(centres, summary[:, 1], label=f"{blue}$-${red}")
        axes.fill_between(
            centres, summary[:, 0], summary[:, 2], color=line.get_color(), alpha=0.2, lw=0
        )
    # Where the 4000-Angstrom break leaves g, r and i (red edges of the filters).
    for edge, name in ((5450, "g"), (6950, "r"), (8450, "i")):
        axes.axvline(edge / 4000 - 1, color="0.6", lw=0.6, ls="--")
        axes.text(
            edge / 4000 - 1, 2.18, f"break\nleaves {name}", fontsize=5, ha="center", va="bottom"
        )
    axes.set(
        xlabel="spectroscopic redshift", ylabel="colour (mag)", xlim=(0, 3.5), ylim=(-0.5, 2.6)
    )
    axes.set_title("Colours of GalaxiesML")
    axes.legend(fontsize=6, frameon=False, loc="lower right")


def draw_precision(axes: Axes, labels: pd.DataFrame, published: Mapping) -> None:
    """Scatter and outliers of the labels against magnitude, with the published precision."""
    table = label_precision(labels, np.arange(18.0, 26.51, 0.5))
    centre = 0.5 * (table["i_min"] + table["i_max"])
    axes.plot(centre, table["scatter"], "o-", ms=3, label="scatter (1.48 MAD)")
    axes.plot(centre, table["stated"], "s--", ms=3, label="stated 68% half width")
    axes.plot(
        centre, table["outliers"].where(table["outliers"] > 0), "^:", ms=3, label="outliers > 0.15"
    )
    for number, item in enumerate(published["label_precision"]):
        axes.plot(
            [item["i_min"], item["i_max"]],
            [item["precision"]] * 2,
            "k-",
            lw=1.5,
            label="published precision" if number == 0 else None,
        )
    axes.set(yscale="log", xlabel="i (COSMOS2020)", ylabel="$|\\Delta z|/(1+z)$", xlim=(18, 27))
    axes.set_title("Error of the labels")
    axes.legend(fontsize=5, frameon=False)


def draw_labels(axes: Axes, labels: pd.DataFrame) -> None:
    """Density of label against true redshift, on an axis in ln(1+z)."""
    edges = np.linspace(0, np.log(7.5), 90)
    counts = np.histogram2d(
        np.log1p(labels["redshift_true"]), np.log1p(labels["lp_zPDF"]), [edges, edges]
    )[0]
    axes.pcolormesh(
        edges,
        edges,
        np.log10(np.where(counts > 0, counts, np.nan)).T,
        cmap="viridis",
        rasterized=True,
    )
    ticks = np.array([0, 0.5, 1, 2, 3, 4, 6])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.log1p(ticks), [f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
    outliers = float(np.mean(np.abs(labels["error"]) > 0.15))
    axes.set(xlabel="true redshift", ylabel="lp_zPDF")
    axes.set_title(f"All clean labels, {100 * outliers:.1f}% outliers")


def draw_percentiles(axes: Axes, comparison: pd.DataFrame) -> None:
    """Draw simulated against published figures."""
    good = comparison[(comparison["simulated"] > 0) & (comparison["published"] > 0)]
    axes.loglog(good["published"], good["simulated"], "o", ms=4)
    ends = np.array([good[["published", "simulated"]].min().min() * 0.8, 4.0])
    axes.loglog(ends, ends, "k-", lw=0.8)
    axes.fill_between(ends, ends / 1.25, ends * 1.25, color="0.85", zorder=0, label="within 25%")
    axes.set(xlabel="published", ylabel="simulated")
    axes.set_title("Every figure in the table")
    axes.legend(fontsize=6, frameon=False)


def main(
    cosmos: str | Path,
    hsc: str | Path,
    galaxiesml: Sequence[str | Path],
    truth: str | Path,
    pdf: str | Path,
    png: str | Path,
    table: str | Path,
    *,
    published: Mapping,
) -> None:
    """Draw the figure and write the table.

    Parameters
    ----------
    cosmos, hsc : path-like
        Simulated FITS files.
    galaxiesml : sequence of path-like
        The three CSV files.
    truth : path-like
    pdf, png, table : path-like
        To write.
    published : mapping
        The section `survey_quality` of the configuration.
    """
    true = read_parquet(truth)
    labels = read_labels(cosmos, true)
    targets = read_galaxiesml(galaxiesml, true)
    detections = read_fits(hsc, ["ra", "dec", "isprimary", "i_cmodel_mag", "i_extendedness_value"])
    comparison = compare(targets, labels, published)
    write_csv(comparison.round(5), table)

    use_style()
    figure = Figure(figsize=(10.0, 6.2), layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    draw_redshifts(panels[0], targets, published)
    draw_counts(panels[1], detections, published)
    draw_colours(panels[2], targets)
    draw_precision(panels[3], labels, published)
    draw_labels(panels[4], labels)
    draw_percentiles(panels[5], comparison)
    save_figure(figure, pdf, png)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.cosmos,
            snakemake.input.hsc,
            snakemake.input.galaxiesml,
            snakemake.input.truth,
            snakemake.output.pdf,
            snakemake.output.png,
            snakemake.output.table,
            published=snakemake.params.published,
        )
