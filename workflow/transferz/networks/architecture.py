"""The network of the paper in Keras: architecture, losses, initial weights, model files."""

from __future__ import annotations

import logging
import platform
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transferz.core.errors import InputError
from transferz.core.products import atomic_path
from transferz.networks.features import Scaler
from transferz.networks.soft_labels import Classes
from transferz.networks.tensorflow import keras, quiet_stderr, tf

logger = logging.getLogger(__name__)

OUTPUT = "redshift"
MEDIAN = "median"
# First entry of the random generators' keys after the seed, so that no two uses share a stream.
INITIALISATION_STREAM = 0
# Rows that TensorFlow multiplies at a time. Its matrix product (oneDNN's, chosen by the processor)
# works on panels of 48 rows with AVX-512 and of 24 without, and a row in an incomplete panel goes
# through another kernel, whose sums differ in the last bit. 768 is a multiple of both.
PREDICTION_ROWS = 768

Weights = list[np.ndarray]
Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


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


@dataclass(frozen=True)
class Architecture:
    """Shape of the network.

    Attributes
    ----------
    n_inputs : int
    hidden : tuple of int
        Units of each hidden layer; the layers are called ``hidden_1``, ``hidden_2``, ...
    activation : str
        Of the hidden layers, by its Keras name.
    skip : bool
        Concatenate the inputs to the last hidden layer before the output.
    classes : Classes, optional
        Classes of redshift whose probabilities the network gives; None: a regression.
    """

    n_inputs: int
    hidden: tuple[int, ...] = (200, 200, 200, 200)
    activation: str = "relu"
    skip: bool = True
    classes: Classes | None = None

    @property
    def outputs(self) -> int:
        """Units of the output layer."""
        return self.classes.bins if self.classes else 1

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that have weights, from input to output."""
        return (*(f"hidden_{k}" for k in range(1, len(self.hidden) + 1)), OUTPUT)

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of each weight array, in the order of ``keras.Model.get_weights``."""
        widths = [self.n_inputs, *self.hidden]
        sources = [*widths[:-1], widths[-1] + (self.n_inputs if self.skip and self.hidden else 0)]
        shapes: dict[str, tuple[int, ...]] = {}
        units = [*self.hidden, self.outputs]
        for name, n_in, n_out in zip(self.layers, sources, units, strict=True):
            shapes[f"{name}.kernel"] = (n_in, n_out)
            shapes[f"{name}.bias"] = (n_out,)
        if self.classes:
            shapes[f"{MEDIAN}.kernel"] = (self.classes.bins, 1)
        return shapes


def build_network(architecture: Architecture, scaler: Scaler | None = None) -> keras.Model:
    """Dense layers, then a skip connection from the inputs, then one output: the redshift.

    Four layers of 200 rectified linear units and five magnitudes make 122,006 parameters
    (the authors' public code for GalaxiesML). With classes, the output layer gives one logit per
    class, and the redshift is the median of their softmax, flat within classes: unlike the
    expectation it is not drawn away by a small probability at a far redshift, which is what the
    metrics (medians, outliers) and the HSC loss of the regression forgive too.

    Parameters
    ----------
    architecture : Architecture
    scaler : Scaler, optional
        Put a layer in front that scales raw magnitudes; without it the inputs are scaled already.

    Returns
    -------
    keras.Model
        Functional model from (n, n_inputs) to (n, 1).
    """
    inputs = keras.Input((architecture.n_inputs,), name="inputs", dtype="float32")
    scaled = inputs
    if scaler is not None:
        scaled = keras.layers.Rescaling(scaler.scale, scaler.offset, name="min_max")(inputs)
    layer = scaled
    for name, units in zip(architecture.layers, architecture.hidden, strict=False):
        layer = keras.layers.Dense(units, activation=architecture.activation, name=name)(layer)
    if architecture.skip and architecture.hidden:
        layer = keras.layers.Concatenate(name="skip")([scaled, layer])
    layer = keras.layers.Dense(architecture.outputs, name=OUTPUT)(layer)
    if architecture.classes:
        layer = _median(layer, architecture.classes)
    return keras.Model(inputs, layer, name="photo_z")


