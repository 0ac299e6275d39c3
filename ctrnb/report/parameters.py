"""A chapter's parameters: read from its parameters cell, described there, and checked before anything is executed.

The cell assigns literals, one a line. The comment behind one says what it means and may end in what is allowed:

    k = 3  # fewest interactions a user or item keeps [1..]
    signal = 0.75  # share of the score's variance [0..1]
    models = ["dcnv2"]  # rating functions [model]

``[LOW..HIGH]`` are bounds, each of which may be left out; ``[model]`` are the names of :data:`ctrnb.models.MODELS`;
``[a | b]`` are values. What is allowed holds for each item of a list, which has at least one then.
"""

import ast
import io
import math
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctrnb.errors import ParameterError, nearest

TYPES = {bool: "true or false", int: "whole number", float: "number", str: "text", list: "list"}
COMMENT = re.compile(r"(.*?)(?:\s*\[([^\[\]]+)\])?")  # what it means, and what is allowed
BOUNDS = re.compile(r"(?P<low>-?[\d.]*?)\.\.(?P<high>-?[\d.]*)")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a chapter.

    Attributes:
        default: the literal in the parameters cell.
        about: its comment, without what is allowed.
        allowed: what is allowed, as written between the brackets; empty for anything of the default's type.
    """

    name: str
    default: Any
    about: str = ""
    allowed: str = ""

    @property
    def type(self) -> str:
        """Return the type in words."""
        if isinstance(self.default, (list, tuple)):
            items = {TYPES[type(item)] for item in self.default}
            return f"list of {items.pop()}s" if len(items) == 1 else "list"
        return TYPES[type(self.default)]

    @property
    def range(self) -> str:
        """Return what is allowed, in words."""
        bounds = BOUNDS.fullmatch(self.allowed)
        if not bounds:
            return ", ".join(self.choices())
        low, high = bounds["low"], bounds["high"]
        return f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"

    def choices(self) -> list[str]:
        """Return the values that are allowed where they are named, else an empty list."""
        if self.allowed == "model":
            from ctrnb.models import MODELS

            return list(MODELS)
        return [] if BOUNDS.fullmatch(self.allowed) else [each.strip() for each in self.allowed.split("|") if each]

    def allows(self, item: Any) -> bool:
        """Return whether one value, or one item of a list, is allowed."""
        bounds = BOUNDS.fullmatch(self.allowed)
        if bounds:
            low, high = (float(bounds[side]) if bounds[side] else None for side in ("low", "high"))
            return (low is None or item >= low) and (high is None or item <= high)
        return not self.allowed or str(item) in self.choices()


def read_parameters(code: str, source: Path) -> dict[str, Parameter]:
    """Return the parameters of a cell by name; nothing is executed.

    Raises:
        ParameterError: the cell holds more than assignments of literals, or a default is not one of what is allowed.
    """
    comments = comments_of(code)
    found = {}
    for statement in ast.parse(code).body:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            raise ParameterError(f"{source}: its parameters cell may hold assignments of literals only.")
        name = statement.targets[0].id
        try:
            default = ast.literal_eval(statement.value)
        except ValueError:
            raise ParameterError(f"{source}: parameter {name} is not a literal.") from None
        comment = COMMENT.fullmatch(comments.get(statement.end_lineno or 0, ""))
        found[name] = Parameter(name, default, *(comment.groups("") if comment else ()))
        coerce(default, found[name], f"{source}: {name}")
    return found


def comments_of(code: str) -> dict[int, str]:
    """Return the comments of a cell by their lines."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {each.start[0]: each.string.lstrip("# ") for each in tokens if each.type == tokenize.COMMENT}


def listed(parameters: Mapping[str, Parameter]) -> str:
    """Return a chapter's parameters with their defaults, for a message."""
    return ", ".join(f"{name}={each.default!r}" for name, each in parameters.items()) or "none"


def check(chapter: str, parameters: Mapping[str, Parameter], name: str, value: Any) -> Any:
    """Return a value for one parameter of a chapter, as the type of its default.

    Raises:
        ParameterError: there is no such parameter, or the value is of another type or not allowed; the chapter's
            parameters are listed.
    """
    if name not in parameters:
        close = nearest(name, parameters)
        raise ParameterError(f"chapter {chapter} has no parameter {name!r}.{close} It has: {listed(parameters)}.")
    try:
        return coerce(value, parameters[name], f"{chapter}.{name}")
    except ParameterError as error:
        raise ParameterError(f"{error} Chapter {chapter} has: {listed(parameters)}.") from None


def coerce(value: Any, parameter: Parameter, where: str) -> Any:
    """Return ``value`` as the type of the default; a text is read as a Python literal where the default is no text.

    Raises:
        ParameterError: it is of another type, or not allowed.
    """
    default = parameter.default
    if isinstance(value, str) and not isinstance(default, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise ParameterError(f"{where}={value!r}: expected a {parameter.type} like {default!r}.") from None
    if isinstance(default, (list, tuple)) and isinstance(value, (list, tuple)):
        value = [as_type_of(default[0], item) for item in value] if default else list(value)
        if default and any(type(item) is not type(default[0]) for item in value):
            raise ParameterError(f"{where}={value!r}: expected a {parameter.type} like {default!r}.")
    else:
        value = as_type_of(default, value)
        if type(value) is not type(default):
            raise ParameterError(f"{where}={value!r}: expected a {parameter.type} like {default!r}.")
    if value == [] and parameter.allowed:
        raise ParameterError(
            f"{where}=[]: give at least one {parameter.type.removeprefix('list of ').removesuffix('s')}."
        )
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, float) and not math.isfinite(item):
            raise ParameterError(f"{where}={value!r}: a finite number is needed.")
        if not parameter.allows(item):
            close = nearest(item, parameter.choices())
            raise ParameterError(f"{where}={value!r}: allowed is {parameter.range}.{close}")
    return value


def as_type_of(default: Any, value: Any) -> Any:
    """Return a whole number as a fraction where the default is one, and anything else as it is."""
    whole = isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and abs(value) < 2**63 else value


def as_list(values: Any, name: str, least: int = 1) -> list:
    """Return a chapter's parameter that is a list, as a list.

    Raises:
        ParameterError: it is something else, as papermill's -p makes of anything, or has fewer entries than ``least``.
    """
    if not isinstance(values, (list, tuple)):
        raise ParameterError(f"{name}={values!r} is no list: give a list; for papermill, -y '{name}: [{values}]'.")
    if len(values) < least:
        raise ParameterError(f"{name}={values!r} is empty: give at least {least}.")
    return list(values)


def as_numbers(values: Any, name: str) -> list[float]:
    """Return a chapter's parameter that is a list of numbers; YAML, and so papermill's -y, reads 1e-5 as a text.

    Raises:
        ParameterError: it is empty or something else.
    """
    try:
        return [float(each) for each in as_list(values, name)]
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{name}={values!r}: give a list of numbers, such as [0.001, 0.01].") from None
