"""What must hold for any input: matching, cuts, splits, metrics, scaling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.catalogues.cuts import apply_cuts, check_counts
from transferz.catalogues.identity import same_objects
from transferz.catalogues.matching import cross_match
from transferz.catalogues.splits import SPLITS, combine, leaks, make_consistent, split_by_object
from transferz.evaluation.metrics import METRICS, OUTLIER_LIMIT, compute_metrics
from transferz.networks.features import Scaler

FEW = settings(max_examples=25, deadline=None)
RADIUS = 1.0
seeds = st.integers(0, 2**32 - 1)
counts = st.integers(1, 40)
# Around right ascension 0, at both poles, anywhere.
centres = st.sampled_from([(0.0, 0.0), (359.9999, -30.0), (120.0, 90.0), (10.0, -90.0)])


def sky(seed: int, n: int, centre: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return positions within a few arcsec of a centre, so that many lie within the radius."""
    offset = np.random.default_rng(seed).uniform(-3, 3, (2, n)) / 3600
    dec = centre[1] - np.abs(offset[1]) if centre[1] == 90 else centre[1] + np.abs(offset[1])
    stretch = max(np.cos(np.radians(centre[1])), 1e-3)
    return (centre[0] + offset[0] / stretch) % 360, dec


# ---------------------------------------------------------------------------------- matching


@FEW
@given(seeds, counts, counts, centres)
def test_a_match_is_one_to_one_within_the_radius_and_symmetric(
    seed: int, n_left: int, n_right: int, centre: tuple[float, float]
) -> None:
    left, right = sky(seed, n_left, centre), sky(seed + 1, n_right, centre)
    pairs = cross_match(*left, *right, RADIUS)
    assert len(set(pairs.left)) == len(set(pairs.right)) == len(pairs.left)
    assert (pairs.separation <= RADIUS).all()
    back = cross_match(*right, *left, RADIUS)
    assert set(zip(back.right, back.left, strict=True)) == set(
        zip(pairs.left, pairs.right, strict=True)
    )


@FEW
@given(seeds, counts, counts, centres)
def test_a_match_does_not_depend_on_the_order_of_rows(
    seed: int, n_left: int, n_right: int, centre: tuple[float, float]
) -> None:
    left, right = sky(seed, n_left, centre), sky(seed + 1, n_right, centre)
    rng = np.random.default_rng(seed + 2)
    first, second = rng.permutation(n_left), rng.permutation(n_right)
    pairs = cross_match(*left, *right, RADIUS)
    shuffled = cross_match(*(x[first] for x in left), *(x[second] for x in right), RADIUS)
    assert set(zip(first[shuffled.left], second[shuffled.right], strict=True)) == set(
        zip(pairs.left, pairs.right, strict=True)
    )


# -------------------------------------------------------------------------------------- cuts

CUTS = {
    "bright": {"column": "mag", "below": 0.8},
    "near": {"column": "z", "max": 0.9},
    "measured": {"column": "err", "is_null": False},
    "kind": {"column": "kind", "one_of": [0, 1]},
}


def galaxies(seed: int, n: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.random((n, 3)), columns=["mag", "z", "err"])
    table.loc[rng.random(n) < 0.2, "err"] = np.nan
    table = table.assign(object_id=np.arange(n), kind=rng.integers(0, 3, n))
    # One that passes everything: a cut that leaves nothing is an error, and tested elsewhere.
    table.loc[0, ["mag", "z", "err", "kind"]] = 0.0
    return table


@FEW
@given(seeds, counts, st.permutations(list(CUTS)))
def test_cuts_add_up_keep_their_order_and_remove_nothing_twice(
    seed: int, n: int, names: list[str]
) -> None:
    table = galaxies(seed, n)
    kept, flow = apply_cuts(table, {name: CUTS[name] for name in names}, [])
    assert flow["cut"].tolist() == names
    check_counts(flow, len(kept))
    assert int(flow["n_removed"].sum()) == n - len(kept)
    again, flow = apply_cuts(kept, CUTS, [])
    pd.testing.assert_frame_equal(again, kept)
    assert flow["n_removed"].sum() == 0
    # Whatever the order, the same galaxies are left, as they were.
    other, _ = apply_cuts(table, CUTS, [])
    pd.testing.assert_frame_equal(other, kept)
    pd.testing.assert_frame_equal(
        kept, table[table["object_id"].isin(kept["object_id"])].reset_index(drop=True)
    )


# ------------------------------------------------------------------------------------ splits

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


