"""Which rows of two catalogues are the same object: by position, by identifier, in doubt."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from transferz.catalogues.identity import (
    equal_identifiers,
    overlap,
    same_objects,
    unlike_magnitudes,
)
from transferz.catalogues.match_quality import separations

ARCSEC = 1 / 3600


def table(**columns: list) -> pd.DataFrame:
    return pd.DataFrame(columns)


def found(left: pd.DataFrame, right: pd.DataFrame, *, one_release: bool, radius: float = 1.0):
    pairs = same_objects(left, right, one_release=one_release, radius=radius)
    rows = list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    same = [row for row, is_same in zip(rows, pairs.same, strict=True) if is_same]
    return same, [row for row in rows if row not in same]


def report(left: pd.DataFrame, right: pd.DataFrame, *, one_release: bool) -> dict[str, float]:
    identity = {"one_release": one_release, "radius": 1.0}
    pairs = same_objects(left, right, **identity)
    shown = overlap(left, right, pairs, **identity, bands=["g"])
    return dict(zip(shown["quantity"], shown["value"], strict=True))


def sample(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    position = {"ra": rng.uniform(149, 151, n), "dec": rng.uniform(1, 3, n)}
    return table(object_id=np.arange(n), **position, mag_g=rng.uniform(20, 25, n), mag_err_g=0.05)


def test_two_releases_of_one_sky(two_releases: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    left, right = two_releases
    assert len(equal_identifiers(left, right).left) == 1
    for one_release in (False, True):
        pairs = same_objects(left, right, one_release=one_release, radius=1.0)
        assert pairs.same.all()
        np.testing.assert_array_equal(pairs.left, np.arange(2347))
        np.testing.assert_array_equal(pairs.right, np.arange(2347))
        assert pairs.separation.max() < 0.36
    # Identifiers of strangers: the other release's, given to other galaxies of this one.
    strangers = left.assign(object_id=right["object_id"].to_numpy()[::-1])
    pairs = same_objects(strangers, right, one_release=True, radius=1.0)
    assert (pairs.left == pairs.right).all()


def test_positions_decide_and_neighbours_are_ambiguous() -> None:
    left = table(object_id=[1, 2, 3], ra=[10.0, 20, 30], dec=[0.0, 0, np.nan])
    right = table(
        object_id=[2, 7, 8, 3], ra=[20.0, 10.0, 10 + 0.5 * ARCSEC, np.nan], dec=[0.0, 0, 0, 0]
    )
    assert found(left, right, one_release=False) == ([(0, 1), (1, 0)], [(0, 2)])
    assert found(left, right, one_release=False, radius=0.1) == ([(0, 1), (1, 0)], [])
    # The identifier 3 has no position, and counts where it is of one release.
    assert found(left, right, one_release=True) == ([(0, 1), (1, 0), (2, 3)], [(0, 2)])


def test_equal_identifiers_of_one_release_count_where_positions_agree() -> None:
    left = table(object_id=[1, 2], ra=[10.0, 20.0], dec=[0.0, 0.0])
    right = table(object_id=[1, 9, 2], ra=[10 + 0.4 * ARCSEC, 10.0, 50.0], dec=[0.0, 0.0, 0.0])
    # Preferred to a nearer neighbour, whichever comes first, but never across the sky.
    assert found(left, right, one_release=True) == ([(0, 0)], [(0, 1)])
    assert found(left, right, one_release=False) == ([(0, 1)], [(0, 0)])
    assert found(left, right[::-1], one_release=True) == ([(0, 2)], [(0, 1)])


def test_identifiers_of_different_types_are_compared_as_text() -> None:
    left = table(object_id=[36411448540268999])
    right = table(object_id=["36411448540268999", "x"])
    assert found(left, right, one_release=True) == ([(0, 0)], [])


def test_catalogues_without_identifiers_and_positions_share_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Both are numbered 0..n by the reader: 3,000 strangers, not 3,000 shared objects."""
    left, right = (sample(3000, seed).assign(ra=np.nan, dec=np.nan) for seed in (1, 2))
    assert found(left, right, one_release=False) == ([], [])
    assert report(left, right, one_release=False)["objects in both, one to one"] == 0
    (line,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "no object can be shared: no positions in source and target" in line
    caplog.clear()
    assert np.isnan(
        report(sample(3000), right, one_release=False)["expected by chance within the radius"]
    )
    assert "no object can be shared: no positions in target, and" in caplog.text


def test_equal_identifiers_that_lie_apart_are_counted_and_not_believed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left, right = sample(300, 1), sample(300, 2)
    right.loc[:9, ["ra", "dec"]] = left.loc[:9, ["ra", "dec"]]
    shown = report(left, right, one_release=True)
    assert shown["objects in both, one to one"] == 10
    assert shown["equal identifiers farther apart than the radius"] == 290
    assert shown["equal identifiers without positions and with unlike magnitudes"] == 0
    assert "290 of 300 equal identifiers lie more than 1 arcsec apart" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert report(left, right, one_release=False)["equal identifiers"] == 300
    assert not caplog.records


def test_equal_identifiers_without_positions_are_held_against_magnitudes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left = sample(100).drop(columns=["ra", "dec"])
    right = left.assign(mag_g=left["mag_g"] + np.where(np.arange(100) < 40, 1.5, 0.1))
    shown = report(left, right, one_release=True)
    assert shown["objects in both, one to one"] == shown["of these by identifier alone"] == 100
    assert shown["equal identifiers without positions and with unlike magnitudes"] == 40
    assert "40 of 100 equal identifiers without positions have magnitudes" in caplog.text
    # A large error allows a large difference; an unknown one none.
    pairs = equal_identifiers(left, right)
    assert not unlike_magnitudes(left.assign(mag_err_g=0.3), right, pairs, ["g"]).any()
    unknown = [frame.drop(columns="mag_err_g") for frame in (left, right)]
    assert unlike_magnitudes(*unknown, pairs, ["g"]).sum() == 40


def test_magnitudes_are_unlike_in_more_than_half_of_the_bands() -> None:
    """Errors of 0.3 and 0.4 allow five times 0.5, and 0.2."""
    left = table(object_id=[0, 1, 2], mag_err_g=0.3, mag_err_r=0.3, mag_g=20.0, mag_r=20.0)
    right = left.assign(
        mag_err_g=0.4, mag_err_r=0.4, mag_g=[22.6, 22.8, 22.8], mag_r=[22.8, 20, 17.2]
    )
    pairs = equal_identifiers(left, right)
    assert unlike_magnitudes(left, right, pairs, ["g"]).tolist() == [False, True, True]
    assert unlike_magnitudes(left, right, pairs, ["g", "r"]).tolist() == [False, False, True]


def test_identifiers_without_a_finite_position_have_no_separation() -> None:
    left = table(object_id=[1, 2, 3], ra=10.0, dec=[np.inf, 0.0, 0.0])
    right = table(object_id=[1, 2, 3], ra=10.0, dec=[0.0, np.inf, ARCSEC])
    separation = equal_identifiers(left, right).separation
    assert separation == pytest.approx([np.nan, np.nan, 1.0], nan_ok=True)


def test_the_overlap_by_hand() -> None:
    left = table(object_id=[1, 2, 3, 4], ra=[10.0, 20, 30, 40], dec=[0.0, 0, np.nan, 0], mag_g=20.0)
    right = table(
        object_id=[2, 7, 8, 3, 4],
        ra=[20.0, 10 + 0.2 * ARCSEC, 10 + 0.5 * ARCSEC, np.nan, 40 + 2 * ARCSEC],
        dec=0.0,
        mag_g=20.0,
    )
    shown = report(left, right, one_release=True)
    del shown["expected by chance within the radius"]
    # The galaxy 1 is the object 7, next to 8; the galaxy 3 has no position.
    assert list(shown.values()) == pytest.approx([1, 3, 4, 3, 1, 0.1, 0.2, 1, 3, 1, 0])
    # As far apart as the radius is not farther.
    identity = {"one_release": True, "radius": equal_identifiers(left, right).separation[2]}
    shown = overlap(left, right, same_objects(left, right, **identity), **identity, bands=["g"])
    assert shown["value"].tolist()[-2:] == [0, 0]


def test_the_overlap_is_reported_with_its_level_of_chance() -> None:
    rng = np.random.default_rng(5)
    left = sample(4000, 1)
    right = pd.concat([left.head(50), sample(3000, 2)], ignore_index=True)
    right.loc[:49, "dec"] += rng.normal(0, 0.1, 50) * ARCSEC
    shown = report(left, right, one_release=False)
    assert shown["rows of the source with a position"] == 4000
    # 4,000 x 3,050 pairs, pi square arcsec of four square degrees.
    expected = 4000 * 3050 * np.pi / (4 * np.cos(np.radians(2)) * 3600**2)
    assert shown["expected by chance within the radius"] == pytest.approx(expected, rel=1.0)
    assert 49 <= shown["objects in both, one to one"] <= 50 + 5 * (1 + expected)
    counts = separations(left, right, 1.0)
    chance = counts.loc[counts["high"] < 1.02, "n_chance"].sum()
    assert shown["expected by chance within the radius"] == chance
    assert shown["median separation"] < 0.15
    assert shown["largest separation"] <= 1.0
