"""The paper audited: every numeric or comparative claim of its text, decided from its own tables.

Claims are declared beside the function that decides them, a module a theme; :mod:`ctrnb.audit.rules` says how a verdict
follows from cells. No verdict is typed: change a cell of :mod:`ctrnb.paper.printed` and verdicts change.
"""

from collections.abc import Iterable

from ctrnb.audit import captions, density, frame, logloss, setup, strategies, supervision, underserved
from ctrnb.audit.claims import BY_PROOF, FALSE, VERDICTS, Claim, Finding, Section, audit
from ctrnb.errors import ParameterError, nearest

SECTIONS: tuple[Section, ...] = (
    frame.ABSTRACT, frame.INTRODUCTION, frame.BACKGROUND, frame.STABILITY, frame.INTEGRATION,
    setup.SETUP, setup.TABLE_1, density.DENSITY, strategies.STRATEGIES, underserved.UNDERSERVED,
    underserved.POLARISATION, frame.CONCLUSION, frame.IMPACT, captions.CAPTIONS, frame.RELATED, frame.BASELINES,
    logloss.LOGLOSS, supervision.SUPERVISION, setup.TABLE_7, frame.PROOF, frame.CONDITIONS,
)  # fmt: skip
CLAIMS: dict[str, Claim] = {claim.id: claim for section in SECTIONS for claim in section.claims}


def audit_paper(section: str | float = "", verdicts: Iterable[str] = (), ids: Iterable[str] = ()) -> list[Finding]:
    """Return the findings on the paper's claims, in the paper's order.

    Args:
        section: only this one's, such as "4.2", "C.1" or "Abstract"; "" for all. A number is taken too: papermill reads
            4.2 as one.
        verdicts: only these; empty for all.
        ids: only these claims, such as "4.2/beneficial"; empty for all.

    Raises:
        ParameterError: an unknown section, verdict or id.
    """
    section = str(section)
    wanted, chosen = known("verdict", verdicts, VERDICTS), known("claim", ids, CLAIMS)
    known("section", (section,) if section else (), [each.name for each in SECTIONS])
    claims = [
        claim
        for claim in CLAIMS.values()
        if (not section or claim.section == section) and (not chosen or claim.id in chosen)
    ]
    findings = [audit(claim) for claim in claims]
    return [found for found in findings if not wanted or found.verdict in wanted]


def known(kind: str, given: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the given names.

    Raises:
        ParameterError: one of them is not among those known.
    """
    given, names = ((given,) if isinstance(given, str) else tuple(given)), list(names)
    for name in given:
        if name not in names:
            listed = f" There are: {', '.join(names)}." if len(names) < 30 else ""
            raise ParameterError(f"the audit knows no {kind} {name!r}.{nearest(name, names)}{listed}")
    return given


def count_verdicts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings have each verdict, none left out."""
    found = [each.verdict for each in findings]
    return {verdict: found.count(verdict) for verdict in VERDICTS}


def count_by_reading(findings: Iterable[Finding]) -> int:
    """Return how many findings would have another verdict if their sentence were read in another way."""
    return sum(each.by_reading for each in findings)


def count_distinct(findings: Iterable[Finding]) -> int:
    """Return how many findings there are where those that rest on the same evidence count as one: the paper repeats itself."""
    return len({each.evidence for each in findings})


__all__ = [
    "BY_PROOF",
    "CLAIMS",
    "FALSE",
    "SECTIONS",
    "VERDICTS",
    "Claim",
    "Finding",
    "audit_paper",
    "count_by_reading",
    "count_distinct",
    "count_verdicts",
]
