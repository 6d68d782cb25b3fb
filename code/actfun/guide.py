"""The selection guide: which activation, with which start and which learning rate, and why.

`recommend` answers for one case. Its rules stand in `guide.yaml`, which is also what the chapter
prints and what the tool on the page shows (`tool`). What was measured stands in the frozen table
`evidence/guide_benchmark.csv`, the back-test of these rules (`actfun.guide_benchmark`).

>>> import actfun
>>> answer = actfun.recommend(task="regression", architecture="dense", depth=12)
>>> [choice.activation for choice in answer.hidden]
['selu', 'tanh', 'gelu']
>>> answer.output[0].loss
'MeanSquaredError()'
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.resources
import itertools
import json
import math
import operator
from collections.abc import Iterator, Mapping
from html import escape

from . import catalogue, claims

# One depth for each answer of the tool; rules never divide a band.
BANDS = {"shallow": (1, 3), "medium": (4, 8), "deep": (9, None)}
QUESTIONS = ("task", "architecture", "depth", "normalisation", "data", "budget")
RECORD, TABLE = "evidence/guide_benchmark.json", "guide_benchmark.csv"
# What decides, as against what explains: only this enters the checksum.
EXPLAINS = ("says", "because", "claims", "cites", "asks")


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a choice is made.

    Attributes
    ----------
    says : str
    claims : tuple of str
        Ids of the ledger (`actfun.claims.get`).
    cites : tuple of str
        Keys of the bibliography.
    measurements : tuple of str
        Rows of the frozen table, as "task/activation".
    """

    says: str
    claims: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    measurements: tuple[str, ...] = ()

    def __str__(self) -> str:
        sources = [f"claim {name} ({_verdict(name)})" for name in self.claims]
        if self.measurements:
            sources.append(f"rows {', '.join(self.measurements)}")
        return self.says + (f" [{'; '.join(sources)}]" if sources else "")


@dataclasses.dataclass(frozen=True)
class Start:
    """How the weights and biases of hidden layers begin.

    Attributes
    ----------
    activation : str
    kind : {"preserving", "critical"}
    weight_variance : float
        Variance of a weight times fan_in, dimensionless.
    bias_variance : float
        Variance of a bias, dimensionless; 0 means biases of 0.
    keras : str
        The initialiser of the kernel, as one writes it.
    """

    activation: str
    kind: str
    weight_variance: float
    bias_variance: float
    keras: str

    def kernel_initializer(self) -> object:
        """Return the Keras initialiser of the hidden kernels."""
        import keras

        return keras.initializers.VarianceScaling(
            self.weight_variance, mode="fan_in", distribution="untruncated_normal"
        )

    def bias_initializer(self) -> object:
        """Return the Keras initialiser of the hidden biases."""
        import keras

        if self.bias_variance == 0:
            return keras.initializers.Zeros()
        return keras.initializers.RandomNormal(stddev=math.sqrt(self.bias_variance))

    def __str__(self) -> str:
        weights = f"{self.keras}: weights of variance {self.weight_variance:.3g}/fan_in"
        if self.bias_variance == 0:
            return f"{weights}, biases 0"
        bias = f"actfun.initializers.CriticalBias({self.activation!r})"
        return f"{weights}; {bias}: biases of variance {self.bias_variance:.3g}"


@dataclasses.dataclass(frozen=True)
class Hidden:
    """A choice for the hidden layers, with the start and the learning rates that go with it."""

    rank: int
    activation: str
    start: Start
    learning_rates: tuple[float, float]  # of Adam, least and greatest
    reasons: tuple[Reason, ...]
    recipe: object = None  # actfun.recipe.Recipe: what goes with it; None if it was not measured


