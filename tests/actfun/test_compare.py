"""`actfun.compare`: statistics against known answers, and the whole procedure on simulated runs.

The simulated trainer takes the place of `actfun.ensemble`, so that hundreds of comparisons cost
seconds; `test_sweeps` trains real networks.
"""

import dataclasses
import functools
import json
import math
import sys
import types

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import actfun
from actfun import compare, datasets, kept
from actfun.compare import groups, holm, mean_interval, paired_interval

matplotlib.use("Agg")
METRICS = ("loss", "accuracy")


@pytest.fixture
def data():
    parts = []
    for i in range(3):
        parts += [np.full((4, 2), 2 * i, np.float32), np.roll(np.arange(4, dtype=np.int32), i)]
    return datasets.Data("small", "classes", *parts)


@pytest.fixture
def regression(data):
    targets = {f"y_{part}": np.ones((4, 1), np.float32) for part in ("train", "validation", "test")}
    return dataclasses.replace(data, task="regression", **targets)


def network(activation, data):
    """Stand for a network: the simulated trainer asks for the activation only."""
    return activation


class Trainer:
    """Simulated runs: accuracy = quality - distance from the best rate + seed's luck + noise."""

    def __init__(self):
        self.calls = []
        self.quality = {}
        self.best_rate = {}
        self.noise, self.luck = 0.01, 0.05
        self.diverges = lambda activation, seed, rate: False
        self.before = lambda number: None
        self.world = 0  # another world, another noise

    def train(self, build, data, *, seeds, learning_rates, progress, **settings):
        activation = build()
        self.before(len(self.calls))
        self.calls.append((activation, tuple(seeds), tuple(learning_rates), data, settings))
        rows = []
        for seed in seeds:
            luck = np.random.default_rng([self.world, seed]).normal()
            for rate in learning_rates:
                key = [self.world, seed, *str(activation).encode(), int(rate * 1e9)]
                noise = np.random.default_rng(key).normal()
                away = abs(math.log10(rate / self.best_rate.get(activation, 1e-3)))
                accuracy = 0.8 + self.quality.get(activation, 0) - 0.1 * away
                accuracy += self.luck * luck + self.noise * noise
                row = {"seed": seed, "learning_rate": rate, "status": "ok", "train_loss": 0.1}
                for part in ("validation", "test"):
                    row |= {f"{part}_loss": 1 - accuracy, f"{part}_accuracy": accuracy}
                if self.diverges(activation, seed, rate):
                    row |= {k: math.nan for k in row if k.endswith(METRICS)}
                    row["status"] = "diverged"
                rows.append(row)
        table = pd.DataFrame(rows)  # with gaps as `ensemble.train` has them
        table = table.astype({c: "Float64" for c in table if c.endswith(METRICS)})
        table = table.mask(table.isna(), pd.NA)
        history = table[["seed", "learning_rate", "train_loss"]].assign(epoch=0)
        return types.SimpleNamespace(table=table, history=history)


@pytest.fixture
def trainer(monkeypatch):
    trainer = Trainer()
    module = types.ModuleType("actfun.ensemble")
    module.train = trainer.train
    monkeypatch.setitem(sys.modules, "actfun.ensemble", module)
    monkeypatch.setattr(actfun, "ensemble", module, raising=False)
    return trainer


# Statistics


def test_paired_interval_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    for n in (2, 5, 10):
        a, b = rng.normal(size=(2, n))
        ours, theirs = paired_interval(a, b), stats.ttest_rel(a, b)
        low, high = theirs.confidence_interval(0.95)
        np.testing.assert_allclose(
            [ours.p, ours.low, ours.high, ours.difference],
            [theirs.pvalue, low, high, np.mean(a - b)],
            rtol=1e-10,
        )
        assert ours.pairs == n


def test_effect_size_is_hedges_g_by_hand():
    # differences 1, 2, 3: mean 2, sd 1, correction 1 - 3 / (4 * 3 - 5) = 4/7
    assert paired_interval([1, 2, 3], [0, 0, 0]).effect_size == pytest.approx(2 * 4 / 7)
    assert paired_interval([0, 0, 0], [1, 2, 3]).effect_size == pytest.approx(-2 * 4 / 7)


