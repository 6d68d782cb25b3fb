r"""Two Keras layers for the question why batch normalisation helps: make drift, measure drift.

The *drift* of a unit is how much the distribution of its pre-activations over a batch changes from
one training step to the next. `Shake` adds drift on purpose, `Watch` measures what there is:

>>> import keras
>>> from actfun import drift
>>> model = keras.Sequential([
...     keras.Input((4,)),
...     keras.layers.Dense(8, use_bias=False),
...     keras.layers.BatchNormalization(),
...     drift.Shake(shift=1.0, scale=2.0),
...     drift.Watch(),
...     keras.layers.Activation("sigmoid"),
... ])

Neither does anything when the model is not training. Both keep their state in weights that are
not trained, so that `actfun.ensemble` can train many runs side by side.
"""

from __future__ import annotations

import math
import numbers

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="actfun")
class Shake(keras.layers.Layer):
    r"""Multiply and shift each unit by numbers that are others at every training step.

    y = x r^(2 v - 1) + d (2 u - 1), with u and v equally distributed on [0, 1), different ones
    for each unit and step, the same for all examples of a batch. They are Weyl's sequences
    frac(phase + t frequency), with a phase and a frequency drawn for each unit.

    Parameters
    ----------
    shift : float, default 1.0
        The largest shift d, in the unit of the inputs, not negative.
    scale : float, default 2.0
        The largest factor r, dimensionless, at least 1.

    Raises
    ------
    ValueError
        A parameter is out of range.

    References
    ----------
    After the noise of Santurkar et al. (2018), arXiv:1805.11604, which differs from example to
    example as well.

    Examples
    --------
    >>> shake = Shake(shift=0.5, scale=1.0)
    >>> zeros = ops.zeros((100, 3))
    >>> bool(ops.all(shake(zeros) == 0))
    True
    >>> one, other = shake(zeros, training=True), shake(zeros, training=True)
    >>> bool(ops.all(one[0] == one[99])), bool(ops.any(one == other))
    (True, False)
    """

    def __init__(self, shift: float = 1.0, scale: float = 2.0, **kwargs):
        super().__init__(**kwargs)
        for name, value, least in (("shift", shift, 0.0), ("scale", scale, 1.0)):
            if not isinstance(value, numbers.Real) or not least <= value < math.inf:
                raise ValueError(
                    f"Shake: {name} must be finite and at least {least:g}, got {value!r}"
                )
        self.shift, self.scale = float(shift), float(scale)

    def build(self, input_shape):
        """Make the weights for the units on the last axis."""
        uniform = keras.initializers.RandomUniform(0.0, 1.0)
        shape = (2, input_shape[-1])
        self.phase = self.add_weight(shape=shape, initializer=uniform, trainable=False)
        self.frequency = self.add_weight(shape=shape, initializer=uniform, trainable=False)
        self.step = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs, training=False):
        """Return the inputs, shaken when training."""
        if not training:
            return inputs
        self.step.assign(self.step + 1.0)
        turned = self.phase + self.step * self.frequency
        u, v = ops.unstack(2 * (turned - ops.floor(turned)) - 1)
        return inputs * ops.exp(v * math.log(self.scale)) + u * self.shift

    def get_config(self):
        """Return what makes the layer again."""
        return {**super().get_config(), "shift": self.shift, "scale": self.scale}


@keras.saving.register_keras_serializable(package="actfun")
class Watch(keras.layers.Layer):
    """Pass the inputs on, and keep how their mean and spread change from step to step.

    Attributes
    ----------
    sums : weight, shape (2,)
        Sum over the training steps of the mean square change of the units' batch means, and of
        their batch standard deviations. `measured` makes figures of them.

    Examples
    --------
    >>> watch = Watch()
    >>> for value in (0.0, 0.5, 0.0):
    ...     _ = watch(ops.full((10, 4), value), training=True)
    >>> watch.measured()
    (0.5, 0.0)
    """

    def build(self, input_shape):
        """Make the weights for the units on the last axis."""
        units = input_shape[-1]
        self.last = self.add_weight(shape=(2, units), initializer="zeros", trainable=False)
        self.sums = self.add_weight(shape=(2,), initializer="zeros", trainable=False)
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs, training=False):
        """Return the inputs; when training, look at them."""
        if training:
            mean, variance = ops.moments(inputs, axes=list(range(inputs.ndim - 1)))
            now = ops.stop_gradient(ops.stack([mean, ops.sqrt(variance)]))
            square = ops.mean(ops.square(now - self.last), axis=-1)
            first = ops.equal(self.steps, 0.0)
            self.sums.assign(self.sums + ops.where(first, 0.0, square))
            self.last.assign(now)
            self.steps.assign(self.steps + 1.0)
        return inputs

    def measured(self) -> tuple[float, float]:
        """Return the root mean square change from step to step: of means, and of deviations.

        Raises
        ------
        ValueError
            There were fewer than two training steps.
        """
        steps = float(self.steps) - 1
        if steps < 1:
            raise ValueError(f"Watch: {self.name} has seen fewer than two training steps")
        sums = self.sums.numpy()
        return tuple(math.sqrt(float(total) / steps) for total in sums)
