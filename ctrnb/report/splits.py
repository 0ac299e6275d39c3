"""Whether what a ledger shows on its one split holds on others.

The ledgers under ``book/results/splits`` are of several splits, each with a seed of its own; the studies of the same names are
under ``book/studies/splits``. They search nothing: settings are those that the ledger of the same name chose on its split.
"""

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pandas as pd

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
    table = compared(folder)
    if table.empty:
        return ""
    rows = table[table["reference"] == "control"]
    same = int(((rows["change_one"] > 0) == (rows["change_splits"] > 0)).sum())
    sure = {
        where: int(surely_above(rows[f"change_{where}"], rows[f"p_value_{where}"]).sum()) for where in ("one", "splits")
    }
    within = int(((rows["low_one"] <= rows["change_splits"]) & (rows["change_splits"] <= rows["high_one"])).sum())
    spread = {where: span(100 * rows[f"sd_seeds_{where}"], "{:.2f}") for where in ("one", "splits")}
    cells, number = counted(len(rows), "cell"), span(rows["seeds_splits"].astype(int))
    return (
        f"Over {number} splits, each with a seed of its own, FT's gain over the control is on the same side as on the one split in "
        f"{same} of {cells}, within its interval in {within}, and beyond chance (Holm's test) in {sure['splits']}, against "
        f"{sure['one']} on the one split. From one split and seed to the next the gain has a standard deviation of "
        f"{spread['splits']} points, by cell; from seed to seed on the one split, {spread['one']}. {optimism(folder)}"
    ).strip()


def optimism(folder: Path | None = None) -> str:
    """Return FT's mean gain over the control on the split that chose the settings and on the others, in a sentence; empty where
    there is not both."""
    root, own, others = results_folder(folder), [], []
    for name, rows in read(folder).items():
        chose = measured(name, root)
        if chose is None or "split_seed" not in chose:
            continue
        for _, cell in rows[rows["tier"] == "ft"].groupby(CELL):
            here = cell["split_seed"].isin(chose["split_seed"])
            if here.any() and not here.all():
                own.append(cell.loc[here, "gain"].mean())
                others.append(cell.loc[~here, "gain"].mean())
    if not own:
        return ""
    larger = sum(one > other for one, other in zip(own, others, strict=True))
    return (
        f"FT's mean gain over the control is {100 * fmean(own):+.2f} points on the split, and with the seed, that chose the settings, "
        f"and {100 * fmean(others):+.2f} on the others; it is larger on the former in {larger} of {counted(len(own), 'cell')}."
    )


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
