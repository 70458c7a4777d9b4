from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.spectra import read, simulate
from transferz.core.errors import InputError
from transferz.spectra.galaxies import draw_emitters, draw_galaxies, halpha_luminosity
from transferz.spectra.studies import read_spectra

SIMULATION = {
    "seed": 1, "seds": 60, "validation": 10, "test": 12, "redshifts_per_sed": 2,
    "z_range": [1.0, 1.8], "z_below": [0.7, 0.95], "z_above": [1.85, 2.3], "outside": 8,
    "rest_step": 0.001,
}  # fmt: skip
GRISM = {"wavelength_min": 12060, "wavelength_max": 18920, "pixels": 64, "resolving_power": 480}


def simulate_into(folder: Path) -> dict[str, Path]:
    paths = {name: folder / name for name in ("spectra.npz", "templates.npz", "seds.parquet")}
    simulate.main(*paths.values(), simulation=SIMULATION, grism=GRISM, n_templates=15)
    return paths


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return simulate_into(tmp_path_factory.mktemp("spectra"))


def test_no_rest_frame_sed_of_the_test_is_trained_on(simulated: dict[str, Path]) -> None:
    data = read_spectra(simulated["spectra.npz"])
    seds = {name: set(data.sed[data.rows(name)]) for name in ("train", "validation", "test")}
    assert [len(seds[name]) for name in seds] == [38, 10, 12]
    assert not seds["train"] & seds["test"]
    assert not seds["train"] & seds["validation"]
    assert not seds["validation"] & seds["test"]
    table = pd.read_parquet(simulated["seds.parquet"])
    assert set(table.loc[table["sample"] == "test", "sed"]) == seds["test"]


def test_templates_are_training_seds(simulated: dict[str, Path]) -> None:
    with np.load(simulated["templates.npz"]) as arrays:
        assert arrays["flux"].shape == (15, len(arrays["wavelength"]))


def test_samples_have_their_sizes_and_redshifts(simulated: dict[str, Path]) -> None:
    data = read_spectra(simulated["spectra.npz"])
    expected = {
        "train": (76, 1.0, 1.8), "validation": (10, 1.0, 1.8), "test": (12, 1.0, 1.8),
        "below": (8, 0.7, 0.95), "above": (8, 1.85, 2.3), "quasar": (8, 1.0, 1.8),
    }  # fmt: skip
    for name, (number, low, high) in expected.items():
        z = data.redshift[data.rows(name)]
        assert len(z) == number
        assert ((z >= low) & (z < high)).all()
    assert np.isfinite(data.flux).all()
    assert (data.flux > 0).all()


def test_everybody_gets_the_same_noisy_spectrum(simulated: dict[str, Path]) -> None:
    data = read_spectra(simulated["spectra.npz"])
    whole, part = data.take("train", 5.0), data.take("train", 5.0, 20)
    assert np.array_equal(whole[:20], part)
    assert not np.array_equal(whole[:12], data.take("test", 5.0))


def test_a_second_simulation_has_the_same_bytes(simulated: dict[str, Path], tmp_path: Path) -> None:
    for name, path in simulate_into(tmp_path).items():
        assert path.read_bytes() == simulated[name].read_bytes()


def test_spectra_of_files_are_read_as_they_are(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    flux, z = draw.uniform(1, 2, (40, 64)), draw.uniform(1.0, 1.8, 40)
    np.save(tmp_path / "x.npy", flux)
    np.save(tmp_path / "z.npy", z)
    paths = [tmp_path / name for name in ("x.npy", "z.npy", "spectra.npz")]
    read.main(*paths, simulation=SIMULATION, grism=GRISM)
    data = read_spectra(tmp_path / "spectra.npz")
    assert [len(data.rows(name)) for name in ("train", "validation", "test")] == [18, 10, 12]
    np.testing.assert_array_equal(data.flux, flux.astype(np.float32))
    np.testing.assert_array_equal(data.redshift, z)
    assert data.rows("test").tolist() == list(range(28, 40))


@pytest.mark.parametrize(
    ("spectra", "redshifts", "message"),
    [
        (np.ones((40, 63)), np.full(40, 1.5), r"x\.npy: shapes do not fit; found \(40, 63\)"),
        (np.ones((40, 64)), np.full(39, 1.5), "shapes do not fit"),
        (np.ones((40, 64)), np.full(40, 1.8), r"z\.npy: redshifts out of range; found 40 of 40"),
        (np.ones((22, 64)), np.full(22, 1.5), "too few spectra; found 22; expected over 22"),
        (np.full((40, 64), np.nan), np.full(40, 1.5), "not finite"),
        (np.zeros((40, 64)), np.full(40, 1.5), "spectra without flux"),
        (np.array([["a"] * 64] * 40), np.full(40, 1.5), "no array of numbers"),
    ],
)
def test_a_bad_file_is_named(
    tmp_path: Path, spectra: np.ndarray, redshifts: np.ndarray, message: str
) -> None:
    paths = [tmp_path / name for name in ("x.npy", "z.npy", "spectra.npz")]
    np.save(paths[0], spectra)
    np.save(paths[1], redshifts)
    with pytest.raises(InputError, match=message):
        read.main(*paths, simulation=SIMULATION, grism=GRISM)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no array of numbers") as error:
        read.main(tmp_path / "no.npy", "z", "t", simulation=SIMULATION, grism=GRISM)
    assert "spectra.simulation.files.spectra" in str(error.value)


def test_emitters_are_brighter_in_halpha_than_others() -> None:
    """And at a higher redshift they have to be more so."""
    near, far = (draw_emitters(np.full(300, z), 1e-16, 2) for z in (1.0, 1.7))
    plain = draw_galaxies(300, 2)
    medians = [np.median(halpha_luminosity(table)) for table in (plain, near, far)]
    assert medians[0] < medians[1] < medians[2]
    with pytest.raises(InputError, match="no galaxy has so bright a line"):
        draw_emitters(np.full(2, 1.5), 1e-9, 2)
