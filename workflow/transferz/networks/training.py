"""Training of many small networks: ordinary Keras models, a whole epoch in one compiled call.

Keras' ``fit`` spends more time between the steps than in them when a network is this small. Here
the shuffled rows are gathered, sent forward and backward, and applied by the optimiser inside one
XLA function per epoch; the weights are bitwise those of ``model.fit(jit_compile=True,
shuffle=False)`` on rows permuted alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from transferz.core.errors import InputError
from transferz.networks.architecture import Architecture, Weights, build_network, trained_part
from transferz.networks.losses import ClassLoss, Loss, get_loss
from transferz.networks.tensorflow import keras, tf

# Second entry of the random generators' keys; see architecture.INITIALISATION_STREAM.
PERMUTATION_STREAM = 1
# Rows validated at a time: the activations of a block stay in the second-level cache.
VALIDATION_ROWS = 1024


@dataclass(frozen=True)
class Settings:
    """How a strategy is trained; the keys of ``training`` in the configuration.

    Attributes
    ----------
    loss : str
        See `losses.LOSSES`.
    gamma : float
        Scale of the loss.
    optimizer : str
        Name of a Keras optimiser, at its default settings but for the learning rate.
    learning_rate : float
        Of the first epoch.
    schedule : str
        ``constant``, or ``cosine``: down to nothing over `max_epochs`.
    batch_size : int
        The last batch of an epoch has what is left, as in Keras.
    max_epochs : int
    patience : int, optional
        Epochs without a better validation loss after which training stops; None: `max_epochs` end
        it.
    min_delta : float
        A validation loss is better if it is smaller by more than this.
    plateau_factor : float
        Multiply the learning rate by this after `plateau_patience` epochs without a better
        validation loss; 1 keeps it constant.
    plateau_patience : int
    trainable : "all" or tuple of str
        Layers that learn; the others keep the weights they start with.
    low_rank : int, optional
        Learn corrections of this rank to the kernels of hidden layers (`low_rank`).
    class_loss : ClassLoss, optional
        In place of `loss` where the network gives probabilities of classes; no key of
        ``training``.
    """

    loss: str = "hsc"
    gamma: float = 0.15
    optimizer: str = "adam"
    learning_rate: float = 5e-4
    schedule: str = "constant"
    batch_size: int = 100
    max_epochs: int = 1000
    patience: int | None = 10
    min_delta: float = 0.0
    plateau_factor: float = 1.0
    plateau_patience: int = 5
    trainable: str | tuple[str, ...] = "all"
    low_rank: int | None = None
    class_loss: ClassLoss | None = None

    @property
    def loss_function(self) -> Loss:
        """The loss of each galaxy, as a function of target and output of the network."""
        return self.class_loss or get_loss(self.loss, self.gamma)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Settings:
        """Take settings from a mapping, whose lists are those of YAML."""
        values = dict(config)
        if not isinstance(values.get("trainable", "all"), str):
            values["trainable"] = tuple(values["trainable"])
        return cls(**values)

    def rate(self, epoch: int, reductions: int) -> float:
        """Learning rate of an epoch (counted from 1) after so many reductions on a plateau.

        The cosine is that of Loshchilov & Hutter (2017) without restarts, by epochs.
        """
        rate = self.learning_rate * self.plateau_factor**reductions
        if self.schedule == "cosine":
            rate *= 0.5 * (1.0 + np.cos(np.pi * (epoch - 1) / self.max_epochs))
        return float(rate)


@dataclass(frozen=True)
class Sample:
    """Scaled inputs and targets of some galaxies.

    Attributes
    ----------
    x : numpy.ndarray, shape (n, n_inputs), float32
    z : numpy.ndarray, shape (n, outputs), float32
        Redshift, or probabilities of classes of redshift.
    """

    x: np.ndarray
    z: np.ndarray

    def __len__(self) -> int:
        return len(self.x)


@dataclass
class EarlyStopping:
    """Keeps track of the best validation loss as Keras' callbacks do.

    ``update`` is called once per epoch; afterwards `improved` says that this epoch is the best so
    far, `reductions` how often the learning rate has met a plateau, `stop` that patience ran out.
    """

    settings: Settings
    best: float = np.inf
    best_epoch: int = 0
    epoch: int = 0
    improved: bool = False
    reductions: int = 0
    _plateau_wait: int = 0

    def update(self, validation_loss: float) -> None:
        """Take in the validation loss of the next epoch; epochs count from 1."""
        self.epoch += 1
        self.improved = validation_loss < self.best - self.settings.min_delta
        if self.improved:
            self.best, self.best_epoch, self._plateau_wait = validation_loss, self.epoch, 0
            return
        self._plateau_wait += 1
        if self._plateau_wait >= self.settings.plateau_patience:
            self.reductions, self._plateau_wait = self.reductions + 1, 0

    @property
    def stop(self) -> bool:
        """Whether training ends after this epoch."""
        limits = self.settings
        waited = self.epoch - self.best_epoch
        waited_long = limits.patience is not None and waited >= limits.patience
        return self.epoch >= limits.max_epochs or (waited_long and not self.improved)


@dataclass
class Fit:
    """A trained network.

    Attributes
    ----------
    seed : int
    weights : list of numpy.ndarray
        Of the epoch with the smallest validation loss.
    losses : numpy.ndarray, shape (n_epochs, 2), float64
        Training and validation loss of every epoch.
    best_epoch : int
        From 1.
    """

    seed: int
    weights: Weights
    losses: np.ndarray
    best_epoch: int


@dataclass
class State:
    """A training under way, after `len(losses)` epochs: enough to go on with the same bits."""

    weights: Weights
    optimizer: Weights
    best: Weights
    losses: list[tuple[float, float]] = field(default_factory=list)


def permutation(seed: int, epoch: int, n_rows: int) -> np.ndarray:
    """Order in which a seed sees the training rows in an epoch, shape (n_rows,), int32."""
    generator = np.random.default_rng([seed, PERMUTATION_STREAM, epoch])
    return generator.permutation(n_rows).astype(np.int32)


class Trainer:
    """A network, an optimiser and two compiled functions, used for one seed after another.

    The functions are compiled at their first call (about a second each) and never again: a new
    seed only sets the variables of the model and the optimiser.

    Parameters
    ----------
    architecture : Architecture
    settings : Settings
    train, validation : Sample
        Held once, whatever the number of seeds.
    """

    def __init__(
        self,
        architecture: Architecture,
        settings: Settings,
        train: Sample,
        validation: Sample,
    ) -> None:
        self.architecture, self.settings = architecture, settings
        self.train, self.validation = train, validation
        self.model = build_network(architecture)
        self._trained = trained_part(self.model) if architecture.classes else self.model
        _freeze(self.model, architecture, settings.trainable)
        self._prepare()

    def _prepare(self) -> None:
        """Make the optimiser and the compiled functions for what is trainable now."""
        settings = self.settings
        self.optimizer = keras.optimizers.get(
            {
                "class_name": settings.optimizer,
                "config": {"learning_rate": settings.learning_rate},
            }
        )
        self.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self.optimizer.variables]
        self._epoch = self._compile_epoch()
        self._validate = self._compile_validation()

    def _compile_epoch(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """One pass over the training rows in a given order, to the loss of each batch."""
        model, optimizer = self._trained, self.optimizer
        loss = self.settings.loss_function
        x, z = tf.constant(self.train.x), tf.constant(self.train.z)
        size = self.settings.batch_size
        n_full, n_rest = divmod(len(self.train), size)

        def step(rows: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                predicted = model(tf.gather(x, rows), training=True)
                value = tf.reduce_mean(loss(tf.gather(z, rows), predicted))
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(value, variables), variables)
            return value

        @tf.function(jit_compile=True)
        def epoch(order: tf.Tensor) -> tf.Tensor:
            parts = []
            if n_full:
                losses = tf.TensorArray(tf.float32, size=n_full, element_shape=())
                for k in tf.range(n_full):
                    # tf.slice keeps the batch's static shape, without which XLA hangs.
                    losses = losses.write(k, step(tf.slice(order, [k * size], [size])))
                parts.append(losses.stack())
            if n_rest:
                parts.append([step(tf.slice(order, [n_full * size], [n_rest]))])
            return tf.concat(parts, axis=0)

        return epoch

    def _compile_validation(self) -> Callable[[], tf.Tensor]:
        """Loss of each validation row, shape (n_validation,)."""
        model = self._trained
        loss = self.settings.loss_function
        x, z = tf.constant(self.validation.x), tf.constant(self.validation.z)
        size = VALIDATION_ROWS
        n_full, n_rest = divmod(len(self.validation), size)
        n_inputs, n_outputs = self.architecture.n_inputs, self.architecture.outputs

        def block(start: tf.Tensor | int, n_rows: int) -> tf.Tensor:
            predicted = model(tf.slice(x, [start, 0], [n_rows, n_inputs]), training=False)
            return tf.reshape(
                loss(tf.slice(z, [start, 0], [n_rows, n_outputs]), predicted), [n_rows]
            )

        @tf.function(jit_compile=True)
        def validate() -> tf.Tensor:
            parts = []
            if n_full:
                losses = tf.TensorArray(tf.float32, size=n_full, element_shape=(size,))
                for k in tf.range(n_full):
                    losses = losses.write(k, block(k * size, size))
                parts.append(tf.reshape(losses.stack(), [n_full * size]))
            if n_rest:
                parts.append(block(n_full * size, n_rest))
            return tf.concat(parts, axis=0)

        return validate

    def run_epoch(self, seed: int, epoch: int) -> tuple[float, float]:
        """Train one epoch (counted from 1) and validate.

        Returns
        -------
        tuple of float
            Training loss (mean over rows, while the weights change, as Keras reports it) and
            validation loss (mean over rows, after the epoch); both averaged in double precision.
        """
        n_rows, size = len(self.train), self.settings.batch_size
        steps = self._epoch(tf.constant(permutation(seed, epoch, n_rows))).numpy()
        batch_rows = np.minimum(size, n_rows - size * np.arange(len(steps)))
        training_loss = float(np.average(steps.astype(np.float64), weights=batch_rows))
        return training_loss, float(self._validate().numpy().mean(dtype=np.float64))

    def fit(
        self,
        seed: int,
        start: Weights,
        *,
        resume: State | None = None,
        after_epoch: Callable[[int, Callable[[], State]], None] | None = None,
    ) -> Fit:
        """Train one seed until its validation loss stops improving.

        Parameters
        ----------
        seed : int
            Determines the order of the rows in each epoch.
        start : list of numpy.ndarray
            Weights to start from, in the order of ``keras.Model.get_weights``.
        resume : State, optional
            Go on from here instead.
        after_epoch : callable, optional
            Called after each epoch with its number and a function that takes a snapshot.

        Raises
        ------
        InputError
            If a loss is not finite; names the seed and the epoch.
        """
        state = resume or State(start, self._fresh_optimizer, start)
        self.model.set_weights(state.weights)
        for variable, value in zip(self.optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)
        best, losses = state.best, list(state.losses)
        stopping = EarlyStopping(self.settings)
        for _, validation_loss in losses:
            stopping.update(validation_loss)

        def snapshot() -> State:
            optimizer = [variable.numpy() for variable in self.optimizer.variables]
            return State(self.model.get_weights(), optimizer, best, losses)

        while not stopping.stop:
            rate = self.settings.rate(stopping.epoch + 1, stopping.reductions)
            self.optimizer.learning_rate.assign(rate)
            pair = self.run_epoch(seed, stopping.epoch + 1)
            if not np.isfinite(pair).all():
                raise InputError(
                    f"the loss of seed {seed} is not finite in epoch {stopping.epoch + 1}",
                    key="training.learning_rate",
                    found=f"training loss {pair[0]}, validation loss {pair[1]}",
                    fix="lower the learning rate or look for extreme values in the catalogue",
                )
            losses.append(pair)
            stopping.update(pair[1])
            if stopping.improved:
                best = self.model.get_weights()
            if after_epoch is not None:
                after_epoch(stopping.epoch, snapshot)
        return Fit(seed, best, np.array(losses, dtype=np.float64), stopping.best_epoch)


def _freeze(
    model: keras.Model, architecture: Architecture, trainable: str | tuple[str, ...]
) -> None:
    if trainable == "all":
        return
    names = (trainable,) if isinstance(trainable, str) else trainable
    unknown = [name for name in names if name not in architecture.layers]
    if unknown or not names:
        raise InputError(
            "unknown layer" if unknown else "no layer is left to train",
            key="trainable",
            found=", ".join(unknown) or "an empty list",
            expected=f"'all' or some of {', '.join(architecture.layers)}",
        )
    for name in architecture.layers:
        model.get_layer(name).trainable = name in names
