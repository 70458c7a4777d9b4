"""What a run checks of itself, and what an audit finds: every guard refuses what it is for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from scripts.catalogues import split
from scripts.evaluation import figure2
from scripts.run import audit, status
from transferz.catalogues.columns import Column
from transferz.catalogues.cuts import check_counts, cutflow_row, cutflow_table, join_cutflows
from transferz.catalogues.reading import read_catalogue, stream_catalogue
from transferz.catalogues.splits import check_complete
from transferz.catalogues.writers import TableWriter
from transferz.core.errors import InputError
from transferz.core.products import read_parquet, write_csv, write_parquet
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.predictions import iterate_predictions
from transferz.networks.features import Scaler
from transferz.run import invariants
from transferz.run.invariants import FAILED, NOTED, PASSED, Check

SPLIT = ["train"] * 5 + ["validation"] * 2 + ["test"] * 2


def results(checks: list[Check]) -> dict[str, str]:
    return {check.invariant: check.result for check in checks}


def catalogue(n: int = 9, first_id: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "object_id": np.arange(first_id, first_id + n),
            "ra": np.linspace(10, 11, n) + first_id,
            "dec": np.linspace(-1, 1, n),
            "mag_g": np.linspace(20, 25, n),
            "mag_err_g": 0.1,
            "redshift": np.linspace(0.1, 2, n),
            "split": np.resize(SPLIT, n),
        }
    )


def predictions(n: int = 4000) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "strategy": "A",
            "seed": np.int32(0),
            "dataset": "source",
            "object_id": np.arange(n),
            "z_true": rng.random(n, dtype=np.float32),
            "z_pred": rng.random(n, dtype=np.float32),
        }
    )


# ---------------------------------------------------------------------- what is on the disk

READERS: dict[str, Callable[[Path], object]] = {
    "read_parquet": read_parquet,
    "iterate_predictions": lambda path: list(iterate_predictions(path)),
    "read_catalogue": lambda path: read_catalogue(path, [Column("z", "z_pred")]),
    "stream_catalogue": lambda path: list(stream_catalogue(path, [Column("z", "z_pred")])),
    "figure2": lambda path: figure2.read_run([path], ["A"], 0, "source"),
}


def write_stream(table: pd.DataFrame, path: Path) -> None:
    with TableWriter(path) as writer:
        writer.write(table)


@pytest.mark.parametrize("write", [write_parquet, write_stream])
@pytest.mark.parametrize("reader", READERS)
def test_a_flipped_bit_in_predictions_is_found_by_every_reader(
    tmp_path: Path, reader: str, write: Callable
) -> None:
    path = tmp_path / "seeds-000-009.parquet"
    write(predictions(), path)
    READERS[reader](path)
    chunk = pq.read_metadata(path).row_group(0).column(5)
    content = bytearray(path.read_bytes())
    # In the middle of the values: random mantissae, which compression stores as they are.
    content[chunk.dictionary_page_offset + chunk.total_compressed_size // 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"seeds-000-009\.parquet: .*CRC checksum"):
        READERS[reader](path)


# ------------------------------------------------------------------------- guards of the run


def flow(*counts: tuple[int, int]) -> pd.DataFrame:
    steps = [cutflow_row(f"cut {k}", "", *pair) for k, pair in enumerate(counts)]
    return join_cutflows(cutflow_table(steps, "selection"))


@pytest.mark.parametrize(
    ("table", "n_rows", "problem"),
    [
        (flow((9, 7), (7, 5)), 4, "the last step leaves 5, the catalogue has 4 rows"),
        (flow((9, 7), (6, 5)), 5, "cut 1: begins with another count than was left"),
        (flow((9, 7)).assign(n_removed=1), 7, "cut 0: n_in is not n_out . n_removed"),
    ],
)
def test_counts_that_do_not_add_up_stop_the_run(
    table: pd.DataFrame, n_rows: int, problem: str
) -> None:
    check_counts(flow((9, 7), (7, 5)), 5)
    with pytest.raises(RuntimeError, match=problem):
        check_counts(table, n_rows)


@pytest.mark.parametrize("value", [99.0, -99.0, 3631.0, 0.0])
def test_a_sentinel_or_a_flux_in_place_of_a_magnitude_stops_the_run(value: float) -> None:
    table = catalogue()
    check_complete(table, ["g"], "source")
    table.loc[3, "mag_g"] = value
    with pytest.raises(InputError, match=f"source: mag_g: implausible.*{value:g} and 0 more"):
        check_complete(table, ["g"], "source")


def test_fluxes_in_the_range_of_magnitudes_stop_the_run() -> None:
    table = catalogue().assign(mag_g=np.linspace(0.4, 6.0, 9))
    with pytest.raises(InputError, match=r"mag_g: implausible.*a median of 3\.2;"):
        check_complete(table, ["g"], "source")


def test_a_galaxy_whose_flux_is_about_zero_does_not_stop_the_run() -> None:
    table = catalogue()
    table.loc[3, "mag_g"] = 35.7
    check_complete(table, ["g"], "source")


def test_an_object_that_is_there_twice_stops_the_run(tmp_path: Path) -> None:
    twice = catalogue().assign(object_id=[0, *range(8)])
    with pytest.raises(InputError, match="object_id: an object is there twice; found 0; 1 such"):
        check_complete(twice, ["g"], "source")
    # Two catalogues of different surveys may use the same numbers.
    combo = pd.concat([catalogue(), catalogue()]).assign(dataset=["source"] * 9 + ["other"] * 9)
    check_complete(combo, ["g"], "combo")
    paths = [tmp_path / name for name in ("t", "g", "ts", "gs", "combo", "summary", "o")]
    write_parquet(pd.concat([catalogue(), catalogue()]), paths[0])
    write_parquet(catalogue(first_id=100), paths[1])
    with pytest.raises(InputError, match="twice"):
        split.main(
            *map(str, paths),
            bands=["g"],
            method={"source": "published", "target": "published"},
            fractions={"train": 0.6, "validation": 0.2, "test": 0.2},
            seed=1,
            block=1.0,
            identity={"one_release": True, "radius": 1.0},
        )
    assert not paths[2].exists()


def test_inputs_outside_the_range_trained_on_are_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from scripts.networks.predict_tests import report_range

    scaler = Scaler(("mag_g", "mag_r"), np.float32([20, 20]), np.float32([24, 25]))
    inside = np.float32([[20, 20], [24, 25]])
    assert scaler.outside(inside)[:2] == (0.0, 0.0)
    far = np.float32([[22, 22], [18, 22], [22, 35], [24, 25]])
    fraction, farthest, column = scaler.outside(far)
    assert (fraction, column) == (0.5, "mag_r")
    assert farthest == pytest.approx(2.0, abs=1e-6)
    test = pd.DataFrame({"dataset": ["source"] * 2 + ["target"] * 4})
    with caplog.at_level(logging.INFO):
        report_range(scaler, test, np.concatenate([inside, far]))
    first, second = caplog.records
    assert (first.levelname, second.levelname) == ("INFO", "WARNING")
    assert "source: 0.00% of the test galaxies outside" in first.message
    assert "target: 50.00%" in second.message
    assert "farthest by 2.00 of its width in mag_r" in second.message


def test_a_network_that_predicts_nan_stops_the_run(tmp_path: Path) -> None:
    from scripts.networks import predict_tests
    from transferz.networks.architecture import Architecture, initial_weights
    from transferz.networks.model_files import save_models

    architecture = Architecture(1, (4,))
    weights = initial_weights(architecture, 0)
    weights[-1][:] = np.nan
    scaler = Scaler(("mag_g",), np.float32([20]), np.float32([25]))
    save_models(tmp_path / "m.npz", architecture, scaler, {0: weights})
    write_parquet(catalogue(), tmp_path / "s.parquet")
    sets = {name: tmp_path / "s.parquet" for name in ("source", "target")}
    with pytest.raises(InputError, match=r"m\.npz: z_pred: a prediction is not finite"):
        predict_tests.main(
            [tmp_path / "m.npz"], [tmp_path / "p.parquet"], **sets, strategy="A", threads=1
        )
    assert not (tmp_path / "p.parquet").exists()


# ------------------------------------------------------------------------------- the audit


def test_a_cut_flow_is_held_against_its_catalogue(tmp_path: Path) -> None:
    write_csv(flow((12, 10), (10, 9)), tmp_path / "flow.csv")
    write_parquet(catalogue(9), tmp_path / "whole.parquet")
    write_parquet(catalogue(8), tmp_path / "short.parquet")
    (whole,) = invariants.check_cutflow(tmp_path / "flow.csv", tmp_path / "whole.parquet")
    assert (whole.result, whole.found) == (PASSED, "2 steps, 9 rows")
    (short,) = invariants.check_cutflow(tmp_path / "flow.csv", tmp_path / "short.parquet")
    assert short.result == FAILED
    assert "leaves 9, the catalogue has 8 rows" in short.found


@pytest.mark.parametrize(
    ("column", "value", "invariant"),
    [
        ("object_id", 1, "no object_id twice"),
        ("mag_g", 50.0, "0 < mag_g < 50"),
        ("mag_g", np.nan, "0 < mag_g < 50"),
        ("mag_err_g", -0.1, "0 <= mag_err_g <= inf"),
        ("redshift", -0.5, "0 <= redshift <= 12"),
        ("dec", 91.0, "positions on the sky"),
    ],
)
def test_a_damaged_catalogue(tmp_path: Path, column: str, value: float, invariant: str) -> None:
    path = tmp_path / "c.parquet"
    write_parquet(catalogue(), path)
    assert set(results(invariants.check_catalogue(path, ["g"])).values()) == {PASSED}
    table = catalogue()
    table.loc[0, column] = value
    write_parquet(table, path)
    found = results(invariants.check_catalogue(path, ["g"]))
    assert [name for name, result in found.items() if result == FAILED] == [invariant]


def test_a_match_that_is_not_one_to_one(tmp_path: Path) -> None:
    path = tmp_path / "matched.parquet"
    table = pd.DataFrame({"object_id": [1, 2], "cosmos_id": [5, 6], "separation": [0.1, 0.4]})
    write_parquet(table, path)
    assert set(results(invariants.check_matched(path, 0.5)).values()) == {PASSED}
    write_parquet(table.assign(cosmos_id=5, separation=[0.1, 0.6]), path)
    assert set(results(invariants.check_matched(path, 0.5)).values()) == {FAILED}


def split_files(folder: Path, **tables: pd.DataFrame) -> tuple[dict, dict]:
    paths = {name: folder / f"{name}.parquet" for name in ("source", "target", "combo")}
    for name, path in paths.items():
        write_parquet(tables[name], path)
    return paths, {name: paths[name] for name in ("source", "target")}


def test_a_leak_between_splits(tmp_path: Path) -> None:
    source, target = catalogue(), catalogue(first_id=100)
    combo = pd.concat([source.assign(dataset="source"), target.assign(dataset="target")])
    files = split_files(tmp_path, source=source, target=target, combo=combo)
    identity = {"one_release": True, "radius": 1.0}
    assert set(results(invariants.check_splits(*files, **identity)).values()) == {PASSED}
    # The last test galaxy of one is the first training galaxy of the other.
    leaking = source.copy()
    leaking.loc[8, ["ra", "dec"]] = target.loc[0, ["ra", "dec"]]
    files = split_files(tmp_path, source=leaking, target=target, combo=combo)
    failed = [
        c.invariant for c in invariants.check_splits(*files, **identity) if c.result == FAILED
    ]
    assert "no object trained on in one data set and tested on in the other" in failed
    assert "nothing that Combo trains on is in a test set" in failed


def test_predictions_that_do_not_follow_from_the_weights(tmp_path: Path) -> None:
    """The audit computes them with NumPy; what it is held against here are hand-made numbers."""
    arrays = {
        "seeds": np.array([3]),
        "hidden": np.array([2]),
        "activation": np.array("relu"),
        "skip": np.array(True),
        "hidden_1.kernel": np.float32([[[1, -1]]]),
        "hidden_1.bias": np.float32([[0, 0.5]]),
        "redshift.kernel": np.float32([[[1], [2], [4]]]),
        "redshift.bias": np.float32([[0.25]]),
        **Scaler(("mag_g",), np.float32([20]), np.float32([24])).arrays(),
    }
    # Scaled 0, 0.5, 1: skip + 2 relu(x) + 4 relu(0.5 - x) + 0.25.
    by_hand = np.array([2.25, 1.75, 3.25])
    values = np.float32([[20], [22], [24]])
    assert invariants.predict(arrays, 0, values) == pytest.approx(by_hand)
    np.savez(tmp_path / "m.npz", **arrays)
    history = pd.DataFrame({"seed": 3, "epoch": [1, 2], "loss": 0.1, "val_loss": 0.2})
    write_csv(history, tmp_path / "h.csv")
    given = pd.DataFrame({"seed": 3, "dataset": "source", "z_pred": np.float32(by_hand)})
    test = {"source": pd.DataFrame({"mag_g": values[:, 0]})}
    paths = [tmp_path / name for name in ("m.npz", "h.csv", "p.parquet")]
    write_parquet(given, paths[2])
    assert set(results(invariants.check_models(*paths, test)).values()) == {PASSED}
    write_parquet(given.assign(z_pred=np.float32([2.25, 1.7, 3.25])), paths[2])
    write_csv(history.assign(epoch=[1, 3]), paths[1])
    found = invariants.check_models(*paths, test)
    assert [check.result for check in found] == [PASSED, FAILED, FAILED]
    assert "5.0e-02" in found[2].found
    (noted,) = invariants.check_training_range(
        paths[0], {"source": pd.DataFrame({"mag_g": np.float32([21, 26])})}
    )
    assert noted.result == NOTED
    assert noted.found == "50.00% of 2 galaxies outside, the farthest by 0.50 of its width in mag_g"


def test_a_table_that_does_not_follow_from_the_metrics(tmp_path: Path) -> None:
    keys = {"strategy": "A", "dataset": "source", "z_min": 0.3, "z_max": 1.5, "n": 7}
    metrics = {name: [0.1, 0.2, 0.6] for name in METRICS}
    write_csv(pd.DataFrame({"seed": [0, 1, 2], **keys, **metrics}), tmp_path / "m.csv")
    row = {"dataset": "source", "strategy": "A", "z_min": 0.3, "z_max": 1.5}
    row |= {"n_galaxies": 7, "n_seeds": 3}
    row |= {f"{name}_mean": 0.3 for name in METRICS}
    # By hand: squares of -0.2, -0.1 and 0.3 over 2.
    row |= {f"{name}_spread": 0.07**0.5 for name in METRICS}

    def failed(**changes: float) -> list[str]:
        write_csv(pd.DataFrame([row | changes]), tmp_path / "table1.csv")
        checks = invariants.check_table1(tmp_path / "table1.csv", tmp_path / "m.csv", [0.3, 1.5])
        return [check.invariant.split()[0] for check in checks if check.result == FAILED]

    assert failed() == []
    assert failed(rms_mean=0.31) == failed(rms_spread=0.2) == ["means"]
    assert failed(n_seeds=2) == failed(n_galaxies=8) == failed(z_min=0.4) == ["range"]


def test_checksums_and_files_that_change_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1\n")
    digest = invariants.sha256(tmp_path / "a.csv")
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  a.csv\n")
    (good,) = invariants.check_listed_checksums(tmp_path / "SHA256SUMS")
    (tmp_path / "a.csv").write_text("2\n")
    (bad,) = invariants.check_listed_checksums(tmp_path / "SHA256SUMS")
    assert (good.result, bad.result, bad.found) == (PASSED, FAILED, "a.csv")
    (rotten,) = invariants.check_unchanged({"a": "1", "b": "2"}, {"a": "0", "b": "2"}, [])
    assert (rotten.result, rotten.found) == (FAILED, "a")
    (written,) = invariants.check_unchanged({"a": "1"}, {"a": "0"}, ["a"])
    assert written.result == PASSED
    (tmp_path / ".7.partial.x.csv").touch()
    assert invariants.check_leftovers(tmp_path)[0].result == NOTED


def test_a_file_that_cannot_be_read_is_a_failed_check(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    (only,) = invariants.guarded(invariants.check_matched, path, 1.0)
    assert (only.result, only.subject) == (FAILED, str(path))
    assert "file not found" in only.found


def test_manifest_round_trip_and_page(tmp_path: Path) -> None:
    files, stamps = {"results/a b.csv": "0" * 64}, {"results/a b.csv": 12345}
    (tmp_path / "m").write_text(audit.manifest_text(files, stamps))
    assert audit.read_manifest(tmp_path / "m") == (files, stamps)
    assert audit.read_manifest(tmp_path / "none") == ({}, {})
    run = {"git_revision": "abc", "versions": {"numpy": "0.1"}}
    made = {"manifest": "results/audit.sha256", "date": "2024-11-18"}
    checks = [Check("<script>x</script>", "i", "f", PASSED), Check("s", "i", "f", NOTED)]
    page = audit.page_text(checks, files, run, "def", **made)
    assert "Signed off on 2024-11-18: none of 2 checks failed, 1 noted" in page
    assert "abc" in page
    assert "def" in page
    assert "0" * 64 in page
    assert "<script>" not in page
    failing = audit.page_text([*checks, Check("s", "i", "f", FAILED)], files, run, "def", **made)
    assert "**1 of 3 checks FAILED.**" in failing
    assert "Signed off" not in failing


# ------------------------------------------------------------------------------- its progress


def test_status_counts_products_and_names_what_failed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a.npz").touch()
    (tmp_path / "logs/train").mkdir(parents=True)
    log = tmp_path / "logs/train/seeds-010-019.log"
    log.write_text("epoch 3\n2024-01-01 ERROR transferz: ERROR disk full\n")
    stages = {"models": ["models/a.npz", "models/b.npz", "models/c.npz"], "claims": ["claims.csv"]}
    lines = status.status_lines(tmp_path, stages, tmp_path / "logs", 0.0)
    assert " ".join(lines[0].split()) == "models 1 of 3 missing: models/b.npz and 1 more"
    assert lines[2].split() == ["all", "1", "of", "4"]
    assert lines[3].startswith(f"failed: {log}: ")
    assert "disk full" in lines[3]
