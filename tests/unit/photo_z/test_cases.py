"""Catalogues as other people write them: the plain answer, or an error that names what helps.

One table of cases; the situations were reported in public to users' tools. `twelve` galaxies are
written in each way, read as the rule `predict` reads them, and given to the API.
"""

from __future__ import annotations

import bz2
import gzip
import io
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from tests.small_run import galaxies, small_run

from transferz import api
from transferz.catalogues.columns import Column
from transferz.catalogues.description import CatalogueDescription
from transferz.catalogues.reading import stream_catalogue
from transferz.core.errors import InputError
from transferz.photo_z.catalogue import PDF_EDGES, predict_catalogue
from transferz.settings.loader import checked

SHARED = Path(__file__).resolve().parents[4] / "shared" / "cases"
BANDS = ("g", "r", "i", "z", "y")
NAMES = [f"{band}_cmodel_mag" for band in BANDS]
# An identifier of SDSS, more digits than a float has.
FIRST = 1237648720693755918
BASE = {
    "columns": {"object_id": "object_id", "mag": "{band}_cmodel_mag"},
    "null_values": [-99, -99.9],
    "non_detection_values": [99, 99.9],
    "extra_columns": {"ra": "ra", "dec": "dec"},
}


def twelve() -> pd.DataFrame:
    """Twelve galaxies with identifiers, positions and five magnitudes."""
    table = galaxies(12, 23, BANDS)
    magnitudes = {name: table[f"mag_{band}"] for name, band in zip(NAMES, BANDS, strict=True)}
    identifiers = FIRST + np.arange(12, dtype=np.int64)
    positions = {"ra": np.linspace(150, 150.5, 12), "dec": np.linspace(2, 2.4, 12)}
    return pd.DataFrame({"object_id": identifiers, **positions, **magnitudes})


@pytest.fixture(name="photo_z", scope="module")
def fixture_photo_z(tmp_path_factory: pytest.TempPathFactory) -> api.PhotoZ:
    """The API of a small run with five bands."""
    return api.load(small_run(tmp_path_factory.mktemp("results"), BANDS), "NN-Combo")


@pytest.fixture(name="plain", scope="module")
def fixture_plain(photo_z: api.PhotoZ) -> pd.DataFrame:
    """The answer for the twelve."""
    table = twelve().rename(columns=dict(zip(NAMES, photo_z.columns, strict=True)))
    return photo_z.predict(table).assign(object_id=table["object_id"])


def answer(photo_z: api.PhotoZ, path: Path, description: Mapping) -> pd.DataFrame:
    """Predict as the rule does, by pieces."""
    described = CatalogueDescription.from_config({**BASE, **description})
    columns = described.to_predict(BANDS, photo_z.columns)
    piece = pd.concat(stream_catalogue(path, columns, how=described.how), ignore_index=True)
    found = photo_z.predict(described.standardised(piece, BANDS))
    return found.assign(object_id=piece["object_id"])


# ------------------------------------------------------------------------------- how to write


def text(change: Callable[[str], str], sep: str = ",") -> Callable[[Path], None]:
    """Write a text table, changed; packed as the name says."""

    def write(path: Path) -> None:
        content = change(twelve().to_csv(index=False, sep=sep)).encode()
        pack = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, lambda whole: whole)
        path.write_bytes(pack(content))

    return write


def line(number: int, change: Callable[[str], str]) -> Callable[[str], str]:
    """Change one line, counted from 1."""

    def changed(content: str) -> str:
        lines = content.splitlines()
        lines[number - 1] = change(lines[number - 1])
        return "\n".join(lines) + "\n"

    return changed


def with_field(content: str) -> str:
    """Add a second column of text, with a comma in row 4."""
    lines = [row.replace(",", ",COSMOS,", 1) for row in content.splitlines()]
    lines[0] = lines[0].replace("COSMOS", "field")
    lines[5] = lines[5].replace("COSMOS", "COSMOS, deep")
    return "\n".join(lines) + "\n"


def row_names(content: str) -> str:
    """As R writes: a number before each row, and no name for it."""
    head, *rows = content.splitlines()
    return "\n".join([head, *(f"{k},{row}" for k, row in enumerate(rows, 1))]) + "\n"


