"""Time, memory and recall of indices of many vectors.

Inputs
    vectors : the outputs of index_neighbours; its vectors are repeated with noise

Outputs
    table : vectors, dimensions, threads, seconds to build and those of all threads, searches per
        second of one core (ten neighbours of each), recall of the ten, size of the index and
        largest memory of the process (MB). Every length runs in a process of its own.
"""

import logging
import multiprocessing
import resource
import time
from collections.abc import Sequence
from multiprocessing.queues import Queue
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import write_csv
from transferz.networks.vectors import TrainingVectors, nearest, new_index, recall

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

SEED = 21
# Noise in units of the distance to the fifth neighbour that is the flag's limit.
NOISE = 0.1
SEARCHED, JUDGED = 10_000, 200


def measure(folder: str | Path, rows: int, threads: int, queue: Queue) -> None:
    """Build an index of so many vectors and search it; tell the numbers of a row."""
    training = TrainingVectors.load(folder)
    known = np.asarray(training.index.get(np.arange(len(training.index))))
    generator = np.random.default_rng([SEED, rows])
    spread = np.float32(NOISE * training.limit / np.sqrt(known.shape[1]))

    def draw(number: int) -> np.ndarray:
        noise = generator.standard_normal((number, known.shape[1]), dtype=np.float32)
        return known[generator.integers(len(known), size=number)] + spread * noise

    vectors, wanted = draw(rows), draw(SEARCHED)
    begin, spent = time.monotonic(), time.process_time()
    index = new_index(vectors, threads)
    built, spent = time.monotonic(), time.process_time() - spent
    searched = time.process_time()
    nearest(index, wanted, 10, threads=threads)
    searched = time.process_time() - searched
    found = recall(index, wanted[:JUDGED], [10])[10]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    numbers = (rows, known.shape[1], threads, round(built - begin, 1), round(spent, 1))
    speed = round(SEARCHED / searched)
    queue.put((*numbers, speed, round(found, 4), round(index.memory_usage / 2**20), round(peak)))


def main(
    vectors: Sequence[str | Path], table: str | Path, *, lengths: Sequence[int], threads: int
) -> None:
    """Write the benchmark."""
    rows = []
    context = multiprocessing.get_context("spawn")
    for length in lengths:
        queue = context.Queue()
        arguments = (Path(vectors[0]).parent, length, threads, queue)
        process = context.Process(target=measure, args=arguments)
        process.start()
        rows.append(queue.get())
        process.join()
        logger.info("%d vectors in %.1f s", *(rows[-1][0], rows[-1][3]))
    names = ["vectors", "dimensions", "threads", "build_seconds"]
    names += [
        "build_cpu_seconds",
        "searches_per_cpu_second",
        "recall_10",
        "index_mb",
        "peak_memory_mb",
    ]
    write_csv(pd.DataFrame(rows, columns=names), table)


if __name__ == "__main__":
    run(main, snakemake)
