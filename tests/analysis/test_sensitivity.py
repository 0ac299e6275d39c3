from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ctrnb import plots
from ctrnb.analysis import sensitivity as sn
from ctrnb.data import Curation, Encoded, SyntheticConfig, curate, encode, generate, training_graph
from ctrnb.errors import ConfigError, MetricError
from ctrnb.report import groups
from ctrnb.report import sensitivity as chapter
from ctrnb.theory import lightgcn
from ctrnb.training import train


@pytest.fixture(scope="module")
def runs(small: Encoded, tmp_path_factory) -> dict:
    folder: Path = tmp_path_factory.mktemp("runs")
    return groups.runs_of(small, "dcnv2", ["base", "ft", "ts"], [0, 1], runs=folder, epochs=1)


@pytest.mark.parametrize("tier", ["base", "ft", "ts"])
def test_the_gradient_is_autograds(small: Encoded, runs: dict, tier: str) -> None:
    """The independent route: backpropagation of one logit into the whole table."""
    rows = sn.sample_pairs(small, 4, seed=1)
    for row in rows:
        table = sn.node_sensitivities(small, runs[tier, 0], np.array([row])).set_index("side")
        network = sn.network_of(small, runs[tier, 0])
        logit = network(torch.tensor([small.user[row]]), torch.tensor([small.item[row]]))
        gradient = torch.autograd.grad(logit.sum(), network.ids.table)[0]
        assert table["total"].to_numpy() == pytest.approx(float(gradient.norm()), rel=1e-4)


def test_constants_are_the_exact_ones_and_1_without_message_passing(small: Encoded, runs: dict) -> None:
    rows = sn.sample_pairs(small, 50, seed=0)
    base, ft = (sn.node_sensitivities(small, runs[tier, 0], rows) for tier in ("base", "ft"))
    readout = sn.network_of(small, runs["ft", 0]).ids.readout
    exact = lightgcn.node_constants(training_graph(small), readout, ft["node"].to_numpy())
    assert ft["constant"].to_numpy() == pytest.approx(exact) and (base["constant"] == 1).all()
    assert ft["through"].to_numpy() == pytest.approx(ft["head"].to_numpy() * exact)
    degree = np.r_[training_graph(small).degree_user, training_graph(small).degree_item]
    assert ft["degree"].to_numpy().tolist() == degree[ft["node"]].tolist()


@pytest.mark.parametrize("edges", ["observed", "positive"])
def test_degrees_are_of_the_graph_that_the_run_was_trained_on(small: Encoded, edges: str) -> None:
    """One hop alone makes the constant of a node exactly 1 over the root of its harmonic degree."""
    own = {"encoder.edges": edges, "encoder.layers": 1, "encoder.readout": [0.0, 1.0], "training.epochs": 1}
    result = train(small, "dcnv2", "ts", seed=0, overrides=own)
    table = sn.node_sensitivities(small, result, sn.sample_pairs(small, 300, seed=0))
    assert table["constant"].to_numpy() == pytest.approx(table["harmonic"].to_numpy() ** -0.5, rel=1e-5)
    graph = training_graph(small, edges)
    assert (table["degree"] == np.r_[graph.degree_user, graph.degree_item][table["node"]]).all()
    found = sn.elasticities([table], repeats=10)
    assert found["value"].notna().all() and (found["silent"] >= 0).all()


def test_a_node_without_edges_has_no_place_on_a_slope() -> None:
    tables = [nodes_with(-0.5, 0.0, 0)]
    tables[0].loc[[0, 3], "degree"] = 0.0
    found = sn.elasticities(tables, repeats=10).set_index(["side", "part"])
    assert found.loc["user", "silent"].eq(2).all() and found.loc[("user", "head"), "value"] == pytest.approx(-0.5)


