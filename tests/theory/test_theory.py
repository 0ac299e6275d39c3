import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.data import BipartiteGraph
from ctrnb.theory import lipschitz as lip
from ctrnb.theory import mci as theory


def star(leaves: int) -> BipartiteGraph:
    return BipartiteGraph(np.zeros(leaves, np.int64), np.arange(leaves), 1, leaves)


@pytest.mark.parametrize("leaves", [1, 2, 3, 10, 50])
def test_the_star_has_its_closed_form(leaves: int) -> None:
    dense = lip.mean_operator(star(leaves)).toarray()
    assert lip.star_constant(leaves) == pytest.approx(np.linalg.norm(dense, 2))
    assert lip.operator_norm(lip.mean_operator(star(leaves))) == pytest.approx(lip.star_constant(leaves))


def test_the_printed_theorem_fails_on_the_smallest_graph() -> None:
    assert lip.star_constant(1) == 2 > lip.printed_bound(1, np.eye(1))


@pytest.mark.parametrize("activation", lip.ACTIVATIONS)
def test_the_gram_matrix_is_as_the_lemma_says_and_not_otherwise(activation: str) -> None:
    gram, claimed = lip.symbolic_gram(2, 2, activation)
    assert (gram - claimed).applyfunc(sp.simplify) == sp.zeros(2, 2)
    wrong = claimed * sp.Rational(9, 8)
    assert (gram - wrong).applyfunc(sp.simplify) != sp.zeros(2, 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 1000), st.sampled_from(["tanh", "relu", "identity"]))
def test_no_search_breaks_the_per_node_bound(neighbours: int, dim: int, seed: int, name: str) -> None:
    """The Jacobian by autograd at random features, against the bound; a linear activation attains it."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    features = torch.randn(neighbours + 1, dim, generator=generator, dtype=torch.float64)
    sigma = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda x: x}[name]

    def update(h: torch.Tensor) -> torch.Tensor:
        return sigma(weight @ (h[0] + h[1:].mean(dim=0)))

    norm = torch.linalg.matrix_norm(torch.autograd.functional.jacobian(update, features).reshape(dim, -1), 2).item()
    exact = float(lip.per_node_constant(neighbours, weight.numpy()))
    assert norm <= exact * (1 + 1e-9) and exact <= float(lip.printed_bound(neighbours, weight.numpy())) * (1 + 1e-9)
    if name == "identity":
        assert norm == pytest.approx(exact)


def test_operator_norm_agrees_with_numpy_on_a_random_graph() -> None:
    rng = np.random.default_rng(0)
    pairs = rng.choice(200, 60, replace=False)
    operator = lip.mean_operator(BipartiteGraph(pairs // 10, pairs % 10, 20, 10))
    assert lip.operator_norm(operator) == pytest.approx(np.linalg.norm(operator.toarray(), 2))


def test_mci_conditions_are_decided() -> None:
    assert [each.holds for each in theory.conditions()] == [True, True, False, False]


def test_the_counterexamples_are_counterexamples() -> None:
    for each in theory.conditions()[2:]:
        low, high, change, first, second = each.counterexample
        assert low < high and first <= second
        assert float(first) == pytest.approx(abs(np.log((1 - float(low)) / (1 - float(low) - float(change)))))


def test_other_costs_get_other_verdicts() -> None:
    absolute = theory.conditions(theory.CHANGE)
    assert [each.holds for each in absolute] == [True, True, False, False]  # equal costs are not larger
    assert [each.holds for each in theory.conditions(-theory.MCI)][:2] == [False, False]


def test_equation_23_is_upside_down() -> None:
    true, printed = theory.equation_23()
    assert sp.simplify(true * printed) == 1 and sp.simplify(true - printed) != 0


def test_lightgcn_whole_map_never_expands() -> None:
    """The uniform read-out's operator has norm 1: its largest eigenvalue is p(1) = 1."""
    from ctrnb.encoders.lightgcn import normalised_blocks, propagate

    rng = np.random.default_rng(1)
    pairs = rng.choice(200, 70, replace=False)
    graph = BipartiteGraph(pairs // 10, pairs % 10, 20, 10)
    blocks = normalised_blocks(graph, torch.float64)
    dense = propagate(torch.eye(30, dtype=torch.float64), *blocks, (0.25,) * 4, 20).numpy()
    assert np.linalg.norm(dense, 2) == pytest.approx(1.0)
