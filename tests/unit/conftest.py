"""Fixtures of the unit tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from tests.shown import Shown, write_report


@pytest.fixture(scope="session")
def shown(request: pytest.FixtureRequest) -> Iterator[Shown]:
    """Collect the bad inputs that ended as they should; the others fail their test.

    With FAULTS_REPORT set to a folder, each case and its message go to bad_inputs.md there.
    """
    collected: Shown = []
    before = request.session.testsfailed
    yield collected
    if "FAULTS_REPORT" in os.environ and collected:
        failed = request.session.testsfailed - before
        write_report(collected, failed, Path(os.environ["FAULTS_REPORT"]))


@pytest.fixture(scope="session")
def two_releases(root: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same 2,347 galaxies in two releases of HSC, row by row: identifier and position.

    From github dr-guangtou/asap, data/compare, commit 4b796b9 (public domain).
    """
    path = root.parent / "shared/real/hsc_two_releases.csv.gz"
    if not path.is_file():
        pytest.skip("../shared/real/hsc_two_releases.csv.gz is not there")
    table = pd.read_csv(path)
    names = ["object_id", "ra", "dec"]
    others = table[[f"other_{name}" for name in names]].set_axis(names, axis="columns")
    return table[names], others
