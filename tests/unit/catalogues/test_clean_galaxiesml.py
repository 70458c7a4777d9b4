"""GalaxiesML's published cuts and its rules for duplicates, on rows made to fail each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.catalogues import clean_galaxiesml
from transferz.core.errors import InputError

COLUMNS = Path(__file__).resolve().parents[3] / "config" / "columns.tsv"
BANDS = ["g", "y"]
ID = 36_411_448_540_268_000
CUTS = {
    "homogeneous flag": {"column": "specz_flag_homogeneous", "equals": True},
    "redshift range": {"column": "redshift", "above": 0.01, "below": 4},
    "redshift error": {"column": "redshift_err", "above": 0, "below": 1},
    "relative redshift error": {"column": "spec_z_relative_err", "below": 0.005},
    "magnitudes": {"column": "mag_{band}", "above": 0, "below": 50},
}


def rows(n: int, first: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "object_id": ID + first + np.arange(n),
            "specz_redshift": np.linspace(0.1, 2.0, n),
            "specz_redshift_err": 0.0005,
            "specz_name": [f"VIPERS-{first + i}" for i in range(n)],
            "specz_ra": 34.0,
            "specz_dec": -5.0,
            "specz_mag_i": 21.0,
            "specz_flag_homogeneous": True,
            "ra": np.linspace(34, 35, n),
            "dec": np.linspace(-5, -4, n),
            "skymap_id": 1,
            **{f"{b}_cmodel_mag": np.linspace(20, 25, n) for b in BANDS},
            **{f"{b}_cmodel_magsigma": 0.02 for b in BANDS},
            "i_major_axis": 1.0,
        }
    )


def files(folder: Path, training: pd.DataFrame | None = None) -> dict[str, Path]:
    parts = {
        "training": rows(20) if training is None else training,
        "validation": rows(5, 100),
        "testing": rows(6, 200),
    }
    paths = {}
    for name, part in parts.items():
        paths[name] = folder / f"5x127x127_{name}_with_morphology.csv"
        part.to_csv(paths[name], index=False)
    return paths


def run(paths: dict[str, Path], folder: Path, cuts: dict = CUTS) -> tuple:
    output, flow = folder / "galaxiesml.parquet", folder / "cutflow.csv"
    clean_galaxiesml.main(
        *paths.values(), COLUMNS, output, flow, bands=BANDS, version="1", cuts=cuts
    )
    return pd.read_parquet(output), pd.read_csv(flow)


def test_clean_files_pass_unchanged(tmp_path: Path) -> None:
    table, flow = run(files(tmp_path), tmp_path)
    assert table["split"].value_counts().to_dict() == {"train": 20, "validation": 5, "test": 6}
    assert table["object_id"].tolist() == [
        ID + i for i in (*range(20), *range(100, 105), *range(200, 206))
    ]
    assert set(table["truth"]) == {"spec_z"}
    assert set(table["source"]) == {"GalaxiesML"}
    assert list(table) == [
        *("object_id", "ra", "dec", "mag_g", "mag_y", "mag_err_g", "mag_err_y"),
        *("redshift", "redshift_err", "truth", "source", "split"),
    ]
    np.testing.assert_array_equal(table["mag_g"][:20], np.linspace(20, 25, 20))
    assert (flow["n_removed"] == 0).all()


def test_every_cut_and_rule(tmp_path: Path) -> None:
    training = rows(20)
    training.loc[0, "specz_flag_homogeneous"] = False
    training.loc[1, "specz_redshift"] = 4.2
    training.loc[2, "specz_redshift"] = 0.009
    training.loc[3, "specz_redshift"] = -99
    training.loc[4, "specz_redshift_err"] = 0.0
    training.loc[5, "specz_redshift_err"] = 1.2
    training.loc[6, "specz_redshift_err"] = -99.9
    z = training["specz_redshift"]
    training.loc[7, "specz_redshift_err"] = 0.0051 * (1 + z[7])
    training.loc[8, "specz_redshift_err"] = 0.0049 * (1 + z[8])
    for row, value in ((9, -99), (10, np.inf), (11, 99.0)):
        training.loc[row, "y_cmodel_mag"] = value
    # One spectrum matched to three HSC objects: the first is kept, also across the files.
    training.loc[[13, 14], "specz_name"] = training.loc[12, "specz_name"]
    # One HSC object with two spectra: both rows go.
    training.loc[16, "object_id"] = training.loc[15, "object_id"]
    paths = files(tmp_path, training)
    validation = pd.read_csv(paths["validation"])
    validation.loc[0, "specz_name"] = training.loc[12, "specz_name"]
    validation.loc[1, "object_id"] = training.loc[17, "object_id"]
    validation.loc[[2, 3], "specz_name"] = None
    validation.to_csv(paths["validation"], index=False)

    table, flow = run(paths, tmp_path)
    assert dict(zip(flow["cut"], flow["n_removed"], strict=True)) == {
        "homogeneous flag": 1,
        "redshift range": 3,
        "redshift error": 3,
        "relative redshift error": 1,
        "magnitudes": 3,
        "one object per spectrum": 3,
        "one spectrum per object": 4,
    }
    kept = [8, 12, 18, 19, 102, 103, 104, *range(200, 206)]
    assert table["object_id"].tolist() == [ID + i for i in kept]
    assert not table["object_id"].duplicated().any()


def test_a_spectrum_is_its_first_object_after_the_cuts(tmp_path: Path) -> None:
    training = rows(20)
    training.loc[1, "specz_name"] = training.loc[0, "specz_name"]
    training.loc[0, "g_cmodel_mag"] = -99
    table, _ = run(files(tmp_path, training), tmp_path)
    assert table["object_id"].iloc[0] == ID + 1


def test_bad_files(tmp_path: Path) -> None:
    paths = files(tmp_path)
    text = paths["testing"].read_text()
    paths["testing"].write_text(text.replace("specz_redshift,", "specz_z,", 1))
    with pytest.raises(InputError, match=r"testing_with_morphology.csv: specz_redshift: missing"):
        run(paths, tmp_path)
    paths["testing"].write_text(text.splitlines()[0] + "\n")
    with pytest.raises(InputError, match=r"testing_with_morphology.csv: empty table"):
        run(paths, tmp_path)
    cuts = {"bright": {"column": "mag_{band}", "below": 10}}
    with pytest.raises(InputError, match=r"cuts.bright: cut 'bright' removed every row"):
        run(files(tmp_path), tmp_path, cuts)
    same = files(tmp_path)
    same["validation"] = same["testing"] = same["training"]
    names = ["one", *[None] * 19]
    # Thrice the same file, spectra without a name: every object has several redshifts.
    twice = rows(20).assign(specz_name=names)
    twice.loc[0, "object_id"] = twice.loc[1, "object_id"]
    twice.to_csv(same["training"], index=False)
    with pytest.raises(InputError, match="no galaxy is left after the rules for duplicates"):
        run(same, tmp_path)
    assert not (tmp_path / "galaxiesml.parquet").exists()
