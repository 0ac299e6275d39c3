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
    both = ["c > 0", "c < 0"]
    assert [(each.name, each.change) for each in found] == [
        *[(name, case) for name in ("i", "ii") for case in (*both, "a gain and a loss")], *[("iii", case) for case in both]
    ]  # fmt: skip
    assert [each.holds for each in found] == [True] * 6 + [False] * 2
    assert [each.reversed for each in found] == [False] * 6 + [True] * 2


@pytest.mark.parametrize("text", mci.COSTS.values())
def test_the_two_engines_agree(text: str) -> None:
    for each in mci.conditions(text):
        assert each.agree and each.reversed_by_sympy == each.reversed_by_z3


def test_counterexamples_by_hand() -> None:
    """At p = 1/4 and 1/2 with c = 1/4 MCI is log(3/2) and log 2."""
    gain, loss = mci.conditions()[-2:]
    assert gain.counterexample.first == (Fraction(1, 4), Fraction(1, 4)) and gain.counterexample.second[0] == Fraction(
        1, 2
    )
    assert gain.counterexample.costs == pytest.approx((np.log(3 / 2), np.log(2)))
    assert loss.counterexample.costs == pytest.approx((-np.log(3 / 2), -np.log(2)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c", [True] * 6 + [False] * 2),
        ("c / p", [True] * 8),
        ("log((p + c) / p)", [True] * 8),
        ("sqrt(p + c) - sqrt(p)", [True] * 8),
        ("log((1 - p - c) / (1 - p))", [False] * 8),
        ("-c", [False] * 8),
        ("abs(c)", [True, False, False] * 2 + [False] * 2),
        ("max(c, 2*c)", [True] * 6 + [False] * 2),
        ("1", [False] * 8),
        ("exp(p + c) - exp(p)", [True] * 6 + [False] * 2),
        ("-1/c", [True, True, False] * 2 + [False] * 2),
        ("c - c/abs(c)", [True, True, False] * 2 + [False] * 2),
    ],
)
def test_other_costs_get_other_verdicts(text: str, expected: list[bool]) -> None:
    assert verdicts(text) == expected


def test_what_neither_engine_reads_is_left_open_rather_than_guessed() -> None:
    """Concave by a hair: no counterexample in tenths, and neither engine decides a sum of exp and log."""
    found = mci.conditions("log(p + c) - log(p) + exp(c)/1000000 - 1/1000000")
    assert found[6].holds is None and found[6].by_sympy is None and found[6].by_z3 is None


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
    """Thirty digits are 103 bits; a bit less would show at some of these points."""
    for n in range(3, 30):
        value = mci.evaluate(mci.MCI, (Fraction(1, n), Fraction(1, n)))
        exact = sp.log(sp.Rational(n - 1, n - 2)).evalf(60)
        assert abs(sp.Float(value, 60) / exact - 1) < sp.Float(2, 60) ** -102


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
    assert not smt.proves([a < b], b < a)


def test_points_and_the_pairs_that_conditions_compare_by_hand() -> None:
    third, quarter, half = Fraction(1, 3), Fraction(1, 4), Fraction(1, 2)
    assert list(mci.points(2, "c > 0")) == list(mci.points(2, "c < 0")) == []
    assert list(mci.points(3, "c > 0")) == [(third, third)] and list(mci.points(3, "c < 0")) == [(2 * third, -third)]
    rising = [(quarter, quarter), (quarter, half), (half, quarter)]
    assert list(mci.points(4, "c > 0")) == rising
    assert list(mci.pairs(4, "i", "c > 0")) == [(rising[1], rising[0])]  # one baseline, the larger change first
    assert list(mci.pairs(4, "ii", "c > 0")) == [(rising[1], rising[2])]  # both end at 3/4, the lower baseline first
    assert list(mci.pairs(4, "iii", "c > 0")) == [(rising[0], rising[2])]  # one change, the lower baseline first
    falling = [(half, -quarter), (3 * quarter, -half), (3 * quarter, -quarter)]
    assert list(mci.points(4, "c < 0")) == falling
    assert list(mci.pairs(4, "i", "c < 0")) == [(falling[2], falling[1])]
    assert list(mci.pairs(4, "ii", "c < 0")) == [(falling[0], falling[1])]
    assert list(mci.pairs(4, "iii", "c < 0")) == [(falling[0], falling[2])]
    across = "a gain and a loss"
    assert list(mci.pairs(4, "i", across)) == [(rising[2], falling[0])]  # from 1/2 up and down, the gain first
    assert list(mci.pairs(4, "ii", across)) == [(rising[0], falling[2])]  # to 1/2 from below and from above


