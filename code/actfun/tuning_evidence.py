r"""The frozen tables of the chapter on tuning: python -m actfun.tuning_evidence.

==========  =====================================================================================
table       what it holds
==========  =====================================================================================
parameter   experiment: activations that have a parameter, each with several values of it
bounds      experiment: the same for the bounds of the randomised rectifier, on one task
batch       experiment: the momentum of batch normalisation, with two activations
landscape   activation x weight decay x epochs x learning rate, AdamW: validation and test figures
searches    random search and TPE on the landscape, many times: the best after n trials
selection   an activation and its rate chosen by cross-validation, many times, on small samples
==========  =====================================================================================

Writes `evidence/tuning.json` with its two tables for the experiments (see `actfun.experiments`),
and `evidence/tuning_search.json` with the other three. Finished parts are kept in a folder, so
that an interrupted run continues.
"""

from __future__ import annotations

import functools
import time

import numpy as np
import pandas as pd

from . import datasets, frozen, kept
from .experiments import Evidence, Experiment

# --- Experiments: the parameter of an activation

PARAMETERS = {
    "leaky_relu": (0.01, 0.1, 0.3),
    "prelu": (0.25, 0.0),
    "elu": (1.0, 0.5, 2.0),
    "celu": (1.0, 0.5, 2.0),
    "swish": (1.0, 0.5, 2.0),
}
"""Values of the activation's parameter, this library's default first; PReLU's is a first value."""

NAMES = {
    "leaky_relu": "negative_slope",
    "prelu": "alpha",
    "elu": "alpha",
    "celu": "alpha",
    "swish": "beta",
}
BOUNDS = ((1 / 8, 1 / 3), (0.0, 1 / 8))
"""Bounds of the randomised rectifier's slope, the default first."""
MOMENTA = (0.99, 0.9, 0.5)
"""Of the moving averages of batch normalisation: Keras's default, PyTorch's, a low one."""


def tasks():
    """Return three small tasks: images, a smooth regression, a curved boundary."""
    return {name: datasets.load(name, size=600) for name in ("digits", "friedman", "spirals")}


def layer(activation, value):
    """Return a Keras layer of the activation with this value of its parameter."""
    import keras

    from . import layers

    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=value)
    if activation == "prelu":
        return keras.layers.PReLU(alpha_initializer=keras.initializers.Constant(value))
    if activation == "swish":
        return layers.Swish(beta_initializer=value, trainable=False)
    function = {"elu": keras.activations.elu, "celu": keras.activations.celu}[activation]
    return keras.layers.Activation(functools.partial(function, alpha=value))


def dense(activation, value, data, hidden=(32, 32)):
    """Return a dense network, initialised for the activation with this value of its parameter."""
    import keras

    from . import catalogue
    from .initializers import VariancePreserving

    function = functools.partial(catalogue.get(activation), **{NAMES[activation]: value})
    stack = [keras.Input(data.input_shape)]
    for units in hidden:
        stack.append(keras.layers.Dense(units, kernel_initializer=VariancePreserving(function)))
        stack.append(layer(activation, value))
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def with_parameter(choice, data):
    """Return the network of "leaky_relu, 0.01" and so on."""
    activation, value = choice.split(", ")
    return dense(activation, float(value), data)


def with_bounds(choice, data):
    """Return the network of "rrelu, 0.125 to 0.333"."""
    import keras

    from . import layers
    from .initializers import VariancePreserving

    lower, upper = bounds_of(choice)
    stack = [keras.Input(data.input_shape)]
    for units in (32, 32):
        stack.append(keras.layers.Dense(units, kernel_initializer=VariancePreserving("rrelu")))
        stack.append(layers.RReLU(lower, upper))
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def with_momentum(choice, data):
    """Return the network of "relu, 0.99" and so on, with batch normalisation."""
    import keras

    from . import layers
    from .initializers import VariancePreserving

    activation, momentum = choice.split(", ")
    stack = [keras.Input(data.input_shape)]
    for units in (32, 32):
        kernel = VariancePreserving(activation)
        stack.append(keras.layers.Dense(units, kernel_initializer=kernel))
        stack.append(keras.layers.BatchNormalization(momentum=float(momentum)))
        stack.append(layers.get(activation))
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def bounds_of(choice):
    """Return the bounds that a choice such as "rrelu, 0.125 to 0.333" names."""
    return next(bounds for bounds in BOUNDS if choice == _named(bounds))