def test_equal_differences_do_not_make_a_p_of_zero():
    same = paired_interval([0.3, 0.1, 0.7], [0.3, 0.1, 0.7])
    assert (same.p, same.effect_size, same.low, same.high) == (1, 0, 0, 0)
    # 0.1 apart up to rounding: the sign-flip test's p for five seeds
    a = np.array([0.3, 0.1, 0.7, 0.9, 0.2])
    shifted = paired_interval(a + 0.1, a)
    assert shifted.p == 2 / 2**5 and shifted.effect_size == math.inf
    assert paired_interval(a - 0.1, a).effect_size == -math.inf


def test_pairing_removes_what_the_seeds_share():
    rng = np.random.default_rng(1)
    luck, noise = rng.normal(size=8), 0.01 * rng.normal(size=8)
    paired = paired_interval(luck + noise + 0.1, luck)
    assert paired.high - paired.low < 0.1 * (np.subtract(*mean_interval(luck)[:0:-1]))


def test_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(2)
    for n in (3, 5, 10):
        hits = 0
        for _ in range(2000):
            luck = rng.normal(size=n)
            a = luck + rng.normal(size=n) + 0.3
            result = paired_interval(a, luck)
            hits += result.low <= 0.3 <= result.high
        assert abs(hits / 2000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: paired_interval([1, 2], [1, 2, 3]), "2 and 3 values"),
        (lambda: paired_interval([1], [2]), "at least two values"),
        (lambda: paired_interval([1, math.nan], [1, 2]), "finite, got nan"),
        (lambda: mean_interval([1, 2], confidence=95), "confidence must lie between 0 and 1"),
        (lambda: holm([0.5, math.nan]), "from 0 to 1, got nan"),
        (lambda: holm([[0.5]]), "one axis"),
        (lambda: groups({"a": [1, 2], "b": [1, 2]}, alpha=5), "alpha must lie between 0 and 1"),
    ],
)
def test_bad_numbers_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_holm_by_hand():
    # sorted 0.01 0.02 0.03 0.2: times 4, 3, 2, 1 gives 0.04 0.06 0.06 0.2
    np.testing.assert_allclose(holm([0.2, 0.01, 0.03, 0.02]), [0.2, 0.04, 0.06, 0.06])
    # never below the one before: 0.03 * 2 = 0.06 lifts 0.04 * 1
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1, 1])
    assert holm([]).shape == (0,)


def test_holm_keeps_the_chance_of_any_false_alarm():
    rng = np.random.default_rng(3)
    p = rng.uniform(size=(4000, 9))
    alarms = np.mean([holm(row).min() <= 0.05 for row in p])
    assert abs(alarms - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 4000)
    assert np.mean(p.min(axis=1) <= 0.05) > 0.3  # without the correction


def test_groups_are_the_largest_sets_that_cannot_be_told_apart():
    rng = np.random.default_rng(4)
    luck, step = rng.normal(size=6), 0.01 * rng.normal(size=(4, 6))
    # good and fair differ, middle differs from neither: a chain, as its spread is large
    middle = luck + 0.05 + 0.2 * np.array([1, -1, 1, -1, 1, -1])
    results = {
        "poor": luck - 5 + step[0],
        "fair": luck + step[1],
        "good": luck + 0.1 + step[2],
        "middle": middle,
    }
    assert groups(results) == {"good": "a", "middle": "ab", "fair": "b", "poor": "c"}
    # the other way round the best is the lowest
    assert groups(results, higher_is_better=False)["poor"] == "a"
    # each letter is a clique, and no clique can grow
    letters = groups(results)
    for one in results:
        for other in results:
            corrected = dict(_all_pairs(results))
            if one != other:
                share = set(letters[one]) & set(letters[other])
                assert bool(share) == (corrected[frozenset((one, other))] > 0.05)


