r"""Small data sets for experiments, split and scaled the same way each time.

All of them ship inside a dependency (scikit-learn) or are made here from a formula, so none needs
a network. `names` lists them, `load` returns one as a `Data` record.

A data set is split into training, validation and test rows (60, 20 and 20 per cent): by chance
and with equal shares of the classes, or, for a series, in the order of time. Features are scaled
with the mean and standard deviation of the training rows only, and so are targets of a
regression, so that a mean squared error of 1 is that of predicting the mean.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import operator
from collections.abc import Callable

import numpy as np

SHARE_VALIDATION = SHARE_TEST = 0.2


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """A data set in three parts.

    Attributes
    ----------
    name : str
    task : {"classes", "regression"}
    x_train, x_validation, x_test : ndarray, float32, shape (rows, *input_shape)
    y_train, y_validation, y_test : ndarray
        int32 class numbers of shape (rows,), or float32 targets of shape (rows, targets).

    Raises
    ------
    ValueError
        The parts do not fit together, a value is not finite or a label is missing.
    TypeError
        `x` is not float32, or the labels are not int32 or float32 as `task` asks.
    """

    name: str
    task: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def __post_init__(self) -> None:
        where = f"Data {self.name!r}"
        if self.task not in ("classes", "regression"):
            raise ValueError(f"{where}: task must be 'classes' or 'regression', got {self.task!r}")
        targets = np.int32 if self.task == "classes" else np.float32
        for part in ("train", "validation", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            if x.dtype != np.float32:
                raise TypeError(f"{where}: x_{part} must be float32, got {x.dtype}")
            if y.dtype != targets:
                raise TypeError(f"{where}: y_{part} must be {targets.__name__}, got {y.dtype}")
            if not len(x) or len(x) != len(y):
                raise ValueError(
                    f"{where}: x_{part} and y_{part} must have the same number of rows, at least "
                    f"one, got {len(x)} and {len(y)}"
                )
            if x.shape[1:] != self.input_shape or y.shape[1:] != self.y_train.shape[1:]:
                raise ValueError(
                    f"{where}: the rows of the parts differ in shape: x_{part} {x.shape}, y_{part} "
                    f"{y.shape}; x_train {self.x_train.shape}, y_train {self.y_train.shape}"
                )
            if y.ndim != (1 if self.task == "classes" else 2):
                raise ValueError(
                    f"{where}: y_{part} must have shape "
                    f"{'(rows,)' if self.task == 'classes' else '(rows, targets)'}, got {y.shape}"
                )
            if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
                raise ValueError(f"{where}: x_{part} or y_{part} holds values that are not finite")
        if self.task == "classes":
            present = np.unique(self.y_train)
            largest = max(self.y_train.max(), self.y_validation.max(), self.y_test.max())
            if not np.array_equal(present, np.arange(largest + 1)):
                raise ValueError(
                    f"{where}: classes must be numbered from 0 and all occur in y_train, got "
                    f"{present.tolist()}"
                )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row of `x`."""
        return self.x_train.shape[1:]

    @property
    def outputs(self) -> int:
        """Number of classes, or of targets."""
        if self.task == "classes":
            return int(self.y_train.max()) + 1
        return self.y_train.shape[1]


def names() -> list[str]:
    """Return the names of the data sets.

    >>> names()[:2]
    ['digits', 'digits_images']
    """
    return list(_MAKERS)


def load(name: str, seed: int = 0, size: int | None = None) -> Data:
    """Return a data set.

    Parameters
    ----------
    name : str
        One of `names`.
    seed : int, default 0
        Decides the split, and the draw of a data set made here.
    size : int, optional
        Use at most this many rows in all three parts together.

    Raises
    ------
    KeyError
        There is no such data set; the message suggests one.
    ValueError
        `seed` is negative or `size` is below 10.

    Examples
    --------
    >>> data = load("digits")
    >>> data.task, data.x_train.shape, data.x_test.shape, data.outputs
    ('classes', (1077, 64), (360, 64), 10)
    >>> load("digit")
    Traceback (most recent call last):
    ...
    KeyError: "load: no data set 'digit'; did you mean 'digits', ...? See actfun.datasets.names()"
    """
    if name not in _MAKERS:
        near = difflib.get_close_matches(str(name), _MAKERS, n=1, cutoff=0.0)[0]
        raise KeyError(
            f"load: no data set {name!r}; did you mean {near!r}, ...? See actfun.datasets.names()"
        )
    seed = operator.index(seed)
    if seed < 0:
        raise ValueError(f"load: seed must not be negative, got {seed}")
    if size is not None and operator.index(size) < 10:
        raise ValueError(f"load: size must be at least 10, got {size}")
    maker = _MAKERS[name]
    rng = np.random.default_rng(seed)
    x, y = maker.make(rng)
    if maker.ordered:
        order = np.arange(len(x))[-size if size else None :]
    else:
        order = rng.permutation(len(x))[:size]
    stratify = maker.task == "classes" and not maker.ordered
    parts = _parts(order, y if stratify else None)
    parts[1:] = [part[maker.gap :] for part in parts[1:]]
    return _scaled(name, maker.task, x, y, parts, maker.pixels)


@dataclasses.dataclass(frozen=True)
class _Maker:
    make: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]
    task: str = "classes"
    ordered: bool = False  # a series is split in the order of time
    gap: int = 0  # rows left out between the parts, so that no two parts share a value
    pixels: bool = False  # one mean and deviation for all features


