"""Split both data sets, and the two combined, without a leak between them.

Inputs
    source, target : catalogue tables

Outputs
    source_split, target_split : the same with a column `split` (train, validation, test)
    combo_split : both; a shared object once, as in the target
    summary : CSV, the counts
    overlap : CSV, what is in both data sets: pairs, separations, level of chance, identifiers
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.catalogues.identity import overlap as overlap_table
from transferz.catalogues.identity import same_objects
from transferz.catalogues.splits import (
    SPLITS,
    check_complete,
    check_fractions,
    combine,
    leaks,
    make_consistent,
    split_catalogue,
)
from transferz.catalogues.units import with_asinh_magnitudes
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_parquet

if TYPE_CHECKING:
    from snakemake.script import snakemake


def count_table(
    samples: Mapping[str, pd.DataFrame], shared: np.ndarray, n_dropped: int
) -> pd.DataFrame:
    """Return the number of objects by sample, data set and split.

    Rows of sample ``shared`` count objects of the source that are in the target too, rows of
    sample ``dropped`` those that fit no split.
    """
    rows = []
    for sample, table in samples.items():
        datasets = table["dataset"] if "dataset" in table else pd.Series(sample, index=table.index)
        for dataset in sorted(datasets.unique()):
            counts = table.loc[datasets == dataset, "split"].value_counts()
            rows += [(sample, dataset, split, int(counts.get(split, 0))) for split in SPLITS]
    counts = samples["source"].loc[shared, "split"].value_counts()
    rows += [("shared", "source", split, int(counts.get(split, 0))) for split in SPLITS]
    rows.append(("dropped", "source", "none", n_dropped))
    return pd.DataFrame(rows, columns=["sample", "dataset", "split", "n"])


def read_and_split(
    path: str,
    role: str,
    *,
    method: Mapping[str, str],
    softening: Mapping[str, float],
    **settings: object,
) -> pd.DataFrame:
    """Return a catalogue table with its split, and asinh magnitudes of bands with a softening."""
    table = with_asinh_magnitudes(read_parquet(path), softening)
    return split_catalogue(table, role, method=method[role], **settings)


def main(
    source: str,
    target: str | None,
    source_split: str,
    target_split: str | None,
    combo_split: str | None,
    summary: str,
    overlap: str | None,
    *,
    bands: Sequence[str],
    method: Mapping[str, str],
    fractions: Mapping[str, float],
    seed: int,
    block: float,
    identity: Mapping,
    softening: Mapping[str, float] = MappingProxyType({}),
    magnitude: str = "mag",
) -> None:
    """Write the split tables and their counts.

    Parameters
    ----------
    source, target, source_split, target_split, combo_split, summary, overlap : path
        See the head of this file; those that need a target are None in a run of one catalogue.
    bands : sequence of str
    method, fractions, seed, block, identity
        Section ``splits`` of the configuration.
    softening, magnitude
        See `transferz.catalogues.units.with_asinh_magnitudes`; what every row must have in every
        band, "mag" or "asinh".
    """
    check_fractions(fractions)
    settings = {"fractions": fractions, "seed": seed, "block": block}
    settings |= {"method": method, "softening": softening}
    sources = read_and_split(source, "source", **settings)
    if target is None:
        check_complete(sources, bands, "source", magnitude)
        write_parquet(sources, source_split)
        write_csv(count_table({"source": sources}, np.zeros(len(sources), bool), 0), summary)
        return
    targets = read_and_split(target, "target", **settings)
    n_given = len(sources)
    pairs = same_objects(sources, targets, **identity)
    common = overlap_table(sources, targets, pairs, **identity, bands=bands)
    sources, shared, n_dropped = make_consistent(sources, targets, pairs)
    combo = combine(sources, targets, shared)
    for dataset, table in (("source", sources), ("target", targets), ("combo", combo)):
        check_complete(table, bands, dataset, magnitude)
    n_combo = n_given - n_dropped - int(shared.sum()) + len(targets)
    if len(sources) + n_dropped != n_given or len(combo) != n_combo:
        raise RuntimeError(f"{n_given} objects went in, {len(sources)} + {n_dropped} came out")
    if leaks(sources, targets, same_objects(sources, targets, **identity)):
        raise RuntimeError("an object is trained on in one data set and tested on in the other")
    write_parquet(sources, source_split)
    write_parquet(targets, target_split)
    write_parquet(combo, combo_split)
    samples = {"source": sources, "target": targets, "combo": combo}
    write_csv(count_table(samples, shared, n_dropped), summary)
    write_csv(common, overlap)


if __name__ == "__main__":
    run(main, snakemake)
