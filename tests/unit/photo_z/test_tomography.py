"""n(z) in bins of photometric redshift: the numbers, the draws, the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import qp
from tests.small_run import galaxies, small_run

from transferz import api
from transferz.core.errors import InputError
from transferz.evaluation.requirements import verdict
from transferz.photo_z.catalogue import PDF_EDGES
from transferz.photo_z.tomography import (
    METHODS,
    Redshifts,
    Tomography,
    bin_edges,
    write_tomography,
)

OPTIONS = {
    "point": "z_median",
    "edges": "equal_counts",
    "number": 3,
    "z_range": (0.3, 1.5),
    "neighbours": 10,
    "bootstrap": 40,
    "seed": 0,
}


@pytest.fixture(name="photo_z", scope="module")
def fixture_photo_z(tmp_path_factory: pytest.TempPathFactory) -> api.PhotoZ:
    return api.load(small_run(tmp_path_factory.mktemp("results")), "NN-Combo")


def test_edges_of_bins():
    z = np.arange(101) / 100.0
    np.testing.assert_allclose(bin_edges(z, "equal_counts", 4, (0, 9)), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(bin_edges(z, "equal_widths", 3, (0.3, 1.5)), [0.3, 0.7, 1.1, 1.5])
    assert bin_edges(z, [0.1, 0.9], 5, (0, 9)).tolist() == [0.1, 0.9]


def test_moments_are_those_of_the_redshifts():
    z = np.random.default_rng(1).uniform(0.2, 1.4, 500)
    ones = np.ones((1, 500), np.float32)
    known = Redshifts.from_values(z).averaged(ones)
    assert known.mean[0] == pytest.approx(z.mean(), abs=1e-6)
    assert known.width[0] == pytest.approx(z.std(), abs=1e-6)
    counts = np.histogram(z, PDF_EDGES)[0]
    np.testing.assert_allclose(known.shares[0], counts / 500, atol=1e-6)
    # Distributions: two flat classes, 0 to 0.02 and 1 to 1.02.
    shares = np.zeros((2, len(PDF_EDGES) - 1), np.float32)
    shares[0, 0] = shares[1, 50] = 1.0
    stacked = Redshifts.from_shares(shares).averaged(np.array([[3.0, 1.0]]))
    assert stacked.mean[0] == pytest.approx(0.75 * 0.01 + 0.25 * 1.01)


def test_a_shifted_stack_has_the_shifted_mean():
    shares = np.zeros((1, len(PDF_EDGES) - 1), np.float32)
    shares[0, 50:60] = 0.1
    moved = Redshifts.from_shares(shares).averaged(np.ones((1, 1))).shifted(np.array([0.1]))
    assert moved.mean[0] == pytest.approx(1.2)
    np.testing.assert_allclose(moved.shares[0, 55:65], 0.1, atol=1e-6)
    assert moved.shares.sum() == pytest.approx(1.0)


def test_a_test_set_like_the_calibration_sample_has_its_mean(photo_z):
    table = galaxies(3000, 11)
    judges = {"label": table["redshift"].to_numpy()}
    found, stacks = Tomography(**OPTIONS).measure(photo_z, table, judges)
    assert found["method"].tolist() == list(METHODS) * 3
    assert found["n"].unique().tolist() == [1000]
    # Distributions of untrained networks are not calibrated bin by bin: a stack alone is biased.
    calibrated = found[found["method"] != "stacked"]
    assert (calibrated["bias"].abs() < 4 * calibrated["bias_error"]).all()
    for row in found.itertuples():
        assert stacks[row.bin, row.method].shares[0].sum() == pytest.approx(1, abs=1e-4)
    edges = found.groupby("bin")["z_high"].first()[:2]
    place = np.searchsorted(edges, photo_z.predict(table)["z_median"].to_numpy(float), "right")
    means = [table["redshift"][place == number].mean() for number in range(3)]
    np.testing.assert_allclose(found.groupby("bin")["mean_true"].first(), means, atol=1e-5)
    again, _ = Tomography(**OPTIONS).measure(photo_z, table, judges)
    pd.testing.assert_frame_equal(found, again)


def test_reweighting_moves_the_mean_towards_another_population(photo_z):
    """Galaxies of high redshift only, in one bin: the calibration sample has all redshifts."""
    table = galaxies(6000, 12)
    table = table[table["redshift"] > 1.0].reset_index(drop=True)
    judges = {"label": table["redshift"].to_numpy()}
    options = OPTIONS | {"edges": [0.0, 6.0]}
    found, _ = Tomography(**options).measure(photo_z, table, judges)
    bias = found.set_index("method")["bias"]
    assert bias["direct"] < -0.15
    assert abs(bias["direct, reweighted"]) < 0.2 * abs(bias["direct"])
    assert abs(bias["shifted, reweighted"]) < 0.2 * abs(bias["direct"])
    assert found["n_effective"].max() < 0.7 * found["n_calibration"].max()


def test_weights_of_a_handful_are_told(photo_z, caplog: pytest.LogCaptureFixture):
    """Five galaxies of one place in colour and magnitude, in one bin with all that calibrate."""
    table = pd.concat([galaxies(600, 15).iloc[:1]] * 5, ignore_index=True)
    options = OPTIONS | {"edges": [0.0, 6.0]}
    found, _ = Tomography(**options).measure(photo_z, table, {})
    count = found["n_effective"].iloc[0]
    assert count < 100
    (record,) = (each for each in caplog.records if "count as" in each.getMessage())
    assert f"count as {count:.0f};" in record.getMessage()
    caplog.clear()
    Tomography(**options).measure(photo_z, galaxies(3000, 11), {})
    assert not caplog.records


def test_galaxies_without_a_band_are_in_no_bin_and_an_empty_bin_is_named(photo_z):
    table = galaxies(600, 13)
    table.loc[:99, ["mag_g", "mag_r", "mag_i"]] = np.nan
    found, _ = Tomography(**OPTIONS).measure(photo_z, table, {})
    assert found.groupby("bin")["n"].first().sum() == 500
    assert "bias" not in found
    with pytest.raises(InputError, match=r"tomography\.edges.*bin 2, 4\.5 to 5"):
        Tomography(**OPTIONS | {"edges": [0, 4.5, 5]}).measure(photo_z, table, {})


def test_verdicts_need_two_standard_errors():
    assert verdict(0.0005, 0.0001, 0.001) == "met"
    assert verdict(-0.002, 0.0001, 0.001) == "missed"
    assert verdict(0.0005, 0.01, 0.001) == "undecided"


def test_the_file_is_an_ensemble_of_qp(photo_z, tmp_path: Path):
    measured = {"mine": Tomography(**OPTIONS).measure(photo_z, galaxies(600, 14), {})}
    write_tomography(measured, tmp_path / "bins.csv", tmp_path / "nz.hdf5")
    table, ensemble = pd.read_csv(tmp_path / "bins.csv"), qp.read(str(tmp_path / "nz.hdf5"))
    names = [name.decode() for name in ensemble.ancil["name"]]
    assert sorted(names) == sorted(
        f"mine, bin {row.bin}, {row.method}" for row in table.itertuples()
    )
    means = dict(zip(names, ensemble.mean().ravel(), strict=True))
    for row in table[table["method"] == "stacked"].itertuples():
        assert means[f"mine, bin {row.bin}, stacked"] == pytest.approx(row.mean, abs=1e-4)
