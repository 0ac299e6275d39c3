"""The ledgers under ``book/results``: measured on real ratings by ``ctrnb sweep``, read by the chapters.

NAME.csv has a row a training, NAME-changes.csv a row a comparison; the study of the same name under ``book/studies`` says
what was trained.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.errors import ConfigError
from ctrnb.report.beside import KEYS
from ctrnb.study.changes import Estimate, over_users_and_seeds, verdict, with_holm

CHANGES = "-changes"
GAINS = (("delta", "base"), ("gain", "control"))
NORMAL_975 = 1.959964  # half the width of a 95 % interval in standard errors


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


EMPTY = [  # the columns of changes where nothing was measured
    "ledger", "dataset", "k", "drop_middle", "model", "model_name", "tier", "reference", "metric", "mean", "reference_mean",
    "change", "change_percent", "low", "high", "se", "df", "verdict", "seeds", "sd_seeds", "p_seeds", "p_holm", "mde_percent",
]  # fmt: skip


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


def searched(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return the candidates that a ledger's search tried: dataset, k, model, tier, candidate, valid_auc, chosen."""
    path = results_folder(folder) / f"{name}.csv"
    columns = ["dataset", "k", "model_name", "tier_name", "candidate", "valid_auc", "chosen"]
    rows = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=[*columns, "stage"])
    if "stage" not in rows:
        return pd.DataFrame(columns=columns)
    rows = rows[(rows["candidate"] != "{}") & (rows["stage"] != "support")].assign(chosen=rows["stage"] == "final")
    first = rows.groupby(["dataset", "k", "drop_middle", "model", "tier"])[["split_seed", "seed"]].transform("first")
    return rows.loc[(rows[["split_seed", "seed"]] == first).all(axis=1), columns].reset_index(drop=True)


def measured_changes(name: str, folder: Path | None = None) -> pd.DataFrame | None:
    """Return a measured ledger's changes; from its rows where no file of them was kept; None where there is no ledger."""
    path = results_folder(folder) / f"{name}{CHANGES}.csv"
    if path.is_file():
        return pd.read_csv(path, keep_default_na=True).fillna({"reference": "", "verdict": ""})
    rows = measured(name, folder)
    return None if rows is None else changes_of(rows)


