"""`transferz init`: what columns mean, and a configuration that is accepted and reads the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from astropy.table import Table
from tests.small_run import galaxies

from scripts.survey import read_custom
from transferz.catalogues.first_configuration import first_configuration
from transferz.catalogues.guess import guess, look_at
from transferz.command import main
from transferz.core.errors import InputError
from transferz.settings.loader import checked

BANDS = ("g", "r", "i", "z", "y")
NJY_OF_ZERO = 3.631e12


def foreign() -> pd.DataFrame:
    """Ten columns with names of somebody's own."""
    table = galaxies(300, 3, BANDS)
    magnitudes = {f"{band.upper()}mag": table[f"mag_{band}"] for band in BANDS}
    place = {"RAJ2000": np.linspace(10, 20, 300), "DEJ2000": np.linspace(-5, 5, 300)}
    return pd.DataFrame({"GalID": table["object_id"], **place, **magnitudes}).assign(
        zspec=table["redshift"], Qual=4
    )


def fluxes() -> Table:
    """Fluxes in nJy with errors, as the header says."""
    table = galaxies(300, 4, BANDS)
    found = Table({"SOURCE_ID": table["object_id"], "Z_PHOT": table["redshift"]})
    for band in BANDS:
        found[f"FLUX_AUTO_{band}"] = NJY_OF_ZERO * 10 ** (-0.4 * table[f"mag_{band}"])
        found[f"FLUXERR_AUTO_{band}"] = 0.1 * found[f"FLUX_AUTO_{band}"]
        for name in (f"FLUX_AUTO_{band}", f"FLUXERR_AUTO_{band}"):
            found[name].unit = "nJy"
        found[f"FLUX_APER_{band}"] = np.ones((300, 3))
    found["Z_PHOT_ERR"] = 0.01
    return found


def written(folder: Path, *catalogues: Path, **options: object) -> dict:
    """Return the configuration for catalogues, checked, defaults filled in."""
    text, _ = first_configuration(catalogues, "results", folder / "mine.yaml", **options)
    return checked(yaml.safe_load(text))


def read_as(config: dict, role: str = "source") -> pd.DataFrame:
    described = config["custom"][role]
    return read_custom.read_survey(described["path"], described, config["bands"], role)


def test_a_foreign_header(tmp_path):
    foreign().to_csv(tmp_path / "mine.csv", index=False)
    config = written(tmp_path, tmp_path / "mine.csv")
    assert config["bands"] == list(BANDS)
    assert list(config["strategies"]) == ["NN-Base"]
    assert config["predict"]["calibrated_on"] == "source"
    table, wanted = read_as(config), galaxies(300, 3, BANDS)
    for name in ("object_id", "redshift", *(f"mag_{band}" for band in BANDS)):
        np.testing.assert_allclose(table[name], wanted[name])
    np.testing.assert_allclose(table["dec"], np.linspace(-5, 5, 300))
    assert table["mag_err_g"].isna().all()
    assert set(table["truth"]) == {"spec_z"}


def test_fits_in_nanojansky(tmp_path):
    fluxes().write(tmp_path / "mine.fits")
    config = written(tmp_path, tmp_path / "mine.fits")
    assert config["custom"]["source"]["columns"]["mag"] == "FLUX_AUTO_{band}"
    table, wanted = read_as(config), galaxies(300, 4, BANDS)
    for band in BANDS:
        np.testing.assert_allclose(table[f"mag_{band}"], wanted[f"mag_{band}"], rtol=1e-6)
        np.testing.assert_allclose(table[f"mag_err_{band}"], 0.1085736, rtol=1e-6)
    assert (table["redshift_err"] == 0.01).all()
    assert set(table["truth"]) == {"photo_z"}


