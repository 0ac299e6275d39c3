"""A wrong formula must change a verdict: each mutation here falsifies one, and the statements that rest on it notice."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from ctrnb.theory import (
    activations,
    effort,
    lightgcn,
    lipschitz,
    mci,
    mci_claims,
    operators,
    potential,
    signs,
    slopes,
    smt,
    symbolic,
)
from ctrnb.theory.claims import OPEN, Outcome, Suite
from ctrnb.theory.expression import BASE, CHANGE, parse_cost
from ctrnb.theory.suites import SUITES

EXPECTED = {
    "proven": {
        "lipschitz.node-jacobian", "lipschitz.node-bound", "lipschitz.node-linear", "lipschitz.node-factor",
        "lipschitz.node-degree", "lipschitz.pair", "lipschitz.whole-operator", "lipschitz.whole-star", "lipschitz.whole-least",
        "lipschitz.whole-degrees", "lipschitz.mp-symmetric", "lipschitz.activations", "lightgcn.whole",
        "lightgcn.uniform", "lightgcn.node", "lightgcn.harmonic", "mci.condition-i-gain",
        "mci.condition-i-loss", "mci.condition-i-mixed", "mci.condition-ii-gain", "mci.condition-ii-loss", "mci.condition-ii-mixed",
        "mci.sign", "mci.equation-10", "mci.bounds", "mci.difference", "kcore.density", "mci.potential", "mci.path", "mci.monotone", "mci.concave", "mci.examples", "mci.engines", "mci.a-fortiori", "mci.bounded",
    },
    "corrected": {
        "lipschitz.constant-change", "lipschitz.constant-sensitivity", "lipschitz.node-eq16", "lipschitz.sketch-step", "lipschitz.node-nonlinear", "lipschitz.node-isolated",
        "lipschitz.whole-printed", "lipschitz.whole-insight", "lipschitz.mp-decreases", "lipschitz.mp-self-mean",
        "lightgcn.equation-9", "lightgcn.simplification", "lightgcn.degree", "lightgcn.pair", "lightgcn.decreases", "mci.condition-iii-gain", "mci.condition-iii-loss", "mci.condition-iii-zero", "mci.condition-iii-opposite",
        "mci.equation-23", "mci.ranking",
    },
    "observed": {"lipschitz.search", "lightgcn.real", "mci.yelp-gains", "mci.yelp-losses", "mci.yelp-losses-all"},
    "refuted": {"kcore.interactions-per-user", "lipschitz.whole-real", "mci.ml-1m", "mci.yelp-gains-all", "mci.yelp-losses-size"},
}  # fmt: skip


def verdict(id: str) -> str:
    return SUITES[id.partition(".")[0]].run(id).verdict


@pytest.mark.parametrize("id", [id for suite in SUITES.values() for id in suite.checks])
def test_every_statement_has_the_verdict_that_mathematics_gives_it(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the synthetic graph, so that the verdicts do not hang on real data."""
    monkeypatch.delenv("CTRNB_DATA", raising=False)
    statement = SUITES[id.partition(".")[0]].run(id)
    assert id in EXPECTED.get(statement.verdict, set()), statement.evidence
    assert statement.method and statement.evidence and statement.source


def scaled(function: Callable, factor: float) -> Callable:
    return lambda *given, **named: factor * function(*given, **named)


def flipped(cost: str) -> sp.Expr:
    return parse_cost(cost)


