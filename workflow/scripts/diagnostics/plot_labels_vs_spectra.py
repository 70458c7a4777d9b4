"""Hold the photometric labels against spectra: errors, coverage, and what each cut buys.

Inputs
    matched : galaxies before the cuts
    spectra : spectroscopic redshifts, matched to them by position
    columns : table of column templates

Outputs
    pdf, png : the figure
    table : CSV, a row for each sample of galaxies: what it is of, its limits, how many, metrics of
        the labels, and the coverage of their 68% intervals
    caption : caption and alt text
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transferz.catalogues.columns import load_columns
from transferz.catalogues.cuts import correct_photometry, passes
from transferz.catalogues.matching import cross_match
from transferz.catalogues.reading import read_catalogue
from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet
from transferz.evaluation.bins import regular_bins
from transferz.evaluation.metrics import METRICS, OUTLIER_LIMIT, compute_metrics
from transferz.report import figures
from transferz.report.figures import NEUTRAL, SOURCE, TARGET, FigureFiles
from transferz.report.tables import survey_note
from transferz.uncertainty.scores import coverage

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

LABEL = ["lp_zPDF", "lp_zPDF_l68", "lp_zPDF_u68"]
SHOWN = ("bias_median", "scatter_mad", "outlier_fraction")


def with_spectra(matched: pd.DataFrame, spectra: pd.DataFrame, radius: float) -> pd.DataFrame:
    """Return the galaxies with a label and a spectrum, and the spectrum's columns.

    Each is the other's nearest within `radius`, arcsec. A redshift below zero is none.
    """
    spectra = spectra[spectra["redshift"] >= 0].reset_index(drop=True)
    pairs = cross_match(
        matched["ra_cosmos"], matched["dec_cosmos"], spectra["ra"], spectra["dec"], radius
    )
    found = matched.iloc[pairs.left].reset_index(drop=True)
    other = spectra.iloc[pairs.right].reset_index(drop=True)
    found[["z_spec", "quality", "confidence"]] = other[["redshift", "quality", "confidence"]]
    return found[np.isfinite(found["lp_zPDF"].to_numpy(float))].reset_index(drop=True)


def measure(rows: pd.DataFrame) -> dict[str, float]:
    """Return the metrics of the labels and the coverage of their intervals.

    `wrong_spectra` is the share of wrong redshifts among the spectra, by their own confidence.
    """
    z, *interval = (rows[name].to_numpy(float) for name in ["z_spec", *LABEL[1:]])
    if not len(rows):
        return {"n": 0}
    return {
        **compute_metrics(z, rows["lp_zPDF"]),
        "coverage_68": coverage(z, *interval),
        "wrong_spectra": 1 - rows["confidence"].mean() / 100,
    }


def by_cut(
    galaxies: pd.DataFrame, cuts: Mapping[str, Mapping | None], bands: Sequence[str]
) -> tuple[list[dict[str, object]], np.ndarray]:
    """Return a row for what is left after each cut in turn, and which galaxies pass all.

    `removed_outlier_fraction` is that of the galaxies which this cut removes.
    """
    kept = np.ones(len(galaxies), dtype=bool)
    rows = [{"of": "cut", "sample": "before the cuts", **measure(galaxies)}]
    for name, cut in cuts.items():
        if cut is None:
            continue
        left = kept & passes(galaxies, name, cut, bands)
        removed = measure(galaxies[kept & ~left])
        kept = left
        rows.append(
            {
                **{"of": "cut", "sample": name, **measure(galaxies[kept])},
                "n_removed": removed["n"],
                "removed_outlier_fraction": removed.get("outlier_fraction", np.nan),
            }
        )
    return rows, kept


def tabulate(
    galaxies: pd.DataFrame,
    *,
    cuts: Mapping[str, Mapping | None],
    bands: Sequence[str],
    band: str,
    secure: Sequence[int],
    widths: Mapping[str, float],
    least: int,
) -> pd.DataFrame:
    """Return the table: the selected galaxies as a whole, in bins and by flag; then the cuts.

    But for the rows by flag, only spectra with a flag in `secure` count.
    """
    trusted = galaxies["quality"].isin(secure).to_numpy()
    steps, kept = by_cut(galaxies[trusted], cuts, bands)
    selected = galaxies[trusted][kept]
    rows = [{"of": "all", "sample": "selected", **measure(selected)}]
    for of, column in (("magnitude", f"mag_{band}"), ("redshift", "z_spec")):
        values = selected[column].to_numpy(float)
        for low, high in regular_bins(values, widths[of], least):
            inside = selected[(values >= low) & (values < high)]
            rows.append({"of": of, "low": low, "high": high, **measure(inside)})
    _, passed = by_cut(galaxies, cuts, bands)
    for quality, part in galaxies[passed].groupby("quality"):
        rows.append({"of": "quality flag", "sample": str(quality), **measure(part)})
    return pd.DataFrame(rows + steps)


def draw_bins(axes: Axes, rows: pd.DataFrame, x_label: str) -> None:
    """Draw bias, scatter and outliers in bins."""
    middle = 0.5 * (rows["low"] + rows["high"])
    styles = {"o-": TARGET, "s-": NEUTRAL, "^-": SOURCE}
    for metric, (style, colour) in zip(SHOWN, styles.items(), strict=True):
        axes.plot(middle, rows[metric], style, color=colour, ms=3, label=METRICS[metric].label)
    axes.axhline(0, color="#333333", lw=0.5)
    axes.set_xlabel(x_label)


def draw(galaxies: pd.DataFrame, table: pd.DataFrame, band: str) -> Figure:
    """Return the figure; `galaxies` are the selected ones with secure spectra."""
    figure, panels = figures.subplots(2, 2, height=5.6)
    axes = panels[0, 0]
    top = 1.05 * max(galaxies["z_spec"].max(), galaxies["lp_zPDF"].max())
    ends = np.array([0.0, top])
    axes.plot(galaxies["z_spec"], galaxies["lp_zPDF"], ".", color=SOURCE, ms=1.5, rasterized=True)
    axes.plot(ends, ends, color="k", lw=0.6)
    for sign in (-1, 1):
        limit = ends + sign * OUTLIER_LIMIT * (1 + ends)
        axes.plot(ends, limit, color=NEUTRAL, lw=0.8, ls="--")
    axes.set(xlim=ends, ylim=ends, xlabel="Spectroscopic redshift", ylabel="Label (photo-z)")
    for axes, of, x_label in (
        (panels[0, 1], "magnitude", f"${band}$ magnitude (AB)"),
        (panels[1, 0], "redshift", "Spectroscopic redshift"),
    ):
        draw_bins(axes, table[table["of"] == of], x_label)
    cuts = table[table["of"] == "cut"]
    axes, places = panels[1, 1], np.arange(len(cuts))
    share = cuts["outlier_fraction"].to_numpy()
    error = np.sqrt(share * (1 - share) / cuts["n"].clip(lower=1))
    axes.errorbar(share, places, xerr=error, fmt="o", color=SOURCE, ms=3, capsize=2)
    axes.set_yticks(places, cuts["sample"], fontsize=6.5)
    axes.invert_yaxis()
    axes.set(xlabel="Outlier fraction after each cut", xlim=(0, None))
    for letter, axes in zip("abcd", panels.flat, strict=True):
        figures.panel_letter(axes, letter)
    figures.legend_above(figure, panels[0, 1])
    return figure


def explanation(table: pd.DataFrame) -> str:
    """Return what the figure shows, and the numbers of all selected galaxies."""
    whole, before = table.iloc[0], table[table["of"] == "cut"].iloc[0]
    return (
        "a: each galaxy; dashed: the limit of an outlier. b, c: bias, scatter and outlier fraction "
        "in bins. d: outlier fraction before the cuts, and after each of them in turn. Spectra are "
        "of bright galaxies mostly; their own errors count here, and by the confidence in their "
        f"flags {whole['wrong_spectra']:.1%} of them are wrong. All in all: "
        f"bias {whole['bias_median']:.4f}, scatter {whole['scatter_mad']:.4f}, outlier fraction "
        f"{whole['outlier_fraction']:.4f} ({before['outlier_fraction']:.4f} before the cuts). The "
        f"labels' 68% intervals hold {whole['coverage_68']:.1%} of the spectroscopic redshifts."
    )


def main(
    matched: str | Path,
    spectra: str | Path,
    columns: str | Path,
    files: FigureFiles,
    *,
    bands: Sequence[str],
    band: str,
    cuts: Mapping[str, Mapping | None],
    photometry: Mapping,
    settings: Mapping,
    widths: Mapping[str, float],
    least: int,
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the figure, its table and its caption.

    Parameters
    ----------
    cuts, photometry
        As of the selection.
    settings : mapping
        ``radius``, arcsec, and ``secure_flags``.
    band, widths, least
        Of the bins: band, widths by ``magnitude`` and ``redshift``, fewest galaxies.
    """
    table = correct_photometry(read_parquet(matched), bands, **photometry)
    catalogue = read_catalogue(spectra, load_columns(columns, "spectra", "*", bands))
    galaxies = with_spectra(table, catalogue, settings["radius"])
    secure = settings["secure_flags"]
    rows = tabulate(
        galaxies, cuts=cuts, bands=bands, band=band, secure=secure, widths=widths, least=least
    )
    whole = rows.iloc[0]
    if not whole["n"]:
        raise InputError(
            "no selected galaxy has a secure spectrum",
            file=spectra,
            key="inputs.spectra",
            found=f"{len(galaxies)} galaxies with a spectrum within {settings['radius']:g} arcsec",
            expected=f"some with a quality flag of {', '.join(map(str, secure))}",
            fix="give spectra over COSMOS, or null to do without",
        )
    trusted = galaxies[galaxies["quality"].isin(secure)]
    selected = trusted[by_cut(trusted, cuts, bands)[1]]
    files.save(
        draw(selected, rows, band),
        rows,
        "Labels against spectra.",
        f"The labels of {figures.label('source', labels)} against {int(whole['n'])} secure "
        f"spectroscopic redshifts of the same galaxies (flags {', '.join(map(str, secure))}; pairs "
        f"within {settings['radius']:g} arcsec). {explanation(rows)} {survey_note(survey)}",
        f"Four panels: label against spectroscopic redshift, {' and '.join(SHOWN)} against "
        "magnitude and redshift, outlier fraction after each cut.",
    )
    logger.info("Labels against spectra: %d galaxies", whole["n"])


if __name__ == "__main__":
    run(main, snakemake)