@FEW
@given(seeds, st.integers(5, 60), st.integers(5, 60), st.booleans(), st.integers(0, 9))
def test_nothing_that_is_trained_on_is_tested_on(
    seed: int, n_source: int, n_target: int, one_release: bool, draw: int
) -> None:
    rng = np.random.default_rng(seed)
    tables = []
    for number, n in enumerate((n_source, n_target)):
        ra, dec = sky(seed + number, n, (10.0, 0.0))
        ids = rng.choice(80, n, replace=False)
        split = split_by_object(ids, FRACTIONS, draw)
        tables.append(pd.DataFrame({"object_id": ids, "ra": ra, "dec": dec, "split": split}))
    identity = {"one_release": one_release, "radius": RADIUS}
    source, target = tables
    consistent, shared, dropped = make_consistent(
        source, target, same_objects(source, target, **identity)
    )
    assert len(consistent) + dropped == n_source
    pairs = same_objects(consistent, target, **identity)
    assert leaks(consistent, target, pairs) == 0
    combo = combine(consistent, target, shared)
    assert len(combo) == len(consistent) - shared.sum() + n_target
    assert set(combo["split"]) <= set(SPLITS)
    trained = combo[combo["split"] != "test"]
    for dataset, table in (("source", consistent), ("target", target)):
        tested = set(table.loc[table["split"] == "test", "object_id"])
        mine = trained[trained["dataset"] == dataset]
        assert not tested & set(mine["object_id"])
        others = trained[trained["dataset"] != dataset]
        test_rows = table[table["split"] == "test"]
        assert not len(same_objects(others, test_rows, **identity).left)
    # The same again, from rows in another order.
    order = rng.permutation(n_source)
    shuffled = source.iloc[order].reset_index(drop=True)
    again, _, _ = make_consistent(shuffled, target, same_objects(shuffled, target, **identity))
    pd.testing.assert_series_equal(
        again.set_index("object_id")["split"].sort_index(),
        consistent.set_index("object_id")["split"].sort_index(),
    )


# ----------------------------------------------------------------------------------- metrics


@FEW
@given(seeds, st.integers(1, 200))
def test_metrics_do_not_depend_on_the_order_of_galaxies(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    z = rng.uniform(0, 3, n)
    predicted = z + rng.standard_t(2, n) * 0.1
    order = rng.permutation(n)
    found, again = compute_metrics(z, predicted), compute_metrics(z[order], predicted[order])
    assert again == pytest.approx(found, rel=1e-9, abs=1e-12)
    for name in METRICS:
        if not METRICS[name].signed:
            assert found[name] >= 0
        if "fraction" in name or name == "hsc_loss":
            assert found[name] <= 1


@FEW
@given(seeds, st.integers(1, 200), st.floats(-0.5, 0.5))
def test_a_shift_of_all_galaxies_is_bias_alone(seed: int, n: int, shift: float) -> None:
    z = np.random.default_rng(seed).uniform(0, 1, n)
    found = compute_metrics(z, z + shift * (1 + z))
    for name in ("bias_mean", "bias_median", "bias_biweight"):
        assert found[name] == pytest.approx(shift, abs=1e-12)
    assert found["rms"] == pytest.approx(abs(shift), abs=1e-12)
    assert found["scatter_mad"] == pytest.approx(0, abs=1e-12)
    assert found["scatter_biweight"] == pytest.approx(0, abs=1e-12)
    if abs(abs(shift) - OUTLIER_LIMIT) > 1e-9:
        assert found["outlier_fraction"] == float(abs(shift) > OUTLIER_LIMIT)
    assert found["hsc_loss"] == pytest.approx(1 - 1 / (1 + (shift / 0.15) ** 2), abs=1e-12)


@FEW
@given(seeds, st.integers(1, 100))
def test_every_galaxy_far_off_is_the_worst_case(seed: int, n: int) -> None:
    z = np.random.default_rng(seed).uniform(0, 1, n)
    found = compute_metrics(z, z + 1e6)
    assert found["outlier_fraction"] == found["catastrophic_fraction"] == 1.0
    assert found["hsc_loss"] == pytest.approx(1.0, abs=1e-6)


# ----------------------------------------------------------------------------------- scaling


@FEW
@given(seeds, st.integers(2, 100), st.integers(1, 6), st.floats(-50, 50), st.floats(0.01, 100))
def test_the_range_trained_on_becomes_0_to_1_and_back(
    seed: int, n: int, n_columns: int, centre: float, width: float
) -> None:
    rng = np.random.default_rng(seed)
    values = (centre + width * rng.standard_normal((n, n_columns))).astype(np.float32)
    values[0], values[1] = centre - width, centre + 2 * width
    scaler = Scaler.fit(values, [f"c{k}" for k in range(n_columns)])
    scaled = scaler.transform(values)
    # Single precision of the offset, which is large where the centre is far from 0.
    step = 1e-6 * (1 + np.abs(scaler.offset).max())
    assert scaled.min() >= -step
    assert scaled.max() <= 1 + step
    assert np.abs(scaled.min(axis=0)).max() <= step
    assert np.abs(scaled.max(axis=0) - 1).max() <= step
    back = (scaled.astype(np.float64) - scaler.offset) / scaler.scale
    np.testing.assert_allclose(back, values, atol=2 * step / scaler.scale.min())
    again = Scaler.from_arrays(scaler.arrays())
    assert np.array_equal(again.transform(values), scaled)
    # Order is kept, and so is which rows lie outside.
    order = np.argsort(values[:, 0], kind="stable")
    assert (np.diff(scaled[order, 0]) >= 0).all()
    fraction, farthest, _ = scaler.outside(values + np.float32(10 * width))
    assert fraction > 0
    assert farthest > 0