GELU = activations.ACTIVATIONS["gelu"]
MUTATIONS: dict[str, tuple[Any, str, Any, list[str]]] = {
    "half the spectral norm": (
        lipschitz, "spectral_norm", scaled(lipschitz.spectral_norm, 0.5),
        ["lipschitz.node-linear", "lipschitz.whole-operator", "lipschitz.whole-printed", "lipschitz.search"],
    ),
    "the Frobenius norm for the spectral norm": (
        lipschitz, "spectral_norm", np.linalg.norm, ["lipschitz.node-linear", "lipschitz.whole-operator"],
    ),
    "a node's factor with 1/k squared": (
        lipschitz, "node_factor", lambda k: np.sqrt(1 + 1 / np.maximum(np.asarray(k, float), 1) ** 2),
        ["lipschitz.node-bound", "lipschitz.node-factor", "lipschitz.node-degree", "lipschitz.mp-decreases"],
    ),
    "a factor below 1": (
        lipschitz, "node_factor", lambda k: np.sqrt(1 - 1 / (1 + np.asarray(k, float))),
        ["lipschitz.node-bound", "lipschitz.node-degree", "lipschitz.mp-decreases"],
    ),
    "Equation 7 without its root": (
        lipschitz, "printed_bound", lambda degree, weight, sigma="identity": 0.9 * np.linalg.norm(weight),
        ["lipschitz.node-bound", "lipschitz.node-linear"],
    ),
    "Equation 7 raised above the truth": (
        lipschitz, "printed_bound", lambda degree, weight, sigma="identity": 99.0 * np.ones(np.shape(degree)),
        ["lipschitz.whole-printed", "lipschitz.whole-real"],
    ),
    "a wrong star": (lipschitz, "star_constant", lambda n: np.sqrt(n) + 1, ["lipschitz.whole-star"]),
    "a pair apart taken for joined": (
        lipschitz, "pair_factor", lambda a, b, joined: lipschitz.node_factor(a) * lipschitz.node_factor(b), ["lipschitz.pair"],
    ),
    "two rows taken for one": (
        lightgcn, "pair_constants", lambda graph, readout, pairs: lightgcn.node_constants(graph, readout, pairs[:, 0]), ["lightgcn.pair"],
    ),
    "a wrong biregular constant": (lipschitz, "biregular_constant", lambda a, b: 2.0, ["lipschitz.whole-degrees"]),
    "bounds by degrees that cross": (
        lipschitz, "degree_bounds", lambda graph: operators.Bracket(2.5, 2.0), ["lipschitz.whole-degrees", "lipschitz.whole-real"],
    ),
    "a mean that is a sum": (
        operators, "OPERATORS", operators.OPERATORS | {"update": lambda g: operators.update(g) + operators.adjacency(g)},
        ["lipschitz.whole-operator", "lipschitz.whole-star", "lipschitz.whole-least", "lightgcn.simplification"],
    ),
    "S normalised on one side": (
        operators, "OPERATORS", operators.OPERATORS | {"symmetric": operators.mean},
        ["lipschitz.mp-symmetric", "lightgcn.equation-9", "lightgcn.simplification"],
    ),
    "GELU taken for 1-Lipschitz": (
        activations.ACTIVATIONS, "gelu", activations.Activation(1.0, GELU.peak, GELU.function, GELU.slope),
        ["lipschitz.activations", "lipschitz.node-nonlinear", "lipschitz.search"],
    ),
    "the sigmoid taken for 1-Lipschitz": (
        slopes, "slope_supremum", lambda name: sp.Integer(1), ["lipschitz.activations"],
    ),
    "a wrong Gram factor": (
        symbolic, "general_gram_factor", lambda: (1 + 1 / sp.Symbol("k", positive=True) ** 2, sp.Symbol("k", positive=True)),
        ["lipschitz.node-bound", "lipschitz.node-linear"],
    ),
    "a wrong constant of LightGCN": (
        lightgcn, "whole_map", lambda graph, readout: operators.Bracket(2.0, 2.0), ["lightgcn.whole", "lightgcn.uniform", "lightgcn.real"],
    ),
    "per-node constants by own degree": (
        lightgcn, "node_constants", lambda graph, readout, nodes=None: 1 / np.sqrt(1 + operators.degrees(graph)[nodes if nodes is not None else slice(None)]),
        ["lightgcn.node", "lightgcn.degree"],
    ),
    "an arithmetic for the harmonic mean": (
        lightgcn, "harmonic_degree", lambda graph: np.maximum(operators.mean(graph) @ operators.degrees(graph).astype(float), 1e-9),
        ["lightgcn.harmonic", "lightgcn.degree"],
    ),
    "walks that never come back": (
        lightgcn, "return_probabilities", lambda graph, steps, nodes: np.eye(steps + 1)[:, :1] * np.ones(len(nodes)), ["lightgcn.node", "lightgcn.real"],
    ),
    "Equation 10 upside down": (
        mci, "MCI", flipped("log((1 - p - c) / (1 - p))"),
        ["mci.condition-i-gain", "mci.condition-i-loss", "mci.condition-i-mixed", "mci.condition-ii-gain", "mci.condition-ii-loss",
         "mci.condition-ii-mixed", "mci.sign", "mci.equation-10",
         "mci.equation-23", "mci.potential"],
    ),
    "relative change for MCI": (
        mci, "MCI", flipped("c / p"), ["mci.condition-iii-gain", "mci.condition-iii-loss", "mci.potential", "mci.equation-10"],
    ),
    "a potential with a sign wrong": (
        potential, "is_potential_of", lambda cost, candidate: sp.simplify(cost - candidate.subs(potential.POINT, BASE + CHANGE)) == 0,
        ["mci.potential", "mci.concave"],
    ),
    "a sympy that errs": (signs, "decide", lambda cost, name, change: (True, False), ["mci.condition-iii-gain", "mci.engines"]),
    "a z3 that errs": (smt, "decide", lambda cost, name, change: (False, True), ["mci.condition-i-gain", "mci.engines"]),
    "an MCI of percent": (mci_claims, "measured", lambda base, change: 100 * change / base, ["mci.equation-10"]),
    "Table 4 ranked by MCI alone": (
        effort, "MEASURES", {name: effort.MEASURES["MCI"] for name in effort.MEASURES}, ["mci.ranking"],
    ),
    "Table 4 ranked against the gains": (
        effort, "MEASURES", {name: scaled(measure, -1.0) for name, measure in effort.MEASURES.items()}, ["mci.yelp-losses"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_formula_changes_the_verdict(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CTRNB_DATA", raising=False)
    place, attribute, wrong, ids = MUTATIONS[name]
    if isinstance(place, dict):
        monkeypatch.setitem(place, attribute, wrong)
    else:
        monkeypatch.setattr(place, attribute, wrong)
    right = {id: expected for expected, group in EXPECTED.items() for id in group}
    kept = [id for id in ids if verdict(id) == right[id]]
    assert not kept


def test_equation_10_upside_down_is_refuted_rather_than_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mci, "MCI", flipped("log((1 - p - c) / (1 - p))"))
    assert verdict("mci.condition-i-gain") == "corrected"
    monkeypatch.setattr(mci, "MCI", flipped("log((p + c) / p)"))
    assert verdict("mci.condition-iii-gain") == "proven"


def test_an_unestablished_statement_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lipschitz, "star_constant", lambda n: n)
    assert verdict("lipschitz.whole-star") == OPEN


def test_suites_are_suites() -> None:
    assert all(isinstance(suite, Suite) for suite in SUITES.values())


def failing(id: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of a statement's parts are not shown."""
    check = SUITES[id.partition(".")[0]].checks[id][2]
    found: list[bool] = []

    def count(*, method: str, proof=None, observation=None, refutation=None, correction=None, **_: str) -> Outcome:
        groups = (proof, observation, refutation, correction)
        found.extend(held for parts in groups for held in (parts or {}).values())
        return Outcome(OPEN, method, "")

    monkeypatch.setattr(inspect.getmodule(check), "decide", count)
    check()
    return len(found) - sum(map(bool, found))


def nothing(*_: Any, **__: Any) -> bool:
    return False


HELPERS = {"allclose": (np, "allclose", nothing), "is_zero": (symbolic, "is_zero", nothing),
           "holds": (smt, "holds", lambda *_: None), "proves": (smt, "proves", nothing)}  # fmt: skip
RESTS_ON: dict[str, dict[str, int]] = {  # how many more parts fail where the comparison always does
    "allclose": {
        "lipschitz.node-bound": 1, "lipschitz.sketch-step": 1, "lipschitz.node-linear": 3, "lipschitz.node-factor": 3,
        "lipschitz.node-nonlinear": 2, "lipschitz.pair": 2, "lipschitz.node-isolated": 1, "lipschitz.node-degree": 1,
        "lipschitz.whole-printed": 1, "lipschitz.whole-operator": 2, "lipschitz.whole-star": 2, "lipschitz.whole-degrees": 1,
        "lipschitz.whole-insight": 2, "lipschitz.mp-decreases": 1, "lipschitz.mp-self-mean": 3, "lipschitz.mp-symmetric": 2,
        "lightgcn.equation-9": 2, "lightgcn.simplification": 2, "lightgcn.whole": 3, "lightgcn.uniform": 2, "lightgcn.node": 1, "lightgcn.harmonic": 1,
        "lightgcn.degree": 2, "lightgcn.pair": 2, "lightgcn.decreases": 3, "mci.equation-10": 1,
    },
    "is_zero": {"lipschitz.node-jacobian": 1, "lipschitz.node-bound": 1, "lipschitz.node-linear": 1,
                "lipschitz.whole-operator": 1},
    "holds": {"mci.condition-i-gain": 1, "mci.condition-ii-loss": 1, "mci.condition-iii-gain": 2, "mci.condition-iii-zero": 2, "mci.sign": 1,
              "mci.engines": 1},
    "proves": {"lipschitz.node-bound": 1, "lipschitz.node-eq16": 1, "lipschitz.node-nonlinear": 1, "mci.path": 2, "mci.bounds": 1, "kcore.density": 1,
               "mci.monotone": 1, "mci.concave": 1, "mci.a-fortiori": 1, "mci.bounded": 2, "mci.condition-iii-opposite": 2},
}  # fmt: skip


@pytest.mark.parametrize("helper", RESTS_ON)
def test_every_part_that_rests_on_a_comparison_fails_with_it(helper: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of nothing, such as one over no graphs, would hold whatever the comparison says."""
    monkeypatch.delenv("CTRNB_DATA", raising=False)
    before = {id: failing(id, monkeypatch) for id in RESTS_ON[helper]}
    monkeypatch.setattr(*HELPERS[helper])
    assert {id: failing(id, monkeypatch) - before[id] for id in RESTS_ON[helper]} == RESTS_ON[helper]
