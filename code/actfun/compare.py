r"""Compare activation functions so that the answer means something.

`compare` tunes the learning rate of each activation on validation data, trains each with the same
seeds, reads the test set once, and returns a `Comparison`: a table with intervals, corrected
p-values and letters for what cannot be told apart. The statistics are functions of their own:
`paired_interval`, `holm` and `groups`.

What the intervals cover is the seed: initial weights and order of the batches. The data set and
its split are the same in all runs, so another split may shift every mean.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from . import kept
from .activation import Activation
from .catalogue import get
from .datasets import Data

LEARNING_RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""Half a decade apart, for Adam and its kin; stochastic gradient descent needs larger ones."""

FIRST_TUNING_SEED = 1000
"""Tuning seeds count from here, final seeds from 0."""

ALPHA = 0.05

# Keras keeps its random state in the process, so threads must not train side by side.
_ONE_AT_A_TIME = threading.Lock()


# Statistics


class PairedInterval(NamedTuple):
    """The mean of paired differences, with its interval."""

    difference: float
    low: float
    high: float
    p: float
    effect_size: float
    pairs: int


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of `values` and its t interval.

    mean -+ t s / sqrt(n), with the standard deviation s (n - 1 degrees of freedom) and Student's
    quantile t.

    Parameters
    ----------
    values : sequence of float, length n >= 2
        One value for each seed, finite.
    confidence : float, default 0.95
        Between 0 and 1.

    Returns
    -------
    (mean, low, high)

    Raises
    ------
    ValueError
        Too few values, a value that is not finite, or a confidence out of range.

    Examples
    --------
    >>> [round(v, 3) for v in mean_interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    from scipy import special

    values = _sample("mean_interval", "values", values)
    _check_confidence("mean_interval", confidence)
    mean = float(values.mean())
    if np.ptp(values) == 0:  # their mean may differ from them in the last digit
        return mean, mean, mean
    n = values.size
    margin = special.stdtrit(n - 1, (1 + confidence) / 2) * values.std(ddof=1) / math.sqrt(n)
    return mean, float(mean - margin), float(mean + margin)


def paired_interval(
    a: Sequence[float], b: Sequence[float], confidence: float = 0.95
) -> PairedInterval:
    r"""Return the mean of a - b with its t interval, p-value and effect size.

    With d = a - b, mean m, standard deviation s and n pairs: the interval is m -+ t s / sqrt(n),
    p belongs to the two-sided paired t test, and the effect size is Hedges' g of paired data,
    (m / s) (1 - 3 / (4 n - 5)): differences in units of their own spread from seed to seed,
    with the correction for few seeds.

    If all differences are equal, their spread says nothing. Then p is that of the sign-flip
    test, 2 / 2**n (1 if they are 0), and the effect size is infinite (0 if they are 0).

    Parameters
    ----------
    a, b : sequence of float, length n >= 2
        Values of the same seeds in the same order, finite.
    confidence : float, default 0.95
        Between 0 and 1.

    Returns
    -------
    PairedInterval
        difference, low, high (unit of the values), p, effect_size (dimensionless), pairs.

    Raises
    ------
    ValueError
        The lengths differ, there are too few values, or one is not finite.

    References
    ----------
    Hedges (1981), "Distribution theory for Glass's estimator of effect size and related
    estimators", doi:10.3102/10769986006002107.

    Examples
    --------
    >>> result = paired_interval([0.97, 0.96, 0.98], [0.95, 0.95, 0.95])
    >>> round(result.difference, 3), round(result.p, 3), round(result.effect_size, 2)
    (0.02, 0.074, 1.14)
    """
    from scipy import special

    a = _sample("paired_interval", "a", a)
    b = _sample("paired_interval", "b", b)
    if a.size != b.size:
        raise ValueError(
            f"paired_interval: a and b must be paired, got {a.size} and {b.size} values"
        )
    d = a - b
    n = d.size
    mean, low, high = mean_interval(d, confidence)
    rounding = 8 * np.finfo(float).eps * max(np.abs(a).max(), np.abs(b).max())
    if np.ptp(d) <= rounding:
        if abs(mean) <= rounding:
            return PairedInterval(0.0, 0.0, 0.0, 1.0, 0.0, n)
        effect = math.copysign(math.inf, mean)
        return PairedInterval(mean, mean, mean, 2.0 / 2.0**n, effect, n)
    s = d.std(ddof=1)
    p = 2 * special.stdtr(n - 1, -abs(mean) / (s / math.sqrt(n)))
    return PairedInterval(mean, low, high, float(p), float(mean / s * (1 - 3 / (4 * n - 5))), n)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return the p-values corrected for their number by Holm's step-down method.

    The i-th smallest of m is multiplied by m - i + 1; a corrected value is never below the one
    before it and never above 1. Rejecting what is at most alpha keeps the chance of even one
    false rejection at alpha, whatever the dependence between the tests.

    Parameters
    ----------
    p_values : sequence of float, shape (m,)
        From 0 to 1. May be empty.

    Returns
    -------
    ndarray of float64, shape (m,)

    Raises
    ------
    ValueError
        A value is not a probability, or the shape is not (m,).

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal
    of Statistics 6, 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(4)
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1:
        raise ValueError(f"holm: p_values must have one axis, got shape {p.shape}")
    wrong = p[~((p >= 0) & (p <= 1))]
    if wrong.size:
        raise ValueError(f"holm: a p-value must lie from 0 to 1, got {wrong[0]}")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    corrected = np.empty(p.size)
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def groups(
    results: Mapping[str, Sequence[float]], alpha: float = ALPHA, higher_is_better: bool = True
) -> dict[str, str]:
    """Return letters: two that share a letter cannot be told apart.

    Every two are compared by a paired t test, and all the p-values together are corrected by
    Holm's method; two can be told apart if the corrected p is at most `alpha`. A letter stands
    for a largest possible set of which no two can be told apart; "a" is the first such set that
    holds the best mean. "Cannot be told apart" is no statement that they are equal, and it is
    not transitive: if x shares "a" with y, and y shares "b" with z, x and z may differ.

    Parameters
    ----------
    results : mapping of str to sequence of float, length n >= 2
        Values of the same seeds in the same order.
    alpha : float, default 0.05
        Chance of telling any two apart wrongly.
    higher_is_better : bool, default True
        Decides which mean is the best.

    Returns
    -------
    dict of str to str
        Letters of each, best first.

    Raises
    ------
    ValueError
        As for `paired_interval`, or `alpha` is not between 0 and 1.

    Examples
    --------
    >>> groups({"a bit": [0.1, 0.3, 0.2], "zero": [0.0, 0.2, 0.3], "lots": [9.1, 9.2, 9.4]})
    {'lots': 'a', 'a bit': 'b', 'zero': 'b'}
    """
    _check_confidence("groups", alpha, "alpha")
    sign = -1 if higher_is_better else 1
    labels = sorted(results, key=lambda label: sign * np.mean(results[label]))
    pairs = [(i, j) for i in range(len(labels)) for j in range(i)]
    corrected = holm([paired_interval(results[labels[i]], results[labels[j]]).p for i, j in pairs])
    alike = {i: set() for i in range(len(labels))}
    for (i, j), p in zip(pairs, corrected, strict=True):
        if p > alpha:
            alike[i].add(j)
            alike[j].add(i)
    sets = sorted(sorted(members) for members in _cliques(set(), set(alike), set(), alike))
    letters = {label: "" for label in labels}
    for number, members in enumerate(sets):
        for member in members:
            letters[labels[member]] += _letter(number)
    return letters


def _cliques(chosen: set, candidates: set, excluded: set, alike: dict) -> Iterable[set]:
    """Yield the largest sets whose members are all alike (Bron and Kerbosch)."""
    if not candidates and not excluded:
        if chosen:
            yield chosen
        return
    pivot = max(candidates | excluded, key=lambda i: len(alike[i] & candidates))
    for i in sorted(candidates - alike[pivot]):
        yield from _cliques(chosen | {i}, candidates & alike[i], excluded & alike[i], alike)
        candidates = candidates - {i}
        excluded = excluded | {i}


def _letter(number: int) -> str:
    """Return a, b, ..., z, then a', b', ...

    >>> _letter(1), _letter(27)
    ('b', "b'")
    """
    return chr(ord("a") + number % 26) + "'" * (number // 26)


def _sample(function: str, name: str, values: Sequence[float]) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or array.size < 2:
        raise ValueError(
            f"{function}: {name} must hold at least two values, one for each seed, got shape "
            f"{array.shape}"
        )
    wrong = array[~np.isfinite(array)]
    if wrong.size:
        raise ValueError(f"{function}: {name} must be finite, got {wrong[0]}")
    return array


def _check_confidence(function: str, value: float, name: str = "confidence") -> None:
    if not (isinstance(value, numbers.Real) and 0 < value < 1):
        raise ValueError(f"{function}: {name} must lie between 0 and 1, got {value!r}")


# The comparison


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    table : DataFrame
        A row for each activation, best first:

        learning_rate
            The best of the grid on validation data; NaN if every tuning run diverged.
        mean, low, high
            Test metric over the seeds, with its 95 % t interval.
        difference, difference_low, difference_high
            Activation minus baseline, paired by seed, with its 95 % interval (each interval for
            itself, not corrected). NaN for the baseline.
        p_holm
            Of the paired t test against the baseline, corrected over all of them.
        effect_size
            Hedges' g of the paired differences, see `paired_interval`.
        group
            Letters over all pairs, see `groups`.
        diverged
            How many of the final runs did. They are in no mean: read this column first.
        note
            What else must be known: a best rate on the edge of the grid, diverged runs.
    runs : DataFrame
        A row for each final run: activation, seed, learning_rate, status, losses, metrics.
    tuning : DataFrame
        A row for each tuning run; no test columns, as the test set was not there.
    history : DataFrame
        Of the final runs: activation, seed, learning_rate, epoch, losses, metrics.
    metric : str
        Column of `runs` that was compared.
    baseline : str
    higher_is_better : bool
    """

    table: pd.DataFrame
    runs: pd.DataFrame
    tuning: pd.DataFrame
    history: pd.DataFrame
    metric: str
    baseline: str
    higher_is_better: bool

    def __repr__(self) -> str:
        return f"<comparison of {len(self.table)} activations by {self.metric}>\n{self.table}"

    def _repr_html_(self) -> str:
        return self.rounded().to_html()

    def rounded(self, digits: int = 4) -> pd.DataFrame:
        """Return the table for reading: numbers as text, gaps said in words.

        Parameters
        ----------
        digits : int, default 4
            Digits after the point of the metric and its differences.
        """

        def interval(row, middle, low, high, sign=""):
            if np.isnan(row[middle]):
                return "—"
            if np.isnan(row[low]):
                return f"{row[middle]:{sign}.{digits}f} (one run)"
            return (
                f"{row[middle]:{sign}.{digits}f} "
                f"[{row[low]:{sign}.{digits}f}, {row[high]:{sign}.{digits}f}]"
            )

        def number(value, form):
            return "—" if np.isnan(value) else format(value, form)

        rows = {}
        for label, row in self.table.iterrows():
            is_baseline = label == self.baseline
            rows[label] = {
                "learning rate": number(row.learning_rate, "g"),
                self.metric.replace("_", " "): interval(row, "mean", "low", "high"),
                f"minus {self.baseline}": "baseline"
                if is_baseline
                else interval(row, "difference", "difference_low", "difference_high", "+"),
                "p (Holm)": "" if is_baseline else number(row.p_holm, ".3f"),
                "effect size": "" if is_baseline else number(row.effect_size, "+.1f"),
                "group": row.group,
                "diverged": str(row.diverged),
                "note": row.note,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("activation")

    def plot(self):
        """Draw each activation's runs and its paired difference to the baseline.

        Left: each run (dots), the mean and its 95 % interval, and the letters of the groups.
        Right: the paired difference and its 95 % interval; the marker is filled where the
        Holm-corrected p is at most 0.05.

        Returns
        -------
        (figure, (left axes, right axes))
        """
        import matplotlib.pyplot as plt

        labels = list(self.table.index)
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(7.2, 1.2 + 0.3 * len(labels)), sharey=True
        )
        for y, label in enumerate(labels):
            row, look = self.table.loc[label], _style(label)
            values = self.runs.query("activation == @label and status == 'ok'")[self.metric]
            left.plot(values, [y] * len(values), "|", color=look["color"], alpha=0.5)
            bar = {"color": look["color"], "linestyle": look["linestyle"]}
            marker = {"marker": _marker(label), "color": look["color"], "markersize": 6}
            if not np.isnan(row["mean"]):
                left.plot([row.low, row.high], [y, y], **bar)
                left.plot(row["mean"], y, **marker)
            if label == self.baseline or np.isnan(row.difference):
                continue
            right.plot([row.difference_low, row.difference_high], [y, y], **bar)
            filled = row.p_holm <= ALPHA
            right.plot(row.difference, y, **marker, markerfacecolor=None if filled else "white")
        right.axvline(0, color="#7f7f7f", linewidth=0.8)
        left.set_yticks(range(len(labels)), [_title(label) for label in labels])
        left.set_ylim(len(labels) - 0.5, -0.5)
        right.tick_params(left=False)
        name = self.metric.replace("_", " ")
        left.set(xlabel=name, title="runs, mean, 95 % interval")
        right.set(xlabel=f"{name} minus that of {_title(self.baseline)}", title="paired difference")
        for y, label in enumerate(labels):
            right.annotate(
                self.table.group[label],
                (1.02, y),
                xycoords=("axes fraction", "data"),
                va="center",
            )
        return figure, (left, right)

    def plot_tuning(self, ax=None):
        """Draw the validation metric over the grid of learning rates, chosen rates marked.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib axes

        Raises
        ------
        ValueError
            Nothing was tuned: the grid held one rate.
        """
        import matplotlib.pyplot as plt

        if self.tuning.empty:
            raise ValueError("plot_tuning: nothing was tuned, the grid held one learning rate")
        if ax is None:
            _, ax = plt.subplots(figsize=(7.2, 3.6))
        column = self.metric.replace("test_", "validation_")
        finished = self.tuning[self.tuning.status == "ok"]
        for label in self.table.index:
            curve = finished[finished.activation == label].groupby("learning_rate")[column].mean()
            ax.plot(curve.index, curve, label=_title(label), **_style(label))
            chosen = self.table.learning_rate[label]
            if chosen in curve.index:
                ax.plot(chosen, curve[chosen], _marker(label), color=_style(label)["color"])
        ax.set(xscale="log", xlabel="learning rate", ylabel=column.replace("_", " "))
        ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=5)
        return ax


def _title(label: str) -> str:
    try:
        return get(label).title
    except KeyError:
        return label


def _style(label: str) -> dict:
    from .plotting import style

    try:
        return style(label)
    except KeyError:
        return {"color": "#7f7f7f", "linestyle": "--"}


def _marker(label: str) -> str:
    """Return a marker: one for each family, so that no curve hangs on its colour alone."""
    try:
        family = get(label).family
    except KeyError:
        return "D"
    return "os^vPXd*"[sum(family.encode()) % 8]


def compare(
    activations: Sequence[str | Activation] | Mapping[str, object],
    data: Data,
    network: Callable,
    *,
    learning_rates: Sequence[float] = LEARNING_RATES,
    seeds: int | Sequence[int] = 5,
    tuning_seeds: int | Sequence[int] = 3,
    epochs: int = 20,
    batch_size: int = 32,
    optimizer: str | Mapping = "adam",
    baseline: str = "relu",
    metric: str | None = None,
    folder: str | os.PathLike | None = None,
    jobs: int | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Compare activation functions on one data set and one network.

    1. *Tuning.* Each activation is trained with each learning rate and each tuning seed, the
       same number of runs for all. The rate with the fewest diverged runs and, among these, the
       best mean of the validation metric is chosen (on a tie the lower validation loss, then
       the smaller rate). The test set is not handed out in this stage.
    2. *Final runs.* Each activation is trained at its rate with the final seeds, other seeds
       than for tuning and the same for all. The test metric is read once.
    3. *Statistics.* See `Comparison`, `paired_interval`, `holm` and `groups`.

    Parameters
    ----------
    activations : sequence of names or Activations, or mapping of label to activation
        At least two. In a mapping, the value may be anything that `network` takes.
    data : datasets.Data
    network : callable
        ``network(activation, data)`` returns an uncompiled Keras model with linear outputs, for
        example ``functools.partial(networks.dense, hidden=(64, 64))``.
    learning_rates : sequence of float
        The grid, positive. With one rate there is nothing to tune, and the table says so.
    seeds, tuning_seeds : int or sequence of int, default 5 and 3
        How many, counted from 0 and from 1000, or which. At least two seeds; five or more if a
        statement hangs on them.
    epochs, batch_size : int, default 20 and 32
    optimizer : str or dict, default "adam"
        As for `ensemble.train`.
    baseline : str, default "relu"
        One of the activations.
    metric : {"accuracy", "loss"}, optional
        Default: accuracy for classes, loss (mean squared error) for regression. The same one is
        used on validation data for tuning and on test data at the end.
    folder : path, optional
        Where finished parts (an activation's tuning, an activation's final runs) are kept, so
        that an interrupted call continues where it was. A part is used again only if all that
        determines it is the same: activation, data, network, settings, this package's code and
        the versions of Keras, TensorFlow and NumPy. A damaged part is computed again, with a
        warning.
    jobs : int, optional
        How many activations to train at once, for joblib; None: one, unless
        ``joblib.parallel_config`` says otherwise.
    progress : bool, optional
        Show a progress bar; by default only on a terminal.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError, TypeError
        An argument is of no use; the message says which and what was expected.
    UnknownActivation
        A name is not in the catalogue.

    Warns
    -----
    RuntimeWarning
        A part in `folder` is damaged.

    Notes
    -----
    The work goes through joblib, so that the same call runs on a cluster::

        client = dask.distributed.Client(address)          # or Client(LocalCluster())
        with joblib.parallel_config(backend="dask"):
            compare(...)

    and on Ray, after ``ray.util.joblib.register_ray()``, with ``backend="ray"``; that backend
    hands its results back only when a stage is finished, so it is kept in `folder` then. (Dask
    is part of this package's tests, Ray is not.)

    Examples
    --------
    ::

        compare(["relu", "tanh"], datasets.load("digits"), networks.dense).table
    """
    chosen = _check_activations(activations)
    rates = _check_rates(learning_rates)
    final, tuning = _check_seeds(seeds, tuning_seeds)
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"compare: {name} must be a whole number from 1, got {value!r}")
    if not isinstance(data, Data):
        raise TypeError(f"compare: data must be a datasets.Data, got {type(data).__name__}")
    if not callable(network):
        raise TypeError(
            "compare: network must be a function of (activation, data) that returns a Keras "
            f"model, got {network!r}"
        )
    column = _check_metric(metric, data)
    baseline = _check_baseline(baseline, chosen)
    store = kept.Store(folder)

    settings = {"epochs": int(epochs), "batch_size": int(batch_size), "optimizer": optimizer}
    validation = column.replace("test_", "validation_")
    # The tuning never sees the test set: in its place stand the validation rows.
    without_test = dataclasses.replace(data, x_test=data.x_validation, y_test=data.y_validation)

    def parts(stage, stage_data, stage_seeds, rates_of):
        tasks = {
            label: (stage_data, network, chosen[label], stage_seeds, rates_of[label], settings)
            for label in chosen
            if rates_of[label]
        }
        keys = {}
        if folder is not None:
            keys = {label: kept.key(stage, label, *task) for label, task in tasks.items()}
        return _run(stage, tasks, keys, store, jobs, progress)

    if len(rates) > 1:
        found = parts("tuning", without_test, tuning, {label: rates for label in chosen})
        tuned = {label: best_rate(found[label]["table"], validation) for label in chosen}
    else:
        found, tuned = {}, {label: rates[0] for label in chosen}
    if all(rate is None for rate in tuned.values()):
        raise ValueError(
            f"compare: every tuning run of every activation diverged, at all of {list(rates)}; "
            "expected at least one learning rate small enough to train"
        )
    at = {label: () if rate is None else (rate,) for label, rate in tuned.items()}
    finished = parts("final", data, final, at)

    tuning_runs = _gather(found, "table")
    return summarise(
        _gather(finished, "table"),
        tuning_runs.drop(columns=[c for c in tuning_runs if c.startswith("test_")]),
        _gather(finished, "history"),
        metric=column,
        baseline=baseline,
    )


def best_rate(tuning: pd.DataFrame, column: str) -> float | None:
    """Return the learning rate that tuning runs speak for.

    The fewest diverged runs come first, then the best mean of `column`, then the lower mean
    validation loss, then the smaller rate.

    Parameters
    ----------
    tuning : DataFrame
        Columns learning_rate, status, validation_loss and `column`; a row for each run.
    column : str
        Higher is better if it ends in "accuracy", else lower.

    Returns
    -------
    float or None
        None if every run diverged.

    Examples
    --------
    >>> tried = {"learning_rate": [0.1, 0.2, 0.3], "status": ["ok", "ok", "diverged"]}
    >>> tried |= {"validation_accuracy": [0.8, 0.9, None], "validation_loss": [0.5, 0.4, None]}
    >>> best_rate(pd.DataFrame(tried), "validation_accuracy")
    0.2
    """
    sign = -1 if column.endswith("accuracy") else 1
    candidates = []
    for rate, runs in tuning.groupby("learning_rate"):
        finished = runs[runs.status == "ok"]
        if not finished.empty:
            score, loss = sign * finished[column].mean(), finished["validation_loss"].mean()
            candidates.append((len(runs) - len(finished), score, loss, float(rate)))
    return min(candidates)[-1] if candidates else None


def summarise(
    runs: pd.DataFrame,
    tuning: pd.DataFrame | None = None,
    history: pd.DataFrame | None = None,
    *,
    metric: str = "test_accuracy",
    baseline: str = "relu",
) -> Comparison:
    """Return the comparison that finished runs make: the last step of `compare`, alone.

    For runs that were kept, made elsewhere, or chosen from a larger table.

    Parameters
    ----------
    runs : DataFrame
        Columns activation, seed, learning_rate, status and the metric; a row for each final run.
    tuning : DataFrame, optional
        As `Comparison.tuning`; its learning rates are the grid.
    history : DataFrame, optional
        As `Comparison.history`.
    metric : str, default "test_accuracy"
        Column of `runs`. A name that ends in "accuracy" is better when higher, others when lower.
    baseline : str, default "relu"
        One of the activations.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        A column is missing, a (activation, seed) stands there twice, or the baseline is not there.

    Examples
    --------
    >>> runs = {"activation": ["relu"] * 3 + ["tanh"] * 3, "seed": [0, 1, 2] * 2}
    >>> runs |= {"test_accuracy": [0.9, 0.8, 0.7, 0.92, 0.83, 0.71], "learning_rate": 0.01}
    >>> table = summarise(pd.DataFrame(runs | {"status": "ok"})).table
    >>> table.loc["tanh", ["difference", "p_holm"]].astype(float).round(3).tolist()
    [0.02, 0.074]
    """
    needed = {"activation", "seed", "learning_rate", "status", metric}
    if missing := sorted(needed - set(runs)):
        raise ValueError(f"summarise: runs must have the columns {sorted(needed)}, not {missing}")
    twice = runs[runs.duplicated(["activation", "seed"])]
    if len(twice):
        row = twice.iloc[0]
        raise ValueError(
            f"summarise: expected one run for each activation and seed, got several for "
            f"{row.activation!r} and {row.seed}"
        )
    if tuning is None:
        tuning = _gather({}, "table")
    rates = sorted(tuning.learning_rate.unique()) if len(tuning) else []
    labels = list(dict.fromkeys([*tuning.activation, *runs.activation]))
    if baseline not in labels:
        raise ValueError(f"summarise: the baseline {baseline!r} is not among {labels}")
    tuned = dict.fromkeys(labels) | runs.groupby("activation").learning_rate.first().to_dict()
    higher_is_better = metric.endswith("accuracy")
    return Comparison(
        table=_table(runs, tuned, rates, labels, metric, baseline, higher_is_better),
        runs=runs,
        tuning=tuning,
        history=pd.DataFrame() if history is None else history,
        metric=metric,
        baseline=baseline,
        higher_is_better=higher_is_better,
    )


def _check_activations(activations) -> dict[str, object]:
    if isinstance(activations, str) or not isinstance(activations, (Mapping, Sequence)):
        raise TypeError(
            "compare: activations must be a list of names or a mapping of label to activation, "
            f"got {activations!r}"
        )
    if isinstance(activations, Mapping):
        chosen = {
            label: get(value).name if isinstance(value, str) else value
            for label, value in activations.items()
        }
    else:
        chosen = {}
        for activation in activations:
            entry = get(activation)
            if entry.name in chosen:
                raise ValueError(f"compare: activation {entry.name!r} is listed twice")
            # The instances of the catalogue travel by name: a name pickles, a formula may not.
            in_catalogue = isinstance(activation, str) or get(entry.name) is entry
            chosen[entry.name] = entry.name if in_catalogue else entry
    if len(chosen) < 2:
        raise ValueError(
            f"compare: expected at least two activations to compare, got {list(chosen)}"
        )
    return chosen


def _check_rates(learning_rates) -> tuple[float, ...]:
    rates = np.atleast_1d(np.asarray(learning_rates, dtype=float))
    if rates.ndim != 1 or not rates.size:
        raise ValueError(
            f"compare: learning_rates must hold at least one rate, got {learning_rates!r}"
        )
    wrong = rates[~(np.isfinite(rates) & (rates > 0))]
    if wrong.size:
        raise ValueError(f"compare: a learning rate must be positive and finite, got {wrong[0]}")
    if np.unique(rates).size < rates.size:
        raise ValueError(f"compare: learning_rates must differ, got {rates.tolist()}")
    return tuple(sorted(rates.tolist()))


def _check_seeds(seeds, tuning_seeds) -> tuple[tuple[int, ...], tuple[int, ...]]:
    both = []
    for name, given, first, least in (
        ("seeds", seeds, 0, 2),
        ("tuning_seeds", tuning_seeds, FIRST_TUNING_SEED, 1),
    ):
        if isinstance(given, numbers.Integral) and not isinstance(given, bool):
            given = range(first, first + int(given))
        try:
            chosen = tuple(int(s) for s in given)
        except (TypeError, ValueError):
            raise TypeError(
                f"compare: {name} must be a number of seeds or a list of seeds, got {given!r}"
            ) from None
        if len(set(chosen)) < max(least, len(chosen)) or min(chosen) < 0:
            raise ValueError(
                f"compare: {name} must be at least {least}, different and not negative, "
                f"got {list(chosen)}"
            )
        both.append(chosen)
    shared = sorted(set(both[0]) & set(both[1]))
    if shared:
        raise ValueError(
            f"compare: seeds and tuning_seeds must have none in common, both hold {shared}"
        )
    return both[0], both[1]


def _check_metric(metric, data) -> str:
    if metric is None:
        metric = "accuracy" if data.task == "classes" else "loss"
    if metric not in ("accuracy", "loss") or (metric == "accuracy" and data.task != "classes"):
        allowed = "'accuracy' or 'loss'" if data.task == "classes" else "'loss'"
        raise ValueError(f"compare: metric must be {allowed} for {data.task}, got {metric!r}")
    return f"test_{metric}"


def _check_baseline(baseline, chosen) -> str:
    if baseline in chosen:
        return baseline
    try:
        name = get(baseline).name
    except KeyError:
        name = None
    if name not in chosen:
        raise ValueError(
            f"compare: the baseline {baseline!r} is not among the activations {list(chosen)}; "
            "add it or name another one"
        )
    return name


def _train(data, network, activation, seeds, rates, settings) -> dict:
    """Train one part and return its tables; runs in a worker, wherever that is."""
    from . import ensemble

    build = functools.partial(network, activation, data)
    if threading.current_thread() is not threading.main_thread():
        build = _undisturbed(build, seeds)
    with _ONE_AT_A_TIME:
        runs = ensemble.train(
            build,
            data,
            seeds=seeds,
            learning_rates=rates,
            progress=False,
            **settings,
        )
    table, history = kept.plain(runs.table), kept.plain(runs.history)
    figures = table.columns.drop(["seed", "learning_rate", "status"])
    # A run that ends in a number that is none has not finished, whatever it is called.
    table.loc[~np.isfinite(table[figures]).all(axis=1), "status"] = "diverged"
    return {"table": table, "history": history}


def _undisturbed(build: Callable, seeds: Sequence[int]) -> Callable:
    """Return `build` for a thread beside others, as in a worker of Dask.

    Keras draws the seeds of initial weights from Python's ``random``, which all threads of a
    process share: what another thread draws meanwhile is missing here. So a network is built
    from its seed until two in a row have the same weights.
    """
    import keras

    order = iter(seeds)  # `ensemble.train` builds once for each seed, in this order

    def build_undisturbed():
        seed, before = next(order), None
        for _ in range(20):
            keras.utils.set_random_seed(seed)
            model = build()
            weights = [np.asarray(variable) for variable in model.variables]
            if before is not None and all(map(np.array_equal, before, weights)):
                return model
            before = weights
        raise RuntimeError(
            "compare: other threads of this process draw random numbers all the time, so initial "
            "weights do not repeat; use worker processes of one thread each"
        )

    return build_undisturbed


def _labelled(label: str, *task) -> tuple[str, dict]:
    return label, _train(*task)


def _run(stage, tasks, keys, store, jobs, progress) -> dict[str, dict]:
    """Return each label's part, from the folder or by training; keep what is trained."""
    import joblib
    from tqdm import tqdm

    done = {}
    for label, key in keys.items():
        part = store.load(stage, label, key)
        if part is not None:
            done[label] = part
    to_do = {label: task for label, task in tasks.items() if label not in done}
    if not to_do:
        return done
    try:  # results as they come, so that an interruption loses only what is under way
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    except ValueError:  # some backends cannot do that
        parallel = joblib.Parallel(n_jobs=jobs, batch_size=1)
    results = parallel(joblib.delayed(_labelled)(label, *task) for label, task in to_do.items())
    bar = tqdm(
        results,
        desc=f"{stage}: activations",
        total=len(to_do),
        disable=None if progress is None else not progress,
    )
    for label, part in bar:
        if label in keys:
            store.save(stage, label, keys[label], part)
        done[label] = part
    return done


def _gather(parts: Mapping[str, dict], what: str) -> pd.DataFrame:
    frames = [part[what].assign(activation=label) for label, part in parts.items()]
    if not frames:
        return pd.DataFrame({"activation": pd.Series(dtype=object)})
    whole = pd.concat(frames, ignore_index=True)
    return whole[["activation", *whole.columns.drop("activation")]]


def _table(runs, tuned, rates, labels, column, baseline, higher_is_better) -> pd.DataFrame:
    number_of_seeds = runs.seed.nunique() if len(runs) else 0
    finished = runs[runs.status == "ok"]
    values = {
        label: finished[finished.activation == label].set_index("seed")[column].sort_index()
        for label in labels
    }
    nan = math.nan
    rows = {}
    for label in labels:
        mine, notes = values[label], []
        diverged = number_of_seeds - len(mine)
        if tuned[label] is None:
            notes.append("diverged at every learning rate")
        elif len(rates) < 2:
            notes.append("learning rate not tuned")
        elif tuned[label] in (rates[0], rates[-1]):
            edge = "lower" if tuned[label] == rates[0] else "upper"
            notes.append(f"best rate is the {edge} edge of the grid")
        if diverged and tuned[label] is not None:
            notes.append(f"{diverged} of {number_of_seeds} final runs diverged")
        mean, low, high = nan, nan, nan
        if len(mine) > 1:
            mean, low, high = mean_interval(mine)
        elif len(mine):
            mean = float(mine.iloc[0])
        common = mine.index.intersection(values[baseline].index)
        paired = PairedInterval(nan, nan, nan, nan, nan, 0)
        if label != baseline and len(common) > 1:
            paired = paired_interval(mine[common], values[baseline][common])
        elif label != baseline and len(mine) > 1:
            notes.append("no pairs with the baseline")
        rows[label] = {
            "learning_rate": nan if tuned[label] is None else tuned[label],
            "mean": mean,
            "low": low,
            "high": high,
            "difference": paired.difference,
            "difference_low": paired.low,
            "difference_high": paired.high,
            "p_holm": paired.p,
            "effect_size": paired.effect_size,
            "group": "",
            "diverged": diverged,
            "note": "; ".join(notes),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("activation")
    tested = table.p_holm.notna()
    table.loc[tested, "p_holm"] = holm(table.p_holm[tested])
    # Letters need the same seeds everywhere: an activation with a diverged run has none.
    complete = {label: v for label, v in values.items() if len(v) == number_of_seeds}
    letters = groups(complete, higher_is_better=higher_is_better) if complete else {}
    table["group"] = [letters.get(label, "diverged") for label in table.index]
    order = table["mean"].to_numpy() * (-1 if higher_is_better else 1)
    # Whole rows first: a mean of survivors is no rank.
    return table.iloc[np.lexsort((order, table.diverged > 0))]
