"""The table of executions."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from ctrnb.report.chapters import Chapter
from ctrnb.report.execute import Record
from ctrnb.report.statistics import statistics_table


def executed(folder: Path, name: str, seconds: float) -> Chapter:
    """Return a chapter whose execution is kept in a folder."""
    record = Record(name, "key", {}, seconds, "2026-11-24T10:20:30+00:00", "CPU: P", {"python": "3.12.3"})
    (folder / f"{name}.json").write_text(json.dumps(asdict(record)))
    (folder / f"{name}.ipynb").write_text("{}")
    return Chapter(name, Path("book") / f"{name}.md", {}, executable=True)


@pytest.mark.parametrize("first", [True, False])
def test_a_page_of_a_chapters_name_is_not_counted_as_its_execution(tmp_path: Path, first: bool) -> None:
    chapters = [executed(tmp_path, "audit", 3.0), executed(tmp_path, "tiers", 4.5)]
    page = Chapter("audit", Path("book/api/audit.md"), {}, executable=False)
    table = statistics_table([page, *chapters] if first else [*chapters, page], tmp_path)
    assert table.count("| {doc}`audit` |") == 1 and "| **all** | **7.5** |" in table
    assert "* CPU: P; Python 3.12.3: all chapters" in table


def test_a_chapter_that_was_not_executed_is_not_listed(tmp_path: Path) -> None:
    table = statistics_table(
        [executed(tmp_path, "tiers", 4.5), Chapter("mci", Path("m.md"), {}, executable=True)], tmp_path
    )
    assert "mci" not in table and "| **all** | **4.5** |" in table