def test_a_cost_that_meets_conditions_on_each_side_of_zero_may_break_them_across_it() -> None:
    """c - c/|c|: a gain of 1/4 from 1/2 costs -3/4, a loss of 1/4 costs 3/4."""
    found = mci.conditions("c - c/abs(c)")[2]
    assert (found.name, found.by_sympy, found.by_z3) == ("i", False, False)
    assert found.counterexample == mci.Counterexample(
        (Fraction(1, 2), Fraction(1, 4)), (Fraction(1, 2), Fraction(-1, 4)), (-0.75, 0.75)
    )


@pytest.mark.parametrize(("gain", "loss", "expected"), [
    (1, -1, 1), (1, 0, 1), (0, -1, 1), (-1, 1, -1), (0, 1, -1), (0, 0, 0), (1, 1, None), (-1, -1, None), (None, -1, None),
])  # fmt: skip
def test_signs_of_costs_settle_gains_against_losses(monkeypatch, gain, loss, expected) -> None:
    monkeypatch.setattr(signs, "sign_of", lambda cost, change: gain if change == "c > 0" else loss)
    monkeypatch.setattr(signs, "rise", lambda cost, name, change: None)
    assert signs.rise_from_losses(mci.MCI, "i") == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("exp(p + c) - exp(p)", 1), ("exp(p) - exp(p + c)", -1), ("c + 2", 1), ("2 - 1/c", None), ("exp(c) - c/abs(c)", None),
])  # fmt: skip
def test_derivatives_settle_gains_against_losses_where_the_cost_does_not_jump(text: str, expected: int | None) -> None:
    assert signs.rise_from_losses(parse_cost(text), "i") == expected


@pytest.mark.parametrize("change", mci.CHANGES)
def test_a_counterexample_is_sought_up_to_the_largest_denominator(change: str) -> None:
    """MCI breaks (iii) first in quarters; a cost that breaks (i) in tenths alone is found there and not in ninths."""
    assert mci.counterexample(mci.MCI, "iii", change, largest=3) is None
    found = mci.counterexample(mci.MCI, "iii", change, largest=4)
    assert {value.denominator for value in (*found.first, *found.second)} <= {2, 4}
    assert mci.counterexample(mci.MCI, "i", change) is None is mci.counterexample(mci.MCI, "ii", change)
    flat = parse_cost("max(c, 9/10 - 1/20)" if change == "c > 0" else "0 - max(0 - c, 1/10 - 1/100)")
    assert mci.counterexample(flat, "i", change, largest=2) is None
    assert mci.counterexample(parse_cost("c"), "iii", change, largest=4).costs[0] == pytest.approx(
        0.25 if change == "c > 0" else -0.25
    )


def test_equal_costs_break_a_strict_condition_and_nearly_equal_ones_do_not() -> None:
    assert mci.counterexample(parse_cost("p"), "i", "c > 0") is not None
    assert mci.counterexample(parse_cost("p + c/10**9/10**6"), "i", "c > 0") is None


def test_a_tiny_cost_breaks_what_it_would_break_at_any_scale() -> None:
    tiny = parse_cost("c/10**9/10**9/10**9")
    assert mci.counterexample(tiny, "i", "c > 0", 6) is None is mci.counterexample(tiny, "ii", "c < 0", 6)
    assert (
        mci.counterexample(tiny, "iii", "c < 0", 6).first
        == mci.counterexample(parse_cost("c"), "iii", "c < 0", 6).first
    )


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("exp(p) + log(p - 1/2)", "p = 1/5"),
        ("exp(p) + log(p - 1/5)", "p = 1/10|p = 1/5"),
        ("exp(p) + log(c + 1/2)", "c = -3/5|c = -1/2"),
        ("exp(p) + log(1/2 - c)", "c = 3/5|c = 1/2"),
        ("exp(p) + 1/(p - 1/2)", "p = 1/2"),
    ],
)
def test_what_z3_cannot_read_is_tried_on_a_grid_of_halves_fifths_and_tenths(text: str, point: str) -> None:
    with pytest.raises(ParameterError, match=f"at {point}|at p = [^,]*, {point}"):
        mci.check_domain(parse_cost(text))


