"""Readers: every format against its own library, every bad input with its message."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import fitsio
import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits, votable
from astropy.table import Table
from tests.catalogue_files import write

from transferz.catalogues.columns import Column
from transferz.catalogues.container import ReadingOptions
from transferz.catalogues.converters import integers
from transferz.catalogues.reading import read_catalogue, stream_catalogue
from transferz.core.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = ROOT / "config" / "columns.tsv"

HSC = [
    Column("object_id", "object_id", "id"),
    Column("ra", "ra", "float", "deg"),
    Column("dec", "dec", "float", "deg"),
    Column("isprimary", "isprimary", "flag"),
    Column("mag_g", "g_cmodel_mag", "float", "mag", True, (-99.0, -99.9, np.inf)),
    Column("extra", "not_there", "float", required=False),
]
BIG = 36_411_448_540_268_999  # an HSC identifier: more digits than a float64 holds


def hsc_table(n: int = 7) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "object_id": BIG + np.arange(n, dtype=np.int64),
            "unused": np.arange(n, dtype=np.float32),
            "ra": np.linspace(149.5, 150.5, n),
            "dec": np.linspace(1.8, 2.4, n),
            "isprimary": np.arange(n) % 3 != 0,
            "g_cmodel_mag": np.linspace(20, 26, n).astype(np.float32),
        }
    )


FORMATS = ["a.fits", "a.fits.gz", "a.csv", "a.csv.gz", "a.tsv", "a.parquet", "a.hdf5"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_table(tmp_path: Path, name: str) -> None:
    table = hsc_table()
    catalogue = read_catalogue(write(table, tmp_path / name), HSC, unique="object_id")
    assert list(catalogue) == ["object_id", "ra", "dec", "isprimary", "mag_g"]
    assert catalogue["object_id"].dtype == np.int64
    assert catalogue["object_id"].tolist() == table["object_id"].tolist()
    assert catalogue["isprimary"].dtype == bool
    assert catalogue["isprimary"].tolist() == table["isprimary"].tolist()
    np.testing.assert_array_equal(catalogue["ra"], table["ra"])
    np.testing.assert_array_equal(
        catalogue["mag_g"].astype(np.float32), table["g_cmodel_mag"].to_numpy()
    )
    assert all(dtype.isnative for dtype in (np.dtype(catalogue[c].dtype) for c in ("ra", "mag_g")))


@pytest.mark.parametrize("name", FORMATS)
def test_sentinels_become_nan_in_the_column_precision(tmp_path: Path, name: str) -> None:
    table = hsc_table()
    table.loc[[0, 1, 2, 3], "g_cmodel_mag"] = np.float32([-99, -99.9, np.inf, np.nan])
    catalogue = read_catalogue(write(table, tmp_path / name), HSC)
    assert np.flatnonzero(catalogue["mag_g"].isna()).tolist() == [0, 1, 2, 3]


def test_fits_blocks_agree_with_astropy_and_fitsio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scaled, unsigned, logical, text and null columns, over several blocks."""
    n, rng = 1000, np.random.default_rng(3)
    path = tmp_path / "t.fits"
    scaled = fits.Column("scaled", "I", array=rng.integers(-500, 500, n))
    integer = fits.Column("nullable", "J", array=rng.integers(0, 9, n), null=4)
    unsigned = fits.Column("unsigned", "K", bzero=2**63, array=rng.integers(0, 99, n, np.uint64))
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("object_id", "K", array=BIG + np.arange(n)),
            fits.Column("wide", "300D", array=np.zeros((n, 300))),
            scaled,
            integer,
            unsigned,
            fits.Column("flag", "L", array=rng.random(n) < 0.5),
            fits.Column("name", "5A", array=np.char.add("n", rng.integers(0, 99, n).astype(str))),
            fits.Column("value", "E", array=rng.normal(size=n), unit="uJy"),
            fits.Column("value_isnull", "L", array=np.arange(n) % 10 == 0),
        ]
    )
    hdu.writeto(path)
    fits.setval(path, "TSCAL3", value=0.01, ext=1)
    fits.setval(path, "TZERO3", value=5.0, ext=1)
    monkeypatch.setattr("transferz.catalogues.formats.BLOCK_BYTES", 100_000)
    columns = [
        Column("object_id", "object_id", "id"),
        Column("scaled", "scaled"),
        Column("nullable", "nullable", "int"),
        Column("unsigned", "unsigned", "int"),
        Column("flag", "flag", "flag"),
        Column("name", "name", "text"),
        Column("value", "value", "float", "uJy"),
    ]
    ours = read_catalogue(path, columns)
    with fits.open(path) as hdus:
        theirs = hdus[1].data
        np.testing.assert_array_equal(ours["object_id"], theirs["object_id"])
        np.testing.assert_allclose(ours["scaled"], theirs["scaled"], rtol=1e-12)
        np.testing.assert_array_equal(ours["unsigned"], theirs["unsigned"].astype(np.int64))
        np.testing.assert_array_equal(ours["flag"], theirs["flag"])
        assert ours["name"].tolist() == list(theirs["name"])
        null = theirs["nullable"] == 4
    np.testing.assert_array_equal(ours["nullable"].isna(), null)
    other = fitsio.read(path, columns=["value", "nullable"])
    expected = other["value"].astype(np.float32)
    expected[::10] = np.nan
    np.testing.assert_array_equal(ours["value"].to_numpy(), expected)
    np.testing.assert_array_equal(ours["nullable"][~null], other["nullable"][~null])


