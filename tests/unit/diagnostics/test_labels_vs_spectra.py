"""Labels held against spectra: who is compared, and what the numbers mean."""

import numpy as np
import pandas as pd
import pytest

from scripts.diagnostics.plot_labels_vs_spectra import measure, tabulate, with_spectra

OPTIONS = {
    "cuts": {
        "off": None,
        "single peak": {"column": "lp_zp_2", "is_null": True},
        "bright": {"column": "mag_i", "below": 24},
    },
    **{"bands": ["i"], "band": "i", "secure": [3, 4], "least": 10},
    "widths": {"magnitude": 1.0, "redshift": 0.5},
}


@pytest.fixture
def galaxies() -> pd.DataFrame:
    """A hundred galaxies at z = 1 with labels 0.02 too high, the last ten 0.8 too high."""
    n = 100
    label = np.where(np.arange(n) < 90, 1.02, 1.8)
    return pd.DataFrame(
        {
            "z_spec": 1.0,
            "quality": np.where(np.arange(n) % 4 == 0, 1, 4),
            "confidence": np.where(np.arange(n) % 4 == 0, 50, 97),
            "lp_zPDF": label,
            # The intervals of the first forty reach the truth.
            "lp_zPDF_l68": np.where(np.arange(n) < 40, 0.99, label - 0.01),
            "lp_zPDF_u68": label + 0.03,
            # Eight of the ten outliers have a second peak.
            "lp_zp_2": np.where(np.arange(n) >= 92, 0.3, np.nan),
            "mag_i": np.where(np.arange(n) < 50, 22.5, 23.5),
        }
    )


def test_metrics_are_those_of_the_labels_and_coverage_of_their_intervals(galaxies) -> None:
    found = measure(galaxies)
    assert found["n"] == 100
    assert found["bias_median"] == pytest.approx(0.01)
    assert found["outlier_fraction"] == pytest.approx(0.1)
    assert found["coverage_68"] == pytest.approx(0.4)
    assert found["wrong_spectra"] == pytest.approx(0.25 * 0.5 + 0.75 * 0.03)


def test_each_cut_is_told_by_what_it_leaves_and_what_it_removes(galaxies) -> None:
    table = tabulate(galaxies, **OPTIONS)
    cuts = table[table["of"] == "cut"].set_index("sample")
    # Of 75 secure spectra: rows 93, 94, 95, 97, 98, 99 have a second peak, 90 and 91 have none.
    assert list(cuts.index) == ["before the cuts", "single peak", "bright"]
    assert cuts["n"].tolist() == [75, 69, 69]
    assert cuts["outlier_fraction"].tolist() == pytest.approx([8 / 75, 2 / 69, 2 / 69])
    assert cuts["n_removed"].tolist()[1:] == [6, 0]
    assert cuts.loc["single peak", "removed_outlier_fraction"] == 1.0
    assert np.isnan(cuts.loc["bright", "removed_outlier_fraction"])
    whole = table.iloc[0]
    assert (whole["of"], whole["n"], whole["outlier_fraction"]) == ("all", 69, 2 / 69)


def test_bins_hold_secure_spectra_and_flags_all(galaxies) -> None:
    table = tabulate(galaxies, **OPTIONS)
    assert table.loc[table["of"] == "magnitude", "n"].tolist() == [37, 32]
    assert table.loc[table["of"] == "redshift", ["low", "high", "n"]].to_numpy().tolist() == [
        [1.0, 1.5, 69]
    ]
    flags = table[table["of"] == "quality flag"].set_index("sample")["n"]
    assert flags.to_dict() == {"1": 23, "4": 69}


def test_pairs_are_each_others_nearest_within_the_radius() -> None:
    step = 1 / 3600
    matched = pd.DataFrame(
        {"ra_cosmos": 150 + np.array([0, 10, 20, 30]) * step, "dec_cosmos": 0.0}
    ).assign(lp_zPDF=[0.5, 0.6, np.nan, 0.8])
    spectra = pd.DataFrame(
        {
            # Two for the first galaxy, one too far from the second, one of a star.
            "ra": 150 + np.array([0.3, 0.6, 11.5, 20, 30]) * step,
            "dec": 0.0,
            "redshift": [0.51, 0.9, 0.6, 0.7, -9.0],
            "quality": [4, 4, 3, 4, 4],
            "confidence": 97,
        }
    )
    found = with_spectra(matched, spectra, 1.0)
    assert found[["lp_zPDF", "z_spec", "quality"]].to_numpy().tolist() == [[0.5, 0.51, 4]]
