"""The frozen tables on tuning: whole, made from what they say, and their searches run again."""

import itertools
import subprocess
import sys

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from actfun import tuning_evidence as evidence


@pytest.fixture(scope="module")
def tables():
    landscape, searches, selection, _ = evidence.search_kept()
    return landscape, searches, selection


def test_the_landscape_is_a_whole_grid(tables):
    landscape = tables[0]
    axes = [
        evidence.searched_tasks(),
        evidence.SEARCHED,
        evidence.DECAYS,
        evidence.EPOCHS,
        evidence.RATES,
    ]
    keys = ["data", "activation", "weight_decay", "epochs", "learning_rate"]
    assert sorted(map(tuple, landscape[keys].to_numpy())) == sorted(itertools.product(*axes))
    figures = landscape[["validation_loss", *evidence.TESTS]].to_numpy()
    assert np.isfinite(figures).all()
    for name, value in evidence.TRIPLE.items():
        assert value in landscape[name].to_numpy()


def test_the_surface_goes_through_the_points_of_the_grid(tables):
    landscape = tables[0]
    losses = evidence.surface(landscape, "digits")
    rows = landscape[(landscape.data == "digits") & (landscape.epochs == evidence.EPOCHS[-1])]
    for row in rows.sample(10, random_state=0).itertuples():
        validation, test = losses(row.activation, row.learning_rate, row.weight_decay)
        assert validation == pytest.approx(row.validation_loss)
        assert test == pytest.approx(np.mean([getattr(row, name) for name in evidence.TESTS]))


def test_a_search_is_the_same_again(tables):
    landscape, searches, _ = tables
    assert len(searches) == 2 * len(evidence.SAMPLERS) * evidence.REPEATS
    for sampler in evidence.SAMPLERS:
        kept = searches[(searches["data"] == "friedman") & (searches.sampler == sampler)].iloc[0]
        losses = evidence.surface(landscape, "friedman")
        found = evidence.search(losses, sampler, int(kept["repeat"]), trials=20)
        for name, value in found.items():
            assert value == pytest.approx(kept[name], rel=1e-4)
        values = [kept[f"validation_{n}"] for n in evidence.BUDGETS]
        assert values == sorted(values, reverse=True)


def test_folds_and_masks():
    y = evidence.sample("moons", 0)[1]
    fold, left_out, masks = evidence.splits(y, 0)
    assert np.bincount(fold).tolist() == [evidence.ROWS // evidence.FOLDS] * evidence.FOLDS
    assert len(masks) == 15
    for pair, mask in zip(left_out, masks, strict=True):
        assert set(fold[~mask]) == set(pair)
        assert not set(fold[mask]) & set(pair)
    assert not np.array_equal(fold, evidence.splits(y, 1)[0])


def test_a_sample_and_its_fresh_rows_have_nothing_in_common():
    for name in evidence.SAMPLED:
        x, y, fresh_x, fresh_y = evidence.sample(name, 3)
        assert len(x) == len(y) == evidence.ROWS
        assert not {row.tobytes() for row in x} & {row.tobytes() for row in fresh_x}
        assert len(fresh_x) == len(fresh_y) >= 800


def test_plain_selection_takes_the_best_score_and_nested_keeps_it_out():
    """Scores of pure chance: the best of them flatters, the nested one does not."""
    rng = np.random.default_rng(0)
    labels = [("relu", 0.1)] * 8
    optimism, nested = [], []
    for _ in range(200):
        held_out, inner = rng.normal(size=(8, 5)), rng.normal(size=(8, 5, 5))
        inner[:, range(5), range(5)] = np.nan
        found = evidence.selected(labels, held_out, np.zeros((8, 5)), inner)
        assert found["score"] == held_out.mean(axis=1).max()
        optimism.append(found["score"])
        nested.append(found["nested_score"])
    assert np.mean(optimism) > 0.5
    assert abs(np.mean(nested)) < 0.1


def test_every_sample_has_its_row(tables):
    selection = tables[2]
    assert selection.groupby("data").repeat.apply(list).to_dict() == {
        name: list(range(evidence.SAMPLES)) for name in evidence.SAMPLED
    }
    shares = selection.drop(columns=["data", "repeat", "activation", "learning_rate"])
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)
    assert (selection.best_truth >= selection.truth - 1e-5).all()
    assert set(selection.activation) <= set(evidence.CANDIDATES)


@pytest.mark.parametrize("name", evidence.PARAMETERS)
def test_a_layer_computes_the_activation_with_its_parameter(name):
    from keras import ops

    from actfun import catalogue

    x = np.linspace(-3, 3, 13, dtype=np.float32)[None]
    for value in evidence.PARAMETERS[name]:
        layer = evidence.layer(name, value)
        layer.build(x.shape)
        given = {evidence.NAMES[name]: value}
        np.testing.assert_allclose(
            ops.convert_to_numpy(layer(x)), catalogue.get(name)(x, **given), atol=1e-5
        )


def test_the_default_of_the_library_comes_first():
    from actfun import catalogue

    for name, values in evidence.PARAMETERS.items():
        assert values[0] == catalogue.get(name).defaults[evidence.NAMES[name]]
    assert evidence.BOUNDS[0] == tuple(catalogue.get("rrelu").defaults.values())


WORKER = """
import sys, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.load_study(
    study_name="shared",
    storage=JournalStorage(JournalFileBackend(sys.argv[1])),
    sampler=optuna.samplers.RandomSampler(seed=int(sys.argv[2])),
)
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=6)
"""


def test_two_processes_share_a_journal_and_lose_no_trial(tmp_path):
    journal = str(tmp_path / "shared.log")
    storage = JournalStorage(JournalFileBackend(journal))
    study = optuna.create_study(study_name="shared", storage=storage)
    running = [
        subprocess.Popen([sys.executable, "-c", WORKER, journal, str(seed)]) for seed in (0, 1)
    ]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    assert sorted(trial.number for trial in study.trials) == list(range(12))
    assert len({trial.params["x"] for trial in study.trials}) == 12
