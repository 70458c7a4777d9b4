"""Put all figures, tables and verdicts of a study on one page that explains itself.

Inputs
    figures : PNG figures, their captions (Markdown) beside them
    tables : tables/table{1,2,3}.md, or tables/spectra_heads.md for the study of spectra
    claims_csv, claims : claims.csv, claims.md; the page's first line says what was measured on

Outputs
    html : one HTML file that needs no network, called overview or spectra; its words are in
        transferz/report/study.html.j2
"""

import base64
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import write_text
from transferz.evaluation.claims import VERDICTS
from transferz.report.pages import inline, markdown_to_html, page, read
from transferz.report.tables import REDSHIFT_WORDS

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Figures that come before the claims and the tables; all others stand behind them.
FIRST = {
    "overview": ("figure1", "figure2", "figure3", "figure4"),
    "spectra": ("spectra_examples", "spectra_predictions"),
}
# Pixels across, and quality of the images: sharp on dense screens, and the page stays below 1.5 MB,
# beyond which Chromium shows no page inside another one (the report has it as a data URI).
WIDTH = 1600
QUALITY = 78


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


def figure(path: Path, measured_on: str) -> dict[str, str]:
    """Return a figure with its caption and its text for those who cannot see it.

    The page says once, on top, what every caption says: `measured_on`.
    """
    caption, _, alt = read(path.with_suffix(".md")).partition("Alt text: ")
    words = inline(caption.strip().replace(measured_on, "").strip())
    return {"name": path.stem, "image": picture(path), "caption": words, "alt": alt.strip()}


def main(
    figures: Sequence[str | Path],
    tables: Sequence[str | Path],
    claims_csv: str | Path,
    claims: str | Path,
    html: str | Path,
    *,
    labels: Mapping[str, str],
    redshifts: Mapping[str, str],
    survey: str,
) -> None:
    """Write the page.

    Parameters
    ----------
    labels : mapping
        Display names.
    redshifts : mapping of str to str
        Kind of redshift, `photo_z` or `spec_z`, of `source` and `target`.
    survey : str
        embedded, archive or custom.
    """
    study = Path(html).stem
    measured_on, _, judged = read(claims).partition("\n")
    read(claims_csv)
    verdicts = pd.read_csv(claims_csv)["verdict"].tolist()
    content = page(
        "study.html.j2",
        study=study,
        note=measured_on,
        real=survey == "archive",
        figures=[figure(Path(path), measured_on) for path in figures],
        first=FIRST[study],
        tables=[markdown_to_html(read(path).partition("\n")[2], 3) for path in tables],
        claims=markdown_to_html(judged, 3),
        n_claims=len(verdicts),
        verdicts={name: verdicts.count(name) for name in VERDICTS},
        target=labels.get("target", "target"),
        source=labels.get("source", "source"),
        kinds={role: REDSHIFT_WORDS[kind] for role, kind in redshifts.items()},
    )
    write_text(content, html)
    logger.info("%d figures, %d tables", len(figures), len(tables))


if __name__ == "__main__":
    run(main, snakemake)
