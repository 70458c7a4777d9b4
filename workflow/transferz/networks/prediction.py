"""Networks applied to many rows: a row gets the same bits wherever it stands."""

from __future__ import annotations

import logging
import platform

import numpy as np

from transferz.networks.tensorflow import keras, tf

logger = logging.getLogger(__name__)

# Rows that TensorFlow multiplies at a time. Its matrix product (oneDNN's, chosen by the processor)
# works on panels of 48 rows with AVX-512 and of 24 without, and a row in an incomplete panel goes
# through another kernel, whose sums differ in the last bit. 768 is a multiple of both.
PREDICTION_ROWS = 768


class Predictor:
    """A network applied to many rows: the same bits of a row wherever it stands.

    Rows go through the network in blocks of `PREDICTION_ROWS`, the last one filled up with zeros.
    On any x86-64 processor every row then meets the same kernels, in any order and company.
    Blocks of 32 rows, or an incomplete last block, change the last bit of some rows on processors
    without AVX-512. One call of TensorFlow loops over all blocks. The first call tries whether the
    machine keeps the promise, and warns if not.

    Parameters
    ----------
    model : keras.Model
        From (n, n_inputs) to (n, n_outputs). Weights set later are used.
    """

    def __init__(self, model: keras.Model) -> None:
        self._inputs = model.input_shape[1]

        def predict_block(block: tf.Tensor) -> tf.Tensor:
            return model(block, training=False)

        @tf.function(
            input_signature=[tf.TensorSpec((None, PREDICTION_ROWS, self._inputs), tf.float32)]
        )
        def predict_blocks(blocks: tf.Tensor) -> tf.Tensor:
            return tf.map_fn(predict_block, blocks, parallel_iterations=1)

        self._predict_blocks = predict_blocks
        self._tried = False

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the outputs, shape (n, n_outputs), for `values`, shape (n, n_inputs)."""
        if not self._tried:
            self._tried = True
            warn_if_place_matters(self, values)
        n_rows = len(values)
        n_blocks = -(-n_rows // PREDICTION_ROWS)
        blocks = np.zeros((n_blocks * PREDICTION_ROWS, self._inputs), dtype=np.float32)
        blocks[:n_rows] = values
        outputs = self._predict_blocks(
            blocks.reshape(n_blocks, PREDICTION_ROWS, self._inputs)
        ).numpy()
        return outputs.reshape(-1, outputs.shape[-1])[:n_rows]


def warn_if_place_matters(predictor: Predictor, values: np.ndarray) -> bool:
    """Warn in one line if this machine gives a row other bits in another place; return whether.

    Tried on the first rows of `values` and the same rows in reverse. Nothing that a user could
    mend: predictions then agree to the last bits only, and files differ with ``chunk_rows``.
    """
    rows = values[: PREDICTION_ROWS + 1]
    matters = not np.array_equal(predictor(rows), predictor(rows[::-1])[::-1], equal_nan=True)
    if matters:
        logger.warning(
            "On this processor (%s) the last bits of a prediction depend on the rows around it",
            platform.machine(),
        )
    return matters


def predict_redshift(model: keras.Model, values: np.ndarray) -> np.ndarray:
    """Predicted redshift of each row, shape (n,), float32: `Predictor` for a single call."""
    return Predictor(model)(values)[:, 0]
