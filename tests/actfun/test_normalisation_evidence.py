"""The frozen comparisons on normalisation: whole, unchanged, and made from what they say."""

import numpy as np
import pandas as pd
import pytest

from actfun import normalisation_evidence, recipe
from actfun.normalisation_evidence import EVIDENCE, EXPERIMENTS, OPTIONS, TARGET, epochs_to


def test_the_fast_rate_is_one_of_the_grid_and_no_run_is_slower_than_its_training():
    runs, _, _ = EVIDENCE.kept()
    for name, experiment in EXPERIMENTS.items():
        final = runs[runs.experiment == name]
        assert set(final.fast_rate) <= set(experiment.rates)
        assert final.epochs_to_loss.between(1, experiment.epochs).all()


def test_the_axis_covers_every_activation_and_option():
    wanted = [f"{activation}, {option}" for activation in recipe.ACTIVATIONS for option in OPTIONS]
    assert list(EXPERIMENTS["recipe"].choices) == wanted


def test_epochs_to_a_loss_are_interpolated():
    losses = {0: [2.0, 1.0, 0.1], 1: [0.2, 0.1, 0.1], 2: [2.0, 2.0, 2.0]}
    history = pd.concat(
        pd.DataFrame({"seed": seed, "learning_rate": 0.1, "epoch": [1, 2, 3], "train_loss": values})
        for seed, values in losses.items()
    )
    found = epochs_to(history.sample(frac=1, random_state=0), target=10**-0.5)
    np.testing.assert_allclose(found.to_numpy(), [2.5, 1.0, np.inf])
    assert TARGET < 1


@pytest.mark.parametrize(
    ("option", "layers"),
    [
        ("none", ["dense", "activation"]),
        ("layer", ["dense", "layer_normalization", "activation"]),
        ("batch", ["dense", "batch_normalization", "activation"]),
        ("after", ["dense", "activation", "batch_normalization"]),
    ],
)
def test_the_normalisation_is_where_the_option_says(option, layers):
    data = normalisation_evidence.fewer_digits()["digits"]
    model = normalisation_evidence.network(f"relu, {option}", data, hidden=(4,))
    names = [layer.name.rstrip("_0123456789") for layer in model.layers]
    assert names == [*layers, "dense"]
    assert model.layers[0].use_bias == (option != "batch")
