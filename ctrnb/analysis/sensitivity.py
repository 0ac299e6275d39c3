"""Sensitivity of trained models: the gradient of the logit with respect to the ID table, by degree of the nodes.

Theorem 1 bounds an untrained layer's constant by the node's degree, and its Insight concludes that a higher degree
makes the output less sensitive. A trained model is a LightGCN map z = p(S) E with a rating function r on top. With g_n
the gradient of the logit of a pair (u, i) with respect to z_n, and c_n the exact constant of the map to z_n (the norm
of row n of p(S), :func:`ctrnb.theory.lightgcn.node_constants`; 1 without message passing),

    ||d logit / d E||^2 = ||g_u||^2 c_u^2 + ||g_i||^2 c_i^2 + 2 <g_u, g_i> <p(S)_u, p(S)_i>,

and the part that goes through one node is ||g_n|| c_n. Hence its elasticity in the degree, the slope of its logarithm
on the degree's, is that of ||g_n||, which training makes, plus that of c_n, which the graph makes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats

from ctrnb.data import Encoded, training_graph
from ctrnb.encoders import LightGCNEncoder
from ctrnb.errors import ConfigError, MetricError
from ctrnb.models import model_config
from ctrnb.settings import build
from ctrnb.study.changes import estimate
from ctrnb.theory import lightgcn, operators
from ctrnb.training import RunResult
from ctrnb.training.config import EncoderConfig, Specification, TrainingConfig
from ctrnb.training.network import CTRNetwork, build_network

SIDES = ("user", "item")
PARTS = ("total", "through", "head", "constant")


def network_of(encoded: Encoded, result: RunResult) -> CTRNetwork:
    """Return the trained network of a run, in evaluation mode on the CPU.

    Raises:
        ConfigError: the run is of other data.
    """
    kept = result.row["settings"]
    if kept["fingerprint"] != encoded.fingerprint:
        raise ConfigError(f"run {result.row['run_id']} was trained on other data than this {encoded.name}.")
    parts = {
        "model_config": build(model_config(kept["model"]), kept["model_config"]),
        "encoder": build(EncoderConfig, kept["encoder"]),
        "training": build(TrainingConfig, kept["training"]),
    }
    network = build_network(encoded, Specification(**kept | parts))
    network.load_state_dict(result.state)
    return network.eval()


def sample_pairs(encoded: Encoded, pairs: int, *, seed: int) -> np.ndarray:
    """Return up to ``pairs`` test interactions, row numbers, whose user and item have training interactions."""
    rows = encoded.rows("test")
    known = (encoded.train_degree_user[encoded.user[rows]] > 0) & (encoded.train_degree_item[encoded.item[rows]] > 0)
    rows = rows[known]
    return np.sort(np.random.default_rng(seed).permutation(rows)[:pairs])


def id_gradients(network: CTRNetwork, user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Return the gradient of each pair's logit with respect to its two encoded IDs, float64 (pairs, 2, dim)."""
    users, items = torch.from_numpy(user), torch.from_numpy(item)
    with torch.no_grad():
        fields = network.embed(users, items)
    ids = fields[:, :2].clone().requires_grad_()
    logits = network.model(torch.cat([ids, fields[:, 2:]], dim=1))
    return torch.autograd.grad(logits.sum(), ids)[0].double().numpy()


def rows_of_map(encoded: Encoded, network: CTRNetwork, nodes: np.ndarray, edges: str) -> np.ndarray:
    """Return rows of p(S), (nodes, all nodes): those of the identity without message passing."""
    size = network.ids.table.shape[0]
    columns = lightgcn.unit_columns(size, nodes)
    if not isinstance(network.ids, LightGCNEncoder):
        return columns.T
    matrix = operators.symmetric(training_graph(encoded, edges))  # type: ignore[arg-type]
    return lightgcn.propagate(matrix, network.ids.readout, columns).T  # p(S) is symmetric


