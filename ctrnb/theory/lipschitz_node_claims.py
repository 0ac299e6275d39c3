"""Theorem 1 for one node's output, statement by statement (Section 3.1, Appendix D), each with its check."""

import numpy as np
import sympy as sp
import torch
import z3

from ctrnb.theory import checks, search, smt, symbolic
from ctrnb.theory import lipschitz as lip
from ctrnb.theory import operators as op
from ctrnb.theory.activations import ACTIVATIONS
from ctrnb.theory.claims import Outcome, Suite, decide

OURS = "ours, on Equation 4"
SUITE = Suite()


@SUITE.claim(
    "lipschitz.node-jacobian",
    "Appendix D, Equations 12 to 14",
    "The Jacobian of h'_i has the blocks D_i W for node i, D_i W / k_i for each neighbour and 0 for every other node.",
)
def node_jacobian() -> Outcome:
    blocks = [
        symbolic.jacobian_blocks_hold(degree, dim, function)
        for name, function in symbolic.SYMBOLIC.items()
        for degree, dim in (checks.NARROW if name == "gelu" else checks.SIZES)
    ]
    return decide(
        method="symbolic",
        proof={
            "Equation 4 differentiated on a graph with a stranger, for any and for four named activations": all(blocks)
        },
    )


@SUITE.claim(
    "lipschitz.node-bound",
    "Theorem 1, Equation 7, for the map from all features to one node's output",
    "For a node with k >= 1 neighbours, Lip(h -> h'_i) <= L_sigma ||W||_F sqrt(1 + 1/k).",
)
def node_bound() -> Outcome:
    ordered = all(
        lip.node_constant(degree, weight, name).upper <= lip.printed_bound(degree, weight, name) * (1 + 1e-12)
        for weight in checks.weights()
        for degree in (1, 2, 7)
        for name in ACTIVATIONS
    )
    return decide(
        method="symbolic, SMT",
        proof={
            "J J^T = (1 + 1/k) D W W^T D, differentiated from Equation 4": checks.gram_factor_holds(),
            "the same for symbolic k and width": checks.general_factor_holds(),
            "||D W||_F <= L ||W||_F, entry by entry, by z3": symbolic.frobenius_step_holds(),
            "the spectral constant stays below Equation 7": ordered,
        },
    )


@SUITE.claim(
    "lipschitz.node-eq16",
    "Appendix D, Equations 16 and 17",
    "||D_i||_F <= L_sigma, for any width d.",
)
def node_eq16() -> Outcome:
    smallest = next(d for d in range(1, 10) if np.linalg.norm(np.eye(d)) > ACTIVATIONS["identity"].constant)
    spectral = all(
        np.linalg.norm(np.diag(entry.slope(draw)), 2) <= entry.constant * (1 + 1e-12)
        for entry in ACTIVATIONS.values()
        for draw in np.random.default_rng(0).standard_normal((20, 4)) * 3
    )
    return decide(
        method="symbolic, SMT",
        refutation={f"d = {smallest}, identity: ||D||_F = {np.linalg.norm(np.eye(smallest)):.4f} > 1": smallest == 2},
        correction={
            "||D||_2 = max |sigma'| <= L_sigma": spectral,
            "||D W||_F <= L ||W||_F for ||D||_2 <= L, entry by entry, by z3": symbolic.frobenius_step_holds(),
        },
        correct="||D_i||_2 <= L_sigma, and ||D_i W||_F <= ||D_i||_2 ||W||_F <= L_sigma ||W||_F; so the end points of "
        "Equations 16 and 17 stand, and 18 to 20; 21 stands for one node's output.",
    )


@SUITE.claim(
    "lipschitz.sketch-step",
    "Section 3.1, proof sketch",
    "L <= ||J||_2, with J the Jacobian at a point.",
)
def sketch_step() -> Outcome:
    graph, one = op.star(1), np.ones((1, 1))
    constant = float(lip.node_constant(1, one, "tanh").lower)
    away = checks.jacobian_norm(graph, one, "tanh", np.ones((2, 1)), 0)
    at_rest = checks.jacobian_norm(graph, one, "tanh", np.zeros((2, 1)), 0)
    return decide(
        method="numeric",
        refutation={f"tanh, W = 1, k = 1, all features 1: ||J||_2 = {away:.4f} < L = {constant:.4f}": away < constant},
        correction={"at features 0 the Jacobian's norm is L": checks.close(at_rest, constant)},
        correct="L is the supremum of ||J||_2 over all points, as Appendix D says; no single point bounds it from above.",
    )


