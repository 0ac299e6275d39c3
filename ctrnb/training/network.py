"""A CTR model whole: ID encoder, context encoder and rating function."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ctrnb.data.encode import Encoded
from ctrnb.data.graph import training_graph
from ctrnb.encoders import FieldEncoder, LightGCNEncoder, TableEncoder
from ctrnb.models import make_model
from ctrnb.models.layers import in_float32
from ctrnb.training.config import Specification


class CTRNetwork(nn.Module):
    """Equations 1 and 2 with a rating function r on top.

    ``ids`` maps id codes to (batch, 2, dim), ``user_fields`` and ``item_fields`` map row numbers to context
    fields, and ``model`` maps (batch, field, dim) to logits. Only ``ids`` differs between the tiers.
    """

    user_code: Tensor
    item_code: Tensor

    def __init__(self, encoded: Encoded, ids: TableEncoder, model: nn.Module, *, dim: int, init_std: float) -> None:
        super().__init__()
        self.ids = ids
        self.user_fields = FieldEncoder(encoded.user_side, dim, init_std=init_std)
        self.item_fields = FieldEncoder(encoded.item_side, dim, init_std=init_std)
        self.model = model
        self.register_buffer("user_code", torch.from_numpy(encoded.user_side.id_code), persistent=False)
        self.register_buffer("item_code", torch.from_numpy(encoded.item_side.id_code), persistent=False)

    def embed(
        self,
        user: Int[Tensor, " batch"],
        item: Int[Tensor, " batch"],
        nodes: Float[Tensor, "node dim"] | None = None,
    ) -> Float[Tensor, "batch field dim"]:
        """Return every field's embedding, user ID and item ID first; ``user`` and ``item`` are row numbers."""
        ids = self.ids(self.user_code[user], self.item_code[item], nodes)
        return torch.cat([ids, *self.user_fields(user), *self.item_fields(item)], dim=1)

    def forward(
        self,
        user: Int[Tensor, " batch"],
        item: Int[Tensor, " batch"],
        nodes: Float[Tensor, "node dim"] | None = None,
        *,
        bf16: bool = False,
    ) -> Float[Tensor, " batch"]:
        """Return logits; ``nodes`` as in :meth:`embed`, ``bf16`` runs the rating function under autocast."""
        fields = self.embed(user, item, nodes)
        with torch.autocast(fields.device.type, torch.bfloat16, enabled=bf16):
            logits = self.model(fields)
        return in_float32(logits)

    def embedding_parameters(self) -> list[nn.Parameter]:
        """Return the embedding tables: what the penalty on embeddings covers (Equation 3's form; the paper does not name them)."""
        return [*self.ids.parameters(), *self.user_fields.parameters(), *self.item_fields.parameters()]


def build_network(encoded: Encoded, specification: Specification) -> CTRNetwork:
    """Return the freshly initialised network of a specification (random state: torch's global generator)."""
    config = specification.encoder
    if specification.tier in ("ft", "ts"):
        graph = training_graph(encoded, config.edges)
        ids: TableEncoder = LightGCNEncoder(
            graph, config.dim, layers=config.layers, readout=config.readout, init_std=config.init_std
        )
    else:
        sides, by_rows = (encoded.user_side, encoded.item_side), specification.training.embedding_update == "rows"
        ids = TableEncoder(
            sides[0].num_ids, sides[1].num_ids, config.dim, init_std=config.init_std, sparse_gradient=by_rows
        )
    num_fields = 2 + len(encoded.user_side.names) + len(encoded.item_side.names)
    model = make_model(specification.model, num_fields, config.dim, specification.model_config)
    return CTRNetwork(encoded, ids, model, dim=config.dim, init_std=config.init_std)
