"""Judge every published claim on this run.

Inputs
    per_seed : metrics/per_seed.csv
    claims : config/claims.yaml
    histories : models/{strategy}/seeds-{first}-{last}.history.csv, all strategies and chunks

Outputs
    csv : claims.csv: claim, statement, published, measured, low, high, verdict, survey
    md : claims.md, the same for readers, with the rules of the verdicts; its first line says
        whether these are the real catalogues
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.claims import claims_page, claims_table, judge, read_claims
from transferz.evaluation.over_seeds import read_per_seed
from transferz.networks.histories import limit_note, read_histories

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    per_seed: str | Path,
    claims: str | Path,
    histories: Sequence[str | Path],
    csv: str | Path,
    md: str | Path,
    *,
    strategies: Sequence[str],
    max_epochs: Mapping[str, int],
    z_range: Sequence[float],
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the verdicts.

    Parameters
    ----------
    strategies : sequence of str
        Of this run; claims about others are listed as not judged.
    max_epochs : mapping
        Strategy to its limit of epochs.
    z_range : pair of float
        Range of redshift of claims that give none.
    """
    metrics = read_per_seed(per_seed)
    judged, not_judged = judge(read_claims(claims), metrics, strategies=strategies, z_range=z_range)
    write_csv(claims_table(judged, labels, survey), csv)
    page = claims_page(
        judged,
        not_judged,
        labels,
        survey,
        z_range=z_range,
        n_seeds=metrics["seed"].nunique(),
        training=limit_note(read_histories(histories, strategies), max_epochs, labels),
    )
    write_text(page, md)
    for entry in judged:
        logger.info("%-28s %s", entry.claim.claim, entry.verdict)
    for claim in not_judged:
        logger.info("%-28s not judged: the run lacks a strategy", claim.claim)


if __name__ == "__main__":
    run(main, snakemake)
