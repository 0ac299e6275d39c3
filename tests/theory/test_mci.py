from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.errors import ParameterError
from ctrnb.evaluation import mci as measured
from ctrnb.theory import mci, potential, signs, smt
from ctrnb.theory.expression import parse_cost


def verdicts(cost: str | None = None) -> list[bool | None]:
    return [each.holds for each in mci.conditions(cost)]


def test_mci_meets_two_conditions_and_the_reverse_of_the_third() -> None:
    found = mci.conditions()
    assert [(each.name, each.change) for each in found[::2]] == [("i", "c > 0"), ("ii", "c > 0"), ("iii", "c > 0")]
    assert [each.holds for each in found] == [True, True, True, True, False, False]
    assert [each.reversed for each in found] == [False, False, False, False, True, True]


@pytest.mark.parametrize("text", mci.COSTS.values())
def test_the_two_engines_agree(text: str) -> None:
    for each in mci.conditions(text):
        assert each.agree and each.reversed_by_sympy == each.reversed_by_z3


def test_counterexamples_by_hand() -> None:
    """At p = 1/4 and 1/2 with c = 1/4 MCI is log(3/2) and log 2."""
    gain, loss = mci.conditions()[4:]
    assert gain.counterexample.first == (Fraction(1, 4), Fraction(1, 4)) and gain.counterexample.second[0] == Fraction(
        1, 2
    )
    assert gain.counterexample.costs == pytest.approx((np.log(3 / 2), np.log(2)))
    assert loss.counterexample.costs == pytest.approx((-np.log(3 / 2), -np.log(2)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c", [True] * 4 + [False] * 2),
        ("c / p", [True] * 6),
        ("log((p + c) / p)", [True] * 6),
        ("sqrt(p + c) - sqrt(p)", [True] * 6),
        ("log((1 - p - c) / (1 - p))", [False] * 6),
        ("-c", [False] * 6),
        ("abs(c)", [True, False, True, False, False, False]),
        ("max(c, 2*c)", [True] * 4 + [False] * 2),
        ("1", [False] * 6),
        ("exp(p + c) - exp(p)", [True] * 4 + [False] * 2),
    ],
)
def test_other_costs_get_other_verdicts(text: str, expected: list[bool]) -> None:
    assert verdicts(text) == expected


def test_what_neither_engine_reads_is_left_open_rather_than_guessed() -> None:
    """Concave by a hair: no counterexample in tenths, and neither engine decides a sum of exp and log."""
    found = mci.conditions("log(p + c) - log(p) + exp(c)/1000000 - 1/1000000")
    assert found[4].holds is None and found[4].by_sympy is None and found[4].by_z3 is None


@pytest.mark.parametrize("text", ["log(p - 1/2)", "1/(p - 1/5)", "1/(p - 1/3)", "sqrt(p - 2/7)", "log(p - c)"])
def test_a_cost_that_is_undefined_somewhere_is_refused_with_the_point(text: str) -> None:
    with pytest.raises(ParameterError, match="at p = "):
        mci.conditions(text)


FIFTIETHS = st.integers(1, 49).map(lambda n: Fraction(n, 50))


@settings(max_examples=60, deadline=None)
@given(FIFTIETHS, FIFTIETHS, FIFTIETHS)
def test_verdicts_hold_at_drawn_points(p: Fraction, other: Fraction, q: Fraction) -> None:
    """(ii) and the reverse of (iii) for MCI as it is measured."""
    low, high = sorted((p, other))
    if low < high:
        assert measured(float(low), float(q - low)) > measured(float(high), float(q - high))
        change = q - high
        if change and low + change > 0:
            assert abs(measured(float(low), float(change))) < abs(measured(float(high), float(change)))


def test_equation_23_is_upside_down() -> None:
    true, printed = mci.equation_23()
    assert sp.simplify(true * printed) == 1 and sp.simplify(true - printed) != 0


def test_signs_are_decided_on_the_whole_triangle_or_not_at_all() -> None:
    p, c = signs.BASE, signs.CHANGE
    assert signs.sign_of(1 - p - c, "c > 0") == 1 and signs.sign_of(c, "c < 0") == -1
    assert signs.sign_of(p + c, "c < 0") == 1 and signs.sign_of(p - p, "c < 0") == 0
    assert signs.sign_of(p - sp.Rational(1, 2), "c > 0") is None
    assert signs.sign_of(c**2, "c < 0") == 1 and signs.sign_of(c**3, "c < 0") == -1
    assert signs.sign_of(sp.sqrt(p + c) - sp.sqrt(p), "c < 0") == -1


def test_z3_reads_logarithms_by_their_arguments() -> None:
    ratio = smt.log_argument(parse_cost("log(p)/2 - log(1 - p)/3"))
    assert sp.simplify(ratio - signs.BASE**3 / (1 - signs.BASE) ** 2) == 0
    with pytest.raises(smt.Unreadable):
        smt.log_argument(parse_cost("log(p) + c"))


def test_evaluation_is_exact_to_its_digits() -> None:
    value = mci.evaluate(mci.MCI, (Fraction(1, 2), Fraction(1, 4)))
    assert abs(value - sp.log(2).evalf(40)) < sp.Float("1e-28", 40)


def test_potentials() -> None:
    found = potential.potential(mci.MCI)
    assert sp.simplify(sp.diff(found, potential.POINT) - 1 / (1 - potential.POINT)) == 0
    assert potential.is_potential_of(mci.MCI, -sp.log(1 - potential.POINT))
    assert not potential.is_potential_of(mci.MCI, sp.log(potential.POINT))
    assert potential.potential(parse_cost("c / p")) is None and potential.potential(parse_cost("c + 1")) is None
    assert potential.curvature(found) == (1, 1)
    assert potential.is_additive(parse_cost("c")) and not potential.is_additive(parse_cost("c/p"))
    assert not potential.depends_on_share_of_gap_alone(parse_cost("c"))


def test_z3_proves_the_equivalences_and_no_more() -> None:
    import z3

    assert potential.monotone_equivalence() and potential.concave_equivalence()
    a, b = z3.Reals("a b")
    assert not potential.proves([a < b], b < a)
