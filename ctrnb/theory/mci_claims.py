"""MCI and its three conditions, statement by statement (Section 4.4, Appendix E), each with its check."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
import sympy as sp
import z3

from ctrnb.evaluation import mci as measured
from ctrnb.evaluation.mci import mci_or_nan
from ctrnb.theory import effort, mci, potential, signs, smt
from ctrnb.theory.claims import PROVEN, Outcome, Suite, decide
from ctrnb.theory.expression import BASE, CHANGE, MIXED, parse_cost

SUITE = Suite()
METHOD = "symbolic (sympy) and SMT (z3), independently"
SIDES = {"c > 0": "gain", "c < 0": "loss", MIXED: "mixed"}
REVERSED = {
    "i": "at the same baseline a larger change costs less.",
    "ii": "at the same new performance a lower baseline costs less.",
    "iii": "for the same change c != 0, with its sign, the higher the baseline, the larger |MCI|: every such pair is a counterexample.",
}


def condition_check(name: str, change: str) -> Callable[[], Outcome]:
    """Return the check of one condition in one case: both engines, on MCI as it stands in the library."""

    def check() -> Outcome:
        found = mci.decide(mci.MCI, name, change)
        text = str(found.counterexample)
        return decide(
            method=METHOD,
            proof={
                "sympy: the derivative's sign": found.by_sympy is True,
                "z3: no pair breaks it": found.by_z3 is True,
            },
            refutation={
                f"sympy refutes it, with {text}": found.by_sympy is False and found.counterexample is not None,
                "z3 finds a pair that breaks it": found.by_z3 is False,
            },
            correction={
                "sympy proves the reverse": found.reversed_by_sympy is True,
                "z3 proves the reverse": found.reversed_by_z3 is True,
            },
            correct=REVERSED[name],
        )

    return check


for _name, _statement in mci.STATEMENTS.items():
    for _change in mci.CASES[_name]:
        SUITE.claim(
            f"mci.condition-{_name}-{SIDES[_change]}",
            f"Section 4.4 and Appendix E, condition ({_name})",
            f"For {_change}, on the whole domain: {_statement}.",
        )(condition_check(_name, _change))


@SUITE.claim("mci.sign", "Section 4.4, after Equation 10", "MCI > 0 where c > 0 and MCI < 0 where c < 0.")
def sign() -> Outcome:
    ratio, p, c = smt.log_argument(mci.MCI), z3.Real("p"), z3.Real("c")
    sides = []
    for change, wrong in (("c > 0", lambda term: term <= 1), ("c < 0", lambda term: term >= 1)):
        reader = smt.Reader({BASE: p, CHANGE: c})
        term = reader.read(ratio)
        sides.append(smt.holds(*smt.domain(p, c, change), *reader.facts, wrong(term)) is True)
    return decide(
        method=METHOD,
        proof={
            "sympy": (signs.sign_of(mci.MCI, "c > 0"), signs.sign_of(mci.MCI, "c < 0")) == (1, -1),
            "z3, the logarithm removed": all(sides),
        },
    )


@SUITE.claim(
    "mci.condition-iii-zero",
    "Section 4.4 and Appendix E, condition (iii), at c = 0, which makes a valid pair too",
    f"For c = 0: {mci.STATEMENTS['iii']}.",
)
def zero() -> Outcome:
    p, c = z3.Real("p"), z3.Real("c")
    reader = smt.Reader({BASE: p, CHANGE: c})
    moved = reader.read(smt.log_argument(mci.MCI)) != 1
    return decide(
        method=METHOD,
        refutation={
            "sympy: MCI(p, 0) = 0 for every p": sp.simplify(mci.MCI.subs(CHANGE, 0)) == 0,
            "z3, the logarithm removed: no p has MCI(p, 0) != 0": smt.holds(p > 0, p < 1, c == 0, *reader.facts, moved)
            is True,
        },
        correction={"MCI > 0 for every gain and MCI < 0 for every loss (mci.sign)": sign().verdict == PROVEN},
        correct="any two baselines tie, as for every cost that asks nothing for no change; so (iii) can be met for c != 0 "
        "alone. (i) and (ii) hold where one of the two changes is 0, as MCI is 0 there.",
    )


@SUITE.claim(
    "mci.condition-iii-opposite",
    "Section 4.4, condition (iii), for changes of equal size and opposite sign",
    "A gain and a loss of equal size: the lower the baseline, the larger |MCI|.",
)
def opposite() -> Outcome:
    low, high, size = z3.Reals("p1 p2 c")
    valid = [*smt.domain(low, size, "c > 0"), *smt.domain(high, -size, "c < 0"), low < high]
    other = [*smt.domain(low, -size, "c < 0"), *smt.domain(high, size, "c > 0"), low < high]
    gain, loss = lambda p: ((1 - p), (1 - p - size)), lambda p: ((1 - p + size), (1 - p))  # e^|MCI| as a quotient

    def costs_more(first: tuple, second: tuple) -> z3.BoolRef:
        return first[0] * second[1] > second[0] * first[1]  # the denominators are positive

    met, unmet = (tuple(float(mci.evaluate(mci.MCI, pair)) for pair in pairs) for pairs in OPPOSITE)
    return decide(
        method="SMT, numeric",
        refutation={
            f"{described(OPPOSITE[1], unmet)}: the higher baseline costs more": abs(unmet[0]) < abs(unmet[1]),
        },
        correction={
            f"{described(OPPOSITE[0], met)}: the lower costs more": abs(met[0]) > abs(met[1]),
            "a gain at the lower baseline costs more exactly if it exceeds the distance, by z3": smt.proves(
                valid, costs_more(gain(low), loss(high)) == (size > high - low)
            ),
            "a loss at the lower baseline costs less, by z3": smt.proves(other, costs_more(gain(high), loss(low))),
        },
        correct="the lower baseline has the larger |MCI| exactly if it is the one that gains and gains more than p_2 - p_1.",
    )


OPPOSITE = (  # two pairs of a gain and a loss, each (p_1, c_1), (p_2, c_2): one that meets the comparison of (iii), one that does not
    ((Fraction(7, 10), Fraction(1, 5)), (Fraction(4, 5), Fraction(-1, 5))),
    ((Fraction(2, 5), Fraction(1, 5)), (Fraction(4, 5), Fraction(-1, 5))),
)


def described(pairs: mci.Pair, costs: tuple[float, ...]) -> str:
    """Return two costs as "MCI(0.7, +0.2) = +1.0986 against MCI(0.8, -0.2) = -0.6931"."""
    named = (f"MCI({float(p):g}, {float(c):+g}) = {cost:+.4f}" for (p, c), cost in zip(pairs, costs, strict=True))
    return " against ".join(named)


@dataclass(frozen=True)
class Term:
    """A symbolic number on which the package's own function of MCI can be run: within (0, 1), so that no NaN arises."""

    value: sp.Expr

    def __gt__(self, other: object) -> bool:
        return True

    def __lt__(self, other: object) -> bool:
        return True

    def __neg__(self) -> "Term":
        return Term(-self.value)

    def __sub__(self, other: "Term") -> "Term":
        return Term(self.value - other.value)

    def log1p(self) -> "Term":
        return Term(sp.log(1 + self.value))


