import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.errors import ConfigError
from ctrnb.theory import lipschitz as lip
from ctrnb.theory import operators as op
from ctrnb.theory import search
from ctrnb.theory.activations import ACTIVATIONS
from ctrnb.theory.lipschitz_claims import LOSING, constant_features, jacobian_norm

SEEDS = st.integers(0, 10**6)


def test_one_neighbour_by_hand() -> None:
    """W = diag(3, 4): ||W||_2 = 4, ||W||_F = 5; k = 1 gives the factor sqrt(2); the sigmoid a quarter."""
    weight = np.diag([3.0, 4.0])
    assert lip.printed_bound(1, weight) == pytest.approx(5 * np.sqrt(2))
    bracket = lip.node_constant(1, weight)
    assert bracket.exact() and bracket.upper == pytest.approx(4 * np.sqrt(2))
    assert lip.node_constant(1, weight, "sigmoid").upper == pytest.approx(np.sqrt(2))


def test_a_node_without_neighbours_has_the_constant_of_no_message_passing() -> None:
    weight = np.diag([3.0, 4.0])
    assert lip.node_constant(0, weight).upper == lip.feature_map(weight).upper == 4
    assert lip.printed_bound(0, weight) == np.inf


@pytest.mark.parametrize("leaves", [1, 2, 3, 10, 50])
def test_the_star_has_its_closed_form(leaves: int) -> None:
    dense = op.operator(op.star(leaves)).toarray()
    assert lip.star_constant(leaves) == pytest.approx(np.linalg.norm(dense, 2))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), SEEDS, st.sampled_from(list(ACTIVATIONS)))
def test_no_jacobian_exceeds_the_node_constant_and_the_peak_attains_it(k: int, dim: int, seed: int, name: str) -> None:
    rng, graph = np.random.default_rng(seed), op.star(k)
    weight = rng.standard_normal((dim, dim))
    bracket = lip.node_constant(k, weight, name)
    anywhere = jacobian_norm(graph, weight, name, 3 * rng.standard_normal((k + 1, dim)), 0)
    assert anywhere <= bracket.upper * (1 + 1e-9)
    point = lip.peak_point(weight, ACTIVATIONS[name])
    if point is not None:
        attained = jacobian_norm(graph, weight, name, constant_features(graph, point), 0)
        assert attained == pytest.approx(float(bracket.upper), rel=1e-5) and bracket.exact()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), SEEDS, st.sampled_from(list(ACTIVATIONS)))
def test_no_jacobian_exceeds_the_whole_map(users: int, items: int, seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    graph = op.random_graph(users, items, 1 + seed % (users * items), seed)
    weight = rng.standard_normal((2, 3))
    bracket = lip.whole_map(graph, weight, name)
    anywhere = jacobian_norm(graph, weight, name, 3 * rng.standard_normal((users + items, 3)), None)
    assert anywhere <= bracket.upper * (1 + 1e-9)
    assert bracket.lower >= 2 * lip.feature_map(weight, name).lower * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), SEEDS)
def test_bounds_by_degrees_hold(users: int, items: int, seed: int) -> None:
    graph = op.random_graph(users, items, 1 + seed % (users * items), seed)
    bounds, norm = lip.degree_bounds(graph), np.linalg.norm(op.operator(graph).toarray(), 2)
    assert bounds.lower <= norm * (1 + 1e-9) and norm <= bounds.upper * (1 + 1e-9)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 7), (2, 3), (5, 5)])
def test_bounds_by_degrees_are_exact_on_biregular_graphs(a: int, b: int) -> None:
    bounds = lip.degree_bounds(op.biregular(a, b, 2))
    assert bounds.exact() and bounds.upper == pytest.approx(np.sqrt(a / b) + np.sqrt(b / a)) == lip.biregular_constant(
        a, b
    )


def test_relu_cannot_pass_two_opposite_rows() -> None:
    bracket = lip.feature_map(LOSING, "relu")
    assert bracket.lower == pytest.approx(1) and bracket.upper == pytest.approx(np.sqrt(2)) and not bracket.exact()
    assert lip.feature_map(LOSING, "tanh").exact()
    assert lip.peak_point(np.array([[1.0, 0], [1, 0]]), ACTIVATIONS["relu"]) is not None


def test_an_adversary_finds_what_is_there() -> None:
    weight = np.random.default_rng(0).standard_normal((3, 3))
    for name in ("identity", "tanh", "sigmoid"):
        bound = float(lip.node_constant(2, weight, name).upper)
        found = search.adversary(search.message_passing(op.star(2), weight, name, 0), (3, 3), seed=0)
        assert 0.995 * bound < found <= bound * (1 + 1e-9)
        assert found > 0.9 * bound, "so it breaks a bound that is a tenth too small"


def test_constants_of_a_graph_together() -> None:
    graph, weight = op.graph_of([(0, 0), (0, 1)], 2, 2), np.eye(2)
    found = lip.constants(graph, weight, "tanh")
    assert found.degree.tolist() == [2, 0, 1, 1]
    np.testing.assert_allclose(found.node.upper, [np.sqrt(1.5), 1, np.sqrt(2), np.sqrt(2)])
    np.testing.assert_allclose(found.printed[[0, 2]], [np.sqrt(3), 2])
    assert found.plain.upper == 1 and found.whole.upper == pytest.approx(3 / np.sqrt(2))
    assert found.by_degrees.exact() and found.by_degrees.lower == pytest.approx(3 / np.sqrt(2))


@pytest.mark.parametrize("weight", [np.ones(3), np.array([[np.nan]]), np.zeros((0, 2))])
def test_a_weight_that_is_no_matrix_is_refused(weight: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="W has the shape"):
        lip.constants(op.star(1), weight)


def test_negative_degrees_are_refused() -> None:
    with pytest.raises(ConfigError, match="negative"):
        lip.node_factor(-1)
