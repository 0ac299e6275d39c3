"""Statements to be verified, and how a verdict is computed from the parts of a check.

A check gives named parts that are true or false: of a proof, of an observation, of a refutation, and of the proof of a
correction. The verdict follows from them alone, so a wrong formula anywhere in a part leaves its statement not established.
An observation is of the cases that were tried, such as some nodes of a graph; it is no proof, and is not counted as one.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

PROVEN, REFUTED, CORRECTED, OBSERVED = "proven", "refuted", "corrected", "observed"
OPEN = "not established"
Parts = Mapping[str, bool]


@dataclass(frozen=True)
class Statement:
    """A verified statement.

    Attributes:
        id: ``suite.name``.
        source: where the paper says it, or that it is ours.
        statement: what is said, exactly.
        verdict: proven, refuted (by a counterexample), corrected (refuted, and what holds instead proven), observed
            (in every case that was tried; not proven), or not established.
        method: symbolic, SMT, numeric with bounds, or several.
        evidence: what was checked, the counterexample, and the right statement where it was corrected.
        seconds: how long that took.
    """

    id: str
    source: str
    statement: str
    verdict: str
    method: str
    evidence: str
    seconds: float

    def as_dict(self) -> dict[str, str | float]:
        return asdict(self)


@dataclass(frozen=True)
class Outcome:
    """What a check found out."""

    verdict: str
    method: str
    evidence: str


def decide(
    *,
    method: str,
    proof: Parts | None = None,
    observation: Parts | None = None,
    refutation: Parts | None = None,
    correction: Parts | None = None,
    correct: str = "",
    evidence: str = "",
) -> Outcome:
    """Return the verdict that the parts of a check give.

    Args:
        proof: parts that together prove the statement.
        observation: in place of a proof, what was seen of the statement in the cases that were tried.
        refutation: parts that together refute it: that a counterexample is one.
        correction: parts that together prove ``correct``, the right statement.
    """
    supports, refutes = complete(proof) or complete(observation), complete(refutation)
    if supports == refutes:  # neither, or a contradiction
        verdict = OPEN
    elif supports:
        verdict = PROVEN if complete(proof) else OBSERVED
    elif correction is None:
        verdict = REFUTED
    else:
        verdict = CORRECTED if complete(correction) else OPEN
    checked = {**(proof or {}), **(observation or {}), **(refutation or {}), **(correction or {})}
    if verdict == OPEN:
        failed = [name for name, held in checked.items() if not held]
        evidence = f"Not shown: {'; '.join(failed) or 'the proof and the refutation contradict each other'}. {evidence}"
    else:
        shown = "; ".join(name for name, held in checked.items() if held)
        evidence = f"{evidence} {'Seen' if verdict == OBSERVED else 'Checked'}: {shown}.".strip()
        if verdict == CORRECTED:
            evidence = f"Correct: {correct} {evidence}"
    return Outcome(verdict, method, evidence.strip())


def complete(parts: Parts | None) -> bool:
    """Return whether there are parts and all hold."""
    return parts is not None and bool(parts) and all(parts.values())


def table(statements: Sequence[Statement]) -> pd.DataFrame:
    """Return statements as a table of three columns to read; ids and methods stand in front of what they belong to."""
    return pd.DataFrame(
        [
            {
                "statement": f"{each.id}: {each.statement} ({each.source})",
                "verdict": each.verdict,
                "evidence": f"[{each.method}] {each.evidence}",
            }
            for each in statements
        ]
    )


class Suite:
    """Statements with their checks, in order, those of other suites first; calling it runs every check."""

    def __init__(self, *parts: "Suite") -> None:
        self.checks: dict[str, tuple[str, str, Callable[[], Outcome]]] = {}
        for part in parts:
            self.checks |= part.checks

    def claim(self, id: str, source: str, statement: str) -> Callable[[Callable[[], Outcome]], Callable[[], Outcome]]:
        """Register the decorated check under a statement."""

        def register(check: Callable[[], Outcome]) -> Callable[[], Outcome]:
            if id in self.checks:
                raise KeyError(f"two statements are called {id}")
            self.checks[id] = (source, statement, check)
            return check

        return register

    def run(self, id: str) -> Statement:
        """Return one statement with its verdict; a check that fails with an error leaves it not established."""
        source, statement, check = self.checks[id]
        start = time.perf_counter()
        try:
            outcome = check()
        except Exception as error:  # one broken check must not hide the others
            outcome = Outcome(OPEN, "none", f"The check failed: {type(error).__name__}: {error}")
        seconds = round(time.perf_counter() - start, 3)
        return Statement(id, source, statement, outcome.verdict, outcome.method, outcome.evidence, seconds)

    def __call__(self) -> list[Statement]:
        """Return every statement with its verdict."""
        return [self.run(id) for id in self.checks]
