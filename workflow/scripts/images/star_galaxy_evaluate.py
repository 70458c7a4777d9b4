"""Score the classifiers as published, and judge the published claims by the rule of claims.yaml.

Inputs
    predictions : star_galaxy/predictions.parquet
    claims : config/claims.yaml, section `star_galaxy`

Outputs
    metrics : star_galaxy/metrics.csv, a row per classifier, seed and bin of magnitude
    csv, md : tables/star_galaxy, the published numbers, ours, and verdicts on the claims
    verdicts : star_galaxy/claims.csv, the columns of claims.csv
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_text
from transferz.evaluation.bins import ZRange
from transferz.evaluation.claims import (
    VERDICT_RULES,
    Claim,
    Judgement,
    claims_table,
    read_claims,
    verdict,
)
from transferz.evaluation.claims_page import verdict_table
from transferz.evaluation.over_seeds import ratio_of_positive_means
from transferz.images.star_galaxy_metrics import (
    CLASSIFIERS,
    DIFFERENCES,
    METRIC_NAMES,
    PUBLISHED,
    by_magnitude,
)
from transferz.report.tables import fixed, markdown_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

SHOWN = list(METRIC_NAMES)[:6]
DATA = {"embedded": "simulated cut-outs", "files": "cut-outs of the user"}
EVERYTHING = ZRange(0.0, 10.0, closed=True)
RULES = f"""\
- Measured: the mean over seeds of the metric of the classifier compared against, over that of the
  other. Above 1 confirms the direction of the claim.
- 95% interval: Student's over seeds, of the logarithm of the ratio, paired by seed. The test
  objects are the same for all seeds, and their number is not in the interval.
{VERDICT_RULES}"""


def side_by_side(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the published rows and ours: mean and standard deviation over seeds, whole test."""
    rows = [
        (data, CLASSIFIERS[name], metric, value, float("nan"), 1)
        for (data, name), values in PUBLISHED.items()
        for metric, value in zip(SHOWN, values, strict=True)
    ]
    whole = metrics[metrics["low"] == metrics["low"].min()]
    for name, part in whole.groupby("classifier", sort=False):
        for metric in SHOWN:
            values = part[metric]
            rows.append(("ours", CLASSIFIERS[name], metric, values.mean(), values.std(), len(part)))
    return pd.DataFrame(rows, columns=["data", "classifier", "metric", "value", "spread", "seeds"])


def judge(claim: Claim, metrics: pd.DataFrame) -> Judgement:
    """Judge a claim (a reduction) on the whole test sample."""
    whole = metrics[metrics["low"] == metrics["low"].min()].set_index("seed")
    one, other = (
        whole.loc[whole["classifier"] == name, claim.metric].sort_index()
        for name in (claim.of, claim.against)
    )
    measured = ratio_of_positive_means(other, one)
    return Judgement(claim, EVERYTHING, measured, verdict(claim, measured))


def page(table: pd.DataFrame, judged: Sequence[Judgement], notes: Mapping[str, str]) -> str:
    """Return the table as Markdown, the verdicts, and what differs in the data."""
    rows = []
    for (data, name), part in table.groupby(["data", "classifier"], sort=False):
        cells = [
            fixed(value, 4) + (f" ± {fixed(spread, 4)}" if spread == spread else "")
            for value, spread in zip(part["value"], part["spread"], strict=True)
        ]
        rows.append([data, name, *("none" if cell == "nan" else cell for cell in cells)])
    header = ["Data", "Classifier", *(METRIC_NAMES[name] for name in SHOWN)]
    parts = [
        "# Stars and galaxies: published numbers and ours",
        markdown_table(header, rows, "ll" + "r" * len(SHOWN)),
        "Published: Kim & Brunner 2017, MNRAS 464, 4463. Ours: mean and standard deviation over "
        "seeds. A yes or no, such as extendedness, may have no threshold near completeness 0.96.",
        "## What differs in the data",
        "\n".join(f"- {data}: {text}" for data, text in notes.items()),
        "## Published claims",
        verdict_table(judged, [EVERYTHING], CLASSIFIERS),
        RULES,
    ]
    return "\n\n".join(parts)


def main(
    predictions: str | Path,
    claims: str | Path,
    metrics: str | Path,
    csv: str | Path,
    md: str | Path,
    verdicts: str | Path,
    *,
    settings: Mapping,
) -> None:
    """Write scores and verdicts; `settings` is the section star_galaxy."""
    values = by_magnitude(read_parquet(predictions), settings["bins"])
    write_csv(values, metrics)
    table = side_by_side(values)
    write_csv(table, csv)
    entries = read_claims(claims, "star_galaxy", METRIC_NAMES, dataset="star_galaxy")
    judged = [judge(claim, values) for claim in entries]
    write_csv(claims_table(judged, CLASSIFIERS, DATA[settings["survey"]]), verdicts)
    numbers = {
        "faint": settings["magnitude"][1],
        "train": settings["objects"]["train"],
        "stars": settings["star_share"],
        "epochs": settings["network"]["epochs"],
        "width": settings["network"]["width"],
    }
    ours = DIFFERENCES["files" if settings["survey"] == "files" else "ours"].format(**numbers)
    notes = {name: DIFFERENCES[name] for name in ("SDSS", "CFHTLenS")} | {"ours": ours}
    write_text(page(table, judged, notes), md)


if __name__ == "__main__":
    run(main, snakemake)