def test_columns_of_one_value_per_row_and_what_netcdf_says_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    columns = [Column("a", "a"), Column("b", "b", "any")]
    with h5py.File(path, "w") as handle:
        handle["a"] = np.array([[1.5], [99.9], [2.5]], np.float32)
        handle["b"] = np.array([[1], [2], [3]])
        # In double precision, and as netCDF writes it.
        handle["a"].attrs["_FillValue"] = np.array([99.9])
        handle["b"].attrs["missing_value"] = 3
    for rows in (2, 3):
        found = pd.concat(stream_catalogue(path, columns, chunk_rows=rows))
        np.testing.assert_array_equal(found["a"], [1.5, np.nan, 2.5])
        assert found["b"].isna().tolist() == [False, False, True]
    with h5py.File(path, "a") as handle:
        handle["a"].attrs["scale_factor"] = 2.0
    with pytest.raises(InputError, match=r"a: a scaled column; found the attribute scale_factor"):
        read_catalogue(path, columns)


def test_one_of_several_tables_of_a_votable(tmp_path: Path) -> None:
    path, columns = tmp_path / "a.vot", [Column("a", "a")]
    content = votable.from_table(Table({"a": [1.0]}), table_id="first")
    content.resources.append(votable.from_table(Table({"a": [[2.0], [3.0]]})).resources[0])
    content.to_xml(str(path))
    with pytest.raises(InputError, match="table: several tables in the file; found first, 1"):
        read_catalogue(path, columns)
    for table, expected in (("first", [1.0]), (0, [1.0]), (1, [2.0, 3.0])):
        found = read_catalogue(path, columns, how=ReadingOptions(table=table))
        assert found["a"].tolist() == expected


def test_text_and_compound_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    content = np.zeros(3, dtype=[("id", "S4"), ("z", ">f4")])
    content["id"], content["z"] = [b"a", b"b", b"c"], [0.5, -99, 1.5]
    with h5py.File(path, "w") as handle:
        handle["photometry/table"] = content
    columns = [Column("object_id", "id", "id"), Column("redshift", "z", nulls=(-99.0,))]
    for table in ("photometry", "photometry/table"):
        catalogue = read_catalogue(path, columns, how=ReadingOptions(table=table))
        assert catalogue["object_id"].tolist() == ["a", "b", "c"]
        np.testing.assert_array_equal(catalogue["redshift"], [0.5, np.nan, 1.5])
    with pytest.raises(InputError, match=r"no such group.*name the right one"):
        read_catalogue(path, columns, how=ReadingOptions(table="spectra"))