def node_sensitivities(encoded: Encoded, result: RunResult, rows: np.ndarray) -> pd.DataFrame:
    """Return one row a node of the sampled pairs, with its degree and :func:`~ctrnb.theory.lightgcn.harmonic_degree`.

    Both are of the graph of the run's own edges: 0 and infinite for a node that has none.

    ``total``, the norm of the logit's gradient with respect to the whole table; ``through``, of the part through this node;
    ``head``, of the gradient with respect to z_n; and ``constant``, c_n. Each norm is the geometric mean over the node's pairs
    that have a gradient, 0 where none has. (A root mean square would grow with the number of pairs, hence with the degree:
    the logarithm of a mean is larger, the more a mean is of, even where gradients have nothing to do with the degree.)

    Args:
        rows: interactions (:func:`sample_pairs`).
    """
    network, edges = network_of(encoded, result), result.row["settings"]["encoder"]["edges"]
    user, item = encoded.user[rows], encoded.item[rows]
    gradient = id_gradients(network, user, item)
    node = np.stack(
        [encoded.user_side.id_code[user], encoded.user_side.num_ids + encoded.item_side.id_code[item]], axis=1
    )
    nodes, place = np.unique(node, return_inverse=True)
    place = place.reshape(node.shape)
    maps = rows_of_map(encoded, network, nodes, edges)
    constant = np.linalg.norm(maps, axis=1)
    head = np.linalg.norm(gradient, axis=2)
    through = head * constant[place]
    cross = (gradient[:, 0] * gradient[:, 1]).sum(axis=1) * np.einsum("nk,nk->n", maps[place[:, 0]], maps[place[:, 1]])
    total = np.sqrt(np.maximum((through**2).sum(axis=1) + 2 * cross, 0))
    graph = training_graph(encoded, edges)
    degree, harmonic = operators.degrees(graph), lightgcn.harmonic_degree(graph)
    tables = []
    for number, side in enumerate(SIDES):
        norms = pd.DataFrame({"total": total, "through": through[:, number], "head": head[:, number]})
        of_node = np.log(norms.where(norms > 0)).groupby(place[:, number])
        table = np.exp(of_node.mean()).fillna(0.0).assign(pairs=of_node.size())
        own = nodes[table.index]
        table = table.reset_index(drop=True).assign(side=side, node=own, degree=degree[own], harmonic=harmonic[own])
        tables.append(table.assign(constant=constant[np.searchsorted(nodes, own)]))
    return pd.concat(tables, ignore_index=True)


def slope(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Return the weighted least-squares slope of y on x."""
    x = x - np.average(x, weights=weight)
    return float((weight * x * y).sum() / (weight * x * x).sum())


def elasticities(
    tables: Sequence[pd.DataFrame], *, by: str = "degree", repeats: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Return the elasticity of each part of the sensitivity in a node's degree, a row a side and part.

    Columns: side, part (:data:`PARTS`), value, low, high (95 %, over nodes drawn anew and seeds), rank (Spearman's
    correlation, mean over seeds), nodes, silent, verdict: falls, rises, or no trend beyond chance. ``through`` is
    ``head`` plus ``constant``. A logarithm needs a gradient and a degree: nodes without any gradient in one of the runs,
    such as those whose entries AFN's logarithm cuts off, and nodes without edges are left out and counted as ``silent``.

    Args:
        tables: of :func:`node_sensitivities` on the same pairs, one a training seed.
        by: ``degree`` or ``harmonic``.

    Raises:
        MetricError: a side has fewer than three degrees.
    """
    rows = []
    for side in SIDES:
        of_side = [table[table["side"] == side] for table in tables]
        heard = np.all([(table[list(PARTS)] > 0).all(axis=1).to_numpy() for table in of_side], axis=0)
        heard &= (of_side[0]["degree"] > 0).to_numpy()
        of_side = [table[heard] for table in of_side]
        x = np.log10(of_side[0][by].to_numpy(np.float64))
        n = len(x)
        if len(np.unique(x)) < 3:
            raise MetricError(f"{n} {side}s of fewer than three degrees: a slope needs more. Sample more pairs.")
        rng = np.random.default_rng(seed)
        weights = [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(repeats)]
        for part in PARTS:
            ys = [np.log10(table[part].to_numpy()) for table in of_side]
            values = np.array([slope(x, y, np.ones(n)) for y in ys])
            found = estimate(values, np.array([[slope(x, y, w) for y in ys] for w in weights]))
            low, high = found.interval()
            said = "rises" if low > 1e-9 else "falls" if high < -1e-9 else "no trend beyond chance"
            row: dict[str, Any] = {"side": side, "part": part, "value": found.value, "low": low, "high": high}
            rows.append(row | {"rank": rank(x, ys), "nodes": n, "silent": int((~heard).sum()), "verdict": said})
    return pd.DataFrame(rows)


def rank(x: np.ndarray, ys: Sequence[np.ndarray]) -> float:
    """Return Spearman's rank correlation, mean over seeds; 0 where y is constant."""
    varying = [y for y in ys if np.ptp(y) > 1e-12]
    return float(np.mean([stats.spearmanr(x, y).statistic for y in varying])) if varying else 0.0
