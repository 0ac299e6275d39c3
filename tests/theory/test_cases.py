"""The cases that numeric checks go through are those that their statements name."""

from collections import Counter

import networkx as nx
import numpy as np

from ctrnb.theory import lightgcn_claims, lipschitz_claims
from ctrnb.theory import operators as op


def as_networkx(graph) -> nx.Graph:
    found = nx.Graph()
    found.add_nodes_from(range(graph.num_users), side="user")
    found.add_nodes_from(range(graph.num_users, graph.num_users + graph.num_items), side="item")
    found.add_edges_from(zip(graph.user.tolist(), (graph.item + graph.num_users).tolist(), strict=True))
    return found


def test_exhaustive_means_every_graph_up_to_three_and_three() -> None:
    """Counted up to the order of nodes by networkx; without the graph that has no edges."""
    shapes = Counter((graph.num_users, graph.num_items) for graph in lipschitz_claims.exhaustive())
    assert set(shapes) == {(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)}
    kinds: list[nx.Graph] = []
    for graph in map(as_networkx, lipschitz_claims.exhaustive()):
        same = nx.algorithms.isomorphism.categorical_node_match("side", "")
        if not any(nx.is_isomorphic(graph, kind, node_match=same) for kind in kinds):
            kinds.append(graph)
    assert Counter(len(kind) for kind in kinds) == {2: 1, 3: 2, 4: 3 + 6, 5: 12, 6: 35}
    assert all(kind.number_of_edges() for kind in kinds)


def test_drawn_weights_are_invertible_and_drawn_graphs_of_many_sizes() -> None:
    weights = lipschitz_claims.weights()
    assert [weight.shape for weight in weights] == [(3, 3)] * 4
    assert all(np.linalg.matrix_rank(weight) == 3 for weight in (*weights, *lipschitz_claims.weights(6)))
    graphs = lipschitz_claims.random_graphs()
    assert [(graph.num_users, graph.num_items, len(graph.user)) for graph in graphs] == [
        (3, 4, 6), (4, 4, 8), (5, 4, 10), (6, 4, 12), (7, 4, 14), (8, 4, 16)
    ]  # fmt: skip
    assert any((op.degrees(graph) == 0).any() for graph in graphs), "a node without edges is among them"


def test_symbolic_sizes_and_read_outs_are_of_every_kind() -> None:
    """k and d up to 3 and 2; read-outs of one hop and of many, of one sign, alternating, mixed, and adding up to 0."""
    assert lipschitz_claims.SIZES == ((1, 1), (1, 2), (2, 2), (3, 2)) and set(lipschitz_claims.NARROW) == {
        (1, 1),
        (3, 1),
    }
    readouts = lightgcn_claims.READOUTS
    assert {len(readout) for readout in readouts} == {1, 2, 3, 4}
    assert sum(min(readout) < 0 for readout in readouts) == 3
    assert sorted(abs(round(sum(readout), 12)) for readout in readouts) == [0, 0, 1, 1, 1, 1, 1]
