"""Chapters as files: which there are, their parameters, and values given for them."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctrnb.errors import ParameterError, nearest


@dataclass(frozen=True)
class Chapter:
    """One page of the book.

    Attributes:
        name: the file's stem, by which parameters are addressed.
        source: the MyST file.
        parameters: names and defaults from the cell tagged ``parameters``; empty for a page without code.
        executable: whether it is a notebook.
    """

    name: str
    source: Path
    parameters: dict[str, Any]
    executable: bool


def read_chapters(root: Path) -> list[Chapter]:
    """Return the book's pages in the order of ``_toc.yml``.

    Raises:
        ParameterError: a page is missing, or a parameters cell holds more than literals.
    """
    import yaml

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *(entry["file"] for entry in toc.get("chapters", []))]
    return [read_chapter(root / f"{name}.md") for name in names]


def read_chapter(source: Path) -> Chapter:
    """Return one page with its parameters."""
    import jupytext

    if not source.is_file():
        raise ParameterError(f"_toc.yml names {source}, which does not exist.")
    notebook = jupytext.read(source)
    executable = any(cell.cell_type == "code" for cell in notebook.cells)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            return Chapter(source.stem, source, literals(cell.source, source), executable)
    return Chapter(source.stem, source, {}, executable)


def literals(code: str, source: Path) -> dict[str, Any]:
    """Return the assignments of a parameters cell; nothing is executed."""
    values = {}
    for statement in ast.parse(code).body:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            raise ParameterError(f"{source}: its parameters cell may hold assignments of literals only.")
        try:
            values[statement.targets[0].id] = ast.literal_eval(statement.value)
        except ValueError:
            raise ParameterError(f"{source}: parameter {statement.targets[0].id} is not a literal.") from None
    return values


def assign(chapters: list[Chapter], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each chapter's own values from ``{"chapter.name": value}``.

    A text value is read as the type of the chapter's default.

    Raises:
        ParameterError: no such chapter or parameter (its parameters are listed), or a value of another type.
    """
    by_name = {chapter.name: chapter for chapter in chapters}
    values: dict[str, dict[str, Any]] = {name: {} for name in by_name}
    for key, value in given.items():
        name, _, parameter = key.partition(".")
        if name not in by_name:
            raise ParameterError(f"no chapter {name!r}.{nearest(name, by_name)} Chapters: {', '.join(by_name)}.")
        defaults = by_name[name].parameters
        if parameter not in defaults:
            listed = ", ".join(f"{each}={default!r}" for each, default in defaults.items()) or "none"
            raise ParameterError(
                f"chapter {name} has no parameter {parameter!r}.{nearest(parameter, defaults)} It has: {listed}."
            )
        values[name][parameter] = coerce(value, defaults[parameter], f"{name}.{parameter}")
    return values


def coerce(value: Any, default: Any, where: str) -> Any:
    """Return ``value`` as the type of ``default``; a text is read as a Python literal where the default is no text."""
    if isinstance(value, str) and not isinstance(default, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise ParameterError(f"{where}={value!r}: expected a value like {default!r}.") from None
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(default, (list, tuple)) and isinstance(value, (list, tuple)):
        value = list(value)
        if default and any(type(item) is not type(default[0]) for item in value if not numbers(item, default[0])):
            raise ParameterError(f"{where}={value!r}: expected a list like {default!r}.")
        return value
    if default is not None and type(value) is not type(default):
        raise ParameterError(f"{where}={value!r}: expected a value like {default!r}.")
    return value


def numbers(value: Any, default: Any) -> bool:
    """Return whether both are plain numbers."""
    return all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (value, default))
