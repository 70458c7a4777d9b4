"""The command `transferz`: the numbers of the API, metadata in every format, one-line errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.io import fits
from tests.small_run import galaxies, small_run

from transferz import api
from transferz.command import main
from transferz.photo_z import catalogue
from transferz.photo_z.trained import TrainedRun

DESCRIPTION = {
    "columns": {"object_id": "object_id", "mag": "mag_{band}"},
    "extra_columns": {"redshift": "redshift"},
}
# No Snakemake, and nothing that it brings along.
ALONE = """\
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("snakemake", "jsonschema"):
            raise ModuleNotFoundError(f"not installed: {name}", name=name)
sys.meta_path.insert(0, Blocker())
from transferz.command import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(name="folder", scope="module")
def fixture_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models and calibration of a run, and a catalogue."""
    folder = tmp_path_factory.mktemp("command")
    (folder / "run").mkdir()
    small_run(folder / "run", trained_on={"survey": "embedded", "target": "simulated (spec_z)"})
    galaxies(500, 2).to_csv(folder / "mine.csv", index=False)
    config = {"predict": {"catalogue": DESCRIPTION}}
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    return folder


def predict(folder: Path, name: str, *options: str) -> Path:
    output = folder / name
    words = ["predict", folder / "mine.csv", "--networks", folder / "run", "--output", output]
    words += ["--config", folder / "mine.yaml", "--threads", "1", *options]
    assert main(list(map(str, words))) == 0
    return output


def test_the_command_gives_the_numbers_of_the_api_in_every_format(folder, caplog):
    wanted = api.load(folder / "run", "NN-Combo").predict(galaxies(500, 2))
    tables = {name: predict(folder, name) for name in ("o.parquet", "o.fits", "o.csv")}
    assert caplog.text.count("trained on the embedded survey") == 3
    found = [pd.read_parquet(tables["o.parquet"]), pd.read_csv(tables["o.csv"])]
    data = fits.getdata(tables["o.fits"])
    found.append(pd.DataFrame({name: data[name].tolist() for name in data.names}))
    for table in found:
        assert table["object_id"].tolist() == galaxies(500, 2)["object_id"].tolist()
        np.testing.assert_allclose(table[list(api.REDSHIFTS)], wanted[list(api.REDSHIFTS)], 1e-6)
    header = fits.getheader(tables["o.fits"], 1)
    metadata = [
        pq.read_schema(tables["o.parquet"]).metadata[b"trained_on"],
        json.loads((folder / "o.csv.json").read_text())["trained_on"],
        header["TRAIN_ON"],
    ]
    for text in metadata:
        trained = {"target": "simulated (spec_z)", "training galaxies": "1000"}
        assert json.loads(text) == {"survey": "embedded"} | trained


def test_tomography_writes_the_redshift_distribution_of_each_bin(folder, capsys, monkeypatch):
    """The numbers of the package; of a large catalogue every second, fourth, ... row counts."""
    words = ["tomography", folder / "mine.csv", "--networks", folder / "run", "--threads", "1"]
    words += ["--config", folder / "mine.yaml", "--output"]
    assert main(list(map(str, [*words, folder / "n_of_z"]))) == 0
    bins = pd.read_csv(folder / "n_of_z" / "bins.csv")
    estimator = api.load(folder / "run", "NN-Combo")
    wanted, _ = TrainedRun(folder / "run").tomography().measure(estimator, galaxies(500, 2), {})
    np.testing.assert_allclose(bins["mean"], wanted["mean"], rtol=1e-6)
    assert bins.groupby("method")["n"].sum().unique() == [500]
    assert len(capsys.readouterr().out.splitlines()) == 6
    with h5py.File(folder / "n_of_z" / "nz.hdf5") as file:
        assert len(file["ancil/name"]) == len(bins)
    monkeypatch.setattr(catalogue.sampled_catalogue, "__kwdefaults__", {"most": 200})
    assert main(list(map(str, [*words, folder / "thinned"]))) == 0
    thinned = pd.read_csv(folder / "thinned" / "bins.csv")
    assert thinned.groupby("method")["n"].sum().unique() == [125]


def test_columns_that_nobody_described_are_guessed_and_shown(folder, caplog):
    described, guessed = predict(folder, "d.parquet"), folder / "guessed.parquet"
    words = ["predict", folder / "mine.csv", "--networks", folder / "run", "--output", guessed]
    assert main([*map(str, words), "--threads", "1"]) == 0
    assert "  mag          mag_{band}" in caplog.messages
    columns = ["object_id", *api.REDSHIFTS]
    pd.testing.assert_frame_equal(
        pd.read_parquet(guessed)[columns], pd.read_parquet(described)[columns]
    )


def test_truths_are_matched_by_identifier(folder, capsys):
    photo_z = predict(folder, "few.fits", "--members", "2")
    galaxies(500, 2).iloc[400:99:-1].to_csv(folder / "truth.csv", index=False)
    scores = folder / "scores.json"
    options = ["--truth", folder / "truth.csv", "--id", "object_id", "--output", scores]
    assert main(list(map(str, ["evaluate", photo_z, *options]))) == 0
    found = json.loads(scores.read_text())
    table = api.load(folder / "run", "NN-Combo", seeds=[0, 1]).predict(galaxies(500, 2)[100:401])
    wanted = api.evaluate(galaxies(500, 2)["redshift"][100:401], table)
    assert found == pytest.approx(wanted | {"n_without": 199}, rel=1e-5)
    assert "coverage_68" in capsys.readouterr().out


def test_models_alone_are_enough_without_snakemake(folder):
    words = [sys.executable, "-c", ALONE, "info", str(folder / "run")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    finished = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr
    assert "survey: embedded" in finished.stdout
    assert "training galaxies: 1000" in finished.stdout


def test_a_mistake_is_one_line(folder, caplog, tmp_path):
    words = ["predict", "mine.csv", "--networks", str(folder / "run"), "--output"]
    assert main([*words, "o.txt"]) == 1
    assert "o.txt: no format to write" in caplog.messages[-1]
    assert main([*words, "o.csv"]) == 1
    assert "mine.csv: file not found" in caplog.messages[-1]
    galaxies(9, 2).drop(columns="mag_g").to_csv(folder / "two.csv", index=False)
    assert main(["predict", str(folder / "two.csv"), *words[2:], "o.csv"]) == 1
    message = caplog.messages[-1]
    assert "columns not recognised; found mag in r, i; expected mag in g, r, i" in message
    assert main(["info", str(tmp_path)]) == 1
    assert "no networks with a calibration" in caplog.messages[-1]
    assert main([*words, "o.csv", "--strategy", "NN-Combu"]) == 1
    assert "found NN-Combu; expected NN-Combo" in caplog.messages[-1]
