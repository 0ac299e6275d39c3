"""A book whose build is killed, whose clock is set back, whose disk is full or whose parameters and data are hostile."""

import ast
import multiprocessing
import os
import shutil
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ctrnb.cli import app
from ctrnb.report import build, execute, groups
from ctrnb.report.build import check_out, publish
from ctrnb.report.chapters import read_chapter
from ctrnb.report.execute import BookError, is_current, read_record
from ctrnb.report.furniture import plain

PAGE = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

```{code-cell} ipython3
:tags: [parameters]
seconds = 0.0  # to wait [0..]
marker = ""  # a file to touch
```

```{code-cell} ipython3
import time
from pathlib import Path
marker and Path(marker).touch()
time.sleep(seconds)
```
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path


def run(root: Path, **values: object) -> execute.Record:
    return execute.execute(read_chapter(root / "page.md"), values, root, root / "out")


def run_stubbed(root: Path, kill_in_record: bool = False) -> execute.Record:
    """Execute without a kernel; die when half of the record is written, where asked."""
    import papermill

    papermill.execute_notebook = lambda source, target, **_: shutil.copy(source, target)
    if kill_in_record:
        write = Path.write_text

        def half(self: Path, text: str, **options: str) -> None:
            write(self, text[: len(text) // 2], **options)
            os.kill(os.getpid(), signal.SIGKILL)

        Path.write_text = half  # type: ignore[assignment, method-assign]
    return run(root)


def start(function, *arguments: object, **options: object) -> multiprocessing.Process:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ctrnb.study.command"])  # the mould of the other tests' processes
    process = context.Process(target=function, args=arguments, kwargs=options)
    process.start()
    return process


def killed(process: multiprocessing.Process) -> bool:
    process.join(60)
    return process.exitcode == -signal.SIGKILL


def test_a_chapter_killed_in_the_middle_is_executed_again(root: Path) -> None:
    process = start(run, root, seconds=600.0, marker=str(root / "begun"))
    deadline = time.monotonic() + 60
    while not (root / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    assert killed(process) and (root / "begun").exists()
    chapter = read_chapter(root / "page.md")
    assert read_record(root / "out", "page") is None and not is_current(chapter, {}, root, root / "out")
    assert run(root) == read_record(root / "out", "page") and is_current(chapter, {}, root, root / "out")


def test_a_record_killed_in_writing_is_not_read(root: Path, monkeypatch) -> None:
    assert killed(start(run_stubbed, root, kill_in_record=True))
    assert (root / "out" / "page.json").stat().st_size and read_record(root / "out", "page") is None
    import papermill

    monkeypatch.setattr(papermill, "execute_notebook", lambda source, target, **_: shutil.copy(source, target))
    record = run(root)
    text = (root / "out" / "page.json").read_text()
    for length in range(len(text)):
        (root / "out" / "page.json").write_text(text[:length])
        assert read_record(root / "out", "page") is None
    (root / "out" / "page.json").write_text(text)
    assert read_record(root / "out", "page") == record


def test_an_execution_takes_no_negative_time_when_the_clock_is_set_back(root: Path, monkeypatch) -> None:
    import papermill

    class Back(datetime):
        hours = 0

        @classmethod
        def now(cls, zone=None):
            cls.hours += 1
            return datetime(2026, 1, 1, tzinfo=zone) - timedelta(hours=cls.hours)

    monkeypatch.setattr(papermill, "execute_notebook", lambda source, target, **_: shutil.copy(source, target))
    monkeypatch.setattr(execute, "datetime", Back)
    assert 0 <= run(root).seconds < 60


# Where the book goes


def book(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(text)
    (folder / build.MARK).touch()
    return folder


def publish_and_die(built: Path, html: Path) -> None:
    copy = shutil.copytree

    def die(source: Path, target: Path, **options: object) -> None:
        copy(source, target)
        (target / "index.html").write_text("ha")
        os.kill(os.getpid(), signal.SIGKILL)

    shutil.copytree = die  # type: ignore[assignment]
    publish(built, html)


def test_a_book_that_is_killed_in_copying_leaves_the_old_one(tmp_path: Path) -> None:
    built, html = book(tmp_path / "built", "new"), book(tmp_path / "html", "old")
    (html / "gone.html").touch()
    assert killed(start(publish_and_die, built, html))
    assert (html / "index.html").read_text() == "old"
    publish(built, html)
    assert (html / "index.html").read_text() == "new" and not (html / "gone.html").exists()


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    check_out(home)  # empty
    check_out(book(tmp_path / "html", "old"))
    check_out(tmp_path / "new" / "html")
    (home / "thesis.txt").write_text("years of work")
    with pytest.raises(BookError, match="holds something other than a book"):
        check_out(home)
    assert CliRunner().invoke(app, ["book", "--out", str(home)]).exit_code == 2
    assert (home / "thesis.txt").read_text() == "years of work"


def test_a_full_disk_in_a_build_ends_in_one_line(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "page.ipynb"))

    monkeypatch.setattr(build, "execute_all", full)
    result = CliRunner().invoke(app, ["book", "--out", str(tmp_path / "html")])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and "page.ipynb: No space left" in result.stderr


# Hostile text

TEXTS = [
    '"; import os; os.mkdir("pwned") #',
    "'; import os #",
    "a\nimport os",
    "\\",
    '\\"; import os #',
    "{seconds}",
    "<script>alert(1)</script>",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_parameter_of_a_chapter_stays_a_text(text: str) -> None:
    from papermill.translators import PythonTranslator

    code = PythonTranslator.codify({"dataset": text, "models": [text]})
    assigned = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(code).body}  # type: ignore[attr-defined]
    assert assigned == {"dataset": text, "models": [text]}


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><b>', "**bold** `code` [a](b) $x$"]
)
def test_values_of_fields_and_names_are_shown_as_text(text: str) -> None:
    effect = pd.DataFrame(
        [{"grouping": text, "metric": "auc", "tier": "ft", "reference": "base", "model_name": text, "group": text,
          "reference_value": 0.7, "verdict": "", "change_percent": 1.0}
         | {f"{name}{end}": 0.1 for name in ("change", "mci") for end in ("", "_low", "_high")}]
    )  # fmt: skip
    html = groups.groups_table(effect, text)._repr_html_()
    assert "<script" not in html and "<img" not in html and "<b>" not in html
    from markdown_it import MarkdownIt

    shown = MarkdownIt().render(f"**By {plain(text)}**")
    assert shown.count("<") == len(("<p>", "<strong>", "</strong>", "</p>"))
