"""Splits without a leak, by property; the split script as a whole."""

from __future__ import annotations

import hashlib
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.catalogues import split
from transferz.catalogues.identity import same_objects
from transferz.catalogues.splits import (
    HASH_USES,
    SPLITS,
    check_complete,
    combine,
    hash_uniform,
    leaks,
    make_consistent,
    sky_blocks,
    split_by_object,
    split_by_sky,
)
from transferz.core.errors import InputError

FRACTIONS = {"train": 0.7, "validation": 0.15, "test": 0.15}
ARCSEC = 1 / 3600


def catalogue(n: int, first_id: int = 0, seed: int = 0, **columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "object_id": np.arange(first_id, first_id + n),
            "ra": rng.uniform(149, 151, n),
            "dec": rng.uniform(1, 3, n),
            "mag_g": rng.uniform(20, 25, n),
            "mag_err_g": 0.1,
            "redshift": rng.uniform(0.1, 2, n),
        }
    )
    return table.assign(**columns)


# ------------------------------------------------------------------------------- one data set


def test_hash_is_uniform_and_known() -> None:
    values = hash_uniform(range(20_000), 1, "split")
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, bins=20, range=(0, 1))[0]
    # Chi-square with 19 degrees of freedom: mean 19, standard deviation 6.2.
    assert ((counts - 1000) ** 2 / 1000).sum() < 50
    by_hand = int.from_bytes(hashlib.blake2b(b"1:0", digest_size=8).digest(), "big") / 2**64
    assert values[0] == pytest.approx(by_hand, abs=1e-15)
    # Frozen: a change here would move every object of every published split.
    assert split_by_object(range(12), FRACTIONS, seed=2024).tolist() == FROZEN
    np.testing.assert_array_equal(hash_uniform([7], 3, "split"), hash_uniform(["7"], 3, "split"))


@pytest.mark.parametrize("pair", combinations(HASH_USES, 2), ids=" and ".join)
def test_two_uses_of_the_hash_are_independent_with_the_same_seed(pair: tuple[str, str]) -> None:
    one, other = (hash_uniform(range(20_000), 2024, use) for use in pair)
    for first, second in product((0.15, 0.5), (0.15, 0.5)):
        expected = first * second
        error = np.sqrt(expected * (1 - expected) / 20_000)
        # Both ends: the test set is the upper end of the split's draw.
        assert abs(((one < first) & (other < second)).mean() - expected) < 4 * error
        assert abs(((one > 1 - first) & (other < second)).mean() - expected) < 4 * error


FROZEN = [
    "train",
    "train",
    "validation",
    "train",
    "train",
    "test",
    "validation",
    "test",
    "validation",
    "train",
    "train",
    "test",
]


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 2**62), min_size=1, max_size=200), st.integers(0, 9), st.data())
def test_an_object_keeps_its_split_whatever_the_company(ids: set, seed: int, data) -> None:
    ids = sorted(ids)
    whole = dict(zip(ids, split_by_object(ids, FRACTIONS, seed), strict=True))
    some = data.draw(st.permutations(ids))[: len(ids) // 2 + 1]
    assert [whole[i] for i in some] == split_by_object(some, FRACTIONS, seed).tolist()


def test_fractions_are_met_and_the_seed_matters() -> None:
    chosen = split_by_object(range(20_000), FRACTIONS, 1)
    for name in SPLITS:
        expected = FRACTIONS[name]
        error = np.sqrt(expected * (1 - expected) / 20_000)
        assert abs((chosen == name).mean() - expected) < 5 * error
    assert (chosen != split_by_object(range(20_000), FRACTIONS, 2)).any()


@pytest.mark.parametrize(
    "fractions",
    [
        {"train": 0.7, "validation": 0.15, "test": 0.1},
        {"train": 1.0, "validation": 0.0, "test": 0.0},
        {"train": 0.7, "test": 0.3},
        {"train": 0.7, "validation": 0.4, "test": -0.1},
        {"train": 0.7, "validation": 0.1, "test": 0.1, "other": 0.1},
    ],
)
def test_bad_fractions(fractions: dict) -> None:
    with pytest.raises(InputError, match=r"splits\.fractions: fractions of the splits; found"):
        split_by_object([1], fractions, 0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 99), st.sampled_from([0.1, 0.5, 1.0, 7.3, 30.0]))
