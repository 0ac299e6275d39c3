"""Formulas and steps of proofs on which no table and no suite of :mod:`ctrnb.theory` bears.

Misprints: what is printed fails on the smallest example, and one changed symbol mends it. Small steps: parts that sympy
or z3 decide, from which the verdict follows as it does for a verified statement.
"""

import math
from dataclasses import replace

import numpy as np
import sympy as sp
import z3

from ctrnb import paper
from ctrnb.audit.claims import CORRECTED, DOES_NOT_HOLD, HOLDS, TYPO, Decision, by_check, by_proof
from ctrnb.theory import smt
from ctrnb.theory.claims import decide

METHOD = "printed formula on an example"
EDGE = {"|V|": 2, "|N|": 1, "d": 3}  # one user and one item, joined, with three features each; |N| of a neighbourhood
MENDED = "|V| d"  # how many numbers h has


def size(formula: str) -> int:
    """Return how many numbers a printed product of sizes stands for on one edge."""
    return math.prod(EDGE[symbol] for symbol in formula.split())


def features_of_all_nodes(section: str) -> Decision:
    """Decide whether h, the features of all nodes, has as many numbers as a section says: a slip where MENDED has."""
    printed, needed = paper.TEXT[section, "numbers in h"], 2 * EDGE["d"]
    evidence = (
        f"two nodes with {EDGE['d']} features have {needed} numbers, printed {printed} gives {size(printed)}, "
        f"{MENDED} gives {size(MENDED)}."
    )
    mended = TYPO if size(MENDED) == needed else DOES_NOT_HOLD
    return Decision(HOLDS if size(printed) == needed else mended, evidence, METHOD)


def misprinted(id: str) -> Decision:
    """Decide a formula by a verified statement that tells what holds in its place: where it does, one symbol is a slip."""
    found = by_proof("a formula", id)
    return replace(found, verdict=TYPO) if found.verdict == CORRECTED else found


def linear_layer() -> Decision:
    """Decide whether Equation 4 is linear, as it is called, for ReLU on one edge with W = 1."""

    def update(own: float, neighbour: float) -> float:
        return max(own + neighbour, 0.0)  # one neighbour: the average is its value

    plus, minus = update(1, 1), update(-1, -1)
    example = (
        f"on one edge with W = 1 and ReLU the features (1, 1) give {plus:g} and their negative {minus:g}, "
        f"where a linear map gives {-plus:g}"
    )
    linear = minus == -plus
    evidence = "It is linear for the identity, as in LightGCN."
    return by_check(decide(method=METHOD, refutation={example: not linear}, evidence=evidence))


def loss_of_a_non_click(printed: str, p: float) -> float:
    """Return what one example with y = 0 adds to the loss, -(1/N) before the sum as printed; the penalty is left out."""
    bracketed = printed.startswith("[")
    return (-1 if bracketed else 1) * math.log(1 - p)


def brackets_of_the_loss() -> Decision:
    """Decide whether Equation 3's loss rises, as it is printed, with a worse prediction of a non-click."""
    printed = paper.TEXT["2", "Equation 3, terms of an example"]
    better, worse = (loss_of_a_non_click(printed, p) for p in (0.25, 0.75))
    mended = [loss_of_a_non_click(f"[{printed}]", p) for p in (0.25, 0.75)]
    evidence = (
        f"without brackets the minus sign reaches the first term alone: for y = 0 the loss is {better:.3f} at p = 1/4 and "
        f"{worse:.3f} at p = 3/4; in brackets {mended[0]:.3f} and {mended[1]:.3f}."
    )
    return Decision(HOLDS if better < worse else TYPO, evidence, METHOD)


def look_up() -> Decision:
    """Decide whether a table with a row for each user and item is defined on R, on one edge."""
    printed = paper.TEXT["2", "domain of the encoder"]
    rows = range(EDGE["|V|"])
    between = sum(rows) / len(rows)  # a real number, and no ID
    undefined = printed == "R" and between not in rows
    evidence = (
        f"a table of {len(rows)} rows has an entry for {len(rows)} IDs and none for {between}, which is in R; "
        "the set of IDs, U and I, in place of R would fit."
    )
    return Decision(TYPO if undefined else HOLDS, evidence, METHOD)


def range_of_probabilities() -> Decision:
    """Decide whether Equation 3 is defined at both ends of the printed range of p."""
    printed = paper.TEXT["2", "range of p"]
    with np.errstate(divide="ignore", invalid="ignore"):
        log = {p: (np.log(p), np.log(1 - p)) for p in np.array([0.0, 0.5, 1.0])}
        losses = {p: [-(y * own + (1 - y) * other) for y in (0, 1)] for p, (own, other) in log.items()}
    undefined = {p: int((~np.isfinite(loss)).sum()) for p, loss in losses.items()}
    told = ", ".join(f"at p = {p:g} for {count} of its two labels" for p, count in undefined.items())
    evidence = (
        f"-(y log p + (1 - y) log(1 - p)) is infinite or 0 log 0 {told}: (0, 1) in place of [0, 1] would fit; "
        "R, the printed range of r, keeps p in neither."
    )
    return Decision(TYPO if printed.startswith("[") and any(undefined.values()) else HOLDS, evidence, METHOD)


