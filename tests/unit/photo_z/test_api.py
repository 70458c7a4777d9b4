"""The public API and the catalogue predictor: documented example, flags, rows, chunks, formats."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from tests.small_run import galaxies, small_run

from transferz import api
from transferz.catalogues.columns import Column
from transferz.catalogues.description import CatalogueDescription
from transferz.catalogues.reading import stream_catalogue
from transferz.catalogues.writers import ROW_GROUP, TableWriter
from transferz.core.errors import InputError
from transferz.photo_z.catalogue import PDF_EDGES, predict_catalogue

BANDS = ["g", "r", "i"]
COLUMNS = [f"mag_{band}" for band in BANDS]
CATALOGUE = {
    "format": "auto",
    "table": None,
    "columns": {"object_id": "ID", "mag": "{band}_mag", "mag_err": None},
    "band_names": {"i": "i2"},
    "missing_bands": [],
    "unit": "mag",
    "null_values": [-99.0],
    "non_detection_values": [99.0],
    "min_snr": None,
    "extra_columns": {"ra": "RA"},
}


@pytest.fixture(name="results", scope="module")
def fixture_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of untrained networks."""
    return small_run(tmp_path_factory.mktemp("results"))


@pytest.fixture(name="photo_z", scope="module")
def fixture_photo_z(results: Path) -> api.PhotoZ:
    """The ensemble of four networks."""
    return api.load(results, "NN-Combo")


def test_the_documented_example_runs(results, monkeypatch, capsys):
    lines = re.findall(r"^>>> (.*)$", api.__doc__, flags=re.MULTILINE)
    assert len(lines) == 5
    monkeypatch.chdir(results.parent)
    example = "\n".join(lines).replace('"results"', f'"{results.name}"')
    exec(example, {"galaxies": galaxies(2000, 2)})
    scatter, coverage = map(float, capsys.readouterr().out.split())
    assert 0 < scatter < 1
    assert coverage == pytest.approx(0.68, abs=0.05)


def test_members_are_the_networks_and_their_median_is_the_estimate(photo_z, results):
    table = galaxies(100, 3)
    members, _ = photo_z.ensemble.members(table[COLUMNS].to_numpy(np.float32))
    assert members.shape == (100, 4)
    found = photo_z.predict(table)
    # Within the redshifts that were trained on.
    limits = photo_z.sample.z_trained
    median = np.clip(np.median(members, axis=1), *limits)
    np.testing.assert_allclose(found["z_ensemble"], median, rtol=1e-6)
    np.testing.assert_allclose(found["z_spread"], members.std(axis=1, ddof=1), rtol=1e-4)
    two = api.load(results, "NN-Combo", seeds=[1, 3]).predict(table)
    median = np.clip(members[:, [1, 3]].mean(axis=1), *limits)
    np.testing.assert_allclose(two["z_ensemble"], median, rtol=1e-6)


def test_intervals_nest_and_flags_say_what_was_lacking(photo_z):
    table = galaxies(6, 4)
    table.loc[1, "mag_g"] = np.nan
    table.loc[2, "mag_r"] = np.inf
    table.loc[3, COLUMNS] = np.nan
    table.loc[4, "mag_g"] = 5.0
    found = photo_z.predict(table)
    assert list(found.columns) == [*api.REDSHIFTS, *api.FLAGS]
    assert found["flag_missing_band"].tolist() == [False, True, False, True, False, False]
    assert found["flag_non_detection"].tolist() == [False, False, True, False, False, False]
    assert found["flag_out_of_distribution"].tolist()[3:5] == [True, True]
    assert found["z_median"].isna().tolist() == [False, False, False, True, False, False]
    kept = found[found["z_median"].notna()]
    order = kept[["z_low95", "z_low68", "z_median", "z_high68", "z_high95"]].to_numpy()
    assert (np.diff(order, axis=1) >= 0).all()


def test_intervals_hold_for_galaxies_that_lack_a_band(photo_z):
    """Calibrated on galaxies that lack the same band."""
    table = galaxies(4000, 5)
    full = api.evaluate(table["redshift"], photo_z.predict(table))
    lacking = api.evaluate(table["redshift"], photo_z.predict(table.assign(mag_g=np.nan)))
    assert lacking["coverage_68"] == pytest.approx(0.68, abs=0.05)
    assert lacking["coverage_95"] == pytest.approx(0.95, abs=0.03)
    assert lacking["width_68"] != full["width_68"]


def test_a_non_detection_is_predicted_like_a_missing_band_and_flagged_otherwise(photo_z):
    table = galaxies(400, 5)
    unseen = photo_z.predict(table.assign(mag_g=np.inf))
    missing = photo_z.predict(table.assign(mag_g=np.nan))
    np.testing.assert_array_equal(unseen[list(api.REDSHIFTS)], missing[list(api.REDSHIFTS)])
    assert unseen["flag_non_detection"].all()
    assert not unseen["flag_missing_band"].any()


