r"""A multilayer perceptron in NumPy, written to be read.

A network of L layers turns its inputs :math:`y^{(0)} = a` into its output :math:`y^{(L)}` by

.. math:: x^{(l)} = y^{(l-1)} W^{(l)} + b^{(l)}, \qquad y^{(l)} = f(x^{(l)}),

row by row: a batch is an array of shape (n, d), one example a row, and the weights of a layer
have the shape (fan_in, fan_out), as in Keras. As everywhere in this package x is a pre-activation
and y an output; a holds what the user feeds in, and t is the target. Hidden layers share one
activation f, or have one each. The last layer has an output function of its own, which comes
with its loss:

=========  ==============================  ==================================================
output     predicts                        loss of one example (the mean over the batch counts)
=========  ==============================  ==================================================
linear     real numbers                    half the squared error, summed over the outputs
sigmoid    independent probabilities       binary cross-entropy, summed over the outputs
softmax    probabilities of one choice     categorical cross-entropy
=========  ==============================  ==================================================

Each loss is matched to its output function, so that all three have the same derivative in the
last pre-activation: :math:`(y^{(L)} - t) / n`.
"""

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from actfun.catalogue import get

OUTPUTS = {"linear": "identity", "sigmoid": "sigmoid", "softmax": "softmax"}

# Standard deviation of a new weight. He et al. 2015 double LeCun's variance because a rectifier
# silences half of its inputs; Glorot and Bengio 2010 balance the forward and backward pass.
INITIALISATIONS = {
    "lecun": lambda fan_in, fan_out: np.sqrt(1 / fan_in),
    "glorot": lambda fan_in, fan_out: np.sqrt(2 / (fan_in + fan_out)),
    "he": lambda fan_in, fan_out: np.sqrt(2 / fan_in),
}
RECTIFIERS = {"relu", "relu6", "leaky_relu", "prelu", "rrelu"}


class Gradients(NamedTuple):
    """The loss and its derivatives; lists run over the layers, first hidden layer first."""

    loss: float
    W: list  # dL/dW, each of shape (fan_in, fan_out)
    b: list  # dL/db, each of shape (fan_out,)
    delta: list  # dL/dx of the pre-activations x, each of shape (n, fan_out)
    a: np.ndarray  # dL/da of the network's inputs a, shape (n, d)


