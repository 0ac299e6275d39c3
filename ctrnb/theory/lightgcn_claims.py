"""LightGCN (Equations 8 and 9), statement by statement, each with its check."""

import numpy as np
import torch
from scipy.stats import spearmanr

from ctrnb.data.graph import BipartiteGraph
from ctrnb.encoders.lightgcn import normalised_blocks
from ctrnb.encoders.lightgcn import propagate as encode
from ctrnb.theory import checks
from ctrnb.theory import lightgcn as gcn
from ctrnb.theory import operators as op
from ctrnb.theory.claims import Outcome, Suite, decide
from ctrnb.theory.graphs import checked_graphs

OURS = "ours, on Equations 8 and 9"
SUITE = Suite()
READOUTS = ((1.0,), (0.0, 1.0), (0.5, 0.5), (1.0, -1.0), (0.25,) * 4, (0.2, -0.5, 0.3), (0.0, 1.0, 0.0, -2.0))
LINES = ((0, 1, 2), (0, 3, 4), (0, 5, 6), (1, 3, 5), (1, 4, 6), (2, 3, 6), (2, 4, 5))  # of the Fano plane
FANO = [(line, point) for line, points in enumerate(LINES) for point in points]  # edges of the Heawood graph
SAMPLE = 192  # nodes of a large graph whose constants are computed


def tested_graphs() -> list[BipartiteGraph]:
    """Return small graphs, random ones and one with a node that has no edges."""
    return [*checks.exhaustive()[::3], *checks.random_graphs(), op.graph_of([(0, 0), (0, 1)], 2, 3)]


def dense(graph: BipartiteGraph, readout: tuple[float, ...]) -> np.ndarray:
    """Return p(S) as the package's encoder computes it, from the identity as its table."""
    size = graph.num_users + graph.num_items
    table = torch.eye(size, dtype=torch.float64)
    return encode(table, *normalised_blocks(graph, torch.float64), readout, graph.num_users).numpy()


def sample(graph: BipartiteGraph) -> np.ndarray:
    """Return nodes with edges: all of a small graph, else an even draw."""
    live = np.flatnonzero(op.degrees(graph) > 0)
    return live if len(live) <= SAMPLE else np.random.default_rng(0).choice(live, SAMPLE, replace=False)


@SUITE.claim(
    "lightgcn.equation-9",
    "Section 3.2, Equation 9",
    "z_i^(l) = sum over v in N_i of z_j^(l-1) / (sqrt|N_i| sqrt|N_j|).",
)
def equation_9() -> Outcome:
    graph, features = op.star(2), np.array([1.0, 2.0, 5.0])  # the centre, then its leaves
    degree = op.degrees(graph)
    readings = [2 * features[j] / np.sqrt(degree[0] * degree[j]) for j in (1, 2)]
    right = sum(features[v] / np.sqrt(degree[0] * degree[v]) for v in (1, 2))
    held = [
        checks.close(np.linalg.norm(dense(g, (0.0, 1.0)) - op.operator(g, "symmetric").toarray()), 0)
        for g in tested_graphs()
    ]
    return decide(
        method="numeric",
        refutation={
            f"j is bound by no sum: on a path of three nodes its two readings give {readings[0]:.3f} and "
            f"{readings[1]:.3f}": (not checks.close(readings[0], readings[1])),
        },
        correction={
            "with v for j it is (S z)_i": checks.close(
                float((op.operator(graph, "symmetric") @ features)[0]), float(right)
            ),
            "which is what the package's encoder computes": all(held),
        },
        correct="z_i^(l) = sum over v in N_i of z_v^(l-1) / (sqrt|N_i| sqrt|N_v|), that is z^(l) = S z^(l-1).",
    )


@SUITE.claim("lightgcn.simplification", "Section 3.2", "Equation 9 is Equation 4 without sigma and W.")
def simplification() -> Outcome:
    edge = [checks.dense_norm(op.star(1), name) for name in ("update", "symmetric")]
    similar, apart = [], []
    for graph in tested_graphs():
        update, symmetric = (op.operator(graph, name).toarray() for name in ("update", "symmetric"))
        scale = [np.diag(op.power(op.degrees(graph).astype(float), exponent)) for exponent in (0.5, -0.5)]
        neighbours = scale[0] @ (update - np.eye(len(update))) @ scale[1]
        similar.append(checks.close(np.linalg.norm(symmetric - neighbours), 0))
        apart.append(
            checks.dense_norm(graph, "update") >= 2 - 1e-9 and checks.close(checks.dense_norm(graph, "symmetric"), 1)
        )
    return decide(
        method="argument (two, normalisations), numeric",
        refutation={
            f"on one edge Equation 4 without them has the norm {edge[0]:.0f}, Equation 9 has {edge[1]:.0f}": not checks.close(
                edge[0], edge[1]
            )
        },
        correction={
            "S = D^1/2 (M - I) D^-1/2 on every tested graph": all(similar),
            "||M||_2 >= 2 and ||S||_2 = 1 on every one": all(apart),
        },
        correct="Without them Equation 4 is M = I + P. Equation 9 also drops the node itself and normalises by both degrees: "
        "S = D^1/2 (M - I) D^-1/2. On every graph with an edge ||S||_2 = 1 < 2 <= ||M||_2, so what Theorem 1 says of "
        "Equation 4 is not about the encoder of the experiments.",
    )