def test_a_galaxy_does_not_depend_on_its_company(photo_z):
    table = galaxies(300, 6)
    table.loc[::7, "mag_r"] = np.nan
    whole = photo_z.predict(table)
    pieces = pd.concat([photo_z.predict(table[:101]), photo_z.predict(table[101:])])
    pd.testing.assert_frame_equal(whole, pieces)


def test_scores_of_single_galaxies(photo_z):
    table = galaxies(500, 7)
    found = photo_z.score(table, table["redshift"].to_numpy())
    inside = (table["redshift"] >= found["z_low68"]) & (table["redshift"] <= found["z_high68"])
    by_pit = found["pit"].between(0.16, 0.84)
    assert (inside == by_pit).mean() > 0.995
    assert (found["crps"] > 0).all()
    assert found["crps"].mean() < (found["z_median"] - table["redshift"]).abs().mean() + 0.01


def test_a_wrong_table_is_named(photo_z, results):
    with pytest.raises(InputError, match="mag_i: missing column"):
        photo_z.predict(galaxies(3, 8).drop(columns="mag_i"))
    with pytest.raises(InputError, match="no trained network"):
        api.load(results, "NN-Combu")
    with pytest.raises(InputError, match="calibration sample not found"):
        api.load(results, "NN-Combo", calibrated_on="source")
    with pytest.raises(InputError, match="seeds"):
        api.load(results, "NN-Combo", seeds=[7])


def test_a_seed_in_two_files_is_an_error(results, tmp_path):
    """Chunks left over from a run with another seeds.per_job, even if other seeds are wanted."""
    shutil.copytree(results, tmp_path / "run")
    models = tmp_path / "run" / "models" / "NN-Combo"
    shutil.copy(models / "seeds-000-001.npz", models / "seeds-001-001.npz")
    with pytest.raises(InputError, match=r"001-001\.npz: networks of two runs; found seed 0"):
        api.load(tmp_path / "run", "NN-Combo", seeds=[2, 3])


# ------------------------------------------------------------------------ whole catalogues


def user_catalogue(n: int) -> pd.DataFrame:
    """A catalogue with names of its own, some bands missing or not detected."""
    table = galaxies(n, 9).rename(
        columns={"mag_g": "g_mag", "mag_r": "r_mag", "mag_i": "i2_mag", "object_id": "ID"}
    )
    table["RA"] = np.linspace(0, 300, n)
    table.loc[3, "g_mag"] = -99.0
    table.loc[5, "r_mag"] = 99.0
    table.loc[8, ["g_mag", "r_mag", "i2_mag"]] = np.nan
    return table[["ID", "RA", "g_mag", "r_mag", "i2_mag"]]


def write(table: pd.DataFrame, path: Path) -> Path:
    """Write a catalogue in the format of the file's name."""
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".hdf5":
        with h5py.File(path, "w") as handle:
            for name in table:
                values = table[name].to_numpy()
                handle[name] = values.astype("S") if values.dtype.kind in "OUT" else values
    elif path.suffix == ".fits":
        Table.from_pandas(table).write(path)
    else:
        table.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")
    return path


def run(results: Path, catalogue: Path, folder: Path, **changes: object) -> pd.DataFrame:
    """Predict a catalogue and read what was written."""
    options = {"chunk_rows": 4096, "description": CATALOGUE, "pdf": None} | changes
    folder.mkdir(exist_ok=True)
    predict_catalogue(
        catalogue,
        sorted((results / "models" / "NN-Combo").glob("*.npz")),
        results / "calibration" / "NN-Combo" / "target.npz",
        folder / "photo_z.parquet",
        strategy="NN-Combo",
        seeds=[0, 1],
        threads=1,
        **options,
    )
    return pd.read_parquet(folder / "photo_z.parquet")


@pytest.mark.parametrize("name", ["c.csv", "c.csv.gz", "c.parquet", "c.fits", "c.hdf5"])
def test_every_format_gives_every_row_in_its_order(results, tmp_path, name):
    table = user_catalogue(5000)
    found = run(results, write(table, tmp_path / name), tmp_path / "out")
    assert found["object_id"].tolist() == table["ID"].tolist()
    np.testing.assert_allclose(found["ra"], table["RA"])
    assert np.flatnonzero(found["flag_missing_band"]).tolist() == [3, 8]
    assert np.flatnonzero(found["flag_non_detection"]).tolist() == [5]
    assert np.flatnonzero(found["z_median"].isna()).tolist() == [8]


