"""Time the catalogue against what one would otherwise write: ``python -m actfun.benchmark``.

Every elementwise function and its derivative is compared with

naive
    the textbook's expression, often without regard to overflow or cancellation;
plain
    the stable expression of NumPy and SciPy calls that a good engineer would write in one line
    for the same contract: no overflow, NaN stays NaN, infinity gives the limit;
TensorFlow
    its own function, or the gradient it derives, compiled with ``tf.function``.

All of them work on the same float32 array in one thread. The competitors take turns, round by
round, so that a slow moment of the machine hits all alike; a number in the table is the median
over the rounds of *time of ours / time of the other*. Below 1 ours is faster. There are no
absolute times: they would say more about the machine than about the code.
"""

import argparse
import functools
import gc
import os
import platform
import statistics
import sys
import time
from importlib import metadata
from typing import NamedTuple

import numpy as np
from scipy import special

from actfun.activation import Activation
from actfun.catalogue import get, names

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
QUICK_SIZES = (1_000, 100_000)
SLOWER = 1.1  # ratios above this are listed: closer to 1 is noise
SECONDS_A_CASE = 0.45  # measuring time for one function, one size, all competitors
LEAST_ROUNDS, MOST_ROUNDS = 5, 41
SAMPLE_SECONDS = 2e-4  # a shorter call is repeated until it takes that long
LEAST_TENSORFLOW_SIZE = 100_000  # below, the call into TensorFlow is all one would measure

SQRT_2 = np.sqrt(2).item()
SQRT_2_PI = np.sqrt(2 * np.pi).item()
GELU_RATE = np.sqrt(2 / np.pi).item()
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
RRELU_SLOPE = (1 / 8 + 1 / 3) / 2
LARGEST = np.finfo(np.float32).max


class Expressions(NamedTuple):
    """What others write for one function: its value and its derivative."""

    naive: object
    naive_derivative: object
    plain: object
    plain_derivative: object


def _two_slopes(x, slope):
    return np.where(np.isnan(x), x, np.where(x > 0, x.dtype.type(1), x.dtype.type(slope)))


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _gelu_tanh_sigmoid(x):
    return special.expit(2 * GELU_RATE * x * (1 + 0.044715 * x * x))


def _gelu_tanh_slope(x):
    s = _gelu_tanh_sigmoid(x)
    return s * (1 + x * (1 - s) * 2 * GELU_RATE * (1 + 0.134145 * x * x))


