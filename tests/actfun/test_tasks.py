"""The tasks of the back-test: what they promise about data and networks is so."""

import numpy as np
import pytest

from actfun import guide, guide_benchmark, tasks

KINDS = {"dense", "convolutional", "recurrent", "lstm", "gru"}


def test_the_tasks_are_many_and_different():
    every = list(tasks.TASKS.values())
    assert len(every) >= 12
    assert {task.architecture for task in every} == KINDS
    assert min(task.depth for task in every) == 1 and max(task.depth for task in every) >= 12
    assert {task.normalisation for task in every} == {None, "batch"}
    assert {task.data_kind for task in every} == {"general", "smooth", "sparse", "outliers"}
    assert len({task.data for task in every}) >= 8
    assert {task.load().task for task in every} == {"classes", "regression"}


def test_the_tasks_reach_the_rules_of_the_guide():
    reached = {guide.recommend(**task.question()).rule for task in tasks.TASKS.values()}
    assert {"gated", "recurrent", "deep-plain", "outliers", "sparse", "smooth", "usual"} <= reached


def test_every_first_choice_takes_part():
    for task in tasks.TASKS.values():
        answer = guide.recommend(**task.question())
        assert answer.hidden[0].activation in guide_benchmark.ACTIVATIONS


def test_names_and_get():
    assert tasks.names() == [task.name for task in tasks.TASKS.values()]
    assert tasks.get("images").architecture == "convolutional"
    with pytest.raises(KeyError, match="no task 'digit-deep'; did you mean 'digits-deep'"):
        tasks.get("digit-deep")
    with pytest.raises(KeyError, match="no task None"):
        tasks.get(None)


@pytest.mark.parametrize("name", tasks.names())
def test_data_are_small_and_the_same_each_time(name):
    data = tasks.get(name).load()
    assert len(data.x_train) <= 1000
    assert len(data.x_test) >= 80
    assert np.array_equal(data.x_train, tasks.get(name).load().x_train)


@pytest.mark.parametrize("name", ["digits-deep", "digits-deep-normalised", "images", "recall-gru"])
def test_networks_have_the_depth_and_fit_the_data(name):
    import keras

    task = tasks.get(name)
    data = task.load()
    model = task.network("elu", data)
    assert model.output_shape == (None, data.outputs)
    weighted = [
        layer
        for layer in model.layers
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D, keras.layers.GRU))
    ]
    assert len(weighted) == task.depth + 1
    normalised = any(isinstance(v, keras.layers.BatchNormalization) for v in model.layers)
    assert normalised == (task.normalisation == "batch")


def test_a_deep_plain_network_starts_as_the_guide_says():
    import keras

    keras.utils.set_random_seed(0)
    task = tasks.get("digits-deep")
    data = task.load()
    *hidden, last = [v for v in task.network("gelu", data).layers if v.weights]
    begin = guide.start("gelu", depth=task.depth)
    kernels = np.concatenate([np.ravel(v.kernel) * np.sqrt(v.kernel.shape[0]) for v in hidden])
    biases = np.concatenate([np.ravel(v.bias) for v in hidden])
    assert kernels.var() == pytest.approx(begin.weight_variance, rel=0.05)
    assert biases.var() == pytest.approx(begin.bias_variance, rel=0.3)
    assert not np.any(last.bias)
    assert not np.allclose(hidden[1].kernel, hidden[2].kernel)  # drawn anew for each layer
    *hidden, last = [v for v in task.network("relu", data).layers if v.weights]
    assert not any(np.any(v.bias) for v in hidden)


def test_seeds_pair_the_networks_of_two_activations():
    """From one seed the same random numbers, scaled to each activation."""
    import keras

    task = tasks.get("digits-shallow")
    data = task.load()
    kernels = []
    for name in ("relu", "tanh"):
        keras.utils.set_random_seed(3)
        kernels.append(np.asarray(task.network(name, data).layers[0].kernel))
    ratio = kernels[1] / kernels[0]
    assert np.allclose(ratio, ratio[0, 0], rtol=1e-4)
