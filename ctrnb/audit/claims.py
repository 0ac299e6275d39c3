"""What a claim is, and what a verdict on it is."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ctrnb.theory.claims import CORRECTED, OPEN, PROVEN, REFUTED, Outcome
from ctrnb.theory.suites import statement_of

HOLDS = "holds"
ON_AVERAGE = "holds on average only"
DOES_NOT_HOLD = "does not hold"
TYPO = "typo"
UNCHECKED = "cannot be checked"
BY_PROOF = (PROVEN, REFUTED, CORRECTED)
VERDICTS = (HOLDS, ON_AVERAGE, DOES_NOT_HOLD, TYPO, *BY_PROOF, UNCHECKED)
FALSE = (DOES_NOT_HOLD, TYPO, REFUTED, CORRECTED)  # as the paper prints it

BY_READING = "depends on the reading"  # ends the method of a decision that another reading of the sentence would change


@dataclass(frozen=True)
class Decision:
    """What the paper's own numbers say of a claim.

    Attributes:
        verdict: one of :data:`VERDICTS`.
        evidence: the computed numbers in a sentence, or why there are none.
        method: the rule of :mod:`ctrnb.audit.rules` that decided.
        cells: the deciding cells, by place and as printed; those against the claim where some are.
    """

    verdict: str
    evidence: str
    method: str
    cells: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()  # the ids of the verified statements that decide


def unchecked(reason: str, cells: tuple[str, ...] = ()) -> Decision:
    """Return that nothing reported decides a claim, and why; ``cells`` are those that the reason speaks of."""
    return Decision(UNCHECKED, reason, "no numbers reported", cells)


WORST_FIRST = (OPEN, REFUTED, CORRECTED, PROVEN)


def by_proof(why: str, *ids: str) -> Decision:
    """Return what verified statements say of a claim that is all of them: proven if all are, else the worst verdict.

    The evidence is that of the first statement with that verdict.
    """
    found = [statement_of(id) for id in ids]
    worst = min(found, key=lambda each: WORST_FIRST.index(each.verdict))
    named = ids[0]
    if len(ids) > 1:
        verdicts = [verdict for verdict in reversed(WORST_FIRST) if verdict in {each.verdict for each in found}]
        parts = (f"{name}: {', '.join(each.id for each in found if each.verdict == name)}" for name in verdicts)
        named = f"{len(ids)} statements ({'; '.join(parts)})"
    return Decision(worst.verdict, f"{why}, decided by {named}. {worst.evidence}", worst.method, statements=ids)


def by_check(outcome: Outcome) -> Decision:
    """Return what a check that the audit itself makes of a mathematical statement says of it."""
    return Decision(outcome.verdict, outcome.evidence, outcome.method)


def illustrated(proof: Decision, on_cells: Decision) -> Decision:
    """Return a proof's decision with what cells of a table show of it; they decide nothing."""
    return replace(proof, evidence=f"{proof.evidence} On the printed cells: {on_cells.evidence}", cells=on_cells.cells)


@dataclass(frozen=True)
class Claim:
    """One claim of the paper's text: where it stands, in our words, and how it is decided."""

    id: str
    section: str
    place: str
    statement: str
    decide: Callable[[], Decision]


@dataclass(frozen=True)
class Finding:
    """One audited claim. ``source`` is the sentence's place, ``seconds`` what deciding it took."""

    id: str
    section: str
    source: str
    statement: str
    verdict: str
    method: str
    evidence: str
    seconds: float
    cells: tuple[str, ...]

    @property
    def by_reading(self) -> bool:
        """Whether another reading of the sentence would give another verdict."""
        return self.method.endswith(BY_READING)

    def as_dict(self) -> dict[str, Any]:
        """Return it as ``ctrnb verify`` gives a statement, with its cells; its id begins with the section."""
        return {name: value for name, value in asdict(self).items() if name != "section"}


@dataclass
class Section:
    """The claims of one section, in its order: declared beside what decides them, or with why nothing does."""

    name: str
    claims: list[Claim] = field(default_factory=list)

    def claim(self, id: str, place: str, statement: str) -> Callable[[Callable[[], Decision]], Callable[[], Decision]]:
        """Return a decorator that declares a claim decided by the function under it; a function may decide several."""

        def declare(decide: Callable[[], Decision]) -> Callable[[], Decision]:
            self.claims.append(Claim(f"{self.name}/{id}", self.name, place, statement, decide))
            return decide

        return declare

    def unchecked(self, id: str, place: str, statement: str, reason: str) -> None:
        """Declare a claim on which nothing that the paper reports bears, and why."""
        self.claim(id, place, statement)(lambda: unchecked(reason))

    def by_theory(self, id: str, place: str, statement: str, decided_by: str, why: str) -> None:
        """Declare a statement on which no table bears, and why; the verified statement of that id decides it.

        Such an id is one that :func:`ctrnb.theory.suites.statement_of` knows; others are refused when the claim is decided.
        """
        self.claim(id, place, statement)(lambda: by_proof(why, decided_by))


def audit(claim: Claim) -> Finding:
    """Return the finding on one claim."""
    start = time.perf_counter()
    found = claim.decide()
    seconds = time.perf_counter() - start
    return Finding(
        id=claim.id,
        section=claim.section,
        source=f"{section_name(claim.section)}, {claim.place}",
        statement=claim.statement,
        verdict=found.verdict,
        method=found.method,
        evidence=found.evidence,
        seconds=seconds,
        cells=found.cells,
    )


def section_name(section: str) -> str:
    """Return a section as it is cited: "Section 4.2", "Appendix C.1", "Abstract"."""
    if section[0].isdigit():
        return f"Section {section}"
    return f"Appendix {section}" if section[0] in "ABCDE" and section[1:2] in ("", ".") else section
