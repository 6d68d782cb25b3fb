"""The comparisons on initialisation: which options differ, and the networks they make."""

import numpy as np
import pytest

from actfun import recipe, theory
from actfun.initialisation_evidence import (
    CRITICAL_IS_NEW,
    EVIDENCE,
    OPTIONS,
    OWN_GAIN_IS_COMMON,
    options,
)


def test_every_activation_and_option_has_runs_with_a_mean_loss():
    runs, _, _ = EVIDENCE.kept()
    assert runs.mean_train_loss.gt(0).all()
    whole = [f"{f}, {option}" for f in recipe.ACTIVATIONS for option in options(f)]
    assert runs[runs.experiment == "recipe"].choice.unique().tolist() == whole


def test_only_options_that_repeat_another_are_left_out():
    for activation in recipe.ACTIVATIONS:
        own = theory.gain(activation) ** 2
        common = min(abs(own - variance) for variance in (1, 2)) < 0.005
        assert common == (activation in OWN_GAIN_IS_COMMON), activation
        critical = theory.critical_initialisation(activation)
        if activation in CRITICAL_IS_NEW:
            assert all(abs(critical.weight_variance - v) > 0.1 for v in (1, own))
        elif critical:
            assert critical.bias_variance == pytest.approx(0, abs=1e-9)
            assert min(abs(critical.weight_variance - v) for v in (1, 2, own)) < 0.005
    assert set(options("gelu")) == set(OPTIONS) - {"lecun_normal"}


@pytest.mark.parametrize(
    ("option", "weights", "biases"),
    [
        ("pytorch_default", 1 / 3, 1 / 3 / 32),
        ("glorot_uniform", 1, 0),
        ("he_normal", 2, 0),
        ("preserving", 2.352, 0),
        ("orthogonal", 2.352, 0),
        ("critical", 1.983, 0.173),
        ("too large", 8, 0),
    ],
)
def test_an_option_has_the_variances_that_its_name_says(option, weights, biases):
    from actfun.initialisation_evidence import digits, network

    model = network("gelu", option, digits()["digits"], layers=9, kind="residual")
    hidden = [layer for layer in model.layers if layer.name.startswith("dense")][1:-1]
    kernels = np.array([layer.get_weights()[0] for layer in hidden])
    assert 32 * kernels.var() == pytest.approx(weights, rel=0.06)
    found = np.array([layer.get_weights()[1] for layer in hidden]).var()
    assert found == pytest.approx(biases, rel=0.35, abs=1e-9)
    assert not np.array_equal(kernels[0], kernels[1])


def test_kinds_of_network_have_their_layers():
    from actfun.initialisation_evidence import digits, network

    data = digits()["digits"]
    for kind, name, count in (
        ("plain", "dense", 5),
        ("residual", "add", 3),
        ("layer", "layer_normalization", 4),
    ):
        model = network("relu", "he_normal", data, layers=4, kind=kind)
        names = [layer.name.rstrip("_0123456789") for layer in model.layers]
        assert names.count(name) == count
        assert names[-1] == "dense"  # linear outputs