def test_blocks_of_sky_are_compact(seed: int, block: float) -> None:
    rng = np.random.default_rng(seed)
    ra = np.concatenate([rng.uniform(0, 360, 300), [0, 360, 0, 0]])
    dec = np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, 300))), [0, 0, 90, -90]])
    blocks = sky_blocks(ra, dec, block)
    assert blocks[300] == blocks[301]
    for number in np.unique(blocks):
        inside = blocks == number
        assert np.ptp(dec[inside]) <= block + 1e-9
        # No block is wider on the sky than about two sides (more only around a pole).
        middle = np.radians(np.abs(dec[inside]).max())
        width = np.ptp(ra[inside] % 360) * np.cos(middle)
        assert width <= 2 * block + 1e-9 or np.abs(dec[inside]).max() > 90 - 2 * block


def test_sky_blocks_stay_together_and_meet_the_fractions() -> None:
    table = catalogue(4000)
    chosen = split_by_sky(
        table["ra"].to_numpy(), table["dec"].to_numpy(), FRACTIONS, seed=3, block=0.2
    )
    blocks = sky_blocks(table["ra"], table["dec"], 0.2)
    assert pd.DataFrame({"b": blocks, "s": chosen}).groupby("b")["s"].nunique().max() == 1
    for name in SPLITS:
        assert abs((chosen == name).mean() - FRACTIONS[name]) < 0.02
    other = split_by_sky(
        table["ra"].to_numpy(), table["dec"].to_numpy(), FRACTIONS, seed=4, block=0.2
    )
    assert (chosen != other).any()


def test_blocks_of_sky_by_hand() -> None:
    """Blocks of 30 degrees: bands from -90; floor(360 cos(15) / 30) = 11 steps at the equator."""
    ra, dec = [0, 180, 359.9, -0.1, 360, 90, 90], [0, 0, 0, 0, 0, 90, -90]
    numbers = [3_000_000, 3_000_005, 3_000_010, 3_000_010, 3_000_000, 5_000_000, 0]
    assert sky_blocks(ra, dec, 30.0).tolist() == numbers
    # A band whose middle lies beyond the pole is one block.
    assert sky_blocks([180.0], [80.0], 150.0).tolist() == [1_000_000]
    # Blocks of a degree in the band from 60 to 61: 360 cos(60.5) is 177.27.
    edges = np.arange(177) * 360 / 177
    assert sky_blocks(edges + 1e-9, np.full(177, 60.2), 1.0).tolist() == list(
        range(150_000_000, 150_000_177)
    )
    assert sky_blocks(edges - 1e-9, np.full(177, 60.8), 1.0).tolist() == [
        150_000_176,
        *range(150_000_000, 150_000_176),
    ]
    # In the band from 80 to 81: 360 cos(80.5) is 59.4; in that from 0 to 1: 359.99.
    assert sky_blocks([359.99, 359.99], [80.5, 0.5], 1.0).tolist() == [170_000_058, 90_000_358]
    # Next to the poles: 360 cos(89.5) is 3.1. The pole itself is in the last band.
    ends = [-89.5, 89.5, 90.0]
    assert sky_blocks([359.0] * 3, ends, 1.0).tolist() == [2, 179_000_002, 179_000_002]
    # Modulo 360 this is 360.0: it belongs to the last step, there is no other.
    assert sky_blocks([-1e-20], [0.0], 30.0).tolist() == [3_000_010]


def test_each_block_goes_to_the_split_that_lacks_most() -> None:
    """Six blocks; 10, 5 and 5 galaxies are wanted. The hash takes them in the order 4 1 2 5 3 0."""
    counts = [10, 1, 2, 3, 1, 3]
    ra = np.repeat([1.0, 40.0, 80.0, 120.0, 160.0, 200.0], counts)
    fractions = {"train": 0.5, "validation": 0.25, "test": 0.25}
    chosen = split_by_sky(ra, np.zeros(20), fractions, seed=1, block=30.0)
    # Training lacks 10, 9, 8, 6, then 3 beside the 5 of the others.
    expected = ["test", "train", "train", "validation", "train", "train"]
    assert chosen.tolist() == np.repeat(expected, counts).tolist()


