"""Which of Appendix E's three conditions the Marginal Cost of Improvement meets, decided by sympy.

Each condition compares two costs. For a cost that is smooth on the valid domain 0 < p < 1, 0 < p + c < 1 a comparison
along one variable holds everywhere exactly if the derivative along it keeps its sign, which is what is decided here,
for improvements (c > 0) and decrements (c < 0) apart.
"""

from dataclasses import dataclass

import sympy as sp

BASE = sp.Symbol("p", positive=True)  # p_b
CHANGE = sp.Symbol("c", real=True)
NEW = sp.Symbol("q", positive=True)  # p_b + c
MCI = sp.log((1 - BASE) / (1 - BASE - CHANGE))  # Equation 10

# Positive numbers that fill the domain: u = 1 - p - c, v = 1 - p, so that c = v - u and 0 < u, v < 1.
_U, _V, _GAP = sp.symbols("u v g", positive=True)


@dataclass(frozen=True)
class Condition:
    """One condition for one sign of the change.

    Attributes:
        derivative: whose sign decides.
        holds: True or False where it is decided on the whole domain, None where it is not.
        counterexample: (p_1, p_2, c, |cost(p_1)|, |cost(p_2)|) where condition (iii) fails.
    """

    name: str
    statement: str
    change: str  # "c > 0", "c < 0" or "any c"
    derivative: sp.Expr
    holds: bool | None
    counterexample: tuple[sp.Expr, ...] | None = None


def sign_of(expression: sp.Expr, change: str) -> int | None:
    """Return the sign, on the whole domain, of an expression in p and c; None where sympy cannot decide it.

    The domain is parametrised by positive symbols (a gap g between u = 1 - p - c and v = 1 - p), under which sympy's
    assumptions decide products and quotients.
    """
    inside = expression.subs(CHANGE, _V - _U).subs(BASE, 1 - _V)
    if change == "c > 0":
        inside = inside.subs(_V, _U + _GAP)
    elif change == "c < 0":
        inside = inside.subs(_U, _V + _GAP)
    inside = sp.factor(sp.together(sp.simplify(inside)))
    if inside.is_positive:
        return 1
    if inside.is_negative:
        return -1
    return 0 if inside.is_zero else None


def conditions(cost: sp.Expr = MCI) -> list[Condition]:
    """Return the verdict on conditions (i), (ii) and (iii) of Section 4.4 for a cost in ``BASE`` and ``CHANGE``."""
    by_change = sp.diff(cost, CHANGE)
    fixed_new = sp.diff(cost.subs(CHANGE, NEW - BASE), BASE).subs(NEW, BASE + CHANGE)
    by_base = sp.diff(cost, BASE)
    found = [
        Condition(
            "i", "same baseline: the larger the change, the higher the cost", "any c", by_change,
            decided(sign_of(by_change, "any c"), 1),
        ),
        Condition(
            "ii", "same new performance: the lower the baseline, the higher the cost", "any c", fixed_new,
            decided(sign_of(fixed_new, "any c"), -1),
        ),
    ]  # fmt: skip
    for change, cost_sign in (("c > 0", 1), ("c < 0", -1)):
        # |cost| = cost_sign * cost there, given condition (i) and cost(p, 0) = 0
        derivative = cost_sign * by_base
        holds = decided(sign_of(derivative, change), -1)
        example = None if holds else counterexample(cost, change)
        found.append(
            Condition(
                "iii", "same change: the lower the baseline, the larger |cost|", change, derivative, holds, example
            )
        )
    return found


def decided(sign: int | None, wanted: int) -> bool | None:
    """Return whether a sign is the wanted one; None if it is unknown."""
    return None if sign is None else sign == wanted


def counterexample(cost: sp.Expr, change: str) -> tuple[sp.Expr, ...] | None:
    """Return the first pair of baselines, in fifths, at which condition (iii) fails: p_1 < p_2 but |cost_1| <= |cost_2|."""
    grid = [sp.Rational(n, 5) for n in range(1, 5)]
    step = sp.Rational(1, 10) * (1 if change == "c > 0" else -1)
    for low in grid:
        for high in grid:
            if low < high:
                costs = [sp.Abs(cost.subs({BASE: p, CHANGE: step})) for p in (low, high)]
                if bool(costs[0] <= costs[1]):
                    return low, high, step, *costs
    return None


def equation_23() -> tuple[sp.Expr, sp.Expr]:
    """Return the difference MCI(p_1, c) - MCI(p_2, c) as the definition gives it and as Equation 23 prints it.

    Both are given as the ratio inside the logarithm; their product is 1: the printed one is upside down.
    """
    first, second = sp.symbols("p1 p2", positive=True)
    ratio = {p: (1 - p) / (1 - p - CHANGE) for p in (first, second)}
    printed = (1 - second) * (1 - first - CHANGE) / ((1 - first) * (1 - second - CHANGE))
    return sp.simplify(ratio[first] / ratio[second]), printed
