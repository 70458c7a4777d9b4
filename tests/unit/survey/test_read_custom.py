"""Custom surveys: described in the configuration, in any format, ending in the same tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from astropy.table import MaskedColumn, Table

from scripts.survey import read_custom
from transferz.catalogues.description import CatalogueDescription
from transferz.catalogues.splits import check_complete, split_catalogue
from transferz.core.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
BANDS = ["g", "y"]
SPLITTING = {
    "fractions": {"train": 0.98, "validation": 0.01, "test": 0.01},
    "seed": 1,
    "block": 1.0,
}


def survey(**changes: object) -> dict:
    """Return a description as the configuration has it after defaults are filled in."""
    columns = {
        "object_id": "id",
        "ra": "alpha",
        "dec": "delta",
        "mag": "MAG_{band}",
        "mag_err": "MAGERR_{band}",
        "redshift": "z",
        "redshift_err": None,
        "redshift_l68": None,
        "redshift_u68": None,
        "split": None,
    }
    columns.update(changes.pop("columns", {}))
    return {
        "path": "unused",
        "format": "auto",
        "table": None,
        "columns": columns,
        "extra_columns": {},
        "band_names": {"g": "G", "y": "Y"},
        "units": {"mag": "mag", "position": "deg"},
        "null_values": [-99, -99.9],
        "truth": "photo_z",
        "source": "S",
        "cuts": {},
        **changes,
    }


def write(path: Path, **changes: object) -> Path:
    table = pd.DataFrame(
        {
            "id": [3, 1, 2],
            "alpha": [0.5, 359.5, 180.0],
            "delta": [-45.0, 0.0, 90.0],
            "MAG_G": [20.0, -99.0, 22.0],
            "MAG_Y": [19.0, 20.0, -99.9],
            "MAGERR_G": 0.1,
            "MAGERR_Y": 0.2,
            "z": [0.5, 1.0, np.nan],
            "zerr": [0.01, np.nan, np.nan],
            "q": [1, 4, 3],
        }
    ).assign(**changes)
    table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    return path


def test_described_columns_become_a_catalogue_table(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        table = read_custom.read_survey(
            write(tmp_path / name), survey(columns={"redshift_err": "zerr"}), BANDS, "source"
        )
        assert list(table) == [
            *("object_id", "ra", "dec", "mag_g", "mag_y", "mag_err_g", "mag_err_y"),
            *("redshift", "redshift_err", "truth", "source"),
        ]
        assert table["object_id"].tolist() == [3, 1, 2]
        np.testing.assert_array_equal(table["mag_g"], [20.0, np.nan, 22.0])
        np.testing.assert_array_equal(table["mag_y"], [19.0, 20.0, np.nan])
        np.testing.assert_array_equal(table["redshift"], [0.5, 1.0, np.nan])
        assert set(table["source"]) == {"S"}


def test_without_identifier_and_position(tmp_path: Path) -> None:
    described = survey(columns={"object_id": None, "ra": None, "dec": None})
    table = read_custom.read_survey(write(tmp_path / "a.csv"), described, BANDS, "source")
    assert table["object_id"].tolist() == [0, 1, 2]
    assert table[["ra", "dec"]].isna().all(axis=None)


def test_fluxes_and_angles(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        MAG_G=[3631.0, 36.31, -5.0],
        MAGERR_G=[363.1, 3.631, 1.0],
        MAG_Y=[1.0, 1.0, 1.0],
        alpha=[-0.1, 0.0, np.pi],
        delta=[0.0, -np.pi / 2, np.pi / 4],
    )
    described = survey(units={"mag": "uJy", "position": "rad"})
    table = read_custom.read_survey(path, described, BANDS, "source")
    # 3631 Jy is 0 mag: 3631 uJy is 15 mag.
    np.testing.assert_allclose(table["mag_g"], [15.0, 20.0, np.nan])
    np.testing.assert_allclose(table["mag_err_g"], [0.1085736, 0.1085736, np.nan], rtol=1e-6)
    np.testing.assert_allclose(table["mag_y"], 23.9, atol=0.001)
    np.testing.assert_allclose(table["ra"], [360 - np.degrees(0.1), 0, 180])
    np.testing.assert_allclose(table["dec"], [0, -90, 45])
    wrong = survey(units={"mag": "uJy", "position": "hourangle"})
    path = write(path, delta=[0.0, -45.0, 10.0])
    with pytest.raises(InputError, match=r"delta: coordinate out .*; found -67[45].* in row 1"):
        read_custom.read_survey(path, wrong, BANDS, "source")


def test_bad_descriptions(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")
    for changes, message in [
        ({"columns": {"redshift": "zz"}}, r"a\.csv: zz: missing column"),
        ({"columns": {"redshift": None}}, r"columns\.redshift: a column is needed"),
        ({"columns": {"mag": "MAG_G"}}, r"columns\.mag: the template names no band; found MAG_G"),
        ({"band_names": {}}, r"MAG_g, MAG_y, .*2?4 missing columns; found .*did you mean 'MAG_"),
        ({"units": {"mag": "erg", "position": "deg"}}, r"custom\.source\.units\.mag: unknown"),
    ]:
        with pytest.raises(InputError, match=message):
            read_custom.read_survey(path, survey(**changes), BANDS, "source")
    write(path, id=[1, 1, 2])
    with pytest.raises(InputError, match="id: the same identifier on several rows"):
        read_custom.read_survey(path, survey(), BANDS, "source")
    write(path, MAG_G=-99)
    with pytest.raises(InputError, match="MAG_G: column without any value; found 3 nulls"):
        read_custom.read_survey(path, survey(), BANDS, "source")


def test_script_cuts_a_catalogue_and_drops_what_lacks_a_value(tmp_path: Path) -> None:
    cuts = {
        "magnitudes": {"column": "mag_{band}", "above": 0, "below": 50},
        "quality": {"column": "quality", "min": 1},
    }
    described = survey(cuts=cuts, extra_columns={"quality": "q"}, columns={"split": "s"})
    catalogue = write(tmp_path / "a.csv", s=["train", "validation", "test"])
    outputs = tmp_path / "t.parquet", tmp_path / "t.csv"
    read_custom.main(str(catalogue), *outputs, bands=BANDS, survey=described, role="source")
    table, flow = pd.read_parquet(outputs[0]), pd.read_csv(outputs[1])
    assert table["object_id"].tolist() == [3]
    assert table["split"].tolist() == ["train"]
    assert flow["cut"].tolist() == ["complete", "magnitudes", "quality"]
    assert flow["n_removed"].tolist() == [2, 0, 0]


def test_a_negative_flux_is_trained_on_by_networks_that_read_fluxes(tmp_path: Path) -> None:
    fluxes = {"MAG_G": [3631.0, -5.0, 36.31], "MAG_Y": [1.0, 1.0, -99.0], "z": [0.5, 1.0, 0.7]}
    catalogue = write(tmp_path / "a.csv", **fluxes, MAGERR_G=1.0, MAGERR_Y=1.0)
    described = survey(units={"mag": "uJy", "position": "deg"})
    softening = {"g": 24.0, "y": 24.0}
    for magnitude, left in (("mag", [3]), ("asinh", [3, 1])):
        outputs = str(tmp_path / "table.parquet"), str(tmp_path / "cutflow.csv")
        options = {"softening": softening, "magnitude": magnitude, "role": "source"}
        read_custom.main(str(catalogue), *outputs, bands=BANDS, survey=described, **options)
        table = pd.read_parquet(outputs[0])
        assert table["object_id"].tolist() == left
        table = split_catalogue(table, "source", method="object", **SPLITTING)
        if magnitude == "asinh":
            # b of 24 mag is 0.912 uJy: asinh(-5 / 1.824) = -1.7330.
            np.testing.assert_allclose(table["asinh_g"], [15.0, 24 + 1.085736 * 1.7330], atol=1e-3)
            np.testing.assert_allclose(table["asinh_err_g"][1], 1.085736 / 5.3223, rtol=1e-3)
            with pytest.raises(InputError, match="mag_g: values missing after the cuts"):
                check_complete(table, BANDS, "source")
            with pytest.raises(InputError, match="splits without an object"):
                check_complete(table, BANDS, "source", magnitude)


def test_without_magnitude_errors(tmp_path: Path) -> None:
    described = survey(columns={"mag_err": None})
    table = read_custom.read_survey(write(tmp_path / "a.csv"), described, BANDS, "source")
    assert table[["mag_err_g", "mag_err_y"]].isna().all(axis=None)
    np.testing.assert_array_equal(table["mag_g"], [20.0, np.nan, 22.0])


def test_example_of_a_real_pair_names_its_origin() -> None:
    example = yaml.safe_load((ROOT / "config" / "examples" / "des_cosmos.yaml").read_text())
    assert example["survey"] == "custom"
    for role, commit in (("source", "267fe55"), ("target", "0b64d81")):
        described = example["custom"][role]
        assert "github.com" in described["origin"]
        assert commit in described["origin"]
        assert "MIT" in described["origin"]
        columns = CatalogueDescription.from_config(described, undetected=np.nan).to_train(
            example["bands"]
        )
        assert "mag_z" in {column.name for column in columns}


def test_masks_and_values_that_no_magnitude_has_are_no_labels(tmp_path: Path) -> None:
    """A masked redshift is never learnt, nor a magnitude of -9999 or with an error of 0."""
    table = Table.from_pandas(pd.read_csv(write(tmp_path / "c.csv")))
    table["z"] = MaskedColumn([0.5, 1.0, 0.7], mask=[True, False, False])
    table["MAG_G"] = [20.0, -9999.0, 22.0]
    table["MAG_Y"] = [19.0, 20.0, 21.0]
    table["MAGERR_Y"] = [0.2, 0.2, 0.0]
    table.write(tmp_path / "c.hdf5", path="t", serialize_meta=True)
    found = read_custom.read_survey(str(tmp_path / "c.hdf5"), survey(), BANDS, "source")
    assert found["redshift"].isna().tolist() == [True, False, False]
    assert found["mag_g"].isna().tolist() == [False, True, False]
    assert found["mag_y"].isna().tolist() == [False, False, True]


def test_right_ascensions_are_wrapped_and_names_of_the_table_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", alpha=[-0.5, 360.0001, 180.0])
    found = read_custom.read_survey(str(path), survey(), BANDS, "source")
    np.testing.assert_allclose(found["ra"], [359.5, 0.0001, 180.0])
    for name in ("mag_g", "ra", "truth", "redshift", "object_id"):
        with pytest.raises(InputError, match=f"custom.source.extra_columns: .*found {name}"):
            described = survey(extra_columns={name: "alpha"})
            read_custom.read_survey(str(path), described, BANDS, "source")