def _all_pairs(results):
    names = list(results)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[:i]]
    p = holm([stats.ttest_rel(results[a], results[b]).pvalue for a, b in pairs])
    return [(frozenset(pair), value) for pair, value in zip(pairs, p, strict=True)]


# The procedure


def test_each_activation_gets_its_own_rate_under_an_equal_budget(trainer, data):
    trainer.best_rate = {"relu": 1e-3, "tanh": 1e-2, "gelu": 3e-2}
    trainer.noise = 0
    result = compare.compare(["relu", "tanh", "gelu"], data, network, seeds=5, tuning_seeds=3)
    rates = result.table.learning_rate
    assert dict(rates) == {"relu": 1e-3, "tanh": 1e-2, "gelu": 3e-2}
    assert result.table.note["gelu"] == "best rate is the upper edge of the grid"
    assert result.table.note["tanh"] == ""
    assert set(result.tuning.groupby("activation").size()) == {15}
    tuning, final = trainer.calls[:3], trainer.calls[3:]
    assert {seeds for _, seeds, *_ in tuning} == {(1000, 1001, 1002)}
    assert {seeds for _, seeds, *_ in final} == {(0, 1, 2, 3, 4)}
    assert {(activation, rates) for activation, _, rates, *_ in final} == {
        ("relu", (1e-3,)),
        ("tanh", (1e-2,)),
        ("gelu", (3e-2,)),
    }


def test_the_test_set_is_not_there_when_rates_are_tuned(trainer, data):
    result = compare.compare(["relu", "tanh"], data, network)
    for _, seeds, _, seen, _ in trainer.calls:
        if seeds[0] >= 1000:
            assert not np.any(seen.x_test == 4) and seen.y_test[0] != data.y_test[0]
        else:
            assert np.all(seen.x_test == 4) and seen.y_test[0] == data.y_test[0]
    assert not [column for column in result.tuning if column.startswith("test_")]


def test_table_is_the_statistics_of_the_runs(trainer, data):
    trainer.quality = {"tanh": -0.05, "gelu": 0.002, "sigmoid": -0.2}
    names = ["sigmoid", "relu", "tanh", "gelu"]
    table = (result := compare.compare(names, data, network)).table
    assert list(table.index) == ["gelu", "relu", "tanh", "sigmoid"]  # best first
    per_run = result.runs.pivot(index="seed", columns="activation", values="test_accuracy")
    others = ["sigmoid", "tanh", "gelu"]
    p = holm([stats.ttest_rel(per_run[name], per_run.relu).pvalue for name in others])
    np.testing.assert_allclose(table.p_holm[others], p)
    expected = paired_interval(per_run.tanh, per_run.relu)
    found = table.loc["tanh", ["difference", "difference_low", "difference_high", "effect_size"]]
    np.testing.assert_allclose(list(found), [*expected[:3], expected.effect_size])
    own = table.loc["relu", ["mean", "low", "high"]]
    np.testing.assert_allclose(own.astype(float), mean_interval(per_run.relu))
    assert dict(table.group) == groups({name: per_run[name] for name in names})
    assert table.group["sigmoid"] not in table.group["gelu"]


def test_nothing_differs_when_nothing_differs(trainer, data):
    """A/A: all activations are the same but for noise; any finding is a false alarm."""
    names = ["relu", "tanh", "gelu", "silu", "mish", "elu"]
    found, uncorrected, letters, times = 0, 0, 0, 100
    for world in range(times):
        trainer.world = world
        # one tuning seed and three rates: a choice is made, and noise decides it
        result = compare.compare(
            names, data, network, learning_rates=(9e-4, 1e-3, 1.1e-3), tuning_seeds=1
        )
        found += result.table.p_holm.min() <= 0.05
        runs = result.runs.pivot(index="seed", columns="activation", values="test_accuracy")
        uncorrected += min(stats.ttest_rel(runs[n], runs.relu).pvalue for n in names[1:]) <= 0.05
        letters += len(set(result.table.group)) > 1
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / times)
    assert found / times < limit
    assert letters / times < limit
    assert uncorrected / times > limit  # this is why p is corrected


