"""The release: two FITS readers agree on every value; documents, checksums, identical rebuilds."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import warnings
from pathlib import Path

import fitsio
import mlcroissant
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from astropy import units as u
from astropy.io import fits
from astropy.io.votable import ucd
from astropy.table import Table

from scripts.release import release_transferz as release_script
from transferz.core.errors import InputError
from transferz.core.products import write_parquet
from transferz.release.table import describe

BANDS = ["g", "r"]
OUTPUTS = [
    *("TransferZ.fits", "TransferZ.parquet", "TransferZ.csv.gz", "README.md", "DATASHEET.md"),
    *("data_dictionary.csv", "croissant.json", "CITATION.cff", "zenodo.json"),
    *("ro-crate-metadata.json", "SHA256SUMS"),
]
SETTINGS = {
    **{
        "version": "1.0.0",
        "license": "CC-BY-4.0",
        "date": "2026-01-31",
        "url": "https://example.org/",
    },
    "creators": ["Somebody, A.", "Team"],
}
N = 50


def transferz() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "object_id": 36_411_448_540_268_999 + np.arange(N),
            "ra": rng.uniform(149, 151, N),
            "dec": rng.uniform(1, 3, N),
            **{f"mag_{b}": rng.uniform(20, 25, N).astype(np.float32) for b in BANDS},
            **{f"mag_err_{b}": rng.uniform(0, 0.2, N).astype(np.float32) for b in BANDS},
            "redshift": rng.uniform(0.1, 3, N),
            "redshift_l68": 0.1,
            "redshift_u68": 3.0,
            "truth": "photo_z",
            "source": "COSMOS2020",
            "cosmos_id": np.arange(N),
            "separation": rng.uniform(0, 1, N),
            "lp_SFR_best": 0.5,
            "lp_mass_best": np.where(np.arange(N) % 7 == 0, np.nan, 9.5),
        }
    )


FLOW = pd.DataFrame(
    {
        "step": [1, 2],
        "cut": ["cross-match", "galaxy"],
        "description": ["within 1 arcsec", "lp_type = 0, no | <script>, σ"],
        "n_in": [200, 90],
        "n_out": [90, N],
        "n_removed": [110, 90 - N],
        "fraction": [0.45, N / 90],
        "stage": ["match", "selection"],
    }
)
PROVENANCE = {
    **{"n_cosmos": 200, "n_hsc": 300, "radius_arcsec": 1.0},
    **{"cosmos_version": "CLASSIC", "hsc_version": "pdr2"},
    "inputs": {"hsc": {"bytes": 570240, "sha256": "284ad6"}},
}


def build(folder: Path, survey: str = "archive", **settings: object) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    write_parquet(transferz(), folder / "in.parquet", {"transferz": json.dumps(PROVENANCE)})
    FLOW.to_csv(folder / "flow.csv", index=False)
    paths = {name: folder / "release" / name for name in OUTPUTS}
    release_script.main(
        folder / "in.parquet",
        folder / "flow.csv",
        release_script.ReleaseFiles(*paths.values()),
        bands=BANDS,
        survey=survey,
        release={**SETTINGS, **settings},
        extinction="none",
    )
    return paths


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(tmp_path_factory.mktemp("release"))


def test_astropy_and_fitsio_agree_on_every_value(built: dict[str, Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # FITS has the logarithm of a unit (4.0, table 6), astropy does not read it.
        warnings.filterwarnings("ignore", r"'log\(solMass", u.UnitsWarning)
        ours = Table.read(built["TransferZ.fits"], hdu=1, mask_invalid=False)
    theirs = fitsio.read(str(built["TransferZ.fits"]), ext=1)
    expected = transferz()
    assert list(ours.colnames) == list(theirs.dtype.names) == list(expected)
    for name in expected:
        if expected[name].dtype.kind in "if":
            np.testing.assert_array_equal(theirs[name], expected[name].to_numpy())
            np.testing.assert_array_equal(np.asarray(ours[name]), expected[name].to_numpy())
            assert np.asarray(ours[name]).dtype.newbyteorder("=") == expected[name].dtype
        else:
            assert [str(v) for v in ours[name]] == expected[name].tolist()
            assert [str(v).strip() for v in theirs[name]] == expected[name].tolist()


def test_fits_is_verified_and_described(built: dict[str, Path]) -> None:
    with fits.open(built["TransferZ.fits"], checksum=True) as hdus, warnings.catch_warnings():
        warnings.simplefilter("error")
        hdus.verify("exception")
        header = hdus[1].header
        for number, column in enumerate(hdus[1].columns, start=1):
            assert header[f"TCOMM{number}"]
            assert ucd.parse_ucd(header[f"TUCD{number}"], check_controlled_vocabulary=True)
            if column.unit:
                u.Unit(re.sub(r"^log\((.*)\)$", r"\1", column.unit), format="fits")
        units = {column.name: column.unit for column in hdus[1].columns}
        assert (units["ra"], units["mag_g"], units["separation"]) == ("deg", "mag", "arcsec")
        assert units["lp_mass_best"] == "log(solMass)"
        assert units["lp_SFR_best"] == "log(solMass/yr)"
        # What has a unit states it; redshifts, counts and identifiers have none.
        assert {name for name, unit in units.items() if unit} == {
            *("ra", "dec", "separation", "lp_mass_best", "lp_SFR_best"),
            *(f"mag{err}_{band}" for err in ("", "_err") for band in BANDS),
        }
        assert header["EXTNAME"] == "TRANSFERZ"
        assert header["RADIUS"] == 1.0
        history = "".join(header["HISTORY"])
        assert "galaxy: lp_type = 0" in history
        assert "input hsc: 570240 bytes, sha256 284ad6" in history
        assert not any("DATE" in card for part in hdus for card in part.header)


def test_parquet_and_csv_hold_the_same_values(built: dict[str, Path]) -> None:
    expected = transferz()
    parquet = pd.read_parquet(built["TransferZ.parquet"])
    pd.testing.assert_frame_equal(parquet, expected, check_dtype=False)
    schema = pq.read_schema(built["TransferZ.parquet"])
    metadata = schema.field("ra").metadata
    assert metadata[b"unit"] == b"deg"
    assert b"ICRS" in metadata[b"description"]
    assert schema.metadata[b"survey"] == b"archive"
    csv = pd.read_csv(built["TransferZ.csv.gz"], float_precision="round_trip")
    for name in expected:
        if expected[name].dtype == np.float32:
            csv[name] = csv[name].astype(np.float32)
    pd.testing.assert_frame_equal(csv, expected, check_dtype=False, check_exact=True)


def test_checksums_hold(built: dict[str, Path]) -> None:
    folder = built["SHA256SUMS"].parent
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.count(": OK") == len(OUTPUTS) - 1


def test_rebuilt_files_are_identical(built: dict[str, Path], tmp_path: Path) -> None:
    for name, path in build(tmp_path / "elsewhere").items():
        assert path.read_bytes() == built[name].read_bytes(), name
    # gzip: no name, no time.
    assert built["TransferZ.csv.gz"].read_bytes()[3:8] == bytes(5)
    with gzip.open(built["TransferZ.csv.gz"]) as handle:
        assert handle.readline().startswith(b"object_id,ra,dec")


def test_croissant_is_valid_and_loads_the_records(built: dict[str, Path]) -> None:
    dataset = mlcroissant.Dataset(jsonld=str(built["croissant.json"]))
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    version = dataset.metadata.ctx.conforms_to
    assert version is type(version).LATEST_VERSION
    records = list(dataset.records("galaxies"))
    expected = transferz()
    assert len(records) == N
    for name in ("object_id", "mag_g", "redshift"):
        values = [record[f"galaxies/{name}"] for record in records]
        np.testing.assert_array_equal(values, expected[name].to_numpy())
    assert records[0]["galaxies/source"] in (b"COSMOS2020", "COSMOS2020")
    document = json.loads(built["croissant.json"].read_text())
    assert document["datePublished"] == "2026-01-31"
    units = {field["name"]: field.get("unitText") for field in document["recordSet"][0]["field"]}
    assert units["lp_mass_best"] == "log(solMass)"
    assert units["redshift"] is None


def test_the_folder_is_an_ro_crate(built: dict[str, Path]) -> None:
    """The rules of RO-Crate 1.1: descriptor, root, no reference to what is not there."""
    crate = json.loads(built["ro-crate-metadata.json"].read_text())
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert descriptor["conformsTo"]["@id"] == crate["@context"][0].removesuffix("/context")
    assert descriptor["about"] == {"@id": "./"}
    assert {"name", "description", "datePublished", "license"} <= set(root)
    referred = [
        item["@id"]
        for value in root.values()
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, dict)
    ]
    assert set(referred) <= set(entities)
    parts = {item["@id"] for item in root["hasPart"]}
    assert parts == set(OUTPUTS) - {"ro-crate-metadata.json", "SHA256SUMS"}
    for name in parts:
        assert entities[name]["contentSize"] == str(built[name].stat().st_size)
        assert entities[name]["sha256"] in built["SHA256SUMS"].read_text()
    columns = {entities[item["@id"]]["name"] for item in root["variableMeasured"]}
    assert columns == set(transferz())
    assert entities["#lp_SFR_best"]["unitText"] == "log(solMass/yr)"


def test_documents(built: dict[str, Path], tmp_path: Path) -> None:
    text = built["README.md"].read_text()
    assert "Simulated" not in text
    assert f"{N} galaxies" in text
    assert (
        "| 2 | selection | galaxy: lp_type = 0, no \\| &lt;script>, σ | 90 | 50 | 55.6% |" in text
    )
    assert "| `lp_mass_best` | float64 | log(solMass) | phys.mass | 8 |" in text
    for name in transferz():
        assert f"| `{name}` |" in text
    cff = yaml.safe_load(built["CITATION.cff"].read_text())
    assert (cff["type"], cff["version"]) == ("dataset", "1.0.0")
    simulated = build(tmp_path, survey="embedded")
    assert simulated["README.md"].read_text().splitlines()[2].startswith("**Simulated.**")
    assert "Simulated." in json.loads(simulated["croissant.json"].read_text())["description"]
    cff = yaml.safe_load(simulated["CITATION.cff"].read_text())
    assert "(simulated)" in cff["title"]
    assert str(cff["date-released"]) == "2026-01-31"


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="fitsverify is not installed")
def test_fitsverify_finds_nothing(built: dict[str, Path]) -> None:
    done = subprocess.run(["fitsverify", built["TransferZ.fits"]], capture_output=True, text=True)
    assert "0 warning(s) and 0 error(s)" in done.stdout


def test_data_dictionary_has_every_column(built: dict[str, Path]) -> None:
    table = pd.read_csv(built["data_dictionary.csv"], keep_default_na=False).set_index("column")
    assert list(table.index) == list(transferz())
    assert table.loc["lp_mass_best", "n_null"] == 8
    assert table.loc["object_id", "minimum"] == "36411448540268999"
    assert table.loc["mag_g", "unit"] == "mag"
    assert table.loc["source", "maximum"] == ""


def test_datasheet_has_cuts_biases_and_acknowledgements(built: dict[str, Path]) -> None:
    text = built["DATASHEET.md"].read_text()
    for heading in ("Motivation", "Composition", "Collection", "Cuts", "Uses", "Maintenance"):
        assert f"\n## {heading}\n" in text
    assert "From 200 rows of HSC to 50" in text
    assert "Most rows were removed by galaxy (40)." in text
    assert "data archive system, which is operated by the Subaru Telescope" in text
    assert "ESO programme ID 179.A-2005" in text
    assert "### GalaxiesML" in text
    assert "### HSC-SSP PDR2" in text
    assert "PDR3" not in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| 2")]
    bins = [row for row in rows if " to " in row[0]]
    assert sum(int(row[1]) for row in bins) == N


def test_zenodo_metadata(built: dict[str, Path], tmp_path: Path) -> None:
    document = json.loads(built["zenodo.json"].read_text())
    assert document["license"] == "cc-by-4.0"
    assert [creator["name"] for creator in document["creators"]] == ["Somebody, A.", "Team"]
    relations = {item["identifier"]: item["relation"] for item in document["related_identifiers"]}
    assert relations["arXiv:2411.18054"] == "isDescribedBy"
    assert relations["10.3847/1538-4365/ac3078"] == "isDerivedFrom"
    assert relations["10.5281/zenodo.11117528"] == "references"
    assert document["publication_date"] == "2026-01-31"
    simulated = build(tmp_path, survey="embedded")
    document = json.loads(simulated["zenodo.json"].read_text())
    assert document["title"].endswith("(simulated)")


def test_every_column_needs_a_description() -> None:
    with pytest.raises(InputError, match=r"release_columns\.tsv: colour: released columns without"):
        describe(["ra", "colour"], BANDS)
    names = ["mag_g", "mag_r", "extinction_r"]
    assert [item.name for item in describe(names, BANDS)] == names
    assert "in r" in describe(["mag_r"], BANDS)[0].text
