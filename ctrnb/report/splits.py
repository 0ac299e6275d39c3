"""Whether what a ledger shows on its one split holds on others.

The ledgers under ``book/results/splits`` are of several splits, each with a seed of its own; the studies of the same names are
under ``book/studies/splits``. They search nothing: settings are those that the ledger of the same name chose on its split.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.evaluation.statistics import paired_t
from ctrnb.report.provenance import provenance
from ctrnb.report.tuning import surely_above
from ctrnb.study.results import CELL, ledgers, measured, measured_changes, results_folder
from ctrnb.words import counted, narrower, sign, span, with_interval

FOLDER = "splits"
REFERENCES = ("control", "base")
KEPT = ["change", "low", "high", "p_value", "sd_seeds", "seeds"]


def compared(folder: Path | None = None) -> pd.DataFrame:
    """Return FT's changes of test AUC on one split and over several, a row a cell and reference.

    Columns: ledger, dataset, k, drop_middle, model, model_name, reference; then change, low, high, p_value (over test users and
    repetitions), sd_seeds (of the change over repetitions) and seeds (their number) with the suffix ``_one`` for the ledger's
    own split and ``_splits`` for the others, where a repetition is a split and a seed.
    """
    root = results_folder(folder)
    parts = []
    for name in ledgers(root / FOLDER):
        one, several = measured_changes(name, root), measured_changes(name, root / FOLDER)
        if one is None or several is None:
            continue
        keys = [*CELL, "model_name", "reference"]
        both = of_ft(one)[keys + KEPT].merge(of_ft(several)[keys + KEPT], on=keys, suffixes=("_one", "_splits"))
        parts.append(both.assign(ledger=name))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def of_ft(changes: pd.DataFrame) -> pd.DataFrame:
    """Return FT's changes of test AUC to the references."""
    return changes[(changes["metric"] == "auc") & (changes["tier"] == "ft") & changes["reference"].isin(REFERENCES)]


def statement(folder: Path | None = None) -> str:
    """Return what other splits make of FT's gain over the control, in sentences; empty where no other split was measured."""
    table, cells = compared(folder), chosen_and_others(folder)
    if table.empty or cells.empty:
        return ""
    rows = table[table["reference"] == "control"]
    sure = {
        where: int(surely_above(rows[f"change_{where}"], rows[f"p_value_{where}"]).sum()) for where in ("one", "splits")
    }
    same = int(((cells["table"] > 0) == (cells["others"] > 0)).sum())
    within = int(cells["others"].between(cells["low"], cells["high"]).sum())
    spread = {where: span(100 * rows[f"sd_seeds_{where}"], "{:.2f}") for where in ("one", "splits")}
    number = span(rows["seeds_splits"].astype(int))
    return (
        f"{optimism(folder)} There it is on the same side as in the tables in {same} of {counted(len(cells), 'cell')}, and within the "
        f"tables' interval in {within}. Over all {number} splits, each with a seed of its own, it is beyond chance (Holm's test) in "
        f"{sure['splits']}, against {sure['one']} in the tables. From one split and seed to the next the gain has a standard deviation of "
        f"{spread['splits']} points, by cell; from seed to seed on the one split, {spread['one']}."
    )


def optimism(folder: Path | None = None) -> str:
    """Return FT's mean gain over the control in the tables, where the settings were chosen and on other splits, in a sentence;
    empty where there is not all of it."""
    cells = chosen_and_others(folder)
    if cells.empty:
        return ""
    means, larger = 100 * cells[["table", "chosen"]].mean(), int((cells["chosen"] > cells["others"]).sum())
    return (
        f"In {counted(len(cells), 'cell')} FT's mean gain over the control is {means['table']:+.2f} points in the tables, "
        f"{means['chosen']:+.2f} on the split, and with the seed, on which the settings were chosen, and {mean_on_others(cells)} on other "
        f"splits with the same settings; it is smaller on these in {larger} of {len(cells)}."
    )


