"""The audit of a finished run: signed off as it is, refused once a product was touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .conftest import run_snakemake

RESULTS = Path("results/test")


def test_audit_signs_off_and_finds_what_was_touched(clone: Callable[[], Path]) -> None:
    folder = clone()
    run_snakemake(folder, "--cores", "1", "audit")
    page = (folder / RESULTS / "audit.md").read_text()
    assert "**Signed off on 2" in page
    assert "FAILED" not in page
    for words in ("| tensorflow ", "test inputs of target in the range trained on", "SHA-256"):
        assert words in page
    manifest = (folder / RESULTS / "audit.sha256").read_text()
    assert f"{RESULTS}/metrics/per_seed.csv" in manifest
    # One digit of the first range, the time stamp kept: what a failing disk does.
    table = folder / RESULTS / "tables/table1.csv"
    stamp, text = table.stat(), table.read_text()
    place = text.index(".", text.index("\n")) + 1
    digit = str((int(text[place]) + 1) % 10)
    table.write_text(text[:place] + digit + text[place + 1 :])
    os.utime(table, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    finished = run_snakemake(folder, "--cores", "1", "--force", "audit", check=False)
    assert finished.returncode != 0
    assert "table1.csv: range of redshift, galaxies and seeds" in finished.stdout
    assert "none changed since the last audit without being written" in finished.stdout
    assert not (folder / RESULTS / "audit.md").exists()
