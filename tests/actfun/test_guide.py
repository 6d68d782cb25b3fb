"""The guide's rules, the answers they give, and the tool made from them."""

import itertools
import json
import pathlib
import re

import numpy as np
import pandas as pd
import pytest

import actfun
from actfun import claims, guide, tasks, theory

ROOT = pathlib.Path(__file__).parents[2]
KNOWN = {name: list(asked["answers"]) for name, asked in guide.rules()["questions"].items()}


@pytest.fixture
def table(monkeypatch):
    """A frozen table of two tasks, in place of the real one."""
    rows = [
        {"task": task, "activation": name, "rule": rule, "error": error}
        for task, rule, known in (
            ("digits-deep", "deep-plain", {"relu": 0.2, "selu": 0.1, "tanh": 0.05}),
            ("moons-few", "usual", {"relu": 0.3, "leaky_relu": 0.25, "gelu": 0.4}),
        )
        for name, error in known.items()
    ]
    fake = pd.DataFrame(rows).set_index(["task", "activation"])
    guide._measured.cache_clear()
    monkeypatch.setattr(guide, "measurements", lambda: fake)
    yield fake
    guide._measured.cache_clear()


# ------------------------------------------------------------------------------- the rules


def entries(node):
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from entries(inner)


def test_everything_the_rules_name_exists():
    keys = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "references.bib").read_text(), re.M))
    for entry in entries(guide.rules()):
        for claim in entry.get("claims", ()):
            claims.get(claim)
        assert set(entry.get("cites", ())) <= keys, entry
        for name in [*entry.get("choices", ()), *filter(None, [entry.get("activation")])]:
            if isinstance(name, str):
                assert actfun.get(name).name == name


def test_conditions_name_known_answers():
    for part in ("hidden", "rates", "starts"):
        for entry in guide.rules()[part]:
            for name, wanted in entry["when"].items():
                if name == "depth":
                    assert len(wanted) == 2
                elif name != "activation":
                    assert set(wanted) <= set(KNOWN[name]), entry
        assert guide.rules()[part][-1]["when"] == {}, f"{part}: the last rule must always fit"


def test_every_rule_of_the_list_decides_somewhere():
    decided = {answer.rule for _, answer in guide.questions()}
    assert decided == {rule["id"] for rule in guide.rules()["hidden"]}


def test_every_rule_gives_reasons_that_cite():
    for rule in guide.rules()["hidden"]:
        assert len(rule["choices"]) >= 2
        assert all(reason["claims"] and reason["cites"] for reason in rule["because"])
    assert set(guide.rules()["output"]) == set(KNOWN["task"])


def test_no_rule_divides_a_band_of_depths():
    bands = {"shallow": (1, 2, 3), "medium": (4, 5, 8), "deep": (9, 16, 100)}
    others = [KNOWN[name] for name in ("architecture", "normalisation", "data", "budget")]
    for band, depths in bands.items():
        for a, n, d, b in itertools.product(*others):
            asked = {"architecture": a, "normalisation": n, "data": d, "budget": b}
            given = [guide.recommend(depth=depth, **asked) for depth in (band, *depths)]
            assert len({(g.hidden, g.output, g.rule) for g in given}) == 1


def test_checksum_sees_what_decides_and_nothing_else(monkeypatch):
    before = guide.checksum()
    changed = json.loads(json.dumps(guide.rules()))
    changed["hidden"][0]["says"] = "otherwise put"
    changed["hidden"][0]["because"] = []
    monkeypatch.setattr(guide, "rules", lambda: changed)
    assert guide.checksum() == before
    changed["hidden"][0]["choices"].reverse()
    assert guide.checksum() != before


# ------------------------------------------------------------------------------ recommend


@pytest.mark.parametrize(
    ("asked", "first", "output"),
    [
        ({}, "relu", "softmax"),
        ({"task": "regression", "depth": 20}, "selu", "identity"),
        ({"depth": 20, "normalisation": "batch"}, "relu", "softmax"),
        ({"architecture": "gru", "depth": 1, "task": "multi-label"}, "tanh", "sigmoid"),
        ({"architecture": "lstm", "budget": "small"}, "tanh", "softmax"),
        ({"architecture": "transformer", "normalisation": "layer"}, "gelu", "softmax"),
        ({"data": "outliers", "task": "binary"}, "tanh", "sigmoid"),
        ({"data": "outliers", "normalisation": "layer"}, "relu", "softmax"),
        ({"data": "smooth", "task": "positive"}, "gelu", "softplus"),
        ({"budget": "small", "depth": 50}, "relu", "softmax"),
    ],
)
def test_first_choices(asked, first, output):
    answer = guide.recommend(**asked)
    assert answer.hidden[0].activation == first
    assert answer.output[0].activation == output
    assert [choice.rank for choice in answer.hidden] == [1, 2, 3]


