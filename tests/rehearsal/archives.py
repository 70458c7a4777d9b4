"""What the archives hold, in their own formats and columns, filled by the embedded survey.

Sources of the formats
- CLASSIC: 763 columns, gzip, an ESO phase-3 table (its extension name, nulls of integers by TNULL).
  Those that the workflow reads have their own names; the others follow the release's README
  (quantity by band and aperture), and are empty.
- GalaxiesML: the columns of its documentation (Zenodo 11117528), the morphology included.
- Spectra: the columns of the compilation over COSMOS, DR1.1 (github cosmosastro/speczcompilation).
- HSC: the table `forced` with the 803 columns of pdr2_dud, from a dump of the archive's schema
  (hsc_forced_columns.txt). An answer has a column `<name>_isnull` beside each; ids are int64,
  magnitudes float32. Server and client talk as hscReleaseQuery.py does.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shlex
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits
from astropy.table import Table

from scripts.survey import simulate_survey
from tests.loopback import Archive
from transferz.settings.loader import checked

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("training", "validation", "testing")
CLASSIC_COLUMNS = 763
BANDS = (
    *("CFHT_u", "CFHT_ustar", *(f"HSC_{band}" for band in "grizy")),
    *(f"UVISTA_{band}" for band in ("Y", "J", "H", "Ks", "NB118")),
    *(f"SC_IB{number}" for number in (427, 464, 505, 574, 709, 827)),
    *(f"SC_IA{number}" for number in (484, 527, 624, 679, 738, 767)),
    *(f"SC_{band}" for band in ("NB711", "NB816", "B", "gp", "V", "rp", "ip", "zp", "zpp")),
    "ACS_F814W",
)
MEASURED = ("FLUX", "FLUXERR", "MAG", "MAGERR")
MORPHOLOGY = (
    *("isophotal_area", "major_axis", "minor_axis", "peak_surface_brightness", "petro_rad"),
    *("pos_angle", *(f"central_image_pop_{pixels}px_rad" for pixels in (5, 10, 15))),
)
API = "datasearch/api/catalog_jobs/"
ACCOUNT = {"account_name": "someone@local", "password": "a secret of the rehearsal"}


def simulate(folder: Path, n: int) -> Path:
    """Simulate the embedded survey with `n` galaxies of each data set into `folder`; return it."""
    sizes = {"n_transferz": n, "n_galaxiesml": n, "n_control": 500}
    csv = [f"5x127x127_{part}_with_morphology.csv" for part in PARTS]
    simulate_survey.main(
        folder / "COSMOS2020_CLASSIC.fits",
        folder / "hsc_pdr2.fits",
        folder / "specz_compilation.fits",
        [folder / name for name in csv],
        [folder / "control" / name for name in csv],
        folder / "truth.parquet",
        embedded=checked({"embedded": sizes})["embedded"],
        threads=2,
    )
    return folder


# ---------------------------------------------------------------------------------- CLASSIC


def classic_names(known: list[str]) -> list[str]:
    """Return `known` and as many names after the pattern of the release as it has columns."""
    by_band = [
        f"{band}_{kind}_{aperture}"
        for band in BANDS
        for aperture in ("APER2", "APER3", "AUTO", "ISO")
        for kind in MEASURED
    ]
    by_band += [f"{band}_FLAGS" for band in BANDS]
    others = ["X_IMAGE", "Y_IMAGE", "FLUX_RADIUS", "KRON_RADIUS", "total_off2", "lp_zp_2"]
    fillers = [f"ez_p{number:03d}" for number in range(CLASSIC_COLUMNS)]
    names = list(dict.fromkeys([*known, *others, *by_band, *fillers]))
    return names[:CLASSIC_COLUMNS]


def write_classic(simulated: Path, path: Path) -> None:
    """Write COSMOS2020 CLASSIC as the archives serve it."""
    known = fits.getdata(simulated, 1)
    names = classic_names(known.names)
    kinds = {name: known.dtype[name].newbyteorder("=") for name in known.names}
    kinds |= {name: np.dtype("i2") for name in names if name.endswith("_FLAGS")}
    rows = np.full(len(known), -99, [(name, kinds.get(name, np.dtype("f4"))) for name in names])
    for name in names:
        if name in known.names:
            rows[name] = known[name]
        elif kinds.get(name) is None:
            rows[name] = np.nan
    table = fits.BinTableHDU(rows, name="PHASE3CATALOG")
    for number, name in enumerate(names, 1):
        if rows.dtype[name] == np.int16:
            table.header[f"TNULL{number}"] = -99
        if name in ("ALPHA_J2000", "DELTA_J2000"):
            table.header[f"TUNIT{number}"] = "deg"
    content = io.BytesIO()
    table.writeto(content)
    path.write_bytes(gzip.compress(content.getvalue(), 1, mtime=0))


# ------------------------------------------------------------------------------- GalaxiesML


def write_galaxiesml(simulated: Path, path: Path) -> None:
    """Write a file of GalaxiesML with all its columns, as pandas writes a CSV."""
    table = pd.read_csv(simulated)
    coord = [f"({ra:.6f}, {dec:.6f})" for ra, dec in zip(table["ra"], table["dec"], strict=True)]
    others = {f"{band}_{name}": 0.0 for band in "grizy" for name in MORPHOLOGY}
    table.assign(coord=coord, x_coord=63.5, y_coord=63.5, **others).to_csv(path, index=False)


# ---------------------------------------------------------------------------------- spectra


def write_spectra(simulated: Path, path: Path) -> None:
    """Write the compilation of spectroscopic redshifts with all its columns."""
    table = Table.read(simulated, 1)
    for name in ("ra", "dec"):
        table[f"{name}_original"] = table[f"{name}_corrected"]
        for catalogue in ("COS20_Classic", "COS20_Farmer", "COSMOS25", "COSMOS15", "COSMOS09"):
            table[f"{name}_{catalogue}"] = -99.0
    for name in ("COS20_Farmer", "COSMOS25", "COSMOS15", "COSMOS09"):
        table[f"Id_{name}"] = -99
    for name in ("Priority", "compilation_year", "public_or_private", "photoz_type", "groupid"):
        table[name] = 1
    table["Id_original"], table["photoz"], table["groupsize"] = "S-1", -99.0, 1
    table.write(path)


# --------------------------------------------------------------------------------------- HSC


def forced_columns() -> list[str]:
    """Return the names of the 803 columns of pdr2_dud.forced."""
    text = (ROOT / "tests/unit/survey/hsc_forced_columns.txt").read_text()
    templates = [line for line in text.splitlines() if not line.startswith("#")]
    bands = ("g", "r", "i", "z", "y", "n387", "n816", "n921")
    return list(dict.fromkeys(name.replace("{band}", b) for name in templates for b in bands))


class HscArchive:
    """The HSC archive: a database with a table `forced`, and the jobs of its users.

    `wait` seconds pass until a job is done; without `skip_syntax_check` it is answered by 502.
    """

    def __init__(self, simulated: Path, schema: str = "pdr2_dud") -> None:
        table = Table.read(simulated, 1).to_pandas()
        self.kinds = table.dtypes.to_dict()
        self.position = table[["ra", "dec"]].to_numpy()
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.database.execute(f"ATTACH ':memory:' AS {schema}")
        self.database.execute(f"CREATE TABLE {schema}.forced ({', '.join(forced_columns())})")
        self.database.create_function("boxSearch", 5, self.box_search)
        names = ["coord", *table.columns]
        rows = zip(range(len(table)), *(table[n].tolist() for n in table), strict=True)
        into = f"INSERT INTO {schema}.forced ({', '.join(names)}) VALUES"
        self.database.executemany(f"{into} ({', '.join('?' * len(names))})", rows)
        self.jobs: list[bytes] = []
        self.polls = 1
        self.asked: dict[int, int] = {}

    def box_search(self, row: int, ra1: float, ra2: float, dec1: float, dec2: float) -> bool:
        """Whether a row, known by its `coord`, is inside a box, degrees."""
        ra, dec = self.position[row]
        return bool(ra1 <= ra <= ra2 and dec1 <= dec <= dec2)

    def answer(self, sql: str) -> bytes:
        """Return the FITS file that answers a query; raise sqlite3.Error if it is wrong."""
        found = self.database.execute(sql)
        names = [name for name, *_ in found.description]
        rows = pd.DataFrame(found.fetchall(), columns=names)
        columns = {}
        for name in names:
            columns[name] = rows[name].fillna(0).to_numpy(self.kinds.get(name, np.float32))
            columns[f"{name}_isnull"] = rows[name].isna().to_numpy(bool)
        content = io.BytesIO()
        record = np.rec.fromarrays(list(columns.values()), names=list(columns))
        fits.BinTableHDU(record).writeto(content)
        return content.getvalue()

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Answer a request of the client."""
        asked, action = json.loads(body), path.removeprefix(API)
        if asked["credential"] != ACCOUNT:
            return 401, b""
        if action == "submit":
            if not asked["nomail"]:
                return 406, b"one e-mail for each query, as asked"
            if not asked["skip_syntax_check"]:
                return 502, b"Bad Gateway"
            try:
                self.jobs.append(self.answer(asked["catalog_job"]["sql"]))
            except sqlite3.Error as error:
                return 406, str(error).encode()
            return 200, json.dumps({"id": len(self.jobs) - 1, "status": "waiting"}).encode()
        number = asked["id"]
        if action == "download":
            return 200, self.jobs[number]
        polls = self.asked[number] = self.asked.get(number, 0) + 1
        state = {"id": number, "status": "done" if polls > self.polls else "running"}
        return 200, json.dumps(state).encode()


