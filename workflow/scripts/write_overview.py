"""Put all figures, tables and verdicts on one page that explains itself.

Inputs
    figures : PNG figures, their captions (Markdown) beside them
    tables : tables/table{1,2,3}.md
    claims_csv, claims : claims.csv, claims.md

Outputs
    html : one HTML file that needs no network
"""

import base64
import html as markup
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image

from transferz.claims import VERDICTS
from transferz.errors import InputError
from transferz.io import write_text
from transferz.logs import job
from transferz.pages import inline, markdown_to_html, note, page
from transferz.tables import survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Figures of the paper; all others stand behind the numbers.
PAPER = ("figure1", "figure2", "figure3", "figure4")
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


def figure(path: Path, survey: str) -> str:
    """Return a figure with its caption and its text for those who cannot see it."""
    caption, _, alt = read(path.with_suffix(".md")).partition("Alt text: ")
    # The page says once, on top, what every caption says.
    words = inline(caption.strip().replace(survey_note(survey), "").strip())
    return (
        f'<figure id="{path.stem}"><div><img src="{picture(path)}" '
        f'alt="{markup.escape(alt.strip())}"></div><figcaption>{words}</figcaption></figure>'
    )


def without_note(text: str) -> str:
    """Return a page without its first line, which says where its numbers come from."""
    return text.partition("\n")[2]


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
        Output.
    labels : mapping
        Display names.
    survey : str
        embedded, archive or custom.
    """
    paths = [Path(path) for path in figures]
    paper = [path for path in paths if path.stem in PAPER]
    more = [path for path in paths if path.stem not in PAPER]
    read(Path(claims_csv))
    verdicts = pd.read_csv(claims_csv)["verdict"].tolist()
    target, source = (markup.escape(labels.get(n, n)) for n in ("galaxiesml", "transferz"))
    sections = {
        "paper": ("The paper's figures", "\n".join(figure(path, survey) for path in paper)),
        "claims": ("Published claims", markdown_to_html(without_note(read(Path(claims))), 3)),
        "tables": (
            "Tables",
            "\n".join(markdown_to_html(without_note(read(Path(path))), 3) for path in tables),
        ),
        "behind": ("Behind the numbers", "\n".join(figure(path, survey) for path in more)),
    }
    links = "".join(f'<a href="#{key}">{title}</a>' for key, (title, _) in sections.items())
    body = [
        f'<nav aria-label="Sections"><div>{links}</div></nav>',
        "<main>",
        note(survey_note(survey), survey == "archive"),
        "<h1>Redshifts from two kinds of truth</h1>",
        '<p class="lead">What happens to photometric redshifts when networks learn from '
        f"approximate labels of many galaxies ({source}), from precise labels of few kinds "
        f"({target}), or from both: a reproduction of Soriano et al. 2024 (arXiv:2411.18054). "
        f"Of {len(verdicts)} published claims on this run:</p>",
        tally(verdicts),
        *(
            f'<section id="{key}"><h2>{title}</h2>{text}</section>'
            for key, (title, text) in sections.items()
        ),
        "</main>",
    ]
    write_text(page("Redshifts from two kinds of truth", "\n".join(body)), html)
    logger.info("%d figures, %d tables", len(paths), len(tables))


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