def test_a_real_difference_is_found(trainer, data):
    trainer.quality = {"tanh": 0.04}
    trainer.noise = 0.01
    found = 0
    for trainer.world in range(20):
        table = compare.compare(["relu", "tanh", "gelu"], data, network, learning_rates=[1e-3])
        found += table.table.p_holm["tanh"] <= 0.05 < table.table.p_holm["gelu"]
    assert found >= 16


def test_one_rate_is_not_tuned_and_the_table_says_so(trainer, data):
    result = compare.compare(["relu", "tanh"], data, network, learning_rates=[1e-2])
    assert set(result.table.note) == {"learning rate not tuned"}
    assert result.tuning.empty and len(trainer.calls) == 2
    with pytest.raises(ValueError, match="nothing was tuned"):
        result.plot_tuning()


def test_loss_is_better_when_lower(trainer, data, regression):
    trainer.quality = {"tanh": 0.1}
    result = compare.compare(["relu", "tanh"], data, network, metric="loss")
    assert (result.metric, result.higher_is_better) == ("test_loss", False)
    assert result.table.index[0] == "tanh" and result.table.difference["tanh"] < 0
    assert compare.compare(["relu", "tanh"], regression, network).metric == "test_loss"


def test_variants_are_compared_under_labels(trainer, data):
    trainer.quality = {"swish": 0.1}
    labels = {"old": "ReLU", "new": "swish"}
    result = compare.compare(labels, data, network, baseline="old")
    assert list(result.table.index) == ["new", "old"]
    assert {activation for activation, *_ in trainer.calls} == {"relu", "swish"}


# Diverged runs


def test_diverging_rates_are_not_chosen(trainer, data):
    trainer.best_rate = {"relu": 3e-2}
    trainer.diverges = lambda activation, seed, rate: rate == 3e-2 and seed == 1001
    result = compare.compare(["relu", "tanh"], data, network)
    assert result.table.learning_rate["relu"] == 1e-2
    assert (result.tuning.status == "diverged").sum() == 2


def test_diverged_final_runs_are_counted_and_in_no_mean(trainer, data):
    trainer.quality = {"tanh": 0.2}
    trainer.diverges = lambda activation, seed, rate: activation == "tanh" and seed in (1, 3)
    result = compare.compare(["relu", "tanh", "gelu"], data, network)
    row = result.table.loc["tanh"]
    assert row.diverged == 2 and row.group == "diverged"
    assert row.note == "2 of 5 final runs diverged"
    ok = result.runs.query("activation == 'tanh' and seed in (0, 2, 4)").test_accuracy
    assert row["mean"] == pytest.approx(ok.mean())
    assert result.table.index[-1] == "tanh"  # the mean of survivors is no rank
    # the difference is that of the same seeds
    relu = result.runs.query("activation == 'relu' and seed in (0, 2, 4)").test_accuracy
    assert row.difference == pytest.approx(ok.mean() - relu.mean())


def test_a_number_that_is_none_counts_as_diverged(trainer, data, monkeypatch):
    honest = trainer.train

    def silent(build, data, **settings):
        runs = honest(build, data, **settings)
        if build() == "tanh":
            runs.table.loc[runs.table.seed == 2, "test_loss"] = math.inf
        return runs

    monkeypatch.setattr(sys.modules["actfun.ensemble"], "train", silent)
    result = compare.compare(["relu", "tanh"], data, network)
    assert result.table.diverged["tanh"] == 1
    finished = result.runs[result.runs.status == "ok"]
    assert np.isfinite(finished.filter(like="test").to_numpy()).all()


