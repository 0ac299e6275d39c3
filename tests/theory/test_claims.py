import math

import pytest

from ctrnb.theory.claims import CORRECTED, OPEN, PROVEN, REFUTED, Suite, decide


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
