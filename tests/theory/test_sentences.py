"""What z3 is asked is what the statements say: every sentence is evaluated at drawn points and compared with Python's."""

from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any

import pytest
import z3

from ctrnb.theory import effort, lipschitz_node_claims, mci_claims, potential, smt, symbolic

Numbers = dict[str, Fraction]


def read(sentence: Any) -> Callable[[Numbers], bool]:
    """Return a sentence as an exact function of numbers: z3 prints its terms as Python writes them."""
    words = {
        "If": lambda a, b, c: b if a else c,
        "And": lambda *a: all(a),
        "Or": lambda *a: any(a),
        "Not": lambda a: not a,
    }
    code = compile(f"({sentence})", "a sentence", "eval")
    return lambda numbers: bool(eval(code, {"__builtins__": {}}, words | numbers))


def agree(
    sentences: list, names: str, said: Callable[..., bool], *, least: int = 0, most: int = 1, draws: int = 300
) -> None:
    """Evaluate a conjunction at points in sixths, at which many of them are equal, and compare it with ``said``."""
    random, held, readers = Random(0), 0, [read(each) for each in sentences]
    for _ in range(draws):
        numbers = {name: Fraction(random.randint(6 * least, 6 * most), 6) for name in names.split()}
        expected = said(*numbers.values())
        held += expected
        assert all(each(numbers) for each in readers) == expected, numbers
    assert 0 < held < draws, "the sentence is seen to hold and to fail"


def asked(monkeypatch: pytest.MonkeyPatch, module: Any, check: Callable[[], Any]) -> list[tuple[list, Any]]:
    """Return the premises and the conclusion of each proof that a check asks for; all are taken to be proven."""
    found: list[tuple[list, Any]] = []
    monkeypatch.setattr(module, "proves", lambda premises, conclusion: found.append((premises, conclusion)) or True)
    assert check()
    return found


def valid(p: Fraction, c: Fraction) -> bool:
    return 0 < p < 1 and 0 < p + c < 1


def test_gains_compared_by_mci(monkeypatch: pytest.MonkeyPatch) -> None:
    proofs = asked(monkeypatch, smt, effort.a_fortiori)
    for (premises, conclusion), says in zip(
        proofs, (lambda p, q, c, d: c > d, lambda p, q, c, d: c * q > d * p), strict=True
    ):
        agree(premises, "p1 p2 c1 c2", lambda p, q, c, d: (
            valid(p, c) and valid(q, d) and c > 0 and d > 0 and p < q and c / (1 - p) >= d / (1 - q)), draws=2000)  # fmt: skip
        agree([conclusion], "p1 p2 c1 c2", says)