def elsewhere(folder: Path | None = None) -> str:
    """Return FT's mean gain over the control on other splits, beside the tables', in a few words."""
    cells = chosen_and_others(folder)
    if cells.empty:
        return "not measured"
    return f"{mean_on_others(cells)} points where the tables have {100 * cells['table'].mean():+.2f} ({counted(len(cells), 'cell')})"


def mean_on_others(cells: pd.DataFrame) -> str:
    """Return the mean gain of :func:`chosen_and_others` on other splits, in points, with Student's interval over the cells."""
    values = 100 * cells["others"].to_numpy()
    if len(values) == 1:
        return f"{values[0]:+.2f}"
    mean = paired_t(values, np.zeros(len(values)))
    return f"{mean.estimate:+.2f} ({mean.low:+.2f} to {mean.high:+.2f}, the cells taken as independent)"


def chosen_and_others(folder: Path | None = None) -> pd.DataFrame:
    """Return FT's gain over the control on the split that chose the settings and on others, a row a cell.

    Columns: ledger, dataset, k, drop_middle, model; table, low, high, of the ledger's own split over all its seeds; chosen,
    with the seed that the ledger of several splits has there; others, the mean over the other splits.
    """
    root, found = results_folder(folder), []
    rows = compared(folder)
    rows = rows[rows["reference"] == "control"] if len(rows) else rows
    runs = read(folder)
    for cell in rows.itertuples():
        ledger = measured(cell.ledger, root)
        own = runs[cell.ledger].merge(pd.DataFrame([{name: getattr(cell, name) for name in CELL}]), on=CELL)
        own = own[own["tier"] == "ft"]
        if ledger is None or "split_seed" not in ledger:
            continue
        here = own["split_seed"].isin(ledger["split_seed"])
        if here.any() and not here.all():
            found.append(
                {name: getattr(cell, name) for name in ("ledger", *CELL)}
                | {"table": cell.change_one, "low": cell.low_one, "high": cell.high_one}
                | {"chosen": own.loc[here, "gain"].mean(), "others": own.loc[~here, "gain"].mean()}
            )
    return pd.DataFrame(found)


def tables(folder: Path | None = None) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield title and :func:`compared` to be read, in points, a dataset and core at a time: FT to the control on one split, over
    several and on each, and to Base over several."""
    found, runs = compared(folder), read(folder)
    for (name, dataset, k), rows in found.groupby(["ledger", "dataset", "k"], sort=False) if len(found) else ():
        shown = [readable(own, runs[str(name)]) for _, own in rows.groupby("model", sort=False)]
        yield f"{dataset}, {k}-core", pd.DataFrame(shown).set_index("model")


def read(folder: Path | None = None) -> dict[str, pd.DataFrame]:
    """Return the final trainings of every ledger of several splits, by its name."""
    root = results_folder(folder) / FOLDER
    return {name: rows for name in ledgers(root) if (rows := measured(name, root)) is not None}


def readable(rows: pd.DataFrame, runs: pd.DataFrame) -> dict[str, str]:
    """Return one cell of :func:`compared` to be read, with the trainings of its ledger."""
    control, base = (rows[rows["reference"] == reference].iloc[0] for reference in REFERENCES)

    def said(row: pd.Series, where: str) -> str:
        change, low, high = (row[f"{what}_{where}"] for what in ("change", "low", "high"))
        return narrower(with_interval(change, low, high, mark=sign(low, high), scale=100))

    return {
        "model": control["model_name"],
        "to control, one split": said(control, "one"),
        "to control, over splits": said(control, "splits"),
        "to control, each split": ", ".join(each_split(runs, control[CELL].tolist())),
        "to Base, over splits": said(base, "splits"),
    }


def each_split(runs: pd.DataFrame, cell: list) -> list[str]:
    """Return FT's gain over the control on each split of a cell, in points, in the order of the splits."""
    own = runs[(runs[CELL] == cell).all(axis=1) & (runs["tier"] == "ft")].sort_values("split_seed")
    return [f"{100 * gain:+.2f}" for gain in own["gain"]]


def source(folder: Path | None = None) -> str:
    """Return where the ledgers of several splits were measured."""
    return " | ".join(map(provenance, read(folder).values()))
