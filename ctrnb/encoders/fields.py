"""Embeddings of context fields: the encoder h of Equation 1."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ctrnb.data.encode import Side
from ctrnb.encoders.table import embedding_rows


class FieldEncoder(nn.Module):
    """One embedding a field of one side (users or items).

    Categorical fields read a table, multi-valued (tag) fields the mean of their tags' rows, and numeric fields
    compute ``value * weight + bias``, a vector each.
    Fields come in the order of ``side.names``. Code 0 (unknown or missing) starts at zero.
    """

    codes: Tensor
    numeric: Tensor

    def __init__(self, side: Side, dim: int, *, init_std: float) -> None:
        super().__init__()
        offsets = np.concatenate([[0], np.cumsum(side.cardinalities)]).astype(np.int64)
        self.num_fields = len(side.names)
        self.register_buffer("codes", torch.from_numpy(side.categorical + offsets[:-1]), persistent=False)
        self.categorical = embedding_rows(int(offsets[-1]), dim, std=init_std, zero=torch.from_numpy(offsets[:-1]))
        self.tags = nn.ParameterList()
        for number, (codes, cardinality) in enumerate(zip(side.tags, side.tag_cardinalities, strict=True)):
            known = codes > 0
            share = known / np.maximum(known.sum(axis=1, keepdims=True), 1)
            self.register_buffer(f"tag_codes_{number}", torch.from_numpy(codes), persistent=False)
            self.register_buffer(f"tag_share_{number}", torch.from_numpy(share.astype(np.float32)), persistent=False)
            self.tags.append(embedding_rows(cardinality, dim, std=init_std, zero=torch.tensor([0])))
        self.register_buffer("numeric", torch.from_numpy(side.numeric), persistent=False)
        self.numeric_weight = embedding_rows(side.numeric.shape[1], dim, std=init_std)
        self.numeric_bias = embedding_rows(side.numeric.shape[1], dim, std=init_std)

    def forward(self, rows: Int[Tensor, " batch"]) -> list[Float[Tensor, "batch field dim"]]:
        """Return the fields of the users (or items) in ``rows``, in parts that the caller lays end to end."""
        parts = []
        if self.codes.shape[1]:
            parts.append(nn.functional.embedding(self.codes[rows], self.categorical))
        for number, table in enumerate(self.tags):
            codes, share = getattr(self, f"tag_codes_{number}")[rows], getattr(self, f"tag_share_{number}")[rows]
            # padding_idx would do, but under vmap torch heeds it for the first run alone
            parts.append(share[:, None] @ nn.functional.embedding(codes, table))
        if self.numeric.shape[1]:
            parts.append(self.numeric[rows][..., None] * self.numeric_weight + self.numeric_bias)
        return parts
