"""Measuring processes that train: start them, tell them what to do at the same time, sum up."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError

# The other end; named here so that an edit of it re-runs the benchmark.
DATA_FILES = ["benchmark_worker.py"]


class Worker:
    """A process that trains on command; see `benchmark_worker` and `answer_commands`.

    Parameters
    ----------
    log : file-like
        Where its errors go.
    hidden : sequence of int
        Units of the hidden layers.
    n_inputs : int
    threads : int
    module : str
        What it runs.
    """

    def __init__(
        self,
        log: object,
        *,
        hidden: Sequence[int],
        n_inputs: int,
        threads: int,
        module: str = f"transferz.run.{Path(DATA_FILES[0]).stem}",
    ) -> None:
        folder = Path(__file__).parents[2]
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
        self.spawned = time.time()
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.send("start", hidden=list(hidden), n_inputs=n_inputs, threads=threads)

    def send(self, do: str, **arguments: object) -> None:
        """Give a command and go on."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        except BrokenPipeError:
            self._died()

    def answer(self) -> dict[str, float]:
        """Wait for the answer to a command."""
        line = self.process.stdout.readline()
        if not line:
            self._died()
        return json.loads(line)

    def ask(self, do: str, **arguments: object) -> dict[str, float]:
        """Give a command and wait for its answer."""
        self.send(do, **arguments)
        return self.answer()

    def started(self) -> float:
        """Wait until it is ready; seconds since it was started, imports included."""
        self.answer()
        return time.time() - self.spawned

    def _died(self) -> None:
        status = self.process.wait()
        raise InputError(
            "a process of the benchmark died",
            found=f"exit status {status}",
            fix="look for its traceback in the log; too little memory kills without one",
        )

    def end(self) -> None:
        """Close its input and wait; a process that is in the middle of something is stopped."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def workers(count: int, log: object, **arguments: object) -> Iterator[list[Worker]]:
    """Start `count` workers at the same time, and end them whatever happens."""
    started: list[Worker] = []
    try:
        for _ in range(count):
            started.append(Worker(log, **arguments))
        yield started
    finally:
        for worker in started:
            worker.end()


def together(group: Sequence[Worker], do: str, **arguments: object) -> tuple[float, list[dict]]:
    """Give all workers of a group the same command; wall seconds until the last is done."""
    begin = time.perf_counter()
    for worker in group:
        worker.send(do, **arguments)
    answers = [worker.answer() for worker in group]
    return time.perf_counter() - begin, answers


def answer_commands(kind: Callable[..., object]) -> None:
    """Be such a process: make a `kind` of what `Worker` says, do as told until the input ends.

    Every command is a line of JSON, ``{"do": name, ...arguments}``; so is every answer.
    """
    # Libraries print to standard output now and then: the answers go to a copy of it.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    process: object = None
    for line in sys.stdin:
        command = json.loads(line)
        name = command.pop("do")
        if name == "start":
            process, answer = kind(**command), {}
        else:
            answer = getattr(process, name)(**command)
        answers.write(json.dumps(answer) + "\n")


def timed(function: Callable[..., object], *arguments: object) -> dict[str, float]:
    """Call a function; return the wall and the processor seconds that it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    function(*arguments)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def synthetic_galaxies(n_rows: int, n_inputs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Galaxies whose redshift is a smooth function of their inputs, with noise; float32."""
    generator = np.random.default_rng([seed, n_rows])
    x = generator.uniform(0.0, 1.0, (n_rows, n_inputs)).astype(np.float32)
    z = 1.0 + np.sin(3.0 * x[:, :1]) * x[:, -1:] + generator.normal(0.0, 0.05, (n_rows, 1))
    return x, z.astype(np.float32)


@dataclass(frozen=True)
class Variant:
    """A way to train: `way` as the worker calls it, in so many processes of so many threads."""

    name: str
    way: str
    processes: int
    threads: int

    @property
    def layout(self) -> str:
        """Processes and threads, as the tables show them."""
        return f"{self.processes} x {self.threads}"


def variants(cores: int) -> list[Variant]:
    """Ways to train on `cores` cores; the first is what the others are compared with."""
    every = [
        Variant("Keras fit", "fit", 1, cores),
        Variant("Keras fit, compiled", "fit_fast", 1, cores),
        Variant("Keras fit, a process per core", "fit", cores, 1),
        Variant("This workflow", "fused", cores, 1),
        Variant("This workflow, one process", "fused", 1, cores),
        Variant("This workflow, one core", "fused", 1, 1),
    ]
    seen = {(v.way, v.layout): v for v in reversed(every)}
    return [variant for variant in every if variant in seen.values()]


@dataclass
class Measurements:
    """Rows of the output table."""

    rows: list[dict[str, object]] = field(default_factory=list)

    def add(
        self,
        measurement: str,
        values: Sequence[float],
        unit: str,
        *,
        variant: Variant | None = None,
        batch_size: int | None = None,
        at: object = "",
    ) -> None:
        """Sum up repeated `values` of one quantity."""
        row = {"measurement": measurement, "variant": variant.name if variant else ""}
        row["processes"] = variant.processes if variant else None
        row["threads"] = variant.threads if variant else None
        row |= {"batch_size": batch_size, "at": at, "unit": unit}
        row |= {"median": np.median(values), "low": min(values), "high": max(values)}
        self.rows.append(row | {"repeats": len(values)})

    def table(self) -> pd.DataFrame:
        """Return all rows."""
        table = pd.DataFrame(self.rows)
        integers = dict.fromkeys(("processes", "threads", "batch_size"), "Int64")
        return table.astype(integers)


def flops_per_galaxy(hidden: Sequence[int], n_inputs: int) -> tuple[float, float]:
    """Floating-point operations of the matrix products for one galaxy.

    A product of a weight matrix with one row takes two operations for each weight. Training
    takes three products (forward, gradient of the weights, gradient of the layer's inputs) but
    for the first layer, whose inputs have no gradient, and the skip connection's part of the
    last; validation takes one.

    Returns
    -------
    training, validation : float
    """
    widths = [n_inputs, *hidden]
    inner = sum(a * b for a, b in itertools.pairwise(widths))
    weights = inner + widths[-1] + n_inputs
    no_gradient = n_inputs * widths[1] + n_inputs
    return 6.0 * weights - 2.0 * no_gradient, 2.0 * weights


# Environment variables that take instructions away from TensorFlow's kernels and from XLA.
ISA_LIMITS = ("ONEDNN_MAX_CPU_ISA", "XLA_FLAGS")


def machine() -> Mapping[str, str]:
    """Describe what the measurements were made on."""
    return {
        "Processor": _processor(),
        "Cores in use": str(len(os.sched_getaffinity(0))),
        "Memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "System": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
    }


def _processor() -> str:
    """Name of the processor, with the widest instruction set that TensorFlow may use."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    fields = dict(
        (part.strip() for part in line.split(":", 1)) for line in text.splitlines() if ":" in line
    )
    flags = set(fields.get("flags", "").split())
    widest = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "")
    name = fields.get("model name", platform.processor() or "unknown")
    family = f"family {fields['cpu family']} model {fields['model']}" if "model" in fields else ""
    limits = [f"{key}={os.environ[key]}" for key in ISA_LIMITS if key in os.environ]
    return ", ".join(filter(None, [name, family, widest.upper(), *limits]))