def ecsv(path: Path) -> None:
    table = Table.from_pandas(twelve())
    table["g_cmodel_mag"].unit = "mag"
    table["g_cmodel_mag"] = MaskedColumn(table["g_cmodel_mag"], mask=np.arange(12) == 2)
    table["note"] = ["a b"] * 12
    table.write(path, format="ascii.ecsv")


def masked_hdf5(path: Path) -> None:
    table = Table.from_pandas(twelve())
    table["g_cmodel_mag"] = MaskedColumn(table["g_cmodel_mag"], mask=np.arange(12) == 2)
    table.write(path, path="data", serialize_meta=True)


def masked_votable(path: Path) -> None:
    table = Table.from_pandas(twelve())
    table["g_cmodel_mag"] = MaskedColumn(table["g_cmodel_mag"], mask=np.arange(12) == 2)
    table.write(path, format="votable")


def masked_parquet(path: Path) -> None:
    arrow = pa.Table.from_pandas(twelve(), preserve_index=False)
    masked = pa.array(twelve()["g_cmodel_mag"], mask=np.arange(12) == 2)
    pq.write_table(arrow.set_column(3, "g_cmodel_mag", masked), path)


def isnull(path: Path) -> None:
    table = twelve().assign(g_cmodel_mag_isnull=np.arange(12) == 2)
    table.loc[2, "g_cmodel_mag"] = 0.0
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        Table.from_pandas(table).write(path)


