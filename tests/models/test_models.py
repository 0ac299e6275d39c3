import math

import numpy as np
import pytest
import torch

from ctrnb.errors import ConfigError
from ctrnb.models import MODELS, make_model
from ctrnb.models.afn import LogarithmicTransformation
from ctrnb.models.autoint import InteractingLayer
from ctrnb.models.dcnv2 import CrossMixture, DCNv2, DCNv2Config
from ctrnb.models.eulernet import EulerInteraction, EulerNetConfig
from ctrnb.models.finalmlp import BilinearFusion, FinalMLPConfig
from ctrnb.models.gdcnp import GDCNP, GDCNPConfig
from ctrnb.models.layers import Dropout

SMALL = {
    "dcnv2": {"hidden": (6,), "cross_layers": 2, "dropout": 0.0},
    "autoint": {"hidden": (6,), "attention_layers": 2, "attention_dim": 4, "dropout": 0.0},
    "eulernet": {"orders": 3, "norm": True},
    "afn": {"neurons": 3, "hidden": (6,), "ensemble_hidden": (5,)},
    "finalmlp": {
        "hidden_1": (6,),
        "hidden_2": (4,),
        "heads": 2,
        "gate_hidden": (5,),
        "dropout_1": 0.0,
        "dropout_2": 0.0,
    },
    "gdcnp": {"hidden": (6,), "cross_layers": 2, "dropout": 0.0},
}