def traced() -> sp.Expr:
    """Return what the package computes from p and p + c, by running it on symbols."""
    before, after = (np.array(Term(value), dtype=object) for value in (BASE, BASE + CHANGE))
    return mci_or_nan(before, after).item().value


@SUITE.claim(
    "mci.equation-10",
    "Equation 10, as this package computes it",
    "ctrnb.evaluation.mci is log((1 - p_b)/(1 - p_b - c)), up to the rounding of float64.",
)
def equation_10() -> Outcome:
    pairs = [pair for change in mci.CHANGES for pair in mci.points(12, change)]
    exact = np.array([float(mci.evaluate(mci.MCI, pair)) for pair in pairs])
    found = measured(*np.array([[float(p), float(c)] for p, c in pairs]).T)
    written = sp.log((1 - BASE) / (1 - BASE - CHANGE))
    return decide(
        method="symbolic, numeric",
        proof={
            "the expression that is verified is Equation 10": written == mci.MCI,
            "the package's function, run on symbols, has its slopes in p and c, and its value at c = 0": all(
                sp.simplify(each) == 0
                for gap in [traced() - mci.MCI]
                for each in (sp.diff(gap, BASE), sp.diff(gap, CHANGE), gap.subs(CHANGE, 0))
            ),
            f"equal at {len(pairs)} points to 12 digits": bool(np.allclose(found, exact, rtol=1e-12, atol=1e-14)),
        },
    )


