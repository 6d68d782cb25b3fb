r"""Keras layers for the activation functions that Keras lacks.

======================  ===================================================  ==============
layer                   in training                                          in inference
======================  ===================================================  ==============
`RReLU`                 a new random slope for each negative element         the mean slope
`Swish`                 x sigmoid(beta x), beta learned                      the same
`ParametricELU`         a/b x or a (exp(x/b) - 1), a and b learned           the same
======================  ===================================================  ==============

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
imported. What Keras does not offer to anyone is a *string* of one's own in
``Dense(8, activation="...")``: it looks strings up among its own functions only. So `get` takes
that place. It knows the functions that Keras has as well, so that a loop over the catalogue's
names finds a layer for each.

The arithmetic is keras.ops, and runs on every backend of Keras.
"""

import numbers
import operator

import keras
from keras import ops

from actfun.catalogue import get as get_function


@keras.saving.register_keras_serializable(package="actfun")
class RReLU(keras.layers.Layer):
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
        self.supports_masking = True
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

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

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
        """Return the layer that `get_config` described."""
        seed = keras.saving.deserialize_keras_object(config.get("seed"))
        return cls(**{**config, "seed": seed})


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


class _Learned(keras.layers.Layer):
    """A layer with learned parameters of its own, shared along some axes as in PReLU."""

    def __init__(self, shared_axes, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.shared_axes = _checked_axes(type(self).__name__, shared_axes)

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

    def _set_parameter(self, name, initializer, regularizer, constraint):
        if isinstance(initializer, numbers.Real) and not isinstance(initializer, bool):
            initializer = keras.initializers.Constant(float(initializer))
        setattr(self, f"{name}_initializer", keras.initializers.get(initializer))
        setattr(self, f"{name}_regularizer", keras.regularizers.get(regularizer))
        setattr(self, f"{name}_constraint", keras.constraints.get(constraint))

    def _parameter_config(self, name):
        return {
            f"{name}_{kind}": module.serialize(getattr(self, f"{name}_{kind}"))
            for kind, module in (
                ("initializer", keras.initializers),
                ("regularizer", keras.regularizers),
                ("constraint", keras.constraints),
            )
        }

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        return {**super().get_config(), "shared_axes": self.shared_axes}


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
        self._set_parameter("beta", beta_initializer, beta_regularizer, beta_constraint)

    def build(self, input_shape):
        """Create the parameters for inputs of that shape."""
        self.beta = self._add_parameter("beta", self._parameter_shape(input_shape))

    def call(self, inputs):
        """Return the outputs, shaped like `inputs`."""
        return inputs * ops.sigmoid(self.beta * inputs)

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        return {**super().get_config(), **self._parameter_config("beta")}


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
            self._set_parameter(name, initializer, regularizer, constraint)

    def build(self, input_shape):
        """Create the parameters for inputs of that shape."""
        shape = self._parameter_shape(input_shape)
        self.alpha = self._add_parameter("alpha", shape)
        self.beta = self._add_parameter("beta", shape)

    def call(self, inputs):
        """Return the outputs, shaped like `inputs`."""
        # Each piece sees 0 in place of the other's inputs: the exponential cannot overflow, and
        # neither can the gradient of the piece that is not chosen.
        right = ops.where(inputs < 0, ops.zeros_like(inputs), inputs)
        left = ops.where(inputs < 0, inputs, ops.zeros_like(inputs))
        return self.alpha / self.beta * right + self.alpha * ops.expm1(left / self.beta)

    def get_config(self):
        """Return what `from_config` needs to make the same object again."""
        return {
            **super().get_config(),
            **self._parameter_config("alpha"),
            **self._parameter_config("beta"),
        }


OWN_LAYERS = {"rrelu": RReLU, "swish": Swish, "parametric_elu": ParametricELU}
ALIASES = {
    "parametricelu": "parametric_elu",
    "pelu": "parametric_elu",
    "randomizedrelu": "rrelu",
    "randomisedrelu": "rrelu",
}


def get(name, **arguments):
    """Return a new Keras layer for an activation function, by name.

    Parameters
    ----------
    name : str
        "rrelu", "swish", "parametric_elu" (or "pelu"), or any name or alias of the catalogue.
        As in ``actfun.get``, case, spaces, hyphens and underscores do not matter. Note that
        "swish" has a learned beta here, while ``keras.activations.swish`` is "silu".
    **arguments
        Passed on to the layer. Where Keras has a layer (LeakyReLU, PReLU), its arguments; where
        it has a function only, those of ``keras.layers.Activation``.

    Returns
    -------
    keras.layers.Layer
        Parameters have this library's defaults: a slope of 0.01 for "leaky_relu" (Keras: 0.3)
        and a first value of 0.25 for "prelu" (Keras: 0).

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
    if own == "prelu":
        first = keras.initializers.Constant(defaults["alpha"])
        return keras.layers.PReLU(**{"alpha_initializer": first, **arguments})
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
