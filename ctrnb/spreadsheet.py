"""Text that a spreadsheet would take for a formula, made harmless in the CSV files that are written here."""

import re
from typing import TypeVar

import pandas as pd

T = TypeVar("T")
FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.,e+\-−() %to]*$)")  # but not +0.12 (-0.05 to +0.20)


def harmless(value: T) -> T | str:
    """Return a text that begins like a formula behind an apostrophe, which makes it a text, and anything else as it is.

    A carriage return, which would begin another row, becomes a space.
    """
    if not isinstance(value, str):
        return value
    text = value.replace("\r", " ")
    return f"'{text}" if FORMULA.match(value) else text


def harmless_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with harmless names of columns and cells."""
    texts = {name: column.map(harmless) for name, column in table.items() if not pd.api.types.is_numeric_dtype(column)}
    return table.assign(**texts).rename(columns=harmless)
