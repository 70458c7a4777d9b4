"""Faults inside jobs, for the cluster test: on PYTHONPATH, Python imports this by itself.

The first job of a rule named in TRANSFERZ_FAULTS (`{"script": "memory" or "time"}`) takes ever more
memory, or never ends, until Slurm kills it. What it did stands in TRANSFERZ_FAULTS_FOLDER, so that
the second attempt runs as it should.
"""

import json
import os
import sys
import time
from pathlib import Path


def misbehave(fault: str) -> None:
    """Break a limit of this job until Slurm ends it, at most 8 GB or an hour."""
    if fault == "memory":
        hoard = []
        while len(hoard) < 80:
            hoard.append(b"x" * 100_000_000)
            time.sleep(0.1)
    else:
        time.sleep(3600)
    sys.exit(f"the job went over its {fault} and nobody ended it")


if "SLURM_JOB_ID" in os.environ and "TRANSFERZ_FAULTS" in os.environ:
    # A script of a rule runs as .snakemake/scripts/tmpXXXX.<script>.py
    names = [Path(word).name.split(".") for word in sys.orig_argv if word.endswith(".py")]
    for script, fault in json.loads(os.environ["TRANSFERZ_FAULTS"]).items():
        note = Path(os.environ["TRANSFERZ_FAULTS_FOLDER"]) / fault
        if any(name[1:] == [script, "py"] for name in names):
            try:
                with note.open("x") as handle:
                    handle.write(os.environ["SLURM_JOB_ID"])
            except FileExistsError:
                continue
            misbehave(fault)
