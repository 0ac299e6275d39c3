"""L_sigma derived: symbolically from the activation's formula, and enclosed by interval arithmetic."""

from itertools import pairwise

import sympy as sp
from mpmath import iv

from ctrnb.theory.activations import LEAK
from ctrnb.theory.operators import Bracket

Z = sp.Symbol("z", real=True)

# Each activation as pieces (formula, interval); a formula is smooth inside its interval.
HALVES = (sp.Interval(-sp.oo, 0), sp.Interval(0, sp.oo))
PIECES: dict[str, tuple[tuple[sp.Expr, sp.Interval], ...]] = {
    "identity": ((Z, sp.S.Reals),),
    "relu": ((sp.S.Zero, HALVES[0]), (Z, HALVES[1])),
    "leaky_relu": ((sp.nsimplify(LEAK) * Z, HALVES[0]), (Z, HALVES[1])),
    "tanh": ((sp.tanh(Z), sp.S.Reals),),
    "sigmoid": ((1 / (1 + sp.exp(-Z)), sp.S.Reals),),
    "gelu": ((Z * (1 + sp.erf(Z / sp.sqrt(2))) / 2, sp.S.Reals),),
}


def slope_supremum(name: str) -> sp.Expr:
    """Return sup |sigma'| exactly: over the zeros of sigma'', the ends of each piece and the limits at infinity."""
    values = []
    for formula, interval in PIECES[name]:
        slope = sp.diff(formula, Z)
        ends = (interval.inf, interval.sup)
        values += [sp.Abs(sp.limit(slope, Z, end)) for end in ends]
        bend = sp.factor(sp.simplify(sp.diff(slope, Z)))
        if bend != 0:
            turns = sp.solveset(bend.rewrite(sp.exp), Z, interval)
            values += [sp.Abs(slope.subs(Z, turn)) for turn in turns]
    return sp.simplify(max(values, key=lambda value: sp.N(value, 30)))


SLOPES = {  # sigma' over an interval; written so that each variable's spread is counted little
    "identity": lambda x: iv.mpf(1),
    "relu": lambda x: iv.mpf([0 if x.a <= 0 else 1, 1 if x.b >= 0 else 0]),
    "leaky_relu": lambda x: iv.mpf([LEAK if x.a <= 0 else 1, 1 if x.b >= 0 else LEAK]),
    "tanh": lambda x: 4 / (2 + iv.exp(2 * x) + iv.exp(-2 * x)),
    "sigmoid": lambda x: 1 / (2 + iv.exp(x) + iv.exp(-x)),
}


def slope_enclosure(name: str, *, cells: int = 4096, reach: float = 8.0) -> Bracket:
    """Return an enclosure of sup |sigma'| by interval arithmetic over cells of [-reach, reach].

    Each cell's interval contains every slope in it, rounding included, so the upper end is a proof there. Outside, the
    slopes of this module's activations only fall towards their limits, which the end cells enclose up to 1e-9.
    GELU's slope F(x) + x F'(x), with F the normal distribution function, is enclosed between sums of F at cell ends.
    """
    edges = [-reach + 2 * reach * n / cells for n in range(cells + 1)]
    slopes = gelu_slopes(edges) if name == "gelu" else [SLOPES[name](iv.mpf([a, b])) for a, b in pairwise(edges)]
    upper = max(max(abs(float(slope.a)), abs(float(slope.b))) for slope in slopes)
    lower = max(min(abs(float(slope.a)), abs(float(slope.b))) for slope in slopes if slope.a * slope.b > 0)
    return Bracket(lower, upper)


def gelu_slopes(edges: list[float]) -> list:
    """Return enclosures of GELU's slope over consecutive cells; F is accumulated from its enclosed derivative.

    F(0) = 1/2, and over a cell F rises by its width times F', which lies between its values at the cell's ends because
    F' is monotone on each side of 0 (0 is a cell end).
    """
    density = [iv.exp(-(iv.mpf(x) ** 2) / 2) / iv.sqrt(2 * iv.pi) for x in edges]
    middle = edges.index(0.0)
    total = {middle: iv.mpf(0.5)}
    rise = [hull(density[n], density[n + 1]) * (iv.mpf(edges[n + 1]) - iv.mpf(edges[n])) for n in range(len(edges) - 1)]
    for n in range(middle, len(edges) - 1):
        total[n + 1] = total[n] + rise[n]
    for n in range(middle, 0, -1):
        total[n - 1] = total[n] - rise[n - 1]
    return [
        hull(total[n], total[n + 1]) + iv.mpf([edges[n], edges[n + 1]]) * hull(density[n], density[n + 1])
        for n in range(len(edges) - 1)
    ]


def hull(a, b):
    """Return the smallest interval that holds two."""
    return iv.mpf([min(a.a, b.a), max(a.b, b.b)])
