r"""Train one small network many times at once: several seeds, several learning rates.

An experiment that compares activation functions needs the same network trained from many seeds
and with many learning rates. Ten calls of ``model.fit`` do that, but for a small network nearly
all of the time goes into Python, into compiling and into starting operations, not into arithmetic.

`train` compiles one loop over a whole epoch instead. Where it pays, the weights of all runs are
stacked along a new first axis, and the network is vectorised over it (``tf.vectorized_map``): the
matrix product of a layer becomes one batched product. Where it does not pay (convolutions, whose
kernels TensorFlow runs one after another in any case; recurrent layers; random layers, which draw
for one run at a time), the same compiled loop is used for one run after the other.
``python -m actfun.benchmark_ensemble`` measures both against ``model.fit``.

What is computed is what Keras computes: its layers, its losses, the update step of its
optimisers, its order of operations. The results equal those of ``model.fit`` from the same
initial weights with the same batches, up to float32 rounding.

>>> import functools
>>> from actfun import datasets, ensemble, networks
>>> data = datasets.load("wine")
>>> build = functools.partial(networks.dense, "tanh", data, hidden=(8,))
>>> runs = ensemble.train(build, data, seeds=range(3), learning_rates=(1e-3, 1e-2), epochs=2)
>>> runs.table[["seed", "learning_rate", "status"]].head(3)
   seed  learning_rate status
0     0          0.001     ok
1     0          0.010     ok
2     1          0.001     ok
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Iterable, Mapping

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
import tqdm

from .datasets import Data
from .determinism import LARGEST_SEED

OPTIMIZERS = {
    "sgd": (keras.optimizers.SGD, {"nesterov"}),
    "momentum": (keras.optimizers.SGD, {"momentum", "nesterov"}),
    "adagrad": (keras.optimizers.Adagrad, {"initial_accumulator_value", "epsilon"}),
    "rmsprop": (keras.optimizers.RMSprop, {"rho", "momentum", "epsilon", "centered"}),
    "adam": (keras.optimizers.Adam, {"beta_1", "beta_2", "epsilon", "amsgrad"}),
    "adamw": (
        keras.optimizers.AdamW,
        {"beta_1", "beta_2", "epsilon", "amsgrad", "weight_decay"},
    ),
}
DEFAULTS = {"momentum": {"momentum": 0.9}}
WARM_UP = 0.1  # share of the steps
SCHEDULES = {
    "step": lambda progress: np.select([progress < 0.5, progress < 0.75], [1.0, 0.1], 0.01),
    "cosine": lambda progress: (1 + np.cos(np.pi * progress)) / 2,
    "warm-up": lambda progress: np.minimum(progress / WARM_UP, 1),
    "warm-up cosine": lambda progress: np.where(
        progress < WARM_UP,
        progress / WARM_UP,
        (1 + np.cos(np.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2,
    ),
}
"""Factors of the learning rate by the share of all steps that are done, from 0 to just below 1."""
MEMORY = 2**28  # bytes that the runs of one stack may take, roughly
EVALUATION_ROWS = 1024  # rows evaluated at once
PATIENCE = 5.0  # seconds after which a progress bar appears on a terminal


@dataclasses.dataclass(frozen=True, eq=False)
class Runs:
    """What `train` returns: a table, the course of training, the trained weights.

    Attributes
    ----------
    table : DataFrame
        A row for each run, seeds in order and for each seed the learning rates in order:
        ``seed``, ``learning_rate``, ``status`` ("ok", or "diverged" when a loss was not finite),
        ``train_loss`` (mean over the last epoch, while it was trained), ``validation_loss`` and
        ``test_loss`` (of the final weights), and for classes ``validation_accuracy`` and
        ``test_accuracy``, from 0 to 1. A diverged run has ``pd.NA`` in all of them.
    history : DataFrame
        A row for each run and epoch (from 1): ``seed``, ``learning_rate``, ``epoch``,
        ``train_loss``, ``validation_loss`` and, for classes, ``validation_accuracy``. That of a
        diverged run ends with its last epoch of finite losses.
    """

    table: pd.DataFrame
    history: pd.DataFrame
    _build: Callable[[], keras.Model] = dataclasses.field(repr=False)
    _weights: list[np.ndarray] = dataclasses.field(repr=False)

    def model(self, row: int) -> keras.Model:
        """Return the network of a run, with its trained weights.

        Parameters
        ----------
        row : int
            Row of `table`, from 0.

        Returns
        -------
        keras.Model
            A new one, uncompiled. For a diverged run with the weights it ended with.

        Raises
        ------
        IndexError
            There is no such row.

        Notes
        -----
        The network is built anew, which sets the global seeds as `train` does.
        """
        row = operator.index(row)
        if not 0 <= row < len(self.table):
            raise IndexError(f"Runs.model: row must lie from 0 to {len(self.table) - 1}, not {row}")
        model = _built(self._build, int(self.table.seed[row]))
        for variable, stacked in zip(_variables(model), self._weights, strict=True):
            variable.assign(stacked[row])
        return model


def train(
    build: Callable[[], keras.Model],
    data: Data,
    *,
    seeds: Iterable[int] = range(10),
    learning_rates: Iterable[float] = (1e-3,),
    optimizer: str | Mapping[str, object] = "adam",
    schedule: str | Callable[[np.ndarray], np.ndarray] | None = None,
    epochs: int = 20,
    batch_size: int = 32,
    progress: bool | None = None,
    stacked: bool | None = None,
) -> Runs:
    """Train a network once for each seed and learning rate, all at once.

    Parameters
    ----------
    build : callable
        ``build()`` returns a new, uncompiled Keras model with one input and one linear output:
        logits for classes, values for a regression. It is called once for each seed, after
        ``keras.utils.set_random_seed(seed)``, and must make the same network each time.
    data : Data
        Its task decides the loss: cross-entropy for classes, mean squared error for a regression.
        Regularisation losses of the network are added.
    seeds : iterable of int, default range(10)
        Different ones, from 0 to 2**32 - 1. A seed decides the initial weights, the order of the
        batches (`batch_order`) and the network's own random draws.
    learning_rates : iterable of float, default (1e-3,)
        Different ones, positive. Each is combined with each seed.
    optimizer : str or mapping, default "adam"
        "sgd", "momentum" (0.9), "adagrad", "rmsprop", "adam" or "adamw", with the settings of
        Keras. Or a mapping with ``name`` and settings, such as
        ``{"name": "momentum", "nesterov": True}``.
    schedule : str or callable, optional
        Multiplies the learning rate of each step: "step" (a tenth after half of the steps, a
        hundredth after three quarters), "cosine" (falls to 0 along half a wave), "warm-up" (rises
        from 0 over the first tenth), "warm-up cosine" (the one, then the other). Or a function of
        the shares of steps that are done, an array from 0 to just below 1, that returns factors.
        Default: constant.
    epochs : int, default 20
    batch_size : int, default 32
        The last batch of an epoch is smaller if need be, as in ``model.fit``.
    progress : bool, optional
        Show a progress bar: always, never, or (default) on a terminal if it takes long.
    stacked : bool, optional
        Train the runs side by side in stacked weights, or one after the other in the same
        compiled loop. Default: what is faster, see the module's text. The results are the same,
        up to rounding.

    Returns
    -------
    Runs

    Raises
    ------
    TypeError
        An argument is of the wrong kind, or `build` returns something else than a Keras model.
    ValueError
        An argument is out of range, a grid is empty, the network does not fit the data, or
        `build` makes different networks for different seeds.

    Notes
    -----
    The same call gives the same bits, as long as TensorFlow works with the same number of
    threads. The global seeds of ``random``, NumPy and Keras are those of the last seed afterwards.

    A run whose training or validation loss is not finite at the end of an epoch has diverged. The
    others are not affected. Many runs of a large network are trained in several stacks, so that
    one takes no more than about `MEMORY` bytes.
    """
    data = _checked_data(data)
    seeds = _checked_seeds(seeds)
    rates = _checked_rates(learning_rates)
    name, settings = _checked_optimizer(optimizer)
    epochs = _count("epochs", epochs)
    batch_size = min(_count("batch_size", batch_size), len(data.x_train))
    factors = _factors(schedule, epochs, math.ceil(len(data.x_train) / batch_size))
    if not callable(build):
        raise TypeError(f"train: build must be a function that returns a model, not {build!r}")

    model, first = None, []
    for seed in seeds:
        new = _built(build, seed)
        model = model or _checked_model(new, data)
        _check_same(model, new, seed, seeds[0])
        first.append([variable.numpy() for variable in _variables(new)])

    runs = [(i, rate) for i in range(len(seeds)) for rate in rates]  # i: position of the seed
    if stacked is None:
        stacked = len(runs) > 1 and stacking_pays(model)
    elif stacked and (drawing := [layer.name for layer in model.layers if _draws(layer)]):
        raise ValueError(
            f"train: the layer {drawing[0]!r} draws random numbers for one run at a time and "
            "cannot be stacked: leave out stacked"
        )
    most = max(1, int(MEMORY // _bytes_a_run(model, batch_size))) if stacked else 1
    chunks = math.ceil(len(runs) / most)
    size = math.ceil(len(runs) / chunks)
    network = _Stack(model, data, size, name, settings, batch_size, stacked)
    course = np.full((len(runs), epochs, 3), np.nan)
    final = np.full((len(runs), 2), np.nan)
    weights = [np.empty((len(runs), *value.shape), value.dtype) for value in first[0]]
    with tqdm.tqdm(
        total=chunks * epochs,
        desc=f"{len(runs)} runs",
        unit="epoch",
        disable=None if progress is None else not progress,
        delay=PATIENCE if progress is None else 0,
    ) as bar:
        for start in range(0, len(runs), size):
            rows = np.arange(start, min(start + size, len(runs)))
            filled = np.resize(rows, size)  # the loop is compiled for one size
            network.start([first[runs[r][0]] for r in filled], [runs[r][1] for r in filled])
            orders = [batch_order(seed, len(data.x_train), epochs) for seed in seeds]
            orders = np.stack([orders[runs[r][0]] for r in filled], axis=1)
            network.train(orders, factors, course[start : start + size], bar)
            final[rows] = network.evaluate(data.x_test, data.y_test)[: len(rows)]
            for values, variable in zip(weights, network.variables, strict=True):
                values[rows] = variable.numpy()[: len(rows)]

    table, history = _tables([(seeds[i], rate) for i, rate in runs], course, final, data.task)
    return Runs(table, history, build, weights)


def batch_order(seed: int, rows: int, epochs: int) -> np.ndarray:
    """Return the order in which the runs of a seed see the training rows.

    It depends on nothing but the arguments, so that all activations see the same batches.

    Parameters
    ----------
    seed : int
    rows, epochs : int
        Training rows, and epochs.

    Returns
    -------
    ndarray of int32, shape (epochs, rows)
        A permutation of the rows for each epoch, cut into batches from the front.

    Examples
    --------
    >>> batch_order(0, rows=4, epochs=2)
    array([[0, 2, 1, 3],
           [0, 3, 2, 1]], dtype=int32)
    """
    # A stream of its own: default_rng(seed) may have drawn the weights or the data already.
    rng = np.random.default_rng([seed, 0x0B])
    return np.stack([rng.permutation(rows) for _ in range(epochs)]).astype(np.int32)


class _Stack:
    """Weights of several runs of one network, and the compiled loop that trains them."""

    def __init__(self, model, data, size, optimizer, settings, batch_size, stacked):
        self.model, self.classes, self.stacked = model, data.task == "classes", stacked
        self.data, self.size, self.batch_size = data, size, batch_size
        self.trainable = [_wide(v, size) for v in model.trainable_variables]
        self.other = [_wide(v, size) for v in model.non_trainable_variables]
        self.constraints = [v.constraint for v in model.trainable_variables]
        self.rates = tf.Variable(tf.zeros(size))
        cls, _ = OPTIMIZERS[optimizer]
        self.optimizer = cls(**{**DEFAULTS.get(optimizer, {}), **settings})
        self.optimizer.build(self.trainable)
        # After the iteration and a learning rate: Adagrad's sums do not begin at 0.
        self.slots = [(v, v.numpy()) for v in self.optimizer.variables[2:]]
        self.changes = [_wide(v, size) for v in model.trainable_variables] if self._fused else []
        rows = tf.TensorSpec((None, *data.input_shape), tf.float32)
        targets = tf.TensorSpec((None, *data.y_train.shape[1:]), data.y_train.dtype)
        order = tf.TensorSpec((size, len(data.x_train)), tf.int32)
        factors = tf.TensorSpec((math.ceil(len(data.x_train) / batch_size),), tf.float32)
        self._epoch = _compiled(self._train_epoch, rows, targets, order, factors)
        self._score = _compiled(self._evaluate_batch, rows, targets)

    @property
    def variables(self):
        """Those of the model in the order of `_variables`, with a first axis of runs."""
        return self.trainable + self.other

    def start(self, values, rates):
        """Set the variables of each run to its values, and the optimiser to its beginning."""
        for variable, of_runs in zip(self.variables, zip(*values, strict=True), strict=True):
            variable.assign(np.stack(of_runs))
        for variable, first in self.slots:
            variable.assign(first)
        self.optimizer.iterations.assign(0)
        self.rates.assign(rates)

    def train(self, orders, factors, course, bar):
        """Train, and write the losses of each run and epoch into `course`, while finite."""
        x, y = tf.constant(self.data.x_train), tf.constant(self.data.y_train)
        alive = np.ones(len(course), bool)
        for epoch, (order, of_steps) in enumerate(zip(orders, factors, strict=True)):
            train_loss = self._epoch(x, y, tf.constant(order), tf.constant(of_steps)).numpy()
            scores = self.evaluate(self.data.x_validation, self.data.y_validation)
            of_epoch = np.column_stack([train_loss, scores])[: len(course), :3]
            alive &= np.isfinite(of_epoch[:, :2]).all(axis=1)
            course[alive, epoch] = of_epoch[alive]
            bar.update()
            if not alive.any():
                bar.update(len(orders) - epoch - 1)
                break

    def evaluate(self, x, y):
        """Return loss and accuracy (NaN for a regression) of each run, shape (size, 2)."""
        total = 0.0
        for start in range(0, len(x), EVALUATION_ROWS):
            part = slice(start, start + EVALUATION_ROWS)
            total += self._score(tf.constant(x[part]), tf.constant(y[part])).numpy()
        return total.T / len(x)

    def _train_epoch(self, x, y, order, factors):
        rows = len(self.data.x_train)

        def batch(first, total):
            chosen = order[:, first : first + self.batch_size]
            rates = self.rates * factors[first // self.batch_size]
            loss = self._step(tf.gather(x, chosen), tf.gather(y, chosen), rates)
            return first + self.batch_size, total + loss * tf.cast(tf.shape(chosen)[1], tf.float32)

        start = (tf.constant(0), tf.zeros(self.size))
        return tf.while_loop(lambda first, _: first < rows, batch, start)[1] / rows

    def _step(self, x, y, rates):
        weights = [tf.convert_to_tensor(v.value) for v in self.trainable]
        other = [tf.convert_to_tensor(v.value) for v in self.other]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            outputs, penalty, other = self._outputs(weights, other, x, training=True)
            loss = tf.reduce_mean(self._losses(y, outputs), axis=-1) + penalty
        # A run's loss depends on its own weights only: the gradient of the sum is each one's own.
        gradients = tape.gradient(loss, weights)
        for variable, value in zip(self.other, other, strict=True):
            variable.assign(value)
        self._update(gradients, rates)
        return loss

    def _update(self, gradients, rates):
        """Make the optimiser's own step; rates are broadcast over the runs' axis."""
        found = [
            (g, v, c, tf.reshape(rates, [self.size] + [1] * (len(v.shape) - 1)))
            for g, v, c in zip(gradients, self.trainable, self.constraints, strict=True)
            if g is not None
        ]
        if self.optimizer.weight_decay is not None:
            for _, variable, _, rate in found:
                decay = tf.cast(self.optimizer.weight_decay, variable.dtype)
                variable.assign(variable.value - variable.value * decay * rate)
        step = self._adam_step if self._fused else self.optimizer.update_step
        for gradient, variable, _, rate in found:
            step(tf.convert_to_tensor(gradient), variable, rate)
        for _, variable, constraint, _ in found:
            if constraint is not None:
                variable.assign(self._each(constraint, variable.value))
        self.optimizer.iterations.assign_add(1)

    @property
    def _fused(self):
        return isinstance(self.optimizer, keras.optimizers.Adam) and not self.optimizer.amsgrad

    def _adam_step(self, gradient, variable, rate):
        """Make the step of ``keras.optimizers.Adam`` by TensorFlow's one operation for it.

        The operation takes one rate for all runs, so it works at rate 1 on a change that starts
        at 0. This is a third faster than the optimiser's own dozen passes over the weights.
        """
        adam, i = self.optimizer, self.optimizer._get_variable_index(variable)
        step = tf.cast(adam.iterations.value + 1, tf.float32)
        change = self.changes[i].value
        change.assign(tf.zeros_like(gradient))
        tf.raw_ops.ResourceApplyAdam(
            var=change.handle,
            m=adam._momentums[i].value.handle,
            v=adam._velocities[i].value.handle,
            beta1_power=tf.pow(adam.beta_1, step),
            beta2_power=tf.pow(adam.beta_2, step),
            lr=1.0,
            beta1=adam.beta_1,
            beta2=adam.beta_2,
            epsilon=adam.epsilon,
            grad=gradient,
        )
        variable.value.assign_add(change * rate)

    def _evaluate_batch(self, x, y):
        weights = [tf.convert_to_tensor(v.value) for v in self.trainable]
        other = [tf.convert_to_tensor(v.value) for v in self.other]
        outputs, penalty, _ = self._outputs(weights, other, x, training=False)
        y = tf.broadcast_to(y, tf.concat([[self.size], tf.shape(y)], 0))
        count = tf.cast(tf.shape(x)[0], tf.float32)
        loss = tf.reduce_sum(self._losses(y, outputs), axis=-1) + penalty * count
        right = tf.fill([self.size], np.float32(np.nan))
        if self.classes:
            right = tf.equal(tf.argmax(outputs, axis=-1, output_type=y.dtype), y)
            right = tf.reduce_sum(tf.cast(right, tf.float32), axis=-1)
        return tf.stack([loss, right])

    def _losses(self, y, outputs):
        if self.classes:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=outputs)
        return tf.reduce_mean(tf.square(outputs - y), axis=-1)

    def _outputs(self, weights, other, x, training):
        """Return outputs, regularisation loss and new values of what is not trained, by run."""

        def one(weights, other, x):
            outputs, new, losses = self.model.stateless_call(
                list(weights), list(other), x, training=training, return_losses=True
            )
            return outputs, tf.add_n([tf.zeros([]), *losses]), tuple(new)

        if training:
            return self._each(one, tuple(weights), tuple(other), x)
        return self._each(
            lambda weights, other: one(weights, other, x), *map(tuple, (weights, other))
        )

    def _each(self, function, *stacks):
        """Apply a function to each run's slice of the stacks and stack the results."""
        if self.stacked:
            return tf.vectorized_map(lambda slices: function(*slices), stacks)
        slices = tf.nest.map_structure(lambda stack: tf.squeeze(stack, 0), stacks)
        return tf.nest.map_structure(lambda value: value[tf.newaxis], function(*slices))