# name: naive value, naive derivative, plain value, plain derivative
COMPETITORS = {
    "identity": Expressions(
        lambda x: x * 1,
        lambda x: 0 * x + 1,
        lambda x: x.copy(),
        lambda x: np.where(np.isnan(x), x, x.dtype.type(1)),
    ),
    "binary_step": Expressions(
        lambda x: np.where(x >= 0, 1.0, 0.0),
        lambda x: 0 * x,
        lambda x: np.where(np.isnan(x), x, x > 0),
        lambda x: np.where(np.isnan(x), x, x.dtype.type(0)),
    ),
    "sigmoid": Expressions(
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: 1 / (1 + np.exp(-x)) * (1 - 1 / (1 + np.exp(-x))),
        lambda x: special.expit(x),
        lambda x: special.expit(x) * special.expit(-x),
    ),
    "hard_sigmoid": Expressions(
        lambda x: np.maximum(0, np.minimum(1, x / 6 + 0.5)),
        lambda x: np.where((x > -3) & (x < 3), 1 / 6, 0),
        lambda x: np.clip(x + 3, 0, 6) / 6,
        lambda x: np.where(np.isnan(x), x, (np.abs(x) < 3) * x.dtype.type(1 / 6)),
    ),
    "log_sigmoid": Expressions(
        lambda x: np.log(1 / (1 + np.exp(-x))),
        lambda x: 1 - 1 / (1 + np.exp(-x)),
        lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))),
        lambda x: special.expit(-x),
    ),
    "tanh": Expressions(
        lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
        lambda x: 1 - np.tanh(x) ** 2,
        lambda x: np.tanh(x),
        lambda x: 4 * special.expit(2 * x) * special.expit(-2 * x),  # 1 - tanh^2 cancels
    ),
    "hard_tanh": Expressions(
        lambda x: np.where(x > 1, 1, np.where(x < -1, -1, x)),
        lambda x: np.where((x > -1) & (x < 1), 1.0, 0.0),
        lambda x: np.clip(x, -1, 1),
        lambda x: np.where(np.isnan(x), x, np.abs(x) < 1),
    ),
    "softsign": Expressions(
        lambda x: x / (1 + np.abs(x)),
        lambda x: 1 / (1 + np.abs(x)) ** 2,
        lambda x: (y := np.clip(x, -LARGEST, LARGEST)) / (1 + np.abs(y)),
        lambda x: (1 + np.abs(x)) ** -2,
    ),
    "relu": Expressions(
        lambda x: np.where(x > 0, x, 0),
        lambda x: np.where(x > 0, 1.0, 0.0),
        lambda x: np.maximum(x, 0),
        lambda x: np.where(np.isnan(x), x, x > 0),
    ),
    "relu6": Expressions(
        lambda x: np.where(x > 6, 6, np.where(x > 0, x, 0)),
        lambda x: np.where((x > 0) & (x < 6), 1.0, 0.0),
        lambda x: np.clip(x, 0, 6),
        lambda x: np.where(np.isnan(x), x, (x > 0) & (x < 6)),
    ),
    "leaky_relu": Expressions(
        lambda x: np.where(x > 0, x, 0.01 * x),
        lambda x: np.where(x > 0, 1.0, 0.01),
        lambda x: np.maximum(x, 0.01 * x),
        lambda x: _two_slopes(x, 0.01),
    ),
    "prelu": Expressions(
        lambda x: np.where(x > 0, x, 0.25 * x),
        lambda x: np.where(x > 0, 1.0, 0.25),
        lambda x: np.maximum(x, 0) + 0.25 * np.minimum(x, 0),
        lambda x: _two_slopes(x, 0.25),
    ),
    "rrelu": Expressions(
        lambda x: np.where(x > 0, x, RRELU_SLOPE * x),
        lambda x: np.where(x > 0, 1.0, RRELU_SLOPE),
        lambda x: np.maximum(x, RRELU_SLOPE * x),
        lambda x: _two_slopes(x, RRELU_SLOPE),
    ),
    "elu": Expressions(
        lambda x: np.where(x > 0, x, np.exp(x) - 1),
        lambda x: np.where(x > 0, 1, np.exp(x)),
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.exp(np.minimum(x, 0)),
    ),
    "celu": Expressions(
        lambda x: np.maximum(0, x) + np.minimum(0, np.exp(x) - 1),
        lambda x: np.where(x > 0, 1, np.exp(x)),
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.exp(np.minimum(x, 0)),
    ),
    "selu": Expressions(
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * (np.exp(x) - 1)),
        lambda x: SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(x)),
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
        lambda x: (
            SELU_SCALE * np.where(x > 0, x.dtype.type(1), SELU_ALPHA * np.exp(np.minimum(x, 0)))
        ),
    ),
    "softplus": Expressions(
        lambda x: np.log(1 + np.exp(x)),
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
        lambda x: special.expit(x),
    ),
    "silu": Expressions(
        lambda x: x / (1 + np.exp(-x)),
        lambda x: 1 / (1 + np.exp(-x)) + x * np.exp(-x) / (1 + np.exp(-x)) ** 2,
        lambda x: np.maximum(x, -LARGEST) * special.expit(x),
        lambda x: special.expit(x) * (1 + np.clip(x, -200, 200) * special.expit(-x)),
    ),
    "swish": Expressions(
        lambda x: x / (1 + np.exp(-1.0 * x)),
        lambda x: 1 / (1 + np.exp(-x)) + x * np.exp(-x) / (1 + np.exp(-x)) ** 2,
        lambda x: np.maximum(x, -LARGEST) * special.expit(x),
        lambda x: special.expit(x) * (1 + np.clip(x, -200, 200) * special.expit(-x)),
    ),
    "hard_swish": Expressions(
        lambda x: x * np.minimum(np.maximum(x + 3, 0), 6) / 6,
        lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * x + 3) / 6)),
        lambda x: np.maximum(x, -3) * (np.clip(x + 3, 0, 6) / 6),
        lambda x: np.where(np.abs(x) < 3, x / 3 + 0.5, np.where(np.isnan(x), x, x > 0)),
    ),
    "mish": Expressions(
        lambda x: x * np.tanh(np.log(1 + np.exp(x))),
        lambda x: (
            np.tanh(np.log(1 + np.exp(x)))
            + x * (1 - np.tanh(np.log(1 + np.exp(x))) ** 2) / (1 + np.exp(-x))
        ),
        lambda x: np.maximum(x, -LARGEST) * np.tanh(_softplus(x)),
        lambda x: (
            (t := np.tanh(_softplus(x))) + np.clip(x, -200, 200) * (1 - t * t) * special.expit(x)
        ),
    ),
    "gelu": Expressions(
        lambda x: x * 0.5 * (1 + special.erf(x / SQRT_2)),
        lambda x: 0.5 * (1 + special.erf(x / SQRT_2)) + x * np.exp(-(x**2) / 2) / SQRT_2_PI,
        lambda x: np.maximum(x, -LARGEST) * special.ndtr(x),
        lambda x: special.ndtr(x) + (y := np.clip(x, -40, 40)) * np.exp(-0.5 * y * y) / SQRT_2_PI,
    ),
    "gelu_tanh": Expressions(
        lambda x: 0.5 * x * (1 + np.tanh(GELU_RATE * (x + 0.044715 * x**3))),
        lambda x: (
            0.5 * (1 + np.tanh(GELU_RATE * (x + 0.044715 * x**3)))
            + 0.5
            * x
            * (1 - np.tanh(GELU_RATE * (x + 0.044715 * x**3)) ** 2)
            * GELU_RATE
            * (1 + 0.134145 * x**2)
        ),
        lambda x: np.maximum(x, -12) * _gelu_tanh_sigmoid(np.clip(x, -12, 12)),
        lambda x: _gelu_tanh_slope(np.clip(x, -12, 12)),  # the slope is 0 or 1 beyond
    ),
}


