"""The recipe is what the rule picks from the frozen tables, and what `recommend` hands on."""

import keras
import numpy as np
import pandas as pd
import pytest

import actfun
from actfun import catalogue, guide, recipe, recipe_evidence


def runs(**values):
    """Return runs of some options: validation accuracies, None for a run that diverged."""
    rows = [
        {"option": option, "seed": seed, "status": "diverged" if v is None else "ok"}
        | {"validation_accuracy": v}
        for option, of_seeds in values.items()
        for seed, v in enumerate(of_seeds)
    ]
    return pd.DataFrame(rows).astype({"validation_accuracy": float})


HIGH, LOW = [0.9, 0.91, 0.92, 0.9], [0.7, 0.71, 0.73, 0.7]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"a": LOW, "b": HIGH}, ("b", ["b"], ["a"])),
        ({"a": HIGH, "b": LOW}, ("a", ["a"], ["b"])),
        ({"a": [0.9, 0.93, 0.9, 0.91], "b": HIGH}, ("a", ["a", "b"], [])),
        ({"a": [*HIGH[:3], None], "b": LOW}, ("b", ["b"], ["a"])),
        # Each is told from the best one alone, but not after the correction for five of them.
        (
            {"best": [0.9, 0.92, 0.91, 0.93], **dict.fromkeys("bcdef", [0.88, 0.88, 0.9, 0.9])},
            ("b", ["b", "c", "d", "e", "f", "best"], []),
        ),
    ],
)
def test_the_pick_is_the_simplest_that_cannot_be_told_from_the_best(given, expected):
    order = [*sorted(set(given) - {"best"}), "not measured", *({"best"} & set(given))]
    assert recipe_evidence.pick(runs(**given), order) == expected


def test_losses_count_downwards():
    table = runs(a=HIGH, b=LOW).rename(columns={"validation_accuracy": "validation_loss"})
    assert recipe_evidence.pick(table, ["a", "b"])[0] == "b"


def test_nothing_is_picked_from_nothing():
    with pytest.raises(ValueError, match="none of .'a', 'b'. has runs that all finished"):
        recipe_evidence.pick(runs(a=[None, 0.9]), ["a", "b"])


def test_a_diverged_rate_is_no_good_one():
    tuned = runs(x=[0.9, 0.9, None, 0.9]).assign(learning_rate=[0.1, 0.1, 0.2, 0.2])
    assert recipe_evidence.good_rates(tuned) == (0.1, 0.1)


def test_the_frozen_recipes_are_what_the_rule_picks_today():
    made, kept = recipe_evidence.made(), recipe.table()
    made = made.astype(kept.dtypes)
    pd.testing.assert_frame_equal(made, kept, rtol=1e-5)


@pytest.mark.parametrize("name", recipe.ACTIVATIONS)
def test_every_recipe_is_whole(name):
    entry = recipe.get(name)
    assert catalogue.get(name).name == entry.activation == name
    axes = {"initialiser", "normalisation", "dropout"}
    assert axes <= set(entry.advice) <= axes | {"parameter"}
    for advice in entry.advice.values():
        assert advice.alike[:1] in ((), (advice.pick,))
        assert not set(advice.alike) & set(advice.worse)
    for low, high in entry.learning_rates.values():
        assert 0 < low <= high < 1
    assert str(entry).startswith("Recipe (measured on digits): initialiser")
    assert len(repr(entry).splitlines()) >= 6


@pytest.mark.parametrize("name", recipe.ACTIVATIONS)
def test_initialisers_have_the_variance_they_are_named_for(name):
    entry = recipe.get(name)
    keras.utils.set_random_seed(0)
    kernel = entry.kernel_initializer()((400, 400))
    wanted = {
        "glorot_uniform": 1.0,
        "lecun_normal": 1.0,
        "he_normal": 2.0,
        "preserving": actfun.theory.gain(name) ** 2,
        "orthogonal": actfun.theory.gain(name) ** 2,
        "critical": getattr(actfun.theory.critical_initialisation(name), "weight_variance", None),
    }[entry.advice["initialiser"].pick]
    np.testing.assert_allclose(np.var(kernel) * 400, wanted, rtol=0.03)
    assert np.asarray(entry.bias_initializer()((3,))).shape == (3,)


def test_what_was_not_measured_has_none():
    assert recipe.get("binary_step") is None
    with pytest.raises(catalogue.UnknownActivation, match="unknown"):
        recipe.get("unknown")


def test_recommend_hands_the_recipe_on():
    answer = actfun.recommend(depth=12)
    for choice in answer.hidden:
        assert choice.recipe == recipe.get(choice.activation)
        assert str(choice.recipe) in repr(answer)
    assert "Recipe (measured on digits): initialiser" in guide.tool()._repr_html_()
