"""Cuts against pandas by hand; the cut flow; the steps from the archives' files to TransferZ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.catalogues import crossmatch, select_transferz
from transferz.catalogues.cuts import (
    DERIVED,
    TESTS,
    apply_cuts,
    correct_photometry,
    join_cutflows,
    passes,
    unbalanced,
)
from transferz.core.errors import InputError
from transferz.core.products import CUTFLOW_COLUMNS

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = ROOT / "config" / "columns.tsv"
BANDS = ["g", "i"]


def table(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    frame = pd.DataFrame(
        {
            "lp_type": rng.choice([0, 0, 0, 1, 2, -9, -99], n),
            "lp_zPDF": rng.uniform(0, 10, n),
            "lp_chi2_best": rng.uniform(0, 50, n),
            "lp_chis": rng.uniform(0, 50, n),
            "lp_NbFilt": rng.integers(5, 30, n),
            "lp_zp_2": np.where(rng.random(n) < 0.7, np.nan, 2.0),
            "edge_g": rng.random(n) < 0.2,
            "edge_i": rng.random(n) < 0.2,
            "mag_g": np.where(rng.random(n) < 0.1, np.nan, rng.uniform(18, 28, n)),
            "mag_i": rng.uniform(18, 28, n),
        }
    )
    frame["lp_zPDF_l68"] = frame["lp_zPDF"] - rng.uniform(0, 0.5, n)
    frame["lp_zPDF_u68"] = frame["lp_zPDF"] + rng.uniform(0, 0.5, n)
    return frame


T = table()
CASES = {
    "equals": ({"column": "lp_type", "equals": 0}, T["lp_type"] == 0),
    "one of": ({"column": "lp_type", "one_of": [0, 2]}, (T["lp_type"] == 0) | (T["lp_type"] == 2)),
    "open range": (
        {"column": "lp_zPDF", "above": 0.01, "below": 9},
        (T["lp_zPDF"] > 0.01) & (T["lp_zPDF"] < 9),
    ),
    "closed range": (
        {"column": "lp_NbFilt", "min": 8, "max": 20},
        (T["lp_NbFilt"] >= 8) & (T["lp_NbFilt"] <= 20),
    ),
    "all bands": ({"column": "edge_{band}", "equals": False}, ~T["edge_g"] & ~T["edge_i"]),
    "nulls fail": (
        {"column": "mag_{band}", "above": 0, "below": 50},
        T["mag_g"].notna() & (T["mag_g"] > 0) & (T["mag_g"] < 50),
    ),
    "null": ({"column": "lp_zp_2", "is_null": True}, T["lp_zp_2"].isna()),
    "not null": ({"column": "lp_zp_2", "is_null": False}, T["lp_zp_2"].notna()),
    "two columns": (
        {"column": "lp_chi2_best", "below_column": "lp_chis"},
        T["lp_chi2_best"] < T["lp_chis"],
    ),
    "several columns": (
        {"columns": ["edge_{band}", "lp_type"], "equals": 0},
        ~T["edge_g"] & ~T["edge_i"] & (T["lp_type"] == 0),
    ),
    "half width": (
        {"column": "photo_z_half_width", "below": 0.05},
        (T["lp_zPDF_u68"] - T["lp_zPDF"] < 0.05 * (1 + T["lp_zPDF"]))
        & (T["lp_zPDF"] - T["lp_zPDF_l68"] < 0.05 * (1 + T["lp_zPDF"])),
    ),
    "chi-square per filter": (
        {"column": "chi2_per_filter", "below": 1},
        T["lp_chi2_best"] / T["lp_NbFilt"] < 1,
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_cut_is_what_pandas_says(name: str) -> None:
    cut, expected = CASES[name]
    np.testing.assert_array_equal(passes(T, name, cut, BANDS), expected.to_numpy())
    assert 0 < expected.sum() < len(T), "the case would not tell right from wrong"


@pytest.mark.parametrize(
    ("test", "wanted", "expected"),
    [
        ("min", 2, [False, True, True]),
        ("max", 2, [True, True, False]),
        ("above", 2, [False, False, True]),
        ("below", 2, [True, False, False]),
        ("above_column", "two", [False, False, True]),
        ("below_column", "two", [True, False, False]),
    ],
)
def test_a_value_on_the_limit(test: str, wanted: object, expected: list[bool]) -> None:
    frame = pd.DataFrame({"x": [1, 2, 3], "two": 2})
    assert passes(frame, "c", {"column": "x", test: wanted}, BANDS).tolist() == expected


def test_error_of_a_spectroscopic_redshift_is_over_one_plus_z() -> None:
    frame = pd.DataFrame({"redshift": [0.0, 1.0, 3.0], "redshift_err": [0.01, 0.01, 0.01]})
    assert DERIVED["spec_z_relative_err"](frame).tolist() == [0.01, 0.005, 0.0025]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(list(CASES)), unique=True, min_size=1, max_size=6),
    st.integers(1, 200),
)
def test_cut_flow_adds_up(names: list[str], n: int) -> None:
    frame = T.head(n)
    cuts = {name: CASES[name][0] for name in names}
    expected = np.logical_and.reduce([CASES[name][1].to_numpy()[:n] for name in names])
    try:
        selected, flow = apply_cuts(frame, cuts, BANDS)
    except InputError:
        assert not expected.any()
        return
    pd.testing.assert_frame_equal(selected, frame[expected].reset_index(drop=True))
    assert list(flow) == [*CUTFLOW_COLUMNS, "stage"]
    assert flow["step"].tolist() == list(range(1, len(names) + 1))
    assert flow["cut"].tolist() == names
    assert flow["n_in"].iloc[0] == n
    assert flow["n_out"].iloc[-1] == len(selected)
    assert flow["n_in"].tolist()[1:] == flow["n_out"].tolist()[:-1]
    assert (flow["n_in"] == flow["n_out"] + flow["n_removed"]).all()
    np.testing.assert_allclose(flow["fraction"], flow["n_out"] / flow["n_in"])


def test_counts_that_do_not_add_up_are_named() -> None:
    _, flow = apply_cuts(T, {name: CASES[name][0] for name in ("equals", "null")}, BANDS)
    left = flow["n_out"].iloc[-1]
    assert unbalanced(flow, left) == []
    assert unbalanced(flow[:0], 5) == []
    for change in (-1, 1):
        (problem,) = unbalanced(flow, left + change)
        assert problem == f"the last step leaves {left}, the catalogue has {left + change} rows"
        wrong = flow.assign(n_removed=flow["n_removed"] + [change, 0])
        assert unbalanced(wrong, left) == ["equals: n_in is not n_out + n_removed"]
        wrong = flow.assign(
            n_in=flow["n_in"] + [0, change], n_removed=flow["n_removed"] + [0, change]
        )
        assert unbalanced(wrong, left) == ["null: begins with another count than was left"]


def test_joined_cut_flows_are_numbered_from_one() -> None:
    _, flow = apply_cuts(T, {"equals": CASES["equals"][0], "null": CASES["null"][0]}, BANDS)
    joined = join_cutflows(flow, flow)
    assert joined["step"].tolist() == [1, 2, 3, 4]
    assert joined.index.tolist() == [0, 1, 2, 3]
    alone = join_cutflows(flow[1:])
    assert alone["step"].tolist() == [1]


def test_a_cut_set_to_null_is_off_and_order_is_kept() -> None:
    cuts = {
        "b": {"column": "lp_type", "equals": 0},
        "off": None,
        "a": {"column": "mag_i", "max": 25},
    }
    _, flow = apply_cuts(T, cuts, BANDS)
    assert flow["cut"].tolist() == ["b", "a"]


def test_empty_selection_names_the_cut() -> None:
    cuts = {
        "galaxy": {"column": "lp_type", "equals": 0},
        "far": {"column": "lp_zPDF", "above": 20},
        "never reached": {"column": "no_such", "above": 20},
    }
    with pytest.raises(
        InputError,
        match=r"matched: cuts\.far: cut 'far' removed every row; found \d+ rows with lp_zPDF from "
        r"0\.\S+ to \d\.\S+; expected above 20",
    ):
        apply_cuts(T, cuts, BANDS, file="matched")
    with pytest.raises(InputError, match="all null, in mag_g"):
        apply_cuts(T.assign(mag_g=np.nan), {"m": {"column": "mag_{band}", "above": 0}}, BANDS)
    several = {"m": {"columns": ["lp_zPDF", "lp_type"], "above": 20}}
    with pytest.raises(InputError, match="200 rows with lp_zPDF from"):
        apply_cuts(T, several, BANDS)
    letters = T.assign(word=list("abcdefgh") * 25)
    with pytest.raises(InputError, match="200 rows with word in a, b, c, d, e; expected"):
        apply_cuts(letters, {"w": {"column": "word", "equals": "z"}}, BANDS)
    with pytest.raises(InputError, match="200 rows with edge_g in True"):
        apply_cuts(T.assign(edge_g=True), {"e": {"column": "edge_g", "equals": False}}, BANDS)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (
            {"column": "lp_zPDFF", "above": 1},
            r"cuts\.c: no column 'lp_zPDFF'.*did you mean 'lp_zPDF'",
        ),
        ({"column": "lp_zPDF", "abov": 1}, r"cuts\.c\.abov: unknown key of a cut.*'above'"),
        ({"column": "lp_zPDF"}, r"cuts\.c: a cut needs a column and a test"),
        ({"above": 1}, r"cuts\.c: a cut needs a column and a test"),
        ({"column": "text", "above": 1}, r"cuts\.c\.above: the cut compares values of different"),
        ({"column": "spec_z_relative_err", "below": 1}, r"needs a column that the catalogue lacks"),
        ({"column": "lp_zPDF", "below_column": "lp_chi"}, r"no column 'lp_chi'.*`extra_columns`"),
        ({"column": "__import__('os')", "above": 1}, r"no column '__import__"),
    ],
)
def test_bad_cuts(cut: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        apply_cuts(T.assign(text="x"), {"c": cut}, BANDS)


def test_photometric_corrections() -> None:
    frame = pd.DataFrame({"mag_g": [20.0], "mag_i": [19.0], "extinction_g": [0.2], "ebv": [0.1]})
    frame["extinction_i"] = 0.1
    options = {"coefficients": {"g": 3.69, "i": 2.0}, "offsets": {}}
    same = correct_photometry(frame, BANDS, extinction="none", **options)
    pd.testing.assert_frame_equal(same, frame)
    survey = correct_photometry(frame, BANDS, extinction="survey", **options)
    assert survey["mag_g"][0] == pytest.approx(19.8)
    ebv = correct_photometry(frame, BANDS, extinction="ebv", **options)
    assert ebv["mag_g"][0] == pytest.approx(20 - 0.369)
    assert ebv["mag_i"][0] == pytest.approx(18.8)
    moved = correct_photometry(
        frame, BANDS, extinction="none", coefficients={}, offsets={"g": 0.128}
    )
    assert (moved["mag_g"][0], moved["mag_i"][0]) == (pytest.approx(20.128), 19.0)
    assert frame["mag_g"][0] == 20.0
    with pytest.raises(
        InputError, match=r"photometry\.coefficients\.g: no extinction coefficient.*found none"
    ):
        correct_photometry(frame, BANDS, extinction="ebv", coefficients={}, offsets={})
    with pytest.raises(InputError, match=r"coefficients\.i: .*found g; expected A"):
        correct_photometry(frame, BANDS, extinction="ebv", coefficients={"g": 1.0}, offsets={})
    for unknown in ("all", "foo", "zero"):
        with pytest.raises(InputError, match=f"unknown extinction correction; found {unknown}"):
            correct_photometry(frame, BANDS, extinction=unknown, coefficients={}, offsets={})
    with pytest.raises(InputError, match="no column 'extinction_g'"):
        correct_photometry(frame[["mag_g", "mag_i"]], BANDS, extinction="survey", **options)


# A / E(B-V) in the a_{band} columns of the HSC archive (PDR2, PDR3).
ARCHIVE_LAW = {"g": 3.24, "r": 2.276, "i": 1.633, "z": 1.263, "y": 1.075}


def test_two_conventions_of_extinction() -> None:
    """The archive's column and EBV_MW times the default coefficients differ by 14 to 22%."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["photometry"]
    reddening, bands = 0.02, list("grizy")
    frame = pd.DataFrame({f"mag_{band}": [20.0] for band in bands}).assign(ebv=reddening)
    for band, law in ARCHIVE_LAW.items():
        frame[f"extinction_{band}"] = law * reddening

    def removed(extinction: str, coefficients: dict[str, float]) -> np.ndarray:
        settings = {"extinction": extinction, "coefficients": coefficients, "offsets": {}}
        corrected = correct_photometry(frame, bands, **settings)
        return np.array([20.0 - corrected[f"mag_{band}"][0] for band in bands])

    survey = removed("survey", config["coefficients"])
    np.testing.assert_allclose(survey, [0.0648, 0.04552, 0.03266, 0.02526, 0.0215])
    ebv = removed("ebv", config["coefficients"])
    np.testing.assert_allclose(ebv, [0.0738, 0.0543, 0.04, 0.0303, 0.02596])
    np.testing.assert_allclose(ebv / survey, [1.139, 1.193, 1.225, 1.200, 1.207], atol=5e-4)
    # The archive's convention with EBV_MW is a matter of the coefficients.
    np.testing.assert_allclose(removed("ebv", ARCHIVE_LAW), survey)


