"""Equation 4 as a symbolic layer on a whole graph, and its Jacobian, differentiated entry by entry.

Nothing here uses the paper's Equations 13 and 14: the layer is Equation 4, node by node, and sympy differentiates it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
import z3

from ctrnb.theory import smt

Function = Callable[[sp.Expr], sp.Expr]

SYMBOLIC: dict[str, Function] = {
    "any differentiable": sp.Function("sigma"),
    "identity": lambda x: x,
    "tanh": sp.tanh,
    "sigmoid": lambda x: 1 / (1 + sp.exp(-x)),
    "gelu": lambda x: x * (1 + sp.erf(x / sp.sqrt(2))) / 2,
}


@dataclass(frozen=True)
class Layer:
    """Equation 4 on a graph.

    Attributes:
        features: the symbols of h, a column a node.
        weight: W as symbols.
        inside: W s_i of every node, what sigma is applied to.
        output: h'_i of every node.
    """

    features: list[sp.Matrix]
    weight: sp.Matrix
    inside: list[sp.Matrix]
    output: list[sp.Matrix]


def graph_layer(neighbours: list[list[int]], dim: int, sigma: Function) -> Layer:
    """Return Equation 4 on the graph in which node i has the neighbours ``neighbours[i]``; an empty average is 0."""
    weight = sp.Matrix(dim, dim, lambda r, c: sp.Symbol(f"w{r}{c}", real=True))
    features = [sp.Matrix(dim, 1, lambda r, _, n=n: sp.Symbol(f"h{n}_{r}", real=True)) for n in range(len(neighbours))]
    inside = []
    for node, others in enumerate(neighbours):
        total = sum((features[j] for j in others), sp.zeros(dim, 1))
        average = total / len(others) if others else total
        inside.append(weight * (features[node] + average))
    return Layer(features, weight, inside, [entry.applyfunc(sigma) for entry in inside])


def node_jacobian(layer: Layer, node: int) -> sp.Matrix:
    """Return the Jacobian of h'_i with respect to all features, (dim, nodes * dim)."""
    return layer.output[node].jacobian([symbol for column in layer.features for symbol in column])


def slopes(layer: Layer, node: int, sigma: Function) -> sp.Matrix:
    """Return D_i, the diagonal matrix of sigma' at W s_i."""
    z = sp.Dummy("z", real=True)
    return sp.diag(*[sp.diff(sigma(z), z).subs(z, entry).doit() for entry in layer.inside[node]])


def is_zero(matrix: sp.Matrix) -> bool:
    """Return whether sympy proves that every entry is 0."""
    return all(sp.simplify(entry.doit()) == 0 for entry in matrix)


def star_with_a_stranger(degree: int) -> list[list[int]]:
    """Return neighbours of a node 0 with ``degree`` leaves, and of one more node that has no edges."""
    return [list(range(1, degree + 1)), *[[0]] * degree, []]


def jacobian_blocks_hold(degree: int, dim: int, sigma: Function) -> bool:
    """Return whether the Jacobian of node 0 has the blocks DW (itself), DW/k (a neighbour) and 0 (a stranger)."""
    layer = graph_layer(star_with_a_stranger(degree), dim, sigma)
    block = slopes(layer, 0, sigma) * layer.weight
    claimed = sp.Matrix.hstack(block, *[block / degree] * degree, sp.zeros(dim, dim))
    return is_zero(node_jacobian(layer, 0) - claimed)


def gram_holds(degree: int, dim: int, sigma: Function, factor: sp.Expr) -> bool:
    """Return whether J J^T = factor * D W W^T D for a node with ``degree`` neighbours."""
    layer = graph_layer(star_with_a_stranger(degree), dim, sigma)
    jacobian, block = node_jacobian(layer, 0), slopes(layer, 0, sigma) * layer.weight
    return is_zero(jacobian * jacobian.T - factor * block * block.T)


def general_gram_factor() -> tuple[sp.Expr, sp.Symbol]:
    """Return the factor f with J J^T = f D W W^T D for every k >= 1 and every width, and the symbol k.

    D and W are matrix symbols of symbolic sizes. J's blocks are B, and B/k of each of k neighbours, so J J^T is B B^T
    and the sum over j = 1..k of (B/k)(B/k)^T; the factor is what is left after B B^T = D W W^T D is taken out.
    """
    k, rows, columns, j = sp.symbols("k m d j", integer=True, positive=True)
    diagonal, weight = sp.MatrixSymbol("D", rows, rows), sp.MatrixSymbol("W", rows, columns)
    block = diagonal * weight
    own, other = block * block.T, (block / k) * (block / k).T
    scale, rest = other.as_coeff_mmul()
    if rest.doit() != own.doit():
        raise ArithmeticError("a neighbour's block is not a multiple of the node's own")
    return sp.simplify(1 + sp.summation(scale, (j, 1, k))), k


def frobenius_step_holds() -> bool:
    """Return whether z3 proves (d w)^2 <= L^2 w^2 for |d| <= L; summed over entries, ||D W||_F <= L ||W||_F at any width."""
    bound, slope, entry = z3.Reals("L d w")
    within = [bound >= 0, slope <= bound, slope >= -bound]
    return smt.proves(within, slope * slope * entry * entry <= bound * bound * entry * entry)


