"""Which networks ended with a loss that still fell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.draws import write_histories

from transferz.networks.histories import read_histories, shares_falling

EPOCHS = 100
NUMBERS = np.arange(1, EPOCHS + 1)
CURVES = {
    "falls by 0.5% an epoch": np.exp(-0.005 * NUMBERS),
    "falls by 0.2% an epoch": np.exp(-0.002 * NUMBERS),
    "was best three epochs before the end": np.where(NUMBERS == 97, 0.1, np.exp(-0.005 * NUMBERS)),
    "stopped early": np.exp(-0.005 * NUMBERS[:60]),
}


def test_a_loss_falls_by_its_slope_and_its_best_epoch(tmp_path: Path) -> None:
    names = list(CURVES)
    histories = write_histories(tmp_path, {"A": list(CURVES.values()), "B": [CURVES[names[0]]]})
    curves = read_histories(histories, ["A", "B"])
    shares = shares_falling(curves, {"A": EPOCHS, "B": EPOCHS})
    assert shares == pytest.approx({"A": 1 / 4, "B": 1.0})
    # Far from its limit a network has stopped by itself.
    assert shares_falling(curves, {"A": 1000})["A"] == 0