def _compiled(function, *signature):
    """Compile a function for one signature: a tf.function would warn after a few networks."""
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def _wide(variable, size):
    """Return a variable that holds `size` values of the given one."""
    return keras.Variable(
        np.zeros((size, *variable.shape), variable.dtype),
        dtype=variable.dtype,
        trainable=variable.trainable,
    )


def _variables(model):
    return model.trainable_variables + model.non_trainable_variables


def _built(build, seed):
    keras.utils.set_random_seed(seed)
    return build()


def stacking_pays(model):
    """Whether a batched network is faster than one after the other: measured, see the benchmark."""
    slow = (keras.layers.RNN, keras.layers.Dropout)
    return not any(
        isinstance(layer, slow) or "conv" in type(layer).__name__.lower() or _draws(layer)
        for layer in model._flatten_layers()
    )


def _draws(layer):
    return any(isinstance(value, keras.random.SeedGenerator) for value in vars(layer).values())


def _bytes_a_run(model, batch_size):
    """Return roughly what one run of a stack takes: weights, gradients, slots and activations."""
    outputs = 0
    for layer in model._flatten_layers(include_self=False):
        shape = getattr(getattr(layer, "output", None), "shape", None) or ()
        outputs += math.prod(n or 1 for n in shape[1:])
    rows = max(3 * batch_size, EVALUATION_ROWS)
    return 4 * (8 * model.count_params() + rows * outputs)


