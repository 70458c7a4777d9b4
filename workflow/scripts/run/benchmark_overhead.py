"""Measure what cutting the work into jobs costs: the DAG, each job, each start of TensorFlow.

Inputs
    snakefile : the workflow's own entry, dry-run on its configuration with other numbers of seeds
        per job

Outputs
    csv : benchmarks/overhead.csv, one row per number of seeds per job
    md : benchmarks/overhead.md, the same as a page

Timings differ from run to run: these two files are no part of the reproducible products.
"""

import json
import logging
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import write_csv, write_text
from transferz.report.tables import markdown_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

N_EMPTY_JOBS = 20
EMPTY_WORKFLOW = f"""\
rule all:
    input: expand("{{i}}.txt", i=range({N_EMPTY_JOBS}))
rule empty:
    output: "{{i}}.txt"
    script: "empty.py"
"""


def timed_snakemake(*arguments: str, folder: Path | None = None) -> tuple[float, str]:
    """Return wall-clock seconds and output of one call of Snakemake."""
    program = shutil.which("snakemake")
    if program is None:
        raise InputError("snakemake is not on the path", fix="activate the workflow's environment")
    start = time.perf_counter()
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise InputError(f"snakemake failed: {(done.stdout + done.stderr)[-1000:]}", file=program)
    return seconds, done.stdout + done.stderr


def best_of_three(*arguments: str) -> float:
    """Return the fewest wall-clock seconds of three equal calls of Snakemake."""
    return min(timed_snakemake(*arguments)[0] for _ in range(3))


def measure_dag(snakefile: str, n_seeds: int, per_job: int) -> tuple[float, int]:
    """Return seconds of a dry-run from nothing, and its number of jobs, with `n_seeds` seeds."""
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder) / "overlay.json"
        # Folders that do not exist, so that every job is planned; a dry-run makes none.
        names = ("results", "resources", "logs", "benchmarks")
        paths = {name: f"overhead/{name}" for name in names}
        seeds = {"count": n_seeds, "per_job": per_job}
        overlay.write_text(json.dumps({"seeds": seeds, "pathvars": paths}))
        arguments = ("--snakefile", snakefile, "--configfile", str(overlay))
        seconds, text = timed_snakemake("--dry-run", *arguments)
    total = re.search(r"^total +(\d+)", text, re.MULTILINE)
    return seconds, int(total.group(1)) if total else 0


def measure_job() -> float:
    """Return the seconds that one job with an empty `script:` takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(EMPTY_WORKFLOW)
        (folder / "empty.py").write_text('open(snakemake.output[0], "w").close()\n')
        dry, _ = timed_snakemake("--dry-run", folder=folder)
        wet, _ = timed_snakemake("--cores", "1", folder=folder)
    return (wet - dry) / N_EMPTY_JOBS


def measure_training_start(batch_size: int) -> tuple[float, float]:
    """Return seconds to import TensorFlow, and to compile the epoch and the validation."""
    start = time.perf_counter()
    # Imported here because the import is what is measured.
    import numpy as np

    from transferz.networks.architecture import Architecture
    from transferz.networks.tensorflow import configure_tensorflow
    from transferz.networks.training import Sample, Settings, Trainer

    configure_tensorflow(1)
    imported = time.perf_counter()
    rows = np.random.default_rng(0).random((10 * batch_size + 1, 6), dtype=np.float32)
    sample = Sample(rows[:, :5], rows[:, 5:])
    trainer = Trainer(Architecture(5), Settings(batch_size=batch_size), sample, sample)
    trainer.run_epoch(0, 1)
    return imported - start, time.perf_counter() - imported


def page(table: pd.DataFrame, start: float, parsing: float) -> str:
    """Return the page that shows the table."""
    rows = table.map("{:g}".format).to_numpy()
    return (
        "# What cutting the work into jobs costs\n\n"
        f"Snakemake itself starts in {start:.1f} s and reads this workflow in "
        f"{parsing - start:.1f} s; `dag_s` is a whole dry-run from nothing, both included.\n"
        "`job_s` is what Snakemake adds to each job, `tensorflow_s` and `compile_s` what each "
        "training job does before its first step;\n"
        "`overhead_min` adds them up for all training jobs, in minutes of one core.\n\n"
        f"{markdown_table(list(table), rows, 'r' * table.shape[1])}\n"
    )


def main(
    csv: str | Path,
    md: str | Path,
    *,
    snakefile: str,
    n_seeds: int,
    per_job: Sequence[int],
    n_strategies: int,
    batch_size: int,
) -> None:
    """Measure, and write table and page for several numbers of seeds `per_job`.

    `snakefile` is the entry of the workflow, whose configuration is the working directory's.
    """
    start = best_of_three("--version")
    parsing = best_of_three("--list-rules", "--snakefile", snakefile)
    job_seconds = measure_job()
    tensorflow, compiling = measure_training_start(batch_size)
    rows = []
    for n in per_job:
        seconds, n_jobs = measure_dag(snakefile, n_seeds, n)
        n_training = n_strategies * -(-n_seeds // n)
        overhead = n_training * (job_seconds + tensorflow + compiling) / 60
        rows.append(
            {
                "seeds": n_seeds,
                "seeds_per_job": n,
                "jobs": n_jobs,
                "training_jobs": n_training,
                "dag_s": round(seconds, 2),
                "job_s": round(job_seconds, 3),
                "tensorflow_s": round(tensorflow, 2),
                "compile_s": round(compiling, 2),
                "overhead_min": round(overhead, 2),
            }
        )
        logger.info("%d seeds per job: %d jobs, DAG in %.1f s", n, n_jobs, seconds)
    table = pd.DataFrame(rows)
    write_csv(table, csv)
    write_text(page(table, start, parsing), md)


if __name__ == "__main__":
    run(main, snakemake)