class MLP:
    r"""A fully connected network.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the input first: ``(2, 8, 1)`` has two inputs, eight hidden units,
        one output. Two sizes make a linear model without hidden layer.
    activation : str or object, or a sequence of them, default "tanh"
        Hidden activation: a name of the catalogue, or any object that is called for its value
        and has a method ``derivative(x)``, both elementwise. Points without a derivative may be
        listed in an attribute ``kinks``. A sequence has one for each hidden layer.
    output : {"linear", "sigmoid", "softmax"}, default "linear"
        Output function and, with it, the loss (table above).
    rng : int or numpy.random.Generator, default 0
        Where the weights are drawn from.
    initialisation : {"lecun", "glorot", "he"}, optional
        Weights are normal with mean 0 and variance 1/fan_in, 2/(fan_in + fan_out) or 2/fan_in;
        biases start at 0. By default each layer has what suits its activation: "he" for
        rectifiers, "lecun" for SELU (its fixed point assumes that variance), otherwise
        "glorot". The output layer follows the hidden layer before it.
    dtype : {"float64", "float32"}, default "float64"
        Of weights, biases and all that is computed.

    Attributes
    ----------
    activations : tuple
        The activation of each hidden layer.
    W, b : list of ndarray
        Weights of shape (fan_in, fan_out) and biases of shape (fan_out,), one of each a layer.
    x, y : list of ndarray
        Pre-activations and outputs of the last `forward`, each of shape (n, units). ``y[0]`` holds
        the network's inputs, so that ``x[l]`` is made from ``y[l]`` and gives ``y[l + 1]``: in the
        formulas above, ``x[l]`` is :math:`x^{(l+1)}` and ``y[l]`` is :math:`y^{(l)}`.

    Raises
    ------
    TypeError
        If a size is not an integer, or the activation is neither a name nor such an object.
    ValueError
        If a size is not positive, or output, initialisation or dtype is not in the list, or
        there are more or fewer activations than hidden layers.
    KeyError
        If the activation's name is not in the catalogue.

    References
    ----------
    LeCun et al. (1998), doi:10.1007/3-540-49430-8_2. Glorot and Bengio (2010), AISTATS.
    He et al. (2015), arXiv:1502.01852. Klambauer et al. (2017), arXiv:1706.02515.

    Examples
    --------
    XOR, which no linear model can represent:

    >>> a = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> target = np.array([0, 1, 1, 0])
    >>> network = MLP((2, 8, 1), activation="tanh", output="sigmoid", rng=1)
    >>> history = network.train(a, target, learning_rate=1.0, epochs=300)
    >>> network.forward(a).round().ravel()
    array([0., 1., 1., 0.])
    >>> network.gradient_check(a, target).passed
    True
    """

    def __init__(
        self,
        sizes,
        activation="tanh",
        output="linear",
        rng=0,
        initialisation=None,
        dtype="float64",
    ):
        self.sizes = _checked_sizes(sizes)
        self.activations = _one_each(activation, len(self.sizes) - 2)
        self.output = _one_of("output", output, OUTPUTS)
        self.dtype = np.dtype(_one_of("dtype", np.dtype(dtype).name, ("float32", "float64")))
        if initialisation is not None:
            _one_of("initialisation", initialisation, INITIALISATIONS)
        rng = np.random.default_rng(rng)
        self.W, self.b = [], []
        for layer, (fan_in, fan_out) in enumerate(pairwise(self.sizes)):
            near = self.activations[layer : layer + 1] or self.activations[-1:]
            chosen = initialisation or _initialisation_for(*near)
            W = rng.normal(scale=INITIALISATIONS[chosen](fan_in, fan_out), size=(fan_in, fan_out))
            self.W.append(W.astype(self.dtype))
            self.b.append(np.zeros(fan_out, self.dtype))

    def forward(self, a):
        """Return the network's output for a batch, and keep `x` and `y` of every layer.

        Parameters
        ----------
        a : array-like of shape (n, d)
            One example a row, finite.

        Returns
        -------
        ndarray of shape (n, outputs)

        Raises
        ------
        ValueError
            If `a` has another shape, no row, or a value that is not finite.
        """
        self.x, self.y = [], [self._checked_input(a)]
        last = len(self.W) - 1
        for layer, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            x = self.y[-1] @ W + b
            f = get(OUTPUTS[self.output]) if layer == last else self.activations[layer]
            self.x.append(x)
            self.y.append(f(x))
        return self.y[-1]

    def loss(self, a, target):
        """Return the loss of a batch, computed from the last pre-activation.

        A probability that rounds to 0 or 1 has lost its logarithm; the logit x has not. So the
        cross-entropies use log-sigmoid and log-softmax of x.

        Parameters
        ----------
        a : array-like of shape (n, d)
        target : array-like
            "linear": numbers of shape (n, outputs). "sigmoid": labels or probabilities in [0, 1]
            of that shape. "softmax": classes 0, 1, ... of shape (n,), or probabilities of shape
            (n, outputs) with rows that add up to 1. With one output, shape (n,) will do.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If a shape does not fit, a value is not finite, or a label is out of range.
        """
        self.forward(a)
        return self._loss(self._checked_target(target))

    def _loss(self, target):
        x = self.x[-1]
        if self.output == "linear":
            each = (x - target) ** 2 / 2
        elif self.output == "sigmoid":
            log_sigmoid = get("log_sigmoid")
            each = -target * log_sigmoid(x) - (1 - target) * log_sigmoid(-x)
        else:
            each = -target * get("log_softmax")(x)
        return float(each.sum() / len(target))

    def backward(self, a, target):
        r"""Return the loss and its gradients, by the chain rule from the last layer to the first.

        With :math:`\delta^{(l)} = \partial \mathcal{L} / \partial x^{(l)}`:

        .. math::

           \delta^{(L)} &= (y^{(L)} - t) / n, \qquad
           \delta^{(l)} = (\delta^{(l+1)} W^{(l+1)\top}) \odot f'(x^{(l)}), \\
           \frac{\partial \mathcal{L}}{\partial W^{(l)}} &= y^{(l-1)\top} \delta^{(l)}, \qquad
           \frac{\partial \mathcal{L}}{\partial b^{(l)}} = \sum_{\text{rows}} \delta^{(l)}

        Parameters and errors as for `loss`.

        Returns
        -------
        Gradients
            With fields loss, W, b, delta and a.
        """
        prediction = self.forward(a)
        target = self._checked_target(target)
        gradients = Gradients(self._loss(target), [], [], [], None)
        delta = (prediction - target) / len(target)
        for layer in reversed(range(len(self.W))):
            gradients.delta.insert(0, delta)
            gradients.W.insert(0, self.y[layer].T @ delta)
            gradients.b.insert(0, delta.sum(axis=0))
            upstream = delta @ self.W[layer].T
            if layer > 0:
                delta = upstream * self.activations[layer - 1].derivative(self.x[layer - 1])
        return gradients._replace(a=upstream)

    def train(self, a, target, learning_rate=0.1, epochs=100, batch_size=32, momentum=0.0, rng=0):
        r"""Train by minibatch gradient descent, changing `W` and `b` in place.

        After each batch, for every weight and bias :math:`\theta` with gradient g:

        .. math:: v \leftarrow \mu v - \eta g, \qquad \theta \leftarrow \theta + v

        Parameters
        ----------
        a, target : array-like
            As for `loss`.
        learning_rate : float, default 0.1
            :math:`\eta`, positive, dimensionless.
        epochs : int, default 100
            Passes over the data, each in a new order.
        batch_size : int, default 32
            Examples a step; the last batch of an epoch may be smaller.
        momentum : float, default 0.0
            :math:`\mu`, at least 0 and below 1. 0 is plain gradient descent.
        rng : int or numpy.random.Generator, default 0
            Draws the order. The same seed gives the same order whatever the activation.

        Returns
        -------
        ndarray of shape (epochs + 1,)
            Loss on all of `a` before training and after each epoch. If it stops being finite,
            training has diverged: it ends there, and the array with it.

        Raises
        ------
        ValueError
            If data or settings are out of range.
        """
        a, target = self._checked_input(a), self._checked_target(target, rows=len(a))
        _checked_settings(learning_rate, epochs, batch_size, momentum)
        rng = np.random.default_rng(rng)
        velocity = [np.zeros_like(p) for p in self.W + self.b]
        history = [self.loss(a, target)]
        with np.errstate(over="ignore", invalid="ignore"):  # divergence is a result, not a fault
            for _ in range(epochs):
                order = rng.permutation(len(a))
                for start in range(0, len(a), batch_size):
                    batch = order[start : start + batch_size]
                    _, dW, db, *_ = self.backward(a[batch], target[batch])
                    for p, v, g in zip(self.W + self.b, velocity, dW + db, strict=True):
                        v *= momentum
                        v -= learning_rate * g
                        p += v
                history.append(self.loss(a, target))
                if not np.isfinite(history[-1]):
                    break
        return np.array(history)

    def gradient_check(self, a, target, step=None, entries=None, rng=0):
        r"""Compare the gradients of `backward` with central differences of `loss`.

        For each weight and bias :math:`\theta` the derivative is estimated by

        .. math:: \frac{\mathcal{L}(\theta + h) - \mathcal{L}(\theta - h)}{2h}, \qquad
                  h = \varepsilon^{1/3} \max(1, |\theta|),

        with the machine epsilon of the network's dtype. Cutting off the Taylor series costs about
        :math:`h^2`, rounding the loss about :math:`\varepsilon / h`; this step makes both about
        :math:`\varepsilon^{2/3}`. Errors are taken relative to the larger of the two gradients,
        but to no less than :math:`\varepsilon^{1/3} \max(1, \mathcal{L})`: below that, rounding of
        the loss is all there is to see. A correct gradient so has errors of about
        :math:`\varepsilon^{1/3}`, 6e-6 in float64 and 5e-3 in float32.

        Where a pre-activation crosses a kink of the activation within the step, the difference
        quotient averages two slopes and proves nothing. Such entries are reported and not judged.

        Parameters
        ----------
        a, target : array-like
            As for `loss`. A handful of rows is enough.
        step : float, optional
            Takes the place of :math:`\varepsilon^{1/3}`.
        entries : int, optional
            Check that many entries of each array, drawn at random. By default all of them.
        rng : int or numpy.random.Generator, default 0
            Draws the entries.

        Returns
        -------
        GradientCheck

        Raises
        ------
        ValueError
            If `step` or `entries` is not positive, or the data do not fit.

        Examples
        --------
        >>> network = MLP((3, 5, 2), activation="relu", output="softmax")
        >>> check = network.gradient_check(np.eye(3), [0, 1, 1])
        >>> check.passed, int(check.table.kink.sum())
        (True, 0)
        """
        limit = float(np.cbrt(np.finfo(self.dtype).eps))
        relative_step = limit if step is None else step
        if not (np.isfinite(relative_step) and relative_step > 0):
            raise ValueError(f"gradient_check: step must be positive and finite, not {step!r}")
        if entries is not None and entries < 1:
            raise ValueError(f"gradient_check: entries must be at least 1, not {entries!r}")
        a = self._checked_input(a)
        target = self._checked_target(target, rows=len(a))
        gradients = self.backward(a, target)
        rng = np.random.default_rng(rng)
        rows = []
        for name, arrays, exact in (("W", self.W, gradients.W), ("b", self.b, gradients.b)):
            for layer, (array, gradient) in enumerate(zip(arrays, exact, strict=True)):
                chosen = np.arange(array.size)
                if entries is not None and entries < array.size:
                    chosen = np.sort(rng.choice(array.size, entries, replace=False))
                for flat in chosen:
                    index = tuple(int(i) for i in np.unravel_index(flat, array.shape))
                    numeric, kink = self._central_difference(a, target, array, index, relative_step)
                    rows.append((f"{name}{layer + 1}", index, gradient[index], numeric, kink))
        table = pd.DataFrame(rows, columns=["parameter", "index", "exact", "numeric", "kink"])
        difference = (table.exact - table.numeric).abs()
        scale = np.maximum(table.exact.abs(), table.numeric.abs())
        table["relative_error"] = difference / scale.clip(lower=limit * max(1, gradients.loss))
        return GradientCheck(table, 10 * limit)

    def _central_difference(self, a, target, array, index, relative_step):
        """Return the difference quotient in one entry, and whether a kink lies in the step."""
        old = array[index]
        h = relative_step * max(1.0, abs(float(old)))
        try:
            array[index] = old + h
            above, right = array[index], self.loss(a, target)
            x_right = self.x[:-1]
            array[index] = old - h
            below, left = array[index], self.loss(a, target)
            x_left = self.x[:-1]
        finally:
            array[index] = old
        kink = False
        for f, one, other in zip(self.activations, x_left, x_right, strict=True):
            low, high = np.minimum(one, other), np.maximum(one, other)
            for place in _kinks(f):
                kink |= bool(np.any((low < high) & (low <= place) & (place <= high)))
        # above - below, not 2 h: both were rounded to the dtype when they were stored
        return (right - left) / (float(above) - float(below)), kink

    def _checked_input(self, a):
        """Return `a` as a batch of the network's dtype, or say what is wrong with it."""
        a = np.asarray(a)
        if a.ndim != 2 or a.shape[0] == 0 or a.shape[1] != self.sizes[0]:
            raise ValueError(
                f"MLP: a must have the shape (n, {self.sizes[0]}) with n at least 1, "
                f"one example a row, not {a.shape}"
            )
        return _finite("a", a, self.dtype)

    def _checked_target(self, target, rows=None):
        """Return `target` in the shape of the output, classes as one-hot rows."""
        target = np.asarray(target)
        n, k = len(self.y[0]) if rows is None else rows, self.sizes[-1]
        if self.output == "softmax" and target.shape == (n,):
            _finite("target", target, self.dtype)
            wrong = (target != np.floor(target)) | (target < 0) | (target >= k)
            if wrong.any():
                raise ValueError(
                    f"MLP: target must hold classes 0 to {k - 1}, not {target[wrong][0]!s} "
                    f"(row {np.flatnonzero(wrong)[0]})"
                )
            return np.eye(k, dtype=self.dtype)[target.astype(int)]
        if k == 1 and target.shape == (n,):
            target = target[:, np.newaxis]  # (n,) would broadcast against (n, 1) to (n, n)
        if target.shape != (n, k):
            also = f" or classes of shape ({n},)" if self.output == "softmax" else ""
            raise ValueError(
                f"MLP: target must have the shape ({n}, {k}){also}, not {target.shape}"
            )
        target = _finite("target", target, self.dtype)
        if self.output != "linear" and ((target < 0) | (target > 1)).any():
            wrong = target[(target < 0) | (target > 1)][0]
            raise ValueError(
                f"MLP: target must lie in [0, 1] for output {self.output!r}, not {wrong}"
            )
        if self.output == "softmax" and not np.allclose(target.sum(axis=1), 1, atol=1e-5):
            wrong = np.flatnonzero(~np.isclose(target.sum(axis=1), 1, atol=1e-5))[0]
            raise ValueError(
                f"MLP: the rows of target must add up to 1 for output 'softmax', "
                f"but row {wrong} adds up to {target[wrong].sum()}"
            )
        return target


