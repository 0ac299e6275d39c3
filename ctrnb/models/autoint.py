"""AutoInt: multi-head self-attention over fields (Song et al., 2019)."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ctrnb.errors import ConfigError
from ctrnb.models.checks import require_positive, require_probability, require_widths
from ctrnb.models.layers import linear, mlp


@dataclass(frozen=True)
class AutoIntConfig:
    """Settings of :class:`AutoInt`; an empty ``hidden`` leaves the MLP of AutoInt+ out."""

    attention_layers: int = 2
    heads: int = 2
    attention_dim: int = 32  # width of a field after attention, all heads together
    hidden: tuple[int, ...] = (200, 200)
    dropout: float = 0.2  # probability of dropping a hidden unit of the MLP

    def __post_init__(self) -> None:
        require_positive(
            "AutoIntConfig",
            attention_layers=self.attention_layers,
            heads=self.heads,
            attention_dim=self.attention_dim,
        )
        if self.attention_dim % self.heads:
            raise ConfigError(
                f"AutoIntConfig.attention_dim={self.attention_dim}: it must be a multiple of heads={self.heads}."
            )
        require_widths("AutoIntConfig", allow_empty=True, hidden=self.hidden)
        require_probability("AutoIntConfig", dropout=self.dropout)


class InteractingLayer(nn.Module):
    """One interacting layer, Eqs. (5) to (8) of Song et al. (2019).

    Each head attends from every field to every field with unscaled inner products, the heads are laid end to
    end, and a linear residual is added before the ReLU.
    """

    def __init__(self, inputs: int, outputs: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.residual = (linear(inputs, outputs, bias=False) for _ in range(4))

    def forward(self, fields: Float[Tensor, "batch field inputs"]) -> Float[Tensor, "batch field outputs"]:
        """Return each field as a mix of all fields, (batch, field, inputs) -> (batch, field, outputs)."""
        query, key, value = (
            layer(fields).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        weights = torch.softmax(query @ key.transpose(-1, -2), dim=-1)  # (batch, head, field, field), Eq. (5)
        attended = (weights.to(value.dtype) @ value).transpose(1, 2).flatten(start_dim=2)
        return torch.relu(attended + self.residual(fields))  # Eq. (8)


class AutoInt(nn.Module):
    """Stacked interacting layers, read by one linear layer, beside an optional MLP: with one, as shipped, it is AutoInt+."""

    def __init__(self, num_fields: int, dim: int, config: AutoIntConfig) -> None:
        super().__init__()
        widths = [dim] + [config.attention_dim] * config.attention_layers
        self.attention = nn.Sequential(*(InteractingLayer(a, b, config.heads) for a, b in pairwise(widths)))
        self.logit = linear(num_fields * config.attention_dim, 1)
        self.deep = (
            nn.Sequential(mlp(num_fields * dim, config.hidden, dropout=config.dropout), linear(config.hidden[-1], 1))
            if config.hidden
            else None
        )

    def forward(self, fields: Float[Tensor, "batch field dim"]) -> Float[Tensor, " batch"]:
        """Return logits."""
        logits = self.logit(self.attention(fields).flatten(start_dim=1))
        if self.deep is not None:
            logits = logits + self.deep(fields.flatten(start_dim=1))
        return logits.squeeze(-1)
