"""The look-up table: one vector for each user ID and item ID, as Figure 2(a) of the paper."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def embedding_rows(rows: int, dim: int, *, std: float, zero: Tensor | None = None) -> nn.Parameter:
    """Return a (rows, dim) parameter drawn from N(0, std^2), its rows ``zero`` (out of vocabulary) set to 0."""
    weight = torch.randn(rows, dim) * std
    if zero is not None:
        weight[zero] = 0.0
    return nn.Parameter(weight)


class TableEncoder(nn.Module):
    """Equation 1's f as a matrix E of one row a node: users first, then items.

    Code 0 of either side stands for IDs that no training interaction has; its row starts at zero and, since
    training never reads it, stays there.

    Args:
        sparse_gradient: whether a batch's gradient holds the rows of its own IDs alone.
    """

    def __init__(
        self, num_users: int, num_items: int, dim: int, *, init_std: float, sparse_gradient: bool = False
    ) -> None:
        super().__init__()
        self.num_users, self.sparse_gradient = num_users, sparse_gradient
        self.table = embedding_rows(num_users + num_items, dim, std=init_std, zero=torch.tensor([0, num_users]))

    def nodes(self) -> Float[Tensor, "node dim"]:
        """Return the embedding of every node."""
        return self.nodes_of(self.table[None])[0]

    def nodes_of(self, tables: Float[Tensor, "run node dim"]) -> Float[Tensor, "run node dim"]:
        """Return the embedding of every node for several tables at once: those of runs trained together."""
        return tables

    def forward(
        self,
        user: Int[Tensor, " batch"],
        item: Int[Tensor, " batch"],
        nodes: Float[Tensor, "node dim"] | None = None,
    ) -> Float[Tensor, "batch 2 dim"]:
        """Return user and item embeddings; ``nodes`` spares a second :meth:`nodes` where it is at hand."""
        rows = torch.stack([user, self.num_users + item], dim=1)
        if self.sparse_gradient and nodes is None:
            return nn.functional.embedding(rows, self.table, sparse=True)
        return nn.functional.embedding(rows, self.nodes() if nodes is None else nodes)
