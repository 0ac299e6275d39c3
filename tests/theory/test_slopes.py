import numpy as np
import pytest
import torch

from ctrnb.errors import ConfigError
from ctrnb.theory import slopes
from ctrnb.theory.activations import ACTIVATIONS, activation


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_constants_follow_from_the_formulas_by_two_routes(name: str) -> None:
    constant = ACTIVATIONS[name].constant
    assert float(slopes.slope_supremum(name)) == pytest.approx(constant, rel=1e-14)
    enclosed = slopes.slope_enclosure(name, cells=256)
    assert enclosed.lower <= constant <= enclosed.upper < constant + 0.05


def test_gelus_constant_by_hand() -> None:
    """GELU's slope F(x) + x F'(x) is steepest where F''(x) x + 2 F'(x) = F'(x) (2 - x^2) = 0, at sqrt(2)."""
    x = torch.tensor(2.0, dtype=torch.float64).sqrt().requires_grad_()
    torch.nn.functional.gelu(x).backward()
    assert ACTIVATIONS["gelu"].constant == pytest.approx(x.grad.item()) and x.grad.item() == pytest.approx(
        1.1289, abs=5e-5
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_autograds_and_peaks_are_where_they_say(name: str) -> None:
    entry = ACTIVATIONS[name]
    x = torch.linspace(-6, 6, 997, dtype=torch.float64, requires_grad=True)
    entry.function(x).sum().backward()
    np.testing.assert_allclose(entry.slope(x.detach().numpy()), x.grad.numpy(), atol=1e-12)
    assert x.grad.abs().max() <= entry.constant + 1e-12
    low, high = entry.peak
    inside = np.clip([low, high], -3, 3) + (1e-9 if low < high else 0)
    np.testing.assert_allclose(entry.slope(inside), entry.constant)


def test_a_constant_that_is_too_small_lies_outside_the_enclosure() -> None:
    assert slopes.slope_enclosure("sigmoid", cells=256).lower > 0.24
    assert slopes.slope_enclosure("gelu", cells=512).lower > 1.1


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'relu'"):
        activation("relus")
