"""The answer in one picture: on the book's first page and in the README."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ctrnb import plots
from ctrnb.errors import RunError
from ctrnb.report.provenance import devices, seeds_of
from ctrnb.report.tuning import by_dataset_and_model, gains
from ctrnb.study.results import CELL, book_root, measured


def answer(folder: Path | None = None) -> Figure:
    """Return what FT changes against Base and the control on each measured dataset, drawn.

    Raises:
        RunError: no ledger has a closed cell of FT and the control.
    """
    changes = by_dataset_and_model(folder)
    if changes.empty:
        raise RunError(
            "No ledger under book/results has FT, the control and a searched penalty: run ctrnb sweep on a study of book/studies."
        )
    figure = plots.changes_by_case(changes, "FT's change in test AUC, points of 0.01 (95 %)", "", one_scale=True)
    figure.set_size_inches(5.6, 3.7)
    return figure


def source(folder: Path | None = None) -> str:
    """Return with how many seeds and on what the cells of :func:`answer` were measured, in words."""
    cells = gains("ft", "control", folder)
    ledger = {name: rows for name in cells["ledger"].unique() if (rows := measured(name, folder)) is not None}
    rows = pd.concat([rows.merge(cells.loc[cells["ledger"] == name, CELL], on=CELL) for name, rows in ledger.items()])
    return f"{seeds_of(rows)}; {devices(rows[['device']]).replace('; ', ' and ')}"


def draw() -> Path:
    """Write :func:`answer` to ``book/images/answer.png`` and return its path.

    Raises:
        RunError: there is nothing to draw.
    """
    path = book_root() / "book" / "images" / "answer.png"
    path.parent.mkdir(exist_ok=True)
    plots.style()
    answer().savefig(path, dpi=130)
    return path
