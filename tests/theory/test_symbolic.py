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


def test_inner_products_of_a_pairs_rows_by_hand() -> None:
    gram, k_user, k_item = symbolic.pair_gram(joined=True)
    inner = 1 / k_user + 1 / k_item
    assert symbolic.is_zero(gram - sp.Matrix([[1 + 1 / k_user, inner], [inner, 1 + 1 / k_item]]))
    assert symbolic.pair_forms_hold()


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


def test_norms_of_blocks_by_hand_and_by_numpy() -> None:
    for block in ([[3, 0], [0, 4]], [[4, 0], [0, 3]], [[0, 2], [0, 0]], [[1, 1], [1, 1]], [[1, 2], [3, -1]]):
        found = symbolic.block_norm(sp.Matrix(block))
        assert float(found) == pytest.approx(np.linalg.norm(np.array(block, float), 2))
    star, n = symbolic.star_norm()
    both, a, b = symbolic.biregular_norm()
    assert float(star.subs(n, 3)) == pytest.approx(4 / np.sqrt(3)) and n.is_integer and n.is_positive
    assert float(both.subs({a: 2, b: 3})) == pytest.approx(5 / np.sqrt(6))


def test_a_layer_that_is_not_equation_4_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lets a stranger in, one that sums for averaging, and slopes taken twice."""
    right, slopes = symbolic.graph_layer, symbolic.slopes

    def cube(x: sp.Expr) -> sp.Expr:
        return x**3

    assert symbolic.jacobian_blocks_hold(2, 1, cube) and symbolic.gram_holds(2, 1, cube, sp.Rational(3, 2))
    for wrong in (
        lambda neighbours, dim, sigma: right([[*neighbours[0], len(neighbours) - 1], *neighbours[1:]], dim, sigma),
        lambda neighbours, dim, sigma: right([neighbours[0] * 2, *neighbours[1:]][::-1], dim, sigma),
        lambda neighbours, dim, sigma: right(neighbours, dim, lambda x: sigma(2 * x)),
    ):
        monkeypatch.setattr(symbolic, "graph_layer", wrong)
        assert not symbolic.jacobian_blocks_hold(2, 1, cube)
        assert not symbolic.gram_holds(2, 1, cube, sp.Rational(3, 2))
    monkeypatch.setattr(symbolic, "graph_layer", right)
    monkeypatch.setattr(symbolic, "slopes", lambda *given: 2 * slopes(*given))
    assert not symbolic.jacobian_blocks_hold(2, 1, cube)


def test_the_jacobian_of_a_pair_by_hand() -> None:
    """h'_0 = tanh(W (h_0 + h_1)) and the stranger's tanh(W h_2), in two dimensions at 0: W, W, 0 and 0, 0, W."""
    layer = symbolic.graph_layer([[1], [0], []], 2, sp.tanh)
    at_rest = {symbol: 0 for column in layer.features for symbol in column}
    zero = sp.zeros(2, 2)
    assert symbolic.node_jacobian(layer, 0).subs(at_rest) == sp.Matrix.hstack(layer.weight, layer.weight, zero)
    assert symbolic.node_jacobian(layer, 2).subs(at_rest) == sp.Matrix.hstack(zero, zero, layer.weight)
    assert symbolic.slopes(layer, 1, sp.tanh).subs(at_rest) == sp.eye(2)
    assert len(set(layer.weight)) == 4 and len({symbol for column in layer.features for symbol in column}) == 6
    assert symbolic.slopes(layer, 1, lambda x: 3 * x) == 3 * sp.eye(2)


def test_zero_is_told_from_what_is_not() -> None:
    x = sp.Symbol("x", real=True)
    assert symbolic.is_zero(sp.Matrix([[sp.cosh(x) ** 2 - sp.sinh(x) ** 2 - 1, 0]]))
    assert not symbolic.is_zero(sp.Matrix([[0, x]])) and not symbolic.is_zero(sp.Matrix([[0, sp.Rational(1, 10**9)]]))
