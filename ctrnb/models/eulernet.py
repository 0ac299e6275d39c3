"""EulerNet: feature interactions in the complex plane (Tian et al., 2023)."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ctrnb.models.checks import require_positive, require_probability
from ctrnb.models.layers import Dropout, in_float32, linear

SMALLEST_SQUARE = 1e-30  # of a modulus: float32 inverts no square below 1e-38


@dataclass(frozen=True)
class EulerNetConfig:
    """Settings of :class:`EulerNet`."""

    layers: int = 2
    orders: int = 8  # order vectors, and so complex features, that each layer gives
    dropout_explicit: float = 0.0
    dropout_implicit: float = 0.0
    norm: bool = False  # layer normalisation of each complex feature after a layer

    def __post_init__(self) -> None:
        require_positive("EulerNetConfig", layers=self.layers, orders=self.orders)
        require_probability(
            "EulerNetConfig", dropout_explicit=self.dropout_explicit, dropout_implicit=self.dropout_implicit
        )


class EulerInteraction(nn.Module):
    """One Euler interaction layer.

    The explicit part writes a complex feature as modulus and phase, r = lambda exp(i theta). A product of powers
    prod_j r_j^alpha_j then is linear: log-moduli and phases are combined with the same orders alpha, each with a
    bias (Eqs. 8 to 10), and Euler's formula leads back to real and imaginary parts (Eq. 11). The implicit part
    sends the real and the imaginary parts through one linear layer and a ReLU (Eq. 12). The output is their sum.
    """

    def __init__(self, inputs: int, outputs: int, dim: int, config: EulerNetConfig) -> None:
        super().__init__()
        self.outputs, self.dim = outputs, dim
        if inputs == outputs:
            orders = torch.eye(inputs)
        else:  # start from products of few fields: each column is nearly one-hot
            orders = torch.softmax(torch.randn(inputs, outputs) / 0.01, dim=0)
        self.orders = nn.Parameter(orders)
        self.modulus_bias = nn.Parameter(0.01 * torch.randn(dim, outputs))
        self.phase_bias = nn.Parameter(0.01 * torch.randn(dim, outputs))
        self.implicit = linear(inputs * dim, outputs * dim)
        self.drop_explicit = Dropout(config.dropout_explicit)
        self.drop_implicit = Dropout(config.dropout_implicit)
        self.norm_real = nn.LayerNorm(dim) if config.norm else nn.Identity()
        self.norm_imag = nn.LayerNorm(dim) if config.norm else nn.Identity()

    def forward(
        self, real: Float[Tensor, "batch features dim"], imag: Float[Tensor, "batch features dim"]
    ) -> tuple[Float[Tensor, "batch outputs dim"], Float[Tensor, "batch outputs dim"]]:
        """Return real and imaginary parts of the products, (batch, features, dim) -> (batch, outputs, dim) each."""
        squared = real.square() + imag.square()
        log_modulus = 0.5 * torch.log(squared + 1e-8)
        # a phase's slope is 1 over the modulus: a feature too small for the logarithm counts as one of phase near 0
        phase = torch.atan2(imag, real.where(squared > SMALLEST_SQUARE, 1.0))
        log_modulus = in_float32(self.drop_explicit(log_modulus).transpose(1, 2) @ self.orders) + self.modulus_bias
        phase = in_float32(self.drop_explicit(phase).transpose(1, 2) @ self.orders) + self.phase_bias
        modulus = torch.exp(log_modulus.clamp(max=20.0)).transpose(1, 2)  # the clamp keeps float32 finite
        phase = phase.transpose(1, 2)
        parts = torch.stack([real, imag]).flatten(start_dim=2)
        implicit = torch.relu(self.implicit(self.drop_implicit(parts))).unflatten(-1, (self.outputs, self.dim))
        real = self.norm_real(implicit[0] + modulus * torch.cos(phase))
        imag = self.norm_imag(implicit[1] + modulus * torch.sin(phase))
        return real, imag


class EulerNet(nn.Module):
    """Complex field features, Euler interaction layers and a linear read-out of real and imaginary parts.

    The embedding e of field j becomes the complex feature mu_j exp(i e) with a learned modulus mu_j (Eq. 6); the
    logit is w . Re + w . Im + 2 b over the last layer's features (Eq. 13).
    """

    def __init__(self, num_fields: int, dim: int, config: EulerNetConfig) -> None:
        super().__init__()
        counts = [num_fields] + [config.orders] * config.layers
        self.modulus = nn.Parameter(torch.ones(num_fields, 1))
        self.interactions = nn.ModuleList(EulerInteraction(a, b, dim, config) for a, b in pairwise(counts))
        self.logit = linear(counts[-1] * dim, 1)

    def forward(self, fields: Float[Tensor, "batch field dim"]) -> Float[Tensor, " batch"]:
        """Return logits."""
        real, imag = self.modulus * torch.cos(fields), self.modulus * torch.sin(fields)
        for layer in self.interactions:
            real, imag = layer(real, imag)
        return (self.logit(real.flatten(start_dim=1)) + self.logit(imag.flatten(start_dim=1))).squeeze(-1)
