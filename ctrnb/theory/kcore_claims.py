"""What k-core filtering does to density (Section 4.1), statement by statement, each with its check."""

from itertools import pairwise

import numpy as np
import z3

from ctrnb.data.curate import kcore
from ctrnb.theory import smt
from ctrnb.theory.claims import Outcome, Suite, decide

SUITE = Suite()
DRAWS = 60  # random graphs
GROWING = np.array([(0, 0), (0, 1), (1, 0), (1, 1), (0, 2)])  # K_(2,2) and an item that one user rated


def shape(edges: np.ndarray) -> tuple[int, int, int]:
    """Return how many users, items and interactions there are."""
    return len(np.unique(edges[:, 0])), len(np.unique(edges[:, 1])), len(edges)


def cores(edges: np.ndarray) -> list[tuple[int, int, int]]:
    """Return the shapes of the k-cores for k = 1, 2, ... while they are not empty."""
    found: list[tuple[int, int, int]] = []
    k = 1
    while True:
        edges = edges[kcore(edges[:, 0], edges[:, 1], k)] if len(edges) else edges
        if not len(edges):
            return found
        found.append(shape(edges))
        k += 1


def rises(smaller: tuple[int, int, int], larger: tuple[int, int, int]) -> bool:
    """Return whether a core is strictly denser than the one it lies in, or is the same."""
    (users, items, edges), (all_users, all_items, all_edges) = smaller, larger
    return smaller == larger or edges * all_users * all_items > all_edges * users * items


def density_step_holds() -> bool:
    """Return whether z3 proves the two inequalities that the proof adds up.

    The core has U users, I items and E interactions, E >= K U and E >= K I; peeling removes u users and i items, and at
    most K - 1 interactions with each, so there were F <= E + (K - 1)(u + i). Density rises if E (U + u)(I + i) > U I F.
    """
    users, items, edges, k, gone_users, gone_items, before = z3.Reals("U I E K u i F")
    positive = [users > 0, items > 0, k >= 1, gone_users >= 0, gone_items >= 0, gone_users + gone_items > 0]
    counted = [edges >= k * users, edges >= k * items]
    peeled = before <= edges + (k - 1) * (gone_users + gone_items)
    return (
        smt.proves([*positive, *counted], edges * gone_users * items >= k * users * items * gone_users)
        and smt.proves([*positive, *counted], edges * gone_items * users >= k * users * items * gone_items)
        and smt.proves(
            [*positive, peeled], users * items * before < users * items * (edges + k * (gone_users + gone_items))
        )
    )


@SUITE.claim(
    "kcore.density",
    "Section 4.2",
    "The higher k, the higher the density of the k-core, as long as it is not empty: strictly wherever it removes anything.",
)
def density() -> Outcome:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        users, items = generator.integers(2, 9, 2)
        chosen = generator.choice(users * items, generator.integers(1, users * items + 1), replace=False)
        steps = cores(np.stack([chosen // items, chosen % items], axis=1))
        found += [rises(after, before) for before, after in pairwise(steps)]
    return decide(
        method="argument (kcore-density), SMT, numeric",
        evidence=f"{len(found)} steps from k to k + 1 on {DRAWS} random graphs.",
        proof={
            "each inequality of the proof, by z3": density_step_holds(),
            "on random graphs the next core is denser or the same": len(found) > DRAWS and all(found),
        },
    )


@SUITE.claim(
    "kcore.interactions-per-user",
    "ours, on Section 4.1",
    "The higher k, the more interactions a user of the k-core has on average.",
)
def interactions_per_user() -> Outcome:
    (users, _, edges), (left, _, kept) = cores(GROWING)[:2]
    return decide(
        method="numeric",
        refutation={
            f"two users who rated the same two items, and one of them a third: {edges}/{users} interactions a user for "
            f"k = 1, {kept}/{left} for k = 2": kept * users < edges * left,
        },
    )