def _parts(order: np.ndarray, classes: np.ndarray | None) -> list[np.ndarray]:
    """Return the row numbers of the three parts."""
    if classes is None:
        cuts = np.round(len(order) * np.array([1 - SHARE_VALIDATION - SHARE_TEST, 1 - SHARE_TEST]))
        return np.split(order, cuts.astype(int))
    from sklearn.model_selection import train_test_split

    def split(rows, count):
        return train_test_split(rows, test_size=count, stratify=classes[rows], random_state=0)

    rest, test = split(order, math.ceil(len(order) * SHARE_TEST))
    train, validation = split(rest, math.ceil(len(order) * SHARE_VALIDATION))
    return [train, validation, test]


def _scaled(name, task, x, y, parts, pixels) -> Data:
    train = parts[0]
    axes = None if pixels else tuple(range(x.ndim - 1))
    deviation = x[train].std(axis=axes)
    x = (x - x[train].mean(axis=axes)) / np.where(deviation > 0, deviation, 1)
    if task == "classes":
        y = np.unique(y, return_inverse=True)[1].astype(np.int32)
    else:
        y = y.reshape(len(y), -1)
        y = ((y - y[train].mean(axis=0)) / y[train].std(axis=0)).astype(np.float32)
    x = x.astype(np.float32)
    return Data(name, task, *(array[rows] for rows in parts for array in (x, y)))


def _bundled(loader: str, shape: tuple[int, ...] | None = None):
    def make(rng):
        import sklearn.datasets

        x, y = getattr(sklearn.datasets, loader)(return_X_y=True)
        return (x.reshape(-1, *shape) if shape else x), y

    return make


def _friedman(rng):
    r"""10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 + noise, ten features (Friedman 1991)."""
    x = rng.random((1000, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3]
    return x, y + 5 * x[:, 4] + rng.standard_normal(1000)


def _moons(rng):
    """Two half circles that interlock, with noise of standard deviation 0.25."""
    angle, label = rng.random(1000) * np.pi, rng.integers(0, 2, 1000)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = np.where(label[:, None] == 1, [1.0, 0.5] - x, x)
    return x + 0.25 * rng.standard_normal(x.shape), label


def _spirals(rng):
    """Three arms of a spiral, one class each, with a little noise."""
    radius, label = rng.random(1200), rng.integers(0, 3, 1200)
    angle = 2 * np.pi * (1.25 * radius + label / 3) + 0.2 * rng.standard_normal(1200)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), label


def _checkerboard(rng):
    """A board of 4 x 4 squares in the plane, two classes: edges that no smooth function has."""
    x = rng.random((1500, 2)) * 4
    return x, np.floor(x).sum(axis=1) % 2


def _sparse_counts(rng):
    """Counts of 100 words in texts on 5 topics: non-negative, most of them 0."""
    topics = rng.gamma(0.2, size=(5, 100))
    label = rng.integers(0, 5, 1200)
    rate = 12 * topics[label] / topics.sum(axis=1)[label, None]
    return rng.poisson(rate).astype(float), label


def _outliers(rng):
    """A smooth target of 8 features; a twentieth of the rows has features 10 times as large."""
    x = rng.standard_normal((1200, 8))
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + np.abs(x[:, 3]) + 0.1 * rng.standard_normal(1200)
    x[rng.random(1200) < 0.05] *= 10
    return x, y


def _mackey_glass(rng):
    """Forecast the Mackey-Glass series (delay 17) 12 steps ahead from 24 values.

    dx/dt = 0.2 x(t-17)/(1 + x(t-17)^10) - 0.1 x, Euler steps of 1/4 (Mackey and Glass 1977).
    """
    delay, per_unit, units = 17 * 4, 4, 1400
    series = np.full(units * per_unit, 1.2)
    series[:delay] += 0.1 * rng.standard_normal(delay)
    for t in range(delay, len(series) - 1):
        late = series[t - delay]
        series[t + 1] = series[t] + (0.2 * late / (1 + late**10) - 0.1 * series[t]) / per_unit
    series = series[300 * per_unit :: per_unit]
    windows = np.lib.stride_tricks.sliding_window_view(series, 36)
    return windows[:, :24, None].copy(), windows[:, -1].copy()


def _recall(rng):
    """Name the symbol (one of 4) shown first, after 11 steps of other symbols."""
    symbols = rng.integers(0, 4, (1200, 12))
    x = np.eye(4)[symbols]
    first = np.zeros((1200, 12, 1))
    first[:, 0] = 1
    return np.concatenate([x, first], axis=2), symbols[:, 0]


def _picture(rng):
    """The colour (red, green, blue) of a photograph at a point, from its two coordinates."""
    from sklearn.datasets import load_sample_image

    photo = load_sample_image("flower.jpg")[::5, ::5]
    height, width, _ = photo.shape
    rows = rng.permutation(height * width)[:3000]
    place = np.stack([rows // width, rows % width], axis=1) / height
    return place, photo.reshape(-1, 3)[rows] / 255.0


_MAKERS = {
    "digits": _Maker(_bundled("load_digits"), pixels=True),
    "digits_images": _Maker(_bundled("load_digits", (8, 8, 1)), pixels=True),
    "digits_rows": _Maker(_bundled("load_digits", (8, 8)), pixels=True),
    "breast_cancer": _Maker(_bundled("load_breast_cancer")),
    "wine": _Maker(_bundled("load_wine")),
    "diabetes": _Maker(_bundled("load_diabetes"), "regression"),
    "friedman": _Maker(_friedman, "regression"),
    "moons": _Maker(_moons),
    "spirals": _Maker(_spirals),
    "checkerboard": _Maker(_checkerboard),
    "sparse_counts": _Maker(_sparse_counts),
    "outliers": _Maker(_outliers, "regression"),
    "mackey_glass": _Maker(_mackey_glass, "regression", ordered=True, gap=35),
    "recall": _Maker(_recall),
    "picture": _Maker(_picture, "regression"),
}
