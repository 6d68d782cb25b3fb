"""The data, networks and figures of the experiments on regularisation are what they say."""

import numpy as np
import pytest

from actfun import recipe
from actfun import regularisation_evidence as evidence
from actfun.regularisation_evidence import EXPERIMENTS, OPTIONS


def test_the_recipe_has_every_activation_and_option():
    choices = EXPERIMENTS["recipe"].choices
    assert choices == tuple(f"{f}, {option}" for f in recipe.ACTIVATIONS for option in OPTIONS)


def test_the_versions_differ_in_some_training_labels_and_in_nothing_else():
    right, wrong = evidence.small(0.0), evidence.small(evidence.WRONG)
    assert len(right.y_train) == evidence.ROWS
    assert 0.2 < np.mean(right.y_train != wrong.y_train) < 0.3
    for part in ("x_train", "x_validation", "y_validation", "x_test", "y_test"):
        assert np.array_equal(getattr(right, part), getattr(wrong, part))


@pytest.mark.parametrize(
    ("choice", "layers", "penalised"),
    [
        ("relu, none", ["Dense", "Activation"] * 2 + ["Dense"], 0),
        ("tanh, L2 0.01", ["Dense", "Activation"] * 2 + ["Dense"], 3),
        ("relu, activity L1 0.01", ["Dense", "Activation", "ActivityRegularization"] * 2, 2),
        ("selu, alpha dropout 0.1", ["Dense", "Activation", "AlphaDropout"] * 2 + ["Dense"], 0),
    ],
)
def test_a_choice_is_the_network_it_names(choice, layers, penalised):
    data = evidence.small(0.0)
    model = evidence.regularised(choice, data)
    assert [type(layer).__name__ for layer in model.layers][: len(layers)] == layers
    model(data.x_train[:5])
    assert len(model.losses) == penalised


def test_weight_decay_is_a_matter_of_the_optimiser():
    assert evidence.optimiser("relu, weight decay 3") == {
        "optimizer": {"name": "adamw", "weight_decay": 3.0}
    }
    assert evidence.optimiser("relu, L2 0.01") == {}
