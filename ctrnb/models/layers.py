"""Layers that several rating functions share."""

from collections.abc import Sequence

import torch
from torch import nn


def linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """Return a linear layer with Xavier-normal weights and a zero bias."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_normal_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def mlp(inputs: int, hidden: Sequence[int], *, dropout: float = 0.0, norm: bool = False) -> nn.Sequential:
    """Return Linear, optional batch normalisation, ReLU and optional dropout for each width in ``hidden``.

    Shapes: (batch, inputs) -> (batch, hidden[-1]); with no hidden layer it is the identity.
    """
    layers: list[nn.Module] = []
    for width in hidden:
        layers.append(linear(inputs, width))
        if norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.ReLU())
        if dropout:
            layers.append(Dropout(dropout))
        inputs = width
    return nn.Sequential(*layers)


class Dropout(nn.Module):
    """Dropout whose mask costs 16 random bits a unit; the probability is rounded to the nearest 1/65536.

    On a CPU torch draws dropout masks serially, one generator call a unit, which takes longer than the matrix
    products of these small MLPs. Here one call yields four units. On other devices it is torch's own dropout.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.probability == 0:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.probability)
        dropped = round(self.probability * 2**16)  # of the 2^16 values that 16 bits take
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)
        keep = (bits >= dropped - 2**15).to(x.dtype)
        return x * keep.mul_(2**16 / (2**16 - dropped))


def in_float32(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` in at least float32, for logarithms and exponentials under reduced precision."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor
