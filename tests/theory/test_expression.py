import time

import pytest
import sympy as sp

from ctrnb.errors import ParameterError
from ctrnb.theory.expression import BASE, CHANGE, parse_cost


def test_costs_are_read_as_written() -> None:
    assert parse_cost("log((1 - p) / (1 - p - c))") == sp.log((1 - BASE) / (1 - BASE - CHANGE))
    assert parse_cost("0.1*c") == CHANGE / 10, "decimals are exact"
    assert parse_cost(" -p**2 + sqrt(c) ") == sp.sqrt(CHANGE) - BASE**2
    assert parse_cost("max(c, 0) + min(p, c, 1)").has(sp.Max, sp.Min)
    assert parse_cost("p**(-1/2)") == 1 / sp.sqrt(BASE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os')", "'__import__' is not a function"),
        ("p.__class__", "may not stand"),
        ("(1).real", "may not stand"),
        ("p[0]", "may not stand"),
        ("lambda: p", "may not stand"),
        ("[p for p in (1,)]", "may not stand"),
        ("(p := 1)", "may not stand"),
        ("f'{p}'", "may not stand"),
        ("p if c else 1", "may not stand"),
        ("p < c", "may not stand"),
        ("log.evalf()", "is not a function"),
        ("eval('p')", "is not a function"),
        ("'p'", "is no number"),
        ("True", "is no number"),
        ("2j", "is no number"),
        ("q", "'q' is not known"),
        ("lgo(p)", "Did you mean 'log'"),
        ("log(p, c)", "one argument"),
        ("log(x=p)", "one argument"),
        ("min(p)", "two or more"),
        ("p^2", "written \\*\\*"),
        ("p // c", "an operation"),
        ("p**c", "is no exponent"),
        ("p**17", "is no exponent"),
        ("9**9**9", "is no exponent"),
        ("((p**16)**16)**16", "too large together"),
        ("p*p**16*p**16*p**16*p**16", "too large together"),
        ("exp(exp(p))", "nests exp"),
        ("1e400", "out of range"),
        ("1e999999999", "out of range"),
        ("10000000000", "out of range"),
        ("1/0", "divides by zero"),
        ("log(0)", "divides by zero"),
        ("sqrt(-1)", "not real"),
        ("", "give an expression"),
        ("p +", "no expression"),
        ("p\0", "no expression"),
        ("p; c", "no expression"),
    ],
)
def test_what_is_no_cost_is_refused_and_named(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parse_cost(text)


@pytest.mark.parametrize("text", ["(" * 10**6, "-" * 299 + "p", "p+" * 149 + "p", "9" * 10**6, "log(" * 70])
def test_giant_and_deep_input_fails_at_once(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ParameterError):
        parse_cost(text)
    assert time.perf_counter() - start < 0.5


def test_a_tiny_number_is_not_written_out() -> None:
    assert parse_cost("c + 1e-999999999") == CHANGE


def test_a_cost_must_be_text() -> None:
    with pytest.raises(ParameterError, match="as text"):
        parse_cost(None)  # type: ignore[arg-type]


LIMITS = [  # on either side of each limit: what is still read, and the first that is not
    ("1e-9", "9e-10"),
    ("1000000000", "1000000001"),
    ("1e9", "1.000000001e9"),
    ("p**16", "p**(33/2)"),
    ("p**(0-16)", "p**(0-17)"),
    ("p**(1/16)", "p**(1/17)"),
    ("(p**16)**4", "((p**16)**4)**2"),
    ("(p**(1/8))**(1/8)", "(p**(1/8))**(1/9)"),
    ("p**16*p**16*p**16*p**16", "p**16*p**16*p**16*p**16*p"),
    ("p**16/c**16/p**16/c**16", "p**16/c**16/p**16/c**16/p"),
    ("log(p**16)*p**16*p**16*c**16", "log(p**16)*p**16*p**16*c**16*c"),
    ("-" * 30 + "p", "-" * 31 + "p"),
    ("abs(" * 30 + "p" + ")" * 30, "abs(" * 31 + "p" + ")" * 31),
    ("p" + "+p" * 30, "p" + "+p" * 31),
    ("p" + "-(p" * 30 + ")" * 30, "p" + "-(p" * 31 + ")" * 31),
    ("c" + " " * 299, "c" + " " * 300),
]


@pytest.mark.parametrize(("read", "refused"), LIMITS)
def test_each_limit_is_where_it_is_said_to_be(read: str, refused: str) -> None:
    assert parse_cost(read).free_symbols <= {BASE, CHANGE}
    with pytest.raises(ParameterError):
        parse_cost(refused)


def test_sums_of_powers_are_as_large_as_the_largest_alone() -> None:
    assert parse_cost(" + ".join(["p**16"] * 9) + " - c**16") == 9 * BASE**16 - CHANGE**16


@pytest.mark.parametrize(
    ("text", "at_quarter_and_half"),
    [
        ("min(p, c)", 1 / 4),
        ("max(p, c)", 1 / 2),
        ("min(c, p, 1/8)", 1 / 8),
        ("abs(p - c)", 1 / 4),
        ("sqrt(p)", 1 / 2),
        ("exp(p - p)", 1),
        ("log(exp(c))", 1 / 2),
        ("+p", 1 / 4),
        ("-p", -1 / 4),
        ("p + c", 3 / 4),
        ("c - p", 1 / 4),
        ("p * c", 1 / 8),
        ("c / p", 2),
        ("p ** 2", 1 / 16),
        ("1_000.5 * c", 500.25),
    ],
)
def test_each_operation_at_p_a_quarter_and_c_a_half(text: str, at_quarter_and_half: float) -> None:
    found = parse_cost(text).subs({BASE: sp.Rational(1, 4), CHANGE: sp.Rational(1, 2)})
    assert float(found) == at_quarter_and_half


def test_an_error_names_the_part_that_it_is_about() -> None:
    for text, part in (
        ("  p + q", "'q'"), ("c*(1 - p**17)", "'17'"), ("p + log(p, c)", "'log(p, c)'"), ("1 + (p^c)", "'p^c'"),
        ("c + " + "x" * 40, "'" + "x" * 40 + "'"), ("c + " + "x" * 41, "'" + "x" * 37 + "...'"),
    ):  # fmt: skip
        with pytest.raises(ParameterError) as caught:
            parse_cost(text)
        assert str(caught.value).startswith(f"cost: {part} ")
    with pytest.raises(ParameterError, match="the cost has 301 characters: at most 300 are read"):
        parse_cost("p" * 301)
