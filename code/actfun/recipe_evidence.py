"""The recipe, picked from the tables of the part on optimising: python -m actfun.recipe_evidence.

For each activation of `recipe.ACTIVATIONS` and each axis (initialiser, normalisation, kind of
dropout, parameter) the options are compared by the validation figure of their final runs, each at
its own tuned learning rate, paired by seed. All are compared with the best one, Holm-corrected. The
pick is the first option, in the order of the chapter's module (the simplest first), that cannot be
told from the best at 0.05. An option of which a run diverged is not picked.

The range of learning rates holds the rates around the best one whose mean validation accuracy is at
most `TOLERANCE` below the best mean.

For that nothing is trained. Writes `evidence/recipe.csv` and `evidence/recipe.json`.

Then the recipe is put to the test on data it has not seen (experiment "elsewhere"): each activation
in six layers as Keras has it (Glorot's weights, no normalisation, Adam at 0.001), and with the
initialiser and the normalisation of its recipe, at the middle of its range of rates. Neither is
tuned. Writes `evidence/recipe_test.json` and its tables.
"""

from __future__ import annotations

import math
import time

import pandas as pd

from . import compare, datasets, frozen, recipe
from . import initialisation_evidence as initialisation
from . import learning_rates_evidence as learning_rates
from . import normalisation_evidence as normalisation
from . import regularisation_evidence as regularisation
from . import tuning_evidence as tuning
from .experiments import Evidence, Experiment

ALPHA, TOLERANCE = 0.05, 0.01
COLUMNS = ["activation", "axis", "network", "pick", "alike", "worse", "low", "high", "setting"]


def pick(runs: pd.DataFrame, options) -> tuple[str, list[str], list[str]]:
    """Return the simplest option that cannot be told from the best, all such, and the others.

    Parameters
    ----------
    runs : DataFrame
        Columns option, seed, status and validation_accuracy (or else validation_loss).
    options : sequence of str
        The simplest first; those without runs are left out.

    Raises
    ------
    ValueError
        Every option had a run that diverged, or there are no runs.

    Examples
    --------
    >>> runs = {"option": ["a"] * 3 + ["b"] * 3 + ["c"] * 3, "seed": [0, 1, 2] * 3}
    >>> runs |= {"status": "ok", "validation_loss": [3, 3.1, 3.3, 1, 1.2, 1.1, 1, 1.1, 1.3]}
    >>> pick(pd.DataFrame(runs), ["a", "b", "c"])
    ('b', ['b', 'c'], ['a'])
    """
    sign, column = 1, "validation_accuracy"
    if column not in runs or runs[column].isna().all():
        sign, column = -1, "validation_loss"
    values = {}
    for option in options:
        mine = runs[runs.option == option].sort_values("seed")
        if len(mine) and (mine.status == "ok").all():
            values[option] = sign * mine[column].to_numpy(float)
    if not values:
        raise ValueError(f"pick: none of {list(options)} has runs that all finished")
    best = max(values, key=lambda option: values[option].mean())
    others = [option for option in values if option != best]
    p = compare.holm([compare.paired_interval(values[best], values[o]).p for o in others])
    told_apart = {option for option, value in zip(others, p, strict=True) if value <= ALPHA}
    present = [option for option in options if (runs.option == option).any()]
    alike = [option for option in values if option not in told_apart]
    return alike[0], alike, [option for option in present if option not in alike]


def good_rates(tuned: pd.DataFrame) -> tuple[float, float]:
    """Return the least and the greatest of the rates around the best one that are nearly as good.

    Parameters
    ----------
    tuned : DataFrame
        Columns learning_rate, status and validation_accuracy. A diverged run counts as accuracy 0.

    Examples
    --------
    >>> tuned = pd.DataFrame({"learning_rate": [0.1, 0.2, 0.3, 0.4], "status": "ok"})
    >>> good_rates(tuned.assign(validation_accuracy=[0.9, 0.7, 0.9, 0.895]))
    (0.1, 0.1)
    """
    accuracy = tuned.validation_accuracy.where(tuned.status == "ok", 0.0)
    means = accuracy.groupby(tuned.learning_rate).mean().sort_index()
    good = (means >= means.max() - TOLERANCE).to_numpy()
    low = high = int(means.to_numpy().argmax())
    while low > 0 and good[low - 1]:
        low -= 1
    while high < len(good) - 1 and good[high + 1]:
        high += 1
    return float(means.index[low]), float(means.index[high])


