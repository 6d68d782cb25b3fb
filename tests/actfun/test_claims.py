"""The ledger and the call that settles a claim."""

import collections

import pytest

from actfun import claims
from actfun.verdicts import NotSupported


def test_the_ledger_holds_every_statement_of_the_four_documents():
    per_document = collections.Counter(c.document for c in claims.ledger().values())
    assert per_document == {"A": 56, "B": 77, "C": 22, "D": 27}


def test_every_claim_is_settled_or_says_where_it_will_be():
    settled = [c for c in claims.ledger().values() if c.verdict]
    waiting = [c for c in claims.ledger().values() if c.open]
    assert len(settled) + len(waiting) == 182
    assert all(c.open.startswith("Part ") for c in waiting)


def test_every_section_has_a_title():
    for claim in claims.ledger().values():
        assert claim.section_title
    for letter, document in claims.documents().items():
        used = {c.section for c in claims.ledger().values() if c.document == letter}
        assert used == set(document["sections"])


def test_anchors_are_unique():
    anchors = [c.anchor for c in claims.ledger().values()]
    assert len(set(anchors)) == 182


def settle(claim_id="A-2.3a", verdict="holds", **changes):
    given = {"evidence": "so", "because": {"it is": True}, **changes}
    claims.settle(claim_id, verdict, **given)


def test_settling_shows_claim_verdict_and_evidence(shown):
    settle(evidence="2 < 3 & so on")
    [(box, note)] = shown
    assert "A-2.3a" in repr(box) and "Verdict: holds." in repr(box)
    assert "2 < 3 & so on" in repr(box)
    html = box._repr_html_()
    assert 'id="claim-a-2-3a"' in html and "2 &lt; 3 &amp; so on" in html
    assert 'class="claim claim-holds"' in html
    assert note == {
        "claim": {
            "id": "A-2.3a",
            "verdict": "holds",
            "evidence": "2 < 3 & so on",
            "correction": None,
        }
    }


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"because": {"a": True, "1 is 2": False}}, NotSupported, "1 is 2"),
        ({"verdict": "does not hold", "correction": "x"}, NotSupported, "ledger says"),
        ({"verdict": "perhaps"}, ValueError, "unknown verdict 'perhaps'"),
        ({"verdict": "incomplete"}, ValueError, "needs correction"),
        ({"because": {}}, ValueError, "because= is empty"),
        ({"claim_id": "Z-1"}, KeyError, "no claim 'Z-1'"),
        ({"claim_id": "D-5"}, NotSupported, "not yet settled"),
    ],
)
def test_settling_fails_when_it_should(changes, error, words):
    with pytest.raises(error, match=words):
        settle(**changes)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "either a verdict or 'open'"),
        ({"verdict": "holds", "open": "Part 3"}, "either a verdict or 'open'"),
        ({"verdict": "maybe"}, "unknown verdict 'maybe'"),
    ],
)
def test_a_broken_ledger_is_refused(monkeypatch, entry, words):
    broken = {"claims": [{"id": "A-1", "section": "1", "kind": "code", "says": "x", **entry}]}
    monkeypatch.setattr(claims, "_ledger", lambda: broken)
    claims.ledger.cache_clear()
    try:
        with pytest.raises(ValueError, match=words):
            claims.ledger()
    finally:
        claims.ledger.cache_clear()
