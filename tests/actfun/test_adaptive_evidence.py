"""What is compared with what: learned activations and their counterparts differ in that only."""

import keras
import numpy as np
import pytest

from actfun import adaptive_evidence
from actfun.adaptive_evidence import COUNTERPARTS, DEPTH, LAYERS, WIDTH

TASKS = [*adaptive_evidence.classes().values(), *adaptive_evidence.values().values()]


def test_few_and_many_digits_differ_in_the_number_of_rows_only():
    few, many = adaptive_evidence.few()["few"], adaptive_evidence.classes()["digits"]
    assert len(few.x_train) == adaptive_evidence.FEW
    assert len(many.x_train) == adaptive_evidence.MANY
    for data in (few, many):
        rows = [len(part) for part in (data.x_train, data.x_validation, data.x_test)]
        assert sum(rows) == 1797 and rows[1] == adaptive_evidence.VALIDATION_ROWS
    np.testing.assert_array_equal(few.y_train, many.y_train[: len(few.y_train)])


@pytest.mark.parametrize("data", TASKS, ids=lambda data: data.name)
def test_compared_networks_start_as_the_same_function(data):
    for learned, fixed in COUNTERPARTS.items():
        if learned in ("maxout", "rational, layer"):  # maxout is narrower, a rational is near
            continue
        outputs = []
        for choice in (learned, fixed):
            keras.utils.set_random_seed(0)
            outputs.append(adaptive_evidence.network(choice, data)(data.x_test).numpy())
        np.testing.assert_allclose(*outputs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("data", TASKS, ids=lambda data: data.name)
def test_maxout_has_no_more_parameters_than_relu_and_could_not_be_wider(data):
    relu, maxout = (
        adaptive_evidence.network(choice, data).count_params() for choice in ("relu", "maxout")
    )
    assert 0.9 * relu < maxout <= relu
    (width,) = set(adaptive_evidence.narrower((WIDTH,) * DEPTH, data))
    assert adaptive_evidence.narrower((width,) * DEPTH, data, pieces=1) == (width,) * DEPTH


def test_a_decay_of_0_is_plain_prelu():
    (data,) = adaptive_evidence.few().values()
    plain, penalised = (adaptive_evidence.decayed(decay, data) for decay in (0.0, 0.1))
    assert not plain.losses
    # 256 slopes of 1/4
    assert float(sum(penalised.losses)) == pytest.approx(0.1 * 256 / 16)


def test_every_learned_choice_has_a_counterpart_without_learned_parameters():
    for learned, fixed in COUNTERPARTS.items():
        assert LAYERS[fixed][0] in ("relu", "leaky_relu", "silu", "elu")
        assert LAYERS[learned][0] not in ("relu", "leaky_relu", "silu", "elu")