@SUITE.claim(
    "mci.equation-23",
    "Appendix E, Equation 23",
    "MCI(p_1, c) - MCI(p_2, c) = log[(1 - p_2)(1 - p_1 - c) / ((1 - p_1)(1 - p_2 - c))].",
)
def equation_23() -> Outcome:
    ratio, printed = mci.equation_23()
    point = {
        sp.Symbol("p1", positive=True): sp.Rational(1, 4),
        sp.Symbol("p2", positive=True): sp.Rational(1, 2),
        CHANGE: sp.Rational(1, 4),
    }
    return decide(
        method="symbolic",
        refutation={
            f"p_1 = 1/4, p_2 = 1/2, c = 1/4: the ratio is {ratio.subs(point)}, "
            f"printed {printed.subs(point)}": ratio.subs(point) != printed.subs(point),
        },
        correction={
            "the printed ratio is the true one upside down": sp.simplify(ratio * printed) == 1,
        },
        correct="the ratio is (1 - p_1)(1 - p_2 - c) / ((1 - p_2)(1 - p_1 - c)); every later step is sound and then proves the reverse of (iii).",
    )  # fmt: skip


@SUITE.claim(
    "mci.difference",
    "Appendix E, below Equation 23",
    "(1 - p_2)(1 - p_1 - c) - (1 - p_1)(1 - p_2 - c) = c (p_2 - p_1).",
)
def difference() -> Outcome:
    first, second = sp.symbols("p1 p2", positive=True)
    top, bottom = (1 - second) * (1 - first - CHANGE), (1 - first) * (1 - second - CHANGE)
    return decide(
        method="symbolic",
        proof={"both sides expand to the same": sp.expand(top - bottom - CHANGE * (second - first)) == 0},
    )


@SUITE.claim(
    "mci.bounds",
    "Appendix E, Case 1",
    "For c > 0 and valid pairs with p_1 < p_2, 0 < c (p_2 - p_1) < 1.",
)
def bounds() -> Outcome:
    first, second, change = z3.Reals("p1 p2 c")
    valid = [*smt.domain(first, change, "c > 0"), *smt.domain(second, change, "c > 0"), first < second]
    product = change * (second - first)
    return decide(
        method="SMT",
        proof={"both inequalities, by z3": smt.proves(valid, product > 0) and smt.proves(valid, product < 1)},
    )


@SUITE.claim(
    "mci.potential",
    "ours, on Equation 10",
    "MCI(p, c) = F(p + c) - F(p) with F(q) = -log(1 - q). Hence costs along a path add up, undoing a change costs "
    "its negative, and MCI = -log(1 - c/(1 - p)) depends on c/(1 - p) alone.",
)
def structure() -> Outcome:
    share = sp.log(1 / (1 - CHANGE / (1 - BASE)))
    slopes = [sp.simplify(sp.diff(mci.MCI - share, symbol)) for symbol in (BASE, CHANGE)]
    return decide(
        method="symbolic",
        proof={
            "equal slopes, equal at c = 0": potential.is_potential_of(mci.MCI, -sp.log(1 - potential.POINT)),
            "m(p, a) + m(p + a, b) = m(p, a + b)": potential.is_additive(mci.MCI),
            "m(p, c) = -m(p + c, -c)": potential.is_antisymmetric(mci.MCI),
            "constant in p where c = r (1 - p)": potential.depends_on_share_of_gap_alone(mci.MCI) and slopes == [0, 0],
        },
    )


@SUITE.claim(
    "mci.path",
    "ours",
    "A cost is a difference F(p + c) - F(p) exactly if costs along a path add up.",
)
def path() -> Outcome:
    a, b, c = z3.Reals("F_a F_b F_c")
    m = z3.Function("m", z3.RealSort(), z3.RealSort(), z3.RealSort())  # from one performance to another
    start, middle, end = z3.Reals("start middle end")
    additive = m(start, middle) + m(middle, end) == m(start, end)
    found = {name: potential.potential(parse_cost(text)) is not None for name, text in mci.COSTS.items()}
    alike = all(potential.is_additive(parse_cost(text)) == found[name] for name, text in mci.COSTS.items())
    return decide(
        method="SMT, symbolic",
        evidence="From additivity, F(q) = m(p_0, q) for a fixed p_0 gives m(p, q) = F(q) - F(p).",
        proof={
            "differences add up": smt.proves([], (b - a) + (c - b) == c - a),
            "additivity from p_0 over p to q gives F(q) - F(p), by z3": smt.proves(
                [additive], m(middle, end) == m(start, end) - m(start, middle)
            ),
            "both tests agree on five costs": alike and found["MCI"] and not found["relative change"],
        },
    )


