"""The choice of the device, with TensorFlow's own calls replaced: no test has a GPU."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from transferz.core.errors import InputError
from transferz.networks import tensorflow
from transferz.networks.tensorflow import configure_tensorflow


class FakeConfig:
    """Stands for `tf.config` on a machine with some GPUs; notes what it is told."""

    def __init__(self, n_gpus: int) -> None:
        self.gpus = [SimpleNamespace(name=f"GPU:{k}") for k in range(n_gpus)]
        self.searches = 0
        self.visible: list | None = None
        self.growing: list[str] = []
        self.threads: list[int] = []
        self.threading = SimpleNamespace(
            set_intra_op_parallelism_threads=self.threads.append,
            set_inter_op_parallelism_threads=self.threads.append,
        )
        self.experimental = SimpleNamespace(set_memory_growth=self.set_memory_growth)

    def list_physical_devices(self, kind: str) -> list:
        assert kind == "GPU"
        self.searches += 1
        return self.gpus

    def set_visible_devices(self, devices: list, kind: str) -> None:
        assert kind == "GPU"
        self.visible = devices

    def set_memory_growth(self, gpu: SimpleNamespace, enable: bool) -> None:
        assert enable
        self.growing.append(gpu.name)


def configure(monkeypatch: pytest.MonkeyPatch, n_gpus: int, device: str) -> tuple[str, FakeConfig]:
    config = FakeConfig(n_gpus)
    monkeypatch.setattr(tensorflow, "tf", SimpleNamespace(config=config))
    return configure_tensorflow(3, device), config


@pytest.mark.parametrize("n_gpus", [0, 2])
def test_the_cpu_looks_for_no_gpu_and_hides_all(monkeypatch, n_gpus: int) -> None:
    used, config = configure(monkeypatch, n_gpus, "cpu")
    assert used == "cpu"
    assert config.searches == 0
    assert config.visible == [] and config.growing == []
    assert config.threads == [3, 3]


@pytest.mark.parametrize("device", ["gpu", "auto"])
def test_one_gpu_is_taken_with_growing_memory(monkeypatch, device: str) -> None:
    used, config = configure(monkeypatch, 2, device)
    assert used == "gpu"
    assert [gpu.name for gpu in config.visible] == config.growing == ["GPU:0"]
    assert config.threads == [3, 3]


def test_auto_without_a_gpu_is_the_cpu_and_says_nothing(monkeypatch, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        used, config = configure(monkeypatch, 0, "auto")
    assert used == "cpu" and config.visible == []
    assert caplog.text == ""


def test_a_gpu_that_is_not_there_is_a_clear_error(monkeypatch) -> None:
    with pytest.raises(InputError, match="device: TensorFlow sees no GPU; found gpu; set"):
        configure(monkeypatch, 0, "gpu")


def test_a_user_s_own_configuration_of_keras_has_no_effect(root: Path, tmp_path: Path) -> None:
    """Another backend, another type of floats, another order of axes, the old Keras."""
    own = {"backend": "torch", "floatx": "float64", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(own | {"epsilon": 1e-3}))
    environment = {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1"}
    code = (
        "from transferz.networks.tensorflow import keras, tf; c = keras.config;"
        "layer = keras.layers.Dense(1); layer.build((None, 2));"
        "print(c.backend(), c.floatx(), c.image_data_format(), c.epsilon(), layer.kernel.dtype,"
        " tf.keras.__version__ == keras.__version__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment | {"PYTHONPATH": str(root / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [
        "tensorflow",
        "float32",
        "channels_last",
        "1e-07",
        "float32",
        "True",
    ]
