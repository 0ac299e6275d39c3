"""The suites of statements by the first part of their ids, and one statement by its id."""

from functools import cache

from ctrnb.errors import ParameterError, nearest
from ctrnb.theory import kcore_claims, lightgcn_claims, lipschitz_claims, mci_claims
from ctrnb.theory.claims import Statement, Suite

SUITES: dict[str, Suite] = {
    "lipschitz": lipschitz_claims.SUITE,
    "lightgcn": lightgcn_claims.SUITE,
    "mci": mci_claims.SUITE,
    "kcore": kcore_claims.SUITE,
}


@cache
def statement_of(id: str) -> Statement:
    """Return a statement with its verdict, computed once.

    Raises:
        ParameterError: there is none of that id.
    """
    suite = SUITES.get(id.partition(".")[0])
    if suite is None or id not in suite.checks:
        known = [each for each_suite in SUITES.values() for each in each_suite.checks]
        raise ParameterError(f"no statement {id!r}.{nearest(id, known)}")
    return suite.run(id)