@dataclasses.dataclass(frozen=True)
class Output:
    """A choice for the output layer, with its loss as a Keras expression."""

    rank: int
    activation: str
    units: str
    loss: str
    reasons: tuple[Reason, ...]


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """The guide's answer: ranked choices for the hidden layers and for the output layer.

    Attributes
    ----------
    question : mapping
        What was asked, every argument of `recommend`.
    rule : str
        Id of the rule of `guide.yaml` that decided.
    says : str
        The advice in a sentence.
    hidden : tuple of Hidden
    output : tuple of Output
        Both best first.
    """

    question: Mapping[str, object]
    rule: str
    says: str
    hidden: tuple[Hidden, ...]
    output: tuple[Output, ...]

    def __repr__(self) -> str:
        lines = [f"{self.says} (rule {self.rule})", "Hidden layers:"]
        for choice in self.hidden:
            low, high = choice.learning_rates
            lines += [
                f"  {choice.rank}. {choice.activation}",
                f"     start: {choice.start}",
                f"     learning rate (Adam): {low:g} to {high:g}",
                *([f"     {choice.recipe}"] if choice.recipe else []),
            ]
            lines += [f"     - {reason}" for reason in choice.reasons]
        lines.append("Output layer:")
        for choice in self.output:
            lines.append(f"  {choice.rank}. {choice.activation}, {choice.units}; {choice.loss}")
            lines += [f"     - {reason}" for reason in choice.reasons]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f'<div class="guide-answer">{_hidden_html(self)}{_output_html(self.output)}</div>'


def recommend(
    task: str = "multi-class",
    architecture: str = "dense",
    depth: int | str = 2,
    normalisation: str | None = None,
    data: str = "general",
    budget: str = "usual",
) -> Recommendation:
    """Return ranked activations for the hidden layers and the output layer, with reasons.

    Parameters
    ----------
    task : {"multi-class", "binary", "multi-label", "regression", "positive", "interval"}
        What is predicted; decides the output layer and its loss.
    architecture : {"dense", "convolutional", "recurrent", "lstm", "gru", "transformer"}
    depth : int or {"shallow", "medium", "deep"}
        Number of hidden layers, at least 1; or 1 to 3, 4 to 8, 9 or more in a word.
    normalisation : {None, "batch", "layer"}
        Before the activation. "none" is None.
    data : {"general", "smooth", "sparse", "outliers"}
    budget : {"usual", "small", "large"}
        "small": time or precision in use is scarce. "large": several can be tried.

    Returns
    -------
    Recommendation

    Raises
    ------
    ValueError
        An argument is none of these, or `depth` is below 1; the message says what is expected.
    TypeError
        `depth` is neither an integer nor a word.

    Examples
    --------
    >>> answer = recommend(task="binary", architecture="lstm", depth=1)
    >>> answer.hidden[0].activation, answer.output[0].activation
    ('tanh', 'sigmoid')
    >>> recommend(depth=0)
    Traceback (most recent call last):
    ...
    ValueError: recommend: depth must be at least 1 hidden layer, got 0
    """
    question = {
        "task": task,
        "architecture": architecture,
        "depth": _checked_depth(depth),
        "normalisation": "none" if normalisation is None else normalisation,
        "data": data,
        "budget": budget,
    }
    for name, value in question.items():
        known = list(rules()["questions"][name]["answers"])
        if name != "depth" and value not in known:
            also = [None, *known] if name == "normalisation" else known
            raise ValueError(f"recommend: {name} must be one of {also}, got {value!r}")
    from . import recipe

    rule = first_fit(rules()["hidden"], question)
    low, high = first_fit(rules()["rates"], question)["adam"]
    reasons = tuple(_reason(entry) for entry in rule["because"])
    hidden = tuple(
        Hidden(
            rank,
            name,
            _start(name, _kind_of_start(name, question)),
            (low, high),
            (*reasons, _measured(rule["id"], name)),
            recipe.get(name),
        )
        for rank, name in enumerate(rule["choices"], start=1)
    )
    output = tuple(
        Output(rank, entry["activation"], entry["units"], entry["loss"], (_reason(entry),))
        for rank, entry in enumerate(rules()["output"][task], start=1)
    )
    return Recommendation(question, rule["id"], rule["says"], hidden, output)


def start(
    activation: str,
    architecture: str = "dense",
    depth: int | str = 2,
    normalisation: str | None = None,
) -> Start:
    """Return how the hidden layers begin with this activation, whether the guide advises it or not.

    Parameters
    ----------
    activation : str
        A name of the catalogue.
    architecture, depth, normalisation
        As in `recommend`.

    Raises
    ------
    UnknownActivation, ValueError, TypeError
        An argument is unknown.

    Examples
    --------
    >>> print(start("relu"))
    HeNormal(): weights of variance 2/fan_in, biases 0
    """
    question = recommend(
        architecture=architecture, depth=depth, normalisation=normalisation
    ).question
    name = catalogue.get(activation).name
    return _start(name, _kind_of_start(name, question))


def _kind_of_start(activation: str, question: Mapping[str, object]) -> str:
    return first_fit(rules()["starts"], {**question, "activation": activation})["start"]


@functools.cache
def _start(activation: str, kind: str) -> Start:
    from . import theory

    if kind == "critical":
        pair = theory.critical_initialisation(activation)
        if pair:
            keras = f"actfun.initializers.Critical({activation!r})"
            weight, bias = float(pair.weight_variance), float(pair.bias_variance)
            return Start(activation, kind, weight, bias, _known(activation, weight) or keras)
    weight = float(theory.gain(activation)) ** 2
    keras = f"actfun.initializers.VariancePreserving({activation!r})"
    return Start(activation, "preserving", weight, 0.0, _known(activation, weight) or keras)


def _known(activation: str, weight_variance: float) -> str | None:
    """Return Keras' own initialiser of this variance, if there is one."""
    for name, variance in (("HeNormal()", 2.0), ("LecunNormal()", 1.0)):
        if math.isclose(weight_variance, variance, rel_tol=1e-4):
            return name
    return None


# --------------------------------------------------------------------------------- the rules


@functools.cache
def rules() -> Mapping[str, object]:
    """Return the rules as they stand in `guide.yaml`."""
    import yaml

    text = importlib.resources.files("actfun").joinpath("guide.yaml").read_text("utf-8")
    return yaml.safe_load(text)


