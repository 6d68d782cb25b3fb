"""What probing costs: ``python -m actfun.benchmark_probes``.

The same training is timed with and without a `Probe` at its default interval, on the digits that
come with scikit-learn, in processor time, which other programs on the machine disturb least. The
two take turns; the least time of the rounds counts. Two ratios are printed, of time with a probe
to time without:

whole
    a new model each round, so that compiling the training step, and with a probe its own two
    functions, is included (the shorter the training, the more they weigh);
running
    the same model trained on, everything compiled before the clock starts.

Below 1.2 the probe slows training by less than a fifth. The first ratio tends to the second as
training gets longer. There are no absolute times.
"""

import argparse
import os
import sys
import time

NETWORKS = ("dense", "convolutional", "recurrent")
LIMIT = 1.2


def build(network):
    """Return a compiled model of that kind, and the shape of its inputs.

    Parameters
    ----------
    network : str
        "dense" (64-128-128-10), "convolutional" (two convolutions and a dense layer) or
        "recurrent" (an LSTM over the rows of the image).

    Raises
    ------
    ValueError
        `network` is none of these.
    """
    import keras
    from keras import layers

    if network == "dense":
        shape = (64,)
        hidden = [layers.Dense(128, "relu"), layers.Dense(128, "relu")]
    elif network == "convolutional":
        shape = (8, 8, 1)
        hidden = [
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, "relu"),
        ]
    elif network == "recurrent":
        shape, hidden = (8, 8), [layers.LSTM(32)]
    else:
        raise ValueError(f"build: network must be one of {', '.join(NETWORKS)}, got {network!r}")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *hidden, layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model, shape


def overhead(network, *, epochs=20, rounds=3, examples=512, every=None):
    """Return the time of training with a probe, relative to training without.

    Parameters
    ----------
    network : str
        As in `build`.
    epochs : int, default 20
        Length of a training, 45 steps of 32 examples an epoch.
    rounds : int, default 3
        Repetitions; the least time counts.
    examples : int, default 512
        Examples the probe looks at.
    every : int, optional
        Steps between two records, by default the probe's own default.

    Returns
    -------
    dict
        "whole" and "running", dimensionless.
    """
    from sklearn.datasets import load_digits

    from actfun.probes import EVERY, Probe

    digits = load_digits()
    x, y = (digits.data[:1437] / 16).astype("float32"), digits.target[:1437]
    x = x.reshape(-1, *build(network)[1])
    fit = {"batch_size": 32, "epochs": epochs, "verbose": 0}

    def callbacks(probed):
        return [Probe(x[:examples], y[:examples], every or EVERY)] if probed else []

    seconds = {}
    for kind in ("whole", "running"):
        times, prepared = {True: [], False: []}, {}
        if kind == "running":
            for probed in times:
                model, probes = build(network)[0], callbacks(probed)
                model.fit(x, y, callbacks=probes, **{**fit, "epochs": 1})
                prepared[probed] = model, probes
        for _ in range(rounds):
            for probed in times:
                model, probes = prepared.get(probed) or (build(network)[0], callbacks(probed))
                start = time.process_time()
                model.fit(x, y, callbacks=probes, **fit)
                times[probed].append(time.process_time() - start)
        seconds[kind] = min(times[True]) / min(times[False])
    return seconds


def main(arguments=None):
    """Print the table; with ``--check``, return 1 if a running ratio is above the limit, else 0."""
    parser = argparse.ArgumentParser(prog="python -m actfun.benchmark_probes", description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--check", action="store_true", help=f"fail above {LIMIT}")
    given = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print("time of fit with a probe at its default interval / without")
    print(f"{'network':15}{'whole':>9}{'running':>9}")
    worst = 0.0
    for network in given.networks:
        ratio = overhead(network, epochs=given.epochs, rounds=given.rounds)
        worst = max(worst, ratio["running"])
        print(f"{network:15}{ratio['whole']:9.2f}{ratio['running']:9.2f}", flush=True)
    return int(given.check and worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