def _median(logits: keras.KerasTensor, classes: Classes) -> keras.KerasTensor:
    """Median redshift: the sum of the classes' widths, each times the share of it that is below.

    All of a class is below the median while the probability up to its end is under 1/2; the share
    of the one that crosses 1/2 is (1/2 - probability before it) / its own.
    """
    probability = keras.layers.Softmax(name="probability")(logits)
    before = keras.ops.cumsum(probability, axis=-1) - probability
    share = (0.5 - before) / keras.ops.maximum(probability, np.finfo(np.float32).tiny)
    layer = keras.layers.Dense(1, use_bias=False, trainable=False, name=MEDIAN)
    redshift = layer(keras.ops.clip(share, 0.0, 1.0))
    layer.set_weights([classes.widths[:, None]])
    return redshift


def trained_part(model: keras.Model) -> keras.Model:
    """Return the part of a network that a loss sees: up to the output layer, with its weights."""
    return keras.Model(model.inputs, model.get_layer(OUTPUT).output)


def initial_weights(architecture: Architecture, seed: int) -> Weights:
    """Draw the initial weights of a seed: the same in every process and for every strategy.

    Keras' defaults for a dense layer: Glorot uniform kernels, U(-a, a) with
    a = sqrt(6 / (n_in + n_out)) (Glorot & Bengio 2010, eq. 16), and zero biases; drawn with NumPy.

    Returns
    -------
    list of numpy.ndarray
        float32, in the order of ``keras.Model.get_weights``.
    """
    generator = np.random.default_rng([seed, INITIALISATION_STREAM])
    weights = []
    for name, shape in architecture.weight_shapes.items():
        if name == f"{MEDIAN}.kernel":
            weights.append(architecture.classes.widths[:, None].astype(np.float32))
        elif len(shape) == 1:
            weights.append(np.zeros(shape, dtype=np.float32))
        else:
            limit = np.sqrt(6.0 / sum(shape))
            weights.append(generator.uniform(-limit, limit, shape).astype(np.float32))
    return weights


def hsc_loss(gamma: float) -> Loss:
    """Loss of Tanaka et al. (2018): 1 - 1 / (1 + (dz / gamma)^2).

    dz = (z_pred - z_true) / (1 + z_true). The authors' public code passes its arguments in the
    other order and so divides by 1 + z_pred; this is the published formula.
    """

    def loss(z_true: tf.Tensor, z_pred: tf.Tensor) -> tf.Tensor:
        dz = (z_pred - z_true) / (1.0 + z_true)
        return 1.0 - 1.0 / (1.0 + tf.square(dz / gamma))

    return loss


def _huber(gamma: float) -> Loss:
    return lambda z_true, z_pred: keras.losses.huber(z_true, z_pred, delta=gamma)


LOSSES: dict[str, Callable[[float], Loss]] = {
    "hsc": hsc_loss,
    "huber": _huber,
    "log_cosh": lambda gamma: keras.losses.log_cosh,
    "mae": lambda gamma: keras.losses.mean_absolute_error,
    "mse": lambda gamma: keras.losses.mean_squared_error,
}


def get_loss(name: str, gamma: float) -> Loss:
    """Loss per galaxy by name.

    Parameters
    ----------
    name : str
        A key of `LOSSES`. All but ``hsc`` act on z_pred - z_true.
    gamma : float
        Scale of ``hsc`` (in dz) and of ``huber`` (in z); unused by the others.

    Returns
    -------
    callable
        (z_true, z_pred), each (n, 1), to n losses, of shape (n,) or (n, 1).

    Raises
    ------
    InputError
        On an unknown name.
    """
    if name not in LOSSES:
        raise InputError(
            "unknown loss", key="training.loss", found=name, expected=", ".join(sorted(LOSSES))
        )
    return LOSSES[name](gamma)