def test_a_folder_of_parquet_files(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for number, part in enumerate(np.array_split(np.arange(300), 8)):
        foreign().iloc[part].to_parquet(folder / f"part{number}.parquet")
    table = read_as(written(tmp_path, folder))
    np.testing.assert_array_equal(table["object_id"], galaxies(300, 3, BANDS)["object_id"])


def test_two_catalogues_share_their_bands(tmp_path):
    fluxes().write(tmp_path / "source.fits")
    foreign().drop(columns="Ymag").to_csv(tmp_path / "target.csv", index=False)
    config = written(tmp_path, tmp_path / "source.fits", tmp_path / "target.csv")
    assert config["bands"] == ["g", "r", "i", "z"]
    assert list(config["strategies"]) == ["NN-Base", "NN-TL", "NN-Combo"]
    assert config["predict"]["calibrated_on"] == "target"
    assert len(read_as(config)) == len(read_as(config, "target")) == 300


def test_units_and_ucds_tell_what_names_do_not(tmp_path):
    table = galaxies(300, 5)
    found = Table({"c1": table["redshift"], "c2": np.linspace(10, 20, 300), "c3": np.zeros(300)})
    for band in "gri":
        found[f"{band}x"] = table[f"mag_{band}"]
    found["numb"] = np.arange(300)
    ucds = {"c1": "src.redshift.phot", "c2": "pos.eq.ra;meta.main", "c3": "pos.eq.dec;meta.main"}
    for name, ucd in ucds.items():
        found[name].meta["ucd"] = ucd
    found.write(tmp_path / "mine.xml", format="votable")
    known = guess(look_at(tmp_path / "mine.xml"))
    wanted = {"ra": "c2", "dec": "c3", "mag": "{band}x", "redshift": "c1"}
    assert known.columns == wanted
    assert known.truth == "photo_z"


@pytest.mark.parametrize(
    ("names", "mag", "mag_err", "redshift"),
    [
        ("objid u g r i z err_u err_g err_r err_i err_z redshift",
         "{band}", "err_{band}", "redshift"),
        ("gmag rmag imag e_gmag e_rmag e_imag z", "{band}mag", "e_{band}mag", "z"),
        ("MAG_AUTO_G MAG_AUTO_R MAGERR_AUTO_G MAGERR_AUTO_R MAG_APER_G MAG_APER_R Z_SPEC",
         "MAG_AUTO_{band}", "MAGERR_AUTO_{band}", "Z_SPEC"),
        ("HSC_g_MAG HSC_r_MAG HSC_g_MAGERR HSC_r_MAGERR a_g a_r lp_zBEST",
         "HSC_{band}_MAG", "HSC_{band}_MAGERR", "lp_zBEST"),
        ("g_cmodel_mag r_cmodel_mag g_cmodel_magsigma r_cmodel_magsigma specz_redshift",
         "{band}_cmodel_mag", "{band}_cmodel_magsigma", "specz_redshift"),
    ],
)  # fmt: skip
def test_names_of_known_catalogues(tmp_path, names, mag, mag_err, redshift):
    draw = np.random.default_rng(1)
    table = pd.DataFrame({name: draw.uniform(18, 24, 50) for name in names.split()})
    table[redshift] = draw.uniform(0, 2, 50)
    for name in table.filter(regex="(?i)err|sigma|e_|a_"):
        table[name] = table[name] / 500
    table.to_csv(tmp_path / "t.csv", index=False)
    found = guess(look_at(tmp_path / "t.csv"))
    assert (found.columns["mag"], found.columns["mag_err"]) == (mag, mag_err)
    assert (found.columns["redshift"], found.unit) == (redshift, "mag")


def test_what_is_not_known_is_asked_for(tmp_path, caplog):
    found = fluxes()
    found.remove_columns([f"FLUX_APER_{band}" for band in BANDS])
    path = tmp_path / "mine.csv"
    found.to_pandas().to_csv(path, index=False)
    with pytest.raises(InputError, match=r"FLUX_AUTO_\{band\}: unit not known; .*--unit"):
        first_configuration([path], "results", tmp_path / "mine.yaml")
    assert written(tmp_path, path, unit="nJy")["custom"]["source"]["unit"] == "nJy"
    comma = found.to_pandas().rename(columns=lambda name: name.replace("FLUX", "F"))
    comma.to_csv(tmp_path / "comma.csv", sep=";", decimal=",", index=False)
    assert main(["init", str(tmp_path / "comma.csv"), "--output", "unused.yaml"]) == 1
    assert "decimal commas in Z_PHOT" in caplog.messages[-1]
    found.remove_column("Z_PHOT")
    found.to_pandas().to_csv(path, index=False)
    assert main(["init", str(path), "--output", str(tmp_path / "mine.yaml")]) == 1
    assert "mine.csv: redshift: columns not recognised" in caplog.messages[-1]


def test_a_configuration_is_not_overwritten(tmp_path, caplog, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    foreign().assign(zspec=lambda t: t["zspec"].where(t["zspec"] > 0.2, -99)).to_csv("a.csv")
    assert main(["init", "a.csv"]) == 0
    assert yaml.safe_load(Path("a.yaml").read_text())["custom"]["source"]["null_values"] == [-99.0]
    assert "mag_err      none found" in capsys.readouterr().out
    assert main(["init", "a.csv"]) == 1
    assert "a.yaml: there is such a file" in caplog.messages[-1]