def test_parquet_integers_with_nulls_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    table = pd.DataFrame(
        {
            "object_id": pd.array([BIG, BIG + 1], dtype="Int64"),
            "flag": pd.array([True, None], dtype="boolean"),
            "count": pd.array([3, None], dtype="Int64"),
        }
    )
    table.to_parquet(path)
    columns = [
        Column("object_id", "object_id", "id"),
        Column("flag", "flag", "flag"),
        Column("count", "count", "int"),
    ]
    catalogue = read_catalogue(path, columns)
    assert catalogue["object_id"].tolist() == [BIG, BIG + 1]
    np.testing.assert_array_equal(catalogue["flag"], [1.0, np.nan])
    np.testing.assert_array_equal(catalogue["count"], [3.0, np.nan])
    table["object_id"] = pd.array([BIG, None], dtype="Int64")
    table.to_parquet(path)
    with pytest.raises(InputError, match="object_id: rows without an identifier; found 1 of 2"):
        read_catalogue(path, columns)


def test_text_identifiers(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("id\n007\n8\n")
    columns = [Column("object_id", "id", "id")]
    assert read_catalogue(path, columns)["object_id"].tolist() == ["007", "8"]
    path.write_text("id\n3.6411448540268e+16\n3.6411448540269e+16\n")
    with pytest.raises(InputError, match=r"id: value of the wrong kind; found 3.64.*not decimals"):
        read_catalogue(path, columns)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (["0", "-5", "12"], [0, -5, 12]),
        (["1", str(2**63 - 1), str(-(2**63))], [1, 2**63 - 1, -(2**63)]),
        *((["1", code], None) for code in ("007", "+5", "-0", "1.0", "1e3", " 5", "", "x")),
        *((["1", str(beyond)], None) for beyond in (2**63, -(2**63) - 1, 10**30)),
    ],
)
def test_integers_are_what_int64_writes(text: list[str], numbers: list[int] | None) -> None:
    for order in (1, -1):
        found = integers(pd.Series(text[::order], dtype="str"))
        assert (None if found is None else found.tolist()) == (numbers and numbers[::order])


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_read_is_the_concatenation_of_the_pieces(tmp_path: Path, name: str) -> None:
    table = hsc_table(10_000)
    table.loc[::7, "g_cmodel_mag"] = np.float32(-99)
    path = write(table, tmp_path / name)
    pieces = list(stream_catalogue(path, HSC, chunk_rows=4096))
    assert [len(piece) for piece in pieces] == [4096, 4096, 1808]
    whole = read_catalogue(path, HSC)
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), whole)
    assert whole["mag_g"].isna().sum() == 1429


@pytest.mark.parametrize("name", ["a.fits", "a.csv", "a.parquet", "a.hdf5"])
def test_a_row_of_a_later_piece_is_named_by_its_number_in_the_file(
    tmp_path: Path, name: str
) -> None:
    table = hsc_table(10_000).astype({"isprimary": np.int32})
    table.loc[5000, "isprimary"] = 2
    path = write(table, tmp_path / name)
    with pytest.raises(InputError, match=r"isprimary: .* wrong kind; found 2 in row 5000"):
        list(stream_catalogue(path, HSC, chunk_rows=4096))


def test_one_column_for_two_quantities(tmp_path: Path) -> None:
    path = write(hsc_table(), tmp_path / "a.csv")
    columns = [Column("a", "ra", nulls=(149.5,)), Column("b", "ra")]
    catalogue = read_catalogue(path, columns)
    assert catalogue["a"].isna().sum() == 1
    assert catalogue["b"].isna().sum() == 0


# ---------------------------------------------------------------------------------- bad input


def change(**columns: object) -> pd.DataFrame:
    return hsc_table().assign(**columns)


