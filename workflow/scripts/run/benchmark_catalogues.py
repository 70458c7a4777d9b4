"""Measure seconds and peak memory of reading and matching catalogues of the genuine size.

Inputs
    columns : table of column templates

Outputs
    table, report : catalogues.csv and catalogues.md

A stand-in for COSMOS2020 CLASSIC is written to a temporary file beside them and removed. Each
measurement runs in a process of its own, with the file dropped from the page cache before it.
"""

import logging
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import fitsio
import numpy as np
import pandas as pd
from astropy.io import fits

from transferz.catalogues.columns import Column, load_columns
from transferz.catalogues.crossmatch import match_surveys
from transferz.catalogues.matching import cross_match
from transferz.catalogues.reading import read_catalogue, stream_catalogue
from transferz.core.logs import run
from transferz.core.products import write_csv, write_parquet, write_text
from transferz.run.synthetic_table import perturbed, random_sky, write_standin

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

BANDS = ["g", "r", "i", "z", "y"]
PRIMARY = {"primary": {"column": "isprimary", "equals": True}}
# Identifiers of 19 digits, as of HSC and SDSS, in a table of text.
FIRST_ID, TEXT_COLUMNS = 1_237_650_000_000_000_000, 13


def measured(function: Callable[[], None]) -> dict[str, float]:
    """Return time and peak memory of `function` in a process of its own."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def run() -> None:
        began = time.perf_counter()
        function()
        seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
        sender.send(
            {
                "seconds": seconds,
                "cpu_seconds": used.ru_utime + used.ru_stime,
                "peak_memory_mib": used.ru_maxrss / 1024,
            }
        )

    process = context.Process(target=run)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"a measurement ended with status {process.exitcode}")
    return receiver.recv()


def drop_from_cache(path: Path) -> None:
    """Let the next reader find the file on the disk rather than in memory, where possible."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_all_bytes(path: Path) -> None:
    """Read a file from end to end: what the disk can do."""
    buffer = bytearray(1 << 21)
    with path.open("rb", buffering=0) as handle:
        while handle.readinto(buffer):
            pass


def read_fitsio(path: Path, columns: list[Column]) -> None:
    """Read columns with fitsio."""
    fitsio.read(str(path), ext=1, columns=[column.name for column in columns])


def read_memmap(path: Path, columns: list[Column]) -> None:
    """Read columns with astropy from a mapped file."""
    with fits.open(path, memmap=True) as hdus:
        for column in columns:
            np.array(hdus[1].data[column.name])


def write_text_table(path: Path, rows: int) -> list[Column]:
    """Write a CSV of identifiers and magnitudes; return its columns."""
    names = [f"mag_{number}" for number in range(TEXT_COLUMNS)]
    generator = np.random.default_rng(3)
    values = generator.uniform(18.0, 26.0, (rows, TEXT_COLUMNS)).round(4)
    table = pd.DataFrame(values, columns=names)
    table.insert(0, "object_id", np.arange(rows) + FIRST_ID)
    table.to_csv(path, index=False)
    return [Column("object_id", "object_id", kind="id"), *(Column(name, name) for name in names)]


def read_text_table(path: Path, columns: list[Column]) -> None:
    """Read it as `snakemake predict` does, in pieces."""
    for _ in stream_catalogue(path, columns):
        pass


def cross_match_files(cosmos: Path, hsc: Path, columns: str) -> None:
    """Do what the rule crossmatch does."""
    table, _ = match_surveys(
        cosmos,
        hsc,
        columns,
        bands=BANDS,
        cosmos_version="CLASSIC",
        hsc_version="pdr2",
        radius=1.0,
        hsc_cuts=PRIMARY,
    )
    write_parquet(table, hsc.with_name("matched.parquet"))


def page(measurements: pd.DataFrame) -> str:
    """Return the table with what its columns mean."""
    lines = [
        "Peak memory includes what the first row shows: interpreter, libraries, positions.",
        "",
        "| task | seconds | of one core | peak memory [MiB] |",
        "|---|---:|---:|---:|",
        *(
            f"| {task} | {seconds:.1f} | {cpu:.1f} | {memory:.0f} |"
            for task, seconds, cpu, memory in measurements.itertuples(index=False)
        ),
    ]
    return "\n".join(lines)


def main(
    columns: str,
    table: str,
    report: str,
    *,
    rows: int,
    n_columns: int,
    hsc_rows: int,
    text_rows: int,
) -> None:
    """Write the measurements.

    Parameters
    ----------
    rows, n_columns : int
        Of COSMOS2020.
    hsc_rows, text_rows : int
        Of HSC, and of a table of text.
    """
    wanted = load_columns(columns, "cosmos2020", "CLASSIC", BANDS)
    hsc_columns = load_columns(columns, "hsc", "pdr2", BANDS)
    sky = random_sky(rows, seed=1)
    hsc_sky = perturbed(sky, hsc_rows, seed=2)
    results = []
    Path(table).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path(table).parent) as folder:
        names = ("cosmos2020.fits", "hsc.fits", "galaxies.csv")
        big, hsc, text = (Path(folder) / name for name in names)
        text_columns = write_text_table(text, text_rows)
        write_standin(big, wanted, rows=rows, n_columns=n_columns, sky=sky)
        write_standin(hsc, hsc_columns, rows=hsc_rows, n_columns=0, sky=hsc_sky)
        size = big.stat().st_size
        tasks: dict[str, Callable[[], None]] = {
            "nothing": lambda: None,
            "read every byte": lambda: read_all_bytes(big),
            "this workflow's reader": lambda: read_catalogue(big, wanted, unique="cosmos_id"),
            "fitsio": lambda: read_fitsio(big, wanted),
            "astropy, mapped": lambda: read_memmap(big, wanted),
            "match positions": lambda: cross_match(*sky.T, *hsc_sky.T, 1.0),
            "rule crossmatch": lambda: cross_match_files(big, hsc, columns),
            "read a table of text": lambda: read_text_table(text, text_columns),
        }
        for name, task in tasks.items():
            drop_from_cache(big)
            results.append({"task": name, **measured(task)})
            logger.info("%s", results[-1])
    frame = pd.DataFrame(results)
    write_csv(frame, table)
    head = (
        f"# Reading and matching: {rows} x {n_columns} columns ({size / 1e9:.1f} GB), "
        f"{hsc_rows} HSC objects; text of {text_rows} x {TEXT_COLUMNS + 1}"
    )
    write_text(f"{head}\n\n{len(wanted)} columns of COSMOS2020 are read. {page(frame)}", report)


if __name__ == "__main__":
    run(main, snakemake)
