"""Bad inputs, one by one: every reader, with the message shown."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from tests.catalogue_files import write
from tests.shown import Shown

from scripts.survey import read_custom
from transferz.catalogues.columns import load_columns
from transferz.catalogues.description import CatalogueDescription
from transferz.catalogues.reading import read_catalogue, stream_catalogue
from transferz.core.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
BANDS = ["g", "r", "i"]
N = 6
NULLS = [-99, -99.9, 99]

# ------------------------------------------------------------------------------- the readers


def cosmos_table() -> pd.DataFrame:
    numbers = ("lp_zPDF", "lp_zPDF_l68", "lp_zPDF_u68", "lp_chi2_best", "lp_chis")
    return pd.DataFrame(
        {
            "ID": np.arange(1, N + 1),
            "ALPHA_J2000": np.linspace(149.5, 150.5, N),
            "DELTA_J2000": np.linspace(1.8, 2.4, N),
            "FLAG_COMBINED": np.zeros(N, np.int32),
            "HSC_g_MAG_AUTO": np.linspace(20, 25, N),
            "lp_type": np.zeros(N, np.int32),
            **{name: np.linspace(0.4, 1, N) for name in numbers},
            "lp_NbFilt": np.full(N, 30),
        }
    )


def hsc_table() -> pd.DataFrame:
    flags = ("cmodel_flag", "pixelflags_bright_object", "pixelflags_edge", "pixelflags_bad")
    flags += ("pixelflags_saturatedcenter", "pixelflags_interpolatedcenter")
    table = {
        "object_id": 36_411_448_540_268_999 + np.arange(N),
        "ra": np.linspace(149.5, 150.5, N),
        "dec": np.linspace(1.8, 2.4, N),
        "isprimary": np.ones(N, bool),
    }
    for band in BANDS:
        table[f"{band}_cmodel_mag"] = np.linspace(20, 25, N)
        table[f"{band}_cmodel_magsigma"] = np.full(N, 0.1)
        table[f"{band}_extendedness_value"] = np.ones(N)
        table |= {f"{band}_{name}": np.zeros(N, bool) for name in flags}
    return pd.DataFrame(table)


def galaxiesml_table() -> pd.DataFrame:
    hsc = hsc_table()
    magnitudes = [name for name in hsc if name.endswith(("_mag", "_magsigma"))]
    return hsc[["object_id", "ra", "dec", *magnitudes]].assign(
        specz_redshift=np.linspace(0.1, 1, N),
        specz_redshift_err=0.001,
        specz_name=[f"spec-{k}" for k in range(N)],
        specz_flag_homogeneous=True,
    )


def custom_table() -> pd.DataFrame:
    magnitudes = {f"MAG_{band}": np.linspace(20, 25, N) for band in BANDS}
    errors = {f"ERR_{band}": np.full(N, 0.1) for band in BANDS}
    return pd.DataFrame(
        {
            "id": np.arange(1, N + 1),
            "alpha": np.linspace(10, 11, N),
            "delta": np.linspace(-1, 1, N),
            **magnitudes,
            **errors,
            "z": np.linspace(0.1, 1, N),
        }
    )


def archive_reader(catalogue: str, version: str, unique: str | None) -> Callable:
    columns = load_columns(ROOT / "config/columns.tsv", catalogue, version, BANDS)
    return lambda path: read_catalogue(path, columns, unique=unique)


def read_as_custom(path: Path) -> pd.DataFrame:
    columns = dict.fromkeys(("redshift_err", "redshift_l68", "redshift_u68", "split"))
    columns |= {"object_id": "id", "ra": "alpha", "dec": "delta", "redshift": "z"}
    description = {
        "format": "auto",
        "table": None,
        "columns": columns | {"mag": "MAG_{band}", "mag_err": "ERR_{band}"},
        "extra_columns": {},
        "band_names": {},
        "units": {"mag": "mag", "position": "deg"},
        "null_values": NULLS,
        "truth": "photo_z",
        "source": "S",
    }
    return read_custom.read_survey(str(path), description, BANDS, "source")


def read_to_predict(path: Path) -> pd.DataFrame:
    description = {
        "columns": {"object_id": "id", "mag": "MAG_{band}", "mag_err": None},
        "extra_columns": {},
        "band_names": {},
        "missing_bands": [],
        "unit": "mag",
        "null_values": NULLS[:2],
        "non_detection_values": NULLS[2:],
        "min_snr": None,
    }
    described = CatalogueDescription.from_config(description)
    columns = described.to_predict(BANDS, [f"mag_{band}" for band in BANDS])
    pieces = [described.standardised(piece, BANDS) for piece in stream_catalogue(path, columns)]
    return pd.concat(pieces, ignore_index=True)


@dataclass(frozen=True)
class Reader:
    """A reader, a good catalogue for it, and the columns that the cases spoil."""

    suffix: str
    table: Callable[[], pd.DataFrame]
    read: Callable[[Path], pd.DataFrame]
    number: str
    quantity: str
    identifier: str
    position: tuple[str, str] | None
    flag: str | None = None


SUFFIXES = (".fits", ".csv", ".parquet", ".hdf5")
CUSTOM = (custom_table, read_as_custom, "MAG_g", "mag_g", "id", ("alpha", "delta"))
PREDICT = (custom_table, read_to_predict, "MAG_g", "mag_g", "id", None)
READERS = {
    "COSMOS2020": Reader(
        ".fits",
        cosmos_table,
        archive_reader("cosmos2020", "CLASSIC", "cosmos_id"),
        "lp_zPDF",
        "lp_zPDF",
        "ID",
        ("ALPHA_J2000", "DELTA_J2000"),
    ),
    "HSC": Reader(
        ".fits",
        hsc_table,
        archive_reader("hsc", "pdr2", "object_id"),
        "g_cmodel_mag",
        "mag_g",
        "object_id",
        ("ra", "dec"),
        "isprimary",
    ),
    "GalaxiesML": Reader(
        ".csv",
        galaxiesml_table,
        archive_reader("galaxiesml", "1", None),
        "g_cmodel_mag",
        "mag_g",
        "object_id",
        ("ra", "dec"),
        "specz_flag_homogeneous",
    ),
    **{
        f"custom {suffix}": Reader(suffix, *CUSTOM)
        for suffix in (".fits", ".csv", ".parquet", ".hdf5")
    },
    **{
        f"predict {suffix}": Reader(suffix, *PREDICT)
        for suffix in (".fits", ".csv", ".parquet", ".hdf5")
    },
}


# --------------------------------------------------------------------------------- the cases

Make = Callable[[Reader, Path], Path]


def values(which: str, spoilt: object, first: int = 0) -> Make:
    """Put `spoilt` into the column that a reader calls `which`, from row `first` on."""

    def make(reader: Reader, path: Path) -> Path:
        table = reader.table()
        name = column_of(reader, which)
        column = table[name].to_list()
        new = spoilt if isinstance(spoilt, list) else [spoilt]
        column[first : first + len(new)] = new
        return write(table.assign(**{name: column}), path)

    return make


def column_of(reader: Reader, which: str) -> str:
    positions = reader.position or ("", "")
    return {"ra": positions[0], "dec": positions[1]}.get(which) or getattr(reader, which)


def rows(count: int) -> Make:
    return lambda reader, path: write(reader.table().head(count), path)


def renamed(rename: Callable[[str], str]) -> Make:
    return lambda reader, path: write(
        reader.table().rename(columns={reader.number: rename(reader.number)}), path
    )


def content(change: Callable[[bytes], bytes]) -> Make:
    """Write a good catalogue of many rows, then change its bytes."""

    def make(reader: Reader, path: Path) -> Path:
        table = pd.concat([reader.table()] * 500, ignore_index=True)
        table[reader.identifier] = np.arange(1, len(table) + 1)
        path.write_bytes(change(write(table, path).read_bytes()))
        return path

    return make


def twice(reader: Reader, path: Path) -> Path:
    """Give two columns one name; HDF5 cannot hold that."""
    name, table = reader.number, reader.table()
    if ".csv" in path.name:
        write(table.assign(other=1), path)
        path.write_text(path.read_text().replace(",other\n", f",{name}\n", 1))
    elif path.suffix == ".parquet":
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        pq.write_table(arrow.append_column(name, arrow[name]), path)
    else:
        other = "x" * len(name)
        write(table.assign(**{other: 1}), path)
        path.write_bytes(path.read_bytes().replace(other.encode(), name.encode(), 1))
    return path


def many_columns(reader: Reader, path: Path) -> Path:
    """A header of 100,000 columns, of names as long as a careless exporter makes them."""
    names = [f"column_{k}_{'x' * 60}" for k in range(100_000)]
    path.write_text(",".join(names) + "\n" + ",".join("0" * len(names)) + "\n")
    return path


def arrays(reader: Reader, path: Path) -> Path:
    table = reader.table()
    wide = np.ones((N, 3))
    if path.suffix == ".fits":
        astropy_table = Table.from_pandas(table)
        astropy_table[reader.number] = wide
        astropy_table.write(path)
    elif path.suffix == ".parquet":
        table.assign(**{reader.number: list(wide)}).to_parquet(path)
    else:
        write(table.drop(columns=reader.number), path)
        with h5py.File(path, "a") as handle:
            handle[reader.number] = wide
    return path


def shorter(reader: Reader, path: Path) -> Path:
    write(reader.table().drop(columns=reader.number), path)
    with h5py.File(path, "a") as handle:
        handle[reader.number] = np.ones(N - 1)
    return path


def units(unit: str) -> Make:
    return lambda reader, path: write(reader.table(), path, {reader.number: unit})


def masked(reader: Reader, path: Path) -> Path:
    table = reader.table()
    if path.suffix == ".parquet":
        return write(table.assign(**{reader.number: [None, *table[reader.number][1:]]}), path)
    astropy_table = Table.from_pandas(table)
    column = np.ma.MaskedArray(table[reader.number].to_numpy(), [True] + [False] * (N - 1))
    astropy_table[reader.number] = column
    Table(astropy_table, masked=True).write(path)
    return path


def isnull(reader: Reader, path: Path) -> Path:
    """As the HSC archive writes a null: 0 there, and true in a second column."""
    table = reader.table()
    table.loc[0, reader.number] = 0.0
    return write(table.assign(**{f"{reader.number}_isnull": [True] + [False] * (N - 1)}), path)


def zipped(reader: Reader, path: Path) -> Path:
    whole = write(reader.table(), path)
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(whole.read_bytes()))
    return packed


WEB_PAGE = (
    b"<!DOCTYPE html>\n<html><title>Log in</title>\n<body>Your session ended, log in.</body>\n"
)


@dataclass(frozen=True)
class Case:
    """A spoilt catalogue, and what must become of it.

    `outcome` is a pattern of the message, or, for what is accepted, its meaning and a check of the
    table that was read. `only` names readers or suffixes, `but` those that it is not for.
    """

    make: Make
    outcome: str | tuple[str, Callable[[pd.DataFrame, Reader], object]]
    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def suits(self, name: str, reader: Reader) -> bool:
        labels = {name, name.split()[0], reader.suffix, reader.suffix + " file"}
        return not labels & set(self.but) and (not self.only or bool(labels & set(self.only)))


def null(table: pd.DataFrame, reader: Reader) -> bool:
    return table[reader.quantity].isna().tolist() == [True] + [False] * (N - 1)


def unseen(table: pd.DataFrame, reader: Reader) -> bool:
    return np.isposinf(table[reader.quantity]).tolist() == [True] + [False] * (N - 1)


def whole(table: pd.DataFrame, reader: Reader) -> bool:
    return len(table) == N and bool(np.isfinite(table[reader.quantity]).all())


UNIQUE = ("COSMOS2020", "HSC", "custom")
ARCHIVE = ("COSMOS2020", "HSC", "GalaxiesML")
CASES = {
    # Columns.
    "column missing": Case(
        lambda reader, path: write(reader.table().drop(columns=reader.number), path),
        r"missing column",
    ),
    "column with a letter too many": Case(renamed(lambda name: name + "s"), "did you mean '"),
    "column in other case": Case(renamed(str.swapcase), "did you mean '"),
    "column there twice": Case(twice, "column name occurs more than once", but=(".hdf5",)),
    "column of arrays": Case(arrays, "column of arrays; found (shape|type list)", but=(".csv",)),
    "columns of different lengths": Case(shorter, "columns of different lengths", only=(".hdf5",)),
    "100,000 columns, none the right one": Case(many_columns, "missing column", only=(".csv",)),
    # Numbers.
    "text in a column of numbers": Case(
        values("number", [f"{20 + k}.5" for k in range(N - 1)] + ["faint"]),
        "wrong kind; found faint in row 5",
    ),
    "no number in a column of numbers": Case(
        values("number", ["a", "b", "c", "d", "e", "f"]), "wrong kind; found a in row 0 .6 such"
    ),
    "numbers as text": Case(
        values("number", [f"{20 + k}.5" for k in range(N)]), ("the numbers", whole)
    ),
    "number with a decimal comma": Case(
        values("number", ["20,5"] + ["21.5"] * (N - 1)), "wrong kind; found 20,5 in row 0"
    ),
    "NaN": Case(values("number", np.nan), ("no value", null)),
    "masked": Case(masked, ("no value", null), only=(".fits", ".parquet")),
    "0, and true in a column of nulls": Case(isnull, ("no value", null), only=(".fits",)),
    "empty field": Case(values("number", None), ("no value", null), only=(".csv",)),
    "-99": Case(values("number", -99.0), ("no value", null)),
    "99": Case(values("number", 99.0), ("no value", null), only=("HSC", "custom")),
    "99 where it means not detected": Case(
        values("number", 99.0), ("not detected", unseen), only=("predict",)
    ),
    "99 where nothing says that it is none": Case(
        values("number", 99.0),
        (
            "a number, which the cuts on magnitude or redshift remove, or the check of the splits",
            lambda table, reader: table[reader.quantity][0] == 99,
        ),
        only=("COSMOS2020", "GalaxiesML"),
    ),
    "infinity": Case(values("number", np.inf), ("no value", null), but=("predict",)),
    "infinity of a magnitude": Case(
        values("number", np.inf), ("not detected", unseen), only=("predict",)
    ),
    "no value in any row": Case(
        values("number", [np.nan] * N), "without any value", but=("predict",)
    ),
    "no value in any row of one band": Case(
        values("number", [np.nan] * N),
        ("missing band", lambda table, reader: table[reader.quantity].isna().all()),
        only=("predict",),
    ),
    "2 as a flag": Case(
        values("flag", [2, 1, 1, 0, 1, 1]),
        "wrong kind; found 2 in row 0",
        only=("HSC", "GalaxiesML"),
    ),
    # Units.
    "magnitudes said to be nJy": Case(
        units("nJy"), "wrong unit; found nJy; expected mag", but=(".csv", "COSMOS2020")
    ),
    "right ascension said to be radians": Case(
        lambda reader, path: write(reader.table(), path, {reader.position[0]: "rad"}),
        "wrong unit; found rad; expected deg",
        but=(".csv", "predict"),
    ),
    "magnitudes said to be AB mag": Case(
        units("ABmag"), ("magnitudes", whole), only=("custom .hdf5", "custom .parquet", "HSC")
    ),
    # Identifiers and rows.
    "identifier twice": Case(values("identifier", [7, 7]), "same identifier", only=UNIQUE),
    "identifier twice in GalaxiesML": Case(
        values("identifier", [7, 7]),
        (
            "several spectra: the published rules for duplicates decide",
            lambda table, reader: table["object_id"].tolist()[:2] == [7, 7],
        ),
        only=("GalaxiesML",),
    ),
    "identifier twice in a catalogue to predict for": Case(
        values("identifier", [7, 7]),
        ("a row each", lambda table, reader: table["object_id"].tolist()[:2] == [7, 7]),
        only=("predict",),
    ),
    "identifier missing": Case(values("identifier", np.nan), "rows without an identifier"),
    "identifiers as decimals": Case(
        values("identifier", [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]),
        "wrong kind; found 1.5 in row 0",
        but=(".csv",),
    ),
    "identifiers with a point or an e": Case(
        values("identifier", ["330123.4", "12e5", "1.50", "6.0", "7", "08"]),
        (
            "text, digit by digit",
            lambda table, reader: (
                table["object_id"].tolist() == ["330123.4", "12e5", "1.50", "6.0", "7", "08"]
            ),
        ),
        only=(".csv",),
    ),
    "identifiers of 17 digits through a float": Case(
        values("identifier", [3.6411448540268e16 + k for k in range(N)]),
        "wrong kind; found 3.64",
    ),
    "empty table": Case(rows(0), "empty table; found 0 rows"),
    "one row": Case(rows(1), ("one galaxy", lambda table, reader: len(table) == 1)),
    # Positions.
    "right ascension 400": Case(
        values("ra", 400.0),
        "coordinate out of range; found 400.* in row 0",
        but=("predict", "custom"),
    ),
    "right ascension 400 of one's own": Case(
        values("ra", 400.0), "coordinate out of range; found 400", only=("custom",)
    ),
    "right ascension NaN": Case(
        values("ra", np.nan), "coordinate out of range; found nan in row 0", but=("predict",)
    ),
    "declination 91": Case(
        values("dec", 91.0), "coordinate out of range; found 91", but=("predict",)
    ),
    "right ascension 0 and 360": Case(
        values("ra", [0.0, 360.0]), ("positions", whole), but=("predict",)
    ),
    "at the poles": Case(values("dec", [90.0, -90.0]), ("positions", whole), but=("predict",)),
    # Files.
    "path with accents and spaces": Case(
        lambda reader, path: write(reader.table(), path.with_name(f"données d'été α{path.suffix}")),
        ("a name", whole),
    ),
    "gzip": Case(zipped, ("the same", whole), only=(".fits", ".csv")),
    "gzip, cut short": Case(
        lambda reader, path: cut(zipped(reader, path), 0.6), "cut short", only=(".fits", ".csv")
    ),
    "cut short": Case(content(lambda whole: whole[: len(whole) * 3 // 5]), "cut short"),
    "no file": Case(lambda reader, path: path, "file not found"),
    "a folder": Case(lambda reader, path: path.mkdir() or path, "file not found"),
    "empty file": Case(content(lambda whole: b""), "empty file|not a readable"),
    "a web page": Case(content(lambda whole: WEB_PAGE), "web page"),
    "noise": Case(
        content(lambda whole: np.random.default_rng(1).bytes(5000)), "not a readable|missing column"
    ),
    "another format under this name": Case(
        lambda reader, path: rename_to(write(reader.table(), path.with_suffix(".hdf5")), path),
        "not a readable",
        but=(".hdf5",),
    ),
    "text table under this name": Case(
        lambda reader, path: rename_to(write(reader.table(), path.with_suffix(".csv")), path),
        "not a readable",
        but=(".csv",),
    ),
}


def cut(path: Path, share: float) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    return path


def rename_to(path: Path, name: Path) -> Path:
    return path.rename(name)


PAIRS = [
    (name, case)
    for name, reader in READERS.items()
    for case, spoilt in CASES.items()
    if spoilt.suits(name, reader)
]


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_catalogue(name: str, case: str, tmp_path: Path, shown: Shown) -> None:
    reader, spoilt = READERS[name], CASES[case]
    path = spoilt.make(reader, tmp_path / f"catalogue{reader.suffix}")
    if not isinstance(spoilt.outcome, str):
        meaning, check = spoilt.outcome
        assert check(reader.read(path), reader)
        shown.append((name, case, f"accepted: {meaning}"))
        return
    with pytest.raises(InputError) as caught:
        reader.read(path)
    error = caught.value
    message = str(error).replace(f"{tmp_path}/", "")
    assert re.search(spoilt.outcome, message), message
    assert message.startswith(path.name)
    assert error.fix
    assert "\n" not in message
    assert len(message) < 600
    assert error.found is not None
    assert error.expected is not None
    shown.append((name, case, message))
