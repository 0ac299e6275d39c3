"""With and without message passing, statement by statement, each with its check."""

import numpy as np
import sympy as sp

from ctrnb.theory import checks, symbolic
from ctrnb.theory import lipschitz as lip
from ctrnb.theory import operators as op
from ctrnb.theory.activations import ACTIVATIONS
from ctrnb.theory.claims import Outcome, Suite, decide
from ctrnb.theory.graphs import checked_graphs

SUITE = Suite()


@SUITE.claim(
    "lipschitz.mp-decreases",
    "Sections 1, 3.1 and 5",
    "Incorporating message passing (Equation 4) decreases the Lipschitz constant, compared with h'_i = sigma(W h_i).",
)
def mp_decreases() -> Outcome:
    degrees = np.arange(1, 1001)
    factor, k = symbolic.general_gram_factor()
    excess = sp.factor(factor.subs(k, sp.Symbol("k", positive=True)) - 1)
    pairs = [
        (lip.node_constant(3, weight, name), lip.feature_map(weight, name))
        for weight in checks.weights()
        for name in ACTIVATIONS
    ]
    return decide(
        method="argument (increases), symbolic, checked exhaustively",
        refutation={
            "k = 1, W = 1, identity: "
            f"{float(lip.node_constant(1, np.ones((1, 1))).lower):.4f} with it, 1 without": bool(lip.node_factor(1) > 1),
        },
        correction={
            "1 + 1/k exceeds 1 for every k": bool(excess.is_positive) and checks.general_factor_holds(),
            "node_factor exceeds 1 up to k = 1000": bool((lip.node_factor(degrees) > 1).all()),
            "so for six activations and random W": all(with_.lower > without.upper for with_, without in pairs),
            "the whole map's factor is at least 2 on all small graphs": all(
                checks.dense_norm(g) >= 2 - 1e-9 for g in checks.exhaustive()
            ),
        },
        correct=(
            "it increases it, whatever the activation and W for which Lip(x -> sigma(W x)) > 0: sqrt(1 + 1/k) times for "
            "a node with neighbours, ||I + P||_2 >= 2 times for the whole map of a graph with an edge. A node's constant falls with its degree, but towards the constant without message passing, "
            "from above."
        ),
    )  # fmt: skip


@SUITE.claim(
    "lipschitz.mp-self-mean",
    "ours: the mean over a node and its neighbours in place of Equation 4",
    "The mean over a node and its neighbours, h'_i = mean of h_j over N_i and i, is a contraction of the 2-norm, "
    "per node and as a whole.",
)
def mp_self_mean() -> Outcome:
    path = checks.dense_norm(op.star(2), "self_mean")
    pair = checks.dense_norm(op.star(1), "self_mean")
    rows, most, equal = [], [], []
    for graph in checks.exhaustive():
        matrix = op.operator(graph, "self_mean")
        rows.append(np.allclose(op.row_norms(matrix), 1 / np.sqrt(op.degrees(graph) + 1)))
        most.append(np.allclose(abs(matrix).sum(axis=1), 1))
        equal.append((checks.dense_norm(graph, "self_mean") <= 1 + 1e-9) == checks.regular_components(graph))
    return decide(
        method="argument (normalisations), checked exhaustively",
        refutation={
            f"a path of three nodes: ||(D + I)^-1 (A + I)||_2 = {path:.4f} > 1": path > 1,
            "no smaller graph: an edge alone has the norm 1": checks.close(pair, 1),
        },
        correction={
            "each row has the norm 1/sqrt(k + 1)": all(rows),
            "each row sums to 1": all(most),
            "the norm is 1 where components are regular, above 1 elsewhere": all(equal),
        },
        correct=(
            "each node's output has the constant 1/sqrt(k + 1), which falls with k and is below 1 with a "
            "neighbour; the whole map never expands the largest entry (rows sum to 1), but its 2-norm is 1 only if "
            "every component is regular, and above 1 otherwise."
        ),
    )  # fmt: skip


@SUITE.claim(
    "lipschitz.mp-symmetric",
    "ours: symmetric normalisation, the one of Equation 9, without and with self-loops",
    "||S||_2 = 1 on every graph with an edge, and ||(D + I)^-1/2 (A + I) (D + I)^-1/2||_2 = 1 on every graph: "
    "neither ever expands the 2-norm, and neither is a strict contraction.",
)
def mp_symmetric() -> Outcome:
    below, above = symbolic.laplacian_identities()
    loops = symbolic.loop_identities()
    real = {
        f"{name}: {bracket.lower:.9f} to {bracket.upper:.9f}": bool(
            bracket.lower <= 1 + 1e-9 and bracket.upper >= 1 - 1e-9
        )
        for name, graph in checked_graphs().items()
        for bracket in [op.norm_bracket(op.operator(graph, "symmetric"), iterations=60)]
    }
    return decide(
        method="symbolic, checked exhaustively, numeric with bounds",
        evidence="x^T (I -+ S) x is a sum of squares over edges, and S maps the vector of sqrt(k) to itself; with "
        "self-loops the same holds with k + 1 for k.",
        proof={
            "each edge adds a square to x^T (I - S) x and to x^T (I + S) x": below == 0 and above == 0,
            "a loop adds 0 and 2 x^2/(k + 1), neither negative": loops == (0, 0),
            "S has the norm 1 on all small graphs": all(
                checks.close(checks.dense_norm(g, "symmetric"), 1) for g in checks.exhaustive()
            ),
            "so has the one with self-loops": all(
                checks.close(checks.dense_norm(g, "symmetric_self"), 1) for g in checks.exhaustive()
            ),
            **real,
        },
    )
