"""The back-test: regret, its intervals, the frozen table, and a run that continues."""

import json
import types

import numpy as np
import pandas as pd
import pytest

from actfun import guide, guide_benchmark, tasks

FEW = ("relu", "gelu", "tanh")


@pytest.fixture
def few(monkeypatch):
    """Three activations instead of ten."""
    monkeypatch.setattr(guide_benchmark, "ACTIVATIONS", FEW)
    monkeypatch.setattr(guide_benchmark, "ADAPTIVE", ("prelu",))


def made(errors, choices):
    """A table from errors (task -> activation -> error) and the guide's first choices."""
    rows = [
        {
            "task": task,
            "activation": name,
            "choice": choices[task],
            "error": error,
            "validation": error + (0.1 if name == "gelu" else 0),
        }
        for task, known in errors.items()
        for name, error in known.items()
    ]
    return pd.DataFrame(rows).set_index(["task", "activation"])


@pytest.fixture
def table(few):
    return made(
        {
            "a": {"relu": 0.10, "gelu": 0.05, "tanh": 0.30},
            "b": {"relu": 0.20, "gelu": 0.24, "tanh": 0.25},
            "c": {"relu": 0.50, "gelu": 0.20, "tanh": 0.10},
        },
        {"a": "gelu", "b": "tanh", "c": "tanh"},
    )


def test_regret_is_the_distance_to_the_best_of_the_task(table):
    regret = guide_benchmark.with_regret(table).regret
    assert regret["a", "gelu"] == 0 and regret["a", "tanh"] == pytest.approx(0.25)
    assert regret.groupby(level="task").min().tolist() == [0, 0, 0]


def test_a_learned_activation_does_not_compete(few):
    rows = made({"a": {"relu": 0.2, "gelu": 0.3, "tanh": 0.4, "prelu": 0.1}}, {"a": "relu"})
    regret = guide_benchmark.with_regret(rows).regret
    assert regret["a", "relu"] == 0 and regret["a", "prelu"] == pytest.approx(-0.1)
    assert "always prelu" not in guide_benchmark.policies(rows)


def test_policies(table):
    found = guide_benchmark.policies(table)
    assert found.guide.tolist() == pytest.approx([0, 0.05, 0])
    assert found["always relu"].tolist() == pytest.approx([0.05, 0, 0.4])
    assert found.random.tolist() == pytest.approx([0.1, 0.03, 1 / 6])
    assert found["try all"].tolist() == pytest.approx([0.05, 0, 0])  # gelu looks bad on a
    # On b and c gelu loses least (0.14 against 0.40 and 0.05): tanh it is; and so on.
    assert found["best on the other tasks"].tolist() == pytest.approx([0.25, 0.04, 0.1])


def test_summary_against_plain_arithmetic(table):
    found = guide_benchmark.summary(table, resamples=4000)
    assert found.regret["guide"] == pytest.approx(0.05 / 3)
    assert found.difference["guide"] == pytest.approx(0.05 / 3 - 0.15)
    assert found.difference["always relu"] == 0
    for row in found.itertuples():
        assert row.low <= row.regret <= row.high
        assert row.difference_low <= row.difference <= row.difference_high
    # The worst sample of three is three times the worst task: 1/27 of all samples, above 2.5 %.
    assert found.high["always relu"] == pytest.approx(0.4)
    assert found.low["guide"] == pytest.approx(0)
    again = guide_benchmark.summary(table, resamples=4000)
    pd.testing.assert_frame_equal(found, again)


def test_the_interval_narrows_with_more_tasks(few):
    def width(count):
        rng = np.random.default_rng(0)
        names = [f"t{i}" for i in range(count)]
        errors = {t: dict(zip(FEW, rng.random(3), strict=True)) for t in names}
        rows = made(errors, dict.fromkeys(names, "gelu"))
        found = guide_benchmark.summary(rows, resamples=1000).loc["guide"]
        return found.high - found.low

    assert width(64) < width(8) < 1


