"""The frozen comparisons on data and activation: whole, unchanged, and made from what they say."""

import numpy as np
import pandas as pd

from actfun import data_evidence
from actfun.data_evidence import EXPERIMENTS, best_rate


def test_every_choice_has_its_runs_and_its_best_rate():
    runs, tuning, _ = data_evidence.kept()
    keys = ["experiment", "data", "activation"]
    for name, experiment in EXPERIMENTS.items():
        for data in experiment.versions():
            for choice in experiment.choices:
                final, tuned = (
                    table[(table[keys] == [name, data, str(choice)]).all(axis=1)]
                    for table in (runs, tuning)
                )
                assert final.seed.tolist() == list(experiment.seeds)
                assert not set(final.seed) & set(tuned.seed)
                assert sorted(tuned.learning_rate.unique()) == list(experiment.rates)
                tuned = tuned.dropna(axis=1, how="all")
                assert set(final.learning_rate) == {best_rate(tuned)}


def test_best_rate_prefers_runs_that_end_then_accuracy_then_loss():
    table = pd.DataFrame(
        {
            "learning_rate": [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4],
            "status": ["ok", "diverged"] + ["ok"] * 6,
            "validation_accuracy": [1.0, np.nan, 0.8, 0.8, 0.9, 0.7, 0.7, 0.7],
            "validation_loss": [0.1, np.nan, 0.5, 0.5, 0.4, 0.4, 0.1, 0.1],
        }
    )
    assert best_rate(table) == 0.3
    assert best_rate(table.drop(columns="validation_accuracy")) == 0.4


def test_versions_differ_in_what_they_say_and_in_nothing_else():
    digits = data_evidence.positive()
    assert digits["positive"].x_train.min() == 0
    assert abs(digits["centred"].x_train.mean()) < 1e-5
    shift = digits["positive"].x_test - digits["centred"].x_test
    np.testing.assert_allclose(shift, shift[0, 0], atol=1e-5)
    counts = data_evidence.sparse()
    inner = [data.x_test @ data.x_train.T for data in (counts["sparse"], counts["rotated"])]
    np.testing.assert_allclose(*inner, atol=1e-3)
    assert [np.mean(data.x_train == 0) > 0.9 for data in counts.values()] == [True, False]
    labels = data_evidence.noise()
    right, wrong = labels["right labels"], labels["wrong labels"]
    assert 0.2 < np.mean(right.y_train != wrong.y_train) < 0.4
    assert np.array_equal(right.y_test, wrong.y_test)
    trend = data_evidence.series()["trend"]
    assert np.median(trend.y_test) > trend.y_train.max()
    for data in data_evidence.recall().values():
        assert np.array_equal(data.x_test[:, 0, :4].argmax(axis=1), data.y_test)
        assert np.array_equal(data.x_test[:, :, 4].sum(axis=1), np.ones(len(data.x_test)))
