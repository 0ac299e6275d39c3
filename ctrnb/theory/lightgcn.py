"""Lipschitz constants of LightGCN (Equations 8 and 9), the encoder of the experiments, which Theorem 1 does not cover.

The map is linear: E -> p(S) E with p(x) = a_0 + a_1 x + ... + a_L x^L and S = D^-1/2 A D^-1/2. Hence

* the whole map has the constant ||p(S)||_2 = max |p(lambda)| over the eigenvalues of S, which lie in [-1, 1];
* one node's output has the norm of row i of p(S), and since S is similar to the random walk P = D^-1 A,
      norm_i^2 = sum over l, m of a_l a_m R_{l+m}(i),
  with R_t(i) the probability that a random walk from i is back after t steps; R_0 = 1, R_1 = 0 and R_2(i) = 1/H_i with
  H_i the harmonic mean of the degrees of i's neighbours. The node's own degree does not enter R_2.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse.linalg

from ctrnb.data.graph import BipartiteGraph
from ctrnb.errors import ConfigError
from ctrnb.theory import operators
from ctrnb.theory.operators import Bracket


def uniform(layers: int) -> tuple[float, ...]:
    """Return a_l = 1/(L + 1), the read-out of this project's experiments; the paper does not state its a_l."""
    return (1 / (layers + 1),) * (layers + 1)


def polynomial(readout: Sequence[float]) -> np.polynomial.Polynomial:
    """Return p.

    Raises:
        ConfigError: no coefficient, or one that is not finite.
    """
    if not len(readout) or not np.isfinite(readout).all():
        raise ConfigError(f"readout={list(readout)}: give finite coefficients a_0, a_1, ..., a_0 first.")
    return np.polynomial.Polynomial(np.asarray(readout, np.float64))


def largest_on_interval(readout: Sequence[float]) -> float:
    """Return max |p| over [-1, 1]: at an end or where p' is 0.

    The highest coefficients of p' are dropped while they are below the rounding of the largest: the companion matrix
    divides by the highest, and without them p changes by no more than rounding on [-1, 1].
    """
    p = polynomial(readout)
    slope = p.deriv()
    slope = slope.trim(np.finfo(np.float64).eps * np.abs(slope.coef).max())
    turns = [root.real for root in slope.roots() if abs(root.imag) < 1e-12 and abs(root.real) <= 1]
    return float(np.abs(p(np.array([-1.0, 1.0, *turns]))).max())


def whole_map(graph: BipartiteGraph, readout: Sequence[float]) -> Bracket:
    """Return ||p(S)||_2.

    Exact, sum of |a_l|, on a graph with an edge where all a_l, or all (-1)^l a_l, have one sign: 1 and -1 are
    eigenvalues. Exact, |a_0|, without edges. Else from below by Lanczos and from above by max |p| over [-1, 1].
    """
    p = polynomial(readout)
    coefficients = np.asarray(readout, np.float64)
    if not len(graph.user):
        return Bracket(abs(coefficients[0]), abs(coefficients[0]))
    ends = float(np.abs(p(np.array([-1.0, 1.0]))).max())
    upper = min(float(np.abs(coefficients).sum()), largest_on_interval(readout))
    if ends >= upper * (1 - 1e-12):
        return Bracket(upper, upper)
    return Bracket(min(max(ends, lanczos_norm(graph, readout)), upper), upper)


