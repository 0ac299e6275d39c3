"""Where numbers come from: the dataset, seeds, device, versions and date that stand beside every table of the book."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from ctrnb.study.results import CELL, ledgers, measured
from ctrnb.words import counted, span

TRAINED = [*CELL, "tier"]  # of which a ledger has a row a seed


def provenance(rows: pd.DataFrame) -> str:
    """Return a caption's account of rows: dataset, k, seeds, device, precision, versions and date.

    Seeds are those of each cell and tier, and dates those of all rows: "2 to 3 seeds" and "2026-11-25 to 2026-11-26" where
    they differ.

    Args:
        rows: of a ledger, or others with their number of ``seeds``.
    """
    splits = rows["split_seed"].nunique() if "split_seed" in rows else 1
    parts = [
        f"dataset {', '.join(map(str, rows['dataset'].unique()))}",
        *([f"k = {', '.join(map(str, rows['k'].unique()))}"] if "k" in rows else []),
        seeds_of(rows),
        *([f"{splits} splits"] if splits > 1 else []),
        f"{devices(rows)}, {', '.join(rows['precision'].unique())}",
        f"torch {', '.join(rows['torch'].unique())}",
        *([f"measured {span(rows['date'].astype(str).str[:10])}"] if "date" in rows else []),
    ]
    return "; ".join(parts)


def seeds_of(rows: pd.DataFrame) -> str:
    """Return with how many seeds each cell and tier was trained, in words: "3 seeds", "2 to 3 seeds"."""
    if "seed" not in rows:
        return seeds_said(rows["seeds"].dropna())
    keys = [name for name in TRAINED if name in rows]
    return seeds_said(rows.groupby(keys)["seed"].nunique() if keys else [rows["seed"].nunique()])


def seeds_said(numbers: Iterable[int]) -> str:
    """Return numbers of seeds in words: "1 seed", "2 to 3 seeds"."""
    found = [int(number) for number in numbers]
    return counted(max(found), "seed") if min(found) == max(found) else f"{span(found)} seeds"


def devices(rows: pd.DataFrame) -> str:
    """Return what rows were measured on, in words, with the models of each device where they differ."""
    named = {name: name.replace("CPU, 1 threads", "CPU, 1 thread") for name in rows["device"].unique()}
    if len(named) == 1 or "model_name" not in rows or rows["model_name"].nunique() == 1:
        return "; ".join(named.values())
    models = rows.groupby("device", sort=False)["model_name"].unique()
    return "; ".join(f"{said} ({', '.join(models[name])})" for name, said in named.items())


def measured_on(name: str, folder: Path | None = None) -> str:
    """Return :func:`provenance` of a ledger, or that it is not measured."""
    rows = measured(name, folder)
    return "not measured" if rows is None else provenance(rows)


def sources(changes: pd.DataFrame, folder: Path | None = None) -> str:
    """Return where changes of :func:`all_changes` come from: each ledger's name, and k, seeds, device, versions and date
    of those of its trainings that they are about."""
    there, found = ledgers(folder), []
    for name in changes["ledger"].unique():
        rows = measured(name, folder) if name in there else None
        if rows is not None:
            cells = changes.loc[changes["ledger"] == name, CELL].drop_duplicates()
            found.append(f"{name}: {provenance(rows.merge(cells, on=CELL))}")
    return " | ".join(found) or "no ledger"


def by_place(
    name: str, kept: Sequence[pd.DataFrame], folder: Path | None = None
) -> Iterator[tuple[str, str, list[pd.DataFrame]]]:
    """Yield title, provenance, and what tables of a measured study hold, for each of its datasets and cores."""
    keys, ledger = ["dataset", "k", "drop_middle"], measured(name, folder)
    for place in () if ledger is None else kept[0][keys].drop_duplicates().itertuples(index=False):
        rows, *parts = (table[(table[keys] == place).all(axis=1)] for table in (ledger, *kept))
        yield titled(*place), provenance(rows), parts


def titled(dataset: str, k: int, drop_middle: bool) -> str:
    """Return how a curated dataset is called in titles."""
    return f"{dataset}, {k}-core{', middle ratings removed' if drop_middle else ''}"