@pytest.mark.parametrize(
    ("magnitudes", "found"),
    [
        ([20.0] * 9, ""),
        ([10.0] * 9, ""),
        ([32.0] * 9, ""),
        ([0.1, 49.9] + [20.0] * 7, ""),
        ([0.0, 50.0] + [20.0] * 7, "0 and 1 more of 9 rows"),
        ([20.0] * 8 + [50.0], "50 and 0 more of 9 rows"),
        ([-99.0] + [20.0] * 8, "-99 and 0 more of 9 rows"),
        ([99.0] + [20.0] * 8, "99 and 0 more of 9 rows"),
        ([9.9] * 9, "a median of 9.9"),
        ([32.1] * 9, "a median of 32.1"),
    ],
)
def test_what_is_a_magnitude(magnitudes: list[float], found: str) -> None:
    table = catalogue(9, split=[*SPLITS] * 3, mag_g=magnitudes)
    if not found:
        check_complete(table, ["g"], "source")
        return
    with pytest.raises(InputError, match=f"mag_g: implausible magnitudes; found {found};"):
        check_complete(table, ["g"], "source")


def test_sky_split_needs_positions_and_blocks() -> None:
    ra, dec = np.array([1.0, np.nan, 5.0]), np.array([1.0, 1.0, 1.0])
    with pytest.raises(InputError, match="need positions; found 1 rows without"):
        split_by_sky(ra, dec, FRACTIONS, 0, 1.0)
    # Three blocks are enough: one for each split.
    ra = np.array([1.0, 3.0, 5.0])
    even = {"train": 0.4, "validation": 0.3, "test": 0.3}
    assert sorted(split_by_sky(ra, dec, even, 0, 1.0)) == sorted(SPLITS)
    with pytest.raises(InputError, match=r"splits\.block: too few blocks of sky.*found 1 blocks"):
        split_by_sky(np.array([10.1]), np.array([1.1]), FRACTIONS, 0, 1.0)


# ------------------------------------------------------------------------------ two data sets

position = st.integers(0, 8).map(lambda n: 150 + 0.4 * ARCSEC * n)
row = st.tuples(st.integers(0, 12), position, st.sampled_from(SPLITS))
rows = st.lists(row, min_size=1, max_size=12, unique_by=lambda r: r[0])


def from_rows(values: list) -> pd.DataFrame:
    table = pd.DataFrame(values, columns=["object_id", "ra", "split"])
    return table.assign(dec=2.0, redshift=1.0, mag_g=20.0)


@settings(max_examples=100, deadline=None)
@given(rows, rows, st.booleans(), st.sampled_from([0.5, 1.0]))
def test_no_object_is_trained_on_here_and_tested_on_there(source, target, ids, radius) -> None:
    source, target = from_rows(source), from_rows(target)
    pairs = same_objects(source, target, one_release=ids, radius=radius)
    kept, shared, n_dropped = make_consistent(source, target, pairs)
    combo = combine(kept, target, shared)

    def near(one, other) -> bool:
        return abs(one.ra - other.ra) * 3600 <= radius * (1 + 1e-9)

    for one in kept.itertuples():
        for other in target.itertuples():
            if near(one, other):
                assert (one.split == "test") == (other.split == "test")
    # Combo: every row of the target, and those of the source that are no object of it, one to one.
    assert (combo["dataset"] == "target").sum() == len(target)
    assert int(pairs.same.sum()) == len(set(pairs.left[pairs.same]))
    assert int(pairs.same.sum()) == len(set(pairs.right[pairs.same]))
    same = set(source["object_id"].to_numpy()[pairs.left[pairs.same]])
    expected = [number for number in kept["object_id"] if number not in same]
    assert combo.loc[combo["dataset"] == "source", "object_id"].tolist() == expected
    # Nothing is left out but objects that belong to the test set and to another.
    assert len(kept) + n_dropped == len(source)
    lost = source[~source["object_id"].isin(kept["object_id"])]
    for one in lost.itertuples():
        others = {other.split for other in target.itertuples() if near(one, other)}
        assert "test" in others
        assert others & {"train", "validation"}
    # What is near nothing of the target keeps its split.
    alone = kept[~kept["object_id"].isin(source["object_id"].to_numpy()[pairs.left])]
    before = source.set_index("object_id")["split"]
    assert (alone["split"] == before[alone["object_id"]].to_numpy()).all()


