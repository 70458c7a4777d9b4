import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from scipy.spatial import cKDTree

from scripts.survey import simulate_survey
from transferz.catalogues.identity import same_objects
from transferz.core.errors import InputError
from transferz.survey import sky
from transferz.survey.filters import HSC_BANDS
from transferz.survey.galaxiesml import DIRT, apportion, draw_targets
from transferz.survey.skymap import tract_and_patch

PARTS = ("training", "validation", "testing")
SETTINGS = {
    "seed": 1,
    "n_transferz": 900,
    "n_galaxiesml": 900,
    "n_control": 500,
    "transferz_density": 100000,
    "faint_limit": 25.0,
    "stars_per_square_degree": 12000,
    "quasars_per_square_degree": 700,
    "transferz_layer": "deep",
    "depth": {
        "wide": {"g": 26.6, "r": 26.2, "i": 26.2, "z": 25.3, "y": 24.5},
        "deep": {"g": 27.3, "r": 26.9, "i": 26.7, "z": 26.3, "y": 25.3},
    },
    "exposure": {
        "wide": {"g": 600, "r": 600, "i": 1200, "z": 1200, "y": 1200},
        "deep": {"g": 2180, "r": 2180, "i": 3010, "z": 7570, "y": 5240},
    },
    "shared_fraction": 0.01,
    "dirt_fraction": 0.1,
    "split_fractions": [0.71429, 0.142855, 0.142855],
    "spectroscopic_surveys": {
        "sdss_main": 40, "gama": 60, "boss_cmass": 40, "vipers": 30, "zcosmos": 20, "eboss_qso": 10,
    },
}  # fmt: skip


def simulate_into(folder: Path, threads: int = 1) -> Path:
    simulate_survey.main(
        folder / "cosmos.fits",
        folder / "hsc.fits",
        folder / "specz.fits",
        [folder / f"{part}.csv" for part in PARTS],
        [folder / "control" / f"{part}.csv" for part in PARTS],
        folder / "truth.parquet",
        embedded=SETTINGS,
        threads=threads,
    )
    return folder


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    return simulate_into(tmp_path_factory.mktemp("survey"))


@pytest.fixture(scope="module")
def cosmos(survey):
    return fits.getdata(survey / "cosmos.fits", 1)


@pytest.fixture(scope="module")
def hsc(survey):
    return fits.getdata(survey / "hsc.fits", 1)


@pytest.fixture(scope="module")
def galaxiesml(survey):
    return pd.concat([pd.read_csv(survey / f"{part}.csv") for part in PARTS], ignore_index=True)


@pytest.fixture(scope="module")
def truth(survey):
    return pd.read_parquet(survey / "truth.parquet")


def test_files_do_not_depend_on_the_number_of_processes(survey, tmp_path):
    again = simulate_into(tmp_path, threads=2)
    for path in sorted(survey.rglob("*.*")):
        other = again / path.relative_to(survey)
        digests = [hashlib.sha256(item.read_bytes()).hexdigest() for item in (path, other)]
        assert digests[0] == digests[1], path.name


def test_cosmos_has_the_genuine_columns_and_every_kind_of_dirt(cosmos):
    for name in ("ID", "ALPHA_J2000", "FLAG_HSC", "FLAG_SUPCAM", "FLAG_UVISTA", "FLAG_UDEEP",
                 "FLAG_COMBINED", "EBV_MW", "lp_type", "lp_zBEST", "lp_zPDF", "lp_zPDF_l68",
                 "lp_zPDF_u68", "lp_zMinChi2", "lp_chi2_best", "lp_chis", "lp_zp_2", "lp_NbFilt",
                 "lp_mass_med", "lp_mass_best", "lp_SFR_best", "lp_model", "ez_z_phot",
                 "ez_z_phot_chi2", "HSC_i_FLUX_APER3", "SC_IB427_FLUX_APER3", "total_off3",
                 "UVISTA_Ks_FLUX_AUTO", "HSC_i_MAG_AUTO"):  # fmt: skip
        assert name in cosmos.names
    assert set(np.unique(cosmos["lp_type"])) == {-99, -9, 0, 1, 2}
    for name in ("FLAG_HSC", "FLAG_SUPCAM", "FLAG_UVISTA", "FLAG_COMBINED"):
        assert 0 < (cosmos[name] != 0).mean() < 0.35
    combined = (cosmos["FLAG_HSC"] | cosmos["FLAG_SUPCAM"] | cosmos["FLAG_UVISTA"]) != 0
    np.testing.assert_array_equal(combined, cosmos["FLAG_COMBINED"] != 0)
    assert np.isnan(cosmos["lp_zBEST"][cosmos["lp_type"] == 2]).all()
    assert (cosmos["lp_zPDF"][cosmos["lp_type"] == -9] == -99).all()
    assert np.isnan(cosmos["lp_zp_2"]).any() and (cosmos["lp_zp_2"] > 0).any()
    assert (cosmos["lp_NbFilt"] <= 8).any()
    magnitudes = cosmos["HSC_g_MAG_AUTO"]
    assert np.isfinite(magnitudes[magnitudes > 0]).mean() == 1.0


