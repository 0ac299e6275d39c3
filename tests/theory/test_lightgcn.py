import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.encoders.lightgcn import LightGCNEncoder
from ctrnb.errors import ConfigError
from ctrnb.theory import lightgcn as gcn
from ctrnb.theory import operators as op

GRAPHS = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6))
READOUTS = st.lists(st.floats(-2, 2), min_size=1, max_size=5).filter(lambda a: any(abs(x) > 1e-3 for x in a))


def drawn(shape: tuple[int, int, int]):
    users, items, seed = shape
    return op.random_graph(users, items, 1 + seed % (users * items), seed)


def matrix(graph, readout) -> np.ndarray:
    """p(S), added up from powers of the dense S."""
    dense = op.operator(graph, "symmetric").toarray()
    return sum(a * np.linalg.matrix_power(dense, power) for power, a in enumerate(readout))


def test_two_rows_by_hand() -> None:
    """A path, L = 1: the user's row of (I + S)/2 is (1, 1/sqrt 2, 1/sqrt 2)/2, an item's (1/sqrt 2, 1, 0)/2; a user apart."""
    path = op.graph_of([(0, 0), (0, 1)], 2, 2)
    found = gcn.pair_constants(path, gcn.uniform(1), np.array([[0, 0], [1, 0]]))
    rows = np.array([[1, 2**-0.5, 2**-0.5], [2**-0.5, 1, 0]]) / 2
    assert found == pytest.approx([np.linalg.norm(rows, 2), 1.5**0.5 / 2])


def test_a_star_by_hand() -> None:
    """K_{1,2}, one hop: the centre's row of S is (0, 1/sqrt 2, 1/sqrt 2), a leaf's (1/sqrt 2, 0, 0)."""
    constants = gcn.node_constants(op.star(2), (0.0, 1.0))
    np.testing.assert_allclose(constants, [1, 1 / np.sqrt(2), 1 / np.sqrt(2)])
    np.testing.assert_allclose(gcn.harmonic_degree(op.star(2)), [1, 2, 2])
    np.testing.assert_allclose(
        gcn.return_probabilities(op.star(2), 2, np.arange(3)), [[1, 1, 1], [0, 0, 0], [1, 0.5, 0.5]]
    )


@settings(max_examples=60, deadline=None)
@given(GRAPHS, READOUTS)
def test_constants_are_norms_of_the_dense_operator(shape: tuple, readout: list[float]) -> None:
    graph = drawn(shape)
    dense, bracket = matrix(graph, readout), gcn.whole_map(graph, readout)
    norm = np.linalg.norm(dense, 2)
    assert bracket.lower <= norm * (1 + 1e-6) + 1e-9 and norm <= bracket.upper * (1 + 1e-9) + 1e-9
    rows = np.linalg.norm(dense, axis=1)
    np.testing.assert_allclose(gcn.node_constants(graph, readout), rows, atol=1e-9)
    everyone = np.arange(len(rows))
    walks = gcn.from_returns(readout, gcn.return_probabilities(graph, 2 * len(readout) - 2, everyone))
    np.testing.assert_allclose(walks, rows, atol=1e-6)


@pytest.mark.parametrize("last", [5e-324, 2.2e-311, 1e-200])
def test_a_coefficient_next_to_zero_changes_nothing(last: float) -> None:
    assert gcn.largest_on_interval((0.0, 0.0, 1.0, last)) == 1
    assert gcn.largest_on_interval((1.0, 0.0, -2.0, last)) == gcn.largest_on_interval((1.0, 0.0, -2.0)) == 1


@settings(max_examples=40, deadline=None)
@given(GRAPHS, READOUTS)
def test_harmonic_degrees_bound_every_node(shape: tuple, readout: list[float]) -> None:
    graph, readout = drawn(shape), [abs(a) for a in readout]
    bounds, constants = gcn.node_bounds(graph, readout), gcn.node_constants(graph, readout)
    assert (bounds.lower <= constants + 1e-9).all() and (constants <= bounds.upper + 1e-9).all()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_uniform_read_out_never_expands_and_shrinks_every_node(layers: int) -> None:
    graph = op.random_graph(6, 5, 12, 3)
    assert gcn.whole_map(graph, gcn.uniform(layers)).upper == pytest.approx(1)
    assert gcn.node_constants(graph, gcn.uniform(layers)).max() < 1


