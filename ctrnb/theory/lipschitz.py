"""Lipschitz constants of message passing (Section 3.1, Appendix D), exact where they can be.

The update of Equation 4 is h'_i = sigma(W (h_i + mean of h_j over the neighbours j)). Two maps must be told apart:

* per node, all features to h'_i: its Jacobian is D_i W [I, I/k, ..., I/k], whose norm is at most
  L_sigma ||W||_2 sqrt(1 + 1/k_i), with equality for a linear activation;
* the whole map, all features to all: for a linear activation its Jacobian is (I + P) kron W with the row-normalised
  adjacency P, and its norm is ||I + P||_2 ||W||_2.
"""

from collections.abc import Callable

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import sympy as sp

from ctrnb.data.graph import BipartiteGraph


def printed_bound(degree: np.ndarray | float, weight: np.ndarray, activation_constant: float = 1.0) -> np.ndarray:
    """Return the right side of Equation 7, L_sigma ||W||_F sqrt(1 + 1/k_i), for each degree k_i >= 1."""
    return activation_constant * np.linalg.norm(weight) * np.sqrt(1 + 1 / np.asarray(degree, np.float64))


def per_node_constant(degree: np.ndarray | float, weight: np.ndarray, activation_constant: float = 1.0) -> np.ndarray:
    """Return L_sigma ||W||_2 sqrt(1 + 1/k_i): exact per node for a linear activation, a bound for any other."""
    return activation_constant * np.linalg.norm(weight, 2) * np.sqrt(1 + 1 / np.asarray(degree, np.float64))


def without_message_passing(weight: np.ndarray, activation_constant: float = 1.0) -> float:
    """Return L_sigma ||W||_2, the constant of h'_i = sigma(W h_i): what message passing must be compared with."""
    return float(activation_constant * np.linalg.norm(weight, 2))


def star_constant(leaves: int) -> float:
    """Return ||I + P||_2 of the star K_{1,n}: (n + 1)/sqrt(n).

    On the centre and the leaves' mean direction I + P acts as [[1, 1/sqrt(n)], [sqrt(n), 1]], which is singular, so its
    one singular value squared is the sum of squared entries, 2 + n + 1/n; on the rest it is the identity.
    """
    return (leaves + 1) / np.sqrt(leaves)


def mean_operator(graph: BipartiteGraph) -> scipy.sparse.csr_matrix:
    """Return I + P over the nodes that have edges, users first: Equation 4 without W and sigma."""
    users, user = np.unique(graph.user, return_inverse=True)
    items, item = np.unique(graph.item, return_inverse=True)
    block = scipy.sparse.coo_matrix((np.ones(len(user)), (user, item)), shape=(len(users), len(items)))
    adjacency = scipy.sparse.bmat([[None, block], [block.T, None]], format="csr")
    inverse_degree = scipy.sparse.diags(1 / np.asarray(adjacency.sum(axis=1)).ravel())
    return (scipy.sparse.identity(adjacency.shape[0]) + inverse_degree @ adjacency).tocsr()


def operator_norm(matrix: scipy.sparse.spmatrix) -> float:
    """Return the largest singular value of a sparse matrix, by Lanczos (ARPACK) with a fixed start."""
    if min(matrix.shape) <= 2:
        return float(np.linalg.norm(matrix.toarray(), 2))
    start = np.random.default_rng(0).standard_normal(min(matrix.shape))
    return float(scipy.sparse.linalg.svds(matrix, k=1, return_singular_vectors=False, v0=start)[0])


ACTIVATIONS: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "identity": lambda x: x,
    "tanh": sp.tanh,
    "sigmoid": lambda x: 1 / (1 + sp.exp(-x)),
}


def symbolic_gram(neighbours: int, dim: int, activation: str) -> tuple[sp.Matrix, sp.Matrix]:
    """Return J J^T and (1 + 1/k) D W W^T D for one node of Equation 4, as symbolic matrices.

    J is differentiated from Equation 4 itself, entry by entry. That both are equal proves
    ||J||_2^2 = (1 + 1/k) ||D W||_2^2, whence the per-node bounds.
    """
    sigma = ACTIVATIONS[activation]
    weight = sp.Matrix(dim, dim, lambda r, c: sp.Symbol(f"w{r}{c}", real=True))
    features = [[sp.Symbol(f"h{n}_{r}", real=True) for r in range(dim)] for n in range(neighbours + 1)]
    own, others = sp.Matrix(features[0]), [sp.Matrix(column) for column in features[1:]]
    inside = weight * (own + sum(others, sp.zeros(dim, 1)) / neighbours)
    jacobian = inside.applyfunc(sigma).jacobian([symbol for column in features for symbol in column])
    z = sp.Dummy("z", real=True)
    slopes = sp.diag(*[sp.diff(sigma(z), z).subs(z, entry) for entry in inside])
    return jacobian * jacobian.T, (1 + sp.Rational(1, neighbours)) * slopes * weight * weight.T * slopes