@SUITE.claim(
    "mci.monotone",
    "ours, on conditions (i) and (ii)",
    "For costs F(p + c) - F(p), condition (i), condition (ii) and 'F increases strictly' are equivalent.",
)
def monotone() -> Outcome:
    shapes = shapes_of_potentials("i", "ii")
    return decide(
        method="SMT, symbolic",
        proof={
            "each of the three implies the others, by z3": potential.monotone_equivalence(),
            "and they agree on every tested potential": all((s["first"] == 1) == s["i"] == s["ii"] for s in shapes),
        },
    )


@SUITE.claim(
    "mci.concave",
    "ours, on condition (iii)",
    "For costs F(p + c) - F(p) with F increasing, condition (iii) as printed holds exactly if F is strictly "
    "concave, for gains and for losses alike; its reverse exactly if F is strictly convex, as MCI's F is.",
)
def concave() -> Outcome:
    shapes = [shape for shape in shapes_of_potentials("iii") if shape["first"] == 1]
    return decide(
        method="SMT, symbolic",
        proof={
            "chords give (iii), (iii) gives midpoints, gains give losses, by z3": potential.concave_equivalence(),
            "F'' < 0 exactly where (iii) holds, F'' > 0 exactly where its reverse does, on every tested potential": all(
                (s["second"] == -1) == s["iii"] and (s["second"] == 1) == s["iii reversed"] for s in shapes
            ),
            "F'' > 0 for MCI": potential.curvature(-sp.log(1 - potential.POINT))[1] == 1
            and potential.is_potential_of(mci.MCI, -sp.log(1 - potential.POINT)),
        },
    )


def shapes_of_potentials(*names: str) -> list[dict]:
    """Return, for several potentials, the signs of F' and F'' and, for each named condition, whether it and its reverse hold."""
    rows = []
    for text in ("log((1 - p) / (1 - p - c))", "c", "-c", "log((p + c) / p)", "(p + c)**2 - p**2"):
        cost = parse_cost(text)
        first, second = potential.curvature(potential.potential(cost))
        row: dict = {"first": first, "second": second}
        for name in names:
            found = [mci.decide(cost, name, change) for change in mci.CASES[name]]
            row[name], row[f"{name} reversed"] = all(each.holds for each in found), all(each.reversed for each in found)
        rows.append(row)
    return rows


@SUITE.claim(
    "mci.bounded",
    "ours, on condition (iii)",
    "A cost that is positive for gains and meets (i) and (iii) for them stays bounded as the AUC nears one, from any "
    "baseline p_0. MCI diverges there.",
)
def bounded() -> Outcome:
    m = z3.Function("m", z3.RealSort(), z3.RealSort(), z3.RealSort())
    start, lower, change = z3.Reals("p_0 p c")
    placed = [start < 1, lower > 0, lower < start, change > 0, change < 1 - start]
    whole = 1 - start
    valid = z3.And(lower + change < 1, start + change < 1, whole > 0, lower + whole < 1)
    iii = smt.size(m(start, change)) < smt.size(m(lower, change))  # same change, lower baseline
    i = m(lower, change) < m(lower, whole)  # same baseline, larger change
    positive = [m(start, change) > 0, m(lower, change) > 0]
    edge = sp.limit(mci.MCI.subs(BASE, sp.Rational(1, 2)), CHANGE, sp.Rational(1, 2), dir="-")
    return decide(
        method="argument (bounded), SMT, symbolic",
        evidence="m(p_0, c) < m(p, c) < m(p, 1 - p_0) for any p < p_0 and every c < 1 - p_0; the last does not depend on c.",
        proof={
            "all four pairs are valid, by z3": smt.proves(placed, valid),
            "0 < m(p_0, c) < m(p, 1 - p_0) from (i), (iii) and the sign, by z3": smt.proves(
                [iii, i, *positive], z3.And(m(start, change) > 0, m(start, change) < m(lower, whole))
            ),
            "MCI(1/2, c) has no bound as c nears 1/2": edge == sp.oo,
        },
    )


@SUITE.claim(
    "mci.examples",
    "ours, on Section 4.4's case against relative change",
    "For c != 0 some costs meet (i), (ii) and (iii) as printed: the changes of log AUC and of root AUC, and the relative "
    "change c/p, which Section 4.4 sets aside for giving weight to low baselines; MCI and the absolute change do "
    "not.",
)
def examples() -> Outcome:
    met = {name: all(each.holds for each in mci.conditions(text)) for name, text in mci.COSTS.items()}
    wanted = {"MCI": False, "absolute change": False}
    return decide(
        method=METHOD,
        proof={
            f"{name}: {'all three' if held else 'not (iii)'}": held == wanted.get(name, True)
            for name, held in met.items()
        },
    )


