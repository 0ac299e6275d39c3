import math
import time

import pytest

from ctrnb.theory.claims import CORRECTED, OBSERVED, OPEN, PROVEN, REFUTED, Suite, decide, table


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ({"proof": {"a": True, "b": True}}, PROVEN),
        ({"proof": {"a": True, "b": False}}, OPEN),
        ({"proof": {}}, OPEN),
        ({}, OPEN),
        ({"refutation": {"a": True}}, REFUTED),
        ({"refutation": {"a": False}}, OPEN),
        ({"refutation": {"a": True}, "correction": {"b": True}}, CORRECTED),
        ({"refutation": {"a": True}, "correction": {"b": False}}, OPEN),
        ({"proof": {"a": False}, "refutation": {"b": True}}, REFUTED),
        ({"proof": {"a": True}, "refutation": {"b": True}}, OPEN),
        ({"proof": {"a": True}, "refutation": {"b": False}, "correction": {"c": False}}, PROVEN),
        ({"observation": {"a": True}}, OBSERVED),
        ({"observation": {"a": False}}, OPEN),
        ({"observation": {"a": True}, "refutation": {"b": False}}, OBSERVED),
        ({"observation": {"a": False}, "refutation": {"b": True}}, REFUTED),
        ({"observation": {"a": True}, "refutation": {"b": True}}, OPEN),
    ],
)
def test_verdicts_follow_from_the_parts_alone(parts: dict, verdict: str) -> None:
    assert decide(method="m", **parts).verdict == verdict


def test_what_was_not_shown_is_named() -> None:
    assert "Not shown: the lemma." in decide(method="m", proof={"the lemma": False, "the rest": True}).evidence
    assert decide(method="m", refutation={"x": True}, correction={"y": True}, correct="z.").evidence.startswith(
        "Correct: z."
    )


def test_a_check_that_breaks_hides_no_other() -> None:
    suite = Suite()
    suite.claim("a", "s", "t")(lambda: 1 / 0)
    suite.claim("b", "s", "t")(lambda: decide(method="m", proof={"x": True}))
    first, second = suite()
    assert first.verdict == OPEN and "ZeroDivisionError" in first.evidence and second.verdict == PROVEN
    assert math.isfinite(second.seconds)
    with pytest.raises(KeyError):
        suite.claim("b", "s", "t")(lambda: decide(method="m"))


def test_a_statement_carries_what_was_registered_and_how_long_its_check_took() -> None:
    suite = Suite()

    @suite.claim("a", "Section 1", "It holds.")
    def check():
        time.sleep(0.02)
        return decide(method="symbolic", proof={"x": True})

    found = suite.run("a")
    assert 0.02 <= found.seconds < 5
    assert found.as_dict() == {
        "id": "a", "source": "Section 1", "statement": "It holds.", "verdict": PROVEN, "method": "symbolic",
        "evidence": "Checked: x.", "seconds": found.seconds,
    }  # fmt: skip


def test_a_table_to_read_has_ids_and_methods_in_front() -> None:
    suite = Suite()
    suite.claim("a", "Section 1", "It holds.")(lambda: decide(method="symbolic", proof={"x": True}))
    suite.claim("b", "Section 2", "It fails.")(
        lambda: decide(method="numeric", refutation={"y": True}, evidence="See.")
    )
    assert table(suite()).to_dict("records") == [
        {"statement": "a: It holds. (Section 1)", "verdict": PROVEN, "evidence": "[symbolic] Checked: x."},
        {"statement": "b: It fails. (Section 2)", "verdict": REFUTED, "evidence": "[numeric] See. Checked: y."},
    ]


def test_evidence_names_what_held_where_something_is_settled_and_what_failed_where_not() -> None:
    told = {"proof": {"p": False}, "refutation": {"r": True}}
    assert decide(method="m", **told).evidence == "Checked: r."
    assert (
        decide(method="m", **told, correction={"c": True}, correct="d.", evidence="e.").evidence
        == "Correct: d. e. Checked: r; c."
    )
    assert decide(method="m", **told, correction={"c": False}, evidence="e.").evidence == "Not shown: p; c. e."
    assert decide(method="m", observation={"o": True}, evidence="e.").evidence == "e. Seen: o."
    assert decide(method="m", observation={"o": False}).evidence == "Not shown: o."
    assert decide(method="m", proof={"p": True}, refutation={"r": True}).evidence == (
        "Not shown: the proof and the refutation contradict each other."
    )