# --------------------------------------------------------------------------- the whole archive


def registry() -> pd.DataFrame:
    """Return the rows of config/datasets.tsv."""
    return pd.read_csv(ROOT / "config/datasets.tsv", sep="\t", comment="#", dtype=str)


def fill(archive: Archive, simulated: Path, folder: Path) -> None:
    """Let the server hold what config/archive.yaml asks for, at the archives' own paths."""
    table = registry().set_index("name")
    folder.mkdir(exist_ok=True)
    write_classic(
        simulated / "COSMOS2020_CLASSIC.fits", folder / table["file"]["cosmos2020_classic"]
    )
    write_spectra(simulated / "specz_compilation.fits", folder / table["file"]["cosmos_spectra"])
    for part in PARTS:
        file = table["file"][f"galaxiesml_{part}"]
        write_galaxiesml(simulated / file, folder / file)
    for path in folder.iterdir():
        (name,) = table.index[table["file"] == path.name]
        archive.files[path_of(table["url"][name])] = path.read_bytes()
    record = [
        {"key": file, "size": len(content), "checksum": f"md5:{hashlib.md5(content).hexdigest()}"}
        for path, content in archive.files.items()
        if path.startswith("records/11117528/files/") and (file := Path(path).name)
    ]
    archive.files["api/records/11117528"] = json.dumps({"files": record}).encode()
    archive.post = HscArchive(simulated / "hsc_pdr2.fits").post


def path_of(url: str) -> str:
    """Return the path of an address, without its host; "" for a query, which has none."""
    return url.partition("//")[2].partition("/")[2]


def overlay(project: Path, archive: Archive) -> dict[str, object]:
    """Return the section `download` of a project that asks the server instead of the archives.

    Its registry is config/datasets.tsv with other hosts, and without sums of the real files.
    """
    table = registry().assign(bytes="-", checksum="-")
    for column in table.columns.intersection(["url", "mirror"]):
        known = table[column] != "-"
        table.loc[known, column] = archive.url + table.loc[known, column].map(path_of)
    table.to_csv(project / "registry.tsv", sep="\t", index=False)
    client = [sys.executable, str(Path(__file__).with_name("hsc_client.py"))]
    return {
        "registry": "registry.tsv",
        "timeout": 5,
        "wait": 0.05,
        "retries": 3,
        "hsc_client": shlex.join([*client, "--api-url", archive.url + API]),
    }
