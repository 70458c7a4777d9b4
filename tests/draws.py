"""Draws of the means over seeds, made from metrics alone: as if all galaxies gave the same.

And histories of training, made from validation losses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.evaluation.metrics import METRICS
from transferz.evaluation.resampling import GROUP, MAGNITUDE, SIGNED, over_both


def drawn(per_seed: pd.DataFrame, judges: tuple[str, ...] = ("label",)) -> pd.DataFrame:
    """Return metrics/resampled.parquet for a table of metrics of every network."""
    parts = []
    for (strategy, dataset, z_min, z_max), rows in per_seed.groupby(
        ["strategy", "dataset", "z_min", "z_max"]
    ):
        values = rows.sort_values("seed")[list(METRICS)].assign(
            **{MAGNITUDE.format(name): rows[name].abs() for name in SIGNED}
        )
        means = over_both(np.repeat(values.to_numpy(float)[:, None], 401, axis=1))
        for judge_by in judges:
            head = dict(zip(GROUP, (strategy, dataset, judge_by, z_min, z_max), strict=True))
            parts.append(pd.DataFrame(means, columns=list(values)).assign(**head))
    return pd.concat(parts, ignore_index=True)


def write_histories(
    folder: Path, losses: Mapping[str, Sequence[Sequence[float]]], chunk: str = "000-003"
) -> list[Path]:
    """Write a history of training for each strategy, from the validation losses of its seeds."""
    paths = []
    for strategy, curves in losses.items():
        rows = [
            (seed, epoch, loss, loss)
            for seed, curve in enumerate(curves)
            for epoch, loss in enumerate(curve, 1)
        ]
        paths.append(folder / strategy / f"seeds-{chunk}.history.csv")
        paths[-1].parent.mkdir(exist_ok=True)
        table = pd.DataFrame(rows, columns=["seed", "epoch", "loss", "val_loss"])
        table.to_csv(paths[-1], index=False)
    return paths
