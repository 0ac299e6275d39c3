"""GDCN-P: a gated cross network in parallel with an MLP (Wang et al., 2023)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ctrnb.models.checks import require_positive, require_probability, require_widths
from ctrnb.models.layers import Readout, linear, mlp


@dataclass(frozen=True)
class GDCNPConfig:
    """Settings of :class:`GDCNP`."""

    cross_layers: int = 3
    hidden: tuple[int, ...] = (200, 200)
    dropout: float = 0.2  # probability of dropping a hidden unit

    def __post_init__(self) -> None:
        require_positive("GDCNPConfig", cross_layers=self.cross_layers)
        require_widths("GDCNPConfig", hidden=self.hidden)
        require_probability("GDCNPConfig", dropout=self.dropout)


class GDCNP(nn.Module):
    """Gated crosses beside an MLP; the "P" is for parallel.

    With c_0 the field embeddings of one example laid end to end, gated cross layer l computes
        c_{l+1} = c_0 * (W_l c_l + b_l) * sigmoid(V_l c_l) + c_l                     (4)
    of Wang et al. (2023): the gate V_l decides how much of each cross is let through.
    """

    def __init__(self, num_fields: int, dim: int, config: GDCNPConfig) -> None:
        super().__init__()
        width = num_fields * dim
        self.cross = nn.ModuleList(linear(width, width) for _ in range(config.cross_layers))
        self.gate = nn.ModuleList(linear(width, width, bias=False) for _ in range(config.cross_layers))
        self.deep = mlp(width, config.hidden, dropout=config.dropout)
        self.logit = Readout(width, config.hidden[-1])

    def forward(self, fields: Float[Tensor, "batch field dim"]) -> Float[Tensor, " batch"]:
        """Return logits."""
        c0 = c = fields.flatten(start_dim=1)
        for cross, gate in zip(self.cross, self.gate, strict=True):
            c = torch.addcmul(c, c0, cross(c) * torch.sigmoid(gate(c)))  # Eq. (4)
        return self.logit(c, self.deep(c0))