BAD = {
    "missing column": (
        lambda p: write(hsc_table().rename(columns={"g_cmodel_mag": "g_cmodel_magn"}), p),
        r"g_cmodel_mag: missing column; found no such name, did you mean 'g_cmodel_magn'\?; "
        r"expected the column that holds mag_g",
    ),
    "column of nulls": (
        lambda p: write(change(g_cmodel_mag=np.float32(-99)), p),
        r"g_cmodel_mag: column without any value; found 7 nulls; expected values of mag_g",
    ),
    "empty table": (
        lambda p: write(hsc_table().head(0), p),
        r"empty table; found 0 rows; expected at least one row",
    ),
    "right ascension": (
        lambda p: write(change(ra=np.linspace(-1, 5, 7)), p),
        r"ra: coordinate out of range; found -1\.0 in row 0 \(1 such rows\); expected degrees",
    ),
    "declination": (
        lambda p: write(change(dec=[0.0, 91, 0, 0, 0, 95, 0]), p),
        r"dec: coordinate out of range; found 91\.0 in row 1 \(2 such rows\)",
    ),
    "no coordinate": (
        lambda p: write(change(ra=[150.0, np.nan, 150, 150, 150, 150, 150]), p),
        r"ra: coordinate out of range; found nan in row 1",
    ),
    "text in numbers": (
        lambda p: write(change(g_cmodel_mag=["20.1", "", "faint", "21", "22", "23", "24"]), p),
        r"g_cmodel_mag: value of the wrong kind; found faint in row 2 .*; expected numbers",
    ),
    "flag": (
        lambda p: write(change(isprimary=[0, 1, 2, 1, 1, 1, 1]), p),
        r"isprimary: value of the wrong kind; found 2 in row 2 .*; expected true or false",
    ),
    "duplicated identifier": (
        lambda p: write(change(object_id=[5, 6, 7, 5, 8, 9, 9]), p),
        r"object_id: the same identifier on several rows; found 2 repeated, the first 5; expected "
        r"one row per object",
    ),
}


@pytest.mark.parametrize("name", ["a.fits", "a.csv", "a.parquet", "a.hdf5"])
@pytest.mark.parametrize("case", list(BAD))
def test_bad_content(tmp_path: Path, case: str, name: str) -> None:
    make, message = BAD[case]
    path = make(tmp_path / name)
    with pytest.raises(InputError, match=message) as caught:
        read_catalogue(path, HSC, unique="object_id")
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_no_file_and_garbage(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(InputError, match="file not found; found nothing of this name"):
        read_catalogue(path, HSC)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"(not a readable|empty file)"):
        read_catalogue(path, HSC)
    path.write_bytes(b"<!DOCTYPE html><title>\xff\xfe Please log in</title>" * 50)
    with pytest.raises(InputError, match=r"not a readable .*DOCTYPE.*a web page saved"):
        read_catalogue(path, HSC)


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "a.csv.gz", "a.parquet", "a.hdf5"])
@pytest.mark.parametrize("kept", [0.2, 0.55, 0.95])
def test_truncated(tmp_path: Path, name: str, kept: float) -> None:
    rng = np.random.default_rng(1)
    table = hsc_table(3000).assign(unused=rng.random(3000))
    path = write(table, tmp_path / name)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match=r"not a readable|no such table"):
        read_catalogue(path, HSC)


def test_truncated_text(tmp_path: Path) -> None:
    path = write(hsc_table(), tmp_path / "a.csv")
    path.write_text(path.read_text()[:-25])
    with pytest.raises(InputError, match=r"found 2 fields in line 8; expected 6, as .* cut short"):
        read_catalogue(path, HSC)


@pytest.mark.parametrize("name", ["a.fits", "a.hdf5"])
def test_wrong_unit(tmp_path: Path, name: str) -> None:
    path = write(hsc_table(), tmp_path / name, {"ra": "deg", "g_cmodel_mag": "mag"})
    read_catalogue(path, HSC)
    path = write(hsc_table(), tmp_path / name, {"ra": "rad"})
    with pytest.raises(InputError, match="ra: wrong unit; found rad; expected deg; convert"):
        read_catalogue(path, HSC)
    path = write(hsc_table(), tmp_path / name, {"g_cmodel_mag": "nJy"})
    with pytest.raises(InputError, match="g_cmodel_mag: wrong unit; found nJy; expected mag"):
        read_catalogue(path, HSC)