def test_the_log_says_how_many_objects_fit_no_split(caplog: pytest.LogCaptureFixture) -> None:
    """A blend of one galaxy that trains and one that tests."""
    source = from_rows([(1, 150.0, "train")])
    for other, said in (("validation", []), ("test", ["1 objects of the source fit no split"])):
        target = from_rows([(1, 150.0, "train"), (2, 150.0 + 0.4 * ARCSEC, other)])
        pairs = same_objects(source, target, one_release=False, radius=1.0)
        assert make_consistent(source, target, pairs)[2] == len(said)
        assert [text.partition(" and")[0] for text in caplog.messages] == said


def test_leaks_are_counted() -> None:
    source = from_rows([(1, 150.0, "train"), (2, 150.1, "test"), (3, 150.2, "test")])
    source = source.astype({"split": object})
    target = from_rows([(1, 150.0, "test"), (2, 150.1, "validation"), (3, 150.2, "test")])
    pairs = same_objects(source, target, one_release=False, radius=1.0)
    assert leaks(source, target, pairs) == 2
    kept, _, _ = make_consistent(source, target, pairs)
    assert kept["split"].tolist() == ["test", "validation", "test"]
    assert source["split"].tolist() == ["train", "test", "test"]
    assert list(kept) == list(source)
    assert leaks(kept, target, pairs) == 0


def test_combining_different_columns_and_identifiers() -> None:
    first = catalogue(3, split="train", redshift_l68=0.1)
    second = catalogue(2, split="test", redshift_err=0.01).assign(object_id=["a", "b"])
    combo = combine(first, second, np.array([False, True, False]))
    assert combo["object_id"].tolist() == ["0", "2", "a", "b"]
    assert combo["dataset"].tolist() == ["source"] * 2 + ["target"] * 2
    assert combo["redshift_l68"].isna().tolist() == [False, False, True, True]
    assert combo["redshift_err"].isna().tolist() == [True, True, False, False]
    # Columns of both come first.
    both = ["object_id", "ra", "dec", "mag_g", "mag_err_g", "redshift", "split", "dataset"]
    assert list(combo) == [*both, "redshift_l68", "redshift_err"]
    assert combo.index.tolist() == [0, 1, 2, 3]


def test_incomplete_tables() -> None:
    table = catalogue(9, split=["train"] * 4 + ["validation"] * 3 + ["test"] * 2)
    check_complete(table, ["g"], "source")
    with pytest.raises(InputError, match=r"source: mag_g: values missing.*found 1 of 9 rows"):
        check_complete(table.assign(mag_g=[np.nan] + [20.0] * 8), ["g"], "source")
    with pytest.raises(InputError, match=r"test: spl.*; found train: 4, validation: 3, test: 0;"):
        check_complete(table.head(7), ["g"], "source")
    with pytest.raises(InputError, match="train, validation, test: splits without an object"):
        check_complete(table.head(0), ["g"], "source")
    with pytest.raises(InputError, match="training: unknown splits"):
        check_complete(table.assign(split=["training", *table["split"][1:]]), ["g"], "source")
    with pytest.raises(InputError, match="mag_r: implausible magnitudes"):
        check_complete(table.assign(mag_r=99.0), ["g", "r"], "source")


def test_an_object_is_there_once() -> None:
    numbers = [0, 3, 3, 5, 5, 6, 7, 8, 9]
    table = catalogue(9, split=[*SPLITS] * 3).assign(object_id=numbers)
    with pytest.raises(InputError, match="object_id: an object is there twice; found 3; 2 such"):
        check_complete(table, ["g"], "source")
    # The same number in two catalogues is not the same object.
    check_complete(table.assign(dataset=["source", "target", "source"] * 3), ["g"], "combo")