def _named(bounds):
    return "rrelu, {:.3f} to {:.3f}".format(*bounds)


def _ending_calmly(choice):
    """Let the learning rate fall to 0: the last figures then hardly hang on the last batches."""
    return {"schedule": "cosine"}


_experiment = functools.partial(Experiment, rates=(3e-3, 1e-2, 3e-2, 1e-1), settings=_ending_calmly)
EXPERIMENTS = {
    "parameter": _experiment(
        tasks,
        tuple(f"{name}, {value}" for name, values in PARAMETERS.items() for value in values),
        with_parameter,
        seeds=range(12),
    ),
    "bounds": _experiment(
        lambda: {"friedman": tasks()["friedman"]},
        tuple(_named(bounds) for bounds in BOUNDS),
        with_bounds,
        rates=(1e-2, 3e-2, 1e-1),
        seeds=range(5),
    ),
    "batch": _experiment(
        lambda: {"digits": tasks()["digits"]},
        tuple(f"{name}, {momentum}" for name in ("relu", "tanh") for momentum in MOMENTA),
        with_momentum,
        seeds=range(12),
    ),
}
EVIDENCE = Evidence("evidence/tuning.json", EXPERIMENTS, "python -m actfun.tuning_evidence")

# --- The landscape: every point of a grid, so that a search on it costs nothing

RECORD = "evidence/tuning_search.json"
LANDSCAPE, SEARCHES, SELECTION = "tuning_landscape.csv", "tuning_searches.csv", "tuning_cv.csv"
SEARCHED = ("relu", "leaky_relu", "tanh", "gelu", "sigmoid")
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
DECAYS = (1e-4, 1e-2, 1.0)
EPOCHS = (10, 30)
TRIPLE = {"learning_rate": 1e-3, "weight_decay": 1e-4, "epochs": 10}
SEEDS, TUNING_SEEDS = range(5), range(1000, 1003)
TESTS = [f"test_{seed}" for seed in SEEDS]


def searched_tasks():
    """Return the tasks of the landscape."""
    return {name: tasks()[name] for name in ("digits", "friedman")}


def trained(activation, data, weight_decay, epochs, rates=RATES, seeds=(*TUNING_SEEDS, *SEEDS)):
    """Return the table of runs of a dense network with AdamW: all rates, all seeds at once."""
    from . import ensemble, networks

    return ensemble.train(
        functools.partial(networks.dense, activation, data, hidden=(32, 32)),
        data,
        seeds=seeds,
        learning_rates=rates,
        optimizer={"name": "adamw", "weight_decay": weight_decay},
        epochs=epochs,
        progress=False,
    ).table


def landscape_part(data, activation, weight_decay):
    """Return the landscape's rows of an activation and a weight decay."""
    rows = []
    for epochs in EPOCHS:
        for rate, runs in trained(activation, data, weight_decay, epochs).groupby("learning_rate"):
            runs = runs.set_index("seed").astype({"validation_loss": float, "test_loss": float})
            tests = dict(zip(TESTS, runs.test_loss[list(SEEDS)], strict=True))
            rows.append(
                {
                    "data": data.name,
                    "activation": activation,
                    "weight_decay": weight_decay,
                    "epochs": epochs,
                    "learning_rate": rate,
                    "validation_loss": runs.validation_loss[list(TUNING_SEEDS)].mean(),
                    **tests,
                }
            )
    return pd.DataFrame(rows)


# --- Searches on the landscape

BUDGETS = (1, 2, 3, 5, 8, 12, 16, 20, 30, 40)
REPEATS = 40
SAMPLERS = ("RandomSampler", "TPESampler")


