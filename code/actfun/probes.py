r"""What happens inside a Keras network: activations, dead units, gradients.

==================  ==========================================  ============================
call                gives                                       one row is
==================  ==========================================  ============================
`activity`          mean, variance, zeros, saturation, deaths   an activation of the network
`dead_units`        state of each unit, and since when          a unit
`gradients`         gradient norms, ratios, sign bias           a layer with a kernel
`Probe`             all three while ``fit`` runs                the same, with the step
==================  ==========================================  ============================

Definitions, for a unit with pre-activation z and activation f, over all examples of a data set
(and all positions of an image, all time steps of a sequence):

dead
    f'(z) = 0 on every example, so no gradient reaches the unit's weights whatever the loss. For
    ReLU: z <= 0 on every example.
near-dead
    f'(z) is not 0, but on less than a small share of the examples only.
linear
    f'(z) is the same number, not 0, on every example: the unit is a linear one on these data. A
    leaky unit that has been pushed out altogether is linear, not dead.
saturated
    A value z at which abs(f'(z)) is below a small share of the largest slope of f.
sign bias
    Of the gradients of a unit's incoming weights on one mini-batch, the share that has the more
    frequent sign: 1 if all agree. Zeros do not count. n independent fair signs have about
    1/2 + 0.4/sqrt(n).

A probe sees the network as it is used: batch normalisation with its moving averages, no
dropout. `gradients` sees it as it is trained, and leaves no trace: neither moving averages nor
random states change. f' is found by automatic differentiation of the very function the network
uses, so learned slopes and functions outside the catalogue are covered.

The activations found are those given as a layer's ``activation`` (or ``recurrent_activation``)
and the layers ReLU, LeakyReLU, PReLU, ELU, Activation and those of `actfun.layers`, at any depth
of nested models and layers. Linear ones are left out, and so are softmax-like ones, in which
every output hangs on every input.
"""

import contextlib
import itertools
import math
from inspect import signature

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import ops, tree

from actfun import layers as own_layers
from actfun.catalogue import UnknownActivation
from actfun.catalogue import get as get_function
from actfun.catalogue import names as catalogue_names

SATURATED = 0.01  # a slope below this share of the largest one
NEAR_DEAD = 0.01  # a unit active on less than this share of the examples
EVERY = 200  # steps between two records of a Probe
CHUNK = 1024  # examples evaluated at once

ACTIVATION_LAYERS = {
    keras.layers.ReLU: "relu",
    keras.layers.LeakyReLU: "leaky_relu",
    keras.layers.PReLU: "prelu",
    keras.layers.ELU: "elu",
    # Maxout has weights: it is no function of a pre-activation.
    **{kind: name for name, kind in own_layers.OWN_LAYERS.items() if name != "maxout"},
}
LEFT_OUT = {"identity", "linear", "softmax", "log_softmax", "sparsemax", "glu"}


def activity(model, x, *, saturated=SATURATED, near=NEAR_DEAD):
    r"""Return how each activation of a network behaves on a data set.

    Parameters
    ----------
    model : keras.Model
        Built; any mixture of layers.
    x : array, or list or dict of arrays, first axis the examples
        As the model takes it. Not empty, finite.
    saturated : float, default 0.01
        A value counts as saturated where abs(f') is below this share of f's largest slope,
        dimensionless. The largest slope is the catalogue's, for other functions the largest
        found on a grid from -20 to 20.
    near : float, default 0.01
        A unit counts as near-dead that is active, but on less than this share of the examples.

    Returns
    -------
    pandas.DataFrame
        A row for each activation, in the order in which the network computes them: layer,
        activation, units (number of units: neurons, channels or states), mean and variance of
        all its outputs, zeros (share of outputs that are exactly 0), saturated (share of
        values), dead, near_dead and linear (shares of units; see the module's definitions).
        The gates of a recurrent cell have a row each.

    Raises
    ------
    TypeError, ValueError
        `model` is not a Keras model, not built or without activations; `x` is empty, not finite
        or of a wrong shape; a share is not between 0 and 1.

    Examples
    --------
    Two units, one of which needs a larger input than there is:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, "relu", name="hidden")])
    >>> model.set_weights([np.array([[1.0, 1.0]]), np.array([0.0, -5.0])])
    >>> x = np.array([[-1.0], [1.0], [2.0], [3.0]])
    >>> print(activity(model, x)[["layer", "units", "mean", "zeros", "dead"]].to_string())
        layer  units  mean  zeros  dead
    0  hidden      2  0.75  0.625   0.5
    """
    saturated, near = _share("activity", saturated=saturated), _share("activity", near=near)
    return _Forward("activity", model, saturated)(x).table(near)


