"""Reference pages from docstrings: Sphinx' autodoc lists the members, and docstrings become reStructuredText.

Docstrings are written to be read in the source: a formula is indented, and signs such as ``|c|`` or ``a * b`` stand for
themselves. Here indented lines become literal blocks and signs with a meaning in reStructuredText are escaped.
"""

import pkgutil
import re
from importlib import import_module
from typing import Any

SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|Example|Examples|Note):$")
KEPT = re.compile(r"(``.*?``|:[\w:]+:`[^`]*`|`[^`]*`)", re.DOTALL)  # literals and roles
BULLET = re.compile(r"[*-] |\d+\. ")


def members(name: str) -> str:
    """Return MyST that documents a module, or a package with its modules, heading by heading."""
    return "\n\n".join(f"## {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n```" for module in modules(name))


def modules(name: str) -> list[str]:
    """Return the dotted names of a module and of those directly below it."""
    package = import_module(name)
    below = pkgutil.iter_modules(package.__path__) if hasattr(package, "__path__") else ()
    return [name, *(f"{name}.{each.name}" for each in below if not each.ispkg and not each.name.startswith("_"))]


def readable(app: Any, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring's lines in place, as reStructuredText that says the same."""
    lines[:] = "\n".join(block for block in blocks(lines)).split("\n")


def blocks(lines: list[str]) -> list[str]:
    """Return a docstring's runs of text, escaped, and its indented runs as literal blocks."""
    found: list[str] = []
    run: list[str] = []
    literal, section, bullet = False, False, False
    for line in [*lines, ""]:
        indented = line.startswith("    ") and not section and not bullet
        if line.strip() and indented != literal:
            found.append(block(run, literal))
            run, literal = [], indented
        run.append(f"  {line.strip()}" if bullet and line.startswith(" ") else line)
        if line.strip() and not line.startswith(" "):
            section, bullet = bool(SECTION.match(line)), bool(BULLET.match(line))
    return [*found, block(run, literal)]


def block(run: list[str], literal: bool) -> str:
    """Return lines as a literal block, or as text with its signs escaped."""
    if literal:
        return "\n".join(["", "::", "", *run, ""])
    return "".join(part if KEPT.fullmatch(part) else escape(part) for part in KEPT.split("\n".join(run)))


def escape(text: str) -> str:
    """Return text in which no sign has a meaning but a bullet at the start of a line."""
    return re.sub(r"(?m)(?!^ *\* )(?<![\\])[*|]|\\|(?<=\w)_(?=\W|$)", lambda match: f"\\{match[0]}", text)