def test_task_decides_the_output_only():
    answers = [guide.recommend(task=task, depth=12) for task in KNOWN["task"]]
    assert len({answer.hidden for answer in answers}) == 1
    assert len({answer.output for answer in answers}) == len(answers)


@pytest.mark.parametrize("name", ["task", "architecture", "normalisation", "data", "budget"])
def test_an_unknown_answer_is_named_with_what_is_expected(name):
    with pytest.raises(ValueError, match=rf"recommend: {name} must be one of .*, got 'nonsense'"):
        guide.recommend(**{name: "nonsense"})
    with pytest.raises(ValueError, match=KNOWN[name][1]):
        guide.recommend(**{name: 3})


@pytest.mark.parametrize("depth", [0, -1, "very deep", ""])
def test_a_depth_of_no_use(depth):
    with pytest.raises(ValueError, match=rf"recommend: depth must be .*, got {depth!r}"):
        guide.recommend(depth=depth)


@pytest.mark.parametrize("depth", [2.5, 2.0, None, True, [2]])
def test_a_depth_that_is_no_number(depth):
    with pytest.raises(TypeError, match="recommend: depth must be an integer"):
        guide.recommend(depth=depth)


def test_numpy_integers_are_depths():
    assert guide.recommend(depth=np.int64(12)).rule == "deep-plain"


def test_losses_and_initialisers_are_keras():
    import keras

    for _, answer in guide.questions():
        for choice in answer.output:
            name, _, arguments = choice.loss.partition("(")
            keywords = dict(re.findall(r"(\w+)=(\w+)", arguments))
            getattr(keras.losses, name)(**{k: v == "True" for k, v in keywords.items()})
        for choice in answer.hidden:
            low, high = choice.learning_rates
            assert 0 < low < high < 1
    for name in ("relu", "selu"):
        written = guide.start(name).keras
        assert isinstance(
            getattr(keras.initializers, written.removesuffix("()"))(), keras.Initializer
        )


# ------------------------------------------------------------------------------- the start


def test_starts_are_those_of_the_theory():
    for name in ("relu", "gelu", "tanh", "sigmoid"):
        shallow = guide.start(name, depth=3)
        assert shallow.kind == "preserving" and shallow.bias_variance == 0
        assert shallow.weight_variance == pytest.approx(theory.gain(name) ** 2)
    for name in ("gelu", "tanh"):
        deep, pair = guide.start(name, depth=12), theory.critical_initialisation(name)
        assert deep.kind == "critical"
        assert (deep.weight_variance, deep.bias_variance) == pytest.approx(pair[:2])
        assert guide.start(name, depth=12, normalisation="batch") == guide.start(name, depth=3)
    assert guide.start("sigmoid", depth=12).kind == "preserving"  # it has no critical pair
    assert guide.start("selu", depth=12).weight_variance == pytest.approx(1)


def test_start_rejects_what_it_does_not_know():
    with pytest.raises(actfun.UnknownActivation):
        guide.start("rellu")
    with pytest.raises(ValueError, match="depth"):
        guide.start("relu", depth=0)


def test_keras_initialisers_have_the_variances_they_state():
    import keras

    keras.utils.set_random_seed(0)
    begin = guide.start("gelu", depth=12)
    kernel = np.asarray(begin.kernel_initializer()((400, 500)))
    bias = np.asarray(begin.bias_initializer()((200_000,)))
    assert kernel.var() * 400 == pytest.approx(begin.weight_variance, rel=0.02)
    assert bias.var() == pytest.approx(begin.bias_variance, rel=0.02)
    assert not np.asarray(guide.start("relu").bias_initializer()((5,))).any()


# ----------------------------------------------------------------------------- measurements


def test_reasons_cite_the_rows_of_the_tasks_their_rule_decided(table):
    answer = guide.recommend(depth=12)
    measured = answer.hidden[0].reasons[-1]
    assert measured.measurements == ("digits-deep/selu",)
    assert "error 0.100, ReLU 0.200, best 0.050 (tanh)" in measured.says
    assert "rows digits-deep/selu" in repr(answer)
    assert "not among the activations" in answer.hidden[2].reasons[-1].says
    usual = guide.recommend(depth=2).hidden[0].reasons[-1]
    assert usual.says == "Measured: moons-few: error 0.300, best 0.250 (leaky_relu)."
    assert "No task" in guide.recommend(architecture="transformer").hidden[0].reasons[-1].says