def test_the_encoder_of_the_experiments_has_these_constants() -> None:
    import torch

    graph = op.random_graph(5, 4, 9, 2)
    encoder = LightGCNEncoder(graph, 9, layers=3, init_std=0.1)
    with torch.no_grad():
        encoder.table.copy_(torch.eye(9))
    np.testing.assert_allclose(
        encoder.nodes().detach().norm(dim=1).numpy(), gcn.node_constants(graph, gcn.uniform(3)), rtol=1e-5
    )


def test_without_edges_only_layer_0_is_left() -> None:
    empty = op.graph_of([], 2, 1)
    assert gcn.whole_map(empty, (0.3, 5.0)).upper == 0.3
    np.testing.assert_allclose(gcn.node_constants(empty, (0.3, 5.0)), 0.3)


def test_a_readout_of_nothing_and_a_bound_for_negative_ones_are_refused() -> None:
    with pytest.raises(ConfigError, match="a_0 first"):
        gcn.whole_map(op.star(1), ())
    with pytest.raises(ConfigError, match="at least 0"):
        gcn.node_bounds(op.star(1), (1.0, -1.0))


def test_returns_that_round_below_zero_give_a_constant_of_zero() -> None:
    """a = (1, -1): the square is R_0 - 2 R_1 + R_2."""
    assert gcn.from_returns((1.0, -1.0), np.array([[1.0], [1 + 1e-12], [1.0]])).tolist() == [0.0]
    assert gcn.from_returns((1.0, -1.0), np.array([[1.0], [0.0], [0.5], [9.0]])) == pytest.approx([np.sqrt(1.5)])


@pytest.mark.parametrize(
    ("readout", "largest"),
    [
        ((0.7,), 0.7),
        ((1.0, -3.0), 4),
        ((0.0, 3.0, 0.0, -4.0), 1),  # Chebyshev's: its turns reach the ends' height
        ((0.0, 1.0, 0.0, -1.0), 2 / np.sqrt(27)),  # at 1/sqrt(3), and 0 at both ends
        ((0.0, 0.0, 1.0, 0.0, -1.0), 1 / 4),  # at 1/sqrt(2)
        ((0.0, 3.0, 0.0, -0.25), 2.75),  # turns at 2, outside
        ((0.0, -4.0, 1.0), 5),  # turns at 2, outside
        ((0.1, 1.0, 0.0, 1.0), 2.1),  # turns nowhere
    ],
)
def test_the_largest_value_on_the_interval_by_hand(readout: tuple[float, ...], largest: float) -> None:
    assert gcn.largest_on_interval(readout) == pytest.approx(largest, rel=1e-12)
    assert gcn.largest_on_interval(tuple(-a for a in readout)) == pytest.approx(largest, rel=1e-12)


def test_the_whole_map_of_each_kind_of_read_out() -> None:
    """On a path S has the eigenvalues -1, 0 and 1: x - x^3 is 0 there, 1 - x^2 is 1 in the middle, 2 x - x^3 at most 1."""
    for leaves in (2, 3, 4):
        vanishing = gcn.whole_map(op.star(leaves), (0.0, 1.0, 0.0, -1.0))
        assert vanishing.lower == pytest.approx(0, abs=1e-12) and vanishing.upper == pytest.approx(2 / np.sqrt(27))
    middle, between = gcn.whole_map(op.star(2), (1.0, 0.0, -1.0)), gcn.whole_map(op.star(2), (0.0, 2.0, 0.0, -1.0))
    assert middle.exact() and middle.upper == pytest.approx(1)
    assert (between.lower, between.upper) == pytest.approx((1, np.sqrt(32 / 27)))
    for readout, norm in (((0.2, 0.5, 0.3), 1), ((0.2, -0.5, 0.3), 1), ((-0.2, -0.5), 0.7), ((-0.2, 0.5), 0.7)):
        found = gcn.whole_map(op.star(2), readout)
        assert found.exact() and found.upper == pytest.approx(norm)
    found = gcn.whole_map(op.graph_of([], 1, 1), (-0.3, 9.0))
    assert (found.lower, found.upper) == (0.3, 0.3)


def test_lanczos_agrees_with_the_dense_norm() -> None:
    for graph in (op.star(1), op.star(2), op.random_graph(6, 5, 12, 3), op.random_graph(1, 2, 1, 0)):
        for readout in ((0.5, 0.5), (0.2, -0.5, 0.3), (1.0, 0.0, -1.5), (0.0, 2.0, 0.0, -1.0)):
            norm = np.linalg.norm(matrix(graph, readout), 2)
            assert gcn.lanczos_norm(graph, readout) == pytest.approx(norm, abs=1e-9)


def test_constants_of_more_nodes_than_one_block_holds_and_of_some_alone() -> None:
    graph = op.random_graph(300, 290, 900, 5)
    rows = np.linalg.norm(matrix(graph, (0.5, 0.2, 0.3)), axis=1)
    np.testing.assert_allclose(gcn.node_constants(graph, (0.5, 0.2, 0.3)), rows)
    some = np.array([589, 3, 255, 256, 3])
    np.testing.assert_allclose(gcn.node_constants(graph, (0.5, 0.2, 0.3), some), rows[some])


def test_bounds_of_a_star_by_hand() -> None:
    """K_{1,2}, a = (1, 2): H is 1 at the centre and 2 at a leaf, and the squared constant 1 + 4/H, where R_2 is exact.

    a = (1, 0, 2) squares to 1, 4 and 4 of R_0, R_2 and R_4, and R_4 lies between 1/H^2 and 1/H.
    """
    found = gcn.node_bounds(op.star(2), (1.0, 2.0))
    np.testing.assert_allclose(found.lower, np.sqrt([5, 3, 3]))
    np.testing.assert_allclose(found.upper, np.sqrt([5, 3, 3]))
    found = gcn.node_bounds(op.star(2), (1.0, 0.0, 2.0))
    np.testing.assert_allclose(found.lower, np.sqrt([1 + 4 + 4, 1 + 2 + 1, 1 + 2 + 1]))
    np.testing.assert_allclose(found.upper, np.sqrt([1 + 4 + 4, 1 + 2 + 2, 1 + 2 + 2]))
    lonely = op.graph_of([(0, 0)], 2, 1)
    assert gcn.harmonic_degree(lonely).tolist() == [1, np.inf, 1]
    np.testing.assert_allclose(gcn.node_bounds(lonely, (3.0, 4.0)).upper, [5, 3, 5])


def test_uniform_read_outs_by_hand() -> None:
    assert gcn.uniform(0) == (1.0,) and gcn.uniform(1) == (0.5, 0.5) and gcn.uniform(3) == (0.25,) * 4


@pytest.mark.parametrize("readout", [(), (np.nan,), (1.0, np.inf)])
def test_every_constant_needs_finite_coefficients(readout: tuple[float, ...]) -> None:
    for constants in (gcn.whole_map, gcn.node_constants):
        with pytest.raises(ConfigError, match="finite coefficients"):
            constants(op.star(1), readout)


def test_what_is_known_exactly_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanczos, which takes long on large graphs, is asked only about read-outs of mixed signs."""
    asked = []
    monkeypatch.setattr(gcn, "lanczos_norm", lambda graph, readout: asked.append(readout) or 0.9)
    for readout in (gcn.uniform(3), (1.0, -2.0, 1.0), (0.0, 1.0), (-1.0, -1.0), (0.1, 0.0, 0.3)):
        assert gcn.whole_map(op.star(3), readout).exact()
    assert asked == []
    assert gcn.whole_map(op.star(3), (0.0, 2.0, 0.0, -1.0)).lower == 1, "the ends give more than Lanczos here"
    assert len(asked) == 1
