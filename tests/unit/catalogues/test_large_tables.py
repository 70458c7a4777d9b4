"""Tables of the genuine size: memory, speed, and the right values from far-apart columns."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import fitsio
import numpy as np
from astropy.io import fits

from scripts.run import benchmark_catalogues
from transferz.catalogues.columns import load_columns
from transferz.catalogues.matching import cross_match
from transferz.catalogues.reading import read_catalogue
from transferz.run.synthetic_table import DEC, RA, perturbed, random_sky, write_standin

BANDS = ["g", "r", "i", "z", "y"]
# A quarter of COSMOS2020's rows, all of its columns: what is asserted of memory scales with rows.
ROWS, COLUMNS = 430_000, 763


def test_sparse_table_needs_little_memory_beside_its_size(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "big.fits"
    columns = load_columns(root / "config/columns.tsv", "cosmos2020", "CLASSIC", BANDS)
    write_standin(path, columns, rows=ROWS, n_columns=COLUMNS)
    size = path.stat().st_size
    assert size > 1.5e9
    assert path.stat().st_blocks * 512 < 1e7
    code = (
        "import json, re, sys\n"
        "from pathlib import Path\n"
        f"sys.path.insert(0, {str(root / 'workflow')!r})\n"
        "from transferz.catalogues.columns import load_columns\n"
        "from transferz.catalogues.reading import read_catalogue\n"
        f"columns = load_columns({str(root / 'config/columns.tsv')!r}, 'cosmos2020', "
        f"'CLASSIC', {BANDS!r})\n"
        f"table = read_catalogue({str(path)!r}, columns)\n"
        # Of this program alone: ru_maxrss is at least what the process that started it had.
        "status = Path('/proc/self/status').read_text()\n"
        "peak = int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) * 1024\n"
        "print(json.dumps([len(table), table.shape[1], peak]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rows, n_columns, peak = json.loads(done.stdout)
    assert (rows, n_columns) == (ROWS, len(columns))
    assert peak < size / 3


def test_stand_in_is_a_fits_table_and_its_values_are_read(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.fits"
    columns = load_columns(root / "config/columns.tsv", "cosmos2020", "CLASSIC", BANDS)
    sky = random_sky(50_001, seed=4)
    write_standin(path, columns, rows=len(sky), n_columns=120, sky=sky)
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert len(hdus[1].columns) == 120
    ours = read_catalogue(path, columns, unique="cosmos_id")
    theirs = fitsio.read(str(path), ext=1, columns=["ID", "ALPHA_J2000", "DELTA_J2000"])
    np.testing.assert_array_equal(ours["ra_cosmos"], theirs["ALPHA_J2000"])
    np.testing.assert_array_equal(ours["dec_cosmos"], sky[:, 1])
    np.testing.assert_array_equal(ours["cosmos_id"], theirs["ID"])


def test_match_of_the_genuine_size_takes_seconds() -> None:
    # Half the side, a quarter of the objects: the genuine density, a quarter of the time.
    rng = np.random.default_rng(6)
    ra, dec = np.mean(RA), np.mean(DEC)
    first = np.column_stack([rng.uniform(RA[0], ra, 430_000), rng.uniform(DEC[0], dec, 430_000)])
    second = first[:200_000] + rng.normal(0, 0.1 / 3600, (200_000, 2))
    began = time.process_time()
    pairs = cross_match(*first.T, *second.T, 1.0)
    assert time.process_time() - began < 15
    assert len(pairs.left) > 150_000
    # A neighbour may be nearer than an object's own displaced copy, but seldom is.
    assert np.mean(pairs.left == pairs.right) > 0.95


def test_perturbed_positions_are_as_many_as_asked() -> None:
    sky = random_sky(1000, seed=1)
    assert perturbed(sky, 300, seed=2).shape == (300, 2)
    assert perturbed(sky, 5000, seed=2).shape == (5000, 2)


def test_benchmark_in_small(root: Path, tmp_path: Path) -> None:
    table, report = tmp_path / "b" / "catalogues.csv", tmp_path / "b" / "catalogues.md"
    sizes = {"rows": 3000, "n_columns": 80, "hsc_rows": 2000, "text_rows": 1000}
    benchmark_catalogues.main(root / "config/columns.tsv", table, report, **sizes)
    lines = table.read_text().splitlines()
    assert lines[0] == "task,seconds,cpu_seconds,peak_memory_mib"
    assert len(lines) == 9
    assert "rule crossmatch" in report.read_text()
    assert sorted(path.name for path in table.parent.iterdir()) == [
        "catalogues.csv",
        "catalogues.md",
    ]
