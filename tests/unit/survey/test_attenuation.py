import numpy as np
import pytest

from transferz.survey.attenuation import calzetti, cardelli, igm_optical_depth


def test_cardelli_values():
    # A(V)/A(V) = 1 and A(Ks)/A(V) = 0.114 in the paper's Table 3.
    assert cardelli(np.array([5494.5, 22000.0])) == pytest.approx([1.0, 0.114], abs=0.01)


def test_calzetti_values():
    # k(V) = R_V = 4.05 by definition; k(B) - k(V) = 1 within a few per cent.
    k = calzetti(np.array([5500.0, 4400.0]))
    assert k[0] == pytest.approx(4.05, abs=0.05)
    assert k[1] - k[0] == pytest.approx(1.0, abs=0.06)


def test_intergalactic_medium_absorbs_only_blueward_of_lyman_alpha():
    depth = igm_optical_depth(np.array([1217.0, 1150.0, 1000.0, 850.0]), 3.0)
    assert depth[0] == 0.0
    # Madau (1995): mean transmission between Lyman alpha and beta at z = 3 about 0.7.
    assert depth[1] == pytest.approx(0.0036 * (1150 * 4 / 1215.67) ** 3.46)
    assert depth[3] > depth[2] > depth[1]
