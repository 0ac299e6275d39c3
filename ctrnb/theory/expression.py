"""A cost as text, read safely: ``log((1 - p) / (1 - p - c))``.

The text is parsed into Python's syntax tree, of which nothing is ever executed or evaluated; every node must be on a
short list and is turned into sympy by hand. Size, depth and powers are bounded, so that hostile input fails at once.
"""

import ast
from collections.abc import Callable
from fractions import Fraction

import sympy as sp

from ctrnb.errors import ParameterError, nearest

BASE = sp.Symbol("p", positive=True)  # p_b, the AUC before
CHANGE = sp.Symbol("c", real=True)  # the absolute change in AUC
MIXED = "a gain and a loss"  # the case of two costs whose changes have unequal signs

NAMES: dict[str, sp.Expr] = {"p": BASE, "c": CHANGE}
FUNCTIONS: dict[str, tuple[Callable[..., sp.Expr], int]] = {  # name: (function, least number of arguments)
    "log": (sp.log, 1),
    "exp": (sp.exp, 1),
    "sqrt": (sp.sqrt, 1),
    "abs": (sp.Abs, 1),
    "min": (sp.Min, 2),
    "max": (sp.Max, 2),
}
OPERATORS: dict[type, Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
LONGEST = 300  # characters
DEEPEST = 30  # nested operations
LARGEST_POWER = 16  # of all nested powers together
LARGEST_NUMBER = Fraction(10**9)
SMALLEST_NUMBER = Fraction(1, 10**9)
HELP = (
    "A cost is made of p (the AUC before), c (the absolute change), numbers, + - * / **, "
    f"and {', '.join(FUNCTIONS)}, for example log((1 - p) / (1 - p - c))."
)


def parse_cost(text: str) -> sp.Expr:
    """Return the sympy expression of a cost in p and c.

    Raises:
        ParameterError: the text is not a text, is too long or too deep, is no expression, or uses anything but numbers,
            p, c, the four operations, bounded powers and the functions above.
    """
    if not isinstance(text, str) or not text.strip():
        raise ParameterError(f"cost={text!r}: give an expression as text. {HELP}")
    if len(text) > LONGEST:
        raise ParameterError(f"the cost has {len(text)} characters: at most {LONGEST} are read. {HELP}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error) or "too deeply nested"
        raise ParameterError(f"cost={text!r} is no expression ({reason}). {HELP}") from None
    expression, _ = build(tree.body, text, 0)
    if expression.has(sp.zoo, sp.nan, sp.oo, sp.I):
        raise ParameterError(f"cost={text!r} divides by zero or is not real whatever p and c are.")
    return expression


def refuse(node: ast.AST, text: str, why: str) -> ParameterError:
    """Return the error that names the offending part of a cost."""
    part = ast.get_source_segment(text.strip(), node) or text
    shown = part if len(part) <= 40 else part[:37] + "..."
    return ParameterError(f"cost: {shown!r} {why} {HELP}")


def build(node: ast.AST, text: str, depth: int) -> tuple[sp.Expr, float]:
    """Return a node's expression and the size of the powers in it: nested powers multiply, products add."""
    if depth > DEEPEST:
        raise refuse(node, text, f"is nested more than {DEEPEST} deep.")
    if isinstance(node, ast.Constant):
        return number(node, text), 1
    if isinstance(node, ast.Name):
        if node.id not in NAMES:
            raise refuse(node, text, f"is not known.{nearest(node.id, NAMES)}")
        return NAMES[node.id], 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        value, size = build(node.operand, text, depth + 1)
        return (-value if isinstance(node.op, ast.USub) else value), size
    if isinstance(node, ast.BinOp):
        return binary(node, text, depth)
    if isinstance(node, ast.Call):
        return call(node, text, depth)
    raise refuse(node, text, "may not stand in a cost.")


def number(node: ast.Constant, text: str) -> sp.Rational:
    """Return a number exactly as it is written: 0.1 is one tenth."""
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
        raise refuse(node, text, "is no number.")
    if node.value and not SMALLEST_NUMBER <= node.value <= LARGEST_NUMBER:
        raise refuse(node, text, "is out of range: numbers lie between a billionth and a billion.")
    if not node.value:  # before the text is read: 1e-999999999 is 0 as a float, but has a billion digits
        return sp.Integer(0)
    written = ast.get_source_segment(text.strip(), node) or ""
    value = Fraction(written.replace("_", "")) if isinstance(node.value, float) else Fraction(node.value)
    return sp.Rational(value.numerator, value.denominator)


def binary(node: ast.BinOp, text: str, depth: int) -> tuple[sp.Expr, float]:
    """Return a sum, difference, product, quotient or power."""
    left, size = build(node.left, text, depth + 1)
    right, other = build(node.right, text, depth + 1)
    if isinstance(node.op, ast.Pow):
        if not right.is_Rational or abs(right) > LARGEST_POWER or right.q > LARGEST_POWER:
            raise refuse(node.right, text, f"is no exponent: it must be a number up to {LARGEST_POWER}.")
        total, result = size * max(1, abs(float(right)), right.q), lambda: left**right
    elif type(node.op) in OPERATORS:
        total = max(size, other) if isinstance(node.op, (ast.Add, ast.Sub)) else size + other
        result = lambda: OPERATORS[type(node.op)](left, right)  # noqa: E731
    elif isinstance(node.op, ast.BitXor):
        raise refuse(node, text, "uses ^; a power is written **.")
    else:
        raise refuse(node, text, "uses an operation that a cost may not.")
    if total > 4 * LARGEST_POWER:
        raise refuse(node, text, "raises to powers that are too large together.")
    return result(), total


def call(node: ast.Call, text: str, depth: int) -> tuple[sp.Expr, float]:
    """Return one of the known functions of its arguments."""
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        raise refuse(node.func, text, f"is not a function of costs.{nearest(name, FUNCTIONS)}")
    function, least = FUNCTIONS[node.func.id]
    if node.keywords or (len(node.args) != 1 if least == 1 else len(node.args) < least):
        wanted = "one argument" if least == 1 else "two or more arguments"
        raise refuse(node, text, f"needs {wanted}.")
    built = [build(argument, text, depth + 1) for argument in node.args]
    if node.func.id == "exp" and built[0][0].has(sp.exp):
        raise refuse(node, text, "nests exp in exp.")
    return function(*[value for value, _ in built]), max(size for _, size in built)