@SUITE.claim(
    "mci.engines",
    "ours, on the method",
    "sympy and z3 decide every condition of five costs alike, and a counterexample to each condition that fails "
    "is one in fractions, its costs compared to 30 digits.",
)
def engines() -> Outcome:
    found = [each for text in mci.COSTS.values() for each in mci.conditions(text)]
    alike = [each for each in found if each.agree]
    broken = [each.counterexample for each in found if each.holds is False]
    return decide(
        method=METHOD,
        proof={
            f"alike in {len(alike)} of {len(found)} decisions": len(alike) == len(found),
            f"{len(broken)} conditions that fail have counterexamples in small fractions": all(broken)
            and all(each is not None and isinstance(each.first[0], Fraction) for each in broken),
        },
    )


@SUITE.claim(
    "mci.a-fortiori",
    "ours, on Section 4.4's conclusions",
    "For gains, a group of lower baseline with at least the MCI of another has the larger absolute and the larger "
    "relative change too; for losses it may have the smaller |MCI| and yet lose more points.",
)
def a_fortiori() -> Outcome:
    return decide(
        method="SMT",
        proof={
            "for gains, by z3": effort.a_fortiori(),
            "for losses z3 finds such a pair": effort.not_a_fortiori_for_losses(),
        },
    )


@SUITE.claim(
    "mci.ranking",
    "ours, on Table 4 and Figure 5",
    "MCI, absolute and relative change rank the groups of every model and tier alike.",
)
def ranking() -> Outcome:
    table, pairs = effort.rankings(), effort.comparisons()
    different, changed = table[~table["same"]], pairs[pairs["changes"]]
    named = "; ".join(
        f"{r.dataset} {r.model} {r.tier}: MCI {r.MCI}, absolute {r.absolute}, relative {r.relative}"
        for r in different.itertuples()
    )
    return decide(
        method="exhaustive over Table 4",
        evidence=f"{len(table)} rankings, {len(pairs)} comparisons of two groups.",
        proof={"all rankings are equal": len(different) == 0},
        refutation={f"they differ in {len(different)} rankings: {named}": len(different) > 0},
        correction={
            f"{len(changed)} of {len(pairs)} comparisons of two groups change": 0 < len(changed) < len(pairs),
            "none of them firmly, beyond the rounding of Table 4": not pairs["changes_firmly"].any(),
        },
        correct=f"{len(table) - len(different)} of {len(table)} rankings are equal, and no difference is beyond the rounding of Table 4's cells.",
    )


def conclusion_check(id: str) -> Callable[[], Outcome]:
    """Return the check of one of Section 4.4's conclusions, the row of ``effort.conclusions`` that has its id."""

    def check() -> Outcome:
        row = effort.conclusions().set_index("id").loc[id]
        count = f"by MCI {row['MCI']} of {row['of']}, where {row['wanted']} are wanted"
        others = f"by absolute change in {row['absolute']}, by relative change in {row['relative']}"
        return decide(
            method="exhaustive over Table 4",
            evidence=f"By MCI in {row['MCI']} of {row['of']} settings; {others}; {row['relies_on_iii']} of them by MCI alone.",
            observation={f"by MCI in {row['wanted']}": bool(row["of"] > 0 and row["holds"])},
            refutation={f"{count}: {exceptions(row)}": bool(row["of"] > 0 and not row["holds"])},
        )

    return check


def exceptions(row: pd.Series) -> str:
    """Return the settings in which a conclusion fails by MCI."""
    return "not in " + (", ".join(row["exceptions"]) or "any")


CONCLUSIONS = {
    "ml-1m": "In ML-1M, models consistently allocate the largest effort (MCI) to low-active users.",
    "yelp-gains": "In Yelp2022, where a group improves, the largest effort (MCI) primarily goes to high-active users.",
    "yelp-gains-all": "In Yelp2022, where all groups improve, the largest effort (MCI) primarily goes to high-active users.",
    "yelp-losses": "In Yelp2022, where a group is downgraded, high-active users lose least by MCI (a gain is no loss).",
    "yelp-losses-all": "In Yelp2022, where all groups are downgraded, high-active users have the smallest |MCI|.",
    "yelp-losses-size": "In Yelp2022, where a group is downgraded, high-active users have the smallest |MCI|, gains counted too.",
}
for _id, _statement in CONCLUSIONS.items():
    SUITE.claim(f"mci.{_id}", "Section 4.4 and Figure 5", _statement)(conclusion_check(_id))
