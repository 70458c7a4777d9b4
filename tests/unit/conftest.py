"""Fixtures of the unit tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

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
