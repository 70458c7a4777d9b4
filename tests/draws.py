"""Draws of the means over seeds, made from metrics alone: as if all galaxies gave the same."""

from __future__ import annotations

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