def _tables(runs, course, final, task):
    """Return the table and the history; NaN in `course` says where a run had diverged."""
    classes = task == "classes"
    seeds, rates = zip(*runs, strict=True)
    finite = np.isfinite(course[:, -1, :2]).all(axis=1) & np.isfinite(final[:, 0])
    columns = {
        "train_loss": course[:, -1, 0],
        "validation_loss": course[:, -1, 1],
        "validation_accuracy": course[:, -1, 2],
        "test_loss": final[:, 0],
        "test_accuracy": final[:, 1],
    }
    table = pd.DataFrame(
        {
            "seed": seeds,
            "learning_rate": rates,
            "status": np.where(finite, "ok", "diverged"),
            **{
                name: pd.array(np.where(finite, values, np.nan), dtype="Float64")
                for name, values in columns.items()
                if classes or not name.endswith("accuracy")
            },
        }
    )
    row, epoch = np.nonzero(np.isfinite(course[:, :, 0]))
    history = pd.DataFrame(
        {
            "seed": np.array(seeds)[row],
            "learning_rate": np.array(rates)[row],
            "epoch": epoch + 1,
            "train_loss": course[row, epoch, 0],
            "validation_loss": course[row, epoch, 1],
        }
    )
    if classes:
        history["validation_accuracy"] = course[row, epoch, 2]
    return table, history


def _checked_data(data):
    if not isinstance(data, Data):
        raise TypeError(
            f"train: data must be an actfun.datasets.Data, not {type(data).__name__}; it checks "
            "shapes and types when it is made"
        )
    return data


def _checked_seeds(seeds):
    try:
        seeds = [operator.index(seed) for seed in seeds]
    except TypeError:
        raise TypeError(f"train: seeds must be integers, not {seeds!r}") from None
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"train: seeds must be different ones, at least one, not {seeds!r}")
    if not 0 <= min(seeds) <= max(seeds) <= LARGEST_SEED:
        raise ValueError(f"train: seeds must lie from 0 to {LARGEST_SEED}, not {seeds!r}")
    return seeds


def _checked_rates(rates):
    try:
        rates = [float(rate) for rate in rates]
    except (TypeError, ValueError):
        raise TypeError(f"train: learning_rates must be numbers, not {rates!r}") from None
    if not rates or len(set(rates)) < len(rates):
        raise ValueError(
            f"train: learning_rates must be different ones, at least one, not {rates!r}"
        )
    if not all(0 < rate < math.inf for rate in rates):
        raise ValueError(f"train: learning_rates must be positive and finite, not {rates!r}")
    return rates


def _checked_optimizer(optimizer):
    settings = dict(optimizer) if isinstance(optimizer, Mapping) else {"name": optimizer}
    name = settings.pop("name", None)
    if name not in OPTIMIZERS:
        raise ValueError(
            f"train: optimizer must be one of {', '.join(OPTIMIZERS)}, or a mapping with such a "
            f"name, not {optimizer!r}"
        )
    allowed = OPTIMIZERS[name][1]
    if unknown := set(settings) - allowed:
        raise ValueError(
            f"train: {name} has no setting {sorted(unknown)[0]!r} here; it has "
            f"{', '.join(sorted(allowed))} (the learning rate is given by learning_rates)"
        )
    return name, settings


def _factors(schedule, epochs, steps):
    """Return the factor of the learning rate of each step, shape (epochs, steps), float32."""
    if schedule is None:
        return np.ones((epochs, steps), np.float32)
    if not callable(schedule) and schedule not in SCHEDULES:
        raise ValueError(
            f"train: schedule must be one of {', '.join(SCHEDULES)}, or a function of the shares "
            f"of steps that are done, not {schedule!r}"
        )
    progress = np.arange(epochs * steps) / (epochs * steps)
    made = schedule(progress) if callable(schedule) else SCHEDULES[schedule](progress)
    factors = np.asarray(made, dtype=np.float32)
    if factors.shape != progress.shape or not (np.isfinite(factors) & (factors >= 0)).all():
        raise ValueError(
            f"train: schedule must return {progress.size} finite factors that are not negative, "
            f"one for each step, not {made!r}"
        )
    return factors.reshape(epochs, steps)


def _count(what, value):
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"train: {what} must be an integer, not {value!r}") from None
    if number < 1:
        raise ValueError(f"train: {what} must be at least 1, not {number}")
    return number


def _checked_model(model, data):
    if not isinstance(model, keras.Model):
        raise TypeError(f"train: build must return a Keras model, not {type(model).__name__}")
    if not model.built or not model.trainable_variables:
        raise ValueError(
            "train: build must return a model that has weights: begin it with keras.Input"
        )
    taken, given = model.input_shape, (None, *data.input_shape)
    if (
        isinstance(taken, (list, dict))
        or len(taken) != len(given)
        or not all(a in (None, b) for a, b in zip(taken, given, strict=True))
    ):
        raise ValueError(
            f"train: the model takes inputs of shape {taken}, but the rows of {data.name!r} make "
            f"{given}"
        )
    if model.output_shape != (None, data.outputs):
        meaning = "one logit a class" if data.task == "classes" else "one value a target"
        raise ValueError(
            f"train: the model has outputs of shape {model.output_shape}, but {data.name!r} "
            f"({data.task}) needs {(None, data.outputs)}: {meaning}"
        )
    last = getattr(model.layers[-1], "activation", None)
    if data.task == "classes" and getattr(last, "__name__", "") in ("softmax", "sigmoid"):
        raise ValueError(
            f"train: the model ends with {last.__name__}, but the loss takes logits: leave the "
            "last layer linear"
        )
    return model


def _check_same(model, other, seed, first_seed):
    """Refuse a network for a seed that is not that of the first seed."""
    shapes = [
        [(tuple(v.shape), v.dtype) for v in _variables(m)] if isinstance(m, keras.Model) else m
        for m in (model, other)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"train: build must make the same network each time, but its weights for seed {seed} "
            f"have other shapes than those for seed {first_seed}"
        )
