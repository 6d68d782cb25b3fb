"""Experiments are tuned without the test set, continue where they stopped, and are kept whole."""

import dataclasses
import functools
import importlib
import pathlib

import pandas as pd
import pytest

import actfun
from actfun import compare, datasets, ensemble, frozen, networks
from actfun.experiments import Evidence, Experiment

MODULES = sorted(
    path.stem
    for path in pathlib.Path(actfun.__file__).parent.glob("*_evidence.py")
    if "EVIDENCE = " in path.read_text("utf-8")
)
KEYS = ["experiment", "data", "choice"]


def nearly_best(tuned, task):
    """The rates with the fewest diverged runs that share the best mean, up to what a file keeps."""
    finished = tuned[tuned.status == "ok"].groupby("learning_rate")
    column = "validation_accuracy" if task == "classes" else "validation_loss"
    means = finished[column].mean()[finished.size() == finished.size().max()]
    best = means.max() if task == "classes" else means.min()
    return set(means.index[(means - best).abs() <= 1e-5 * abs(best)])


@pytest.mark.parametrize("module", MODULES)
def test_what_is_frozen_is_what_the_module_describes(module):
    evidence = importlib.import_module(f"actfun.{module}").EVIDENCE
    assert evidence.command == f"python -m actfun.{module}"
    final, tuning, _ = evidence.kept()
    expected = {
        (name, label, str(choice)): (experiment, choice, data)
        for name, experiment in evidence.experiments.items()
        for label, data in experiment.versions().items()
        for choice in experiment.choices
    }
    of = [dict(list(table.groupby(KEYS))) for table in (final, tuning)]
    assert set(of[0]) == set(of[1]) == set(expected)
    for key, (experiment, choice, data) in expected.items():
        runs, tuned = of[0][key], of[1][key]
        assert runs.seed.tolist() == list(experiment.seeds)
        assert not set(runs.seed) & set(tuned.seed)
        assert set(tuned.seed) == set(experiment.tuning_seeds)
        rates = experiment.rates_of(choice)
        assert sorted(tuned.learning_rate.unique()) == sorted(rates)
        assert len(tuned) == len(rates) * len(experiment.tuning_seeds)
        (rate,) = set(runs.learning_rate)
        assert rate in nearly_best(tuned, data.task) or (tuned.status == "diverged").all()


def network(choice, data):
    if choice == "broken":
        raise RuntimeError("interrupted")
    return networks.dense(choice, data, hidden=(4,))


def few():
    data = datasets.load("wine")
    return {"few": dataclasses.replace(data, x_train=data.x_train[:20], y_train=data.y_train[:20])}


SMALL = Experiment(
    few,
    ("relu", "tanh"),
    network,
    epochs=2,
    rates=(0.01, 0.1),
    seeds=range(2),
    tuning_seeds=(1000,),
    measure=lambda runs, rows, data: {"last": [runs.table.validation_loss[row] for row in rows]},
)
EVIDENCE = Evidence("evidence/small.json", {"small": SMALL}, "python -m actfun.small_evidence")


@pytest.fixture
def trainings(monkeypatch):
    """The seeds of each call of `ensemble.train`."""
    calls, train = [], ensemble.train

    def counted(build, data, **given):
        calls.append(list(given["seeds"]))
        return train(build, data, **given)

    monkeypatch.setattr(ensemble, "train", counted)
    return calls


def test_the_rate_is_chosen_on_validation_data_and_what_is_measured_is_kept():
    final, tuning = EVIDENCE.train("small", choice="tanh")
    assert list(final.choice) == ["tanh"] * 2 and final.seed.tolist() == [0, 1]
    assert (final["last"] == final.validation_loss).all()
    assert not [column for column in tuning if column.startswith(("test", "train"))]
    assert set(final.learning_rate) == {compare.best_rate(tuning, "validation_accuracy")}


def test_runs_one_by_one_are_those_of_a_stack(monkeypatch):
    together = EVIDENCE.train("small", choice="relu")
    monkeypatch.setattr(ensemble, "stacking_pays", lambda model: False)
    for one, other in zip(together, EVIDENCE.train("small", choice="relu"), strict=True):
        pd.testing.assert_frame_equal(one, other, rtol=1e-4)


def test_a_choice_may_have_rates_of_its_own():
    own = dataclasses.replace(SMALL, rates=lambda choice: [0.03] if choice == "tanh" else [0.1])
    final, tuning = Evidence("", {"small": own}, "").train("small")
    for table in (final, tuning):
        assert table.groupby("choice").learning_rate.unique().str[0].to_dict() == {
            "relu": 0.1,
            "tanh": 0.03,
        }


def test_settings_reach_the_training():
    def settings(choice):
        return {"optimizer": "sgd", "schedule": "cosine"}

    slow = Evidence("", {"small": dataclasses.replace(SMALL, settings=settings)}, "")
    adam, sgd = (evidence.train("small", choice="relu")[0] for evidence in (EVIDENCE, slow))
    assert (adam.train_loss != sgd.train_loss).all()


def test_an_interrupted_command_continues_and_freezes_the_whole(tmp_path, monkeypatch, trainings):
    monkeypatch.setattr(
        frozen, "freeze", functools.partial(frozen.freeze, folder=tmp_path / "frozen")
    )
    folder = ["--folder", str(tmp_path / "parts")]
    broken = dataclasses.replace(SMALL, choices=("relu", "broken"))
    with pytest.raises(RuntimeError, match="interrupted"):
        Evidence(EVIDENCE.record, {"small": broken}, EVIDENCE.command).main(folder)
    assert len(trainings) == 1
    EVIDENCE.main([*folder, "--only", "small"])
    assert len(trainings) == 2  # tanh
    assert not (tmp_path / "frozen").exists()
    EVIDENCE.main(folder)
    assert len(trainings) == 2
    tables, record = frozen.thaw(EVIDENCE.record, tmp_path / "frozen")
    assert set(tables) == {"small.csv", "small_tuning.csv"}
    assert set(tables["small.csv"].choice) == {"relu", "tanh"}
    assert record["command"] == EVIDENCE.command and record["seconds"] >= 0


def test_changed_settings_are_trained_anew(tmp_path, monkeypatch, trainings):
    monkeypatch.setattr(frozen, "freeze", lambda *a, **k: None)
    folder = ["--folder", str(tmp_path)]
    EVIDENCE.main(folder)
    longer = dataclasses.replace(SMALL, epochs=3)
    Evidence(EVIDENCE.record, {"small": longer}, EVIDENCE.command).main(folder)
    assert len(trainings) == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "large"}, "'large' is no experiment; there are .'small'"),
        ({"name": "small", "version": "many"}, "has no 'many'; it has .'few'"),
        ({"name": "small", "choice": "gelu"}, "has no 'gelu'; it has .'relu', 'tanh'"),
    ],
)
def test_what_is_not_there_is_named(given, message):
    with pytest.raises(KeyError, match=message):
        EVIDENCE.train(**given)