@SUITE.claim(
    "lipschitz.node-linear",
    OURS,
    "For a linear activation of slope +-L_sigma, Lip(h -> h'_i) = L_sigma ||W||_2 sqrt(1 + 1/k), so Equation 7 is "
    "loose by ||W||_F / ||W||_2, which lies between 1 and sqrt(d) and takes both values.",
)
def node_linear() -> Outcome:
    graph = op.star(3)
    exact, ratios = [], []
    for weight in [*checks.weights(), np.eye(3), np.outer([1.0, 2, 3], [1.0, 0, 1])]:
        constant = lip.node_constant(3, weight, "identity")
        norm = checks.jacobian_norm(graph, weight, "identity", np.zeros((4, 3)), 0)
        exact.append(checks.close(constant.lower, norm) and checks.close(constant.upper, norm))
        ratios.append(float(lip.printed_bound(3, weight) / constant.upper))
    return decide(
        method="symbolic, numeric",
        evidence=f"Looseness {min(ratios):.3f} (rank one) to {max(ratios):.3f} = sqrt(3) (identity matrix).",
        proof={
            "J J^T = (1 + 1/k) W W^T, symbolically": checks.gram_factor_holds(("identity",))
            and checks.general_factor_holds(),
            "equal to the norm of autograd's Jacobian": all(exact),
            "looseness within [1, sqrt(d)], both attained": checks.close(min(ratios), 1)
            and checks.close(max(ratios), np.sqrt(3)),
        },
    )


@SUITE.claim(
    "lipschitz.node-factor",
    OURS,
    "For every activation and every W, Lip(h -> h'_i) = sqrt(1 + 1/k) Lip(x -> sigma(W x)).",
)
def node_factor() -> Outcome:
    norms = [np.linalg.norm(np.r_[1, np.full(k, 1 / k)]) for k in range(1, 30)]
    lifted = []
    for name in ACTIVATIONS:
        for weight in [*checks.weights(2), checks.LOSING]:
            function = search.message_passing(op.star(2), weight, name, 0)
            plain = search.message_passing(op.graph_of([], 1, 0), weight, name, 0, "plain")
            x, y = np.random.default_rng(1).standard_normal((2, weight.shape[1]))
            aggregate = np.array([1, 0.5, 0.5])
            lift = aggregate[:, None] / (aggregate @ aggregate)  # aggregates to what it lifts
            quotients = [
                float(torch.linalg.vector_norm(f(torch.from_numpy(a)[None]) - f(torch.from_numpy(b)[None])))
                / float(np.linalg.norm(a - b))
                for f, a, b in ((function, lift * x, lift * y), (plain, x[None], y[None]))
            ]
            lifted.append(checks.close(quotients[0], quotients[1] * float(lip.node_factor(2))))
    return decide(
        method="argument (factors), symbolic, numeric",
        evidence="The aggregation a satisfies a a^T = 1 + 1/k, so it shrinks by at most that root, and lifts x to a^T x / (1 + 1/k).",
        proof={
            "||(1, 1/k, ..., 1/k)|| = node_factor(k) for k below 30": np.allclose(
                norms, lip.node_factor(np.arange(1, 30))
            ),
            "1 + 1/k for symbolic k": checks.general_factor_holds(),
            "each pair without message passing lifts to one with a quotient sqrt(1 + 1/k) times as large": all(lifted),
        },
    )