class GradientCheck:
    """What `MLP.gradient_check` found.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each entry checked: parameter ("W1" is the first layer's weights), index in it,
        exact (by the chain rule), numeric (by differences), kink (one lies within the step) and
        relative_error.
    tolerance : float
        Largest relative error that passes, 10 eps**(1/3).
    """

    def __init__(self, table, tolerance):
        self.table, self.tolerance = table, tolerance

    @property
    def worst(self):
        """Largest relative error among entries without a kink in the step; NaN counts as inf."""
        errors = self.table.relative_error[~self.table.kink]
        return float(errors.fillna(np.inf).max()) if len(errors) else np.nan

    @property
    def passed(self):
        """Whether `worst` is within the tolerance. False if every entry met a kink."""
        return self.worst <= self.tolerance

    @property
    def summary(self):
        """A row for each weight matrix and bias: entries, entries at a kink, largest error."""
        smooth = self.table.relative_error.where(~self.table.kink)
        return (
            self.table.assign(smooth=smooth)
            .groupby("parameter", sort=False)
            .agg(entries=("index", "size"), kinks=("kink", "sum"), relative_error=("smooth", "max"))
        )

    def __repr__(self):
        """Return the verdict and the numbers behind it in one line."""
        verdict = "passed" if self.passed else "FAILED"
        return (
            f"gradient check {verdict}: {len(self.table)} entries, {int(self.table.kink.sum())} "
            f"at a kink, largest relative error {self.worst:.1e} (tolerance {self.tolerance:.1e})"
        )