def test_losses_compared_by_mci(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    monkeypatch.setattr(smt, "solved", lambda *given: (found.extend(given) or z3.sat, None))
    assert effort.not_a_fortiori_for_losses()
    agree(found, "p1 p2 c1 c2", lambda p, q, c, d: (
        valid(p, c) and valid(q, d) and c < 0 and d < 0 and p < q and -c / (1 - p) < -d / (1 - q) and -c > -d),
        least=-1, draws=20000)  # fmt: skip
    for answer in (z3.unsat, z3.unknown):
        monkeypatch.setattr(smt, "solved", lambda *given, answer=answer: (answer, None))
        assert not effort.not_a_fortiori_for_losses()


def test_rows_under_relu(monkeypatch: pytest.MonkeyPatch) -> None:
    ((premises, conclusion),) = asked(monkeypatch, smt, lipschitz_node_claims.relu_halves_hold)
    assert premises == []
    numbers = [Fraction(n, 3) for n in range(-6, 7)]
    holds = read(conclusion)
    assert all(holds({"a": a, "b": b}) for a in numbers for b in numbers)
    rises, _ = conclusion.children()
    for x, y in ((2, -3), (-1, 4), (2, 5), (-2, -6)):  # max(x, 0) - max(y, 0) and the same of -x and -y, squared
        squares = (max(x, 0) - max(y, 0)) ** 2 + (max(-x, 0) - max(-y, 0)) ** 2
        assert read(rises == squares)({"a": Fraction(x), "b": Fraction(y)})


def test_entries_scaled_by_slopes(monkeypatch: pytest.MonkeyPatch) -> None:
    ((premises, conclusion),) = asked(monkeypatch, smt, symbolic.frobenius_step_holds)
    agree(premises, "L d w", lambda bound, d, w: abs(d) <= bound, least=-2, most=2)
    agree([conclusion], "L d w", lambda bound, d, w: (d * w) ** 2 <= (bound * w) ** 2, least=-2, most=2)


def test_the_three_forms_of_increasing(monkeypatch: pytest.MonkeyPatch) -> None:
    """(i), (ii) and F(u) < F(v), each from each."""
    proofs = asked(monkeypatch, smt, potential.monotone_equivalence)
    assert len(proofs) == 9 and len({(str(premises), str(conclusion)) for premises, conclusion in proofs}) == 9
    for premises, conclusion in proofs:
        for sentence in (*premises, conclusion):
            agree([sentence], "F_u F_v F_w", lambda u, v, w: u < v, draws=60)
    for wrong in range(9):
        answers = iter([number != wrong for number in range(9)])
        monkeypatch.setattr(smt, "proves", lambda *_, answers=answers: next(answers))
        assert not potential.monotone_equivalence()


def test_the_steps_from_concave_to_iii_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    proofs = asked(monkeypatch, smt, potential.concave_equivalence)
    names = "F_p1 F_p1c F_p2 F_p2c t"

    def gains(a, b, c, d, t):
        return b - a > d - c

    def losses(a, b, c, d, t):
        return abs(a - b) > abs(c - d)

    def rises(a, b, c, d, t):
        return a < b and c < d

    expected = [
        (lambda a, b, c, d, t: 0 < t < 1 and b > (1 - t) * a + t * d and c > t * a + (1 - t) * d, gains),
        (lambda a, b, c, d, t: c == b and gains(a, b, c, d, t), lambda a, b, c, d, t: c > (a + d) / 2),
        (lambda *f: rises(*f) and gains(*f), losses),
        (lambda *f: rises(*f) and losses(*f), gains),
    ]
    for (premises, conclusion), (given, then) in zip(proofs, expected, strict=True):
        agree(premises, names, given, least=-1, most=2, draws=600)
        agree([conclusion], names, then)
    for wrong in range(4):
        answers = iter([number != wrong for number in range(4)])
        monkeypatch.setattr(smt, "proves", lambda *_, answers=answers: next(answers))
        assert not potential.concave_equivalence()


def test_points_at_which_mcis_sign_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """MCI is 0 or less for a gain, 0 or more for a loss: with the logarithm removed, a ratio on that side of 1."""
    found: list[list] = []
    monkeypatch.setattr(smt, "holds", lambda *broken: found.append(list(broken)) or True)
    mci_claims.sign()
    for broken, side in zip(found, (1, -1), strict=True):
        domain = [each for each in broken if "inverse" not in str(each)]
        agree(domain, "p c", lambda p, c, side=side: valid(p, c) and side * c > 0, least=-1)
        assert smt.solved(*broken)[0] == z3.unsat
        if side == 1:  # without the sign of c there are such points
            assert smt.solved(*[each for each in broken if str(each) not in ("c > 0", "c < 0")])[0] == z3.sat


def test_a_gain_is_compared_with_a_loss() -> None:
    """For (i) at one baseline, for (ii) at one new performance; the gain ought to cost more."""
    for name, same in (("i", lambda p, q, c, d: p == q), ("ii", lambda p, q, c, d: p + c == q + d)):
        facts, first, second = smt.compared(mci_claims.CHANGE, name, "a gain and a loss")
        agree(facts, "p1 p2 c1 c2", lambda p, q, c, d, same=same: (
            valid(p, c) and valid(q, d) and d < 0 < c and same(p, q, c, d)), least=-1, draws=20000)  # fmt: skip
        assert (str(first), str(second)) == ("c1", "c2")


@pytest.mark.parametrize("change", ["c > 0", "c < 0"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("i", lambda p, q, c, d: p == q and c > d),
        ("ii", lambda p, q, c, d: p + c == q + d and p < q),
        ("iii", lambda p, q, c, d: c == d and p < q),
    ],
)
def test_the_pairs_that_a_condition_compares(name: str, said: Callable, change: str) -> None:
    side = 1 if change == "c > 0" else -1
    facts, first, second = smt.compared(mci_claims.CHANGE, name, change)
    agree(facts, "p1 p2 c1 c2", lambda p, q, c, d: (
        valid(p, c) and valid(q, d) and side * c > 0 and side * d > 0 and said(p, q, c, d)), least=-1, draws=6000)  # fmt: skip
    for change_1, change_2 in ((-1, 2), (1, -2), (1, 2)):
        numbers = {"c1": Fraction(change_1), "c2": Fraction(change_2)}
        sizes = (abs(change_1), abs(change_2)) if name == "iii" else (change_1, change_2)
        assert read(z3.And(first == sizes[0], second == sizes[1]))(numbers)
