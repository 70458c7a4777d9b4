"""Figure: example spectra, and what each method says about their redshifts.

Inputs
    spectra : spectra/spectra.npz
    networks, templates : spectra/probabilities/{heads,templates}.npz

Outputs
    pdf, png : the figure
    table : the examples as CSV
    caption : caption and alt text, Markdown
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transferz.core.logs import run
from transferz.report.figures import NEUTRAL, FigureFiles, subplots
from transferz.spectra.grism import EqualClasses, SpectraFile
from transferz.spectra.plotting import head_style
from transferz.spectra.results import NOTE, head_name, members_of
from transferz.spectra.studies import read_probabilities, read_spectra
from transferz.survey.galaxy_spectra import LINES
from transferz.uncertainty.scores import decompose

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

MARKED = {
    "Hbeta": r"H$\beta$", "[OIII]5008": "[O III]", "[OI]6302": "[O I]", "Halpha": r"H$\alpha$",
    "[SII]6718": "[S II]", "[SIII]9071": "[S III]",
}  # fmt: skip
PERCENTILES = (10.0, 50.0, 85.0, 97.0)
# Names of lines nearer to each other than this part of the axis would touch.
CROWDED = 0.065


def choose(total: np.ndarray) -> np.ndarray:
    """Rows at fixed percentiles of the ensemble's uncertainty: from sure to lost."""
    order = np.argsort(total, kind="stable")
    places = np.round(np.array(PERCENTILES) / 100.0 * (len(total) - 1)).astype(int)
    return order[places]


def draw_spectrum(axes: Axes, spectra: SpectraFile, row: int, snr: float) -> None:
    """Draw one observed spectrum, its noiseless truth, and its lines."""
    first = int(spectra.rows("test")[0])
    centres = spectra.grism.centres / 1e4
    noisy = spectra.take("test", snr, row - first + 1)[-1]
    clean = spectra.flux[row] / spectra.flux[row].mean()
    axes.plot(centres, noisy, color="#A9B7C6", lw=0.5, drawstyle="steps-mid", zorder=1)
    axes.plot(centres, clean, color="#1a1a1a", lw=0.8, zorder=2)
    top = max(np.percentile(noisy, 99.9), clean.max())
    low = np.percentile(noisy, 0.5)
    axes.set(xlim=(centres[0], centres[-1]), ylim=(min(0.0, low), top * 1.48))
    before = -np.inf
    for name, text in MARKED.items():
        place = LINES[name] * (1.0 + spectra.redshift[row]) / 1e4
        if centres[0] < place < centres[-1]:
            # A name close to the one before it goes above it.
            crowded = place - before < CROWDED * (centres[-1] - centres[0])
            height = top * (1.27 if crowded else 1.10)
            axes.plot([place, place], [top * 1.04, height], color=NEUTRAL, lw=0.6)
            axes.text(place, height + 0.02 * top, text, ha="center", va="bottom", fontsize=6.5)
            before = -np.inf if crowded else place


def in_classes(probability: np.ndarray, number: int) -> np.ndarray:
    """Return a distribution over equal classes in so many, each the sum of those inside it."""
    edges = np.linspace(0.0, 1.0, number + 1)
    fine = np.linspace(0.0, 1.0, len(probability) + 1)
    return np.diff(np.interp(edges, fine, np.append(0.0, np.cumsum(probability))))


def draw(
    spectra: SpectraFile,
    rows: np.ndarray,
    distributions: Mapping[str | int, np.ndarray],
    heads: Sequence[str | int],
    snr: float,
    z_range: Sequence[float],
) -> Figure:
    """Return the figure: spectra on the left, probabilities of the same classes on the right."""
    figure, panels = subplots(
        len(rows), 2, height=0.5 + 1.25 * len(rows), sharex="col",
        gridspec_kw={"width_ratios": [1.5, 1.0]},
    )  # fmt: skip
    first = int(spectra.rows("test")[0])
    handles, classes = {}, EqualClasses(*z_range, int(heads[0]))
    for (left, right), row in zip(panels, rows, strict=True):
        draw_spectrum(left, spectra, row, snr)
        right.axvline(spectra.redshift[row], color="#1a1a1a", lw=0.7, ls=(0, (4, 2)), zorder=1)
        for head, values in distributions.items():
            handles[head] = right.stairs(
                in_classes(values[row - first], classes.number), classes.edges,
                color=head_style(head, heads)["color"], label=head_name(head),
                **({"fill": True, "alpha": 0.35} if head == heads[0] else {"lw": 0.9}),
            )  # fmt: skip
        right.set(xlim=z_range, ylim=(0, 1.12 * right.get_ylim()[1]))
        right.set_ylabel("probability")
        left.set_ylabel("flux / mean")
        right.text(
            0.97, 0.93, f"true $z$ = {spectra.redshift[row]:.3f}", transform=right.transAxes,
            ha="right", va="top", fontsize=7.5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0},
        )  # fmt: skip
    panels[-1, 0].set_xlabel(r"observed wavelength ($\mu$m)")
    panels[-1, 1].set_xlabel("redshift")
    figure.legend(handles=list(handles.values()), loc="outside upper right", ncols=len(handles))
    return figure


def main(
    spectra: str | Path,
    networks: str | Path,
    templates: str | Path,
    files: FigureFiles,
    *,
    heads: Sequence[int],
    seeds: Sequence[int],
    default: Mapping[str, object],
    z_range: Sequence[float],
    template_classes: int,
) -> None:
    """Draw example spectra with the mean distributions of ensembles and the template fit.

    Parameters
    ----------
    heads : sequence of int
        Numbers of classes of the ensembles; the first chooses the examples.
    seeds : sequence of int
        Members of an ensemble.
    template_classes : int
        Trial redshifts of the template fit.
    """
    data, snr = read_spectra(spectra), float(default["snr"])
    ensembles = {
        head: read_probabilities(networks, members_of(default, head, seeds), "test")
        for head in heads
    }
    chosen = choose(decompose(ensembles[heads[0]])["total"])
    distributions = {head: members.mean(axis=0) for head, members in ensembles.items()}
    with np.load(templates, allow_pickle=False) as arrays:
        fitted = arrays[f"template_fit/{template_classes}/{snr:g}/test"].astype(float)
    distributions |= {"template_fit": fitted}
    rows = data.rows("test")[chosen]
    source = pd.DataFrame({"spectrum": rows, "sed": data.sed[rows], "z_true": data.redshift[rows]})
    for head, values in distributions.items():
        centres = EqualClasses(*z_range, values.shape[1]).centres
        source[f"z_mode_{head}"] = centres[values[chosen].argmax(axis=1)]
    files.save(
        draw(data, rows, distributions, heads, snr, z_range),
        source,
        "Example spectra and redshift distributions.",
        f"Test spectra at S/N {snr:g} per pixel (grey: as observed; black: without noise) at the "
        f"{', '.join(f'{p:g}' for p in PERCENTILES)}th percentiles of the ensemble's uncertainty. "
        f"Right: p(z) of the template fit and of ensembles of {len(seeds)} networks, summed in the "
        f"same {heads[0]} classes; dashed: true redshift. Each row has its own scale. {NOTE}",
        "Rows of a noisy spectrum with its emission lines named, beside steps of probability over "
        "redshift: one narrow peak for spectra with strong lines, many for spectra without.",
    )
    logger.info("Example spectra: %s", ", ".join(map(str, rows)))


if __name__ == "__main__":
    run(main, snakemake)
