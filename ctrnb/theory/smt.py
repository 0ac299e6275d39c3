"""The z3 engine: conditions on costs as sentences of real arithmetic, with no derivative in them.

A condition holds on the whole domain exactly if no two valid points break it; z3 decides that by nonlinear real
arithmetic. Logarithms are removed first: log R_1 < log R_2 exactly if R_1 < R_2, and |log R| grows with max(R, 1/R).
What z3 cannot read (exp, sums of logarithms with other terms) is not decided, nor is what takes too long.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy as sp
import z3

from ctrnb.theory.expression import BASE, CHANGE, MIXED

MILLISECONDS = 4000  # for one question


class Unreadable(Exception):
    """An expression is not one of real arithmetic."""


@dataclass
class Reader:
    """Turns sympy expressions into z3 terms.

    Attributes:
        symbols: the z3 term of each sympy symbol.
        facts: what defines auxiliary roots.
        required: what must hold for the expression to be defined.
    """

    symbols: dict[sp.Symbol, Any]
    facts: list[Any] = field(default_factory=list)
    required: list[Any] = field(default_factory=list)

    def read(self, expression: sp.Expr) -> Any:
        """Return the z3 term of an algebraic expression.

        Raises:
            Unreadable: it is not algebraic.
        """
        if expression in self.symbols:
            return self.symbols[expression]
        if expression.is_Rational:
            return z3.Q(int(expression.p), int(expression.q))
        arguments = expression.args
        if isinstance(expression, sp.Add):
            return z3.Sum([self.read(each) for each in arguments])
        if isinstance(expression, sp.Mul):
            return z3.Product([self.read(each) for each in arguments])
        if isinstance(expression, sp.Abs):
            return size(self.read(arguments[0]))
        if isinstance(expression, (sp.Max, sp.Min)):
            terms = [self.read(each) for each in arguments]
            return extreme(terms, largest=isinstance(expression, sp.Max))
        if isinstance(expression, sp.Pow) and arguments[1].is_Rational:
            return self.power(self.read(arguments[0]), arguments[1])
        raise Unreadable(str(expression))

    def power(self, base: Any, exponent: sp.Rational) -> Any:
        """Return base ** exponent; a root is a new number that is at least 0 and has the right power."""
        if exponent.q > 1:
            root = z3.FreshReal("root")
            self.facts.append(z3.Implies(base >= 0, z3.And(root >= 0, product(root, int(exponent.q)) == base)))
            self.required.append(base >= 0)
            base = root
        if exponent.p < 0:
            self.required.append(base != 0)
            inverse = z3.FreshReal("inverse")
            self.facts.append(z3.Implies(base != 0, inverse * base == 1))
            base = inverse
        return product(base, abs(int(exponent.p)))

    def order(self, cost: sp.Expr) -> tuple[Any, Any]:
        """Return two terms that are ordered as the cost, and as |cost|.

        Raises:
            Unreadable: the cost is neither algebraic nor the logarithm of something algebraic.
        """
        if not cost.has(sp.log):
            value = self.read(cost)
            return value, size(value)
        ratio = self.read(log_argument(cost))
        self.required.append(ratio > 0)
        return ratio, z3.If(ratio >= 1, ratio, self.power(ratio, sp.Integer(-1)))


def product(base: Any, count: int) -> Any:
    """Return base ** count for a count of at least 0."""
    return z3.Product([base] * count) if count else z3.RealVal(1)


def size(term: Any) -> Any:
    """Return |term|."""
    return z3.If(term >= 0, term, -term)


def extreme(terms: list[Any], largest: bool) -> Any:
    """Return the largest of some terms, or the smallest."""
    best = terms[0]
    for term in terms[1:]:
        best = z3.If(term > best if largest else term < best, term, best)
    return best


def log_argument(cost: sp.Expr) -> sp.Expr:
    """Return R where the cost is a positive multiple of log R.

    Raises:
        Unreadable: it is not one.
    """
    terms = [term.as_coeff_Mul() for term in sp.Add.make_args(sp.expand(cost))]
    if not all(isinstance(rest, sp.log) and scale.is_Rational for scale, rest in terms):
        raise Unreadable(str(cost))
    common = math.lcm(*[int(scale.q) for scale, _ in terms])
    return sp.prod([rest.args[0] ** (scale * common) for scale, rest in terms])


def domain(p: Any, c: Any, change: str) -> list[Any]:
    """Return the constraints of a valid (p, c) with one sign of c."""
    return [p > 0, p < 1, p + c > 0, p + c < 1, c > 0 if change == "c > 0" else c < 0]


def solved(*constraints: Any) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
    """Return z3's answer on a conjunction, and a model of it if there is one."""
    solver = z3.SolverFor("QF_NRA")
    solver.set("timeout", MILLISECONDS)
    solver.add(*constraints)
    answer = solver.check()
    return answer, solver.model() if answer == z3.sat else None


