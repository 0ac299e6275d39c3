from pathlib import Path

import pytest

from ctrnb.errors import ParameterError
from ctrnb.report.build import BookError, digest_of, execute, flatten
from ctrnb.report.chapters import Chapter, assign, coerce, literals, read_chapter

PAGE = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

```{code-cell} ipython3
:tags: [parameters]
k = 3  # a comment
names = ["a"]
rate = 0.5
```

```{code-cell} ipython3
print("k is", k)
assert k < 10, "too large"
```
"""


@pytest.fixture
def chapter(tmp_path: Path) -> Chapter:
    (tmp_path / "page.md").write_text(PAGE)
    return read_chapter(tmp_path / "page.md")


def test_parameters_are_read_without_running_anything(chapter: Chapter) -> None:
    assert chapter.parameters == {"k": 3, "names": ["a"], "rate": 0.5} and chapter.executable


@pytest.mark.parametrize("code", ["import os", "k = __import__('os')", "k = [n for n in range(3)]", "def f(): pass"])
def test_a_parameters_cell_holds_literals_only(code: str) -> None:
    with pytest.raises(ParameterError):
        literals(code, Path("page.md"))


def test_values_take_the_type_of_the_default(chapter: Chapter) -> None:
    given = {"page.k": "7", "page.names": "['b', 'c']", "page.rate": "1"}
    assert assign([chapter], given) == {"page": {"k": 7, "names": ["b", "c"], "rate": 1.0}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pages.k": "3"}, "no chapter 'pages'. Did you mean 'page'"),
        ({"page.q": "3"}, r"no parameter 'q'.* It has: k=3, names=\['a'\], rate=0.5"),
        ({"page.k": "three"}, "page.k='three': expected a value like 3"),
        ({"page.k": "3.5"}, "expected a value like 3"),
        ({"page.k": "__import__('os')"}, "expected a value like 3"),
        ({"page.names": "[1]"}, "expected a list like"),
    ],
)
def test_wrong_parameters_are_refused(chapter: Chapter, given: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        assign([chapter], given)


def test_booleans_are_not_numbers() -> None:
    with pytest.raises(ParameterError):
        coerce("True", 3, "page.k")


def test_a_chapter_is_executed_once_until_something_changes(chapter: Chapter, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    output, fresh = execute(chapter, {"k": 5}, tmp_path, folder, "package")
    assert fresh and "k is 5" in output.read_text()
    assert execute(chapter, {"k": 5}, tmp_path, folder, "package") == (output, False)
    assert execute(chapter, {"k": 6}, tmp_path, folder, "package")[1]
    assert execute(chapter, {"k": 6}, tmp_path, folder, "changed")[1]


def test_a_failing_chapter_is_named_and_its_executed_part_kept(chapter: Chapter, tmp_path: Path) -> None:
    with pytest.raises(BookError, match="chapter page failed in cell 3: AssertionError: too large"):
        execute(chapter, {"k": 11}, tmp_path, tmp_path / "out", "package")
    assert "k is 11" in (tmp_path / "out" / "page.failed.ipynb").read_text()


def test_a_profile_is_one_table_a_chapter() -> None:
    assert flatten({"tiers": {"k": 6}}) == {"tiers.k": 6}
    with pytest.raises(BookError, match="'k' is not a table"):
        flatten({"k": 6})


def test_the_digest_sees_every_change(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = digest_of(tmp_path, ("*.py",))
    (tmp_path / "a.py").write_text("2")
    assert digest_of(tmp_path, ("*.py",)) != before