def star_norm() -> tuple[sp.Expr, sp.Symbol]:
    """Return ||I + P||_2 of K_{1,n} for symbolic n >= 1, and n.

    On the centre and the unit vector of the leaves' sum I + P acts as [[1, 1/sqrt(n)], [sqrt(n), 1]]; on vectors that
    sum to 0 over the leaves and vanish at the centre, as the identity. The norm is the largest singular value of the two.
    """
    n = sp.Symbol("n", integer=True, positive=True)
    block = sp.Matrix([[1, 1 / sp.sqrt(n)], [sp.sqrt(n), 1]])
    return block_norm(block), n


def biregular_norm() -> tuple[sp.Expr, sp.Symbol, sp.Symbol]:
    """Return ||I + P||_2 where users have degree a and items b, and a, b.

    With a singular value s of the users' block of S, I + P acts as [[1, s sqrt(b/a)], [s sqrt(a/b), 1]], whose norm
    grows with s (its entries do, and none is negative); the largest s is 1.
    """
    a, b = sp.symbols("a b", positive=True)
    return block_norm(sp.Matrix([[1, sp.sqrt(b / a)], [sp.sqrt(a / b), 1]])), a, b


def pair_gram(joined: bool) -> tuple[sp.Matrix, sp.Symbol, sp.Symbol]:
    """Return the inner products of the rows of I + P that belong to a user u and an item i, for symbolic k_u, k_i >= 1.

    Entries of the rows at u, at i, at each other neighbour of u and at each other neighbour of i; a user's neighbours are
    items and an item's are users, so none is shared.
    """
    k_user, k_item = sp.symbols("k_u k_i", positive=True)
    edge = int(joined)
    counts = (1, 1, k_user - edge, k_item - edge)
    rows = ((1, edge / k_user, 1 / k_user, 0), (edge / k_item, 1, 0, 1 / k_item))
    gram = sp.Matrix(2, 2, lambda r, s: sum(n * x * y for n, x, y in zip(counts, rows[r], rows[s], strict=True)))
    return gram.applyfunc(sp.simplify), k_user, k_item


def pair_forms_hold() -> bool:
    """Return whether sympy proves the closed forms of the largest eigenvalue of :func:`pair_gram`.

    With a = 1/k_u and b = 1/k_i: 1 + (a + b + sqrt(5 a^2 + 6 a b + 5 b^2))/2 for a joined pair; 1 + a and 1 + b else. Each
    is a root of the characteristic polynomial, and the joined one is no less than half the trace, so it is the larger.
    """
    gram, k_user, k_item = pair_gram(joined=True)
    a, b, root = 1 / k_user, 1 / k_item, sp.Symbol("x")
    above = sp.sqrt(5 * a**2 + 6 * a * b + 5 * b**2) / 2
    claimed = 1 + (a + b) / 2 + above
    holds = sp.simplify(gram.charpoly(root).as_expr().subs(root, claimed)) == 0
    larger = sp.simplify(claimed - gram.trace() / 2 - above) == 0 and above.is_positive
    apart = pair_gram(joined=False)[0]
    return bool(holds and larger and is_zero(apart - sp.diag(1 + a, 1 + b)))


def block_norm(block: sp.Matrix) -> sp.Expr:
    """Return the largest singular value of a 2 x 2 matrix: t = trace and d = determinant of M^T M give its square."""
    gram = sp.simplify(block.T * block)
    trace, determinant = sp.simplify(gram.trace()), sp.simplify(gram.det())
    return sp.sqrt(sp.factor(sp.simplify((trace + sp.sqrt(trace**2 - 4 * determinant)) / 2)))


def laplacian_identities() -> tuple[sp.Expr, sp.Expr]:
    """Return what an edge adds to x^T (I - S) x and to x^T (I + S) x, less the squares claimed for it: two zeros.

    Sums over edges of x_i^2/k_i + x_j^2/k_j are x^T x, since node i has k_i edges; an edge adds 2 x_i x_j /
    sqrt(k_i k_j) to x^T S x. The claimed squares are (x_i/sqrt(k_i) -+ x_j/sqrt(k_j))^2.
    """
    xi, xj = sp.symbols("x_i x_j", real=True)
    ki, kj = sp.symbols("k_i k_j", positive=True)
    share, cross = xi**2 / ki + xj**2 / kj, 2 * xi * xj / sp.sqrt(ki * kj)
    scaled = xi / sp.sqrt(ki), xj / sp.sqrt(kj)
    below = share - cross - (scaled[0] - scaled[1]) ** 2
    above = share + cross - (scaled[0] + scaled[1]) ** 2
    return sp.simplify(below), sp.simplify(above)


def loop_identities() -> tuple[sp.Expr, sp.Expr]:
    """Return what a self-loop adds to x^T (I - S) x and to x^T (I + S) x, less the 0 and 2 x^2/(k + 1) claimed: two zeros.

    Here S is the operator with self-loops. A node's x^2 is shared out in parts of x^2/(k + 1) over its k edges and its
    loop, so an edge adds what it does without loops, with k + 1 for k; a loop adds x^2/(k + 1) to x^T S x.
    """
    x, k = sp.Symbol("x", real=True), sp.Symbol("k", nonnegative=True)
    share = cross = x**2 / (k + 1)
    return sp.simplify(share - cross), sp.simplify(share + cross - 2 * x**2 / (k + 1))