def test_costs_on_arrays_are_nan_where_a_pair_is_not_valid() -> None:
    base, change = (
        np.array([0.5, 0.25, 0.0, 1.0, -0.5, 1.5, 0.5, 0.5, 0.4, 0.4]),
        np.array([0.25, -0.125, 0.5, -0.5, 0.75, -0.75, 0.5, -0.5, 0.7, -0.7]),
    )
    found = mci.on_grid(mci.MCI, base, change)
    assert found[:2] == pytest.approx([np.log(2), np.log(0.75 / 0.875)]) and np.isnan(found[2:]).all()
    assert mci.on_grid(parse_cost("c"), np.array([[0.2], [0.9]]), np.array([0.05, 0.3])).tolist() == [
        [0.05, 0.3], [0.05, pytest.approx(np.nan, nan_ok=True)]
    ]  # fmt: skip


def test_a_table_of_conditions_says_what_each_engine_found() -> None:
    found = mci.table(mci.conditions("c"))
    assert found["condition"].tolist() == ["(i)"] * 3 + ["(ii)"] * 3 + ["(iii)"] * 2
    assert found["sympy"].tolist() == found["z3"].tolist() == ["holds"] * 6 + ["fails"] * 2
    assert found["reverse"].tolist() == ["fails"] * 8
    assert (found["counterexample"] == "").tolist() == [True] * 6 + [False] * 2
    assert found["counterexample"][6] == "cost(1/4, 1/4) = 0.2500, cost(1/2, 1/4) = 0.2500"
    assert mci.table([mci.Condition("i", "c > 0", None, True, None, None, None)])["sympy"].tolist() == ["not decided"]


def test_engines_that_disagree_settle_nothing() -> None:
    assert mci.joined(True, None) is True is mci.joined(True, True) and mci.joined(False, None, False) is False
    assert mci.joined(True, False) is None is mci.joined(None, None)
    assert not mci.Condition("i", "c > 0", None, None, None, None, None).agree
    assert not mci.Condition("i", "c > 0", True, None, None, None, None).agree
    assert mci.Condition("i", "c > 0", True, True, None, None, None).agree


def test_each_property_of_a_cost_is_denied_of_one_that_lacks_it() -> None:
    """MCI has all; a constant more keeps every slope and loses what holds at c = 0; c^2 and c p lose slopes."""
    additive = {
        "c": True,
        "c + 1": False,
        "c**2": False,
        "c*p": False,
        "c/p": False,
        "log(1 - p) - log(1 - p - c)": True,
    }
    undone = {"c": True, "c + 1": False, "c**2": False, "c*p": False, "c*(2*p + c)": True, "c**3": True}
    share = {
        "c/(1 - p)": True,
        "(c/(1 - p))**2 + 1": True,
        "c": False,
        "p": False,
        "c/p": False,
        mci.COSTS["MCI"]: True,
    }
    assert {text: potential.is_additive(parse_cost(text)) for text in additive} == additive
    assert {text: potential.is_antisymmetric(parse_cost(text)) for text in undone} == undone
    assert {text: potential.depends_on_share_of_gap_alone(parse_cost(text)) for text in share} == share
    q = potential.POINT
    for text, candidate, held in (("c", q, True), ("c", q + 3, True), ("c", 2 * q, False), ("c + 1", q, False),
                                  ("c + p", q, False), ("c*(2*p + c)", q**2, True), ("c*(2*p + c)", -(q**2), False)):  # fmt: skip
        assert potential.is_potential_of(parse_cost(text), candidate) is held


