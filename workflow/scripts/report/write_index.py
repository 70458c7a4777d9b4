"""Put all figures, tables and verdicts of a study on one page: what to open first.

Inputs
    figures : PNG figures, their captions (Markdown) beside them
    tables : tables/*.md
    claims_csv, claims : claims.csv, claims.md; the page's first line says what was measured on

Outputs
    html : one HTML file that needs no network, called index or spectra; its words are in
        transferz/report/index.html.j2
"""

import io
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_text
from transferz.evaluation.claims import VERDICT_COLOURS, VERDICT_SIGNS, VERDICTS, by_window
from transferz.evaluation.claims_page import strips
from transferz.report.pages import figure, markdown_to_html, page, read, script_of
from transferz.report.tables import REDSHIFT_WORDS

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


# The title of claims.md.
FIRST_WORDS = re.compile(r"^\s*# .*")


def items_of(
    figures: Sequence[str | Path], tables: Sequence[str | Path], folder: Path, note: str
) -> dict[str, dict[str, object]]:
    """Return figures and tables by name, with links from `folder` to what is behind a figure."""
    items: dict[str, dict[str, object]] = {
        Path(path).stem: {"table": markdown_to_html(read(path).partition("\n")[2], 3)}
        for path in tables
    }
    for path in map(Path, figures):
        files = {
            name: os.path.relpath(path.with_suffix(suffix), folder)
            for name, suffix in {"data": ".csv", "PDF": ".pdf"}.items()
        }
        items[path.stem] = figure(path, note) | {"files": files, "script": script_of(path.stem)}
    return items


def verdicts_of(claims: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return how many claims got each verdict, by window."""
    return {
        name: {verdict: rows["verdict"].tolist().count(verdict) for verdict in VERDICTS}
        for name, rows in by_window(claims).items()
    }


def words_of(judged: str) -> str:
    """Return the words of the page of claims, as HTML: down to its table, which says the same."""
    return markdown_to_html(FIRST_WORDS.sub("", judged.partition("\n|")[0]), 3)


def main(
    figures: Sequence[str | Path],
    tables: Sequence[str | Path],
    claims_csv: str | Path,
    claims: str | Path,
    html: str | Path,
    *,
    questions: Mapping[str, Sequence[str]],
    links: Mapping[str, str],
    others: Mapping[str, str],
    strategies: Sequence[str],
    labels: Mapping[str, str],
    redshifts: Mapping[str, str],
    survey: str,
) -> None:
    """Write the page.

    Parameters
    ----------
    questions : mapping
        Tabs: names of figures and tables in their order, and `claims`. What is not made in this
        run is left out.
    links : mapping
        Words to file, beside the page.
    others : mapping
        Studies that are not in the run to the command that makes each.
    strategies : sequence of str, whose rows can be switched off
    labels : mapping
        Display names.
    redshifts : mapping of str to str
        Kind of redshift, `photo_z` or `spec_z`, of `source` and `target`.
    survey : {"embedded", "archive", "custom"}
    """
    note, _, judged = read(claims).partition("\n")
    table = pd.read_csv(io.StringIO(read(claims_csv)))
    folder = Path(html).parent
    items = items_of(figures, tables, folder, note)
    files = {"table": claims_csv, "page": claims}
    places = {name: os.path.relpath(path, folder) for name, path in files.items()}
    items["claims"] = {"rows": strips(table), "words": words_of(judged), **places}
    shown = {title: [items[n] for n in names if n in items] for title, names in questions.items()}
    content = page(
        "index.html.j2",
        study=Path(html).stem,
        note=note,
        real=survey == "archive",
        questions=shown,
        links=links,
        others=others,
        strategies=[labels.get(name, name) for name in strategies],
        n_claims=table["claim"].nunique(),
        windows=verdicts_of(table),
        colours=VERDICT_COLOURS,
        signs=VERDICT_SIGNS,
        **{role: labels.get(role, role) for role in ("target", "source")},
        kinds={role: REDSHIFT_WORDS[kind] for role, kind in redshifts.items()},
    )
    write_text(content, html)
    logger.info("%d figures, %d tables", len(figures), len(tables))


if __name__ == "__main__":
    run(main, snakemake)
