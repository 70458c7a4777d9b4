"""Table 2: how the source data set came about, cut by cut.

Inputs
    cutflow : cut flow of the source

Outputs
    csv : the cut flow with the fraction of the last input that is left after each step
    md, tex : the same for readers
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.report.tables import (
    escape_latex,
    latex_table,
    markdown_table,
    read_cutflow,
    survey_note,
    thousands,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

HEADER = ["Step", "Cut", "Keeps", "In", "Out", "Removed", "Kept"]


def percent(fraction: float) -> str:
    """Return a fraction as a percentage with one decimal; never 100.0 for what lost rows."""
    text = f"{100 * fraction:.1f}"
    return "99.9" if text == "100.0" and fraction < 1 else text


def main(
    cutflow: str | Path,
    csv: str | Path,
    md: str | Path,
    tex: str | Path,
    *,
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write Table 2."""
    flow = read_cutflow(cutflow)
    name = labels.get("source", "source")
    write_csv(flow, csv)
    rows = list(flow.itertuples())
    counts = [[thousands(row.n_in), thousands(row.n_out), thousands(row.n_removed)] for row in rows]
    n_final = int(flow["n_out"].iloc[-1])
    page = [
        survey_note(survey),
        f"# Table 2: from the input catalogues to {name}",
        markdown_table(
            [*HEADER[:-1], "Kept (%)"],
            [
                [str(row.step), row.cut, row.description, *numbers, percent(row.fraction)]
                for row, numbers in zip(rows, counts, strict=True)
            ],
            "rllrrrr",
        ),
        f"{name} has {thousands(n_final)} galaxies. Kept is the fraction of what came in.",
    ]
    write_text("\n\n".join(page), md)
    width = max(len(str(number)) for number in flow[["n_in", "n_out"]].to_numpy().ravel())
    groups: dict[str, list[list[str]]] = {}
    for row in rows:
        cells = [str(row.step), escape_latex(row.cut), escape_latex(row.description)]
        cells += [str(row.n_in), str(row.n_out), str(row.n_removed), percent(row.fraction)]
        groups.setdefault(escape_latex(str(row.stage)), []).append(cells)
    if len(groups) == 1:
        groups = {"": next(iter(groups.values()))}
    number = f"S[table-format={width}.0]"
    write_text(
        latex_table(
            ["r", "l", r"p{0.42\linewidth}", number, number, number, "S[table-format=3.1]"],
            [*HEADER[:-1], r"Kept (\%)"],
            groups,
            caption=f"From the input catalogues to {escape_latex(name)}. "
            + escape_latex(survey_note(survey)),
            label="tab:cutflow",
        ),
        tex,
    )
    logger.info("Table 2: %d steps, %d galaxies left", len(rows), n_final)


if __name__ == "__main__":
    run(main, snakemake)
