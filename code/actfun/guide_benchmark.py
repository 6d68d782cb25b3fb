"""The back-test of the selection guide: python -m actfun.guide_benchmark (or make guide-benchmark).

Every task of `actfun.tasks` is learned with every activation of `ACTIVATIONS`, each at its own
learning rate (tuned on validation data with seeds of its own) and with five paired seeds. The
result is the frozen table `evidence/guide_benchmark.csv`; `summary` says how much is lost by
following the guide, by always taking ReLU, or by drawing an activation at random.

The rules of the guide were written before the first run, from theory and literature; their
checksum is kept beside the table. An interrupted run continues where it stopped, from the folder
of finished parts. On a cluster: --backend dask --scheduler ADDRESS, or any backend of joblib.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shlex
import sys
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from . import frozen, guide, tasks

ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "tanh",
    "softsign",
    "sigmoid",
)
# Learned during training, and measured beside the ten where a network can hold it.
ADAPTIVE = ("prelu",)
SEEDS, TUNING_SEEDS = 5, 2
LEARNING_RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
RESAMPLES = 10_000
DIGITS = 4  # of an error in the table


def activations(task: tasks.Task) -> tuple[str, ...]:
    """Return the activations measured on a task: a recurrent cell holds no learned one."""
    recurrent = task.architecture in ("recurrent", "lstm", "gru")
    return ACTIVATIONS if recurrent else ACTIVATIONS + ADAPTIVE


def measure(
    task: tasks.Task,
    chosen: Sequence[str] | None = None,
    *,
    learning_rates: Sequence[float] = LEARNING_RATES,
    seeds: int = SEEDS,
    folder: os.PathLike | str | None = None,
    jobs: int | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Measure activations on one task.

    Parameters
    ----------
    task : Task
    chosen : sequence of str, optional
        Names of activations, "relu" among them; default: all of `activations`.
    learning_rates : sequence of float
        Grid of the tuning; with a single rate nothing is tuned.
    seeds : int
        Number of final runs.
    folder, jobs, progress
        As in `compare.compare`.

    Returns
    -------
    DataFrame
        A row per activation, with the columns of the frozen table but `regret`.

    Raises
    ------
    ValueError
        As `compare.compare`.
    """
    from . import compare

    data = task.load()
    found = compare.compare(
        list(chosen or activations(task)),
        data,
        task.network,
        learning_rates=tuple(learning_rates),
        seeds=seeds,
        tuning_seeds=TUNING_SEEDS,
        epochs=task.epochs,
        batch_size=task.batch_size,
        folder=folder,
        jobs=jobs,
        progress=progress,
    )
    runs = errors(found.runs, data)
    answer = guide.recommend(**task.question())
    rows = []
    for activation in chosen or activations(task):
        mine = runs[runs.activation == activation].set_index("seed")
        settled = found.table.loc[activation]
        rows.append(
            {
                "task": task.name,
                "activation": activation,
                "rule": answer.rule,
                "choice": answer.hidden[0].activation,
                "metric": "1 - accuracy" if data.task == "classes" else "mean squared error",
                "learning_rate": settled.learning_rate,
                "diverged": int(settled.diverged),
                "group": settled.group,
                "validation": validation_error(
                    found.tuning, activation, settled.learning_rate, data
                ),
                **{f"seed_{seed}": mine.error.get(seed, chance(data)) for seed in range(seeds)},
            }
        )
    frame = pd.DataFrame(rows).set_index(["task", "activation"])
    frame.insert(5, "error", frame.filter(like="seed_").mean(axis=1))
    return frame


def validation_error(tuning: pd.DataFrame, activation: str, rate: float, data: object) -> float:
    """Return the error on validation data at the tuned rate, mean over the tuning seeds."""
    at = tuning[(tuning.activation == activation) & (tuning.learning_rate == rate)]
    if at.empty:
        return chance(data)
    columns = {"validation_accuracy": "test_accuracy", "validation_loss": "test_loss"}
    return float(errors(at.rename(columns=columns), data).error.mean())


def chance(data: object) -> float:
    """Return the error of a network that has learned nothing; a diverged run counts as one."""
    return 1 - 1 / data.outputs if data.task == "classes" else 1.0


def errors(runs: pd.DataFrame, data: object) -> pd.DataFrame:
    """Return the runs with a column `error`: 1 - test accuracy, or mean squared test error."""
    error = 1 - runs.test_accuracy if data.task == "classes" else runs.test_loss
    return runs.assign(error=error.where(runs.status == "ok", chance(data)))


