"""Stars and galaxies: cut-outs against the depths, layers against the table, scores, own files."""

from __future__ import annotations

from pathlib import Path

import galsim
import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from sklearn import metrics as sklearn_metrics

from scripts.images import star_galaxy_read, star_galaxy_use
from transferz.core.errors import InputError
from transferz.core.products import read_parquet
from transferz.images import star_galaxy_metrics as scores
from transferz.images import star_galaxy_stamps as stamps
from transferz.images.star_galaxy_files import Cutouts, border_noise, read_own
from transferz.survey.filters import HSC_BANDS
from transferz.survey.hsc_camera import PIXEL, SEEING, photon_noise

DEPTH = {"g": 27.3, "r": 26.9, "i": 26.7, "z": 26.3, "y": 25.3}
EXPOSURE = dict.fromkeys(HSC_BANDS, 1e9)
"""So long that sources have no photon noise."""


def star(flux: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a sky with one star."""
    sky = pd.DataFrame({"kind": ["star"], "radius": [0.0], "ra": [150.0], "dec": [2.0]})
    return sky, np.full((1, 5), flux)


# ----------------------------------------------------------------------------------- cut-outs


def test_a_star_is_as_wide_as_the_seeing() -> None:
    sky, flux = star(1e4)
    image = stamps.draw(sky, flux, np.zeros(1, int), DEPTH, EXPOSURE, np.random.default_rng(1))[0]
    moments = galsim.hsm.FindAdaptiveMom(galsim.Image(image[..., 2].astype(float), scale=1.0))
    # A pixel adds the variance of a box.
    expected = np.hypot(SEEING / PIXEL / np.sqrt(8 * np.log(2)), np.sqrt(1 / 12))
    assert moments.moments_sigma == pytest.approx(expected, rel=0.01)
    assert image[..., 2].sum() == pytest.approx(1e4, rel=0.01)


def test_a_point_source_at_the_depth_is_seen_at_five_sigma() -> None:
    sky, flux = star(0.0)
    rng = np.random.default_rng(2)
    images = stamps.draw(sky, flux, np.zeros(400, int), DEPTH, EXPOSURE, rng).astype(float)
    point = galsim.Gaussian(fwhm=SEEING).drawImage(nx=48, ny=48, scale=PIXEL).array.astype(float)
    fitted = np.einsum("nyxb,yx->nb", images, point) / (point**2).sum()
    limit = 10.0 ** (-0.4 * (np.array([DEPTH[band] for band in HSC_BANDS]) - 23.9))
    # 400 fits know a scatter to 3.5%; the depth itself scatters by 0.12 mag.
    assert limit / fitted.std(axis=0) == pytest.approx(np.full(5, 5.0), rel=0.12)
    assert border_noise(images) == pytest.approx(images.std(axis=(0, 1, 2)), rel=0.02)


def test_a_bright_source_brings_its_photon_noise() -> None:
    sky, flux = star(1e4)
    exposure, rng = dict.fromkeys(HSC_BANDS, 600.0), np.random.default_rng(3)
    images = stamps.draw(sky, flux, np.zeros(200, int), DEPTH, exposure, rng)
    scatter = images.sum(axis=(1, 2), dtype=float).std(axis=0)
    assert scatter == pytest.approx(photon_noise(flux, exposure)[0], rel=0.2)


def test_neighbours_are_where_they_are() -> None:
    sky, flux = star(1e3)
    other = sky.assign(dec=sky["dec"] + 10 * PIXEL / 3600)
    sky, flux = pd.concat([sky, other], ignore_index=True), np.concatenate([flux, 3 * flux])
    image = stamps.draw(sky, flux, np.zeros(1, int), DEPTH, EXPOSURE, np.random.default_rng(4))[0]
    y, x = np.unravel_index(image[..., 2].argmax(), (48, 48))
    assert abs(y - 33.5) <= 1
    assert abs(x - 23.5) <= 1


def test_luptitudes_are_magnitudes_of_bright_sources() -> None:
    flux, softening = np.array([[100.0, 0.0]]), np.array([0.01, 0.01])
    bright, none = stamps.luptitudes(flux, softening)[0]
    assert bright == pytest.approx(23.9 - 5.0, abs=1e-6)
    assert none == pytest.approx(23.9 - 2.5 * np.log10(0.01))


def test_features_tell_a_galaxy_from_a_star() -> None:
    sky = pd.DataFrame(
        {"kind": ["star", "blue"], "radius": [0.0, 0.7], "ra": [150.0, 150.1], "dec": [2.0, 2.0]}
    )
    flux = np.full((2, 5), 100.0)
    images = stamps.draw(sky, flux, np.arange(2), DEPTH, EXPOSURE, np.random.default_rng(5))
    table = stamps.features(images, border_noise(images), list(HSC_BANDS), PIXEL, SEEING)
    assert table["concentration_i"][0] == pytest.approx(0.0, abs=0.1)
    assert table["concentration_i"][1] > 0.5
    assert table["size"][1] > 1.2 * table["size"][0]
    assert table["mag_i"][0] == pytest.approx(18.9, abs=0.05)
    assert np.isfinite(table.to_numpy()).all()


def test_cutouts_come_back(tmp_path: Path) -> None:
    flux = np.random.default_rng(6).normal(0.0, 1.0, (5, 48, 48, 3)).astype(np.float32)
    flux[:, 24, 24] = 1e4
    cutouts = Cutouts.of(flux)
    cutouts.write(tmp_path / "images.npz")
    again = Cutouts.read(tmp_path / "images.npz")
    assert (again.images == cutouts.images).all()
    back = 2.0 * again.noise * np.sinh(again.images.astype(float))
    assert np.allclose(back, flux, rtol=0.01, atol=0.01)


# ------------------------------------------------------------------------------------ network


def test_the_network_is_that_of_the_table() -> None:
    """Kim & Brunner 2017, Table 1; the text counts 11 million parameters."""
    network = pytest.importorskip("transferz.images.star_galaxy_network")
    model = network.build(5, 1.0, 0.5, seed=0)
    weights = [tuple(layer.kernel.shape) for layer in model.layers if hasattr(layer, "kernel")]
    assert weights == [
        *((5, 5, 5, 32), (3, 3, 32, 32)),
        *((3, 3, 32, 64), (3, 3, 64, 64), (3, 3, 64, 64)),
        *((3, 3, 64, 128), (3, 3, 128, 128), (3, 3, 128, 128)),
        *((3200, 2048), (2048, 2048), (2048, 2)),
    ]
    assert model.count_params() == 11_230_754
    names = [type(layer).__name__ for layer in model.layers]
    assert [names.count(name) for name in ("MaxPooling2D", "LeakyReLU", "Dropout")] == [3, 10, 2]
    biases = [layer.bias.numpy()[0] for layer in model.layers if hasattr(layer, "bias")]
    assert biases == pytest.approx([0.1] * 8 + [0.01] * 3)
    hidden = next(layer for layer in model.layers if getattr(layer, "units", 0) == 2048)
    kernel = hidden.kernel.numpy()
    gain = 2.0 / (1.0 + network.LEAK**2)
    assert np.allclose(kernel.T @ kernel, gain * np.eye(2048), atol=1e-3)


def test_training_learns_and_repeats() -> None:
    network = pytest.importorskip("transferz.images.star_galaxy_network")
    rng = np.random.default_rng(7)
    label = np.arange(120) % 2
    images = rng.normal(0.0, 0.3, (120, 48, 48, 5)).astype(np.float32)
    images[label == 1, 20:28, 20:28] += 2.0
    settings = {"width": 0.0625, "dropout": 0.2, "batch_size": 16, "epochs": 4,
                "learning_rate": (0.01, 0.001), "momentum": 0.9}  # fmt: skip
    runs = [network.fit(images, label, (images, label), settings, seed=1) for _ in range(2)]
    probability = network.probability_of_galaxy(runs[0][0], images)
    assert sklearn_metrics.roc_auc_score(label, probability) > 0.95
    assert np.allclose(runs[0][1], runs[1][1], rtol=1e-4)


def test_crops_keep_their_pixels() -> None:
    network = pytest.importorskip("transferz.images.star_galaxy_network")
    image = np.arange(48 * 48, dtype=np.float32).reshape(1, 48, 48, 1)
    crops = network.augmented(np.repeat(image, 50, axis=0), np.random.default_rng(8))
    assert crops.shape == (50, 44, 44, 1)
    allowed = {image[0, x : x + 44, y : y + 44].sum() for x in range(5) for y in range(5)}
    sums = crops.sum(axis=(1, 2, 3))
    assert all(min(abs(total - one) for one in allowed) < 1e-3 * total for total in sums)
    assert len(np.unique(crops[:, 0, 0, 0])) > 10


# ------------------------------------------------------------------------------------- scores


@pytest.fixture(scope="module")
def judged() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    label = (rng.random(3000) < 0.7).astype(int)
    return label, np.clip(rng.normal(0.3 + 0.4 * label, 0.2), 0.0, 1.0)


def test_scores_are_those_of_scikit_learn(judged: tuple[np.ndarray, np.ndarray]) -> None:
    label, p = judged
    found = scores.scores(label, p)
    assert found["auc"] == sklearn_metrics.roc_auc_score(label, p)
    assert found["mse"] == pytest.approx(np.mean((label - p) ** 2))
    assert found["log_loss"] == sklearn_metrics.log_loss(label, np.clip(p, 1e-7, 1 - 1e-7))
    assert found["area_lost"] == 1.0 - found["auc"]


def test_purity_and_completeness_by_counting(judged: tuple[np.ndarray, np.ndarray]) -> None:
    label, p = judged
    limit = np.quantile(p[label == 1], 1.0 - scores.COMPLETENESS)
    assert scores.galaxy_purity(label, p) == pytest.approx(label[p >= limit].mean(), abs=1e-3)
    best = max(
        ((p <= cut) & (label == 0)).sum() / (label == 0).sum()
        for cut in np.unique(p)
        if (label[p <= cut] == 0).mean() >= scores.PURITY
    )
    assert scores.star_completeness(label, p) == pytest.approx(best)


def test_calibration_error_of_true_probabilities_is_noise() -> None:
    rng = np.random.default_rng(10)
    p = rng.random(15_000)
    label = (rng.random(len(p)) < p).astype(int)
    assert scores.calibration_error(label, p, 1000) < 0.03
    assert scores.calibration_error(label, p**3, 1000) > 0.1


def test_a_yes_or_no_has_no_purity_at_a_completeness() -> None:
    label = np.repeat([0, 1], 100)
    answer = np.where(np.arange(200) % 10 == 0, 1 - label, label).astype(float)
    assert np.isnan(scores.galaxy_purity(label, answer))


def test_cuts_are_counted_and_scaled() -> None:
    table = pd.DataFrame(
        {
            "type": ["star", "star", "quasar", *["blue"] * 7],
            "extended": [True, False, False, *[True] * 5, False, False],
            "outlier": [True, True, False, True, *[False] * 6],
            "convnet": [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, *[np.nan] * 2, 1.0, 1.0],
        }
    )
    assert star_galaxy_use.count(table, [])["galaxies"] == 7
    by_cut = star_galaxy_use.count(table, ["extended"])
    assert (by_cut["stars"], by_cut["quasars"], by_cut["galaxies"]) == (1, 0, 5)
    learned = star_galaxy_use.count(table, ["convnet"])
    # Four of the five galaxies that were drawn, of seven.
    assert (learned["stars"], learned["quasars"]) == (0, 1)
    assert learned["galaxies"] == pytest.approx(7 * 4 / 5)


# ---------------------------------------------------------------------------- a user's own file


def own(path: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["images"], file["labels"] = images, labels
    else:
        table = fits.BinTableHDU.from_columns([fits.Column("LABEL", "J", array=labels)])
        fits.HDUList([fits.PrimaryHDU(images), table]).writeto(path)
    return path


@pytest.mark.parametrize("suffix", ["h5", "fits"])
def test_own_cutouts_come_through(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(11)
    images = rng.normal(0.0, 1.0, (60, 5, 48, 48)).astype(np.float32)
    labels = np.arange(60) % 2
    images[:, :, 24, 24] = np.where(labels, 100.0, 50.0)[:, None]
    path = own(tmp_path / f"cutouts.{suffix}", images, labels)
    settings = {
        "seed": 1,
        "objects": {"train": 20, "validation": 10, "test": 20},
        "files": {"path": str(path), "bands": list("ugriz"), "pixel": 0.396, "fwhm": 1.3},
    }
    files = tmp_path / "images.npz", tmp_path / "objects.parquet"
    star_galaxy_read.main(path, *files, settings=settings)
    table, cutouts = read_parquet(files[1]), Cutouts.read(files[0])
    assert table["sample"].value_counts().to_dict() == settings["objects"]
    peak = np.sinh(cutouts.images[:, 24, 24, 0].astype(float)) * 2.0 * cutouts.noise[0]
    assert peak == pytest.approx(np.where(table["label"], 100.0, 50.0), rel=0.01)
    with pytest.raises(InputError, match="fewer cut-outs"):
        settings["objects"]["train"] = 100
        star_galaxy_read.main(path, *files, settings=settings)


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((4, 3, 48, 48), [0, 1, 0, 1], "another shape"),
        ((4, 5, 40, 40), [0, 1, 0, 1], "another shape"),
        ((4, 5, 48, 48), [0, 1, 2, 1], "labels that do not fit"),
        ((4, 5, 48, 48), [0, 1], "labels that do not fit"),
    ],
)
def test_a_bad_file_is_refused(
    tmp_path: Path, shape: tuple[int, ...], labels: list[int], message: str
) -> None:
    path = own(tmp_path / "cutouts.h5", np.zeros(shape, np.float32), np.array(labels))
    with pytest.raises(InputError, match=message):
        read_own(path, 5)


def test_what_is_no_file_of_cutouts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cutouts.h5"
    with pytest.raises(InputError, match="file not found"):
        read_own(path, 5)
    path.write_text("object,label\n")
    with pytest.raises(InputError, match="not a file of cut-outs"):
        read_own(path, 5)
    images = np.zeros((2, 5, 48, 48), np.float32)
    images[0, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="undefined pixels"):
        read_own(own(tmp_path / "nan.h5", images, np.array([0, 1])), 5)
