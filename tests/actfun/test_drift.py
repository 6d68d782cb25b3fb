"""Layers that make and measure drift."""

import keras
import numpy as np
import pytest

from actfun import datasets, drift, ensemble


def test_shake_moves_and_scales_each_unit_within_its_bounds():
    keras.utils.set_random_seed(0)
    shake = drift.Shake(shift=1.0, scale=2.0)
    ones = np.ones((2, 50), np.float32)
    seen = np.stack([shake(ones * [[0], [1]], training=True).numpy() for _ in range(200)])
    shifts, factors = seen[:, 0], seen[:, 1] - seen[:, 0]
    assert -1 <= shifts.min() < -0.95 and 0.95 < shifts.max() <= 1
    assert 0.5 <= factors.min() < 0.52 and 1.95 < factors.max() <= 2
    assert abs(shifts.mean()) < 0.05 and abs(np.log(factors).mean()) < 0.05
    assert np.abs(np.corrcoef(shifts[:, 0], shifts[:, 1])[0, 1]) < 0.3


def test_shake_does_nothing_in_use():
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    assert np.array_equal(drift.Shake()(x).numpy(), x)


@pytest.mark.parametrize(
    "wrong", [{"shift": -1}, {"scale": 0.5}, {"shift": np.inf}, {"scale": "2"}]
)
def test_shake_refuses_a_size_out_of_range(wrong):
    with pytest.raises(ValueError, match=f"Shake: {next(iter(wrong))} must be finite"):
        drift.Shake(**wrong)


def test_watch_measures_the_change_of_means_and_deviations():
    watch = drift.Watch()
    batches = np.array([[[-1.0], [1.0]], [[0.0], [2.0]], [[-2.0], [4.0]]], np.float32)
    for batch in batches:  # means 0, 1, 1; deviations 1, 1, 3
        assert np.array_equal(watch(batch, training=True).numpy(), batch)
    watch(batches[0])
    np.testing.assert_allclose(watch.measured(), [np.sqrt(0.5), np.sqrt(2)], rtol=1e-6)


def test_watch_needs_two_steps():
    watch = drift.Watch()
    watch(np.zeros((2, 3), np.float32), training=True)
    with pytest.raises(ValueError, match="fewer than two"):
        watch.measured()


# Keras's own conversion of a variable, with NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_both_are_saved_and_trained_side_by_side(tmp_path):
    data = datasets.load("wine")

    def build():
        dense = keras.layers.Dense
        shake = drift.Shake(shift=0.5, scale=1.5)
        return keras.Sequential(
            [keras.Input(data.input_shape), dense(8), shake, drift.Watch(), dense(data.outputs)]
        )

    assert ensemble.stacking_pays(build())
    together = ensemble.train(build, data, seeds=range(2), epochs=2)
    alone = ensemble.train(build, data, seeds=range(2), epochs=2, stacked=False)
    np.testing.assert_allclose(
        together.model(1).layers[2].measured(), alone.model(1).layers[2].measured(), rtol=1e-4
    )
    model = together.model(0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.layers[1].get_config()["scale"] == 1.5
    assert again.layers[2].measured() == model.layers[2].measured()
