"""Costs that are differences of a potential, m(p, c) = F(p + c) - F(p), and what the conditions say of F.

A cost is of this form exactly if costs along a path add up, m(p, a) + m(p + a, b) = m(p, a + b): take
F(q) = m(p_0, q - p_0). Then conditions (i) and (ii) both say that F increases, and (iii), for increasing F, that F is strictly concave.
"""

import sympy as sp
import z3

from ctrnb.theory import smt
from ctrnb.theory.expression import BASE, CHANGE
from ctrnb.theory.signs import NEW, sign_of

POINT = sp.Symbol("q", positive=True)
ORIGIN = sp.Rational(1, 2)  # where the potential is taken to be 0


def potential(cost: sp.Expr) -> sp.Expr | None:
    """Return F, with F(1/2) = 0, of a cost that is a difference of potentials; None where it is not found to be one.

    With m as a function of p and q = p + c: it is A(q) + B(p) exactly if its mixed derivative is 0, and B = -A if m = 0
    wherever q = p.
    """
    ends = cost.subs(CHANGE, NEW - BASE)
    mixed = sp.simplify(sp.diff(ends, BASE, NEW))
    if mixed != 0 or sp.simplify(cost.subs(CHANGE, 0)) != 0:
        return None
    return sp.simplify(ends.subs(BASE, ORIGIN).subs(NEW, POINT))


def is_potential_of(cost: sp.Expr, candidate: sp.Expr) -> bool:
    """Return whether m(p, c) = F(p + c) - F(p) for a given F: equal slopes in p and in c, and equal where c = 0."""
    difference = cost - (candidate.subs(POINT, BASE + CHANGE) - candidate.subs(POINT, BASE))
    slopes = [sp.simplify(sp.diff(difference, symbol)) for symbol in (BASE, CHANGE)]
    return slopes == [0, 0] and sp.simplify(difference.subs(CHANGE, 0)) == 0


def is_additive(cost: sp.Expr) -> bool:
    """Return whether m(p, a) + m(p + a, b) = m(p, a + b): equal slopes in p, a and b, and equal where a = b = 0."""
    a, b = sp.symbols("a b", real=True)
    first, second = cost.subs(CHANGE, a), cost.subs({BASE: BASE + a, CHANGE: b}, simultaneous=True)
    gap = first + second - cost.subs(CHANGE, a + b)
    slopes = [sp.simplify(sp.diff(gap, symbol)) for symbol in (BASE, a, b)]
    return slopes == [0, 0, 0] and sp.simplify(gap.subs({a: 0, b: 0})) == 0


def is_antisymmetric(cost: sp.Expr) -> bool:
    """Return whether m(p, c) = -m(p + c, -c): undoing a change costs its negative."""
    back = cost.subs({BASE: BASE + CHANGE, CHANGE: -CHANGE}, simultaneous=True)
    slopes = [sp.simplify(sp.diff(cost + back, symbol)) for symbol in (BASE, CHANGE)]
    return slopes == [0, 0] and sp.simplify((cost + back).subs(CHANGE, 0)) == 0


def depends_on_share_of_gap_alone(cost: sp.Expr) -> bool:
    """Return whether the cost is a function of c/(1 - p), the share of the way to 1 that the change covers."""
    share = sp.Symbol("r", positive=True)
    return sp.simplify(sp.diff(cost.subs(CHANGE, share * (1 - BASE)), BASE)) == 0


def curvature(candidate: sp.Expr) -> tuple[int | None, int | None]:
    """Return the signs of F' and F'' on (0, 1); None where they are not decided."""
    first = sp.diff(candidate, POINT).subs(POINT, BASE)
    second = sp.diff(candidate, POINT, 2).subs(POINT, BASE)
    return sign_of(first, "c > 0"), sign_of(second, "c > 0")


def monotone_equivalence() -> bool:
    """Return whether z3 proves: (i) holds of F(p + c) - F(p) exactly if F increases, and (ii) likewise.

    For any u < v in (0, 1): (i) at a baseline p compares F(u) - F(p) with F(v) - F(p), so it says F(u) < F(v),
    whatever p is; (ii) at a new performance q compares F(q) - F(u) with F(q) - F(v), and says the same. Signs of c put p, or q, on
    either side of u and v, which changes nothing.
    """
    low, high, other = z3.Reals("F_u F_v F_w")
    first = high - other > low - other  # (i)
    second = other - low > other - high  # (ii)
    rises = low < high
    return all(smt.proves([a], b) for a in (first, second, rises) for b in (first, second, rises))


def concave_equivalence() -> bool:
    """Return whether z3 proves the two steps of: (iii) holds of an increasing F exactly if F is strictly concave.

    If F is strictly concave: p_1 + c and p_2 lie between p_1 and p_2 + c, at the shares t and 1 - t, and adding up both
    chord inequalities leaves F(p_1 + c) - F(p_1) > F(p_2 + c) - F(p_2). If (iii) holds: p_2 = p_1 + c makes it
    F(m) > (F(u) + F(v)) / 2 for any u < v with midpoint m, and a monotone function with that property is strictly
    concave. For c < 0 both sides are |cost| of the same two steps taken backwards, so the condition is the same.
    """
    f1, f1c, f2, f2c, share = z3.Reals("F_p1 F_p1c F_p2 F_p2c t")
    gains = f1c - f1 > f2c - f2
    chords = [share > 0, share < 1, f1c > (1 - share) * f1 + share * f2c, f2 > share * f1 + (1 - share) * f2c]
    increasing = [f1 < f1c, f2 < f2c]
    losses = smt.size(f1 - f1c) > smt.size(f2 - f2c)
    midpoint = [f2 == f1c, gains]
    return (
        smt.proves(chords, gains)
        and smt.proves(midpoint, 2 * f2 > f1 + f2c)
        and smt.proves([*increasing, gains], losses)
        and smt.proves([*increasing, losses], gains)
    )
