"""The cases that numeric checks go through are those that their statements name."""

from collections import Counter

import networkx as nx
import numpy as np
import pytest
import sympy as sp

from ctrnb.errors import DataError
from ctrnb.theory import checks, graphs, lightgcn_claims, lipschitz_node_claims, symbolic
from ctrnb.theory import operators as op


def as_networkx(graph) -> nx.Graph:
    found = nx.Graph()
    found.add_nodes_from(range(graph.num_users), side="user")
    found.add_nodes_from(range(graph.num_users, graph.num_users + graph.num_items), side="item")
    found.add_edges_from(zip(graph.user.tolist(), (graph.item + graph.num_users).tolist(), strict=True))
    return found


def test_exhaustive_means_every_graph_up_to_three_and_three() -> None:
    """Counted up to the order of nodes by networkx; without the graph that has no edges."""
    shapes = Counter((graph.num_users, graph.num_items) for graph in checks.exhaustive())
    assert set(shapes) == {(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)}
    kinds: list[nx.Graph] = []
    for graph in map(as_networkx, checks.exhaustive()):
        same = nx.algorithms.isomorphism.categorical_node_match("side", "")
        if not any(nx.is_isomorphic(graph, kind, node_match=same) for kind in kinds):
            kinds.append(graph)
    assert Counter(len(kind) for kind in kinds) == {2: 1, 3: 2, 4: 3 + 6, 5: 12, 6: 35}
    assert all(kind.number_of_edges() for kind in kinds)


def test_drawn_weights_are_invertible_and_drawn_graphs_of_many_sizes() -> None:
    weights = checks.weights()
    assert [weight.shape for weight in weights] == [(3, 3)] * 4
    assert all(np.linalg.matrix_rank(weight) == 3 for weight in (*weights, *checks.weights(6)))
    graphs = checks.random_graphs()
    assert [(graph.num_users, graph.num_items, len(graph.user)) for graph in graphs] == [
        (3, 4, 6), (4, 4, 8), (5, 4, 10), (6, 4, 12), (7, 4, 14), (8, 4, 16)
    ]  # fmt: skip
    assert any((op.degrees(graph) == 0).any() for graph in graphs), "a node without edges is among them"


def test_symbolic_sizes_and_read_outs_are_of_every_kind() -> None:
    """k and d up to 3 and 2; read-outs of one hop and of many, of one sign, alternating, mixed, and adding up to 0."""
    assert checks.SIZES == ((1, 1), (1, 2), (2, 2), (3, 2)) and set(checks.NARROW) == {
        (1, 1),
        (3, 1),
    }
    readouts = lightgcn_claims.READOUTS
    assert {len(readout) for readout in readouts} == {1, 2, 3, 4}
    assert sum(min(readout) < 0 for readout in readouts) == 3
    assert sorted(abs(round(sum(readout), 12)) for readout in readouts) == [0, 0, 1, 1, 1, 1, 1]


def test_the_layer_is_differentiated_at_every_size_for_every_activation(monkeypatch) -> None:
    """For GELU at two sizes; "any differentiable" covers it at the others."""
    small, wide = [(1, 1), (3, 1)], [(1, 1), (1, 2), (2, 2), (3, 2)]
    expected = {name: small if name == "gelu" else wide for name in symbolic.SYMBOLIC}
    assert list(expected) == ["any differentiable", "identity", "tanh", "sigmoid", "gelu"]
    for name, check in (
        ("gram_holds", checks.gram_factor_holds),
        ("jacobian_blocks_hold", lipschitz_node_claims.node_jacobian),
    ):
        found: dict[str, list] = {each: [] for each in expected}
        kinds = {id(function): each for each, function in symbolic.SYMBOLIC.items()}

        def record(degree, dim, sigma, *factor, found=found, kinds=kinds) -> bool:
            found[kinds[id(sigma)]].append((degree, dim))
            assert not factor or factor[0] == 1 + sp.Rational(1, degree)
            return True

        monkeypatch.setattr(symbolic, name, record)
        check()
        assert found == expected


def test_parts_of_graphs_by_hand() -> None:
    graph = op.graph_of([(0, 0), (0, 1), (2, 1)], 3, 2)  # user 1 has no edge
    assert checks.live_degrees(graph).tolist() == [2, 1, 1, 2]
    assert [lightgcn_claims.neighbour_degrees(graph, node).tolist() for node in range(5)] == [
        [1, 2],
        [],
        [2],
        [2],
        [2, 1],
    ]
    x = np.array([2.0, 4.0])
    features = checks.constant_features(graph, x)
    assert features.tolist() == [[1, 2], [2, 4], [1, 2], [1, 2], [1, 2]]
    np.testing.assert_allclose(op.operator(graph) @ features, np.tile(x, (5, 1)))
    for edges, regular in (
        ([(0, 0)], True),
        ([(0, 0), (0, 1)], False),
        ([(0, 0), (1, 1)], True),
        ([(0, 0), (1, 1), (1, 0)], False),
    ):
        assert checks.regular_components(op.graph_of(edges, 3, 2)) is regular
    assert lightgcn_claims.sample(graph).tolist() == [0, 2, 3, 4]
    large = op.random_graph(300, 300, 900, 0)
    drawn, degree = lightgcn_claims.sample(large), op.degrees(large)
    assert (
        len(set(drawn.tolist())) == len(drawn) == 192 and (degree[drawn] > 0).all() and drawn.max() > 300 > drawn.min()
    )


def test_lightgcn_is_tested_on_graphs_of_every_kind() -> None:
    tested = lightgcn_claims.tested_graphs()
    assert all(len(graph.user) for graph in tested) and len(tested) > 20
    assert any((op.degrees(graph) == 0).any() for graph in tested), "one with a node that has no edges"
    assert {checks.regular_components(graph) for graph in tested} == {True, False}
    assert max(graph.num_users for graph in tested) == 8
    for readout in lightgcn_claims.READOUTS:
        power = [np.linalg.matrix_power(op.operator(tested[-1], "symmetric").toarray(), n) for n in range(len(readout))]
        np.testing.assert_allclose(
            lightgcn_claims.dense(tested[-1], readout),
            sum(a * s for a, s in zip(readout, power, strict=True)),
            atol=1e-12,
        )


def test_statements_are_checked_on_real_graphs_where_their_data_is_here(monkeypatch, tmp_path) -> None:
    ((name, graph),) = graphs.load_graphs(tmp_path)
    assert name == "synthetic, k = 3" and min(checks.live_degrees(graph)) >= 1
    asked = []
    monkeypatch.setattr(graphs, "locate", lambda folder, name, files: folder)
    monkeypatch.setattr(graphs, "graph_of_dataset", lambda dataset, k, folder=None: asked.append((dataset, k)) or graph)
    found = graphs.load_graphs.__wrapped__(tmp_path)
    assert [name for name, _ in found] == ["ml-1m, k = 6", "yelp-small, k = 3"]
    assert [(dataset.rpartition("/")[2], k) for dataset, k in asked] == [("ml-1m", 6), ("yelp-small.toml", 3)]

    def unreadable(dataset, k, folder=None):
        if dataset == "ml-1m":
            raise DataError("cut off")
        return graph

    monkeypatch.setattr(graphs, "graph_of_dataset", unreadable)
    with pytest.warns(UserWarning, match="ml-1m, k = 6 is left out: cut off"):
        assert [name for name, _ in graphs.load_graphs.__wrapped__(tmp_path)] == ["yelp-small, k = 3"]