def _one_of(what, value, allowed):
    if value not in allowed:
        raise ValueError(f"MLP: {what} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def _checked_sizes(sizes):
    try:
        sizes = tuple(operator.index(size) for size in sizes)
    except TypeError:
        raise TypeError(
            f"MLP: sizes must be integers, one a layer, such as (2, 8, 1), not {sizes!r}"
        ) from None
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(
            f"MLP: sizes must be at least two positive integers, input first, not {sizes!r}"
        )
    return sizes


def _one_each(activation, count):
    """Return one activation for each of `count` hidden layers."""
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        return (_checked_activation(activation),) * count
    if len(activation) != count:
        raise ValueError(
            f"MLP: activation must be one, or one for each of {count} hidden layers, not "
            f"{len(activation)}: {activation!r}"
        )
    return tuple(_checked_activation(f) for f in activation)


def _initialisation_for(activation=None):
    """Return the initialisation that suits an activation, by its name."""
    name = getattr(activation, "name", None)
    return "he" if name in RECTIFIERS else "lecun" if name == "selu" else "glorot"


def _kinks(activation):
    """Where an activation has no derivative."""
    return [float(getattr(kink, "x", kink)) for kink in getattr(activation, "kinks", ())]


def _checked_activation(activation):
    f = get(activation) if isinstance(activation, str) else activation
    if not (callable(f) and callable(getattr(f, "derivative", None))):
        raise TypeError(
            "MLP: activation must be a name of the catalogue or an object that can be called and "
            f"has a method derivative, not {activation!r}"
        )
    if not getattr(f, "elementwise", True):
        raise ValueError(
            f"MLP: a hidden activation acts element by element; {activation!r} mixes the units of "
            "a layer (as the last layer, choose output='softmax')"
        )
    return f


def _checked_settings(learning_rate, epochs, batch_size, momentum):
    for name, value, good, expected in (
        ("learning_rate", learning_rate, 0 < learning_rate < np.inf, "positive and finite"),
        ("epochs", epochs, epochs >= 0, "at least 0"),
        ("batch_size", batch_size, batch_size >= 1, "at least 1"),
        ("momentum", momentum, 0 <= momentum < 1, "at least 0 and below 1"),
    ):
        if not good:
            raise ValueError(f"MLP.train: {name} must be {expected}, not {value!r}")


def _finite(name, array, dtype):
    if array.dtype.kind not in "biuf":
        raise ValueError(f"MLP: {name} must hold real numbers, not dtype {array.dtype}")
    with np.errstate(over="ignore"):  # a number too large for float32 is found just below
        array = array.astype(dtype)
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"MLP: {name} must be finite, but {name}{list(where)} is {array[where]}")
    return array
