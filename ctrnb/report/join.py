"""A study measured in parts, a few models or cores at a time or on several machines, put together.

``ctrnb results join PART`` reads every table of the folder PART, which is laid out as ``book/results`` (ledgers,
changes, ``groups/`` and ``sensitivity/``), and puts its cells into the tables of the same names under ``book/results``.
A cell is one model on one curated dataset. Cells that are there already are replaced whole, others are added, and the
adjusted p-values are made again for the joined table.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ctrnb.errors import RunError
from ctrnb.models import MODELS
from ctrnb.study.changes import with_holm
from ctrnb.study.ledger import write_table
from ctrnb.study.results import CELL, results_folder

ADJUSTED = "p_holm"


def read_cells(path: Path) -> pd.DataFrame:
    """Return a table of results.

    Raises:
        RunError: it is no CSV file, or lacks a column that names its cells.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} could not be read: {error}") from None
    missing = [name for name in CELL if name not in table]
    if missing:
        raise RunError(f"{path} has no column {missing[0]!r}: a table of results names the cell of each row.")
    return table


def replaced(kept: pd.DataFrame, part: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of both tables, for a cell of both those of ``part``.

    Raises:
        RunError: the tables differ in their columns.
    """
    if set(kept) != set(part):
        odd = sorted(set(kept) ^ set(part))
        raise RunError(f"only one of the two tables has the columns {', '.join(odd)}: measure both by one version.")
    ours = pd.MultiIndex.from_frame(kept[CELL]).isin(pd.MultiIndex.from_frame(part[CELL]))
    return pd.concat([kept[~ours], part[list(kept)]], ignore_index=True)


def joined(kept: pd.DataFrame, part: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`replaced`, by dataset, k, and models in their usual order, its p-values adjusted anew.

    Raises:
        RunError: the tables differ in their columns, or one dataset and core in its data.
    """
    table = replaced(kept, part)
    if "fingerprint" in table:
        for place, rows in table.groupby([*CELL[:-1], "split_seed"]):
            if rows["fingerprint"].nunique() > 1:
                raise RunError(f"{place[0]}, k = {place[1]}: the two tables were measured on different data.")
    order = table[CELL].assign(  # a model without a usual place comes last
        dataset=pd.Categorical(table["dataset"], list(dict.fromkeys([*kept["dataset"], *part["dataset"]]))),
        model=pd.Categorical(table["model"], list(MODELS)),
    )
    table = table.loc[order.sort_values(CELL, kind="stable").index].reset_index(drop=True)
    return with_holm(table.fillna({"reference": ""}))[list(kept)] if ADJUSTED in table else table


def put(
    tables: dict[Path, pd.DataFrame], combine: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame] = joined
) -> None:
    """Write each table to its path, combined with the one that is there; all are combined before one is written.

    Raises:
        RunError: a table that is there is none, or the two do not fit; nothing is written.
    """
    for path, table in tables.items():
        if path.is_file():
            kept = read_cells(path)
            try:
                tables[path] = combine(kept, table)
            except RunError as error:
                raise RunError(f"{path} and the rows to be put into it: {error}") from None
    for path, table in tables.items():
        write_table(table, path)
        print(f"{path}: {len(table[CELL].drop_duplicates())} cells")


def put_part(part: Path) -> None:
    """Put the results of a part of a study into ``book/results``, and print what each table then holds.

    Raises:
        RunError: the folder holds no table, or one that does not fit.
    """
    paths = sorted(path.relative_to(part) for path in part.rglob("*.csv"))
    if not paths:
        raise RunError(f"{part} holds no CSV file. Name the folder that ctrnb sweep --out wrote to.")
    put({results_folder() / path: read_cells(part / path) for path in paths})
