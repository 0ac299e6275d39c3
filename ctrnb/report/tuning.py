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

from ctrnb.report.provenance import provenance
from ctrnb.study.changes import LEVEL, holm
from ctrnb.study.penalties import FAR, PENALTY, is_open
from ctrnb.study.results import CELL, all_changes, ledgers, measured, measured_changes, results_folder
from ctrnb.training.config import TIER_NAMES
from ctrnb.words import by_chance, counted, with_interval

MARK = "*"  # of a model whose cell is open
CHANGE = ["change", "low", "high"]
NARROW = "tuning"
UNKNOWN = "not known, for no penalty was searched far enough to tell"


def searched_rows(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return a ledger's candidates and final runs; none where it is not there or keeps neither settings nor stages."""
    path = results_folder(folder) / f"{name}.csv"
    rows = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    return rows[rows["stage"] != "support"] if {"overrides", "stage"} <= set(rows) else pd.DataFrame()


def unsearched(folder: Path | None = None) -> list[str]:
    """Return the ledgers of which nothing was searched: every setting was given."""
    tried = {name: searched_rows(name, folder) for name in ledgers(folder)}
    return [name for name, rows in tried.items() if rows.empty or (rows["stage"] == "final").all()]


def searched(folder: Path | None = None) -> list[str]:
    """Return the ledgers of which a penalty was searched."""
    return [name for name in ledgers(folder) if (penalties(name, folder)["tried"].map(len) > 1).any()]


def splits(folder: Path | None = None) -> list[int]:
    """Return the seeds of the splits that the ledgers rest on."""
    found = [rows for name in ledgers(folder) if (rows := measured(name, folder)) is not None and "split_seed" in rows]
    return sorted({int(seed) for rows in found for seed in rows["split_seed"]})


def penalties(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return a ledger's penalties on embeddings: dataset, k, drop_middle, model, model_name, tier, chosen, tried (a tuple).

    ``chosen`` and ``tried`` are NaN and empty where neither the study nor its search named one.
    """
    columns = [*CELL, "model_name", "tier", "chosen", "tried"]
    rows = searched_rows(name, folder)
    if rows.empty:
        return pd.DataFrame(columns=columns)
    rows = rows.assign(penalty=[json.loads(text).get(PENALTY, np.nan) for text in rows["overrides"]])
    found = []
    for place, part in rows.groupby([*CELL, "model_name", "tier"], sort=False):
        chosen = part.loc[part["stage"] == "final", "penalty"]
        tried = tuple(sorted(part["penalty"].dropna().unique()))
        found.append([*place, chosen.iloc[0] if len(chosen) else np.nan, tried])
    return pd.DataFrame(found, columns=columns)


def open_cells(folder: Path | None = None) -> pd.DataFrame:
    """Return, for each ledger and cell that names its penalties, whether it is open: ledger, dataset, k, drop_middle, model,
    model_name, open."""
    parts = [cells_of(name, folder) for name in ledgers(folder)]
    empty = pd.DataFrame(columns=["ledger", *CELL, "model_name", "open"])
    return pd.concat([part for part in parts if len(part)] or [empty], ignore_index=True)


def cells_of(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return :func:`open_cells` of one ledger."""
    base = penalties(name, folder).query("tier == 'base'").dropna(subset=["chosen"])
    found = [is_open(row.chosen, row.tried) for row in base.itertuples()]
    return base[[*CELL, "model_name"]].assign(ledger=name, open=found)


def closed(changes: pd.DataFrame, folder: Path | None = None) -> pd.DataFrame:
    """Return the changes (of :func:`ctrnb.study.results.all_changes`) less those of open cells."""
    return changes[~flagged(changes, open_cells(folder))["open"]] if len(changes) else changes


def flagged(changes: pd.DataFrame, cells: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return changes with a column ``open``: whether their cell is, by a table of :func:`open_cells` (of the book's ledgers)."""
    keys, cells = ["ledger", *CELL], open_cells() if cells is None else cells
    if changes.empty:
        return changes.assign(open=False)
    bad = pd.MultiIndex.from_frame(cells.loc[cells["open"].astype(bool), keys])
    return changes.assign(open=pd.MultiIndex.from_frame(changes[keys]).isin(bad))


def open_models(name: str, folder: Path | None = None) -> list[str]:
    """Return the names of the models of a ledger that are open in any of its cells."""
    cells = cells_of(name, folder)
    return list(dict.fromkeys(cells.loc[cells["open"].astype(bool), "model_name"]))


def marked(summary: pd.DataFrame, name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return a summary of a ledger with MARK behind the names of models where they are open: by core, if it names its k."""
    cells = cells_of(name, folder)
    cells = cells[cells["open"].astype(bool)]
    keys = ["k", "model_name"] if "k" in summary else ["model_name"]
    found = pd.MultiIndex.from_frame(summary[keys]).isin(pd.MultiIndex.from_frame(cells[keys]))
    return summary.assign(model_name=summary["model_name"] + np.where(found, MARK, ""))


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
    """Yield model, the largest penalty tried for Base, and changes of AUC, for the narrow search of a study, then the wide one.

    Only models that the wide search gave larger penalties than the narrow one have both.
    """
    root = results_folder(folder)
    before, after = (measured_changes(name, place) for place in (root / NARROW, root))
    if before is None or after is None:
        return
    bases = [penalties(name, place).query("tier == 'base'") for place in (root / NARROW, root)]
    narrow, wide = ({row.model_name: max(row.tried) for row in base.itertuples() if row.tried} for base in bases)
    models = [model for model in wide if model in narrow and wide[model] > narrow[model]]
    for largest, changes in ((narrow, before), (wide, after)):
        for model in models:
            yield model, largest[model], changes[(changes["model_name"] == model) & (changes["metric"] == "auc")]


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
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame(rows).sort_values("model", kind="stable").set_index(["model", "penalty searched to"])


def sources_of_search(name: str, folder: Path | None = None) -> tuple[str, str]:
    """Return where the narrow and the wide search of :func:`search_table` were measured, in words."""
    models = {model for model, _, _ in compared(name, folder)}
    root = results_folder(folder)
    found = [measured(name, place) for place in (root / NARROW, root)]
    kept = [pd.DataFrame() if rows is None else rows[rows["model_name"].isin(models)] for rows in found]
    narrow, wide = ("not measured" if rows.empty else provenance(rows) for rows in kept)
    return narrow, wide


def statement(name: str, folder: Path | None = None) -> str:
    """Return FT's gain over the control with the narrower search and with the wider, in a sentence; empty where nothing was
    searched twice."""
    rows = []
    for model, largest, changes in compared(name, folder):
        gain = changes[(changes["tier"] == "ft") & (changes["reference"] == "control")].iloc[0]
        rows.append({"model": model, "largest": f"{largest:g}"} | dict(100 * gain[CHANGE].astype(float)))
    if not rows:
        return ""
    models = list(dict.fromkeys(row["model"] for row in rows))
    narrow, wide = (
        f"{averaged(part)} with penalties up to {' or '.join(part['largest'].unique())}"
        for part in (pd.DataFrame(rows[: len(models)]), pd.DataFrame(rows[len(models) :]))
    )
    other = " and ".join(other_than_penalty(name, folder))
    besides = f"; the two searches also differ in {other}" if other else ""
    return f"For {' and '.join(models)} FT's gain over the control is {narrow} and {wide}{besides}."


def mean_change(changes: pd.DataFrame) -> tuple[float, float, float]:
    """Return the mean of changes and the ends of its interval.

    Cells share test users, and often their chance: the interval is as wide as if all of it went together, the mean of theirs.
    """
    mean, half = changes["change"].mean(), (changes["high"] - changes["low"]).mean() / 2
    low, high = (changes["low"].iloc[0], changes["high"].iloc[0]) if len(changes) == 1 else (mean - half, mean + half)
    return mean, low, high


def averaged(changes: pd.DataFrame) -> str:
    """Return :func:`mean_change` of changes in points, in words."""
    mean, low, high = mean_change(changes)
    return f"{mean:+.2f} points{' on average' if len(changes) > 1 else ''} ({low:+.2f} to {high:+.2f})"


def other_than_penalty(name: str, folder: Path | None = None) -> list[str]:
    """Return what else differs between the narrow search of a study and the wide one, in words."""
    models, root = {model for model, _, _ in compared(name, folder)}, results_folder(folder)
    rates, devices = [], []
    for place in (root / NARROW, root):
        rows = searched_rows(name, place)
        own = rows[rows["model_name"].isin(models) & (rows["tier"] == "ft")]
        rates.append({json.loads(text).get("training.learning_rate") for text in own["overrides"]})
        devices.append(set(own["device"]))
    found = ["the learning rates tried"] if rates[0] != rates[1] else []
    return found + (["the device"] if devices[0] != devices[1] else [])


def gains(tier: str = "ft", reference: str = "control", folder: Path | None = None) -> pd.DataFrame:
    """Return a tier's changes of AUC to another in closed cells of all ledgers in which FT was compared with the control."""
    changes = all_changes(folder)
    if changes.empty:
        return changes
    told = compared_with_control(closed(changes[changes["metric"] == "auc"], folder))
    return told[(told["tier"] == tier) & (told["reference"] == reference)]


def compared_with_control(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the changes of the cells in which FT was compared with the control."""
    pairs = changes[(changes["tier"] == "ft") & (changes["reference"] == "control")]
    return changes.merge(pairs[CELL].drop_duplicates(), on=CELL)


def verdicts(folder: Path | None = None) -> pd.DataFrame:
    """Return, for each closed cell, FT's change of test AUC over the better of Base and the control, and whether it beats both.

    Columns: ledger, dataset, k, drop_middle, model, model_name; change, low, high of the smaller of the two changes; sure, whether
    both are :func:`surely_above` among the cells of the dataset. The better of the two is chosen by test AUC, which favours them
    a little over FT.
    """
    keys = ["ledger", *CELL, "model_name"]
    base, control = (gains("ft", reference, folder) for reference in ("base", "control"))
    if base.empty or control.empty:
        return pd.DataFrame(columns=[*keys, *CHANGE, "sure"])
    both = base.merge(control, on=keys, suffixes=("_base", "_control"))
    better = np.where(both["change_base"] < both["change_control"], "base", "control")
    for name in CHANGE:
        both[name] = both[f"{name}_base"].where(better == "base", both[f"{name}_control"])
    parts = []
    for _, rows in by_dataset(both):
        over = [surely_above(rows[f"change_{other}"], rows[f"p_value_{other}"]) for other in ("base", "control")]
        parts.append(rows[[*keys, *CHANGE]].assign(sure=over[0] & over[1]))
    return pd.concat(parts, ignore_index=True)


def gain_over_both(folder: Path | None = None) -> str:
    """Return, dataset by dataset, FT's mean change over the better of Base and the control (:func:`verdicts`), in words."""
    parts = [f"{averaged(100 * rows[CHANGE])} on {dataset}" for dataset, rows in by_dataset(verdicts(folder))]
    return "; ".join(parts) or UNKNOWN


def paying(folder: Path | None = None) -> str:
    """Return in how many closed cells FT beats both (:func:`verdicts`), in all and by dataset, in words."""
    found = verdicts(folder)
    if found.empty:
        return f"in none: {UNKNOWN}"
    told = ", ".join(f"{dataset} {int(rows['sure'].sum())} of {len(rows)}" for dataset, rows in by_dataset(found))
    return f"in {int(found['sure'].sum())} of {counted(len(found), 'cell')} ({told})"


def where_paying(folder: Path | None = None) -> str:
    """Return the closed cells in which FT beats both (:func:`verdicts`), by name; "none" where there is none."""
    found = verdicts(folder)
    cells = [
        f"{row.model_name} on {row.dataset}, k = {row.k}" for row in found[found["sure"].astype(bool)].itertuples()
    ]
    return "; ".join(cells) or "none"


def by_dataset_and_model(folder: Path | None = None) -> pd.DataFrame:
    """Return FT's changes to Base and to the control by dataset and model, means over its closed cells, in points.

    Columns: case (the dataset), model_name, series (the reference), change, low, high (of :func:`mean_change`).
    """
    rows = []
    for reference in ("base", "control"):
        for dataset, own in by_dataset(gains("ft", reference, folder)):
            for model, cells in own.groupby("model_name", sort=False):
                mean, low, high = mean_change(100 * cells[CHANGE])
                row = {"case": dataset, "model_name": model, "series": f"to {TIER_NAMES[reference]}"}
                rows.append(row | {"change": mean, "low": low, "high": high})
    return pd.DataFrame(rows)


def by_model(folder: Path | None = None) -> pd.DataFrame:
    """Return :func:`verdicts` by model, to be read: closed cells, in how many FT beats both, and its mean change in points."""
    rows = [
        {
            "model": model,
            "cells": len(own),
            "beats both in": int(own["sure"].sum()),
            "over the better, points": averaged(100 * own[CHANGE]).replace(" points", ""),
        }
        for model, own in verdicts(folder).groupby("model_name", sort=False)
    ]
    return pd.DataFrame(rows).set_index("model") if rows else pd.DataFrame()


def answer(folder: Path | None = None) -> str:
    """Return what :func:`verdicts` say to one who wonders whether to add the graph, in a few words."""
    found = verdicts(folder)
    if found.empty:
        return "Not known yet."
    share = found["sure"].mean()
    return "As a rule, yes." if share > 0.5 else "Not by default." if share else "Nowhere yet."


def surely_above(change: pd.Series, p_value: pd.Series) -> pd.Series:
    """Return which changes are above zero beyond chance, their p-values adjusted for their number (Holm)."""
    return (change > 0) & (holm(p_value.to_numpy()) < LEVEL)


def control_over_base(folder: Path | None = None) -> str:
    """Return, dataset by dataset, what training further without the graph changes in the cells of :func:`gains`."""
    found = by_dataset(gains("control", "base", folder))
    told = "; ".join(f"{averaged(100 * rows[CHANGE])} on {dataset}" for dataset, rows in found)
    return f"changes AUC by {told}" if told else "is not measured"


def over_base(summary: pd.DataFrame) -> str:
    """Return in how many models FT gains over Base beyond chance, how sure the least sure of them is, and the mean, in words.

    Args:
        summary: of :func:`ctrnb.report.experiments.summarise`.
    """
    ft = summary[summary["tier_name"] == TIER_NAMES["ft"]]
    sure, adjusted = surely_above(ft["delta"], ft["delta_p"]), holm(ft["delta_p"].to_numpy())
    least = f" (the least sure with {by_chance(adjusted[sure].max())})" if sure.any() else ""
    table = ft.rename(columns={"delta": "change", "delta_low": "low", "delta_high": "high"})
    return f"in {int(sure.sum())} of {counted(len(ft), 'model')}{least}, by {averaged(100 * table[CHANGE])}"


def over_control(summary: pd.DataFrame, name: str, folder: Path | None = None) -> str:
    """Return in how many models FT gains over the control beyond chance, apart for those that are open, in words.

    Args:
        summary: of :func:`ctrnb.report.experiments.summarise`, of the ledger ``name``.
    """
    ft = summary[summary["tier_name"] == TIER_NAMES["ft"]]
    sure, opened = surely_above(ft["gain"], ft["gain_p"]), ft["model_name"].isin(open_models(name, folder))
    alone = int((ft["gain_low"] > 0).sum())
    besides = f"; by their own intervals alone, without Holm's test, in {alone}" if alone != sure.sum() else ""
    if not opened.any():
        return f"in {int(sure.sum())} of {counted(len(ft), 'model')}{besides}"
    rest = f"{int((sure & opened).sum())} of the {int(opened.sum())} others ({MARK}), where a gain may be the penalty's{besides}"
    known = ", ".join(ft.loc[~opened, "model_name"])
    if opened.all():
        return f"in {rest}".replace("the ", "", 1).replace("others", "models")
    return (
        f"in {int((sure & ~opened).sum())} of the {int((~opened).sum())} models whose penalty was searched far enough ({known}), "
        f"and in {rest}"
    )


def by_dataset(changes: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each dataset and its rows, in order; nothing for no rows."""
    if len(changes):
        for dataset, rows in changes.groupby("dataset", sort=False):
            yield str(dataset), rows


def at_an_end(folder: Path | None = None) -> str:
    """Return in how many of :func:`gains`' cells FT or the control chose an end of its own grid of penalties, in words."""
    found = gains(folder=folder)
    ends = {
        place
        for name in (found["ledger"].unique() if len(found) else [])
        for row in penalties(name, folder).dropna(subset=["chosen"]).itertuples()
        for place in [(row.dataset, row.k, row.drop_middle, row.model)]
        if row.tier in ("ft", "control") and row.chosen in (min(row.tried), max(row.tried))
    }
    number = sum(place in ends for place in found[CELL].itertuples(index=False, name=None)) if len(found) else 0
    return f"In {number} of the {len(found)} cells that are not open FT or the control chose an end of its own grid"


def beyond(folder: Path | None = None) -> str:
    """Return whether validation prefers a penalty far beyond the grids for Base, in a sentence; empty where none was tried.

    Compared are candidates of the first seed: the best of the ledger ``tuning/far``, and the one that a cell's own ledger chose.
    """
    root = results_folder(folder)
    far = searched_rows("far", root / NARROW)
    if far.empty:
        return ""
    keys, own = [*CELL, "model_name"], [searched_rows(name, folder) for name in ledgers(folder)]
    rows = pd.concat([each for each in own if len(each)])
    chose = rows[(rows["tier"] == "base") & (rows["stage"] == "final") & (rows["seed"] == far["seed"].min())]
    both = far.groupby(keys, as_index=False, sort=False)["valid_auc"].max().merge(chose, on=keys, suffixes=("_far", ""))
    more = both[both["valid_auc_far"] > both["valid_auc"]]
    tried = ", ".join(f"{each:g}" for each in sorted({json.loads(text)[PENALTY] for text in far["overrides"]}))
    names = "; ".join(f"{row.model_name} on {row.dataset}, k = {row.k}" for row in more.itertuples())
    by = (
        f" ({names}), by up to {100 * (more['valid_auc_far'] - more['valid_auc']).max():.2f} points"
        if len(more)
        else ""
    )
    return (
        f"Validation AUC can fall before a far larger penalty and rise again. So Base was tried at {tried} as well, with the first "
        f"seed, in {counted(len(both), 'cell')}: validation prefers one of these to the chosen one in {len(more)}{by} (measured on: {provenance(far)})."
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
