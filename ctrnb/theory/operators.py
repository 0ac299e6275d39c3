"""Aggregation operators of message passing as sparse matrices, and certified brackets of their norms.

A graph's nodes are all its ids, users first, then items; a node without edges has an empty neighbourhood, whose average
is taken to be 0. With A the adjacency matrix and D the diagonal one of degrees k:

    plain              I                               no message passing
    update             I + P,  P = D^-1 A              Equation 4
    mean               P                               neighbours alone, averaged
    self_mean          (D + I)^-1 (A + I)              the node itself is one of those averaged
    symmetric          S = D^-1/2 A D^-1/2             Equation 9 (LightGCN)
    symmetric_self     (D + I)^-1/2 (A + I) (D + I)^-1/2
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from ctrnb.data.graph import BipartiteGraph
from ctrnb.errors import ConfigError, nearest

Sparse = Any  # a scipy.sparse.csr_matrix; scipy comes without types


@dataclass(frozen=True)
class Bracket:
    """A number, or an array of them, known to lie between ``lower`` and ``upper``."""

    lower: np.ndarray | float
    upper: np.ndarray | float

    def exact(self, tolerance: float = 1e-9) -> bool:
        """Return whether both ends agree to ``tolerance``, relatively."""
        return bool(np.all(np.asarray(self.upper) <= np.asarray(self.lower) * (1 + tolerance) + tolerance))


def adjacency(graph: BipartiteGraph) -> Sparse:
    """Return A, (nodes, nodes)."""
    nodes = graph.num_users + graph.num_items
    row, column = np.r_[graph.user, graph.item + graph.num_users], np.r_[graph.item + graph.num_users, graph.user]
    return scipy.sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(nodes, nodes))


def degrees(graph: BipartiteGraph) -> np.ndarray:
    """Return k of every node, int64 (nodes,)."""
    return np.r_[graph.degree_user, graph.degree_item].astype(np.int64)


def power(values: np.ndarray, exponent: float) -> np.ndarray:
    """Return values ** exponent, and 0 where a value is 0: a node without edges passes nothing on."""
    return np.power(values, exponent, out=np.zeros(len(values)), where=values > 0)


def mean(graph: BipartiteGraph) -> Sparse:
    """Return P = D^-1 A."""
    return scipy.sparse.diags(power(degrees(graph).astype(float), -1.0)).dot(adjacency(graph)).tocsr()


def update(graph: BipartiteGraph) -> Sparse:
    """Return I + P, Equation 4's aggregation."""
    matrix = mean(graph)
    return (scipy.sparse.identity(matrix.shape[0]) + matrix).tocsr()


def self_mean(graph: BipartiteGraph) -> Sparse:
    """Return (D + I)^-1 (A + I)."""
    matrix = adjacency(graph) + scipy.sparse.identity(graph.num_users + graph.num_items)
    return scipy.sparse.diags(1 / (degrees(graph) + 1.0)).dot(matrix).tocsr()


def symmetric(graph: BipartiteGraph) -> Sparse:
    """Return S = D^-1/2 A D^-1/2, Equation 9's aggregation."""
    scale = scipy.sparse.diags(power(degrees(graph).astype(float), -0.5))
    return (scale @ adjacency(graph) @ scale).tocsr()


def symmetric_self(graph: BipartiteGraph) -> Sparse:
    """Return (D + I)^-1/2 (A + I) (D + I)^-1/2."""
    scale = scipy.sparse.diags((degrees(graph) + 1.0) ** -0.5)
    return (scale @ (adjacency(graph) + scipy.sparse.identity(scale.shape[0])) @ scale).tocsr()


OPERATORS: dict[str, Callable[[BipartiteGraph], Sparse]] = {
    "plain": lambda graph: scipy.sparse.identity(graph.num_users + graph.num_items, format="csr"),
    "update": update,
    "mean": mean,
    "self_mean": self_mean,
    "symmetric": symmetric,
    "symmetric_self": symmetric_self,
}


