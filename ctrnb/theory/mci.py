"""Which of Section 4.4's three conditions a cost of improvement meets, decided over the whole domain.

For a cost m(p, c) of a baseline p and a change c, 0 < p < 1 and 0 < p + c < 1, Appendix E asks that (here for c != 0)

    (i)    c_1 < c_2              implies  m(p, c_1) < m(p, c_2)
    (ii)   p_1 < p_2, same p + c  implies  m(p_1, .) > m(p_2, .)
    (iii)  p_1 < p_2              implies  |m(p_1, c)| > |m(p_2, c)|

Two engines decide each independently: for two gains, for two losses, and (i) and (ii) for a gain and a loss as well.
sympy goes by the sign of a derivative (:mod:`.signs`), z3 searches the domain for a pair that breaks the comparison
itself (:mod:`.smt`). What fails comes with the counterexample of smallest denominator.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
import sympy as sp

from ctrnb.errors import ParameterError
from ctrnb.theory import signs, smt
from ctrnb.theory.expression import BASE, CHANGE, MIXED, parse_cost

COSTS = {
    "MCI": "log((1 - p) / (1 - p - c))",  # Equation 10
    "absolute change": "c",
    "relative change": "c / p",
    "change of log AUC": "log((p + c) / p)",
    "change of root AUC": "sqrt(p + c) - sqrt(p)",
}
MCI = parse_cost(COSTS["MCI"])

STATEMENTS = {
    "i": "same baseline: the larger the change, the higher the cost",
    "ii": "same new performance: the lower the baseline, the higher the cost",
    "iii": "same change: the lower the baseline, the larger |cost|",
}
CHANGES = ("c > 0", "c < 0")
CASES = {"i": (*CHANGES, MIXED), "ii": (*CHANGES, MIXED), "iii": CHANGES}  # (iii) compares costs of one change
EQUAL = sp.Float("1e-20", 30)  # relative difference below which two costs, known to 30 digits, are called equal
Pair = tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]  # (p, c) of the two costs compared


@dataclass(frozen=True)
class Counterexample:
    """Two valid (p, c) whose costs break a condition, with those costs."""

    first: tuple[Fraction, Fraction]
    second: tuple[Fraction, Fraction]
    costs: tuple[float, float]

    def __str__(self) -> str:
        (p1, c1), (p2, c2) = self.first, self.second
        return f"cost({p1}, {c1}) = {self.costs[0]:.4f}, cost({p2}, {c2}) = {self.costs[1]:.4f}"


@dataclass(frozen=True)
class Condition:
    """The verdict on one condition in one case: two gains, two losses, or a gain and a loss.

    Attributes:
        by_sympy, by_z3: what each engine proves: True, False (it is broken somewhere), or None (not decided).
        reversed_by_sympy, reversed_by_z3: the same of the reverse comparison.
        counterexample: where it is broken, if it is.
    """

    name: str
    change: str
    by_sympy: bool | None
    by_z3: bool | None
    reversed_by_sympy: bool | None
    reversed_by_z3: bool | None
    counterexample: Counterexample | None

    @property
    def statement(self) -> str:
        return STATEMENTS[self.name]

    @property
    def holds(self) -> bool | None:
        """Whether the condition holds on the whole domain; None where no engine decides, or they disagree."""
        return joined(self.by_sympy, self.by_z3, False if self.counterexample else None)

    @property
    def reversed(self) -> bool | None:
        """Whether the reverse comparison holds on the whole domain."""
        return joined(self.reversed_by_sympy, self.reversed_by_z3)

    @property
    def agree(self) -> bool:
        """Whether both engines decide it, and alike."""
        return self.by_sympy is not None and self.by_sympy == self.by_z3


def joined(*answers: bool | None) -> bool | None:
    """Return the one answer given by those that answer; None if none does or two differ."""
    given = {answer for answer in answers if answer is not None}
    return given.pop() if len(given) == 1 else None


def conditions(cost: sp.Expr | str | None = None) -> list[Condition]:
    """Return the verdicts on (i), (ii) and (iii), each in its :data:`CASES`: all valid pairs with c != 0.

    Args:
        cost: an expression in p and c, or its text; default: MCI.

    Raises:
        ParameterError: the text is no cost, or the cost is undefined somewhere on the domain.
    """
    cost = MCI if cost is None else parse_cost(cost) if isinstance(cost, str) else cost
    check_domain(cost)
    return [decide(cost, name, change) for name in STATEMENTS for change in CASES[name]]


def decide(cost: sp.Expr, name: str, change: str) -> Condition:
    """Return the verdict on one condition in one of its cases."""
    by_sympy, reversed_by_sympy = signs.decide(cost, name, change)
    by_z3, reversed_by_z3 = smt.decide(cost, name, change)
    found = None
    if joined(by_sympy, by_z3) is not True:
        found = counterexample(cost, name, change)
    return Condition(name, change, by_sympy, by_z3, reversed_by_sympy, reversed_by_z3, found)


def evaluate(cost: sp.Expr, pair: tuple[Fraction, Fraction], digits: int = 30) -> sp.Float:
    """Return a cost at (p, c) to ``digits`` digits.

    Raises:
        ParameterError: it is no finite real number there.
    """
    p, c = (sp.Rational(value.numerator, value.denominator) for value in pair)
    value = cost.subs({BASE: p, CHANGE: c}).evalf(digits)
    if value.is_real is not True or not value.is_finite:
        raise ParameterError(f"the cost {cost} is no finite real number at p = {pair[0]}, c = {pair[1]}.")
    return value


def check_domain(cost: sp.Expr) -> None:
    """Refuse a cost that is undefined at some valid (p, c): on a grid, and by z3 for what z3 can read.

    Raises:
        ParameterError: with the point.
    """
    for change in CHANGES:
        for n in (2, 5, 10):
            for pair in points(n, change):
                evaluate(cost, pair, 15)
        undefined = smt.undefined_at(cost, change)
        if undefined:
            raise ParameterError(f"the cost {cost} is undefined at p = {undefined[0]}, c = {undefined[1]}.")


def on_grid(cost: sp.Expr, base: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return a cost at arrays of p and c, float64; NaN where (p, c) is not valid."""
    values = sp.lambdify((BASE, CHANGE), cost, "numpy")
    p, c = np.broadcast_arrays(np.asarray(base, np.float64), np.asarray(change, np.float64))
    valid = (p > 0) & (p < 1) & (p + c > 0) & (p + c < 1)
    found = np.full(p.shape, np.nan)
    found[valid] = values(p[valid], c[valid])
    return found


