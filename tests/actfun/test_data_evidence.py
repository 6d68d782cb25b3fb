"""The versions of data that are compared differ in what they say, and in nothing else."""

import numpy as np

from actfun import data_evidence


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
