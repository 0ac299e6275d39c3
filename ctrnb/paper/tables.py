"""The paper's tables as tidy tables: numbers of the cells that are kept as printed.

The paper marks whether middle ratings are retained in an evaluation (EvalRM) by check marks, and does so in opposite
senses: Table 3's check marks go with the values of Table 2, Table 6's crosses with those of Table 5, both of the whole
test split. ``evaluated`` therefore says which ratings a value is of, decided by those values, and ``printed_mark`` what
stands in the table.
"""

import re
from collections.abc import Callable, Iterator

import pandas as pd

from ctrnb.errors import ParameterError
from ctrnb.paper.printed import (
    CORES,
    DATASETS,
    STATISTICS,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    TABLE_5,
    TABLE_6,
    TABLE_7,
    TABLE_8,
)

CELL = re.compile(r"(?P<value>-?[\d.]+[KM]?|-)(?: \((?P<change>-?[\d.]+)\))?")


def table(number: int) -> pd.DataFrame:
    """Return one of the paper's tables, one row a cell.

    Columns: table, dataset, k and, where the table has them, model, tier (Base, FT, TS), group (Table 4), statistic
    (Tables 1 and 7), trained and evaluated ("all" or "middle removed"), printed_mark; then printed, the cell's text,
    value (AUC in percent, logloss in nats, or a count; NaN for "-") and, but in Tables 1 and 7, change_percent, the
    printed relative change to Base (NaN for Base).

    Raises:
        ParameterError: the paper has no such table.
    """
    if number not in READERS:
        raise ParameterError(f"the paper has tables 1 to {max(READERS)}: there is no table {number!r}.")
    frame = pd.DataFrame(READERS[number]()).dropna(axis="columns", how="all")
    frame.insert(0, "table", number)
    return frame


def place(row: pd.Series) -> str:
    """Return where a row of :func:`table` stands in the paper, to name a cell in a sentence."""
    names = ("dataset", "k", "model", "group", "statistic", "tier", "trained", "evaluated")
    before = {"k": "k = ", "trained": "trained: ", "evaluated": "evaluated: "}
    named = [f"{before.get(name, '')}{row[name]}" for name in names if name in row and pd.notna(row[name])]
    return f"Table {row['table']}: {', '.join(named)}"


def number(text: str) -> float:
    """Return a printed number, K and M counted, and NaN for "-"."""
    if text == "-":
        return float("nan")
    scale = {"K": 1e3, "M": 1e6}.get(text[-1], 1.0)
    return round(float(text.rstrip("KM")) * scale, 6)


def half_unit(printed: str) -> float:
    """Return half a unit of the last printed place of a number: 50 for "3.5K"."""
    digits = printed.rstrip("KM")
    places = len(digits.partition(".")[2])
    return 0.5 * 10.0**-places * {"K": 1e3, "M": 1e6}.get(printed[-1], 1.0)


def cells(text: str) -> list[dict]:
    """Return the printed cells of one line, with value and change as numbers (NaN where the cell is "-")."""
    return [
        {"printed": found[0], "value": number(found["value"]), "change_percent": number(found["change"] or "-")}
        for found in CELL.finditer(text)
    ]


def statistics_rows(source: dict) -> Iterator[dict]:
    """Yield the cells of Tables 1 and 7."""
    for key, text in source.items():
        dataset, k = key[0], key[-1]
        trained = {"trained": retained(key[1]), "printed_mark": key[1]} if len(key) == 3 else {}
        for statistic, cell in zip(STATISTICS, cells(text), strict=True):
            yield {"dataset": dataset, "k": k} | trained | {"statistic": statistic} | cell


def table_2_rows() -> Iterator[dict]:
    """Yield the cells of Table 2."""
    for (dataset, model), tiers in TABLE_2.items():
        for tier, text in zip(("Base", "TS"), tiers, strict=True):
            for k, cell in zip(CORES, cells(text), strict=True):
                yield {"dataset": dataset, "k": k, "model": model, "tier": tier, "evaluated": "all"} | cell


def tiers_rows(source: dict, whole: str) -> Iterator[dict]:
    """Yield the cells of Tables 3 and 6; ``whole`` is the mark that goes with the whole test split there."""
    columns = [(dataset, k) for dataset in DATASETS for k in CORES]
    for (model, mark), tiers in source.items():
        evaluated = "all" if mark == whole else "middle removed"
        for tier, text in tiers.items():
            for (dataset, k), cell in zip(columns, cells(text), strict=True):
                keys = {"dataset": dataset, "k": k, "model": model, "tier": tier}
                yield keys | {"evaluated": evaluated, "printed_mark": mark} | cell


def table_4_rows() -> Iterator[dict]:
    """Yield the cells of Table 4."""
    columns = [(model, tier) for model in ("DCNV2", "AutoInt", "FinalMLP") for tier in ("Base", "FT", "TS")]
    for (dataset, group), text in TABLE_4.items():
        k = 6 if dataset == "ML-1M" else 10
        for (model, tier), cell in zip(columns, cells(text), strict=True):
            yield {"dataset": dataset, "k": k, "model": model, "tier": tier, "group": group, "evaluated": "all"} | cell


def table_5_rows() -> Iterator[dict]:
    """Yield the cells of Table 5, changes with those of TS."""
    columns = [(dataset, k) for dataset in DATASETS for k in CORES]
    for model, (base, scratch, changes) in TABLE_5.items():
        lines = zip(columns, cells(base), cells(scratch), cells(changes), strict=True)
        for (dataset, k), base_cell, cell, change in lines:
            keys = {"dataset": dataset, "k": k, "model": model, "evaluated": "all"}
            yield keys | {"tier": "Base"} | base_cell
            yield keys | {"tier": "TS"} | cell | {"change_percent": change["value"]}


def table_8_rows() -> Iterator[dict]:
    """Yield the cells of Table 8."""
    columns = [(evaluated, tier) for evaluated in ("all", "middle removed") for tier in ("Base", "TS")]
    for model, lines in TABLE_8.items():
        for mark, line in zip("✓✗✓✗", lines, strict=True):
            for dataset, half in zip(DATASETS, line.split(" | "), strict=True):
                k, rest = half.split(" ", 1)
                keys = {"dataset": dataset, "k": int(k), "model": model}
                keys |= {"trained": retained(mark), "printed_mark": mark}
                for (evaluated, tier), cell in zip(columns, cells(rest), strict=True):
                    yield keys | {"evaluated": evaluated, "tier": tier} | cell


def retained(mark: str) -> str:
    """Return which ratings a TrRM mark keeps in training."""
    return "all" if mark == "✓" else "middle removed"


READERS: dict[int, Callable[[], Iterator[dict]]] = {
    1: lambda: statistics_rows(TABLE_1),
    2: table_2_rows,
    3: lambda: tiers_rows(TABLE_3, whole="✓"),
    4: table_4_rows,
    5: table_5_rows,
    6: lambda: tiers_rows(TABLE_6, whole="✗"),
    7: lambda: statistics_rows(TABLE_7),
    8: table_8_rows,
}
