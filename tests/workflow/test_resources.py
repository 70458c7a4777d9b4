"""What the jobs of a run may take together."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from .conftest import copy_project, run_snakemake
from .test_paper import RESULTS

MACHINE = 0.9e-6 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("arguments", "expected"), [((), MACHINE), (("--resources", "mem_mb=5000"), 5000)]
)
def test_memory_counts_beside_cores(
    tmp_path: Path, arguments: tuple[str, ...], expected: float
) -> None:
    folder = copy_project(tmp_path / "copy")
    target = str(RESULTS / "run_config.yaml")
    output = run_snakemake(folder, target, "--cores", "1", *arguments).stdout
    provided = re.search(r"^Provided resources:.*mem_mb\D+(\d+)", output, re.MULTILINE)
    assert int(provided[1]) == int(expected)
