"""LightGCN over the user-item graph (He et al., 2020), as Equations 8 and 9 of the paper."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float
from torch import Tensor

from ctrnb.data.graph import BipartiteGraph
from ctrnb.encoders.table import TableEncoder
from ctrnb.errors import ConfigError

FOLDED_NODES = 16_384  # at most this many nodes: the folded operator then takes 1 GiB


class LightGCNEncoder(TableEncoder):
    """The table propagated along the training graph.

    With S the symmetric operator of entries 1/sqrt(|N_i| |N_j|) on the edges, every node gets
        z = sum over l = 0..L of a_l S^l E                                          (8), (9)
    where E is the table: layer 0. Nodes without edges keep a_0 E. The graph holds training edges only, since a
    validation or test edge would tell the encoder which pairs it is about to be asked for.

    Two ways of computing it give the same numbers up to rounding. On a CPU, and on large graphs, L products with the
    two bipartite blocks of S in CSR; on a GPU, for at most ``FOLDED_NODES`` nodes, one product with the dense sum of
    a_l S^l, computed once: many small kernels cost more there than one large one. The last hop for a batch's nodes
    alone was tried and left out: popular items bring so many of the edges into every batch that cutting out their rows,
    and scattering the gradient back, takes what it saves.

    Args:
        graph: training edges between id codes.
        dim: width of an embedding.
        layers: L, the number of hops.
        readout: a_0 .. a_L; None for the uniform 1/(L+1).
        init_std: standard deviation of the table's initialisation.

    Raises:
        ConfigError: on construction, for fewer than 0 hops or another number of coefficients than they need.
    """

    def __init__(
        self,
        graph: BipartiteGraph,
        dim: int,
        *,
        layers: int,
        readout: Sequence[float] | None = None,
        init_std: float,
    ) -> None:
        super().__init__(graph.num_users, graph.num_items, dim, init_std=init_std)
        if layers < 0:
            raise ConfigError(f"layers={layers}: LightGCN needs 0 or more hops.")
        if readout is not None and len(readout) != layers + 1:
            raise ConfigError(f"readout has {len(readout)} coefficients: {layers} hops need {layers + 1}, a_0 first.")
        self.readout = tuple(readout) if readout is not None else (1 / (layers + 1),) * (layers + 1)
        to_users, to_items = normalised_blocks(graph)
        self.to_users: Tensor
        self.to_items: Tensor
        self.folded: Tensor | None
        self.register_buffer("to_users", to_users, persistent=False)
        self.register_buffer("to_items", to_items, persistent=False)
        self.register_buffer("folded", None, persistent=False)

    def folds(self) -> bool:
        """Return whether one dense product replaces the sparse ones."""
        return self.table.device.type == "cuda" and len(self.table) <= FOLDED_NODES

    def folded_operator(self) -> Float[Tensor, "node node"]:
        """Return the dense sum of a_l S^l, computed on first use."""
        if self.folded is None:
            identity = torch.eye(len(self.table), dtype=self.table.dtype, device=self.table.device)
            self.folded = propagate(identity, self.to_users, self.to_items, self.readout, self.num_users)
        return self.folded

    def nodes_of(self, tables: Float[Tensor, "run node dim"]) -> Float[Tensor, "run node dim"]:
        """Return z for every node, for several tables by one propagation of them side by side."""
        runs, _, dim = tables.shape
        beside = tables.transpose(0, 1).flatten(start_dim=1)
        if self.folds():
            nodes = self.folded_operator() @ beside
        else:
            nodes = Propagation.apply(beside, self.to_users, self.to_items, self.readout, self.num_users)
        return nodes.unflatten(1, (runs, dim)).transpose(0, 1)


class Propagation(torch.autograd.Function):
    """The map E -> p(S) E with p(S) = sum a_l S^l, the two bipartite blocks of S kept apart.

    S is symmetric, so p(S) is its own transpose and the gradient is the same map applied to the incoming one:
    nothing is saved for the backward pass.
    """

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, to_users: Tensor, to_items: Tensor, readout: tuple[float, ...], num_users: int
    ) -> Tensor:
        """Return p(S) E of a table E (node, dim)."""
        ctx.save_for_backward(to_users, to_items)
        ctx.readout, ctx.num_users = readout, num_users
        return propagate(table, to_users, to_items, readout, num_users)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of the table, p(S) times the incoming one."""
        to_users, to_items = ctx.saved_tensors
        return propagate(gradients[0].contiguous(), to_users, to_items, ctx.readout, ctx.num_users), *[None] * 4


def propagate(table: Tensor, to_users: Tensor, to_items: Tensor, readout: tuple[float, ...], num_users: int) -> Tensor:
    """Return sum over l of a_l S^l E by Horner's rule: h <- a_l E + S h, from l = L down to 0."""
    users, items = table[:num_users], table[num_users:]
    hop_users, hop_items = readout[-1] * users, readout[-1] * items
    for coefficient in reversed(readout[:-1]):
        hop_users, hop_items = (
            torch.addmm(users, to_users, hop_items, beta=coefficient),
            torch.addmm(items, to_items, hop_users, beta=coefficient),
        )
    return torch.cat([hop_users, hop_items])


def normalised_blocks(graph: BipartiteGraph, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Return the blocks of S, user by item and item by user, as CSR tensors."""
    scale = 1 / np.sqrt(graph.degree_user[graph.user].astype(np.float64) * graph.degree_item[graph.item])
    block = scipy.sparse.csr_matrix((scale, (graph.user, graph.item)), shape=(graph.num_users, graph.num_items))
    return csr_tensor(block, dtype), csr_tensor(block.T.tocsr(), dtype)


def csr_tensor(matrix: scipy.sparse.csr_matrix, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return a SciPy CSR matrix as a torch one, with 32-bit indices."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support", category=UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int32)),
            torch.from_numpy(matrix.indices.astype(np.int32)),
            torch.from_numpy(matrix.data).to(dtype),
            size=matrix.shape,
            check_invariants=False,
        )
