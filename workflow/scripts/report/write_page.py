"""Show a Markdown page of the results in the browser.

Inputs
    md : tables/table{1,2,3}.md or claims.md; its first line says on which sky it was measured

Outputs
    html : the same as one HTML file
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.errors import InputError
from transferz.core.logs import job
from transferz.core.products import write_text
from transferz.report.pages import markdown_to_html, note, page

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(md: str | Path, html: str | Path, *, survey: str) -> None:
    """Write the page.

    Parameters
    ----------
    md, html : path-like
        Input and output.
    survey : str
        embedded, archive or custom.
    """
    path = Path(md)
    if not path.is_file() or not path.stat().st_size:
        raise InputError("product missing or empty", file=path, fix="run the rule that makes it")
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    title = next((line[2:] for line in rest.splitlines() if line.startswith("# ")), path.stem)
    body = f"<main>{note(first, survey == 'archive')}\n{markdown_to_html(rest)}</main>"
    write_text(page(title, body), html)
    logger.info("%s", html)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(snakemake.input.md, snakemake.output.html, survey=snakemake.params.survey)