def surface(landscape, data, epochs=EPOCHS[-1]):
    """Return function(activation, learning_rate, weight_decay) -> validation loss, test loss.

    The landscape's means, interpolated linearly in the logarithms of rate and decay.
    """
    from scipy.interpolate import RegularGridInterpolator

    table = landscape[(landscape.data == data) & (landscape.epochs == epochs)]
    table = table.assign(test_loss=table[TESTS].mean(axis=1))
    at = {}
    for activation, rows in table.groupby("activation"):
        grid = rows.sort_values(["learning_rate", "weight_decay"])
        values = grid[["validation_loss", "test_loss"]].to_numpy()
        axes = [np.log10(sorted(rows[name].unique())) for name in ("learning_rate", "weight_decay")]
        shape = (*map(len, axes), 2)
        at[activation] = RegularGridInterpolator(axes, values.reshape(shape), bounds_error=True)

    def losses(activation, learning_rate, weight_decay):
        # The logarithm of a bound may lie beyond the axis by a rounding error.
        point = np.log10([learning_rate, weight_decay])
        low, high = np.log10([[RATES[0], DECAYS[0]], [RATES[-1], DECAYS[-1]]])
        return tuple(float(v) for v in at[activation](np.clip(point, low, high))[0])

    return losses


def suggest(trial):
    """Return a point of the search space: an activation, a learning rate and a weight decay."""
    return (
        trial.suggest_categorical("activation", SEARCHED),
        trial.suggest_float("learning_rate", RATES[0], RATES[-1], log=True),
        trial.suggest_float("weight_decay", DECAYS[0], DECAYS[-1], log=True),
    )