def test_without_the_table_the_answer_says_so(monkeypatch):
    def missing():
        raise FileNotFoundError

    guide._measured.cache_clear()
    monkeypatch.setattr(guide, "measurements", missing)
    assert "missing" in guide.recommend().hidden[0].reasons[-1].says
    guide._measured.cache_clear()


def test_the_frozen_table_belongs_to_these_rules_and_tasks():
    frozen = guide.measurements()
    for name, rows in frozen.groupby(level="task"):
        answer = guide.recommend(**tasks.get(name).question())
        assert set(rows.rule) == {answer.rule}
        assert set(rows.choice) == {answer.hidden[0].activation}
    cited = {
        row
        for _, answer in guide.questions()
        for choice in answer.hidden
        for row in choice.reasons[-1].measurements
    }
    assert cited
    assert cited <= {"/".join(index) for index in frozen.index}


# --------------------------------------------------------------------------------- the tool


@pytest.fixture(scope="module")
def page():
    return guide.tool()._repr_html_()


def stored(page):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.S)[1])


def test_the_tool_holds_the_answer_to_every_question(page):
    kept = stored(page)
    for question, answer in guide.questions():
        key = "|".join(question[name] for name in guide.QUESTIONS if name != "task")
        html = kept["answers"][kept["hidden"][key]]["html"]
        assert re.findall(r"<code>(\w+)</code>", html) == [c.activation for c in answer.hidden]
        assert f"(rule {answer.rule})" in html
        output = kept["output"][question["task"]]["html"]
        assert all(choice.loss in output for choice in answer.output)


def test_the_tool_is_one_piece_without_other_hosts(page):
    assert "http" not in page and "src=" not in page
    assert page.count("<script") == page.count("</script>") == 1
    for name, values in KNOWN.items():
        assert f'<select name="{name}">' in page
        assert all(f'<option value="{value}">' in page for value in values)
    assert 'aria-live="polite"' in page and "<label>" in page
    assert page.count("<tr>") == 2 + len(guide.rules()["hidden"]) + sum(
        map(len, guide.rules()["output"].values())
    )


def test_as_text_the_tool_is_the_list_of_rules():
    text = repr(guide.tool())
    assert "depth 9 or more, normalisation none: selu, tanh, gelu" in text
    assert text.index("lstm or gru") < text.index("otherwise: relu, leaky_relu, gelu")
    assert "regression: identity with MeanSquaredError()" in text


def test_the_tool_in_a_browser(page, tmp_path):
    """By keyboard alone: form shown, tables hidden, the answer follows the questions."""
    import shutil

    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    script = (ROOT / "assets/guide.js").read_text()
    style = (ROOT / "assets/guide.css").read_text()
    site = tmp_path / "page.html"
    site.write_text(
        f"<!doctype html><html lang=en><title>x</title><style>{style}</style><body>{page}"
        f"<script>{script}</script></body></html>",
        encoding="utf-8",
    )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        plain = browser.new_context(java_script_enabled=False).new_page()
        plain.goto(site.as_uri())
        assert plain.locator(".guide-tables").is_visible()
        assert not plain.locator(".guide-tool form").is_visible()
        view = browser.new_page(viewport={"width": 320, "height": 640})
        trouble = []
        view.on("pageerror", lambda error: trouble.append(str(error)))
        view.goto(site.as_uri())
        assert view.locator(".guide-tool form").is_visible()
        assert not view.locator(".guide-tables").is_visible()
        line = view.locator(".guide-line")
        assert (
            line.inner_text()
            == "Hidden layers: ReLU; then Leaky ReLU, GELU. Output layer: Softmax."
        )
        view.locator("select[name=depth]").focus()
        view.keyboard.press("End")
        assert line.inner_text().startswith("Hidden layers: SELU; then")
        assert "rule deep-plain" in view.locator(".guide-answer").inner_text()
        link = view.locator(".guide-answer .guide-source a").first
        assert re.fullmatch(
            r"\.\./reference/ledger\.html#ledger-[a-d]-[\d-]+[a-z]?", link.get_attribute("href")
        )
        for _ in range(4):
            view.keyboard.press("Tab")
        view.keyboard.press("Enter")  # the button: start again
        view.wait_for_function("document.querySelector('.guide-line').innerText.includes('ReLU;')")
        assert view.evaluate("document.documentElement.scrollWidth") <= 320
        assert trouble == []
        browser.close()
