"""The target `lenses` in miniature."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from .conftest import RESULTS, copy_project, run_snakemake


def test_lenses_end_with_tables_claims_and_figures(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    run_snakemake(folder, "lenses", "--cores", "2")
    metrics = pd.read_csv(folder / RESULTS / "lenses/metrics.csv")
    found = metrics.groupby(["study", "sample"]).size().to_dict()
    # Two parameters of each network; the leaking study is tested on other lenses as well.
    expected = {("published", "test"): 4, ("divergence", "test"): 2}
    assert found == expected | {("leak", "test"): 2, ("leak", "unseen"): 2}
    assert metrics["width_68"].between(0, 5).all()
    claims = pd.read_csv(folder / RESULTS / "lenses/claims.csv")
    assert list(claims["claim"]) == ["lenses_narrower_log_a", "lenses_narrower_beta"]
    for name in ("figures/lenses_recovery.png", "figures/lenses_labels.pdf", "tables/lenses.md"):
        assert (folder / RESULTS / name).stat().st_size > 500