def dead_units(model, x, *, near=NEAR_DEAD, at_birth=None):
    """Return the state of every unit on a data set.

    Parameters
    ----------
    model, x, near
        As in `activity`.
    at_birth : pandas.DataFrame, optional
        What this function returned for the same network before its first step of training.

    Returns
    -------
    pandas.DataFrame
        A row for each unit: layer, activation, unit (number), active (share of the examples on
        which f' is not 0), state: "alive", "near-dead", "dead" or "linear". With `at_birth` also
        cause, for dead units only: "at birth" if the unit was dead then, "during training" if
        not, "" for all others.

    Raises
    ------
    TypeError, ValueError
        As in `activity`; `at_birth` belongs to another network.

    Examples
    --------
    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, "relu", name="hidden")])
    >>> model.set_weights([np.array([[1.0, 1.0]]), np.array([0.0, -5.0])])
    >>> x = np.array([[-1.0], [1.0], [2.0], [3.0]])
    >>> print(dead_units(model, x).to_string())
        layer activation  unit  active  state
    0  hidden       relu     0    0.75  alive
    1  hidden       relu     1    0.00   dead
    """
    near = _share("dead_units", near=near)
    now = _Forward("dead_units", model)(x).units(near)
    return now if at_birth is None else _with_cause("dead_units", now, at_birth)


def gradients(model, x, y=None, loss=None, *, batch_size=None):
    r"""Return the size and the signs of a loss's gradient, layer by layer.

    The gradient is that of the mean loss, penalties of regularisers included, in the network as
    it is trained (batch statistics, dropout). Only kernels count, the weights that multiply
    inputs; biases, scales and embeddings do not.

    Parameters
    ----------
    model, x
        As in `activity`.
    y : array, first axis the examples
        Targets, as the loss takes them.
    loss : str, keras.losses.Loss or callable, default the one the model is compiled with
        Called as loss(y, model(x)).
    batch_size : int, optional
        Examples in a mini-batch; the last, smaller one is left out if there are others. Every
        number returned is the mean over the mini-batches. Default: all examples at once.

    Returns
    -------
    pandas.DataFrame
        A row for each layer with a trainable kernel: layer; gradient_norm and weight_norm,
        Euclidean; gradient_to_weight, their ratio
        (infinite for a kernel of zeros); sign_bias, mean over the units that have a
        gradient (NaN if none has: there are no signs); no_gradient, the share of units whose
        incoming weights all have gradient 0.

    Raises
    ------
    TypeError, ValueError
        As in `activity`; `y` or the loss is missing, or `y` has another length than `x`; the
        model has no trainable kernel; the gradient is not finite.

    Examples
    --------
    A mean squared error with all inputs positive: on one example all gradients of a unit's
    weights have one sign.

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="line")])
    >>> model.set_weights([np.zeros((3, 1)), np.zeros(1)])
    >>> print(gradients(model, [[3.0, 2.0, 6.0]], [[1.0]], "mse")
    ...       [["gradient_norm", "sign_bias"]].to_string())
       gradient_norm  sign_bias
    0           14.0        1.0
    """
    found = _Gradients("gradients", model, loss)
    x, n = _checked_inputs("gradients", model, x)
    y = _checked_targets("gradients", y, n)
    size = n if batch_size is None else min(_positive("gradients", "batch_size", batch_size), n)
    parts = [found(x, y, start, size) for start in range(0, n - size + 1, size)]
    return found.table(parts)


