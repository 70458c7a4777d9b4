"""Any table of galaxies, written in any supported form, is read as it was, or is refused."""

from __future__ import annotations

import bz2
import gzip
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.table import MaskedColumn, Table
from hypothesis import event, given, settings
from hypothesis import strategies as st

from transferz.catalogues.description import CatalogueDescription
from transferz.catalogues.reading import stream_catalogue
from transferz.catalogues.units import FLUX_UNITS
from transferz.core.errors import InputError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "blank": " "}
BINARY = ("fits", "parquet", "feather", "vot", "hdf5", "mask.hdf5", "ecsv", "folder.parquet")
# How text spells a value that is none, and numbers that mean it.
SPELLED = (
    "nan",
    "NaN",
    "NULL",
    "None",
    "--",
    r"\N",
    "INDEF",
    "N/A",
    "-99",
    "-99.9",
    "-9999",
    "1e30",
)
IDENTIFIERS = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "text": st.from_regex(r"[A-Za-z][A-Za-z0-9+.]{0,12}", fullmatch=True).filter(
        lambda text: text.lower() not in ("nan", "null", "none", "na", "n", "inf", "true", "false")
    ),
}

magnitudes = st.one_of(st.none(), st.floats(0.01, 49.99, allow_nan=False))


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, pd.DataFrame]:
    """Draw a kind of identifiers and a table of them, two magnitudes and words to carry."""
    kind, rows = draw(st.sampled_from(sorted(IDENTIFIERS))), draw(st.integers(1, 5))

    def column(values: st.SearchStrategy) -> list:
        return draw(st.lists(values, min_size=rows, max_size=rows))

    word = st.text(st.sampled_from("ab ,;|\"é#'0"), max_size=6).map(lambda text: f"w{text}w")
    numbers = {name: np.array(column(magnitudes), dtype=np.float64) for name in ("g", "r")}
    identifiers = pd.Series(column(IDENTIFIERS[kind]), dtype=object)
    return kind, pd.DataFrame({"id": identifiers} | numbers).assign(word=column(word))


def as_text(table: pd.DataFrame, spelled: str) -> pd.DataFrame:
    """Return numbers as Python writes them, exactly, and nulls as `spelled`."""
    return table.assign(
        **{n: [spelled if np.isnan(v) else repr(float(v)) for v in table[n]] for n in ("g", "r")}
    )


