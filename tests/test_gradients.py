"""Gradients against finite differences, and float32 against float64, for whole networks and their parts."""

import pytest
import torch

from ctrnb.data.graph import training_graph
from ctrnb.encoders import FieldEncoder, LightGCNEncoder, TableEncoder
from ctrnb.encoders.lightgcn import normalised_blocks
from ctrnb.evaluation.metrics import auc_on_device
from ctrnb.models import MODELS
from ctrnb.models.layers import LinearReLUDropout
from ctrnb.training.config import Specification, settings
from ctrnb.training.loop import Batches, Trainer, probabilities
from ctrnb.training.network import build_network

PLAIN = {"training.batch_size": 256, "training.precision": "fp32", "training.l2_embedding": 1e-5}
# How far float32 may be from float64. AFN's logarithm has the slope 1/|e|, up to 1e5 at its smallest embedding, and so
# magnifies the rounding of embeddings near zero; in a few steps its scores part, though their AUC stays.
SCORE = 5e-6
LOGIT = dict.fromkeys(MODELS, 2e-6) | {"afn": 5e-5}
GRADIENT = dict.fromkeys(MODELS, 2e-6) | {"afn": 1e-3}
AUC = dict.fromkeys(MODELS, 1e-4) | {"afn": 0.03}


def network(small, model: str, tier: str, dtype: torch.dtype):
    """A network of the shipped settings with weights of trained size, the same in either precision."""
    torch.manual_seed(0)
    own = settings(model, tier, PLAIN | {"encoder.init_std": 0.3})
    built = build_network(small, Specification("s", "f", model, tier, 0, *own)).to(dtype)
    if isinstance(built.ids, LightGCNEncoder):
        built.ids.to_users, built.ids.to_items = normalised_blocks(training_graph(small), dtype)
    return built


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_lightgcns_gradient_agrees_with_finite_differences(small, folded: bool, layers: int, monkeypatch) -> None:
    """By the hand-written backward pass and by the folded dense operator."""
    monkeypatch.setattr(LightGCNEncoder, "folds", lambda self: folded)
    graph = training_graph(small)
    readout = [0.7 - 0.3 * n for n in range(layers + 1)]
    encoder = LightGCNEncoder(graph, 1, layers=layers, readout=readout, init_std=1.0).double()
    encoder.to_users, encoder.to_items = normalised_blocks(graph, torch.float64)
    user, item = torch.tensor([1, 5, 0]), torch.tensor([2, 2, 7])
    assert torch.autograd.gradcheck(lambda table: encoder(user, item), (encoder.table,))


def test_the_tables_gradients_agree_with_finite_differences_dense_and_by_rows() -> None:
    encoder = TableEncoder(4, 5, 3, init_std=1.0).double()
    user, item = torch.tensor([1, 3, 1]), torch.tensor([2, 2, 0])
    assert torch.autograd.gradcheck(lambda table: encoder(user, item), (encoder.table,))
    weight = torch.randn(3, 2, 3, dtype=torch.float64)
    (dense,) = torch.autograd.grad((encoder(user, item) * weight).sum(), encoder.table)
    by_rows = TableEncoder(4, 5, 3, init_std=1.0, sparse_gradient=True).double()
    by_rows.load_state_dict(encoder.state_dict())
    (rows,) = torch.autograd.grad((by_rows(user, item) * weight).sum(), by_rows.table)
    assert rows.is_sparse and torch.equal(rows.to_dense(), dense)


@pytest.mark.parametrize("side", ["user_side", "item_side"])
def test_context_fields_gradients_agree_with_finite_differences(small, side: str) -> None:
    encoder = FieldEncoder(getattr(small, side), 2, init_std=1.0).double()
    weights = [weight for weight in encoder.parameters() if weight.numel()]
    rows = torch.tensor([4, 0, 4])
    assert torch.autograd.gradcheck(lambda *_: torch.cat(encoder(rows), dim=1), weights)


def test_the_fused_hidden_layers_gradient_agrees_with_finite_differences() -> None:
    torch.manual_seed(0)
    x, weight, bias = (torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((5, 4), (6, 4), (6,)))
    keep = torch.rand(5, 6) < 0.7
    assert torch.autograd.gradcheck(lambda *given: LinearReLUDropout.apply(*given, keep, 1 / 0.7), (x, weight, bias))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tier", ["base", "ts"])
def test_float32_agrees_with_float64(small, model: str, tier: str) -> None:
    """Logits to LOGIT of the largest; each weight's gradient to GRADIENT of the whole gradient's norm."""
    results = []
    for dtype in (torch.float64, torch.float32):
        built = network(small, model, tier, dtype).eval()
        batches = Batches(small, "valid", torch.device("cpu"))
        logits = built(batches.user, batches.item)
        torch.nn.functional.binary_cross_entropy_with_logits(logits, batches.label.to(dtype)).backward()
        results.append((logits, [w.grad.double() for w in built.parameters() if w.grad is not None]))
    (exact, exact_gradients), (rounded, gradients) = results
    assert rounded.dtype == torch.float32 and exact.dtype == torch.float64
    assert (rounded.double() - exact).abs().max() < LOGIT[model] * exact.abs().max()
    apart = max(torch.dist(a, b) for a, b in zip(exact_gradients, gradients, strict=True))
    assert apart < GRADIENT[model] * torch.cat([each.flatten() for each in exact_gradients]).norm()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tier", ["base", "ts"])
def test_an_epoch_in_float32_agrees_with_one_in_float64(small, model: str, tier: str) -> None:
    """Rounding in every step adds up. Dropout is included: its masks do not depend on the precision."""
    scores = []
    valid = Batches(small, "valid", torch.device("cpu"))
    for dtype in (torch.float64, torch.float32):
        built = network(small, model, tier, dtype)
        own = settings(model, tier, PLAIN)
        Trainer(built, small, own[2], precision="fp32", generator=torch.Generator().manual_seed(0)).epoch()
        scores.append(probabilities(built, valid).double())
    assert abs(auc_on_device(valid.label, scores[0]) - auc_on_device(valid.label, scores[1])) < AUC[model]
    assert model == "afn" or (scores[0] - scores[1]).abs().max() < SCORE