class Probe(keras.callbacks.Callback):
    """Keras callback that records `activity`, `dead_units` and `gradients` while ``fit`` runs.

    A record is made before step 0, `every`, 2 `every`, ... and, of the activations, once more at
    the end. Training is not disturbed: weights, moving averages and random states are those of
    a run without the probe. Once its two functions are compiled, which takes about as long as
    compiling the training step, it adds less than a fifth to the time of training, at the default
    interval and for `x` of about 500 examples (``python -m actfun.benchmark_probes``); the cost
    grows with the number of examples and falls with `every`.

    Parameters
    ----------
    x : as in `activity`
        Data on which the activations are recorded: part of the training data, as a rule.
    y : array, optional
        Targets. Without them no gradients are recorded.
    every : int, default 200
        Steps of training (mini-batches) between two records.
    loss, saturated, near
        As in the functions.
    batch_size : int, default 32
        Examples in the mini-batch on which gradients are taken; each record takes the next ones
        of `x`.

    Attributes
    ----------
    activity : pandas.DataFrame
        The columns of `activity`, preceded by step.
    gradients : pandas.DataFrame
        The columns of `gradients`, preceded by step and followed by update_to_weight: Euclidean
        length of the change that the optimiser makes in this step, divided by that of the
        kernel before it.
    units : pandas.DataFrame
        The columns of `dead_units`, preceded by step: the life of each unit.
    dead_units : pandas.DataFrame
        The units at the last record, with their cause.

    Raises
    ------
    TypeError, ValueError
        As in the functions: of `every`, `batch_size`, `near` and `saturated` at once, of the data
        when training begins.

    Examples
    --------
    >>> import keras, numpy as np
    >>> x = np.linspace(-1, 1, 64).reshape(-1, 1)
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4, "relu"),
    ...                           keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> probe = Probe(x, np.abs(x), every=2)
    >>> _ = model.fit(x, np.abs(x), batch_size=16, epochs=1, verbose=0, callbacks=[probe])
    >>> list(probe.activity["step"]), list(probe.gradients["step"])
    ([0, 2, 4], [0, 0, 2, 2])
    """

    def __init__(
        self,
        x,
        y=None,
        every=EVERY,
        *,
        loss=None,
        batch_size=32,
        saturated=SATURATED,
        near=NEAR_DEAD,
    ):
        super().__init__()
        self._data, self._loss = (x, y), loss
        self.every = _positive("Probe", "every", every)
        self.batch_size = _positive("Probe", "batch_size", batch_size)
        self._saturated, self._near = (
            _share("Probe", saturated=saturated),
            _share("Probe", near=near),
        )
        self._forward = self._backward = self._before = None
        self._step, self._due, self._start = 0, 0, 0
        self._activations, self._gradients = [], []  # (step, record)

    def on_train_begin(self, logs=None):
        """Check the data against the model; a second ``fit`` goes on with the first one's table."""
        if self._forward is not None:
            if self._forward.model is not self.model:
                raise ValueError(
                    f"Probe: this probe has watched the model {self._forward.model.name!r}, not "
                    f"{self.model.name!r}; use a new one for each model"
                )
            if self._activations and self._activations[-1][0] == self._step:
                self._activations.pop()  # the end of the last fit is the start of this one
                self._due = self._step
            return
        x, y = self._data
        self._forward = _Forward("Probe", self.model, self._saturated, compiled=True)
        self._x, self._n = _checked_inputs("Probe", self.model, x)
        if y is not None:
            self._backward = _Gradients("Probe", self.model, self._loss, compiled=True)
            self._y = _checked_targets("Probe", y, self._n)
            self.batch_size = min(self.batch_size, self._n)

    def on_train_batch_begin(self, batch, logs=None):
        """Record, if the step is due."""
        if self._step < self._due:
            return
        self._due = (self._step // self.every + 1) * self.every
        self._activations.append((self._step, self._forward.checked(self._x, self._n)))
        if self._backward is None:
            return
        if self._start + self.batch_size > self._n:
            self._start = 0
        record = self._backward(self._x, self._y, self._start, self.batch_size)
        self._start += self.batch_size
        self._before = record, [np.array(w) for w in self._backward.kernels()]

    def on_train_batch_end(self, batch, logs=None):
        """Measure the update of a recorded step."""
        if self._before is not None:
            record, before = self._before
            after = self._backward.kernels()
            moved = [np.sum((b - np.asarray(a)) ** 2) for a, b in zip(after, before, strict=True)]
            self._gradients.append((self._step, record, self._backward.norms(moved)))
            self._before = None
        self._step += int(getattr(self.model, "steps_per_execution", 1) or 1)

    def on_train_end(self, logs=None):
        """Record the activations of the trained network."""
        self._activations.append((self._step, self._forward.checked(self._x, self._n)))

    @property
    def activity(self):
        """The columns of `activity` for each recorded step."""
        return _stack("Probe.activity", [(s, r.table(self._near)) for s, r in self._activations])

    @property
    def units(self):
        """The columns of `dead_units` for each recorded step."""
        return _stack("Probe.units", [(s, r.units(self._near)) for s, r in self._activations])

    @property
    def dead_units(self):
        """The units at the last record, with the cause of death since the first."""
        if not self._activations:
            raise ValueError("Probe.dead_units: nothing is recorded yet; pass the probe to fit")
        first, last = (self._activations[i][1].units(self._near) for i in (0, -1))
        return _with_cause("Probe.dead_units", last, first)

    @property
    def gradients(self):
        """The columns of `gradients`, and update_to_weight, for each recorded step."""
        if self._data[1] is None:
            raise ValueError("Probe.gradients: the probe was made without y, expected targets")
        tables = []
        for step, record, moved in self._gradients:
            table = self._backward.table([record])
            tables.append(
                (step, table.assign(update_to_weight=_ratio(moved, table["weight_norm"])))
            )
        return _stack("Probe.gradients", tables)


# --- the forward pass, once, with a recorder at every activation


class _Site:
    """One activation: where it stands, what it is, and what passed through it."""

    def __init__(self, label, holder, attribute, function, name, cell):
        self.label, self.holder, self.attribute = label, holder, attribute
        self.function, self.name, self.cell = function, name, cell
        self.clear()

    def clear(self):
        self.calls, self.first = [], None

    def recorder(self, clock):
        def record(z, *args, **kwargs):
            if self.first is None:
                self.first = next(clock)
            a = self.function(z, *args, **kwargs)
            self.calls.append((z, a))
            return a

        return record

    @property
    def channel_axis(self):
        return 1 if getattr(self.holder, "data_format", None) == "channels_first" else -1

    @property
    def largest_slope(self):
        """The largest abs(f'), from the catalogue where the function is in it."""
        if isinstance(self.holder, keras.layers.ELU):
            return max(1.0, float(self.holder.alpha))
        with contextlib.suppress(UnknownActivation):
            return float(get_function(self.name).lipschitz)
        if getattr(self.function, "__self__", None) is not None or isinstance(
            self.function, keras.Layer
        ):
            return 1.0  # a layer with weights of its own: parametric_elu at its first values
        grid = tf.linspace(-20.0, 20.0, 4001)
        return float(tf.reduce_max(tf.abs(_slope(self.function, grid)))) or 1.0


def _slope(f, z):
    """f'(z) by automatic differentiation, elementwise; 0 where f does not depend on z."""
    with tf.GradientTape() as tape:
        tape.watch(z)
        a = f(z)
    return tape.gradient(a, z, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _name(function):
    """The catalogue's name of an activation function or layer, or else its own."""
    if isinstance(function, keras.layers.Activation):
        return _name(function.activation)
    for kind, name in ACTIVATION_LAYERS.items():
        if isinstance(function, kind):
            return name
    if isinstance(function, keras.layers.Softmax):
        return "softmax"
    function = getattr(function, "func", function)  # functools.partial
    name = getattr(function, "__name__", type(function).__name__)
    try:
        return get_function(name).name
    except UnknownActivation:
        return name


def _walk(layer, label=""):
    """Yield (label, layer) for all layers in a layer, outer ones first, each once."""
    seen = {id(layer)}

    def inside(parent, label):
        for child in parent.layers if isinstance(parent, keras.Model) else parent._layers:
            if id(child) in seen:
                continue
            seen.add(id(child))
            here = label if child is getattr(parent, "cell", None) else f"{label}/{child.name}"
            yield here.lstrip("/"), child
            yield from inside(child, here)

    yield from inside(layer, label)


def _sites(model):
    sites, held = [], set()
    for label, layer in _walk(model):
        if id(layer) in held:  # an activation layer that another one holds as its activation
            continue
        is_cell = hasattr(layer, "state_size")
        for attribute, function in list(vars(layer).items()):
            if attribute in ("activation", "recurrent_activation") and callable(function):
                if isinstance(function, keras.Layer):
                    held.add(id(function))
                where = f"{label}.{attribute}" if is_cell else label
                sites.append(_Site(where, layer, attribute, function, _name(function), is_cell))
        if isinstance(layer, tuple(ACTIVATION_LAYERS)):
            sites.append(_Site(label, layer, "call", layer.call, _name(layer), False))
    for label, part in [("", model), *_walk(model)]:
        # keras.ops.relu and its like, called in the making of a functional model
        for operation in getattr(part, "operations", ()):
            name = _name(operation)
            if not isinstance(operation, keras.Layer) and name in catalogue_names():
                where = f"{label}/{operation.name}".lstrip("/")
                sites.append(_Site(where, operation, "call", operation.call, name, False))
    return [site for site in sites if site.name not in LEFT_OUT]


@contextlib.contextmanager
def _recording(model, sites):
    """Have every activation recorded, and recurrent layers run step by step, for one call."""
    replaced, clock = [], itertools.count()

    def put(holder, attribute, value):
        # Past Keras's __setattr__, which refuses to change what a built layer holds.
        replaced.append((holder, attribute, vars(holder).get(attribute), attribute in vars(holder)))
        vars(holder)[attribute] = value

    try:
        for site in sites:
            site.clear()
            put(site.holder, site.attribute, site.recorder(clock))
        for _, layer in _walk(model):
            if isinstance(layer, keras.layers.RNN):
                put(layer, "unroll", True)
                if "use_cudnn" in vars(layer):
                    put(layer, "use_cudnn", False)
        yield
    finally:
        for holder, attribute, value, was_there in reversed(replaced):
            if was_there:
                vars(holder)[attribute] = value
            else:
                del vars(holder)[attribute]


class _Forward:
    """One forward pass that returns figures for each unit of each activation."""

    def __init__(self, owner, model, saturated=SATURATED, compiled=False):
        _check_model(owner, model)
        self.owner, self.model, self.saturated = owner, model, saturated
        self.sites = _sites(model)
        if not self.sites:
            raise ValueError(
                f"{owner}: the model {model.name!r} has no activations to look at; expected at "
                "least one layer with an elementwise activation other than linear"
            )
        self.slopes = {id(site): site.largest_slope for site in self.sites}
        self.rows = None  # (label, name, units), known after the first pass
        self._compiled = tf.function(self._pass, reduce_retracing=True) if compiled else None

    def __call__(self, x):
        x, n = _checked_inputs(self.owner, self.model, x)
        return self.checked(x, n)

    def checked(self, x, n):
        """As the call, for inputs that have been checked."""
        if self._compiled is None and n > 8 * CHUNK:
            self._compiled = tf.function(self._pass, reduce_retracing=True)
        evaluate = self._compiled or self._pass
        record = None
        for start in range(0, n, CHUNK):
            figures = evaluate(_part(x, start, CHUNK)).numpy().astype(np.float64)
            record = figures if record is None else _merged(record, figures)
        if not np.all(np.isfinite(record)):
            bad = [
                row[0]
                for row, part in zip(self.rows, self._split(record), strict=True)
                if not np.all(np.isfinite(part))
            ]
            raise ValueError(
                f"{self.owner}: the activations of {', '.join(bad)} are not finite; the network "
                "has diverged, or x is too large"
            )
        return _Record(self.rows, self._split(record))

    def _split(self, figures):
        return np.split(figures, np.cumsum([units for _, _, units in self.rows])[:-1], axis=1)

    def _pass(self, x):
        with _recording(self.model, self.sites):
            self.model(x, **_mode(self.model, False))
        # In the order of computation; several uses of a shared layer count as more examples,
        # several uses within a step of a recurrent cell (its gates) as different activations.
        used = sorted((site for site in self.sites if site.calls), key=lambda site: site.first)
        if not used:
            raise ValueError(f"{self.owner}: the model's call used none of its activations")
        rows, figures = [], []
        for site in used:
            for label, calls in _uses(site):
                flat = [_by_channel(z, site.channel_axis) for z, _ in calls]
                out = [_by_channel(a, site.channel_axis) for _, a in calls]
                # Slopes at the tensor's own shape: a learned slope may belong to a position.
                slope = [
                    _by_channel(_slope(site.function, tf.stop_gradient(z)), site.channel_axis)
                    for z, _ in calls
                ]
                rows.append((label, site.name, int(flat[0].shape[-1])))
                bound = self.saturated * self.slopes[id(site)]
                figures.append(_figures(tf.concat(out, 0), tf.concat(slope, 0), bound))
        for site in self.sites:
            site.clear()  # a compiled pass must not keep its symbolic tensors
        self.rows = rows
        return tf.concat(figures, axis=1)


def _uses(site):
    """Split the calls of a recurrent cell's activation into its uses within a time step."""
    if not site.cell:
        return [(site.label, site.calls)]
    # How often a cell of this kind calls it, by Keras's code: an LSTM's activation for candidate
    # and output, its recurrent one for the input, forget and output gate, and so on.
    kind = type(site.holder).__name__
    uses = {
        ("LSTMCell", "activation"): ("candidate", "output"),
        ("LSTMCell", "recurrent_activation"): ("input gate", "forget gate", "output gate"),
        ("GRUCell", "activation"): ("candidate",),
        ("GRUCell", "recurrent_activation"): ("update gate", "reset gate"),
    }.get((kind, site.attribute), ("",))
    layer = site.label.rsplit(".", 1)[0]
    if len(site.calls) % len(uses):
        uses = ("",)
    return [
        (f"{layer} ({use})" if use else layer, site.calls[i :: len(uses)])
        for i, use in enumerate(uses)
    ]


def _by_channel(values, axis):
    """Values as a float32 matrix, a column for each unit."""
    values = tf.cast(values, tf.float32)
    if axis == 1 and values.shape.rank > 2:
        values = tf.experimental.numpy.moveaxis(values, 1, -1)
    return tf.reshape(values, (-1, values.shape[-1]))


def _figures(a, slope, bound):
    """Number, mean, squared deviation, zeros, active, saturated, least and largest slope."""
    n = tf.cast(tf.shape(a)[0], tf.float32)
    mean = tf.reduce_mean(a, axis=0)
    size = tf.abs(slope)
    count = lambda condition: tf.reduce_sum(tf.cast(condition, tf.float32), axis=0)  # noqa: E731
    return tf.stack(
        [
            n * tf.ones_like(mean),
            mean,
            tf.reduce_sum((a - mean) ** 2, axis=0),
            count(a == 0),
            count(slope != 0),
            count(size < bound),
            tf.reduce_min(slope, axis=0),
            tf.reduce_max(slope, axis=0),
        ]
    )


def _merged(one, two):
    """The figures of two parts of a data set together."""
    n, m = one[0], two[0]
    total = n + m
    apart = two[1] - one[1]
    return np.stack(
        [
            total,
            one[1] + apart * m / total,
            one[2] + two[2] + apart**2 * n * m / total,
            *(one[3:6] + two[3:6]),
            np.minimum(one[6], two[6]),
            np.maximum(one[7], two[7]),
        ]
    )


class _Record:
    """The figures of all units at one moment, and the tables made of them."""

    def __init__(self, rows, figures):
        self.rows, self.figures = rows, figures

    def table(self, near):
        out = []
        for (label, name, units), part in zip(self.rows, self.figures, strict=True):
            n, means = part[0, 0], part[1]
            state = self._states(part, near)
            out.append(
                {
                    "layer": label,
                    "activation": name,
                    "units": units,
                    "mean": means.mean(),
                    "variance": part[2].sum() / (n * units) + means.var(),
                    "zeros": part[3].mean() / n,
                    "saturated": part[5].mean() / n,
                    "dead": np.mean(state == "dead"),
                    "near_dead": np.mean(state == "near-dead"),
                    "linear": np.mean(state == "linear"),
                }
            )
        return pd.DataFrame(out)

    def units(self, near):
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "layer": label,
                        "activation": name,
                        "unit": np.arange(units),
                        "active": part[4] / part[0],
                        "state": self._states(part, near),
                    }
                )
                for (label, name, units), part in zip(self.rows, self.figures, strict=True)
            ],
            ignore_index=True,
        )

    @staticmethod
    def _states(part, near):
        active, least, largest = part[4] / part[0], part[6], part[7]
        # One example cannot tell a linear unit from any other.
        linear = (least == largest) & (least != 0) & (part[0] > 1)
        state = np.where(active < near, "near-dead", np.where(linear, "linear", "alive"))
        return np.where(active == 0, "dead", state).astype(object)


def _with_cause(owner, now, at_birth):
    same = ["layer", "unit"]
    if (
        not isinstance(at_birth, pd.DataFrame)
        or not {*same, "state"} <= set(at_birth.columns)
        or not now[same].equals(at_birth[same].reset_index(drop=True))
    ):
        raise ValueError(
            f"{owner}: at_birth must be the table of the same network before training "
            f"({len(now)} units of {', '.join(dict.fromkeys(now['layer']))}), got "
            f"{type(at_birth).__name__} of length {len(at_birth)}"
        )
    born = at_birth["state"].to_numpy() == "dead"
    dead = now["state"].to_numpy() == "dead"
    return now.assign(cause=np.where(~dead, "", np.where(born, "at birth", "during training")))


# --- gradients


class _Gradients:
    """The gradient of a loss in the kernels, without a trace in the model."""

    def __init__(self, owner, model, loss, compiled=False):
        _check_model(owner, model)
        self.owner, self.model, self.loss = owner, model, _checked_loss(owner, model, loss)
        position = {id(v): i for i, v in enumerate(model.trainable_variables)}
        self.labels, self.layers, self.places = [], [], []
        for label, layer in _walk(model):
            found = [
                position[id(v)]
                for v in layer._trainable_variables
                if _is_kernel(v) and id(v) in position
            ]
            if found:
                self.labels.append(label)
                self.layers.append(layer)
                self.places.append(found)
        if not self.labels:
            raise ValueError(
                f"{owner}: the model {model.name!r} has no trainable kernel, expected at least one "
                "layer such as Dense or Conv2D"
            )
        self._evaluate = tf.function(self._pass, reduce_retracing=True) if compiled else self._pass

    def __call__(self, x, y, start, size):
        figures = self._evaluate(_part(x, start, size), _part(y, start, size)).numpy()
        figures = figures.astype(np.float64)
        if not np.all(np.isfinite(figures[:2])):
            bad = np.asarray(self.labels)[~np.isfinite(figures[:2]).all(axis=0)]
            raise ValueError(
                f"{self.owner}: the gradient or the weights of {', '.join(bad)} are not finite; "
                "the network has diverged, or x or y is too large"
            )
        return figures

    def _pass(self, x, y):
        trainable = [v.value for v in self.model.trainable_variables]
        fixed = [v.value for v in self.model.non_trainable_variables]
        weights = [tf.convert_to_tensor(v) for v in trainable]
        fixed = [tf.convert_to_tensor(v) for v in fixed]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            output, _, penalties = self.model.stateless_call(
                weights, fixed, x, return_losses=True, **_mode(self.model, True)
            )
            total = ops.mean(self.loss(y, output))
            for penalty in penalties:
                total += ops.cast(penalty, total.dtype)
        found = tape.gradient(total, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        columns = []
        for layer, places in zip(self.layers, self.places, strict=True):
            g = [tf.cast(tf.convert_to_tensor(found[i]), tf.float32) for i in places]
            w = [tf.cast(weights[i], tf.float32) for i in places]
            signs = [tf.sign(_by_unit(layer, part)) for part in g]
            if len({part.shape[-1] for part in signs}) == 1:  # a cell's kernel and recurrent kernel
                signs = [tf.concat(signs, axis=0)]
            positive = tf.concat([tf.reduce_sum(tf.cast(s > 0, tf.float32), 0) for s in signs], 0)
            negative = tf.concat([tf.reduce_sum(tf.cast(s < 0, tf.float32), 0) for s in signs], 0)
            counted = positive + negative
            has = tf.cast(counted > 0, tf.float32)
            share = tf.maximum(positive, negative) / tf.maximum(counted, 1)
            columns.append(
                [
                    tf.sqrt(tf.add_n([tf.reduce_sum(part**2) for part in g])),
                    tf.sqrt(tf.add_n([tf.reduce_sum(part**2) for part in w])),
                    tf.reduce_sum(share * has) / tf.reduce_sum(has),  # NaN without any gradient
                    1 - tf.reduce_mean(has),
                ]
            )
        return tf.transpose(tf.convert_to_tensor(columns))

    def kernels(self):
        """The kernels' values, in the order of `places`."""
        variables = self.model.trainable_variables
        return [variables[i].value.numpy() for places in self.places for i in places]

    def norms(self, squares):
        """Root of the sum of squares of each layer's kernels."""
        ends = np.cumsum([len(places) for places in self.places])[:-1]
        return np.array([math.sqrt(part.sum()) for part in np.split(np.array(squares), ends)])

    def table(self, parts):
        parts = np.stack(parts)
        norm, weight = parts[:, 0], parts[:, 1]
        has = np.isfinite(parts[:, 2])
        with np.errstate(invalid="ignore"):
            bias = np.where(has, parts[:, 2], 0).sum(axis=0) / has.sum(axis=0)
        return pd.DataFrame(
            {
                "layer": self.labels,
                "gradient_norm": norm.mean(axis=0),
                "weight_norm": weight.mean(axis=0),
                "gradient_to_weight": _ratio(norm, weight).mean(axis=0),
                "sign_bias": bias,
                "no_gradient": parts[:, 3].mean(axis=0),
            }
        )


def _ratio(part, whole):
    """Elementwise part / whole: 0 for 0 / 0, infinite for other divisions by 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(part == 0, 0.0, part / np.asarray(whole))


def _is_kernel(variable):
    return "kernel" in variable.name and len(variable.shape) >= 2


def _by_unit(layer, kernel):
    """A kernel as a matrix, a column for the incoming weights of each unit."""
    shape = kernel.shape
    if "Transpose" in type(layer).__name__:  # (..., outputs, inputs)
        kernel = tf.experimental.numpy.moveaxis(kernel, -2, -1)
        return tf.reshape(kernel, (-1, shape[-2]))
    if isinstance(layer, (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)):
        return tf.reshape(kernel, (-1, shape[-2] * shape[-1]))  # a unit sees one channel
    return tf.reshape(kernel, (-1, shape[-1]))


# --- checks


def _check_model(owner, model):
    if not isinstance(model, keras.Model):
        raise TypeError(f"{owner}: model must be a keras.Model, got {type(model).__name__}")
    if not model.built:
        raise ValueError(
            f"{owner}: the model {model.name!r} is not built, so it has no weights yet; begin it "
            "with keras.Input(shape) or call it once on data"
        )


def _mode(model, training):
    """The argument that says so, if the model's call has one."""
    return {"training": training} if "training" in signature(model.call).parameters else {}


def _checked_inputs(owner, model, x):
    """Return the inputs as arrays (same structure) and the number of examples."""
    if isinstance(x, list) and not (
        len(getattr(model, "inputs", None) or ()) > 1 and len(x) == len(model.inputs)
    ):
        x = np.asarray(x)
    x = tree.map_structure(lambda part: _array(owner, "x", part), x)
    parts = tree.flatten(x)
    if not parts:
        raise ValueError(f"{owner}: x is empty, expected an array of examples")
    expected = [tuple(part.shape) for part in getattr(model, "inputs", None) or ()]
    if expected and len(parts) != len(expected):
        raise ValueError(
            f"{owner}: x must hold {len(expected)} arrays, one for each input, got {len(parts)}"
        )
    if expected and isinstance(x, dict):
        names = [part.name for part in model.inputs]
        if set(names) == set(x):  # flattening goes by the order of the keys, not of the inputs
            parts = [x[name] for name in names]
    for i, part in enumerate(parts):
        shape = expected[i] if expected else (None,) * part.ndim
        if part.ndim != len(shape) or any(
            have != want
            for have, want in zip(part.shape[1:], shape[1:], strict=False)
            if want is not None
        ):
            wanted = ", ".join("any" if size is None else str(size) for size in shape[1:])
            raise ValueError(
                f"{owner}: x has shape {part.shape}, expected (examples, {wanted}) for the model "
                f"{model.name!r}"
            )
        if len(part) != len(parts[0]):
            raise ValueError(
                f"{owner}: the arrays of x have {len(parts[0])} and {len(part)} examples"
            )
    if not len(parts[0]):
        raise ValueError(f"{owner}: x is empty (shape {parts[0].shape}), expected examples")
    return x, len(parts[0])


def _array(owner, name, values):
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{owner}: {name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim == 0:
        raise ValueError(f"{owner}: {name} must be an array of examples, got the scalar {values!r}")
    if array.dtype.kind == "f":
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{owner}: {name} has values that are not finite (NaN or infinite)")
        array = array.astype(np.float32)
    return array


def _checked_targets(owner, y, n):
    if y is None:
        raise ValueError(f"{owner}: gradients need y, the targets of the {n} examples; got None")
    y = _array(owner, "y", y)
    if len(y) != n:
        raise ValueError(f"{owner}: y has {len(y)} examples, x has {n}")
    return y


def _checked_loss(owner, model, loss):
    if loss is None:
        loss = getattr(model, "loss", None)
    if loss is None:
        raise ValueError(
            f"{owner}: gradients need a loss; give loss=..., or compile the model with one"
        )
    if not (isinstance(loss, str) or callable(loss)):
        raise TypeError(
            f"{owner}: loss must be one loss (a name, a keras.losses.Loss or a function of y and "
            f"the output), got {type(loss).__name__}"
        )
    return keras.losses.get(loss)


def _share(owner, **given):
    ((name, value),) = given.items()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{owner}: {name} must be a share between 0 and 1, got {value!r}")
    return float(value)


def _positive(owner, name, value):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{owner}: {name} must be an integer of at least 1, got {value!r}")
    return int(value)


def _part(values, start, size):
    return tree.map_structure(lambda part: part[start : start + size], values)


def _stack(owner, tables):
    if not tables:
        raise ValueError(
            f"{owner}: nothing is recorded yet; pass the probe to fit(callbacks=[...])"
        )
    out = pd.concat([t.assign(step=step) for step, t in tables], ignore_index=True)
    return out[["step", *(column for column in out.columns if column != "step")]]
