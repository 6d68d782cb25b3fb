"""The data sets: split without overlap, scaled on the training rows, the same each time."""

import dataclasses

import numpy as np
import pytest

from actfun import datasets


@pytest.mark.parametrize("name", datasets.names())
def test_a_data_set_is_split_scaled_and_repeatable(name):
    data, again = datasets.load(name, seed=3), datasets.load(name, seed=3)
    parts = [(data.x_train, data.y_train), (data.x_validation, data.y_validation)]
    parts.append((data.x_test, data.y_test))
    np.testing.assert_array_equal(data.x_test, again.x_test)
    np.testing.assert_array_equal(data.y_train, again.y_train)
    total = sum(len(x) for x, _ in parts)
    for (x, _), share in zip(parts, (0.6, 0.2, 0.2), strict=True):
        assert len(x) / total == pytest.approx(share, abs=0.04 if name != "mackey_glass" else 0.06)
    assert data.x_train.mean() == pytest.approx(0, abs=1e-3)
    assert data.x_train.std() == pytest.approx(1, abs=0.02)
    if data.task == "classes":
        shares = [np.bincount(y, minlength=data.outputs) / len(y) for _, y in parts]
        assert np.ptp(shares, axis=0).max() < 0.05
    else:
        assert data.y_train.std() == pytest.approx(1, abs=1e-3)


def test_no_row_of_the_digits_is_in_two_parts():
    data = datasets.load("digits")
    together = np.concatenate([data.x_train, data.x_validation, data.x_test])
    assert len(np.unique(together, axis=0)) == len(together) == 1797


def test_another_seed_splits_otherwise():
    assert not np.array_equal(datasets.load("wine", 0).x_train, datasets.load("wine", 1).x_train)


def test_a_series_is_split_in_time_and_its_parts_share_no_value():
    data = datasets.load("mackey_glass")
    for earlier, later in (("train", "validation"), ("validation", "test")):
        last = getattr(data, f"x_{earlier}")[-1]
        first = getattr(data, f"x_{later}")[0]
        # 36 windows later: the last window's 24 and the 12 up to its target are over
        assert not np.isin(first, last).any()
    np.testing.assert_array_equal(data.x_train[0][1:], data.x_train[1][:-1])


def test_recall_asks_for_the_first_symbol():
    data = datasets.load("recall")
    np.testing.assert_array_equal(data.x_test[:, 0, :4].argmax(axis=1), data.y_test)


def test_size_bounds_the_rows():
    data = datasets.load("digits", size=200)
    assert len(data.x_train) == 120 and len(data.x_test) == 40


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("digit",), KeyError, "digits"),
        (("digits", -1), ValueError, "-1"),
        (("digits", 0, 3), ValueError, "at least 10, got 3"),
        (("digits", "a"), TypeError, "str"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        datasets.load(*arguments)


def changed(**fields):
    return dataclasses.replace(datasets.load("wine"), **fields)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("x_test", np.ones((36, 12), np.float32), r"\(36, 12\)"),
        ("x_test", np.full((36, 13), np.nan, np.float32), "x_test.*not finite"),
        ("y_test", np.zeros(5, np.int32), "36 and 5"),
        ("y_test", np.zeros((36, 1), np.int32), r"\(36, 1\)"),
        ("y_test", np.full(36, 3, np.int32), "all occur"),
        ("x_train", np.ones((0, 13), np.float32), "at least one"),
        ("x_train", np.ones((105, 13)), "float32, got float64"),
        ("y_train", np.zeros(105), "int32, got float64"),
        ("task", "ranking", "'ranking'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(field, value, words):
    with pytest.raises((ValueError, TypeError), match=words):
        changed(**{field: value})
