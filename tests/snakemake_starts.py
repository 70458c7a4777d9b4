"""Starts Snakemake again and again without importing it again, which takes a third of a start.

Run as a program: a line of JSON on standard input is a start, and its exit status is the answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback

from snakemake import cli


def start(folder: str, output: str, environment: dict[str, str], arguments: list[str]) -> int:
    """Do in this process what `python -m snakemake` does in `folder`; return its exit status."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    terminal = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, number in ((nothing, 0), (terminal, 1), (terminal, 2)):
        os.dup2(stream, number)
    sys.path[0] = folder
    sys.argv = ["snakemake", *arguments]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def serve() -> None:
    """Fork for each start."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            status = 1
            with contextlib.suppress(BaseException):
                status = start(**json.loads(line))
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
