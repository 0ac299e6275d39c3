"""Each part of a verdict is shown something false, most often in one case alone, and is the part that fails."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sympy as sp

from ctrnb.theory import (
    checks,
    effort,
    kcore_claims,
    lightgcn,
    lightgcn_claims,
    lipschitz,
    lipschitz_node_claims,
    mci,
    mci_claims,
    operators,
    potential,
    search,
    slopes,
    symbolic,
)
from ctrnb.theory.activations import ACTIVATIONS
from ctrnb.theory.claims import OPEN, Outcome, decide
from ctrnb.theory.operators import Bracket
from ctrnb.theory.suites import SUITES

K = sp.Symbol("k", integer=True, positive=True)


def parts(id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a statement's parts in their order, proof or observation, refutation and correction: T for one that holds, else F."""
    check, found = SUITES[id.partition(".")[0]].checks[id][2], []

    def record(*, proof=None, observation=None, refutation=None, correction=None, **named: Any) -> Outcome:
        groups = (proof, observation, refutation, correction)
        found.append("".join("FT"[bool(held)] for each in groups for held in (each or {}).values()))
        return decide(proof=proof, observation=observation, refutation=refutation, correction=correction, **named)

    monkeypatch.setattr(inspect.getmodule(check), "decide", record)
    check()
    return found[-1]


def wrong(place: Any, name: str, change: Callable[[Any], Any], when: Callable[..., bool] = lambda *_, **__: True):
    """Return what puts a function's result through ``change`` in those cases alone that ``when`` picks by its arguments."""
    right = getattr(place, name)
    return place, name, lambda *a, **n: change(right(*a, **n)) if when(*a, **n) else right(*a, **n)


def gives(place: Any, name: str, value: Any) -> tuple:
    return place, name, lambda *_, **__: value


def times(factor: float) -> Callable:
    return lambda value: factor * value


def loose(lower: float = 1.0, upper: float = 1.0) -> Callable:
    return lambda bracket: Bracket(bracket.lower * lower, bracket.upper * upper)


def shaped(users: int, items: int, edges: int, aggregate: str = "update") -> Callable[..., bool]:
    """Pick one shape of graph under one operator."""
    return lambda graph, name="update": (
        (graph.num_users, graph.num_items, len(graph.user), name) == (users, items, edges, aggregate)
    )  # fmt: skip


def norm(shape: tuple, change: Callable) -> tuple:
    return wrong(checks, "dense_norm", change, shaped(*shape))


def at(value: Any) -> Callable[..., bool]:
    """Pick the cases in which the first argument is, or holds, a value."""
    return lambda first, *_, **__: bool(np.any(np.asarray(first) == value))


def by(name: str) -> Callable[..., bool]:
    """Pick one activation."""
    return lambda degree, weight, sigma="identity": sigma == name


def only_at(value: float, change: Callable) -> Callable:
    """Change the entry of an array of factors that belongs to one degree."""
    right = lipschitz.node_factor
    return lambda degree: np.where(np.asarray(degree) == value, change(right(degree)), right(degree))


def gram(factor: sp.Expr) -> list[tuple]:
    """A factor for symbolic k that the numeric checks do not see."""
    return [gives(symbolic, "general_gram_factor", (factor, K)), gives(checks, "general_factor_holds", True)]


def constant(name: str, factor: float) -> tuple:
    return ACTIVATIONS, name, replace(ACTIVATIONS[name], constant=factor * ACTIVATIONS[name].constant)


def quotient(share: float) -> list[tuple]:
    """A search that finds a share of every bound."""
    one = Bracket(1.0, 1.0)
    return [
        gives(lipschitz, "node_constant", one),
        gives(lipschitz, "whole_map", one),
        gives(search, "adversary", share),
    ]


def enclosed(supremum: float = 1.0, lower: float = 1.0, upper: float = 1.0, name: str = "tanh") -> list[tuple]:
    """Slopes enclosed at once, of one activation wrongly: each end and the supremum as a share of its constant."""
    one = {each: entry.constant for each, entry in ACTIVATIONS.items()}
    return [
        (slopes, "slope_supremum", lambda each: sp.Float((supremum if each == name else 1) * one[each], 20)),
        (slopes, "slope_enclosure", lambda each, cells: Bracket(
            (lower if each == name else 0.9) * one[each], (upper if each == name else 1.1) * one[each])),
    ]  # fmt: skip


