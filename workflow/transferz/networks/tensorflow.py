"""TensorFlow and Keras, imported without the dozen lines that they print at their start.

Those lines (which instruction sets, no CUDA) go to file descriptor 2 before any setting of
TensorFlow's is read; a job imports this module before its log is open, so that they would land on
the terminal. A failed import raises as ever.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from transferz.core.errors import InputError

__all__ = ["configure_tensorflow", "keras", "quiet_stderr", "tf"]

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Drop what native libraries write to file descriptor 2 meanwhile."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# Whatever ~/.keras/keras.json or a notebook says: other backends are not installed, and another
# type of floats gives other results.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_USE_LEGACY_KERAS"] = "0"

with quiet_stderr():
    import keras
    import tensorflow as tf

if keras.config.backend() != "tensorflow":
    raise InputError(
        "Keras is already running with another backend",
        key="KERAS_BACKEND",
        found=keras.config.backend(),
        expected="tensorflow",
        fix="import transferz before keras, in a new session",
    )
keras.config.set_floatx("float32")
keras.config.set_dtype_policy("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")


def configure_tensorflow(threads: int, device: str = "cpu") -> str:
    """Give TensorFlow `threads` threads and a device; must come before its first operation.

    TensorFlow ignores OMP_NUM_THREADS, and takes every GPU with all its memory if it is not told
    otherwise.

    Parameters
    ----------
    threads : int
    device : {"cpu", "gpu", "auto"}
        ``auto`` takes the first GPU that TensorFlow sees, and the CPU, without a word, if there is
        none. On a GPU the arithmetic has other bits.

    Returns
    -------
    str
        ``cpu`` or ``gpu``: what is used.

    Raises
    ------
    InputError
        If `device` is ``gpu`` and TensorFlow sees none.
    """
    # Looking for a GPU where there is none is an error message of CUDA's.
    with quiet_stderr():
        gpus = [] if device == "cpu" else tf.config.list_physical_devices("GPU")[:1]
    if device == "gpu" and not gpus:
        raise InputError(
            "TensorFlow sees no GPU",
            key="device",
            found=device,
            fix="set `device: cpu`, or install tensorflow[and-cuda] on a machine with a GPU",
        )
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        with quiet_stderr():
            tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            # Jobs side by side share the GPU: none may take all of its memory at its start.
            tf.config.experimental.set_memory_growth(gpu, True)
            logger.info("Training on the GPU %s", gpu.name)
    except RuntimeError:
        logger.warning("TensorFlow is already running: its devices and threads stay as they are")
    return "gpu" if gpus else "cpu"
