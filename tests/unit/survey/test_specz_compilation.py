"""The simulated compilation of spectroscopic redshifts: its flags say how far to trust it."""

import numpy as np
import pandas as pd
import pytest

from transferz.survey.imaging import COSMOS_BANDS
from transferz.survey.specz_compilation import BROAD_LINE, FLAG_CONFIDENCE, compilation, mistaken


@pytest.fixture(scope="module")
def sky() -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Bright objects, every tenth a quasar, the first thousand not in COSMOS2020; the spectra."""
    rng, n = np.random.default_rng(1), 40_000
    objects = pd.DataFrame(
        {
            "redshift": rng.uniform(0.1, 1.2, n),
            "ra": rng.uniform(149.5, 150.5, n),
            "dec": rng.uniform(1.7, 2.7, n),
            "kind": np.where(np.arange(n) % 10 == 0, "quasar", "blue"),
        }
    )
    flux = np.full((n, len(COSMOS_BANDS)), 10.0)  # AB 21.4
    cosmos_id = pd.Series(np.arange(1000, n) + 7, index=np.arange(1000, n))
    return objects, compilation(objects, flux, cosmos_id, seed=5)


def test_redshifts_are_wrong_as_often_as_the_confidence_in_their_flag_says(sky) -> None:
    objects, spectra = sky
    rows = spectra["Id_COS20_Classic"] - 7
    assert rows.min() >= 1000
    assert len(set(rows)) == len(rows)
    true = objects["redshift"].to_numpy()[rows]
    # Lines lie further apart than any survey's errors.
    wrong = np.abs(spectra["specz"] - true) / (1 + true) > 0.1
    flags = spectra["flag"] % BROAD_LINE
    assert set(flags) == set(FLAG_CONFIDENCE)
    for flag, confidence in FLAG_CONFIDENCE.items():
        mine = flags == flag
        share = 1 - confidence / 100
        error = np.sqrt(share * (1 - share) / mine.sum())
        assert wrong[mine].mean() == pytest.approx(share, abs=4 * error)
        assert (spectra["Confidence_level"][mine] == confidence).all()


def test_broad_lines_are_of_quasars_and_positions_are_theirs(sky) -> None:
    objects, spectra = sky
    place = objects.iloc[spectra["Id_COS20_Classic"] - 7]
    assert ((spectra["flag"] >= BROAD_LINE) == (place["kind"] == "quasar").to_numpy()).all()
    assert np.abs(spectra["ra_corrected"] - place["ra"]).max() < 0.6 / 3600


def test_a_mistaken_line_gives_another_redshift_above_zero() -> None:
    true = np.linspace(0.0, 4.0, 3000)
    wrong = mistaken(true, np.random.default_rng(2))
    assert wrong.min() > 0
    assert (np.abs(wrong - true) / (1 + true)).min() > 0.2