def tensorflow_functions(tf):
    """Return TensorFlow's function for every name, given the imported module."""
    return {
        "identity": tf.identity,
        "binary_step": lambda x: tf.cast(x >= 0, x.dtype),
        "sigmoid": tf.sigmoid,
        "hard_sigmoid": lambda x: tf.nn.relu6(x + 3) / 6,
        "log_sigmoid": tf.math.log_sigmoid,
        "tanh": tf.tanh,
        "hard_tanh": lambda x: tf.clip_by_value(x, -1.0, 1.0),
        "softsign": tf.nn.softsign,
        "relu": tf.nn.relu,
        "relu6": tf.nn.relu6,
        "leaky_relu": lambda x: tf.nn.leaky_relu(x, 0.01),
        "prelu": lambda x: tf.nn.leaky_relu(x, 0.25),
        "rrelu": lambda x: tf.nn.leaky_relu(x, RRELU_SLOPE),
        "elu": tf.nn.elu,
        "celu": tf.nn.elu,  # the same at alpha = 1
        "selu": tf.nn.selu,
        "softplus": tf.nn.softplus,
        "silu": tf.nn.silu,
        "swish": tf.nn.silu,
        "hard_swish": lambda x: x * tf.nn.relu6(x + 3) / 6,
        "mish": lambda x: x * tf.tanh(tf.nn.softplus(x)),
        "gelu": tf.nn.gelu,
        "gelu_tanh": lambda x: tf.nn.gelu(x, approximate=True),
    }


def tensorflow_pair(tf, function):
    """Return `function` and its gradient, each compiled for float32 vectors."""

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x, unconnected_gradients="zero")

    signature = [tf.TensorSpec([None], tf.float32)]
    return (
        tf.function(function, input_signature=signature),
        tf.function(gradient, input_signature=signature),
    )


def measure(calls, seconds):
    """Return the median ratios of the first call's time to that of each other one.

    Parameters
    ----------
    calls : dict of str to callable without arguments
        The first one is ours.
    seconds : float
        Time to spend, within the bounds on the number of rounds.

    Returns
    -------
    dict of str to float
        For every call but the first, dimensionless.
    """
    repeats = {}
    for name, call in calls.items():
        call()  # warms up: page faults, SciPy's dispatch, TensorFlow's tracing
        single = _seconds(call, 1)
        repeats[name] = max(1, round(SAMPLE_SECONDS / max(single, 1e-7)))
    once = sum(_seconds(call, repeats[name]) for name, call in calls.items())
    rounds = min(MOST_ROUNDS, max(LEAST_ROUNDS, round(seconds / once)))
    ours, *others = calls
    ratios = {name: [] for name in others}
    names = list(calls)
    for turn in range(rounds):
        first = turn % len(names)  # whoever comes first may find the cache cold
        times = {
            name: _seconds(calls[name], repeats[name]) / repeats[name]
            for name in names[first:] + names[:first]
        }
        for name in others:
            ratios[name].append(times[ours] / times[name])
    return {name: statistics.median(values) for name, values in ratios.items()}


