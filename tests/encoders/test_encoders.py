import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.data import BipartiteGraph
from ctrnb.encoders import FieldEncoder, LightGCNEncoder, TableEncoder
from ctrnb.encoders.lightgcn import normalised_blocks, propagate
from ctrnb.errors import ConfigError


def random_graph(seed: int, users: int = 12, items: int = 9, edges: int = 30) -> BipartiteGraph:
    rng = np.random.default_rng(seed)
    pairs = rng.choice((users - 1) * (items - 1), edges, replace=False)
    return BipartiteGraph(1 + pairs // (items - 1), 1 + pairs % (items - 1), users, items)


def lgconv(encoder: LightGCNEncoder, graph: BipartiteGraph, table: torch.Tensor) -> torch.Tensor:
    """The same sum by torch-geometric's LGConv over both directions of every edge."""
    conv = pytest.importorskip("torch_geometric.nn").LGConv()
    user, item = torch.from_numpy(graph.user), torch.from_numpy(graph.item) + graph.num_users
    edge_index = torch.stack([torch.cat([user, item]), torch.cat([item, user])])
    hop, total = table, encoder.readout[0] * table
    for coefficient in encoder.readout[1:]:
        hop = conv(hop, edge_index)
        total = total + coefficient * hop
    return total


@st.composite
def graphs(draw) -> BipartiteGraph:
    """Any graph on few ids, from none of the edges to all of them; nodes without edges are common."""
    users, items = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    pair = st.tuples(st.integers(0, users - 1), st.integers(0, items - 1))
    pairs = np.array(draw(st.lists(pair, unique=True)), np.int64).reshape(-1, 2)
    return BipartiteGraph(pairs[:, 0], pairs[:, 1], users, items)


@settings(deadline=None)
@given(graphs(), st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=5), st.integers(1, 4), st.booleans())
def test_propagation_and_its_gradient_equal_lgconv(
    graph: BipartiteGraph, readout: list[float], dim: int, uniform: bool
) -> None:
    encoder = LightGCNEncoder(graph, dim, layers=len(readout) - 1, readout=None if uniform else readout, init_std=1.0)
    reference = encoder.table.detach().clone().requires_grad_()
    ours, theirs = encoder.nodes(), lgconv(encoder, graph, reference)
    assert torch.allclose(ours, theirs, atol=1e-5)
    weight = torch.randn_like(ours)
    (ours * weight).sum().backward()
    (theirs * weight).sum().backward()
    assert torch.allclose(encoder.table.grad, reference.grad, atol=1e-5)


def test_the_hand_written_gradient_passes_gradcheck() -> None:
    graph = random_graph(7)
    encoder = LightGCNEncoder(graph, 2, layers=2, init_std=0.1).double()
    encoder.to_users, encoder.to_items = normalised_blocks(graph, torch.float64)
    assert torch.autograd.gradcheck(lambda table: encoder.nodes(), (encoder.table,))


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_the_folded_operator_equals_the_sparse_products_gradients_too(layers: int, monkeypatch) -> None:
    encoder = LightGCNEncoder(random_graph(layers), 5, layers=layers, init_std=0.1)
    sparse = encoder.nodes_of(torch.stack([encoder.table, 2 * encoder.table]))
    weight = torch.randn_like(sparse)
    (gradient,) = torch.autograd.grad((sparse * weight).sum(), encoder.table)
    monkeypatch.setattr(LightGCNEncoder, "folds", lambda self: True)
    folded = encoder.nodes_of(torch.stack([encoder.table, 2 * encoder.table]))
    assert torch.allclose(folded, sparse, atol=1e-6)
    assert torch.allclose(torch.autograd.grad((folded * weight).sum(), encoder.table)[0], gradient, atol=1e-5)
    assert "folded" not in encoder.state_dict()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_propagation_is_linear_and_self_adjoint(seed: int, layers: int) -> None:
    graph = random_graph(seed)
    blocks = normalised_blocks(graph, torch.float64)
    readout = tuple(1 / (n + 1) for n in range(layers + 1))
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(21, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    px, py = (propagate(each, *blocks, readout, graph.num_users) for each in (x, y))
    assert torch.allclose((px * y).sum(), (x * py).sum())
    assert torch.allclose(propagate(2 * x - y, *blocks, readout, graph.num_users), 2 * px - py)


def test_one_hop_by_hand() -> None:
    """Two users share one item: z_item = (e_1 + e_2)/sqrt(2), z_user = e_item/sqrt(2); half of each plus itself."""
    graph = BipartiteGraph(np.array([1, 2]), np.array([1, 1]), 3, 2)
    encoder = LightGCNEncoder(graph, 1, layers=1, init_std=0.1)
    with torch.no_grad():
        encoder.table.copy_(torch.tensor([[9.0], [1.0], [3.0], [7.0], [4.0]]))
    expected = torch.tensor([9.0, 1 + 4 / 2**0.5, 3 + 4 / 2**0.5, 7.0, 4 + (1 + 3) / 2**0.5]) / 2
    assert torch.allclose(encoder.nodes().squeeze(), expected)
    assert encoder(torch.tensor([2]), torch.tensor([1])).squeeze().tolist() == pytest.approx(expected[[2, 4]].tolist())


def test_zero_hops_are_the_table() -> None:
    graph = random_graph(1)
    encoder, table = (
        LightGCNEncoder(graph, 4, layers=0, init_std=0.1),
        TableEncoder(graph.num_users, graph.num_items, 4, init_std=1.0),
    )
    table.load_state_dict(encoder.state_dict())
    user, item = torch.tensor([0, 3]), torch.tensor([5, 0])
    assert torch.equal(encoder(user, item), table(user, item))


def test_base_weights_load_into_lightgcn_as_layer_zero() -> None:
    graph = random_graph(2)
    table = TableEncoder(graph.num_users, graph.num_items, 4, init_std=1.0)
    encoder = LightGCNEncoder(graph, 4, layers=3, init_std=0.1)
    encoder.load_state_dict(table.state_dict())
    assert torch.equal(encoder.table, table.table)


def test_out_of_vocabulary_starts_at_zero() -> None:
    table = TableEncoder(3, 4, 5, init_std=1.0)
    assert (table(torch.tensor([0]), torch.tensor([0])) == 0).all()
    assert (table(torch.tensor([1]), torch.tensor([1])) != 0).all()


@pytest.mark.parametrize("bad", [{"layers": -1}, {"layers": 2, "readout": [1.0]}])
def test_impossible_depths_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError):
        LightGCNEncoder(random_graph(0), 2, init_std=0.1, **bad)


def test_field_embeddings_by_hand(small) -> None:
    encoder, side = FieldEncoder(small.item_side, 3, init_std=1.0), small.item_side
    rows = torch.tensor([4, 0, 4])
    out = torch.cat(encoder(rows), dim=1)
    assert out.shape == (3, len(side.names), 3) and torch.equal(out[0], out[2])
    row = 4
    assert torch.equal(out[0, 0], encoder.categorical[side.categorical[row, 0]])
    tags = [code for code in side.tags[0][row] if code]
    mean = encoder.tags[0][tags].mean(dim=0) if tags else torch.zeros(3)
    assert torch.allclose(out[0, 1], mean)
    value = side.numeric[row, 0] * encoder.numeric_weight[0] + encoder.numeric_bias[0]
    assert torch.allclose(out[0, 2], value)
