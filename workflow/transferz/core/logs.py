"""Logging of one job: all of it into its log, warnings and errors on the terminal as well."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import inspect
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from transferz.core.errors import InputError

# Path and inode of the log of the job under way; see `check_current`.
_current: tuple[Path, int] | None = None


@contextlib.contextmanager
def job(log_path: str | Path, *, aloud: bool = False) -> Iterator[None]:
    """Run the body of a script with its messages in `log_path`.

    The project's warnings and errors appear on the terminal as well, those of libraries do not.
    Native libraries write to file descriptor 2 below Python: it is pointed at the log for the
    duration of the job. The log is a new file, by which a job that was started again tells (see
    `check_current`). An `InputError` ends the process with status 1 and one line on the
    terminal, unless the run prints all errors at its end (TRANSFERZ_ERRORS); any other exception
    also leaves its traceback in the log.

    Parameters
    ----------
    log_path : path-like
        The log file, replaced.
    aloud : bool
        Messages of progress go to the terminal too.
    """
    global _current
    log_path = Path(log_path)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    log_path.unlink(missing_ok=True)
    log_file = log_path.open("w", buffering=1, encoding="utf-8")
    _current = log_path.absolute(), os.fstat(log_file.fileno()).st_ino
    os.dup2(log_file.fileno(), 2)
    # A log on a full disk must not turn a warning into a second failure.
    logging.raiseExceptions = False

    to_file = logging.StreamHandler(log_file)
    to_terminal = logging.StreamHandler(terminal)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    to_terminal.setFormatter(logging.Formatter("%(message)s"))
    to_terminal.setLevel(logging.INFO if aloud else logging.WARNING)
    to_terminal.addFilter(_is_ours)
    if os.environ.get("TRANSFERZ_ERRORS") == "last":
        to_terminal.addFilter(lambda record: not _is_written(record, log_path))
    root = logging.getLogger()
    root.handlers[:] = [to_file, to_terminal]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    faulthandler.enable(log_file)
    try:
        yield
    except InputError as error:
        logging.getLogger("transferz").error("ERROR %s", error)
        sys.exit(1)
    except Exception as error:
        log_file.flush()
        logging.getLogger("transferz").exception(
            "ERROR %s: %s (traceback in %s)", type(error).__name__, error, log_path
        )
        sys.exit(1)
    finally:
        _current = None
        faulthandler.disable()
        sys.stderr.flush()
        os.dup2(terminal.fileno(), 2)


def run(main: Callable[..., object], snakemake: Any, *, aloud: bool = False) -> None:
    """Call the `main` of a script, as a job, with what its rule names.

    A parameter of `main` gets the named input, output, parameter or wildcard of the rule that
    bears its name; ``threads`` and ``log`` are the rule's. An empty input, such as that of an
    optional file, is None; files without a name reach nobody. A parameter whose type is a
    dataclass, such as `FigureFiles`, gets one made of the outputs that its fields are called
    after; ``**inputs`` get all named inputs.

    Parameters
    ----------
    main : callable
    snakemake : snakemake.script.Snakemake
        The object that Snakemake puts into a script.
    aloud : bool
        See `job`.

    Raises
    ------
    TypeError
        If two things of the rule have one name, or a parameter without a default has none.
    """
    named: dict[str, object] = {"threads": snakemake.threads, "log": snakemake.log[0]}
    for group in (snakemake.input, snakemake.output, snakemake.params, snakemake.wildcards):
        for name, value in group.items():
            if name in named:
                raise TypeError(f"two things of the rule are called {name}")
            is_file = group is snakemake.input or group is snakemake.output
            if is_file and not isinstance(value, str):
                value = list(value) or None
            named[name] = value
    wanted, rest = inspect.signature(main).parameters, ()
    for name, parameter in wanted.items():
        kind = parameter.annotation
        if name not in named and dataclasses.is_dataclass(kind):
            outputs = dict(snakemake.output.items())
            fields = [field.name for field in dataclasses.fields(kind) if field.name in outputs]
            named[name] = kind(**{field: outputs[field] for field in fields})
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = snakemake.input.keys()
    with job(snakemake.log[0], aloud=aloud):
        main(**{name: named[name] for name in (*wanted, *rest) if name in named})


def check_current() -> None:
    """Raise a `RuntimeError` if the job under way has been started again by another process.

    When snakemake is killed, its jobs live on. The next run, perhaps of another configuration,
    starts them again and puts their logs in the place of the old ones; from then on the old jobs
    must publish nothing.
    """
    if _current is None:
        return
    path, inode = _current
    try:
        there = path.stat().st_ino
    except OSError:
        return
    if there != inode:
        raise RuntimeError(f"this job was started again, as {path} shows: its product is discarded")


def _is_written(record: logging.LogRecord, log_path: Path) -> bool:
    """Return whether an error stands in the log, whose disk may be full."""
    text = log_path.read_text(encoding="utf-8", errors="replace")
    return record.levelno >= logging.ERROR and record.getMessage() in text


def _is_ours(record: logging.LogRecord) -> bool:
    """Return whether a script or the package speaks, not a library."""
    return record.name.partition(".")[0] in {"__main__", "transferz"}