def test_positions_are_inside_the_genuine_footprint(cosmos):
    assert cosmos["ALPHA_J2000"].min() > 149.06 and cosmos["ALPHA_J2000"].max() < 151.06
    assert cosmos["DELTA_J2000"].min() > 1.39 and cosmos["DELTA_J2000"].max() < 3.07


def test_labels_are_good_but_not_perfect(cosmos, truth):
    good = (cosmos["FLAG_COMBINED"] == 0) & (cosmos["lp_type"] == 0)
    true = truth[truth["cosmos_id"] > 0].drop_duplicates("cosmos_id").set_index("cosmos_id")
    redshift = true["redshift_true"].reindex(cosmos["ID"][good].astype(int)).to_numpy()
    error = (cosmos["lp_zPDF"][good] - redshift)[redshift > 0] / (1 + redshift[redshift > 0])
    scatter = 1.4826 * np.median(np.abs(error - np.median(error)))
    # Weaver et al. (2022): about 1 per cent for bright galaxies, 2-3 per cent at i = 25.
    assert 0.008 < scatter < 0.035
    assert 0.001 < (np.abs(error) > 0.15).mean() < 0.1


def test_hsc_has_the_genuine_columns_duplicates_and_flags(hsc):
    names = {"object_id", "ra", "dec", "tract", "patch", "isprimary"}
    for band in HSC_BANDS:
        names |= {
            f"{band}_cmodel_mag",
            f"{band}_cmodel_magsigma",
            f"a_{band}",
            f"{band}_extendedness_value",
            f"{band}_inputcount_value",
            f"{band}_cmodel_flag",
        }
        flags = ("bright_object", "edge", "saturatedcenter", "interpolatedcenter", "bad")
        names |= {f"{band}_pixelflags_{flag}" for flag in flags}
    assert names <= set(hsc.names)
    assert len(np.unique(hsc["object_id"])) == len(hsc)
    assert 0 < (~hsc["isprimary"]).mean() < 0.1
    for flag in ("bright_object", "saturatedcenter", "interpolatedcenter"):
        assert hsc[f"i_pixelflags_{flag}"].any() and not hsc[f"i_pixelflags_{flag}"].all()
    assert np.isnan(hsc["y_cmodel_mag"]).any() and set(hsc["i_extendedness_value"]) == {0.0, 1.0}


def test_catalogues_match_up_to_astrometry_blends_and_margins(cosmos, hsc):
    places = [
        np.column_stack([table[ra] * np.cos(np.radians(2.2)), table[dec]]) * 3600.0
        for table, ra, dec in ((cosmos, "ALPHA_J2000", "DELTA_J2000"), (hsc, "ra", "dec"))
    ]
    separation = cKDTree(places[1]).query(places[0])[0]
    assert 0.03 < np.median(separation) < 0.2
    assert 0.85 < (separation < 1.0).mean() < 0.99
    lonely = cKDTree(places[0]).query(places[1])[0]
    assert 0.005 < (lonely > 1.0).mean() < 0.3


def test_galaxiesml_has_its_columns_and_every_kind_of_dirt(galaxiesml, truth):
    rows = truth[truth["file"] == "galaxiesml"]
    assert set(rows["dirt"]) == {"", *DIRT}
    magnitudes = galaxiesml[[f"{band}_cmodel_mag" for band in HSC_BANDS]].to_numpy()
    for null in (-99.0, -99.9, np.inf):
        assert (magnitudes == null).any()
    assert np.isnan(magnitudes).any()
    assert (~galaxiesml["specz_flag_homogeneous"]).any()
    assert galaxiesml["specz_name"].duplicated().any()
    assert galaxiesml["object_id"].duplicated().any()
    relative = galaxiesml["specz_redshift_err"] / (1 + galaxiesml["specz_redshift"])
    assert (relative >= 0.005).any() and (galaxiesml["specz_redshift_err"] <= 0).any()
    assert (galaxiesml["specz_redshift"] < 0.01).any() and (galaxiesml["specz_redshift"] > 4).any()


def test_cleaning_leaves_exactly_what_was_asked_for(galaxiesml, survey):
    clean = published_cleaning(galaxiesml)
    assert len(clean) == SETTINGS["n_galaxiesml"]
    sizes = [len(published_cleaning(pd.read_csv(survey / f"{part}.csv"))) for part in PARTS]
    shares = np.array(sizes) / sum(sizes)
    assert shares == pytest.approx(SETTINGS["split_fractions"], abs=0.02)


