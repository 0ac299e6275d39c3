import csv
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from ctrnb.report.downloads import tables
from ctrnb.spreadsheet import harmless
from ctrnb.study.ledger import write_table

FORMULAE = ["=cmd|' /C calc'!A0", "=1+1", "+1+cmd|'x'!A0", "-2+3+cmd|'x'!A0", "@SUM(1)", "\t=1", "\r=1", "+A1", "-A1"]
NUMBERS = ["+0.12 (-0.05 to +0.20)", "-3", "+1e-05", "-0.5 %", "-", "0.5", "", "a=b", "1+1", "a\t=b", "Rome", "▲ +1.2"]


@pytest.mark.parametrize("text", FORMULAE)
def test_a_formula_becomes_a_text(text: str) -> None:
    assert harmless(text) == f"'{text}".replace("\r", " ")


def test_a_carriage_return_within_a_cell_begins_no_row() -> None:
    assert harmless("a\r=1+1") == "a =1+1"


@pytest.mark.parametrize("value", [*NUMBERS, -3, 1.5, None])
def test_numbers_and_other_texts_stay(value: object) -> None:
    assert harmless(value) == value


def test_no_csv_that_is_written_begins_a_cell_like_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    write_table(pd.DataFrame({"group": FORMULAE, "change": -0.5, "=name": "x", "kind": pd.Categorical(FORMULAE)}), path)
    with path.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell != harmless(cell)] and cells.count("-0.5") == len(FORMULAE)
    assert pd.read_csv(path)["change"].eq(-0.5).all()


def test_the_tables_to_take_away_are_harmless_too(tmp_path: Path) -> None:
    html = pd.DataFrame({"user": FORMULAE + NUMBERS}).to_html()
    output = nbformat.v4.new_output("display_data", {"text/html": html})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    nbformat.write(notebook, tmp_path / "page.ipynb")
    (found,) = tables(tmp_path / "page.ipynb")
    cells = [cell for row in csv.reader(found.splitlines()) for cell in row]
    assert not [cell for cell in cells if cell != harmless(cell)] and "+0.12 (-0.05 to +0.20)" in cells