def test_potentials_and_their_curvature_by_hand() -> None:
    q = potential.POINT
    for text, expected in (
        ("c", q - sp.Rational(1, 2)),
        ("c*(2*p + c)", q**2 - sp.Rational(1, 4)),
        ("c*p", None),
        ("1", None),
    ):
        found = potential.potential(parse_cost(text))
        assert found is expected is None or sp.simplify(found - expected) == 0
    for candidate, signs_ in ((q, (1, 0)), (-q, (-1, 0)), (q**2, (1, 1)), (-(q**2), (-1, -1)), (sp.sqrt(q), (1, -1)),
                              ((q - sp.Rational(1, 2)) ** 2, (None, 1)), (sp.log(1 - q), (-1, -1))):  # fmt: skip
        assert potential.curvature(candidate) == signs_


@pytest.mark.parametrize(
    ("text", "gain", "loss"),
    [
        ("c", 1, -1),
        ("1/c", 1, -1),
        ("c**(0-2)", 1, 1),
        ("0 - c*p", -1, 1),
        ("log(1 - p)", -1, -1),
        ("log(1/p)", 1, 1),
        ("log((1 - p)/(1 - p - c))", 1, -1),
        ("sqrt(p) - sqrt(p + c)", -1, 1),
        ("sqrt(1 - p) - sqrt(1 - p - c)", 1, -1),
        ("sqrt(p) + sqrt(p + c)", 1, 1),
        ("0 - sqrt(p) - p", -1, -1),
        ("p - p", 0, 0),
        ("c*(p - p*1)", 0, 0),
        ("p - 1/2", None, None),
        ("c*(p - 1/2)", None, None),
        ("(p - 1/2)**3", None, None),
        ("p - c", None, 1),
        ("sqrt(p) - c", None, 1),
        ("sqrt(p) - 1/2", None, None),
        ("exp(p) - c - 1", None, None),
        ("2 - p - c", 1, 1),
    ],
)
def test_signs_on_both_triangles(text: str, gain: int | None, loss: int | None) -> None:
    expression = parse_cost(text)
    found = (signs.sign_of(expression, "c > 0"), signs.sign_of(expression, "c < 0"))
    assert found == (gain, loss) and all(type(sign) is int for sign in found if sign is not None)


@pytest.mark.parametrize(
    ("text", "name", "gain", "loss"),
    [
        ("c", "i", (True, False), (True, False)),
        ("-c", "i", (False, True), (False, True)),
        ("p", "i", (False, False), (False, False)),
        ("c", "ii", (True, False), (True, False)),
        ("p + c", "ii", (False, False), (False, False)),
        ("p", "ii", (False, True), (False, True)),
        ("c", "iii", (False, False), (False, False)),
        ("c/p", "iii", (True, False), (True, False)),
        ("c*p", "iii", (False, True), (False, True)),
        ("c**2", "i", (True, False), (False, True)),
        ("c**2/p", "iii", (True, False), (True, False)),
    ],
)
def test_both_engines_on_costs_whose_conditions_are_plain(text: str, name: str, gain: tuple, loss: tuple) -> None:
    for engine in (signs, smt):
        assert (engine.decide(parse_cost(text), name, "c > 0"), engine.decide(parse_cost(text), name, "c < 0")) == (
            gain,
            loss,
        )


def test_what_one_engine_cannot_decide_is_none() -> None:
    assert signs.decide(parse_cost("p - 1/2"), "iii", "c > 0") == (None, None), "of |cost|, whose sign is not known"
    assert signs.decide(parse_cost("p - p"), "iii", "c > 0") == (None, None), "nor of what is 0"
    assert smt.decide(parse_cost("exp(c)"), "i", "c > 0") == (None, None)


