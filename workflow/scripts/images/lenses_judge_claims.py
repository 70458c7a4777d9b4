"""Judge the published claim on uncertain labels of lenses.

Inputs
    metrics : lenses/metrics.csv
    claims : config/claims.yaml, section `lenses`

Outputs
    csv : lenses/claims.csv
    md : lenses/claims.md, the same for readers, with what differs in the data
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.claims import VERDICT_RULES, accepted_range, read_claims, verdict
from transferz.evaluation.claims_page import published_and_accepted, shown
from transferz.evaluation.over_seeds import ratio_of_positive_means
from transferz.images.lens_results import LABELLED_NAMES, LENSES_NOTE, read_metrics
from transferz.report.tables import markdown_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Columns of metrics.csv of what a claim compares.
WIDTHS = {"prediction": "width_68", "label": "label_width_68"}
DIFFERENCES = """\
- Lenses, sources, field, point spread function, noise and masks are simulated anew. The paper has
  real galaxies as sources; here all three kinds are drawn.
- Sizes are those of the configuration; `config/lenses_full.yaml` has the published ones.
- The published split puts copies of one lens on both sides. The claim is judged on lenses whose
  copies are all in the test.
- An interval here is the central 68% of a distribution. The paper's public code measures none."""
RULES = f"""\
- Measured: mean width of the labels' intervals over that of the predicted ones, over all copies in
  the test; above 1 the predicted ones are narrower. 1.11 is 10% narrower: 0.9 of the labels'.
- 95% interval: Student's over seeds, of the logarithm of the ratio.
{VERDICT_RULES}"""


def main(metrics: str | Path, claims: str | Path, csv: str | Path, md: str | Path) -> None:
    """Write the verdicts on the networks of the study `published`."""
    values = read_metrics(metrics)
    values = values[(values["study"] == "published") & (values["sample"] == "test")]
    rows, cells = [], []
    for claim in read_claims(claims, "lenses", LABELLED_NAMES, dataset="lenses"):
        mine = values[values["parameter"] == claim.metric].set_index("seed").sort_index()
        widths = mine[WIDTHS[claim.against]], mine[WIDTHS[claim.of]]
        measured = ratio_of_positive_means(*widths)
        found = verdict(claim, measured)
        text = claim.text({})
        numbers = (claim.published, *accepted_range(claim))
        estimate = (measured.value, measured.low, measured.high)
        rows.append((claim.claim, text, *numbers, *estimate, found))
        cells.append([text, *published_and_accepted(claim), shown(measured), f"**{found}**"])
        logger.info("%-28s %s", claim.claim, found)
    columns = ["claim", "statement", "published", "accepted_low", "accepted_high"]
    columns += ["measured", "low", "high", "verdict"]
    write_csv(pd.DataFrame(rows, columns=columns), csv)
    header = ["Claim", "Published", "Accepted", "Measured [95%]", "Verdict"]
    parts = [
        LENSES_NOTE,
        "# Published claim on lenses with uncertain labels, measured again",
        markdown_table(header, cells, "lrrrl"),
        "## What differs from the paper",
        DIFFERENCES,
        "## How it is measured and judged",
        RULES,
    ]
    write_text("\n\n".join(parts), md)


if __name__ == "__main__":
    run(main, snakemake)