def proves(premises: list[Any], conclusion: Any) -> bool:
    """Return whether z3 finds no case in which the premises hold and the conclusion fails."""
    return solved(*premises, z3.Not(conclusion))[0] == z3.unsat


def holds(*broken: Any) -> bool | None:
    """Return whether a statement holds, given the constraints of a point that breaks it."""
    answer = solved(*broken)[0]
    return None if answer == z3.unknown else answer == z3.unsat


def compared(cost: sp.Expr, name: str, change: str) -> tuple[list[Any], Any, Any]:
    """Return the constraints of the two points a condition compares, and the terms of which the first ought to be larger.

    Where one change is a gain and the other a loss, (i) and (ii) both want the gain to cost more, so it comes first.

    Raises:
        Unreadable: the cost is not one of real arithmetic.
    """
    (p1, c1), (p2, c2) = [(z3.Real(f"p{n}"), z3.Real(f"c{n}")) for n in (1, 2)]
    setting = {
        "i": [p1 == p2, c1 > c2],
        "ii": [p1 + c1 == p2 + c2, p1 < p2],
        "iii": [c1 == c2, p1 < p2],
    }[name]
    facts, terms = [], []
    sides = ("c > 0", "c < 0") if change == MIXED else (change, change)
    for p, c, side in ((p1, c1, sides[0]), (p2, c2, sides[1])):
        reader = Reader({BASE: p, CHANGE: c})
        value, magnitude = reader.order(cost)
        facts += domain(p, c, side) + reader.facts
        terms.append(magnitude if name == "iii" else value)
    return facts + setting, terms[0], terms[1]


def decide(cost: sp.Expr, name: str, change: str) -> tuple[bool | None, bool | None]:
    """Return whether a condition, and its reverse, hold on the whole domain; None where z3 does not decide."""
    try:
        facts, first, second = compared(cost, name, change)
    except Unreadable:
        return None, None
    return holds(*facts, first <= second), holds(*facts, first >= second)


def undefined_at(cost: sp.Expr, change: str) -> tuple[Fraction, Fraction] | None:
    """Return a rational valid (p, c) at which the cost is undefined (a zero divisor, a root or logarithm out of its domain)."""
    p, c = z3.Real("p"), z3.Real("c")
    reader = Reader({BASE: p, CHANGE: c})
    try:
        reader.order(cost)
    except Unreadable:
        return None
    if not reader.required:
        return None
    answer, model = solved(*domain(p, c, change), *reader.facts, z3.Not(z3.And(reader.required)))
    if answer != z3.sat or model is None:
        return None
    return tuple(rational(model.eval(each, model_completion=True)) for each in (p, c))  # type: ignore[return-value]


def rational(value: Any) -> Fraction:
    """Return a z3 number as a fraction; one that is not rational is rounded to ten digits."""
    exact = value if z3.is_rational_value(value) else value.approx(10)
    return Fraction(exact.numerator_as_long(), exact.denominator_as_long())
