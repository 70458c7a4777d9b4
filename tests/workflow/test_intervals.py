"""Every interval of claims.csv computed again from the predictions, by other code.

Nothing of the project is imported: numpy draws galaxies and seeds, scipy has Student's t.
`TRANSFERZ_RESULTS=results pytest tests/workflow/test_intervals.py` asks it of a finished run. With
100 seeds it takes half an hour of one core. With few seeds and galaxies the ends scatter more.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from .conftest import ROOT

GALAXY_DRAWS, SEED_DRAWS = 1000, 20
# Part of its width by which an end may differ. Both sides draw at random, and an end of either
# moves by 2 to 3% of the width from one set of draws to another. So nine of ten have to be within
# the first, all within the second. On the default run 31 of 32 lower ends were within 5%.
USUAL, MOST = 0.05, 0.2
METRICS = {
    "bias_median": lambda dz, difference: np.median(dz, axis=1),
    "rms": lambda dz, difference: np.sqrt(np.mean(dz**2, axis=1)),
    "outlier_fraction": lambda dz, difference: np.mean(np.abs(dz) > 0.15, axis=1),
    "catastrophic_fraction": lambda dz, difference: np.mean(np.abs(difference) > 1, axis=1),
}


def draw_means(z_true: np.ndarray, z_pred: np.ndarray, metric: str) -> np.ndarray:
    """Return means over drawn seeds of a metric of drawn galaxies.

    Parameters
    ----------
    z_true : numpy.ndarray, shape (galaxies,)
    z_pred : numpy.ndarray, shape (strategies, seeds, galaxies)

    Returns
    -------
    numpy.ndarray, shape (strategies, 1 + draws)
    """
    n_strategies, n_seeds, n = z_pred.shape
    differences = (z_pred - z_true).reshape(-1, n)
    random = np.random.default_rng(20241118)
    dz = differences / (1 + z_true)
    plain = METRICS[metric](dz, differences).reshape(n_strategies, n_seeds).mean(axis=1)
    stretch = np.sqrt(n_seeds / (n_seeds - 1)) * stats.t.ppf(0.975, n_seeds - 1) / 1.959964
    found = [plain[:, None]]
    for _ in range(GALAXY_DRAWS):
        rows = random.integers(0, n, n)
        of_network = METRICS[metric](dz[:, rows], differences[:, rows])
        of_network = of_network.reshape(n_strategies, n_seeds)
        drawn = of_network[:, random.integers(0, n_seeds, (SEED_DRAWS, n_seeds))].mean(axis=2)
        centre = of_network.mean(axis=1, keepdims=True)
        found.append(centre + stretch * (drawn - centre))
    return np.concatenate(found, axis=1)


def recompute(claim: dict, z_min: float, z_max: float, predictions: pd.DataFrame) -> tuple:
    """Return value, low and high of a claim in one window."""
    names = [claim["of"], *([claim["against"]] if claim["comparison"] != "below" else [])]
    rows = predictions.query("dataset == @claim['dataset'] and strategy in @names")
    wide = rows.set_index(["strategy", "seed", "object_id"])["z_pred"].unstack("object_id")  # noqa: PD010
    wide = wide.loc[names].astype(float)
    z_true = rows.drop_duplicates("object_id").set_index("object_id")["z_true"][wide.columns]
    # The edges in the precision of the redshifts: a label of 0.3 is 0.3.
    low, high = np.float32(z_min), np.float32(z_max)
    inside = (z_true > low) & (z_true <= high) if z_min else z_true >= low
    wide, z_true = wide.loc[:, inside.to_numpy()], z_true[inside].astype(float)
    z_pred = wide.to_numpy().reshape(len(names), -1, len(z_true))
    drawn = draw_means(z_true.to_numpy(), z_pred, claim["metric"])
    if claim["comparison"] == "below":
        low, high = np.percentile(drawn[0, 1:], [2.5, 97.5])
        ends = sorted((abs(low), abs(high)))
        return abs(drawn[0, 0]), 0.0 if low < 0 < high else ends[0], ends[1]
    ratio = np.abs(drawn[1]) / np.abs(drawn[0])
    if claim["comparison"] == "increase":
        ratio = 1 / ratio
    return ratio[0], *np.percentile(ratio[1:], [2.5, 97.5])


def intervals_again(results: Path) -> pd.DataFrame:
    """Return claims.csv with `value_again`, `low_again` and `high_again`."""
    content = yaml.safe_load((ROOT / "config/claims.yaml").read_text())
    claims = {claim["claim"]: claim for claim in content["claims"]}
    parts = (results / "predictions").glob("*/*.parquet")
    predictions = pd.concat([pd.read_parquet(path) for path in parts])
    predictions = predictions.astype({"strategy": str, "dataset": str})
    table = pd.read_csv(results / "claims.csv")
    again = [
        recompute(claims[row.claim], row.z_min, row.z_max, predictions)
        for row in table.itertuples()
    ]
    return table.join(pd.DataFrame(again, columns=["value_again", "low_again", "high_again"]))


@pytest.fixture
def results() -> Path:
    if "TRANSFERZ_RESULTS" not in os.environ:
        pytest.skip("needs a run of many seeds: TRANSFERZ_RESULTS=results")
    return Path(os.environ["TRANSFERZ_RESULTS"])


def test_every_interval_of_the_claims_is_found_again(results: Path) -> None:
    table = intervals_again(results)
    assert len(table)
    np.testing.assert_allclose(table["value_again"], table["measured"], rtol=1e-5)
    width = table["high"] - table["low"]
    away = pd.concat(
        [(table[f"{end}_again"] - table[end]).abs() / width for end in ("low", "high")]
    )
    print(away.round(3).tolist())
    assert (away <= USUAL).mean() >= 0.9
    assert away.max() <= MOST
