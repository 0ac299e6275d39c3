"""Misprints of formulas: what is printed fails on the smallest example, and one changed symbol mends it."""

import math
from dataclasses import replace

from ctrnb import paper
from ctrnb.audit.claims import CORRECTED, DOES_NOT_HOLD, HOLDS, TYPO, Decision, by_proof

METHOD = "printed formula on an example"
EDGE = {"|V|": 2, "|N|": 1, "d": 3}  # one user and one item, joined, with three features each; |N| of a neighbourhood


def size(formula: str) -> int:
    """Return how many numbers a printed product of sizes stands for on one edge."""
    return math.prod(EDGE[symbol] for symbol in formula.split())


def features_of_all_nodes(section: str, mended: str = "|V| d") -> Decision:
    """Decide whether h, the features of all nodes, has as many numbers as a section says."""
    printed, needed = paper.TEXT[section, "numbers in h"], EDGE["|V|"] * EDGE["d"]
    evidence = (
        f"two nodes with {EDGE['d']} features have {needed} numbers, printed {printed} gives {size(printed)}, "
        f"{mended} gives {size(mended)}."
    )
    return Decision(HOLDS if size(printed) == needed else TYPO, evidence, METHOD)


def misprinted(id: str) -> Decision:
    """Decide a formula by a verified statement that tells what holds in its place: where it does, one symbol is a slip."""
    found = by_proof(id, "a formula")
    return replace(found, verdict=TYPO) if found.verdict == CORRECTED else found


def linear_layer() -> Decision:
    """Decide whether Equation 4 is linear, as it is called, for ReLU on one edge with W = 1."""

    def update(own: float, neighbour: float) -> float:
        return max(own + neighbour, 0.0)  # one neighbour: the average is its value

    plus, minus = update(1, 1), update(-1, -1)
    evidence = (
        f"on one edge with W = 1 and ReLU the features (1, 1) give {plus:g} and their negative {minus:g}, "
        f"where a linear map gives {-plus:g}; it is linear for the identity, as in LightGCN."
    )
    return Decision(HOLDS if minus == -plus else DOES_NOT_HOLD, evidence, METHOD)


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
