"""How the seeds of a strategy are cut into training jobs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def chunk_sizes(root: Path) -> Callable[[int, int | str], list[int]]:
    """The function of common.smk, which as a whole is Python to Snakemake only."""
    source = (root / "workflow/rules/helpers/common.smk").read_text()
    names: dict = {}
    exec(re.search(r"^def chunk_sizes.*?(?=\n\n\n)", source, re.DOTALL | re.MULTILINE)[0], names)
    return names["chunk_sizes"]


@pytest.mark.parametrize("per_job", ["auto", 1, 3, 25, 2000])
def test_every_seed_is_in_one_job(chunk_sizes: Callable, per_job: int | str) -> None:
    for count in range(1, 1001):
        sizes = chunk_sizes(count, per_job)
        assert sum(sizes) == count
        assert min(sizes) > 0


def test_a_number_is_kept(chunk_sizes: Callable) -> None:
    assert chunk_sizes(10, 4) == [4, 4, 2]


def test_chosen_jobs_are_equal_and_neither_short_nor_long(chunk_sizes: Callable) -> None:
    for count in range(1, 1001):
        sizes = chunk_sizes(count, "auto")
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) <= 25
        assert min(sizes) >= min(5, count)
        assert len(sizes) % 4 == 0 or count < 20


@pytest.mark.parametrize(
    ("count", "sizes"), [(4, [4]), (14, [7, 7]), (30, [8, 8, 7, 7]), (100, [25] * 4)]
)
def test_chosen_jobs(chunk_sizes: Callable, count: int, sizes: list[int]) -> None:
    assert chunk_sizes(count, "auto") == sizes


def test_a_gpu_takes_more_seeds_per_job(chunk_sizes: Callable) -> None:
    assert chunk_sizes(100, "auto", "gpu") == [100]
    assert chunk_sizes(250, "auto", "gpu") == [84, 83, 83]
    assert chunk_sizes(100, 10, "gpu") == [10] * 10
