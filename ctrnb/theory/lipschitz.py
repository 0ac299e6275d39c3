"""Lipschitz constants of message passing (Section 3.1, Appendix D): exact ones and brackets, from the definitions.

Equation 4 is h'_i = sigma(W (h_i + mean of h_j over the k_i neighbours j)). Every map here has the form "aggregate,
then phi at every node" with phi(x) = sigma(W x). Its constant is therefore that of phi times a number of the graph alone:

* one node's output, all features to h'_i:  sqrt(1 + 1/k_i) * Lip(phi), and Lip(phi) where k_i = 0;
* a user's and an item's output together:   sqrt(lambda) * Lip(phi), with lambda of :func:`pair_factor` squared;
* the whole map, all features to all:       ||I + P||_2 * Lip(phi), with P the row-normalised adjacency matrix;
* no message passing:                       Lip(phi).

Lip(phi) is at most L_sigma ||W||_2 and equal to it wherever sigma's largest slope can be reached in all the coordinates
that matter (:func:`feature_map`).
"""

from dataclasses import dataclass

import numpy as np
import scipy.optimize

from ctrnb.data.graph import BipartiteGraph
from ctrnb.errors import ConfigError
from ctrnb.theory import operators
from ctrnb.theory.activations import Activation, activation
from ctrnb.theory.operators import Bracket


def spectral_norm(weight: np.ndarray) -> float:
    """Return ||W||_2.

    Raises:
        ConfigError: W is not a matrix of finite numbers.
    """
    weight = np.asarray(weight, np.float64)
    if weight.ndim != 2 or not weight.size or not np.isfinite(weight).all():
        raise ConfigError(f"W has the shape {weight.shape}: it must be a matrix of finite numbers.")
    return float(np.linalg.norm(weight, 2))


def node_factor(degree: np.ndarray | float) -> np.ndarray:
    """Return what message passing multiplies a node's constant by: sqrt(1 + 1/k), and 1 for a node without edges."""
    degree = np.asarray(degree, np.float64)
    if (degree < 0).any():
        raise ConfigError("degrees must not be negative.")
    return np.sqrt(1 + np.divide(1, degree, out=np.zeros_like(degree), where=degree > 0))


def pair_factor(
    user_degree: np.ndarray | float, item_degree: np.ndarray | float, joined: np.ndarray | bool
) -> np.ndarray:
    """Return what message passing multiplies the constant of (h'_u, h'_i) by, u a user and i an item.

    The rows of I + P for u and i have the squared norms 1 + a and 1 + b, with a = 1/k_u and b = 1/k_i (0 without edges), and
    the inner product a + b where u and i are joined, else 0. The factor is the root of their Gram matrix' largest eigenvalue.
    """
    a, b = node_factor(user_degree) ** 2 - 1, node_factor(item_degree) ** 2 - 1
    inner = np.where(joined, a + b, 0)
    return np.sqrt(1 + (a + b) / 2 + np.sqrt(((a - b) / 2) ** 2 + inner**2))


def printed_bound(degree: np.ndarray | float, weight: np.ndarray, sigma: str = "identity") -> np.ndarray:
    """Return the right side of Equation 7, L_sigma ||W||_F sqrt(1 + 1/k_i); infinite where k_i = 0."""
    with np.errstate(divide="ignore"):
        factor = np.sqrt(1 + 1 / np.asarray(degree, np.float64))
    return activation(sigma).constant * np.linalg.norm(weight) * factor


def peak_point(weight: np.ndarray, sigma: Activation) -> np.ndarray | None:
    """Return an x with |sigma'((Wx)_r)| = L_sigma for every r in the support of W's first left singular vector, if any.

    Then ||D W||_2 = L_sigma ||W||_2 at x. A linear programme: each such (Wx)_r must lie in ``sigma.peak``.
    """
    low, high = sigma.peak
    weight = np.asarray(weight, np.float64)
    if np.isinf(low) or low == high == 0:
        return np.zeros(weight.shape[1])
    left = np.linalg.svd(weight)[0][:, 0]
    rows = weight[np.abs(left) > 1e-9]
    free = [(None, None)] * weight.shape[1]
    if low == high:
        found = scipy.optimize.linprog(np.zeros(weight.shape[1]), A_eq=rows, b_eq=np.full(len(rows), low), bounds=free)
    else:  # (0, inf): any positive point may be scaled to at least 1
        found = scipy.optimize.linprog(np.zeros(weight.shape[1]), A_ub=-rows, b_ub=-np.ones(len(rows)), bounds=free)
    return found.x if found.success else None


def feature_map(weight: np.ndarray, sigma: str = "identity", *, draws: int = 512) -> Bracket:
    """Return Lip(x -> sigma(W x)): the constant of a node without message passing.

    The upper end is L_sigma ||W||_2. Where there is a :func:`peak_point`, it is the constant; else the lower end is
    the largest ||D W||_2 over slopes D at drawn points.
    """
    chosen = activation(sigma)
    upper = chosen.constant * spectral_norm(weight)
    weight = np.asarray(weight, np.float64)
    if upper == 0 or peak_point(weight, chosen) is not None:
        return Bracket(upper, upper)
    points = np.random.default_rng(0).standard_normal((draws, weight.shape[1]))
    points *= np.geomspace(0.1, 10, draws)[:, None] / np.linalg.norm(points, axis=1, keepdims=True)
    slopes = chosen.slope(points @ weight.T)
    lower = np.linalg.norm(slopes[:, :, None] * weight, 2, axis=(1, 2)).max()
    return Bracket(float(min(lower, upper)), upper)


def node_constant(degree: np.ndarray | float, weight: np.ndarray, sigma: str = "identity") -> Bracket:
    """Return the constant of the map from all features to h'_i, for each degree."""
    phi, factor = feature_map(weight, sigma), node_factor(degree)
    return Bracket(phi.lower * factor, phi.upper * factor)


def whole_map(graph: BipartiteGraph, weight: np.ndarray, sigma: str = "identity", aggregate: str = "update") -> Bracket:
    """Return the constant of the map from all features to all, ||M||_2 Lip(phi).

    Args:
        aggregate: which M, a name of :data:`ctrnb.theory.operators.OPERATORS`; the lower end needs a point that M maps to
            the same features at all nodes, which ``plain``, ``update`` and ``self_mean`` have on any graph.
    """
    norm, phi = operators.norm_bracket(operators.operator(graph, aggregate)), feature_map(weight, sigma)
    return Bracket(norm.lower * phi.lower, norm.upper * phi.upper)


def star_constant(leaves: np.ndarray | int) -> np.ndarray | float:
    """Return ||I + P||_2 of the star K_{1,n}, (n + 1)/sqrt(n)."""
    return (leaves + 1) / np.sqrt(leaves)


def biregular_constant(user_degree: float, item_degree: float) -> float:
    """Return ||I + P||_2 where every user has degree a and every item b, sqrt(a/b) + sqrt(b/a)."""
    return (user_degree + item_degree) / np.sqrt(user_degree * item_degree)


def degree_bounds(graph: BipartiteGraph) -> Bracket:
    """Return bounds of ||I + P||_2 by degrees alone.

    With c_j the sum of 1/k_i, m_j the mean of k_i and g_j the mean of 1/k_i over the neighbours i of j:
        upper: the smaller of 1 + sqrt(max c) and sqrt(max (k + m) * max (1/k + g))
        lower: the larger of sqrt(mean (1 + c)^2) and ||k + m|| / ||k||
    over nodes with edges. The second of each is exact on every biregular graph, stars among them. Without edges: 1.
    """
    matrix, degree = operators.mean(graph), operators.degrees(graph).astype(np.float64)
    live = degree > 0
    if not live.any():
        return Bracket(1.0, 1.0)
    inverse = operators.power(degree, -1.0)
    column = np.asarray(matrix.sum(axis=0)).ravel()[live]
    reach = (degree + matrix @ degree)[live]
    inverse_reach = (inverse + matrix @ inverse)[live]
    upper = min(1 + np.sqrt(column.max()), np.sqrt(reach.max() * inverse_reach.max()))
    lower = max(np.sqrt(np.mean((1 + column) ** 2)), np.linalg.norm(reach) / np.linalg.norm(degree))
    return Bracket(float(lower), float(upper))


def imbalance(graph: BipartiteGraph) -> np.ndarray:
    """Return k_j / H_j of every node with edges, H_j the harmonic mean of its neighbours' degrees; their mean is 1."""
    matrix, degree = operators.mean(graph), operators.degrees(graph).astype(np.float64)
    return (degree * (matrix @ operators.power(degree, -1.0)))[degree > 0]


def imbalance_bounds(graph: BipartiteGraph) -> Bracket:
    """Return sqrt(4 + Var(k/H)) <= ||I + P||_2 <= 1 + sqrt(max k/H), for a graph with an edge."""
    ratio = imbalance(graph)
    return Bracket(float(np.sqrt(4 + ratio.var())), float(1 + np.sqrt(ratio.max())))


@dataclass(frozen=True)
class Constants:
    """Everything :func:`constants` finds out about one layer on one graph.

    Attributes:
        degree: k of every node, users first.
        printed: Equation 7's bound, of every node.
        node: the constant of the map to every node's output.
        whole: the constant of the whole map.
        by_degrees: bounds of ||I + P||_2.
    """

    degree: np.ndarray
    printed: np.ndarray
    node: Bracket
    whole: Bracket
    by_degrees: Bracket


def constants(graph: BipartiteGraph, weight: np.ndarray, sigma: str = "identity") -> Constants:
    """Return the constants of Equation 4 on a graph, with W (out, in) and an activation by name.

    Raises:
        ConfigError: W is no matrix of finite numbers, or no such activation.
    """
    degree = operators.degrees(graph)
    return Constants(
        degree,
        printed_bound(degree, weight, sigma),
        node_constant(degree, weight, sigma),
        whole_map(graph, weight, sigma),
        degree_bounds(graph),
    )