def all_changes(folder: Path | None = None, rerun: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the changes of every measured ledger, with its name as ``ledger``; a cell measured twice is taken once.

    ``rerun``, changes measured just now, wins; then the ledger with more seeds, then the first by name.
    """
    kept = ((name, measured_changes(name, folder)) for name in ledgers(folder))
    tables = [changes.assign(ledger=name, fresh=False) for name, changes in kept if changes is not None]
    tables += [rerun.assign(ledger="this run", fresh=True)] if rerun is not None else []
    if not tables:
        return pd.DataFrame(columns=EMPTY)
    keys = ["dataset", "k", "drop_middle", "model", "tier", "reference", "metric"]
    table = pd.concat(tables, ignore_index=True).sort_values(
        ["fresh", "seeds", "ledger"], ascending=[False, False, True], kind="stable"
    )
    return table.drop_duplicates(keys).drop(columns="fresh").sort_index(ignore_index=True)


def changes_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`ctrnb.study.changes.changes` of AUC as far as a ledger's rows alone give it.

    Each row has its own interval over test users. The mean over seeds of their standard errors stands for that of the
    mean change, which it exceeds unless users answer every seed alike: the interval errs on the wide side.
    """
    return with_holm(pd.DataFrame(rows_of_changes(rows)))


def rows_of_changes(rows: pd.DataFrame) -> Iterator[dict]:
    """Yield the rows of :func:`changes_of`."""
    keys = [name for name in ("dataset", "k", "drop_middle", "model", "model_name") if name in rows]
    for values, group in rows.groupby([*keys, "tier"], sort=False):
        *place, tier = values
        head = dict(zip(keys, place, strict=True)) | {"metric": "auc", "tier": tier}
        level = {"mean": group["auc"].mean(), "seeds": len(group), "sd_seeds": group["auc"].std(ddof=1)}
        yield (
            head
            | {"reference": "", "verdict": ""}
            | level
            | dict.fromkeys(("se", "df", "p_value", "reference_mean"), np.nan)
        )
        for name, reference in GAINS:
            if name in group and group[name].notna().any():
                yield head | {"reference": reference} | level | change_of(group.dropna(subset=[name]), name)


def change_of(group: pd.DataFrame, name: str) -> dict:
    """Return one comparison from the rows of one tier."""
    difference = group[name].to_numpy()
    se_users = float(((group[f"{name}_high"] - group[f"{name}_low"]) / (2 * NORMAL_975)).mean())
    change: Estimate = over_users_and_seeds(difference, se_users)
    low, high = change.interval()
    base = float(group["auc"].mean() - change.value)
    return {
        "reference_mean": base,
        "change": change.value,
        "change_percent": 100 * change.value / base,
        "seeds": len(group),
        "sd_seeds": float(difference.std(ddof=1)) if len(group) > 1 else np.nan,
        "se_users": se_users,
        "se": change.se,
        "df": change.df,
        "low": low,
        "high": high,
        "p_value": change.p_value,
        "mde": change.mde,
        "mde_percent": 100 * change.mde / base,
        "verdict": verdict(low, high),
    }


def by_place(
    name: str, kept: Sequence[pd.DataFrame], folder: Path | None = None
) -> Iterator[tuple[str, str, list[pd.DataFrame]]]:
    """Yield title, provenance, and what tables of a measured study hold, for each of its datasets and cores."""
    keys, ledger = ["dataset", "k", "drop_middle"], measured(name, folder)
    for place in () if ledger is None else kept[0][keys].drop_duplicates().itertuples(index=False):
        rows, *parts = (table[(table[keys] == place).all(axis=1)] for table in (ledger, *kept))
        removed = ", middle ratings removed" if place.drop_middle else ""
        yield f"{place.dataset}, {place.k}-core{removed}", provenance(rows), parts


def sources(changes: pd.DataFrame, folder: Path | None = None) -> str:
    """Return where changes of :func:`all_changes` come from: each ledger's name, and k, seeds, device, versions and date
    of those of its trainings that they are about."""
    there, found = ledgers(folder), []
    for name in changes["ledger"].unique():
        rows = measured(name, folder) if name in there else None
        if rows is not None:
            cells = changes.loc[changes["ledger"] == name, KEYS].drop_duplicates()
            found.append(f"{name}: {provenance(rows.merge(cells, on=KEYS))}")
    return " | ".join(found) or "no ledger"


def counted(count: int, of: str) -> str:
    """Return a number of things in words: "1 seed", "3 seeds"."""
    return f"{count} {of}{'' if count == 1 else 's'}"


def measured_on(name: str, folder: Path | None = None) -> str:
    """Return :func:`provenance` of a ledger, or that it is not measured."""
    rows = measured(name, folder)
    return "not measured" if rows is None else provenance(rows)


def devices(rows: pd.DataFrame) -> str:
    """Return what rows were measured on, in words."""
    return "; ".join(name.replace("CPU, 1 threads", "CPU, 1 thread") for name in rows["device"].unique())


def provenance(rows: pd.DataFrame) -> str:
    """Return a caption's account of rows: dataset, k, seeds, device, precision, versions and date."""
    seeds = rows["seed"].nunique()
    splits = rows["split_seed"].nunique() if "split_seed" in rows else 1
    parts = [
        f"dataset {', '.join(map(str, rows['dataset'].unique()))}",
        *([f"k = {', '.join(map(str, rows['k'].unique()))}"] if "k" in rows else []),
        counted(seeds, "seed"),
        *([f"{splits} splits"] if splits > 1 else []),
        f"{devices(rows)}, {', '.join(rows['precision'].unique())}",
        f"torch {', '.join(rows['torch'].unique())}",
        *([f"measured {rows['date'].astype(str).str[:10].max()}"] if "date" in rows else []),
    ]
    return "; ".join(parts)
