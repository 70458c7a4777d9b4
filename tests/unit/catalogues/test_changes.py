"""Spectroscopic rows changed before training: what is lost, what is like the population."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.networks import change_sample
from transferz.catalogues.changes import H_ALPHA, OII, changed
from transferz.core.errors import InputError
from transferz.core.products import read_csv, write_parquet

BANDS = ["g", "r", "i"]


def galaxies(n: int, faintest: float, seed: int, truth: str = "spec_z") -> pd.DataFrame:
    """Return a split catalogue; redshift is a colour, errors grow with magnitude."""
    draw = np.random.default_rng(seed)
    redshift, magnitude = draw.uniform(0.1, 1.6, n), draw.uniform(faintest - 3, faintest, n)
    table = {"object_id": np.arange(n) + 10_000 * seed, "redshift": redshift, "truth": truth}
    for number, band in enumerate(BANDS):
        table[f"mag_{band}"] = magnitude + (1 - number) * redshift
        table[f"mag_err_{band}"] = 0.05 * 10 ** (0.4 * (table[f"mag_{band}"] - 25))
    split = np.array(["train", "train", "validation", "test"], dtype=object)[np.arange(n) % 4]
    return pd.DataFrame(table | {"split": split})


@pytest.fixture
def rows() -> pd.DataFrame:
    return galaxies(2000, 22.0, 1)


@pytest.fixture
def population() -> pd.DataFrame:
    return galaxies(2000, 24.0, 2, "photo_z")


def after(rows: pd.DataFrame, population: pd.DataFrame, change: str, **settings) -> pd.DataFrame:
    return changed(rows, change, population=population, bands=BANDS, seed=3, **settings)


def test_reweighted_rows_are_like_the_population(rows, population) -> None:
    """Where both have galaxies, 21 to 22 mag here, the density becomes that of the population."""
    found = after(rows, population, "reweight")
    assert found["split"].value_counts().to_dict() == rows["split"].value_counts().to_dict()
    assert found["mag_r"].min() > 20.5 > rows["mag_r"].min()
    assert set(found["object_id"]) <= set(rows["object_id"])


def test_augmented_copies_are_faint_and_as_noisy_as_the_population(rows, population) -> None:
    found = after(rows, population, "augment")
    pd.testing.assert_frame_equal(found.iloc[: len(rows)], rows)
    copies = found.iloc[len(rows) :]
    assert copies["mag_r"].median() == pytest.approx(population["mag_r"].median(), abs=0.1)
    # The redshift goes with the colour, which noise has not moved far.
    assert np.median(abs(copies["mag_g"] - copies["mag_r"] - copies["redshift"])) < 0.05
    errors = copies["mag_err_i"] / (0.05 * 10 ** (0.4 * (copies["mag_i"] - 25)))
    assert errors.median() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("change", "column"), [("faint", "mag_r"), ("redshift", "redshift"), ("type", "redshift")]
)
def test_a_share_is_lost(rows, population, change: str, column: str) -> None:
    found = after(rows, population, change, share=0.25)
    assert len(found) == 1500 and set(found["object_id"]) < set(rows["object_id"])
    lost = rows[~rows["object_id"].isin(found["object_id"])]
    if change == "type":  # the reddest for their redshift: redshifts stay as they were
        assert found[column].mean() == pytest.approx(rows[column].mean(), abs=0.05)
    else:
        assert lost[column].min() >= found[column].max()


def test_wrong_lines_are_at_the_other_line_wavelength(rows, population) -> None:
    found = after(rows, population, "lines", share=0.1)
    wrong = found["redshift"] != rows["redshift"]
    assert 0.07 < wrong.mean() < 0.13
    ratio = (1 + found["redshift"][wrong]) / (1 + rows["redshift"][wrong])
    both = np.isclose(ratio, OII / H_ALPHA) | np.isclose(ratio, H_ALPHA / OII)
    assert both.all() and (found["redshift"] > 0).all()


def test_surveys_are_left_out_and_must_be_there(rows, population) -> None:
    survey = np.where(rows["redshift"] > 1, "deep", "wide")
    survey_of = pd.Series(survey, index=rows["object_id"]).to_dict()
    found = after(rows, population, "surveys", surveys=["deep"], survey_of=survey_of)
    assert found["redshift"].max() <= 1 and len(found) == (rows["redshift"] <= 1).sum()
    with pytest.raises(InputError, match="nowhere"):
        after(rows, population, "surveys", surveys=["nowhere"], survey_of=survey_of)


def test_test_rows_and_photometric_rows_stay(rows, population, tmp_path: Path) -> None:
    both = pd.concat([rows, population], ignore_index=True)
    paths = [tmp_path / name for name in ("both", "source", "changed", "summary")]
    write_parquet(both, paths[0])
    write_parquet(population, paths[1])
    sample = {"change": "faint", "share": 0.5}
    change_sample.main(*paths[:2], None, *paths[2:], sample=sample, bands=BANDS, seed=1)
    found = pd.read_parquet(paths[2])
    for kept in ("truth == 'photo_z'", "split == 'test'"):
        assert set(found.query(kept)["object_id"]) == set(both.query(kept)["object_id"])
    line = read_csv(paths[3]).iloc[0]
    assert line["n_before"] == 1500 and line["n_after"] == 750 and line["share"] == 0.5
