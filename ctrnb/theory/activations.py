"""Activation functions with their exact Lipschitz constants, and where their slope reaches it.

Every constant here is derived again, symbolically and by interval arithmetic, by :mod:`ctrnb.theory.slopes`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import erf
from torch import Tensor

from ctrnb.errors import ConfigError, nearest

LEAK = 0.01  # slope of the leaky ReLU below 0, PyTorch's default


@dataclass(frozen=True)
class Activation:
    """One activation function, applied to each coordinate.

    Attributes:
        constant: L_sigma, the least constant with |sigma(a) - sigma(b)| <= L_sigma |a - b|.
        peak: the interval of arguments at which |sigma'| = L_sigma (open where it ends at 0 or infinity).
        function: sigma on torch tensors.
        slope: sigma' on NumPy arrays; at a kink, the slope to its right.
    """

    constant: float
    peak: tuple[float, float]
    function: Callable[[Tensor], Tensor]
    slope: Callable[[np.ndarray], np.ndarray]


def sigmoid_slope(x: np.ndarray) -> np.ndarray:
    """Return the sigmoid's slope."""
    return 1 / (2 + np.exp(x) + np.exp(-x))


def gelu_slope(x: np.ndarray) -> np.ndarray:
    """Return GELU's slope F(x) + x F'(x), with F the normal distribution function."""
    return (1 + erf(x / math.sqrt(2))) / 2 + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(1.0, (-math.inf, math.inf), lambda x: x, np.ones_like),
    "relu": Activation(1.0, (0.0, math.inf), torch.relu, lambda x: np.where(x >= 0, 1.0, 0.0)),
    "leaky_relu": Activation(
        1.0,
        (0.0, math.inf),
        lambda x: torch.nn.functional.leaky_relu(x, LEAK),
        lambda x: np.where(x >= 0, 1.0, LEAK),
    ),
    "tanh": Activation(1.0, (0.0, 0.0), torch.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid": Activation(0.25, (0.0, 0.0), torch.sigmoid, sigmoid_slope),
    "gelu": Activation(
        (1 + math.erf(1)) / 2 + math.exp(-1) / math.sqrt(math.pi),  # the slope at sqrt(2), above 1
        (math.sqrt(2), math.sqrt(2)),
        torch.nn.functional.gelu,
        gelu_slope,
    ),
}


def activation(name: str) -> Activation:
    """Return an activation by name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in ACTIVATIONS:
        raise ConfigError(f"no activation {name!r}.{nearest(name, ACTIVATIONS)} There are: {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[name]