def test_documented_tests_and_quantities_exist() -> None:
    assert set(TESTS) == {
        *("equals", "one_of", "min", "max", "above", "below"),
        *("above_column", "below_column", "is_null"),
    }
    assert set(DERIVED) == {"photo_z_half_width", "chi2_per_filter", "spec_z_relative_err"}


# ------------------------------------------------------------------- archive files to TransferZ


N = 60


def archive_files(folder: Path, version: str = "CLASSIC", release: str = "pdr2") -> dict[str, str]:
    """Write COSMOS2020 and HSC tables with genuine column names; row k of one is k of the other.

    COSMOS source k is HSC object 1000 + k at 0.1 arcsec; the HSC table has a second, non-primary
    copy of object 0, nearer to its COSMOS source, and is in another order.
    """
    rng = np.random.default_rng(2)
    ra, dec = 150 + 0.01 * np.arange(N), np.full(N, 2.2)
    z = rng.uniform(0.2, 2, N)
    cosmos = pd.DataFrame(
        {
            "ID": np.arange(1, N + 1),
            "ALPHA_J2000": ra,
            "DELTA_J2000": dec,
            "FLAG_COMBINED": np.zeros(N, np.int16),
            "EBV_MW": 0.02,
            "lp_type": np.zeros(N, np.int16),
            "lp_zBEST": z,
            "lp_zPDF": z,
            "lp_zPDF_l68": z - 0.01,
            "lp_zPDF_u68": z + 0.02,
            "lp_chi2_best": 20.0,
            "lp_chis": 200.0,
            "lp_zp_2": np.nan,
            "lp_NbFilt": np.full(N, 30, np.int16),
            "lp_mass_best": 9.5,
            "UVISTA_Ks_FLUX_AUTO": 1.0,
        }
    )
    if version == "FARMER":
        cosmos["MODEL_FLAG"] = 0
    hsc = pd.DataFrame(
        {
            "object_id": 1000 + np.arange(N),
            "ra": ra,
            "dec": dec + 0.1 / 3600,
            "isprimary": True,
            "tract": 9813,
            **{f"{b}_cmodel_mag": rng.uniform(20, 25, N).astype(np.float32) for b in BANDS},
            **{
                f"{b}_cmodel_{'magsigma' if release == 'pdr2' else 'magerr'}": np.float32(0.02)
                for b in BANDS
            },
            **{f"{b}_extendedness_value": 1.0 for b in BANDS},
            **{f"{b}_cmodel_flag": False for b in BANDS},
            **{
                f"{b}_pixelflags_{flag}": False
                for b in BANDS
                for flag in (
                    *("bright_object", "edge", "saturatedcenter", "interpolatedcenter", "bad"),
                )
            },
        }
    )
    # One row for each cut, each failing that cut alone.
    cosmos.loc[1, "FLAG_COMBINED"] = 1
    cosmos.loc[2, "lp_type"] = 1
    cosmos.loc[3, "lp_type"] = -99
    hsc.loc[4, "g_pixelflags_edge"] = True
    hsc.loc[5, "i_pixelflags_bad"] = True
    hsc.loc[6, "i_cmodel_flag"] = True
    hsc.loc[7, "i_extendedness_value"] = 0.0
    hsc.loc[8, "g_cmodel_mag"] = np.nan
    hsc.loc[9, f"g_cmodel_{'magsigma' if release == 'pdr2' else 'magerr'}"] = np.inf
    cosmos.loc[10, ["lp_zPDF", "lp_zPDF_l68", "lp_zPDF_u68"]] = [0.005, 0.004, 0.006]
    cosmos.loc[11, "lp_zPDF_u68"] = z[11] + 0.06 * (1 + z[11])
    cosmos.loc[12, "lp_chis"] = 10.0
    cosmos.loc[13, "lp_chi2_best"] = 160.0
    cosmos.loc[14, "lp_zp_2"] = 3.0
    cosmos.loc[15, "lp_mass_best"] = 6.0
    cosmos.loc[16, "lp_NbFilt"] = 8
    cosmos.loc[17, "lp_zPDF"] = -99.0
    # Not in HSC within an arcsec.
    cosmos.loc[18, "DELTA_J2000"] += 5 / 3600
    copy = hsc.iloc[[0]].assign(object_id=5000, dec=dec[0], isprimary=False)
    hsc = pd.concat([hsc.sample(frac=1, random_state=1), copy], ignore_index=True)
    files = {"cosmos": folder / "cosmos.fits", "hsc": folder / "hsc.fits"}
    for name, frame in (("cosmos", cosmos), ("hsc", hsc)):
        fits_table = Table.from_pandas(frame)
        for column, unit in (("ALPHA_J2000", "deg"), ("DELTA_J2000", "deg"), ("ra", "deg")):
            if column in fits_table.colnames:
                fits_table[column].unit = unit
        fits_table.write(files[name], overwrite=True)
    return {name: str(path) for name, path in files.items()}


