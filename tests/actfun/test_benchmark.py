"""`actfun.benchmark`: the competitors compute what we compute. No test asserts a time."""

import itertools

import numpy as np
import pytest

import actfun
from actfun import benchmark

ELEMENTWISE = benchmark.elementwise_names()
# Away from kinks (the conventions there differ) and from where the naive forms overflow.
MODERATE = np.linspace(-12, 12, 4001, dtype=np.float32) + np.float32(1e-4)
# Where a stable form must still be finite and right.
HARD = np.float32([-3e38, -1e5, -200, -100, -50, -20, -7, -1e-3, 1e-3, 7, 20, 50, 100, 200, 1e5])


def ours_and(chosen, name, kind):
    f, other = actfun.get(name), benchmark.COMPETITORS[name]
    if kind == "f":
        return f, getattr(other, chosen)
    return f.derivative, getattr(other, f"{chosen}_derivative")


def test_every_elementwise_function_has_competitors():
    assert list(benchmark.COMPETITORS) == ELEMENTWISE
    assert len(ELEMENTWISE) >= 20


@pytest.mark.parametrize("kind", ["f", "f'"])
@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("chosen", ["naive", "plain"])
def test_competitors_compute_the_same_values(chosen, name, kind):
    ours, other = ours_and(chosen, name, kind)
    with np.errstate(over="ignore"):
        expected = other(MODERATE)
    assert expected.shape == MODERATE.shape
    np.testing.assert_allclose(ours(MODERATE), expected, rtol=2e-5, atol=3e-6)


@pytest.mark.parametrize("kind", ["f", "f'"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_plain_competitor_is_stable_and_keeps_float32(name, kind):
    """Else the comparison would be with a function that does less."""
    ours, other = ours_and("plain", name, kind)
    with np.errstate(over="ignore", under="ignore"):
        result = other(HARD)
    assert result.dtype == np.float32
    np.testing.assert_allclose(ours(HARD), result, rtol=2e-5, atol=3e-6)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_tensorflow_computes_the_same_values(name):
    tf = pytest.importorskip("tensorflow")
    assert list(benchmark.tensorflow_functions(tf)) == ELEMENTWISE
    value, slope = benchmark.tensorflow_pair(tf, benchmark.tensorflow_functions(tf)[name])
    f, x = actfun.get(name), tf.constant(MODERATE)
    np.testing.assert_allclose(f(MODERATE), value(x), rtol=2e-5, atol=3e-6)
    # TensorFlow derives the tanh form of GELU with 1 - tanh^2, which loses digits on the left
    np.testing.assert_allclose(f.derivative(MODERATE), slope(x), rtol=2e-5, atol=1e-5)


def test_a_quick_run_prints_every_function_and_its_derivative(capsys):
    assert benchmark.main(["--quick", "--sizes", "1000", "--without-tensorflow"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    for name, kind in itertools.product(ELEMENTWISE, ("f", "f'")):
        (row,) = [line for line in lines if line.startswith(f"{name} {kind} ")]
        ratios = [float(text) for text in row.split("|")[1].split()]
        assert len(ratios) == 2
        assert all(ratio > 0 for ratio in ratios)
    assert f"numpy {np.__version__}" in lines[0]
    assert "cores" in lines[0]
    assert "Slower than the plain expression by more than 10%:" in lines[-1]


def test_sizes_and_functions_can_be_chosen(capsys):
    arguments = ["--quick", "--without-tensorflow", "--sizes", "1e3", "2000", "--functions"]
    assert benchmark.main([*arguments, "ReLU", "gelu"]) == 0
    out = capsys.readouterr().out
    assert "1,000" in out
    assert "2,000" in out
    labels = [line.split(" | ")[0].strip() for line in out.splitlines() if " | " in line]
    assert labels == ["", "ours /", "relu f", "relu f'", "gelu f", "gelu f'"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "0"], "'0' is not a positive whole number"),
        (["--sizes", "1.5"], "'1.5' is not a positive whole number"),
        (["--sizes", "many"], "'many' is not a positive whole number"),
        (["--functions", "rellu"], "relu"),
        (["--functions", "softmax"], "softmax is not elementwise"),
    ],
)
def test_bad_arguments_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit):
        benchmark.main(arguments)
    assert message in capsys.readouterr().err


def test_the_ratio_is_that_of_ours_to_the_other(monkeypatch):
    """With a clock that only the calls move forward."""
    clock = [0.0]
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: clock[0])

    def lasting(seconds):
        def call():
            clock[0] += seconds

        return call

    calls = {"ours": lasting(3e-6), "slow": lasting(6e-6), "fast": lasting(1e-6)}
    assert benchmark.measure(calls, 0.01) == pytest.approx({"slow": 0.5, "fast": 3.0})
