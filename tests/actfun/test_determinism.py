"""`actfun.determinism`: the same seed gives the same numbers, in this process and in a new one."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest

from actfun import determinism
from actfun.determinism import LARGEST_SEED, reproducible

FIX_TENSORFLOW = determinism._fix_tensorflow


@pytest.fixture(autouse=True)
def leave_the_tensorflow_of_the_other_tests_alone(monkeypatch):
    """What is done to it is tested in processes of its own."""
    monkeypatch.setattr(determinism, "_fix_tensorflow", lambda: None)


def run(script):
    """Run `script` in a new interpreter; return what it printed on stdout and on stderr."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def draws(seed):
    generator = reproducible(seed)
    return (random.random(), np.random.rand(), generator.normal())


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    assert draws(7) == draws(7)
    for one, other in zip(draws(7), draws(8), strict=True):
        assert one != other


def test_the_generator_is_that_of_numpy_for_the_seed():
    assert reproducible(3).normal() == np.random.default_rng(3).normal()


@pytest.mark.parametrize("seed", [0, LARGEST_SEED, np.int64(5), np.uint8(5)])
def test_seeds_at_the_ends_and_numpy_integers_are_taken(seed):
    assert draws(seed) == draws(int(seed))


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1])
def test_a_seed_out_of_range_is_named(seed):
    with pytest.raises(ValueError, match=rf"reproducible: .* not {seed}"):
        reproducible(seed)


@pytest.mark.parametrize("seed", [None, 1.0, "1", True, [1], np.array([1, 2])])
def test_a_seed_that_is_no_integer_is_named(seed):
    with pytest.raises(TypeError, match="reproducible: seed must be an integer"):
        reproducible(seed)


def test_a_bad_seed_leaves_every_state_as_it_was():
    reproducible(1)
    with pytest.raises(ValueError):
        reproducible(-1)
    after = random.random()
    reproducible(1)
    assert random.random() == after


NETWORK = """
import keras, numpy as np, tensorflow as tf
from actfun.determinism import reproducible
for repetition in range(2):
    x = reproducible(5).normal(size=(64, 8)).astype("float32")
    network = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"),
                                keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    network.compile("adam", "mse")
    history = network.fit(x, x.sum(axis=1), epochs=2, batch_size=16, verbose=0).history
    print(*[value.hex() for value in history["loss"]])
print(tf.config.threading.get_intra_op_parallelism_threads(),
      tf.config.threading.get_inter_op_parallelism_threads())
"""
BEFORE_THE_IMPORT = """
import sys
from actfun.determinism import reproducible
reproducible(1)
print("tensorflow" in sys.modules, "keras" in sys.modules)
import tensorflow as tf
from tensorflow.python.framework import config
print(config.is_op_determinism_enabled())
import warnings
warnings.simplefilter("error")
reproducible(1); tf.ones(3) + 1; reproducible(1)
warnings.resetwarnings()
"""


def test_keras_trains_to_the_same_bits_whenever_it_was_imported():
    """Twice in each of two processes; in the second, the first call precedes TensorFlow."""
    after, warned = run(NETWORK)
    before, _ = run(BEFORE_THE_IMPORT + NETWORK)
    first, second, threads = after.splitlines()
    assert first == second
    assert threads == "1 1"
    assert "RuntimeWarning" not in warned
    imported, deterministic, *losses, _ = before.splitlines()
    assert imported == "False False"
    assert deterministic == "True"
    assert losses == [first, second]


class StartedTensorFlow:
    """Stands in for a TensorFlow that has run an operation (the real one takes long to start)."""

    def __init__(self):
        self.deterministic = False
        self.config = self.threading = self.experimental = self.random = self

    def get_intra_op_parallelism_threads(self):
        return 4

    def get_inter_op_parallelism_threads(self):
        return 0  # TensorFlow's way to say: as many as it sees fit

    def set_intra_op_parallelism_threads(self, number):
        raise RuntimeError("Intra op parallelism cannot be modified after initialization.")

    set_inter_op_parallelism_threads = set_intra_op_parallelism_threads

    def enable_op_determinism(self):
        self.deterministic = True

    def set_seed(self, seed):
        self.seed = seed


def test_threads_that_can_no_longer_be_fixed_are_warned_of_and_the_rest_is_done(monkeypatch):
    started = StartedTensorFlow()
    monkeypatch.setattr(determinism, "_fix_tensorflow", FIX_TENSORFLOW)
    monkeypatch.setitem(sys.modules, "tensorflow", started)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)
    with pytest.warns(RuntimeWarning, match="intra-op: 4, inter-op: one per core") as caught:
        reproducible(6)
    assert caught[0].filename == __file__
    assert (started.deterministic, started.seed) == (True, 6)