CUTS = {
    "clean area": {"column": "flag_combined", "equals": 0},
    "galaxy": {"column": "lp_type", "equals": 0},
    "HSC flags": {"columns": ["edge_{band}", "bad_{band}"], "equals": False},
    "cmodel": {"column": "cmodel_flag_{band}", "equals": False},
    "extended": {"column": "extendedness_i", "equals": 1},
    "magnitudes": {"column": "mag_{band}", "above": 0, "below": 50},
    "magnitude errors": {"column": "mag_err_{band}", "above": 0},
    "redshift range": {"column": "lp_zPDF", "above": 0.01, "below": 9},
    "narrow": {"column": "photo_z_half_width", "below": 0.05},
    "not a star": {"column": "lp_chi2_best", "below_column": "lp_chis"},
    "good fit": {"column": "chi2_per_filter", "below": 5},
    "single peak": {"column": "lp_zp_2", "is_null": True},
    "mass": {"column": "lp_mass_best", "above": 7.5},
    "filters": {"column": "lp_NbFilt", "above": 8},
}
REMOVED = [1, 2, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
PRIMARY = {"primary": {"column": "isprimary", "equals": True}}
NO_CORRECTION = {"extinction": "none", "coefficients": {}, "offsets": {}}


def make_transferz(
    folder: Path, version: str = "CLASSIC", release: str = "pdr2", hsc_cuts: dict | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    files = archive_files(folder, version, release)
    matched, transferz, flow = (folder / n for n in ("matched.parquet", "t.parquet", "flow.csv"))
    crossmatch.main(
        files["cosmos"],
        files["hsc"],
        str(COLUMNS),
        matched,
        bands=BANDS,
        cosmos_version=version,
        hsc_version=release,
        radius=1.0,
        hsc_cuts=PRIMARY if hsc_cuts is None else hsc_cuts,
    )
    select_transferz.main(
        matched, transferz, flow, bands=BANDS, cuts=CUTS, photometry=NO_CORRECTION
    )
    return pd.read_parquet(transferz), pd.read_csv(flow)


def write_as_form(fits_file: str, path: Path, *, true: str, false: str, null: str) -> None:
    """Write a table as the CSV of the HSC archive's form: its query in comments, names in one."""
    table = Table.read(fits_file).to_pandas()
    flags = table.select_dtypes(bool).columns
    table[flags] = table[flags].astype(object).replace({True: true, False: false})
    query = "# SELECT\n#     object_id, ra, dec -- 'all, of it'\n# FROM pdr2_dud.forced\n"
    path.write_text(f"{query}# {table.to_csv(index=False, na_rep=null)}")


@pytest.mark.parametrize("words", [("True", "False", ""), ("t", "f", "null")])
def test_the_csv_of_the_archive_s_form_is_read(tmp_path: Path, words: tuple[str, ...]) -> None:
    """By the entry of the archive mode, with the same galaxies as from FITS."""
    files, tables = archive_files(tmp_path), []
    form = tmp_path / "332211.csv"
    write_as_form(files["hsc"], form, **dict(zip(("true", "false", "null"), words, strict=True)))
    for hsc in (files["hsc"], str(form)):
        settings = {"bands": BANDS, "cosmos_version": "CLASSIC", "hsc_version": "pdr2"}
        crossmatch.main(
            *(files["cosmos"], hsc, str(COLUMNS), tmp_path / "m.parquet"),
            **settings,
            radius=1.0,
            hsc_cuts=PRIMARY,
        )
        out = tmp_path / "t.parquet", tmp_path / "flow.csv"
        select_transferz.main(
            tmp_path / "m.parquet", *out, bands=BANDS, cuts=CUTS, photometry=NO_CORRECTION
        )
        tables.append((pd.read_parquet(out[0]), pd.read_csv(out[1])))
    pd.testing.assert_frame_equal(tables[1][0], tables[0][0], check_dtype=False, rtol=1e-6)
    pd.testing.assert_frame_equal(tables[1][1], tables[0][1])
    assert len(tables[0][0]) == N - 1 - sum(REMOVED)


@pytest.mark.parametrize(("version", "release"), [("CLASSIC", "pdr2"), ("FARMER", "pdr3")])
def test_each_cut_removes_its_row(tmp_path: Path, version: str, release: str) -> None:
    transferz, flow = make_transferz(tmp_path, version, release)
    assert flow["cut"].tolist() == ["primary", "cross-match", *CUTS]
    assert flow["n_removed"].tolist() == [1, 1, *REMOVED]
    assert flow["stage"].tolist() == ["HSC", "match", *["selection"] * len(CUTS)]
    assert flow.loc[1, ["n_in", "n_out"]].tolist() == [N, N - 1]
    assert flow["n_out"].iloc[-1] == len(transferz) == N - 1 - sum(REMOVED)
    assert transferz["object_id"].tolist() == [1000, *range(1019, 1000 + N)]
    np.testing.assert_array_equal(transferz["cosmos_id"], transferz["object_id"] - 999)
    assert "index" not in transferz
    np.testing.assert_allclose(transferz["separation"], 0.1, rtol=1e-5)
    assert set(transferz["truth"]) == {"photo_z"}
    np.testing.assert_allclose(transferz["redshift_u68"] - transferz["redshift"], 0.02)
    np.testing.assert_allclose(transferz["redshift"] - transferz["redshift_l68"], 0.01)
    assert list(transferz)[:3] == ["object_id", "ra", "dec"]


def test_copies_take_a_match_unless_cut_before(tmp_path: Path) -> None:
    transferz, flow = make_transferz(tmp_path, hsc_cuts={})
    assert flow["stage"].tolist()[0] == "match"
    assert 5000 in transferz["object_id"].to_numpy()


def test_default_cuts_of_the_configuration(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    files = archive_files(tmp_path)
    matched, transferz, flow = (tmp_path / n for n in ("matched.parquet", "t.parquet", "f.csv"))
    crossmatch.main(
        files["cosmos"],
        files["hsc"],
        str(COLUMNS),
        matched,
        bands=BANDS,
        cosmos_version=config["catalogues"]["cosmos2020"],
        hsc_version=config["catalogues"]["hsc"],
        radius=config["crossmatch"]["radius"],
        hsc_cuts=config["crossmatch"]["hsc_cuts"],
    )
    select_transferz.main(
        matched,
        transferz,
        flow,
        bands=BANDS,
        cuts=config["selection"]["cuts"],
        photometry=config["photometry"],
    )
    assert pd.read_csv(flow)["n_removed"].tolist() == [1, 1, *REMOVED]


def test_catalogues_of_different_sky(tmp_path: Path) -> None:
    files = archive_files(tmp_path)
    moved = Table.read(files["hsc"])
    moved["dec"] = -30.0
    moved.write(files["hsc"], overwrite=True)
    with pytest.raises(InputError, match=r"crossmatch\.radius: no COSMOS2020 source has an HSC"):
        crossmatch.main(
            files["cosmos"],
            files["hsc"],
            str(COLUMNS),
            tmp_path / "m.parquet",
            bands=BANDS,
            cosmos_version="CLASSIC",
            hsc_version="pdr2",
            radius=1.0,
            hsc_cuts=PRIMARY,
        )
    assert not (tmp_path / "m.parquet").exists()


def test_rebuilt_files_are_identical(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_transferz(tmp_path / name)
        contents.append(
            [
                (tmp_path / name / f).read_bytes()
                for f in ("matched.parquet", "t.parquet", "flow.csv")
            ]
        )
    assert contents[0] == contents[1]
