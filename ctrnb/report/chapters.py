"""Chapters as files: which there are, their parameters, and values given for them."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctrnb.data.variant import parts
from ctrnb.errors import ParameterError, nearest
from ctrnb.report.parameters import Parameter, check, read_parameters


@dataclass(frozen=True)
class Chapter:
    """One page of the book.

    Attributes:
        name: the file's stem, by which parameters are addressed.
        source: the MyST file.
        parameters: from the cell tagged ``parameters``; empty for a page without code.
        executable: whether it is a notebook.
        code: its code cells but for the parameters.
    """

    name: str
    source: Path
    parameters: dict[str, Parameter]
    executable: bool
    code: tuple[str, ...] = ()


def read_chapters(root: Path) -> list[Chapter]:
    """Return the book's pages in the order of ``_toc.yml``.

    Raises:
        ParameterError: a page is missing, or a parameters cell holds more than literals.
    """
    import yaml

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *files_of(toc)]
    return [read_chapter(root / f"{name}.md") for name in names]


def files_of(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files that an entry of the table of contents has below it, in order."""
    for kind in ("parts", "chapters", "sections"):
        for child in entry.get(kind, ()):
            if "file" in child:
                yield child["file"]
            yield from files_of(child)


def read_chapter(source: Path) -> Chapter:
    """Return one page with its parameters.

    Raises:
        ParameterError: there is no such page, or its parameters are not plain values.
    """
    import jupytext

    if not source.is_file():
        raise ParameterError(f"_toc.yml names {source}, which does not exist.")
    notebook = jupytext.read(source)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    parameters = read_parameters(tagged[0].source, source) if tagged else {}
    code = tuple(cell.source for cell in cells if cell not in tagged)
    return Chapter(source.stem, source, parameters, bool(cells), code)


def assign(chapters: list[Chapter], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each chapter's own values from ``{"chapter.name": value}``.

    A text value is read as the type of the chapter's default; the path of a file becomes absolute, since chapters are
    executed in the book's folder.

    Raises:
        ParameterError: no such chapter or parameter (its parameters are listed), or a value of another type.
    """
    by_name = {chapter.name: chapter for chapter in chapters if chapter.parameters}
    values: dict[str, dict[str, Any]] = {chapter.name: {} for chapter in chapters}
    for key, value in given.items():
        name, _, parameter = key.partition(".")
        if name not in by_name:
            raise ParameterError(f"no chapter {name!r}.{nearest(name, by_name)} Chapters: {', '.join(by_name)}.")
        values[name][parameter] = absolute(check(name, by_name[name].parameters, parameter, value))
    return values


def absolute(value: Any) -> Any:
    """Return the path of an existing file, or a variant of it, as an absolute one, and anything else as it is."""
    if not isinstance(value, str):
        return value
    name, colon, settings = parts(value)
    return f"{Path(name).resolve()}{colon}{settings}" if os.path.isfile(name) else value