def test_bytes_do_not_depend_on_the_chunks(results, tmp_path):
    path = write(user_catalogue(20_000), tmp_path / "c.parquet")
    files = []
    for rows in (1, 9000, 10**6):
        folder = tmp_path / str(rows)
        run(results, path, folder, chunk_rows=rows, pdf=folder / "pdf.hdf5")
        files.append(
            ((folder / "photo_z.parquet").read_bytes(), (folder / "pdf.hdf5").read_bytes())
        )
    assert files[0] == files[1] == files[2]


def test_distributions_are_a_file_of_qp(results, tmp_path):
    path = write(user_catalogue(200), tmp_path / "c.csv")
    found = run(results, path, tmp_path / "out", pdf=tmp_path / "pdf.hdf5")
    with h5py.File(tmp_path / "pdf.hdf5") as handle:
        assert handle["meta/pdf_name"][0] == b"hist"
        np.testing.assert_array_equal(handle["meta/bins"][0], PDF_EDGES)
        share = handle["data/pdfs"][:] * np.diff(PDF_EDGES)
        np.testing.assert_array_equal(handle["ancil/object_id"][:], found["object_id"])
    np.testing.assert_allclose(share.sum(axis=1), 1.0, atol=1e-5)
    below = np.cumsum(share, axis=1)
    median = PDF_EDGES[1:][(below < 0.5).sum(axis=1)]
    known = found["z_median"].notna().to_numpy()
    assert np.abs(median - found["z_median"])[known].max() < 0.03


def test_fluxes_are_magnitudes_and_a_negative_flux_is_a_non_detection(results, tmp_path):
    table = user_catalogue(100).drop(index=[3, 5, 8])
    magnitudes = run(results, write(table, tmp_path / "m.parquet"), tmp_path / "m")
    fluxes = table.copy()
    for name in ("g_mag", "r_mag", "i2_mag"):
        fluxes[name] = 10 ** (-0.4 * (table[name] - 23.9))
    fluxes.loc[0, "g_mag"] = -0.1
    changes = {"description": CATALOGUE | {"unit": "uJy"}}
    found = run(results, write(fluxes, tmp_path / "f.parquet"), tmp_path / "f", **changes)
    assert found["flag_non_detection"].tolist() == [True] + [False] * 96
    np.testing.assert_allclose(found["z_median"][1:], magnitudes["z_median"][1:], rtol=1e-4)


@pytest.mark.parametrize("unit", ["mag", "nJy"])
def test_below_a_signal_to_noise_ratio_nothing_is_detected(unit):
    """The second galaxy is at 4 sigma, the third at 6, the fourth has no error."""
    flux, error = np.array([500.0, 40.0, 60.0, 40.0]), np.array([5.0, 10.0, 10.0, np.nan])
    table = pd.DataFrame({"mag_g": flux, "mag_err_g": error})
    if unit == "mag":
        table = pd.DataFrame(
            {"mag_g": 31.4 - 2.5 * np.log10(flux), "mag_err_g": 1.0857 * error / flux}
        )
    description = CATALOGUE | {"unit": unit, "min_snr": 5}
    found = CatalogueDescription.from_config(description).standardised(table, ["g"])
    assert np.isposinf(found["mag_g"]).tolist() == [False, True, False, False]
    np.testing.assert_allclose(found["mag_g"][2], 31.4 - 2.5 * np.log10(60.0), atol=1e-3)
    without = CatalogueDescription.from_config(description | {"min_snr": None})
    assert np.isfinite(without.standardised(table, ["g"])["mag_g"]).all()


def test_a_signal_to_noise_ratio_needs_errors():
    description = CATALOGUE | {"min_snr": 5}
    with pytest.raises(InputError, match=r"columns\.mag_err: predict\.catalogue\.min_snr needs it"):
        CatalogueDescription.from_config(description).to_predict(BANDS, COLUMNS)
    columns = {"object_id": "ID", "mag": "{band}_mag", "mag_err": "{band}_err"}
    described = CatalogueDescription.from_config(description | {"columns": columns})
    read = described.to_predict(BANDS, COLUMNS)
    names = {column.quantity: column.name for column in read}
    assert names["mag_err_i"] == "i2_err"


def test_a_band_that_the_catalogue_lacks_is_missing_everywhere(results, tmp_path):
    table = user_catalogue(50).drop(columns="i2_mag")
    changes = {"description": CATALOGUE | {"missing_bands": ["i"]}}
    found = run(results, write(table, tmp_path / "c.csv"), tmp_path / "out", **changes)
    assert found["flag_missing_band"].all()
    assert found["z_median"].notna().sum() == 49
    with pytest.raises(InputError, match="i2_mag"):
        run(results, tmp_path / "c.csv", tmp_path / "out")


