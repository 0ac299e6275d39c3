"""AFN: feature interactions of adaptive order in logarithmic space (Cheng et al., 2020)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ctrnb.models.checks import require_positive, require_probability, require_widths
from ctrnb.models.layers import in_float32, linear, mlp


@dataclass(frozen=True)
class AFNConfig:
    """Settings of :class:`AFN`; a non-empty ``ensemble_hidden`` adds the second MLP of AFN+."""

    neurons: int = 64  # logarithmic neurons: crosses of learned order
    hidden: tuple[int, ...] = (200, 200)
    dropout: float = 0.0  # probability of dropping a hidden unit
    ensemble_hidden: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        require_positive("AFNConfig", neurons=self.neurons)
        require_widths("AFNConfig", hidden=self.hidden)
        require_widths("AFNConfig", allow_empty=True, ensemble_hidden=self.ensemble_hidden)
        require_probability("AFNConfig", dropout=self.dropout)


class LogarithmicTransformation(nn.Module):
    """The logarithmic transformation layer, Eq. (5) of Cheng et al. (2020).

    Neuron n computes exp(sum_j w_jn ln|e_j|) over the fields j, entry by entry: a product of the fields, each
    raised to a learned power. Embeddings are made positive by their absolute value, at least ``smallest``, and
    batch normalisation (over the embedding entries) follows the logarithm and the exponential, as in Section 4.1.
    """

    smallest = 1e-5

    def __init__(self, num_fields: int, dim: int, neurons: int) -> None:
        super().__init__()
        self.log_norm = nn.BatchNorm1d(num_fields)
        self.exp_norm = nn.BatchNorm1d(neurons)
        self.powers = linear(num_fields, neurons)

    def forward(self, fields: Float[Tensor, "batch field dim"]) -> Float[Tensor, "batch width"]:
        """Return the neurons entry by entry, width = dim * neurons.

        Each of an example's ``dim`` entries is a row here, so that fields and neurons come last: batch normalisation
        over the last of two axes is several times faster than over the middle of three.
        """
        logarithms = torch.log(fields.abs().clamp(min=self.smallest)).transpose(1, 2).flatten(end_dim=1)
        combined = in_float32(self.powers(self.log_norm(logarithms)))
        neurons = self.exp_norm(torch.exp(combined.clamp(max=20.0)))  # the clamp keeps float32 finite
        return neurons.unflatten(0, fields.shape[::2]).flatten(start_dim=1)


class AFN(nn.Module):
    """Logarithmic neurons read by an MLP; AFN+ adds an MLP over the embeddings.

    Left out of AFN+: a second embedding table for that MLP. One encoder serves both, since here only the ID
    embedding is exchanged.
    """

    def __init__(self, num_fields: int, dim: int, config: AFNConfig) -> None:
        super().__init__()
        self.logarithmic = LogarithmicTransformation(num_fields, dim, config.neurons)
        self.deep = nn.Sequential(
            mlp(config.neurons * dim, config.hidden, dropout=config.dropout, norm=True), linear(config.hidden[-1], 1)
        )
        self.ensemble = (
            nn.Sequential(
                mlp(num_fields * dim, config.ensemble_hidden, dropout=config.dropout),
                linear(config.ensemble_hidden[-1], 1),
            )
            if config.ensemble_hidden
            else None
        )

    def forward(self, fields: Float[Tensor, "batch field dim"]) -> Float[Tensor, " batch"]:
        """Return logits."""
        logits = self.deep(self.logarithmic(fields))
        if self.ensemble is not None:
            logits = logits + self.ensemble(fields.flatten(start_dim=1))
        return logits.squeeze(-1)