def test_diverged_runs_count_as_chance():
    runs = pd.DataFrame(
        {
            "status": ["ok", "diverged"],
            "test_accuracy": [0.9, np.nan],
            "test_loss": [0.3, np.nan],
        }
    )
    classes = types.SimpleNamespace(task="classes", outputs=4)
    numbers = types.SimpleNamespace(task="regression", outputs=4)
    assert guide_benchmark.errors(runs, classes).error.tolist() == pytest.approx([0.1, 0.75])
    assert guide_benchmark.errors(runs, numbers).error.tolist() == pytest.approx([0.3, 1.0])


def test_agreement_is_within_the_tolerance_stated(table):
    rerun = table.iloc[:2].assign(error=table.error.iloc[:2] + [0.01, 0.03])[["error"]]
    assert guide_benchmark.agree(rerun, table, 0.02).tolist() == [True, False]


def test_recurrent_cells_hold_no_learned_activation():
    assert "prelu" not in guide_benchmark.activations(tasks.get("recall-gru"))
    assert "prelu" in guide_benchmark.activations(tasks.get("images"))


def test_the_frozen_table_is_whole_and_unchanged():
    table, about = guide.evidence()
    assert about["rules_sha256"] == guide.checksum(), "the rules changed after the back-test"
    measured = table.index.get_level_values("task").unique()
    assert len(measured) >= 12 and set(measured) <= set(tasks.names())
    for name in measured:
        rows = table.loc[name]
        assert set(guide_benchmark.ACTIVATIONS) <= set(rows.index)
        assert len(guide_benchmark.ACTIVATIONS) >= 10
        seeds = rows.filter(like="seed_")
        assert seeds.shape[1] >= 5 and np.isfinite(seeds.to_numpy()).all()
        assert np.allclose(rows.error, seeds.mean(axis=1), atol=1e-4)
        assert set(rows.learning_rate.dropna()) <= set(guide_benchmark.LEARNING_RATES)
    regret = guide_benchmark.with_regret(table.drop(columns="regret")).regret
    assert np.allclose(regret, table.regret, atol=2e-4)


def test_a_run_continues_where_it_stopped(tmp_path, monkeypatch, capsys, few):
    """The second call trains nothing and writes the same table."""
    from actfun import ensemble

    small = tasks.Task("tiny", "two moons", "moons", 60, "dense", (4,), epochs=1, batch_size=12)
    monkeypatch.setattr(tasks, "TASKS", {"tiny": small})
    monkeypatch.setattr(guide_benchmark, "ACTIVATIONS", ("relu", "tanh"))
    monkeypatch.setattr(guide_benchmark, "ADAPTIVE", ())
    monkeypatch.setattr(guide_benchmark, "LEARNING_RATES", (1e-3, 1e-2))
    monkeypatch.setattr(
        guide_benchmark.measure,
        "__kwdefaults__",
        {
            **guide_benchmark.measure.__kwdefaults__,
            "learning_rates": (1e-3, 1e-2),
            "seeds": 2,
        },
    )
    output, record = tmp_path / "out" / guide.TABLE, tmp_path / "out" / "record.json"
    call = ["--tasks", "tiny", "--folder", str(tmp_path / "parts"), "--record", str(record)]
    assert guide_benchmark.main(call) == 0
    first = output.read_bytes()
    about = json.loads(record.read_text())
    assert about["command"].startswith("python -m actfun.guide_benchmark --tasks tiny")
    assert "1/1 tiny" in capsys.readouterr().out
    table = pd.read_csv(output, index_col=["task", "activation"])
    assert list(table.loc["tiny"].index) == ["relu", "tanh"]
    assert {"rule", "choice", "learning_rate", "error", "regret", "seed_0", "seed_1"} <= set(table)

    def forbidden(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(ensemble, "train", forbidden)
    output.unlink()
    assert guide_benchmark.main(call) == 0
    assert output.read_bytes() == first


def test_an_unknown_task_is_an_error_before_anything_runs(tmp_path):
    with pytest.raises(KeyError, match="did you mean"):
        guide_benchmark.main(["--tasks", "digitsdeep", "--folder", str(tmp_path)])
