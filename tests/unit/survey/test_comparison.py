import numpy as np
import pandas as pd
import pytest

from transferz.survey.comparison import clean_labels, comparable, compare, label_precision, sky_area


def labels(n=400):
    z = np.linspace(0.1, 2.0, n)
    cosmos = pd.DataFrame(
        {"ID": np.arange(n), "FLAG_COMBINED": 0, "lp_type": 0, "lp_zPDF": z,
         "lp_zPDF_l68": z - 0.01 * (1 + z), "lp_zPDF_u68": z + 0.03 * (1 + z),
         "HSC_i_MAG_AUTO": 21.5}
    )  # fmt: skip
    cosmos.loc[1, "lp_type"] = 1
    cosmos.loc[2, "FLAG_COMBINED"] = 1
    truth = pd.DataFrame({"cosmos_id": np.arange(n - 1), "redshift_true": z[:-1] + 1e-9})
    return clean_labels(cosmos, truth)


def test_labels_are_clean_and_have_a_true_redshift():
    # Identifier 0 is none, 1 is a star, 2 is masked, the last has no truth.
    assert labels()["ID"].tolist() == list(range(3, 399))
    table = label_precision(labels(), np.array([20.0, 21.0, 22.0]))
    assert table["i_min"].tolist() == [21.0]
    assert table["stated"].iloc[0] == pytest.approx(0.03)
    assert (table["scatter"] < 1e-6).all() and (table["outliers"] == 0).all()


def test_area_of_a_rectangle():
    corners = pd.DataFrame({"ra": [149.0, 151.0], "dec": [-1.0, 1.0]})
    assert sky_area(corners) == pytest.approx(4.0, rel=1e-4)


def test_simulated_beside_published():
    published = {
        "galaxiesml_levels": [50],
        "galaxiesml_redshifts": [0.6],
        "galaxiesml_shares": [0.2, 0.7, 0.0],
        "label_precision": [{"i_min": 25, "i_max": 26, "precision": 0.04}],
    }
    table = compare(pd.Series([0.1, 0.5, 0.7, 2.6]), labels(), published)
    assert table["simulated"].tolist()[:4] == pytest.approx([0.6, 0.25, 0.5, 0.25])
    assert np.isnan(table["simulated"].iloc[4])
    assert len(comparable(table)) == 3
    assert table["relation"].tolist() == ["equal"] * 4 + ["below"]


@pytest.mark.parametrize(
    ("faint", "name"),
    [
        (25.7, "label scatter, 25 < i < 25.7 (published: 25 < i < 27)"),
        (27.5, "label scatter, 25 < i < 27"),
    ],
)
def test_a_range_is_named_by_what_the_labels_fill_and_a_bound_is_no_value(faint, name):
    table = labels()
    table["HSC_i_MAG_AUTO"] = np.linspace(24.5, faint, len(table))
    # Noise scatters one label to the far end; it fills no range.
    table.loc[0, "HSC_i_MAG_AUTO"] = 26.95
    published = {
        "galaxiesml_levels": [50],
        "galaxiesml_redshifts": [0.6],
        "galaxiesml_shares": [0.2, 0.7, 0.0],
        "label_precision": [{"i_min": 25.0, "i_max": 27.0, "precision": 0.05}],
    }
    bound = compare(pd.Series([0.5, 0.7]), table, published).iloc[-1]
    assert bound["quantity"] == name
    assert bound["relation"] == "below" and 0 <= bound["simulated"] < bound["published"]
    assert name not in comparable(pd.DataFrame([bound]))["quantity"].tolist()
