"""An adversary for Lipschitz bounds: gradient ascent on ||f(x) - f(y)|| / ||x - y|| over pairs of points.

Whatever pair it finds, its quotient is a lower bound of the Lipschitz constant by Equation 6 itself; an upper bound
that is smaller is thereby refuted.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ctrnb.data.graph import BipartiteGraph
from ctrnb.theory import operators
from ctrnb.theory.activations import activation


def message_passing(
    graph: BipartiteGraph,
    weight: np.ndarray,
    sigma: str,
    node: int | tuple[int, ...] | None = None,
    aggregate: str = "update",
) -> Callable[[Tensor], Tensor]:
    """Return Equation 4 on (batch, nodes, in) tensors: the whole map, or the output of one node or of several."""
    matrix = torch.from_numpy(operators.operator(graph, aggregate).toarray())
    if node is not None:
        matrix = matrix[list(np.atleast_1d(node))]
    transposed, function = torch.from_numpy(np.asarray(weight, np.float64).T.copy()), activation(sigma).function
    return lambda features: function(matrix @ (features @ transposed))


def adversary(
    function: Callable[[Tensor], Tensor],
    shape: tuple[int, ...],
    *,
    seed: int,
    starts: int = 6,
    steps: int = 110,
    distance: float = 1e-3,
) -> float:
    """Return the largest quotient ||f(x) - f(y)|| / ||x - y|| found.

    Args:
        function: f on a batch of points, (starts, *shape), each mapped on its own.
        starts: points to climb from, drawn at scales from small to large.
        distance: ||x - y||; small, since a differentiable map's quotients are largest for near pairs.
    """
    generator = torch.Generator().manual_seed(seed)
    scales = torch.logspace(-1.5, 0.7, starts, dtype=torch.float64).reshape(-1, *[1] * len(shape))
    point = (scales * torch.randn(starts, *shape, generator=generator, dtype=torch.float64)).requires_grad_()
    direction = torch.randn(starts, *shape, generator=generator, dtype=torch.float64).requires_grad_()
    optimiser = torch.optim.Adam([point, direction], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    best = 0.0
    for _ in range(steps):
        length = torch.linalg.vector_norm(direction.flatten(1), dim=1).reshape(-1, *[1] * len(shape))
        near = point + distance * direction / length
        rise = torch.linalg.vector_norm((function(near) - function(point)).flatten(1), dim=1)
        run = torch.linalg.vector_norm((near - point).flatten(1), dim=1)
        quotient = rise / run
        best = max(best, quotient.detach().max().item())
        optimiser.zero_grad()
        (-torch.log(quotient + 1e-12)).sum().backward()
        optimiser.step()
        schedule.step()
    return best