def made() -> pd.DataFrame:
    """Return the table of recipes, picked anew from the chapters' frozen tables."""
    rows = []
    noise = ", ".join(f"{kind} {rate}" for kind, rate in regularisation.RECIPE_RATES.items())
    for axis, module, setting in (
        ("initialiser", initialisation, "digits, 10 layers"),
        ("normalisation", normalisation, "digits, 6 layers"),
        ("dropout", regularisation, f"150 digits with wrong labels, 2 layers; {noise}"),
    ):
        runs = _split(module.EVIDENCE.kept()[0].query("experiment == 'recipe'"))
        for name in recipe.ACTIVATIONS:
            chosen, alike, worse = pick(runs[runs.activation == name], module.OPTIONS)
            rows.append(_row(name, axis, chosen, alike, worse, setting=setting))
    runs = _split(tuning.EVIDENCE.kept()[0].query("experiment == 'parameter'"))
    for name, values in tuning.PARAMETERS.items():
        if name in recipe.ACTIVATIONS:
            rows.append(_parameter(name, [str(value) for value in values], runs))
    tuned = _split(learning_rates.EVIDENCE.kept()[1].query("experiment == 'recipe'"))
    for name in recipe.ACTIVATIONS:
        for network, layers in learning_rates.HIDDEN.items():
            mine = tuned[(tuned.activation == name) & (tuned.option == network)]
            low, high = good_rates(mine)
            setting = f"digits, {len(layers)} layers"
            rows.append(_row(name, "rate", network=network, low=low, high=high, setting=setting))
    return pd.DataFrame(rows, columns=COLUMNS)


def _parameter(name, values, runs):
    """Return the row of an activation's parameter: the pick must be among the best on every task.

    Where no value is, the tasks disagree, and the default stays.
    """
    mine = runs[runs.activation == name]
    of_tasks = [pick(part, values)[1] for _, part in mine.groupby("data")]
    good = [value for value in values if all(value in alike for alike in of_tasks)]
    setting = f"{', '.join(sorted(mine.data.unique()))}; 2 layers"
    if not good:  # nothing speaks for another value than the default
        return _row(name, "parameter", values[0], setting=setting)
    worse = [value for value in values if value not in good]
    return _row(name, "parameter", good[0], good, worse, setting=setting)


def _row(name, axis, chosen="", alike=(), worse=(), *, network="", low=None, high=None, setting):
    listed = ("; ".join(alike), "; ".join(worse))
    return dict(
        zip(COLUMNS, (name, axis, network, chosen, *listed, low, high, setting), strict=True)
    )


def _split(runs: pd.DataFrame) -> pd.DataFrame:
    """Return runs with the two parts of a choice such as "relu, he_normal" in columns."""
    parts = runs.choice.str.split(", ", n=1, expand=True)
    return runs.assign(activation=parts[0], option=parts[1])


# --- The test on other data

ARMS = ("defaults", "recipe")
KERAS_RATE = 1e-3
HIDDEN = (64,) * 6


def elsewhere():
    """Return data that no axis of the recipe was measured on."""
    return {name: datasets.load(name) for name in ("breast_cancer", "checkerboard", "diabetes")}


def network(choice, data):
    """Return the network of "relu, defaults" or "relu, recipe"."""
    import keras

    from . import layers

    activation, arm = choice.split(", ")
    stack = [keras.Input(data.input_shape)]
    for units in HIDDEN:
        if arm == "defaults":
            stack.append(keras.layers.Dense(units))
        else:
            entry = recipe.get(activation)
            stack.append(
                keras.layers.Dense(
                    units,
                    kernel_initializer=entry.kernel_initializer(),
                    bias_initializer=entry.bias_initializer(),
                )
            )
            kind = entry.advice["normalisation"].pick
            if kind == "layer":
                stack.append(keras.layers.LayerNormalization())
            if kind == "batch":  # as it was measured
                stack.append(keras.layers.BatchNormalization(momentum=normalisation.MOMENTUM))
        stack.append(layers.get(activation))
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def rates(choice):
    """Return the one rate of a choice: Keras's default, or the middle of the recipe's range."""
    activation, arm = choice.split(", ")
    if arm == "defaults":
        return [KERAS_RATE]
    low, high = recipe.get(activation).learning_rates["deep"]
    return [float(f"{math.sqrt(low * high):.2g}")]


EXPERIMENTS = {
    "elsewhere": Experiment(
        elsewhere,
        tuple(f"{name}, {arm}" for name in recipe.ACTIVATIONS for arm in ARMS),
        network,
        epochs=20,
        rates=rates,
        seeds=range(10),
        tuning_seeds=(1000,),
    )
}
EVIDENCE = Evidence("evidence/recipe_test.json", EXPERIMENTS, "python -m actfun.recipe_evidence")


def main() -> None:
    """Write the frozen table of recipes, then that of their test."""
    started = time.process_time()
    table = made()
    frozen.freeze(
        recipe.RECORD,
        {recipe.TABLE: table},
        command="python -m actfun.recipe_evidence",
        seconds=time.process_time() - started,
    )
    # Parts of the test that were trained by other recipes are no use.
    digest = frozen.thaw(recipe.RECORD)[1]["sha256"][recipe.TABLE]
    EVIDENCE.main(["--folder", f"_build/evidence/recipe-{digest[:12]}"])


if __name__ == "__main__":
    main()
