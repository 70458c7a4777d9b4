from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import MinMaxScaler

from transferz.core.errors import InputError
from transferz.networks.features import (
    Scaler,
    feature_matrix,
    input_columns,
    measured_columns,
    select_split,
    target_vector,
)

COLUMNS = ["mag_g", "mag_r"]


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "mag_g": [20.0, 22.0, 24.0, 30.0],
            "mag_r": [19.0, 19.5, 21.0, 10.0],
            "redshift": [0.1, 0.5, 1.5, 3.0],
            "split": ["train", "train", "train", "test"],
        }
    )


def test_input_columns_put_bands_inside_templates() -> None:
    found = input_columns(["mag_{band}", "mag_err_{band}", "size"], ["g", "r"])
    assert found == ["mag_g", "mag_r", "mag_err_g", "mag_err_r", "size"]


@pytest.mark.parametrize(
    ("templates", "bands"), [([], ["g"]), (["mag_{band}"], []), (["mag_{band}"], ["g", "g"])]
)
def test_input_columns_refuse_nothing_and_repeats(templates: list, bands: list) -> None:
    with pytest.raises(InputError, match=r"network\.inputs"):
        input_columns(templates, bands)


def test_inputs_may_be_differences_of_neighbouring_bands() -> None:
    found = input_columns(["mag_{band} - mag_{next}", "mag_{band}"], ["g", "r", "i"])
    assert found == ["mag_g - mag_r", "mag_r - mag_i", "mag_g", "mag_r", "mag_i"]
    assert measured_columns(found) == ("mag_g", "mag_r", "mag_i")


def test_standard_scaling_of_colours(table: pd.DataFrame) -> None:
    inputs = ["mag_g - mag_r", "mag_r"]
    train = feature_matrix(select_split(table, "train"), measured_columns(inputs))
    scaler = Scaler.fit(train, inputs, "standard")
    scaled = scaler.transform(train)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-5)
    colours = np.array([1.0, 2.5, 3.0])
    expected = (colours - colours.mean()) / colours.std()
    np.testing.assert_allclose(scaled[:, 0], expected, rtol=1e-5)
    # The row outside has g - r = 20: 17 above the largest colour, whose range is 2.
    fraction, farthest, name = scaler.outside(feature_matrix(table, scaler.columns))
    assert (fraction, farthest, name) == (0.25, 8.5, "mag_g - mag_r")


def test_scaler_uses_the_training_rows_only(table: pd.DataFrame) -> None:
    train = feature_matrix(select_split(table, "train"), COLUMNS)
    scaler = Scaler.fit(train, COLUMNS)
    scaled = scaler.transform(feature_matrix(table, COLUMNS))
    expected = [[0, 0], [0.5, 0.25], [1, 1], [2.5, -4.5]]
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, atol=1e-6)


def test_scaler_agrees_with_scikit_learn() -> None:
    values = np.random.default_rng(3).normal(22, 2, (500, 5)).astype(np.float32)
    columns = [f"c{k}" for k in range(5)]
    expected = MinMaxScaler().fit_transform(values.astype(np.float64))
    scaled = Scaler.fit(values, columns).transform(values)
    np.testing.assert_allclose(scaled, expected, atol=5e-7)


def test_scaler_survives_as_arrays(table: pd.DataFrame, tmp_path) -> None:
    scaler = Scaler.fit(feature_matrix(table, COLUMNS), COLUMNS)
    np.savez(tmp_path / "scaler.npz", **scaler.arrays())
    with np.load(tmp_path / "scaler.npz", allow_pickle=False) as arrays:
        again = Scaler.from_arrays(arrays)
    assert again.columns == ("mag_g", "mag_r")
    np.testing.assert_array_equal(again.scale, scaler.scale)
    np.testing.assert_array_equal(again.offset, scaler.offset)


def test_constant_column_is_named(table: pd.DataFrame) -> None:
    table["mag_g"] = 20.0
    with pytest.raises(InputError, match="mag_g: the column is constant"):
        Scaler.fit(feature_matrix(table, COLUMNS), COLUMNS)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(table: pd.DataFrame, bad: float) -> None:
    table.loc[1, "mag_r"] = bad
    with pytest.raises(InputError, match=r"x\.parquet: mag_r: .* 1 of 4 rows"):
        feature_matrix(table, COLUMNS, file="x.parquet")


def test_nullable_and_text_columns(table: pd.DataFrame) -> None:
    table["mag_g"] = table["mag_g"].astype("Float64")
    assert feature_matrix(table, COLUMNS)[2, 0] == 24.0
    table.loc[0, "mag_g"] = pd.NA
    with pytest.raises(InputError, match="1 of 4 rows"):
        feature_matrix(table, COLUMNS)


def test_band_without_any_value_is_named(table: pd.DataFrame) -> None:
    table["mag_r"] = np.nan
    with pytest.raises(InputError, match="mag_r: no value is finite"):
        feature_matrix(table, COLUMNS)


def test_missing_column_and_empty_selection(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="mag_i: missing column"):
        feature_matrix(table, ["mag_g", "mag_i"])
    with pytest.raises(InputError, match="no galaxy is left"):
        feature_matrix(table.iloc[:0], COLUMNS)
    with pytest.raises(InputError, match="no row with split 'validation'; found train: 3, test: 1"):
        select_split(table, "validation")


def test_target(table: pd.DataFrame) -> None:
    target = target_vector(table)
    assert target.shape == (4, 1) and target.dtype == np.float32
    table.loc[0, "redshift"] = -1.0
    with pytest.raises(InputError, match="impossible redshift"):
        target_vector(table)