@SUITE.claim(
    "lightgcn.whole",
    OURS,
    "The whole map E -> Z has the constant max |a_0 + a_1 x + ... + a_L x^L| over the eigenvalues x of S, all in "
    "[-1, 1]; where all a_l, or all (-1)^l a_l, have one sign and there is an edge, that is the sum of |a_l|.",
)
def whole() -> Outcome:
    held, spectrum, signed = [], [], []
    for graph in tested_graphs():
        eigenvalues = np.linalg.eigvalsh(op.operator(graph, "symmetric").toarray())
        spectrum.append(checks.close(eigenvalues[-1], 1) and checks.close(eigenvalues[0], -1))
        for readout in READOUTS:
            norm = np.linalg.norm(dense(graph, readout), 2)
            bracket = gcn.whole_map(graph, readout)
            held.append(checks.close(norm, np.abs(gcn.polynomial(readout)(eigenvalues)).max()))
            held.append(bool(bracket.lower <= norm + 1e-9 and norm <= bracket.upper + 1e-9))
            alternating = np.array(readout) * (-1.0) ** np.arange(len(readout))
            if min(readout) >= 0 or min(alternating) >= 0:
                signed.append(checks.close(norm, sum(map(abs, readout))) and bracket.exact())
    return decide(
        method="argument (gcn-whole), numeric",
        evidence="S is symmetric, ||S||_2 = 1 (lipschitz.mp-symmetric), and swapping the sign of all items turns S into -S.",
        proof={
            "1 and -1 are the outermost eigenvalues of every tested graph": all(spectrum),
            "the encoder's norm is max |p| over eigenvalues, inside the library's bracket": all(held),
            "and the sum of |a_l| for one sign, exactly": all(signed),
        },
    )


@SUITE.claim(
    "lightgcn.uniform",
    OURS,
    "With the uniform read-out a_l = 1/(L + 1), L >= 1, the whole map has the constant 1 exactly if the graph has "
    "an edge, and 1/(L + 1) if not.",
)
def uniform() -> Outcome:
    held = [
        checks.close(np.linalg.norm(dense(graph, gcn.uniform(layers)), 2), 1)
        and gcn.whole_map(graph, gcn.uniform(layers)).exact()
        for graph in tested_graphs()
        for layers in (1, 2, 3)
    ]
    empty = op.graph_of([], 2, 2)
    without = [
        checks.close(np.linalg.norm(dense(empty, gcn.uniform(layers)), 2), 1 / (layers + 1))
        and checks.close(gcn.whole_map(empty, gcn.uniform(layers)).upper, 1 / (layers + 1))
        for layers in (1, 2, 3)
    ]
    return decide(
        method="argument (gcn-whole), numeric",
        evidence="p(1) = 1 bounds |p| on [-1, 1], and 1 is an eigenvalue exactly if there is an edge.",
        proof={"1 on every tested graph with an edge": all(held), "1/(L + 1) without edges": all(without)},
    )


@SUITE.claim(
    "lightgcn.node",
    OURS,
    "The map from the table to z_i has the constant sqrt(sum of a_l a_m R_{l+m}(i) over l, m), with R_t(i) the "
    "probability that a random walk from i is back at i after t steps (without edges R_0 = 1, and 0 after).",
)
def node() -> Outcome:
    held = []
    for graph in tested_graphs():
        everyone = np.arange(graph.num_users + graph.num_items)
        for readout in READOUTS:
            rows = np.linalg.norm(dense(graph, readout), axis=1)
            returns = gcn.return_probabilities(graph, 2 * len(readout) - 2, everyone)
            held.append(np.allclose(rows, gcn.from_returns(readout, returns)))
            held.append(np.allclose(rows, gcn.node_constants(graph, readout)))
    return decide(
        method="argument (gcn-node), numeric",
        evidence="(p(S)^2)_ii = sum of a_l a_m (S^{l+m})_ii, and S = D^1/2 P D^-1/2 has the diagonal of P's powers.",
        proof={"rows of the encoder, of the library and of walks are equal for seven read-outs": all(held)},
    )


