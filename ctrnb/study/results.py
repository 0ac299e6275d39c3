"""The results that the book keeps under ``book/results``: measured on real ratings by ``ctrnb sweep``.

NAME.csv has a row a training, NAME-changes.csv a row a comparison; the study of the same name under ``book/studies`` says
what was trained.
"""

from pathlib import Path

import pandas as pd

from ctrnb.errors import ConfigError

CHANGES = "-changes"
CELL = ["dataset", "k", "drop_middle", "model"]  # one model on one curated dataset
EMPTY = [  # the columns of changes where nothing was measured
    "ledger", "dataset", "k", "drop_middle", "model", "model_name", "tier", "reference", "metric", "mean", "reference_mean",
    "change", "change_percent", "low", "high", "se", "df", "verdict", "seeds", "sd_seeds", "p_seeds", "p_holm", "mde_percent",
]  # fmt: skip


def book_root() -> Path:
    """Return the folder that holds the book: the checkout that this package is used from, else one here or above, else
    the copy that an installed package carries.

    Raises:
        ConfigError: there is none of them.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent, Path.cwd(), *Path.cwd().parents, package / "_book"):
        if (folder / "_toc.yml").is_file() and (folder / "book" / "intro.md").is_file():
            return folder
    raise ConfigError("the book's chapters are neither in this installation nor here: install ctrnb from its wheel.")


def results_folder(folder: Path | None = None) -> Path:
    """Return where the ledgers are."""
    return folder or book_root() / "book" / "results"


def ledgers(folder: Path | None = None) -> list[str]:
    """Return the names of the measured ledgers that there are."""
    names = [path.stem for path in sorted(results_folder(folder).glob("*.csv"))]
    return [name for name in names if not name.endswith(CHANGES)]


def measured(name: str, folder: Path | None = None) -> pd.DataFrame | None:
    """Return a measured ledger's final trainings (those of the best configurations), or None where there is no such ledger."""
    path = results_folder(folder) / f"{name}.csv"
    if not path.is_file():
        return None
    rows = pd.read_csv(path)
    rows = rows if "stage" not in rows else rows[rows["stage"] == "final"].reset_index(drop=True)
    return rows if "drop_middle" in rows else rows.assign(drop_middle=False)


def measured_changes(name: str, folder: Path | None = None) -> pd.DataFrame | None:
    """Return a measured ledger's changes, or None where none were kept."""
    path = results_folder(folder) / f"{name}{CHANGES}.csv"
    return pd.read_csv(path).fillna({"reference": "", "verdict": ""}) if path.is_file() else None


def all_changes(folder: Path | None = None, rerun: pd.DataFrame | None = None, prefer: str = "") -> pd.DataFrame:
    """Return the changes of every measured ledger, with its name as ``ledger``; a cell measured twice is taken once, whole.

    All rows of a cell (:data:`CELL`) come from one ledger, for two may have trained it with different settings and seeds:
    ``rerun``, changes measured just now, wins; then the ledger ``prefer``; then the one with more tiers of the cell, so that
    no comparison is lost; then the one with more seeds, then the first by name.
    """
    kept = ((name, measured_changes(name, folder)) for name in ledgers(folder))
    tables = [changes.assign(ledger=name, fresh=False) for name, changes in kept if changes is not None]
    tables += [rerun.assign(ledger="this run", fresh=True)] if rerun is not None else []
    if not tables:
        return pd.DataFrame(columns=EMPTY)
    table = pd.concat(tables, ignore_index=True)
    cells = table.groupby([*CELL, "ledger", "fresh"], as_index=False).agg(
        tiers=("tier", "nunique"), seeds=("seeds", "max")
    )
    cells["preferred"] = cells["ledger"] == prefer
    order = ["fresh", "preferred", "tiers", "seeds", "ledger"]
    cells = cells.sort_values(order, ascending=[False, False, False, False, True], kind="stable").drop_duplicates(CELL)
    keys = [*CELL, "ledger", "fresh"]
    chosen = pd.MultiIndex.from_frame(table[keys]).isin(pd.MultiIndex.from_frame(cells[keys]))
    return table[chosen].drop(columns="fresh").reset_index(drop=True)