def groups(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as handle:
            for name in names:
                for column in twelve():
                    values = twelve()[column].to_numpy()
                    handle[f"{name}/{column}"] = values.astype(values.dtype.newbyteorder(">"))

    return write


def vaex(path: Path) -> None:
    with h5py.File(path, "w") as handle:
        for column in twelve():
            handle[f"table/columns/{column}/data"] = twelve()[column].to_numpy()
        handle["table/columns/g_cmodel_mag/mask"] = np.arange(12) == 2


def pandas_fixed(path: Path) -> None:
    table = twelve().set_index("object_id")
    with h5py.File(path, "w") as handle:
        group = handle.create_group("df")
        group.attrs["pandas_type"] = np.bytes_("frame")
        group.attrs["nblocks"] = 1
        group["axis1"] = table.index.to_numpy()
        group["axis1"].attrs["name"] = np.bytes_(b"Vobject_id\np0\n.")
        group["block0_items"] = np.array(list(table), dtype="S")
        group["block0_values"] = table.to_numpy()


def pandas_table(path: Path) -> None:
    """As `to_hdf(format="table", data_columns=["g_cmodel_mag"])` writes."""
    table = twelve().set_index("object_id")
    names, field = [name for name in table if name != NAMES[0]], NAMES[0]
    block = ("values_block_0", "<f8", (len(names),))
    rows = np.zeros(12, [("index", "<i8"), block, (field, "<f8")])
    rows["index"], rows["values_block_0"], rows[field] = table.index, table[names], table[field]
    with h5py.File(path, "w") as handle:
        group = handle.create_group("df")
        group.attrs["pandas_type"] = np.bytes_("frame_table")
        info = {1: {"names": [None], "type": "Index"}, "index": {"index_name": "object_id"}}
        group.attrs["info"] = np.bytes_(pickle.dumps(info, 0))
        group["table"] = rows
        group["table"].attrs["index_kind"] = np.bytes_("integer")
        group["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(names, 0))
        group["table"].attrs[f"{field}_kind"] = np.bytes_(pickle.dumps([field], 0))


def hdus(*tables: tuple[str, Callable[[], fits.BinTableHDU]]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        made = [fits.PrimaryHDU()]
        for name, make in tables:
            made.append(make())
            made[-1].name = name
        whole = io.BytesIO()
        fits.HDUList(made).writeto(whole)
        pack = bz2.compress if path.suffix == ".bz2" else lambda content: content
        pack = gzip.compress if path.name == "packed.fits" else pack
        path.write_bytes(pack(whole.getvalue()))

    return write


def binary_table(unit: str | None = None, zero_point: float | None = None) -> fits.BinTableHDU:
    table = Table.from_pandas(twelve())
    for name in NAMES:
        if zero_point is not None:
            table[name] = 10 ** (-0.4 * (table[name] - zero_point))
    hdu = fits.BinTableHDU(table)
    for name in NAMES if unit else ():
        hdu.columns[name].unit = unit
    return hdu


def ascii_table() -> fits.TableHDU:
    columns = [fits.Column("object_id", "A20", array=twelve()["object_id"].astype(str).to_numpy())]
    columns += [fits.Column(n, "F20.15", array=twelve()[n].to_numpy()) for n in list(twelve())[1:]]
    return fits.TableHDU.from_columns(columns)


def image_header() -> fits.BinTableHDU:
    return fits.BinTableHDU.from_columns([fits.Column("Field Header Card", "80A", array=["x"])])


def parts(end: str, change: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table):
    """Write two files into a folder, the second changed, for a pattern as for the folder."""

    def write(path: Path) -> None:
        path = path.parent if "*" in path.name else path
        path.mkdir(exist_ok=True)
        pieces = twelve()[:5], change(twelve()[5:].reset_index(drop=True))
        for number, table in enumerate(pieces):
            into = path / f"part{number}.{end}"
            if end == "csv":
                table.to_csv(into, index=False)
            else:
                getattr(table, f"to_{end}")(into)
        (path / "_metadata").write_text("no rows")

    return write


def damaged_part(path: Path) -> None:
    parts("parquet")(path)
    (path / "part1.parquet").write_bytes(b"PAR1")


def decimals(path: Path) -> None:
    """Decimal magnitudes, binary identifiers."""
    table = twelve()
    columns = {name: [Decimal(repr(value)) for value in table[name]] for name in NAMES}
    identifiers = pa.array([str(k).encode() for k in table["object_id"]], pa.binary())
    others = {name: table[name] for name in ("ra", "dec")}
    pq.write_table(pa.table({"object_id": identifiers, **others, **columns}), path)


def carried_index(path: Path) -> None:
    twelve().set_index("object_id").to_parquet(path)


def unitful(unit: str, zero_point: float | None = None) -> Callable[[Path], None]:
    return hdus(("", lambda: binary_table(unit, zero_point)))


@dataclass(frozen=True)
class Case:
    """A file's name, how it is written, what the description adds, and what must come of it.

    `outcome` is rows without a g band (the others have the plain answer), or an error's pattern.
    """

    name: str
    write: Callable[[Path], None]
    outcome: str | tuple[int, ...] = ()
    add: Mapping = field(default_factory=dict)


UNEVEN = "a line with another number of fields"
COMMENTED = line(6, lambda row: "# the deep field\n" + row)
CASES = {
    # Lines with another number of fields.
    "comma in a text": Case("c.csv", text(with_field), f"{UNEVEN}.*found 10 .* line 6; expected 9"),
    "comma in a text, packed": Case("c.csv.gz", text(with_field), f"{UNEVEN}.*line 6"),
    "row names": Case("c.csv.gz", text(row_names), f"{UNEVEN}.*9 fields in line 2; expected 8"),
    "short line": Case(
        "c.csv", text(line(6, lambda row: row.rsplit(",", 2)[0])), "6 fields in line 6; expected 8"
    ),
    "cut, then packed": Case("c.csv.gz", text(lambda all: all[:-40]), r"line 13; .*cut short"),
    "cut, then packed otherwise": Case("c.csv.bz2", text(lambda all: all[:-40]), "line 13"),
    "short line after a text of two lines": Case(
        "c.tsv",
        text(lambda all: line(4, lambda r: r + "\t1")(all.replace("150.0\t", '"15\n0"\t')), "\t"),
        "9 fields in line 4",
    ),
    # Dialects.
    "names after #": Case("c.csv", text(lambda all: "# " + all)),
    "comments above": Case("c.csv", text(lambda all: "# SQL: select\n#\n" + all)),
    "comment below": Case("c.csv", text(COMMENTED), "comment: .*line 6 begins with #"),
    "comment below, with the key": Case("c.csv", text(COMMENTED), (), {"comment": "#"}),
    "ECSV": Case("c.ecsv", ecsv, (2,)),
    "semicolons": Case("c.csv", text(str, ";")),
    "tabulators in .csv": Case("c.csv", text(str, "\t")),
    "white space": Case(
        "c.txt",
        text(
            lambda all: "\n".join(f"  {row} " for row in all.replace(" ", "   ").split("\n")), " "
        ),
    ),
    "# and white space": Case("c.txt", text(lambda all: "# " + all, " ")),
    "no names": Case(
        "c.csv",
        text(lambda all: all.split("\n", 1)[1]),
        "no line of names; found numbers in line 1",
    ),
    "two delimiters": Case(
        "c.csv", text(lambda all: all.replace(",", ";|")), "delimiter: delimiter not certain"
    ),
    "two delimiters, with the key": Case(
        "c.csv", text(lambda all: all.replace(",", ";")), (), {"delimiter": ";"}
    ),
    "byte-order mark": Case("c.csv", text(lambda all: "\ufeff" + all)),
    "UTF-16": Case("c.csv", lambda p: p.write_text(twelve().to_csv(index=False), "utf-16")),
    "old Macintosh": Case("c.csv", text(lambda all: all.replace("\n", "\r"))),
    "Windows": Case("c.csv", text(lambda all: all.replace("\n", "\r\n"))),
    "Latin-1": Case(
        "c.csv",
        lambda p: p.write_bytes(
            with_field(twelve().to_csv(index=False)).replace("S, d", "é d").encode("latin-1")
        ),
        "encoding: .*latin-1",
        {"extra_columns": {"field": "field"}},
    ),
    "Latin-1, with the key": Case(
        "c.csv",
        lambda p: p.write_bytes(
            with_field(twelve().to_csv(index=False)).replace("S, d", "é d").encode("latin-1")
        ),
        (),
        {"extra_columns": {"field": "field"}, "encoding": "latin-1"},
    ),
    # Masks.
    "mask of HDF5": Case("c.hdf5", masked_hdf5, (2,)),
    "mask of VOTable": Case("c.vot", masked_votable, (2,)),
    "null of Parquet": Case("c.parquet", masked_parquet, (2,)),
    "mask of vaex": Case("c.hdf5", vaex, (2,)),
    **{f"_isnull {end}": Case(f"c{end}", isnull, (2,)) for end in (".fits", ".csv", ".parquet")},
    # Values that no magnitude has.
    **{
        f"{value} is no magnitude": Case(
            "c.csv",
            text(
                line(
                    4, lambda row, v=value: re.sub(r"(.*?,.*?,.*?),[^,]*", rf"\1,{v}", row, count=1)
                )
            ),
            (2,),
        )
        for value in (
            "-9999",
            "-999",
            "1e20",
            "3.4e38",
            "0",
            "98.99",
            "-inf",
            "nan",
            "",
            r"\\N",
            "INDEF",
        )
    },
    "a word of one's own": Case(
        "c.csv",
        text(line(4, lambda row: re.sub(r"(.*?,.*?,.*?),[^,]*", r"\1,*", row, count=1))),
        (2,),
        {"null_values": ["*"]},
    ),
    # Units.
    **{
        f"unit {unit}": Case("c.fits", unitful(unit))
        for unit in ("mag", "ABMAG", "mag (AB)", "[mag]", "AB mag", "magnitude", "mag(AB)")
    },
    "unit mag(ST)": Case(
        "c.fits", unitful("mag(ST)"), "wrong unit; found mag.ST.*known are mag, nJy"
    ),
    "nanomaggies": Case("c.fits", unitful("nanomaggy", 22.5), (), {"unit": "nanomaggy"}),
    "nanomaggies said to be nJy": Case(
        "c.fits", unitful("nanomaggies", 22.5), "found nanomaggies; .*nanomaggy", {"unit": "nJy"}
    ),
    "counts": Case("c.fits", unitful("adu", 27), (), {"unit": "counts", "zero_point": 27}),
    "counts without a zero point": Case(
        "c.fits", unitful("adu", 27), "zero_point", {"unit": "counts"}
    ),
    "zero point of magnitudes": Case("c.fits", unitful("mag"), "zero_point", {"zero_point": 27}),
    "maggies": Case("c.fits", unitful("maggies", 0), (), {"unit": "maggy"}),
    **{
        f"unit {unit}": Case("c.fits", unitful(unit, 23.9), (), {"units": {"mag": "uJy"}})
        for unit in ("muJy", "uJY", "microJy", "uJy", "microjansky")
    },
    # Containers.
    "one group": Case("c.hdf5", groups("photometry")),
    "two groups": Case("c.hdf5", groups("a", "b"), "table: .*found /a, /b.*`table`"),
    "two groups, with the key": Case("c.hdf5", groups("a", "b"), (), {"table": "b"}),
    "HDFStore of pandas": Case("c.h5", pandas_fixed, (), {"extra_columns": {}}),
    "HDFStore of pandas, table": Case("c.h5", pandas_table, (), {"extra_columns": {}}),
    "FITS_LDAC": Case(
        "c.fits", hdus(("LDAC_IMHEAD", image_header), ("LDAC_OBJECTS", binary_table))
    ),
    "ASCII table of FITS": Case("c.fits", hdus(("", ascii_table))),
    "plain, named .gz": Case("c.fits.gz", hdus(("", binary_table))),
    "packed, named .fits": Case("packed.fits", hdus(("", binary_table))),
    "bz2": Case("c.fits.bz2", hdus(("", binary_table))),
    "folder of Parquet": Case("c.parquet", parts("parquet")),
    "folder of any name": Case("c", parts("parquet")),
    "pattern of Parquet": Case("part?.*parquet", parts("parquet")),
    "folder of Feather": Case("c", parts("feather")),
    "pattern of Feather": Case("*.feather", parts("feather")),
    "order of columns, width of numbers": Case(
        "c", parts("parquet", lambda t: t[list(t)[::-1]].astype({"object_id": "uint64"}))
    ),
    "pattern of text": Case(
        "part*.csv", parts("csv"), r"part\*.csv: several files; found 2 .*or as Parquet"
    ),
    "pattern of nothing": Case("*.fits", parts("csv"), r"\*.fits: file not found"),
    **{
        f"part without a column, {end}": Case(
            "c",
            parts(end, lambda t: t.rename(columns={NAMES[0]: "G"})),
            rf"part1.{end}: {NAMES[0]}: missing column",
        )
        for end in ("parquet", "feather")
    },
    "part that is damaged": Case("c", damaged_part, "part1.parquet: not a readable Parquet file"),
    "Feather": Case("c.feather", lambda path: twelve().to_feather(path)),
    "decimal and binary columns": Case("c.parquet", decimals),
    "identifiers in the index": Case("c.parquet", carried_index),
    # Names.
    "carried column named as a magnitude": Case(
        "c.csv", text(str), (), {"extra_columns": {f"mag_{b}": "ra" for b in BANDS}}
    ),
    "without positions": Case(
        "c.csv",
        lambda path: twelve().drop(columns=["ra", "dec"]).to_csv(path, index=False),
        r"extra_columns: \{ra: null, dec: null\}",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, photo_z: api.PhotoZ, plain: pd.DataFrame, tmp_path: Path) -> None:
    it = CASES[case]
    path = tmp_path / it.name
    it.write(path)
    if isinstance(it.outcome, str):
        with pytest.raises(InputError, match=it.outcome):
            answer(photo_z, path, it.add)
        return
    found = answer(photo_z, path, it.add)
    lacking = np.isin(np.arange(12), it.outcome)
    assert found["object_id"].dtype == np.int64
    assert found["object_id"].astype(str).tolist() == plain["object_id"].astype(str).tolist()
    assert found["flag_missing_band"].tolist() == lacking.tolist()
    assert not found["flag_non_detection"].any()
    # Fluxes and magnitudes differ by rounding; nothing else does.
    accuracy = 1e-5 if "unit" in it.add or "units" in it.add else 1e-7
    for name in api.REDSHIFTS:
        np.testing.assert_allclose(
            found[name][~lacking], plain[name][~lacking], rtol=accuracy, atol=accuracy
        )
    if lacking.any():
        table = twelve().rename(columns=dict(zip(NAMES, photo_z.columns, strict=True)))
        without = photo_z.predict(table.assign(mag_g=np.nan))
        np.testing.assert_allclose(found["z_median"][lacking], without["z_median"][lacking])


@pytest.mark.parametrize("case", sorted(path.stem for path in SHARED.glob("*.yaml")) or ["none"])
def test_shared_case(case: str, photo_z: api.PhotoZ) -> None:
    """The files handed over: the answer of `ref`, or an error that names what helps."""
    if not SHARED.is_dir():
        pytest.skip("../shared/cases is not here")
    errors = {
        "bf00": "found nanomaggy.*known are.*nanomaggy",
        "d10_extracomma": "10 fields in line 6",
        "d10b_extracomma_u": "11 fields in line 6",
        "d11_shortline": "6 fields in line 6",
        "d20_rtable_gz": "10 fields in line 2",
        "d21_cut_gz": "5 fields in line 13",
        "d19_noradec": r"extra_columns: \{ra: null, dec: null\}",
    }
    # Rows without a measurement in g.
    lacking = {"c3_masked": [2], "h1_carrymag": [2], "g1_sentinels": list(range(12))}

    def read(name: str) -> pd.DataFrame:
        overlay = yaml.safe_load((SHARED / f"{name}.yaml").read_text())
        description = checked(overlay)["predict"]["catalogue"]
        return answer(photo_z, SHARED / Path(description["path"]).name, description)

    if case == "h2b_collide":
        with pytest.raises(Exception, match="extra_columns: found 'object_id'"):
            read(case)
    elif case in errors:
        with pytest.raises(InputError, match=errors[case]):
            read(case)
    else:
        found, ref = read(case), read("ref")
        whole = ~np.isin(np.arange(12), lacking.get(case, []))
        assert found["object_id"].tolist() == ref["object_id"].tolist()
        flags = found[["flag_missing_band", "flag_non_detection"]].any(axis=1)
        assert flags.tolist() == (~whole).tolist()
        np.testing.assert_array_equal(found["z_ensemble"][whole], ref["z_ensemble"][whole])
        low, high = photo_z.sample.z_trained
        assert found["z_ensemble"].between(low, high).all()


def test_types_of_a_column_in_several_files_are_one(tmp_path: Path) -> None:
    """Null or float in a file without any value, otherwise something else."""
    first, second = twelve()[:5], twelve()[5:]
    first = first.assign(note=None, field=np.nan, g_cmodel_mag=first["g_cmodel_mag"].round(1))
    second = second.assign(note="x", field=np.arange(7), g_cmodel_mag=21)
    for end in ("parquet", "feather"):
        (tmp_path / end).mkdir()
        for number, table in enumerate((first, second)):
            table = table.reset_index(drop=True)
            getattr(table, f"to_{end}")(tmp_path / end / f"{number}.{end}")
        columns = [
            Column("object_id", "object_id", "id"),
            *(Column(name, name, "any") for name in ("note", "field", NAMES[0])),
        ]
        (found,) = stream_catalogue(tmp_path / end, columns)
        assert found["object_id"].tolist() == twelve()["object_id"].tolist()
        assert found["note"].isna().tolist() == [True] * 5 + [False] * 7
        assert found["field"].tolist()[5:] == list(range(7))
        assert found[NAMES[0]].tolist() == [*first[NAMES[0]], *[21] * 7]


@pytest.mark.parametrize("end", ["parquet", "feather"])
def test_text_in_one_file_and_numbers_in_another_are_no_column(tmp_path: Path, end: str) -> None:
    table = twelve()
    text = table.astype({NAMES[1]: str})
    for number, part in enumerate((table, table, text)):
        getattr(part, f"to_{end}")(tmp_path / f"{number}.{end}")
    message = rf"2\.{end}: {NAMES[1]}: a column of another kind than in the files before"
    with pytest.raises(InputError, match=message):
        list(stream_catalogue(tmp_path, [Column("object_id", "object_id", "id")]))


def test_a_flux_that_many_rows_have_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = twelve()
    for name in NAMES:
        table[name] = 10 ** (-0.4 * (table[name] - 25))
    table.loc[[1, 3], NAMES[0]] = [-0.02, -0.01]
    table.loc[[4, 7, 8], NAMES[1]] = -9999
    table.to_parquet(tmp_path / "c.parquet")
    counts = {"unit": "counts", "zero_point": 25}
    described = CatalogueDescription.from_config({**BASE, **counts})
    columns = described.to_predict(BANDS, [f"mag_{band}" for band in BANDS])
    (piece,) = stream_catalogue(tmp_path / "c.parquet", columns)
    found = described.standardised(piece, BANDS)
    described.warn_of_refused()
    assert np.flatnonzero(np.isinf(found["mag_r"])).tolist() == [4, 7, 8]
    assert "mag_r: the flux is -9999 in 3 rows" in caplog.text
    assert "mag_g" not in caplog.text


# ------------------------------------------------------------------------------- identifiers


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".fits", ".hdf5"])
@pytest.mark.parametrize(
    ("first", "kind"), [(FIRST, "i"), (2**63 - 13, "i"), (2**63 + 5, "O"), (2**64 - 20, "O")]
)
def test_identifiers_keep_digits_and_type(
    suffix: str, first: int, kind: str, tmp_path: Path
) -> None:
    identifiers = np.array([first + k for k in range(12)], dtype=np.uint64)
    table = twelve().assign(
        object_id=identifiers if first >= 2**63 - 13 else identifiers.astype(int)
    )
    path = tmp_path / f"c{suffix}"
    if suffix == ".csv":
        table.to_csv(path, index=False)
    elif suffix == ".parquet":
        table.to_parquet(path)
    elif suffix == ".fits":
        Table.from_pandas(table).write(path)
    else:
        with h5py.File(path, "w") as handle:
            for name in table:
                handle[name] = table[name].to_numpy()
    described = CatalogueDescription.from_config(BASE)
    columns = described.to_predict(BANDS, [f"mag_{band}" for band in BANDS])
    (piece,) = stream_catalogue(path, columns)
    assert np.asarray(piece["object_id"]).dtype.kind == kind
    assert piece["object_id"].astype(str).tolist() == [str(first + k) for k in range(12)]


# ----------------------------------------------------------------------------------- the API


def test_a_carried_column_may_have_the_name_of_a_magnitude(
    photo_z, plain, tmp_path, tmp_path_factory
):
    run = small_run(tmp_path_factory.mktemp("run"), BANDS)
    twelve().to_csv(tmp_path / "c.csv", index=False)
    options = {"strategy": "NN-Combo", "seeds": None, "chunk_rows": 4096, "threads": 1}
    paths = (
        tmp_path / "c.csv",
        sorted((run / "models" / "NN-Combo").glob("*.npz")),
        run / "calibration" / "NN-Combo" / "target.npz",
        tmp_path / "c.parquet",
    )
    carried = BASE | {"extra_columns": {"mag_g": "ra"}}
    predict_catalogue(*paths, description=carried, **options)
    found = pd.read_parquet(tmp_path / "c.parquet")
    np.testing.assert_array_equal(found["mag_g"], twelve()["ra"])
    np.testing.assert_array_equal(found["z_ensemble"], plain["z_ensemble"])
    for name in ("object_id", "z_mean", "flag_missing_band"):
        with pytest.raises(InputError, match=f"extra_columns: .*found {name}"):
            taken = BASE | {"extra_columns": {name: "ra"}}
            predict_catalogue(*paths, description=taken, **options)


def api_table(photo_z: api.PhotoZ) -> pd.DataFrame:
    return twelve().rename(columns=dict(zip(NAMES, photo_z.columns, strict=True)))


@pytest.mark.parametrize("value", [-9999, -999, -99, 99, 1e20, 3.4e38, 0, 98.99, -np.inf])
def test_no_magnitude_is_a_missing_band(photo_z, value, caplog):
    table = api_table(photo_z)
    found, expected = (photo_z.predict(table.assign(mag_g=g)) for g in (value, np.nan))
    pd.testing.assert_frame_equal(found, expected)
    if np.isfinite(value):
        assert "mag_g: 12 values are no magnitude between 0 and 50" in caplog.text


@pytest.mark.parametrize("g", [0.1, 5.0, 35.0, 49.9])
def test_predictions_stay_within_what_was_trained_on(photo_z, g):
    found, shares = photo_z.predict(
        api_table(photo_z).assign(mag_g=g, mag_y=50 - g), edges=PDF_EDGES
    )
    low, high = photo_z.sample.z_trained
    assert found["z_ensemble"].between(low, high).all()
    for name in ("z_mean", "z_mode", "z_median", "z_low95", "z_high95"):
        assert found[name].between(0, high).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert (shares[:, PDF_EDGES[:-1] > high] == 0).all()


def test_mean_of_the_written_distribution_is_z_mean(photo_z):
    """Also where much of it would lie below 0 or above all redshifts that were trained on."""
    table = galaxies(300, 5, BANDS)
    table.loc[::3, "mag_g"] -= 4
    table.loc[1::3, "mag_y"] -= 6
    table.loc[::7, "mag_r"] = np.nan
    found, shares = photo_z.predict(table, edges=PDF_EDGES)
    centres = (PDF_EDGES[1:] + PDF_EDGES[:-1]) / 2
    # Half of a class.
    np.testing.assert_allclose(found["z_mean"], shares @ centres, atol=0.01)


def test_astropy_tables_are_tables_and_the_rest_is_refused_in_words(photo_z, plain):
    frame = api_table(photo_z)
    table = Table.from_pandas(frame)
    found = photo_z.predict(table)
    np.testing.assert_array_equal(found["z_median"], plain["z_median"])
    table["mag_g"] = MaskedColumn(table["mag_g"], mask=np.arange(12) == 2)
    table["image"] = np.zeros((12, 3))
    assert photo_z.predict(table)["flag_missing_band"].tolist() == [k == 2 for k in range(12)]
    table["mag_g"] = np.ones(12) * u.nJy
    with pytest.raises(InputError, match="mag_g: wrong unit; found nJy"):
        photo_z.predict(table)
    for wrong in ({"mag_g": [20.0]}, frame.to_numpy(), [20.0], None):
        with pytest.raises(InputError, match=r"not a table; found .*; expected a DataFrame"):
            photo_z.predict(wrong)
        with pytest.raises(InputError, match="not a table"):
            api.evaluate([0.5], wrong)
    twice = pd.concat([frame, frame[["mag_g"]]], axis=1)
    with pytest.raises(InputError, match="mag_g: column name occurs more than once"):
        photo_z.predict(twice)
    with pytest.raises(InputError, match=r"z_median.*missing column"):
        api.evaluate(np.ones(12), frame)


def test_a_truth_that_is_none_is_left_out(photo_z):
    table = galaxies(100, 3, BANDS)
    found = photo_z.predict(table)
    truth = table["redshift"].to_numpy().copy()
    expected = api.evaluate(truth[2:], found[2:])
    for none in (-9.0, -1.0, -99.0, 999.0, 1.8e308, np.nan, np.inf):
        truth[:2] = none
        assert api.evaluate(truth, found) == expected | {"n_without": 2}
    masked = np.ma.array(table["redshift"], mask=np.arange(100) < 2)
    assert api.evaluate(masked, Table.from_pandas(found)) == expected | {"n_without": 2}
    scored = photo_z.score(Table.from_pandas(table), masked)
    assert scored["pit"].isna().tolist() == [True, True] + [False] * 98
    with pytest.raises(InputError, match=r"z_true: not one .*found shape \(99,\)"):
        api.evaluate(truth[1:], found)
    with pytest.raises(InputError, match="nothing to evaluate"):
        api.evaluate(np.full(100, -9.0), found)


def test_truths_in_another_order_are_no_truths(photo_z):
    """Of a Series: a table's rows are known by its index."""
    table = galaxies(100, 3, BANDS)
    found, truth = photo_z.predict(table), table["redshift"]
    expected = api.evaluate(truth, found)
    with pytest.raises(InputError, match="z_true: the rows of the table in another order"):
        api.evaluate(truth.sort_values(), found)
    with pytest.raises(InputError, match="in another order"):
        photo_z.score(table, truth.sort_values())
    assert api.evaluate(truth.sort_values().loc[found.index], found) == expected
    # Rows that have no labels in common are compared by place.
    assert api.evaluate(truth.set_axis(range(500, 600)), found) == expected
