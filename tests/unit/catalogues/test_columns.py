"""Column templates of the public catalogues, and names that are close to another."""

from __future__ import annotations

from pathlib import Path

import pytest

from transferz.catalogues.columns import did_you_mean, load_columns
from transferz.core.errors import InputError

COLUMNS = Path(__file__).resolve().parents[3] / "config" / "columns.tsv"


def test_did_you_mean() -> None:
    assert did_you_mean("ALPHA_J200", ["ID", "ALPHA_J2000"]).endswith("'ALPHA_J2000'?")
    assert did_you_mean("LP_ZPDF", ["lp_zPDF", "x"]).startswith(
        "no such name, did you mean 'lp_zPDF'"
    )
    assert did_you_mean("lp_zPDF", ["a", "b"]) == "2 columns: a, b"
    assert did_you_mean("quantity", [f"c{i}" for i in range(10**6)]).startswith("1000000 columns")


# --------------------------------------------------------------------------- column templates


def test_templates_of_the_public_catalogues() -> None:
    bands = ["g", "r", "i", "z", "y"]
    names = {
        (catalogue, version): {
            column.quantity: column.name
            for column in load_columns(COLUMNS, catalogue, version, bands)
        }
        for catalogue, version in [
            ("cosmos2020", "CLASSIC"),
            ("cosmos2020", "FARMER"),
            ("hsc", "pdr2"),
            ("hsc", "pdr3"),
            ("galaxiesml", "1"),
        ]
    }
    assert names["cosmos2020", "CLASSIC"]["mag_i_cosmos"] == "HSC_i_MAG_AUTO"
    assert names["cosmos2020", "FARMER"]["mag_i_cosmos"] == "HSC_i_MAG"
    assert "model_flag" not in names["cosmos2020", "CLASSIC"]
    assert names["cosmos2020", "FARMER"]["model_flag"] == "MODEL_FLAG"
    assert names["cosmos2020", "FARMER"]["lp_zPDF_u68"] == "lp_zPDF_u68"
    assert names["hsc", "pdr2"]["mag_err_y"] == "y_cmodel_magsigma"
    assert names["hsc", "pdr3"]["mag_err_y"] == "y_cmodel_magerr"
    assert names["hsc", "pdr3"]["saturatedcenter_g"] == "g_pixelflags_saturatedcenter"
    assert names["galaxiesml", "1"]["redshift"] == "specz_redshift"


def test_bad_templates(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown version of hsc; found pdr4; expected pdr2, pdr3"):
        load_columns(COLUMNS, "hsc", "pdr4", ["g"])
    with pytest.raises(InputError, match="unknown catalogue; found sdss; expected cosmos2020"):
        load_columns(COLUMNS, "sdss", "1", ["g"])
    with pytest.raises(InputError, match="file not found"):
        load_columns(tmp_path / "none.tsv", "hsc", "pdr2", ["g"])
    broken = tmp_path / "columns.tsv"
    broken.write_text("catalogue,version\nhsc,pdr2\n")
    with pytest.raises(InputError, match="not a table of column templates"):
        load_columns(broken, "hsc", "pdr2", ["g"])
