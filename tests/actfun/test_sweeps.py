"""`actfun.compare` with real networks: alone, interrupted, and on a local Dask cluster."""

import functools
import os

import numpy as np
import pandas as pd
import pytest

from actfun import compare, datasets, ensemble, networks

SMALL = {
    "learning_rates": (1e-3, 1e-2),
    "seeds": 2,
    "tuning_seeds": 1,
    "epochs": 2,
    "progress": False,
}
ACTIVATIONS = ["relu", "tanh"]


@pytest.fixture(scope="module")
def data():
    return datasets.load("wine")


@pytest.fixture(scope="module")
def network():
    return functools.partial(networks.dense, hidden=(4,))


@pytest.fixture(scope="module")
def alone(data, network):
    return compare.compare(ACTIVATIONS, data, network, **SMALL)


def assert_same(a, b):
    order = ["activation", "learning_rate", "seed"]
    for one, other in ((a.runs, b.runs), (a.tuning, b.tuning)):
        one, other = (f.sort_values(order, ignore_index=True) for f in (one, other))
        pd.testing.assert_frame_equal(one, other, rtol=1e-4)
    pd.testing.assert_frame_equal(a.table, b.table, rtol=1e-3, atol=1e-6)


def test_runs_are_those_of_the_ensemble(alone, data, network):
    rate = alone.table.learning_rate["tanh"]
    expected = ensemble.train(
        functools.partial(network, "tanh", data),
        data,
        seeds=range(2),
        learning_rates=[rate],
        epochs=2,
    ).table
    found = alone.runs[alone.runs.activation == "tanh"]
    for column in ("test_loss", "test_accuracy", "train_loss"):
        np.testing.assert_array_equal(found[column].to_numpy(), expected[column].to_numpy(float))


def test_a_rate_that_is_far_too_large_is_recorded_not_hidden(network):
    data = datasets.load("diabetes", size=60)
    result = compare.compare(
        ["relu", "tanh"], data, network, **SMALL | {"learning_rates": [1e-2, 1e30], "epochs": 12},
        optimizer="sgd",
    )  # fmt: skip
    assert set(result.table.learning_rate) == {1e-2}
    tuning = result.tuning.set_index(["activation", "learning_rate"])
    assert tuning.status["relu", 1e30] == "diverged" and tuning.status["relu", 1e-2] == "ok"
    assert result.table["mean"].notna().all() and (result.table.diverged == 0).all()


def test_threads_beside_it_do_not_change_the_weights(alone, data, network):
    """In a thread that is not the main one, while another draws from the same generator."""
    import random
    import threading

    rate, result = float(alone.table.learning_rate["tanh"]), []
    settings = {"epochs": 2, "batch_size": 32, "optimizer": "adam"}
    task = (data, network, "tanh", (0, 1), (rate,), settings)
    stop = threading.Event()

    def disturb():
        while not stop.wait(0.05):
            random.random()

    threads = [
        threading.Thread(target=disturb),
        threading.Thread(target=lambda: result.append(compare._train(*task))),
    ]
    for thread in threads:
        thread.start()
    threads[1].join()
    stop.set()
    threads[0].join()
    expected = alone.runs[alone.runs.activation == "tanh"]
    np.testing.assert_allclose(result[0]["table"].test_loss, expected.test_loss, rtol=1e-4)


def test_interrupted_training_continues(alone, data, network, tmp_path, monkeypatch):
    calls, train = [], ensemble.train

    def interrupted(*arguments, **settings):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(settings["seeds"])
        return train(*arguments, **settings)

    monkeypatch.setattr(ensemble, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare.compare(ACTIVATIONS, data, network, folder=tmp_path, **SMALL)
    assert len(list(tmp_path.glob("*.json"))) == 3
    calls[:] = [None, None]  # one more call is allowed: the part that is missing
    resumed = compare.compare(ACTIVATIONS, data, network, folder=tmp_path, **SMALL)
    assert len(calls) == 3
    assert_same(resumed, alone)


def test_the_same_sweep_on_a_local_dask_cluster(alone, data, tmp_path):
    """Worker processes train, this one keeps the parts; the numbers are the same."""
    distributed = pytest.importorskip("distributed")
    import joblib

    # Nothing may fall back on this process: its network cannot be built here.
    here = os.getpid()

    def network(activation, data):
        import os

        from actfun import networks

        assert os.getpid() != here, "trained in the client's process"
        return networks.dense(activation, data, hidden=(4,))

    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=2,  # more than one at a time must do no harm
            processes=True,
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask", wait_for_workers_timeout=60),
    ):
        result = compare.compare(ACTIVATIONS, data, network, folder=tmp_path, **SMALL)
    assert_same(result, alone)
    assert len(list(tmp_path.glob("*.json"))) == 4
