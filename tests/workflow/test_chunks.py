"""The tiny run again, on one core and with other chunks of seeds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from .conftest import RESULTS, digests, run_snakemake


@pytest.mark.long
def test_one_core_and_another_chunking_give_the_same_bytes(
    project: Path, clone: Callable[[], Path]
) -> None:
    folder = clone()
    # The simulated catalogues and the study of spectra, which know no chunks, stay as they are.
    for path in (folder / RESULTS).iterdir():
        if path.is_dir() and path.name != "spectra":
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    run_snakemake(folder, "--cores", "1", overlay={"seeds": {"per_job": 4}})
    patterns = ("tables/*", "claims.*", "metrics/*", "figures/*", "splits/*", "release/*")
    first, second = digests(project / RESULTS, patterns), digests(folder / RESULTS, patterns)
    assert len(first) > 20
    assert first == second

    def predictions(run: Path) -> pd.DataFrame:
        paths = sorted((run / RESULTS / "predictions").glob("*/*.parquet"))
        keys = ["strategy", "seed", "dataset", "object_id"]
        table = pd.concat([pd.read_parquet(path) for path in paths])
        return table.sort_values(keys).reset_index(drop=True)

    pd.testing.assert_frame_equal(predictions(project), predictions(folder), check_exact=True)
