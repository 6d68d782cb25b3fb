"""The book's figures: one style, one colour and line style per activation function."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence

import numpy as np

from .catalogue import get

# Okabe and Ito's colours, told apart with any colour vision; yellow is too light for lines.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    "#000000",
    "#d08700",
    "#4aa3d8",
    "#009e73",
    "#0072b2",
    "#d55e00",
    "#b5568f",
)
_SOLID, _DASHED, _DOTTED, _DASHDOT = "-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (6, 2, 1.2, 2))
_STYLES = {
    "identity": ("#7f7f7f", _SOLID),
    "binary_step": ("#7f7f7f", _DASHED),
    "sigmoid": (BLUE, _SOLID),
    "hard_sigmoid": (BLUE, _DASHED),
    "log_sigmoid": (BLUE, _DOTTED),
    "tanh": (VERMILION, _SOLID),
    "hard_tanh": (VERMILION, _DASHED),
    "softsign": (ORANGE, _SOLID),
    "relu": (BLACK, _SOLID),
    "relu6": (BLACK, _DASHED),
    "leaky_relu": (SKY, _SOLID),
    "prelu": (SKY, _DASHED),
    "rrelu": (SKY, _DOTTED),
    "elu": (GREEN, _SOLID),
    "celu": (GREEN, _DOTTED),
    "selu": (GREEN, _DASHED),
    "softplus": (ORANGE, _DASHED),
    "gelu": (PURPLE, _SOLID),
    "gelu_tanh": (PURPLE, _DOTTED),
    "silu": (VERMILION, _DASHDOT),
    "swish": (VERMILION, _DOTTED),
    "hard_swish": (PURPLE, _DASHED),
    "mish": (GREEN, _DASHDOT),
    "softmax": (BLUE, _DASHDOT),
    "log_softmax": (SKY, _DASHDOT),
}


def use_book_style() -> None:
    """Apply the book's style and, in a notebook, draw reproducible SVG."""
    import matplotlib.pyplot as plt

    with importlib.resources.as_file(
        importlib.resources.files("actfun").joinpath("book.mplstyle")
    ) as path:
        plt.style.use(path)
    from IPython import get_ipython

    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # The date and tight bounding boxes would make every file differ a little.
        set_matplotlib_formats("svg", bbox_inches=None, metadata={"Date": None})


def style(name: str) -> dict:
    """Return colour and line style of an activation function, the same in every figure.

    >>> style("relu")
    {'color': '#000000', 'linestyle': '-'}
    """
    color, linestyle = _STYLES[get(name).name]
    return {"color": color, "linestyle": linestyle}


def show_pair(
    chosen: str | Sequence[str],
    xlim: tuple[float, float] = (-5, 5),
    *,
    parameters: dict | None = None,
    mark: tuple[float, float] | Sequence[tuple[float, float]] = (),
    mark_label: str | None = None,
    equal_slope: float | None = None,
):
    """Draw functions and their derivatives in two panels side by side.

    Parameters
    ----------
    chosen : str or sequence of str
        Names; several share the panels.
    xlim : pair of float
        Range of x.
    parameters : dict, optional
        name -> dict of parameters.
    mark : pair or sequence of pairs of float
        Intervals of x to shade in both panels: the region that matters.
    mark_label : str, optional
        What the shading means, for the legend.
    equal_slope : float, optional
        Draw a thin horizontal line at this height in the derivative's panel.

    Returns
    -------
    (figure, (axes of the function, axes of the derivative))
    """
    import matplotlib.pyplot as plt

    chosen = [chosen] if isinstance(chosen, str) else list(chosen)
    regions = [mark] if len(mark) and np.isscalar(mark[0]) else list(mark)
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), sharex=True)
    x = np.linspace(*xlim, 1001)
    for region_number, (low, high) in enumerate(regions):
        for ax in axes:
            first = region_number == 0 and ax is axes[1]
            ax.axvspan(low, high, color="#f2dfa8", zorder=0, label=mark_label if first else None)
    for name in chosen:
        f = get(name)
        given = (parameters or {}).get(name, {})
        y, slope = f(x, **given), f.derivative(x, **given)
        jumps = [k.x for k in f.kinks]
        for ax, values in zip(axes, (y, slope), strict=True):
            xs, ys = _broken_at(x, values, jumps if ax is axes[1] or f.smoothness < 0 else [])
            ax.plot(xs, ys, label=f.title, **style(f.name))
    if equal_slope is not None:
        axes[1].axhline(equal_slope, color="#7f7f7f", linewidth=0.8)
    axes[0].set(xlabel="pre-activation $x$", ylabel="$f(x)$", title="function", xlim=xlim)
    axes[1].set(xlabel="pre-activation $x$", ylabel="$f'(x)$", title="derivative")
    if len(chosen) > 1 or mark_label:
        figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure, axes


def _broken_at(x: np.ndarray, y: np.ndarray, points: Sequence[float]):
    """Leave a gap at each of the points, so that no line is drawn across a jump."""
    for point in points:
        x, y = x[x != point], y[x != point]
        i = int(np.searchsorted(x, point))
        if 0 < i < x.size:
            x, y = np.insert(x, i, point), np.insert(y, i, np.nan)
    return x, y
