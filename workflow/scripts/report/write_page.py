"""Show a Markdown page of the results in the browser.

Inputs
    md : tables/table{1,2,3}.md or claims.md; its first line says on which sky it was measured
    figure : PNG figure on top, its caption (Markdown) beside it; of the claims only

Outputs
    html : the same as one HTML file
"""

from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.core.products import write_text
from transferz.report.pages import figure as shown
from transferz.report.pages import markdown_to_html, page, read

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    md: str | Path, html: str | Path, figure: str | Path | None = None, *, survey: str
) -> None:
    """Write the page; `survey` is embedded, archive or custom."""
    note, _, rest = read(md).partition("\n")
    titles = (line[2:] for line in rest.splitlines() if line.startswith("# "))
    title = next(titles, Path(md).stem)
    content = markdown_to_html(rest)
    figures = [shown(Path(figure), note)] if figure else []
    real = survey == "archive"
    write_text(page(title=title, note=note, real=real, content=content, figures=figures), html)


if __name__ == "__main__":
    run(main, snakemake)