def shape(
    first: int, second: int, i: bool = True, ii: bool = True, iii: bool = False, back: bool = True
) -> list[tuple]:
    """What is found out of one potential: the signs of F' and F'', the conditions met and the reverse of (iii)."""
    row = {"first": first, "second": second, "i": i, "ii": ii, "iii": iii, "iii reversed": back}
    return [gives(mci_claims, "shapes_of_potentials", [row]),
            gives(potential, "monotone_equivalence", True), gives(potential, "concave_equivalence", True)]  # fmt: skip


def met(**others: list[bool]) -> list[tuple]:
    """Which of its eight conditions each cost meets; by default as it is."""
    true, texts = [True] * 8, {text: name for name, text in mci.COSTS.items()}
    held = {name: [True] * 6 + [False] * 2 if name in ("MCI", "absolute change") else true for name in mci.COSTS}
    held |= {name.replace("_", " "): each for name, each in others.items()}
    return [(mci, "conditions", lambda text: [SimpleNamespace(holds=each) for each in held[texts[text]]])]


def decided(*, z3: bool = False, pair: bool = True, base: Any = Fraction(1, 4)) -> list[tuple]:
    """Conditions of each cost: one that holds, and one that fails, with what is asked of it."""
    point = (base, Fraction(1, 4))
    example = mci.Counterexample(point, point, (0.0, 0.0)) if pair else None
    holds = mci.Condition("i", "c > 0", True, True, False, False, None)
    fails = mci.Condition("iii", "c > 0", False, z3, True, True, example)
    return [gives(mci, "conditions", [holds, fails])]


def concluded(of: int, held: int) -> list[tuple]:
    """Conclusions on Table 4 that hold by MCI in ``held`` of ``of`` settings."""
    row = {"of": of, "MCI": held, "absolute": held, "relative": held, "relies_on_iii": 0, "exceptions": []}
    row |= {"wanted": "all", "holds": held == of}
    return [gives(effort, "conclusions", pd.DataFrame([row | {"id": id} for id in mci_claims.CONCLUSIONS]))]


def compared(changes: list[bool], firmly: list[bool]) -> list[tuple]:
    return [gives(effort, "comparisons", pd.DataFrame({"changes": changes, "changes_firmly": firmly}))]


