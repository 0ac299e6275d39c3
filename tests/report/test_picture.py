"""The answer in one picture."""

import re
from pathlib import Path

import pytest

from ctrnb.errors import RunError
from ctrnb.report import picture, tuning


def test_the_answer_has_a_panel_for_each_dataset_and_both_references() -> None:
    figure = picture.answer()
    assert [axis.get_title() for axis in figure.axes] == list(dict.fromkeys(tuning.by_dataset_and_model()["case"]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["to Base", "to Control"]


def test_the_picture_says_with_how_many_seeds_and_on_what_it_was_measured() -> None:
    assert re.fullmatch(r"\d( to \d)? seeds; CPU, 1 thread and .*", picture.source())


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No ledger under book/results"):
        picture.answer(tmp_path)
