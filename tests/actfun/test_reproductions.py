"""The ledger of published results and the call that reports what became of one."""

import pytest

from actfun import reproductions
from actfun.verdicts import NotSupported

LEDGER = {
    "reproductions": [
        {
            "id": "R-1",
            "papers": ["he2015"],
            "source": "He et al., 2015",
            "says": "ReLU < tanh.",
            "verdict": "confirmed",
        },
        {
            "id": "R-2",
            "papers": [],
            "source": "common in tutorials",
            "says": "It stays at chance.",
            "open": "Part 4",
        },
        {
            "id": "R-3",
            "papers": ["he2015"],
            "source": "He et al., 2015",
            "says": "Deeper is better.",
            "verdict": "not confirmed",
        },
    ]
}


@pytest.fixture
def ledger(monkeypatch):
    """A small ledger in place of the book's."""

    def use(content=LEDGER):
        monkeypatch.setattr(reproductions, "_ledger", lambda: content)
        reproductions.ledger.cache_clear()

    use()
    yield use
    reproductions.ledger.cache_clear()


def report(reproduction_id="R-1", verdict="confirmed", **changes):
    given = {"experiment": "ten seeds", "result": "0.3", "because": {"it is": True}, **changes}
    reproductions.report(reproduction_id, verdict, **given)


def test_every_result_is_reported_or_says_where_it_will_be():
    ledger = reproductions.ledger()
    assert list(ledger) == [f"R-{n}" for n in range(1, 29)]
    assert all(r.open.startswith("Part ") for r in ledger.values() if not r.verdict)
    assert all(r.says.endswith(".") and r.source for r in ledger.values())


def test_a_report_shows_what_was_said_what_we_did_and_what_came_of_it(ledger, shown):
    report("R-3", "not confirmed", result="0.3 & 0.4", differs="Ours is < theirs.")
    [(box, note)] = shown
    text = repr(box).splitlines()
    assert text == [
        "Reproduction R-3 (He et al., 2015): Deeper is better.",
        "Verdict: not confirmed. Ours is < theirs.",
        "Experiment: ten seeds",
        "Result: 0.3 & 0.4",
    ]
    html = box._repr_html_()
    assert 'class="claim claim-not-confirmed" id="reproduction-r-3"' in html
    assert "0.3 &amp; 0.4" in html and "Ours is &lt; theirs." in html
    assert note == {
        "reproduction": {
            "id": "R-3",
            "verdict": "not confirmed",
            "experiment": "ten seeds",
            "result": "0.3 & 0.4",
            "differs": "Ours is < theirs.",
        }
    }


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"because": {"a": True, "1 is 2": False}}, NotSupported, "evidence fails: 1 is 2$"),
        ({"verdict": "not resolvable at this scale"}, NotSupported, "ledger says 'confirmed'"),
        ({"reproduction_id": "R-2"}, NotSupported, "not yet settled"),
        ({"verdict": "holds"}, ValueError, "unknown verdict 'holds'"),
        ({"verdict": "confirmed in direction"}, ValueError, "needs differs="),
        ({"verdict": "not confirmed"}, ValueError, "needs differs="),
        ({"because": {}}, ValueError, "because= is empty"),
        ({"result": " "}, ValueError, "need words"),
        ({"experiment": ""}, ValueError, "need words"),
        ({"reproduction_id": "R-9"}, KeyError, "no reproduction 'R-9'"),
    ],
)
def test_a_report_fails_when_it_should(ledger, shown, changes, error, words):
    report()
    assert len(shown) == 1
    with pytest.raises(error, match=words):
        report(**changes)
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verdict": None}, "either a verdict or 'open'"),
        ({"open": "Part 4"}, "either a verdict or 'open'"),
        ({"verdict": "holds"}, "unknown verdict 'holds'"),
        ({"id": "R-2"}, "stands in the ledger twice"),
    ],
)
def test_a_broken_ledger_is_refused(ledger, change, words):
    first, *rest = LEDGER["reproductions"]
    ledger({"reproductions": [{**first, **change}, *rest]})
    with pytest.raises(ValueError, match=words):
        reproductions.ledger()
