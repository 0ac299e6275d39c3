import networkx as nx
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.errors import ConfigError
from ctrnb.theory import operators as op
from ctrnb.theory.operators import Bracket


def dense(graph, name: str) -> np.ndarray:
    return op.operator(graph, name).toarray()


def test_operators_of_a_path_by_hand() -> None:
    """User 0 with items 0 and 1: nodes are the centre and two leaves."""
    path, half, root = op.star(2), 1 / 2, 1 / np.sqrt(2)
    expected = {
        "plain": np.eye(3),
        "mean": [[0, half, half], [1, 0, 0], [1, 0, 0]],
        "update": [[1, half, half], [1, 1, 0], [1, 0, 1]],
        "self_mean": [[1 / 3, 1 / 3, 1 / 3], [half, half, 0], [half, 0, half]],
        "symmetric": [[0, root, root], [root, 0, 0], [root, 0, 0]],
        "symmetric_self": [[1 / 3, 1 / 6**0.5, 1 / 6**0.5], [1 / 6**0.5, half, 0], [1 / 6**0.5, 0, half]],
    }
    assert set(expected) == set(op.OPERATORS)
    for name, matrix in expected.items():
        np.testing.assert_allclose(dense(path, name), matrix)


def test_a_node_without_edges_averages_nothing() -> None:
    lonely = op.graph_of([(0, 0)], 2, 1)
    assert dense(lonely, "mean")[1].tolist() == [0, 0, 0] and dense(lonely, "update")[1].tolist() == [0, 1, 0]
    assert dense(lonely, "self_mean")[1].tolist() == [0, 1, 0]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6), st.sampled_from(list(op.OPERATORS)))
def test_the_certified_bracket_closes_on_the_dense_norm(users: int, items: int, seed: int, name: str) -> None:
    edges = 1 + seed % (users * items)
    matrix = op.operator(op.random_graph(users, items, edges, seed), name)
    bracket, norm = op.norm_bracket(matrix), np.linalg.norm(matrix.toarray(), 2)
    assert bracket.lower <= norm * (1 + 1e-9) and norm <= bracket.upper * (1 + 1e-9)
    assert bracket.exact(1e-3)


def test_both_ends_hold_however_early_the_iteration_stops() -> None:
    matrix = op.operator(op.random_graph(8, 9, 20, 1), "update")
    norm, gaps = np.linalg.norm(matrix.toarray(), 2), []
    for iterations in (1, 2, 5, 20):
        bracket = op.norm_bracket(matrix, iterations=iterations)
        assert bracket.lower <= norm + 1e-12 and norm <= bracket.upper + 1e-12
        gaps.append(bracket.upper - bracket.lower)
    assert gaps == sorted(gaps, reverse=True) and gaps[0] > 0.1 > gaps[-1]


def test_lanczos_agrees_with_numpy() -> None:
    matrix = op.operator(op.random_graph(20, 10, 60, 0), "update")
    assert op.lanczos_norm(matrix) == pytest.approx(np.linalg.norm(matrix.toarray(), 2))
    assert op.lanczos_norm(op.operator(op.star(1), "update")) == pytest.approx(2)


def test_small_graphs_are_all_there_once_or_more() -> None:
    """2 + 2 nodes: seven graphs up to the order of users and items."""
    shapes = set()
    for graph in op.small_graphs(2, 2):
        matrix = np.zeros((2, 2), int)
        matrix[graph.user, graph.item] = 1
        orders = [m.tobytes() for rows in (matrix, matrix[::-1]) for m in (rows.copy(), rows[:, ::-1].copy())]
        shapes.add(min(orders))
    assert len(shapes) == 7


def test_biregular_graphs_have_their_degrees() -> None:
    graph = op.biregular(2, 3, copies=2)
    assert set(graph.degree_user) == {2} and set(graph.degree_item) == {3}


@pytest.mark.parametrize("edges", [[(0, 0), (0, 0)], [(1, 0)], [(-1, 0)]])
def test_edges_that_are_none_are_refused(edges: list) -> None:
    with pytest.raises(ConfigError, match="distinct pairs"):
        op.graph_of(edges, 1, 1)