def _seconds(call, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - start


def cases(chosen):
    """Yield name, kind, ours, naive and plain for the value and derivative of each function."""
    for name in chosen:
        f, other = get(name), COMPETITORS[name]
        yield name, "f", f, other.naive, other.plain
        yield name, "f'", f.derivative, other.naive_derivative, other.plain_derivative


def elementwise_names():
    """Return the names of the catalogue's elementwise functions."""
    return [name for name in names() if get(name).elementwise]


def run(chosen, sizes, seconds, tf=None, report=print):
    """Measure, print a line for each case, and return the ratios.

    Parameters
    ----------
    chosen : list of str
    sizes : list of int
        Elements of the array.
    seconds : float
        Measuring time for one case at one size.
    tf : module, optional
        TensorFlow, to compare with it.
    report : callable, default print
        Takes a line of the table.

    Returns
    -------
    dict
        ratios[name, kind, size][competitor], where kind is "f" or "f'".
    """
    rng = np.random.default_rng(0)
    arrays = {size: rng.normal(scale=3, size=size).astype(np.float32) for size in sizes}
    tensors = {size: tf.constant(arrays[size]) for size in sizes} if tf else {}
    columns = {
        size: ["naive", "plain"] + (["TF"] if tf and size >= LEAST_TENSORFLOW_SIZE else [])
        for size in sizes
    }
    report(_row("", [f"{size:,}".center(7 * len(columns[size]) - 1) for size in sizes]))
    report(
        _row(
            "ours /",
            [" ".join(name.rjust(6) for name in columns[size]) for size in sizes],
        )
    )
    result = {}
    for name, kind, ours, naive, plain in cases(chosen):
        peer = None
        if tf:
            peer = tensorflow_pair(tf, tensorflow_functions(tf)[name])[kind == "f'"]
        cells = []
        for size in sizes:
            x = arrays[size]
            calls = {
                "ours": functools.partial(ours, x),
                "naive": functools.partial(naive, x),
                "plain": functools.partial(plain, x),
            }
            if "TF" in columns[size]:
                calls["TF"] = functools.partial(peer, tensors[size])
            with np.errstate(all="ignore"):  # the naive forms overflow
                ratios = measure(calls, seconds)
            result[name, kind, size] = ratios
            cells.append(" ".join(f"{ratios[column]:6.2f}" for column in columns[size]))
        report(_row(f"{name} {kind}", cells))
    return result


def _row(label, cells):
    return " | ".join([label.ljust(15), *cells])


def machine(tf=None):
    """Return what the ratios depend on: processor, cores, vector units, versions."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            processor = next(
                line.split(":")[1].strip() for line in lines if line.startswith("model name")
            )
    except (OSError, StopIteration):  # not Linux, or a processor that does not say
        pass
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    versions = [f"{package} {metadata.version(package)}" for package in ("numpy", "scipy")]
    if tf:
        versions.append(f"tensorflow {tf.__version__}")
    return (
        f"{processor}, {os.cpu_count()} cores, one used; "
        f"NumPy's widest vector unit: {found[-1] if found else 'baseline'}; "
        f"Python {platform.python_version()}, {', '.join(versions)}"
    )


def import_tensorflow():
    """Return TensorFlow with one thread, or None if it is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow as tf
    except ImportError:
        return None
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def main(arguments=None):
    """Run the benchmark from the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m actfun.benchmark",
        description="Time activation functions and derivatives against what else one would "
        "write. Numbers are time of ours / time of the other: below 1 ours is faster.",
    )
    parser.add_argument("--sizes", nargs="+", type=_size, help="elements (1e6 will do)")
    parser.add_argument("--functions", nargs="+", type=_function, metavar="NAME", help="names")
    parser.add_argument("--quick", action="store_true", help="two sizes, few rounds, seconds")
    parser.add_argument(
        "--without-tensorflow", action="store_true", help="spare the time of its import"
    )
    given = parser.parse_args(arguments)
    sizes = given.sizes or list(QUICK_SIZES if given.quick else SIZES)
    chosen = given.functions or elementwise_names()
    tf = None if given.without_tensorflow else import_tensorflow()
    print(machine(tf))
    print("Median over interleaved rounds of time(ours) / time(other), float32; below 1 is faster.")
    print("naive: the textbook's expression; plain: a good engineer's in NumPy and SciPy", end="")
    print("; TF: tf.function.\n" if tf else ".\n")
    collecting = gc.isenabled()
    gc.disable()  # a collection in the middle would be charged to whoever runs
    try:
        ratios = run(chosen, sizes, 0.02 if given.quick else SECONDS_A_CASE, tf, _print_now)
    finally:
        if collecting:
            gc.enable()
    slower = [
        f"{name} {kind} at {size:,}: {found['plain']:.2f}"
        for (name, kind, size), found in ratios.items()
        if found["plain"] > SLOWER
    ]
    print(f"\nSlower than the plain expression by more than {SLOWER - 1:.0%}:", end=" ")
    print("; ".join(slower) if slower else "none.")
    return 0


def _print_now(line):
    print(line, flush=True)


def _size(text):
    try:
        size = int(float(text))
    except (ValueError, OverflowError):
        size = 0
    if size < 1 or size != float(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return size


def _function(text):
    try:
        f: Activation = get(text)
    except KeyError as error:
        raise argparse.ArgumentTypeError(error.args[0]) from None
    if not f.elementwise:
        raise argparse.ArgumentTypeError(f"{f.name} is not elementwise and so has no competitor")
    return f.name


if __name__ == "__main__":
    sys.exit(main())