def operator(graph: BipartiteGraph, name: str = "update") -> Sparse:
    """Return an aggregation operator, (nodes, nodes), by its name above.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in OPERATORS:
        raise ConfigError(f"no operator {name!r}.{nearest(name, OPERATORS)} There are: {', '.join(OPERATORS)}.")
    return OPERATORS[name](graph)


def row_norms(matrix: Sparse) -> np.ndarray:
    """Return the 2-norm of every row: the constant of the map from all nodes' numbers to one node's."""
    return np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())


def norm_bracket(matrix: Sparse, *, iterations: int = 300, tolerance: float = 1e-12) -> Bracket:
    """Return a certified bracket of the spectral norm of a matrix without negative entries.

    With B = M^T M >= 0 and any x > 0, Collatz and Wielandt's bound gives lambda_max(B) <= max_j (Bx)_j / x_j, while
    ||Mx|| / ||x|| never exceeds the norm. Power iteration makes x ever better; wherever it stops both ends hold, up to
    the rounding of a float64 product.

    Raises:
        ConfigError: an entry is negative.
    """
    if matrix.nnz and matrix.data.min() < 0:
        raise ConfigError("norm_bracket needs a matrix without negative entries.")
    transposed = matrix.T.tocsr()
    x = np.ones(matrix.shape[1])
    lower, upper = 0.0, np.inf
    for _ in range(iterations):
        image = matrix @ x
        lower = max(lower, float(np.linalg.norm(image) / np.linalg.norm(x)))
        back = transposed @ image
        upper = min(upper, float(np.sqrt((back / x).max())))
        if upper - lower <= tolerance * upper or not back.any():
            break
        x = np.maximum(back / np.linalg.norm(back), 1e-200)  # stays above 0, also where nothing flows
    return Bracket(lower, upper)


def lanczos_norm(matrix: Sparse | scipy.sparse.linalg.LinearOperator) -> float:
    """Return the largest singular value by Lanczos (ARPACK) with a fixed start: a second route to the norm."""
    if min(matrix.shape) <= 2:
        return float(np.linalg.norm(matrix.toarray(), 2))
    start = np.random.default_rng(0).standard_normal(min(matrix.shape))
    return float(scipy.sparse.linalg.svds(matrix, k=1, return_singular_vectors=False, v0=start)[0])


def graph_of(edges: list[tuple[int, int]] | np.ndarray, users: int, items: int) -> BipartiteGraph:
    """Return a graph of (user, item) pairs.

    Raises:
        ConfigError: a pair repeats or lies outside.
    """
    pairs = np.asarray(edges, np.int64).reshape(-1, 2)
    inside = len(pairs) == 0 or (pairs.min() >= 0 and (pairs < [users, items]).all())
    if not inside or len(np.unique(pairs, axis=0)) < len(pairs):
        raise ConfigError(f"edges must be distinct pairs of a user below {users} and an item below {items}.")
    return BipartiteGraph(pairs[:, 0], pairs[:, 1], users, items)


def star(leaves: int) -> BipartiteGraph:
    """Return K_{1,n}: one user, the centre, with n items."""
    return graph_of([(0, leaf) for leaf in range(leaves)], 1, leaves)


def biregular(user_degree: int, item_degree: int, copies: int = 1) -> BipartiteGraph:
    """Return a graph of ``copies`` complete blocks in which every user has one degree and every item another."""
    pairs = product(range(copies), range(item_degree), range(user_degree))
    edges = [(block * item_degree + user, block * user_degree + item) for block, user, item in pairs]
    return graph_of(edges, copies * item_degree, copies * user_degree)


def random_graph(users: int, items: int, edges: int, seed: int) -> BipartiteGraph:
    """Return a graph of ``edges`` distinct pairs drawn evenly."""
    chosen = np.random.default_rng(seed).choice(users * items, edges, replace=False)
    return graph_of(np.stack([chosen // items, chosen % items], axis=1), users, items)


def small_graphs(users: int, items: int) -> Iterator[BipartiteGraph]:
    """Yield every graph on so many users and items but for their order, the one without edges included.

    Rows and columns of any 0-1 matrix can be ordered so that both are sorted; only such matrices are kept.
    """
    for entries in product((0, 1), repeat=users * items):
        rows = [entries[start : start + items] for start in range(0, users * items, items)]
        columns = list(zip(*rows, strict=True))
        if rows == sorted(rows) and columns == sorted(columns):
            yield graph_of(np.argwhere(np.array(rows)), users, items)