def nodes_with(exponent: float, noise: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    degree = np.tile(np.arange(2, 80), 2).astype(float)
    head = degree**exponent * np.exp(noise * rng.normal(size=len(degree)))
    constant = 2 * degree**-0.2
    side = np.repeat(["user", "item"], 78)
    return pd.DataFrame(
        {"side": side, "degree": degree, "head": head, "constant": constant, "through": head * constant, "total": head}
    )


def test_elasticities_are_planted_exponents_and_add_up() -> None:
    found = sn.elasticities([nodes_with(-0.5, 0.1, seed) for seed in range(3)]).set_index(["side", "part"])
    for side in sn.SIDES:
        assert found.loc[(side, "constant"), "value"] == pytest.approx(-0.2)
        head, through = found.loc[(side, "head")], found.loc[(side, "through")]
        assert head["low"] < -0.5 < head["high"] and head["verdict"] == "falls" and head["rank"] < -0.9
        assert through["value"] == pytest.approx(head["value"] - 0.2)


def test_nodes_without_a_gradient_are_counted_and_bend_no_slope() -> None:
    tables = [nodes_with(-0.5, 0.1, seed) for seed in range(3)]
    before = sn.elasticities(tables).set_index(["side", "part"])
    tables[1].loc[[0, 77], ["head", "through", "total"]] = 0.0  # the smallest and the largest degree of the users
    after = sn.elasticities(tables).set_index(["side", "part"])
    assert after.loc["user", "silent"].eq(2).all() and after.loc["user", "nodes"].eq(76).all()
    assert after.loc[("user", "head"), "value"] == pytest.approx(-0.5, abs=0.02)
    pd.testing.assert_frame_equal(before.loc[["item"]], after.loc[["item"]])
    said = chapter.left_out(after.reset_index().assign(model="afn", tier="base"))
    assert said.endswith("AFN Base, 2 of 78 users.") and not chapter.left_out(before.reset_index())


def test_a_nodes_gradient_is_the_geometric_mean_over_its_pairs(small: Encoded, runs: dict) -> None:
    rows = sn.sample_pairs(small, 60, seed=0)
    table = sn.node_sensitivities(small, runs["ft", 0], rows)
    alone = pd.concat([sn.node_sensitivities(small, runs["ft", 0], rows[[n]]) for n in range(len(rows))])
    logs = np.log(alone.set_index(["side", "node"])[["total", "through", "head"]]).groupby(["side", "node"]).mean()
    pd.testing.assert_frame_equal(
        np.exp(logs), table.set_index(["side", "node"])[["total", "through", "head"]].sort_index(), rtol=1e-4
    )


def test_the_number_of_a_nodes_pairs_makes_no_trend(small: Encoded, runs: dict, monkeypatch) -> None:
    """Gradients dealt to pairs at random have nothing to do with degree, though nodes of high degree have more pairs."""
    rows, rng, gradients = sn.sample_pairs(small, 2000, seed=0), np.random.default_rng(0), sn.id_gradients
    slopes = []
    for _ in range(30):
        dealt = rng.permutation(len(rows))
        monkeypatch.setattr(sn, "id_gradients", lambda *given, dealt=dealt: gradients(*given)[dealt])
        found = sn.elasticities([sn.node_sensitivities(small, runs["base", 0], rows)], repeats=20)
        slopes.append(found[found["part"] == "head"].set_index("side")["value"])
    table = pd.DataFrame(slopes)
    error = table.std(ddof=1) / np.sqrt(len(table))
    assert (table.mean().abs() < 3 * error).all()


def test_no_dependence_is_no_trend_and_a_rise_is_a_rise() -> None:
    flat = sn.elasticities([nodes_with(0.0, 0.3, seed) for seed in range(5)])
    assert (flat[flat["part"] == "head"]["verdict"] == "no trend beyond chance").all()
    rising = sn.elasticities([nodes_with(0.4, 0.3, seed) for seed in range(3)])
    assert (rising[rising["part"] == "total"]["verdict"] == "rises").all()


def test_what_cannot_be_measured_is_refused(small: Encoded, runs: dict) -> None:
    other = encode(curate(generate(SyntheticConfig(users=60, items=50, density=0.2, seed=9)), Curation(k=3)))
    with pytest.raises(ConfigError, match="other data"):
        sn.network_of(other, runs["base", 0])
    with pytest.raises(MetricError, match="Sample more pairs"):
        sn.elasticities([sn.node_sensitivities(small, runs["base", 0], sn.sample_pairs(small, 1, seed=0))])


def test_the_chapters_tables_and_sentences(small: Encoded, runs: dict) -> None:
    nodes = chapter.measured_nodes({"dcnv2": runs}, small, pairs=80)
    found = chapter.elasticities_by_tier(nodes, repeats=20)
    table = chapter.readable(found)
    assert len(table) == 6 and "none: 1 for every node" in set(table["constant, by the graph"])
    assert "of 4 cases" in chapter.insight(found) and "in degree" in chapter.graph_part(found, "degree")
    figure = plots.sensitivity_by_degree(chapter.binned(nodes), "total", "norm")
    assert all(axis.xaxis.label.get_visible() for axis in figure.axes)
    assert [axis.get_xlabel() for axis in figure.axes] == [f"degree of the {side} (log scale)" for side in sn.SIDES]
