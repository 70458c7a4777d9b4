"""Judge every published claim on this run, in the headline range and over all redshifts.

Inputs
    per_seed : metrics/per_seed.csv
    resampled : metrics/resampled.parquet
    claims : config/claims.yaml
    histories : models/{strategy}/seeds-{first}-{last}.history.csv, all strategies and chunks

Outputs
    csv : claims.csv, a row per claim and window: claim, statement, z_min, z_max, published,
        accepted_low, accepted_high, measured, low, high, verdict, survey
    md : claims.md, the same for readers, with other readings of the same words and the rules of
        the verdicts; its first line says whether these are the real catalogues
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.evaluation.bins import Ranges
from transferz.evaluation.claims import claims_table, judge, read_claims, window_name
from transferz.evaluation.claims_page import claims_page
from transferz.evaluation.over_seeds import read_per_seed
from transferz.evaluation.resampling import Draws
from transferz.networks.histories import falling_note, read_histories

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def main(
    per_seed: str | Path,
    resampled: str | Path,
    claims: str | Path,
    histories: Sequence[str | Path],
    csv: str | Path,
    md: str | Path,
    *,
    strategies: Sequence[str],
    max_epochs: Mapping[str, int],
    ranges: Mapping[str, object],
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
    ranges : mapping
        Arguments of `transferz.evaluation.bins.Ranges`.
    """
    metrics, windows = read_per_seed(per_seed), Ranges(**ranges).windows
    judged, not_judged = judge(
        read_claims(claims), metrics, Draws(resampled), strategies=strategies, windows=windows
    )
    write_csv(claims_table(judged, labels, survey), csv)
    page = claims_page(
        judged,
        not_judged,
        metrics,
        labels,
        survey,
        windows=windows,
        training=falling_note(read_histories(histories, strategies), max_epochs, labels),
    )
    write_text(page, md)
    for entry in judged:
        name = window_name(entry.window)
        logger.info("%-28s %-16s %s", entry.claim.claim, name, entry.verdict)
    for claim in not_judged:
        logger.info("%-28s not judged: the run lacks a strategy", claim.claim)


if __name__ == "__main__":
    run(main, snakemake)
