"""Score the networks of every study of lenses by the same code.

Inputs
    lenses : lenses/lenses.parquet
    studies : lenses/studies/*.npz

Outputs
    metrics : lenses/metrics.csv, a row per study, seed, sample and parameter; the sample `test` is
        the test of the study, `unseen` are lenses that it left out
    md : tables/lenses.md, means over seeds
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_text
from transferz.images.lens_labels import LABELLED, bin_edges, copies_of, label_distributions
from transferz.images.lens_results import (
    LABELLED_NAMES,
    LENSES_NOTE,
    SCORE_NAMES,
    TYPICAL_BINS,
    loss_values,
    scores_of,
)
from transferz.report.tables import fixed, markdown_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)


def scored(
    study: str, path: str | Path, copies: pd.DataFrame, limits: Mapping[str, tuple]
) -> Iterator[dict[str, object]]:
    """Yield a row of the table for each seed, sample and parameter of a study."""
    with np.load(path, allow_pickle=False) as arrays:
        rows, unseen, probability = (arrays[name] for name in ("rows", "unseen", "probability"))
    edges = bin_edges(limits)
    for sample, used in (("test", ~unseen), ("unseen", unseen)):
        if not used.any():
            continue
        mine = copies.iloc[rows[used]]
        counts = {"n_lenses": mine["lens"].nunique(), "n_copies": len(mine)}
        for place, name in enumerate(LABELLED):
            labels, truth = label_distributions(mine, name), mine[name].to_numpy()
            for seed, each in enumerate(probability):
                key = {"study": study, "seed": seed, "sample": sample, "parameter": name}
                yield key | counts | scores_of(each[used, place], labels, edges[name], truth)


def losses_text(losses: Mapping[str, Mapping[str, float]]) -> str:
    """Return a Markdown table of what each loss says of some answers."""
    values = loss_values(losses)
    rows = [
        [name, *(fixed(value, 3) for value in row)]
        for name, row in zip(values.index, values.to_numpy(), strict=True)
    ]
    title = f"Loss of an answer to a label of {TYPICAL_BINS} bins"
    return markdown_table([title, *values.columns], rows, "l" + "r" * len(values.columns))


def table_text(metrics: pd.DataFrame, studies: Sequence[str]) -> str:
    """Return a Markdown table for each parameter, a column per study and sample."""
    parts = [f"{LENSES_NOTE} Means over the seeds of each study."]
    for name in LABELLED:
        mine = metrics[metrics["parameter"] == name]
        means = mine.groupby(["study", "sample"])[[*SCORE_NAMES, "n_lenses"]].mean()
        columns = [(study, sample) for study in studies for sample in ("test", "unseen")]
        columns = [key for key in columns if key in means.index]
        rows = [
            [text, *(fixed(means.loc[key, metric], 3) for key in columns)]
            for metric, text in SCORE_NAMES.items()
        ]
        rows.append(["Lenses", *(fixed(means.loc[key, "n_lenses"], 0) for key in columns)])
        header = [LABELLED_NAMES[name], *(f"{study}, {sample}" for study, sample in columns)]
        parts.append(markdown_table(header, rows, "l" + "r" * len(columns)))
    return "\n\n".join(parts)


def main(
    lenses: str | Path,
    studies: Sequence[str | Path],
    metrics: str | Path,
    md: str | Path,
    *,
    names: Sequence[str],
    losses: Mapping[str, Mapping[str, float]],
    copies: Mapping[str, object],
    seed: int,
) -> None:
    """Write the scores of the studies called `names`; the other settings as in training."""
    table = copies_of(
        read_parquet(lenses), len(copies["masks"]), copies["rotations"], copies["limits"], seed
    )
    found = [
        row
        for name, path in zip(names, studies, strict=True)
        for row in scored(name, path, table, copies["limits"])
    ]
    values = pd.DataFrame(found)
    write_csv(values, metrics)
    write_text(f"{table_text(values, names)}\n\n{losses_text(losses)}", md)
    logger.info("%d studies, %d rows", len(names), len(values))


if __name__ == "__main__":
    run(main, snakemake)
