"""Layers that several rating functions share."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

DROPOUT_RANGE = 2**16  # a unit's mask takes 16 random bits, so a probability is rounded to the nearest 1/65536


def linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """Return a linear layer with Xavier-normal weights and a zero bias."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_normal_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def mlp(inputs: int, hidden: Sequence[int], *, dropout: float = 0.0, norm: bool = False) -> nn.Sequential:
    """Return a hidden layer for each width in ``hidden``: linear, optional batch normalisation, ReLU, dropout.

    Shapes: (batch, inputs) -> (batch, hidden[-1]); with no hidden layer it is the identity.
    """
    widths = [inputs, *hidden]
    return nn.Sequential(*(Hidden(a, b, dropout=dropout, norm=norm) for a, b in pairwise(widths)))


class Dropout(nn.Module):
    """Dropout whose masks are a function of a key and a count, not of a generator's state.

    A mask is a hash of (key + unit), 16 bits a unit, and the key moves on by a constant after each training step: see
    :func:`random_words`. The key is drawn at construction. So a run's masks depend on its seed alone: they are the same
    on every device, alone or stacked with other runs, eager or inside a CUDA graph. On a CPU the hash also uses every
    thread, where torch's generator draws one unit after the other.
    """

    key: Tensor

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self.register_buffer("key", torch.randint(2**62, ()), persistent=False)

    @property
    def dropped(self) -> int:
        """How many of the values that 16 bits take mean a dropped unit."""
        return round(self.probability * DROPOUT_RANGE)

    @property
    def scale(self) -> float:
        """1/(1 - p): what a kept unit is multiplied by."""
        return DROPOUT_RANGE / (DROPOUT_RANGE - self.dropped)

    def keep(self, shape: torch.Size) -> Tensor:
        """Return which units stay, bool of ``shape``, and move the key on."""
        count = shape.numel()
        words = random_words(self.key, -(-count // 4))
        self.key.add_(STEP)
        return (quarters(words)[:count] >= self.dropped - DROPOUT_RANGE // 2).view(shape)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``, of any shape, in training with some entries zero and the others scaled up."""
        if not self.training or self.probability == 0:
            return x
        return x * (self.keep(x.shape) * self.scale).to(x.dtype)


def signed(word: int) -> int:
    """Return a 64-bit pattern as the signed number that torch takes."""
    return word - 2**64 if word >= 2**63 else word


# Stafford's thirteenth variant of the finaliser of MurmurHash3, as in SplitMix64 (Steele, Lea and Flood, 2014).
GOLDEN, MULTIPLIER_1, MULTIPLIER_2, STEP = map(
    signed, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD1342543DE82EF95)
)


def random_words(key: Tensor, count: int) -> Tensor:
    """Return ``count`` pseudo-random words, int64 (count,): word n is a mix of ``key`` + n GOLDEN."""
    word = torch.arange(count, device=key.device) * GOLDEN + key
    for shift, multiplier in ((30, MULTIPLIER_1), (27, MULTIPLIER_2)):
        word = word.bitwise_xor_(shifted(word, shift)).mul_(multiplier)
    return word.bitwise_xor_(shifted(word, 31))


def quarters(words: Tensor) -> Tensor:
    """Return the 16-bit quarters of int64 words, the lowest of each first, int16 (4 words,)."""
    if not stacked(words):
        return words.view(torch.int16)
    return torch.stack([words >> bits for bits in (0, 16, 32, 48)], dim=-1).to(torch.int16).flatten()  # vmap: no views


def shifted(word: Tensor, bits: int) -> Tensor:
    """Return ``word`` shifted right with zeros moving in; torch's own shift of signed words repeats the sign."""
    return (word >> bits).bitwise_and_(2 ** (64 - bits) - 1)


class Hidden(nn.Module):
    """One hidden layer: dropout(ReLU(norm(W x + b)))."""

    def __init__(self, inputs: int, outputs: int, *, dropout: float = 0.0, norm: bool = False) -> None:
        super().__init__()
        self.linear = linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs) if norm else None
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output, (batch, inputs) -> (batch, outputs)."""
        dropping = self.training and self.dropout.probability > 0
        if self.norm is None and dropping and x.device.type == "cpu" and not stacked(x):
            keep = self.dropout.keep(torch.Size((len(x), self.linear.out_features)))
            return LinearReLUDropout.apply(x, self.linear.weight, self.linear.bias, keep, self.dropout.scale)
        x = self.linear(x)
        return self.dropout(torch.relu(x if self.norm is None else self.norm(x)))


def stacked(x: Tensor) -> bool:
    """Return whether ``x`` stands for several runs at once, inside ``torch.func.vmap``."""
    return torch._C._functorch.is_batchedtensor(x)


class LinearReLUDropout(torch.autograd.Function):
    """dropout(ReLU(W x + b)) in one pass over memory less each way: at these widths passes cost as much as products.

    Since s max(z, 0) = max(s z, 0), dropout's scale s goes into the product; the rest is done in place. A unit's output
    is zero exactly where ReLU or the mask stops its gradient, so the output alone is kept for the backward pass.
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, keep: Tensor, scale: float) -> Tensor:
        """Return the output (batch, outputs); ``keep`` is its mask, ``scale`` dropout's s."""
        out = torch.addmm(bias, x, weight.t(), beta=scale, alpha=scale).clamp_min_(0).mul_(keep)
        ctx.save_for_backward(x, weight, out)
        ctx.scale = scale
        return out

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, weight and bias from that of the output."""
        x, weight, out = ctx.saved_tensors
        inside = torch.ops.aten.threshold_backward(gradients[0], out, 0)
        nothing = x.new_zeros(())
        to_x = torch.addmm(nothing, inside, weight, beta=0, alpha=ctx.scale) if ctx.needs_input_grad[0] else None
        to_weight = torch.addmm(nothing, inside.t(), x, beta=0, alpha=ctx.scale)
        return to_x, to_weight, inside.sum(dim=0) * ctx.scale, None, None


class Readout(nn.Module):
    """One linear layer over several parts laid end to end: b + sum over parts of w_p . x_p, without laying them out."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.widths = widths
        self.linear = linear(sum(widths), 1)

    def forward(self, *parts: Tensor) -> Tensor:
        """Return logits (batch,) of parts (batch, width_p)."""
        weights = self.linear.weight.split(self.widths, dim=1)
        logits = nn.functional.linear(parts[0], weights[0], self.linear.bias)
        for part, weight in zip(parts[1:], weights[1:], strict=True):
            logits = logits + nn.functional.linear(part, weight)
        return logits.squeeze(-1)


def in_float32(tensor: Tensor) -> Tensor:
    """Return ``tensor`` in at least float32, for logarithms and exponentials under reduced precision."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor
