r"""Keras initialisers that take the activation into account.

======================  ==============================================================
`VariancePreserving`     kernels of variance gain^2 / fan_in: unit variance stays
`Critical`               kernels of the critical weight variance / fan_in
`CriticalBias`           biases of the critical bias variance
======================  ==============================================================

>>> import keras
>>> from actfun import initializers
>>> layer = keras.layers.Dense(
...     8, "gelu",
...     kernel_initializer=initializers.Critical("gelu"),
...     bias_initializer=initializers.CriticalBias("gelu"),
... )

Importing this module registers the classes with Keras under ``actfun>VariancePreserving`` and so
on, so that models which use them can be saved and loaded. What the numbers mean, and when they
help, is in `actfun.theory`.
"""

import functools
import math
import random

import keras

from actfun import theory
from actfun.catalogue import get as get_function

_DISTRIBUTIONS = {
    "normal": "untruncated_normal",
    "truncated_normal": "truncated_normal",
    "uniform": "uniform",
}


class _ForActivation:
    """Mixed into an initialiser of Keras that has an `activation`: a fresh draw for each layer."""

    def __call__(self, shape, dtype=None):
        """Return random values of that shape."""
        if self._init_seed is None:
            # Keras draws the seed once, and two layers that share the object get equal values.
            self.seed = random.randint(1, 10**9)
        return super().__call__(shape, dtype)

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        seed = super().get_config()["seed"]
        return {"activation": _serialised(self.activation), "seed": seed}

    @classmethod
    def from_config(cls, config):
        """Return the initialiser that `get_config` described."""
        return cls(**{**config, "activation": _deserialised(config["activation"])})


class _Kernel(_ForActivation, keras.initializers.VarianceScaling):
    """Weights of variance `scale` / fan_in."""

    def __init__(self, activation, scale, distribution, seed):
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(
                f"{type(self).__name__}: distribution must be one of {list(_DISTRIBUTIONS)}, "
                f"got {distribution!r}"
            )
        super().__init__(scale, "fan_in", _DISTRIBUTIONS[distribution], seed)
        self.activation = activation
        self._distribution = distribution

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        return {**super().get_config(), "distribution": self._distribution}


@keras.saving.register_keras_serializable(package="actfun")
class VariancePreserving(_Kernel):
    r"""Kernels of variance gain^2 / fan_in, where gain = 1 / sqrt(E f(z)^2).

    For the kernel of a layer whose *inputs* are outputs of `activation`, and whose
    pre-activations shall have the variance of the layer before. For ReLU this is He's
    initialisation, for the identity and SELU it is LeCun's. The integral assumes pre-activations
    of variance 1; see `actfun.theory.gain`.

    Parameters
    ----------
    activation : str, Activation or callable
        Name in the catalogue, entry of the catalogue, or function of one real variable.
    distribution : {"normal", "truncated_normal", "uniform"}, default "normal"
        All of the same variance.
    seed : int or keras.random.SeedGenerator, optional
        By default every call draws anew, repeatably after ``actfun.reproducible`` or
        ``keras.utils.set_random_seed``. As everywhere in Keras, an integer gives the same
        values at each call: use it for one layer only.

    Raises
    ------
    ValueError, TypeError
        As `actfun.theory.gain`; `distribution` is unknown.

    References
    ----------
    He et al. (2015), arXiv:1502.01852, for ReLU.

    Examples
    --------
    >>> weights = VariancePreserving("relu", seed=0)((500, 400))
    >>> print(f"{500 * keras.ops.convert_to_numpy(weights).var():.2f}")
    2.00
    """

    def __init__(self, activation, distribution="normal", seed=None):
        activation = _checked(activation)
        super().__init__(activation, theory.gain(activation) ** 2, distribution, seed)


@keras.saving.register_keras_serializable(package="actfun")
class Critical(_Kernel):
    r"""Kernels of the critical weight variance / fan_in; see `CriticalBias` for the biases.

    At this pair of variances neither signals nor gradients grow or shrink with depth, to first
    order: see `actfun.theory.critical_initialisation`. The inputs of the first layer should
    bring pre-activations to the fixed point's variance; where it is 0 (tanh) or arbitrary
    (ReLU), standardised inputs do.

    Parameters
    ----------
    activation, distribution, seed
        As `VariancePreserving`.

    Raises
    ------
    ValueError
        The activation has no critical initialisation; the message says why.
    TypeError
        As `actfun.theory.critical_initialisation`.

    References
    ----------
    Roberts, Yaida & Hanin (2021), arXiv:2106.10165, chapter 5.

    Examples
    --------
    >>> weights = Critical("tanh", seed=0)((500, 400))
    >>> print(f"{500 * keras.ops.convert_to_numpy(weights).var():.2f}")
    1.00
    >>> Critical("sigmoid")
    Traceback (most recent call last):
    ...
    ValueError: Critical: sigmoid has no critical initialisation: ...
    """

    def __init__(self, activation, distribution="normal", seed=None):
        activation = _checked(activation)
        critical = _critical("Critical", activation)
        super().__init__(activation, critical.weight_variance, distribution, seed)


@keras.saving.register_keras_serializable(package="actfun")
class CriticalBias(_ForActivation, keras.initializers.RandomNormal):
    r"""Biases of the critical bias variance: the counterpart of `Critical`.

    Zeros for functions like ReLU and tanh, whose critical bias variance is 0.

    Parameters
    ----------
    activation, seed
        As `VariancePreserving`.

    Raises
    ------
    ValueError, TypeError
        As `Critical`.

    Examples
    --------
    >>> biases = CriticalBias("gelu", seed=0)((100_000,))
    >>> print(f"{keras.ops.convert_to_numpy(biases).var():.2f}")
    0.17
    """

    def __init__(self, activation, seed=None):
        self.activation = _checked(activation)
        critical = _critical("CriticalBias", self.activation)
        super().__init__(0.0, math.sqrt(critical.bias_variance), seed)


# The pair takes a second to find, and each layer of a network asks for it.
_critical_pair = functools.lru_cache(maxsize=64)(theory.critical_initialisation)


def _critical(owner, activation):
    found = _critical_pair(activation)
    if not found:
        name = getattr(activation, "name", activation)
        raise ValueError(f"{owner}: {name} has no critical initialisation: {found.reason}")
    return found


def _checked(activation):
    return get_function(activation) if isinstance(activation, str) else activation


def _serialised(activation):
    name = getattr(activation, "name", None)
    return name if isinstance(name, str) else keras.saving.serialize_keras_object(activation)


def _deserialised(activation):
    if isinstance(activation, str):
        return activation
    return keras.saving.deserialize_keras_object(activation)
