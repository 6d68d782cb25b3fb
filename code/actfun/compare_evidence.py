"""The frozen comparisons of the chapter on fair comparison: python -m actfun.compare_evidence.

Three settings, each compared as `actfun.compare.compare` does it: every activation at its own
learning rate, tuned on validation data with three seeds of its own, then ten paired seeds.

=========  ===================================  ===================
setting    data                                 network
=========  ===================================  ===================
digits     8 x 8 images of digits, ten classes  64-64
deep       the same                             eight layers of 128
friedman   Friedman's function, a regression    64-64
=========  ===================================  ===================

Writes `evidence/comparing.csv` (a row for each final run), `evidence/comparing_tuning.csv` (a row
for each tuning run) and `evidence/comparing.json` (command, seconds, environment, checksums). An
interrupted run continues where it stopped.
"""

from __future__ import annotations

import argparse
import functools
import math
import pathlib
import time

import numpy as np
import pandas as pd

from . import frozen

RECORD, RUNS, TUNING = "evidence/comparing.json", "comparing.csv", "comparing_tuning.csv"
EPOCHS, BATCH_SIZE, SEEDS, TUNING_SEEDS = 20, 32, 10, 3
TARGET = 0.1
"""Training loss that counts as learned, for `epochs_to_target`."""

SHALLOW = (
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "softplus",
    "sigmoid",
    "tanh",
    "softsign",
    "gelu",
    "silu",
)
DEEP = ("relu", "elu", "gelu", "tanh", "sigmoid")
SETTINGS = {
    "digits": ("digits", (64, 64), SHALLOW, ("straight ELU", "centred softplus"), {}),
    "deep": ("digits", (128,) * 8, DEEP, (), {"epochs": 15, "batch_size": 64}),
    "friedman": ("friedman", (64, 64), SHALLOW, (), {}),
}


def straight_elu(x):
    """ELU, but for x < -1 it goes on as a straight line: its slope is 1/e, never nearer to 0."""
    from keras import ops

    tail = math.exp(-1) * (x + 2) - 1
    return ops.where(x >= 0, x, ops.where(x >= -1, ops.expm1(ops.clip(x, -1.0, 0.0)), tail))


def centred_softplus(x):
    """Softplus moved down by ln 2, so that it is 0 at 0; its slope is that of softplus."""
    from keras import ops

    return ops.softplus(x) - math.log(2)


def _straight_elu(x):
    """`straight_elu` in NumPy, for the integral that the initialisation needs."""
    tail = math.exp(-1) * (x + 2) - 1
    return np.where(x >= 0, x, np.where(x >= -1, np.expm1(np.clip(x, -1.0, 0.0)), tail))


def _centred_softplus(x):
    return np.logaddexp(x, 0) - math.log(2)


TWINS = {
    "straight ELU": (straight_elu, _straight_elu),
    "centred softplus": (centred_softplus, _centred_softplus),
}


def network(activation, data, hidden):
    """Return `networks.dense`, also for the two functions that the catalogue lacks."""
    import keras

    from . import networks
    from .initializers import VariancePreserving

    if not callable(activation) or isinstance(activation, str):
        return networks.dense(activation, data, hidden=hidden)
    in_numpy = dict(TWINS.values())[activation]
    stack = [keras.Input(data.input_shape)]
    for units in hidden:
        stack.append(keras.layers.Dense(units, kernel_initializer=VariancePreserving(in_numpy)))
        stack.append(keras.layers.Activation(activation))
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def measure(setting: str, folder=None, activations=None, **settings):
    """Return the `compare.Comparison` of one setting.

    Parameters
    ----------
    setting : {"digits", "deep", "friedman"}
    folder : path, optional
        Where finished parts are kept.
    activations : sequence of str, optional
        Only these of the setting; default all.
    **settings
        For `compare.compare`, in place of this module's.

    Raises
    ------
    KeyError
        There is no such setting.
    """
    from . import compare, datasets

    name, hidden, named, twins, own = SETTINGS[setting]
    chosen = {label: label for label in named} | {label: TWINS[label][0] for label in twins}
    if activations is not None:
        chosen = {label: chosen[label] for label in activations}
    given = {
        "seeds": SEEDS,
        "tuning_seeds": TUNING_SEEDS,
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "folder": folder,
    }
    return compare.compare(
        chosen,
        datasets.load(name),
        functools.partial(network, hidden=hidden),
        **given | own | settings,
    )


def epochs_to_target(history: pd.DataFrame, target: float = TARGET) -> pd.Series:
    """Return for each (activation, seed) the first epoch of training loss <= target, or NaN.

    >>> course = {"activation": ["relu"] * 3, "seed": [0, 0, 1], "epoch": [1, 2, 1]}
    >>> course["train_loss"] = [0.3, 0.1, 0.4]
    >>> epochs_to_target(pd.DataFrame(course)).tolist()
    [2.0, nan]
    """
    reached = history.epoch.where(history.train_loss <= target)
    return reached.groupby([history.activation, history.seed]).min()


def rows(setting: str, comparison) -> pd.DataFrame:
    """Return a setting's final runs as rows of the frozen table."""
    runs = comparison.runs.set_index(["activation", "seed"])
    runs["epochs_to_target"] = epochs_to_target(comparison.history).reindex(runs.index)
    columns = ["learning_rate", "status", "train_loss", "validation_loss", "test_loss"]
    columns += [c for c in ("test_accuracy",) if c in runs] + ["epochs_to_target"]
    found = runs[columns].reset_index()
    found.insert(0, "setting", setting)
    return found


def kept() -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """Return the frozen final runs, the frozen tuning runs, and how they were made.

    Errors as `frozen.thaw`.
    """
    tables, record = frozen.thaw(RECORD)
    return tables[RUNS], tables[TUNING], record


def main(arguments=None) -> None:
    """Run all settings and write the frozen tables."""
    parser = argparse.ArgumentParser(prog="python -m actfun.compare_evidence", description=__doc__)
    parser.add_argument("--folder", default="_build/compare", help="where finished parts are kept")
    parser.add_argument("--jobs", type=int, default=None, help="activations at once")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    given = parser.parse_args(arguments)
    started = time.process_time()
    runs, tuning = [], []
    for setting in given.settings:
        found = measure(setting, given.folder, jobs=given.jobs, progress=True)
        print(found.rounded().to_string(), flush=True)
        runs.append(rows(setting, found))
        columns = ["activation", "learning_rate", "seed", "status", "validation_loss"]
        columns += [c for c in ("validation_accuracy",) if c in found.tuning]
        tuning.append(found.tuning[columns].assign(setting=setting))
    # Of an interrupted run, the seconds of all its calls count.
    clock = pathlib.Path(given.folder, "seconds.txt")
    seconds = (
        (float(clock.read_text("utf-8")) if clock.exists() else 0) + time.process_time() - started
    )
    clock.write_text(f"{seconds:.0f}\n", "utf-8")
    if given.settings != list(SETTINGS):
        print("The frozen tables hold all settings: nothing is written.")
        return
    frozen.freeze(
        RECORD,
        {RUNS: pd.concat(runs), TUNING: pd.concat(tuning)},
        command="python -m actfun.compare_evidence",
        seconds=seconds,
    )


if __name__ == "__main__":
    main()
