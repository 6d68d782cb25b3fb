"""The figure style: one look per activation function, gaps at jumps, reproducible files."""

import io
import itertools

import matplotlib as mpl
import numpy as np
import pytest

import actfun
from actfun import plotting

mpl.use("Agg")


def test_every_activation_has_its_own_look():
    looks = [str(plotting.style(name)) for name in actfun.names()]
    assert len(set(looks)) == len(looks)


def _luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in mpl.colors.to_rgb(color)]  # fmt: skip
    return np.dot(linear, (0.2126, 0.7152, 0.0722))


def test_lines_stand_out_from_the_page():
    for name in actfun.names():
        contrast = 1.05 / (_luminance(plotting.style(name)["color"]) + 0.05)
        assert contrast >= 2.7, f"{name}: {contrast:.2f}"


def test_same_colour_means_another_line_style():
    for a, b in itertools.combinations(actfun.names(), 2):
        one, other = plotting.style(a), plotting.style(b)
        if one["color"] == other["color"]:
            assert one["linestyle"] != other["linestyle"], (a, b)


def test_show_pair_draws_function_derivative_and_gaps():
    plotting.use_book_style()
    figure, (left, right) = plotting.show_pair(
        ["relu", "tanh"], (-2, 2), mark=(-2, 0), mark_label="flat"
    )
    x, y = left.lines[1].get_data()
    assert np.allclose(y, np.tanh(x))
    slope = right.lines[0].get_ydata()
    assert np.isnan(slope).sum() == 1  # the jump of ReLU's derivative
    assert set(slope[~np.isnan(slope)]) == {0, 1}
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["flat", "ReLU", "Tanh"]


def test_the_same_figure_is_the_same_file():
    plotting.use_book_style()
    files = []
    for _ in range(2):
        figure, _axes = plotting.show_pair("gelu")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        files.append(buffer.getvalue())
    assert files[0] == files[1]


def test_unknown_name():
    with pytest.raises(KeyError, match="did you mean"):
        plotting.style("rely")