def least_constant() -> Decision:
    """Decide whether the least bound of Equation 5 is the supremum of Equation 6."""
    change, apart, bound = z3.Reals("change apart bound")
    norms = [change >= 0, apart > 0]
    return by_check(
        decide(
            method="SMT",
            evidence="A bound of Equation 5 is an upper bound of Equation 6's quotients, of which the supremum is the least.",
            proof={
                "for x unlike y, |f(x) - f(y)| <= K |x - y| exactly if the quotient is at most K, by z3": smt.proves(
                    norms, (change <= bound * apart) == (change / apart <= bound)
                ),
                "for x = y Equation 5 is 0 <= 0 for any K": smt.proves([], bound * 0 >= 0),
            },
        )
    )


def cases_of_a_block() -> Decision:
    """Decide for which j Equation 14 may stand: on an edge i, j with a stranger s, d = 1, W = 1 and the identity."""
    printed = paper.TEXT["D", "Equation 14, all j"]
    jacobian = {"i": 1, "j": 1, "s": 0}  # of h'_i = h_i + h_j
    block = {node: int(node == "j") for node in jacobian}  # Equation 14, whatever range it stands for
    ranges = {"in N(i)": ["j"], "in V": ["i", "j", "s"], "other than i": ["j", "s"]}
    wrong = {name: [node for node in nodes if block[node] != jacobian[node]] for name, nodes in ranges.items()}
    empty = {name: 0 not in [block[node] for node in nodes] for name, nodes in ranges.items()}
    fits = {name: not wrong[name] and not empty[name] for name in ranges}
    evidence = (
        f"on one edge i, j and a node apart: for j in N(i), as printed, the case 'otherwise' {'never occurs' if empty['in N(i)'] else 'occurs'}; "
        f"for all j in V it gives {block['i']} at j = i, where Equation 13 has {jacobian['i']}; "
        f"for j other than i both cases occur and agree: {'yes' if fits['other than i'] else 'no'}."
    )
    return Decision(HOLDS if fits[printed] else TYPO, evidence, METHOD)


def spectral_below_frobenius() -> Decision:
    """Decide ||A||_2 <= ||A||_F by Lagrange's identity, row by row."""
    parts = {}
    for width in range(1, 5):
        row, x = sp.symbols(f"a:{width}"), sp.symbols(f"x:{width}")
        gap = sum(a * a for a in row) * sum(v * v for v in x) - sum(a * v for a, v in zip(row, x, strict=True)) ** 2
        squares = sum((row[m] * x[n] - row[n] * x[m]) ** 2 for n in range(width) for m in range(n))
        parts[f"width {width}"] = sp.expand(gap - squares) == 0
    evidence = "For a row a of A, |a|^2 |x|^2 - (a x)^2 is a sum of squares, so that summed over rows |A x|^2 <= ||A||_F^2 |x|^2."
    return by_check(decide(method="symbolic", evidence=evidence, proof=parts))


def frobenius_of_blocks() -> Decision:
    """Decide what Equation 15's root reaches over, on one edge with d = 1, W = 1 and the identity: J = (1, 1)."""
    printed = paper.TEXT["D", "Equation 15"]
    own = others = 1.0
    norm = float(np.linalg.norm([own, others]))
    given = {"sqrt(own) + others": math.sqrt(own) + others, "sqrt(own + others)": math.sqrt(own + others)}
    evidence = (
        f"on one edge with W = 1 and the identity J = (1, 1), of norm {norm:.4f}; the root over the first term alone gives "
        f"{given['sqrt(own) + others']:.4f}, over both {given['sqrt(own + others)']:.4f}, from which Equation 19 follows; "
        "the source is an extracted text, in which the root may have been cut short."
    )
    return Decision(HOLDS if math.isclose(given[printed], norm) else TYPO, evidence, METHOD)


def sign_of_a_loss() -> Decision:
    """Decide the sign of c (p_2 - p_1) for a loss, and what it says of Equation 23's ratio."""
    first, second, change = z3.Reals("p1 p2 c")
    valid = [*smt.domain(first, change, "c < 0"), *smt.domain(second, change, "c < 0"), first < second]
    numerator, denominator = (1 - second) * (1 - first - change), (1 - first) * (1 - second - change)
    return by_check(
        decide(
            method="SMT",
            evidence="As the printed ratio is upside down (E/equation-23), Case 2 ends in the reverse of what is true.",
            proof={
                "c (p_2 - p_1) < 0, by z3": smt.proves(valid, change * (second - first) < 0),
                "the printed numerator is below the printed denominator, by z3": smt.proves(
                    valid, numerator < denominator
                ),
            },
        )
    )
