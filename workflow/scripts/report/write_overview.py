"""Put all figures, tables and verdicts of a study on one page that explains itself.

Inputs
    figures : PNG figures, their captions (Markdown) beside them
    tables : tables/table{1,2,3}.md, or tables/spectra_heads.md for the study of spectra
    claims_csv, claims : claims.csv, claims.md; the page's first line says what was measured on

Outputs
    html : one HTML file that needs no network
"""

import base64
import html as markup
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image

from transferz.core.errors import InputError
from transferz.core.logs import job
from transferz.core.products import write_text
from transferz.evaluation.claims import VERDICTS
from transferz.report.pages import inline, markdown_to_html, note, page

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """What is particular about a study's page.

    Attributes
    ----------
    title : str
    lead : str
        HTML; ``{source}``, ``{target}`` and ``{n_claims}`` are filled in.
    first : tuple of str
        Figures that come before the claims and the tables; all others stand behind them.
    heading : str
        Of these figures.
    """

    title: str
    lead: str
    first: tuple[str, ...]
    heading: str


# By the name of the page.
STUDIES = {
    "overview": Study(
        title="Redshifts from two kinds of truth",
        lead="What happens to photometric redshifts when networks learn from approximate labels of "
        "many galaxies ({source}), from precise labels of few kinds ({target}), or from both: a "
        "reproduction of Soriano et al. 2024 (arXiv:2411.18054). Of {n_claims} published claims "
        "on this run:",
        first=("figure1", "figure2", "figure3", "figure4"),
        heading="The paper's figures",
    ),
    "spectra": Study(
        title="Redshifts from spectra",
        lead="How should a network be asked for a redshift: as a number, or as one of many "
        "classes? One-dimensional convolutions on simulated grism spectra, after a talk of "
        "G. Tsagkatakis at COSMO21 (2024). Of {n_claims} published claims on this run:",
        first=("spectra_examples", "spectra_predictions"),
        heading="Spectra and redshifts",
    ),
}
# Pixels across, and quality of the images: sharp on dense screens, and the page stays below 1.5 MB,
# beyond which Chromium shows no page inside another one (the report has it as a data URI).
WIDTH = 1600
QUALITY = 78


def read(path: Path) -> str:
    """Return a text.

    Raises
    ------
    InputError
        If it is missing or empty.
    """
    if not path.is_file() or not path.stat().st_size:
        raise InputError("product missing or empty", file=path, fix="run the rule that makes it")
    return path.read_text(encoding="utf-8")


def picture(path: Path) -> str:
    """Return an image as a data URI, no larger than the page needs."""
    if not path.is_file():
        raise InputError("product missing", file=path, fix="run the rule that makes it")
    with Image.open(path) as image:
        shown = image.convert("RGB")
        if shown.width > WIDTH:
            shown = shown.resize((WIDTH, round(shown.height * WIDTH / shown.width)), Image.LANCZOS)
        buffer = io.BytesIO()
        shown.save(buffer, "WEBP", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def figure(path: Path, measured_on: str) -> str:
    """Return a figure with its caption and its text for those who cannot see it.

    The page says once, on top, what every caption says: `measured_on`.
    """
    caption, _, alt = read(path.with_suffix(".md")).partition("Alt text: ")
    words = inline(caption.strip().replace(measured_on, "").strip())
    return (
        f'<figure id="{path.stem}"><div><img src="{picture(path)}" '
        f'alt="{markup.escape(alt.strip())}"></div><figcaption>{words}</figcaption></figure>'
    )


def tally(verdicts: Sequence[str]) -> str:
    """Return the number of claims of each verdict."""
    counts = [f"<li><b>{list(verdicts).count(name)}</b>{name}</li>" for name in VERDICTS]
    return f'<ul class="tally">{"".join(counts)}</ul>'


def main(
    figures: Sequence[str | Path],
    tables: Sequence[str | Path],
    claims_csv: str | Path,
    claims: str | Path,
    html: str | Path,
    *,
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the page.

    Parameters
    ----------
    figures, tables : sequence of path-like
        In their order.
    claims_csv, claims : path-like
        Verdicts, as a table and as a page.
    html : path-like
        Output, called like one of `STUDIES`.
    labels : mapping
        Display names.
    survey : str
        embedded, archive or custom.
    """
    study = STUDIES[Path(html).stem]
    measured_on, _, judged = read(Path(claims)).partition("\n")
    shown = [(Path(path).stem in study.first, figure(Path(path), measured_on)) for path in figures]
    read(Path(claims_csv))
    verdicts = pd.read_csv(claims_csv)["verdict"].tolist()
    target, source = (markup.escape(labels.get(n, n)) for n in ("target", "source"))
    pages = [read(Path(path)).partition("\n")[2] for path in tables]
    sections = {
        "figures": (study.heading, "\n".join(text for first, text in shown if first)),
        "claims": ("Published claims", markdown_to_html(judged, 3)),
        "tables": ("Tables", "\n".join(markdown_to_html(text, 3) for text in pages)),
        "behind": ("Behind the numbers", "\n".join(text for first, text in shown if not first)),
    }
    links = "".join(f'<a href="#{key}">{title}</a>' for key, (title, _) in sections.items())
    lead = study.lead.format(source=source, target=target, n_claims=len(verdicts))
    body = [
        f'<nav aria-label="Sections"><div>{links}</div></nav>',
        "<main>",
        note(measured_on, survey == "archive"),
        f"<h1>{study.title}</h1>",
        f'<p class="lead">{lead}</p>',
        tally(verdicts),
        *(
            f'<section id="{key}"><h2>{title}</h2>{text}</section>'
            for key, (title, text) in sections.items()
        ),
        "</main>",
    ]
    write_text(page(study.title, "\n".join(body)), html)
    logger.info("%d figures, %d tables", len(shown), len(pages))


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            snakemake.input.figures,
            snakemake.input.tables,
            snakemake.input.claims_csv,
            snakemake.input.claims,
            snakemake.output.html,
            labels=snakemake.params.labels,
            survey=snakemake.params.survey,
        )