# --------------------------------------------------------------------------------- the script


def run(folder: Path, source: pd.DataFrame, target: pd.DataFrame, **options: object):
    paths = {name: folder / f"{name}.parquet" for name in ("t", "g", "ts", "gs", "combo")}
    source.to_parquet(paths["t"])
    target.to_parquet(paths["g"])
    settings_ = {
        "bands": ["g"],
        "method": {"source": "object", "target": "published"},
        "fractions": FRACTIONS,
        "seed": 1,
        "block": 0.1,
        "identity": {"one_release": True, "radius": 1.0},
        **options,
    }
    split.main(*paths.values(), folder / "summary.csv", folder / "overlap.csv", **settings_)
    tables = {name: pd.read_parquet(paths[name]) for name in ("ts", "gs", "combo")}
    return tables, pd.read_csv(folder / "summary.csv")


def test_split_script(tmp_path: Path) -> None:
    target = catalogue(300, first_id=1000, seed=1)
    target["split"] = np.resize(["train"] * 5 + ["validation", "test"], 300)
    source = catalogue(200, seed=2)
    # Shared by identifier (no position), and by position under another one.
    source.loc[:19, "object_id"] = target["object_id"][:20].to_numpy()
    source.loc[:19, ["ra", "dec"]] = np.nan
    # The same number, elsewhere on the sky: another object.
    source.loc[50, "object_id"] = target["object_id"][50]
    source.loc[20:39, ["ra", "dec"]] = target.loc[100:119, ["ra", "dec"]].to_numpy()
    tables, summary = run(tmp_path, source, target)
    pd.testing.assert_frame_equal(tables["gs"], target, check_dtype=False)
    shared = tables["ts"]["split"].to_numpy()[:40]
    expected = target["split"].to_numpy()[[*range(20), *range(100, 120)]]
    assert shared.tolist() == expected.tolist()
    assert len(tables["combo"]) == 300 + 160
    counts = summary.groupby("sample")["n"].sum()
    assert counts.to_dict() == {
        **{"combo": 460, "target": 300, "source": 200, "shared": 40, "dropped": 0}
    }
    in_combo = summary[(summary["sample"] == "combo") & (summary["split"] == "test")]
    for _, part in in_combo.iterrows():
        combo = tables["combo"]
        found = combo[(combo["dataset"] == part["dataset"]) & (combo["split"] == "test")]
        assert len(found) == part["n"]
    again, _ = run(tmp_path, source.sample(frac=1, random_state=0), target)
    merged = again["ts"].merge(tables["ts"], on="object_id")
    assert (merged["split_x"] == merged["split_y"]).all()


def test_split_script_by_sky_without_anything_in_common(tmp_path: Path) -> None:
    source = catalogue(300).assign(ra=np.nan, dec=np.nan)
    target = catalogue(400, seed=3)
    tables, summary = run(
        tmp_path,
        source,
        target,
        method={"source": "object", "target": "sky"},
        identity={"one_release": False, "radius": 1.0},
    )
    # Both are numbered from 0: the same numbers, other objects.
    assert summary.loc[summary["sample"] == "shared", "n"].sum() == 0
    assert len(tables["combo"]) == 700
    blocks = sky_blocks(target["ra"], target["dec"], 0.1)
    assert tables["gs"].groupby(blocks)["split"].nunique().max() == 1


def test_split_script_errors(tmp_path: Path) -> None:
    table = catalogue(300)
    with pytest.raises(InputError, match=r"target: split: the catalogue has no published split"):
        run(tmp_path, table, table)
    # By the alphabet before, between and after the ways that there are.
    for name in ("area", "random", "squares"):
        with pytest.raises(InputError, match=r"splits\.method\.source: unknown way to split"):
            run(tmp_path, table, table, method={"source": name, "target": "object"})
    assert not (tmp_path / "ts.parquet").exists()
