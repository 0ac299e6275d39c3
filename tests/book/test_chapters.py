import ast
import re
from pathlib import Path

import jupytext
import pytest

from ctrnb.report.chapters import read_chapters

ROOT = Path(__file__).parents[2]
CHAPTERS = [chapter for chapter in read_chapters(ROOT) if chapter.executable]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda each: each.name)
def test_a_chapter_is_a_notebook_without_logic_of_its_own(chapter) -> None:
    code = [cell for cell in jupytext.read(chapter.source).cells if cell.cell_type == "code"]
    assert "parameters" in code[0].metadata["tags"] and chapter.parameters
    for cell in code:
        defined = [
            n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.Lambda))
        ]
        assert not defined
    assert any(isinstance(n, ast.Assert) for n in ast.walk(ast.parse(code[-1].source))), "it ends in a check"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda each: each.name)
def test_prose_glues_its_numbers(chapter) -> None:
    """A decimal number in prose would be a typed result; code, mathematics and the definition of a point are no prose."""
    prose = "\n".join(cell.source for cell in jupytext.read(chapter.source).cells if cell.cell_type == "markdown")
    prose = re.sub(r"```.*?```|`[^`]*`|\$[^$]*\$", "", prose, flags=re.DOTALL)
    prose = re.sub(r"Sections? \d\.\d( and \d\.\d)?", "", prose)
    assert set(re.findall(r"\d+\.\d+", prose)) <= {"0.01"}


def test_every_page_is_in_the_table_of_contents() -> None:
    named = {chapter.source for chapter in read_chapters(ROOT)}
    assert named == set((ROOT / "book").rglob("*.md"))


def test_every_module_has_its_place_in_the_reference() -> None:
    package = ROOT / "ctrnb"
    below = {path.parent.name for path in package.glob("*/__init__.py")} | {path.stem for path in package.glob("*.py")}
    named = set(
        re.findall(r"members: ctrnb\.(\w+)", "".join(page.read_text() for page in (ROOT / "book/api").glob("*.md")))
    )
    assert named == below - {"__init__", "cli"}
