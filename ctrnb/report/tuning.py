"""How far the penalty on embeddings was searched, and what a wider search makes of message passing's gain.

FT penalises the embeddings anew. Where Base's best penalty is the largest that was tried, or none of FAR was, a larger one
may still improve it, and a gain of FT may be the penalty's: such a cell is *open*, and claims are decided without it as
well. The ledgers
under ``book/results/tuning`` are those of narrower searches, kept for the comparison; the studies of the same names are
under ``book/studies/tuning``.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.plots import with_interval
from ctrnb.report.beside import KEYS
from ctrnb.report.measured import ledgers, measured, measured_changes, provenance, results_folder
from ctrnb.study.ledger import TIER_NAMES
from ctrnb.study.penalties import FAR, is_open

PENALTY = "training.l2_embedding"
MARK = "*"  # of a model whose cell is open
NARROW = "tuning"


def penalties(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return a ledger's penalties on embeddings: dataset, k, drop_middle, model, model_name, tier, chosen, tried (a tuple).

    ``chosen`` and ``tried`` are NaN and empty where neither the study nor its search named one.
    """
    path = results_folder(folder) / f"{name}.csv"
    columns = [*KEYS, "model_name", "tier", "chosen", "tried"]
    rows = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    if "overrides" not in rows or "stage" not in rows:
        return pd.DataFrame(columns=columns)
    rows = rows[rows["stage"] != "support"]
    rows = rows.assign(penalty=[json.loads(text).get(PENALTY, np.nan) for text in rows["overrides"]])
    found = []
    for place, part in rows.groupby([*KEYS, "model_name", "tier"], sort=False):
        chosen = part.loc[part["stage"] == "final", "penalty"]
        tried = tuple(sorted(part["penalty"].dropna().unique()))
        found.append([*place, chosen.iloc[0] if len(chosen) else np.nan, tried])
    return pd.DataFrame(found, columns=columns)


def open_cells(folder: Path | None = None) -> pd.DataFrame:
    """Return, for each ledger and cell that names its penalties, whether it is open: ledger, dataset, k, drop_middle, model,
    model_name, open."""
    parts = [cells_of(name, folder) for name in ledgers(folder)]
    empty = pd.DataFrame(columns=["ledger", *KEYS, "model_name", "open"])
    return pd.concat([part for part in parts if len(part)] or [empty], ignore_index=True)