@dataclass(frozen=True)
class ModelFile:
    """Contents of a model file: one architecture and scaling, the weights of several seeds."""

    architecture: Architecture
    scaler: Scaler
    weights: dict[int, Weights]

    def of_seed(self, seed: int, *, file: str | Path | None = None) -> Weights:
        """Weights of one seed; an `InputError` names the seeds there are."""
        if seed not in self.weights:
            raise InputError(
                "seed not in the file", file=file, found=sorted(self.weights), expected=seed
            )
        return self.weights[seed]


def save_models(
    path: str | Path,
    architecture: Architecture,
    scaler: Scaler,
    weights: Mapping[int, Sequence[np.ndarray]],
) -> None:
    """Write the networks of several seeds to one ``.npz`` file.

    Each weight array has the seeds on its first axis, in ascending order. The file needs no
    pickle to be read, and its bytes depend on the contents only.
    """
    seeds = sorted(weights)
    arrays = {
        "seeds": np.array(seeds, dtype=np.int64),
        "n_inputs": np.array(architecture.n_inputs),
        "hidden": np.array(architecture.hidden, dtype=np.int64),
        "activation": np.array(architecture.activation),
        "skip": np.array(architecture.skip),
        **scaler.arrays(),
    }
    if architecture.classes:
        arrays["z_max"] = np.array(architecture.classes.z_max)
    for index, name in enumerate(architecture.weight_shapes):
        arrays[name] = np.stack([weights[seed][index] for seed in seeds])
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def read_models(path: str | Path) -> ModelFile:
    """Read a file written by `save_models`.

    Raises
    ------
    InputError
        If the file is missing, damaged or not a model file.
    """
    if not Path(path).is_file():
        raise InputError("model file not found", file=path, fix="run the rule `train`")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            architecture = Architecture(
                int(arrays["n_inputs"]),
                tuple(int(units) for units in arrays["hidden"]),
                str(arrays["activation"]),
                bool(arrays["skip"]),
                _classes(arrays),
            )
            scaler = Scaler.from_arrays(arrays)
            stacks = [arrays[name] for name in architecture.weight_shapes]
            seeds = arrays["seeds"].tolist()
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            "not a model file of this workflow",
            file=path,
            found=str(error),
            fix="delete the file and run again to re-make it",
        ) from error
    weights = {seed: [stack[k] for stack in stacks] for k, seed in enumerate(seeds)}
    return ModelFile(architecture, scaler, weights)


def _classes(arrays: Mapping[str, np.ndarray]) -> Classes | None:
    if "z_max" not in arrays:
        return None
    return Classes(arrays[f"{MEDIAN}.kernel"].shape[1], float(arrays["z_max"]))


def load_model(path: str | Path, seed: int) -> keras.Model:
    """Network of one seed as a plain Keras model that takes raw magnitudes.

    ``predict_redshift(load_model(path, seed), magnitudes)`` gives the bits of the predictions
    file. Keras' own ``predict`` may differ from it in the last bit: there the kernel of a row
    depends on the batch size.

    Parameters
    ----------
    path : path-like
        ``models/{strategy}/seeds-{first}-{last}.npz``.
    seed : int

    Returns
    -------
    keras.Model
        From the columns named in the file (AB magnitudes), shape (n, n_inputs), to redshift,
        shape (n, 1). It has no custom layer: ``model.save`` and Keras' own loader work on it.

    Raises
    ------
    InputError
        If the file is not a model file or lacks the seed.
    """
    contents = read_models(path)
    model = build_network(contents.architecture, contents.scaler)
    model.set_weights(contents.of_seed(seed, file=path))
    return model


class Predictor:
    """A network applied to many rows: the same bits of a row wherever it stands.

    Rows go through the network in blocks of `PREDICTION_ROWS`, the last one filled up with zeros.
    On any x86-64 processor every row then meets the same kernels, in any order and company.
    Blocks of 32 rows, or an incomplete last block, change the last bit of some rows on processors
    without AVX-512. One call of TensorFlow loops over all blocks.

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

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the outputs, shape (n, n_outputs), for `values`, shape (n, n_inputs)."""
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
