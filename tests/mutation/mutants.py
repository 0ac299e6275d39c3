"""What can be changed in a module: small faults of the kinds that people make, by Cosmic Ray's operators."""

import ast
import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

# Cosmic Ray swaps an operator for each of eleven others. Most die of a type error in any test, which says nothing about
# the tests, so each is swapped for its nearest neighbours alone.
NEIGHBOURS = {
    "Add": ("Sub", "Mul"), "Sub": ("Add", "Mul"), "Mul": ("Div", "Add"), "Div": ("Mul", "FloorDiv"), "FloorDiv": ("Mul", "Mod"),
    "Mod": ("FloorDiv", "Mul"), "Pow": ("Mul", "Div"), "BitOr": ("BitAnd", "BitXor"), "BitAnd": ("BitOr", "BitXor"),
    "BitXor": ("BitOr", "BitAnd"), "LShift": ("RShift",), "RShift": ("LShift",),
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    path: Path
    operator: str
    occurrence: int
    line: int  # from 1
    end: int  # last line of the changed node

    @cached_property
    def source(self) -> str | None:
        """The changed module; None where it is no Python or no change."""
        original = self.path.read_text(encoding="utf-8")
        changed = mutate_code(original, cosmic_ray.plugins.get_operator(self.operator)(), self.occurrence)
        try:
            compile(changed or "", str(self.path), "exec")
        except SyntaxError:
            return None
        return None if changed == original else changed

    @property
    def key(self) -> str:
        """What identifies it for as long as its module stays as it is."""
        content = hashlib.sha256(self.path.read_bytes()).hexdigest()[:8]
        return f"{self.path.as_posix()}@{content}:{self.operator}:{self.occurrence}"

    def lines(self) -> tuple[str, str]:
        """Return the first line that differs, before and after."""
        pairs = zip(self.path.read_text(encoding="utf-8").splitlines(), (self.source or "").splitlines(), strict=False)
        return next(((a.strip(), b.strip()) for a, b in pairs if a != b), ("", ""))


def mutants(paths: Sequence[Path]) -> Iterator[Mutant]:
    """Yield every change of some modules; type annotations, and the * before keyword-only parameters, are left alone."""
    for path in paths:
        source = path.read_text(encoding="utf-8")
        nodes, spans = list(ast_nodes(get_ast(source))), annotations(source)
        for name in cosmic_ray.plugins.operator_names():
            kind = cosmic_ray.plugins.get_operator(name)
            if kind.arguments() or not sensible(name):
                continue
            operator = kind()
            positions = ((node, each) for node in nodes for each in operator.mutation_positions(node))
            for occurrence, (node, (start, end)) in enumerate(positions):
                marker = node.parent is not None and node.parent.type == "parameters"  # a bare * of keyword-only ones
                if not marker and not any(first <= start < last for first, last in spans):
                    yield Mutant(path, name, occurrence, start[0], end[0])


def sensible(operator: str) -> bool:
    """Return whether an operator's changes say something about tests; ``is`` for ``==`` is a matter of style."""
    name = operator.removeprefix("core/").split("_")
    if name[0] == "ReplaceBinaryOperator":
        return name[2] in NEIGHBOURS[name[1]]
    return name[0] != "ReplaceComparisonOperator" or name[1].startswith("Is") or not name[2].startswith("Is")


def annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where a module's type annotations begin and end: (line, column)."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for name in ("annotation", "returns"):
            if (each := getattr(node, name, None)) is not None:
                found.append(((each.lineno, each.col_offset), (each.end_lineno, each.end_col_offset)))
    return found


def sample(found: Sequence[Mutant], size: int | None, *, seed: int) -> list[Mutant]:
    """Return ``size`` mutants drawn at random, or all of them."""
    if size is None or size >= len(found):
        return list(found)
    return random.Random(seed).sample(list(found), size)
