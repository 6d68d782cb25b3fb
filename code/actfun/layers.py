r"""Keras layers for the activation functions that Keras lacks.

======================  ==============================================================
layer                   what it computes
======================  ==============================================================
`RReLU`                 x or slope x; the slope is random in training, fixed afterwards
`PReLU`                 x or alpha x, alpha learned
`Swish`                 x sigmoid(beta x), beta learned
`ParametricELU`         a/b x or a (exp(x/b) - 1), a and b learned
`ACON`                  a smooth max(p1 x, p2 x), p1, p2 and the sharpness beta learned
`Rational`              a quotient of two polynomials, their coefficients learned
`Maxout`                the largest of several linear functions of the layer's inputs
======================  ==============================================================

`Maxout` is no elementwise function: it takes the place of a dense layer and its activation.

They are used like any layer, alone or as the ``activation`` of another one, and by name:

>>> import keras
>>> from actfun import layers
>>> model = keras.Sequential([
...     keras.Input((4,)),
...     keras.layers.Dense(8),
...     layers.Swish(),                                           # the class
...     keras.layers.Dense(8, activation=layers.get("rrelu")),    # by name, as an activation
...     layers.get("parametric_elu", shared_axes=None),           # by name, with arguments
... ])
>>> model(keras.ops.ones((2, 4))).shape == (2, 8)
True

Importing this module registers the classes with Keras under ``actfun>RReLU`` and so on. Models
that contain them are saved and loaded with ``model.save(path)`` and
``keras.saving.load_model(path)``, without ``custom_objects``, as long as the module has been
imported. A model saved by another version of this library is loaded if the layers know all of
its settings; those it lacks have their defaults. An unknown one is an error that names it.

What Keras does not offer to anyone is a *string* of one's own in
``Dense(8, activation="...")``: it looks strings up among its own functions only. So `get` takes
that place. It knows the functions that Keras has as well, so that a loop over the catalogue's
names finds a layer for each.

The arithmetic is keras.ops, and runs on every backend of Keras.
"""

import functools
import inspect
import math
import numbers
import operator

import keras
import numpy as np
from keras import ops

from actfun.catalogue import UnknownActivation
from actfun.catalogue import get as get_function