@pytest.mark.parametrize("who, others", [("tanh", "relu"), ("relu", "tanh")])
def test_an_activation_that_always_diverges_is_said_to(trainer, data, who, others):
    trainer.diverges = lambda activation, seed, rate: activation == who
    result = compare.compare(["relu", "tanh"], data, network)
    row = result.table.loc[who]
    assert row.note == "diverged at every learning rate"
    assert (row.diverged, row.group) == (5, "diverged")
    assert math.isnan(row["mean"]) and math.isnan(result.table.difference[others])
    assert result.table.group[others] == "a"
    assert "diverged at every" in result._repr_html_() and "nan" not in result._repr_html_()
    if who == "relu":
        assert result.table.note["tanh"] == "no pairs with the baseline"
    figure, _ = result.plot()
    matplotlib.pyplot.close(figure)


def test_when_everything_diverges_the_grid_is_named(trainer, data):
    trainer.diverges = lambda activation, seed, rate: True
    with pytest.raises(ValueError, match="every tuning run .* diverged, at all of .*0.0003"):
        compare.compare(["relu", "tanh"], data, network)


def test_summary_of_kept_runs_is_that_of_the_comparison(trainer, data, tmp_path):
    result = compare.compare(["relu", "tanh", "gelu"], data, network)
    for name in ("runs", "tuning"):
        getattr(result, name).to_csv(tmp_path / name, index=False)
    kept = [pd.read_csv(tmp_path / name) for name in ("runs", "tuning")]
    pd.testing.assert_frame_equal(compare.summarise(*kept).table, result.table)
    with pytest.raises(ValueError, match=r"not \['status'\]"):
        compare.summarise(result.runs.drop(columns="status"))
    with pytest.raises(ValueError, match="several for 'relu' and 0"):
        compare.summarise(pd.concat([result.runs, result.runs]))
    with pytest.raises(ValueError, match="baseline 'elu' is not among"):
        compare.summarise(result.runs, baseline="elu")


def test_best_rate_prefers_runs_that_end_then_accuracy_then_loss():
    table = pd.DataFrame(
        {
            "learning_rate": [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4],
            "status": ["ok", "diverged"] + ["ok"] * 6,
            "validation_accuracy": [1.0, np.nan, 0.8, 0.8, 0.9, 0.7, 0.7, 0.7],
            "validation_loss": [0.1, np.nan, 0.5, 0.5, 0.4, 0.4, 0.1, 0.1],
        }
    )
    assert compare.best_rate(table, "validation_accuracy") == 0.3
    assert compare.best_rate(table, "validation_loss") == 0.4


