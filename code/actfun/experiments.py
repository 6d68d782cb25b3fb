"""Experiments whose tables the chapters read: tune each choice, train it, freeze the figures.

An `Experiment` names what is compared; `Evidence` runs a few of them and keeps the tables beside
this package, see `actfun.frozen`. The modules ``*_evidence`` each hold one:

>>> from actfun import data_evidence
>>> runs, tuning, record = data_evidence.EVIDENCE.kept()
>>> record["command"]
'python -m actfun.data_evidence'
>>> list(runs.columns[:6])
['experiment', 'data', 'choice', 'seed', 'learning_rate', 'status']
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from . import frozen, kept

RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
SEEDS, TUNING_SEEDS = range(8), range(1000, 1003)
FIRST = ["experiment", "data", "choice", "seed", "learning_rate", "status"]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Choices that are compared on versions of a data set, and how they are trained.

    Each choice has its own learning rate: the one of `rates` that `compare.best_rate` picks by
    the validation figures of the tuning seeds. With it, it is trained from the seeds; their test
    figures are read once.

    Attributes
    ----------
    versions : callable
        ``versions()`` returns a mapping of label to `datasets.Data`.
    choices : sequence
        Their text is their name in the tables.
    network : callable
        ``network(choice, data)`` returns an uncompiled Keras model with linear outputs.
    epochs, batch_size : int
    rates : sequence of float, or callable
        The grid of learning rates, ascending; or ``rates(choice)`` returns it.
    seeds, tuning_seeds : sequence of int
        None in common.
    settings : callable, optional
        ``settings(choice)`` returns more arguments of `ensemble.train`, such as the optimiser.
    measure : callable, optional
        ``measure(runs, rows, data)`` returns more columns for a choice's final runs, as a mapping
        of name to values: `runs` is what `ensemble.train` returned, `rows` are their row numbers.
    """

    versions: Callable[[], Mapping[str, object]]
    choices: Sequence[object]
    network: Callable
    epochs: int = 25
    batch_size: int = 32
    rates: Sequence[float] | Callable[[object], Sequence[float]] = RATES
    seeds: Sequence[int] = SEEDS
    tuning_seeds: Sequence[int] = TUNING_SEEDS
    settings: Callable[[object], Mapping] | None = None
    measure: Callable | None = None

    def rates_of(self, choice: object) -> list[float]:
        """Return the grid of a choice's learning rates."""
        return list(self.rates(choice) if callable(self.rates) else self.rates)

    def train(self, choice: object, data: object, seeds: Sequence[int] | None = None):
        """Tune one choice on one version of the data, train it, and return final and tuning runs.

        Parameters
        ----------
        choice : object
        data : datasets.Data
        seeds : sequence of int, optional
            Final seeds in place of the experiment's.

        Returns
        -------
        (DataFrame, DataFrame)
            Without the columns experiment, data and choice.
        """
        from . import compare, ensemble

        seeds = list(self.seeds if seeds is None else seeds)
        more = dict(self.settings(choice)) if self.settings else {}
        more |= {"epochs": self.epochs, "batch_size": self.batch_size, "progress": False}

        def build():
            return self.network(choice, data)

        rates = self.rates_of(choice)
        together = ensemble.stacking_pays(build())  # then more runs cost less than compiling
        runs = ensemble.train(
            build,
            data,
            seeds=[*self.tuning_seeds, *(seeds if together else ())],
            learning_rates=rates,
            **more,
        )
        tuning = runs.table[runs.table.seed.isin(self.tuning_seeds)]
        figure = "accuracy" if data.task == "classes" else "loss"
        rate = compare.best_rate(tuning, f"validation_{figure}")
        if rate is None:
            rate = rates[0]  # all of them diverged, and so will this, for all to see
        if not together:
            runs = ensemble.train(build, data, seeds=seeds, learning_rates=[rate], **more)
        final = runs.table[runs.table.seed.isin(seeds) & (runs.table.learning_rate == rate)]
        if self.measure:
            final = final.assign(**self.measure(runs, list(final.index), data))
        tuning = tuning.drop(columns=[c for c in tuning if c.startswith(("test_", "train_"))])
        return kept.plain(final), kept.plain(tuning)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Experiments and the frozen tables of their runs.

    Attributes
    ----------
    record : str
        The frozen record, such as ``"evidence/data.json"``; beside it lie ``data.csv`` (a row for
        each final run) and ``data_tuning.csv`` (a row for each tuning run, validation only).
    experiments : mapping of str to Experiment
    command : str
        What makes the tables, such as ``"python -m actfun.data_evidence"``.
    """

    record: str
    experiments: Mapping[str, Experiment]
    command: str

    @property
    def name(self) -> str:
        """The record's name without folder and suffix."""
        return self.record.removeprefix("evidence/").removesuffix(".json")

    def kept(self) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
        """Return the frozen final runs, the frozen tuning runs, and how they were made.

        Errors as `frozen.thaw`.
        """
        tables, record = frozen.thaw(self.record)
        return tables[f"{self.name}.csv"], tables[f"{self.name}_tuning.csv"], record

    def train(
        self,
        name: str,
        version: str | None = None,
        choice: object = None,
        seeds: Sequence[int] | None = None,
        store: kept.Store | None = None,
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Train an experiment, or one version or choice of it; return final and tuning runs.

        Parameters
        ----------
        name : str
            Key of `experiments`.
        version, choice : optional
            Only this version of the data, only this choice.
        seeds : sequence of int, optional
            Final seeds in place of the experiment's.
        store : kept.Store, optional
            Where finished choices are kept, so that an interrupted call continues.

        Raises
        ------
        KeyError
            There is no such experiment, version or choice.
        """
        if name not in self.experiments:
            raise KeyError(f"{name!r} is no experiment; there are {list(self.experiments)}")
        experiment = self.experiments[name]
        versions = experiment.versions()
        for given, known in ((version, list(versions)), (choice, list(experiment.choices))):
            if given is not None and given not in known:
                raise KeyError(f"experiment {name!r} has no {given!r}; it has {known}")
        final, tuning = [], []
        for label, data in versions.items():
            for chosen in experiment.choices:
                if version not in (None, label) or choice not in (None, chosen):
                    continue
                part = self._part(name, label, data, chosen, seeds, store)
                labels = {"experiment": name, "data": label, "choice": str(chosen)}
                final.append(part["final"].assign(**labels))
                tuning.append(part["tuning"].assign(**labels))
        return _gathered(final), _gathered(tuning)

    def _part(self, name, label, data, choice, seeds, store):
        experiment = self.experiments[name]
        if store is not None:
            # What the other choices and versions are does not matter.
            alone = dataclasses.replace(experiment, versions=None, choices=())
            where = (name, f"{label} {choice}", kept.key(alone, data, choice, seeds))
            if (found := store.load(*where)) is not None:
                return found
        started = time.process_time()
        final, tuning = experiment.train(choice, data, seeds)
        seconds = pd.DataFrame({"seconds": [time.process_time() - started]})
        part = {"final": final, "tuning": tuning, "seconds": seconds}
        if store is not None:
            store.save(*where, part)
        return part

    def main(self, arguments: Iterable[str] | None = None) -> None:
        """Train what is not kept yet, and write the frozen tables: the modules' command line."""
        parser = argparse.ArgumentParser(prog=self.command)
        parser.add_argument("--folder", default="_build/evidence", help="finished parts")
        parser.add_argument(
            "--only", nargs="*", choices=list(self.experiments), help="train these, write nothing"
        )
        options = parser.parse_args(arguments)
        store = _Clocked(options.folder)
        tables = []
        for name in options.only or self.experiments:
            before = store.seconds
            tables.append(self.train(name, store=store))
            print(f"{name}: {store.seconds - before:.0f} s of processor time", flush=True)
        if options.only:
            return
        final, tuning = (_gathered(parts) for parts in zip(*tables, strict=True))
        frozen.freeze(
            self.record,
            {f"{self.name}.csv": final, f"{self.name}_tuning.csv": tuning},
            command=self.command,
            seconds=store.seconds,
        )


class _Clocked(kept.Store):
    """A store that adds up the seconds that its parts took, in this call or an earlier one."""

    seconds = 0.0

    def load(self, *where):
        part = super().load(*where)
        if part is not None:
            self.seconds += part["seconds"].seconds[0]
        return part

    def save(self, stage, label, key, part):
        super().save(stage, label, key, part)
        self.seconds += part["seconds"].seconds[0]


def _gathered(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    whole = pd.concat(tables, ignore_index=True)
    return whole[FIRST + [column for column in whole if column not in FIRST]]
