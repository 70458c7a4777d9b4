"""How fast a catalogue is predicted, and in how much memory, for tables of several lengths.

Inputs
    galaxies : splits/target.parquet, whose rows are repeated with noise
    models, sample : as of predict_catalogue

Outputs
    table : rows, networks, seconds, rows per second, peak memory (MB): one row per length. Every
        length runs in a process of its own; the memory is that process's largest.
"""

import logging
import multiprocessing
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.catalogues.writers import ROW_GROUP, TableWriter
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv
from transferz.photo_z.catalogue import measure
from transferz.uncertainty.calibration_sample import CalibrationSample

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

NOISE_SEED = 88
MISSING_SHARE = 0.01
PLAIN = {
    "format": "parquet",
    "table": None,
    "columns": {"object_id": "object_id", "mag": "mag_{band}", "mag_err": "mag_err_{band}"},
    "band_names": {},
    "missing_bands": [],
    "unit": "mag",
    "null_values": [-99.0],
    "non_detection_values": [99.0],
    "min_snr": None,
    "extra_columns": {},
}


def write_galaxies(galaxies: pd.DataFrame, columns: Sequence[str], n: int, path: Path) -> None:
    """Write `n` galaxies: rows drawn anew, blurred by 0.05 mag, some bands missing or unseen."""
    source = galaxies[list(columns)].to_numpy(np.float32)
    generator = np.random.default_rng([NOISE_SEED, n])
    with TableWriter(path) as output:
        for first in range(0, n, ROW_GROUP):
            size = min(ROW_GROUP, n - first)
            values = source[generator.integers(len(source), size=size)]
            values = values + generator.normal(0.0, 0.05, values.shape).astype(np.float32)
            draw = generator.random(values.shape)
            values[draw < MISSING_SHARE] = -99.0
            values[draw > 1.0 - MISSING_SHARE] = 99.0
            table = pd.DataFrame(values, columns=list(columns))
            table.insert(0, "object_id", np.arange(first, first + size))
            output.write(table)


def main(
    galaxies: str | Path,
    models: Sequence[str | Path],
    sample: str | Path,
    table: str | Path,
    *,
    lengths: Sequence[int],
    strategy: str,
    seeds: Sequence[int],
    chunk_rows: int,
    threads: int,
) -> None:
    """Write the benchmark; strategy, seeds and chunk_rows are as of `predict_catalogue`."""
    columns = CalibrationSample.load(sample).columns
    source = read_parquet(galaxies, columns)
    rows = []
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=Path(table).parent) as folder:
        arguments = {
            "catalogue": Path(folder) / "galaxies.parquet",
            "models": models,
            "sample": sample,
            "photo_z": Path(folder) / "photo_z.parquet",
            "description": PLAIN,
            "strategy": strategy,
            "seeds": seeds,
            "chunk_rows": chunk_rows,
            "threads": threads,
        }
        for n in lengths:
            write_galaxies(source, columns, n, arguments["catalogue"])
            queue = context.Queue()
            process = context.Process(target=measure, args=(arguments, queue))
            process.start()
            done, seconds, peak = queue.get()
            process.join()
            rows.append((done, len(seeds), round(seconds, 1), round(done / seconds), round(peak)))
            logger.info("%d rows in %.1f s, %.0f MB", done, seconds, peak)
    header = ["rows", "networks", "seconds", "rows_per_second", "peak_memory_mb"]
    write_csv(pd.DataFrame(rows, columns=header), table)


if __name__ == "__main__":
    run(main, snakemake)