# Bad input


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"activations": "relu"}, TypeError, "list of names"),
        ({"activations": 3}, TypeError, "list of names"),
        ({"activations": ["relu"]}, ValueError, "at least two"),
        ({"activations": ["relu", "ReLU"]}, ValueError, "'relu' is listed twice"),
        ({"activations": ["relu", "rely"]}, actfun.UnknownActivation, "unknown activation 'rely'"),
        ({"activations": ["relu", 3]}, TypeError, "must be a string, got 3"),
        ({"learning_rates": []}, ValueError, "at least one rate"),
        ({"learning_rates": [0.1, 0.0]}, ValueError, "positive and finite, got 0.0"),
        ({"learning_rates": [math.nan]}, ValueError, "positive and finite, got nan"),
        ({"learning_rates": [0.1, 0.1]}, ValueError, "must differ"),
        ({"seeds": 1}, ValueError, r"seeds must be at least 2.*\[0\]"),
        ({"seeds": 0}, ValueError, "seeds must be at least 2"),
        ({"seeds": [0, 0]}, ValueError, "different"),
        ({"seeds": "ab"}, TypeError, "number of seeds or a list"),
        ({"tuning_seeds": []}, ValueError, "tuning_seeds must be at least 1"),
        ({"tuning_seeds": [0, 7]}, ValueError, r"none in common, both hold \[0\]"),
        ({"epochs": 0}, ValueError, "epochs must be a whole number from 1, got 0"),
        ({"batch_size": 2.5}, ValueError, "batch_size must be a whole number from 1, got 2.5"),
        ({"data": [1, 2]}, TypeError, "datasets.Data, got list"),
        ({"network": "dense"}, TypeError, "network must be a function .* got 'dense'"),
        ({"metric": "f1"}, ValueError, "metric must be 'accuracy' or 'loss' for classes"),
        ({"baseline": "gelu"}, ValueError, "baseline 'gelu' is not among"),
        ({"baseline": "first"}, ValueError, "baseline 'first' is not among"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(trainer, data, change, error, message):
    given = {"activations": ["relu", "tanh"], "data": data, "network": network} | change
    with pytest.raises(error, match=message):
        compare.compare(**given)
    assert not trainer.calls


def test_accuracy_of_a_regression_is_refused(trainer, regression):
    with pytest.raises(ValueError, match="metric must be 'loss' for regression, got 'accuracy'"):
        compare.compare(["relu", "tanh"], regression, network, metric="accuracy")


# Keeping finished parts


def test_interrupted_sweep_continues_where_it_was(trainer, data, tmp_path):
    names = ["relu", "tanh", "gelu"]
    whole = compare.compare(names, data, network)
    trainer.calls.clear()

    def interrupt(number):
        if number == 4:  # tuning of three is done, one final part of three as well
            raise KeyboardInterrupt

    trainer.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        compare.compare(names, data, network, folder=tmp_path)
    assert len(trainer.calls) == 4
    trainer.before = lambda number: None
    trainer.calls.clear()
    resumed = compare.compare(names, data, network, folder=tmp_path)
    assert [activation for activation, *_ in trainer.calls] == ["tanh", "gelu"]
    pd.testing.assert_frame_equal(resumed.table, whole.table)
    pd.testing.assert_frame_equal(_sorted(resumed.runs), _sorted(whole.runs))
    trainer.calls.clear()
    again = compare.compare(names, data, network, folder=tmp_path)
    assert not trainer.calls
    pd.testing.assert_frame_equal(again.table, whole.table)
    pd.testing.assert_frame_equal(_sorted(again.tuning), _sorted(whole.tuning))
    pd.testing.assert_frame_equal(_sorted(again.history), _sorted(whole.history))


def _sorted(frame):
    order = ["activation", "learning_rate", "seed"]
    return frame.sort_values(order, ignore_index=True).sort_index(axis=1)


def other_network(activation, data):
    return activation


class Scale:
    """Something with settings, as a Keras initialiser has."""

    def __init__(self, scale):
        self.scale = scale

    def get_config(self):
        return {"scale": self.scale}


def scaled(activation, data, scale=None, hidden=()):
    return activation


@pytest.mark.parametrize(
    "change, trained",
    [
        ({}, 0),
        ({"activations": ["relu", "tanh", "gelu"]}, 2),  # one more: its two parts
        ({"seeds": 6}, 2),  # the tuning stands
        ({"tuning_seeds": 2}, 2),  # the same rates are found: the final runs stand
        ({"epochs": 21}, 4),
        ({"batch_size": 64}, 4),
        ({"optimizer": {"name": "adam", "beta_1": 0.8}}, 4),
        ({"network": other_network}, 4),
        ({"network": functools.partial(network)}, 4),
        ({"metric": "loss"}, 0),  # read from the same runs
    ],
)
def test_a_part_is_used_again_only_if_all_is_the_same(trainer, data, tmp_path, change, trained):
    trainer.noise = 0
    given = {"activations": ["relu", "tanh"], "data": data, "network": network, "folder": tmp_path}
    compare.compare(**given)
    trainer.calls.clear()
    compare.compare(**given | change)
    assert len(trainer.calls) == trained


def test_a_part_depends_on_data_and_on_what_the_network_holds(trainer, data, tmp_path):
    def count(data=data, network=network):
        trainer.calls.clear()
        compare.compare(["relu", "tanh"], data, network, folder=tmp_path)
        return len(trainer.calls)

    assert count() == 4
    other = dataclasses.replace(data, x_train=data.x_train + 1)
    assert count(data=other) == 4
    # other test rows: the tuning never saw them
    assert count(data=dataclasses.replace(data, y_test=data.y_test[::-1])) == 2
    partial = functools.partial
    assert count(network=partial(scaled, scale=Scale(1.0))) == 4
    assert count(network=partial(scaled, scale=Scale(1.0))) == 0
    assert count(network=partial(scaled, scale=Scale(2.0))) == 4
    assert count(network=partial(scaled, scale=Scale(2.0), hidden=np.array([3]))) == 4
    assert count(network=partial(scaled, scale=Scale(2.0), hidden=np.array([4]))) == 4
    width = 1
    assert count(network=lambda activation, data: (activation, width)[0]) == 4
    assert count(network=lambda activation, data: (activation, width)[0]) == 4  # another line
    repeat = [lambda activation, data, w=w: activation for w in (1, 1, 2)]
    assert [count(network=f) for f in repeat] == [4, 0, 4]


def test_what_cannot_be_recognised_is_refused(trainer, data, tmp_path):
    strange = functools.partial(scaled, scale=iter([1]))
    compare.compare(["relu", "tanh"], data, strange)  # without a folder there is no need
    with pytest.raises(TypeError, match="cannot tell whether .* is the same"):
        compare.compare(["relu", "tanh"], data, strange, folder=tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace('"ok"', '"diverged"', 1),
        lambda text: json.dumps({**json.loads(text), "sha256": "0"}),
        lambda text: "[]",
    ],
)
def test_a_damaged_part_is_computed_again_with_a_warning(trainer, data, tmp_path, damage):
    first = compare.compare(["relu", "tanh"], data, network, folder=tmp_path)
    (path,) = tmp_path.glob("final-tanh-*.json")
    path.write_text(damage(path.read_text()))
    trainer.calls.clear()
    with pytest.warns(RuntimeWarning, match=r"final-tanh.* is damaged .* computed again"):
        second = compare.compare(["relu", "tanh"], data, network, folder=tmp_path)
    assert [call[0] for call in trainer.calls] == ["tanh"]
    pd.testing.assert_frame_equal(first.table, second.table)
    compare.compare(["relu", "tanh"], data, network, folder=tmp_path)  # and mended