def cells_of(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return :func:`open_cells` of one ledger."""
    base = penalties(name, folder).query("tier == 'base'").dropna(subset=["chosen"])
    found = [is_open(row.chosen, row.tried) for row in base.itertuples()]
    return base[[*KEYS, "model_name"]].assign(ledger=name, open=found)


def closed(changes: pd.DataFrame, folder: Path | None = None) -> pd.DataFrame:
    """Return the changes (of :func:`ctrnb.report.measured.all_changes`) less those of open cells."""
    cells = open_cells(folder)
    keys = ["ledger", *KEYS]
    bad = pd.MultiIndex.from_frame(cells.loc[cells["open"].astype(bool), keys])
    return changes[~pd.MultiIndex.from_frame(changes[keys]).isin(bad)] if len(changes) else changes


def open_models(name: str, folder: Path | None = None) -> list[str]:
    """Return the names of the models of a ledger that are open in any of its cells."""
    cells = cells_of(name, folder)
    return list(dict.fromkeys(cells.loc[cells["open"].astype(bool), "model_name"]))


def marked(summary: pd.DataFrame, name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return a summary of a ledger with MARK behind the names of open models."""
    marks = {model: f"{model}{MARK}" for model in open_models(name, folder)}
    return summary.assign(model_name=summary["model_name"].replace(marks))


def readable_penalties(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return :func:`penalties` to be read: what was tried and, in brackets, what the search chose; MARK where the cell is open."""
    table = penalties(name, folder).dropna(subset=["chosen"])
    shown = [
        ", ".join(f"[{value:g}]" if value == row.chosen else f"{value:g}" for value in row.tried)
        + (MARK if row.tier == "base" and is_open(row.chosen, row.tried) else "")
        for row in table.itertuples()
    ]
    table = table.assign(shown=shown, tier=table["tier"].map(TIER_NAMES))
    wide = table.pivot_table(index=["k", "model_name"], columns="tier", values="shown", aggfunc="first", sort=False)
    return wide.rename_axis(index=["k", "model"], columns=None)


def compared(name: str, folder: Path | None = None) -> Iterator[tuple[str, float, pd.DataFrame]]:
    """Yield model, the largest penalty tried for Base, and changes of AUC, for the narrow search of a study and the wide one.

    Only models that the wide search gave larger penalties than the narrow one have both.
    """
    root = results_folder(folder)
    tables = [measured_changes(name, place) for place in (root / NARROW, root)]
    bases = [penalties(name, place).query("tier == 'base'") for place in (root / NARROW, root)]
    narrow, wide = ({row.model_name: max(row.tried) for row in base.itertuples() if row.tried} for base in bases)
    for model in wide:
        if model in narrow and wide[model] > narrow[model]:
            for largest, changes in zip((narrow[model], wide[model]), tables, strict=True):
                if changes is not None:
                    yield model, largest, changes[(changes["model_name"] == model) & (changes["metric"] == "auc")]


def search_table(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return what the wider search changed, to be read: AUC of the tiers, FT's changes to Base and to the control in points."""
    rows = []
    for model, largest, changes in compared(name, folder):
        level = changes[changes["reference"] == ""].set_index("tier")["mean"]
        row = {"model": model, "penalty searched to": f"{largest:g}"}
        row |= {f"AUC, {TIER_NAMES[tier]}": f"{level[tier]:.4f}" for tier in ("base", "control", "ft", "ts")}
        for reference in ("base", "control"):
            change = changes[(changes["tier"] == "ft") & (changes["reference"] == reference)].iloc[0]
            shown = with_interval(change["change"], change["low"], change["high"], scale=100)
            row[f"FT to {TIER_NAMES[reference]}, points"] = shown
        rows.append(row)
    return pd.DataFrame(rows).set_index(["model", "penalty searched to"]) if rows else pd.DataFrame()


def sources_of_search(name: str, folder: Path | None = None) -> tuple[str, str]:
    """Return where the narrow and the wide search of :func:`search_table` were measured, in words."""
    models = {model for model, _, _ in compared(name, folder)}
    root = results_folder(folder)
    found = [measured(name, place) for place in (root / NARROW, root)]
    kept = [pd.DataFrame() if rows is None else rows[rows["model_name"].isin(models)] for rows in found]
    narrow, wide = ("not measured" if rows.empty else provenance(rows) for rows in kept)
    return narrow, wide


def statement(name: str, folder: Path | None = None) -> str:
    """Return what the wider search made of FT's gain over the control, in a sentence; empty where nothing was searched twice."""
    found: dict[float, list[float]] = {}
    models: list[str] = []
    for model, largest, changes in compared(name, folder):
        gain = changes[(changes["tier"] == "ft") & (changes["reference"] == "control")]
        found.setdefault(largest, []).append(100 * float(gain["change"].iloc[0]))
        models = list(dict.fromkeys([*models, model]))
    if not found:
        return ""
    gains = ", ".join(f"{np.mean(values):+.2f} points with penalties up to {most:g}" for most, values in found.items())
    return f"The search decides much of it: for {', '.join(models)} FT's gain over the control is, on average, {gains}."


def gain_over_control(name: str, folder: Path | None = None) -> str:
    """Return in how many closed models of a ledger FT gains over the control beyond chance, and how much on average."""
    changes = measured_changes(name, folder)
    if changes is None:
        return f"{name} is not measured"
    told = closed(changes.assign(ledger=name), folder)
    gains = told[(told["tier"] == "ft") & (told["reference"] == "control") & (told["metric"] == "auc")]
    where = ", ".join(changes["dataset"].unique())
    if gains.empty:
        return f"on {where} no model's penalty was searched far enough to tell"
    density = f" (density {gains['density_percent'].mean():.2g} %)" if "density_percent" in gains else ""
    return (
        f"on {where}{density} in {int((gains['low'] > 0).sum())} of the {len(gains)} models whose penalty was searched far "
        f"enough to tell, on average by {100 * gains['change'].mean():+.2f} points"
    )


def caveat(name: str, folder: Path | None = None) -> str:
    """Return which models of a ledger are open, in a sentence; empty where none is."""
    models = open_models(name, folder)
    if not models:
        return ""
    return (
        f"For {', '.join(models)} ({MARK}) the search ended before it had met a penalty too large for Base, or before {FAR:g}: "
        "a gain there may be the penalty's rather than message passing's."
    )


def caveats(names: Sequence[str], folder: Path | None = None) -> str:
    """Return :func:`caveat` for several ledgers in one sentence; empty where no model is open."""
    found = {name: open_models(name, folder) for name in names}
    listed = "; ".join(f"{', '.join(models)} ({name})" for name, models in found.items() if models)
    return f"Not searched far enough to tell message passing from the penalty: {listed}." if listed else ""
