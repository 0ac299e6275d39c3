"""The sympy engine: signs of expressions over the whole domain of a cost, by positive coordinates.

The domain 0 < p < 1, 0 < p + c < 1 for one sign of c is an open triangle, and three free positive numbers fill it:

    c > 0:  p = x/(x + y + z),        c = y/(x + y + z),   so 1 - p - c = z/(x + y + z)
    c < 0:  p = (x + y)/(x + y + z),  c = -y/(x + y + z),  so p + c = x/(x + y + z)

An expression becomes a quotient of polynomials in them; one whose coefficients have one sign has that sign everywhere.
A strict comparison along a line holds everywhere if the derivative along it has one sign on the triangle (lines meet
it in intervals); it fails somewhere if that derivative is 0 or has the other sign throughout.
"""

import sympy as sp

from ctrnb.theory.expression import BASE, CHANGE, MIXED

X, Y, Z = sp.symbols("x y z", positive=True)
NEW = sp.Symbol("q", positive=True)  # p + c
COORDINATES = {
    "c > 0": {BASE: X / (X + Y + Z), CHANGE: Y / (X + Y + Z)},
    "c < 0": {BASE: (X + Y) / (X + Y + Z), CHANGE: -Y / (X + Y + Z)},
}


def sign_of(expression: sp.Expr, change: str) -> int | None:
    """Return the sign, 1, -1 or 0, that an expression in p and c has on the whole domain; None if it is not decided."""
    return positive_sign(expression.subs(COORDINATES[change], simultaneous=True))


def positive_sign(expression: sp.Expr) -> int | None:
    """Return the sign of an expression in positive symbols, factor by factor."""
    if expression.has(sp.log):
        expression = sp.logcombine(expression, force=True)
    else:
        expression = sp.factor(sp.together(expression))
    signs = [factor_sign(factor) for factor in sp.Mul.make_args(expression)]
    if 0 in signs:
        return 0
    return None if None in signs else int(sp.prod(signs))


def factor_sign(factor: sp.Expr) -> int | None:
    """Return the sign of one factor: by sympy's assumptions, of a logarithm by its argument's side of 1."""
    if isinstance(factor, sp.Pow) and factor.exp.is_Integer:
        below = factor_sign(factor.base)
        return None if below is None else below ** abs(int(factor.exp))
    if isinstance(factor, sp.log):
        return positive_sign(factor.args[0] - 1)
    for sign, answer in ((1, factor.is_positive), (-1, factor.is_negative), (0, factor.is_zero)):
        if answer:
            return sign
    return two_terms_sign(factor) if isinstance(factor, sp.Add) and len(factor.args) == 2 else None


def two_terms_sign(total: sp.Expr) -> int | None:
    """Return the sign of u - v for positive u and v that hold roots: that of u^2 - v^2."""
    signs = [1 if term.is_positive else -1 if term.is_negative else None for term in total.args]
    if None in signs or signs[0] == signs[1] or total.is_polynomial():
        return None
    squares = [sp.expand(term**2) for term in total.args]
    if not all(square.is_polynomial() for square in squares):
        return None
    return positive_sign(signs[0] * squares[0] + signs[1] * squares[1])


def decide(cost: sp.Expr, name: str, change: str) -> tuple[bool | None, bool | None]:
    """Return whether a condition, and its reverse, hold on the whole domain; None where sympy does not decide."""
    rising = rise_from_losses(cost, name) if change == MIXED else rise(cost, name, change)
    return (None, None) if rising is None else (rising == 1, rising == -1)


def rise(cost: sp.Expr, name: str, change: str) -> int | None:
    """Return the sign of the derivative that a condition wants to be positive, for one sign of the change."""
    if name == "i":
        return sign_of(sp.diff(cost, CHANGE), change)
    if name == "ii":
        along = sp.diff(cost.subs(CHANGE, NEW - BASE), BASE).subs(NEW, BASE + CHANGE)
        return opposite(sign_of(along, change))
    side = sign_of(cost, change)  # |cost| = side * cost
    return None if not side else opposite(sign_of(side * sp.diff(cost, BASE), change))


def rise_from_losses(cost: sp.Expr, name: str) -> int | None:
    """Return the sign of a gain's cost less a loss's, where (i) or (ii) compares them.

    It is settled where the signs of both costs are unequal; or where the derivative along the line of comparison has one
    sign on either side of c = 0 and the cost is continuous there.
    """
    gain, loss = sign_of(cost, "c > 0"), sign_of(cost, "c < 0")
    if gain is not None and loss is not None and (gain != loss or gain == 0):
        return gain or -loss
    sides = {rise(cost, name, change) for change in COORDINATES}
    return sides.pop() if len(sides) == 1 and continuous_at_no_change(cost) else None


def continuous_at_no_change(cost: sp.Expr) -> bool:
    """Return whether a cost has a finite value at c = 0 and no piece that may jump there; it is continuous if so."""
    pieces = cost.has(sp.Abs, sp.Max, sp.Min)
    return not pieces and not cost.subs(CHANGE, 0).has(sp.nan, sp.zoo, sp.oo)


def opposite(sign: int | None) -> int | None:
    """Return the sign of the negative; None stays None."""
    return None if sign is None else -sign
