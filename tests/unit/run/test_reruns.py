"""What a second run would say: other arithmetic, other seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.evaluation import evaluate
from scripts.run import rerun_avx2, table_reruns
from transferz.core.errors import InputError
from transferz.evaluation.bins import Ranges
from transferz.evaluation.over_seeds import read_per_seed

CLAIM = """
claims:
  - {claim: smaller, statement: "{of} has less RMS than {against}", where: here, shown_in: table1,
     comparison: reduction, metric: rms, dataset: target, of: A, against: B, published: null}
"""


def test_the_other_value_is_inside_or_so_far_outside() -> None:
    rows = [(1.0, 0.8, 1.4, 1.3), (1.0, 0.8, 1.4, 0.7), (1.0, 0.8, 1.4, 1.0), (0.0, 0.0, 0.0, 0.1)]
    table = pd.DataFrame(rows, columns=["value", "low", "high", "other"])
    table = table_reruns.compared(table.assign(product="claims", what="x", z_min=0.3, z_max=1.5))
    assert table["inside"].to_list() == [True, False, True, False]
    np.testing.assert_allclose(table["distance"], [0.75, 1.5, 0.0, np.nan])


def test_halves_of_the_seeds_are_judged_by_their_own_networks(tmp_path: Path) -> None:
    """A is better than B by half for seeds 0 to 2, and worse by as much for seeds 3 to 5."""
    random = np.random.default_rng(3)
    z_true = random.uniform(0.4, 1.4, 300).astype("float32")
    paths = []
    for name, seeds in (("000-002", range(3)), ("003-005", range(3, 6))):
        for strategy in "AB":
            scale = 0.05 if (strategy == "A") == (name == "000-002") else 0.1
            parts = []
            for seed in seeds:
                z_pred = (z_true + scale * random.normal(size=300)).astype("float32")
                head = {"strategy": strategy, "seed": np.int32(seed), "dataset": "target"}
                head |= {"object_id": np.arange(300), "z_true": z_true, "z_pred": z_pred}
                parts.append(pd.DataFrame(head))
            paths.append(tmp_path / strategy / f"seeds-{name}.parquet")
            paths[-1].parent.mkdir(exist_ok=True)
            pd.concat(parts, ignore_index=True).to_parquet(paths[-1], index=False)
    ranges = {"z_range": (0.3, 1.5), "full_range": (0, 10)}
    evaluate.main(paths, tmp_path / "per_seed.csv", ranges=ranges)
    (tmp_path / "claims.yaml").write_text(CLAIM)
    claims = pd.DataFrame({"claim": ["smaller"] * 2, "z_min": [0.3, 0], "z_max": [1.5, 10]})
    found = table_reruns.verdicts_by_half(
        claims.assign(verdict="undecided"),
        tmp_path / "claims.yaml",
        read_per_seed(tmp_path / "per_seed.csv"),
        paths,
        strategies=["A", "B"],
        ranges=Ranges(**ranges),
    )
    assert set(found["verdict_first"]) == {"reproduced"}
    assert set(found["verdict_second"]) == {"not reproduced"}
    assert not found["agrees"].any()
    assert (found["seeds_first"].iloc[0], found["seeds_second"].iloc[0]) == ("0 to 2", "3 to 5")


@pytest.mark.parametrize(
    ("processor", "environment"),
    [("Some CPU, AVX2", {}), ("Some CPU, AVX512F", {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"})],
)
def test_without_avx512_there_is_nothing_to_compare(
    processor: str, environment: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerun_avx2, "machine", lambda: {"Processor": processor})
    for name in rerun_avx2.AVX2:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r"has no AVX-512.*on another machine"):
        rerun_avx2.require_avx512()