@pytest.mark.parametrize(("p", "c"), [(Fraction(1, 4), Fraction(1, 2)), (Fraction(4, 9), Fraction(-1, 9))])
@pytest.mark.parametrize(
    "text",
    ["3/7", "p + 2*c", "p - c*p", "p*c**3", "abs(c - p)", "abs(c)", "max(c, p, 1/3)", "min(c, p, 1/3)", "max(c, 0)", "p**3",
     "sqrt(p)", "p**(3/2)", "p**(0-2)", "p**(0-1/2)", "c/p", "1/(p + c)", "(p*p)**(1/4)*sqrt(p)"],
)  # fmt: skip
def test_z3_reads_each_expression_as_sympy_does(text: str, p: Fraction, c: Fraction) -> None:
    """At a point at which all roots are rational z3 allows the value and no other."""
    import z3

    expression, terms = parse_cost(text), z3.Reals("p c")
    reader = smt.Reader(dict(zip((signs.BASE, signs.CHANGE), terms, strict=True)))
    term = reader.read(expression)
    exact = sp.nsimplify(expression.subs({signs.BASE: sp.Rational(p), signs.CHANGE: sp.Rational(c)}))
    here = [term_ == z3.Q(n.numerator, n.denominator) for term_, n in zip(terms, (p, c), strict=True)]
    value = z3.Q(int(exact.p), int(exact.q))
    assert smt.solved(*here, *reader.facts, *reader.required, term == value)[0] == z3.sat
    assert smt.solved(*here, *reader.facts, *reader.required, term != value)[0] == z3.unsat


def test_costs_are_ordered_by_value_and_by_size() -> None:
    import z3

    p, c = z3.Reals("p c")
    for text, at, value, size in (
        ("c", -2, -2, 2),
        ("c", 3, 3, 3),
        ("log(c)", z3.Q(1, 4), z3.Q(1, 4), 4),
        ("log(c)", 4, 4, 4),
    ):
        reader = smt.Reader({signs.BASE: p, signs.CHANGE: c})
        found = reader.order(parse_cost(text))
        assert smt.solved(c == at, *reader.facts, z3.Or(found[0] != value, found[1] != size))[0] == z3.unsat
        assert smt.solved(c == at, *reader.facts, *reader.required)[0] == z3.sat


@pytest.mark.parametrize(
    ("text", "gain", "loss"),
    [
        ("log(p - 1/2)", True, True),
        ("sqrt(p - 1/2)", True, True),
        ("sqrt(c)", False, True),
        ("sqrt(p - 1/100)", True, True),
        ("(1/100 - p)**(0-1/2)", True, True),
        ("sqrt(p + c) - sqrt(p)", False, False),
        ("log(0 - c)", True, False),
        ("1/(p - 1/3)", True, True),
        ("1/(p**2 - 1/2)", True, True),
        ("1/(p + c - 2)", False, False),
        ("log((1 - p)/(1 - p - c))", False, False),
        ("c", False, False),
        ("exp(c)/(p - 1/2)", False, False),  # which z3 cannot read
    ],
)
def test_points_at_which_a_cost_is_undefined(text: str, gain: bool, loss: bool) -> None:
    for change, exists in (("c > 0", gain), ("c < 0", loss)):
        found = smt.undefined_at(parse_cost(text), change)
        assert (found is not None) == exists
        if found:
            p, c = found
            assert 0 < p < 1 and 0 < p + c < 1 and (c > 0) == (change == "c > 0")
            value = parse_cost(text).subs({signs.BASE: sp.Rational(p), signs.CHANGE: sp.Rational(c)})
            assert not value.is_real or not value.is_finite or abs(value) > 10**9, "an irrational pole is rounded"


def test_an_answer_that_does_not_come_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    import z3

    monkeypatch.setattr(smt, "solved", lambda *_: (z3.unknown, None))
    assert smt.holds() is None and smt.decide(mci.MCI, "i", "c > 0") == (None, None)
    assert smt.undefined_at(mci.MCI, "c > 0") is None
    assert not smt.proves([], True)


def test_costs_with_the_same_argument_are_summed_under_one_logarithm() -> None:
    p, c = signs.BASE, signs.CHANGE
    for text, expected in (("log(p)", p), ("2*log(p)", p**2), ("log(p)/2", p), ("log(p)/2 - log(c)", p / c**2),
                           ("log(p)/6 + log(c)/4", p**2 * c**3)):  # fmt: skip
        assert sp.simplify(smt.log_argument(parse_cost(text)) - expected) == 0
    for text in ("p*log(p)", "log(p) + 1", "sqrt(2)*log(p)"):
        with pytest.raises(smt.Unreadable):
            smt.log_argument(parse_cost(text))