class _Layer(keras.layers.Layer):
    """What the layers of this module share: masks pass, shapes stay, configs are checked."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

    @classmethod
    def from_config(cls, config):
        """Return the layer that `get_config` described; what it left out has its default.

        Raises
        ------
        ValueError
            There is a setting that this class does not have.
        """
        own = _settings(cls)
        if unknown := sorted(set(config) - own - _settings(keras.layers.Layer)):
            raise ValueError(
                f"{cls.__name__}: the saved layer {config.get('name', '')!r} has the setting "
                f"{unknown[0]!r}, which is unknown here; known are {', '.join(sorted(own))}. It "
                "was saved by another version of actfun: load it with that version, or with this "
                "one after taking the setting out of the saved config"
            )
        return super().from_config(config)


def _settings(cls):
    return set(inspect.signature(cls.__init__).parameters) - {"self", "kwargs"}


@keras.saving.register_keras_serializable(package="actfun")
class RReLU(_Layer):
    r"""Randomised leaky rectifier: x for x > 0, slope * x for x <= 0.

    In training every element draws its slope from the uniform distribution on
    [lower, upper), anew in each call; this disturbs the network as dropout does. In inference
    the slope is its mean, (lower + upper) / 2.

    The derivative at 0 is the slope of the negative side, the choice of PyTorch and of this
    library's catalogue. The paper draws the *divisor* a of x / a from U(3, 8) and tests with
    x / 5.5, a slope of 0.182; PyTorch draws the slope from U(1/8, 1/3) and tests with its mean,
    0.229. This layer follows PyTorch.

    Parameters
    ----------
    lower, upper : float, default 1/8 and 1/3
        Bounds of the slope, dimensionless, 0 <= lower <= upper < 1.
    seed : int or keras.random.SeedGenerator, optional
        Makes the slopes repeat. By default drawn from the seed of ``actfun.reproducible`` (or
        ``keras.utils.set_random_seed``), if there is one.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    TypeError
        If a bound is not a real number.
    ValueError
        If the bounds are out of range.

    References
    ----------
    Xu et al. (2015), "Empirical evaluation of rectified activations in convolutional network",
    arXiv:1505.00853.

    Examples
    --------
    >>> layer = RReLU(seed=0)
    >>> x = keras.ops.convert_to_tensor([-24.0, 0.0, 2.0])
    >>> print(keras.ops.convert_to_numpy(layer(x)))
    [-5.5  0.   2. ]
    >>> bool(-8 <= layer(x, training=True)[0] <= -3)
    True
    """

    def __init__(self, lower=1 / 8, upper=1 / 3, seed=None, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("lower", lower), ("upper", upper)):
            if not isinstance(value, numbers.Real) or isinstance(value, bool):
                raise TypeError(f"RReLU: {name} must be a real number, not {value!r}")
        if not 0 <= lower <= upper < 1:
            raise ValueError(
                "RReLU: the slopes must satisfy 0 <= lower <= upper < 1, "
                f"not lower={lower!r}, upper={upper!r}"
            )
        self.lower, self.upper = float(lower), float(upper)
        self.seed = seed
        self.seed_generator = (
            seed
            if isinstance(seed, keras.random.SeedGenerator)
            else keras.random.SeedGenerator(seed)
        )
        self._build_at_init()

    def call(self, inputs, training=False):
        """Return the outputs, with random slopes if `training`."""
        if training:
            slope = keras.random.uniform(
                ops.shape(inputs),
                self.lower,
                self.upper,
                dtype=self.compute_dtype,
                seed=self.seed_generator,
            )
        else:
            slope = (self.lower + self.upper) / 2
        return ops.where(inputs > 0, inputs, slope * inputs)

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        return {
            **super().get_config(),
            "lower": self.lower,
            "upper": self.upper,
            "seed": keras.saving.serialize_keras_object(self.seed),
        }

    @classmethod
    def from_config(cls, config):
        """Return the layer that `get_config` described; what it left out has its default."""
        seed = keras.saving.deserialize_keras_object(config.get("seed"))
        return super().from_config({**config, "seed": seed})


@keras.saving.register_keras_serializable(package="actfun")
class AtLeast(keras.constraints.Constraint):
    """Weight constraint: after each step of the optimiser, what is below `minimum` is set to it.

    Parameters
    ----------
    minimum : float, default 0.1
        Positive, dimensionless.

    Raises
    ------
    ValueError
        If `minimum` is not positive.
    """

    def __init__(self, minimum=0.1):
        if not (isinstance(minimum, numbers.Real) and minimum > 0):
            raise ValueError(f"AtLeast: minimum must be a positive number, not {minimum!r}")
        self.minimum = float(minimum)

    def __call__(self, w):
        """Return the weight `w`, no element below the minimum."""
        return ops.maximum(w, ops.cast(self.minimum, w.dtype))

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        return {"minimum": self.minimum}


class _Learned(_Layer):
    """A layer with learned parameters of its own, shared along some axes as in PReLU."""

    def __init__(self, shared_axes, **kwargs):
        super().__init__(**kwargs)
        self.shared_axes = _checked_axes(type(self).__name__, shared_axes)
        self.learned = ()

    def _learn(self, name, initializer, regularizer, constraint):
        """Note that the parameter `name` is to be learned, and how."""
        layer = type(self).__name__
        if isinstance(initializer, numbers.Real) and not isinstance(initializer, bool):
            if not math.isfinite(initializer):
                raise ValueError(f"{layer}: {name}_initializer must be finite, not {initializer!r}")
            initializer = keras.initializers.Constant(float(initializer))
        given = {"initializer": initializer, "regularizer": regularizer, "constraint": constraint}
        for kind, value in given.items():
            setattr(self, f"{name}_{kind}", _keras_object(layer, f"{name}_{kind}", kind, value))
        self.learned += (name,)

    def _parameter_shape(self, input_shape):
        """Return the shape of a parameter: that of an example, with 1 along shared axes.

        Inputs of another shape are refused from then on.
        """
        layer, rank = type(self).__name__, len(input_shape)
        if self.shared_axes == "all":
            return (1,) * (rank - 1)  # which broadcasts to inputs of any other shape
        shared = set()
        for axis in self.shared_axes or ():
            normal = axis + rank if axis < 0 else axis
            if not 1 <= normal < rank:
                raise ValueError(
                    f"{layer}: shared_axes must lie from 1 to {rank - 1} (axis 0 is the batch) "
                    f"for inputs of shape {tuple(input_shape)}, not {axis}"
                )
            shared.add(normal)
        for axis in range(1, rank):
            if axis not in shared and input_shape[axis] is None:
                raise ValueError(
                    f"{layer}: axis {axis} of the inputs of shape {tuple(input_shape)} has no "
                    f"fixed length, so its elements cannot each have a parameter: add {axis} to "
                    "shared_axes, or use shared_axes='all'"
                )
        fixed = {axis: input_shape[axis] for axis in range(1, rank) if axis not in shared}
        self.input_spec = keras.layers.InputSpec(ndim=rank, axes=fixed)
        return tuple(fixed.get(axis, 1) for axis in range(1, rank))

    def build(self, input_shape):
        """Create the parameters for inputs of that shape."""
        shape = self._parameter_shape(input_shape)
        for name in self.learned:
            setattr(self, name, self._add_parameter(name, shape))

    def _add_parameter(self, name, shape):
        """Add the weight `name`, whose settings are attributes; constrain its first value too."""
        initializer = getattr(self, f"{name}_initializer")
        constraint = getattr(self, f"{name}_constraint")

        def first_value(shape, dtype=None):
            value = initializer(shape, dtype=dtype)
            return value if constraint is None else constraint(value)

        return self.add_weight(
            shape=shape,
            name=name,
            initializer=first_value,
            regularizer=getattr(self, f"{name}_regularizer"),
            constraint=constraint,
        )

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        of_parameters = {
            f"{name}_{kind}": module.serialize(getattr(self, f"{name}_{kind}"))
            for name in self.learned
            for kind, module in KINDS_OF_SETTING.items()
            if f"{name}_{kind}" in _settings(type(self))
        }
        return {**super().get_config(), "shared_axes": self.shared_axes, **of_parameters}


KINDS_OF_SETTING = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}


def _keras_object(layer, argument, kind, value):
    """Return what Keras makes of a setting: an object, a name, a config or None."""
    try:
        if isinstance(value, bool):
            raise ValueError
        return KINDS_OF_SETTING[kind].get(value)
    except (TypeError, ValueError):
        expected = f"a Keras {kind} or its name"
        if kind == "initializer":
            expected = f"a number, {expected}"
        raise ValueError(f"{layer}: {argument} must be {expected}, not {value!r}") from None


@keras.saving.register_keras_serializable(package="actfun")
class PReLU(_Learned):
    r"""Rectifier with a learned slope: x for x > 0, alpha * x for x <= 0.

    alpha = 0 gives ReLU, alpha = 1 the identity. The derivative in alpha is min(x, 0). The
    derivative in x at 0 is alpha, the slope of the negative side, as in this library's catalogue
    and in PyTorch. ``keras.layers.PReLU`` differs in two things: there the derivative at 0 is 0,
    and alpha starts at 0, so that the network starts as one with ReLU.

    Parameters
    ----------
    alpha_initializer : float or Keras initialiser, default 0.25
        First value of alpha, dimensionless; 0.25 is the authors'.
    alpha_regularizer, alpha_constraint : optional
        As in every Keras layer. The authors use no weight decay here: it would pull PReLU
        towards ReLU.
    shared_axes : None, int, sequence of int or "all", default None
        As in `Swish`. The authors compare one alpha for each channel with one for each layer.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    TypeError, ValueError
        If the first value is not finite; if `shared_axes` is of another kind, or does not fit the
        inputs (then in ``build``).

    References
    ----------
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers: surpassing human-level
    performance on ImageNet classification", arXiv:1502.01852.

    Examples
    --------
    >>> layer = PReLU(shared_axes="all")
    >>> x = keras.ops.convert_to_tensor([[-2.0, 0.0, 3.0]])
    >>> print(keras.ops.convert_to_numpy(layer(x)))
    [[-0.5  0.   3. ]]
    """

    def __init__(
        self,
        alpha_initializer=0.25,
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(shared_axes, **kwargs)
        self._learn("alpha", alpha_initializer, alpha_regularizer, alpha_constraint)

    def call(self, inputs):
        """Return the outputs, shaped like `inputs`."""
        return ops.where(inputs > 0, inputs, self.alpha * inputs)


@keras.saving.register_keras_serializable(package="actfun")
class Swish(_Learned):
    r"""Swish with a learned gate: x * sigmoid(beta * x).

    beta = 0 gives x / 2, beta = 1 SiLU, beta to infinity ReLU. With ``trainable=False`` beta
    stays what it is at first. The derivative in beta is x**2 s (1 - s), s = sigmoid(beta x).

    Parameters
    ----------
    beta_initializer : float or Keras initialiser, default 1.0
        First value of beta, dimensionless.
    beta_regularizer, beta_constraint : optional
        As in every Keras layer.
    shared_axes : None, int, sequence of int or "all", default None
        Axes along which beta is the same, as in ``keras.layers.PReLU``; axis 0 is the batch, and
        negative axes count from the end. None: one beta for each element of an example. [1, 2]:
        one for each channel of an image. "all": one for the layer.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    TypeError, ValueError
        If `shared_axes` is none of these, or does not fit the inputs (then in ``build``).

    References
    ----------
    Ramachandran, Zoph and Le (2017), "Searching for activation functions", arXiv:1710.05941.

    Examples
    --------
    >>> layer = Swish(beta_initializer=2.0, shared_axes="all")
    >>> print(keras.ops.convert_to_numpy(layer(keras.ops.ones((1, 3)))).round(4))
    [[0.8808 0.8808 0.8808]]
    >>> tuple(layer.beta.shape)
    (1,)
    """

    def __init__(
        self,
        beta_initializer=1.0,
        beta_regularizer=None,
        beta_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(shared_axes, **kwargs)
        self._learn("beta", beta_initializer, beta_regularizer, beta_constraint)

    def call(self, inputs):
        """Return the outputs, shaped like `inputs`."""
        return inputs * ops.sigmoid(self.beta * inputs)


@keras.saving.register_keras_serializable(package="actfun")
class ParametricELU(_Learned):
    r"""Exponential unit with learned shape: a/b x for x >= 0, a (exp(x/b) - 1) for x < 0.

    The parameters a (``alpha``) and b (``beta``) are positive: a is the depth to which the
    function falls on the left, b how far to the left it gets there. The slope at 0 is a/b from
    both sides, so the function is differentiable whatever they are.

    a = b = 1 is ELU. a = b is ``celu`` with alpha = a. ELU with another alpha is *not* among
    them: it has slope 1 on the right and alpha on the left, a kink, which the authors avoid by
    tying the slope of the right piece to that of the left.

    As in the authors' code, positive means at least 0.1: a smaller value is set to 0.1, at the
    start and after every step of the optimiser.

    Parameters
    ----------
    alpha_initializer, beta_initializer : float or Keras initialiser, default 1.0
        First values, dimensionless. Numbers must be positive.
    alpha_regularizer, beta_regularizer : optional
        As in every Keras layer. The authors use none: a decay to 0 would flatten the function.
    alpha_constraint, beta_constraint : Keras constraint, optional
        By default `AtLeast` (0.1). One of your own must keep the parameter positive.
    shared_axes : None, int, sequence of int or "all", default "all"
        As in `Swish`. The authors have one pair for a layer, hence the default.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    TypeError, ValueError
        If a first value is not positive; if `shared_axes` is of another kind, or does not fit the
        inputs (then in ``build``).

    References
    ----------
    Trottier, Giguere and Chaib-draa (2017), "Parametric exponential linear unit for deep
    convolutional neural networks", arXiv:1605.09332.

    Examples
    --------
    >>> layer = ParametricELU(alpha_initializer=2.0)
    >>> x = keras.ops.convert_to_tensor([[-100.0, 0.0, 3.0]])
    >>> print(keras.ops.convert_to_numpy(layer(x)))
    [[-2.  0.  6.]]
    """

    def __init__(
        self,
        alpha_initializer=1.0,
        beta_initializer=1.0,
        alpha_regularizer=None,
        beta_regularizer=None,
        alpha_constraint="default",
        beta_constraint="default",
        shared_axes="all",
        **kwargs,
    ):
        super().__init__(shared_axes, **kwargs)
        for name, initializer, regularizer, constraint in (
            ("alpha", alpha_initializer, alpha_regularizer, alpha_constraint),
            ("beta", beta_initializer, beta_regularizer, beta_constraint),
        ):
            if isinstance(initializer, numbers.Real) and not initializer > 0:
                raise ValueError(
                    f"ParametricELU: {name}_initializer must be positive, not {initializer!r}"
                )
            if isinstance(constraint, str) and constraint == "default":
                constraint = AtLeast(0.1)
            self._learn(name, initializer, regularizer, constraint)

    def call(self, inputs):
        """Return the outputs, shaped like `inputs`."""
        # Each piece sees 0 in place of the other's inputs: the exponential cannot overflow, and
        # neither can the gradient of the piece that is not chosen.
        right = ops.where(inputs < 0, ops.zeros_like(inputs), inputs)
        left = ops.where(inputs < 0, inputs, ops.zeros_like(inputs))
        return self.alpha / self.beta * right + self.alpha * ops.expm1(left / self.beta)


@keras.saving.register_keras_serializable(package="actfun")
class ACON(_Learned):
    r"""Activate or not: a smooth maximum of the two lines p1 x and p2 x.

    d sigmoid(beta d) + p2 x with d = (p1 - p2) x. beta to infinity gives max(p1 x, p2 x),
    beta = 0 the line (p1 + p2) / 2 x: a unit that is not
    activated. Three kinds differ in what is learned:

    ====  ==================  ==============================================================
    kind  learned             value
    ====  ==================  ==============================================================
    "A"   beta                p1 = 1, p2 = 0: swish, the smooth form of ReLU
    "B"   beta, p2            p1 = 1: the smooth form of PReLU with alpha = p2
    "C"   beta, p1, p2        as above
    ====  ==================  ==============================================================

    Parameters
    ----------
    kind : {"A", "B", "C"}, default "C"
    beta_initializer : float or Keras initialiser, default 1.0
        First value of the sharpness, dimensionless.
    p1_initializer, p2_initializer : float or Keras initialiser, optional
        First slopes on the far right and left (for beta (p1 - p2) > 0), dimensionless. Default:
        1, and 0.25 for kind "B", 0 for kind "C", which so starts as SiLU. The authors' code
        starts kind "C" with standard normal numbers instead.
    beta_regularizer, p1_regularizer, p2_regularizer : optional
    beta_constraint, p1_constraint, p2_constraint : optional
        As in every Keras layer.
    shared_axes : None, int, sequence of int or "all", default None
        As in `Swish`. The authors have one set for each channel.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    TypeError, ValueError
        If `kind` is unknown; if a setting is given for a parameter that the kind does not learn;
        as for `PReLU`.

    References
    ----------
    Ma, Zhang, Liu and Sun (2021), "Activate or not: learning customized activation",
    arXiv:2009.04759.

    Examples
    --------
    >>> layer = ACON("B", beta_initializer=50.0, p2_initializer=0.5)
    >>> x = keras.ops.convert_to_tensor([[-2.0, 0.0, 3.0]])
    >>> print(keras.ops.convert_to_numpy(layer(x)).round(4))
    [[-1.  0.  3.]]
    """

    kinds = {"A": ("beta",), "B": ("beta", "p2"), "C": ("beta", "p1", "p2")}

    def __init__(
        self,
        kind="C",
        beta_initializer=1.0,
        p1_initializer=None,
        p2_initializer=None,
        beta_regularizer=None,
        p1_regularizer=None,
        p2_regularizer=None,
        beta_constraint=None,
        p1_constraint=None,
        p2_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(shared_axes, **kwargs)
        if kind not in tuple(self.kinds):
            raise ValueError(f"ACON: kind must be one of {', '.join(self.kinds)}, not {kind!r}")
        self.kind = kind
        starts = {"p1": 1.0, "p2": 0.25 if kind == "B" else 0.0}
        for name, initializer, regularizer, constraint in (
            ("beta", beta_initializer, beta_regularizer, beta_constraint),
            ("p1", p1_initializer, p1_regularizer, p1_constraint),
            ("p2", p2_initializer, p2_regularizer, p2_constraint),
        ):
            if name in self.kinds[kind]:
                first = starts[name] if initializer is None else initializer
                self._learn(name, first, regularizer, constraint)
            elif any(setting is not None for setting in (initializer, regularizer, constraint)):
                raise ValueError(
                    f"ACON: kind {kind!r} does not learn {name}, so it takes no settings for it; "
                    f"it learns {', '.join(self.kinds[kind])}"
                )

    def call(self, inputs):
        """Return the outputs, shaped like `inputs`."""
        if self.kind == "A":
            return inputs * ops.sigmoid(self.beta * inputs)
        p1 = self.p1 if self.kind == "C" else 1.0
        difference = (p1 - self.p2) * inputs
        return difference * ops.sigmoid(self.beta * difference) + self.p2 * inputs

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        return {**super().get_config(), "kind": self.kind}


@keras.saving.register_keras_serializable(package="actfun")
class Rational(_Learned):
    r"""Pade activation unit: a quotient of two polynomials whose coefficients are learned.

    (a_0 + a_1 x + ... + a_m x**m) / (1 + abs(b_1 x + ... + b_n x**n)), the "safe" form of the
    paper: the denominator is never below 1, so there is no pole. Where the sum in it is 0, the
    derivative of abs is taken as 0.

    The coefficients start at the least-squares fit to a function of the catalogue on [-5, 5].

    The powers are computed from x / s and 1 / s with s = max(1, abs(x)): x**5 itself would
    overflow in float16 from 9.2 on.

    Parameters
    ----------
    start : str, default "leaky_relu"
        An elementwise function of the catalogue, with its default parameters.
    degrees : pair of int, default (5, 4)
        m and n, at least 1. Far from 0 the function grows like x**(m - n).
    numerator_regularizer, denominator_regularizer : optional
    numerator_constraint, denominator_constraint : optional
        As in every Keras layer.
    shared_axes : None, int, sequence of int or "all", default "all"
        As in `Swish`. The authors have one set of coefficients for a layer, hence the default.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Attributes
    ----------
    numerator, denominator : variables of shape (m + 1, ...) and (n, ...)
        a_0 to a_m and b_1 to b_n, once the layer is built.

    Raises
    ------
    TypeError, ValueError
        If `start` is no elementwise function of the catalogue, or `degrees` no such pair; if
        `shared_axes` is of another kind, or does not fit the inputs (then in ``build``).

    References
    ----------
    Molina, Schramowski and Kersting (2020), "Pade activation units: end-to-end learning of
    flexible activation functions in deep networks", arXiv:1907.06732.

    Examples
    --------
    >>> layer = Rational("tanh")
    >>> x = keras.ops.convert_to_tensor([[-1.0, 0.0, 2.0]])
    >>> print(keras.ops.convert_to_numpy(layer(x)).round(3))
    [[-0.762  0.     0.964]]
    >>> layer.count_params()
    10
    """

    def __init__(
        self,
        start="leaky_relu",
        degrees=(5, 4),
        numerator_regularizer=None,
        denominator_regularizer=None,
        numerator_constraint=None,
        denominator_constraint=None,
        shared_axes="all",
        **kwargs,
    ):
        super().__init__(shared_axes, **kwargs)
        self.degrees = _checked_degrees(degrees)
        self.start = _checked_start(start)
        numerator, denominator = _fitted(self.start, *self.degrees)
        for name, values, regularizer, constraint in (
            ("numerator", numerator, numerator_regularizer, numerator_constraint),
            ("denominator", denominator, denominator_regularizer, denominator_constraint),
        ):
            self._learn(name, functools.partial(_along_first_axis, values), regularizer, constraint)

    def build(self, input_shape):
        """Create the coefficients for inputs of that shape."""
        shape = self._parameter_shape(input_shape)
        m, n = self.degrees
        self.numerator = self._add_parameter("numerator", (m + 1, *shape))
        self.denominator = self._add_parameter("denominator", (n, *shape))

    def call(self, inputs):
        """Return the outputs, shaped like `inputs`."""
        (m, n), a, b = self.degrees, self.numerator, self.denominator
        # With x = s u and t = 1 / s: P(x) = s**m sum a_k u**k t**(m - k), and so on. The quotient
        # does not depend on s, so neither does its derivative.
        s = ops.stop_gradient(ops.maximum(ops.abs(inputs), ops.ones_like(inputs)))
        t, u = 1 / s, inputs / s
        numerator, power = a[m] + ops.zeros_like(u), ops.ones_like(u)
        for k in reversed(range(m)):
            power = power * t
            numerator = numerator * u + a[k] * power
        total, power = b[n - 1] * u, ops.ones_like(u)
        for k in reversed(range(n - 1)):
            power = power * t
            total = (total + b[k] * power) * u
        y = numerator / (power * t + ops.abs(total))
        for _ in range(abs(m - n)):
            y = y * (s if m > n else t)
        return y

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        return {**super().get_config(), "start": self.start, "degrees": self.degrees}


@keras.saving.register_keras_serializable(package="actfun")
class Maxout(_Layer):
    r"""Dense layer of maxout units: the largest of several linear functions of the inputs.

    y_i = max over j of a . W_ij + b_ij, for j = 1 ... `pieces`, a the layer's inputs. A unit is a
    convex function of its inputs that is learned piece by piece; max(0, x) and abs(x) are
    examples of two pieces. A layer has `pieces` times the weights of a dense one.

    Where pieces are equal, the derivative is shared out among them (in TensorFlow).

    Parameters
    ----------
    units : int
        Number of outputs.
    pieces : int, default 2
        Linear functions for each output, at least 2.
    use_bias : bool, default True
    kernel_initializer, bias_initializer : optional
        As in ``keras.layers.Dense``, for the weights of all pieces. With two pieces weights of
        variance 1 / fan_in ("lecun_normal") preserve the mean square: that of the larger one of
        two independent normal numbers is the same as that of each.
    kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint : optional
        As in ``keras.layers.Dense``.
    **kwargs
        ``name``, ``dtype``, ``trainable`` and ``activity_regularizer`` of every Keras layer.

    Attributes
    ----------
    kernel : variable of shape (fan_in, pieces * units)
        The first `units` columns belong to the first piece, and so on.
    bias : variable of shape (pieces * units,), or None

    Raises
    ------
    TypeError, ValueError
        If `units` or `pieces` is no such integer; if the inputs' last axis has no fixed length.

    References
    ----------
    Goodfellow, Warde-Farley, Mirza, Courville and Bengio (2013), "Maxout networks",
    arXiv:1302.4389.

    Examples
    --------
    >>> layer = Maxout(1, pieces=2)
    >>> layer.build((None, 1))
    >>> layer.set_weights([np.array([[1.0, -1.0]]), np.zeros(2)])  # max(a, -a)
    >>> print(keras.ops.convert_to_numpy(layer(np.array([[-3.0], [2.0]]))))
    [[3.]
     [2.]]
    """

    def __init__(
        self,
        units,
        pieces=2,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = _count("Maxout", "units", units, 1)
        self.pieces = _count("Maxout", "pieces", pieces, 2)
        self.use_bias = bool(use_bias)
        given = {
            "kernel": (kernel_initializer, kernel_regularizer, kernel_constraint),
            "bias": (bias_initializer, bias_regularizer, bias_constraint),
        }
        for weight, settings in given.items():
            for kind, value in zip(KINDS_OF_SETTING, settings, strict=True):
                argument = f"{weight}_{kind}"
                setattr(self, argument, _keras_object("Maxout", argument, kind, value))

    def build(self, input_shape):
        """Create the weights for inputs of that shape."""
        fan_in = input_shape[-1] if len(input_shape) > 1 else None
        if fan_in is None:
            raise ValueError(
                "Maxout: the inputs must have a last axis of fixed length after the batch, got "
                f"shape {tuple(input_shape)}"
            )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: fan_in})
        shapes = {"kernel": (fan_in, self.pieces * self.units)}
        if self.use_bias:
            shapes["bias"] = (self.pieces * self.units,)
        self.bias = None
        for weight, shape in shapes.items():
            settings = {kind: getattr(self, f"{weight}_{kind}") for kind in KINDS_OF_SETTING}
            setattr(self, weight, self.add_weight(shape=shape, name=weight, **settings))

    def call(self, inputs):
        """Return the outputs, shaped like `inputs` but for the last axis."""
        x = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            x = x + self.bias
        return ops.max(ops.reshape(x, (*ops.shape(x)[:-1], self.pieces, self.units)), axis=-2)

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs, with `units` as the last axis."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        plain = {name: getattr(self, name) for name in ("units", "pieces", "use_bias")}
        settings = {
            f"{weight}_{kind}": module.serialize(getattr(self, f"{weight}_{kind}"))
            for weight in ("kernel", "bias")
            for kind, module in KINDS_OF_SETTING.items()
        }
        return {**super().get_config(), **plain, **settings}


OWN_LAYERS = {
    "rrelu": RReLU,
    "prelu": PReLU,
    "swish": Swish,
    "parametric_elu": ParametricELU,
    "acon": ACON,
    "rational": Rational,
    "maxout": Maxout,
}
ALIASES = {
    "acon": "acon",
    "maxout": "maxout",
    "pade": "rational",
    "padeactivationunit": "rational",
    "parametricelu": "parametric_elu",
    "pau": "rational",
    "pelu": "parametric_elu",
    "rational": "rational",
    "randomizedrelu": "rrelu",
    "randomisedrelu": "rrelu",
}


def get(name, /, **arguments):
    """Return a new Keras layer for an activation function, by name.

    Parameters
    ----------
    name : str
        "rrelu", "prelu", "swish", "parametric_elu" (or "pelu"), "acon", "rational" (or "pau"),
        "maxout", or any name or alias of the catalogue. As in ``actfun.get``, case, spaces,
        hyphens and underscores do not matter. Note that "swish" has a learned beta here, while
        ``keras.activations.swish`` is "silu".
    **arguments
        Passed on to the layer; "maxout" needs `units`. For "leaky_relu" those of
        ``keras.layers.LeakyReLU``, for the other functions of Keras those of
        ``keras.layers.Activation``.

    Returns
    -------
    keras.layers.Layer
        Parameters have this library's defaults: a slope of 0.01 for "leaky_relu" (Keras: 0.3)
        and a first value of 0.25 for "prelu" (``keras.layers.PReLU``: 0).

    Raises
    ------
    KeyError
        If the name is unknown; the message suggests the nearest ones.
    ValueError
        If Keras has no counterpart (the binary step, which cannot be trained).

    Examples
    --------
    >>> get("RReLU", lower=0.1, upper=0.3).upper
    0.3
    >>> type(get("gelu")).__name__
    'Activation'
    """
    plain = "".join(letter for letter in str(name).lower() if letter.isalnum())
    if plain in ALIASES:
        own = ALIASES[plain]
    else:
        own = get_function(name).name
    if own in OWN_LAYERS:
        return OWN_LAYERS[own](**arguments)
    defaults = get_function(own).defaults
    if own == "leaky_relu":
        return keras.layers.LeakyReLU(**{**defaults, **arguments})
    if own == "gelu_tanh":
        return keras.layers.Activation(gelu_tanh, **arguments)
    counterpart = get_function(own).keras
    if counterpart is None:
        raise ValueError(f"actfun.layers.get: Keras has no counterpart of {own!r}")
    return keras.layers.Activation(counterpart.removeprefix("keras.activations."), **arguments)


@keras.saving.register_keras_serializable(package="actfun")
def gelu_tanh(x):
    """GELU in its tanh form: ``keras.activations.gelu(x, approximate=True)`` as one function."""
    return keras.activations.gelu(x, approximate=True)


def _checked_axes(layer, axes):
    """Return `axes` as None, "all" or a list of ints."""
    if axes is None or (isinstance(axes, str) and axes == "all"):
        return axes
    try:
        if isinstance(axes, str):
            raise TypeError
        listed = list(axes) if hasattr(axes, "__iter__") else [axes]
        listed = [operator.index(axis) for axis in listed]
    except TypeError:
        raise TypeError(
            f"{layer}: shared_axes must be None, 'all', an integer or a sequence of integers, "
            f"not {axes!r}"
        ) from None
    if 0 in listed:
        raise ValueError(f"{layer}: shared_axes must not hold 0, the axis of the batch: {axes!r}")
    return listed


FITTED = 5.0  # Rational starts as a fit on [-FITTED, FITTED]


@functools.cache
def _fitted(start, m, n):
    """Return the coefficients a (m + 1) and b (n) of the least-squares fit, float64.

    The linear problem P - f A = f, A the sum in the denominator, divided by the denominator of
    the round before, gives the starting point for the non-linear one.
    """
    from scipy import optimize

    x = np.linspace(-FITTED, FITTED, 1001)
    y = get_function(start)(x)
    powers = np.vander(x, max(m, n) + 1, increasing=True)
    above, below = powers[:, : m + 1], powers[:, 1 : n + 1]
    denominator = np.ones_like(x)
    for _ in range(20):
        system = np.hstack([above, -y[:, None] * below]) / denominator[:, None]
        both = np.linalg.lstsq(system, y / denominator, rcond=None)[0]
        denominator = 1 + np.abs(below @ both[m + 1 :])

    def error(both):
        return above @ both[: m + 1] / (1 + np.abs(below @ both[m + 1 :])) - y

    both = optimize.least_squares(error, both, x_scale="jac").x
    return both[: m + 1], both[m + 1 :]


def _along_first_axis(values, shape, dtype=None):
    """Return an array of that shape whose k-th part along the first axis is ``values[k]``."""
    column = values.reshape(-1, *[1] * (len(shape) - 1))
    return ops.cast(ops.broadcast_to(column, shape), dtype or keras.config.floatx())


def _checked_start(start):
    try:
        function = get_function(start)
    except (UnknownActivation, TypeError):
        function = None
    if function is None or not function.elementwise:
        raise ValueError(
            "Rational: start must name an elementwise function of the catalogue (actfun.names() "
            f"lists it), not {start!r}"
        )
    return function.name


def _checked_degrees(degrees):
    try:
        m, n = (operator.index(degree) for degree in degrees)
    except (TypeError, ValueError):
        raise TypeError(
            "Rational: degrees must be two integers, of the numerator and the denominator, not "
            f"{degrees!r}"
        ) from None
    if m < 1 or n < 1:
        raise ValueError(f"Rational: degrees must be at least 1, not {degrees!r}")
    return m, n


def _count(layer, argument, value, least):
    try:
        number = operator.index(value)
        if isinstance(value, bool):
            raise TypeError
    except TypeError:
        raise TypeError(f"{layer}: {argument} must be an integer, not {value!r}") from None
    if number < least:
        raise ValueError(f"{layer}: {argument} must be at least {least}, not {number}")
    return number
