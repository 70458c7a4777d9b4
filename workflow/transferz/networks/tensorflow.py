"""TensorFlow and Keras, imported without the dozen lines that they print at their start.

Those lines (which instruction sets, no CUDA) go to file descriptor 2 before any setting of
TensorFlow's is read; a job imports this module before its log is open, so that they would land on
the terminal. A failed import raises as ever.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

__all__ = ["keras", "quiet_stderr", "tf"]


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


with quiet_stderr():
    import keras
    import tensorflow as tf
