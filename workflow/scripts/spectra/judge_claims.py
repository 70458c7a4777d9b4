"""Judge the published claims on redshifts from spectra.

Inputs
    metrics : spectra/metrics.csv
    claims : config/claims.yaml, section `spectra`

Outputs
    csv : spectra/claims.csv: the columns of claims.csv; `survey` says with or without noise
    md : spectra/claims.md, the same for readers, with the numbers side by side
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
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
from transferz.evaluation.over_seeds import bootstrap, paired, ratio_of_positive_means
from transferz.report.tables import fixed, markdown_table, with_spread
from transferz.spectra.results import (
    METRIC_LABELS,
    NOTE,
    best_estimator,
    head_name,
    noise_name,
    read_metrics,
    select,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

SMALLEST = 1e-5
RULES = f"""\
- Measured: for a reduction the mean over seeds of the metric of the head compared against, over
  that of the head; for an increase the inverse. Above 1 confirms the direction of the claim.
- 95% interval of a reduction: Student's over seeds, of the logarithm of the ratio, paired by seed.
  Of an increase: central 95% of the ratio over resamplings of the seeds; of few seeds the distances
  from the mean are stretched. R2 may be negative, and such an interval then says nothing.
{VERDICT_RULES}
- Classifications are represented by the centre of their most probable class. The published numbers
  come without noise level, network or size of the training set, so that every claim is judged
  with and without noise; the S/N is a choice of this workflow."""


def values_of(
    metrics: pd.DataFrame, default: Mapping[str, object], head: str, metric: str, snr: float
) -> pd.Series:
    """Return a metric of a head by seed."""
    rows = select(metrics, default, head, snr=snr, estimator=best_estimator(head))
    return rows.set_index("seed")[metric].sort_index()


def signed_ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Return top / bottom; a bottom below 0.00001 counts as that, so that the sign is the top's.

    R2 may be negative where a network is worse than a constant: larger than that is an increase,
    and a negative R2 is none.
    """
    return top / np.maximum(bottom, SMALLEST)


def judge(
    claims: Sequence[Claim],
    metrics: pd.DataFrame,
    default: Mapping[str, object],
    snr: float,
    window: ZRange,
) -> list[Judgement]:
    """Judge every claim at one S/N; claims about heads that were not trained are left out."""
    judged = []
    for claim in claims:
        one = values_of(metrics, default, claim.of, claim.metric, snr)
        other = values_of(metrics, default, claim.against, claim.metric, snr)
        if one.empty or other.empty:
            continue
        if claim.comparison == "increase":
            measured = bootstrap(signed_ratio, *paired(one, other))
        else:
            measured = ratio_of_positive_means(other, one)
        judged.append(Judgement(claim, window, measured, verdict(claim, measured)))
    return judged


def side_by_side(
    metrics: pd.DataFrame,
    default: Mapping[str, object],
    published: Mapping[str, Mapping[str, float]],
    levels: Sequence[float],
) -> str:
    """Return published and measured numbers as a Markdown table."""
    rows = []
    for head, numbers in published.items():
        for metric, value in numbers.items():
            cells = [head_name(head), METRIC_LABELS[metric], fixed(value, 5)]
            for snr in levels:
                found = values_of(metrics, default, head, metric, snr)
                cells.append(with_spread(found.mean(), found.std()) if len(found) else "")
            rows.append(cells)
    header = ["Head", "Metric", "Published", *map(noise_name, levels)]
    return markdown_table(header, rows, "ll" + "r" * (1 + len(levels)))


def main(
    metrics: str | Path,
    claims: str | Path,
    csv: str | Path,
    md: str | Path,
    *,
    default: Mapping[str, object],
    published: Mapping[str, Mapping[str, float]],
    levels: Sequence[float],
    z_range: Sequence[float],
) -> None:
    """Write the verdicts on every claim at each S/N of `levels`; `z_range` is the networks'."""
    values = read_metrics(metrics)
    entries = read_claims(claims, "spectra", METRIC_LABELS, dataset="spectra")
    parts = [NOTE, "# Published claims on redshifts from spectra, measured again"]
    tables, window = [], ZRange(*z_range, closed=True)
    for snr in sorted(levels):
        judged = judge(entries, values, default, snr, window)
        tables.append(claims_table(judged, {}, f"simulated spectra, {noise_name(snr)}"))
        parts += [f"## Simulated spectra, {noise_name(snr)}", verdict_table(judged, [window], {})]
        for entry in judged:
            logger.info("%-28s %-14s %s", entry.claim.claim, noise_name(snr), entry.verdict)
    write_csv(pd.concat(tables, ignore_index=True), csv)
    parts += ["## Numbers side by side", side_by_side(values, default, published, levels)]
    parts += ["## How it is measured and judged", RULES]
    write_text("\n\n".join(parts), md)


if __name__ == "__main__":
    run(main, snakemake)