def test_a_part_is_never_seen_half_written(trainer, data, tmp_path, monkeypatch):
    def full(fd):
        raise OSError("no space left on device")

    monkeypatch.setattr(kept.os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        compare.compare(["relu", "tanh"], data, network, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_a_file_is_refused(trainer, data, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ValueError, match="is a file"):
        compare.compare(["relu", "tanh"], data, network, folder=file)


# What is shown


def test_rounded_table_speaks_in_words(trainer, data):
    shown = compare.compare(["relu", "tanh"], data, network).rounded(3)
    assert shown.loc["relu", "minus relu"] == "baseline" and shown.loc["relu", "p (Holm)"] == ""
    assert shown.loc["tanh", "minus relu"].count(",") == 1
    assert list(shown["diverged"]) == ["0", "0"]


def test_plots_show_every_activation_and_interval(trainer, data):
    trainer.quality = {"tanh": -0.2}
    result = compare.compare({"relu": "relu", "tanh": "tanh", "mine": "gelu"}, data, network)
    figure, (left, right) = result.plot()
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels == [{"relu": "ReLU", "tanh": "Tanh"}.get(n, n) for n in result.table.index]
    bars = [line for line in right.lines if len(line.get_xdata()) == 2 and line.get_zorder() == 2]
    spans = {tuple(line.get_xdata()) for line in bars}
    row = result.table.loc["tanh"]
    assert (row.difference_low, row.difference_high) in spans
    assert [text.get_text() for text in right.texts] == list(result.table.group)
    markers = [line for line in right.lines if line.get_marker() != "None"]
    hollow = [line.get_markerfacecolor() == "white" for line in markers]
    others = [name for name in result.table.index if name != "relu"]
    assert hollow == [result.table.p_holm[name] > 0.05 for name in others]
    ax = result.plot_tuning()
    assert len(ax.get_legend_handles_labels()[1]) == 3
    matplotlib.pyplot.close("all")
