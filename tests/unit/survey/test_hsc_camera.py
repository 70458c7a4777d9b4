import numpy as np
import pytest

from transferz.survey.filters import HSC_BANDS
from transferz.survey.hsc_camera import electron_rate, flux_within, saturated


def bright_limit(radius: float, kind: str) -> np.ndarray:
    """Magnitude of each band below which a source saturates."""
    magnitude = np.arange(8.0, 22.0, 0.01)
    flux = np.tile(10 ** (-0.4 * (magnitude - 23.9)), (len(HSC_BANDS), 1)).T
    full = saturated(flux, np.full(len(magnitude), radius), np.full(len(magnitude), kind))
    return np.array([magnitude[column].max() for column in full.T])


def test_zero_points_by_hand() -> None:
    # Magnitude of one electron per second: 3631 Jy are 5.48e10 photons per second, square metre
    # and relative bandwidth; throughput and relative bandwidth read off the published curves.
    throughput = {"g": 0.46, "r": 0.50, "i": 0.50, "z": 0.47, "y": 0.33}
    width = {"g": 0.276, "r": 0.241, "i": 0.191, "z": 0.0868, "y": 0.0895}
    for band in HSC_BANDS:
        by_hand = 2.5 * np.log10(5.48e10 * 52.8 * throughput[band] * width[band])
        assert 23.9 + 2.5 * np.log10(electron_rate(band)) == pytest.approx(by_hand, abs=0.06)


def test_stars_saturate_where_the_releases_say() -> None:
    # Saturation magnitudes of the HSC releases: 18.0, 18.2, 18.6, 17.7, 17.4 (Deep), about half
    # a magnitude brighter in g (Wide).
    assert bright_limit(0.0, "quasar") == pytest.approx([18.0, 18.2, 18.6, 17.7, 17.4], abs=0.5)


def test_extended_galaxies_saturate_later_than_stars_and_cusps_sooner() -> None:
    star, cusp, disc = (
        bright_limit(radius, kind)[2]
        for radius, kind in ((0.0, "quasar"), (2.0, "red"), (2.0, "blue"))
    )
    assert disc < cusp - 1 < star - 2
    assert flux_within(2.0, np.array([2.0]), np.array([4.0])) == pytest.approx(0.5)
    # An exponential profile by hand: 1 - (1 + x) exp(-x).
    x = 1.67835 * 0.3 / 2.0
    by_hand = 1 - (1 + x) * np.exp(-x)
    assert flux_within(0.3, np.array([2.0]), np.array([1.0])) == pytest.approx(by_hand, rel=1e-4)