def test_an_unknown_operator_and_negative_entries_are_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'symmetric'"):
        op.operator(op.star(1), "symmetrics")
    with pytest.raises(ConfigError, match="negative"):
        op.norm_bracket(-op.operator(op.star(1), "update"))


def test_a_bracket_is_exact_within_its_tolerance() -> None:
    """Relatively to the lower end, and absolutely as much again."""
    assert Bracket(10.0, 10.0).exact(0) and Bracket(10.0, 11.0).exact(0.1) and not Bracket(10.0, 11.2).exact(0.1)
    assert not Bracket(1.0, 1.0 + 1e-8).exact() and Bracket(1.0, 1.0 + 1e-9).exact()
    assert not Bracket(np.array([1.0, 1.0]), np.array([1.0, 1.1])).exact(), "of many, all must be"


def test_row_norms_by_hand() -> None:
    matrix = op.operator(op.star(2), "update") * 4
    np.testing.assert_allclose(op.row_norms(matrix), [np.sqrt(16 + 4 + 4), np.sqrt(32), np.sqrt(32)])


@pytest.mark.parametrize("tolerance", [0.3, 0.03, 1e-3])
def test_an_early_stop_does_not_hang_on_the_scale(tolerance: float) -> None:
    matrix = op.operator(op.random_graph(8, 9, 20, 1), "update")
    found = op.norm_bracket(matrix, tolerance=tolerance)
    assert 1e-12 < found.upper - found.lower <= tolerance * found.upper
    for scale in (1 / 1024, 1024):
        assert op.norm_bracket(matrix * scale, tolerance=tolerance) == Bracket(found.lower * scale, found.upper * scale)


def test_a_bracket_of_what_passes_nothing_on_is_0() -> None:
    assert op.norm_bracket(op.operator(op.graph_of([], 2, 2), "mean")) == Bracket(0.0, 0.0)


def test_a_bracket_before_any_iteration_says_nothing() -> None:
    assert op.norm_bracket(op.operator(op.star(2)), iterations=0) == Bracket(0.0, np.inf)
    first = op.norm_bracket(op.operator(op.star(2)), iterations=1)  # x = 1: M x = 2, and M^T M x = (6, 3, 3)
    assert (first.lower, first.upper) == pytest.approx((2, np.sqrt(6)))


def test_lanczos_of_other_shapes_agrees_with_numpy() -> None:
    for matrix in (scipy.sparse.csr_matrix(np.diag([3.0, -5.0])), scipy.sparse.random(2, 9, 0.9, "csr", rng=0),
                   scipy.sparse.random(7, 4, 0.9, "csr", rng=1), op.operator(op.star(3), "mean")):  # fmt: skip
        assert op.lanczos_norm(matrix) == pytest.approx(np.linalg.norm(matrix.toarray(), 2))


def test_graphs_are_what_their_names_say() -> None:
    for a, b, copies in ((1, 1, 3), (2, 3, 1), (3, 2, 2), (1, 4, 2)):
        graph = op.biregular(a, b, copies)
        found = nx.Graph((f"u{u}", f"i{i}") for u, i in zip(graph.user, graph.item, strict=True))
        assert nx.number_connected_components(found) == copies
        assert (
            len(found) == graph.num_users + graph.num_items == copies * (a + b)
            and found.number_of_edges() == copies * a * b
        )
    one, same, other = (op.random_graph(5, 7, 12, seed) for seed in (0, 0, 1))
    assert len(set(zip(one.user, one.item, strict=True))) == 12 and (one.num_users, one.num_items) == (5, 7)
    assert (one.user == same.user).all() and (one.item == same.item).all()
    assert set(zip(one.user, one.item, strict=True)) != set(zip(other.user, other.item, strict=True))
    full = op.random_graph(2, 3, 6, 0)
    assert sorted(zip(full.user.tolist(), full.item.tolist(), strict=True)) == [
        (u, i) for u in range(2) for i in range(3)
    ]
