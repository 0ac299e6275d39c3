"""``ctrnb verify``: suites of statements, run and shown.

A suite is a name and a function that returns verified statements, or findings of the audit, which are shown alike; more
are added to :data:`SUITES`.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from ctrnb import audit
from ctrnb.errors import ParameterError, nearest
from ctrnb.theory import suites
from ctrnb.theory.claims import CORRECTED, OBSERVED, OPEN, PROVEN, REFUTED, Statement
from ctrnb.training.device import on_threads

Verified: TypeAlias = Statement | audit.Finding

THEORY = {"lipschitz": ("lipschitz", "lightgcn"), "mci": ("mci",), "kcore": ("kcore",)}  # the theory's suites in each


def of_theory(names: Sequence[str]) -> list[Statement]:
    """Return the statements of some of the theory's suites, with verdicts computed now."""
    return [statement for name in names for statement in suites.SUITES[name]()]


SUITES: dict[str, Callable[[], Sequence[Verified]]] = {
    **{name: partial(of_theory, parts) for name, parts in THEORY.items()},
    "paper": audit.audit_paper,
}
MARKS = {PROVEN: "✓", CORRECTED: "≠", REFUTED: "✗", OBSERVED: "○", OPEN: "?"} | dict(
    zip(audit.VERDICTS, "✓~✗t✓✗≠n", strict=True)
)
STYLES = {PROVEN: "green", CORRECTED: "yellow", REFUTED: "red", OBSERVED: "cyan", OPEN: "bold reverse"}


def verify(suite: str = "all") -> list[Verified]:
    """Return the statements of a suite, or of all, with verdicts computed now.

    Raises:
        ParameterError: there is no such suite.
    """
    if suite != "all" and suite not in SUITES:
        raise ParameterError(f"no suite {suite!r}.{nearest(suite, [*SUITES, 'all'])} Suites: {', '.join(SUITES)}, all.")
    names = list(SUITES) if suite == "all" else [suite]
    with on_threads(1):  # tensors are so small here that sharing them out takes longer than computing
        return [statement for name in names for statement in SUITES[name]()]


def established(statements: Sequence[Verified]) -> bool:
    """Return whether no statement was left open: each was proven, refuted, corrected or, no proof, observed."""
    return all(statement.verdict != OPEN for statement in statements)


def summary(statements: Sequence[Verified]) -> str:
    """Return how many statements have each verdict, and the time, as a line."""
    counts = Counter(statement.verdict for statement in statements)
    parts = [f"{counts[verdict]} {verdict}" for verdict in MARKS if counts[verdict]]
    return f"{len(statements)} statements: {', '.join(parts)}; {sum(s.seconds for s in statements):.1f} s"


def show(statements: Sequence[Verified], as_json: bool = False) -> None:
    """Print statements as JSON, as a table on a terminal, or as lines elsewhere."""
    if as_json:
        print(json.dumps([statement.as_dict() for statement in statements], ensure_ascii=False, allow_nan=False))
    elif sys.stdout.isatty():
        show_table(statements)
    else:
        for each in statements:
            print(f"{MARKS[each.verdict]} {each.verdict:<15} {each.id:<28} {each.seconds:6.2f} s  {each.source}")
            print(f"    {each.statement}\n    [{each.method}] {each.evidence}")
        print(summary(statements))


def show_table(statements: Sequence[Verified]) -> None:
    """Print statements as a table as wide as the terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_lines=True)
    for title, options in (
        ("id", {"overflow": "fold", "ratio": 2}),
        ("statement", {"ratio": 4}),
        ("verdict", {"no_wrap": True}),
        ("evidence", {"ratio": 6}),
        ("s", {"justify": "right", "no_wrap": True}),
    ):
        table.add_column(title, **options)
    for each in statements:
        verdict = f"[{STYLES.get(each.verdict, 'default')}]{MARKS[each.verdict]} {each.verdict}[/]"
        said = f"{escape(each.statement)}\n[dim]{escape(each.source)}[/]"
        found = f"{escape(each.evidence)}\n[dim]{escape(each.method)}[/]"
        table.add_row(each.id, said, verdict, found, f"{each.seconds:.2f}")
    console = Console()
    console.print(table)
    console.print(summary(statements))