def table(found: list[Condition]) -> pd.DataFrame:
    """Return conditions as a table to read: one row a condition and case."""
    words = {True: "holds", False: "fails", None: "not decided"}
    return pd.DataFrame(
        [
            {
                "condition": f"({each.name})",
                "for": each.change,
                "sympy": words[each.by_sympy],
                "z3": words[each.by_z3],
                "reverse": words[each.reversed],
                "counterexample": str(each.counterexample or ""),
            }
            for each in found
        ]
    )


def points(n: int, change: str) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield the valid (p, c) in n-ths."""
    for p in range(1, n):
        for q in range(1, n):
            if (q > p) if change == "c > 0" else (q < p):
                yield Fraction(p, n), Fraction(q - p, n)


def pairs(n: int, name: str, change: str) -> Iterator[Pair]:
    """Yield the pairs of valid (p, c) in n-ths that a condition compares; the first cost ought to be the larger."""
    larger, smaller = CHANGES if change == MIXED else (change, change)
    for first in points(n, larger):
        for second in points(n, smaller):
            (p1, c1), (p2, c2) = first, second
            compared = {
                "i": p1 == p2 and c1 > c2,
                "ii": p1 + c1 == p2 + c2 and p1 < p2,
                "iii": c1 == c2 and p1 < p2,
            }
            if compared[name]:
                yield first, second


def counterexample(cost: sp.Expr, name: str, change: str, largest: int = 10) -> Counterexample | None:
    """Return the pair of smallest common denominator that breaks a condition; None if none up to ``largest`` does."""
    for n in range(2, largest + 1):
        for first, second in pairs(n, name, change):
            values = [evaluate(cost, pair) for pair in (first, second)]
            sized = [abs(value) for value in values] if name == "iii" else values
            if sized[0] - sized[1] <= EQUAL * abs(sized[0]):
                return Counterexample(first, second, (float(values[0]), float(values[1])))
    return None


def equation_23(cost: sp.Expr | None = None) -> tuple[sp.Expr, sp.Expr]:
    """Return the ratio in MCI(p_1, c) - MCI(p_2, c) = log(ratio): from the definition, and as Equation 23 prints it."""
    cost = MCI if cost is None else cost
    first, second = sp.symbols("p1 p2", positive=True)
    ratio = sp.exp(cost.subs(BASE, first)) / sp.exp(cost.subs(BASE, second))
    printed = (1 - second) * (1 - first - CHANGE) / ((1 - first) * (1 - second - CHANGE))
    return sp.factor(ratio), sp.factor(printed)
