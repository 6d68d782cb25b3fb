"""What an activation function is in this library: formulas, facts and careful evaluation.

An `Activation` is called like a function and carries the facts that the course
states about it. The formulas themselves stand in the modules of the families
(`saturating`, `rectifiers`, ...); this module feeds them clean input.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

# A large array is evaluated BLOCK elements at a time: a block and the temporaries of its
# formula stay in the cache, so a formula of many passes goes through main memory once.
# How large depends on the number of passes (`make bench`).
BLOCK = 2**15
LARGE = 2**21


class Interval(NamedTuple):
    """A range of values; an end that is attained is closed."""

    low: float
    high: float
    low_closed: bool = False
    high_closed: bool = False

    def __contains__(self, value: object) -> bool:
        above = self.low <= value if self.low_closed else self.low < value
        below = value <= self.high if self.high_closed else value < self.high
        return bool(above and below)

    def __str__(self) -> str:
        def number(value: float) -> str:
            return f"{value:.4g}".replace("inf", "∞").replace("-", "−")

        left, right = "[" if self.low_closed else "(", "]" if self.high_closed else ")"
        return f"{left}{number(self.low)}, {number(self.high)}{right}"


class Kink(NamedTuple):
    """A point without a derivative, the value returned there, and who chose it."""

    x: float
    derivative: float
    note: str


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of an activation function, dimensionless.

    `default` is read from the formula's own signature. The defaults of other
    libraries are None where the library has no such parameter or no default; Keras's
    are checked against the installed version, the others were read off PyTorch 2.13 and
    JAX 0.10, and so were the conventions at kinks.
    """

    name: str
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    learnable: bool = False
    integer: bool = False
    keras_layer: float | None = None
    keras_function: float | None = None
    torch: float | None = None
    jax: float | None = None
    default: float | None = None

    def check(self, owner: str, value: object) -> object:
        """Return `value` as a Python number or an array, or raise an error that names it."""
        if self.integer:
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
                raise TypeError(
                    f"{owner}: {self.name} must be an integer, got {value!r} "
                    f"({type(value).__name__})"
                )
            return int(value)
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            raise TypeError(
                f"{owner}: {self.name} must be a real number, got {value!r} ({array.dtype})"
            )
        below = array <= self.low if self.low_open else array < self.low
        if not np.all(np.isfinite(array)) or np.any(below) or np.any(array > self.high):
            raise ValueError(f"{owner}: {self.name} must be {self.allowed}, got {value!r}")
        if array.ndim == 0:
            return float(array)
        if not self.learnable:
            raise TypeError(
                f"{owner}: {self.name} must be one number, got an array of shape {array.shape}"
            )
        return array

    @property
    def allowed(self) -> str:
        """The admissible values in words."""
        if self.low == -math.inf:
            return "finite"
        if self.high == math.inf:
            return f"finite and {'greater than' if self.low_open else 'at least'} {self.low:g}"
        return f"between {self.low:g} and {self.high:g}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Activation:
    r"""An activation function: call it, differentiate it, read its facts.

    Parameters are described in the class body; `actfun.get` hands out the
    instances of the catalogue.

    Examples
    --------
    >>> import numpy as np, actfun
    >>> relu = actfun.get("relu")
    >>> relu([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    >>> relu.derivative(np.float32([-1, 0, 2]))
    array([0., 0., 1.], dtype=float32)
    >>> actfun.get("prelu").parameter_derivatives([-3.0, 2.0])
    {'alpha': array([-3.,  0.])}
    """

    name: str
    title: str
    family: str
    function: Callable[..., np.ndarray]
    slope: Callable[..., np.ndarray]
    formula: str
    derivative_formula: str
    range: Interval
    smoothness: float  # k for C^k, inf for smooth, -1 for a jump
    lipschitz: float  # in the maximum norm, at the default parameters
    advantages: tuple[str, ...]
    drawbacks: tuple[str, ...]
    libraries: Mapping[str, str]  # counterpart in Keras, PyTorch and JAX
    aliases: tuple[str, ...] = ()
    monotone: bool = True  # never decreasing
    odd: bool = False
    zero_centred: bool = False  # mean 0 when the input is standard normal
    saturates: tuple[float | None, float | None] = (None, None)  # limit on the left, right
    kinks: tuple[Kink, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    parameter_slopes: Mapping[str, Callable[..., np.ndarray]] = dataclasses.field(
        default_factory=dict
    )
    year: int | None = None
    reference: str | None = None  # key in references.bib
    elementwise: bool = True
    # Arrays above this size are evaluated in blocks: never if the formula is a single pass
    # over memory, early if it is a dozen.
    blocks_from: float = LARGE

    def __post_init__(self) -> None:
        defaults = inspect.signature(self.function).parameters
        filled = tuple(
            dataclasses.replace(p, default=defaults[p.name].default) for p in self.parameters
        )
        object.__setattr__(self, "parameters", filled)

    def __repr__(self) -> str:
        return f"<activation {self.name}>"

    @property
    def keras(self) -> str | None:
        """The counterpart in Keras, or None."""
        return self.libraries.get("Keras")

    @property
    def defaults(self) -> dict[str, float]:
        """The parameters' defaults in this library."""
        return {p.name: p.default for p in self.parameters}

    def __call__(self, x: object, **parameters: object) -> np.ndarray:
        """Return the function's values.

        Parameters
        ----------
        x : array-like of real numbers, any shape but empty
            Pre-activations. float16, float32 and float64 are kept; integers and
            booleans become float64. Never changed.
        **parameters
            As listed in `parameters`; learnable ones may be arrays that broadcast to
            the shape of `x`. Defaults in `defaults`.

        Returns
        -------
        ndarray
            Shape and dtype of `x` (a NumPy scalar for a scalar). NaN gives NaN,
            infinity the limit.

        Raises
        ------
        TypeError
            `x` is not real, or a parameter is unknown or of the wrong type.
        ValueError
            `x` is empty, or a parameter is out of range.
        """
        # The formula can have a small array as it is, which saves a microsecond of checks.
        if not parameters and type(x) is np.ndarray and 1 < x.size <= self.blocks_from:
            if x.dtype.char in "fd":
                return self.function(x)
        return self._evaluate(self.function, x, parameters)

    def derivative(self, x: object, **parameters: object) -> np.ndarray:
        """Return the derivative in `x`, or for softmax-like functions the Jacobian.

        Parameters, dtypes and errors as for the call. At a kink the value is the one
        listed in `kinks`.
        """
        if not parameters and type(x) is np.ndarray and 1 < x.size <= self.blocks_from:
            if x.dtype.char in "fd":
                return self.slope(x)
        return self._evaluate(self.slope, x, parameters)

    def jacobian(self, x: object, **parameters: object) -> np.ndarray:
        """Return the Jacobian of a softmax-like function.

        Returns
        -------
        ndarray
            The axis of the classes moved last, then once more: entry [..., i, j] is the
            derivative of output i in input j.

        Raises
        ------
        TypeError
            The function acts element by element and has a `derivative` only.
        """
        if self.elementwise:
            raise TypeError(
                f"{self.name} acts element by element: its Jacobian is diagonal; use derivative(x)"
            )
        return self._evaluate(self.slope, x, parameters)

    def parameter_derivatives(self, x: object, **parameters: object) -> dict[str, np.ndarray]:
        """Return the derivatives in the learnable parameters, each shaped like `x`.

        Raises
        ------
        TypeError
            The function has no learnable parameter.
        """
        if not self.parameter_slopes:
            raise TypeError(f"{self.name} has no learnable parameter")
        return {
            name: self._evaluate(slope, x, parameters)
            for name, slope in self.parameter_slopes.items()
        }

    def _evaluate(self, formula: Callable, x: object, parameters: dict) -> np.ndarray:
        parameters = self._check_parameters(parameters)
        x = self._check_input(x)
        if x.ndim == 0 and self.elementwise:  # formulas may work in place, scalars cannot
            return self._evaluate(formula, x.reshape(1), parameters)[0]
        if not self.elementwise:
            _check_axis(self.name, x, parameters.get("axis", -1))
        if x.dtype == np.float16:
            # NumPy has no float16 arithmetic of its own: float32 is as fast and rounds once.
            wide = self._in_blocks(formula, x.astype(np.float32), parameters)
            with np.errstate(over="ignore"):
                return wide.astype(np.float16)
        return self._in_blocks(formula, x, parameters)

    def _in_blocks(self, formula: Callable, x: np.ndarray, parameters: dict) -> np.ndarray:
        arrays = {k: v for k, v in parameters.items() if isinstance(v, np.ndarray)}
        if arrays:
            for name, value in arrays.items():
                if not _broadcasts_to(value.shape, x.shape):
                    raise ValueError(
                        f"{self.name}: {name} of shape {value.shape} does not broadcast to "
                        f"the shape {x.shape} of x"
                    )
                parameters[name] = value.astype(x.dtype)
        elif self.elementwise and x.size > self.blocks_from:
            flat = np.ravel(x)
            out = np.empty_like(flat)
            for start in range(0, flat.size, BLOCK):
                part = slice(start, start + BLOCK)
                out[part] = formula(flat[part], **parameters)
            return out.reshape(x.shape)
        return formula(x, **parameters)

    def _check_input(self, x: object) -> np.ndarray:
        array = np.asarray(x)
        if array.dtype.kind in "biu":
            array = array.astype(np.float64)
        if array.dtype.char not in "efd":
            raise TypeError(
                f"{self.name}: x must hold real numbers (float16, float32, float64 or "
                f"integers), got dtype {array.dtype}"
            )
        if not array.size:
            raise ValueError(
                f"{self.name}: x is empty (shape {array.shape}), expected at least one value"
            )
        return array

    def _check_parameters(self, given: dict) -> dict:
        known = {p.name: p for p in self.parameters}
        for name in given:
            if name not in known:
                expected = ", ".join(known) or "none"
                raise TypeError(f"{self.name}: unknown parameter {name!r}, expected: {expected}")
        checked = {name: known[name].check(self.name, value) for name, value in given.items()}
        if {"lower", "upper"} <= known.keys():
            both = self.defaults | checked
            if both["lower"] > both["upper"]:
                raise ValueError(
                    f"{self.name}: lower must not exceed upper, got lower={both['lower']!r}, "
                    f"upper={both['upper']!r}"
                )
        return checked


def keep_nan(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return `out` with NaN where `x` is NaN, for formulas that only compare.

    >>> keep_nan(np.array([1.0, np.nan]), np.array([1.0, 0.0]))
    array([ 1., nan])
    """
    return np.where(np.isnan(x), x, out) if np.isnan(x.min()) else out


def _check_axis(name: str, x: np.ndarray, axis: int) -> None:
    if x.ndim == 0:
        raise ValueError(f"{name}: x must have at least one axis, got the scalar {x!r}")
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for x of shape {x.shape}")


def _broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