@pytest.mark.parametrize("unit", ["ABmag", "mag(AB)", "MAG_AB"])
def test_unit_spellings(tmp_path: Path, unit: str) -> None:
    path = write(hsc_table(), tmp_path / "a.hdf5", {"g_cmodel_mag": unit})
    if unit == "MAG_AB":
        with pytest.raises(InputError, match=r"found MAG_AB.*row of config/columns"):
            read_catalogue(path, HSC)
    else:
        assert len(read_catalogue(path, HSC)) == 7


def test_duplicate_column_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("object_id,ra,dec,isprimary,g_cmodel_mag,ra\n1,1,1,1,20,1\n")
    with pytest.raises(InputError, match="ra: column name occurs more than once; found 2 columns"):
        read_catalogue(path, HSC)
    path = write(hsc_table(), tmp_path / "a.fits")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"'unused  '", b"'dec     '"))
    with pytest.raises(InputError, match="dec: column name occurs more than once"):
        read_catalogue(path, HSC)


def test_wrong_hdu_and_array_column(tmp_path: Path) -> None:
    path = tmp_path / "image.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 3)))]).writeto(path)
    with pytest.raises(InputError, match="HDU 1: not a binary table; found ImageHDU"):
        read_catalogue(path, HSC)
    path = tmp_path / "primary.fits"
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(path)
    with pytest.raises(InputError, match="HDU 1: no such table"):
        read_catalogue(path, HSC)
    for column in (
        fits.Column("ra", "3D", array=np.zeros((2, 3))),
        fits.Column("ra", "PD()", array=np.array([np.zeros(1), np.zeros(2)], dtype=object)),
    ):
        fits.BinTableHDU.from_columns([column]).writeto(path, overwrite=True)
        with pytest.raises(InputError, match="ra: column of arrays"):
            read_catalogue(path, [Column("ra", "ra")])


def test_format_names(tmp_path: Path) -> None:
    path = write(hsc_table(), tmp_path / "a.csv")
    other = path.rename(tmp_path / "données.dat")
    with pytest.raises(InputError, match=r"format not known from the name; expected \.fits"):
        read_catalogue(other, HSC)
    assert len(read_catalogue(other, HSC, how=ReadingOptions(format="csv"))) == 7
    with pytest.raises(InputError, match="unknown file format; found vizier"):
        read_catalogue(other, HSC, how=ReadingOptions(format="vizier"))


# ------------------------------------------------------------------------------ large tables


def test_wide_fits_is_read_in_little_memory(tmp_path: Path) -> None:
    """A sparse stand-in of 320 MB: reading three columns must not hold the file in memory."""
    path = tmp_path / "large.fits"
    rows, width = 80_000, 500
    small = fits.BinTableHDU.from_columns(
        [
            fits.Column("ID", "K", array=np.arange(1)),
            fits.Column("ALPHA_J2000", "D", array=np.zeros(1), unit="deg"),
            *[fits.Column(f"FLUX_{i}", "D", array=np.zeros(1)) for i in range(width - 2)],
        ]
    )
    small.writeto(path)
    with fits.open(path) as hdus:
        start = hdus[1].fileinfo()["datLoc"]
        header = path.read_bytes()[:start]
    card, new = f"NAXIS2  = {1:>20}".encode(), f"NAXIS2  = {rows:>20}".encode()
    assert card in header
    with path.open("wb") as handle:
        handle.write(header.replace(card, new))
        handle.truncate(start + -(-rows * width * 8 // 2880) * 2880)
    code = (
        "import resource, sys\n"
        f"sys.path.insert(0, {str(ROOT / 'workflow')!r})\n"
        "from transferz.catalogues.columns import Column\n"
        "from transferz.catalogues.reading import read_catalogue\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "t = read_catalogue(sys.argv[1], [Column('cosmos_id', 'ID', 'id'),\n"
        "    Column('ra', 'ALPHA_J2000', 'float', 'deg')])\n"
        f"assert len(t) == {rows}\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert int(done.stdout) * 1024 < 150e6, "peak memory above that of the imports"


def test_gzip_csv_is_checked_to_the_end(tmp_path: Path) -> None:
    path = write(hsc_table(500), tmp_path / "a.csv.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises((gzip.BadGzipFile, InputError), match=r".+") as caught:
        read_catalogue(path, HSC)
    assert isinstance(caught.value, InputError)