def search(losses, sampler, repeat, trials=BUDGETS[-1]):
    """Search a surface once; return the best validation loss after each budget, and its test loss.

    Parameters
    ----------
    losses : callable
        Made by `surface`.
    sampler : str
        Name of a class of `optuna.samplers`.
    repeat : int
        The sampler's seed.
    trials : int

    Returns
    -------
    dict
        ``validation_1``, ``test_1``, ``validation_2``, ...
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=repeat))
    tests = []

    def objective(trial):
        validation, test = losses(*suggest(trial))
        tests.append(test)
        return validation

    study.optimize(objective, n_trials=trials)
    values = np.array([trial.value for trial in study.trials])
    found = {}
    for budget in (n for n in BUDGETS if n <= trials):
        best = values[:budget].argmin()
        found |= {f"validation_{budget}": values[best], f"test_{budget}": tests[best]}
    return found


def searches(landscape):
    """Return the table of all searches."""
    rows = []
    for data in landscape.data.unique():
        losses = surface(landscape, data)
        for sampler in SAMPLERS:
            for repeat in range(REPEATS):
                about = {"data": data, "sampler": sampler, "repeat": repeat}
                rows.append(about | search(losses, sampler, repeat))
    return pd.DataFrame(rows)


# --- Cross-validation on small samples

ROWS, FOLDS, HIDDEN, STEPS = 100, 5, 16, 60
CANDIDATES = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "softsign", "sigmoid")
CANDIDATE_RATES = (0.03, 0.1)
SAMPLES = 60
SAMPLED = ("digits", "moons")


def sample(name, repeat):
    """Return a small sample (x, y), and fresh rows of the same kind to know the truth by."""
    from sklearn.model_selection import train_test_split

    # Moons are drawn anew each time; of the digits there is one set, and other rows are drawn.
    data = datasets.load(name, seed=repeat if name == "moons" else 0)
    parts = ("train", "validation", "test")
    x = np.concatenate([getattr(data, f"x_{part}") for part in parts])
    y = np.concatenate([getattr(data, f"y_{part}") for part in parts])
    x, fresh_x, y, fresh_y = train_test_split(
        x, y, train_size=ROWS, stratify=y, random_state=repeat
    )
    return x, y, fresh_x[:1000], fresh_y[:1000]


def splits(y, repeat):
    """Return the fold of each row, and masks of rows to train on.

    Masks are those without one fold (the first `FOLDS`), then those without two.
    """
    from sklearn.model_selection import StratifiedKFold

    fold = np.empty(len(y), int)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
    for number, (_, held_out) in enumerate(splitter.split(y, y)):
        fold[held_out] = number
    left_out = [(k,) for k in range(FOLDS)]
    left_out += [(k, j) for k in range(FOLDS) for j in range(k)]
    return fold, left_out, np.array([~np.isin(fold, pair) for pair in left_out])


@functools.cache
def _fitter(activation, features, classes):
    """Return a compiled function that trains one network for each mask and rate, side by side.

    Full-batch Adam on the mean cross-entropy of the rows of the mask. It takes weights without a
    first axis, x, y, masks (runs, rows), rates (runs,), more rows, and returns for each run which
    of the rows and which of the others it classifies rightly.
    """
    import tensorflow as tf

    from . import layers

    function = layers.get(activation)

    def logits(weights, x):
        w, b, v, c = weights
        hidden = function(tf.einsum("nf,rfh->rnh", x, w) + b[:, None])
        return hidden @ v + c[:, None]

    def fit(start, x, y, masks, rates, fresh_x, fresh_y):
        runs = tf.shape(masks)[0]
        weights = [tf.repeat(value[None], runs, axis=0) for value in start]
        share = masks / tf.reduce_sum(masks, axis=1, keepdims=True)
        labels = tf.repeat(y[None], runs, axis=0)

        def step(number, weights, means, squares):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits(weights, x))
                loss = tf.reduce_sum(losses * share)
            gradients = tape.gradient(loss, weights)
            means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
            squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, gradients, strict=True)]
            corrected = rates * tf.sqrt(1 - 0.999**number) / (1 - 0.9**number)
            weights = [
                w - tf.reshape(corrected, [-1] + [1] * (len(w.shape) - 1)) * m / (tf.sqrt(s) + 1e-7)
                for w, m, s in zip(weights, means, squares, strict=True)
            ]
            return number + 1, weights, means, squares

        zeros = [tf.zeros_like(w) for w in weights]
        start = (tf.constant(1.0), weights, zeros, zeros)
        _, weights, _, _ = tf.while_loop(lambda number, *_: number <= STEPS, step, start)
        return [
            tf.argmax(logits(weights, rows), axis=-1, output_type=labels.dtype) == right
            for rows, right in ((x, y), (fresh_x, fresh_y))
        ]

    number, label = tf.float32, tf.int32
    shapes = [(features, HIDDEN), (HIDDEN,), (HIDDEN, classes), (classes,)]
    return tf.function(fit, autograph=False).get_concrete_function(
        [tf.TensorSpec(shape, number) for shape in shapes],
        tf.TensorSpec((None, features), number),
        tf.TensorSpec((None,), label),
        tf.TensorSpec((None, None), number),
        tf.TensorSpec((None,), number),
        tf.TensorSpec((None, features), number),
        tf.TensorSpec((None,), label),
    )


def cross_validated(name, repeat):
    """Train all candidates on all folds of a small sample; return accuracies.

    Returns
    -------
    dict
        labels : list of (activation, rate), one for each candidate.
        held_out : ndarray, shape (candidates, folds)
            Trained without fold k, accuracy on fold k.
        fresh : ndarray, shape (candidates, folds)
            The same networks on rows that are in no fold: the truth about them.
        inner : ndarray, shape (candidates, folds, folds)
            Trained without the folds k and j, accuracy on fold j. NaN for k = j.
    """
    import keras
    import tensorflow as tf

    from . import networks

    x, y, fresh_x, fresh_y = sample(name, repeat)
    fold, left_out, masks = splits(y, repeat)
    part = datasets.Data(name, "classes", x, y, x, y, x, y)
    shape = (len(CANDIDATES) * len(CANDIDATE_RATES), FOLDS)
    held_out, fresh = np.empty(shape), np.empty(shape)
    inner = np.full((*shape, FOLDS), np.nan)
    rates = np.repeat(np.float32(CANDIDATE_RATES), len(masks))
    every_mask = np.tile(masks.astype(np.float32), (len(CANDIDATE_RATES), 1))
    for a, activation in enumerate(CANDIDATES):
        keras.utils.set_random_seed(repeat)
        start = networks.dense(activation, part, hidden=(HIDDEN,)).get_weights()
        fit = _fitter(activation, x.shape[1], part.outputs)
        given = (start, x, y, every_mask, rates, fresh_x, fresh_y)
        right, right_fresh = fit(*tf.nest.map_structure(tf.constant, given))
        right = right.numpy().reshape(len(CANDIDATE_RATES), len(masks), -1)
        right_fresh = right_fresh.numpy().reshape(len(CANDIDATE_RATES), len(masks), -1)
        rows = slice(a * len(CANDIDATE_RATES), (a + 1) * len(CANDIDATE_RATES))
        for m, pair in enumerate(left_out):
            if len(pair) == 1:
                held_out[rows, pair[0]] = right[:, m, fold == pair[0]].mean(axis=1)
                fresh[rows, pair[0]] = right_fresh[:, m].mean(axis=1)
            else:
                for k, j in (pair, pair[::-1]):
                    inner[rows, k, j] = right[:, m, fold == j].mean(axis=1)
    labels = [(activation, rate) for activation in CANDIDATES for rate in CANDIDATE_RATES]
    return {"labels": labels, "held_out": held_out, "fresh": fresh, "inner": inner}


def selected(labels, held_out, fresh, inner):
    """Return what plain and nested cross-validation say and do, see the chapter.

    Ties go to the candidate that comes first.
    """
    best = held_out.mean(axis=1).argmax()
    picks = [np.nanmean(inner[:, k], axis=1).argmax() for k in range(held_out.shape[1])]
    pairs = list(zip(picks, range(held_out.shape[1]), strict=True))
    relu = [c for c, (activation, _) in enumerate(labels) if activation == "relu"]
    plain = relu[held_out[relu].mean(axis=1).argmax()]
    return {
        "activation": labels[best][0],
        "learning_rate": labels[best][1],
        "score": held_out[best].mean(),
        "truth": fresh[best].mean(),
        "nested_score": np.mean([held_out[pair] for pair in pairs]),
        "nested_truth": np.mean([fresh[pair] for pair in pairs]),
        "relu_score": held_out[plain].mean(),
        "relu_truth": fresh[plain].mean(),
        "best_truth": fresh.mean(axis=1).max(),
    }


def selection(name, repeats=range(SAMPLES)):
    """Return the table of choices by cross-validation on one data set."""
    return pd.DataFrame(
        {"data": name, "repeat": repeat} | selected(**cross_validated(name, repeat))
        for repeat in repeats
    )


# --- Freezing


def search_kept():
    """Return the frozen landscape, searches and selections, and how they were made.

    Errors as `frozen.thaw`.
    """
    tables, record = frozen.thaw(RECORD)
    return tables[LANDSCAPE], tables[SEARCHES], tables[SELECTION], record


def freeze_search(folder="_build/evidence"):
    """Compute what is missing in the folder, and write the three tables of the search."""
    store = kept.Store(folder)

    def part(label, compute, *arguments):
        described = [a.to_csv() if isinstance(a, pd.DataFrame) else a for a in arguments]
        where = ("tuning_search", label, kept.key(compute, described))
        found = store.load(*where)
        if found is None:
            started = time.process_time()
            found = {"table": compute(*arguments)}
            found["seconds"] = pd.DataFrame({"seconds": [time.process_time() - started]})
            store.save(*where, found)
        seconds.append(found["seconds"].seconds[0])
        print(f"{label}: {seconds[-1]:.0f} s of processor time", flush=True)
        return found["table"]

    seconds = []
    landscape = pd.concat(
        [
            part(f"{label} {activation} {decay:g}", landscape_part, data, activation, decay)
            for label, data in searched_tasks().items()
            for activation in SEARCHED
            for decay in DECAYS
        ],
        ignore_index=True,
    )
    tables = {
        LANDSCAPE: landscape,
        SEARCHES: part("searches", searches, landscape),
        SELECTION: pd.concat([part(f"selection {name}", selection, name) for name in SAMPLED]),
    }
    frozen.freeze(RECORD, tables, command=EVIDENCE.command, seconds=sum(seconds))


def main(arguments=None):
    """Compute what is missing, and write all frozen tables."""
    EVIDENCE.main(arguments)
    freeze_search()


if __name__ == "__main__":
    main()
