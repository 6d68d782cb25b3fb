"""The tasks on which the selection guide is tested: data, a network and how long it trains.

They differ in what the guide asks for: kind of layer, depth, normalisation, and what is special
about the data. All are small, so that a sweep over activations, learning rates and seeds takes
minutes, not days.

>>> from actfun import tasks
>>> task = tasks.get("digits-deep")
>>> task.architecture, task.depth, task.normalisation, task.data_kind
('dense', 10, None, 'general')
>>> task.load().x_train.shape
(600, 64)
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping

from . import datasets


@dataclasses.dataclass(frozen=True)
class Task:
    """A small learning problem.

    Attributes
    ----------
    name, says : str
        Its name, and what is learned, in words.
    data : str
        A data set of `actfun.datasets`.
    size : int or None
        How many of its rows are used, in all three parts together; None for all.
    architecture : {"dense", "convolutional", "recurrent", "lstm", "gru"}
    layers : tuple of int
        Units of the hidden layers; filters of the convolutions and then units of the dense
        layer; or the units of the one recurrent layer.
    normalisation : {None, "batch", "layer"}
    data_kind : str
        What the guide asks about the data: "general", "smooth", "sparse" or "outliers".
    epochs, batch_size : int
        Passes over the training rows, and rows in a step of Adam.
    """

    name: str
    says: str
    data: str
    size: int | None
    architecture: str
    layers: tuple[int, ...]
    normalisation: str | None = None
    data_kind: str = "general"
    epochs: int = 20
    batch_size: int = 32

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.layers)

    def load(self, seed: int = 0) -> datasets.Data:
        """Return the data; `seed` decides the split, and the draw where data are made."""
        return datasets.load(self.data, seed=seed, size=self.size)

    def question(self) -> dict[str, object]:
        """Return the task in the guide's terms: the arguments of `actfun.recommend`.

        >>> get("breast-cancer").question()["task"]
        'binary'
        """
        data = self.load()
        predicts = "regression"
        if data.task == "classes":
            predicts = "binary" if data.outputs == 2 else "multi-class"
        return {
            "task": predicts,
            "architecture": self.architecture,
            "depth": self.depth,
            "normalisation": self.normalisation,
            "data": self.data_kind,
            "budget": "usual",
        }

    def network(self, activation: object, data: datasets.Data) -> object:
        """Return the task's Keras network, its weights started as the guide says.

        The activation's own start is part of what is compared: variance-preserving weights, and
        in deep networks without normalisation the critical pair of weight and bias variance.
        """
        from . import guide, networks

        if self.architecture in ("recurrent", "lstm", "gru"):
            cell = "simple" if self.architecture == "recurrent" else self.architecture
            return networks.recurrent(activation, data, cell=cell, units=self.layers[0])
        if self.architecture == "convolutional":
            *filters, units = self.layers
            return networks.convolutional(
                activation, data, filters=filters, units=units, normalisation=self.normalisation
            )
        start = guide.start(
            getattr(activation, "name", activation),
            architecture="dense",
            depth=self.depth,
            normalisation=self.normalisation,
        )
        model = networks.dense(
            activation,
            data,
            hidden=self.layers,
            normalisation=self.normalisation,
            initializer=start.kernel_initializer(),
        )
        if start.bias_variance > 0:
            _draw_biases(model, start)
        return model


def _draw_biases(model: object, start: object) -> None:
    """Draw the biases of the hidden layers: Keras starts them at 0."""
    import keras

    hidden = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][:-1]
    for layer in hidden:
        layer.bias.assign(start.bias_initializer()(layer.bias.shape))


_ALL = (
    Task("digits-shallow", "digits from 64 pixels", "digits", 1000, "dense", (64,), epochs=12),
    Task("breast-cancer", "tumours, from 30 measurements", "breast_cancer", None, "dense", (32,)),
    Task(
        "moons-few",
        "two half moons, from 240 noisy points",
        "moons",
        400,
        "dense",
        (32,),
        epochs=40,
    ),
    Task("checkerboard", "the squares of a board", "checkerboard", None, "dense", (64, 64)),
    Task(
        "sparse-counts",
        "topics of texts, from counts of words",
        "sparse_counts",
        800,
        "dense",
        (64,),
        data_kind="sparse",
        epochs=10,
    ),
    Task(
        "friedman",
        "a smooth function of ten features, with noise",
        "friedman",
        None,
        "dense",
        (64, 64),
        data_kind="smooth",
        epochs=20,
    ),
    Task(
        "outliers",
        "a function of eight features, some far out",
        "outliers",
        None,
        "dense",
        (64, 64),
        data_kind="outliers",
        epochs=20,
    ),
    Task("diabetes", "the course of a disease, few rows", "diabetes", None, "dense", (32,)),
    Task(
        "picture",
        "a photograph as a function of its coordinates",
        "picture",
        1600,
        "dense",
        (64, 64, 64),
        data_kind="smooth",
        epochs=20,
    ),
    Task("digits-deep", "digits through 10 plain layers", "digits", 1000, "dense", (32,) * 10),
    Task(
        "spirals-deep",
        "three spirals through 12 plain layers",
        "spirals",
        1000,
        "dense",
        (24,) * 12,
    ),
    Task(
        "digits-deep-normalised",
        "digits through 10 layers with batch normalisation",
        "digits",
        1000,
        "dense",
        (32,) * 10,
        normalisation="batch",
        epochs=12,
    ),
    Task(
        "images",
        "images of digits, two convolutions",
        "digits_images",
        500,
        "convolutional",
        (8, 8, 32),
        epochs=8,
    ),
    Task("rows-recurrent", "digits, row by row", "digits_rows", 500, "recurrent", (24,)),
    Task("rows-lstm", "digits, row by row", "digits_rows", 500, "lstm", (16,), epochs=15),
    Task("recall-gru", "the first symbol of twelve", "recall", 500, "gru", (16,), epochs=20),
)
TASKS: Mapping[str, Task] = {task.name: task for task in _ALL}


def names() -> list[str]:
    """Return the names of the tasks, shallow dense ones first.

    >>> len(names())
    16
    """
    return list(TASKS)


def get(name: str) -> Task:
    """Return one task.

    Raises
    ------
    KeyError
        There is no task of that name; the message suggests one.
    """
    try:
        return TASKS[name]
    except (KeyError, TypeError):
        near = difflib.get_close_matches(str(name), TASKS, n=1, cutoff=0.0)[0]
        raise KeyError(
            f"tasks.get: no task {name!r}; did you mean {near!r}? See actfun.tasks.names()"
        ) from None
