"""Put all figures, tables and verdicts of a study on one page that explains itself.

Inputs
    figures : PNG figures, their captions (Markdown) beside them
    tables : tables/table{1,2,3}.md, or tables/spectra_heads.md for the study of spectra
    claims_csv, claims : claims.csv, claims.md; the page's first line says what was measured on

Outputs
    html : one HTML file that needs no network, called overview or spectra; its words are in
        transferz/report/study.html.j2
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_text
from transferz.evaluation.claims import VERDICTS, by_window
from transferz.report.pages import figure, markdown_to_html, page, read
from transferz.report.tables import REDSHIFT_WORDS

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Figures that come before the claims and the tables; all others stand behind them.
FIRST = {
    "overview": ("figure1", "figure2", "figure3", "figure4"),
    "spectra": ("spectra_examples", "spectra_predictions"),
}


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
    table = pd.read_csv(claims_csv)
    verdicts = {name: rows["verdict"].tolist() for name, rows in by_window(table).items()}
    content = page(
        "study.html.j2",
        study=study,
        note=measured_on,
        real=survey == "archive",
        figures=[figure(Path(path), measured_on) for path in figures],
        first=FIRST[study],
        tables=[markdown_to_html(read(path).partition("\n")[2], 3) for path in tables],
        claims=markdown_to_html(judged, 3),
        n_claims=table["claim"].nunique(),
        windows={
            name: {verdict: given.count(verdict) for verdict in VERDICTS}
            for name, given in verdicts.items()
        },
        target=labels.get("target", "target"),
        source=labels.get("source", "source"),
        kinds={role: REDSHIFT_WORDS[kind] for role, kind in redshifts.items()},
    )
    write_text(content, html)
    logger.info("%d figures, %d tables", len(figures), len(tables))


if __name__ == "__main__":
    run(main, snakemake)