@SUITE.claim(
    "lightgcn.harmonic",
    OURS,
    "One hop, z_i = (S E)_i, has the constant 1/sqrt(H_i) with H_i the harmonic mean of the degrees of i's "
    "neighbours: i's own degree does not enter. With a_l >= 0 the constant of z_i lies within bounds given by H_i "
    "alone.",
)
def harmonic() -> Outcome:
    hop, within = [], []
    for graph in tested_graphs():
        live = op.degrees(graph) > 0
        rows = np.linalg.norm(dense(graph, (0.0, 1.0)), axis=1)
        by_hand = [np.sqrt(np.mean(1 / neighbour_degrees(graph, int(n)))) for n in np.flatnonzero(live)]
        hop.append(np.allclose(rows[live], by_hand) and np.allclose(rows, gcn.harmonic_degree(graph) ** -0.5))
        for readout in READOUTS:
            if min(readout) >= 0:
                bounds, rows = gcn.node_bounds(graph, readout), np.linalg.norm(dense(graph, readout), axis=1)
                within.append(bool((bounds.lower <= rows + 1e-9).all() and (rows <= bounds.upper + 1e-9).all()))
    return decide(
        method="argument (gcn-node), numeric",
        evidence="R_2(i) = (1/k_i) sum of 1/k_j over neighbours; R_2t is a moment of squared eigenvalues in [0, 1], so R_2^t <= R_2t <= R_2.",
        proof={
            "row norms of one hop are 1/sqrt(H) on every tested graph": all(hop),
            "every constant lies within its bounds": all(within),
        },
    )


def neighbour_degrees(graph: BipartiteGraph, node: int) -> np.ndarray:
    """Return the degrees of a node's neighbours, read off the edges."""
    degree = op.degrees(graph)
    users = graph.num_users
    others = graph.item[graph.user == node] + users if node < users else graph.user[graph.item == node - users]
    return degree[others].astype(float)


@SUITE.claim(
    "lightgcn.degree",
    "Section 3.1, Insight, carried over to the encoder of Section 3.2",
    "With LightGCN a higher degree of node i lowers the constant of z_i.",
)
def degree() -> Outcome:
    before, after = [(0, 0), (0, 1), (0, 2)], [(0, 0), (0, 1), (0, 2), (1, 0)]  # a star, and a user who joins a leaf
    leaf = [
        [
            gcn.node_constants(op.graph_of(edges, 2, 3), gcn.uniform(layers), np.array([2]))[0]
            for edges in (before, after)
        ]
        for layers in (1, 3)
    ]
    centre = [gcn.node_constants(op.star(n), gcn.uniform(1), np.array([0]))[0] for n in (1, 2, 50)]
    heawood, complete = op.graph_of(FANO, 7, 7), op.biregular(4, 4)
    harmonic_degrees = [gcn.harmonic_degree(graph)[0] for graph in (heawood, complete)]
    constants = [gcn.node_constants(graph, gcn.uniform(3), np.array([0]))[0] for graph in (heawood, complete)]
    return decide(
        method="argument (gcn-node), numeric",
        refutation={
            f"uniform read-out: a user joined to a leaf of K_(1,3) raises the leaf's constant from {leaf[0][0]:.4f} to "
            f"{leaf[0][1]:.4f} for L = 1 and from {leaf[1][0]:.4f} to {leaf[1][1]:.4f} for L = 3": all(
                low < high for low, high in leaf
            ),
        },
        correction={
            "one hop is 1/sqrt(H_i), and the bounds by H_i hold": harmonic().verdict == "proven",
            f"the centre of K_(1,n) has {centre[0]:.4f}, {centre[1]:.4f} and {centre[2]:.4f} for n = 1, 2, 50": (
                checks.close(centre[0], centre[1]) and checks.close(centre[0], centre[2])
            ),
            f"for L = 3 H_i alone does not decide: the Heawood graph has H = {harmonic_degrees[0]:.0f} and "
            f"{constants[0]:.4f}, K_(4,4) has H = {harmonic_degrees[1]:.0f} and {constants[1]:.4f}": bool(
                harmonic_degrees[0] < harmonic_degrees[1] and constants[0] < constants[1]
            ),
        },
        correct=(
            "for one hop the constant is 1/sqrt(H_i); for any read-out a_l >= 0 it lies between bounds that fall with H_i "
            "(lightgcn.harmonic); an added edge may raise a node's own constant or leave it."
        ),
    )


