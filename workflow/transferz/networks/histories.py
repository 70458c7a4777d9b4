"""Histories of training: losses of every epoch, and which networks ended with a falling one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.products import read_csv

COLUMNS = ["seed", "epoch", "loss", "val_loss"]
# A loss still falls if its best epoch is in this last part of the limit of epochs, and it falls
# there by more than this part of itself. A constant rate makes it jump by a tenth from epoch to
# epoch; a rate near nothing leaves 0.1%.
LAST_EPOCHS = 0.03
FALL = 0.01


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


def shares_falling(curves: pd.DataFrame, max_epochs: Mapping[str, int]) -> dict[str, float]:
    """Return the share of each strategy's networks whose validation loss still fell at the end.

    The slope is that of a straight line through the last `LAST_EPOCHS` of the limit of epochs,
    three at least.

    Parameters
    ----------
    curves : pandas.DataFrame
        Of `read_histories`.
    max_epochs : mapping
        Strategy to its limit.
    """
    shares = {}
    for name, limit in max_epochs.items():
        last, falling = max(1, round(LAST_EPOCHS * limit)), []
        for _, curve in curves[curves["strategy"] == name].groupby("seed"):
            best = curve.loc[curve["best"], "epoch"].iloc[0]
            end = curve[["epoch", "val_loss"]].to_numpy()[-max(3, last) :]
            slope = np.polyfit(*end.T, 1)[0] if len(end) > 1 else 0.0
            falling.append(best > limit - last and slope * last < -FALL * end[-1, 1])
        shares[name] = float(np.mean(falling))
    return shares


def falling_note(
    curves: pd.DataFrame, max_epochs: Mapping[str, int], labels: Mapping[str, str]
) -> str:
    """Return sentences on the networks whose validation loss still fell at the end."""
    shares = shares_falling(curves, max_epochs)
    told = ", ".join(f"{share:.0%} of {labels.get(name, name)}" for name, share in shares.items())
    return (
        f"Networks whose validation loss still fell when training ended: {told} (their best epoch "
        f"is among the last {LAST_EPOCHS:.0%} of max_epochs, and there the loss falls by more than "
        f"{FALL:.0%})."
    )
