"""Matching on the sphere against brute force over all pairs, also at the poles and at RA 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.catalogues.matching import cross_match, pairs_within
from transferz.core.errors import InputError

ARCSEC = 1 / 3600


def all_separations(ra1, dec1, ra2, dec2):
    """Haversine formula, in arcsec: not the one that the package uses."""
    ra1, dec1, ra2, dec2 = (np.radians(x) for x in (ra1, dec1, ra2, dec2))
    d_ra, d_dec = ra1[:, None] - ra2[None, :], dec1[:, None] - dec2[None, :]
    a = (
        np.sin(d_dec / 2) ** 2
        + np.cos(dec1)[:, None] * np.cos(dec2)[None, :] * np.sin(d_ra / 2) ** 2
    )
    return np.degrees(2 * np.arcsin(np.sqrt(np.clip(a, 0, 1)))) * 3600


def brute_force(ra1, dec1, ra2, dec2, radius):
    """Mutual nearest neighbours by looking at every pair, one by one."""
    separation = np.rint(all_separations(ra1, dec1, ra2, dec2) * 1e6) / 1e6
    separation[separation > radius] = np.inf
    matched = []
    for i in range(len(ra1)):
        j = int(np.argmin(separation[i]))
        if np.isfinite(separation[i, j]) and int(np.argmin(separation[:, j])) == i:
            matched.append((i, j))
    return matched


# Positions on a grid of 0.25 arcsec about a few hard places: ties and blends are common.
CENTRES = [(0.0, 0.0), (150.1, 2.2), (0.0, 89.99999), (77.0, -90.0), (359.99999, 60.0)]
offset = st.integers(-12, 12).map(lambda n: n * 0.25 * ARCSEC)
points = st.lists(st.tuples(offset, offset), min_size=1, max_size=9)


def around(centre, offsets):
    """Positions at tangent-plane offsets from a centre, which may be a pole."""
    ra0, dec0 = np.radians(centre)
    x, y = np.radians(np.array(offsets, dtype=float)).T
    position = (
        np.array([np.cos(dec0) * np.cos(ra0), np.cos(dec0) * np.sin(ra0), np.sin(dec0)])[:, None]
        + x * np.array([-np.sin(ra0), np.cos(ra0), 0.0])[:, None]
        + y
        * np.array([-np.sin(dec0) * np.cos(ra0), -np.sin(dec0) * np.sin(ra0), np.cos(dec0)])[
            :, None
        ]
    )
    position /= np.linalg.norm(position, axis=0)
    ra = np.degrees(np.arctan2(position[1], position[0])) % 360
    dec = np.degrees(np.arctan2(position[2], np.hypot(position[0], position[1])))
    return ra, dec


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CENTRES), points, points)
def test_cross_match_is_brute_force(centre, first, second) -> None:
    # Between the steps of the grid's distances, so that no pair is at the radius itself.
    radius = 1.1
    one, two = around(centre, first), around(centre, second)
    pairs = cross_match(*one, *two, radius)
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == brute_force(
        *one, *two, radius
    )
    expected = all_separations(*one, *two)[pairs.left, pairs.right]
    np.testing.assert_allclose(pairs.separation, expected, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CENTRES), points, points)
def test_pairs_within_is_brute_force(centre, first, second) -> None:
    one, two = around(centre, first), around(centre, second)
    pairs = pairs_within(*one, *two, 1.1)
    left, right = np.nonzero(all_separations(*one, *two) <= 1.1)
    assert pairs.left.tolist() == left.tolist()
    assert pairs.right.tolist() == right.tolist()


def test_random_sky_one_to_one() -> None:
    rng = np.random.default_rng(5)
    ra1, ra2 = rng.uniform(0, 0.05, 400), rng.uniform(0, 0.05, 300)
    dec1, dec2 = rng.uniform(-0.03, 0.03, 400), rng.uniform(-0.03, 0.03, 300)
    pairs = cross_match(ra1, dec1, ra2, dec2, 5.0)
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == brute_force(
        ra1, dec1, ra2, dec2, 5.0
    )
    assert len(set(pairs.left)) == len(set(pairs.right)) == len(pairs.left) > 50
    swapped = cross_match(ra2, dec2, ra1, dec1, 5.0)
    assert set(zip(swapped.right, swapped.left, strict=True)) == set(
        zip(pairs.left, pairs.right, strict=True)
    )


def test_across_right_ascension_zero_and_at_the_pole() -> None:
    pairs = cross_match([359.9999], [10.0], [0.0001], [10.0], 1.0)
    assert pairs.left.tolist() == [0]
    assert pairs.separation[0] == pytest.approx(0.72 * np.cos(np.radians(10)), rel=1e-6)
    pole = cross_match([0.0], [90 - 0.2 * ARCSEC], [180.0], [90 - 0.3 * ARCSEC], 1.0)
    assert pole.separation[0] == pytest.approx(0.5, rel=1e-6)


def test_nearest_neighbour_that_prefers_another_is_no_match() -> None:
    # a--b is 0.4 arcsec, b--c is 0.3: b goes to c, and a stays alone.
    pairs = cross_match([10.0, 10.0 + 0.7 * ARCSEC], [0.0, 0.0], [10.0 + 0.4 * ARCSEC], [0.0], 1.0)
    assert (pairs.left.tolist(), pairs.right.tolist()) == ([1], [0])


def test_ties_go_to_the_earlier_row() -> None:
    pairs = cross_match([5.0], [0.0], [5.0, 5.0], [0.2 * ARCSEC, -0.2 * ARCSEC], 1.0)
    assert pairs.right.tolist() == [0]
    same = cross_match([5.0, 5.0], [0.0, 0.0], [5.0, 5.0], [0.0, 0.0], 1.0)
    assert (same.left.tolist(), same.right.tolist()) == ([0], [0])


def test_missing_positions_and_empty_tables() -> None:
    pairs = cross_match([np.nan, 5.0], [0.0, 0.0], [5.0, 5.0], [np.nan, 0.0], 1.0)
    assert (pairs.left.tolist(), pairs.right.tolist()) == ([1], [1])
    assert len(cross_match([], [], [5.0], [0.0], 1.0).left) == 0
    assert len(cross_match([5.0], [0.0], [6.0], [0.0], 1.0).left) == 0


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan, 5000.0])
def test_bad_radius(radius: float) -> None:
    with pytest.raises(InputError, match=r"match radius out of range.*expected arcsec"):
        cross_match([5.0], [0.0], [5.0], [0.0], radius)


def test_strips_of_declination_change_no_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    ra, dec = random.uniform(359.99, 360.01, 4000) % 360, random.uniform(-0.01, 0.01, 4000)
    # A third lies in steps of a declination, so that strips end between equal ones.
    dec[::3] = np.round(dec[::3], 4)
    tables = ra[:2500], dec[:2500], ra[2500:], dec[2500:]
    whole = pairs_within(*tables, 2.0)
    assert len(whole.left) > 1000
    monkeypatch.setattr("transferz.catalogues.matching.STRIP_ROWS", 40)
    for found, expected in zip(pairs_within(*tables, 2.0), whole, strict=True):
        np.testing.assert_array_equal(found, expected)
