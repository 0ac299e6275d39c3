"""Cores and their density, against networkx."""

from itertools import pairwise

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.theory import kcore_claims

PAIRS = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40)


def networkx_cores(edges: set[tuple[int, int]]) -> list[tuple[int, int, int]]:
    graph = nx.Graph((("user", user), ("item", item)) for user, item in edges)
    found = []
    for k in range(1, 8):
        core = nx.k_core(graph, k)
        if core.number_of_edges():
            users = sum(side == "user" for side, _ in core)
            found.append((users, len(core) - users, core.number_of_edges()))
    return found


@settings(max_examples=200, deadline=None)
@given(PAIRS)
def test_density_never_falls_from_core_to_core_of_networkx(edges: set[tuple[int, int]]) -> None:
    found = networkx_cores(edges)
    assert kcore_claims.cores(np.array(sorted(edges))) == found
    for (users, items, count), (fewer, less, kept) in pairwise(found):
        assert (fewer, less) == (users, items) or kept / (fewer * less) > count / (users * items)
        assert kcore_claims.rises((fewer, less, kept), (users, items, count))


def test_a_core_that_is_not_denser_does_not_rise() -> None:
    assert not kcore_claims.rises((2, 2, 2), (2, 3, 3)) and kcore_claims.rises((2, 2, 2), (2, 2, 2))


def test_interactions_per_user_fall_by_hand() -> None:
    """K_(2,2) with a third item of one user: 5/2, then 4/2."""
    assert kcore_claims.cores(kcore_claims.GROWING) == [(2, 3, 5), (2, 2, 4)]
