"""Quality of match and labels: purity and completeness against a sky whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from transferz.catalogues.match_quality import quantiles_in_bins, separations, stack


def sky(n: int, rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame({"ra": rng.uniform(150, 150.2, n), "dec": rng.uniform(2, 2.2, n)})


def moved(table: pd.DataFrame, arcsec: float, rng: np.random.Generator) -> pd.DataFrame:
    return table + rng.normal(0, arcsec / 3600, table.shape)


def test_purity_and_completeness_are_those_of_the_simulation() -> None:
    rng = np.random.default_rng(3)
    common, alone = sky(9000, rng), sky(6000, rng)
    # 6000 of the second catalogue have no counterpart in the first, nor 6000 of the first.
    first = pd.concat([common, alone])
    second = pd.concat([moved(common, 0.3, rng), sky(6000, rng)])
    table = separations(first, second, radius=1.0)
    assert len(table) == 60
    assert table["high"].iloc[-1] == pytest.approx(3)
    at = table.iloc[19]
    assert at["high"] == pytest.approx(1)
    # Rayleigh distribution of separations: 1 - exp(-r^2 / (2 sigma^2)); chance takes a few.
    assert at["completeness"] == pytest.approx(1 - np.exp(-1 / (2 * 0.09)), abs=0.02)
    by_chance = table["n_chance"].iloc[:20].sum()
    assert by_chance > 200
    free = by_chance * (6 / 15) ** 2
    assert at["purity"] == pytest.approx(1 - free / table["n_matched"].iloc[:20].sum(), abs=0.004)
    assert (table["purity"].diff().iloc[20:] < 1e-3).all()


def test_unrelated_catalogues_have_no_true_match() -> None:
    rng = np.random.default_rng(5)
    table = separations(sky(8000, rng), sky(8000, rng), radius=1.0)
    true = (table["purity"] * table["n_matched"].cumsum()).iloc[-1]
    assert abs(true) < 5 * np.sqrt(table["n_matched"].sum())


def test_sky_outside_the_other_catalogue_counts_for_neither() -> None:
    rng = np.random.default_rng(7)
    first = sky(4000, rng)
    second = moved(first[first["ra"] < 150.1], 0.05, rng)
    table = separations(first, second, radius=1.0)
    assert table["n_matched"].sum() == pytest.approx(len(second), rel=0.01)
    assert table["purity"].iloc[19] > 0.999


def test_quantiles_in_bins() -> None:
    x = pd.Series([20.1] * 100 + [21.2] * 5 + [np.nan, 20.2])
    y = pd.Series([*np.arange(100.0), *np.arange(5.0), 1.0, np.nan])
    table = quantiles_in_bins(x, y, step=0.5)
    assert table.to_dict("records") == [
        {"low": 20.0, "high": 20.5, "n": 100, "p16": 15.84, "p50": 49.5, "p84": 83.16}
    ]
    both = stack({"one": table, "two": table}, "sample")
    assert list(both.columns[:2]) == ["sample", "low"]
    assert both["sample"].tolist() == ["one", "two"]