def stored(kind: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with identifiers of the type that they are."""
    return table.assign(id=table["id"].astype("str" if kind == "text" else kind))


def write(form: str, kind: str, table: pd.DataFrame, path: Path) -> None:
    """Write a table in a form that is not of separators."""
    table = stored(kind, table)
    if form.endswith("parquet"):
        if form.startswith("folder"):
            path.mkdir()
            table[:1].to_parquet(path / "0.parquet", index=False)
            table[1:].to_parquet(path / "1.parquet", index=False)
        else:
            table.to_parquet(path, index=False)
    elif form == "feather":
        table.to_feather(path)
    elif form == "hdf5":
        with h5py.File(path, "w") as handle:
            for name in table:
                if table[name].dtype.kind in "iuf":
                    handle[name] = table[name].to_numpy()
                else:
                    handle[name] = np.array(table[name].to_list(), h5py.string_dtype())
    else:
        made = Table({name: list(table[name]) for name in table})
        if kind != "text":
            made["id"] = np.array(table["id"])
        # Masked: what lies below is a number that means something.
        for name in ("g", "r"):
            mask = np.isnan(table[name].to_numpy())
            made[name] = MaskedColumn(np.where(mask, 21.0, table[name]), mask=mask)
        if form == "fits":
            for name in ("g", "r"):
                made[name] = made[name].filled(np.nan)
            made["word"] = np.array([text.encode() for text in table["word"]])
            if kind == "text":
                made["id"] = np.array([text.encode() for text in table["id"]])
            made.write(path)
        elif form == "ecsv":
            made.write(path, format="ascii.ecsv")
        elif form == "vot":
            made.write(path, format="votable")
        else:
            for name in ("word", "id") if kind == "text" else ("word",):
                made[name] = np.array([text.encode() for text in table[name]])
            made.write(path, path="t", serialize_meta=True)


def read(path: Path, **description: object) -> pd.DataFrame:
    """Read as the rule `predict` does."""
    described = CatalogueDescription.from_config(
        {
            "columns": {"object_id": "id", "mag": "{band}"},
            "null_values": [-99, -99.9],
            "extra_columns": {"word": "word"},
            **description,
        }
    )
    columns = described.to_predict(["g", "r"], ["mag_g", "mag_r"])
    piece = pd.concat(stream_catalogue(path, columns, how=described.how), ignore_index=True)
    return described.standardised(piece, ["g", "r"])


def check(found: pd.DataFrame, table: pd.DataFrame, accuracy: float = 0.0) -> None:
    assert found["object_id"].astype(str).tolist() == [str(k) for k in table["id"]]
    small = all(isinstance(k, int) and -(2**63) <= k < 2**63 for k in table["id"])
    assert (found["object_id"].dtype == np.int64) == small
    for name in ("g", "r"):
        np.testing.assert_allclose(found[f"mag_{name}"], table[name], rtol=accuracy, atol=accuracy)
    assert found["carried word"].tolist() == table["word"].tolist()


@settings(max_examples=50, deadline=None)
@given(
    tables(),
    st.sampled_from(sorted(SEPARATORS)),
    st.sampled_from(SPELLED),
    st.sampled_from(["", ".gz", ".bz2"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "# note\n", "\ufeff", "# "]),
)
def test_text(
    drawn: tuple[str, pd.DataFrame], separator: str, spelled: str, packed: str, end: str, above: str
) -> None:
    _, table = drawn
    sep = SEPARATORS[separator]
    written = as_text(table, spelled)
    content = above + written.to_csv(index=False, sep=sep, lineterminator=end, quotechar='"')
    pack = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[packed]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"c.csv{packed}"
        path.write_bytes(pack(content.encode()))
        try:
            found = read(path)
        except InputError:
            # Not certain, and said so.
            event("refused")
            return
        check(found, table)


@settings(max_examples=45, deadline=None)
@given(tables(), st.sampled_from(BINARY))
def test_other_formats(drawn: tuple[str, pd.DataFrame], form: str) -> None:
    kind, table = drawn
    if form == "vot" and kind == "uint64":
        # VOTable has no such type.
        table, kind = table.assign(id=table["id"].map("i{}".format)), "text"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"c.{form}"
        write(form, kind, table, path)
        check(read(path), table)


@settings(max_examples=25, deadline=None)
@given(tables(), st.sampled_from([*sorted(FLUX_UNITS), "counts"]), st.floats(15, 30))
def test_fluxes(drawn: tuple[str, pd.DataFrame], unit: str, zero_point: float) -> None:
    kind, table = drawn
    counts = unit == "counts"
    flux_of_zero = 10 ** (0.4 * zero_point) if counts else FLUX_UNITS[unit]
    fluxes = {name: flux_of_zero * 10 ** (-0.4 * table[name]) for name in ("g", "r")}
    description = {"unit": unit} | ({"zero_point": zero_point} if counts else {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.parquet"
        stored(kind, table.assign(**fluxes)).to_parquet(path, index=False)
        check(read(path, **description), table, 1e-9)


@pytest.mark.parametrize("value", [-9999.0, -999.0, 0.0, 50.0, 98.99, 1e20, 3.4e38, -np.inf])
def test_values_that_no_magnitude_has(value: float, tmp_path: Path) -> None:
    table = pd.DataFrame({"id": [1, 2], "g": [value, 20.0], "r": [21.0, 22.0], "word": ["a", "b"]})
    table.to_parquet(tmp_path / "c.parquet", index=False)
    found = read(tmp_path / "c.parquet")
    if np.isfinite(value):
        assert np.isnan(found["mag_g"][0])
    else:
        assert not np.isfinite(found["mag_g"][0])
    assert found["mag_g"][1] == 20.0