ALGEBRA = gives(checks, "gram_factor_holds", True)  # saves time where it is not what is asked
FAULTS: dict[str, tuple[list[tuple], dict[str, str]]] = {
    # One node's output
    "an identity of constant 3/2": ([constant("identity", 1.5)], {"lipschitz.node-eq16": "FTT"}),
    "an identity of constant 1 - 1e-9": ([constant("identity", 1 - 1e-9)], {"lipschitz.node-eq16": "FFT"}),
    **{
        f"{name} of constant {share}": ([constant(name, share)], {"lipschitz.node-eq16": "TFT"})
        for name, share in (("relu", 1 - 1e-9), ("leaky_relu", 1 - 1e-9), ("tanh", 0.9), ("sigmoid", 0.9), ("gelu", 0.9))
    },
    "a Jacobian of one norm at all points": (
        [gives(checks, "jacobian_norm", 2**0.5)], {"lipschitz.sketch-step": "FT"},
    ),
    "a Jacobian whose norm is too small": (
        [wrong(checks, "jacobian_norm", times(1 - 1e-6))],
        {"lipschitz.sketch-step": "TF", "lipschitz.node-linear": "TFT", "lipschitz.node-isolated": "TF"},
    ),
    "Equation 7 a little below the spectral constant": (
        [ALGEBRA, (lipschitz, "printed_bound", lambda k, w, name: (
            lipschitz.node_constant(k, w, name).upper * ((1 - 1e-9) if (k, name) == (7, "gelu") else 1)))],
        {"lipschitz.node-bound": "TTTF"},
    ),
    "a looseness below 1": (
        [wrong(lipschitz, "printed_bound", times(1 - 1e-6))], {"lipschitz.node-linear": "TTF"},
    ),
    "a constant from below alone": (
        [wrong(lipschitz, "node_constant", loose(lower=1 - 1e-6))], {"lipschitz.node-linear": "TFT", "lipschitz.node-isolated": "TF"},
    ),
    "a constant from above alone": (
        [wrong(lipschitz, "node_constant", loose(upper=1 + 1e-6))], {"lipschitz.node-linear": "TFF", "lipschitz.node-isolated": "TF"},
    ),
    "a factor with a value without neighbours": (
        [gives(symbolic, "general_gram_factor", (2 + K, K))], {"lipschitz.node-isolated": "FT"},
    ),
    "a factor wrong at k = 29": (
        [ALGEBRA, (lipschitz, "node_factor", only_at(29, times(1 + 1e-4)))],
        {"lipschitz.node-factor": "FFT", "lipschitz.node-bound": "TFTT", "lipschitz.node-degree": "TTTF"},
    ),
    "a factor wrong at k = 50": (
        [ALGEBRA, (lipschitz, "node_factor", only_at(50, times(1 + 1e-6)))],
        {"lipschitz.node-factor": "TFT", "lipschitz.node-bound": "TFTT", "lipschitz.node-degree": "TTTF"},
    ),
    "a factor wrong at k = 2": (
        [(lipschitz, "node_factor", only_at(2, times(1 + 1e-4)))],
        {"lipschitz.node-factor": "FFF", "lipschitz.node-degree": "TTTF"},
    ),
    "a factor that rises at the end": (
        [(lipschitz, "node_factor", only_at(2000, times(1.001)))], {"lipschitz.node-degree": "TTFT"},
    ),
    "a factor that ends at 1": (
        [(lipschitz, "node_factor", only_at(2000, lambda found: found**0))], {"lipschitz.node-degree": "TTFT"},
    ),
    "a factor that is 1 at k = 1": (
        [(lipschitz, "node_factor", only_at(1, lambda found: found**0))], {"lipschitz.mp-decreases": "FFFTT"},
    ),
    "a factor that is 1 at k = 1000": (
        [(lipschitz, "node_factor", only_at(1000, lambda found: found**0))], {"lipschitz.mp-decreases": "TTFTT"},
    ),
    "a symbolic factor that rises": (gram(2 - 1 / K), {"lipschitz.node-degree": "FFTT", "lipschitz.mp-decreases": "TFTTT"}),
    "a symbolic factor that falls to 2": (gram(2 + 1 / K), {"lipschitz.node-degree": "TFTT", "lipschitz.mp-decreases": "TTTTT"}),
    "a symbolic factor below 1": (gram(1 - 1 / (2 * K)), {"lipschitz.node-degree": "FTTT", "lipschitz.mp-decreases": "TFTTT"}),
    "a symbolic factor of 1": (gram(sp.S.One), {"lipschitz.node-degree": "FTTT", "lipschitz.mp-decreases": "TFTTT"}),
    "message passing that changes nothing under GELU": (
        [wrong(lipschitz, "node_constant", lambda b: Bracket(b.lower * 0.75**0.5, b.upper), by("gelu"))],
        {"lipschitz.mp-decreases": "TTTFT"},
    ),
    # One node's output under ReLU
    "a pair of points above sqrt(2)": ([gives(search, "adversary", 1.43)], {"lipschitz.node-nonlinear": "FTTT"}),
    "a formula near what was found": (
        [gives(search, "adversary", 2**0.5),
         wrong(lipschitz, "node_constant", lambda b: Bracket(b.lower, 1.435), lambda k, w, name: w.shape == (2, 2))],
        {"lipschitz.node-nonlinear": "FTTT"},
    ),
    "a width of 1 for which the formula is not exact": (
        [gives(search, "adversary", 2**0.5),
         wrong(lipschitz, "node_constant", loose(lower=0.999), lambda k, w, name: w.size == 1 and w[0, 0] < 0 and name == "gelu")],
        {"lipschitz.node-nonlinear": "TFTT"},
    ),
    "points that miss GELU's peak": (
        [gives(search, "adversary", 2**0.5), wrong(lipschitz, "peak_point", times(0.9), lambda w, sigma: sigma is ACTIVATIONS["gelu"])],
        {"lipschitz.node-nonlinear": "TTFT", "lipschitz.whole-operator": "TTF"},
    ),
    "points found where there are none": (
        [gives(search, "adversary", 2**0.5), wrong(lipschitz_node_claims, "sector_supremum", times(0.5), lambda w, name: len(w) == 3)],
        {"lipschitz.node-nonlinear": "TTTF"},
    ),
    # A pair
    "a pair with a wrong inner product": ([gives(symbolic, "pair_forms_hold", False)], {"lipschitz.pair": "FTTT"}),
    "a joined pair taken for apart": (
        [wrong(lipschitz, "pair_factor", lambda f: f * 1.001, lambda a, b, joined: joined and a == b == 3)],
        {"lipschitz.pair": "TFTT"},
    ),
    "a pair that message passing leaves": ([gives(lipschitz, "pair_factor", np.array(1.0))], {"lipschitz.pair": "TFFF"}),
    "a pair below what is attained": (
        [wrong(lipschitz, "feature_map", loose(upper=0.999))], {"lipschitz.pair": "TTTF"},
    ),
    "pairs of LightGCN that are all reduced": ([wrong(lightgcn, "pair_constants", times(0.9))], {"lightgcn.pair": "FFTT"}),
    "pairs joined to more than each other": (
        [gives(lightgcn_claims, "tested_graphs", [operators.star(1)]), gives(checks, "joined", np.array([[False]]))],
        {"lightgcn.pair": "TTTF"},
    ),
    "a ring above a path": ([norm((2, 2, 4), lambda _: 2.1)], {"lipschitz.whole-insight": "TTFFF"}),
    # The whole map
    "a pair of points at Equation 7": ([gives(search, "adversary", 2**0.5)], {"lipschitz.whole-printed": "FTT"}),
    "a single edge at Equation 7": (
        [gives(search, "adversary", 2.0), norm((1, 1, 1), lambda _: 2**0.5)],
        {"lipschitz.whole-printed": "FTF", "lipschitz.whole-least": "FT", "lipschitz.mp-decreases": "TTTTF"},
    ),
    "a single edge below Equation 7": (
        [gives(search, "adversary", 2.0), norm((1, 1, 1), lambda _: 1.4)], {"lipschitz.whole-printed": "FTF"},
    ),
    "a single edge below 2": (
        [norm((1, 1, 1), lambda _: 2 - 1e-6)], {"lipschitz.whole-least": "FT", "lipschitz.mp-decreases": "TTTTF"},
    ),
    "a single edge above 2": ([norm((1, 1, 1), lambda _: 2 + 1e-6)], {"lipschitz.whole-least": "TF", "lipschitz.whole-insight": "TTTFF"}),
    "the largest complete graph below 2": ([norm((3, 3, 9), lambda _: 2 - 1e-6)], {"lipschitz.whole-least": "FT"}),
    "a path taken for regular": ([norm((1, 2, 2), lambda _: 2.0)], {"lipschitz.whole-least": "TF", "lipschitz.whole-insight": "FFTTF"}),
    "Equation 7 above the truth at degree 3": (
        [(lipschitz, "printed_bound", lambda k, w, name="identity": np.where(np.asarray(k) == 3, 99.0, 1.0))],
        {"lipschitz.whole-printed": "TTF"},
    ),
    "a bracket of the whole map that stays open": (
        [wrong(lipschitz, "whole_map", loose(lower=1 - 1e-6))], {"lipschitz.whole-printed": "TFT", "lipschitz.whole-operator": "TFT"},
    ),
    "a bracket of the whole map beside it": (
        [wrong(lipschitz, "whole_map", loose(1 + 1e-5, 1 + 1e-5))],
        {"lipschitz.whole-printed": "TFT", "lipschitz.whole-operator": "TFF"},
    ),
    "a star wrong at 100 leaves": (
        [wrong(lipschitz, "star_constant", times(1 + 1e-6), at(100))], {"lipschitz.whole-star": "FFT"},
    ),
    "a star measured wrongly at 100 leaves": ([norm((1, 100, 100), times(1 + 1e-6))], {"lipschitz.whole-star": "TFT"}),
    "a star's norm with a limit": (
        [gives(symbolic, "star_norm", (2 - 1 / sp.Symbol("n"), sp.Symbol("n")))], {"lipschitz.whole-star": "FTF"},
    ),
    "a star's norm that falls for ever": (
        [gives(symbolic, "star_norm", (-sp.Symbol("n"), sp.Symbol("n")))], {"lipschitz.whole-star": "FTF"},
    ),
    "a star that falls at 20 leaves": ([norm((1, 20, 20), lambda _: 4.0)], {"lipschitz.whole-insight": "TFTTT"}),
    "a regular graph of degree 5 above 2": ([norm((5, 5, 25), lambda _: 2.01)], {"lipschitz.whole-insight": "TTTFT"}),
    "bounds by degrees too tight from above": (
        [wrong(lipschitz, "degree_bounds", loose(upper=0.5), lambda graph: len(graph.user) == 16)], {"lipschitz.whole-degrees": "FT"},
    ),
    "bounds by degrees too tight from below": (
        [wrong(lipschitz, "degree_bounds", loose(lower=2), lambda graph: len(graph.user) == 16 and graph.num_users == 8)],
        {"lipschitz.whole-degrees": "FT"},
    ),
    "bounds by degrees loose from above": (
        [wrong(lipschitz, "degree_bounds", loose(upper=1 + 1e-6))], {"lipschitz.whole-degrees": "TF", "lipschitz.whole-real": "T"},
    ),
    "bounds by degrees loose from below": (
        [wrong(lipschitz, "degree_bounds", loose(lower=1 - 1e-6))], {"lipschitz.whole-degrees": "TF", "lipschitz.whole-real": "T"},
    ),
    "bounds by degrees above the constant": (
        [wrong(lipschitz, "degree_bounds", loose(lower=3, upper=3))], {"lipschitz.whole-real": "F"},
    ),
    "bounds by degrees below the constant": (
        [wrong(lipschitz, "degree_bounds", loose(lower=0.1, upper=0.1))], {"lipschitz.whole-real": "F"},
    ),
    "Lanczos above the bracket": ([wrong(operators, "lanczos_norm", times(1 + 1e-5))], {"lipschitz.whole-real": "F"}),
    "Lanczos below the bracket": ([wrong(operators, "lanczos_norm", times(1 - 1e-5))], {"lipschitz.whole-real": "F"}),
    **{
        f"a biregular constant wrong with {kind}": (
            [wrong(lipschitz, "biregular_constant", times(1 + 1e-6), when)], {"lipschitz.whole-degrees": "TF"},
        )
        for kind, when in (
            ("equal degrees above 1", lambda a, b: a == b > 1), ("a star of items", lambda a, b: a > b == 1),
            ("a star of users", lambda a, b: b > a == 1), ("other degrees above 1", lambda a, b: a != b and min(a, b) > 1),
        )
    },
    "a self-mean that contracts a path": ([norm((1, 2, 2, "self_mean"), lambda _: 1.0)], {"lipschitz.mp-self-mean": "FTTTF"}),
    "a self-mean that expands an edge": ([norm((1, 1, 1, "self_mean"), lambda _: 1 + 1e-6)], {"lipschitz.mp-self-mean": "TFTTF"}),
    "rows of another norm": ([wrong(operators, "row_norms", times(1.001))], {"lipschitz.mp-self-mean": "TTFTT"}),
    "an edge that adds more to I - S": ([gives(symbolic, "laplacian_identities", (1, 0))], {"lipschitz.mp-symmetric": "FTTTT"}),
    "an edge that adds less to I + S": ([gives(symbolic, "laplacian_identities", (0, -1))], {"lipschitz.mp-symmetric": "FTTTT"}),
    "a loop that adds more to I + S": ([gives(symbolic, "loop_identities", (0, 1))], {"lipschitz.mp-symmetric": "TFTTT"}),
    "bounds by imbalance too tight": (
        [wrong(lipschitz, "imbalance_bounds", loose(upper=0.5), lambda graph: len(graph.user) == 16)], {"lipschitz.whole-insight": "TTTTF"},
    ),
    "an imbalance of inverses": ([wrong(lipschitz, "imbalance", lambda found: 1 / found)], {"lipschitz.whole-insight": "TTTTF"}),
    "S above 1 on one graph": ([norm((3, 3, 9, "symmetric"), lambda _: 1 + 1e-6)], {"lipschitz.mp-symmetric": "TTFTT"}),
    "S with loops below 1 on one graph": ([norm((3, 3, 9, "symmetric_self"), lambda _: 1 - 1e-6)], {"lipschitz.mp-symmetric": "TTTFT"}),
    "S above 1 on the training graph": ([gives(operators, "norm_bracket", Bracket(1 + 1e-6, 2))], {"lipschitz.mp-symmetric": "TTTTF"}),
    "S below 1 on the training graph": ([gives(operators, "norm_bracket", Bracket(0, 1 - 1e-6))], {"lipschitz.mp-symmetric": "TTTTF"}),
    "slopes that are enclosed": (enclosed(), {"lipschitz.activations": "TTTTTT"}),
    "a supremum a little too large": (enclosed(1 + 1e-9), {"lipschitz.activations": "TTTFTT"}),
    "slopes enclosed below the constant": (enclosed(upper=0.999, lower=0.9), {"lipschitz.activations": "TTTFTT"}),
    "slopes enclosed above the constant": (enclosed(upper=1.1, lower=1.001), {"lipschitz.activations": "TTTFTT"}),
    "quotients at every bound": (quotient(1.0), {"lipschitz.search": "TTF"}),
    "quotients above every bound": (quotient(1 + 1e-6), {"lipschitz.search": "FTT"}),
    "quotients far below every bound": (quotient(0.98), {"lipschitz.search": "TFF"}),
    # Constants as such, cores
    "a tanh of constant 2": (
        [gives(slopes, "slope_supremum", sp.Integer(2))], {"lipschitz.constant-change": "TFT", "lipschitz.constant-sensitivity": "TF"},
    ),
    "a tanh of constant 1/2": ([gives(slopes, "slope_supremum", sp.Rational(1, 2))], {"lipschitz.constant-sensitivity": "FF"}),
    "linear maps that change by another number": ([gives(checks, "close", False)], {"lipschitz.constant-change": "TFF"}),
    "cores of which one is less dense": (
        [wrong(kcore_claims, "rises", lambda _: False, lambda after, before: after[2] == 12)], {"kcore.density": "TF"},
    ),
    "an inequality of density unproven": ([gives(kcore_claims, "density_step_holds", False)], {"kcore.density": "FT"}),
    "users who keep their interactions": (
        [gives(kcore_claims, "cores", [(2, 3, 4), (2, 2, 4)])], {"kcore.interactions-per-user": "F"},
    ),
    # LightGCN
    "everything alike": ([gives(checks, "close", True)], {"lightgcn.equation-9": "FTT", "lightgcn.simplification": "FTT"}),
    "an update that is smaller on one edge": (
        [wrong(checks, "dense_norm", lambda _: 1.9, shaped(1, 1, 1, "update"))], {"lightgcn.simplification": "TTF"},
    ),
    "a bracket open for read-outs of both signs": (
        [wrong(lightgcn, "whole_map", loose(lower=0.999), lambda graph, a: min(a) < 0)], {"lightgcn.whole": "TTF"},
    ),
    "a bracket open for read-outs of one sign": (
        [wrong(lightgcn, "whole_map", loose(lower=0.999), lambda graph, a: min(a) >= 0)],
        {"lightgcn.whole": "TTF", "lightgcn.uniform": "FT"},
    ),
    "a bracket above the norm": ([wrong(lightgcn, "whole_map", loose(1.01, 1.01))], {"lightgcn.whole": "TFT", "lightgcn.uniform": "TF"}),
    "a bracket below the norm": ([wrong(lightgcn, "whole_map", loose(0.99, 0.99))], {"lightgcn.whole": "TFT", "lightgcn.uniform": "TF"}),
    "a uniform read-out wrong at 3 layers": (
        [wrong(lightgcn, "uniform", lambda _: (0.5, 0.0, 0.0, 0.0), at(3))], {"lightgcn.uniform": "FF", "lightgcn.decreases": "FTFF"},
    ),
    "a read-out of the first hop at 3 layers": (
        [wrong(lightgcn, "uniform", lambda _: (0.0, 1.0, 0.0, 0.0), at(3))], {"lightgcn.uniform": "TF", "lightgcn.decreases": "TFTF"},
    ),
    "a centre that changes at 50 leaves": (
        [wrong(lightgcn, "node_constants", times(1.001), lambda g, a, n=None: g.num_items == 50 and n[0] == 0)],
        {"lightgcn.degree": "TTFT"},
    ),
    "a leaf that a new edge leaves as it is": (
        [wrong(lightgcn, "node_constants", lambda _: np.array([0.5]), lambda g, a, n=None: g.num_users == 2 and len(a) == 4)],
        {"lightgcn.degree": "FTTT"},
    ),
    "a Heawood graph above K_(4,4)": (
        [wrong(lightgcn, "node_constants", times(1.1), lambda g, a, n=None: g.num_users == 7 and n is not None)],
        {"lightgcn.degree": "TTTF"},
    ),
    "a centre below the uniform bound": (
        [wrong(lightgcn, "uniform_node_bound", times(1 + 1e-6), at(4))], {"lightgcn.decreases": "TTTF"},
    ),
    "a node above the uniform bound": (
        [wrong(lightgcn, "uniform_node_bound", times(0.99), at(2))], {"lightgcn.decreases": "TFTF"},
    ),
    "harmonic degrees not established": ([gives(lightgcn_claims, "harmonic", Outcome(OPEN, "", ""))], {"lightgcn.degree": "TFTT"}),
    "bounds of nodes too tight from above": ([wrong(lightgcn, "node_bounds", loose(upper=0.9))], {"lightgcn.harmonic": "TF", "lightgcn.real": "F"}),
    "bounds of nodes too tight from below": ([wrong(lightgcn, "node_bounds", loose(lower=1.001))], {"lightgcn.harmonic": "TF", "lightgcn.real": "F"}),
    "nodes that are not below 1": ([wrong(lightgcn, "node_constants", lambda found: found / found.max())], {"lightgcn.real": "F"}),
    "constants that follow the own degree": (
        [gives(lightgcn_claims, "spearmanr", SimpleNamespace(statistic=-0.9))], {"lightgcn.real": "F"},
    ),
    "LightGCN's Lanczos beside 1": ([wrong(lightgcn, "lanczos_norm", times(1 + 1e-5))], {"lightgcn.real": "F"}),
    # MCI
    "a cost with a potential where costs do not add up": (
        [wrong(potential, "is_additive", lambda found: not found, at(mci.parse_cost("c / p")))], {"mci.path": "TTF"},
    ),
    "a relative change that adds up": (
        [gives(potential, "is_additive", True), gives(potential, "potential", sp.S.One)], {"mci.path": "TTF"},
    ),
    "an MCI that does not add up": (
        [gives(potential, "is_additive", False), gives(potential, "potential", None)], {"mci.path": "TTF", "mci.potential": "TFTT"},
    ),
    "a cost that cannot be undone": ([gives(potential, "is_antisymmetric", False)], {"mci.potential": "TTFT"}),
    "a cost of more than the share of the gap": ([gives(potential, "depends_on_share_of_gap_alone", False)], {"mci.potential": "TTTF"}),
    "a potential that rises": (shape(1, 1), {"mci.monotone": "TT", "mci.concave": "TTT"}),
    "a rising potential without (i)": (shape(1, 1, i=False), {"mci.monotone": "TF"}),
    "a rising potential without (ii)": (shape(1, 1, ii=False), {"mci.monotone": "TF"}),
    "a rising potential without either": (shape(1, 1, i=False, ii=False), {"mci.monotone": "TF"}),
    "a falling potential": (shape(-1, 1, i=False, ii=False), {"mci.monotone": "TT"}),
    "a falling potential with (i)": (shape(-1, 1, ii=False), {"mci.monotone": "TF"}),
    "a falling potential with (ii)": (shape(-1, 1, i=False), {"mci.monotone": "TF"}),
    "a falling potential with both": (shape(-1, 1), {"mci.monotone": "TF"}),
    "a concave potential": (shape(1, -1, iii=True, back=False), {"mci.concave": "TTT"}),
    "a concave potential without (iii)": (shape(1, -1, iii=False, back=False), {"mci.concave": "TFT"}),
    "a straight potential": (shape(1, 0, iii=False, back=False), {"mci.concave": "TTT"}),
    "a straight potential with (iii)": (shape(1, 0, iii=True, back=False), {"mci.concave": "TFT"}),
    "a straight potential with (iii) reversed": (shape(1, 0, iii=False, back=True), {"mci.concave": "TFT"}),
    "a convex potential with (iii)": (shape(1, 1, iii=True), {"mci.concave": "TFT"}),
    "a convex potential without (iii) reversed": (shape(1, 1, back=False), {"mci.concave": "TFT"}),
    "an F of MCI that is not convex": (
        [gives(potential, "curvature", (1, -1)), *shape(1, 1)], {"mci.concave": "TTF"},
    ),
    "costs that meet what they do": (met(), {"mci.examples": "TTTTT"}),
    "a potential at the edge": ([gives(sp, "limit", sp.S.One)], {"mci.bounded": "TTF"}),
    "a change of 0 that costs": (
        [(mci, "MCI", mci.parse_cost("log((1 - p) / (1 - p - c)) + log(1 + p)"))], {"mci.condition-iii-zero": "FFF"},
    ),
    "an evaluation that is flat": ([gives(mci, "evaluate", 1.0)], {"mci.condition-iii-opposite": "FFTT"}),
    "another function run on symbols": ([gives(mci_claims, "traced", mci.parse_cost("c / p"))], {"mci.equation-10": "TFT"}),
    "an MCI that meets (iii)": (met(MCI=[True] * 8), {"mci.examples": "FTTTT"}),
    "an absolute change that meets (iii)": (met(absolute_change=[True] * 8), {"mci.examples": "TFTTT"}),
    "a relative change that fails for losses": (met(relative_change=[True] * 7 + [False]), {"mci.examples": "TTFTT"}),
    "a log AUC that fails at first": (met(change_of_log_AUC=[False] + [True] * 7), {"mci.examples": "TTTFT"}),
    "a root AUC that fails": (met(change_of_root_AUC=[False] * 8), {"mci.examples": "TTTTF"}),
    "engines that agree": (decided(), {"mci.engines": "TT"}),
    "engines that differ": (decided(z3=True), {"mci.engines": "FT"}),
    "a failure without a counterexample": (decided(pair=False), {"mci.engines": "TF"}),
    "a counterexample in decimals": (decided(base=0.25), {"mci.engines": "TF"}),
    "no losses of which the larger has the smaller MCI": ([gives(effort, "not_a_fortiori_for_losses", False)], {"mci.a-fortiori": "TF"}),
    "comparisons of which one changes": (compared([True, False], [False, False]), {"mci.ranking": "FTTT"}),
    "comparisons that all change": (compared([True, True], [False, False]), {"mci.ranking": "FTFT"}),
    "comparisons of which none changes": (compared([False, False], [False, False]), {"mci.ranking": "FTFT"}),
    "comparisons of which one changes firmly": (compared([True, False], [True, False]), {"mci.ranking": "FTTF"}),
    "a conclusion on no setting": (concluded(0, 0), {"mci.ml-1m": "FF", "mci.yelp-gains": "FF", "mci.yelp-losses": "FF"}),
    "a conclusion that holds in one of one": (concluded(1, 1), {"mci.ml-1m": "TF", "mci.yelp-gains": "TF", "mci.yelp-losses": "TF"}),
    "a conclusion that fails in one of two": (concluded(2, 1), {"mci.ml-1m": "FT", "mci.yelp-gains": "FT", "mci.yelp-losses": "FT"}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_the_part_that_rests_on_it_fails_and_no_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CTRNB_DATA", raising=False)
    faults, expected = FAULTS[name]
    for place, attribute, value in faults:
        (monkeypatch.setitem if isinstance(place, dict) else monkeypatch.setattr)(place, attribute, value)
    assert {id: parts(id, monkeypatch) for id in expected} == expected


EVIDENCE = {  # numbers by hand
    "lipschitz.node-eq16": ["d = 2, identity: ||D||_F = 1.4142 > 1"],
    "lipschitz.sketch-step": [f"||J||_2 = {2**0.5 / np.cosh(2) ** 2:.4f} < L = 1.4142"],
    "lipschitz.node-linear": ["Looseness 1.000 (rank one) to 1.732 = sqrt(3)"],
    "lipschitz.whole-printed": ["the constant is 2.0000, Equation 7 gives 1.4142"],
    "lipschitz.whole-insight": [f"2.0000 rises to {3 / 2**0.5:.4f}"],
    "lipschitz.mp-decreases": ["1.4142 with it, 1 without"],
    "lightgcn.equation-9": [f"give {2 * 2 / 2**0.5:.3f} and {2 * 5 / 2**0.5:.3f}"],
    "lightgcn.simplification": ["on one edge Equation 4 without them has the norm 2, Equation 9 has 1"],
    "lightgcn.degree": [
        "the centre of K_(1,n) has 0.7071, 0.7071 and 0.7071 for n = 1, 2, 50",
        f"from 0.5774 to {(1 / 4 + (1 / 3 + 1) / 8) ** 0.5:.4f} for L = 1",
        "the Heawood graph has H = 3 and 0.4114, K_(4,4) has H = 4 and 0.4146",
    ],
    "mci.condition-iii-gain": [f"cost(1/4, 1/4) = {np.log(3 / 2):.4f}, cost(1/2, 1/4) = {np.log(2):.4f}"],
    "mci.condition-iii-loss": [f"cost(1/2, -1/4) = {np.log(2 / 3):.4f}, cost(3/4, -1/4) = {np.log(1 / 2):.4f}"],
    "mci.equation-10": ["equal at 110 points to 12 digits"],
    "mci.equation-23": ["the ratio is 3/4, printed 4/3"],
    "mci.ranking": ["12 rankings, 36 comparisons of two groups", "2 of 36 comparisons of two groups change"],
    "mci.ml-1m": [
        "By MCI in 5 of 6 settings; by absolute change in ",
        "by MCI 5 of 6, where all are wanted: not in FinalMLP FT",
    ],
    "mci.yelp-gains": ["By MCI in 4 of 5 settings", "Seen: by MCI in most"],
    "mci.yelp-gains-all": ["by MCI 1 of 2, where most are wanted: not in FinalMLP TS"],
    "mci.yelp-losses": ["By MCI in 4 of 4 settings"],
    "mci.yelp-losses-all": ["By MCI in 1 of 1 settings"],
    "mci.yelp-losses-size": ["By MCI in 2 of 4 settings"],
    "mci.condition-iii-opposite": ["MCI(0.7, +0.2) = +1.0986 against MCI(0.8, -0.2) = -0.6931"],
}


@pytest.mark.parametrize("id", EVIDENCE)
def test_evidence_gives_the_numbers_that_a_hand_gives(id: str) -> None:
    found = SUITES[id.partition(".")[0]].run(id).evidence
    assert all(each in found for each in EVIDENCE[id]), found
