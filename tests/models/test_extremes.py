"""EulerNet and AFN take logarithms, exponentials and phases: no size of embedding may make them infinite."""

import pytest
import torch

from ctrnb.models import make_model
from ctrnb.models.afn import AFNConfig
from ctrnb.models.eulernet import EulerInteraction, EulerNetConfig

VARIANTS = {
    "eulernet": EulerNetConfig(orders=3, norm=False),
    "eulernet with norms": EulerNetConfig(orders=3, norm=True),
    "three layers of eulernet": EulerNetConfig(orders=4, layers=3, norm=False),
    "afn": AFNConfig(neurons=3, hidden=(6,)),
    "afn+": AFNConfig(neurons=3, hidden=(6,), ensemble_hidden=(5,)),
}
SIZES = [0.0, 1e-45, 1e-40, 1e-20, 1e-5, 1.0, 1e4, 1e20, 1e37]  # 1e-45 and 1e-40 are denormal in float32


def spread(size: float) -> torch.Tensor:
    torch.manual_seed(1)
    return size * (2 * torch.rand(8, 4, 3) - 1)


def all_sizes() -> torch.Tensor:
    """Examples whose fields are of all sizes at once."""
    torch.manual_seed(2)
    return spread(1.0) * torch.tensor(SIZES)[torch.randint(len(SIZES), (8, 4, 1))]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("fields", [*map(spread, SIZES), all_sizes()], ids=[*map(str, SIZES), "mixed"])
def test_logits_and_gradients_are_finite(variant: str, training: bool, bf16: bool, fields: torch.Tensor) -> None:
    torch.manual_seed(0)
    config = VARIANTS[variant]
    model = make_model("afn" if isinstance(config, AFNConfig) else "eulernet", 4, 3, config).train(training)
    fields = fields.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = model(fields)
    logits.float().sum().backward()
    assert torch.isfinite(logits).all()
    assert all(torch.isfinite(each.grad).all() for each in (fields, *model.parameters()))


@pytest.mark.parametrize("size", [0.0, 1e-45, 1e-30, 1e-20, 1e-19, 1e-15, 1e-5, 1e15])
@pytest.mark.parametrize("norm", [False, True])
def test_an_euler_layer_has_finite_gradients_at_features_of_any_modulus(size: float, norm: bool) -> None:
    """Inner layers see what the layer before leaves: exp of large negative sums, so features far below any embedding's."""
    torch.manual_seed(0)
    layer = EulerInteraction(4, 3, 2, EulerNetConfig(norm=norm))
    parts = [(size * torch.randn(5, 4, 2)).requires_grad_() for _ in range(2)]
    sum(part.sum() for part in layer(*parts)).backward()
    assert all(torch.isfinite(each.grad).all() for each in (*parts, *layer.parameters()))


def test_a_small_feature_keeps_its_phase_until_its_square_is_lost() -> None:
    """At modulus 1e-14 phases still add; the layer's only output is then exp(i theta) times exp(log 1e-4 + ...)."""
    layer = EulerInteraction(1, 1, 1, EulerNetConfig(norm=False))
    with torch.no_grad():
        for weight in (layer.modulus_bias, layer.phase_bias, layer.implicit.weight, layer.implicit.bias):
            weight.zero_()
    angle = torch.tensor(2.0)
    feature = 1e-14 * torch.polar(torch.tensor(1.0), angle)
    real, imag = layer(feature.real.view(1, 1, 1), feature.imag.view(1, 1, 1))
    assert torch.atan2(imag, real).item() == pytest.approx(2.0, abs=1e-5)
    assert torch.hypot(real, imag).item() == pytest.approx(1e-4, rel=1e-5)  # sqrt(1e-8): the logarithm's own floor