@SUITE.claim(
    "lightgcn.decreases",
    "Sections 1 and 5, for the encoder of Section 3.2",
    "LightGCN with the uniform read-out in place of the table decreases the Lipschitz constant of the encoder.",
)
def decreases() -> Outcome:
    whole, nodes = [], []
    centres = [gcn.node_constants(op.star(3), gcn.uniform(n), np.array([0]))[0] for n in (1, 2, 3, 4)]
    for graph in tested_graphs():
        for layers in (1, 2, 3):
            matrix = dense(graph, gcn.uniform(layers))
            whole.append(checks.close(np.linalg.norm(matrix, 2), 1))
            nodes.append(bool(np.linalg.norm(matrix, axis=1).max() <= gcn.uniform_node_bound(layers) + 1e-9))
    return decide(
        method="argument (gcn-node), numeric",
        evidence="The table is the identity map: constant 1 as a whole and for each node.",
        refutation={"the whole map has the constant 1 too, wherever there is an edge": all(whole)},
        correction={
            "every node of every tested graph is within the bound for L = 1, 2, 3": all(nodes),
            "the whole map is never above 1": all(whole),
            "the centre of a star attains the bound for L = 1, 2, 3, 4": checks.close(
                centres, [gcn.uniform_node_bound(layers) for layers in (1, 2, 3, 4)]
            ),
        },
        correct=(
            "the whole map's constant stays 1; each node's own is at most 1/sqrt(2) for odd L and "
            "sqrt((1 + (L + 1)^-2)/2) for even L >= 2."
        ),
    )


@SUITE.claim(
    "lightgcn.pair",
    "Sections 1 and 5, for the pair (z_u, z_i) that Equation 2 passes on",
    "LightGCN with the uniform read-out in place of the table decreases the Lipschitz constant of every pair (z_u, z_i).",
)
def pair() -> Outcome:
    equal, most, alone = [], [], []
    for graph in tested_graphs():
        joined = checks.joined(graph)
        pairs = np.argwhere(np.ones_like(joined))
        single = np.array([joined[u, i] and joined[u].sum() == joined[:, i].sum() == 1 for u, i in pairs])
        for layers in (1, 2, 3, 4):
            matrix, readout = dense(graph, gcn.uniform(layers)), gcn.uniform(layers)
            norms = np.array([np.linalg.norm(matrix[[u, graph.num_users + i]], 2) for u, i in pairs])
            equal.append(np.allclose(norms, gcn.pair_constants(graph, readout, pairs)))
            most.append(bool((norms <= 1 + 1e-9).all()))
            alone.append(bool(((norms > 1 - 1e-9) == single).all()))
    edge = [gcn.pair_constants(op.star(1), gcn.uniform(layers), np.array([[0, 0]]))[0] for layers in (1, 2, 3, 4)]
    return decide(
        method="argument (gcn-pair), numeric",
        evidence="The table is the identity map: constant 1 for a pair too.",
        refutation={
            f"one user, one item, joined: {edge[0]:.4f}, {edge[1]:.4f}, {edge[2]:.4f} and {edge[3]:.4f} for L = 1, 2, 3, 4": (
                checks.close(edge, 1)
            )
        },
        correction={
            "rows of the encoder and the library's constants are equal, for all pairs of every tested graph": all(equal),
            "none is above 1": all(most),
            "it is 1 exactly for pairs that are joined to each other alone": all(alone),
        },
        correct="the constant is the norm of rows u and i of p(S); it is below 1 unless u and i are joined to each other and to "
        "nothing else, and 1 if they are.",
    )  # fmt: skip


@SUITE.claim(
    "lightgcn.real",
    OURS,
    "On those training graphs that are here, with L = 3 and the uniform read-out, the whole map has the constant 1, every "
    "drawn node lies below 1 and within the bounds by H_i, and over users and items together the constants have a "
    "negative rank correlation with H_i, lower than with the node's own degree.",
)
def real() -> Outcome:
    readout, parts = gcn.uniform(3), {}
    for name, graph in checked_graphs().items():
        nodes = sample(graph)
        constants = gcn.node_constants(graph, readout, nodes)
        walks = gcn.from_returns(readout, gcn.return_probabilities(graph, 6, nodes[:32]))
        bounds = gcn.node_bounds(graph, readout)
        lower, upper = np.asarray(bounds.lower), np.asarray(bounds.upper)
        own = spearmanr(op.degrees(graph)[nodes], constants).statistic
        neighbours = spearmanr(gcn.harmonic_degree(graph)[nodes], constants).statistic
        norm = gcn.lanczos_norm(graph, readout)
        text = (
            f"{name}: ||p(S)||_2 = {norm:.6f} by Lanczos; a sample of {len(nodes)} nodes from {constants.min():.4f} to "
            f"{constants.max():.4f}; rank correlation with H_i {neighbours:+.3f}, with the own degree {own:+.3f}"
        )
        parts[text] = bool(
            checks.close(norm, 1, 1e-6)
            and checks.close(gcn.whole_map(graph, readout).upper, norm, 1e-6)
            and constants.max() < 1
            and np.allclose(walks, constants[:32])
            and (lower[nodes] <= constants + 1e-9).all()
            and (constants <= upper[nodes] + 1e-9).all()
            and neighbours < min(0, own)
        )
    return decide(method="numeric with bounds", observation=parts)