def published_cleaning(table: pd.DataFrame) -> pd.DataFrame:
    magnitudes = table[[f"{band}_cmodel_mag" for band in HSC_BANDS]]
    z, error = table["specz_redshift"], table["specz_redshift_err"]
    good = (z > 0.01) & (z < 4) & (error > 0) & (error < 1) & (error < 0.005 * (1 + z))
    good &= ((magnitudes > 0) & (magnitudes < 50)).all(axis=1) & table["specz_flag_homogeneous"]
    table = table[good]
    table = table[~table["object_id"].duplicated(keep=False)]
    return table.drop_duplicates("specz_name")


def test_objects_in_both_catalogues_have_a_number_of_their_own_in_each(galaxiesml, hsc, truth):
    """As in the archive: tract and patch follow from the position, the rest is each layer's own."""
    rows = truth[truth["cosmos_id"] >= 0].groupby("file")
    targets, seen = rows.get_group("galaxiesml"), rows.get_group("hsc")
    both = targets.drop_duplicates("object_id").merge(
        seen, on="cosmos_id", suffixes=("_wide", "_deep")
    )
    both = both.drop_duplicates("object_id_wide")
    assert 5 <= len(both) <= 12
    assert (both["object_id_wide"] != both["object_id_deep"]).all()
    wide = galaxiesml.drop_duplicates("object_id").reset_index(drop=True)
    deep = pd.DataFrame(
        {name: hsc[name].astype(kind) for name, kind in
         (("object_id", np.int64), ("ra", float), ("dec", float), ("isprimary", bool))}
    )  # fmt: skip
    deep = deep[deep.pop("isprimary")].reset_index(drop=True)
    for table in (wide, deep):
        tract, x, y = tract_and_patch(table["ra"].to_numpy(), table["dec"].to_numpy())
        assert (table["object_id"].to_numpy() >> 32 == (tract << 10 | x << 5 | y)).mean() > 0.99
    pairs = same_objects(wide, deep, one_release=False, radius=1.0)
    found = set(
        zip(
            wide["object_id"].to_numpy()[pairs.left[pairs.same]],
            deep["object_id"].to_numpy()[pairs.right[pairs.same]],
            strict=True,
        )
    )
    assert found == set(zip(both["object_id_wide"], both["object_id_deep"], strict=True))


def test_sub_surveys_obey_their_cuts(truth):
    rows = truth[(truth["file"] == "galaxiesml") & (truth["dirt"] == "")].groupby("sub_survey")
    median = rows["redshift_true"].median()
    assert median["sdss_main"] < median["gama"] < median["boss_cmass"]
    assert (
        rows["magnitude_i"].max()["vipers"] < 22.7 and rows["magnitude_i"].max()["zcosmos"] < 22.7
    )
    assert rows["redshift_true"].min()["vipers"] > 0.15
    assert rows["magnitude_i"].max()["sdss_main"] < 18.2


def test_no_row_of_galaxiesml_is_saturated(truth):
    rows = truth[(truth["file"] == "galaxiesml") & (truth["dirt"] == "")]
    # Quasars are points; the light of galaxies is spread, by how much depends on their sizes.
    assert rows.loc[rows["type"] == "quasar", "magnitude_i"].min() > 18.4
    assert rows.loc[rows["type"] == "red", "magnitude_i"].min() > 15.0
    assert 13.0 < rows.loc[rows["type"] == "blue", "magnitude_i"].min() < 17.0


def test_saturated_stars_are_flagged(hsc, truth):
    types = truth[truth["file"] == "hsc"].drop_duplicates("object_id").set_index("object_id")
    stars = types.loc[hsc["object_id"].astype(int), "type"].to_numpy() == "star"
    bright = hsc["i_cmodel_mag"] - hsc["a_i"] < 18.4
    assert (stars & bright).any()
    assert hsc["i_pixelflags_saturatedcenter"][stars & bright].all()
    assert not hsc["i_pixelflags_saturatedcenter"][hsc["i_cmodel_mag"] > 18.8].any()


def test_control_is_fainter_and_further_than_the_target(galaxiesml, survey):
    control = pd.concat([pd.read_csv(survey / "control" / f"{part}.csv") for part in PARTS])
    assert list(control.columns) == list(galaxiesml.columns)
    assert len(control) == SETTINGS["n_control"]
    assert control["i_cmodel_mag"].median() > galaxiesml["i_cmodel_mag"].median() + 2
    assert control["specz_redshift"].median() > galaxiesml["specz_redshift"].median() + 0.2


def test_apportion_adds_up():
    assert apportion([1, 1, 1], 10) == [4, 3, 3]
    assert sum(apportion([0.3, 0.1, 7.0, 2.2], 997)) == 997


def test_clear_errors():
    with pytest.raises(InputError, match="n_transferz"):
        sky.lay_out(400000, 100000, 0)
    with pytest.raises(InputError, match="nonsense"):
        draw_targets({"nonsense": 1.0}, 10, 0, map)