@SUITE.claim(
    "lipschitz.node-nonlinear",
    OURS,
    "L_sigma ||W||_2 sqrt(1 + 1/k) is the exact per-node constant for every activation and every W.",
)
def node_nonlinear() -> Outcome:
    bracket = lip.node_constant(1, checks.LOSING, "relu")
    found = search.adversary(search.message_passing(op.star(1), checks.LOSING, "relu", 0), (2, 2), seed=0)
    narrow = all(lip.node_constant(1, np.array([[w]]), name).exact() for name in ACTIVATIONS for w in (-2.0, 0.5))
    reached = []
    for name, entry in ACTIVATIONS.items():
        for weight in checks.weights():
            x = lip.peak_point(weight, entry)
            assert x is not None, "an invertible W reaches every point"
            norm = checks.jacobian_norm(op.star(2), weight, name, checks.constant_features(op.star(2), x), 0)
            reached.append(checks.close(norm, float(lip.node_constant(2, weight, name).upper), 1e-6))
    cases = [(weight, name) for weight in low_rank_weights() for name in ("relu", "leaky_relu")]
    exact = [checks.close(sector_supremum(weight, name), lip.spectral_norm(weight)) for weight, name in cases]
    found_there = [lip.peak_point(weight, ACTIVATIONS[name]) is not None for weight, name in cases]
    return decide(
        method="argument (phi), SMT, numeric with bounds",
        refutation={
            f"ReLU, W = [[1, 0], [-1, 0]], k = 1: at most sqrt(2) by z3, {found:.4f} found, "
            f"formula {bracket.upper:.4f}": (
                relu_halves_hold() and found < 1.01 * np.sqrt(2) < bracket.upper * 0.99
            ),
            "no smaller width: for d = 1 it is exact": narrow,
        },
        correction={
            "a linear programme finds such a point for random invertible W and every activation; there it is attained": all(reached),
            "for W of lower row rank, ReLU and leaky ReLU, it finds one exactly where the largest ||D W||_2 of all sectors of "
            f"the plane is ||W||_2, in {sum(exact)} of {len(exact)} cases": exact == found_there and len(set(exact)) == 2,
        },
        correct=(
            "it is exact exactly if |sigma'| reaches, or jointly approaches, L_sigma at W s in every coordinate of the support "
            "of some left singular vector of W's largest singular value: always for identity, tanh and sigmoid; for "
            "ReLU and leaky ReLU exactly if those coordinates can all be positive, for GELU if they can all be sqrt(2); "
            "for any sigma if W has full row rank."
        ),
    )  # fmt: skip


def low_rank_weights(count: int = 24) -> list[np.ndarray]:
    """Return matrices (2 to 4, 2) whose rows are dependent and whose largest singular value is simple."""
    generator, found = np.random.default_rng(0), [checks.LOSING]
    while len(found) < count:
        weight = generator.integers(-2, 3, (generator.integers(2, 5), 2)).astype(float)
        values = np.linalg.svd(weight, compute_uv=False)
        if np.linalg.matrix_rank(weight) < len(weight) and values[0] - values[1] > 1e-6:
            found.append(weight)
    return found


def sector_supremum(weight: np.ndarray, name: str) -> float:
    """Return the largest ||D W||_2 of an activation with a kink at 0 alone, W (rows, 2).

    The lines on which a row of W x is 0 cut the plane into sectors, within each of which D is the same.
    """
    turned = np.arctan2(weight[:, 1], weight[:, 0])[np.abs(weight).any(axis=1)]
    cuts = np.sort(np.concatenate([turned + np.pi / 2, turned - np.pi / 2]) % (2 * np.pi))
    widths = np.diff(np.append(cuts, cuts[0] + 2 * np.pi))
    middles = (cuts + widths / 2)[widths > 1e-9]
    slopes = ACTIVATIONS[name].slope(np.stack([np.cos(middles), np.sin(middles)], axis=1) @ weight.T)
    return float(np.linalg.norm(slopes[:, :, None] * weight, 2, axis=(1, 2)).max())


def relu_halves_hold() -> bool:
    """Return whether z3 proves |relu(W x) - relu(W y)| <= |x_1 - y_1| for W = [[1, 0], [-1, 0]]."""
    a, b = z3.Reals("a b")
    rise = [z3.If(s * a > 0, s * a, 0) - z3.If(s * b > 0, s * b, 0) for s in (1, -1)]
    return smt.proves([], rise[0] * rise[0] + rise[1] * rise[1] <= (a - b) * (a - b))


@SUITE.claim(
    "lipschitz.node-isolated",
    "Equation 4 and Theorem 1: any node i",
    "Equations 4 and 7 are defined at every node.",
)
def node_isolated() -> Outcome:
    factor, k = symbolic.general_gram_factor()
    graph, weight = op.graph_of([(0, 0)], 2, 1), checks.weights(1)[0]
    norm = checks.jacobian_norm(graph, weight, "tanh", np.zeros((3, 3)), 1)
    constant = lip.node_constant(0, weight, "tanh")
    return decide(
        method="symbolic, numeric",
        refutation={"at k = 0 the average is of nothing, and 1/k has no value": factor.subs(k, 0) == sp.zoo},
        correction={
            "with an empty average of 0 its constant is L_sigma ||W||_2, attained at features 0": (
                checks.close(norm, constant.upper) and checks.close(norm, constant.lower)
            ),
        },
        correct="they are undefined at k = 0, so a convention decides: Equation 7 is vacuous if 1/0 is infinity, and with an empty average of 0 a node without neighbours has h'_i = sigma(W h_i) and Lip = Lip(x -> sigma(W x)).",
    )  # fmt: skip


@SUITE.claim(
    "lipschitz.pair",
    "ours, on Equation 4 and the pair that Equation 2 passes on",
    "For a user u and an item i with edges, a = 1/k_u and b = 1/k_i, Lip(h -> (h'_u, h'_i)) = sqrt(lambda) Lip(x -> sigma(W x)) "
    "with lambda = 1 + (a + b + sqrt(5 a^2 + 6 a b + 5 b^2))/2 if they are joined and 1 + max(a, b) if not: above Lip(x -> "
    "sigma(W x)), the pair's constant without message passing.",
)
def pair() -> Outcome:
    dense, above, reached = [], [], []
    for graph in [*checks.exhaustive(), *checks.random_graphs()]:
        matrix, joined = op.operator(graph).toarray(), checks.joined(graph)
        for user, item in np.argwhere(np.outer(graph.degree_user, graph.degree_item) > 0):
            rows = np.linalg.norm(matrix[[user, graph.num_users + item]], 2)
            factor = lip.pair_factor(graph.degree_user[user], graph.degree_item[item], joined[user, item])
            dense.append(checks.close(rows, factor))
            above.append(bool(factor > 1))
    graph = op.graph_of([(0, 0), (0, 1), (1, 1)], 2, 2)  # a path: user 1 and item 0 are not joined
    for weight in checks.weights(2):
        for name, entry in ACTIVATIONS.items():
            x = lip.peak_point(weight, entry)
            assert x is not None, "an invertible W reaches every point"
            phi = float(lip.feature_map(weight, name).upper)
            for user, item in ((0, 0), (1, 0)):
                features, nodes = checks.constant_features(graph, x), (user, 2 + item)
                norm = checks.jacobian_norm(graph, weight, name, features, nodes)
                degrees = graph.degree_user[user], graph.degree_item[item]
                factor = lip.pair_factor(*degrees, checks.joined(graph)[user, item])
                reached.append(checks.close(norm, phi * float(factor), 1e-6))
    return decide(
        method="argument (pair), symbolic, checked exhaustively",
        proof={
            "the closed forms are the largest eigenvalues of the two rows' inner products, for symbolic degrees": (
                symbolic.pair_forms_hold()
            ),
            f"the library's factor is the norm of the two rows, for all {len(dense)} pairs of every graph of up to 3 + 3 nodes "
            "and random ones": all(dense),
            "it exceeds 1 for each": all(above),
            "attained for six activations by a joined and an unjoined pair": all(reached),
        },
    )  # fmt: skip


@SUITE.claim(
    "lipschitz.node-degree",
    "Section 3.1, Insight, for one node's output",
    "A higher degree k_i >= 1 lowers the constant of h'_i: unless Lip(x -> sigma(W x)) is 0, it falls strictly in k, "
    "towards it as k -> infinity.",
)
def node_degree() -> Outcome:
    factor, k = symbolic.general_gram_factor()
    degree = sp.Symbol("k", positive=True)
    slope = sp.factor(sp.diff(sp.sqrt(factor.subs(k, degree)), degree))
    values = lip.node_factor(np.arange(1, 2001))
    return decide(
        method="symbolic",
        proof={
            "the derivative of sqrt(1 + 1/k) is negative": bool(slope.is_negative),
            "its limit is 1": sp.limit(sp.sqrt(factor.subs(k, degree)), degree, sp.oo) == 1,
            "the library's factor falls from k = 1 to 2000 and stays above 1": bool(
                (np.diff(values) < 0).all() and values[-1] > 1
            ),
            "and is the root of the proven factor": checks.general_factor_holds(),
        },
    )  # fmt: skip