def checksum() -> str:
    """Return the SHA-256 of what decides in the rules: conditions, choices, rates, starts, losses.

    Explanations and citations may be improved without changing it.
    """

    def decides(entry):
        if isinstance(entry, dict):
            return {key: decides(value) for key, value in entry.items() if key not in EXPLAINS}
        return [decides(value) for value in entry] if isinstance(entry, list) else entry

    kept = {part: decides(rules()[part]) for part in ("hidden", "rates", "starts", "output")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def fits(when: Mapping[str, list], question: Mapping[str, object]) -> bool:
    """Return whether a question meets all conditions of a rule.

    >>> deep = {"depth": [9, None], "normalisation": ["none"]}
    >>> fits(deep, {"depth": 12, "normalisation": "none"})
    True
    """
    for name, wanted in when.items():
        if name == "depth":
            least, most = wanted
            if question["depth"] < least or (most is not None and question["depth"] > most):
                return False
        elif question[name] not in wanted:
            return False
    return True


def first_fit(entries: list[dict], question: Mapping[str, object]) -> dict:
    """Return the first of the rules that fits; the last one always does."""
    return next(entry for entry in entries if fits(entry["when"], question))


def _checked_depth(depth: object) -> int:
    if isinstance(depth, str):
        if depth not in BANDS:
            raise ValueError(
                f"recommend: depth must be a number of hidden layers or one of {list(BANDS)}, "
                f"got {depth!r}"
            )
        return BANDS[depth][0]
    try:
        if isinstance(depth, bool):
            raise TypeError
        number = operator.index(depth)
    except TypeError:
        raise TypeError(
            "recommend: depth must be an integer, the number of hidden layers, or one of "
            f"{list(BANDS)}, got {depth!r} ({type(depth).__name__})"
        ) from None
    if number < 1:
        raise ValueError(f"recommend: depth must be at least 1 hidden layer, got {depth}")
    return number


def _reason(entry: Mapping[str, object]) -> Reason:
    return Reason(entry["says"], tuple(entry.get("claims", ())), tuple(entry.get("cites", ())))


def _verdict(claim: str) -> str:
    return claims.get(claim).verdict or "open"


# ------------------------------------------------------------------------------ what was measured


@functools.cache
def evidence() -> tuple[object, dict]:
    """Return the frozen table of the back-test, see `measurements`, and the record of its making.

    Errors as `actfun.frozen.thaw`.
    """
    from . import frozen

    tables, record = frozen.thaw(RECORD)
    return tables[TABLE].set_index(["task", "activation"]), record


@functools.cache
def measurements() -> object:
    """Return the frozen table of the back-test: a DataFrame, a row per task and activation.

    Columns: `rule` (the guide's rule for the task), `choice` (its first choice), `learning_rate`
    (the tuned one), `metric`, `error` (1 - accuracy, or mean squared error in units of the
    target's variance; on test data, mean over the seeds), `regret` (error minus the least error
    of the task), `validation` (the error on validation data that chose the rate), `diverged`
    (runs), `group` (letters: who shares one cannot be told apart), and the error of each seed,
    `seed_0` and so on.
    """
    return evidence()[0]


@functools.cache
def _measured(rule: str, activation: str) -> Reason:
    """Return what the back-test says about a choice: on the tasks where this rule decided."""
    try:
        table = measurements()
    except FileNotFoundError:
        return Reason("Not yet measured: the table of the back-test is missing.")
    rows = table[table["rule"] == rule]
    if rows.empty:
        return Reason("No task of the back-test falls under this rule.")
    if activation not in rows.index.get_level_values("activation"):
        return Reason(f"{activation} is not among the activations of the back-test.")
    mine = rows.xs(activation, level="activation")
    relu = rows.xs("relu", level="activation").loc[mine.index]
    best = rows.error.groupby(level="task")
    rivals = "" if activation == "relu" else ", ReLU {:.3f}"
    if len(mine) > 3:
        says = f"on {len(mine)} tasks: mean error {mine.error.mean():.3f}"
        says += rivals.format(relu.error.mean())
        says += f", the best of each task {best.min().mean():.3f}"
    else:
        says = "; ".join(
            f"{task}: error {mine.error[task]:.3f}{rivals.format(relu.error[task])}, "
            f"best {best.min()[task]:.3f} ({best.idxmin()[task][1]})"
            for task in mine.index
        )
    measurements_cited = tuple(f"{task}/{activation}" for task in mine.index)
    return Reason(f"Measured: {says}.", measurements=measurements_cited)


# ------------------------------------------------------------------------------ the tool on a page


def questions() -> Iterator[tuple[dict[str, str], Recommendation]]:
    """Yield every question the tool can ask, as its answers' names, and what `recommend` says."""
    asked = {name: list(rules()["questions"][name]["answers"]) for name in QUESTIONS}
    for values in itertools.product(*asked.values()):
        question = dict(zip(asked, values, strict=True))
        yield question, recommend(**question)


@dataclasses.dataclass(frozen=True)
class Tool:
    """The guide as a form: HTML with every answer in it, or the rules as text."""

    def _repr_html_(self) -> str:
        return _tool_html()

    def __repr__(self) -> str:
        lines = ["Read from the top; the first line that fits decides.", ""]
        for rule in rules()["hidden"]:
            lines.append(f"{conditions(rule['when'])}: {', '.join(rule['choices'])}")
        lines += ["", "Output layer:"]
        for task, entries in rules()["output"].items():
            lines += [f"{task}: {entry['activation']} with {entry['loss']}" for entry in entries]
        return "\n".join(lines)


def tool() -> Tool:
    """Return the decision tool, to be shown as the value of a cell.

    On the course's page it is a form that works without a server; where scripts do not run, a
    table of the rules; in a terminal, the same as text.
    """
    return Tool()


def conditions(when: Mapping[str, list]) -> str:
    """Return a rule's conditions in words.

    >>> conditions({"depth": [9, None], "normalisation": ["none"]})
    'depth 9 or more, normalisation none'
    >>> conditions({})
    'otherwise'
    """
    words = []
    for name, wanted in when.items():
        if name == "depth":
            least, most = wanted
            words.append(f"depth {least} or more" if most is None else f"depth {least} to {most}")
        else:
            words.append(f"{name} {' or '.join(wanted)}")
    return ", ".join(words) or "otherwise"


def _reasons_html(reasons: tuple[Reason, ...]) -> str:
    items = []
    for reason in reasons:
        sources = [
            f'<span class="guide-source" data-claim="{escape(name)}">claim {escape(name)}: '
            f"{escape(_verdict(name))}</span>"
            for name in reason.claims
        ]
        if reason.measurements:
            rows = escape(", ".join(reason.measurements))
            sources.append(f'<span class="guide-source">rows {rows}</span>')
        items.append(f"<li>{escape(reason.says)} {' '.join(sources)}</li>")
    return f"<ul>{''.join(items)}</ul>"


def _hidden_html(answer: Recommendation) -> str:
    items = []
    for choice in answer.hidden:
        low, high = choice.learning_rates
        items.append(
            f"<li><strong>{escape(catalogue.get(choice.activation).title)}</strong> "
            f"<code>{escape(choice.activation)}</code>. Start: {escape(str(choice.start))}. "
            f"Learning rate (Adam): {low:g} to {high:g}."
            f"{f' {escape(str(choice.recipe))}.' if choice.recipe else ''}"
            f"{_reasons_html(choice.reasons[-1:])}</li>"
        )
    return (
        f'<p class="guide-says"><strong>Hidden layers.</strong> {escape(answer.says)} '
        f"(rule {escape(answer.rule)})</p>"
        f"{_reasons_html(answer.hidden[0].reasons[:-1])}<ol>{''.join(items)}</ol>"
    )


def _output_html(output: tuple[Output, ...]) -> str:
    items = "".join(
        f"<li><strong>{escape(catalogue.get(choice.activation).title)}</strong>, "
        f"{escape(choice.units)}, with <code>{escape(choice.loss)}</code>."
        f"{_reasons_html(choice.reasons)}</li>"
        for choice in output
    )
    return f'<p class="guide-says"><strong>Output layer.</strong></p><ol>{items}</ol>'


def _summary(answer: Recommendation) -> str:
    """Return an answer about the hidden layers in a line, for whoever listens."""
    first, *rest = [catalogue.get(choice.activation).title for choice in answer.hidden]
    return f"Hidden layers: {first}; then {', '.join(rest)}."


def _tool_html() -> str:
    """Return the form (hidden until guide.js shows it), the answers, and the rules as tables."""
    hidden: dict[str, int] = {}
    output: dict[str, dict[str, str]] = {}
    answers: list[dict[str, str]] = []
    for question, answer in questions():
        # The task decides nothing about the hidden layers, and everything about the output.
        output[question["task"]] = {
            "line": f"Output layer: {catalogue.get(answer.output[0].activation).title}.",
            "html": _output_html(answer.output),
        }
        key = "|".join(question[name] for name in QUESTIONS if name != "task")
        if key not in hidden:
            entry = {"line": _summary(answer), "html": _hidden_html(answer)}
            if entry not in answers:
                answers.append(entry)
            hidden[key] = answers.index(entry)
    stored = json.dumps({"hidden": hidden, "output": output, "answers": answers})
    return (
        '<div class="guide-tool">'
        '<form aria-label="Choose an activation function" hidden>'
        f"{''.join(_field(name) for name in QUESTIONS)}"
        '<button type="reset">Start again</button></form>'
        '<p class="guide-line" role="status" aria-live="polite" hidden></p>'
        '<div class="guide-answer" role="region" aria-label="The guide\'s answer" hidden></div>'
        # "<" is escaped so that no text can end the script element.
        f'<script type="application/json">{stored.replace("<", chr(92) + "u003c")}</script>'
        f'<div class="guide-tables">{_tables_html()}</div></div>'
    )


def _field(name: str) -> str:
    asked = rules()["questions"][name]
    options = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>'
        for value, text in asked["answers"].items()
    )
    return f'<label>{escape(asked["asks"])} <select name="{name}">{options}</select></label>'


def _tables_html() -> str:
    """Return the rules as two tables."""
    hidden = "".join(
        f'<tr><th scope="row">{escape(conditions(rule["when"]))}</th>'
        f"<td>{escape(', '.join(rule['choices']))}</td><td>{escape(rule['says'])}</td></tr>"
        for rule in rules()["hidden"]
    )
    output = "".join(
        f'<tr><th scope="row">{escape(task)}</th><td>{escape(entry["activation"])}</td>'
        f"<td><code>{escape(entry['loss'])}</code> {escape(entry['says'])}</td></tr>"
        for task, entries in rules()["output"].items()
        for entry in entries
    )
    return _table_html(
        "Hidden layers: read from the top; the first line that fits decides",
        ("When", "Choices, best first", "Advice"),
        hidden,
    ) + _table_html("Output layer", ("Task", "Activation", "Loss"), output)


def _table_html(caption: str, head: tuple[str, ...], rows: str) -> str:
    cells = "".join(f'<th scope="col">{name}</th>' for name in head)
    return (
        f"<table><caption>{caption}</caption><thead><tr>{cells}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
