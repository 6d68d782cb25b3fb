"""The frozen comparisons of optimisers and schedules: what is particular to this module."""

import numpy as np

from actfun import datasets, learning_rates_evidence
from actfun.learning_rates_evidence import EVIDENCE, EXPERIMENTS, STEPS


def test_few_digits_are_all_digits_in_other_parts():
    few, whole = learning_rates_evidence.few()["digits"], datasets.load("digits")
    parts = ("train", "validation", "test")
    assert [len(getattr(few, f"y_{part}")) for part in parts] == [400, 300, 1097]
    assert abs(few.x_train.mean()) < 1e-5
    assert abs(few.x_train.std() - 1) < 1e-5

    def labels(data):
        return np.sort(np.concatenate([getattr(data, f"y_{part}") for part in parts]))

    np.testing.assert_array_equal(labels(few), labels(whole))
    rows = np.concatenate([getattr(few, f"x_{part}") for part in parts])
    assert len(np.unique(rows.round(4), axis=0)) == len(rows)  # none in two parts


def test_decay_is_one_over_the_root_of_the_step():
    factors = learning_rates_evidence.inverse_root(np.arange(STEPS) / STEPS)
    np.testing.assert_allclose(factors, 1 / np.sqrt(np.arange(1, STEPS + 1)))


def test_settings_are_what_the_choice_says():
    assert EXPERIMENTS["adagrad"].settings("relu, deep") == {"optimizer": "adagrad"}
    assert EXPERIMENTS["schedules"].settings("relu, warm-up cosine") == {
        "schedule": "warm-up cosine"
    }
    assert EXPERIMENTS["large rate"].settings("relu, constant") == {}
    bare = EXPERIMENTS["small constants"].settings("tanh, adagrad")["optimizer"]
    assert bare["name"] == "adagrad"
    assert bare["initial_accumulator_value"] == 0


def test_whatever_trains_has_its_best_rate_inside_the_grid():
    runs, tuning, _ = EVIDENCE.kept()
    chosen = runs.groupby(["experiment", "choice"]).learning_rate.first()
    keys = ["experiment", "choice", "learning_rate"]
    validation = tuning.groupby(keys).validation_accuracy.mean()
    inside = 0
    for (name, choice), rate in chosen.items():
        grid = sorted(EXPERIMENTS[name].rates)
        if len(grid) > 1 and validation[name, choice, rate] > 0.5:
            assert grid[0] < rate < grid[-1], (name, choice)
            inside += 1
    assert inside > 50
