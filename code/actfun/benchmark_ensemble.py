"""Time the ensemble against as many calls of model.fit: ``python -m actfun.benchmark_ensemble``.

Each network is trained from ten seeds in three ways, with Adam and a validation after each epoch:

fit
    ``model.fit`` for one seed after the other, as anyone would write it: build, compile, fit;
stacked
    ``ensemble.train`` with the weights of all seeds side by side;
one by one
    ``ensemble.train`` with one seed after the other in the same compiled loop.

A ratio is *time of fit / time of the other*: above 1 the ensemble is faster. Everything counts,
also the compiling. The three take turns in one process, and the smallest time of the rounds is
taken, since other programs only add time. The star marks what ``train`` chooses by itself. There
are no absolute times: they would say more about the machine than about the code.

The last column is the largest difference between a weight of the last seed trained by
``ensemble.train`` and by ``model.fit`` with the same batches. It grows with the number of steps:
rounding errors of the last digit are amplified by training itself.
"""

import argparse
import functools
import gc
import time

import keras
import numpy as np
import pandas as pd

from actfun import datasets, ensemble, networks

SEEDS = 10
EPOCHS = 20
BATCH_SIZE = 32
RATE = 1e-3


def cases():
    """Return, for each case, the data and a function that builds the network."""
    digits, images, rows = (
        datasets.load(name) for name in ("digits", "digits_images", "digits_rows")
    )
    return {
        "dense 64-128-128-10": (
            digits,
            functools.partial(networks.dense, "relu", digits, hidden=(128, 128)),
        ),
        "dense 64-32-32-10": (
            digits,
            functools.partial(networks.dense, "relu", digits, hidden=(32, 32)),
        ),
        "convolutions 16-32, dense 64": (
            images,
            functools.partial(networks.convolutional, "relu", images),
        ),
        "simple recurrent 32, 8 steps": (
            rows,
            functools.partial(networks.recurrent, "tanh", rows, cell="simple"),
        ),
        "LSTM 32, 8 steps": (
            rows,
            functools.partial(networks.recurrent, "tanh", rows, cell="lstm"),
        ),
    }


def fit(build, data, seed, epochs, order=None):
    """Train one seed by Keras; with an order of the rows for each epoch if one is given."""
    keras.utils.set_random_seed(seed)
    model = build()
    model.compile(
        keras.optimizers.Adam(RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    validation = (data.x_validation, data.y_validation)
    settings = {"batch_size": BATCH_SIZE, "shuffle": False, "verbose": 0}
    if order is None:
        model.fit(data.x_train, data.y_train, epochs=epochs, validation_data=validation, **settings)
    else:
        for rows in order:
            model.fit(data.x_train[rows], data.y_train[rows], **settings)
    return model


def measure(data, build, seeds=SEEDS, epochs=EPOCHS, rounds=2):
    """Return the ratios for one network, and the largest difference of a weight."""
    kept = {}

    def fits():
        for seed in range(seeds):
            fit(build, data, seed, epochs)

    def trained(stacked):
        kept["runs"] = ensemble.train(
            build,
            data,
            seeds=range(seeds),
            learning_rates=(RATE,),
            epochs=epochs,
            batch_size=BATCH_SIZE,
            stacked=stacked,
            progress=False,
        )

    ways = {
        "fit": fits,
        "stacked": functools.partial(trained, True),
        "one by one": functools.partial(trained, False),
    }
    seconds = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            keras.backend.clear_session()
            gc.collect()
            start = time.perf_counter()
            run()
            seconds[way].append(time.perf_counter() - start)
    last = seeds - 1
    order = ensemble.batch_order(last, len(data.x_train), epochs)
    reference = fit(build, data, last, epochs, order).get_weights()
    ours = kept["runs"].model(last).get_weights()
    chosen = "stacked" if ensemble.stacking_pays(build()) else "one by one"
    least = {way: min(times) for way, times in seconds.items()}
    return {
        f"{way}{' *' if way == chosen else ''}": round(least["fit"] / least[way], 1)
        for way in ("stacked", "one by one")
    } | {"difference": max(np.abs(a - b).max() for a, b in zip(ours, reference, strict=True))}


def main(arguments=None):
    """Print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round, the first network only")
    parser.add_argument("--only", default="", help="networks whose name contains this")
    options = parser.parse_args(arguments)
    print(f"{SEEDS} seeds, {EPOCHS} epochs, batches of {BATCH_SIZE}; time of fit / time of ours")
    for name, (data, build) in cases().items():
        if options.only not in name:
            continue
        ratios = measure(data, build, rounds=1 if options.quick else 2)
        print(pd.DataFrame([ratios], index=[name]).to_string(), flush=True)
        if options.quick:
            break


if __name__ == "__main__":
    main()