def with_regret(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with each row's regret: its error minus the least of its task.

    Only `ACTIVATIONS` compete; a learned activation may have a regret below 0.
    """
    competes = table.index.get_level_values("activation").isin(ACTIVATIONS)
    least = table.error[competes].groupby(level="task").min()
    regret = table.error - least.reindex(table.index.get_level_values("task")).to_numpy()
    return table.assign(regret=regret)


def policies(table: pd.DataFrame) -> pd.DataFrame:
    """Return each policy's regret on each task: a row per task, a column per policy.

    The policies: the guide's first choice; an activation drawn at random (its expected regret);
    the activation with the least mean regret on the *other* tasks; the one with the least
    validation error, which takes a sweep over all of them on the task itself; and always the
    same one.
    """
    regret = with_regret(table).regret.unstack()[list(ACTIVATIONS)]
    validation = table.validation.unstack()[list(ACTIVATIONS)].idxmin(axis=1)
    choice = table.choice.groupby(level="task").first().reindex(regret.index)
    others = {}
    for task in regret.index:
        rest = regret.drop(index=task)
        others[task] = regret.loc[task, rest.mean().idxmin()] if len(rest) else np.nan
    result = pd.DataFrame(
        {
            "guide": [regret.loc[task, name] for task, name in choice.items()],
            "random": regret.mean(axis=1),
            "best on the other tasks": pd.Series(others),
            "try all": [regret.loc[task, name] for task, name in validation.items()],
        },
        index=regret.index,
    )
    return result.join(regret.add_prefix("always "))


def summary(table: pd.DataFrame, resamples: int = RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Return each policy's mean regret and its difference to 'always relu', with intervals.

    The 95 % intervals are percentiles over `resamples` bootstrap samples of the tasks: they say
    how much would change with other tasks of this kind. Errors of both metrics count alike: a
    percentage point of wrong answers as a hundredth of the target's variance.

    Returns
    -------
    DataFrame
        Index policy; columns regret, low, high, difference, difference_low, difference_high.
    """
    by_task = policies(table)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(by_task), (resamples, len(by_task)))
    sampled = by_task.to_numpy()[drawn].mean(axis=1)
    baseline = by_task["always relu"]
    differences = sampled - sampled[:, [by_task.columns.get_loc("always relu")]]
    low, high = np.percentile(sampled, [2.5, 97.5], axis=0)
    difference_low, difference_high = np.percentile(differences, [2.5, 97.5], axis=0)
    return pd.DataFrame(
        {
            "regret": by_task.mean(),
            "low": low,
            "high": high,
            "difference": by_task.sub(baseline, axis=0).mean(),
            "difference_low": difference_low,
            "difference_high": difference_high,
        }
    ).rename_axis("policy")


def agree(rerun: pd.DataFrame, frozen: pd.DataFrame, tolerance: float) -> pd.Series:
    """Return for each rerun row whether its mean error is within `tolerance` of the frozen one."""
    return (rerun.error - frozen.error.reindex(rerun.index)).abs() <= tolerance


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the back-test and write the frozen table."""
    import joblib

    parser = argparse.ArgumentParser(
        prog="python -m actfun.guide_benchmark", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--tasks", nargs="+", default=tasks.names(), metavar="TASK")
    parser.add_argument("--folder", type=pathlib.Path, default="_build/guide-benchmark")
    parser.add_argument("--record", default=guide.RECORD, help="where the result is written")
    parser.add_argument("--jobs", type=int, default=1, help="activations at once")
    parser.add_argument("--backend", help="of joblib: loky, dask, ray, ...")
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    options = parser.parse_args(arguments)
    for name in options.tasks:
        tasks.get(name)
    if options.scheduler:
        from dask.distributed import Client

        Client(options.scheduler)
        options.backend = options.backend or "dask"
    words = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "actfun.guide_benchmark", *words])
    clock = time.process_time if options.jobs == 1 and not options.backend else time.perf_counter

    options.folder.mkdir(parents=True, exist_ok=True)
    kept = options.folder / "seconds.json"
    seconds = json.loads(kept.read_text()) if kept.exists() else {}
    frames = []
    for number, name in enumerate(options.tasks, start=1):
        begin = clock()
        folder = options.folder / name
        with joblib.parallel_config(backend=options.backend or "loky", n_jobs=options.jobs):
            frames.append(measure(tasks.get(name), folder=folder))
        seconds[name] = seconds.get(name, 0) + clock() - begin
        kept.write_text(json.dumps(seconds))
        best = frames[-1].error.idxmin()[1]
        print(
            f"{number}/{len(options.tasks)} {name}: {seconds[name]:.0f} s; best {best}, "
            f"guide {frames[-1].choice.iloc[0]}",
            flush=True,
        )
    table = pd.concat(frames)
    spent = {name: round(seconds[name]) for name in options.tasks}
    frozen.freeze(
        options.record,
        {guide.TABLE: with_regret(table).round(DIGITS).reset_index()},
        command=command,
        seconds=sum(spent.values()),
        seconds_by_task=spent,
        rules_sha256=guide.checksum(),
        rules_are="written before the first run; no rule uses the table",
    )
    print(summary(table).round(4).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
