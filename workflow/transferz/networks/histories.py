"""Histories of training: losses of every epoch, and which networks the limit of epochs stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from transferz.core.errors import InputError
from transferz.core.products import read_csv

COLUMNS = ["seed", "epoch", "loss", "val_loss"]


def read_histories(paths: Sequence[str | Path], strategies: Sequence[str]) -> pd.DataFrame:
    """Return all curves with a column ``best`` that marks the epoch whose weights are kept.

    Parameters
    ----------
    paths : sequence of path-like
        models/{strategy}/seeds-{first}-{last}.history.csv
    strategies : sequence of str

    Raises
    ------
    InputError
        If a file lacks a column, or a strategy has no curve.
    """
    parts = []
    for path in map(Path, sorted(map(str, paths))):
        table = read_csv(path, COLUMNS, what="history of training", rule="train")
        parts.append(table[COLUMNS].assign(strategy=path.parent.name))
    curves = pd.concat(parts, ignore_index=True)
    for name in strategies:
        if not (curves["strategy"] == name).any():
            raise InputError("no history of training", key=name, fix="run the rule train")
    curves = curves.sort_values(["strategy", "seed", "epoch"], ignore_index=True)
    kept = curves.groupby(["strategy", "seed"])["val_loss"].idxmin()
    curves["best"] = curves.index.isin(kept)
    return curves[["strategy", *COLUMNS, "best"]]


def shares_at_limit(curves: pd.DataFrame, max_epochs: Mapping[str, int]) -> dict[str, float]:
    """Return the share of each strategy's networks that the limit of epochs ended.

    Parameters
    ----------
    curves : pandas.DataFrame
        Of `read_histories`.
    max_epochs : mapping
        Strategy to its limit.
    """
    last = curves.groupby(["strategy", "seed"])["epoch"].max()
    return {name: float((last[name] >= limit).mean()) for name, limit in max_epochs.items()}


def limit_note(
    curves: pd.DataFrame, max_epochs: Mapping[str, int], labels: Mapping[str, str]
) -> str:
    """Return a sentence on the networks that the limit of epochs ended."""
    shares = shares_at_limit(curves, max_epochs)
    limits = set(max_epochs.values())
    told = ", ".join(
        f"{share:.0%} of {labels.get(name, name)}"
        + (f" (after {max_epochs[name]})" if len(limits) > 1 else "")
        for name, share in shares.items()
    )
    after = f" after {limits.pop()} epochs" if len(limits) == 1 else ""
    return f"Networks that ended at max_epochs{after}, their loss perhaps still falling: {told}."
