"""DCNv2: explicit feature crosses beside an MLP (Wang et al., 2021)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ctrnb.models.checks import require_not_negative, require_positive, require_probability, require_widths
from ctrnb.models.layers import Readout, linear, mlp


@dataclass(frozen=True)
class DCNv2Config:
    """Settings of :class:`DCNv2`; ``low_rank=0`` means full-rank crosses, else a mixture of ``experts``."""

    cross_layers: int = 3
    hidden: tuple[int, ...] = (200, 200)
    dropout: float = 0.3  # probability of dropping a hidden unit
    low_rank: int = 0  # rank of each expert's crosses, Eq. (2) of the paper
    experts: int = 4  # experts of the low-rank mixture

    def __post_init__(self) -> None:
        require_positive("DCNv2Config", cross_layers=self.cross_layers, experts=self.experts)
        require_not_negative("DCNv2Config", low_rank=self.low_rank)
        require_widths("DCNv2Config", hidden=self.hidden)
        require_probability("DCNv2Config", dropout=self.dropout)


class CrossMixture(nn.Module):
    """A gated mixture of low-rank crosses, Eqs. (2) to (4) of Wang et al. (2021).

    Expert e computes U_e tanh(C_e tanh(V_e^T x)) + b; a softmax over linear gates of x weighs the experts.
    ``down`` holds V (expert, width, rank), ``core`` C (expert, rank, rank) and ``up`` U (expert, rank, width).
    """

    def __init__(self, width: int, rank: int, experts: int) -> None:
        super().__init__()
        self.down = nn.Parameter(nn.init.xavier_normal_(torch.empty(experts * width, rank)).view(experts, width, rank))
        self.core = nn.Parameter(nn.init.xavier_normal_(torch.empty(experts * rank, rank)).view(experts, rank, rank))
        self.up = nn.Parameter(nn.init.xavier_normal_(torch.empty(experts * rank, width)).view(experts, rank, width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.gate = linear(width, experts, bias=False)

    def forward(self, x: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        """Return the experts' weighted sum, (batch, width) -> (batch, width); the caller multiplies it by x_0."""
        low = torch.tanh(torch.einsum("bw,ewr->ber", x, self.down))
        low = torch.tanh(torch.einsum("ber,ers->bes", low, self.core))
        experts = torch.einsum("ber,erw->bew", low, self.up) + self.bias
        return torch.einsum("bew,be->bw", experts, self.gate(x).softmax(dim=-1))


class DCNv2(nn.Module):
    """Cross network in parallel with an MLP, as Figure 1(b) of Wang et al. (2021).

    With x_0 the field embeddings of one example laid end to end, cross layer l computes
        x_{l+1} = x_0 * (W_l x_l + b_l) + x_l                                       (1)
    and one linear layer reads the last cross output beside the MLP's. Left out: the stacked variant.
    """

    def __init__(self, num_fields: int, dim: int, config: DCNv2Config) -> None:
        super().__init__()
        width = num_fields * dim
        self.cross = nn.ModuleList(
            CrossMixture(width, config.low_rank, config.experts) if config.low_rank else linear(width, width)
            for _ in range(config.cross_layers)
        )
        self.deep = mlp(width, config.hidden, dropout=config.dropout)
        self.logit = Readout(width, config.hidden[-1])

    def forward(self, fields: Float[Tensor, "batch field dim"]) -> Float[Tensor, " batch"]:
        """Return logits."""
        x0 = x = fields.flatten(start_dim=1)
        for layer in self.cross:
            x = torch.addcmul(x, x0, layer(x))  # Eq. (1)
        return self.logit(x, self.deep(x0))