def test_a_catalogue_of_identifiers_and_magnitudes_is_enough(results, tmp_path):
    """The default's columns to carry are set to null, for an empty mapping would keep them."""
    path = write(user_catalogue(50).drop(columns="RA"), tmp_path / "c.csv")
    changes = {"description": CATALOGUE | {"extra_columns": {"ra": None}}}
    found = run(results, path, tmp_path / "out", **changes)
    assert list(found) == ["object_id", *api.REDSHIFTS, *api.FLAGS]
    assert found["z_median"].notna().sum() == 49


@pytest.mark.parametrize("name", ["c.csv", "c.tsv", "c.parquet", "c.fits", "c.hdf5"])
def test_carried_columns_keep_type_and_value(results, tmp_path, name):
    table = user_catalogue(5000)
    carried = {
        "hsc": 36_411_448_540_268_999 + np.arange(5000),
        "field": np.where(np.arange(5000) % 2, "COSMOS", "EN1"),
        "star": np.arange(5000) % 3 == 0,
        "weight": np.linspace(0, 1, 5000) / 3,
    }
    path = write(table.assign(**carried), tmp_path / name)
    changes = {"description": CATALOGUE | {"extra_columns": {key: key for key in carried}}}
    found = run(results, path, tmp_path / "out", **changes)
    for key, values in carried.items():
        assert found[key].tolist() == values.tolist()
    schema = pq.read_schema(tmp_path / "out" / "photo_z.parquet")
    types = [str(schema.field(key).type).removeprefix("large_") for key in carried]
    assert types == ["int64", "string", "bool", "double"]


@pytest.mark.parametrize("name", ["c.csv", "c.parquet"])
def test_carried_columns_keep_nulls(results, tmp_path, name):
    """A null far down the file changes no type, for the pieces are of one type."""
    table = user_catalogue(5000)
    table["hsc"] = pd.array(36_411_448_540_268_999 + np.arange(5000), dtype="Int64")
    table["star"] = pd.array(np.arange(5000) % 3 == 0, dtype="boolean")
    table["field"] = "COSMOS"
    table.loc[4500, ["hsc", "star", "field"]] = None
    names = {key: key for key in ("hsc", "star", "field")}
    changes = {"description": CATALOGUE | {"extra_columns": names}}
    run(results, write(table, tmp_path / name), tmp_path / "out", **changes)
    found = pq.read_table(tmp_path / "out" / "photo_z.parquet")
    for key in names:
        assert found[key].null_count == 1
        assert found[key][4499].as_py() == table[key][4499]
        assert found[key][4500].as_py() is None


def test_types_of_a_text_table(tmp_path):
    """Digits that a number would change stay text; the last row decides as much as the first."""
    rows = ["1,007,6917528997577384320,1.5,true,7", "2,008,6917528997577384321,2,FALSE,x"]
    path = tmp_path / "c.csv"
    path.write_text("a,b,c,d,e,f\n" + "\n".join(rows) + "\n,,,,,\n", encoding="utf-8")
    (piece,) = stream_catalogue(path, [Column(name, name, "any") for name in "abcdef"])
    assert [str(dtype) for dtype in piece.drop(columns="object_id").dtypes] == [
        *("Int64", "str", "Int64", "float64", "boolean", "str")
    ]
    assert piece["c"][0] == 6917528997577384320
    assert piece["b"][1] == "008"
    assert piece["f"].tolist()[:2] == ["7", "x"]
    assert piece.loc[2, list("abcdef")].isna().all()


@pytest.mark.parametrize(("last", "kind"), [("17", "i"), ("J1000+02", "O")])
def test_identifiers_are_integers_only_if_all_are(tmp_path, last, kind):
    lines = ["ID,g_mag", *(f"{k},20.0" for k in range(6000)), f"{last},21.0"]
    path = tmp_path / "c.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    columns = [Column("object_id", "ID", "id"), Column("mag_g", "g_mag")]
    pieces = list(stream_catalogue(path, columns, chunk_rows=4096))
    assert [len(piece) for piece in pieces] == [4096, 1905]
    kinds = {np.asarray(piece["object_id"]).dtype.kind for piece in pieces}
    assert kinds == {kind}


def test_a_cut_file_leaves_no_output(results, tmp_path):
    path = write(user_catalogue(5000), tmp_path / "c.fits")
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"c\.fits"):
        run(results, path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_row_groups_are_of_one_size(tmp_path):
    with TableWriter(tmp_path / "t.parquet") as output:
        for first in range(0, 150_000, 10_000):
            output.write(pd.DataFrame({"x": np.arange(first, first + 10_000)}))
    with pq.ParquetFile(tmp_path / "t.parquet") as parquet:
        groups = [parquet.metadata.row_group(k).num_rows for k in range(parquet.num_row_groups)]
        assert groups == [ROW_GROUP, ROW_GROUP, 150_000 - 2 * ROW_GROUP]
        assert parquet.read()["x"].to_pylist() == list(range(150_000))
