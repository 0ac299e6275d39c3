import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.errors import ConfigError
from ctrnb.theory import lipschitz as lip
from ctrnb.theory import operators as op
from ctrnb.theory import search
from ctrnb.theory.activations import ACTIVATIONS
from ctrnb.theory.checks import LOSING, constant_features, jacobian_norm

SEEDS = st.integers(0, 10**6)


def test_a_pair_by_hand() -> None:
    """One edge: both rows are (1, 1). Degrees 1 and 3 apart: squared norms 2 and 4/3. No edges: two unit rows."""
    assert lip.pair_factor(1, 1, True) == pytest.approx(2)
    assert lip.pair_factor(1, 3, False) == pytest.approx(2**0.5)
    assert lip.pair_factor(0, 0, False) == 1
    rows = np.array([[1, 0, 1 / 2, 1 / 2], [1, 0, 1, 0]])  # a path: user 0 with items 2 and 3, item 2 with user 0 alone
    assert lip.pair_factor(2, 1, True) == pytest.approx(np.linalg.norm(rows, 2))


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
    assert found.whole.upper == pytest.approx(3 / np.sqrt(2))
    assert found.by_degrees.exact() and found.by_degrees.lower == pytest.approx(3 / np.sqrt(2))


@pytest.mark.parametrize("weight", [np.ones(3), np.array([[np.nan]]), np.zeros((0, 2))])
def test_a_weight_that_is_no_matrix_is_refused(weight: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="W has the shape"):
        lip.constants(op.star(1), weight)


def test_negative_degrees_are_refused() -> None:
    with pytest.raises(ConfigError, match="negative"):
        lip.node_factor(-1)


def test_slopes_where_relu_and_gelu_pass_one_row_alone() -> None:
    """W = [[a, 0], [-b, 0]]: ReLU passes one row; GELU's slopes at t and -t add up to 1, so s^2 + (1 - s)^2 is largest."""
    for a, b in ((0.6, 0.8), (3.0, 4.0), (4.0, 3.0), (1.0, 1.0)):
        found = lip.feature_map(np.array([[a, 0], [-b, 0]]), "relu")
        assert (found.lower, found.upper) == pytest.approx((max(a, b), np.hypot(a, b))) and not found.exact()
    leaky = lip.feature_map(LOSING, "leaky_relu")
    assert (leaky.lower, leaky.upper) == pytest.approx((np.hypot(1, 0.01), np.sqrt(2)))
    steepest = ACTIVATIONS["gelu"].constant
    found = lip.feature_map(LOSING, "gelu")
    assert found.upper == pytest.approx(steepest * np.sqrt(2))
    assert found.lower == pytest.approx(np.hypot(steepest, 1 - steepest), rel=1e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_weight_of_nothing_has_the_constant_0(name: str) -> None:
    found = lip.feature_map(np.zeros((2, 3)), name)
    assert found.lower == found.upper == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), SEEDS, st.sampled_from(list(ACTIVATIONS)))
def test_a_peak_point_is_at_the_peak_in_every_row_that_matters(rows: int, columns: int, seed: int, name: str) -> None:
    weight = np.random.default_rng(seed).standard_normal((rows, columns))
    point, entry = lip.peak_point(weight, ACTIVATIONS[name]), ACTIVATIONS[name]
    if point is None:
        assert rows > columns or np.linalg.matrix_rank(weight) < rows, "full row rank reaches every point"
        return
    slopes = np.diag(entry.slope(weight @ point + (1e-9 if entry.peak[1] == np.inf else 0)))
    assert np.linalg.norm(slopes @ weight, 2) == pytest.approx(entry.constant * np.linalg.norm(weight, 2), rel=1e-6)


def test_rows_outside_the_singular_vector_do_not_matter() -> None:
    """The norm 2 is that of the first row; the others, which ReLU cannot both pass, are no part of it."""
    weight = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    for name in ACTIVATIONS:
        assert lip.peak_point(weight, ACTIVATIONS[name]) is not None and lip.feature_map(weight, name).exact()
    assert lip.peak_point(weight[1:], ACTIVATIONS["relu"]) is None is lip.peak_point(weight[1:], ACTIVATIONS["gelu"])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), SEEDS)
def test_bounds_by_degrees_are_those_of_their_formulas(users: int, items: int, seed: int) -> None:
    """Node by node, from the edges, over nodes with edges."""
    graph = op.random_graph(users, items, 1 + seed % (users * items), seed)
    pairs = list(zip(graph.user.tolist(), (graph.item + users).tolist(), strict=True))
    near = {n: [b if n == a else a for a, b in pairs if n in (a, b)] for n in range(users + items)}
    near = {n: others for n, others in near.items() if others}
    k = {n: len(others) for n, others in near.items()}
    c = [sum(1 / k[i] for i in others) for others in near.values()]
    reach = [k[n] + sum(k[i] for i in others) / k[n] for n, others in near.items()]
    inverse = [1 / k[n] + sum(1 / k[i] for i in others) / k[n] for n, others in near.items()]
    bounds = lip.degree_bounds(graph)
    assert bounds.upper == pytest.approx(min(1 + max(c) ** 0.5, (max(reach) * max(inverse)) ** 0.5))
    flat = (sum((1 + each) ** 2 for each in c) / len(c)) ** 0.5
    assert bounds.lower == pytest.approx(max(flat, np.linalg.norm(reach) / np.linalg.norm(list(k.values()))))


def test_without_edges_nothing_is_passed() -> None:
    empty = op.graph_of([], 2, 3)
    assert lip.degree_bounds(empty).lower == lip.degree_bounds(empty).upper == 1
    assert lip.whole_map(empty, np.diag([3.0, 4.0])).upper == pytest.approx(4)


@pytest.mark.parametrize(("aggregate", "expected"), [("plain", 1), ("update", 3 / np.sqrt(2)), ("symmetric_self", 1)])
def test_the_whole_map_by_operator_on_a_path(aggregate: str, expected: float) -> None:
    found = lip.whole_map(op.star(2), np.diag([3.0, 4.0]), "sigmoid", aggregate)
    assert (found.lower, found.upper) == pytest.approx((expected, expected), rel=1e-6)


def test_a_quotient_by_hand() -> None:
    """One node's output on a path under ReLU of W = 2: the centre takes (2, 4, 8) to 2 (2 + 6) and (-2, ...) to 0."""
    centre = search.message_passing(op.star(2), np.array([[2.0]]), "relu", 0)
    whole = search.message_passing(op.star(2), np.array([[2.0]]), "relu")
    points = torch.tensor([[[2.0], [4.0], [8.0]], [[-20.0], [4.0], [8.0]]], dtype=torch.float64)
    assert centre(points).ravel().tolist() == [16, 0]
    assert whole(points)[..., 0].tolist() == [[16, 12, 20], [0, 0, 0]]


def test_the_adversary_climbs_to_the_steepest_place() -> None:
    """sin(3 x) has slopes up to 3, at 0 and elsewhere, tanh up to 1, at 0 alone, and 2 x one slope everywhere."""
    for function, most in (
        (lambda x: 2 * x, 2.0),
        (lambda x: torch.sin(3 * x), 3.0),
        (torch.tanh, 1.0),
    ):
        found = search.adversary(function, (1, 1), seed=1)
        assert 0.999 * most < found <= most * (1 + 1e-9)
    alike = [search.adversary(torch.sin, (2, 1), seed=seed, steps=3) for seed in (1, 1, 2)]
    assert alike[0] == alike[1] != alike[2]
