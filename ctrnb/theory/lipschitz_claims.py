"""Statements on Theorem 1 and what surrounds it (Section 3.1, Appendix D): those of one node, of the whole map, with and
without message passing, and on constants as such, each with its check."""

import numpy as np
import sympy as sp

from ctrnb.theory import checks, lipschitz_mp_claims, lipschitz_node_claims, lipschitz_whole_claims, search, slopes
from ctrnb.theory import lipschitz as lip
from ctrnb.theory import operators as op
from ctrnb.theory.activations import ACTIVATIONS
from ctrnb.theory.claims import Outcome, Suite, decide

OURS = "ours, on Equation 4"
SUITE = Suite(lipschitz_node_claims.SUITE, lipschitz_whole_claims.SUITE, lipschitz_mp_claims.SUITE)


@SUITE.claim(
    "lipschitz.constant-change",
    "Section 2, after Equation 6",
    "The Lipschitz constant K of f is the largest change of the output that a perturbation of norm 1 causes.",
)
def constant_change() -> Outcome:
    x = sp.Symbol("x", real=True)
    change = sp.tanh(x + sp.Rational(1, 2)) - sp.tanh(x - sp.Rational(1, 2))
    written = 2 * sp.sinh(1) / (sp.cosh(2 * x) + sp.cosh(1))  # largest at x = 0, where cosh is least
    largest = float(2 * sp.tanh(sp.Rational(1, 2)))
    lines = [abs(slope * (point + 1) - slope * point) for slope in (-2.0, 0.5) for point in (0.0, 3.0)]
    return decide(
        method="symbolic",
        refutation={
            "tanh(x + 1/2) - tanh(x - 1/2) = 2 sinh 1/(cosh 2x + cosh 1)": sp.simplify(
                (change - written).rewrite(sp.exp)
            )
            == 0,
            f"so tanh, of constant {slopes.slope_supremum('tanh')}, changes by at most 2 tanh(1/2) = {largest:.4f}": bool(
                slopes.slope_supremum("tanh") == 1 > largest and checks.close(float(written.subs(x, 0)), largest)
            ),
        },
        correction={"x -> s x changes by its constant |s|": checks.close(lines, [2.0, 2.0, 0.5, 0.5])},
        correct="K bounds that change, by Equation 5 with ||x - y|| = 1, and linear maps attain it; others may stay below.",
    )


@SUITE.claim(
    "lipschitz.constant-sensitivity",
    "Section 2, last sentence",
    "Of two maps, that of the smaller Lipschitz constant is the less sensitive to its input.",
)
def constant_sensitivity() -> Outcome:
    x = sp.Symbol("x", real=True)
    slope = sp.diff(sp.tanh(x), x)
    at_one, at_rest = float(slope.subs(x, 1)), float(slope.subs(x, 0))
    constant = float(slopes.slope_supremum("tanh"))
    return decide(
        method="symbolic",
        refutation={
            f"x/2 has the constant 1/2, tanh has {constant:.0f}; at x = 1 their slopes are 1/2 and {at_one:.4f}": (
                at_one < 0.5 < constant
            ),
        },
        correction={
            f"where tanh is most sensitive, at 0, its slope is its constant, {at_rest:.0f}": at_rest == constant
        },
        correct="it has the smaller worst case, sup ||J||; at single points it may be the more sensitive of the two.",
    )


@SUITE.claim(
    "lipschitz.activations",
    OURS,
    "L_sigma is 1 for identity, ReLU, leaky ReLU and tanh, 1/4 for the sigmoid and (1 + erf(1))/2 + 1/(e "
    "sqrt(pi)) > 1 for GELU.",
)
def activation_constants() -> Outcome:
    parts = {}
    for name, entry in ACTIVATIONS.items():
        exact, enclosed = slopes.slope_supremum(name), slopes.slope_enclosure(name, cells=512)
        text = f"{name}: {exact} = {float(exact):.6f}, enclosed by {enclosed.lower:.4f} and {enclosed.upper:.4f}"
        within = enclosed.lower <= entry.constant <= enclosed.upper
        parts[text] = bool(checks.close(float(exact), entry.constant, 1e-12) and within)
    return decide(method="symbolic, interval arithmetic", proof=parts)


@SUITE.claim(
    "lipschitz.search",
    OURS,
    "No pair of points that gradient ascent finds breaks L_sigma ||W||_2 sqrt(1 + 1/k) for a node or L_sigma ||I + "
    "P||_2 ||W||_2 for the whole map.",
)
def adversarial_search() -> Outcome:
    shares: dict[str, list[float]] = {"node": [], "whole map": []}
    for seed, (name, _) in enumerate(ACTIVATIONS.items()):
        for width in (1, 3):
            graph = op.random_graph(4, 4, 7, seed)
            weight = np.random.default_rng(seed).standard_normal((width, width))
            degree = op.degrees(graph)
            node = int(degree.argmax())
            bounds = {
                "node": (node, float(lip.node_constant(degree[node], weight, name).upper)),
                "whole map": (None, float(lip.whole_map(graph, weight, name).upper)),
            }
            for kind, (target, bound) in bounds.items():
                function = search.message_passing(graph, weight, name, target)
                shares[kind].append(search.adversary(function, (8, width), seed=seed) / bound)
    everything = np.concatenate(list(shares.values()))
    worst = everything.max()
    return decide(
        method="numeric with bounds",
        evidence="; ".join(f"{kind}: {min(found):.3f} to {max(found):.3f} of the bound found" for kind, found in shares.items()) + ".",
        observation={
            "no quotient above its bound, over six activations and two widths": bool(worst <= 1 + 1e-9),
            "the search comes within 1 % of the bound in most cases": bool(np.median(everything) > 0.99),
        },
        refutation={f"a quotient of {worst:.4f} times its bound": bool(worst > 1 + 1e-9)},
    )  # fmt: skip
