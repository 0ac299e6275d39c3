"""FinalMLP: two MLP streams, gated and fused by a bilinear form (Mao et al., 2023)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ctrnb.errors import ConfigError
from ctrnb.models.checks import require_positive, require_probability, require_widths
from ctrnb.models.layers import linear, mlp


@dataclass(frozen=True)
class FinalMLPConfig:
    """Settings of :class:`FinalMLP`."""

    hidden_1: tuple[int, ...] = (200, 200)
    hidden_2: tuple[int, ...] = (200, 200)
    dropout_1: float = 0.2
    dropout_2: float = 0.2
    gating: bool = True  # stream-specific feature selection
    gate_hidden: tuple[int, ...] = (64,)
    heads: int = 1  # of the bilinear fusion

    def __post_init__(self) -> None:
        require_widths("FinalMLPConfig", hidden_1=self.hidden_1, hidden_2=self.hidden_2, gate_hidden=self.gate_hidden)
        require_probability("FinalMLPConfig", dropout_1=self.dropout_1, dropout_2=self.dropout_2)
        require_positive("FinalMLPConfig", heads=self.heads)
        for name in ("hidden_1", "hidden_2"):
            if getattr(self, name)[-1] % self.heads:
                raise ConfigError(
                    f"FinalMLPConfig.{name}={list(getattr(self, name))}: its last width must be a multiple of "
                    f"heads={self.heads}."
                )


class FeatureGate(nn.Module):
    """Soft feature selection for one stream: g = 2 sigmoid(MLP(context)), Eqs. (8) and (9) of Mao et al. (2023)."""

    def __init__(self, context: int, width: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.gate = nn.Sequential(mlp(context, hidden), linear(hidden[-1], width))

    def forward(
        self, context: Float[Tensor, "batch context"], x: Float[Tensor, "batch width"]
    ) -> Float[Tensor, "batch width"]:
        """Return the stream's input, each of its entries scaled by a factor from 0 to 2, (batch, width)."""
        return x * (2 * torch.sigmoid(self.gate(context)))


class BilinearFusion(nn.Module):
    """Multi-head bilinear aggregation, Eqs. (10) to (12).

    The logit is b + w_1 . o_1 + w_2 . o_2 + sum over heads h of o_1h^T W_h o_2h.
    """

    def __init__(self, width_1: int, width_2: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first = linear(width_1, 1)
        self.second = linear(width_2, 1, bias=False)
        self.bilinear = nn.Parameter(
            nn.init.xavier_normal_(torch.empty(heads * (width_1 // heads), width_2 // heads)).view(
                heads, width_1 // heads, width_2 // heads
            )
        )

    def forward(
        self, o1: Float[Tensor, "batch width_1"], o2: Float[Tensor, "batch width_2"]
    ) -> Float[Tensor, " batch"]:
        """Return logits (batch,) of the two streams' outputs (batch, width_1) and (batch, width_2)."""
        heads_1 = o1.unflatten(-1, (self.heads, -1)).transpose(0, 1)  # (head, batch, width_1 / heads)
        heads_2 = o2.unflatten(-1, (self.heads, -1)).transpose(0, 1)
        crossed = ((heads_1 @ self.bilinear) * heads_2).sum(dim=(0, 2))
        return (self.first(o1) + self.second(o2)).squeeze(-1) + crossed


class FinalMLP(nn.Module):
    """Two MLP streams over differently gated features, fused by a bilinear form.

    The first stream's gate sees the user ID embedding and the second's the item ID embedding (the first two
    fields), which are the contexts that the authors' settings use where they gate.
    """

    def __init__(self, num_fields: int, dim: int, config: FinalMLPConfig) -> None:
        super().__init__()
        width = num_fields * dim
        self.gate_1 = FeatureGate(dim, width, config.gate_hidden) if config.gating else None
        self.gate_2 = FeatureGate(dim, width, config.gate_hidden) if config.gating else None
        self.stream_1 = mlp(width, config.hidden_1, dropout=config.dropout_1)
        self.stream_2 = mlp(width, config.hidden_2, dropout=config.dropout_2)
        self.fusion = BilinearFusion(config.hidden_1[-1], config.hidden_2[-1], config.heads)

    def forward(self, fields: Float[Tensor, "batch field dim"]) -> Float[Tensor, " batch"]:
        """Return logits."""
        x1 = x2 = fields.flatten(start_dim=1)
        if self.gate_1 is not None and self.gate_2 is not None:
            x1, x2 = self.gate_1(fields[:, 0], x1), self.gate_2(fields[:, 1], x2)
        return self.fusion(self.stream_1(x1), self.stream_2(x2))
