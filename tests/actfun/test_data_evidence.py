"""The frozen comparisons on data and activation: whole, unchanged, and made from what they say."""

import numpy as np

from actfun import compare, data_evidence
from actfun.data_evidence import EXPERIMENTS


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
                accuracy = "validation_accuracy" in tuned
                column = "validation_accuracy" if accuracy else "validation_loss"
                assert set(final.learning_rate) == {compare.best_rate(tuned, column)}


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
