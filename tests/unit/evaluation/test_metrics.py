"""Metrics against hand-computed numbers, scipy, scikit-learn and an independent recomputation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn.metrics import root_mean_squared_error

from scripts.evaluation.evaluate import main
from transferz.core.errors import InputError
from transferz.evaluation.bins import Ranges, ZRange
from transferz.evaluation.metrics import METRICS, compute_metrics, metrics_table
from transferz.evaluation.predictions import iterate_predictions

RANGES = {"z_range": [0.3, 1.5], "full_range": [0.0, 10.0]}
BINS = {"bin_width": 0.1, "bin_z_max": 4.0, "bin_min_galaxies": 30}
COLUMNS = (
    "strategy,seed,dataset,z_min,z_max,n,bias_mean,bias_median,bias_biweight,rms,scatter_mad,"
    "scatter_biweight,outlier_fraction,outlier_fraction_biweight,catastrophic_fraction,hsc_loss"
)


def predictions(
    strategies: tuple[str, ...] = ("A", "B"), seeds: tuple[int, ...] = (0, 1, 2), n: int = 700
) -> pd.DataFrame:
    """Predictions of some networks, ordered as the workflow writes them."""
    parts = []
    for name in strategies:
        for seed in seeds:
            for number, dataset in enumerate(("source", "target")):
                truth = np.random.default_rng([number]).gamma(2.5, 0.35, n).astype("float32")
                # Some on the very edges of the ranges, where it matters which side is included.
                truth[:12] = np.float32([0.3, 0.4, 0.5, 1.5, 1.4, 0.2, 0.3, 1.5, 4.0, 3.9, 0, 0.1])
                noise = np.random.default_rng([number, seed, ord(name)])
                spread = 0.05 * noise.standard_t(2, n) + 0.01
                parts.append(
                    pd.DataFrame(
                        {
                            "strategy": name,
                            "seed": np.int32(seed),
                            "dataset": dataset,
                            "object_id": np.arange(n),
                            "z_true": truth,
                            "z_pred": (truth + spread * (1 + truth)).astype("float32"),
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


def evaluate(folder: Path, *tables: pd.DataFrame, **options: object) -> pd.DataFrame:
    """Write tables as files of predictions, evaluate them, read the result."""
    paths = []
    for number, table in enumerate(tables):
        paths.append(folder / f"{number}.parquet")
        table.to_parquet(paths[-1], index=False)
    ranges = RANGES | BINS | {"full_range": options.pop("full_range", RANGES["full_range"])}
    options = {"strategies": ["A", "B"], "seeds": [0, 1, 2], "ranges": ranges, **options}
    main(paths, folder / "per_seed.csv", **options)
    return pd.read_csv(folder / "per_seed.csv")


# --------------------------------------------------------------- one sample, by definition


def test_hand_computed_sample() -> None:
    z_true = np.array([0.0, 0.0, 1.0, 1.0, 3.0])
    z_pred = np.array([0.1, -0.2, 1.2, 1.0, 0.0])
    # dz = 0.1, -0.2, 0.1, 0, -0.75
    measured = compute_metrics(z_true, z_pred)
    assert measured["n"] == 5
    assert measured["bias_mean"] == pytest.approx(-0.15)
    assert measured["bias_median"] == pytest.approx(0.0)
    assert measured["scatter_mad"] == pytest.approx(1.4826 * 0.1)
    assert measured["rms"] == pytest.approx(np.sqrt((0.01 + 0.04 + 0.01 + 0.5625) / 5))
    assert measured["outlier_fraction"] == pytest.approx(0.4)
    assert measured["catastrophic_fraction"] == pytest.approx(0.2)
    terms = [1 - 1 / (1 + (dz / 0.15) ** 2) for dz in (0.1, -0.2, 0.1, 0.0, -0.75)]
    assert measured["hsc_loss"] == pytest.approx(sum(terms) / 5)


def test_limits_are_exceeded_only_above() -> None:
    measured = compute_metrics(np.zeros(4), np.array([0.15, -0.15, 1.0, 1.0001]))
    assert measured["outlier_fraction"] == 0.5
    assert measured["catastrophic_fraction"] == 0.25


def biweight(values: np.ndarray) -> tuple[float, float]:
    """Location and scale by the formulas of Beers, Flynn & Gebhardt (1990), eqs. 5 and 9."""
    median = np.median(values)
    mad = stats.median_abs_deviation(values)

    u = (values - median) / (6.0 * mad)
    weights = np.where(np.abs(u) < 1, (1 - u**2) ** 2, 0.0)
    location = median + np.sum(weights * (values - median)) / np.sum(weights)

    u = (values - median) / (9.0 * mad)
    inside = np.abs(u) < 1
    numerator = np.sum(((values - median) ** 2 * (1 - u**2) ** 4)[inside])
    denominator = np.sum(((1 - u**2) * (1 - 5 * u**2))[inside])
    return location, np.sqrt(len(values) * numerator) / abs(denominator)


def reference_metrics(z_true: np.ndarray, z_pred: np.ndarray) -> dict[str, float]:
    """All metrics again, written without the package."""
    dz = (z_pred - z_true) / (1 + z_true)
    location, scale = biweight(dz)
    return {
        "n": len(dz),
        "bias_mean": np.average(dz),
        "bias_median": np.percentile(dz, 50),
        "bias_biweight": location,
        "rms": root_mean_squared_error(np.zeros_like(dz), dz),
        "scatter_mad": 1.4826 * stats.median_abs_deviation(dz),
        "scatter_biweight": scale,
        "outlier_fraction": np.count_nonzero(np.abs(dz) > 0.15) / len(dz),
        "outlier_fraction_biweight": np.count_nonzero(np.abs(dz - location) > 2 * scale) / len(dz),
        "catastrophic_fraction": np.count_nonzero(np.abs(z_pred - z_true) > 1) / len(dz),
        "hsc_loss": np.mean(dz**2 / (dz**2 + 0.15**2)),
    }


@pytest.mark.parametrize("seed", range(5))
def test_agreement_with_other_libraries(seed: int) -> None:
    random = np.random.default_rng(seed)
    z_true = random.gamma(2, 0.5, 400)
    z_pred = z_true + 0.1 * random.standard_cauchy(400)
    measured = compute_metrics(z_true, z_pred)
    assert list(measured) == ["n", *METRICS]
    assert measured == pytest.approx(reference_metrics(z_true, z_pred), rel=1e-9, abs=1e-12)


def test_identical_predictions_have_no_scatter() -> None:
    z = np.linspace(0.1, 2, 50)
    assert all(value == 0 for name, value in compute_metrics(z, z).items() if name != "n")


def test_a_sample_without_galaxies_or_with_nan_is_an_error() -> None:
    with pytest.raises(InputError, match="no galaxy"):
        compute_metrics(np.array([]), np.array([]))
    with pytest.raises(InputError, match="z_pred: a redshift is not finite; found 1"):
        compute_metrics(np.ones(3), np.array([1.0, np.nan, 1.0]))


# ---------------------------------------------------------------------- ranges of redshift


def test_edges_of_ranges() -> None:
    z = np.sort(np.array([0.0, 0.1, 0.2, 0.3, 0.3, 1.5, 4.0, 9.0]))
    ranges = {
        (edge.z_min, edge.z_max): z[edge.rows(z)].tolist()
        for edge in Ranges(**(RANGES | BINS | {"bin_min_galaxies": 1})).select(z)
    }
    assert ranges[0.0, 0.1] == [0.1]
    assert ranges[0.1, 0.2] == [0.2]
    assert ranges[0.3, 1.5] == [1.5]
    assert ranges[0.0, 10.0] == z.tolist()
    assert ranges[0.2, 0.3] == [0.3, 0.3]
    assert ranges[3.9, 4.0] == [4.0]
    assert (3.8, 3.9) not in ranges
    assert list(ranges) == sorted(ranges)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_redshift_on_an_edge_is_on_it_in_single_precision(dtype: type) -> None:
    """0.3 in single precision, as predictions have it, is larger than 0.3 in double precision."""
    z = np.array([0.3, 0.31, 0.7, 1.5]).astype(np.float32).astype(dtype)
    for edge, inside in (
        (ZRange(0.3, 1.5), [False, True, True, True]),
        (ZRange(0.3, 0.7), [False, True, True, False]),
        (ZRange(0.3, 0.7, closed=True), [True, True, True, False]),
    ):
        assert edge.holds(z).tolist() == inside
        assert z[edge.rows(z)].tolist() == z[edge.holds(z)].tolist()
    assert ZRange(0.3, 1.5).text("z_true") == "0.3 < z_true <= 1.5"


def test_edges_of_bins_are_the_decimals_that_a_reader_writes() -> None:
    edges = Ranges(**(RANGES | BINS | {"bin_min_galaxies": 0})).select(np.linspace(0, 4, 1000))
    bins = [edge for edge in edges if edge not in Ranges(**RANGES).windows]
    assert len(bins) == 40
    assert [edge.z_min for edge in bins] == [float(f"0.{k}") for k in range(10)] + [
        float(f"{k // 10}.{k % 10}") for k in range(10, 40)
    ]


def test_small_bins_are_left_out() -> None:
    z = np.sort(np.concatenate([np.full(29, 0.05), np.full(30, 0.15)]))
    edges = {(edge.z_min, edge.z_max) for edge in Ranges(**RANGES, **BINS).select(z)}
    assert edges == {(0.1, 0.2), (0.3, 1.5), (0.0, 10.0)}
    edges = {(edge.z_min, edge.z_max) for edge in Ranges(**RANGES).select(z)}
    assert edges == {(0.3, 1.5), (0.0, 10.0)}


# ------------------------------------------------------------------------------ whole files


def test_independent_recomputation_of_per_seed(tmp_path: Path) -> None:
    table = predictions()
    measured = evaluate(tmp_path, table)
    assert ",".join(measured.columns) == COLUMNS
    keys = ["strategy", "seed", "dataset", "z_min", "z_max"]
    assert not measured.duplicated(keys).any()
    assert measured[keys].equals(measured[keys].sort_values(keys).reset_index(drop=True))
    expected_rows = 0
    for (strategy, seed, dataset), part in table.groupby(["strategy", "seed", "dataset"]):
        z_true, z_pred = part["z_true"].to_numpy(float), part["z_pred"].to_numpy(float)
        # The decimals behind single precision: 0.30000001 is 0.3.
        decimal = z_true.round(7)
        selections = {
            (0.3, 1.5): (decimal > 0.3) & (decimal <= 1.5),
            (0.0, 10.0): np.ones(len(part), bool),
        }
        for k in range(40):
            inside = (decimal > k / 10) & (decimal <= (k + 1) / 10)
            if inside.sum() >= 30:
                selections[k / 10, (k + 1) / 10] = inside
        for (low, high), inside in selections.items():
            expected = reference_metrics(z_true[inside], z_pred[inside])
            row = measured[
                (measured["strategy"] == strategy)
                & (measured["seed"] == seed)
                & (measured["dataset"] == dataset)
                & np.isclose(measured["z_min"], low)
                & np.isclose(measured["z_max"], high)
            ]
            assert len(row) == 1
            got = row.iloc[0][["n", *METRICS]].to_dict()
            assert got == pytest.approx(expected, abs=1e-6, rel=1e-6)
            expected_rows += 1
    assert len(measured) == expected_rows


def test_the_result_does_not_depend_on_how_predictions_are_cut(tmp_path: Path) -> None:
    table = predictions()
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    evaluate(folders[0], table)
    evaluate(folders[1], *(part for _, part in table.groupby(["seed", "strategy"])))
    evaluate(folders[2], table[table["strategy"] == "B"], table[table["strategy"] == "A"])
    texts = {(folder / "per_seed.csv").read_bytes() for folder in folders}
    assert len(texts) == 1


@pytest.mark.parametrize("batch_rows", [1, 300, 700, 999, 10**6])
def test_reading_in_batches_joins_what_was_cut(tmp_path: Path, batch_rows: int) -> None:
    table = predictions(seeds=(0, 1), strategies=("A",), n=60)
    table.to_parquet(tmp_path / "p.parquet", index=False)
    parts = list(iterate_predictions(tmp_path / "p.parquet", batch_rows))
    groups = table.groupby(["strategy", "seed", "dataset"], sort=False)
    assert [part.key for part in parts] == [key for key, _ in groups]
    for part, (_, expected) in zip(parts, groups, strict=True):
        assert part.z_pred.tolist() == expected["z_pred"].tolist()
        assert part.object_id.to_pylist() == expected["object_id"].tolist()


def test_a_range_without_galaxies_has_no_row(tmp_path: Path) -> None:
    table = predictions()
    near = table["dataset"].eq("target")
    table.loc[near, "z_true"] = np.linspace(0.01, 0.29, 700, dtype="float32").tolist() * 6
    measured = evaluate(tmp_path, table)
    windows = measured[measured["z_min"].eq(0.3) & measured["z_max"].eq(1.5)]
    assert set(windows["dataset"]) == {"source"}
    assert measured[list(METRICS)].notna().all(axis=None)


def test_the_table_is_sorted_and_its_rows_numbered_anew() -> None:
    row = {"z_min": 0.0, "z_max": 10.0, "n": 1} | dict.fromkeys(METRICS, 0.0)
    table = metrics_table({("B", 1, "target"): [row], ("A", 2, "target"): [row]})
    assert table.index.tolist() == [0, 1]
    assert table["strategy"].tolist() == ["A", "B"]


def test_only_biases_have_a_sign() -> None:
    signed = {name for name, metric in METRICS.items() if metric.signed}
    assert signed == {"bias_mean", "bias_median", "bias_biweight"}


def test_identifiers_may_be_text(tmp_path: Path) -> None:
    table = predictions()
    numbers = evaluate(tmp_path, table)
    texts = evaluate(tmp_path, table.assign(object_id="g" + table["object_id"].astype(str)))
    pd.testing.assert_frame_equal(numbers, texts)


# -------------------------------------------------------------------------- what goes wrong


def test_a_prediction_that_is_not_a_number(tmp_path: Path) -> None:
    table = predictions()
    table.loc[5, "z_pred"] = np.nan
    with pytest.raises(InputError, match=r"0.parquet: z_pred of A, seed 0, source.*1 of 700"):
        evaluate(tmp_path, table)
    assert not (tmp_path / "per_seed.csv").exists()


def test_a_seed_that_is_missing(tmp_path: Path) -> None:
    table = predictions()
    lacking = table[~((table["strategy"] == "B") & (table["seed"] == 1))]
    with pytest.raises(InputError, match="missing; found B, seed 1, source; B, seed 1, tar"):
        evaluate(tmp_path, lacking)


def test_a_seed_that_is_left_over(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not part of this run; found A, seed 2"):
        evaluate(tmp_path, predictions(), seeds=[0, 1])


def test_a_seed_that_comes_twice(tmp_path: Path) -> None:
    table = predictions()
    with pytest.raises(InputError, match=r"1.parquet: A, 2, source: .*twice.*0.parquet"):
        evaluate(tmp_path, table, table[(table["seed"] == 2) & (table["strategy"] == "A")])


def test_other_galaxies_than_before(tmp_path: Path) -> None:
    table = predictions()
    last = table.index[-1]
    with pytest.raises(InputError, match=r"other galaxies.*B, seed 2|B, seed 2.*other galaxies"):
        evaluate(tmp_path, table.drop(last))
    swapped = table.copy()
    swapped.loc[last, "object_id"] = 10**6
    with pytest.raises(InputError, match="other galaxies"):
        evaluate(tmp_path, swapped)


def test_an_object_that_is_predicted_twice(tmp_path: Path) -> None:
    table = predictions()
    table.loc[1, "object_id"] = 0
    with pytest.raises(InputError, match="predicted twice"):
        evaluate(tmp_path, table)


def test_a_galaxy_outside_the_full_range_is_not_dropped(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"evaluation.full_range.*found 0 to 4 .*widen"):
        evaluate(tmp_path, predictions(), full_range=[0.0, 3.0])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    table = predictions()
    with pytest.raises(InputError, match=r"0.parquet: z_pred: missing column"):
        evaluate(tmp_path, table.drop(columns="z_pred"))
    with pytest.raises(InputError, match=r"nowhere.parquet: file not found"):
        list(iterate_predictions(tmp_path / "nowhere.parquet"))
    table.to_parquet(tmp_path / "0.parquet")
    whole = (tmp_path / "0.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a readable Parquet file"):
        list(iterate_predictions(tmp_path / "cut.parquet"))


def test_a_file_of_several_row_groups(tmp_path: Path) -> None:
    table = predictions(strategies=("A",), seeds=(0,), n=100)
    path = tmp_path / "groups.parquet"
    table.to_parquet(path, index=False, row_group_size=37)
    assert pq.ParquetFile(path).num_row_groups > 2
    assert [len(part.z_true) for part in iterate_predictions(path)] == [100, 100]