def lanczos_norm(graph: BipartiteGraph, readout: Sequence[float]) -> float:
    """Return ||p(S)||_2 by Lanczos on the symmetric operator p(S)."""
    matrix = operators.symmetric(graph)
    shape = matrix.shape
    if shape[0] <= 2:
        return float(np.linalg.norm(propagate(matrix, readout, np.eye(shape[0])), 2))
    linear = scipy.sparse.linalg.LinearOperator(shape, matvec=lambda x: propagate(matrix, readout, x), dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(shape[0])
    if not linear.matvec(start).any():  # p is 0 at every eigenvalue, and ARPACK starts from nothing that vanishes
        return 0.0
    found = scipy.sparse.linalg.eigsh(linear, k=1, which="LM", return_eigenvectors=False, v0=start)
    return float(np.abs(found[0]))


def propagate(matrix: operators.Sparse, readout: Sequence[float], features: np.ndarray) -> np.ndarray:
    """Return p(S) E by Horner's rule, E (nodes,) or (nodes, dim)."""
    result = readout[-1] * features
    for coefficient in reversed(readout[:-1]):
        result = coefficient * features + matrix @ result
    return result


def unit_columns(size: int, nodes: np.ndarray) -> np.ndarray:
    """Return the columns of the identity that belong to nodes, (size, len(nodes))."""
    columns = np.zeros((size, len(nodes)))
    columns[nodes, np.arange(len(nodes))] = 1
    return columns


def node_constants(graph: BipartiteGraph, readout: Sequence[float], nodes: np.ndarray | None = None) -> np.ndarray:
    """Return the constant of the map to z_i for each of ``nodes`` (all of them by default): row norms of p(S)."""
    polynomial(readout)
    matrix = operators.symmetric(graph)
    wanted = np.arange(matrix.shape[0]) if nodes is None else np.asarray(nodes)
    blocks = [wanted[start : start + 256] for start in range(0, len(wanted), 256)]
    rows = [propagate(matrix, readout, unit_columns(matrix.shape[0], block)) for block in blocks]
    return np.concatenate([np.linalg.norm(block, axis=0) for block in rows])


def pair_constants(graph: BipartiteGraph, readout: Sequence[float], pairs: np.ndarray) -> np.ndarray:
    """Return the constant of the map to (z_u, z_i) for each pair of a user and an item, (pairs, 2): norms of two rows of p(S)."""
    matrix, found = operators.symmetric(graph), []
    for start in range(0, len(pairs), 256):
        chosen = np.asarray(pairs)[start : start + 256]
        nodes = (chosen[:, 0], chosen[:, 1] + graph.num_users)
        first, second = (propagate(matrix, readout, unit_columns(matrix.shape[0], each)) for each in nodes)
        a, b, inner = (first**2).sum(axis=0), (second**2).sum(axis=0), (first * second).sum(axis=0)
        found.append(np.sqrt((a + b) / 2 + np.sqrt(((a - b) / 2) ** 2 + inner**2)))
    return np.concatenate(found)


def return_probabilities(graph: BipartiteGraph, steps: int, nodes: np.ndarray) -> np.ndarray:
    """Return R_0, ..., R_steps of nodes, (steps + 1, len(nodes)), by walking on P; R_t = 0 for t > 0 without edges."""
    matrix = operators.mean(graph).T.tocsr()
    position = unit_columns(matrix.shape[0], nodes)
    found = [np.ones(len(nodes))]
    for _ in range(steps):
        position = matrix @ position
        found.append(position[nodes, np.arange(len(nodes))])
    return np.stack(found)


def from_returns(readout: Sequence[float], returns: np.ndarray) -> np.ndarray:
    """Return the per-node constants that return probabilities R_0 .. R_2L (2L + 1, nodes) give."""
    squared = np.convolve(readout, readout)  # the coefficient of R_t: sum of a_l a_m over l + m = t
    return np.sqrt(np.maximum(squared @ returns[: len(squared)], 0))


def harmonic_degree(graph: BipartiteGraph) -> np.ndarray:
    """Return H_i, the harmonic mean of the degrees of i's neighbours; infinite for a node without edges."""
    inverse = operators.mean(graph) @ operators.power(operators.degrees(graph).astype(np.float64), -1.0)
    return np.divide(1, inverse, out=np.full(len(inverse), np.inf), where=inverse > 0)


def uniform_node_bound(layers: int) -> float:
    """Return the largest constant that a node has under the uniform read-out: sqrt((1 + p(-1)^2)/2), attained on stars.

    H_i >= 1 in :func:`node_bounds`, and b_0 + b_1 + ... = (p(1)^2 + p(-1)^2)/2; p(-1) is 0 or 1/(L + 1).
    """
    at_minus_one = 0 if layers % 2 else 1 / (layers + 1)
    return float(np.sqrt((1 + at_minus_one**2) / 2))


def node_bounds(graph: BipartiteGraph, readout: Sequence[float]) -> Bracket:
    """Return a bracket of every node's constant by H_i alone, for a read-out without negative coefficients.

    R_{2t} lies between R_2^t = H_i^-t and R_2 = 1/H_i, and R_t = 0 for odd t (the graph is bipartite).

    Raises:
        ConfigError: a coefficient is negative.
    """
    if min(readout) < 0:
        raise ConfigError(f"readout={list(readout)}: this bound needs coefficients of at least 0.")
    squared = np.convolve(readout, readout)[::2]  # of R_0, R_2, R_4, ...
    inverse = 1 / harmonic_degree(graph)
    lower = sum(weight * inverse**half for half, weight in enumerate(squared))
    upper = squared[0] + squared[1:].sum() * inverse
    return Bracket(np.sqrt(lower), np.sqrt(upper))
