import shutil
from dataclasses import replace
from pathlib import Path

import jupytext
import pytest

from ctrnb.errors import ParameterError
from ctrnb.report import cache
from ctrnb.report.build import build_folder, execute_all, flatten, list_parameters, state_of
from ctrnb.report.chapters import Chapter, assign, read_chapter, read_chapters
from ctrnb.report.execute import BookError, execute, is_current, page_of, read_record
from ctrnb.report.parameters import Parameter, coerce, read_parameters
from ctrnb.report.progress import Lines
from ctrnb.study.results import book_root

PAGE = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

```{code-cell} ipython3
:tags: [parameters]
k = 3  # a comment [1..]
names = ["a"]
seeds = [0]  # of training [0..]
rates = [0.5]
rate = 0.5  # a share [0..1]
model = "dcnv2"  # a rating function [model]
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
    assert {name: each.default for name, each in chapter.parameters.items()} == {
        "k": 3, "names": ["a"], "seeds": [0], "rates": [0.5], "rate": 0.5, "model": "dcnv2",
    }  # fmt: skip
    assert chapter.executable and chapter.parameters["k"].about == "a comment"
    assert {name: chapter.parameters[name].range for name in ("k", "names", "rate")} == {
        "k": "at least 1", "names": "", "rate": "0 to 1",
    }  # fmt: skip
    assert [each.type for each in chapter.parameters.values()] == [
        "whole number", "list of texts", "list of whole numbers", "list of numbers", "number", "text",
    ]  # fmt: skip


def test_brackets_that_are_no_range_belong_to_the_comment() -> None:
    (found,) = read_parameters('names = []  # such as ["a"]; [] for all', Path("page.md")).values()
    assert found.about == 'such as ["a"]; [] for all' and found.allowed == ""


@pytest.mark.parametrize("code", ["import os", "k = __import__('os')", "k = [n for n in range(3)]", "def f(): pass"])
def test_a_parameters_cell_holds_literals_only(code: str) -> None:
    with pytest.raises(ParameterError):
        read_parameters(code, Path("page.md"))


def test_every_number_of_a_chapter_has_bounds_and_every_model_is_checked() -> None:
    for page in read_chapters(book_root()):
        for each in page.parameters.values():
            unchecked = each.type.endswith(("number", "numbers")) or each.name in ("model", "models")
            assert each.allowed or not unchecked, f"{page.name}.{each.name}"


def test_a_list_without_bounds_may_be_empty(chapter: Chapter) -> None:
    assert assign([chapter], {"page.names": "[]"}) == {"page": {"names": []}}


def test_a_default_outside_its_own_range_is_an_error() -> None:
    with pytest.raises(ParameterError, match="allowed is at least 5"):
        read_parameters("k = 3  # too small [5..]", Path("page.md"))


def test_values_take_the_type_of_the_default(chapter: Chapter) -> None:
    given = {"page.k": "7", "page.names": "['b', 'c']", "page.rate": "1", "page.rates": "[1, 0.5]"}
    found = assign([chapter], given)["page"]
    assert found == {"k": 7, "names": ["b", "c"], "rate": 1.0, "rates": [1.0, 0.5]}
    assert [type(value) for value in (found["rate"], *found["rates"])] == [float, float, float]


def test_the_path_of_a_file_holds_in_any_folder(chapter: Chapter, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = replace(chapter, parameters={"dataset": Parameter("dataset", "synthetic")})
    assert assign([page], {"page.dataset": "page.md"}) == {"page": {"dataset": str(tmp_path.resolve() / "page.md")}}
    assert assign([page], {"page.dataset": "ml-1m"}) == {"page": {"dataset": "ml-1m"}}
    found = assign([page], {"page.dataset": "page.md:thin=0.5"})
    assert found == {"page": {"dataset": f"{tmp_path.resolve() / 'page.md'}:thin=0.5"}}
    assert assign([page], {"page.dataset": "x" * 5000}) == {"page": {"dataset": "x" * 5000}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pages.k": "3"}, "no chapter 'pages'. Did you mean 'page'"),
        ({"page.q": "3"}, r"no parameter 'q'.* It has: k=3, names=\['a'\], seeds=\[0\]"),
        ({"page.ratio": "3"}, "Did you mean 'rate'"),
        ({"page.k": "three"}, "page.k='three': expected a whole number like 3. Chapter page has: k=3"),
        ({"page.k": "3.5"}, "expected a whole number like 3"),
        ({"page.k": "0"}, "page.k=0: allowed is at least 1"),
        ({"page.k": "__import__('os')"}, "expected a whole number like 3"),
        ({"page.names": "[1]"}, "expected a list of texts like"),
        ({"page.rate": "1.5"}, "allowed is 0 to 1"),
        ({"page.rate": "1" + 400 * "0"}, "page.rate=1.*: expected a number like 0.5"),
        ({"page.seeds": "[1.5]"}, r"page.seeds=\[1.5\]: expected a list of whole numbers like \[0\]"),
        ({"page.seeds": []}, r"page.seeds=\[\]: give at least one whole number. Chapter page has"),
        ({"page.seeds": [True]}, "expected a list of whole numbers"),
        ({"page.rates": "[0.5, 'a']"}, "expected a list of numbers"),
        ({"page.model": "dcnv3"}, "allowed is dcnv2, .* Did you mean 'dcnv2'"),
    ],
)
def test_wrong_parameters_are_refused(chapter: Chapter, given: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        assign([chapter], given)


def test_booleans_are_not_numbers() -> None:
    with pytest.raises(ParameterError):
        coerce("True", Parameter("k", 3), "page.k")


def test_a_chapter_is_executed_once_until_something_changes(chapter: Chapter, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    record = execute(chapter, {"k": 5}, tmp_path, folder)
    assert "k is 5" in (folder / "page.ipynb").read_text() and record == read_record(folder, "page")
    assert record.parameters == {"k": 5} and record.seconds > 0 and record.versions["python"]
    assert is_current(chapter, {"k": 5}, tmp_path, folder)
    assert not is_current(chapter, {"k": 6}, tmp_path, folder)
    chapter.source.write_text(PAGE.replace("too large", "larger"))
    assert not is_current(read_chapter(chapter.source), {"k": 5}, tmp_path, folder)


def test_prose_changes_without_executing_and_given_parameters_show(chapter: Chapter, tmp_path: Path) -> None:
    execute(chapter, {"k": 5}, tmp_path, tmp_path / "out")
    chapter.source.write_text(PAGE.replace("# A page", "# Another title"))
    changed = read_chapter(chapter.source)
    assert is_current(changed, {"k": 5}, tmp_path, tmp_path / "out")
    page = page_of(changed, tmp_path / "out")
    assert page.cells[0].source == "# Another title"
    assert [cell.source.strip().splitlines()[-1] for cell in page.cells[1:3]][1] == "k = 5"
    assert page.cells[3].outputs[0].text == "k is 5\n"


def test_only_the_chapter_whose_parameter_changed_is_executed(chapter: Chapter, tmp_path: Path, capsys) -> None:
    (tmp_path / "other.md").write_text(PAGE)
    chapters = [chapter, read_chapter(tmp_path / "other.md")]
    none: dict[str, dict] = {"page": {}, "other": {}}
    execute_all(chapters, none, tmp_path, tmp_path / "out", 2)
    capsys.readouterr()
    execute_all(chapters, none, tmp_path, tmp_path / "out", 2)
    assert capsys.readouterr().err == "[1/2] page: unchanged\n[2/2] other: unchanged\n"
    execute_all(chapters, none | {"other": {"k": 4}}, tmp_path, tmp_path / "out", 2)
    assert "page: unchanged" in (err := capsys.readouterr().err) and "other: unchanged" not in err


def test_a_kernel_that_dies_before_it_answers_is_started_again(chapter: Chapter, tmp_path: Path, monkeypatch) -> None:
    import papermill

    whole, calls = papermill.execute_notebook, []

    def dying(*given, **named):
        calls.append(named)
        if len(calls) < 3:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return whole(*given, **named)

    monkeypatch.setattr(papermill, "execute_notebook", dying)
    execute(chapter, {}, tmp_path, tmp_path / "out")
    assert len(calls) == 3 and read_record(tmp_path / "out", "page") is not None
    calls[:] = []
    monkeypatch.setattr("ctrnb.report.execute.STARTS", 2)
    with pytest.raises(BookError, match="page: 2 kernels, one after the other, died"):
        execute(chapter, {"k": 4}, tmp_path, tmp_path / "out")


def test_a_failing_chapter_is_named_and_its_executed_part_kept(chapter: Chapter, tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"chapter page failed in cell 3 \(print.*\): AssertionError: too large"):
        execute_all([chapter], {"page": {"k": 11}}, tmp_path, tmp_path / "out", 1)
    assert "k is 11" in (tmp_path / "out" / "page.failed.ipynb").read_text()
    assert read_record(tmp_path / "out", "page") is None


def test_a_chapter_depends_on_the_modules_that_it_imports_and_no_others() -> None:
    found = {path.relative_to(cache.PACKAGE).as_posix() for path in cache.modules_of(["from ctrnb.data import load"])}
    assert {"__init__.py", "data/__init__.py", "data/raw.py", "errors.py"} <= found
    assert not any(name.startswith(("theory", "training")) for name in found)
    assert "evaluation/mci.py" in {
        path.relative_to(cache.PACKAGE).as_posix() for path in cache.modules_of(["import ctrnb.report.experiments"])
    }


def test_the_key_sees_data_that_parameters_name(chapter: Chapter, tmp_path: Path) -> None:
    toml, table = tmp_path / "own.toml", tmp_path / "ratings.csv"
    toml.write_text('[ratings]\npath = "ratings.csv"\n')
    table.write_text("a")
    values = {"dataset": str(toml)}
    keys = [cache.key_of(chapter, values, tmp_path)]
    table.write_text("ab")
    keys.append(cache.key_of(chapter, values, tmp_path))
    toml.write_text('[ratings]\npath = "ratings.csv" # changed\n')
    keys.append(cache.key_of(chapter, values, tmp_path))
    assert len(set(keys)) == 3


@pytest.mark.parametrize("named", ["own.toml", "own.toml:thin=0.5", "study.toml", "variants.toml", "circle.toml"])
def test_the_key_sees_the_tables_behind_a_variant_or_a_study(chapter: Chapter, tmp_path: Path, named: str) -> None:
    files = {
        "own.toml": '[ratings]\npath = "ratings.csv"\n',
        "study.toml": 'about = "%s"\n[[cells]]\ndatasets = ["own.toml"]\n' % ("long: k=3, " * 99),
        "variants.toml": '[[cells]]\ndatasets = ["own.toml:thin=0.5", "synthetic"]\n',
        "circle.toml": 'name = "circle.toml"\nalso = "own.toml"\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    keys = []
    for name, text in (("ratings.csv", "a"), ("ratings.csv", "ab"), ("own.toml", files["own.toml"] + "# changed")):
        (tmp_path / name).write_text(text)
        keys += [cache.key_of(chapter, {"data": value}, tmp_path) for value in (named, f"{tmp_path}/{named}")]
    assert len(set(keys)) == 6


def test_the_key_is_the_same_wherever_package_and_book_lie(chapter: Chapter, tmp_path: Path, monkeypatch) -> None:
    """An installed copy keeps its book within the package, so that its files sort otherwise than a checkout's."""
    away = tmp_path / "site" / "ctrnb"
    shutil.copytree(cache.PACKAGE, away, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(book_root() / "book", away / "_book" / "book")
    measured = replace(chapter, code=("from ctrnb.study.results import measured",))
    key = cache.key_of(measured, {}, book_root())
    monkeypatch.setattr(cache, "PACKAGE", away)
    assert cache.key_of(measured, {}, away / "_book") == key
    (away / "_book" / "book" / "results" / "more.csv").write_text("a")
    assert cache.key_of(measured, {}, away / "_book") != key


def test_the_key_sees_the_shipped_settings(chapter: Chapter, tmp_path: Path, monkeypatch) -> None:
    away = tmp_path / "ctrnb"
    shutil.copytree(cache.PACKAGE, away, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "PACKAGE", away)
    trains = replace(chapter, code=("from ctrnb.training import train",))
    keys = [cache.key_of(each, {}, tmp_path) for each in (chapter, trains)]
    shipped = away / "training" / "defaults.toml"
    shipped.write_text(shipped.read_text().replace("dim = 16", "dim = 32"))
    assert cache.key_of(chapter, {}, tmp_path) == keys[0] and cache.key_of(trains, {}, tmp_path) != keys[1]


def test_pages_are_compiled_again_only_where_a_file_of_them_changed(chapter: Chapter, tmp_path: Path) -> None:
    execute(chapter, {}, tmp_path, tmp_path / "out")
    pages = tmp_path / "pages"
    pages.mkdir()
    states = []
    for text in ("a", "a", "b"):
        (pages / "style.css").write_text(text)
        jupytext.write(page_of(chapter, tmp_path / "out"), pages / "page.ipynb")
        states.append(state_of(pages))
    assert states[0] == states[1] != states[2]


def test_the_time_left_is_shared_between_jobs_but_no_shorter_than_the_longest_chapter() -> None:
    assert Lines({"a": 10.0, "b": 30.0, "c": 40.0}, jobs=2).seconds_left() == 40
    assert Lines({"a": 10.0, "b": 10.0, "c": 10.0}, jobs=1).seconds_left() == 30


def test_an_installed_book_is_built_in_the_current_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert build_folder(tmp_path / "site-packages") == Path.cwd() / "_build"
    (tmp_path / "pyproject.toml").touch()
    assert build_folder(tmp_path) == tmp_path / "_build"


def test_parameters_are_listed_with_type_default_range_and_meaning(chapter: Chapter, tmp_path: Path) -> None:
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: page\n")
    assert "page.rate=0.5 (number, 0 to 1): a share" in list_parameters(tmp_path).splitlines()


def test_a_profile_is_one_table_a_chapter() -> None:
    assert flatten({"tiers": {"k": 6}}) == {"tiers.k": 6}
    with pytest.raises(BookError, match="'k' is not a table"):
        flatten({"k": 6})
