"""What checks of several statements share: graphs and weights to try, norms, and steps of proofs."""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp
import torch

from ctrnb.data.graph import BipartiteGraph
from ctrnb.theory import lipschitz as lip
from ctrnb.theory import operators as op
from ctrnb.theory import search, symbolic

SIZES = ((1, 1), (1, 2), (2, 2), (3, 2))  # neighbours k, width d
NARROW = ((1, 1), (3, 1))  # for GELU, slow to compare; "any differentiable" covers it at every size
LOSING = np.array([[1.0, 0.0], [-1.0, 0.0]])  # a W of which ReLU never passes both rows at once


def weights(count: int = 4, size: int = 3, seed: int = 0) -> list[np.ndarray]:
    """Return random square matrices: all invertible."""
    return list(np.random.default_rng(seed).standard_normal((count, size, size)))


def random_graphs(count: int = 6) -> list[BipartiteGraph]:
    """Return random graphs of growing size, some with nodes that have no edges."""
    return [op.random_graph(3 + seed, 4, 6 + 2 * seed, seed) for seed in range(count)]


@cache
def exhaustive() -> tuple[BipartiteGraph, ...]:
    """Return every bipartite graph on up to 3 + 3 nodes that has an edge, but for the order of nodes."""
    sizes = ((1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3))
    return tuple(graph for size in sizes for graph in op.small_graphs(*size) if len(graph.user))


def dense_norm(graph: BipartiteGraph, aggregate: str = "update") -> float:
    """Return the spectral norm of an aggregation operator, by a dense decomposition."""
    return float(np.linalg.norm(op.operator(graph, aggregate).toarray(), 2))


def close(first: Any, second: Any, tolerance: float = 1e-9) -> bool:
    """Return whether two numbers, or arrays of them, are equal up to rounding."""
    return bool(np.allclose(first, second, rtol=tolerance, atol=tolerance))


def gram_factor_holds(tested: tuple[str, ...] = tuple(symbolic.SYMBOLIC)) -> bool:
    """Return whether J J^T is node_factor(k)^2 D W W^T D, symbolically for several sizes and every kind of activation."""
    found = []
    for name in tested:
        for degree, dim in NARROW if name == "gelu" else SIZES:
            factor = sp.nsimplify(float(lip.node_factor(degree)) ** 2, rational=True, tolerance=1e-12)
            found.append(symbolic.gram_holds(degree, dim, symbolic.SYMBOLIC[name], factor))
    return all(found)


def general_factor_holds() -> bool:
    """Return whether the factor for symbolic k is the square of node_factor at k = 1, ..., 50."""
    factor, k = symbolic.general_gram_factor()
    return all(close(float(factor.subs(k, degree)), float(lip.node_factor(degree)) ** 2) for degree in range(1, 51))


def jacobian_norm(
    graph: BipartiteGraph, weight: np.ndarray, sigma: str, point: np.ndarray, node: int | tuple[int, ...] | None
) -> float:
    """Return the norm, at features ``point`` (nodes, in), of the Jacobian that autograd gives for Equation 4."""
    function = search.message_passing(graph, weight, sigma, node)
    jacobian = torch.autograd.functional.jacobian(lambda h: function(h[None])[0], torch.from_numpy(point))
    return float(torch.linalg.matrix_norm(jacobian.reshape(-1, point.size), 2))


def constant_features(graph: BipartiteGraph, x: np.ndarray) -> np.ndarray:
    """Return features that I + P maps to x at every node: x/2 where a node has edges, else x."""
    return np.where(op.degrees(graph)[:, None] > 0, x / 2, x)


def joined(graph: BipartiteGraph) -> np.ndarray:
    """Return which user is joined to which item, booleans (users, items)."""
    found = np.zeros((graph.num_users, graph.num_items), dtype=bool)
    found[graph.user, graph.item] = True
    return found


def live_degrees(graph: BipartiteGraph) -> np.ndarray:
    """Return the degrees of the nodes that have edges."""
    degree = op.degrees(graph)
    return degree[degree > 0]


def regular_components(graph: BipartiteGraph) -> bool:
    """Return whether both ends of every edge have one degree, so that every component has."""
    return bool((graph.degree_user[graph.user] == graph.degree_item[graph.item]).all())