def small_model(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return make_model(name, 4, 3, MODELS[name][1](**SMALL[name]))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("training", [False, True])
def test_gradients_agree_with_finite_differences(name: str, training: bool) -> None:
    """Without dropout; in training AFN normalises by the batch's own statistics."""
    model = small_model(name).double().train(training)
    fields = torch.randn(3, 4, 3, dtype=torch.float64, requires_grad=True)
    weights = [w for w in model.parameters() if w.requires_grad]
    assert torch.autograd.gradcheck(lambda *_: model(fields), (fields, *weights), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_an_example_is_rated_alone(name: str) -> None:
    """In evaluation a logit depends on its own example: no batch statistics leak."""
    model = small_model(name).eval()
    fields = torch.randn(5, 4, 3)
    assert torch.allclose(model(fields)[2:3], model(fields[2:3]), atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    """A weighted sum, for a plain one does not depend on what batch normalisation shifts or scales before its means."""
    model = small_model(name)
    torch.manual_seed(1)
    (model(torch.randn(16, 4, 3)) * torch.randn(16)).sum().backward()
    still = {each for each, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert still == set()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [0.0, 1e-20, 1e4])
def test_extreme_embeddings_give_finite_logits(name: str, size: float) -> None:
    model = small_model(name)
    logits = model(size * torch.randn(8, 4, 3))
    logits.sum().backward()
    assert torch.isfinite(logits).all()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


def test_dcnv2_by_hand() -> None:
    """x1 = x0 * (W x0 + b) + x0 with W = I, b = 1; the MLP is zero and the logit sums the cross output."""
    model = DCNv2(1, 2, DCNv2Config(cross_layers=1, hidden=(2,))).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.cross[0].weight.copy_(torch.eye(2))
        model.cross[0].bias.fill_(1.0)
        model.logit.linear.weight[0, :2] = 1.0
    expected = 2 * (2 + 1) + 2 + 3 * (3 + 1) + 3
    assert model(torch.tensor([[[2.0, 3.0]]])).item() == pytest.approx(expected)


def test_gdcnp_gate_scales_each_cross() -> None:
    """A zero gate weight lets half of the cross through: c1 = c0 * W c0 / 2 + c0."""
    model = GDCNP(1, 2, GDCNPConfig(cross_layers=1, hidden=(2,))).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.cross[0].weight.copy_(torch.eye(2))
        model.logit.linear.weight[0, :2] = 1.0
    assert model(torch.tensor([[[2.0, 4.0]]])).item() == pytest.approx(2 * 2 / 2 + 2 + 4 * 4 / 2 + 4)


def test_cross_mixture_equals_its_sum_over_experts() -> None:
    torch.manual_seed(0)
    layer, x = CrossMixture(6, 2, 3), torch.randn(4, 6)
    gate = layer.gate(x).softmax(dim=-1)
    expected = torch.zeros(4, 6)
    for e in range(3):
        low = torch.tanh(torch.tanh(x @ layer.down[e]) @ layer.core[e])
        expected += gate[:, e : e + 1] * (low @ layer.up[e] + layer.bias)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_low_rank_dcnv2_by_hand() -> None:
    """x1 = x0 * sum over experts of g_e (U_e tanh(C_e tanh(V_e^T x0)) + b) + x0; ranks are 1, gates 3/4 and 1/4."""
    model = DCNv2(1, 2, DCNv2Config(cross_layers=1, hidden=(2,), low_rank=1, experts=2)).eval()
    cross = model.cross[0]
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        cross.down.copy_(torch.tensor([[[0.5], [0.0]], [[0.0], [0.1]]]))  # V_e
        cross.core.copy_(torch.tensor([[[2.0]], [[3.0]]]))  # C_e
        cross.up.copy_(torch.tensor([[[1.0, -1.0]], [[0.0, 4.0]]]))  # U_e
        cross.bias.copy_(torch.tensor([0.1, 0.2]))
        cross.gate.weight[0, 0] = math.log(3) / 2
        model.logit.linear.weight[0, :2] = 1.0
    one, two = math.tanh(2 * math.tanh(0.5 * 2)), math.tanh(3 * math.tanh(0.1 * 3))
    first = 3 / 4 * (1 * one + 0.1) + 1 / 4 * (0 * two + 0.1)
    second = 3 / 4 * (-1 * one + 0.2) + 1 / 4 * (4 * two + 0.2)
    assert model(torch.tensor([[[2.0, 3.0]]])).item() == pytest.approx(2 * first + 2 + 3 * second + 3, rel=1e-6)


def test_a_negative_rank_is_refused_by_its_own_value() -> None:
    with pytest.raises(ConfigError, match=r"DCNv2Config.low_rank=-1: it must be 0 or more"):
        DCNv2Config(low_rank=-1)
    assert DCNv2Config(low_rank=0).low_rank == 0


def test_attention_equals_torchs_multi_head_attention() -> None:
    """Ours is unscaled, so torch's queries are scaled up by sqrt(head width)."""
    torch.manual_seed(0)
    layer = InteractingLayer(6, 8, heads=2)
    reference = torch.nn.MultiheadAttention(8, 2, bias=False, batch_first=True, kdim=6, vdim=6)
    query, key, value, residual = (each.weight for each in (layer.query, layer.key, layer.value, layer.residual))
    with torch.no_grad():
        reference.out_proj.weight.copy_(torch.eye(8))
        fields = torch.randn(3, 5, 6)
        reference.q_proj_weight.copy_(torch.eye(8))
        reference.k_proj_weight.copy_(key)
        reference.v_proj_weight.copy_(value)
        attended, _ = reference((fields @ query.T) * 4**0.5, fields, fields)
        assert torch.allclose(layer(fields), torch.relu(attended + fields @ residual.T), atol=1e-5)


def test_a_logarithmic_neuron_is_a_product_of_powers() -> None:
    layer = LogarithmicTransformation(3, 2, neurons=1).eval()
    with torch.no_grad():
        layer.powers.weight.copy_(torch.tensor([[1.0, 2.0, -1.0]]))
        layer.powers.bias.zero_()
    fields = torch.tensor([[[2.0, 3.0], [3.0, -1.0], [4.0, 2.0]]])
    scale = np.sqrt(1 + 1e-5)  # of batch normalisation in evaluation, once for each logarithm
    expected = torch.tensor([[2 * 9 / 4, 3 * 1 / 2]]) ** (1 / scale) / scale
    assert torch.allclose(layer(fields), expected, atol=1e-4)


def test_an_euler_layer_multiplies_powers_of_complex_features() -> None:
    """Orders (2, 1) on two features give r_1^2 r_2: moduli multiply, phases add."""
    layer = EulerInteraction(2, 1, 1, EulerNetConfig(norm=False))
    with torch.no_grad():
        layer.orders.copy_(torch.tensor([[2.0], [1.0]]))
        for weight in (layer.modulus_bias, layer.phase_bias, layer.implicit.weight, layer.implicit.bias):
            weight.zero_()
    features = torch.tensor([0.5 + 1.0j, -0.3 + 0.8j])
    real, imag = layer(features.real.view(1, 2, 1), features.imag.view(1, 2, 1))
    expected = features[0] ** 2 * features[1]
    assert torch.allclose(torch.complex(real, imag).squeeze(), expected, atol=1e-5)


def test_bilinear_fusion_equals_its_heads_one_by_one() -> None:
    torch.manual_seed(0)
    layer, o1, o2 = BilinearFusion(4, 6, heads=2), torch.randn(3, 4), torch.randn(3, 6)
    expected = (layer.first(o1) + layer.second(o2)).squeeze(-1)
    for h in range(2):
        a, b = o1[:, 2 * h : 2 * h + 2], o2[:, 3 * h : 3 * h + 3]
        expected = expected + torch.einsum("bi,ij,bj->b", a, layer.bilinear[h], b)
    assert torch.allclose(layer(o1, o2), expected, atol=1e-6)


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_dropout_keeps_the_mean_and_drops_the_stated_share(probability: float) -> None:
    torch.manual_seed(0)
    layer, x = Dropout(probability), torch.ones(1000, 401)
    dropped = layer(x)
    assert (dropped == 0).float().mean().item() == pytest.approx(probability, abs=5e-3)
    assert dropped.mean().item() == pytest.approx(1, abs=1e-2)
    assert dropped.unique().numel() == 2
    assert (layer.eval()(x) == x).all()


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("dcnv2", {"cross_layers": 0}),
        ("dcnv2", {"hidden": ()}),
        ("dcnv2", {"dropout": 1.0}),
        ("autoint", {"attention_dim": 5}),
        ("finalmlp", {"heads": 7}),
        ("afn", {"neurons": 0}),
        ("eulernet", {"layers": 0}),
        ("gdcnp", {"hidden": (0,)}),
    ],
)
def test_impossible_settings_are_refused(name: str, bad: dict) -> None:
    with pytest.raises(ConfigError):
        MODELS[name][1](**bad)


def test_finalmlp_gates_see_user_and_item() -> None:
    """Changing the item field changes the second gate's context alone."""
    torch.manual_seed(0)
    model = make_model("finalmlp", 3, 2, FinalMLPConfig(hidden_1=(4,), hidden_2=(4,), gate_hidden=(3,)))
    seen: dict[str, torch.Tensor] = {}
    model.gate_1.register_forward_hook(lambda _, inputs, __: seen.__setitem__("1", inputs[0]))
    model.gate_2.register_forward_hook(lambda _, inputs, __: seen.__setitem__("2", inputs[0]))
    fields = torch.randn(2, 3, 2)
    model(fields)
    assert (seen["1"] == fields[:, 0]).all() and (seen["2"] == fields[:, 1]).all()


def test_an_unknown_model_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no model 'dcn2'. Did you mean 'dcnv2'"):
        make_model("dcn2", 2, 2, None)
