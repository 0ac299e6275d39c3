import numpy as np
import pytest
import sympy as sp
import torch

from ctrnb.theory import symbolic
from ctrnb.theory.activations import ACTIVATIONS


@pytest.mark.parametrize("name", ["any differentiable", "identity", "tanh", "sigmoid"])
def test_the_gram_matrix_is_as_the_lemma_says_and_not_otherwise(name: str) -> None:
    sigma = symbolic.SYMBOLIC[name]
    assert symbolic.gram_holds(2, 2, sigma, sp.Rational(3, 2))
    assert not symbolic.gram_holds(2, 2, sigma, sp.Rational(4, 3))


def test_the_layer_is_equation_4_by_hand() -> None:
    layer = symbolic.graph_layer([[1, 2], [0], [0], []], 1, sp.tanh)
    w, (h0, h1, h2, h3) = layer.weight[0], [column[0] for column in layer.features]
    assert sp.simplify(layer.output[0][0] - sp.tanh(w * (h0 + (h1 + h2) / 2))) == 0
    assert layer.output[3][0] == sp.tanh(w * h3), "an empty average is 0"


def test_blocks_are_those_of_equations_13_and_14() -> None:
    assert symbolic.jacobian_blocks_hold(3, 2, symbolic.SYMBOLIC["any differentiable"])


def test_general_factor_star_and_biregular_norms() -> None:
    factor, k = symbolic.general_gram_factor()
    assert sp.simplify(factor - 1 - 1 / k) == 0
    star, n = symbolic.star_norm()
    assert sp.simplify(star - (n + 1) / sp.sqrt(n)) == 0
    both, a, b = symbolic.biregular_norm()
    assert sp.simplify(both.subs({a: 1, b: n}) - star) == 0, "a star is biregular"


def test_squares_over_edges() -> None:
    assert symbolic.laplacian_identities() == (0, 0)


def test_z3_proves_the_repaired_step() -> None:
    assert symbolic.frobenius_step_holds()


@pytest.mark.parametrize("name", [name for name in symbolic.SYMBOLIC if name in ACTIVATIONS])
@pytest.mark.parametrize("at", [-2.5, -0.3, 0.0, 1.7])
def test_symbolic_activations_are_the_numeric_ones(name: str, at: float) -> None:
    x = sp.Symbol("x", real=True)
    formula = symbolic.SYMBOLIC[name](x)
    numeric = ACTIVATIONS[name].function(torch.tensor(at, dtype=torch.float64)).item()
    assert float(formula.subs(x, at)) == pytest.approx(numeric, abs=1e-12)
    assert float(sp.diff(formula, x).subs(x, at)) == pytest.approx(
        float(ACTIVATIONS[name].slope(np.array(at))), abs=1e-12
    )
